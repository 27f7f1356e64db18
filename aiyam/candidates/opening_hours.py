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

    def _states(self, now: datetime) -> tuple[Mask, Mask]:
        minute = now.replace(second=0, microsecond=0)
        latest = self._latest
        if latest is None or latest[0] != minute:
            opens, closes, rest_from, rest_to, off_days = self._columns
            states = open_states(opens, closes, rest_from, rest_to, off_days, minute)
            is_open = states.state == OPEN
            soon = ~is_open & (states.minutes_to_open >= 0) & (states.minutes_to_open <= SOON_MIN)
            latest = self._latest = (minute, is_open, soon)
        return latest[1], latest[2]

    def open_now(self, rows: Rows, now: datetime) -> Mask:
        """Whether each row is open; unknown hours are not."""
        return self._states(now)[0][self._set_of[rows]]

    def opens_soon(self, rows: Rows, now: datetime) -> Mask:
        """Whether each row is closed or resting and opens within the hour."""
        return self._states(now)[1][self._set_of[rows]]
