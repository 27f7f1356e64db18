"""Facts a text states, found by form: prices, distances, clock times, minutes, ratings, phone numbers, counts, other numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

ClaimKind = Literal["price", "distance", "clock", "minutes", "rating", "phone", "count", "day", "number"]

_DIGITS = {c: i for i, c in enumerate("영일이삼사오육칠팔구")} | {"공": 0, "륙": 6}
_SMALL = {"십": 10, "백": 100, "천": 1000}
_NATIVE = {
    "한": 1, "두": 2, "세": 3, "네": 4, "다섯": 5, "여섯": 6, "일곱": 7, "여덟": 8, "아홉": 9, "열": 10, "열한": 11, "열두": 12,
}  # fmt: skip
_NATIVE_RE = "|".join(sorted(_NATIVE, key=len, reverse=True))
_SINO = "[일이삼사오육칠팔구십백천]"
_AMOUNT = r"\d[\d,]*(?:\.\d+)?(?:\s*[만천백십](?:\s*\d[\d,]*(?=\s*[천백십원]))?){0,4}|[일이삼사오육칠팔구]?[만천백십](?:\s?[일이삼사오육칠팔구]?[만천백십])*[일이삼사오육칠팔구]?"

_DIGIT = re.compile(r"\d")
# Kind, what a text must have somewhere for the pattern to be worth trying (nothing named: a digit), the pattern.
_PATTERNS: tuple[tuple[ClaimKind, tuple[str, ...], re.Pattern[str]], ...] = (
    ("phone", (), re.compile(r"(?<!\d)(?:0\d{1,2}[-.\s]?\d{3,4}[-.\s]?\d{4}|1[5-9]\d{2}[-.\s]?\d{4})(?!\d)")),
    ("price", ("원",), re.compile(rf"(?<![가-힣\d.,])(?P<amount>{_AMOUNT})\s*원(?!두|조|산|래|형|탕|인[은을이가과의])")),
    ("price", ("만", "천"), re.compile(r"(?<![\d.,])(?P<amount>\d+\s*[만천](?:\s*\d+\s*천)?)(?=\s*(?:이하|이상|대|으로|짜리|정도|쯤|넘|안|밑|이에요|예요|입니다))")),
    ("price", ("₩", "￦"), re.compile(r"(?:₩|￦)\s*(?P<amount>\d[\d,]*)")),
    ("price", ("만", "천"), re.compile(r"(?<![가-힣\d])(?P<amount>[일이삼사오육칠팔구]?[만천](?:\s?[일이삼사오육칠팔구]?[천백십])*)(?<!^[만천])(?=(?:이에요|예요|입니다|이고|이라|이면|인데|에\s|짜리|밖에))")),
    ("distance", ("미터", "킬로", "키로"), re.compile(rf"(?<![가-힣\d.,])(?P<amount>\d[\d,]*(?:\.\d+)?|{_SINO}+|한|두|세|네|반)\s*(?P<unit>미터|킬로(?:미터)?|키로(?:미터)?)")),
    ("distance", (), re.compile(r"(?<![\d.,])(?P<amount>\d[\d,]*(?:\.\d+)?)\s*(?P<unit>km|㎞|킬로(?:미터)?|m(?![a-z])|미터|M(?![A-Za-z]))")),
    ("clock", (":",), re.compile(r"(?<!\d)(?P<h>\d{1,2}):(?P<m>\d{2})(?!\d)")),
    ("clock", ("자정", "정오"), re.compile(r"(?<![가-힣])(?P<word>자정|정오)")),
    ("clock", ("시",), re.compile(rf"(?:(?P<half>오전|오후|아침|낮|점심|저녁|밤|새벽)\s*)?(?P<h>(?<!\d)\d{{1,2}}|(?:(?<=[전후침낮심녁밤벽])|(?<![가-힣]))(?:{_NATIVE_RE}))\s*시(?!간|작|켜|장|도|금|각|점|적)(?:\s*(?P<m>\d{{1,2}})\s*분|\s*(?P<mhalf>반))?")),
    ("minutes", (), re.compile(r"(?<![\d.,])(?P<amount>\d+)\s*(?P<unit>분|시간)")),
    ("minutes", ("분", "시간"), re.compile(rf"(?<![가-힣\d])(?P<amount>{_SINO}+|반|{_NATIVE_RE})\s*(?P<unit>분|시간)(?=\s*(?:거리|쯤|정도|이면|이에요|이고|걸|밖|안|이내|남|뒤|만에|만\s|컷))")),
    ("rating", ("개", "만점", "★", "⭐"), re.compile(r"별(?:점)?(?:이|은|도)?\s*(?P<stars>한|두|세|네|다섯|\d)\s*개|(?P<signs>[★⭐]+)|(?P<full>(?<!\d점 )(?<!\d점)만점)")),
    ("rating", ("점",), re.compile(r"(?<![가-힣])(?P<amount>[일이삼사오])\s*점\s*(?P<tenths>[영일이삼사오육칠팔구])(?![가-힣]*[원만천])")),
    ("rating", (), re.compile(r"(?<![\d.,])(?P<amount>\d(?:\.\d+)?)\s*점(?!\s*만점)|(?:별점|평점|별)(?:은|이|도)?\s*(?P<amount2>\d(?:\.\d+)?)(?!\s*위)")),
    ("count", ("곳", "군데"), re.compile(rf"(?<![가-힣\d])(?P<amount>\d+|{_NATIVE_RE})\s*(?:곳|군데)(?!곳)")),
    ("count", ("개", "군데"), re.compile(rf"(?:가게|식당|음식점)(?:가|이|를|을)?\s*(?P<amount>{_NATIVE_RE})\s*(?:개|군데)|(?<![가-힣\d])(?P<amount2>{_NATIVE_RE})\s*개의?\s*(?:가게|식당|음식점)")),
    ("day", ("요일",), re.compile(r"(?<![가-힣])[월화수목금토일]요일")),
    ("number", (), re.compile(r"(?<![\d.,])\d[\d,]*(?:\.\d+)?%?")),
)  # fmt: skip


@dataclass(frozen=True)
class Claim:
    """One stated fact: won, metres, minutes after midnight, minutes, points, digits of a phone, shops, or a plain number."""

    kind: ClaimKind
    value: float | str
    text: str
    start: int
    end: int
    uncertain_half: bool = False
    """A clock time without 오전/오후 may mean either half of the day."""


def find_claims(text: str) -> list[Claim]:
    """Find every claim, in order, each character belonging to at most one.

    >>> [(c.kind, c.value) for c in find_claims("만 오천원, 8천원, 1.2km, 오후 9시 반, 4.5점")]
    [('price', 15000), ('price', 8000), ('distance', 1200.0), ('clock', 1290), ('rating', 4.5)]
    """
    taken = [False] * len(text)
    claims: list[Claim] = []
    has_digit = _DIGIT.search(text) is not None
    for kind, marks, pattern in _PATTERNS:
        if not (any(mark in text for mark in marks) if marks else has_digit):
            continue
        for match in pattern.finditer(text):
            if any(taken[match.start() : match.end()]):
                continue
            claim = _claim(kind, match)
            if claim is None:
                continue
            taken[match.start() : match.end()] = [True] * (match.end() - match.start())
            claims.append(claim)
    return sorted(claims, key=lambda c: c.start)


def parse_amount(text: str) -> int | None:
    """Read an amount written in digits, Korean words or both; None when it is neither.

    >>> [parse_amount(t) for t in ("8,000", "만", "8천", "1만 2천", "만오천", "삼천오백", "2만5천500", "원")]
    [8000, 10000, 8000, 12000, 15000, 3500, 25500, None]
    """
    total, section, number = 0, 0, None
    for token in re.findall(r"\d[\d,]*(?:\.\d+)?|[영공일이삼사오육륙칠팔구]|[십백천만]", text):
        if token[0].isdigit():
            number = float(token.replace(",", ""))
        elif token in _DIGITS:
            number = _DIGITS[token]
        elif token in _SMALL:
            section, number = section + int((1 if number is None else number) * _SMALL[token]), None
        else:
            section = int(((section + (number or 0)) or 1) * 10_000)
            total, section, number = total + section, 0, None
    if number is None and not total and not section:
        return None
    return int(total + section + (number or 0))


def _claim(kind: ClaimKind, match: re.Match[str]) -> Claim | None:
    groups = match.groupdict()
    value: float | str | None
    uncertain = False
    if kind == "phone":
        value = re.sub(r"\D", "", match.group())
    elif kind == "price":
        value = parse_amount(groups["amount"])
    elif kind == "distance":
        value = _measured(groups["amount"]) * (
            1000 if groups["unit"].lower() in ("km", "㎞") or groups["unit"][:2] in ("킬로", "키로") else 1
        )
    elif kind == "clock":
        value, uncertain = _clock(groups)
    elif kind == "minutes":
        value = int(_measured(groups["amount"]) * (60 if groups["unit"] == "시간" else 1))
    elif kind == "rating":
        value = _rated(groups)
    elif kind == "count":
        amount = groups["amount"] or groups["amount2"]
        value = _NATIVE.get(amount) or int(amount)
    elif kind == "day":
        value = match.group()
    else:
        value = match.group()
    if value is None:
        return None
    return Claim(kind, value, match.group(), match.start(), match.end(), uncertain)


def _measured(amount: str) -> float:
    """Read metres, kilometres, minutes or hours in digits, native or Sino-Korean words."""
    if amount[0].isdigit():
        return float(amount.replace(",", ""))
    return 0.5 if amount == "반" else float(_NATIVE.get(amount) or parse_amount(amount) or 0)


def _rated(groups: dict[str, str | None]) -> float:
    if groups.get("stars"):
        return _measured(str(groups["stars"]))
    if groups.get("signs"):
        return float(len(str(groups["signs"])))
    if groups.get("full"):
        return 5.0
    if groups.get("tenths"):
        return _DIGITS[str(groups["amount"])] + _DIGITS[str(groups["tenths"])] / 10
    return float(groups["amount"] or str(groups["amount2"]))


def _clock(groups: dict[str, str | None]) -> tuple[int | None, bool]:
    if word := groups.get("word"):
        return (0 if word == "자정" else 720), False
    hour_text = groups["h"] or ""
    hour = _NATIVE.get(hour_text) or (int(hour_text) if hour_text.isdigit() else None)
    if hour is None or hour > 30:
        return None, False
    minute = 30 if groups.get("mhalf") else int(groups["m"] or 0)
    half = groups.get("half")
    if (
        half in ("오후", "낮", "점심", "저녁", "밤")
        and hour < 12
        and not (half in ("밤", "낮") and hour < (5 if half == "밤" else 1))
    ):
        hour += 12
    if half in ("밤", "오전", "새벽") and hour == 12:
        hour = 0
    return (hour * 60 + minute) % 1440, "half" in groups and half is None and 1 <= hour <= 12


def numbers_in(text: str) -> Iterator[str]:
    """Every run of digits in the text, commas dropped."""
    for match in re.finditer(r"\d[\d,]*(?:\.\d+)?", text):
        yield match.group().replace(",", "").rstrip(".")
