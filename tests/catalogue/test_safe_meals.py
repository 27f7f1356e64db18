"""Meals without allergens, within a price: what a few numbers a shop say against the menus read one by one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from aiyam.catalogue.safe_meals import SafeMeals

N_ALLERGENS = 5


def draw_menus(seed: int) -> tuple[Any, np.ndarray, np.ndarray]:
    """Forty shops of up to five dishes, some of them no meals, some without a price; a third of the dishes hold nothing."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(0, 6, 40)
    start = np.concatenate(([0], np.cumsum(sizes))).astype(np.int32)
    m, d = int(start[-1]), 30
    holds = rng.integers(0, 1 << N_ALLERGENS, d).astype(np.uint32) * (rng.random(d) < 0.7)
    catalogue = SimpleNamespace(
        menu_start=start,
        menu_name=rng.integers(0, d, m).astype(np.int32),
        menu_price=rng.choice([-1, 3000, 5000, 8000, 12000], m).astype(np.int32),
        dish_allergens=holds.astype(np.uint32),
        dish_taste=rng.integers(0, 8, d).astype(np.uint8),
        dish_diet=rng.integers(0, 4, d).astype(np.uint8),
    )
    return catalogue, rng.random(m) < 0.8, np.repeat(np.arange(40, dtype=np.int32), sizes)


def meals_of(catalogue: Any, is_meal: np.ndarray, shop: int) -> list[tuple[int, int]]:
    """The allergens and the price of a shop's meals."""
    lines = range(catalogue.menu_start[shop], catalogue.menu_start[shop + 1])
    return [
        (int(catalogue.dish_allergens[catalogue.menu_name[i]]), int(catalogue.menu_price[i]))
        for i in lines
        if is_meal[i]
    ]


@pytest.mark.parametrize("seed", range(12))
def test_it_says_what_the_menus_say(seed: int) -> None:
    catalogue, is_meal, shop_of = draw_menus(seed)
    safe = SafeMeals(catalogue, is_meal, shop_of)
    shops = np.arange(40, dtype=np.int32)
    nothing_listed = np.diff(catalogue.menu_start) == 0
    for bits in range(1, 1 << N_ALLERGENS):
        free = [any(not held & bits for held, _ in meals_of(catalogue, is_meal, shop)) for shop in shops]
        assert np.array_equal(safe.free_of(shops, bits), np.array(free) | nothing_listed)
        for budget in (2000, 5000, 9000):
            within = [
                any(not held & bits and 0 < won <= budget for held, won in meals_of(catalogue, is_meal, shop))
                for shop in shops
            ]
            assert safe.within(shops, budget, bits).tolist() == within
            assert safe.within(shops[::-3], budget, bits).tolist() == within[::-3]


def test_a_shop_may_serve_a_taste_only_where_a_meal_has_it() -> None:
    catalogue, is_meal, shop_of = draw_menus(3)
    safe = SafeMeals(catalogue, is_meal, shop_of)
    shops = np.arange(40, dtype=np.int32)
    for bit in (1, 2, 4):
        spicy = is_meal & ((catalogue.dish_taste[catalogue.menu_name] & bit) != 0)
        assert safe.may_serve(shops, bit, 0).tolist() == [bool(spicy[shop_of == shop].any()) for shop in shops]


def test_without_a_single_meal_nothing_is_safe_but_what_lists_nothing() -> None:
    catalogue, is_meal, shop_of = draw_menus(1)
    safe = SafeMeals(catalogue, np.zeros_like(is_meal), shop_of)
    shops = np.arange(40, dtype=np.int32)
    assert np.array_equal(safe.free_of(shops, 1), np.diff(catalogue.menu_start) == 0)
    assert not safe.within(shops, 99_999).any()
