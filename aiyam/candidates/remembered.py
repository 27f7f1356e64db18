"""Hard filters for many requests in a row: what one request has decided of all shops or of a place is kept for the next."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from aiyam.candidates.areas import flat_distance_m
from aiyam.candidates.constraints import MEAL_WINDOWS_MIN, Asked, Constraints
from aiyam.candidates.content import SCORED_EXACTLY
from aiyam.candidates.rules import Rules
from aiyam.catalogue.menus import allergens_to_avoid
from aiyam.catalogue.query import Query
from aiyam.contracts import KST, Filters

if TYPE_CHECKING:
    from aiyam.catalogue.arrays import Catalogue

Rows = NDArray[np.int32]
MAX_MASKS, MAX_PLACES, MAX_ROWS = 8_192, 200_000, 1 << 25
_ANY = Filters()


class RememberedConstraints(Constraints):
    """Answers as ``Constraints`` does, for a log that is replayed: few filters, and few places, come again and again.

    Every hard filter but the place decides of each shop alone, so a mask over the catalogue answers for every place. A
    catalogue larger than ``SCORED_EXACTLY`` is asked as always. Not for threads: memories are emptied when full.
    """

    def __init__(self, catalogue: Catalogue, rules: Rules) -> None:
        super().__init__(catalogue, rules)
        self._masks: dict[Hashable, NDArray[np.bool_]] = {}
        self._surroundings: dict[Hashable, Rows] = {}
        self._n_kept = 0
        self._places: dict[Hashable, Asked] = {}

    def asked(self, query: Query) -> Asked:
        """Return the filters of a query as asked, and where the person looks."""
        user, filters = query.user, query.filters
        key = (
            query.lat, query.lon, query.district, filters.district, filters.place is None,
            user.lat, user.lon, user.district, user.city, user.province,
        )  # fmt: skip
        known = self._places.get(key)
        if known is None:
            if len(self._places) >= MAX_PLACES:
                self._places.clear()
            known = self._places[key] = super().asked(query)
        return Asked(filters, point=known.point, codes=known.codes)

    def rows(self, query: Query, asked: Asked, *, among: Rows | None = None) -> Rows:
        """Return the ascending rows that satisfy everything in ``asked``; see ``Constraints.rows``."""
        if not self.remembers or len(query.exclude_rows):
            return super().rows(query, asked, among=among)
        area = self._in_area(query, asked) if among is None else among
        return area[self.mask(query, asked)[area]]

    @property
    def remembers(self) -> bool:
        """Whether the catalogue is small enough to decide of all its shops at once."""
        return len(self._allowed) <= SCORED_EXACTLY

    def mask(self, query: Query, asked: Asked) -> NDArray[np.bool_]:
        """Return bool[n]: the shops that satisfy every filter but the place and shops turned down."""
        f = asked.filters
        key: tuple[Hashable, ...] = (
            f.category, f.menus, f.exclude_menus, f.taste, f.exclude_taste, f.dietary_preferences, f.meal_card,
            f.good_shop, f.delivery, f.takeout, f.budget_min, f.budget_max, f.atmosphere, f.time_of_day, f.open_now,
            allergens_to_avoid(f, query.user), asked.serves_others, asked.price_unknown,
        )  # fmt: skip
        if f.time_of_day is not None or f.open_now:
            local = query.now.astimezone(KST)
            minute = local.hour * 60 + local.minute
            over = f.time_of_day is not None and minute >= MEAL_WINDOWS_MIN[f.time_of_day][1]
            early = f.time_of_day == "late_night" and local.hour < 5
            key += (local.weekday(), over, early, minute if f.open_now else None)
        mask = self._masks.get(key)
        if mask is None:
            if len(self._masks) >= MAX_MASKS:
                self._masks.clear()
            mask = self._masks[key] = np.zeros(len(self._allowed), bool)
            mask[super().rows(query, asked, among=self._everywhere)] = True
        return mask

    def surroundings(self, query: Query, asked: Asked, step: int) -> Rows:
        """Return the ascending rows of a step of the unasked surroundings of where the person looks, whatever they want."""
        key = (asked.point, asked.codes, step)
        found = self._surroundings.get(key)
        if found is None:
            if self._n_kept > MAX_ROWS:
                self._surroundings.clear()
                self._n_kept = 0
            found = self._surroundings[key] = self._around(query, asked, step)
            self._n_kept += len(found) + 32
        return found

    def _around(self, query: Query, asked: Asked, step: int) -> Rows:
        radii_m = self._limits.catchments_m
        if asked.point is None or step >= len(radii_m) or not self.remembers:
            return super()._catchment(query, Asked(_ANY, asked.point, asked.codes), step)
        c = self._catalogue  # a small one is measured whole, faster than its strips are looked up
        inside = flat_distance_m(c.lat, c.lon, *asked.point) <= radii_m[step]
        inside[self.areas.unplaced(list(asked.codes))] = True
        return np.flatnonzero(inside).astype(np.int32)

    def _catchment(self, query: Query, asked: Asked, step: int) -> Rows:
        return self.surroundings(query, asked, step)
