"""Which dishes of a shop fit a request: asked for, inside the budget, not sold out, without a listed allergen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiyam.catalogue.arrays import Catalogue
from aiyam.catalogue.query import Query
from aiyam.contracts import ALLERGENS, DIETS, TASTES
from aiyam.ranking.statistics import Statistics

ASKED, WANTED, BEST, MEAL = 16.0, 4.0, 2.0, 1.0
"""What makes one fitting dish the one to show: the dish asked for, the taste or diet wanted, the shop's best, a real meal."""

_BAND_WON = 100_000_000.0


@dataclass(frozen=True)
class FittingMenus:
    """Menus of k shops laid end to end: ``owner`` (m,) is the shop's place in the list, ``menu`` (m,) the menu row.

    ``fits`` (m,) holds every hard condition; ``asked``, ``tasty`` and ``dietary`` (m,) mark what was wished for.
    """

    k: int
    owner: NDArray[np.int64]
    menu: NDArray[np.int64]
    price: NDArray[np.int32]
    fits: NDArray[np.bool_]
    asked: NDArray[np.bool_]
    tasty: NDArray[np.bool_]
    dietary: NDArray[np.bool_]
    meal: NDArray[np.bool_]
    best: NDArray[np.bool_]

    def any_of(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return for each shop whether one of its dishes is in ``mask`` (m,)."""
        return np.bincount(self.owner[mask], minlength=self.k).astype(bool)

    def lowest_price(self) -> NDArray[np.float32]:
        """Return for each shop the price of its cheapest fitting dish to eat, in won; nan when there is none.

        The dishes asked for count alone where the shop has them, then real meals, then anything that fits.
        """
        lowest: NDArray[np.float32] = np.full(self.k, np.nan, dtype=np.float32)
        if len(self.owner) == 0:
            return lowest
        # Better classes of dish get a lower band of numbers, so that one minimum per shop finds the class and the price.
        band = np.where(self.asked, 0.0, np.where(self.meal, 1.0, 2.0)) * _BAND_WON
        value = np.where(self.fits & (self.price > 0), self.price + band, np.inf)
        start = np.flatnonzero(np.diff(self.owner, prepend=-1))
        best = np.minimum.reduceat(value, start)
        lowest[self.owner[start]] = np.where(np.isfinite(best), best, np.nan) % _BAND_WON
        return lowest

    def chosen(self, cheapest: bool = False) -> NDArray[np.int64]:
        """Return for each shop the menu row to show, -1 when none fits; with ``cheapest`` the price decides first."""
        shown = np.full(self.k, -1, dtype=np.int64)
        wish = ASKED * self.asked + WANTED * (self.tasty * 1.0 + self.dietary) + BEST * self.best + MEAL * self.meal
        rank = np.where(self.asked, 2, np.where(self.meal, 1, 0))
        price = np.where(self.price > 0, self.price, 1_000_000)
        keys = (-wish, price, -rank) if cheapest else (price, -wish)
        order = np.lexsort((*keys, self.owner))
        order = order[self.fits[order]]
        owners, first = np.unique(self.owner[order], return_index=True)
        shown[owners] = self.menu[order][first]
        return shown


def fitting_menus(catalogue: Catalogue, stats: Statistics, query: Query, rows: NDArray[np.int32]) -> FittingMenus:
    """Lay out the menus of the shops in ``rows`` (k,) and say which fit the request."""
    filters = query.filters
    start = catalogue.menu_start[rows].astype(np.int64)
    size = catalogue.menu_start[rows + 1].astype(np.int64) - start
    owner = np.repeat(np.arange(len(rows)), size)
    menu = np.arange(len(owner)) - np.repeat(np.cumsum(size) - size, size) + np.repeat(start, size)
    dish = catalogue.menu_name[menu]
    price = catalogue.menu_price[menu]
    fits = ~catalogue.menu_sold_out[menu]
    if filters.exclude_menus:
        fits &= ~dishes_named(catalogue, stats, filters.exclude_menus)[dish]
    if filters.exclude_taste:
        fits &= (catalogue.dish_taste[dish] & _bits(filters.exclude_taste, TASTES)) == 0
    avoid = tuple(dict.fromkeys((*(filters.allergies or ()), *query.user.allergies)))
    if avoid:
        fits &= (catalogue.dish_allergens[dish] & _bits(avoid, ALLERGENS)) == 0
    if filters.budget_max is not None:
        fits &= (price >= 0) & (price <= filters.budget_max)
    if filters.budget_min is not None:
        fits &= price >= filters.budget_min
    none = np.zeros(len(dish), dtype=bool)
    diets = tuple(filters.dietary_preferences or query.user.dietary_preferences)
    return FittingMenus(
        k=len(rows),
        owner=owner,
        menu=menu,
        price=price,
        fits=fits,
        asked=dishes_named(catalogue, stats, filters.menus)[dish] if filters.menus else none,
        tasty=(catalogue.dish_taste[dish] & _bits(filters.taste, TASTES)) != 0 if filters.taste else none,
        dietary=(catalogue.dish_diet[dish] & _bits(diets, DIETS)) != 0 if diets else none,
        meal=price >= 0.999 * catalogue.min_meal_price[rows][owner],
        best=catalogue.menu_best[menu],
    )


def dishes_named(catalogue: Catalogue, stats: Statistics, names: tuple[str, ...]) -> NDArray[np.bool_]:
    """Return (d,) which dish names contain one of ``names``, spaces aside; remembered per request vocabulary."""
    known = stats.dish_masks.get(names)
    if known is None:
        wanted = [name.replace(" ", "") for name in names if name.strip()]
        known = np.fromiter(
            (any(w in dish.replace(" ", "") for w in wanted) for dish in catalogue.dish_names),
            dtype=bool,
            count=len(catalogue.dish_names),
        )
        if len(stats.dish_masks) >= 1024:
            stats.dish_masks.clear()
        stats.dish_masks[names] = known
    return known


def _bits(names: tuple[str, ...] | None, vocabulary: tuple[str, ...]) -> int:
    return sum(1 << vocabulary.index(name) for name in names or ())
