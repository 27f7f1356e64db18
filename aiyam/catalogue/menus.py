"""Which dishes a shop serves and which of them fit a request: the one definition for candidates, ranking and cards."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from aiyam.catalogue.name_search import NameSearch, RowsByTerm, plain
from aiyam.catalogue.safe_meals import SafeMeals
from aiyam.contracts import CATEGORIES, DIETS, TASTES, Filters, UserProfile

if TYPE_CHECKING:
    from aiyam.catalogue.arrays import Catalogue

Rows = NDArray[np.int32]
Mask = NDArray[np.bool_]
MAX_PRICE_WON = 10_000_000
_FEW = 100


def bits_of(values: tuple[str, ...] | None, vocabulary: tuple[str, ...]) -> int:
    """Return the bit mask of values over a vocabulary.

    >>> bits_of(("매운", "단"), TASTES)
    5
    """
    return sum(1 << vocabulary.index(value) for value in set(values or ()))


def allergens_to_avoid(filters: Filters, user: UserProfile) -> tuple[str, ...]:
    """Return the allergens to keep away from: those asked about and the person's own, each once."""
    return tuple(dict.fromkeys((*(filters.allergies or ()), *user.allergies)))


class MenuIndex:
    """What shops serve, as arrays that answer menu constraints; safe to share between threads.

    A *meal* is a menu row that is not sold out, has a price or not, and is no cheaper than the shop's cheapest real meal
    (so a bowl of rice or a drink beside the meals does not make a shop cheap).
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        n = len(catalogue.names)
        self.n_menus_of: Rows = np.diff(catalogue.menu_start)
        self.shop_of = np.repeat(np.arange(n, dtype=np.int32), self.n_menus_of)
        price = catalogue.menu_price
        floor = np.nan_to_num(catalogue.min_meal_price, nan=0.0)[self.shop_of]
        self.is_meal: Mask = ~catalogue.menu_sold_out & ((price < 0) | ((price > 0) & (price >= floor)))
        self.serves_now = self._any_meal(self.is_meal) | (self.n_menus_of == 0)
        self.dishes = NameSearch(catalogue.dish_names)
        self.shops = NameSearch(catalogue.names)
        self._bare = np.flatnonzero(self.n_menus_of == 0).astype(np.int32)
        self._bare_names = NameSearch([catalogue.names[row] for row in self._bare.tolist()])
        self._by_dish = np.argsort(catalogue.menu_name, kind="stable").astype(np.int32)
        counts = np.bincount(catalogue.menu_name, minlength=len(catalogue.dish_names))
        self._dish_start = np.concatenate([[0], np.cumsum(counts)])
        self._shops_by_dish = self.shop_of[self._by_dish]
        self._shops_of = RowsByTerm()
        self.safe = SafeMeals(catalogue, self.is_meal, self.shop_of)

    def categories_of(self, term: str) -> list[int]:
        """Return the category numbers of the dishes whose name contains the term, most usual first."""
        of = self._catalogue.dish_category[self.dishes.containing(term)]
        of = of[of >= 0]
        counts = np.bincount(of, minlength=len(CATEGORIES))
        return [int(i) for i in np.argsort(-counts, kind="stable") if counts[i]]

    def serving(self, term: str) -> Mask:
        """Return bool[n]: the shop's menu has the dish, or it has no menu and its name says so."""
        mask = np.zeros(len(self.n_menus_of), bool)
        for dish in self.dishes.containing(term).tolist():
            mask[self._shops_of_dish(dish)] = True
        mask[self.bare_named(term)] = True
        return mask

    def bare_named(self, term: str) -> Rows:
        """Return the ascending shops that list no menu and have the term in their name."""
        return self._bare[self._bare_names.containing(term)]

    def shops_with_dish(self, term: str) -> tuple[Rows, Rows]:
        """Return the shops with a dish that contains the term, and those with a dish of exactly that name."""
        found = self._shops_of.get(term)
        if found is not None:
            return found[0], found[1]
        squeezed, names = plain(term), self._catalogue.dish_names
        dishes = self.dishes.containing(term).tolist()
        same = [dish for dish in dishes if plain(names[dish]) == squeezed]
        shops = self._shops_with(dishes)
        exact = shops if same == dishes else self._shops_with(same)
        self._shops_of.keep(term, shops, exact)
        return shops, exact

    def _shops_with(self, dishes: list[int]) -> Rows:
        """Return the ascending shops of dishes: by a sort where they are few, else by a mark on each shop."""
        shops = [self._shops_of_dish(dish) for dish in dishes]
        if len(shops) == 1 and len(shops[0]):
            again = shops[0][1:] == shops[0][:-1]
            return shops[0][np.flatnonzero(np.concatenate(([True], ~again)))]
        if _FEW * sum(map(len, shops)) < len(self.n_menus_of):
            return np.asarray(np.unique(np.concatenate([np.empty(0, np.int32), *shops])), np.int32)
        found = np.zeros(len(self.n_menus_of), bool)
        for some in shops:
            found[some] = True
        return np.flatnonzero(found).astype(np.int32)

    def about(self, term: str) -> Mask:
        """Return bool[n]: the shop serves the dish, is of the category, or carries the word in its name."""
        return self.serving(term) | self.shop_is(term)

    def shop_is(self, term: str) -> Mask:
        """Return bool[n]: the shop is known for the dish: by its category, or by the word in its name."""
        mask = np.zeros(len(self.n_menus_of), bool)
        mask[self.shops.containing(term)] = True
        if term in CATEGORIES:
            mask |= self._catalogue.category == CATEGORIES.index(term)
        return mask

    def rows_answering(self, shops: Rows, terms: tuple[str, ...]) -> NDArray[np.intp]:
        """Return the menu rows that answer to one of the terms; to a category word all rows of such shops do.

        Of ``shops``, and where these are many perhaps of others: then the rows are found by the dishes.
        """
        categories = [CATEGORIES.index(term) for term in terms if term in CATEGORIES]
        dishes = np.flatnonzero(self.dishes_named(terms))
        n_rows = int((self._dish_start[dishes + 1] - self._dish_start[dishes]).sum())
        if not categories and n_rows < int(self.n_menus_of[shops].sum()):
            return np.concatenate([np.empty(0, np.intp), *(self._rows_of_dish(d) for d in dishes.tolist())])
        rows = self.rows_of_shops(shops)
        mask = self.dishes_named(terms)[self._catalogue.menu_name[rows]]
        for code in categories:
            mask |= self._catalogue.category[self.shop_of[rows]] == code
        return rows[mask]

    def _rows_of_dish(self, dish: int) -> Rows:
        return self._by_dish[self._dish_start[dish] : self._dish_start[dish + 1]]

    def _shops_of_dish(self, dish: int) -> Rows:
        """Return the ascending shops of a dish, one as often as it lists the dish."""
        return self._shops_by_dish[self._dish_start[dish] : self._dish_start[dish + 1]]

    def shops_serving(self, terms: tuple[str, ...]) -> Rows:
        """Return the ascending shops that can answer to any of the terms: by a dish, by category, or by name alone."""
        parts = [self.shops_with_dish(term)[0] for term in terms]
        for term in terms:
            parts.append(self.bare_named(term))
            if term in CATEGORIES:
                parts.append(np.flatnonzero(self._catalogue.category == CATEGORIES.index(term)).astype(np.int32))
        parts = [part for part in parts if len(part)]
        return parts[0] if len(parts) == 1 else np.unique(np.concatenate(parts or [np.empty(0, np.int32)]))

    def _any_meal(self, row_fits: Mask) -> Mask:
        mask = np.zeros(len(self.n_menus_of), bool)
        mask[self.shop_of[row_fits]] = True
        return mask

    def dishes_named(self, terms: tuple[str, ...]) -> Mask:
        """Return bool[d]: the dish names that contain one of the terms."""
        named = np.zeros(len(self._catalogue.dish_names), bool)
        for term in terms:
            named[self.dishes.containing(term)] = True
        return named

    def fits(
        self,
        rows: NDArray[np.integer],
        filters: Filters,
        allergen_bits: int,
        *,
        price_unknown: bool = False,
        tastes: tuple[str, ...] | None = None,
        diets: tuple[str, ...] | None = None,
    ) -> Mask:
        """Return bool(len(rows)): the menu row may be suggested: on sale, in the budget, without allergen or disliked dish.

        It is a meal, or the very dish asked for. ``price_unknown`` lets the meals of a shop without any known price pass
        a budget. With ``tastes`` and ``diets`` it also has all of them.
        """
        c = self._catalogue
        keep: Mask = self.is_meal[rows]
        if filters.menus:
            keep |= self.dishes_named(filters.menus)[c.menu_name[rows]] & ~c.menu_sold_out[rows]
        if filters.budget_max is not None or filters.budget_min is not None:
            price = c.menu_price[rows]
            low = max(filters.budget_min or 0, 1)
            high = MAX_PRICE_WON if filters.budget_max is None else min(filters.budget_max, MAX_PRICE_WON)
            in_budget = (price >= low) & (price <= high)
            if price_unknown:
                in_budget |= np.isnan(c.min_meal_price[self.shop_of[rows]])
            keep &= in_budget
        if filters.exclude_taste or allergen_bits or filters.exclude_menus or tastes or diets:
            keep &= self._dishes_fitting(filters, allergen_bits, tastes, diets)[c.menu_name[rows]]
        return keep

    def _dishes_fitting(
        self, filters: Filters, allergen_bits: int, tastes: tuple[str, ...] | None, diets: tuple[str, ...] | None
    ) -> Mask:
        """Return bool[d]: what a dish is by itself fits. There are few names of dishes, however many shops serve them."""
        c = self._catalogue
        hated = np.uint8(bits_of(filters.exclude_taste, TASTES))
        fits: Mask = ((c.dish_allergens & np.uint32(allergen_bits)) == 0) & ((c.dish_taste & hated) == 0)
        if filters.exclude_menus:
            fits &= ~self.dishes_named(filters.exclude_menus)
        if tastes:
            fits &= self.of_taste(tastes)
        if diets:
            fits &= self.of_diet(diets)
        return fits

    def of_taste(self, tastes: tuple[str, ...]) -> Mask:
        """Return bool[d]: the dish has all the tastes; an unknown dish can prove none."""
        bits = np.uint8(bits_of(tastes, TASTES))
        return np.asarray((self._catalogue.dish_taste & bits) == bits, bool)

    def of_diet(self, diets: tuple[str, ...]) -> Mask:
        """Return bool[d]: the dish suits all the diets; an unknown dish can prove none."""
        bits = np.uint8(bits_of(diets, DIETS))
        return np.asarray((self._catalogue.dish_diet & bits) == bits, bool)

    def rows_of_shops(self, shops: NDArray[np.integer]) -> NDArray[np.intp]:
        """Return all menu rows of the shops, shop by shop in the order given."""
        count = self.n_menus_of[shops]
        ends = np.cumsum(count, dtype=np.intp)
        if len(ends) == 0:
            return ends
        first = self._catalogue.menu_start[shops] - (ends - count)
        return np.repeat(first, count) + np.arange(ends[-1])
