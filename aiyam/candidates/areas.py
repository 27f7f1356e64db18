"""Where to look: districts, their neighbours and cities, 동 names, and shops within a radius, as row arrays."""

from __future__ import annotations

from math import cos, radians
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from aiyam.catalogue.arrays import Catalogue

Rows = NDArray[np.int32]
METRES_PER_DEGREE = 111_195.0
NEIGHBOUR_M = 15_000.0
STRIPS_PER_DEGREE = 100
STRIP_KEY = 1000.0


def flat_distance_m(
    lats: NDArray[np.float32], lons: NDArray[np.float32], lat: float, lon: float
) -> NDArray[np.float32]:
    """Return distances in metres on a locally flat earth (within 0.1 % over a city); nan where a position is unknown."""
    north: NDArray[np.float32] = (lats - np.float32(lat)) * np.float32(METRES_PER_DEGREE)
    east = (lons - np.float32(lon)) * np.float32(METRES_PER_DEGREE * cos(radians(lat)))
    north *= north
    east *= east
    north += east
    np.sqrt(north, out=north)
    return north


def flat_distances_m(
    lats: NDArray[np.float32], lons: NDArray[np.float32], lat: NDArray[np.float64], lon: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Return ``flat_distance_m`` of pairs, each shop with a point of its own."""
    north = (lats - lat.astype(np.float32)) * np.float32(METRES_PER_DEGREE)
    east = (lons - lon.astype(np.float32)) * (METRES_PER_DEGREE * np.cos(np.radians(lat))).astype(np.float32)
    return np.asarray(np.sqrt(north * north + east * east), np.float32)


class Areas:
    """Row sets by place. District names are matched exactly, then without their province ("중구" finds every 중구)."""

    def __init__(self, catalogue: Catalogue, *, n_neighbours: int) -> None:
        self._lat, self._lon = catalogue.lat, catalogue.lon
        self._district = catalogue.district
        self._names = list(catalogue.district_names)
        # The last place answers for code -1: a shop of no district.
        self._named = np.asarray([*map(bool, self._names), False])
        self._cities = list(catalogue.district_city)
        self._provinces = list(catalogue.district_province)
        known = np.flatnonzero(~np.isnan(self._lat) & ~np.isnan(self._lon))
        # Strips of 0.01 degrees of latitude, west to east within each: a circle is a few slices.
        strip = np.floor(self._lat[known] * STRIPS_PER_DEGREE).astype(np.int64)
        key = strip * STRIP_KEY + self._lon[known].astype(np.float64)
        order_by_key = np.argsort(key, kind="stable")
        self._placed = known[order_by_key].astype(np.int32)
        self._placed_key = key[order_by_key]
        self._placed_lat, self._placed_lon = self._lat[self._placed], self._lon[self._placed]
        order = np.argsort(self._district, kind="stable").astype(np.int32)
        edges = np.searchsorted(self._district[order], np.arange(len(self._names) + 1))
        self._rows_of = [order[edges[i] : edges[i + 1]] for i in range(len(self._names))]
        self._centre = np.full((len(self._names), 2), np.nan, np.float32)
        for code, rows in enumerate(self._rows_of):
            placed = rows[~np.isnan(self._lat[rows])]
            if len(placed):
                self._centre[code] = np.median(self._lat[placed]), np.median(self._lon[placed])
        unplaced = np.isnan(self._lat) | np.isnan(self._lon)
        self._unplaced_of = [rows[unplaced[rows]] for rows in self._rows_of]
        self._n_neighbours = n_neighbours
        self._dong: dict[str, list[int]] = {}
        for row, dong in enumerate(catalogue.dong):
            if dong:
                self._dong.setdefault(dong, []).append(row)

    def codes(self, name: str | None, *, city: str | None = None, province: str | None = None) -> list[int]:
        """Return the district codes of a name; with several of one name, those in the person's city or province first."""
        if not name:
            return []
        found = [i for i, known in enumerate(self._names) if known == name]
        if not found:
            found = [i for i, known in enumerate(self._names) if known.endswith(f" {name}")]
        if not found:
            found = [i for i, known in enumerate(self._cities) if name in (known, f"{known}시")]
        for wanted, places in ((city, self._cities), (province, self._provinces)):
            nearer = [i for i in found if wanted and places[i] == wanted]
            if nearer:
                return nearer
        return found

    def neighbours(self, codes: list[int]) -> list[int]:
        """Return the codes and the nearest other districts, by their middle; without positions, those of the same city."""
        out = dict.fromkeys(codes)
        for code in codes:
            lat, lon = self._centre[code]
            if np.isnan(lat):
                continue
            away = flat_distance_m(self._centre[:, 0], self._centre[:, 1], float(lat), float(lon))
            nearest = np.argsort(np.nan_to_num(away, nan=np.inf), kind="stable")[: self._n_neighbours + 1]
            out.update(dict.fromkeys(int(i) for i in nearest if away[i] <= NEIGHBOUR_M))
        return list(out)

    def same_city(self, codes: list[int], *, city: str | None = None, province: str | None = None) -> list[int]:
        """Return all district codes of the cities of ``codes`` (or of the named city, else province)."""
        pairs = {(self._provinces[i], self._cities[i]) for i in codes}
        if not pairs and city:
            pairs = {(p, c) for p, c in zip(self._provinces, self._cities, strict=True) if c == city}
        if not pairs and province:
            pairs = {(p, c) for p, c in zip(self._provinces, self._cities, strict=True) if p == province}
        return [i for i, pair in enumerate(zip(self._provinces, self._cities, strict=True)) if pair in pairs]

    def in_districts(self, codes: list[int]) -> Rows:
        """Return the ascending rows of the districts."""
        parts = [self._rows_of[i] for i in codes]
        return np.sort(np.concatenate(parts)) if parts else np.empty(0, np.int32)

    def in_dong(self, name: str) -> Rows:
        """Return the ascending rows of a 동 by its exact name."""
        return np.asarray(self._dong.get(name, ()), np.int32)

    def within(self, lat: float, lon: float, radius_m: float, *, unplaced: Rows | None = None) -> Rows:
        """Return the ascending rows at most ``radius_m`` from a point; of shops without a position only ``unplaced``."""
        apart = np.empty(0, np.int32) if unplaced is None else unplaced
        tall = radius_m / METRES_PER_DEGREE + 1e-4
        wide = tall / max(float(np.cos(np.radians(lat))), 0.01)
        strips = np.arange(np.floor((lat - tall) * STRIPS_PER_DEGREE), np.floor((lat + tall) * STRIPS_PER_DEGREE) + 1)
        low = np.searchsorted(self._placed_key, strips * STRIP_KEY + lon - wide)
        high = np.searchsorted(self._placed_key, strips * STRIP_KEY + lon + wide)
        slices = [slice(a, b) for a, b in zip(low.tolist(), high.tolist(), strict=True) if b > a]
        if not slices:
            return apart
        lats, lons, rows = (
            np.concatenate([column[part] for part in slices])
            for column in (self._placed_lat, self._placed_lon, self._placed)
        )
        near: Rows = np.concatenate((rows.compress(flat_distance_m(lats, lons, lat, lon) <= radius_m), apart))
        near.sort()
        return near

    def district_at(self, lat: float, lon: float) -> int | None:
        """Return the code of the district most of the nearest shops lie in, None when no shop has a position."""
        for radius_m in (500.0, 2000.0, 10_000.0):
            rows = self.within(lat, lon, radius_m)
            rows = rows[self._named[self._district[rows]]]
            if len(rows):
                return int(np.bincount(self._district[rows]).argmax())
        return None

    def unplaced(self, codes: list[int]) -> Rows:
        """Return the ascending rows of the districts whose position is unknown."""
        parts = [self._unplaced_of[code] for code in codes]
        return np.sort(np.concatenate(parts)) if parts else np.empty(0, np.int32)
