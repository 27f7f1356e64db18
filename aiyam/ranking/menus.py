"""The dishes of the ranked shops: which fit the request, which answer it best, what the cheapest costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from aiyam.catalogue.arrays import Catalogue
from aiyam.catalogue.menus import allergens_to_avoid, bits_of
from aiyam.catalogue.query import Query
from aiyam.contracts import ALLERGENS

ASKED, TASTE, DIET, KIND, MEAL = 16, 8, 4, 2, 1
"""What makes one fitting dish the one to show: it was asked for, is of the taste wanted, of the diet wanted or kept, is what
the shop is known for (chicken at a chicken shop), is a real meal. Each is worth more than all that follow."""

BEST = 3
"""The shop's own favourite, in half steps: it decides between dishes of a kind, and over a side dish."""

_BAND = np.int64(1 << 32)
_WON = np.int64((1 << 32) - 1)
_NOTHING = np.int64(1 << 62)
_UNPRICED_WON = 100_000_000
"""In place of an unknown price: more than any dish costs."""
_APART = 8
"""What is wished for stands above all that a shop itself prefers: its kind of food, a meal, its favourite."""
_WORST = np.int64(1 << 10)


@dataclass(frozen=True)
class Wish:
    """What decides between fitting dishes when one is shown, and never what a shop scores.

    ``named`` (m,) marks dishes called what was asked for, None where nothing was; ``limit_won`` is what a meal may cost on
    the card, None for no limit.
    """

    named: NDArray[np.bool_] | None = None
    limit_won: int | None = None


NO_WISH = Wish()


@dataclass(frozen=True)
class FittingMenus:
    """Menus of k shops laid end to end: those of the i-th shop are ``start[i]:start[i + 1]`` of the m; ``menu`` (m,) their rows.

    ``fits`` (m,) holds every hard condition; ``asked``, ``tasty`` and ``dietary`` (m,) mark what was wished for, None where
    nothing was; ``kind`` dishes of the shop's own category; ``best`` are the shops' favourites among all menu rows.
    ``over_budget`` says that a budget was given up, so that the cheapest answer is the one to show.
    """

    k: int
    start: NDArray[np.intp]
    menu: NDArray[np.intp]
    price: NDArray[np.int32]
    fits: NDArray[np.bool_]
    asked: NDArray[np.bool_] | None
    tasty: NDArray[np.bool_] | None
    dietary: NDArray[np.bool_] | None
    kind: NDArray[np.bool_]
    meal: NDArray[np.bool_]
    best: NDArray[np.bool_]
    over_budget: bool = False

    def any_fitting(self, mask: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
        """Return for each shop whether one of its fitting dishes is in ``mask`` (m,)."""
        found = np.zeros(self.k, bool)
        if mask is not None:
            found[np.searchsorted(self.start, np.flatnonzero(mask & self.fits), side="right") - 1] = True
        return found

    @cached_property
    def tier(self) -> NDArray[np.int8]:
        """How well each dish (m,) answers, before any price: asked for, of the taste and diet, of the shop's kind."""
        tier = KIND * self.kind.view(np.int8)
        tier += self.meal
        for mask, worth in ((self.asked, ASKED), (self.tasty, TASTE), (self.dietary, DIET)):
            if mask is not None:
                tier += np.int8(worth) * mask.view(np.int8)
        return tier

    def lowest_price(self) -> NDArray[np.float32]:
        """Return for each shop the lowest price in won among the fitting dishes of its best tier; nan when there is none."""
        lowest: NDArray[np.float32] = np.full(self.k, np.nan, dtype=np.float32)
        listed = np.flatnonzero(self.start[1:] > self.start[:-1])
        if len(listed) == 0:
            return lowest
        # Better tiers get a lower band of numbers, so that one minimum per shop finds the tier and the price.
        value = (np.int64(32) - self.tier) * _BAND + self.price
        value[~(self.fits & (self.price > 0))] = _NOTHING
        best = np.minimum.reduceat(value, self.start[listed])
        priced = np.flatnonzero(best < _NOTHING)
        lowest[listed[priced]] = best[priced] & _WON
        return lowest

    def price_shown(self, wish: Wish) -> NDArray[np.float32]:
        """Return for each shop (k,) the price in won of the dish ``chosen(…, cheapest=True)`` shows; nan where unknown."""
        shown: NDArray[np.float32] = np.full(self.k, np.nan, dtype=np.float32)
        listed = np.flatnonzero(self.start[1:] > self.start[:-1])
        if len(listed) == 0:
            return shown
        won = np.where(self.price > 0, self.price, _UNPRICED_WON).astype(np.int64)
        value = (_WORST - self._level(wish, self.tier, won)) * _BAND + won
        value[~self.fits] = _NOTHING
        best = np.minimum.reduceat(value, self.start[listed])
        won_of_best = best & _WON
        priced = np.flatnonzero((best < _NOTHING) & (won_of_best != _UNPRICED_WON))
        shown[listed[priced]] = won_of_best[priced]
        return shown

    @staticmethod
    def _level(
        wish: Wish, tier: NDArray[np.int8], won: NDArray[np.int64], lines: NDArray[np.int64] | None = None
    ) -> NDArray[np.int64]:
        """Return how well dishes answer, a higher number better: wished for, then named, then payable, then its kind."""
        level = tier.astype(np.int64) // DIET
        if wish.named is not None:
            level = 2 * level + (wish.named if lines is None else wish.named[lines])
        if wish.limit_won is not None:
            level = 2 * level + (won <= wish.limit_won)
        return level * _APART + tier % DIET

    def chosen(self, places: NDArray[np.int64], cheapest: bool = False, wish: Wish = NO_WISH) -> NDArray[np.int64]:
        """Return the menu row to show for each of the ``places`` (j,) in the list, -1 where none fits.

        With ``cheapest`` the price decides within a tier. ``wish`` stands before the shop's kind and favourites.
        """
        first, size = self.start[places], self.start[places + 1] - self.start[places]
        ends = np.cumsum(size)
        lines = np.repeat(first - (ends - size), size) + np.arange(ends[-1] if len(ends) else 0)
        owner = np.repeat(np.arange(len(places)), size)
        fitting = np.flatnonzero(self.fits[lines])
        lines, owner = lines[fitting], owner[fitting]
        won = self.price[lines]
        price = np.where(won > 0, won, _UNPRICED_WON)
        tier = self._level(wish, self.tier[lines], price.astype(np.int64), lines)
        worth = 2 * tier + BEST * self.best[self.menu[lines]]
        keys = (-worth, price, -tier) if cheapest or self.over_budget else (price, -worth)
        order = np.lexsort((*keys, owner))
        of_first = (
            np.flatnonzero(np.concatenate(([True], owner[order[1:]] != owner[order[:-1]]))) if len(order) else order
        )
        found = np.full(len(places), -1, np.int64)
        found[owner[order[of_first]]] = self.menu[lines[order[of_first]]]
        return found


def fitting_menus(
    catalogue: Catalogue, query: Query, rows: NDArray[np.integer], relaxed: Sequence[str] = ()
) -> FittingMenus:
    """Lay out the menus of the shops in ``rows`` (k,) and say which fit the request.

    A budget or a disliked taste among the ``relaxed`` filter keys no longer binds: the shop was let in without it.
    """
    index, filters = catalogue.menus, query.filters
    if given_up := {key: None for key in ("budget_min", "budget_max", "exclude_taste") if key in relaxed}:
        filters = filters.model_copy(update=given_up)
    count = index.n_menus_of[rows]
    start = np.zeros(len(rows) + 1, np.intp)
    np.cumsum(count, out=start[1:])
    menu = index.rows_of_shops(rows)
    dish = catalogue.menu_name[menu]
    category = catalogue.category[rows]
    category[category < 0] = -2  # an unknown dish is of no kind
    diets = filters.dietary_preferences or query.user.dietary_preferences
    return FittingMenus(
        k=len(rows),
        start=start,
        menu=menu,
        price=catalogue.menu_price[menu],
        fits=index.fits(menu, filters, bits_of(allergens_to_avoid(filters, query.user), ALLERGENS)),
        asked=index.dishes_named(filters.menus)[dish] if filters.menus else None,
        tasty=index.of_taste(filters.taste)[dish] if filters.taste else None,
        dietary=index.of_diet(diets)[dish] if diets else None,
        kind=catalogue.dish_category[dish] == np.repeat(category, count),
        meal=index.is_meal[menu],
        best=catalogue.menu_best,
        over_budget="budget_max" in relaxed,
    )
