"""What the demo lets you choose beside the person: where they stand and what time it is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time

from aiyam.contracts import KST, ChatContext, UserProfile
from aiyam.korean.places import shipped_places
from apps.chat.map_drawing import Point

TIMES: dict[str, time | None] = {
    "now": None,
    "breakfast": time(8, 0),
    "lunch": time(12, 30),
    "snack": time(15, 30),
    "dinner": time(18, 30),
    "late": time(22, 0),
}


def place_choices() -> tuple[list[str], list[str]]:
    """Return the names of Seoul's districts and stations, each in Korean order."""
    places = shipped_places()
    districts = {place.name for place in places.of_kind("district")}
    return sorted(districts), sorted({place.name for place in places.of_kind("station")})


def context_of(place: str, time_key: str, clock: Callable[[], datetime]) -> ChatContext:
    """Make the context of a turn from what was picked; "" and "now" leave it to profile and clock."""
    found = shipped_places().named(place) if place else None
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
