"""Layer 1 for a block of requests at once: the lists that ``Funnels.find`` gives one by one, from a few large arrays."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from math import log

import numpy as np
from numpy.typing import NDArray

from aiyam.candidates.areas import flat_distances_m
from aiyam.candidates.constraints import Asked
from aiyam.candidates.content import SCORED_EXACTLY, Sought
from aiyam.candidates.funnels import MAX_CANDIDATES, N_HABITS, Funnels
from aiyam.candidates.habits import Habits
from aiyam.candidates.picking import best_of_ragged, in_order, picked_in_turn
from aiyam.candidates.remembered import RememberedConstraints
from aiyam.catalogue.open_minutes import IS_OPEN, OPENS_SOON, OpenMinutes
from aiyam.catalogue.query import Lists, Query
from aiyam.contracts import FUNNELS, KST, TIMES_OF_DAY, UserProfile, time_of_day_at

Rows = NDArray[np.int32]
Scores = NDArray[np.float32]
Ints = NDArray[np.int64]
MAX_SOUGHT = 8_192
_CELLS = 1 << 22


def block_size(n_shops: int, most: int = 1_024) -> int:
    """Return how many requests are found at once, so that a mark for each of their shops fits into 4 MB."""
    return max(1, min(most, _CELLS // max(n_shops, 1)))


class BlockFunnels:
    """Finds the lists of many requests. Scores may differ from ``Funnels.find`` in rounding, so a tie may fall the other way."""

    def __init__(self, funnels: Funnels, *, like: BlockFunnels | None = None) -> None:
        """``like``: those of other acts over the same shops, whose memory is used on; their ``content`` must be the same."""
        f, catalogue = funnels, funnels.catalogue
        self.constraints: RememberedConstraints = (
            RememberedConstraints(catalogue, f.rules) if like is None else like.constraints
        )
        self.funnels = Funnels(
            catalogue, f.rules, self.constraints, f.collaborative, f.content, f.contextual, f.popularity
        )
        self.minutes: OpenMinutes = OpenMinutes(catalogue.hours) if like is None else like.minutes
        self._sought: dict[Hashable, Sought] = {} if like is None else like._sought

    def find(self, queries: Sequence[Query]) -> Lists:
        """Return the lists of b requests; b should be ``block_size`` at most."""
        number: dict[str, int] = {}
        people: list[UserProfile] = []
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
        f, c, limits = self.funnels, self.funnels.catalogue, self.funnels.rules.limits
        mark = np.zeros((len(queries), len(c)), bool)
        asked = [self.constraints.asked(query) for query in queries]
        relaxed: list[tuple[str, ...]] = [()] * len(queries)
        likely = np.append(f.collaborative._active, -1)[habits.likely(N_HABITS)][person]
        point = np.array([wanted.point or (np.nan, np.nan) for wanted in asked])[:, :, None]
        metres = flat_distances_m(c.lat[likely], c.lon[likely], point[:, 0], point[:, 1])
        likely[(likely < 0) | (metres > limits.catchments_m[-1]) | (np.isnan(metres) & ~np.isnan(point[:, 0]))] = -1
        alone: list[int] = []
        for i, (query, wanted) in enumerate(zip(queries, asked, strict=True)):
            n_steps = self._n_steps(query, wanted)
            if n_steps == 0:
                alone.append(i)
                continue
            fits = self.constraints.mask(query, wanted)
            for step in range(n_steps):
                rows = self.constraints.surroundings(query, wanted, step)
                rows = rows[fits[rows]]
                if len(rows) >= limits.catchment_enough:
                    break
            own = likely[i][likely[i] >= 0]
            mark[i, own[fits[own]]] = True
            mark[i, rows] = True
            if len(rows) < limits.enough and mark[i].sum() < limits.enough:
                alone.append(i)
        for i in alone:
            rows, wanted, relaxed[i] = f._pool(queries[i])
            if len(rows) > SCORED_EXACTLY:
                rows = f._narrow(queries[i], rows, wanted, f._sought(queries[i]))
            mark[i] = False
            mark[i, rows] = True
        return asked, relaxed, mark

    def _n_steps(self, query: Query, asked: Asked) -> int:
        """How often the surroundings may widen; 0 for a request whose pool has to be found alone."""
        f = query.filters
        placed = f.district is not None or f.place is not None or f.near_me is not None or f.max_distance_m is not None
        alone = placed or not self.constraints.remembers or len(query.exclude_rows) > 0
        return 0 if alone else self.constraints.n_catchments(asked)

    # ------------------------------------------------------------------ scores

    def _content(
        self, queries: Sequence[Query], person: Ints, habits: Habits, rows: Rows, start: NDArray[np.intp]
    ) -> Scores:
        content = self.funnels.content
        middle = habits.middle(content.vectors)
        by_person = middle @ content.vectors.T if self.constraints.remembers else None
        out = np.empty(len(rows), np.float32)
        for i, (query, low, high) in enumerate(zip(queries, start[:-1].tolist(), start[1:].tolist(), strict=True)):
            pool = rows[low:high]
            text = content.text_of(query)
            if text.strip() or query.words.strip():
                out[low:high] = content.score(self.sought(query, text), pool)
            elif by_person is not None:
                out[low:high] = by_person[person[i], pool]
            else:
                out[low:high] = content.vectors[pool] @ middle[person[i]]
        return np.clip(out, 0, 1, out=out)

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
        meal = np.empty(len(queries), np.int64)
        lat, lon = np.full(len(queries), np.nan), np.full(len(queries), np.nan)
        bits = np.zeros(len(queries), np.uint8)
        best = np.full(len(queries), r.meal_time_up_to + r.open_now)
        nowhere = np.zeros(len(c.district_names) + 1, np.float32)
        districts = []
        for i, (query, wanted) in enumerate(zip(queries, asked, strict=True)):
            local = query.now.astimezone(KST)
            meal[i] = TIMES_OF_DAY.index(query.filters.time_of_day or time_of_day_at(local.hour))
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
        metres = flat_distances_m(c.lat[rows], c.lon[rows], lat[of], lon[of])
        near = np.exp(metres * np.float32(-log(2) / r.near_half_m))
        out += np.float32(r.near_up_to) * np.fmax(near, np.float32(0))
        states, which = self.minutes.at([query.now for query in queries])
        state = states[which[of], c.hours.set_of[rows]]
        out += np.float32(r.open_now) * (state & IS_OPEN > 0) + np.float32(r.opens_within_hour) * (
            state & OPENS_SOON > 0
        )
        if bits.any():
            out += np.float32(r.companion) * ((c.atmosphere[rows] & bits[of]) != 0)
        return np.asarray(out / best.astype(np.float32)[of], np.float32)

    # ------------------------------------------------------------------ lists

    def _listed(self, rows: Rows, start: NDArray[np.intp], scores: Scores, relaxed: Sequence[tuple[str, ...]]) -> Lists:
        """Let the funnels pick in turn for each request; see ``Funnels._choose``."""
        f = self.funnels
        queues = best_of_ragged(scores + (scores @ (f._merge * np.float32(1e-3)))[:, None], start, MAX_CANDIDATES)
        places, flags = picked_in_turn(queues, f._turns, [f.rules.quotas[name] for name in FUNNELS], start)
        at = np.where(places >= 0, start[:-1, None] + places, len(rows))  # what follows the last stands for "none"
        rows, scores = np.append(rows, np.int32(-1)), np.append(scores, np.zeros((1, len(FUNNELS)), np.float32), axis=0)
        merged = scores @ f._merge
        order = in_order(merged[at], places)
        places, at, flags = (np.take_along_axis(part, order, 1) for part in (places, at, flags))
        return Lists(
            size=(places >= 0).sum(axis=1),
            rows=rows[at],
            scores=scores[at],
            flags=(flags[:, :, None] >> np.arange(len(FUNNELS), dtype=np.uint8) & 1).astype(bool),
            merged=merged[at],
            relaxed=relaxed,
        )
