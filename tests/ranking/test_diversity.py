"""Variety: brands never crowd, a repeated food costs a little, nothing is lost."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from aiyam.ranking.diversity import Taste, Variety, diversify


def places(chance: list[float], brands: list[int], categories: list[int], **options: Any) -> list[int]:
    vary, top_k, taste = (options.get(k, d) for k, d in (("vary", True), ("top_k", 10), ("taste", Taste())))
    utility = np.log(np.array(chance))
    variety = Variety(utility, np.array(brands), np.array(categories), vary=vary, taste=taste)
    return [int(place) for place in diversify(variety, top_k=top_k)]


def test_a_brand_alone_fills_the_list() -> None:
    assert places([0.9, 0.8, 0.7], [0, 0, 0], [0, 0, 0]) == [0, 1, 2]


def test_variety_steps_forward_only_when_it_costs_little() -> None:
    no_brand, categories = [-1, -1, -1], [0, 0, 1]
    assert places([0.9, 0.8, 0.7], no_brand, categories) == [0, 2, 1]
    assert places([0.9, 0.8, 0.3], no_brand, categories) == [0, 1, 2]
    assert places([0.9, 0.8, 0.7], no_brand, categories, vary=False) == [0, 1, 2]
    assert places([0.9, 0.8, 0.7], no_brand, categories, taste=Taste(category_cost=0.0)) == [0, 1, 2]


def test_brands_keep_their_limits_while_others_are_left() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        chance, brands = rng.random(40), rng.integers(-1, 6, 40)
        order = places(chance.tolist(), brands.tolist(), rng.integers(-1, 4, 40).tolist(), top_k=40)
        assert sorted(order) == list(range(40))
        shown = brands[order]
        assert max((shown[:3] == b).sum() for b in range(6)) <= 1
        assert max((shown[:10] == b).sum() for b in range(6)) <= 2


def test_without_brand_or_category_no_shop_is_like_another() -> None:
    assert places([0.5, 0.6, 0.7], [-1, -1, -1], [-1, -1, -1]) == [2, 1, 0]


@pytest.mark.parametrize("n", [0, 1, 2])
def test_a_list_may_be_shorter_than_asked_for(n: int) -> None:
    assert places([0.5] * n, [-1] * n, [0] * n, top_k=5) == list(range(n))


def test_equal_chances_keep_the_order_of_the_candidates() -> None:
    assert places([0.5] * 12, [-1] * 12, [-1] * 12, top_k=12) == list(range(12))


@pytest.mark.parametrize("vary", [True, False])
def test_each_place_goes_to_the_shop_worth_most_after_those_before_it(vary: bool) -> None:
    rng = np.random.default_rng(4)
    for _ in range(60):
        n = int(rng.integers(1, 40))
        utility = np.round(rng.normal(-1.0, 0.5, n), 1)  # many equal ones
        variety = Variety(utility, rng.integers(-1, 4, n), rng.integers(-1, 3, n), vary=vary)
        order = diversify(variety, top_k=10)
        shown, branches, meals = np.zeros((1, n), np.bool_), np.zeros((1, n)), np.zeros((1, n))
        for place in order:
            worth = variety.worth(shown, branches, meals)[0]
            best = np.flatnonzero(worth == worth.max())
            assert place == best[np.argmax(utility[best])]
            of_brand, of_category = variety.kin(np.array([place]))
            branches, meals = branches + of_brand, meals + of_category
            shown[0, place] = True
