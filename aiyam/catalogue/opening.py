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
SOON_MIN, CLOSING_MIN = 60, 30
"""A shop that opens within so many minutes opens soon; one that closes in less closes soon."""

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


@dataclass(frozen=True)
class Doors:
    """k sets of hours at one minute, (k,) each: open, not open but so within ``SOON_MIN``, open for less than
    ``CLOSING_MIN``, or of unknown hours."""

    is_open: NDArray[np.bool_]
    opens_soon: NDArray[np.bool_]
    closes_soon: NDArray[np.bool_]
    unknown: NDArray[np.bool_]


@dataclass(frozen=True)
class _Hours:
    """What the states of k sets of hours are read from, whatever the minute: (k,), or (7, k) by weekday.

    ``closes`` is -1 where the hours are unknown, ``rests`` and ``works_again`` where there is no break. ``asleep`` is the
    state of a shop that no opening day holds at the minute; ``next_day`` in how many days it works again.
    """

    opens: NDArray[np.int16]
    closes: NDArray[np.int16]
    rests: NDArray[np.int16]
    works_again: NDArray[np.int16]
    all_day: NDArray[np.bool_]
    works: NDArray[np.bool_]
    asleep: NDArray[np.int8]
    next_day: NDArray[np.int32]

    @classmethod
    def of(
        cls,
        open_min: NDArray[np.int16],
        close_min: NDArray[np.int16],
        break_start_min: NDArray[np.int16],
        break_end_min: NDArray[np.int16],
        off_days: NDArray[np.uint8],
    ) -> _Hours:
        opens, closes = open_min.astype(np.int16), closing_min(open_min, close_min).astype(np.int16)
        has_break = (break_start_min >= 0) & (break_end_min > break_start_min)
        off = off_days.astype(np.int32) & 127
        works = (off >> np.arange(7)[:, None]) & 1 == 0
        return cls(
            opens=opens,
            closes=closes,
            rests=np.where(has_break, break_start_min, -1).astype(np.int16),
            works_again=np.where(has_break, break_end_min, -1).astype(np.int16),
            all_day=(closes >= 0) & (closes - opens >= DAY_MIN),
            works=works,
            asleep=np.where(works & (closes < 0), UNKNOWN, CLOSED).astype(np.int8),
            next_day=_NEXT_WORKDAY[:, off].astype(np.int32),
        )

    def at(self, now: datetime, sets: NDArray[np.integer[Any]] | slice = slice(None)) -> OpenStates:
        """Return everything that is to be said of some of the sets."""
        minute, weekday = _minute_and_weekday(now)
        opens, closes, rests, works_again = (
            column[sets].astype(np.int32) for column in (self.opens, self.closes, self.rests, self.works_again)
        )
        state, all_day = self.asleep[weekday, sets], self.all_day[sets]
        state = state.copy()
        to_close, to_open, to_break = (np.full(len(state), -1, np.int32) for _ in range(3))
        for days_ago in (1, 0):
            at, day = minute + days_ago * DAY_MIN, (weekday - days_ago) % 7
            inside = np.flatnonzero(self.works[day, sets] & (opens <= at) & (closes > at))
            if len(inside) == 0:
                continue
            goes_on = all_day[inside] & self.works[(day + 1) % 7, sets][inside]
            state[inside] = OPEN
            to_close[inside] = closes[inside] - at + DAY_MIN * goes_on
            rested, again = rests[inside], works_again[inside]
            resting = np.flatnonzero((rested <= at) & (again > at))
            state[inside[resting]] = BREAK
            to_open[inside[resting]] = again[resting] - at
            ahead = np.flatnonzero(rested > at)
            to_break[inside[ahead]] = rested[ahead] - at
        to_close[state != OPEN] = -1
        waiting = np.flatnonzero((state == CLOSED) & (closes >= 0))
        first = opens[waiting]
        today = self.works[weekday, sets][waiting] & (first > minute)
        days = np.where(today, 0, self.next_day[weekday, sets][waiting])
        to_open[waiting] = np.where(days >= 0, first + days * DAY_MIN - minute, -1)
        return OpenStates(state, to_close, to_open, to_break, np.where(all_day, -1, closes))

    def doors(self, now: datetime) -> Doors:
        """Return what a request asks of thousands of sets: the same as ``at`` says, for a tenth of the time."""
        minute, weekday = _minute_and_weekday(now)
        late, yesterday, tomorrow = minute + DAY_MIN, (weekday - 1) % 7, (weekday + 1) % 7
        works = self.works[weekday]
        inside = works & (self.opens <= minute) & (self.closes > minute)
        resting = inside & (self.rests <= minute) & (self.works_again > minute)
        soon = resting & (self.works_again <= minute + SOON_MIN)
        closing = inside & (self.closes < minute + CLOSING_MIN) & ~(self.all_day & self.works[tomorrow])
        night = self.works[yesterday] & (self.opens <= late) & (self.closes > late) & ~inside
        if night.any():
            rests_late = night & (self.rests <= late) & (self.works_again > late)
            soon |= rests_late & (self.works_again <= late + SOON_MIN)
            resting |= rests_late
            closing |= night & (self.closes < late + CLOSING_MIN) & ~(self.all_day & works)
            inside |= night
        today = works & (self.opens > minute)
        opens = today & (self.opens <= minute + SOON_MIN)
        if minute + SOON_MIN >= DAY_MIN:
            opens |= self.works[tomorrow] & ~today & (self.opens <= minute + SOON_MIN - DAY_MIN)
        soon |= opens & ~inside & (self.closes >= 0)
        return Doors(inside & ~resting, soon, closing & ~resting, self.asleep[weekday] == UNKNOWN)


def _minute_and_weekday(now: datetime) -> tuple[int, int]:
    if now.tzinfo is None:
        raise InvalidInput(
            "Expected a time with a UTC offset, got one without.", hint="Pass now=datetime(..., tzinfo=KST)."
        )
    local = now.astimezone(KST)
    return local.hour * 60 + local.minute, local.weekday()


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
    return _Hours.of(open_min, close_min, break_start_min, break_end_min, off_days).at(now)


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
        opens, closes, rests, works_again, off_days = self._columns = tuple(column[first] for column in columns)
        self._hours = _Hours.of(opens, closes, rests, works_again, off_days)
        self._latest: tuple[datetime, Doors] | None = None
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
        """Return everything that is to be said of every set at ``now``."""
        return self._hours.at(now)

    def doors(self, now: datetime) -> Doors:
        """Return which of the sets are open, and what changes soon; kept until another minute is asked for."""
        minute, latest = now.replace(second=0, microsecond=0), self._latest
        if latest is None or latest[0] != minute:
            latest = self._latest = (minute, self._hours.doors(minute))  # one assignment: threads may share it
        return latest[1]

    def states(self, rows: NDArray[np.integer[Any]], now: datetime) -> OpenStates:
        """Return the states of the shops ``rows`` (k,) at ``now``."""
        return self._hours.at(now, self.set_of[rows])
