"""Cells in the forms people type them."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiyam.catalogue.importing import values
from aiyam.catalogue.importing.values import BadValue
from aiyam.contracts import KST

PARSERS = (
    values.minutes_of, values.off_days_of, values.price_of, values.yes_no_of, values.epoch_of, values.point_of, values.phone_of,
    values.text_of, values.id_of,
)  # fmt: skip


@given(
    st.one_of(st.text(max_size=40), st.integers(), st.floats(), st.booleans(), st.none(), st.datetimes(), st.times())
)
def test_any_cell_is_read_or_refused_and_never_crashes(cell: object) -> None:
    for read in PARSERS:
        with suppress(BadValue):  # anything else is a failure
            read(cell)


@pytest.mark.parametrize(
    ("cell", "minutes"),
    [("11:00", 660), ("1100", 660), (1100, 660), ("1100.0", 660), (time(11), 660), ("11:00:00", 660), ("11시", 660), ("오전 11시 30분", 690),
     ("오후 1시", 780), ("PM 1:30", 810), ("1:30 pm", 810), ("24:00", 1440), ("0.4583333333", 660), ("9", 540), ("", None), ("-", None)],
)  # fmt: skip
def test_times_of_day_in_every_form(cell: object, minutes: int | None) -> None:
    assert values.minutes_of(cell) == minutes


@pytest.mark.parametrize("cell", ["25:99", "정오쯤", "1175", "9999", "오후 13시"])
def test_impossible_times_are_refused(cell: str) -> None:
    with pytest.raises(BadValue):
        values.minutes_of(cell)


def test_half_given_or_equal_hours_are_refused() -> None:
    for pair in (("11:00", None), (None, "21:00"), ("11:00", "11:00")):
        with pytest.raises(BadValue):
            values.hours_of(*pair)
    assert values.hours_of("00:00", "24:00") == (0, 1440)
    assert values.hours_of("00:00", "00:00") == (0, 1440)


@pytest.mark.parametrize(
    ("cell", "won"),
    [("8,000원", 8000), ("8000", 8000), (8000.0, 8000), ("8000.0", 8000), ("₩8,000", 8000), ("8천원", 8000), ("1만원", 10000), ("1만2천원", 12000), ("1.2만", 12000),
     ("무료", 0), ("시가", None), ("변동", None), (None, None), ("8 000 원", 8000), ("5천5백원", 5500)],
)  # fmt: skip
def test_prices_in_every_form(cell: object, won: int | None) -> None:
    assert values.price_of(cell) == won


@pytest.mark.parametrize("cell", ["-500", "싸요", "99999999", "8000~9000", "약 8000"])
def test_prices_that_are_none_are_refused(cell: str) -> None:
    with pytest.raises(BadValue):
        values.price_of(cell)


@pytest.mark.parametrize(
    "cell",
    ["2026-03-02 18:30", "2026.03.02 18:30:00", "2026/3/2 18:30", "2026-03-02T18:30:00+09:00", "2026-03-02T09:30:00Z", "1772443800",
     "1772443800000", datetime(2026, 3, 2, 18, 30)],
)  # fmt: skip
def test_dates_in_every_form_are_the_same_moment(cell: object) -> None:
    assert values.epoch_of(cell) == int(datetime(2026, 3, 2, 18, 30, tzinfo=KST).timestamp())


def test_days_without_a_time_are_midnight_in_korea() -> None:
    midnight = int(datetime(2026, 3, 2, tzinfo=KST).timestamp())
    assert {values.epoch_of(cell) for cell in ("20260302", "2026-03-02", "2026년 3월 2일", "46083")} == {midnight}


@pytest.mark.parametrize("cell", ["2026-02-30", "어제", "20261340", "12"])
def test_days_that_do_not_exist_are_refused(cell: str) -> None:
    with pytest.raises(BadValue):
        values.epoch_of(cell)


@pytest.mark.parametrize(
    ("cell", "days"),
    [("월", 1), ("월,화", 3), ("매주 일요일", 64), ("토, 일요일", 96), ("주말", 96), ("연중무휴", 0), ("Sunday", 64), ("MON,TUE", 3), ("없음", None), (None, None)],
)  # fmt: skip
def test_days_off_in_every_form(cell: object, days: int | None) -> None:
    assert values.off_days_of(cell) == days


def test_days_off_that_no_week_can_hold_are_refused() -> None:
    for cell in ("격주 월요일", "매월 첫째 주 화요일", "비정기", "둘째, 넷째 일요일"):
        with pytest.raises(BadValue):
            values.off_days_of(cell)
