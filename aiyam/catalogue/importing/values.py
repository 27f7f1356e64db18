"""Cell values in the forms people type them: hours, prices, dates, yes and no, positions, phone numbers, ids.

Every parser returns None for an empty cell and raises ``BadValue`` with a Korean reason for one it cannot read, so that
the caller can drop the value, keep the row, and write both into the rejects file.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime, time, timedelta
from typing import Any

from aiyam.contracts import KST

EMPTY = frozenset({"", "-", "--", ".", "null", "none", "nan", "n/a", "na", "없음", "미상", "해당없음", "#n/a"})
MAX_PRICE_WON = 2_000_000
_DAYS = {"월": 0, "화": 1, "수": 2, "목": 3, "금": 4, "토": 5, "일": 6}
_DAYS_EN = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_YES = frozenset({"1", "y", "yes", "true", "t", "o", "예", "네", "참", "유", "가능", "해당", "사용", "1.0"})
_NO = frozenset(
    {"0", "n", "no", "false", "f", "x", "아니오", "아니요", "거짓", "무", "불가", "미해당", "미사용", "0.0"}
)
_CLOCK = re.compile(
    r"(오전|오후|am|pm)?\s*(\d{1,2})\s*(?:[:시]\s*(\d{1,2})?\s*(?:[:분]\s*(\d{1,2})?)?\s*초?)?\s*(am|pm)?"
)
_DATE = re.compile(
    r"(\d{4})\s*[-./년]\s*(\d{1,2})\s*[-./월]\s*(\d{1,2})\s*[일.]?(?:[T\s]+(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?)?\s*(Z|[+-]\d{2}:?\d{2})?"
)
_EXCEL_EPOCH = datetime(1899, 12, 30, tzinfo=KST)


class BadValue(ValueError):
    """A cell that cannot be read; the message is the reason written to the rejects file."""


def text_of(value: Any) -> str | None:
    """Cell as trimmed NFC text without control characters, or None when empty.

    >>> text_of("  김밥\\u200b천국 "), text_of("없음"), text_of(12.0)
    ('김밥천국', None, '12')
    """
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = unicodedata.normalize("NFC", str(value)).replace("\xa0", " ")
    if not text.isprintable():
        text = "".join(c for c in text if unicodedata.category(c) not in ("Cc", "Cf", "Co", "Cs") or c in "\t\n")
    text = re.sub(r"\s+", " ", text).strip()
    return None if text.lower() in EMPTY else text


def id_of(value: Any) -> str | None:
    """An id that is a number in one sheet and text in another, as one spelling.

    >>> id_of(12), id_of("12"), id_of(12.0), id_of(" 0012 "), id_of("A-7")
    ('12', '12', '12', '12', 'A-7')
    """
    text = text_of(value)
    if text is None:
        return None
    if re.fullmatch(r"\d+(?:\.0+)?", text):
        return str(int(text.split(".")[0]))
    return text


def minutes_of(value: Any) -> int | None:
    """Minutes after midnight of "11:00", "1100", 1100, "오후 9시 30분", ``time(11)``, an Excel day fraction, "24:00".

    >>> [minutes_of(v) for v in ("11:00", "1100", 930, "오후 9시 30분", time(11, 5), 0.5, "24:00", 9)]
    [660, 660, 570, 1290, 665, 720, 1440, 540]
    """
    if isinstance(value, datetime):
        return value.hour * 60 + value.minute
    if isinstance(value, time):
        return value.hour * 60 + value.minute
    if isinstance(value, timedelta):
        return _in_day(round(value.total_seconds() / 60), value)
    if isinstance(value, float) and 0 < value < 1:
        return round(value * 1440)
    text = text_of(value)
    if text is None:
        return None
    text = re.sub(r"^\d{4}-\d\d-\d\d[t ]", "", text.lower())
    if re.fullmatch(r"0?\.\d+", text):
        return round(float(text) * 1440)
    text = text.removesuffix(".0")
    if re.fullmatch(r"\d{3,4}", text):
        hour, minute = divmod(int(text), 100)
        if minute > 59:
            raise BadValue(f"시각을 읽을 수 없음: {text}")
        return _in_day(hour * 60 + minute, text)
    found = _CLOCK.fullmatch(text)
    if not found:
        raise BadValue(f"시각을 읽을 수 없음: {text}")
    half = found.group(1) or found.group(5)
    hour, minute = int(found.group(2)), int(found.group(3) or 0)
    if (half and hour > 12) or minute > 59:
        raise BadValue(f"시각을 읽을 수 없음: {text}")
    if half in ("오후", "pm") and hour < 12:
        hour += 12
    if half in ("오전", "am") and hour == 12:
        hour = 0
    return _in_day(hour * 60 + minute, text)


def hours_of(opens: Any, closes: Any) -> tuple[int | None, int | None]:
    """Opening and closing minutes; a closing at or before the opening is the next day; "24시간" is the whole day.

    >>> hours_of("11:00", "02:00"), hours_of("24시간", None), hours_of("10:00~21:30", None)
    ((660, 1560), (0, 1440), (600, 1290))
    """
    first, last = text_of(opens), text_of(closes)
    if any(t and re.search(r"24\s*시간|24\s*h|연중무휴\s*24|종일", t.lower()) for t in (first, last)):
        return 0, 1440
    if first and last is None and re.search(r"[~∼〜–]|(?<=\d)\s*-\s*(?=\d)", first):
        first, last = (part.strip() for part in re.split(r"\s*[~∼〜–-]\s*", first, maxsplit=1))
        start, end = minutes_of(first), minutes_of(last)
    else:
        start, end = minutes_of(opens), minutes_of(closes)
    if start is None or end is None:
        if start is None and end is None:
            return None, None
        raise BadValue("여는 시각과 닫는 시각 중 하나만 있음")
    if start == end == 0:
        return 0, 1440
    if start == end:
        raise BadValue("여는 시각과 닫는 시각이 같음")
    return start, end if end > start else end + 1440


def off_days_of(value: Any) -> int | None:
    """Bit mask of the weekdays a shop rests, bit 0 Monday; None when nothing is said.

    >>> off_days_of("매주 월요일"), off_days_of("토,일"), off_days_of("연중무휴"), off_days_of("MONDAY")
    (1, 96, 0, 1)
    """
    text = text_of(value)
    if text is None:
        return None
    text = text.lower()
    if re.search(r"무휴|휴무\s*없음|매일\s*영업", text):
        return 0
    if re.search(r"격주|첫째|둘째|셋째|넷째|매월|마지막|[1-5]\s*[,·]?\s*[1-5]?\s*째", text):
        raise BadValue(f"매주가 아닌 휴무일은 담을 수 없음: {text}")
    days = {i for i, day in enumerate(_DAYS_EN) if re.search(rf"\b{day}", text)}
    if "주말" in text:
        days |= {5, 6}
    bare = re.sub(
        r"매주|요일|휴무|정기|휴일|주말|공휴일|명절|일요일|주일|[^가-힣]",
        lambda m: "일" if m[0] in ("일요일", "주일") else "",
        text,
    )
    days |= {_DAYS[c] for c in bare if c in _DAYS}
    if not days or set(bare) - set(_DAYS):
        raise BadValue(f"휴무일을 읽을 수 없음: {text}")
    return sum(1 << day for day in days)


def price_of(value: Any) -> int | None:
    """Won; None where the price is open ("시가", "변동").

    >>> price_of("8,000원"), price_of("8천원"), price_of("1만 2천원"), price_of(7500.0), price_of("시가")
    (8000, 8000, 12000, 7500, None)
    """
    text = text_of(value)
    if text is None or re.search(r"시가|변동|문의|별도", text):
        return None
    if text in ("무료", "무상"):
        return 0
    plain = re.sub(r"[\s,₩\\]|krw|won", "", text.lower()).removesuffix("정").removesuffix("원")
    if found := re.fullmatch(r"(?:(\d+(?:\.\d+)?)만)?(?:(\d+(?:\.\d+)?)천)?(?:(\d+)백)?(\d+)?", plain):
        ten_thousands, thousands, hundreds, ones = found.groups()
        if any(found.groups()):
            won = (
                float(ten_thousands or 0) * 10_000
                + float(thousands or 0) * 1000
                + int(hundreds or 0) * 100
                + int(ones or 0)
            )
            return _price_in_range(round(won), text)
    if re.fullmatch(r"-?\d+(?:\.\d+)?", plain):
        return _price_in_range(round(float(plain)), text)
    raise BadValue(f"가격을 읽을 수 없음: {text}")


def yes_no_of(value: Any) -> bool | None:
    """True, False, or None when empty.

    >>> yes_no_of("Y"), yes_no_of(0), yes_no_of("아니오"), yes_no_of(None)
    (True, False, False, None)
    """
    if isinstance(value, bool):
        return value
    text = text_of(value)
    if text is None:
        return None
    if text.lower() in _YES:
        return True
    if text.lower() in _NO:
        return False
    raise BadValue(f"예/아니오를 읽을 수 없음: {text}")


def epoch_of(value: Any) -> int | None:
    """Epoch seconds of a date or time in the forms workbooks carry; one without an offset is Korean time.

    >>> epoch_of("2026-03-02 18:30:00") == epoch_of("2026-03-02T09:30:00Z") == epoch_of("2026.3.2 18:30")
    True
    """
    if isinstance(value, datetime):
        return int((value if value.tzinfo else value.replace(tzinfo=KST)).timestamp())
    if isinstance(value, date):
        return int(datetime(value.year, value.month, value.day, tzinfo=KST).timestamp())
    text = text_of(value)
    if text is None:
        return None
    if re.fullmatch(r"\d+(?:\.\d+)?", text):
        return _epoch_of_number(text)
    found = _DATE.fullmatch(text)
    if not found:
        raise BadValue(f"날짜를 읽을 수 없음: {text}")
    year, month, day, hour, minute, second, offset = found.groups()
    zone = "+00:00" if offset == "Z" else offset or "+09:00"
    zone = zone if ":" in zone else f"{zone[:3]}:{zone[3:]}"
    try:
        moment = datetime.fromisoformat(
            f"{year}-{int(month):02}-{int(day):02}T{int(hour or 0):02}:{int(minute or 0):02}:{int(second or 0):02}{zone}"
        )
    except ValueError as error:
        raise BadValue(f"없는 날짜: {text}") from error
    return int(moment.timestamp())


def position_of(lat: Any, lon: Any) -> tuple[float, float] | None:
    """(lat, lon) inside Korea; swapped columns are put right; (0, 0) and empty are None.

    >>> position_of("126.978", "37.5665"), position_of("0", "0")
    ((37.5665, 126.978), None)
    """
    first, second = text_of(lat), text_of(lon)
    if first is None or second is None:
        return None
    try:
        x, y = float(first), float(second)
    except ValueError as error:
        raise BadValue(f"좌표를 읽을 수 없음: {first}, {second}") from error
    if x == 0 and y == 0:
        return None
    if 32.5 <= x <= 39 and 124 <= y <= 132:
        return x, y
    if 32.5 <= y <= 39 and 124 <= x <= 132:
        return y, x
    raise BadValue(f"한국 밖의 좌표: {first}, {second}")


def point_of(value: Any) -> tuple[float, float] | None:
    """(lat, lon) of one cell: "POINT(126.9 37.5)", "37.5,126.9", {"x": 126.9, "y": 37.5}."""
    text = text_of(value)
    if text is None:
        return None
    numbers = re.findall(r"-?\d+(?:\.\d+)?", re.sub(r"(?i)srid\s*=\s*\d+", "", text))
    if len(numbers) != 2:
        raise BadValue(f"좌표를 읽을 수 없음: {text}")
    return position_of(numbers[0], numbers[1])


def phone_of(value: Any) -> str | None:
    """A Korean shop's phone number with hyphens.

    >>> phone_of("0332504757"), phone_of("02)123-4567"), phone_of("1577-0711"), phone_of("332504757")
    ('033-250-4757', '02-123-4567', '1577-0711', '033-250-4757')
    """
    text = text_of(value)
    if text is None:
        return None
    digits = re.sub(r"\D", "", re.split(r"[,/~]|\s{2,}", text)[0])
    if digits and not int(digits):
        return None
    if not digits.startswith(("0", "1")) and len(digits) in (8, 9, 10):
        digits = "0" + digits
    if found := re.fullmatch(r"(02|050\d|0\d\d)(\d{3,4})(\d{4})", digits):
        return "-".join(found.groups())
    if found := re.fullmatch(r"(1[5-8]\d\d)(\d{4})", digits):
        return "-".join(found.groups())
    raise BadValue(f"전화번호를 읽을 수 없음: {text}")


def _in_day(minutes: int, shown: object) -> int:
    if not 0 <= minutes <= 30 * 60:
        raise BadValue(f"시각을 읽을 수 없음: {shown}")
    return minutes


def _price_in_range(won: int, shown: str) -> int:
    if not 0 <= won <= MAX_PRICE_WON:
        raise BadValue(f"가격이 0~{MAX_PRICE_WON:,}원 밖: {shown}")
    return won


def _epoch_of_number(text: str) -> int:
    if re.fullmatch(r"(?:19|20)\d{6}", text):
        try:
            return int(datetime.strptime(text, "%Y%m%d").replace(tzinfo=KST).timestamp())
        except ValueError as error:
            raise BadValue(f"없는 날짜: {text}") from error
    number = float(text)
    if 1e12 <= number < 1e13:
        return int(number / 1000)
    if 1e8 <= number < 1e10:
        return int(number)
    if 20_000 <= number <= 80_000:
        return int((_EXCEL_EPOCH + timedelta(days=number)).timestamp())
    raise BadValue(f"날짜를 읽을 수 없음: {text}")
