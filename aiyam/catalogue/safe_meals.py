"""Which shops have a meal without some allergens, within a price: from a few numbers a shop, from its menu only in doubt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from aiyam.catalogue.arrays import Catalogue

Mask = NDArray[np.bool_]
Rows = NDArray[np.int32]
_MASK_BITS = np.uint64(32)


class SafeMeals:
    """Answers for any shops and any allergens, without keeping one mask of the catalogue for each set of allergens.

    Of each shop (n,) it keeps the allergens all its meals share (any of them rules the shop out), the meals ``least``
    and ``other``, which together say yes nearly always (the one with fewest allergens, and the one that shares least
    with it), and its cheapest meal. One shop in a hundred is left, whose menu is read.
    """

    def __init__(self, catalogue: Catalogue, is_meal: Mask, shop_of: Rows) -> None:
        self._catalogue = catalogue
        self._is_meal = is_meal
        self._n_menus = np.diff(catalogue.menu_start)
        n = len(self._n_menus)
        meals = np.flatnonzero(is_meal)
        holds, owner = catalogue.dish_allergens[catalogue.menu_name[meals]], shop_of[meals]
        start = np.flatnonzero(np.diff(owner, prepend=-1))
        shops = owner[start]
        self._nothing_listed: Mask = self._n_menus == 0
        self._shared = np.full(n, ~np.uint32(0), np.uint32)
        """A shop that lists dishes and no meal is ruled out by every bit."""
        self._shared[self._nothing_listed] = 0
        self._least, self._other, self._of_cheapest = (np.zeros(n, np.uint32) for _ in range(3))
        self._tastes, self._diets = np.zeros(n, np.uint8), np.zeros(n, np.uint8)
        self.cheapest_won: NDArray[np.float32] = np.full(n, np.inf, np.float32)
        """(n,) the price of each shop's cheapest meal; inf without one."""
        if len(meals) == 0:
            return
        taste, diet = (of[catalogue.menu_name[meals]] for of in (catalogue.dish_taste, catalogue.dish_diet))
        self._tastes[shops] = np.bitwise_or.reduceat(taste, start)
        self._diets[shops] = np.bitwise_or.reduceat(diet, start)
        n_held = np.bitwise_count(holds).astype(np.uint64)
        self._shared[shops] = np.bitwise_and.reduceat(holds, start)
        self._least[shops] = _first(n_held, holds, start)
        in_both = np.bitwise_count(holds & self._least[owner]).astype(np.uint64)
        self._other[shops] = _first((in_both << np.uint64(6)) | n_held, holds, start)
        priced = np.flatnonzero(catalogue.menu_price[meals] > 0)
        price, owner = catalogue.menu_price[meals[priced]], owner[priced]
        start = np.flatnonzero(np.diff(owner, prepend=-1))
        if len(start):
            self.cheapest_won[owner[start]] = np.minimum.reduceat(price, start)
            by_price = _first(price.astype(np.uint64), holds[priced], start)
            self._of_cheapest[owner[start]] = by_price

    def free_of(self, shops: Rows, allergen_bits: int) -> Mask:
        """Return bool(len(shops)): at least one meal is not known to contain any of the allergens, or no menu is listed.

        ``allergen_bits`` are not 0.
        """
        bits = np.uint32(allergen_bits)
        fits = ((self._least.take(shops) & bits) == 0) | ((self._other.take(shops) & bits) == 0)
        possible = (self._shared.take(shops) & bits) == 0
        in_doubt = np.flatnonzero(possible & ~fits)
        fits &= possible
        if len(in_doubt):
            fits[in_doubt] = self._any_meal(shops[in_doubt], bits, None)
        return np.asarray(fits, bool)

    def within(self, shops: Rows, budget_won: int, allergen_bits: int = 0) -> Mask:
        """Return bool(len(shops)): a meal of at most ``budget_won`` is not known to contain any of the allergens."""
        possible: Mask = self.cheapest_won.take(shops) <= budget_won
        if not allergen_bits:
            return possible
        bits = np.uint32(allergen_bits)
        in_doubt = np.flatnonzero(possible & ((self._of_cheapest.take(shops) & bits) != 0))
        if len(in_doubt):
            possible[in_doubt] = self._any_meal(shops[in_doubt], bits, budget_won)
        return possible

    def may_serve(self, shops: Rows, taste_bits: int, diet_bits: int) -> Mask:
        """Return bool(len(shops)): the meals together have the tastes and suit the diets, though perhaps no one meal alone."""
        fits: Mask = np.ones(len(shops), bool)
        for of_shop, bits in ((self._tastes, np.uint8(taste_bits)), (self._diets, np.uint8(diet_bits))):
            if bits:
                fits &= (of_shop.take(shops) & bits) == bits
        return fits

    def _any_meal(self, shops: Rows, bits: np.uint32, budget_won: int | None) -> Mask:
        """Read the menus of a few shops."""
        c, count = self._catalogue, self._n_menus[shops]
        owner = np.repeat(np.arange(len(shops)), count)
        rows = np.arange(len(owner)) + np.repeat(c.menu_start[shops] - (np.cumsum(count) - count), count)
        keep = self._is_meal[rows] & ((c.dish_allergens[c.menu_name[rows]] & bits) == 0)
        if budget_won is not None:
            price = c.menu_price[rows]
            keep &= (price > 0) & (price <= budget_won)
        found: Mask = np.zeros(len(shops), bool)
        found[owner[keep]] = True
        return found


def _first(key: NDArray[np.uint64], mask: NDArray[np.uint32], start: NDArray[np.intp]) -> NDArray[np.uint32]:
    """Return for each shop (its meals from ``start`` on) the mask of the meal with the lowest key."""
    return np.minimum.reduceat(key << _MASK_BITS | mask, start).astype(np.uint32)
