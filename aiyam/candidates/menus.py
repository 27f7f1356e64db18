"""Inverted indexes over menus and names: which shops serve a dish, have a word in their name, or a meal that fits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from aiyam.candidates.rules import AllergenWords
from aiyam.contracts import ALLERGENS, CATEGORIES, DIETS, TASTES, Filters

if TYPE_CHECKING:
    from aiyam.catalogue.arrays import Catalogue

Rows = NDArray[np.int32]
Mask = NDArray[np.bool_]
MAX_CACHED_TERMS = 256
MAX_PRICE_WON = 10_000_000


def plain(text: str) -> str:
    """Drop spaces and case, so that "치즈 돈까스" and "치즈돈까스" are one."""
    return "".join(text.split()).lower()


def bits_of(values: tuple[str, ...] | None, vocabulary: tuple[str, ...]) -> int:
    """Return the bit mask of values over a vocabulary.

    >>> bits_of(("매운", "단"), TASTES)
    5
    """
    return sum(1 << vocabulary.index(value) for value in set(values or ()))


class NameSearch:
    """Finds the numbers of the names that contain a term, spaces and case aside, by one scan of the joined names."""

    def __init__(self, names: list[str]) -> None:
        squeezed = [plain(name) for name in names]
        self._joined = "\n".join(squeezed)
        self._start = np.concatenate([[0], np.cumsum([len(name) + 1 for name in squeezed])[:-1]]).astype(np.int64)
        self._found: dict[str, Rows] = {}

    def containing(self, term: str) -> Rows:
        """Return the ascending numbers of the names that contain ``term``; an empty term finds nothing."""
        term = plain(term)
        if not term:
            return np.empty(0, np.int32)
        found = self._found.get(term)
        if found is None:
            at = []
            place = self._joined.find(term)
            while place >= 0:
                at.append(place)
                place = self._joined.find(term, place + len(term))
            found = np.unique(np.searchsorted(self._start, at, side="right") - 1).astype(np.int32)
            if len(self._found) >= MAX_CACHED_TERMS:
                self._found.clear()
            self._found[term] = found
        return found


class MenuIndex:
    """What shops serve, as arrays that answer menu constraints.

    A *meal* is a menu row that is not sold out, has a price or not, and is no cheaper than the shop's cheapest real meal
    (so a bowl of rice or a drink beside the meals does not make a shop cheap).
    """

    def __init__(self, catalogue: Catalogue, words: AllergenWords) -> None:
        self._catalogue = catalogue
        n = len(catalogue.names)
        self.n_menus_of = np.diff(catalogue.menu_start)
        self.shop_of = np.repeat(np.arange(n, dtype=np.int32), self.n_menus_of)
        price = catalogue.menu_price
        floor = np.nan_to_num(catalogue.min_meal_price, nan=0.0)[self.shop_of]
        self.is_meal: Mask = ~catalogue.menu_sold_out & ((price < 0) | ((price > 0) & (price >= floor)))
        priced = self.is_meal & (price > 0)
        self.cheapest = np.full(n, np.inf, np.float32)
        np.minimum.at(self.cheapest, self.shop_of[priced], price[priced].astype(np.float32))
        self.serves_now = self._any_meal(self.is_meal) | (self.n_menus_of == 0)
        self.dishes = NameSearch(catalogue.dish_names)
        self.shops = NameSearch(catalogue.names)
        self._by_dish = np.argsort(catalogue.menu_name, kind="stable").astype(np.int32)
        counts = np.bincount(catalogue.menu_name, minlength=len(catalogue.dish_names))
        self._dish_start = np.concatenate([[0], np.cumsum(counts)])
        self.dish_allergens = catalogue.dish_allergens | self._allergens_by_name(
            words, self.dishes, ~catalogue.dish_known
        )
        self._bare_shop_allergens = self._of_shops_without_menus(words)
        self._shops_of: dict[str, tuple[Rows, Rows]] = {}
        self._rows_of: dict[str, Rows] = {}
        self._free_of: dict[int, Mask] = {}

    @staticmethod
    def _allergens_by_name(words: AllergenWords, names: NameSearch, where: Mask) -> NDArray[np.uint32]:
        bits = np.zeros(len(where), np.uint32)
        for allergen, parts in words.words.items():
            for part in parts:
                bits[names.containing(part)] |= np.uint32(1 << ALLERGENS.index(allergen))
        bits[~where] = 0
        return bits

    def _of_shops_without_menus(self, words: AllergenWords) -> NDArray[np.uint32]:
        bare = self.n_menus_of == 0
        bits = self._allergens_by_name(words, self.shops, bare)
        for category, allergens in words.category_implies.items():
            same = bare & (self._catalogue.category == CATEGORIES.index(category))
            bits[same] |= np.uint32(bits_of(allergens, ALLERGENS))
        return bits

    def menu_rows(self, term: str) -> Rows:
        """Return the menu rows whose dish name contains the term, in no particular order."""
        found = self._rows_of.get(term)
        if found is None:
            dishes = self.dishes.containing(term)
            slices = [self._by_dish[self._dish_start[d] : self._dish_start[d + 1]] for d in dishes]
            found = np.concatenate(slices) if slices else np.empty(0, np.int32)
            if len(self._rows_of) >= MAX_CACHED_TERMS:
                self._rows_of.clear()
            self._rows_of[term] = found
        return found

    def categories_of(self, term: str) -> list[int]:
        """Return the category numbers of the dishes whose name contains the term, most usual first."""
        of = self._catalogue.dish_category[self.dishes.containing(term)]
        of = of[of >= 0]
        counts = np.bincount(of, minlength=len(CATEGORIES))
        return [int(i) for i in np.argsort(-counts, kind="stable") if counts[i]]

    def serving(self, term: str) -> Mask:
        """Return bool[n]: the shop's menu has the dish, or it has no menu and its name says so."""
        mask = np.zeros(len(self.n_menus_of), bool)
        mask[self.shop_of[self.menu_rows(term)]] = True
        named = self.shops.containing(term)
        mask[named[self.n_menus_of[named] == 0]] = True
        return mask

    def shops_with_dish(self, term: str) -> tuple[Rows, Rows]:
        """Return the shops with a dish that contains the term, and those with a dish of exactly that name."""
        found = self._shops_of.get(term)
        if found is None:
            rows = self.menu_rows(term)
            squeezed = plain(term)
            numbers = [int(d) for d in self.dishes.containing(term) if plain(self._catalogue.dish_names[d]) == squeezed]
            exact = rows[np.isin(self._catalogue.menu_name[rows], numbers)]
            found = np.unique(self.shop_of[rows]), np.unique(self.shop_of[exact])
            if len(self._shops_of) >= MAX_CACHED_TERMS:
                self._shops_of.clear()
            self._shops_of[term] = found
        return found

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

    def serving_rows(self, terms: tuple[str, ...]) -> Rows:
        """Return the menu rows that answer to any of the terms; a category word means all rows of such shops."""
        parts = [self.menu_rows(term) for term in terms]
        for term in terms:
            if term in CATEGORIES:
                shops = np.flatnonzero(self._catalogue.category == CATEGORIES.index(term)).astype(np.int32)
                parts.append(self.rows_of_shops(shops))
        return np.unique(np.concatenate(parts)) if len(parts) > 1 else parts[0]

    def free_of(self, allergen_bits: int) -> Mask:
        """Return bool[n]: at least one dish on sale is not known to contain any of the allergens, or nothing is known."""
        found = self._free_of.get(allergen_bits)
        if found is None:
            fits = (self.dish_allergens & np.uint32(allergen_bits)) == 0
            found = self._any_meal(fits[self._catalogue.menu_name] & self.is_meal)
            bare = self.n_menus_of == 0
            found[bare] = (self._bare_shop_allergens[bare] & np.uint32(allergen_bits)) == 0
            if len(self._free_of) >= 64:
                self._free_of.clear()
            self._free_of[allergen_bits] = found
        return found

    def _any_meal(self, row_fits: Mask) -> Mask:
        mask = np.zeros(len(self.n_menus_of), bool)
        mask[self.shop_of[row_fits]] = True
        return mask

    def fitting_rows(
        self,
        rows: Rows,
        filters: Filters,
        allergen_bits: int,
        *,
        without: tuple[str, ...] = (),
        price_unknown: bool = False,
    ) -> Rows:
        """Return those of the menu ``rows`` that are one meal with all asked at once: price, taste, diet, no allergen.

        ``without`` are dish terms the meal must not contain; ``price_unknown`` lets the meals of a shop without any
        known price pass a budget.
        An unknown dish can prove neither a taste nor a diet.
        """
        c = self._catalogue
        keep = self.is_meal[rows]
        dish = c.menu_name[rows]
        price = c.menu_price[rows]
        if filters.budget_max is not None or filters.budget_min is not None:
            low = max(filters.budget_min or 0, 1)
            high = MAX_PRICE_WON if filters.budget_max is None else min(filters.budget_max, MAX_PRICE_WON)
            in_budget = (price >= low) & (price <= high)
            if price_unknown:
                in_budget |= np.isnan(c.min_meal_price[self.shop_of[rows]])
            keep &= in_budget
        wanted, hated = bits_of(filters.taste, TASTES), bits_of(filters.exclude_taste, TASTES)
        if wanted:
            keep &= (c.dish_taste[dish] & np.uint8(wanted)) == wanted
        if hated:
            keep &= (c.dish_taste[dish] & np.uint8(hated)) == 0
        diets = bits_of(filters.dietary_preferences, DIETS)
        if diets:
            keep &= (c.dish_diet[dish] & np.uint8(diets)) == diets
        if allergen_bits:
            keep &= (self.dish_allergens[dish] & np.uint32(allergen_bits)) == 0
        if without:
            allowed = np.ones(len(c.dish_names), bool)
            for term in without:
                allowed[self.dishes.containing(term)] = False
            keep &= allowed[dish]
        return rows[keep]

    def rows_of_shops(self, shops: Rows) -> Rows:
        """Return all menu rows of the shops, shop by shop."""
        start = self._catalogue.menu_start[shops].astype(np.int64)
        count = self.n_menus_of[shops]
        total = int(count.sum())
        if total == 0:
            return np.empty(0, np.int32)
        if total == len(self.shop_of):
            return np.arange(total, dtype=np.int32)
        ends = np.cumsum(count)
        return np.asarray(np.arange(total) + np.repeat(start - (ends - count), count), np.int32)
