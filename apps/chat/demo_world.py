"""What the demo lets you choose: who talks, where they stand, what time it is."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from pathlib import Path

from aiyam.korean.places import DISTRICTS, STATIONS, place_named

from aiyam.contracts import KST, ChatContext, UserProfile
from aiyam.errors import DataError
from apps.chat.map_drawing import Point

NEW_USER = "new-user"
"""A user nobody knows, so that the cold start can be seen."""

TIMES: dict[str, time | None] = {
    "now": None,
    "breakfast": time(8, 0),
    "lunch": time(12, 30),
    "snack": time(15, 30),
    "dinner": time(18, 30),
    "late": time(22, 0),
}


@dataclass(frozen=True)
class Persona:
    """One made-up person to talk as."""

    user_id: str
    label: str
    about: str


def load_personas(datasets_dir: Path) -> tuple[Persona, ...]:
    """Read ``catalogue/personas.json``.

    Raises:
        DataError: the file is missing or not a list of objects with ``user_id``, ``label`` and ``description``.
    """
    path = datasets_dir / "catalogue" / "personas.json"
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return tuple(Persona(row["user_id"], row["label"], row["description"]) for row in rows)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"Expected a list of personas in {path}, but: {error!r}.", hint="Restore the file from the repository."
        ) from error


def place_choices() -> tuple[Sequence[str], Sequence[str]]:
    """Return the names of districts and of stations to stand in, each in Korean order."""
    return sorted(DISTRICTS), sorted(STATIONS)


def context_of(place: str, time_key: str, clock: Callable[[], datetime]) -> ChatContext:
    """Make the context of a turn from what was picked; "" and "now" leave it to profile and clock."""
    found = place_named(place) if place else None
    at = TIMES.get(time_key)
    return ChatContext(
        now=datetime.combine(clock().astimezone(KST).date(), at, KST) if at else None,
        district=found.district if found else None,
        place=found.name if found and found.kind == "station" else None,
        lat=found.lat if found else None,
        lon=found.lon if found else None,
    )


def standing_at(context: ChatContext, profile: UserProfile) -> Point | None:
    """Return where the person is (lat, lon): the picked place, else home; None when neither is known."""
    for place in (context, profile):
        if place.lat is not None and place.lon is not None:
            return place.lat, place.lon
    return None
