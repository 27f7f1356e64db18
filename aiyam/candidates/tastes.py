"""What kinds of food someone likes and what a meal usually costs them: by their taste type, and by where they went."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from aiyam.candidates.rules import Rules
from aiyam.contracts import CATEGORIES, TasteType

if TYPE_CHECKING:
    from aiyam.catalogue.arrays import Catalogue

Scores = NDArray[np.float32]
DEFAULT_PRICE_WON = 8000.0
_N_KINDS = len(CATEGORIES) + 1
_TYPE_BESIDE_HISTORY = np.float32(0.25)


class Tastes:
    """Points of each category (15,), the last for shops of none, and a price in won; ready for each of u people.

    Args:
        start, shops, weights: histories end to end: those of person a at ``start[a]:start[a + 1]``.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        rules: Rules,
        start: NDArray[np.integer],
        shops: NDArray[np.int32],
        weights: Scores,
    ) -> None:
        exact = rules.collaborative.preference_exact
        self._of_type: dict[TasteType | None, tuple[Scores, float]] = {
            None: (np.zeros(_N_KINDS, np.float32), DEFAULT_PRICE_WON)
        }
        for name, taste in rules.taste_types.items():
            points = np.zeros(_N_KINDS, np.float32)
            points[[CATEGORIES.index(category) for category in taste.partial]] = rules.collaborative.preference_partial
            points[[CATEGORIES.index(category) for category in taste.exact]] = exact
            self._of_type[name] = points, taste.price_won
        n = len(start) - 1
        person = np.repeat(np.arange(n), np.diff(start))
        kind = catalogue.category[shops].astype(np.int64) % _N_KINDS
        share = np.bincount(person * _N_KINDS + kind, weights, n * _N_KINDS).reshape(n, _N_KINDS)
        top = np.maximum(share.max(axis=1, keepdims=True, initial=0), 1e-30)
        self._own_points: Scores = (exact * share / top).astype(np.float32)
        paid = catalogue.mean_price[shops].astype(np.float64)
        priced = np.flatnonzero(~np.isnan(paid))
        weight, spent = (np.bincount(person[priced], of[priced], n) for of in (weights, weights * paid))
        self._own_price_won = spent / np.where(weight > 0, weight, np.nan)
        """nan where no price of the history is known."""

    def of(self, taste_type: TasteType | None, person: int | None) -> tuple[Scores, float]:
        """Return the points and the price of someone of a taste type; ``person`` None has no history."""
        points, price_won = self._of_type.get(taste_type) or self._of_type[None]
        if person is None:
            return points, price_won
        own_won = float(self._own_price_won[person])
        points = np.maximum(points * _TYPE_BESIDE_HISTORY, self._own_points[person])
        return points, price_won if np.isnan(own_won) else own_won
