"""The collaborative funnel for many requests at once: the likes of a block of people as one sparse product."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from aiyam.candidates.collaborative import Collaborative

if TYPE_CHECKING:
    from aiyam.catalogue.arrays import Catalogue
    from aiyam.contracts import UserProfile

Rows = NDArray[np.int32]
Scores = NDArray[np.float32]


class Habits:
    """What layer 1 knows of the u people of a block; scores are those of ``Collaborative.score_pool``, to rounding.

    The histories lie end to end, those of person a at ``start[a]:start[a + 1]``; ``likes`` (u, n_active + 1) is
    the likeness of ``Liked`` for each, with a last column of zeros for the shops that no one has been to.
    """

    def __init__(self, collaborative: Collaborative, catalogue: Catalogue, people: Sequence[UserProfile]) -> None:
        self._of, self._catalogue = collaborative, catalogue
        histories = [collaborative.history(person.user_id) for person in people]
        size = np.array([len(shops) for shops, _ in histories], np.int64)
        self.start = np.concatenate(([0], np.cumsum(size)))
        self.shops = np.concatenate([shops for shops, _ in histories] or [np.empty(0, np.int32)])
        self.weights = np.concatenate([weights for _, weights in histories] or [np.empty(0, np.float32)])
        self.known = (size > 0) & (len(collaborative._active) > 0)
        self._person = np.repeat(np.arange(len(people)), size)
        self.likes = self._likes(len(people))
        tastes = [collaborative.taste(person) for person in people]
        self._points = np.array([points for points, _ in tastes])
        self._price_won = np.array([price_won for _, price_won in tastes], np.float32)

    def _likes(self, n: int) -> Scores:
        from scipy import sparse

        model, rules = self._of, self._of._rules
        m = len(model._active)
        likes = np.zeros((n, m + 1), np.float32)
        number = model._number[self.shops]
        seen = np.flatnonzero(number >= 0)
        if not len(seen):
            return likes
        person, number, weight = self._person[seen], number[seen], self.weights[seen] ** np.float32(0.5)
        start = np.searchsorted(person, np.arange(n + 1))
        likes[:, :m] = (sparse.csr_matrix((weight, number, start), shape=(n, m)) @ model._weights).toarray()
        top = likes.max(axis=1, keepdims=True)
        np.divide(likes, top, out=likes, where=top > 0)
        heaviest = np.zeros(n, np.float32)
        np.maximum.at(heaviest, person, weight)
        likes[person, number] += np.float32(rules.repeat_weight) * weight / heaviest[person]
        likes /= np.maximum(likes.max(axis=1, keepdims=True), np.float32(1e-9))
        return likes

    def likely(self, k: int) -> NDArray[np.intp]:
        """Return (u, k) columns of ``likes``, each person's best in no order; those of likeness 0 are the last column."""
        m = self.likes.shape[1] - 1
        best = np.tile(np.arange(m), (len(self.likes), 1))
        if k < m:
            best = np.argpartition(-self.likes[:, :m], k, axis=1)[:, :k]
        return np.where(np.take_along_axis(self.likes, best, 1) > 0, best, m)

    def middle(self, vectors: Scores) -> Scores:
        """Return (u, 128) the unit vectors in the middle of the shops each went to; zeros for a newcomer."""
        from scipy import sparse

        shape = (len(self.start) - 1, len(vectors))
        out = sparse.csr_matrix((self.weights, self.shops, self.start), shape=shape) @ vectors
        long = np.sqrt(np.einsum("ij,ij->i", out, out))
        return np.asarray(out / np.maximum(long, 1e-6)[:, None], np.float32)

    def score(self, person: NDArray[np.int64], rows: Rows) -> Scores:
        """Return (l,) in 0..1 of each pair of a person of the block and a shop."""
        rules, c = self._of._rules, self._catalogue
        out = self._points[person, c.category[rows]]
        price_won = self._price_won[person]
        off = np.abs(c.mean_price[rows] - price_won) / price_won
        out += np.float32(rules.price_up_to) * np.fmax(1 - off, np.float32(0))
        out += np.float32(rules.menus_up_to / rules.menus_enough) * np.minimum(c.n_menus[rows], rules.menus_enough)
        out /= np.float32(rules.preference_exact + rules.price_up_to + rules.menus_up_to)
        share = np.where(self.known, np.float32(rules.model_weight), np.float32(0))[person]
        found = self.likes[person, self._of._number[rows]]
        return np.asarray(share * found + (1 - share) * out, np.float32)
