"""Places named in an utterance, as the gazetteer of Seoul knows them."""

from __future__ import annotations

import re
from dataclasses import dataclass

try:
    from aiyam.korean.places import find_places
except ModuleNotFoundError:
    find_places = None  # type: ignore[assignment]


@dataclass(frozen=True)
class PlaceHit:
    """A place in a text: ``text[start:end]``; ``kind`` is district, dong or station."""

    name: str
    kind: str
    start: int
    end: int


_FALLBACK = re.compile(r"(?:[가-힣]{1,4}구(?=\s|에|쪽|근처|맛집|$)|[가-힣]{2,6}역|(?<![가-힣])[가-힣]{2,3}동(?=\s|에|쪽|$))")


def place_hits(text: str) -> list[PlaceHit]:
    """Find districts, 동 and stations in a normalised text, in reading order."""
    if find_places is None:
        return [PlaceHit(m.group(), "word", m.start(), m.end()) for m in _FALLBACK.finditer(text)]
    return [PlaceHit(p.name, str(p.kind), p.start, p.end) for p in find_places(text)]
