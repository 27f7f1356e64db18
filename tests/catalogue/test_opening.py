"""Opening hours: past midnight, breaks, closing days, unknown hours; the array code against a plain reading of the rules."""

from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiyam.catalogue.opening import (
    BREAK,
    CLOSED,
    CLOSING_MIN,
    OPEN,
    SOON_MIN,
    UNKNOWN,
    OpeningHours,
    open_states,
)
from aiyam.contracts import KST
from aiyam.errors import InvalidInput

MONDAY = datetime(2026, 3, 2, tzinfo=KST)


def states(opens: int, closes: int, when: datetime, *, rest: tuple[int, int] = (-1, -1), off: int = 0):
    columns = [np.array([value], np.int16) for value in (opens, closes, *rest)]
    return open_states(*columns, np.array([off], np.uint8), when)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return MONDAY + timedelta(days=day, hours=hour, minutes=minute)


def test_a_shop_that_closes_at_two_is_open_at_one_in_the_night():
    found = states(17 * 60, 26 * 60, at(1, 1))
    assert found.state[0] == OPEN
    assert found.minutes_to_close[0] == 60


def test_the_night_belongs_to_the_day_before_so_its_closing_day_counts():
    tuesday_off = 1 << 1
    assert states(17 * 60, 26 * 60, at(1, 1), off=tuesday_off).state[0] == OPEN
    assert states(17 * 60, 26 * 60, at(2, 1), off=tuesday_off).state[0] == CLOSED


def test_a_closing_time_before_the_opening_time_means_the_next_day():
    assert states(17 * 60, 2 * 60, at(0, 23)).state[0] == OPEN
    assert states(17 * 60, 2 * 60, at(0, 3)).state[0] == CLOSED


def test_in_the_break_it_says_when_it_opens_again():
    found = states(11 * 60, 21 * 60, at(0, 15, 30), rest=(15 * 60, 17 * 60))
    assert found.state[0] == BREAK
    assert found.minutes_to_open[0] == 90
    assert found.minutes_to_close[0] == -1


def test_before_the_break_it_tells_how_long_until_it():
    assert states(11 * 60, 21 * 60, at(0, 14), rest=(15 * 60, 17 * 60)).minutes_to_break[0] == 60


def test_a_closed_shop_names_the_next_day_it_works():
    monday_and_tuesday_off = 0b11
    found = states(11 * 60, 21 * 60, at(0, 12), off=monday_and_tuesday_off)
    assert found.state[0] == CLOSED
    assert found.minutes_to_open[0] == 2 * 1440 - 60


def test_a_shop_open_day_and_night_does_not_close_at_midnight():
    found = states(0, 1440, at(0, 23, 30))
    assert found.state[0] == OPEN
    assert found.minutes_to_close[0] > 30


def test_unknown_hours_stay_unknown_except_on_a_closing_day():
    assert states(-1, -1, at(0, 12)).state[0] == UNKNOWN
    assert states(-1, -1, at(0, 12), off=1).state[0] == CLOSED


def test_a_time_without_an_offset_is_refused():
    with pytest.raises(InvalidInput):
        states(600, 1260, datetime(2026, 3, 2, 12))


def plainly(opens: int, closes: int, rest: tuple[int, int], off: int, when: datetime) -> int:
    """The rules minute by minute, one shop."""
    if closes <= opens:
        closes += 1440
    result = CLOSED
    for days_ago in (1, 0):
        day = (when - timedelta(days=days_ago)).date()
        minute = int((when - datetime(day.year, day.month, day.day, tzinfo=KST)).total_seconds() // 60)
        if not off >> day.weekday() & 1 and opens <= minute < closes:
            result = BREAK if rest[0] >= 0 and rest[0] <= minute < rest[1] else OPEN
    return result


@settings(max_examples=150, deadline=None)
@given(
    opens=st.integers(0, 1439),
    length=st.integers(1, 1440),
    rest=st.one_of(st.just((-1, -1)), st.tuples(st.integers(600, 900), st.integers(901, 1100))),
    off=st.integers(0, 127),
    minutes=st.integers(0, 14 * 1440),
)
def test_array_states_agree_with_the_rules_read_one_by_one(opens, length, rest, off, minutes):
    when = MONDAY + timedelta(minutes=minutes)
    found = states(opens, opens + length, when, rest=rest, off=off)
    assert found.state[0] == plainly(opens, opens + length, rest, off, when)


@settings(max_examples=100, deadline=None)
@given(
    opens=st.integers(0, 1439), length=st.integers(60, 1200), off=st.integers(0, 126), minutes=st.integers(0, 10 * 1440)
)
def test_the_promised_minutes_lead_to_the_promised_state(opens, length, off, minutes):
    when = MONDAY + timedelta(minutes=minutes)
    found = states(opens, opens + length, when, off=off)
    if found.state[0] == OPEN:
        left = int(found.minutes_to_close[0])
        assert states(opens, opens + length, when + timedelta(minutes=left - 1), off=off).state[0] == OPEN
        assert states(opens, opens + length, when + timedelta(minutes=left), off=off).state[0] == CLOSED
    else:
        wait = int(found.minutes_to_open[0])
        assert wait > 0
        assert states(opens, opens + length, when + timedelta(minutes=wait), off=off).state[0] == OPEN
        assert states(opens, opens + length, when + timedelta(minutes=wait - 1), off=off).state[0] == CLOSED


def test_the_doors_of_many_sets_say_what_the_states_say():
    rng, k = np.random.default_rng(5), 300
    for _ in range(60):
        opens, closes, rests = (rng.integers(-1, 1440, k).astype(np.int16) for _ in range(3))
        opens[:40], closes[:40] = 0, 1440
        again = (rests + rng.integers(-60, 180, k)).astype(np.int16)
        off = (rng.integers(0, 128, k) * (rng.random(k) < 0.5)).astype(np.uint8)
        hours = OpeningHours(opens, closes, rests, again, off)
        now = MONDAY + timedelta(minutes=int(rng.integers(0, 14 * 1440)))
        said, plain = hours.doors(now), hours.at(now)
        is_open, to_open = plain.state == OPEN, plain.minutes_to_open
        assert np.array_equal(said.is_open, is_open)
        assert np.array_equal(said.opens_soon, ~is_open & (to_open >= 0) & (to_open <= SOON_MIN))
        assert np.array_equal(said.closes_soon, is_open & (plain.minutes_to_close < CLOSING_MIN))
        assert np.array_equal(said.unknown, plain.state == UNKNOWN)
        rows = rng.integers(0, k, 20)
        assert np.array_equal(hours.states(rows, now).state, plain.state[hours.set_of[rows]])
