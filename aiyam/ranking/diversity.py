"""The order a child sees: no row of branches of one brand, and some variety of food when none was asked for."""

from __future__ import annotations

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
        self._utility = np.asarray(utility, np.float64)
        self._same_brand = _alike(brands)
        self._same_category = _alike(categories) if vary and taste.category_cost else None
        self._taste = taste

    def __len__(self) -> int:
        return len(self._utility)

    def part(self, places: NDArray[np.integer]) -> Variety:
        """Return the same for some of the shops, in the order given."""
        made = object.__new__(Variety)
        square = np.ix_(places, places)
        made._utility, made._same_brand = self._utility[places], self._same_brand[square]
        made._same_category = None if self._same_category is None else self._same_category[square]
        made._taste = self._taste
        return made

    def worth(self, shown: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return (s, n) for s sets ``shown`` (s, n) of one size; -inf for what may not come next.

        A shop whose brand is full comes only when nothing else is left.
        """
        n_shown = int(shown[0].sum())
        open_ = ~shown
        if n_shown < LIMITED:
            limit = self._taste.brand_top_3 if n_shown < 3 else self._taste.brand_top_10
            within = open_ & (shown.astype(np.float32) @ self._same_brand < limit)
            open_ = np.where(within.any(axis=1, keepdims=True), within, open_)
        worth = np.broadcast_to(self._utility, shown.shape)
        if self._same_category is not None and 0 < n_shown < self._taste.varied:
            worth = worth - self._taste.category_cost * (shown.astype(np.float32) @ self._same_category)
        return np.where(open_, worth, -np.inf)


def diversify(variety: Variety, *, top_k: int) -> NDArray[np.int64]:
    """Return the places of the ``top_k`` best in the order to show: each step takes what is worth most."""
    by_utility = np.argsort(-variety._utility, kind="stable")
    sorted_ = variety.part(by_utility)
    shown = np.zeros((1, len(variety)), np.bool_)
    chosen: list[int] = []
    while len(chosen) < min(top_k, LIMITED, len(variety)):
        best = int(np.argmax(sorted_.worth(shown)[0]))
        shown[0, best] = True
        chosen.append(best)
    rest = np.flatnonzero(~shown[0])[: max(min(top_k, len(variety)) - len(chosen), 0)]
    return np.asarray(by_utility[np.concatenate((np.array(chosen, np.int64), rest))], np.int64)


def _alike(codes: NDArray[np.integer]) -> NDArray[np.float32]:
    """(n, n) 1 where two shops share a known code."""
    return np.asarray((codes[:, None] == codes) & (codes >= 0), np.float32)
