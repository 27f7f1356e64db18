"""How the funnels share one list, and which shares find what was ordered."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_city import City, ask

from aiyam.candidates.funnels import Funnels
from aiyam.candidates.merging import best_places, pick_in_turn, turns_of
from aiyam.contracts import FUNNELS, UserProfile
from aiyam.errors import DataError
from aiyam.evaluation.quotas import Wanted, choose_quotas, recall_at, wanted_of


@given(st.lists(st.lists(st.integers(0, 9), min_size=4, max_size=12), min_size=2, max_size=4), st.integers(0, 14))
def test_the_best_places_are_those_of_a_full_sort(rows: list[list[int]], k: int) -> None:
    n = min(map(len, rows))
    values = np.asarray([row[:n] for row in rows], np.float32)
    wanted = [np.argsort(-row, kind="stable")[:k].tolist() for row in values]
    assert best_places(values, k).tolist() == wanted


def test_a_funnel_picks_its_best_shop_that_is_left_and_never_more_than_its_quota() -> None:
    queues = [[0, 1, 2, 3], [0, 1, 4, 5]]
    assert pick_in_turn(queues, turns_of([2, 2]), 10) == {0: 0, 1: 1, 2: 0, 4: 1}
    assert list(pick_in_turn(queues, turns_of([2, 2]), 3)) == [0, 1, 2]


def test_the_queues_of_a_request_give_the_list_that_is_served(city: City, funnels: Funnels) -> None:
    query = ask(user=UserProfile(user_id="u1"), text="매운 떡볶이")
    rows = np.asarray(funnels.queues(query)).tolist()
    picked = pick_in_turn(rows, turns_of([funnels.rules.quotas[name] for name in FUNNELS]), 150)
    assert sorted(picked) == sorted(funnels.find(query).rows.tolist())


def test_quotas_move_to_the_funnel_that_finds_what_was_ordered() -> None:
    """One funnel alone knows the shop that is wanted, far down its list."""
    others = [tuple(range(funnel * 1000, funnel * 1000 + 150)) for funnel in range(3)]
    wanted = [
        Wanted((others[0], others[1], tuple(range(5000 + i, 5150 + i)), others[2]), frozenset({5060 + i}))
        for i in range(5)
    ]
    chosen = choose_quotas(wanted, dict(zip(FUNNELS, (50, 30, 50, 30), strict=True)))
    assert (chosen.start_recall, chosen.recall) == (0.0, 1.0)
    assert sum(chosen.quotas.values()) == 160
    assert chosen.quotas["contextual"] == 70
    assert chosen.only["contextual"] == chosen.at_quota["contextual"] == 1.0
    assert recall_at(list(chosen.quotas.values()), wanted) == 1.0


def test_quotas_stay_where_nothing_is_gained_and_need_orders(city: City, funnels: Funnels) -> None:
    start = dict(zip(FUNNELS, (50, 30, 50, 30), strict=True))
    unfindable = [Wanted(((1,), (1,), (1,), (1,)), frozenset({9}))]
    assert choose_quotas(unfindable, start).quotas == start
    assert wanted_of(funnels, [(ask(), set())]) == []
    with pytest.raises(DataError, match="held-out"):
        choose_quotas([], start)
