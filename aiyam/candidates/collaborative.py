"""The collaborative funnel: what people with the same habits go to, the person's own habits, taste types for newcomers."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from aiyam.candidates.events import Events, decay
from aiyam.candidates.item_models import Neighbours
from aiyam.candidates.pool import Pool
from aiyam.candidates.rules import Rules
from aiyam.candidates.tastes import Tastes
from aiyam.catalogue.query import Query

if TYPE_CHECKING:
    from aiyam.catalogue.arrays import Catalogue
    from aiyam.catalogue.interactions import Interactions
    from aiyam.contracts import UserProfile

Rows = NDArray[np.int32]
Scores = NDArray[np.float32]
MAX_HISTORY = 60


@dataclass(frozen=True)
class Liked:
    """What one person likes: m shops by their ascending catalogue ``rows`` (m,), and their ``likeness`` (m,), above 0 and at most 1."""

    rows: Rows
    likeness: NDArray[np.float64]


class Collaborative:
    """Sparse item-to-item similarities served from the person's recency-weighted history.

    Item-kNN: cosine with shrinkage over decayed user-shop weights (Deshpande and Karypis 2004), the nearest neighbours
    of each shop kept. Only shops with events enter the model. The taste prior always takes part, and stands alone for
    someone without a history.
    """

    def __init__(self, catalogue: Catalogue, interactions: Interactions, rules: Rules, *, now_ts: int) -> None:
        self._catalogue = catalogue
        self._rules = rules.collaborative
        self._all_rules = rules
        events = Events.of(interactions, now_ts=now_ts)
        fresh = events.weight * decay(events.ts, now_ts, self._rules.half_life_days)
        self._row_of_user: dict[str, int] = dict(interactions.row_of_user)
        self._latest: tuple[str, Liked] | None = None
        self._build_histories(events, fresh)
        self._build_tastes()
        self._build_neighbours(events)

    def _build_histories(self, events: Events, fresh: Scores) -> None:
        """One CSR row a user: shops and decayed weights, heaviest first, at most 60."""
        n = len(self._catalogue.names)
        pair = events.user.astype(np.int64) * n + events.shop
        unique, inverse = np.unique(pair, return_inverse=True)
        total = np.bincount(inverse, weights=fresh, minlength=len(unique)).astype(np.float32)
        user, shop = unique // n, unique % n
        order = np.lexsort((shop, -total, user))
        user, shop, total = user[order], shop[order].astype(np.int32), total[order]
        start = np.searchsorted(user, np.arange(events.n_users + 1))
        place = np.arange(len(user)) - start[user] if len(user) else np.empty(0, np.int64)
        keep = (place < MAX_HISTORY) & (total > 0)
        self._history_shop, self._history_weight = shop[keep], total[keep]
        self._history_start = np.searchsorted(user[keep], np.arange(events.n_users + 1))

    def _build_tastes(self) -> None:
        history = self._history_start, self._history_shop, self._history_weight
        self._tastes = Tastes(self._catalogue, self._all_rules, *history)

    def _build_neighbours(self, events: Events) -> None:
        from scipy import sparse

        n = len(self._catalogue.names)
        liked = events.weight > 0
        active = np.unique(events.shop[liked])
        self._number: Rows = np.full(n, -1, np.int32)
        self._number[active] = np.arange(len(active), dtype=np.int32)
        self._active = active
        m = len(active)
        ones = np.ones(int(liked.sum()), np.float32)
        x = sparse.csr_matrix((ones, (events.user[liked], self._number[events.shop[liked]])), shape=(events.n_users, m))
        x.data = np.log1p(x.data)
        self._weights = Neighbours(x, k=self._rules.n_neighbours, shrinkage=self._rules.shrinkage).weights
        self._start = self._weights.indptr.astype(np.int64)

    def updated(self, catalogue: Catalogue) -> Collaborative:
        """Return the same model over a catalogue with other facts, and shops nobody went to yet at its end."""
        new = copy(self)
        new._catalogue = catalogue
        new._build_tastes()
        new._number = np.concatenate([self._number, np.full(len(catalogue) - len(self._number), -1, np.int32)])
        return new

    def history(self, user_id: str) -> tuple[Rows, Scores]:
        """Return the shops someone went to and their decayed weights, heaviest first; empty for a newcomer."""
        user = self._row_of_user.get(user_id)
        if user is None or user >= len(self._history_start) - 1:
            return np.empty(0, np.int32), np.empty(0, np.float32)
        span = slice(int(self._history_start[user]), int(self._history_start[user + 1]))
        return self._history_shop[span], self._history_weight[span]

    def taste(self, user: UserProfile) -> tuple[Scores, float]:
        """Return a person's points of each category (15,), the last for none, and the price in won a meal usually costs them."""
        has_history = len(self.history(user.user_id)[0]) > 0
        return self._tastes.of(user.taste_type, self._row_of_user[user.user_id] if has_history else None)

    def _liked(self, shops: Rows, weights: Scores) -> Liked:
        """Sum the likeness of shops to a history and the history itself, 0..1 by the highest."""
        numbers = self._number[shops]
        known = numbers >= 0
        numbers, weights = numbers[known], weights[known] ** np.float32(0.5)
        if len(numbers) == 0:
            return Liked(np.empty(0, np.int32), np.empty(0))
        start = self._start[numbers]
        count = self._start[numbers + 1] - start
        ends = np.cumsum(count)
        entries = np.repeat(start - (ends - count), count) + np.arange(ends[-1])
        # The shops themselves come last, with nothing: they are reached even where they are nobody's neighbour.
        key = np.concatenate((self._weights.indices.take(entries), numbers), dtype=np.int64)
        shares = np.zeros(len(key))
        np.multiply(self._weights.data.take(entries), np.repeat(weights, count), out=shares[: len(entries)])
        key <<= 32
        key += np.arange(len(key))
        key.sort()  # whole numbers are sorted many times as fast as their order is found
        others = key >> 32
        first = np.flatnonzero(np.concatenate(([True], others[1:] != others[:-1])))
        others, likeness = others[first], np.add.reduceat(shares[key & 0xFFFFFFFF], first)
        top = float(likeness.max()) or 1.0
        likeness[np.searchsorted(others, numbers)] += (top * self._rules.repeat_weight / weights.max()) * weights
        likeness *= 1.0 / max(float(likeness.max()), 1e-9)
        rows = self._active[others]
        return Liked(rows, likeness) if likeness.min() > 0 else Liked(rows[likeness > 0], likeness[likeness > 0])

    def _liked_by(self, user_id: str) -> Liked:
        """Return what someone with a history likes; the latest person's is kept, for a turn asks more than once."""
        latest = self._latest
        if latest is None or latest[0] != user_id:
            latest = self._latest = (user_id, self._liked(*self.history(user_id)))  # threads may share it
        return latest[1]

    def _prior(self, pool: Pool, points: Scores, price_won: float) -> Scores:
        """Return the taste points of a pool, 0..1: preferred categories, fitting price, enough to choose from."""
        rules = self._rules
        off = pool.mean_price - np.float32(price_won)
        np.abs(off, out=off)
        off *= np.float32(-rules.price_up_to / price_won)
        off += np.float32(rules.price_up_to)
        np.fmax(off, np.float32(0), out=off)  # an unknown price fits no wallet
        choice = np.minimum(pool.n_menus, np.float32(rules.menus_enough))
        choice *= np.float32(rules.menus_up_to / rules.menus_enough)
        out = points[pool.category]
        out += off
        out += choice
        out /= np.float32(rules.preference_exact + rules.price_up_to + rules.menus_up_to)
        return out

    def likely_rows(self, query: Query, k: int) -> Rows:
        """Return about k shops the model likes best for a person, ascending; none for a newcomer."""
        if len(self.history(query.user.user_id)[0]) == 0 or len(self._active) == 0:
            return np.empty(0, np.int32)
        liked = self._liked_by(query.user.user_id)
        if k >= len(liked.rows):
            return liked.rows
        return np.sort(liked.rows[np.argpartition(-liked.likeness, k)[:k]])

    def score_pool(self, query: Query, pool: Pool) -> Scores:
        """Return float32 (k,) in 0..1 for a pool of k shops."""
        shops, _ = self.history(query.user.user_id)
        prior = self._prior(pool, *self.taste(query.user))
        if 0 in (len(shops), len(self._active), len(pool.rows)):
            return prior
        liked, share = self._liked_by(query.user.user_id), self._rules.model_weight
        prior *= np.float32(1 - share)
        at = np.searchsorted(pool.rows, liked.rows)
        at[at == len(pool.rows)] = 0
        in_pool = pool.rows[at] == liked.rows
        prior[at[in_pool]] += share * liked.likeness[in_pool]
        return prior
