"""The inbox: what a view shows, narrowed, counted, shuffled, kept under a name."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sample_traces import DAY, make_trace

from aiyam.curation.views import BUILT_IN, conditions_of, count_views, narrowed, save_view, turns_of
from aiyam.errors import Conflict, InvalidInput, NotFound
from aiyam.store import Store
from aiyam.store.conversations import record_turn
from aiyam.store.turn_views import TurnConditions, count_matching, delete_view


def test_every_view_counts_what_it_lists(filled: Store) -> None:
    counts = count_views(filled)
    assert counts == {
        "thumbs_down": 7, "low_confidence": 6, "safety": 3, "no_candidates": 1, "ungrounded": 1, "random": 60, "all": 60,
    }  # fmt: skip
    for view, conditions in BUILT_IN.items():
        assert len(turns_of(filled, conditions, shuffled=view == "random", limit=100)) == counts[view], view


def test_turns_of_evaluations_are_in_no_view(filled: Store) -> None:
    record_turn(filled, make_trace("eval-1", session_id="eval", user_id="eval"))
    assert count_views(filled)["all"] == 60


def test_conditions_narrow_a_view_and_words_of_two_searches_add_up(filled: Store) -> None:
    low = narrowed(BUILT_IN["low_confidence"], search="싸게")
    assert count_matching(filled, low) == 1
    assert count_matching(filled, narrowed(low, search="없는말")) == 0
    assert narrowed(low, search="가게").search == "싸게 가게"
    first = narrowed(TurnConditions(), since=DAY.date(), until=DAY.date())
    assert count_matching(filled, first) == 12 + 5
    assert count_matching(filled, narrowed(TurnConditions(), intent="LOCATION_INQUIRY", synthetic=True)) == 11
    assert count_matching(filled, narrowed(TurnConditions(), synthetic=False)) == 0


@pytest.mark.parametrize("wrong", [{"intent": "EAT"}, {"search": "ㄱ" * 201}, {"since": DAY.date(), "until": (DAY - timedelta(days=1)).date()}])  # fmt: skip
def test_a_condition_that_is_none_is_named(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidInput, match=next(iter(wrong)) if len(wrong) == 1 else "days"):
        narrowed(TurnConditions(), **wrong)


def test_a_shuffled_view_is_the_same_for_the_same_seed_and_pages_do_not_overlap(filled: Store) -> None:
    pages = [turns_of(filled, TurnConditions(), shuffled=True, seed=3, limit=20, offset=at) for at in (0, 20, 40)]
    ids = [row.turn_id for page in pages for row in page]
    assert len(set(ids)) == 60
    assert ids[:20] == [row.turn_id for row in turns_of(filled, TurnConditions(), shuffled=True, seed=3, limit=20)]
    assert ids[:20] != [row.turn_id for row in turns_of(filled, TurnConditions(), shuffled=True, seed=4, limit=20)]


def test_a_view_of_ones_own_is_kept_counted_and_deleted(filled: Store) -> None:
    noodles = narrowed(TurnConditions(), search="칼국수")
    save_view(filled, " 칼국수  이야기 ", noodles, created_by="me", now=DAY)
    assert conditions_of(filled, "칼국수 이야기") == noodles
    assert count_views(filled)["칼국수 이야기"] == 5
    with pytest.raises(Conflict, match="already"):
        save_view(filled, "칼국수 이야기", noodles, created_by="me", now=DAY)
    delete_view(filled, "칼국수 이야기")
    with pytest.raises(NotFound, match=r"칼국수 이야기.*There are: thumbs_down"):
        conditions_of(filled, "칼국수 이야기")
    with pytest.raises(NotFound):
        delete_view(filled, "칼국수 이야기")


@pytest.mark.parametrize(("name", "search"), [("", "a"), ("x" * 65, "a"), ("safety", "a"), ("빈 것", "")])
def test_a_view_without_a_name_or_a_condition_is_refused(store: Store, name: str, search: str) -> None:
    with pytest.raises(InvalidInput):
        save_view(store, name, narrowed(TurnConditions(), search=search), created_by="me", now=DAY)
