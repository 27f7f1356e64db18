"""The synthetic city from a seed into the store: ground, shops, menus, people, acts, and the truth in its own file."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiyam.catalogue import facts
from aiyam.catalogue.city.acts import CITY_END, act, events_per_user
from aiyam.catalogue.city.ground import Ground, read_ground
from aiyam.catalogue.city.latent import (
    LATENT,
    Latent,
    effective_price,
    make_kind_vectors,
    make_user_tastes,
    meal_fit_table,
)
from aiyam.catalogue.city.menus import MenuBlock, MenuMaker
from aiyam.catalogue.city.names import NameMaker
from aiyam.catalogue.city.people import add_personas, ages_on, make_people
from aiyam.catalogue.city.records import ShopMenus, write_acts
from aiyam.catalogue.city.shops import Block, Kinds, make_block, read_kinds
from aiyam.catalogue.city.truth import save_truth
from aiyam.catalogue.personas import load_personas
from aiyam.catalogue.venues import classify_venue
from aiyam.contracts import CATEGORIES, ImportReport, Progress
from aiyam.errors import InvalidInput
from aiyam.settings import REPO_ROOT
from aiyam.store import Store, schema
from aiyam.store.columns import clear_catalogue, insert_columns

MAX_SHOPS = 1_000_000
_BLOCK_SHOPS = 20_000


def generate_city(
    store: Store, *, n_shops: int = 3000, n_users: int = 2000, seed: int, truth_path: Path,
    progress: Callable[[Progress], None] = lambda _: None, datasets: Path = REPO_ROOT / "datasets",
) -> ImportReport:  # fmt: skip
    """Replace the store's catalogue by the city of this seed; the same arguments give the same rows.

    Raises:
        InvalidInput: a number out of range.
        DataError: the datasets folder is incomplete.
    """
    if not 50 <= n_shops <= MAX_SHOPS:
        raise InvalidInput(f"Expected 50 to {MAX_SHOPS} shops, got {n_shops}.", hint="Change the number of shops.")
    if not 0 <= n_users <= 200_000:
        raise InvalidInput(f"Expected 0 to 200000 users, got {n_users}.", hint="Change the number of users.")
    started = time.perf_counter()
    ground = read_ground(datasets)
    clear_catalogue(store)
    progress(Progress(stage="shops", fraction=0.0, message="가게를 짓는 중"))
    city = _build_shops(store, ground, seed, n_shops, progress)
    progress(Progress(stage="people", fraction=0.6, message="사람들을 부르는 중"))
    rng = np.random.default_rng([seed, 2])
    personas = load_personas(datasets / "catalogue" / "personas.json")
    people = add_personas(
        make_people(rng, ground, n_users, CITY_END.date()), [p.profile for p in personas], CITY_END.date()
    )
    insert_columns(store, schema.person, people)
    latent = _latent(rng, people, city)
    events = events_per_user(rng, len(people["user_id"]))
    for row, persona in enumerate(personas):
        events[row] = int(rng.integers(45, 90)) if persona.has_history else 0
    lat, lon = (np.array([np.nan if v is None else v for v in people[name]], float) for name in ("lat", "lon"))
    district = np.array([ground.districts.index(d) if d else 0 for d in people["district"]])
    acts = act(rng, latent, ground, np.nan_to_num(lat, nan=37.55), np.nan_to_num(lon, nan=127.0), district, events)
    n_acts = write_acts(store, rng, ground, latent, people["user_id"], city.ids, city.menus, acts, progress)
    digest = city.digest
    digest.update(repr((seed, n_shops, n_users)).encode())
    fingerprint = digest.hexdigest()[:16]
    save_truth(truth_path, latent, people["user_id"], fingerprint)
    facts.stamp(
        store,
        source=f"synthetic city, seed {seed}, {n_shops} shops, {n_users} users",
        synthetic=True,
        fingerprint=fingerprint,
    )
    progress(Progress(stage="done", fraction=1.0, message="도시 완성"))
    n_menus = len(city.menus.dish)
    return ImportReport(
        source="synthetic",
        rows_read=n_shops + n_menus + len(people["user_id"]) + n_acts,
        shops=n_shops,
        menus=n_menus,
        users=len(people["user_id"]),
        interactions=n_acts,
        flagged_venues=city.n_flagged,
        seconds=round(time.perf_counter() - started, 3),
    )


@dataclass
class _City:
    """What the later stages need of the shops once they are stored."""

    ids: list[str]
    menus: ShopMenus
    shop_arrays: dict[str, NDArray[Any]]
    n_flagged: int
    digest: Any


def _build_shops(store: Store, ground: Ground, seed: int, n_shops: int, progress: Callable[[Progress], None]) -> _City:
    kinds = read_kinds(ground)
    names = NameMaker(ground.words, np.random.default_rng([seed, 3]))
    maker = MenuMaker(ground, kinds)
    vectors = make_kind_vectors(np.random.default_rng([seed, 4]), kinds.category)
    brand_quality = np.random.default_rng([seed, 5]).normal(0, 0.35, len(kinds.brand_names))
    digest = hashlib.sha256()
    ids: list[str] = []
    arrays: dict[str, list[NDArray[Any]]] = {}
    lines: list[MenuBlock] = []
    n_flagged = 0
    for first in range(0, n_shops, _BLOCK_SHOPS):
        size = min(_BLOCK_SHOPS, n_shops - first)
        rng = np.random.default_rng([seed, 1, first // _BLOCK_SHOPS])
        block = make_block(rng, ground, kinds, names, first, size, n_shops)
        menus = maker.make(rng, block)
        n_flagged += _judge_venues(block, menus)
        insert_columns(store, schema.shop, block.columns)
        insert_columns(store, schema.shop_menu, menus.columns)
        for text in (block.columns["shop_id"], block.columns["name"], menus.columns["name"]):
            digest.update("\x1f".join(text).encode())
        digest.update(menus.price.astype(np.int64).tobytes())
        ids += block.columns["shop_id"]
        for name, values in _shop_arrays(rng, block, menus, kinds, vectors, brand_quality).items():
            arrays.setdefault(name, []).append(values)
        menus.columns.clear()
        lines.append(MenuBlock(menus.shop + first, menus.dish, menus.price, {}))
        progress(Progress(stage="shops", fraction=0.6 * (first + size) / n_shops, message=f"가게 {first + size:,}곳"))
    shop = np.concatenate([part.shop for part in lines])
    start = np.zeros(n_shops + 1, np.int64)
    np.cumsum(np.bincount(shop, minlength=n_shops), out=start[1:])
    menus_all = ShopMenus(start, np.concatenate([p.dish for p in lines]), np.concatenate([p.price for p in lines]))
    return _City(ids, menus_all, {k: np.concatenate(v) for k, v in arrays.items()}, n_flagged, digest)


def _judge_venues(block: Block, menus: MenuBlock) -> int:
    """Write venue and reason as an import would; a place to drink that the rules let pass is left for review."""
    venue: list[str] = ["ok"] * len(block.names)
    reason: list[str | None] = [None] * len(block.names)
    lines: dict[int, list[str]] = {}
    for row, name in zip(
        menus.shop[menus.dish < 0].tolist(), compress(menus.columns["name"], menus.dish < 0), strict=True
    ):
        lines.setdefault(row, []).append(name)
    for row in np.flatnonzero(block.screened).tolist():
        verdict, why = classify_venue(block.names[row], "", lines.get(row, []))
        venue[row], reason[row] = ("review", "술을 주로 파는 곳으로 보임") if verdict == "ok" else (verdict, why)
    block.columns["venue"], block.columns["venue_reason"] = venue, reason
    return int(block.screened.sum())


def _shop_arrays(
    rng: np.random.Generator, block: Block, menus: MenuBlock, kinds: Kinds, vectors: NDArray[np.float64],
    brand_quality: NDArray[np.float64],
) -> dict[str, NDArray[Any]]:  # fmt: skip
    size = len(block.names)
    priced = menus.price >= 0
    count = np.bincount(menus.shop[priced], minlength=size)
    mean = np.bincount(menus.shop[priced], weights=menus.price[priced], minlength=size) / np.maximum(count, 1)
    category = np.array([CATEGORIES.index(c) for c in kinds.category], np.int8)[block.kind]
    felt = np.array([effective_price(c, 1.0) for c in kinds.category])[block.kind] * mean
    quality = rng.normal(0, 0.55, size) + np.where(block.brand_code >= 0, brand_quality[block.brand_code], 0.0)
    quality += 0.25 * np.asarray(block.columns["good_shop"])
    columns = block.columns

    def minutes(name: str) -> NDArray[np.int16]:
        return np.asarray(np.nan_to_num(columns[name], nan=-1), np.int16)

    return {
        "shop_vector": (vectors[block.kind] + rng.normal(0, 0.5, (size, LATENT))).astype(np.float32),
        "shop_category": np.where(block.screened, -1, category).astype(np.int8),
        "shop_quality": quality.astype(np.float32),
        "shop_price": felt.astype(np.float32),
        "shop_lat": columns["lat"].astype(np.float32),
        "shop_lon": columns["lon"].astype(np.float32),
        "shop_card": np.array([{"yes": 1, "no": 0}.get(c, -1) for c in columns["meal_card"]], np.int8),
        "shop_open": minutes("open_min"),
        "shop_close": minutes("close_min"),
        "shop_off": np.asarray(columns["off_days"]).astype(np.uint8),
        "shop_sane": ~block.screened,
    }


def _latent(rng: np.random.Generator, people: dict[str, Any], city: _City) -> Latent:
    limit = np.array([np.nan if v is None else v for v in people["card_meal_limit_won"]], float)
    tastes = make_user_tastes(
        rng,
        ages_on(people["birthday"], CITY_END.date()),
        people["taste_type"],
        np.array(people["has_card"], np.bool_),
        limit,
    )
    return Latent(**tastes, **city.shop_arrays, meal_fit=meal_fit_table())  # type: ignore[arg-type]
