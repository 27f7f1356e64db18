"""Drawn lists: probabilities that are exact, good shops only, the same draw for the same turn, and when chance stays out."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import pytest
from ranking_town import ranker_that_follows

from aiyam.ranking.diversity import Variety, diversify
from aiyam.ranking.exploration import FLOOR, POOL, Draw, draw_list, may_explore, seed_of

CHANCES = [0.30, 0.28, 0.27, 0.26, 0.25, 0.24, 0.20, 0.19]
BRANDS = [0, 0, -1, -1, 1, 1, -1, -1]
FOODS = [0, 0, 1, 0, 2, 1, 2, -1]


def make(chances: list[float] = CHANCES) -> Variety:
    n = len(chances)
    return Variety(np.log(np.array(chances)), np.array(BRANDS[:n]), np.array(FOODS[:n]), vary=True)


def drawn(temperature: float, seed: int, top_k: int = 3, chances: list[float] = CHANCES) -> Any:
    variety = make(chances)
    return draw_list(variety, diversify(variety, top_k=POOL), Draw(temperature, seed), top_k=top_k)


def test_propensities_are_how_often_it_happens() -> None:
    rounds = 6000
    lists = [drawn(0.2, seed) for seed in range(rounds)]
    at_place: dict[tuple[int, int], float] = {}
    anywhere: dict[int, float] = {}
    for one in lists:
        for i, place in enumerate(one.places.tolist()):
            at_place[i, place] = one.propensity[i]
            anywhere[place] = one.shown[i]
    for (i, place), stated in at_place.items():
        seen = np.mean([one.places[i] == place for one in lists])
        assert abs(seen - stated) < 4.5 * np.sqrt(stated * (1 - stated) / rounds) + 1e-9
    for place, stated in anywhere.items():
        seen = np.mean([place in one.places for one in lists])
        assert abs(seen - stated) < 4.5 * np.sqrt(stated * (1 - stated) / rounds) + 1e-9


def test_the_probabilities_of_all_lists_sum_to_one_and_give_the_propensities() -> None:
    """Every list that came up says its own probability; here they are few enough to meet all of them."""
    chances = CHANCES[:4]
    joint = {tuple(one.places.tolist()): one for one in (drawn(0.5, s, 3, chances) for s in range(3000))}
    assert sum(one.joint for one in joint.values()) == pytest.approx(1.0)
    assert set(joint) <= set(permutations(range(4), 3))
    for order, one in joint.items():
        for i, place in enumerate(order):
            same = sum(other.joint for places, other in joint.items() if places[i] == place)
            assert one.propensity[i] == pytest.approx(same)
            inside = sum(other.joint for places, other in joint.items() if place in places)
            assert one.shown[i] == pytest.approx(inside)


def test_a_cold_draw_is_the_sorted_list() -> None:
    variety = make()
    one = drawn(1e-9, 5, top_k=8)
    assert one.places.tolist() == diversify(variety, top_k=8).tolist()
    assert one.joint == pytest.approx(1.0)
    assert one.propensity.tolist() == pytest.approx([1.0] * 8)


def test_a_shop_far_below_the_best_is_never_drawn_before_it() -> None:
    utility = np.log([0.4, 0.39, 0.4 * FLOOR * 0.9, 0.01])
    variety = Variety(utility, np.full(4, -1), np.full(4, -1), vary=True)
    for seed in range(200):
        order = draw_list(variety, np.arange(4), Draw(1.0, seed), top_k=4).places.tolist()
        assert order[2:] == [2, 3]


def test_brand_limits_hold_in_every_drawn_list() -> None:
    for seed in range(300):
        brands = np.array(BRANDS)[drawn(1.0, seed, top_k=5).places]
        assert max((brands[:3] == b).sum() for b in (0, 1)) <= 1


def test_shops_after_the_pool_follow_in_their_order() -> None:
    n = POOL + 5
    variety = Variety(np.linspace(-1.0, -1.2, n), np.full(n, -1), np.full(n, -1), vary=True)
    one = draw_list(variety, diversify(variety, top_k=n), Draw(1.0, 3), top_k=n)
    assert sorted(one.places[:POOL].tolist()) == list(range(POOL))
    assert one.places[POOL:].tolist() == list(range(POOL, n))
    assert one.propensity[POOL:].tolist() == one.shown[POOL:].tolist() == [1.0] * 5


@pytest.mark.parametrize("n", [0, 1])
def test_nothing_to_choose_from_is_certain(n: int) -> None:
    one = drawn(0.5, 1, 5, CHANCES[:n])
    assert one.places.tolist() == list(range(n))
    assert one.propensity.tolist() == [1.0] * n
    assert one.joint == 1.0


def test_equal_chances_are_drawn_evenly() -> None:
    variety = Variety(np.full(4, -1.0), np.full(4, -1), np.full(4, -1), vary=True)
    one = draw_list(variety, diversify(variety, top_k=4), Draw(0.1, 0), top_k=2)
    assert one.propensity.tolist() == pytest.approx([0.25, 0.25])
    assert one.shown.tolist() == pytest.approx([0.5, 0.5])
    assert one.joint == pytest.approx(1 / 12)


def test_the_same_turn_draws_the_same_list_and_another_turn_another() -> None:
    first, again = (drawn(0.5, seed_of("u", "s", 3)) for _ in range(2))
    assert first.places.tolist() == again.places.tolist()
    others = {tuple(drawn(0.5, seed_of("u", "s", n)).places.tolist()) for n in range(20)}
    assert len(others) > 3


def test_chance_stays_out_where_an_order_a_dish_or_an_allergy_decides(town: Any) -> None:
    assert may_explore(town.query())
    assert may_explore(town.query(category=("분식",)))
    for wish in ({"sort": "price"}, {"sort": "distance"}, {"sort": "rating"}, {"menus": ("떡볶이",)}):
        assert not may_explore(town.query(**wish))
    assert not may_explore(town.query(allergies=("땅콩",)))
    assert not may_explore(town.query("u-spicy"))


def test_the_ranker_draws_only_when_told_to_and_says_the_probabilities(town: Any) -> None:
    ranker, candidates = ranker_that_follows("score_merged", town), town.candidates()
    sorted_ = ranker.rank(town.query(), candidates, top_k=5)
    assert sorted_.propensity.tolist() == sorted_.shown_propensity.tolist() == [1.0] * 5
    assert (sorted_.list_propensity, sorted_.temperature) == (1.0, 0.0)
    lists = [ranker.rank(town.query(), candidates, top_k=5, draw=Draw(0.5, seed)) for seed in range(20)]
    assert len({tuple(one.rows.tolist()) for one in lists}) > 1
    for one in lists:
        assert one.temperature == 0.5
        assert 0 < one.list_propensity <= one.propensity.min()
        assert (one.propensity <= one.shown_propensity).all()
        assert np.isfinite(one.scores).all()
    by_price = ranker.rank(town.query(sort="price"), candidates, top_k=5, draw=Draw(0.5, 1))
    assert (by_price.list_propensity, by_price.temperature) == (1.0, 0.0)
