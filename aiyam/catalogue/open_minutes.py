"""Opening by the minute of the week: what is open at a minute is worked out once, for logs whose requests fill whole weeks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from aiyam.catalogue.opening import OpeningHours
from aiyam.contracts import KST

IS_OPEN, IS_UNKNOWN, OPENS_SOON, CLOSES_SOON = 1, 2, 4, 8
_MOST = 1 << 25


class OpenMinutes:
    """States of every set of hours at minutes of the week, as bits. Not for threads: the memory is emptied when full."""

    def __init__(self, hours: OpeningHours) -> None:
        self.hours = hours
        self._known: dict[int, NDArray[np.uint8]] = {}

    def at(self, moments: Sequence[datetime]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Return (m, s) the bits of the m different minutes among b moments for s sets of hours, and (b,) which is whose."""
        minutes = np.fromiter((self._learned(now) for now in moments), np.int64, len(moments))
        different, which = np.unique(minutes, return_inverse=True)
        n_sets = int(self.hours.set_of.max(initial=-1)) + 1
        found = np.zeros((len(different), n_sets), np.uint8)
        for i, minute in enumerate(different.tolist()):
            found[i] = self._known[minute]
        if len(self._known) * n_sets > _MOST:
            self._known.clear()
        return found, which.astype(np.int64)

    def _learned(self, now: datetime) -> int:
        local = now.astimezone(KST)
        minute = (local.weekday() * 24 + local.hour) * 60 + local.minute
        if minute not in self._known:
            doors = self.hours.doors(now)
            bits = IS_OPEN * doors.is_open + IS_UNKNOWN * doors.unknown + OPENS_SOON * doors.opens_soon
            self._known[minute] = (bits + CLOSES_SOON * doors.closes_soon).astype(np.uint8)
        return minute
