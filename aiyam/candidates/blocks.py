"""Layer 1 for a block of requests at once: the lists that ``Funnels.find`` gives one by one, from a few large arrays."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from aiyam.candidates.areas import METRES_PER_DEGREE, flat_distance_m
from aiyam.candidates.constraints import LOCATION_KEYS, Asked
from aiyam.candidates.content import SCORED_EXACTLY, Sought
from aiyam.candidates.funnels import MAX_CANDIDATES, N_HABITS, Funnels
from aiyam.candidates.habits import Habits
from aiyam.candidates.picking import best_of_ragged, in_order, picked_in_turn
from aiyam.catalogue.opening import OPEN
from aiyam.catalogue.query import CandidateSet, Query
from aiyam.contracts import CATEGORIES, FUNNELS, KST, TIMES_OF_DAY, time_of_day_at

Rows = NDArray[np.int32]
Scores = NDArray[np.float32]
Ints = NDArray[np.int64]
MAX_SOUGHT = 8_192
_CELLS = 1 << 22
_N_KINDS = len(CATEGORIES) + 1


def block_size(n_shops: int, most: int = 1_024) -> int:
    """Return how many requests are found at once, so that a mark for each of their shops fits into 4 MB."""
    return max(1, min(most, _CELLS // max(n_shops, 1)))


@dataclass(frozen=True)
class Lists:
    """The candidates of b requests, best first, k at most: size (b,), rows (b, k; -1 where a list has ended).

    scores and flags (b, k, 4) and merged (b, k) are those of ``CandidateSet``, as is ``relaxed``.
    """

    size: Ints
    rows: Rows
    scores: Scores
    flags: NDArray[np.bool_]
    merged: Scores
    relaxed: Sequence[tuple[str, ...]]

    def __len__(self) -> int:
        return len(self.size)

    def one(self, i: int) -> CandidateSet:
        """Return the i-th list alone, without its counts."""
        part = slice(int(self.size[i]))
        return CandidateSet(
            self.rows[i, part], self.scores[i, part], self.flags[i, part], self.merged[i, part], self.relaxed[i]
        )


class BlockFunnels:
    """Finds the lists of many requests. Scores may differ from ``Funnels.find`` in rounding, so a tie may fall the other way."""

    def __init__(self, funnels: Funnels) -> None:
        self.funnels = funnels
        self._sought: dict[Hashable, Sought] = {}
        self._open_points: dict[int, Scores] = {}

    def over(self, funnels: Funnels) -> BlockFunnels:
        """Return the same for funnels that learned from other acts; their ``content`` and hours must be the same."""
        new = BlockFunnels(funnels)
        new._sought, new._open_points = self._sought, self._open_points
        return new

    def find(self, queries: Sequence[Query]) -> Lists:
        """Return the lists of b requests; b should be ``block_size`` at most."""
        number: dict[str, int] = {}
        people = []
        for query in queries:
            if number.setdefault(query.user.user_id, len(people)) == len(people):
                people.append(query.user)
        person = np.array([number[query.user.user_id] for query in queries], np.int64)
        habits = Habits(self.funnels.collaborative, self.funnels.catalogue, people)
        asked, relaxed, mark = self._pools(queries, person, habits)
        of, rows = (part.astype(dtype) for part, dtype in zip(np.nonzero(mark), (np.int64, np.int32), strict=True))
        start = np.searchsorted(of, np.arange(len(queries) + 1))
        scores = np.empty((len(rows), len(FUNNELS)), np.float32)
        scores[:, 0] = habits.score(person[of], rows)
        scores[:, 1] = self._content(queries, person, habits, rows, start)
        scores[:, 2] = self._contextual(queries, asked, of, rows)
        scores[:, 3] = self.funnels.popularity.score(rows)
        return self._listed(rows, start, scores, relaxed)

    # ------------------------------------------------------------------ pools

    def _pools(
        self, queries: Sequence[Query], person: Ints, habits: Habits
    ) -> tuple[list[Asked], list[tuple[str, ...]], NDArray[np.bool_]]:
        """Return what each asked, what was given up, and bool (b, n) which shops may be proposed; see ``Funnels._pool``."""
        f, c = self.funnels, self.funnels.catalogue
        constraints, limits = f.constraints, f.rules.limits
        active = np.append(f.collaborative._active, -1)
        likely = active[habits.likely(N_HABITS)]
        mark = np.zeros((len(queries), len(c)), bool)
        asked, relaxed = list[Asked](), list[tuple[str, ...]]()
        alone: list[int] = []
        for i, query in enumerate(queries):
            wanted = constraints.asked(query)
            asked.append(wanted)
            relaxed.append(())
            filters = query.filters
            placed = any(getattr(filters, key) is not None for key in LOCATION_KEYS)
            n_steps = 0 if placed else constraints.n_catchments(wanted)
            if n_steps == 0:
                alone.append(i)
                continue
            for step in range(n_steps):
                rows = constraints.rows(query, replace(wanted, catchment=step))
                if len(rows) >= limits.catchment_enough:
                    break
            own = likely[person[i]]
            own = own[own >= 0]
            if wanted.point is not None and len(own):
                own = own[flat_distance_m(c.lat[own], c.lon[own], *wanted.point) <= limits.catchments_m[-1]]
            if len(own):
                mark[i, constraints.rows(query, wanted, among=own)] = True
            mark[i, rows] = True
            if len(rows) < limits.enough and mark[i].sum() < limits.enough or len(rows) > SCORED_EXACTLY:
                mark[i] = False
                alone.append(i)
        for i in alone:
            rows, wanted, relaxed[i] = f._pool(queries[i])
            if len(rows) > SCORED_EXACTLY:
                rows = f._narrow(queries[i], rows, wanted, f._sought(queries[i]))
            mark[i, rows] = True
        return asked, relaxed, mark

    # ------------------------------------------------------------------ scores

    def _content(
        self, queries: Sequence[Query], person: Ints, habits: Habits, rows: Rows, start: NDArray[np.intp]
    ) -> Scores:
        content = self.funnels.content
        middle = habits.middle(content.vectors)
        out = np.empty(len(rows), np.float32)
        for i, (query, low, high) in enumerate(zip(queries, start[:-1].tolist(), start[1:].tolist(), strict=True)):
            pool = rows[low:high]
            text = content.text_of(query)
            if f"{text}{query.words}".strip():
                out[low:high] = content.score(self.sought(query, text), pool)
            else:
                np.dot(content.vectors[pool], middle[person[i]], out=out[low:high])
                np.clip(out[low:high], 0, 1, out=out[low:high])
        return out

    def sought(self, query: Query, text: str) -> Sought:
        """Return what a request with words says; the latest are kept."""
        key = (text, query.words, query.filters.menus, query.filters.category)
        found = self._sought.get(key)
        if found is None:
            if len(self._sought) >= MAX_SOUGHT:
                self._sought.clear()
            nobody = np.empty(0, np.int32), np.empty(0, np.float32)
            found = self._sought[key] = self.funnels.content.sought(query, *nobody)
        return found

    def _contextual(self, queries: Sequence[Query], asked: Sequence[Asked], of: Ints, rows: Rows) -> Scores:
        """Return the points of ``Contextual.score`` for each shop of each pool, end to end."""
        it, c = self.funnels.contextual, self.funnels.catalogue
        r = it._rules
        meal, minute = np.empty(len(queries), np.int64), np.empty(len(queries), np.int64)
        lat, lon = np.full(len(queries), np.nan), np.full(len(queries), np.nan)
        bits = np.zeros(len(queries), np.uint8)
        best = np.full(len(queries), r.meal_time_up_to + r.open_now)
        nowhere = np.zeros(len(c.district_names) + 1, np.float32)
        districts = []
        for i, (query, wanted) in enumerate(zip(queries, asked, strict=True)):
            local = query.now.astimezone(KST)
            meal[i] = TIMES_OF_DAY.index(query.filters.time_of_day or time_of_day_at(local.hour))
            minute[i] = self._minute_of_week(query)
            districts.append(it._district_points(wanted.codes) if wanted.codes else nowhere)
            best[i] += r.district * bool(wanted.codes)
            if wanted.point is not None:
                lat[i], lon[i] = wanted.point
                best[i] += r.near_up_to
            if query.filters.companion:
                bits[i] = it._companion_bits.get(query.filters.companion, 0)
                best[i] += r.companion * bool(bits[i])
        out = it._meal_points[meal[of], c.category[rows]]
        out += np.stack(districts)[of, c.district[rows]]
        north = (c.lat[rows] - lat.astype(np.float32)[of]) * np.float32(METRES_PER_DEGREE)
        wide = (METRES_PER_DEGREE * np.cos(np.radians(lat))).astype(np.float32)
        east = (c.lon[rows] - lon.astype(np.float32)[of]) * wide[of]
        near = np.exp2(np.sqrt(north * north + east * east) * np.float32(-1 / r.near_half_m))
        out += np.float32(r.near_up_to) * np.fmax(near, np.float32(0))
        minutes, which = np.unique(minute, return_inverse=True)
        points = np.stack([self._open_points[m] for m in minutes.tolist()])
        out += points[which[of], c.hours.set_of[rows]]
        if bits.any():
            out += np.float32(r.companion) * ((c.atmosphere[rows] & bits[of]) != 0)
        return np.asarray(out / best.astype(np.float32)[of], np.float32)

    def _minute_of_week(self, query: Query) -> int:
        """Return the minute of the week, 0 to 10,079, whose points for being open are kept from here on."""
        local = query.now.astimezone(KST)
        minute = (local.weekday() * 24 + local.hour) * 60 + local.minute
        if minute not in self._open_points:
            points = self.funnels.contextual._open_points(query.now)
            if len(self._open_points) * len(points) >= 4 * _CELLS:
                self._open_points.clear()
            self._open_points[minute] = points
        return minute

    # ------------------------------------------------------------------ lists

    def _listed(
        self, rows: Rows, start: NDArray[np.intp], scores: Scores, relaxed: Sequence[tuple[str, ...]]
    ) -> Lists:
        """Let the funnels pick in turn for each request; see ``Funnels._choose``."""
        f = self.funnels
        queues = best_of_ragged(scores + (scores @ (f._merge * np.float32(1e-3)))[:, None], start, MAX_CANDIDATES)
        places, _, flags = picked_in_turn(queues, f._turns, [f.rules.quotas[name] for name in FUNNELS], start)
        at = start[:-1, None] + np.maximum(places, 0)
        merged = scores @ f._merge
        order = in_order(np.where(places >= 0, merged[np.minimum(at, max(len(rows) - 1, 0))], -1), places)
        places, at, flags = (np.take_along_axis(part, order, 1) for part in (places, at, flags))
        listed = places >= 0
        at = np.where(listed, at, 0)
        if not len(rows):
            rows, scores, merged = np.zeros(1, np.int32), np.zeros((1, len(FUNNELS)), np.float32), np.zeros(1, np.float32)
        return Lists(
            size=listed.sum(axis=1),
            rows=np.where(listed, rows[at], -1).astype(np.int32),
            scores=scores[at],
            flags=(flags[:, :, None] >> np.arange(len(FUNNELS), dtype=np.uint8) & 1).astype(bool),
            merged=merged[at],
            relaxed=relaxed,
        )
