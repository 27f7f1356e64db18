"""Places named in an utterance, as the gazetteer of Korea's places knows them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from aiyam.korean.places import find_places


@dataclass(frozen=True)
class PlaceHit:
    """A place in a text: ``text[start:end]``; ``name`` is its full name, ``kind`` district, dong, station, city or province."""

    name: str
    kind: str
    start: int
    end: int


@lru_cache(maxsize=4096)
def place_hits(text: str) -> tuple[PlaceHit, ...]:
    """Find districts, 동, stations and cities in a normalised text, in reading order."""
    return tuple(PlaceHit(m.place.name, m.place.kind, m.start, m.end) for m in find_places(text))


def full_name(surface: str) -> str:
    """Return the full name of a place written short, or the surface form where it is not known.

    >>> full_name("서울대입구"), full_name("우리집")
    ('서울대입구역', '우리집')
    """
    hits = place_hits(surface.strip())
    return hits[0].name if len(hits) == 1 and hits[0].end - hits[0].start == len(surface.strip()) else surface
