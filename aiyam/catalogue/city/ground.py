"""The ground the synthetic city stands on: districts, 동 and stations of Seoul, and the words its shops are made of."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiyam.catalogue.dishes import DishLexicon, load_dishes
from aiyam.errors import DataError

# Stations where far more people eat than live; the weight multiplies a plain station's share of shops.
_HUBS = {
    "강남": 4, "홍대입구": 4, "신촌": 2.5, "건대입구": 3, "신림": 3, "서울대입구": 2.5, "잠실": 2.5, "종각": 2.5, "명동": 2.5,
    "혜화": 2.5, "노원": 2.5, "연신내": 2, "사당": 2.5, "영등포": 2.5, "천호": 2.5, "수유": 2, "성신여대입구": 2, "왕십리": 2,
    "회기": 1.8, "노량진": 2, "신도림": 1.8, "구로디지털단지": 2, "합정": 2, "망원": 1.8, "성수": 2.2, "여의도": 2, "이태원": 2,
    "목동": 1.6, "화곡": 1.8, "발산": 1.6, "선릉": 1.8, "역삼": 1.8, "교대": 1.6, "양재": 1.6, "청량리": 1.8, "미아사거리": 1.8,
    "창동": 1.5, "쌍문": 1.5, "길음": 1.5, "대림": 1.6, "문정": 1.5, "신사": 1.8, "을지로입구": 1.8, "광화문": 1.6, "종로3가": 2,
}  # fmt: skip


@dataclass(frozen=True)
class Ground:
    """Anchors are the points shops gather round: stations first, then 동 centres; all arrays have one entry an anchor.

    ``dong_of`` groups 동 by district: (names, lats, lons) of district i.
    """

    districts: tuple[str, ...]
    district_lat: NDArray[np.float64]
    district_lon: NDArray[np.float64]
    population: NDArray[np.float64]
    roads: tuple[tuple[str, ...], ...]
    dong_names: tuple[tuple[str, ...], ...]
    dong_lat: tuple[NDArray[np.float64], ...]
    dong_lon: tuple[NDArray[np.float64], ...]
    station_names: tuple[str, ...]
    anchor_lat: NDArray[np.float64]
    anchor_lon: NDArray[np.float64]
    anchor_district: NDArray[np.int64]
    anchor_weight: NDArray[np.float64]
    anchor_spread_m: NDArray[np.float64]
    words: dict[str, Any]
    lexicon: DishLexicon

    @property
    def n_stations(self) -> int:
        """How many of the anchors are stations."""
        return len(self.station_names)


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Read a JSON Lines file.

    Raises:
        DataError: the file is missing or a line is no JSON; names file and line.
    """
    rows = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise DataError(f"Expected data at {path}, got: {error}.", hint="Restore the datasets folder.") from error
    for number, line in enumerate(lines, start=1):
        try:
            rows.append(json.loads(line))
        except ValueError as error:
            raise DataError(f"Expected JSON at {path}:{number}, got: {error}.", hint="Correct that line.") from error
    return rows


def read_ground(datasets: Path) -> Ground:
    """Read places, words and dishes from the datasets folder."""
    districts = read_rows(datasets / "places" / "districts.jsonl")
    stations = read_rows(datasets / "places" / "stations.jsonl")
    names = tuple(row["name"] for row in districts)
    population = np.array([row["population_thousands"] for row in districts], float)
    per_district = np.bincount([names.index(s["district"]) for s in stations], minlength=len(names))
    lat, lon, where, weight, spread = [], [], [], [], []
    for row in stations:
        district = names.index(row["district"])
        lat.append(row["lat"])
        lon.append(row["lon"])
        where.append(district)
        weight.append(0.5 * population[district] ** 0.5 / max(per_district[district], 4) * _HUBS.get(row["name"], 1.0))
        spread.append(230.0)
    weight_of_stations = sum(weight)
    for district, row in enumerate(districts):
        for dong in row["dongs"]:
            lat.append(dong["lat"])
            lon.append(dong["lon"])
            where.append(district)
            weight.append(population[district] / len(row["dongs"]) / population.sum() * weight_of_stations * 0.9)
            spread.append(380.0)
    weights = np.array(weight)
    return Ground(
        districts=names,
        district_lat=np.array([row["lat"] for row in districts]),
        district_lon=np.array([row["lon"] for row in districts]),
        population=population,
        roads=tuple(tuple(row["roads"]) for row in districts),
        dong_names=tuple(tuple(d["name"] for d in row["dongs"]) for row in districts),
        dong_lat=tuple(np.array([d["lat"] for d in row["dongs"]]) for row in districts),
        dong_lon=tuple(np.array([d["lon"] for d in row["dongs"]]) for row in districts),
        station_names=tuple(row["name"] for row in stations),
        anchor_lat=np.array(lat),
        anchor_lon=np.array(lon),
        anchor_district=np.array(where),
        anchor_weight=weights / weights.sum(),
        anchor_spread_m=np.array(spread),
        words=json.loads((datasets / "catalogue" / "city_words.json").read_text(encoding="utf-8")),
        lexicon=load_dishes(datasets / "catalogue" / "dishes.jsonl"),
    )


M_PER_DEGREE_LAT = 111_195.0
M_PER_DEGREE_LON = 88_300.0
"""Metres in a degree at Seoul's latitude (37.55 N)."""


def scatter(
    rng: np.random.Generator, lat: NDArray[np.float64], lon: NDArray[np.float64], spread_m: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Move points (k,) in a random direction by a Gamma distance whose mean is ``spread_m``."""
    radius = rng.gamma(2.0, spread_m / 2.0)
    angle = rng.uniform(0, 2 * np.pi, len(lat))
    return lat + radius * np.sin(angle) / M_PER_DEGREE_LAT, lon + radius * np.cos(angle) / M_PER_DEGREE_LON


def draw(rng: np.random.Generator, weights: NDArray[np.float64], size: int) -> NDArray[np.int64]:
    """Draw ``size`` indices with the given (unnormalised) weights."""
    edges = np.cumsum(weights)
    drawn: NDArray[np.int64] = np.searchsorted(edges[:-1], rng.random(size) * edges[-1], side="right").astype(np.int64)
    return drawn
