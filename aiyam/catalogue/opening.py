"""Whether shops are open: opening hours past midnight, breaks and closing days, for many shops at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

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


def closing_min(open_min: NDArray[np.int16], close_min: NDArray[np.int16]) -> NDArray[np.int32]:
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
