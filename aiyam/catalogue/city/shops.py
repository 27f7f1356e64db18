"""Shops of the synthetic city, a block at a time: place, kind, name, hours, what the owner says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiyam.catalogue.city.ground import M_PER_DEGREE_LAT, M_PER_DEGREE_LON, Ground, draw, scatter
from aiyam.catalogue.city.names import NameMaker
from aiyam.contracts import ATMOSPHERES

SCREENED_SHARE = 0.015
_NO_STATION_BEYOND_M = 500.0


@dataclass
class Block:
    """A block of k shops: columns ready for the store, and the numbers menus and acts are made from, shape (k,)."""

    columns: dict[str, Any]
    kind: NDArray[np.int64]
    screened: NDArray[np.bool_]
    price_level: NDArray[np.float64]
    brand_code: NDArray[np.int64]
    names: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Kinds:
    """Kinds of shop as parallel tuples and arrays, and every brand with the kind it belongs to."""

    names: tuple[str, ...]
    category: tuple[str, ...]
    weight: NDArray[np.float64]
    brand_names: tuple[str, ...]
    brands_of: tuple[NDArray[np.int64], ...]


def read_kinds(ground: Ground) -> Kinds:
    """Number the kinds and brands of the words file; a kind's category is that of its dishes."""
    category_of = {dish.kind: dish.category for dish in ground.lexicon.dishes}
    names = tuple(ground.words["kinds"])
    brand_names: list[str] = []
    brands_of = []
    for name in names:
        first = len(brand_names)
        brand_names += ground.words["kinds"][name]["brands"]
        brands_of.append(np.arange(first, len(brand_names)))
    return Kinds(
        names=names,
        category=tuple(category_of[name] for name in names),
        weight=np.array([ground.words["kinds"][name]["weight"] for name in names], float),
        brand_names=tuple(brand_names),
        brands_of=tuple(brands_of),
    )


def make_block(
    rng: np.random.Generator, ground: Ground, kinds: Kinds, names: NameMaker, first: int, size: int, n_shops: int
) -> Block:
    """Make shops number ``first`` to ``first + size - 1`` of ``n_shops``."""
    anchor = draw(rng, ground.anchor_weight, size)
    lat, lon = scatter(rng, ground.anchor_lat[anchor], ground.anchor_lon[anchor], ground.anchor_spread_m[anchor])
    district = ground.anchor_district[anchor]
    dong = _nearest_dong(ground, district, lat, lon)
    station = _station_near(ground, anchor, lat, lon)
    kind = draw(rng, kinds.weight, size)
    screened = rng.random(size) < SCREENED_SHARE
    brand = _brands(rng, ground, kinds, kind, screened)
    hours = _hours(rng, ground, kinds, kind, brand, screened)
    price_level = np.exp(rng.normal(0, 0.10, size)) * _district_prices(ground)[district]
    branches = np.bincount(brand[brand >= 0], minlength=len(kinds.brand_names)) / max(size, 1) * n_shops
    published = (brand >= 0) & (branches[brand] >= 20) & (rng.random(size) < 0.9)
    good = ~screened & (rng.random(size) < np.where(brand >= 0, 0.05, 0.135))
    card = _cards(rng, kinds, kind, screened)

    shop_names, dongs, addresses = [], [], []
    building = rng.integers(1, 320, size).tolist()
    side_street = rng.integers(1, 60, size).tolist()
    lane = rng.random(size).tolist()
    templates = ground.words["screened"]["names"]
    for i, (d, j, s, k, b) in enumerate(
        zip(district.tolist(), dong.tolist(), station.tolist(), kind.tolist(), brand.tolist(), strict=True)
    ):
        dong_name = ground.dong_names[d][j]
        station_name = ground.station_names[s] if s >= 0 else None
        if screened[i]:
            name = names.from_templates(templates, dong_name, station_name)
        elif b >= 0:
            name = names.branch(kinds.brand_names[b], dong_name, station_name)
        else:
            name = names.independent(kinds.names[k], dong_name, station_name)
        shop_names.append(name)
        dongs.append(dong_name)
        road = ground.roads[d][(building[i] + j) % len(ground.roads[d])]
        street = f"{road}{side_street[i]}길" if lane[i] < 0.55 else road
        addresses.append(f"서울특별시 {ground.districts[d]} {street} {building[i]} ({dong_name})")

    unplaced = rng.random(size) < 0.015
    config = [ground.words["kinds"][name] for name in kinds.names]
    deliver = np.array([c["delivery"] for c in config])[kind]
    takeout = np.array([c["takeout"] for c in config])[kind]
    columns: dict[str, Any] = {
        "shop_id": [f"s-{number:07d}" for number in range(first + 1, first + size + 1)],
        "name": shop_names,
        "category": ["" if s else kinds.category[k] for k, s in zip(kind.tolist(), screened.tolist(), strict=True)],
        "category_confidence": np.where(screened, 0.0, 1.0),
        "brand": [kinds.brand_names[b] if b >= 0 else None for b in brand.tolist()],
        "province": ["서울특별시"] * size,
        "city": ["서울특별시"] * size,
        "district": [ground.districts[d] for d in district.tolist()],
        "dong": dongs,
        "address": addresses,
        "lat": np.where(unplaced, np.nan, np.round(lat, 6)),
        "lon": np.where(unplaced, np.nan, np.round(lon, 6)),
        "phone": _phones(rng, size),
        **hours,
        "meal_card": card,
        "good_shop": good,
        "message": [None] * size,
        "allergens_published": published,
        "atmosphere": _atmospheres(rng, kinds, kind),
        "delivery": rng.random(size) < deliver,
        "takeout": rng.random(size) < takeout,
        "source": ["synthetic"] * size,
    }
    return Block(columns, kind, screened, price_level, brand, shop_names)


def _nearest_dong(
    ground: Ground, district: NDArray[np.int64], lat: NDArray[np.float64], lon: NDArray[np.float64]
) -> NDArray[np.int64]:
    nearest = np.zeros(len(district), np.int64)
    for d in range(len(ground.districts)):
        here = district == d
        dy = (lat[here, None] - ground.dong_lat[d][None]) * M_PER_DEGREE_LAT
        dx = (lon[here, None] - ground.dong_lon[d][None]) * M_PER_DEGREE_LON
        nearest[here] = np.argmin(dx * dx + dy * dy, axis=1)
    return nearest


def _station_near(
    ground: Ground, anchor: NDArray[np.int64], lat: NDArray[np.float64], lon: NDArray[np.float64]
) -> NDArray[np.int64]:
    dy = (lat - ground.anchor_lat[anchor]) * M_PER_DEGREE_LAT
    dx = (lon - ground.anchor_lon[anchor]) * M_PER_DEGREE_LON
    near = (anchor < ground.n_stations) & (np.hypot(dx, dy) < _NO_STATION_BEYOND_M)
    return np.where(near, anchor, -1)


def _brands(
    rng: np.random.Generator, ground: Ground, kinds: Kinds, kind: NDArray[np.int64], screened: NDArray[np.bool_]
) -> NDArray[np.int64]:
    brand = np.full(len(kind), -1, np.int64)
    chance = rng.random(len(kind))
    which = rng.random(len(kind))
    for k, name in enumerate(kinds.names):
        own = kinds.brands_of[k]
        if len(own) == 0:
            continue
        # The first brand of a kind has the most branches, as real ones do.
        edges = np.cumsum(1.0 / np.arange(1, len(own) + 1) ** 0.8)
        mine = (kind == k) & ~screened & (chance < ground.words["kinds"][name]["brand_share"])
        brand[mine] = own[np.searchsorted(edges, which[mine] * edges[-1], side="right")]
    return brand


def _district_prices(ground: Ground) -> NDArray[np.float64]:
    dear = {
        "강남구": 1.12,
        "서초구": 1.10,
        "용산구": 1.06,
        "송파구": 1.05,
        "중구": 1.05,
        "종로구": 1.04,
        "마포구": 1.03,
        "성동구": 1.04,
    }
    cheap = {
        "강북구": 0.94,
        "도봉구": 0.94,
        "중랑구": 0.94,
        "금천구": 0.95,
        "관악구": 0.95,
        "은평구": 0.96,
        "노원구": 0.96,
    }
    return np.array([{**dear, **cheap}.get(name, 1.0) for name in ground.districts])


def _hours(
    rng: np.random.Generator, ground: Ground, kinds: Kinds, kind: NDArray[np.int64], brand: NDArray[np.int64],
    screened: NDArray[np.bool_],
) -> dict[str, Any]:  # fmt: skip
    size = len(kind)
    config = [ground.words["kinds"][name] for name in kinds.names]

    def halves(low: NDArray[np.int64], high: NDArray[np.int64]) -> NDArray[np.int64]:
        return low * 60 + 30 * rng.integers(0, (high - low) * 2 + 1)

    opens = halves(np.array([c["open"][0] for c in config])[kind], np.array([c["open"][1] for c in config])[kind])
    closes = halves(np.array([c["close"][0] for c in config])[kind], np.array([c["close"][1] for c in config])[kind])
    opens = np.where(screened, halves(np.full(size, 16), np.full(size, 18)), opens)
    closes = np.where(screened, halves(np.full(size, 25), np.full(size, 28)), closes)
    all_day = ~screened & (np.array([n in ("국밥", "김밥") for n in kinds.names])[kind]) & (rng.random(size) < 0.05)
    opens, closes = np.where(all_day, 0, opens), np.where(all_day, 1440, closes)
    rests = (rng.random(size) < np.array([c["break_share"] for c in config])[kind]) & ~all_day & ~screened
    rests &= (opens <= 12 * 60) & (closes >= 20 * 60)
    break_start = 14 * 60 + 30 + 30 * rng.integers(0, 2, size)
    break_end = np.where(rng.random(size) < 0.7, 17 * 60, 16 * 60 + 30)
    takes_off = (rng.random(size) < np.array([c["off_share"] for c in config])[kind]) & ~all_day
    takes_off &= (brand < 0) | (rng.random(size) < 0.3)
    day = draw(rng, np.array([0.30, 0.09, 0.06, 0.04, 0.01, 0.06, 0.44]), size)
    off = np.where(takes_off, 1 << day, 0)
    off = np.where(takes_off & (day == 6) & (rng.random(size) < 0.12), (1 << 5) | (1 << 6), off)
    unknown = rng.random(size) < np.where(brand >= 0, 0.03, 0.10)
    missing = np.where(unknown, np.nan, 0.0)
    return {
        "open_min": opens + missing,
        "close_min": closes + missing,
        "break_start_min": np.where(rests, break_start, np.nan) + missing,
        "break_end_min": np.where(rests, break_end, np.nan) + missing,
        "off_days": np.where(unknown, 0, off),
    }


def _cards(rng: np.random.Generator, kinds: Kinds, kind: NDArray[np.int64], screened: NDArray[np.bool_]) -> list[str]:
    refusing = np.array(
        [0.10 if c in ("고기", "카페") else 0.07 if c in ("양식", "피자") else 0.04 for c in kinds.category]
    )
    draw_ = rng.random(len(kind))
    no = np.where(screened, 0.85, refusing[kind])
    unknown = np.where(screened, 0.15, 0.05)
    return np.where(draw_ < no, "no", np.where(draw_ < no + unknown, "unknown", "yes")).tolist()  # type: ignore[no-any-return]


def _phones(rng: np.random.Generator, size: int) -> list[str | None]:
    # No Seoul exchange begins with 1, so an invented number never rings at a real person's.
    exchange, line = rng.integers(1000, 2000, size), rng.integers(0, 10_000, size)
    missing = rng.random(size) < 0.10
    return [
        None if m else f"02-{e}-{n:04d}"
        for e, n, m in zip(exchange.tolist(), line.tolist(), missing.tolist(), strict=True)
    ]


def _atmospheres(rng: np.random.Generator, kinds: Kinds, kind: NDArray[np.int64]) -> list[str]:
    size = len(kind)
    by_category = {
        "조용한": {"카페": 0.35, "양식": 0.3, "일식": 0.25, "아시안": 0.2, "베이커리": 0.15},
        "혼밥": {
            "한식": 0.3,
            "분식": 0.45,
            "일식": 0.4,
            "패스트푸드": 0.4,
            "도시락": 0.3,
            "중식": 0.3,
            "아시안": 0.25,
            "편의점": 0.3,
        },
        "넓은": {"고기": 0.35, "한식": 0.15, "피자": 0.15, "치킨": 0.15, "중식": 0.2, "카페": 0.15, "양식": 0.15},
        "깨끗한": {"베이커리": 0.35, "카페": 0.35, "양식": 0.3, "일식": 0.3, "패스트푸드": 0.25},
        "놀이방": {"고기": 0.06, "한식": 0.015, "피자": 0.02},
    }
    texts = [""] * size
    for word in ATMOSPHERES:
        share = np.array([by_category[word].get(c, 0.1 if word != "놀이방" else 0.0) for c in kinds.category])[kind]
        for i in np.flatnonzero(rng.random(size) < share).tolist():
            texts[i] = f"{texts[i]} {word}".strip()
    return texts
