"""Turns and feedback: what is recorded is found again, and nobody touches another's."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sample_traces import DAY, fill, make_feedback, make_trace, recommendation

from aiyam.contracts import DialogueState, FeedbackRecord, ReplyPlan, Understanding
from aiyam.errors import Conflict, InvalidInput, NotFound
from aiyam.store import Store
from aiyam.store.conversations import (
    count_feedback,
    count_turns,
    feedback_of,
    get_trace,
    iter_feedback,
    iter_traces,
    last_state,
    list_turns,
    record_feedback,
    record_turn,
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(f"sqlite:///{tmp_path / 'aiyam.db'}")
    yield opened
    opened.close()


def test_a_recorded_trace_comes_back_equal(store: Store) -> None:
    trace = make_trace()
    record_turn(store, trace)
    assert get_trace(store, trace.turn_id) == trace


def test_the_same_turn_twice_is_stored_once(store: Store) -> None:
    record_turn(store, make_trace())
    record_turn(store, make_trace(response="다른 말"))
    assert count_turns(store) == 1
    assert get_trace(store, "t-1").response == make_trace().response


def test_a_turn_id_or_session_of_another_person_is_refused(store: Store) -> None:
    record_turn(store, make_trace())
    with pytest.raises(Conflict, match="another person"):
        record_turn(store, make_trace(user_id="child-2", session_id="session-2"))
    with pytest.raises(Conflict, match="another person"):
        record_turn(store, make_trace("t-2", user_id="child-2"))
    assert count_turns(store) == 1


def test_the_last_state_is_that_of_the_turn_stored_last_even_within_one_second(store: Store) -> None:
    for n in range(1, 12):
        record_turn(store, make_trace(f"t-{99 - n}", state=DialogueState(n_turns=n)))
    assert last_state(store, "session-1", "child-1").n_turns == 11


def test_a_new_session_starts_empty_and_another_persons_is_not_found(store: Store) -> None:
    record_turn(store, make_trace())
    assert last_state(store, "session-new", "child-1") == DialogueState()
    with pytest.raises(NotFound):
        last_state(store, "session-1", "child-2")


def test_feedback_on_a_shown_shop_is_kept(store: Store) -> None:
    trace = make_trace()
    record_turn(store, trace)
    record = make_feedback(trace, "rated", score=5)
    number = record_feedback(store, record)
    assert number >= 1
    assert feedback_of(store, trace.turn_id) == [record]
    assert count_feedback(store) == 1


def test_a_shop_the_reply_answered_about_can_get_feedback(store: Store) -> None:
    trace = make_trace(n_shown=0, plan=ReplyPlan(kind="hours", age_band="7-9", shops=(recommendation(2),)))
    record_turn(store, trace)
    shop_id = trace.plan.shops[0].shop_id
    record = FeedbackRecord(turn_id="t-1", user_id="child-1", shop_id=shop_id, feedback_type="favorited", timestamp=DAY)
    assert record_feedback(store, record) > 0
    assert list_turns(store)[0].n_shown == 0


@pytest.mark.parametrize(
    "changes", [{"turn_id": "t-none"}, {"user_id": "child-2"}, {"shop_id": "s-0006"}], ids=["turn", "person", "shop"]
)
def test_feedback_on_what_was_not_shown_to_this_person_is_not_found(store: Store, changes: dict[str, str]) -> None:
    trace = make_trace()
    record_turn(store, trace)
    with pytest.raises(NotFound):
        record_feedback(store, make_feedback(trace).model_copy(update=changes))
    assert count_feedback(store) == 0


def test_an_unknown_turn_is_not_found(store: Store) -> None:
    with pytest.raises(NotFound, match="t-none"):
        get_trace(store, "t-none")


def test_turns_are_listed_newest_first_page_by_page_without_a_gap(store: Store) -> None:
    fill(store, n_turns=47)
    pages = [row for offset in range(0, 60, 10) for row in list_turns(store, limit=10, offset=offset)]
    assert len({row.turn_id for row in pages}) == 47
    assert [row.created_at for row in pages] == sorted((row.created_at for row in pages), reverse=True)


def test_two_korean_syllables_find_a_turn_in_message_or_reply(store: Store) -> None:
    record_turn(store, make_trace("t-1", asked=1))
    record_turn(store, make_trace("t-2", asked=3, response="망원 집밥식당 어때?"))
    assert [row.turn_id for row in list_turns(store, search="치킨")] == ["t-1"]
    assert [row.turn_id for row in list_turns(store, search="집밥")] == ["t-2"]
    assert [row.turn_id for row in list_turns(store, search="착한 집밥")] == ["t-2"]
    assert list_turns(store, search="치킨 집밥") == []
    assert count_turns(store, search="치킨") == 1


def test_text_typed_as_decomposed_jamo_is_found_and_finds(store: Store) -> None:
    text = unicodedata.normalize("NFD", "치킨 먹자")
    record_turn(store, make_trace("t-1", user_input=text))
    record_turn(store, make_trace("t-2", asked=1))
    assert {row.turn_id for row in list_turns(store, search="치킨")} == {"t-1", "t-2"}
    assert {row.turn_id for row in list_turns(store, search=unicodedata.normalize("NFD", "치킨"))} == {"t-1", "t-2"}


@pytest.mark.parametrize("search", ["100%", "_", "'; DROP TABLE turn; --", "\\", "\0"])
def test_search_signs_mean_themselves(store: Store, search: str) -> None:
    record_turn(store, make_trace("t-1"))
    assert list_turns(store, search=search) == []
    record_turn(store, make_trace("t-2", user_input=f"이건 {search} 맛"))
    assert [row.turn_id for row in list_turns(store, search=search)] == ["t-2"]


def test_half_a_surrogate_pair_and_a_null_do_not_lose_the_turn(store: Store) -> None:
    text = "떡볶이 \ud83d \0 먹자"
    understood = Understanding(original_query=text, intent="FOOD_RECOMMENDATION", confidence=0.5)
    record_turn(store, make_trace(user_input=text, understanding=understood))
    assert get_trace(store, "t-1").user_input == "떡볶이 ? \0 먹자"
    assert list_turns(store, search="떡볶이")[0].user_input == "떡볶이 ? \N{REPLACEMENT CHARACTER} 먹자"


def test_filters_by_intent_person_and_time_work_together(store: Store) -> None:
    for i in range(6):
        record_turn(store, make_trace(f"t-{i}", asked=i, at=DAY + timedelta(hours=i), user_id=f"child-{i % 2}",
                                      session_id=f"session-{i % 2}"))  # fmt: skip
    assert [row.turn_id for row in list_turns(store, intent="REFINE")] == ["t-5"]
    assert [row.turn_id for row in list_turns(store, user_id="child-1", until=DAY + timedelta(hours=5))] == [
        "t-3",
        "t-1",
    ]
    assert count_turns(store, since=DAY + timedelta(hours=2), until=DAY + timedelta(hours=4)) == 2
    assert count_turns(store, session_id="session-0") == 3


def test_a_row_says_how_much_feedback_there_is_and_the_best_score(store: Store) -> None:
    trace = make_trace()
    record_turn(store, trace)
    for record in (
        make_feedback(trace),
        make_feedback(trace, "rated", score=2),
        make_feedback(trace, "rated", score=4),
    ):
        record_feedback(store, record)
    row = list_turns(store)[0]
    assert (row.n_feedback, row.best_score) == (3, 4)


def test_asking_for_an_absurd_page_is_invalid(store: Store) -> None:
    with pytest.raises(InvalidInput):
        list_turns(store, limit=0)


def test_iterating_gives_every_turn_once_oldest_first_across_batches(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aiyam.store.conversations._BATCH", 7)
    traces = fill(store, n_turns=40)
    found = list(iter_traces(store))
    assert sorted(trace.turn_id for trace in found) == sorted(trace.turn_id for trace in traces)
    assert [trace.timestamp for trace in found] == sorted(trace.timestamp for trace in found)
    assert len(list(iter_feedback(store))) == count_feedback(store) > 7


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(min_size=1, max_size=60), number=st.integers(min_value=0))
def test_any_message_can_be_stored_and_read_back(store: Store, text: str, number: int) -> None:
    turn_id = f"t-{number}-{hash(text)}"
    understood = Understanding(original_query=text, intent="OUT_OF_SCOPE", confidence=0.5)
    trace = make_trace(turn_id, user_input=text, understanding=understood, n_shown=0, response=text)
    record_turn(store, trace)
    assert get_trace(store, turn_id).user_input == text
