"""Names a Korean would read on a signboard: a grammar by kind of shop, and branch names of invented brands."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

_SLOT = re.compile(r"\{(.+?)\}")
_FAMILY = re.compile(r"(.)이?네$")
_BRANCH_EXTRAS = (
    "중앙",
    "사거리",
    "시장",
    "초교앞",
    "공원",
    "남부",
    "북부",
    "2호",
    "대로",
    "행복",
    "으뜸",
    "네거리",
    "단지",
    "로터리",
)


def dong_stem(dong: str) -> str:
    """Shorten a 동 as signboards do.

    >>> dong_stem("신림동"), dong_stem("목1동"), dong_stem("길동")
    ('신림', '목동', '길동')
    """
    plain = re.sub(r"\d", "", dong)
    plain = plain.removesuffix("본동") if len(plain) > 3 else plain
    stem = plain.removesuffix("동")
    return stem if len(stem) >= 2 else plain


def station_stem(station: str) -> str:
    """Shorten a station as signboards do.

    >>> station_stem("서울대입구"), station_stem("효창공원앞"), station_stem("서울역")
    ('서울대', '효창공원', '서울역')
    """
    return station.removesuffix("입구").removesuffix("앞").removeprefix("4.19")


class NameMaker:
    """Makes names one after another and remembers those given, so that two shops of one 동 never share one."""

    def __init__(self, words: dict[str, Any], rng: np.random.Generator) -> None:
        self._words: dict[str, list[str]] = words["words"]
        self._kinds: dict[str, Any] = words["kinds"]
        self._rng = rng
        self._given: set[str] = set()
        self._numbers: list[int] = []

    def _pick(self, options: list[str]) -> str:
        if not self._numbers:
            self._numbers = self._rng.integers(0, 1 << 30, 4096).tolist()
        return options[self._numbers.pop() % len(options)]

    def independent(self, kind: str, dong: str, station: str | None) -> str:
        """Return a name for a shop without a brand."""
        return self.from_templates(self._kinds[kind]["names"], dong, station)

    def from_templates(self, templates: list[str], dong: str, station: str | None) -> str:
        """Fill one of the templates; after some tries a name already given in the 동 gets the 동 before it."""
        name = ""
        for _ in range(8):
            template = self._pick(templates)
            if "{역}" in template and station is None:
                continue
            name = _SLOT.sub(lambda slot: self._fill(slot.group(1), dong, station), template)
            if f"{dong}/{name}" not in self._given and (len(name) > 3 or name not in self._given):
                break
        if not name or f"{dong}/{name}" in self._given:
            name = f"{dong_stem(dong)}{name or self._fill('호', dong, station)}"
        self._given.update((f"{dong}/{name}", name))
        return name

    def branch(self, brand: str, dong: str, station: str | None) -> str:
        """Return ``brand`` with a branch named after the station, else the 동."""
        places = [dong_stem(dong)] if station is None else [station_stem(station), dong_stem(dong)]
        if station is not None and not station.endswith("역"):
            places.append(f"{station_stem(station)}역")
        for place in (self._pick(places), *places, *(places[0] + extra for extra in _BRANCH_EXTRAS)):
            name = f"{brand} {place}점"
            if name not in self._given:
                break
        self._given.add(name)
        return name

    def _fill(self, slot: str, dong: str, station: str | None) -> str:
        if slot == "동":
            return dong_stem(dong)
        if slot == "역":
            return station_stem(station or dong)
        return self._pick(self._words[slot])
