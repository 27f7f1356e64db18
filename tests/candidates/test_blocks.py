"""Many requests at once: the same lists as one by one, for every kind of filter, place and person."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from small_city import City, ask

from aiyam.candidates import remembered
from aiyam.candidates.blocks import BlockFunnels, block_size
from aiyam.candidates.funnels import Funnels
from aiyam.candidates.merging import pick_in_turn, turns_of
from aiyam.candidates.picking import best_of_ragged, picked_in_turn
from aiyam.candidates.remembered import RememberedConstraints
from aiyam.candidates.rules import Rules
from aiyam.catalogue.query import CandidateSet, Query
from aiyam.contracts import UserProfile


def requests() -> list[Query]:
    """Everything a request can hold, by people with a past and without, at several times."""
    kinds = [
        ask(),
        ask(home="관악구"),
        ask(home="없는구"),
        ask(lat=37.478, lon=126.951),
        ask(lat=37.478, lon=126.951, near_me=True),
        ask(lat=35.1, lon=129.0),
        ask(text="뜨끈한 국물", home="관악구"),
        ask(text="치킨", category="치킨", lat=37.478, lon=126.951),
        ask(text="매운 떡볶이", menus="떡볶이", district="강남구"),
        ask(menus="마라탕", budget_max=6000, lat=37.478, lon=126.951),
        ask(menus="없는음식", lat=37.478, lon=126.951),
        ask(time_of_day="breakfast", lat=37.5, lon=127.03),
        ask(time_of_day="late_night", lat=37.5, lon=127.03),
        ask(open_now=True, lat=37.5, lon=127.03),
        ask(taste="매운", exclude_menus="치킨", meal_card=True, lat=37.5, lon=127.03),
        ask(place="서울대입구역", home="관악구"),
        ask(companion="alone", atmosphere="혼밥", home="강남구"),
    ]
    people = [
        UserProfile(user_id="u3", district="관악구", lat=37.478, lon=126.951, allergies=("땅콩",)),
        UserProfile(user_id="u7", taste_type="gourmet", dietary_preferences=("채식",)),
        UserProfile(user_id="new", taste_type="healthy_eater"),
    ]
    return [
        replace(query, user=person, now=query.now + timedelta(hours=7 * (i % 5)))
        for i, (person, query) in enumerate((person, query) for person in people for query in kinds)
    ]


def alike(one: CandidateSet, other: CandidateSet) -> bool:
    """Tell whether two lists are the same to rounding; raises where one that has the same shops is not."""
    if one.rows.tolist() != other.rows.tolist():
        return False
    assert np.allclose(one.scores, other.scores, atol=2e-6)
    assert np.allclose(one.merged, other.merged, atol=2e-6)
    assert np.array_equal(one.flags, other.flags)
    assert one.relaxed == other.relaxed
    return True


@pytest.mark.parametrize("large", [False, True])
def test_a_block_finds_what_each_request_finds_alone(
    funnels: Funnels, large: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if large:
        monkeypatch.setattr(remembered, "SCORED_EXACTLY", 10)  # as a catalogue too large to be decided of at once
    block, queries = BlockFunnels(funnels), requests()
    for _ in range(2):  # from nothing, then from memory
        lists = block.find(queries)
        same = [alike(funnels.find(query), lists.one(i)) for i, query in enumerate(queries)]
        assert np.mean(same) > 0.95  # rounding may decide a tie the other way


def test_what_was_remembered_serves_layer_1_of_another_day(funnels: Funnels) -> None:
    before = BlockFunnels(funnels)
    before.find(requests())
    after = BlockFunnels(funnels, like=before)
    one, other = before.find(requests()), after.find(requests())
    assert np.array_equal(one.rows, other.rows)
    assert after.constraints is before.constraints


def test_shops_turned_down_stay_out_of_a_block_too(funnels: Funnels) -> None:
    query = ask(lat=37.478, lon=126.951)
    first = funnels.find(query).rows[:5]
    lists = BlockFunnels(funnels).find([replace(query, exclude_rows=first), query])
    assert not set(first.tolist()) & set(lists.one(0).rows.tolist())
    assert set(first.tolist()) <= set(lists.one(1).rows.tolist())


def test_nothing_found_is_an_empty_list(funnels: Funnels, city: City) -> None:
    everything = tuple(range(len(city.catalogue)))
    lists = BlockFunnels(funnels).find([ask(exclude=everything)])
    assert len(lists.one(0)) == 0


def test_remembered_filters_let_in_the_same_shops(funnels: Funnels, city: City, rules: Rules) -> None:
    known = RememberedConstraints(city.catalogue, rules)
    for query in [*requests(), *requests()]:
        asked = funnels.constraints.asked(query)
        assert known.asked(query) == asked
        assert known.rows(query, asked).tolist() == funnels.constraints.rows(query, asked).tolist()


def test_many_lists_are_picked_as_each_alone() -> None:
    rng = np.random.default_rng(3)
    size = np.concatenate(([0, 1, 3], rng.integers(1, 90, 60)))
    start = np.concatenate(([0], np.cumsum(size)))
    values = np.round(rng.random((start[-1], 3)), 2).astype(np.float32)  # with ties
    turns, quotas = turns_of([9, 4, 6]), [9, 4, 6]
    queues = best_of_ragged(values, start, 15)
    places, flags = picked_in_turn(queues, turns, quotas, start)
    for i in range(len(size)):
        pool = values[start[i] : start[i + 1]]
        own = [np.argsort(-column, kind="stable")[:15].tolist() for column in pool.T]
        assert [[p for p in queue if p >= 0] for queue in queues[i].tolist()] == own
        picked = pick_in_turn(own, turns, 15)
        assert [p for p in places[i].tolist() if p >= 0] == list(picked)
        for place, flag in zip(places[i].tolist(), flags[i].tolist(), strict=True):
            proposed = {c for c in range(3) if place in own[c][: quotas[c]]} | (
                {picked[place]} if place >= 0 else set()
            )
            assert flag == sum(1 << c for c in proposed)


def test_a_block_is_smaller_where_shops_are_many() -> None:
    assert block_size(3_000) == 1_024
    assert block_size(1_000_000) == 4
    assert block_size(10**9) == 1
