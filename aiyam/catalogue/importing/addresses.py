"""Province, city, district and 동 out of a Korean address, for the whole country; nothing that is not written is made up."""

from __future__ import annotations

import re
from typing import NamedTuple

_PROVINCES = {
    "서울특별시": ("서울시", "서울"),
    "부산광역시": ("부산시", "부산"),
    "대구광역시": ("대구시", "대구"),
    "인천광역시": ("인천시", "인천"),
    "광주광역시": ("광주시", "광주"),
    "대전광역시": ("대전시", "대전"),
    "울산광역시": ("울산시", "울산"),
    "세종특별자치시": ("세종시", "세종"),
    "경기도": ("경기",),
    "강원특별자치도": ("강원도", "강원"),
    "충청북도": ("충북",),
    "충청남도": ("충남",),
    "전북특별자치도": ("전라북도", "전북"),
    "전라남도": ("전남",),
    "경상북도": ("경북",),
    "경상남도": ("경남",),
    "제주특별자치도": ("제주도", "제주"),
}
_METROPOLITAN = frozenset(p for p in _PROVINCES if p.endswith("시"))
_SPELLINGS = sorted(
    ((spelling, full) for full, short in _PROVINCES.items() for spelling in (full, *short)), key=lambda s: -len(s[0])
)
_CITY = re.compile(r"\s*([가-힣]{1,4}시)(?=\s|[가-힣]{1,3}[구읍면]|$)")
_DISTRICT = re.compile(r"\s*([가-힣]{1,4}[구군])(?=\s|$)")
_DISTRICT_JOINED = re.compile(r"\s*([가-힣]{1,3}?[구군])(?=\s|$|[가-힣]{2,}(?:로|길|동|읍|면))")
_TOWN = re.compile(r"\s*([가-힣]{1,4}\d?(?:읍|면))(?=\s|$|[가-힣])")
_DONG_IN_BRACKETS = re.compile(r"\(\s*([가-힣]{1,6}(?:\d{1,2})?(?:동|가|리)|[가-힣]{1,5}동\d?가)(?=\s*[,)(\s]|$)")
_BUILDINGS = frozenset({"상가동", "관리동", "본동", "별관동", "지하상가동"})
_DONG = re.compile(r"(?:^|\s)([가-힣]{1,5}\d{0,2}(?:동|동\d가))(?=\s+(?:산\s*)?\d)")


class Place(NamedTuple):
    """Parts of an address; an unknown part is ""."""

    province: str = ""
    city: str = ""
    district: str = ""
    dong: str = ""


def province_of(text: str) -> str:
    """The full name of a province written in any usual way, or "".

    >>> province_of("강원도"), province_of("서울"), province_of("도쿄")
    ('강원특별자치도', '서울특별시', '')
    """
    text = text.strip()
    return next((full for spelling, full in _SPELLINGS if text == spelling), "")


def place_of(address: str, province: str = "", city: str = "") -> Place:
    """Split an address; ``province`` and ``city`` are what other columns say and fill what the address leaves out.

    A city without districts is its own district, so that "춘천시" can be looked for like "관악구".

    >>> place_of("강원특별자치도춘천시 삭주로 130 (후평동)")
    Place(province='강원특별자치도', city='춘천시', district='춘천시', dong='후평동')
    >>> place_of("서울 관악구 신림로 12, 1층 (신림동, 대학타워)")
    Place(province='서울특별시', city='서울특별시', district='관악구', dong='신림동')
    """
    rest = address.strip()
    found_province = ""
    for spelling, full in _SPELLINGS:
        if rest.startswith(spelling) and (len(spelling) > 2 or rest[len(spelling) :][:1] in ("", " ")):
            # "광주시 오포읍" is the city in 경기도, not 광주광역시, unless a district follows.
            tail = rest[len(spelling) :]
            if spelling == "광주시" and not re.match(r"\s*[가-힣]{1,2}구", tail):
                continue
            found_province, rest = full, tail
            break
    found_city = ""
    if found_province not in _METROPOLITAN and (match := _CITY.match(rest)):
        found_city, rest = match.group(1), rest[match.end() :]
    found_district = ""
    if match := (_DISTRICT.match(rest) or (_DISTRICT_JOINED.match(rest) if found_province else None)):
        found_district, rest = match.group(1), rest[match.end() :]
    whole = found_province or province_of(province)
    given = city.strip()
    if given and not found_city and not found_district:
        *before, last = given.split()
        if last.endswith(("구", "군")):
            found_district, found_city = last, before[-1] if before else ""
        elif last.endswith("시") and not province_of(last):
            found_city = last
    if whole in _METROPOLITAN:
        found_city = whole
    elif found_district.endswith("군") and not found_city:
        found_city = found_district
    if not found_district and found_city and (whole not in _METROPOLITAN or whole.startswith("세종")):
        found_district = found_city
    return Place(whole, found_city, found_district, _dong_of(address, rest))


def _dong_of(address: str, rest: str) -> str:
    if match := _TOWN.match(rest):
        return match.group(1)
    if (match := _DONG_IN_BRACKETS.search(address)) and match.group(1) not in _BUILDINGS:
        return match.group(1)
    if match := _DONG.search(" " + rest):
        return match.group(1)
    return ""
