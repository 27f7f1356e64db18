"""Layer 1: constraints, then four funnels with their quotas, merged into one candidate list."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from numpy.typing import NDArray

from aiyam.candidates.areas import flat_distance_m
from aiyam.candidates.collaborative import Collaborative
from aiyam.candidates.constraints import LOCATION_KEYS, Asked, Constraints
from aiyam.candidates.content import SCORED_EXACTLY, Content, Sought
from aiyam.candidates.contextual import Contextual
from aiyam.candidates.encoder import TextEncoder
from aiyam.candidates.merging import best_places, pick_in_turn, turns_of
from aiyam.candidates.pool import ShopFacts
from aiyam.candidates.popularity import Popularity
from aiyam.candidates.relaxation import relax
from aiyam.candidates.row_sets import merged
from aiyam.candidates.rules import Rules, check_rules
from aiyam.catalogue.query import CandidateSet, Query
from aiyam.contracts import FUNNELS, Funnel

if TYPE_CHECKING:
    from aiyam.catalogue.arrays import Catalogue
    from aiyam.catalogue.interactions import Interactions

Rows = NDArray[np.int32]
MAX_CANDIDATES = 150
N_NEAREST = 400
N_HABITS = 60
_COLUMNS: tuple[Funnel, ...] = get_args(Funnel)


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
        self._facts = ShopFacts(catalogue, popularity.scores)
        self._merge = np.asarray([rules.merge_weights[name] for name in _COLUMNS], np.float32)
        self._merge /= self._merge.sum()
        self._turns = turns_of([rules.quotas[name] for name in _COLUMNS])

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
        constraints = Constraints(catalogue, checked)
        return cls(
            catalogue,
            checked,
            constraints,
            Collaborative(catalogue, interactions, checked, now_ts=now_ts),
            Content(catalogue, encoder, checked),
            Contextual(catalogue, checked),
            Popularity(catalogue, interactions, checked, now_ts=now_ts),
        )

    def updated(self, catalogue: Catalogue, rows: Rows) -> Funnels:
        """Return the funnels over a catalogue of which only ``rows`` are new or other (``with_shops_read_again``).

        What people did stays as it was learned. These funnels are not touched: threads may go on reading them.
        """
        return Funnels(
            catalogue,
            self.rules,
            Constraints(catalogue, self.rules),
            self.collaborative.updated(catalogue),
            self.content.updated(catalogue, rows),
            Contextual(catalogue, self.rules),
            self.popularity.updated(catalogue),
        )

    def find(self, query: Query, *, limit: int = MAX_CANDIDATES, relaxing: bool = True) -> CandidateSet:
        """Return at most ``limit`` candidates, best merged score first; all of them satisfy every filter not relaxed.

        Without ``relaxing`` few or none are found rather than others than asked for. ``flags`` say which funnels propose a shop, ``counts`` how many each brought (they add up to the length).
        """
        rows, asked, relaxed = self._pool(query)
        if relaxed and not relaxing:
            rows, relaxed = self.constraints.rows(query, asked), ()
        if len(rows) == 0:
            return _nothing(relaxed)
        sought = self._sought(query)
        rows = self._narrow(query, rows, asked, sought)
        scores = self._score(query, rows, asked, sought)
        chosen, flags, counts = self._choose(scores, limit)
        picked = scores[chosen]
        merged_scores = picked @ self._merge
        order = np.argsort(-merged_scores, kind="stable")  # chosen is ascending, so ties stay in order of rows
        return CandidateSet(
            rows=rows[chosen[order]],
            scores=picked[order],
            flags=flags[order],
            merged=merged_scores[order],
            relaxed=relaxed,
            counts=counts,
        )

    def score(self, query: Query, rows: Rows, asked: Asked | None = None) -> NDArray[np.float32]:
        """Return float32 (len(rows), 4) in 0..1 for ascending rows, columns as ``FUNNELS``."""
        return self._score(query, rows, asked or self.constraints.asked(query), self._sought(query))

    def fitting(self, query: Query, rows: Rows) -> Rows:
        """Return those of the ascending ``rows`` that satisfy the query as asked, though it may turn them down."""
        anew = replace(query, exclude_rows=np.empty(0, np.int32))
        asked = self.constraints.asked(anew)
        found = self.constraints.rows(anew, asked)
        return found[np.isin(found, rows)]

    def _sought(self, query: Query) -> Sought:
        return self.content.sought(query, *self.collaborative.history(query.user.user_id))

    def _score(self, query: Query, rows: Rows, asked: Asked, sought: Sought) -> NDArray[np.float32]:
        out = np.empty((len(FUNNELS), len(rows)), np.float32)
        pool = self._facts.of(rows)
        out[0] = self.collaborative.score_pool(query, pool)
        out[1] = self.content.score(sought, pool.rows)
        out[2] = self.contextual.score_pool(query, pool, codes=asked.codes, point=asked.point)
        out[3] = pool.popularity
        return out.T

    def _pool(self, query: Query) -> tuple[Rows, Asked, tuple[str, ...]]:
        """All rows that may be proposed, what was asked, and what was given up.

        Where no place was asked for, the person's surroundings widen silently, to 20 km or the city at most.
        """
        limits, constraints = self.rules.limits, self.constraints
        asked = constraints.asked(query)
        placed = any(getattr(query.filters, key) is not None for key in LOCATION_KEYS)
        n_steps = 0 if placed else constraints.n_catchments(asked)
        if n_steps == 0:
            lost = not placed and (query.district or query.user.district) is not None
            found, _, relaxed = relax(query, asked, constraints, limits)
            return found, asked, _and_district(relaxed) if lost else relaxed
        rows: Rows = np.empty(0, np.int32)
        for step in range(n_steps):
            nearby = replace(asked, catchment=step)
            rows = constraints.rows(query, nearby)
            if len(rows) >= limits.catchment_enough:
                break
        rows = self._with_habits(query, rows, asked)
        if len(rows) >= limits.enough:
            return rows, asked, ()
        rows, eased, relaxed = relax(query, nearby, constraints, limits)
        if len(rows):
            return self._nearest(query, rows, eased), asked, relaxed
        rows, _, relaxed = relax(query, asked, constraints, limits)
        return rows, asked, _and_district(relaxed)

    def _nearest(self, query: Query, rows: Rows, eased: Asked) -> Rows:
        """Look nearer again for what is asked once something was given up: other dishes need not come from afar."""
        for step in range(eased.catchment or 0):
            near = self.constraints.rows(query, replace(eased, catchment=step))
            if len(near) >= self.rules.limits.catchment_enough:
                return near
        return rows

    def _with_habits(self, query: Query, rows: Rows, asked: Asked) -> Rows:
        """Add the shops the person goes to, or people alike go to, that lie beyond the nearest surroundings."""
        likely = self.collaborative.likely_rows(query, N_HABITS)
        if asked.point is not None and len(likely):
            c = self.catalogue
            metres = flat_distance_m(c.lat[likely], c.lon[likely], *asked.point)
            likely = likely[metres <= self.rules.limits.catchments_m[-1]]
        if len(likely) == 0:
            return rows
        fits = self.constraints.rows(query, asked, among=likely)
        return merged(rows, fits)

    def _narrow(self, query: Query, rows: Rows, asked: Asked, sought: Sought) -> Rows:
        """Cut a pool too large to score shop by shop to those some funnel could pick, each asked by its own index."""
        if len(rows) <= SCORED_EXACTLY:
            return rows
        c, n_each = self.catalogue, SCORED_EXACTLY // 6
        among = np.zeros(len(c.names), bool)
        among[rows] = True
        said = np.zeros(len(among), bool)
        for found in sought.rows():
            said[found] = True
        parts = [
            self.popularity.best_rows(rows, n_each),
            self.popularity.best_rows(rows[said[rows]], n_each),
            self.content.nearest(sought.vector, among, N_NEAREST),
            self.collaborative.likely_rows(query, N_NEAREST),
        ]
        if asked.point is not None:
            metres = np.nan_to_num(flat_distance_m(c.lat[rows], c.lon[rows], *asked.point), nan=np.inf)
            parts.append(rows[np.argpartition(metres, n_each)[:n_each]])
        kept = np.unique(np.concatenate(parts))
        return np.asarray(kept[among[kept]], np.int32)

    def _choose(
        self, scores: NDArray[np.float32], limit: int
    ) -> tuple[NDArray[np.intp], NDArray[np.bool_], dict[Funnel, int]]:
        """Let the funnels pick in turn, each its best shop not yet taken, in proportion to their quotas.

        Returns the chosen places, which funnels propose each (it is within the funnel's own quota, or the funnel picked
        it), and how many shops each picked: never more than its quota.
        """
        queues = self._queues(scores, limit)
        picked = pick_in_turn(queues.tolist(), self._turns, limit)
        flags = np.zeros((len(scores), len(FUNNELS)), bool)
        for column, name in enumerate(_COLUMNS):
            flags[queues[column][: self.rules.quotas[name]], column] = True
        places, columns = np.fromiter(picked, np.intp, len(picked)), np.fromiter(picked.values(), np.intp, len(picked))
        flags[places, columns] = True
        chosen = np.sort(places)
        picks = np.bincount(columns, minlength=len(FUNNELS)).tolist()
        return chosen, flags[chosen], dict(zip(_COLUMNS, picks, strict=True))

    def _queues(self, scores: NDArray[np.float32], limit: int) -> NDArray[np.int64]:
        """Return the places (4, k) of each funnel's best, best first; ties go to the better merged score."""
        return best_places(scores.T + scores @ (self._merge * np.float32(1e-3)), limit)

    def queues(self, query: Query, *, limit: int = MAX_CANDIDATES) -> list[Rows]:
        """Return the rows each funnel would pick for a request, best first, before they share the list."""
        rows, asked, _ = self._pool(query)
        if len(rows) == 0:
            return [rows] * len(FUNNELS)
        sought = self._sought(query)
        rows = self._narrow(query, rows, asked, sought)
        return [rows[queue] for queue in self._queues(self._score(query, rows, asked, sought), limit)]


def _and_district(relaxed: tuple[str, ...]) -> tuple[str, ...]:
    return ("district", *(key for key in relaxed if key != "district"))


def _nothing(relaxed: tuple[str, ...]) -> CandidateSet:
    n = len(FUNNELS)
    return CandidateSet(
        rows=np.empty(0, np.int32),
        scores=np.empty((0, n), np.float32),
        flags=np.empty((0, n), bool),
        merged=np.empty(0, np.float32),
        relaxed=relaxed,
        counts=dict.fromkeys(_COLUMNS, 0),
    )
