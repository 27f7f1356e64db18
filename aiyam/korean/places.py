"""Places of Korea in text: Seoul's districts, 동 and stations, provinces, cities and their best-known areas; exact spans."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import lru_cache
from operator import concat
from pathlib import Path
from typing import Any, Literal, NamedTuple

from aiyam.errors import DataError
from aiyam.korean.slips import SlipIndex
from aiyam.settings import REPO_ROOT

SHIPPED_PLACES = REPO_ROOT / "datasets" / "places"
SEOUL = "서울특별시"
PlaceKind = Literal["district", "dong", "station", "province", "city", "area"]

# After these a place needs no space before it and an ordinary word may be a place.
_STRONG_CUES = ("근처", "주변", "부근", "인근", "에서", "쪽에", "쪽으로", "맛집", "역")
_LONGEST_STATION = 9
"""Letters within which a 역 is looked for that ends a station."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place with its full name (관악구, 신림동, 서울대입구역, 수원시, 강원특별자치도) and an approximate centre."""

    name: str
    kind: PlaceKind
    district: str | None
    city: str | None
    province: str
    lat: float | None
    lon: float | None


class PlaceMatch(NamedTuple):
    """A place found in a text: ``text[start:end]`` in code points, ``edits`` 1 for a typing slip, other readings after."""

    start: int
    end: int
    text: str
    place: Place
    edits: int = 0
    others: tuple[Place, ...] = ()

    @property
    def name(self) -> str:
        """The place's full name."""
        return self.place.name

    @property
    def kind(self) -> PlaceKind:
        """The place's kind."""
        return self.place.kind


@dataclass(frozen=True, slots=True)
class _Form:
    place: Place
    needs: Literal["nothing", "left", "both", "followed", "cue"]


@dataclass(frozen=True)
class Places:
    """All places, and the written forms they are found by."""

    places: tuple[Place, ...]
    forms: dict[str, list[_Form]] = field(repr=False)
    slips: SlipIndex = field(repr=False)
    lengths: dict[str, tuple[int, ...]] = field(repr=False)
    cues: tuple[str, ...] = ()
    particles: frozenset[str] = frozenset()
    elsewhere: frozenset[str] = frozenset()
    """Stations of other cities, with their 역: what is one of them is no slip of a station known here (망포역, 마포역),
    nor is one of those part of it (정발산역, 발산역)."""

    def named(self, name: str) -> Place | None:
        """Return the place of this full name, with or without its 역 or 구 (an alias works too).

        >>> shipped_places().named("설대입구").name
        '서울대입구역'
        """
        forms = self.forms.get("".join(name.split()))
        return forms[0].place if forms else None

    def of_kind(self, kind: PlaceKind) -> list[Place]:
        """Return the places of one kind, in the files' order."""
        return [place for place in self.places if place.kind == kind]

    def find(self, text: str) -> list[PlaceMatch]:
        """Find places in order of appearance, longest first, without overlaps."""
        squeezed = "".join(text.split())
        lengths, slips = self.lengths, self.slips
        may_slip, start_of_word = set(), 0
        for word in text.split():
            if slips.may_begin(squeezed, start_of_word):
                may_slip.add(start_of_word)
            start_of_word += len(word)
        if not may_slip and lengths.keys().isdisjoint(map(concat, squeezed, squeezed[1:])):
            return []
        at_letter = [index for index, letter in enumerate(text) if not letter.isspace()]
        gaps = [k == 0 or at_letter[k] - at_letter[k - 1] > 1 for k in range(len(at_letter))]
        found: list[PlaceMatch] = []
        at, end_of_last = 0, -1
        while at < len(squeezed):
            match = None
            if squeezed[at : at + 2] in lengths:
                match = self._exact_at(squeezed, gaps, at, at == end_of_last)
            if match is None and gaps[at] and (end := self._elsewhere_at(squeezed, at)):
                at = end
                continue
            if match is None and at in may_slip:
                match = self._slip_at(squeezed, gaps, at)
            if match is None:
                at += 1
                continue
            end, forms, edits = match
            start = at_letter[at]
            stop = at_letter[end - 1] + 1
            best, others = _choose([form.place for form in forms], found, squeezed[at:end])
            if found and best.province != found[-1].place.province and not text[found[-1].end : start].strip():
                at += 1  # 춘천 명동, 창원 상남동: a namesake elsewhere of a place this list does not know
                continue
            found.append(PlaceMatch(start, stop, text[start:stop], best, edits, others))
            at = end_of_last = end
        return found

    def _exact_at(self, text: str, gaps: list[bool], at: int, after_place: bool) -> tuple[int, list[_Form], int] | None:
        for length in self.lengths[text[at : at + 2]]:
            end = at + length
            forms = self.forms.get(text[at:end])
            if forms is None or end > len(text) or (length < 4 and any(gaps[at + 1 : end])):
                continue
            left = gaps[at] or after_place or not _is_hangul(text[at - 1])
            fits = [form for form in forms if self._stands(form.needs, left, text, gaps, end)]
            if fits:
                return end, fits, 0
        return None

    def _elsewhere_at(self, text: str, at: int) -> int | None:
        """Return where a station of another city ends that begins here."""
        end = text.find("역", at + 2, at + _LONGEST_STATION) + 1
        return end if end and text[at:end] in self.elsewhere else None

    def _slip_at(self, text: str, gaps: list[bool], at: int) -> tuple[int, list[_Form], int] | None:
        for end in range(min(len(text), at + self.slips.longest), at + 2, -1):
            if any(gaps[at + 1 : end]) or not self._ends_here(text, gaps, end):
                continue
            near = self.slips.near(text[at:end])
            if near is not None:
                return end, self.forms[near], 1
        return None

    def _stands(self, needs: str, left: bool, text: str, gaps: list[bool], end: int) -> bool:
        if needs == "nothing":
            return True
        if needs == "left":
            return left
        following = text[end : end + 3]
        if needs == "cue":
            return left and following.startswith(_STRONG_CUES) and not following.startswith("맛집")
        if needs == "followed":
            return left and text.startswith(self.cues, end)
        if left and self._ends_here(text, gaps, end):
            return True
        return end < len(text) and not gaps[end] and following.startswith(_STRONG_CUES)

    def _ends_here(self, text: str, gaps: list[bool], end: int) -> bool:
        """Whether a place may end before ``text[end]``: a gap, no Hangul, a cue, or a particle that ends the word."""
        if end >= len(text) or gaps[end] or not _is_hangul(text[end]):
            return True
        if text.startswith(self.cues, end):
            return True
        stop = end
        while stop < len(text) and (stop == end or not gaps[stop]) and _is_hangul(text[stop]):
            stop += 1
        return text[end:stop] in self.particles


def _choose(places: list[Place], found: list[PlaceMatch], written: str) -> tuple[Place, tuple[Place, ...]]:
    """Prefer the reading inside a place named before it, else Seoul, else the first."""
    districts = {match.place.district for match in found if match.place.kind == "district"}
    provinces = {match.place.province for match in found}
    ordered = sorted(
        dict.fromkeys(places),
        key=lambda place: (
            bool(districts) and place.district not in districts,
            bool(provinces) and place.province not in provinces,
            place.province != SEOUL,
            place.kind == "dong" and place.name != written,
        ),
    )
    return ordered[0], tuple(ordered[1:])


def _is_hangul(letter: str) -> bool:
    return "가" <= letter <= "힣" or "ㄱ" <= letter <= "ㅣ"


def _read_words(path: Path) -> dict[str, list[str]]:
    """Read what may follow a place, names that are ordinary words first and places second, and stations not known here."""
    try:
        words: dict[str, list[str]] = json.loads(path.read_text(encoding="utf-8"))
        return words
    except (OSError, ValueError) as error:
        raise DataError(f"Expected words at {path}, got: {error}.", hint="Restore datasets/places.") from error


def _without_digits(name: str) -> str:
    return "".join(letter for letter in name if not letter.isdigit())


def _read(path: Path) -> list[dict[str, Any]]:
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise DataError(f"Expected places at {path}, got: {error}.", hint="Restore datasets/places.") from error


def load_places(folder: Path) -> Places:
    """Read districts, stations, provinces, sights and the well-known neighbourhoods of other cities from a folder.

    Raises:
        DataError: a file is missing or is no JSON Lines.
    """
    districts, stations = _read(folder / "districts.jsonl"), _read(folder / "stations.jsonl")
    provinces = _read(folder / "provinces.jsonl")
    words = _read_words(folder / "ordinary_words.json")
    ordinary, ordinary_cities = frozenset(words["stations_and_dongs"]), frozenset(words["cities"])
    forms: dict[str, list[_Form]] = {}
    places: list[Place] = []

    def add(place: Place, *written: tuple[str, Literal["nothing", "left", "both", "followed", "cue"]]) -> None:
        places.append(place)
        for text, needs in written:
            if len(text) >= 2 and all(form.place != place for form in forms.get(text, ())):
                forms.setdefault(text, []).append(_Form(place, needs))

    for row in stations:
        name = row["name"]
        full = name if name.endswith("역") else f"{name}역"
        place = Place(full, "station", row["district"], SEOUL, SEOUL, row["lat"], row["lon"])
        bare = "cue" if name in ordinary else "left" if len(name) >= 4 else "both"
        aliases = [(alias, "cue" if alias in ordinary else "both") for alias in row["aliases"]]
        add(place, (full, "nothing"), (name, bare), *aliases, *((f"{alias}역", "nothing") for alias, _ in aliases))  # type: ignore[arg-type]
    for row in districts:
        name = row["name"]
        place = Place(name, "district", name, SEOUL, SEOUL, row["lat"], row["lon"])
        stem = name.removesuffix("구")
        # 강남 and 용산 alone mean the station's neighbourhood as much: the station stays first, the district second.
        add(place, (name, "both" if len(name) == 2 else "left"), (stem, "cue" if stem in ordinary else "both"))
        for dong in row["dongs"]:
            needs: Literal["left", "cue", "both"] = (
                "cue" if dong["name"] in ordinary else "both" if len(dong["name"]) == 2 else "left"
            )
            written = [(dong["name"], needs), (_without_digits(dong["name"]), needs)]
            add(Place(dong["name"], "dong", name, SEOUL, SEOUL, dong["lat"], dong["lon"]), *written)
    for row in provinces:
        place = Place(row["name"], "province", None, None, row["name"], row["lat"], row["lon"])
        shorts = [(s, "cue" if s == "경기" else "both") for s in row["short"]]
        add(place, (row["name"], "left"), *shorts)  # type: ignore[arg-type]
        for city in row["cities"] if row["name"] != SEOUL else ():
            stem = city[:-1]
            bare = "cue" if stem in ordinary_cities else "both"
            names = [(city, "both")] if city.endswith("구") or stem in forms else [(city, "left"), (stem, bare)]
            add(Place(city, "city", None, city, row["name"], None, None), *names)  # type: ignore[arg-type]
    for row in _read(folder / "neighbourhoods.jsonl"):
        in_seoul = row["province"] == SEOUL
        district, city = (row["city"], SEOUL) if in_seoul else (None, row["city"])
        place = Place(row["name"], "area", district, city, row["province"], row["lat"], row["lon"])
        add(place, (row["name"], row["needs"]), *((alias, "both") for alias in row["aliases"]))
    tolerant = [
        text for text, meant in forms.items() if any(f.place.kind in ("district", "dong", "station") for f in meant)
    ]
    lengths: dict[str, set[int]] = {}
    for text in forms:
        lengths.setdefault(text[:2], set()).add(len(text))
    return Places(
        tuple(places),
        forms,
        SlipIndex(tolerant),
        {start: tuple(sorted(found, reverse=True)) for start, found in lengths.items()},
        tuple(words["cues"]),
        frozenset(words["particles"]),
        frozenset(f"{name}역" for name in words["stations_elsewhere"]),
    )


@lru_cache(maxsize=1)
def shipped_places() -> Places:
    """Return the places that ship with the project, read once."""
    return load_places(SHIPPED_PLACES)


def find_places(text: str) -> list[PlaceMatch]:
    """Find places in a text, tolerant of particles, dropped spaces and one wrong letter.

    >>> [(m.text, m.place.name) for m in find_places("설대입구에서 관악구청 쪽으로 가면?")]
    [('설대입구', '서울대입구역'), ('관악구', '관악구')]
    >>> find_places("중구난방으로 강남콩을 먹었다")
    []
    """
    return shipped_places().find(text)


def place_named(name: str) -> Place | None:
    """Return the place of a full name or alias, or None.

    >>> place_named("관악구").kind, place_named("없는동")
    ('district', None)
    """
    return shipped_places().named(name)


def __getattr__(name: str) -> Any:
    """Give PLACES, DISTRICTS (관악구, …) and STATIONS (서울대입구역, …) at first use, so that importing reads nothing."""
    if name == "PLACES":
        return shipped_places()
    if name in ("DISTRICTS", "STATIONS"):
        kind: PlaceKind = "district" if name == "DISTRICTS" else "station"
        return tuple(place.name for place in shipped_places().of_kind(kind))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
