"""Layer 1: constraints, then four funnels with their quotas, merged into one candidate list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aiyam.candidates.collaborative import Collaborative
from aiyam.candidates.constraints import LOCATION_KEYS, Asked, Constraints
from aiyam.candidates.content import Content
from aiyam.candidates.contextual import Contextual
from aiyam.candidates.encoder import TextEncoder
from aiyam.candidates.menus import MenuIndex
from aiyam.candidates.popularity import Popularity
from aiyam.candidates.relaxation import relax
from aiyam.candidates.rules import Rules, check_rules
from aiyam.catalogue.query import CandidateSet, Query
from aiyam.contracts import FUNNELS, Funnel

if TYPE_CHECKING:
    from aiyam.catalogue.arrays import Catalogue
    from aiyam.catalogue.interactions import Interactions

Rows = NDArray[np.int32]
MAX_CANDIDATES = 150


class Funnels:
    """Finds at most 150 shops for a request. Built once for a catalogue; ``find`` only reads, so threads may share it."""

    def __init__(
        self,
        catalogue: Catalogue,
        rules: Rules,
        constraints: Constraints,
        collaborative: Collaborative,
        content: Content,
        contextual: Contextual,
        popularity: Popularity,
    ) -> None:
        self.catalogue = catalogue
        self.rules = rules
        self.constraints = constraints
        self.collaborative = collaborative
        self.content = content
        self.contextual = contextual
        self.popularity = popularity
        self._merge = np.asarray([rules.merge_weights[name] for name in FUNNELS], np.float32)
        self._merge /= self._merge.sum()

    @classmethod
    def build(
        cls,
        catalogue: Catalogue,
        interactions: Interactions,
        *,
        encoder: TextEncoder,
        rules: dict[str, Any] | Rules,
        now_ts: int,
    ) -> Funnels:
        """Build every index.

        Args:
            catalogue: the shops as arrays.
            interactions: what people did, as arrays over the catalogue's rows.
            encoder: a trained text encoder.
            rules: what ``load_rules`` read.
            now_ts: epoch seconds that "recent" counts back from; later events are left out.

        Raises:
            DataError: the rules break their contract.
        """
        checked = check_rules(rules)
        menus = MenuIndex(catalogue, checked.allergens)
        return cls(
            catalogue,
            checked,
            Constraints(catalogue, checked, menus),
            Collaborative(catalogue, interactions, checked, now_ts=now_ts),
            Content(catalogue, menus, encoder, checked),
            Contextual(catalogue, checked),
            Popularity(catalogue, interactions, checked, now_ts=now_ts),
        )

    def find(self, query: Query, *, limit: int = MAX_CANDIDATES) -> CandidateSet:
        """Return at most ``limit`` candidates, best merged score first; all of them satisfy every filter not relaxed.

        ``flags`` say which funnels propose a shop, ``counts`` how many each brought (they add up to the length).
        """
        rows, relaxed = self._pool(query)
        if len(rows) == 0:
            return _nothing(relaxed)
        scores = self.score(query, rows)
        chosen, flags, counts = self._choose(scores, limit)
        picked = scores[chosen]
        merged = picked @ self._merge
        order = np.lexsort((rows[chosen], -merged))
        return CandidateSet(
            rows=rows[chosen][order],
            scores=picked[order],
            flags=flags[order],
            merged=merged[order],
            relaxed=relaxed,
            counts=counts,
        )

    def score(self, query: Query, rows: Rows) -> NDArray[np.float32]:
        """Return float32 (len(rows), 4) in 0..1, columns as ``FUNNELS``."""
        out = np.empty((len(rows), len(FUNNELS)), np.float32)
        shops, weights = self.collaborative.history(query.user.user_id)
        out[:, 0] = self.collaborative.score(query, rows)
        out[:, 1] = self.content.score(query, rows, shops=shops, weights=weights, k=min(400, len(rows)))
        out[:, 2] = self.contextual.score(
            query, rows, codes=self.constraints.home_codes(query), point=self.constraints.point(query)
        )
        out[:, 3] = self.popularity.score(rows)
        return out

    def _pool(self, query: Query) -> tuple[Rows, tuple[str, ...]]:
        """All rows that may be proposed, and what was given up. Unasked surroundings widen silently, a city at most."""
        limits = self.rules.limits
        n_steps = 0
        if all(getattr(query.filters, key) is None for key in LOCATION_KEYS):
            n_steps = self.constraints.n_catchments(query)
        rows: Rows = np.empty(0, np.int32)
        for step in range(n_steps):
            rows = self.constraints.rows(query, Asked(query.filters, catchment=step))
            if len(rows) >= limits.catchment_enough:
                return rows, ()
        if len(rows) >= limits.enough:
            return rows, ()
        last = n_steps - 1 if n_steps else None
        rows, _, relaxed = relax(query, Asked(query.filters, catchment=last), self.constraints, limits)
        if len(rows) or last is None:
            return rows, relaxed
        rows, _, relaxed = relax(query, Asked(query.filters), self.constraints, limits)
        return rows, ("district", *(key for key in relaxed if key != "district"))

    def _choose(
        self, scores: NDArray[np.float32], limit: int
    ) -> tuple[NDArray[np.intp], NDArray[np.bool_], dict[Funnel, int]]:
        """Let the funnels pick in turn, each its best shop not yet taken, in proportion to their quotas.

        Returns the chosen places, which funnels propose each (it is within the funnel's own quota, or the funnel picked
        it), and how many shops each picked: never more than its quota.
        """
        n, k = len(scores), min(limit, len(scores))
        tie = scores @ (self._merge * np.float32(1e-3))
        flags = np.zeros((n, len(FUNNELS)), bool)
        queues: list[list[int]] = []
        for column, name in enumerate(FUNNELS):
            order = _best(scores[:, column] + tie, k)
            flags[order[: self.rules.quotas[name]], column] = True
            queues.append(order.tolist())
        quotas = [self.rules.quotas[name] for name in FUNNELS]
        turns = sorted(((i + 1) / quota, column) for column, quota in enumerate(quotas) for i in range(quota))
        taken: set[int] = set()
        picks = [0] * len(FUNNELS)
        places = [0] * len(FUNNELS)
        for _, column in turns:
            if len(taken) == k:
                break
            queue, place = queues[column], places[column]
            while place < k and queue[place] in taken:
                place += 1
            places[column] = place + 1
            if place < k:
                taken.add(queue[place])
                flags[queue[place], column] = True
                picks[column] += 1
        chosen = np.sort(np.fromiter(taken, np.intp, len(taken)))
        return chosen, flags[chosen], dict(zip(FUNNELS, picks, strict=True))


def _best(values: NDArray[np.float32], k: int) -> NDArray[np.intp]:
    """Return the places of the k highest values, highest first, ties by place."""
    if k < len(values):
        part = np.argpartition(-values, k - 1)[:k] if k > 0 else np.empty(0, np.intp)
        part = np.sort(part)
    else:
        part = np.arange(len(values))
    return part[np.argsort(-values[part], kind="stable")]


def _nothing(relaxed: tuple[str, ...]) -> CandidateSet:
    n = len(FUNNELS)
    return CandidateSet(
        rows=np.empty(0, np.int32),
        scores=np.empty((0, n), np.float32),
        flags=np.empty((0, n), bool),
        merged=np.empty(0, np.float32),
        relaxed=relaxed,
        counts=dict.fromkeys(FUNNELS, 0),
    )
