"""What positions, categories and hours tell of where somebody goes next: nearness with a fitted decay, lifts, own habits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from interaction_logs import Source
from numpy.typing import NDArray

from aiyam.candidates.item_models import Ints, Log, Scores, histories, weighted_histories

MOST_CELLS = 4_000
LEAST_CELL_M = 150.0
BINS_M = np.geomspace(100.0, 200_000.0, 34)
"""Edges of the distances within which visits are counted."""
NEAR_VIEWS: dict[str, float] = {"near the last": 0.0, "nearness": 0.8, "near all": 1.0}
"""How fast the places gone to fade, by event."""
CLOSE_DECAY, NEAR_M = 0.8, 1_000.0
UNKNOWN_LIFT = -2.0
"""The log of the lift of items without a position."""
TASTE_DECAY, TASTE_SMOOTHING, HOUR_SMOOTHING = 0.98, 10.0, 50.0
HOURS = 24
HABIT_DECAY = 0.97
HOUR_S, DAY_S = 3_600, 86_400


def metres(lat: Scores, lon: Scores, other_lat: Scores, other_lon: Scores) -> Scores:
    """Return the distance between points, in any shapes that go together; nan where one is unknown."""
    north = (lat - other_lat) * np.float32(111_195.0)
    east = (lon - other_lon) * np.float32(111_195.0) * np.cos(np.radians(other_lat))
    return np.asarray(np.sqrt(north * north + east * east), np.float32)


@dataclass(frozen=True)
class Nearness:
    """Items in c cells of a grid, and how much oftener than by popularity people go on to a cell from another.

    ``cell`` (n_items,) is -1 where no position is known; ``lift`` (c, c) and ``close`` (c, c), exp(-metres / ``NEAR_M``).
    """

    cell: Ints
    lift: Scores
    close: Scores

    @classmethod
    def fit(cls, source: Source, fitted: Log, *, seed: int = 0) -> Nearness | None:
        """Count new items by their distance from the place before, against the places people go to from anywhere.

        Returns None where no or hardly any position is known.
        """
        from scipy.optimize import isotonic_regression

        known = np.isfinite(source.lat) & np.isfinite(source.lon)
        if known.mean() < 0.1:
            return None
        cell, lat, lon = _cells(source.lat, source.lon, known)
        place = fitted.place
        events = np.flatnonzero((place >= 1) & (cell[fitted.item] >= 0))
        events = events[cell[fitted.item[events - 1]] >= 0]
        events = events[fitted.item[events] != fitted.item[events - 1]]
        before, after = cell[fitted.item[events - 1]], cell[fitted.item[events]]
        anywhere = np.random.default_rng(seed).permutation(after)

        def counted(there: Ints) -> NDArray[np.float64]:
            bins = np.digitize(metres(lat[there], lon[there], lat[before], lon[before]), BINS_M)
            return np.asarray(np.bincount(bins, minlength=len(BINS_M) + 1) + 1.0, np.float64)

        gone, by_chance = counted(after), counted(anywhere)
        # Farther is never nearer: a bump at some distance is noise.
        falling = isotonic_regression(gone / by_chance, weights=by_chance, increasing=False).x.astype(np.float32)
        lift = np.empty((len(lat), len(lat)), np.float32)
        close = np.empty((len(lat), len(lat)), np.float32)
        for row in range(len(lat)):
            far = metres(lat, lon, lat[row], lon[row])
            lift[row] = falling[np.digitize(far, BINS_M)]
            close[row] = np.exp(-far / np.float32(NEAR_M))
        return cls(cell, lift, close)

    def scores(self, log: Log, events: Ints) -> dict[str, Scores]:
        """Return (q, n_items) by view: the log of the lift from the places gone to, and how many of them are close by."""
        out = {}
        for view, decay in NEAR_VIEWS.items():
            gone = self._by_cell(histories(log, events, decay))
            total = gone.sum(axis=1, keepdims=True)
            by_cell = np.log(np.maximum(gone @ self.lift / np.maximum(total, 1e-9), np.float32(0.05)))
            by_cell[total[:, 0] <= 0] = 0.0
            out[view] = self._by_item(by_cell, UNKNOWN_LIFT)
        out["close by"] = self._by_item(self._by_cell(histories(log, events, CLOSE_DECAY)) @ self.close, 0.0)
        return out

    def _by_item(self, by_cell: Scores, unknown: float) -> Scores:
        out = np.asarray(by_cell[:, self.cell], np.float32)
        out[:, self.cell < 0] = unknown
        return out

    def _by_cell(self, history: Any) -> Scores:
        from scipy import sparse

        placed = np.flatnonzero(self.cell >= 0)
        ones = np.ones(len(placed), np.float32)
        shape = (len(self.cell), len(self.lift))
        return np.asarray((history @ sparse.csr_matrix((ones, (placed, self.cell[placed])), shape=shape)).toarray())


def _cells(lat: Scores, lon: Scores, known: NDArray[np.bool_]) -> tuple[Ints, Scores, Scores]:
    """Return each item's cell (n_items,) and the cells' middles, the cells so large that they are ``MOST_CELLS`` at most."""
    size_m = LEAST_CELL_M
    middle = float(np.radians(np.median(lat[known])))
    while True:
        north = np.floor(lat[known] * 111_195.0 / size_m).astype(np.int64)
        east = np.floor(lon[known] * 111_195.0 * np.cos(middle) / size_m).astype(np.int64)
        _, number = np.unique(np.stack((north, east), axis=1), axis=0, return_inverse=True)
        number = number.ravel()
        n = int(number.max()) + 1
        if n <= MOST_CELLS:
            break
        size_m *= 1.4
    cell = np.full(len(lat), -1)
    cell[known] = number
    size = np.bincount(number)
    means = [(np.bincount(number, weights=axis[known]) / size).astype(np.float32) for axis in (lat, lon)]
    return cell, means[0], means[1]


@dataclass(frozen=True)
class Kinds:
    """Which of c categories follows from a person's past, from the category before, and from the hour, as lifts over the share.

    ``category`` (n_items,), -1 none; ``share`` (c,); ``after`` (c, c) and ``at_hour`` (24, c) are logs of lifts.
    """

    category: Ints
    share: NDArray[np.float64]
    after: Scores
    at_hour: Scores

    @classmethod
    def fit(cls, source: Source, fitted: Log) -> Kinds | None:
        """Count categories; None where none, or but one, is known."""
        n = int(source.category.max()) + 1
        if n < 2 or n > 3_000:
            return None
        kind = source.category[fitted.item]
        count = np.bincount(kind[kind >= 0], minlength=n) + 1.0
        share = np.asarray(count / count.sum(), np.float64)
        follows = np.flatnonzero((fitted.place >= 1) & (kind >= 0))
        follows = follows[kind[follows - 1] >= 0]
        follows = follows[fitted.item[follows] != fitted.item[follows - 1]]
        pairs = np.bincount(kind[follows - 1] * n + kind[follows], minlength=n * n).reshape(n, n)
        known = np.flatnonzero(kind >= 0)
        hours = np.bincount(hour_of(fitted.ts[known]) * n + kind[known], minlength=HOURS * n).reshape(HOURS, n)
        hours = hours + 0.5 * (np.roll(hours, 1, axis=0) + np.roll(hours, -1, axis=0))
        return cls(source.category, share, _log_lift(pairs, share), _log_lift(hours, share))

    def scores(self, log: Log, events: Ints) -> dict[str, Scores]:
        """Return (q, n_items) by view: what the person likes, what follows the last category, what fits the hour."""
        from scipy import sparse

        placed = np.flatnonzero(self.category >= 0)
        shape = (len(self.category), len(self.share))
        to_kind = sparse.csr_matrix((np.ones(len(placed), np.float32), (placed, self.category[placed])), shape=shape)
        past = (histories(log, events, TASTE_DECAY) @ to_kind).toarray()
        taste = past + TASTE_SMOOTHING * self.share
        taste /= taste.sum(axis=1, keepdims=True) * self.share
        last = np.where(log.place[events] > 0, self.category[log.item[np.maximum(events - 1, 0)]], -1)
        after = self.after[last]
        after[last < 0] = 0.0
        at_hour = self.at_hour[hour_of(log.ts[events])]
        by_kind = {"taste": np.log(taste).astype(np.float32), "what follows": after, "the hour": at_hour}
        out = {view: values[:, self.category] for view, values in by_kind.items()}
        for values in out.values():
            values[:, self.category < 0] = 0.0
        return out


def _log_lift(count: NDArray[np.int64] | NDArray[np.float64], share: NDArray[np.float64]) -> Scores:
    smooth = count + HOUR_SMOOTHING * share
    lift = smooth / smooth.sum(axis=1, keepdims=True) / share
    return np.asarray(np.log(lift), np.float32)


def hour_of(ts: Ints) -> Ints:
    """Return the hour of the day, 0..23, of times in seconds."""
    return np.asarray(ts // HOUR_S % HOURS, np.int64)


def habits(log: Log, events: Ints) -> dict[str, Scores]:
    """Return (q, n_items) by view: how often and lately the person had each item, at any hour and at hours like this one."""

    def near_hour(position: Ints, event: Ints, back: Ints) -> Scores:
        apart = np.abs(log.ts[position] // HOUR_S - log.ts[event] // HOUR_S)
        of_day = np.minimum(apart % HOURS, HOURS - apart % HOURS)
        return np.asarray(np.exp(-((of_day / 2.0) ** 2)) * HABIT_DECAY**back, np.float32)

    had = histories(log, events, HABIT_DECAY).toarray()
    then = weighted_histories(log, events, near_hour).toarray()
    return {"again": np.log1p(had), "again at this hour": np.log1p(then)}
