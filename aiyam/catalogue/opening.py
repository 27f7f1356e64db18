"""Whether shops are open: hours past midnight, breaks and closing days, once a minute for each distinct set of hours."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiyam.contracts import KST
from aiyam.errors import InvalidInput

CLOSED, OPEN, BREAK, UNKNOWN = 0, 1, 2, -1
DAY_MIN = 1440
_NEXT_WORKDAY = np.array(
    [
        [next((d for d in range(1, 8) if not off >> (weekday + d) % 7 & 1), -1) for off in range(128)]
        for weekday in range(7)
    ]
)
"""[weekday, closing days]: in how many days (1 to 7) a shop works again; -1 for one that never does."""


def closing_min(
    open_min: NDArray[np.signedinteger[Any]], close_min: NDArray[np.signedinteger[Any]]
) -> NDArray[np.int32]:
    """Return closing minutes (k,) counted on from the opening day's midnight; -1 where the hours are unknown.

    A closing time at or before the opening time is read as the next day's.
    """
    opens, closes = open_min.astype(np.int32), close_min.astype(np.int32)
    return np.where((opens < 0) | (closes < 0), -1, np.where(closes <= opens, closes + DAY_MIN, closes))


@dataclass(frozen=True)
class OpenStates:
    """Open states of k shops, shape (k,) each.

    ``state`` is 0 closed, 1 open, 2 in its break, -1 unknown. Minutes are -1 where they mean nothing:
    ``minutes_to_close`` when not open, ``minutes_to_open`` when open or unknown, ``minutes_to_break`` without a break ahead. ``closes_min`` is the closing
    time counted from the opening day's midnight, -1 when unknown or open around the clock.
    """

    state: NDArray[np.int8]
    minutes_to_close: NDArray[np.int32]
    minutes_to_open: NDArray[np.int32]
    minutes_to_break: NDArray[np.int32]
    closes_min: NDArray[np.int32]

    def of(self, places: NDArray[np.integer[Any]]) -> OpenStates:
        """Return the states at ``places`` (j,), in that order."""
        columns = (self.state, self.minutes_to_close, self.minutes_to_open, self.minutes_to_break, self.closes_min)
        return OpenStates(*(column[places] for column in columns))


def open_states(
    open_min: NDArray[np.int16],
    close_min: NDArray[np.int16],
    break_start_min: NDArray[np.int16],
    break_end_min: NDArray[np.int16],
    off_days: NDArray[np.uint8],
    now: datetime,
) -> OpenStates:
    """Compute states at ``now``. Inputs of shape (k,): minutes after midnight, -1 unknown; bit 0 of off_days is Monday.

    Raises:
        InvalidInput: ``now`` has no UTC offset.
    """
    if now.tzinfo is None:
        raise InvalidInput(
            "Expected a time with a UTC offset, got one without.", hint="Pass now=datetime(..., tzinfo=KST)."
        )
    local = now.astimezone(KST)
    minute, weekday = local.hour * 60 + local.minute, local.weekday()
    opens, closes = open_min.astype(np.int32), closing_min(open_min, close_min)
    known = closes >= 0
    off = off_days.astype(np.int32)
    all_day = known & (closes - opens >= DAY_MIN)

    state = np.where(known, CLOSED, UNKNOWN).astype(np.int8)
    to_close = np.full(len(opens), -1, np.int32)
    to_open = np.full(len(opens), -1, np.int32)
    to_break = np.full(len(opens), -1, np.int32)
    has_break = (break_start_min >= 0) & (break_end_min > break_start_min)
    for days_ago in (1, 0):
        at = minute + days_ago * DAY_MIN
        works = ((off >> ((weekday - days_ago) % 7)) & 1) == 0
        inside = known & works & (opens <= at) & (at < closes)
        resting = inside & has_break & (break_start_min <= at) & (at < break_end_min)
        state[inside] = OPEN
        state[resting] = BREAK
        to_close[inside] = closes[inside] - at
        works_next = ((off >> ((weekday - days_ago + 1) % 7)) & 1) == 0
        to_close[inside & all_day & works_next] += DAY_MIN
        to_open[resting] = break_end_min[resting] - at
        ahead = inside & has_break & (break_start_min > at)
        to_break[ahead] = break_start_min[ahead] - at
    to_close[state != OPEN] = -1

    state[~known & (((off >> weekday) & 1) == 1)] = CLOSED
    works_today = ((off >> weekday) & 1) == 0
    days = np.where(works_today & (opens > minute), 0, _NEXT_WORKDAY[weekday][off & 127])
    waiting = known & (state == CLOSED) & (days >= 0)
    to_open[waiting] = (opens + days * DAY_MIN - minute)[waiting]
    return OpenStates(state, to_close, to_open, to_break, np.where(all_day, -1, closes))


class OpeningHours:
    """The hours of n shops. Shops share few sets of hours (a city of 100,000 has some thousands), so states are by set.

    ``set_of`` (n,) is each shop's set. Arguments as ``open_states``.
    """

    def __init__(
        self,
        open_min: NDArray[np.int16],
        close_min: NDArray[np.int16],
        break_start_min: NDArray[np.int16],
        break_end_min: NDArray[np.int16],
        off_days: NDArray[np.uint8],
    ) -> None:
        columns: tuple[NDArray[Any], ...] = (open_min, close_min, break_start_min, break_end_min, off_days)
        self.set_of: NDArray[np.int32] = np.zeros(len(columns[0]), np.int32)
        for column in columns:
            key = self.set_of * np.int64(65536) + column
            self.set_of = np.unique(key, return_inverse=True)[1].astype(np.int32)
        first = np.unique(self.set_of, return_index=True)[1]
        self._columns = tuple(column[first] for column in columns)
        self._latest: tuple[datetime, OpenStates] | None = None
        self._serving: dict[tuple[int, int, int, int], NDArray[np.bool_]] = {}

    def serving(self, weekday: int, start_min: int, end_min: int, *, least_min: int) -> NDArray[np.bool_]:
        """Return for every set whether it serves ``least_min`` minutes between two times of a day (0 is Monday).

        Unknown hours may; a shop that rests that day does not. Breaks do not count.
        """
        key = (weekday, start_min, end_min, least_min)
        found = self._serving.get(key)
        if found is None:
            opens, closes_at, rests, works_again, off_days = (column.astype(np.int32) for column in self._columns)
            closes = closing_min(opens, closes_at)
            last = np.minimum(closes, end_min)
            minutes = np.maximum(0, last - np.maximum(opens, start_min))
            rest = np.maximum(0, np.minimum(works_again, last) - np.maximum(np.maximum(rests, opens), start_min))
            minutes -= np.where(rests >= 0, rest, 0)
            found = ((closes < 0) | (minutes >= least_min)) & ((off_days >> weekday) & 1 == 0)
            self._serving[key] = found
        return found

    def at(self, now: datetime) -> OpenStates:
        """Return the state of every set at the minute of ``now``; kept until another minute is asked for."""
        minute, latest = now.replace(second=0, microsecond=0), self._latest
        if latest is None or latest[0] != minute:
            opens, closes, rests, works_again, off_days = self._columns
            states = open_states(opens, closes, rests, works_again, off_days, minute)
            latest = self._latest = (minute, states)  # one assignment: threads may share it
        return latest[1]

    def states(self, rows: NDArray[np.integer[Any]], now: datetime) -> OpenStates:
        """Return the states of the shops ``rows`` (k,) at ``now``."""
        return self.at(now).of(self.set_of[rows])
