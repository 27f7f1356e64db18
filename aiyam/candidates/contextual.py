"""The contextual funnel: near, in the same district, open now, and of a kind people eat at this time."""

from __future__ import annotations

from datetime import datetime
from math import log
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from aiyam.candidates.areas import flat_distance_m
from aiyam.candidates.pool import Pool
from aiyam.candidates.rules import Rules
from aiyam.catalogue.menus import bits_of
from aiyam.catalogue.query import Query
from aiyam.contracts import ATMOSPHERES, CATEGORIES, KST, TIMES_OF_DAY, time_of_day_at

if TYPE_CHECKING:
    from aiyam.catalogue.arrays import Catalogue

Scores = NDArray[np.float32]
MAX_CACHED_DISTRICTS = 1_000


class Contextual:
    """Points for place, opening and meal time, out of what could be had; nothing is learned."""

    def __init__(self, catalogue: Catalogue, rules: Rules) -> None:
        self._catalogue = catalogue
        self._hours = catalogue.hours
        self._points_from: dict[tuple[int, ...], Scores] = {}
        self._rules = rules.contextual
        self._meal_points = np.zeros((len(TIMES_OF_DAY), len(CATEGORIES) + 1), np.float32)
        for meal, points in rules.meal_times.items():
            for category, value in points.items():
                capped = min(value, self._rules.meal_time_up_to)
                self._meal_points[TIMES_OF_DAY.index(meal), CATEGORIES.index(category)] = capped
        self._companion_bits = {c: bits_of(words, ATMOSPHERES) for c, words in rules.companions.items()}

    def _district_points(self, codes: tuple[int, ...]) -> Scores:
        """Points of every district code against where the person is; the last slot is "unknown"."""
        points = self._points_from.get(codes)
        if points is None:
            if len(self._points_from) >= MAX_CACHED_DISTRICTS:
                self._points_from.clear()
            points = self._points_from[codes] = self._points_of_districts(codes)
        return points

    def _points_of_districts(self, codes: tuple[int, ...]) -> Scores:
        c, r = self._catalogue, self._rules
        points = np.zeros(len(c.district_names) + 1, np.float32)
        cities = {(c.district_province[i], c.district_city[i]) for i in codes}
        provinces = {c.district_province[i] for i in codes}
        for i in range(len(c.district_names)):
            if i in codes:
                points[i] = r.district
            elif (c.district_province[i], c.district_city[i]) in cities:
                points[i] = r.city
            elif c.district_province[i] in provinces:
                points[i] = r.province
        return points

    def _open_points(self, now: datetime) -> Scores:
        """Points of every set of hours; unknown hours get none."""
        doors, r = self._hours.doors(now), self._rules
        points = np.float32(r.open_now) * doors.is_open
        points += np.float32(r.opens_within_hour) * doors.opens_soon
        return points

    def score_pool(
        self, query: Query, pool: Pool, *, codes: tuple[int, ...], point: tuple[float, float] | None
    ) -> Scores:
        """Return float32 (k,) in 0..1.

        Args:
            query: the request; its time of day decides the meal, else the clock.
            pool: k shops.
            codes: the district codes the person looks in.
            point: where distances are measured from, None when unknown.
        """
        r = self._rules
        meal = query.filters.time_of_day or time_of_day_at(query.now.astimezone(KST).hour)
        out: Scores = self._meal_points[TIMES_OF_DAY.index(meal)][pool.category]
        best = r.meal_time_up_to + r.open_now
        if codes:
            out += self._district_points(codes)[pool.district]
            best += r.district
        if point is not None:
            near = flat_distance_m(pool.lat, pool.lon, *point)
            near *= np.float32(-log(2) / r.near_half_m)
            np.exp(near, out=near)  # float32 exponentials go many at a time, powers of two do not
            near *= np.float32(r.near_up_to)
            out += np.fmax(near, np.float32(0), out=near)  # a shop of unknown position gets nothing
            best += r.near_up_to
        out += self._open_points(query.now)[pool.hours]
        bits = self._companion_bits.get(query.filters.companion, 0) if query.filters.companion else 0
        if bits:
            out += np.float32(r.companion) * ((self._catalogue.atmosphere[pool.rows] & np.uint8(bits)) != 0)
            best += r.companion
        out /= np.float32(best)
        return out
