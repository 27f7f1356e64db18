"""Open now, opens soon: computed once a minute for each distinct set of hours instead of for each shop."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aiyam.catalogue.opening import OPEN, open_states

if TYPE_CHECKING:
    from aiyam.catalogue.arrays import Catalogue

Rows = NDArray[np.int32]
Mask = NDArray[np.bool_]
SOON_MIN = 60


class OpeningHours:
    """Shops share few sets of hours (a city of 100,000 has some thousands), so states are looked up by set."""

    def __init__(self, catalogue: Catalogue) -> None:
        columns: tuple[NDArray[Any], ...] = (
            catalogue.open_min, catalogue.close_min, catalogue.break_start_min, catalogue.break_end_min, catalogue.off_days,
        )  # fmt: skip
        self._set_of: NDArray[np.int64] = np.zeros(len(catalogue.names), np.int64)
        for column in columns:
            key = self._set_of * 65536 + column.astype(np.int64)
            self._set_of = np.unique(key, return_inverse=True)[1].astype(np.int64)
        _, first = np.unique(self._set_of, return_index=True)
        self._columns = tuple(column[first] for column in columns)
        self._latest: tuple[datetime, Mask, Mask] | None = None

    def states(self, rows: Rows, now: datetime) -> tuple[Mask, Mask]:
        """Whether each row is open now (unknown hours are not), and whether it opens within the hour instead."""
        minute = now.replace(second=0, microsecond=0)
        latest, sets = self._latest, self._set_of[rows]
        if latest is not None and latest[0] == minute:
            return latest[1][sets], latest[2][sets]
        if 4 * len(rows) < len(self._columns[0]):
            return self._compute(minute, sets)
        latest = self._latest = (minute, *self._compute(minute, slice(None)))
        return latest[1][sets], latest[2][sets]

    def _compute(self, minute: datetime, sets: NDArray[np.int64] | slice) -> tuple[Mask, Mask]:
        opens, closes, rest_from, rest_to, off_days = (column[sets] for column in self._columns)
        states = open_states(opens, closes, rest_from, rest_to, off_days, minute)
        is_open = states.state == OPEN
        return is_open, ~is_open & (states.minutes_to_open >= 0) & (states.minutes_to_open <= SOON_MIN)

    def open_now(self, rows: Rows, now: datetime) -> Mask:
        """Whether each row is open; unknown hours are not."""
        return self.states(rows, now)[0]
