"""Clock times and days as Korean says them: 21:30, 밤 12시, 새벽 1시 30분, 내일, 수요일."""

from __future__ import annotations

from datetime import datetime, timedelta

DAYS_KO = ("월요일", "화요일", "수요일", "목요일", "금요일", "토요일", "일요일")
DAY_MIN = 1440
_MORNING_H = 6


def clock_ko(minutes: int) -> str:
    """Write minutes after midnight; from 1440 on they lie in the next day. Only the night needs words to be clear.

    >>> clock_ko(1290), clock_ko(1440), clock_ko(1530), clock_ko(30), clock_ko(1860)
    ('21:30', '밤 12시', '새벽 1시 30분', '밤 12시 30분', '다음 날 07:00')
    """
    hour, minute = minutes // 60 % 24, minutes % 60
    if hour < _MORNING_H:
        name = f"새벽 {hour}시" if hour else "밤 12시"
        return f"{name} {minute}분" if minute else name
    return f"{'다음 날 ' if minutes >= DAY_MIN else ''}{hour:02d}:{minute:02d}"


def moment_ko(now: datetime, minutes_ahead: int) -> str:
    """Write a coming time as seen from ``now`` (local): with its day, unless it is today's or the coming night's.

    >>> moment_ko(datetime(2026, 3, 2, 9), 60), moment_ko(datetime(2026, 3, 2, 22), 12 * 60)
    ('10:00', '내일 10:00')
    >>> moment_ko(datetime(2026, 3, 2, 22), 36 * 60), moment_ko(datetime(2026, 3, 2, 22), 120)
    ('수요일 10:00', '밤 12시')
    """
    then = now + timedelta(minutes=minutes_ahead)
    days = (then.date() - now.date()).days
    clock = clock_ko(then.hour * 60 + then.minute)
    if days == 0 or (days == 1 and then.hour < _MORNING_H <= now.hour):
        return clock
    if then.hour == 0:  # the 밤 12시 of a day is its end, not its beginning
        clock = f"0시 {then.minute}분" if then.minute else "0시"
    return f"{'내일' if days == 1 else DAYS_KO[then.weekday()]} {clock}"
