"""Places the catalogue does not cover, said plainly instead of answered from another city; places it offers instead."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from aiyam.contracts import Entity, EntityType
from aiyam.korean.places import SEOUL, Place, shipped_places
from aiyam.nlu.shop_columns import ShopColumns

ENOUGH_SHOPS, ENOUGH_SHARE = 20, 0.01
"""A district is served from so many shops on, or from this share of a small catalogue."""


def place_without_shops(entities: Sequence[Entity], catalogue: ShopColumns) -> str | None:
    """Return the name of a known place outside every city of the catalogue; None when one named place is inside.

    Of stations outside Seoul it is not known where they are, so they are outside where the catalogue is of Seoul. A place
    that is not known at all (a neighbourhood of an imported list) counts as no place.
    """
    outside: str | None = None
    for entity in entities:
        if entity.entity is not EntityType.LOCATION:
            continue
        name = str(entity.value)
        place = shipped_places().named(name)
        if place is None:
            if name in shipped_places().elsewhere and home_city(catalogue) == SEOUL:
                outside = outside or name
            continue
        if _covers(_areas(catalogue), place):
            return None
        outside = outside or place.name
    return outside


def home_city(catalogue: ShopColumns) -> str | None:
    """Return the one city the shops are in; None when there are several or none is known."""
    cities = {catalogue.district_city[code] for code in _home_districts(catalogue)} - {""}
    return next(iter(cities)) if len(cities) == 1 else None


def places_to_choose(catalogue: ShopColumns, *, limit: int = 4) -> tuple[str, ...]:
    """Return the districts with the most shops, whose names a message can say back; most first, at most ``limit``."""
    counts = np.bincount(catalogue.district[catalogue.district >= 0], minlength=len(catalogue.district_names))
    areas = _areas(catalogue)
    codes = sorted(_home_districts(catalogue), key=lambda code: -int(counts[code]))
    names = [catalogue.district_names[code] for code in codes]
    known = [n for n in names if (place := shipped_places().named(n)) is not None and _covers(areas, place)]
    return tuple(dict.fromkeys(known))[:limit]


def _covers(areas: frozenset[str], place: Place) -> bool:
    if place.kind == "province":
        return place.name in areas
    return any(name in areas for name in (place.district, place.city, place.name) if name)


def _areas(catalogue: ShopColumns) -> frozenset[str]:
    columns = (catalogue.district_names, catalogue.district_city, catalogue.district_province)
    return frozenset(column[code] for code in _home_districts(catalogue) for column in columns) - {""}


def _home_districts(catalogue: ShopColumns) -> list[int]:
    """Return the codes of the districts with shops enough to be served; a stray address in a list is none."""
    counts = np.bincount(catalogue.district[catalogue.district >= 0], minlength=len(catalogue.district_names))
    enough = min(ENOUGH_SHOPS, math.ceil(len(catalogue.shop_ids) * ENOUGH_SHARE))
    return [int(code) for code in np.flatnonzero(counts >= max(enough, 1))]
