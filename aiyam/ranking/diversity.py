"""The order a child sees: no row of branches of one brand, and some variety of food when none was asked for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BRAND_TOP_3, BRAND_TOP_10 = 1, 2
"""At most so many branches of one brand among the first three and the first ten, as long as others are left."""

CATEGORY_COST = 0.4
"""What each shop of the same category already shown takes off a shop's log chance: a third of its chance."""

VARIED, LIMITED = 5, 10
"""So many first places are varied by category, and so many are held to the brand limits; then the chance alone decides."""


@dataclass(frozen=True)
class Taste:
    """How much variety costs a shop; ``category_cost`` 0 is none, and brands are limited all the same."""

    category_cost: float = CATEGORY_COST
    brand_top_3: int = BRAND_TOP_3
    brand_top_10: int = BRAND_TOP_10
    varied: int = VARIED


class Variety:
    """What each of n shops is worth as the next one shown, given the set already shown.

    Maximal marginal relevance (Carbonell and Goldstein 1998) on log chances. The worth depends on *which* shops are shown
    and never on their order, so that the chance of every drawn list can be computed (see exploration.py).

    Args:
        utility: (n,) log chances, finite.
        brands: (n,) codes, negative for no brand; ``categories`` (n,) likewise, an unknown one is like no other.
        vary: whether categories count; False where a food was asked for.
    """

    def __init__(
        self,
        utility: NDArray[np.floating],
        brands: NDArray[np.integer],
        categories: NDArray[np.integer],
        *,
        vary: bool,
        taste: Taste = Taste(),
    ) -> None:
        self.utility = np.asarray(utility, np.float64)
        self._brands, self._categories = brands, categories
        self._vary = vary and taste.category_cost > 0.0
        self._taste = taste

    def __len__(self) -> int:
        return len(self.utility)

    def part(self, places: NDArray[np.integer]) -> Variety:
        """Return the same for some of the shops, in the order given."""
        brands, categories = self._brands[places], self._categories[places]
        return Variety(self.utility[places], brands, categories, vary=self._vary, taste=self._taste)

    def kin(self, places: NDArray[np.integer]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return for k ``places`` which shops (k, n) share their brand, and which their category: 1 or 0."""
        return _alike(self._brands, places), _alike(self._categories, places)

    def first(self, by_utility: NDArray[np.integer], k: int) -> list[int]:
        """Return which k of the places ``by_utility``, best first, come first: each time the one ``worth`` puts highest."""
        utility, brands, categories = (
            column[by_utility].tolist() for column in (self.utility, self._brands, self._categories)
        )
        chosen: dict[int, None] = {}
        branches: dict[int, int] = {}
        meals: dict[int, int] = {}
        while len(chosen) < k:
            most = self._taste.brand_top_3 if len(chosen) < 3 else self._taste.brand_top_10
            full = {brand for brand, count in branches.items() if count >= most}
            cost = self._taste.category_cost if self._vary and len(chosen) < self._taste.varied else 0.0
            best = self._best(utility, brands, categories, chosen, full, meals, cost)
            if best < 0:
                best = self._best(utility, brands, categories, chosen, set(), meals, cost)
            chosen[best] = None
            if brands[best] >= 0:
                branches[brands[best]] = branches.get(brands[best], 0) + 1
            if categories[best] >= 0:
                meals[categories[best]] = meals.get(categories[best], 0) + 1
        return list(chosen)

    @staticmethod
    def _best(
        utility: list[float],
        brands: list[int],
        categories: list[int],
        chosen: Collection[int],
        full: Collection[int],
        meals: Mapping[int, int],
        cost: float,
    ) -> int:
        """Return the place worth most, looking down the sorted utilities only as far as one can still win; -1 for none."""
        best, highest = -1, -np.inf
        for place, at_most in enumerate(utility):
            if at_most <= highest:
                break
            if place in chosen or brands[place] in full:
                continue
            worth = at_most - cost * meals.get(categories[place], 0)
            if worth > highest:
                best, highest = place, worth
        return best

    def worth(
        self, shown: NDArray[np.bool_], branches: NDArray[np.float64], meals: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return (s, n) for s sets ``shown`` (s, n) of one size; -inf for what may not come next.

        ``branches`` and ``meals`` (s, n) count the shops already shown that share a shop's brand and its category. A shop
        whose brand is full comes only when nothing else is left.
        """
        n_shown = int(np.count_nonzero(shown[0]))
        free = ~shown
        if n_shown < LIMITED:
            within = free & (branches < (self._taste.brand_top_3 if n_shown < 3 else self._taste.brand_top_10))
            free = np.where(within.any(axis=1, keepdims=True), within, free)
        worth = self.utility
        if self._vary and n_shown < self._taste.varied:
            worth = worth - self._taste.category_cost * meals
        return np.where(free, worth, -np.inf)


def diversify(variety: Variety, *, top_k: int) -> NDArray[np.int64]:
    """Return the places of the ``top_k`` best in the order to show: each step takes what is worth most.

    Variety only takes off a shop's worth, so that a step looks down the list sorted by utility and stops at the first
    shop whose utility is no more than the best worth so far.
    """
    by_utility = np.argsort(-variety.utility, kind="stable")
    chosen = variety.first(by_utility, min(top_k, LIMITED, len(variety)))
    if top_k > len(chosen):
        others = np.ones(len(variety), np.bool_)
        others[chosen] = False
        chosen += np.flatnonzero(others)[: top_k - len(chosen)].tolist()
    return np.asarray(by_utility[np.array(chosen, np.intp)], np.int64)


def _alike(codes: NDArray[np.integer], places: NDArray[np.integer]) -> NDArray[np.float64]:
    mine = codes[places, None]
    return np.asarray((mine == codes) & (mine >= 0), np.float64)
