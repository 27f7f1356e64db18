"""The catalogue as arrays: shops as columns, menus by shop in compressed rows, dishes with what their names imply."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiyam.catalogue import facts
from aiyam.catalogue.array_cache import load_cached, save_cached
from aiyam.catalogue.dishes import DishLexicon, shipped_dishes
from aiyam.catalogue.menus import MenuIndex
from aiyam.catalogue.opening import OpeningHours, OpenStates
from aiyam.contracts import ALLERGENS, ATMOSPHERES, CATEGORIES, DIETS, TASTES
from aiyam.store import Store, schema
from aiyam.store.columns import read_columns

_EARTH_RADIUS_M = 6_371_008.8
_RADIANS = np.float64(np.pi / 180)
_SMALLEST_MEAL_WON = 2500


@dataclass(frozen=True)
class Menu:
    """One line of a shop's menu. ``known`` tells that the lexicon knows the dish, so ``allergens`` are its likely ones."""

    name: str
    price_won: int | None
    is_best: bool
    is_sold_out: bool
    allergens: tuple[str, ...]
    known: bool


@dataclass(frozen=True, eq=False)
class Catalogue:
    """n shops, m menu lines (those of shop i are ``menu_start[i]:menu_start[i + 1]``), d distinct menu names.

    Codes are -1 and prices/ratings NaN (or -1 for whole numbers) where unknown. Bit k of a mask is entry k of its
    vocabulary in ``contracts``. Minutes count from midnight; ``off_days`` bit 0 is Monday.
    """

    shop_ids: list[str]
    names: list[str]
    category: NDArray[np.int8]
    brand: NDArray[np.int32]
    brand_names: list[str]
    district: NDArray[np.int16]
    district_names: list[str]
    district_city: list[str]
    district_province: list[str]
    dong: list[str]
    addresses: list[str]
    phones: list[str | None]
    messages: list[str | None]
    lat: NDArray[np.float32]
    lon: NDArray[np.float32]
    open_min: NDArray[np.int16]
    close_min: NDArray[np.int16]
    break_start_min: NDArray[np.int16]
    break_end_min: NDArray[np.int16]
    off_days: NDArray[np.uint8]
    meal_card: NDArray[np.int8]
    good_shop: NDArray[np.bool_]
    venue_ok: NDArray[np.bool_]
    delivery: NDArray[np.bool_]
    takeout: NDArray[np.bool_]
    atmosphere: NDArray[np.uint8]
    allergens_published: NDArray[np.bool_]
    menu_start: NDArray[np.int32]
    menu_name: NDArray[np.int32]
    menu_price: NDArray[np.int32]
    menu_best: NDArray[np.bool_]
    menu_sold_out: NDArray[np.bool_]
    dish_names: list[str]
    dish_category: NDArray[np.int8]
    dish_taste: NDArray[np.uint8]
    dish_diet: NDArray[np.uint8]
    dish_allergens: NDArray[np.uint32]
    dish_known: NDArray[np.bool_]
    mean_price: NDArray[np.float32]
    min_meal_price: NDArray[np.float32]
    n_menus: NDArray[np.int32]
    n_orders: NDArray[np.int32]
    n_favorites: NDArray[np.int32]
    n_reviews: NDArray[np.int32]
    rating: NDArray[np.float32]
    synthetic: bool = False
    fingerprint: str = ""
    row_of: dict[str, int] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if len(self.row_of) != len(self.shop_ids):
            object.__setattr__(self, "row_of", {shop_id: row for row, shop_id in enumerate(self.shop_ids)})

    def __len__(self) -> int:
        return len(self.shop_ids)

    @classmethod
    def load(
        cls,
        store: Store,
        *,
        lexicon: DishLexicon | None = None,
        until: int | None = None,
        cache_dir: Path | None = None,
        shops: Sequence[str] | None = None,
    ) -> Catalogue:
        """Read the catalogue, rows in order of shop_id.

        Args:
            lexicon: the dishes known; the shipped ones by default.
            until: epoch seconds; orders, favourites and reviews at or after it are not counted (training without leaks).
            cache_dir: a folder that keeps the arrays by fingerprint, so that the next start reads one file.
            shops: read these shops alone, as far as they are stored; what people did there is not counted.
        """
        fingerprint, known = facts.fingerprint_of(store), lexicon or shipped_dishes()
        key = f"{fingerprint}-{known.digest}"  # what a menu implies depends on the lexicon too
        whole = until is None and shops is None
        if cache_dir is not None and fingerprint and whole:
            kept = load_cached(cache_dir, key)
            if kept is not None:
                return cls(**kept)
        columns = _read_shops(store, shops)
        row_of = {shop_id: row for row, shop_id in enumerate(columns["shop_ids"])}
        menus = _read_menus(store, row_of, shops)
        dishes = _read_dishes(menus["dish_names"], known)
        side = dishes.pop("side")
        prices = _prices(menus, side, len(row_of))
        counts = _count_acts(store, row_of, until) if shops is None else _no_acts(len(row_of))
        catalogue = cls(
            **columns, **menus, **dishes, **prices, **counts,
            synthetic=facts.is_synthetic(store), fingerprint=fingerprint or _digest(columns, menus), row_of=row_of,
        )  # fmt: skip
        if cache_dir is not None and fingerprint and whole:
            kept = {f.name: getattr(catalogue, f.name) for f in fields(cls) if f.name != "row_of"}
            save_cached(cache_dir, key, kept)
        return catalogue

    @cached_property
    def menus(self) -> MenuIndex:
        """The indexes that tell which dishes fit a request; built at the first use."""
        return MenuIndex(self)

    @cached_property
    def hours(self) -> OpeningHours:
        """The opening hours by distinct set; built at the first use."""
        return OpeningHours(self.open_min, self.close_min, self.break_start_min, self.break_end_min, self.off_days)

    @cached_property
    def district_codes(self) -> dict[str, tuple[int, ...]]:
        """The codes of each district name; several where cities share one ("중구")."""
        codes: dict[str, tuple[int, ...]] = {}
        for code, name in enumerate(self.district_names):
            codes[name] = (*codes.get(name, ()), code)
        return codes

    def open_state(self, rows: NDArray[np.integer[Any]], now: datetime) -> OpenStates:
        """Tell which of the shops ``rows`` (k,) are open at ``now`` (with a UTC offset)."""
        return self.hours.states(rows, now)

    def distance_m(self, rows: NDArray[np.integer[Any]], lat: float, lon: float) -> NDArray[np.float32]:
        """Great-circle distance from a point to the shops ``rows`` (k,), metres; NaN where the position is unknown."""
        return great_circle_m(self.lat[rows], self.lon[rows], lat, lon)

    def menus_of(self, row: int) -> list[Menu]:
        """Return the shop's menu in its own order."""
        lines = []
        for line in range(int(self.menu_start[row]), int(self.menu_start[row + 1])):
            dish, price = int(self.menu_name[line]), int(self.menu_price[line])
            mask = int(self.dish_allergens[dish])
            lines.append(
                Menu(
                    name=self.dish_names[dish],
                    price_won=price if price >= 0 else None,
                    is_best=bool(self.menu_best[line]),
                    is_sold_out=bool(self.menu_sold_out[line]),
                    allergens=tuple(a for k, a in enumerate(ALLERGENS) if mask >> k & 1),
                    known=bool(self.dish_known[dish]),
                )
            )
        return lines

    def category_name(self, row: int) -> str:
        """Return the category's Korean name, or 기타 when the shop has none of the fourteen."""
        code = int(self.category[row])
        return CATEGORIES[code] if code >= 0 else "기타"


def great_circle_m(
    lats: NDArray[np.floating[Any]],
    lons: NDArray[np.floating[Any]],
    lat: float | NDArray[np.float64],
    lon: float | NDArray[np.float64],
) -> NDArray[np.float32]:
    """Haversine distance in metres from points (k,) to one point, or (b, k) to b points (b, 1); NaN stays NaN."""
    there, here = lats * _RADIANS, lat * _RADIANS
    north, east = np.sin((there - here) / 2), np.sin((lons - np.asarray(lon, np.float64)) * (_RADIANS / 2))
    a = north * north + (np.cos(there) * np.cos(here)) * (east * east)
    metres: NDArray[np.float64] = 2 * _EARTH_RADIUS_M * np.arcsin(np.sqrt(np.minimum(a, 1.0)))
    return metres.astype(np.float32)


def _column(store: Store, table: Any, name: str, *, shops: Sequence[str] | None = None) -> list[Any]:
    # One column at a time: a million menu lines as Python objects are only held once, not once a column.
    return read_columns(store, table, [name], shops=shops)[name]


def _codes(values: Sequence[Hashable]) -> tuple[NDArray[np.int32], list[Any]]:
    """Number the distinct values in order of appearance; None gets -1."""
    seen: dict[Hashable, int] = {}
    codes = np.fromiter(
        (-1 if value is None else seen.setdefault(value, len(seen)) for value in values), np.int32, len(values)
    )
    return codes, list(seen)


def _numbers(values: list[Any], dtype: Any, missing: float) -> NDArray[Any]:
    return np.fromiter((missing if value is None else value for value in values), dtype, len(values))


# Read together, so that a table is scanned a few times; apart, so that not every value is a Python object at once.
_SHOP_GROUPS = (
    ("shop_id", "name", "category", "brand", "province", "city", "district", "dong"),
    ("address", "phone", "message", "atmosphere", "venue", "meal_card"),
    ("lat", "lon", "open_min", "close_min", "break_start_min", "break_end_min", "off_days", "good_shop",
     "delivery", "takeout", "allergens_published"),
)  # fmt: skip


def _read_shops(store: Store, shops: Sequence[str] | None) -> dict[str, Any]:
    read: dict[str, list[Any]] = {}

    def column(name: str) -> list[Any]:
        if name not in read:
            read.clear()
            group = next(group for group in _SHOP_GROUPS if name in group)
            read.update(read_columns(store, schema.shop, group, shops=shops))
        return read[name]

    ids = column("shop_id")
    category_code = {name: code for code, name in enumerate(CATEGORIES)}
    card = {"yes": 1, "no": 0}
    brand, brand_names = _codes([name or None for name in column("brand")])
    places = list(zip(column("province"), column("city"), column("district"), strict=True))
    district, known_places = _codes(places)
    same: dict[str, str] = {}

    @cache
    def mask(words: str) -> int:
        return sum(1 << ATMOSPHERES.index(word) for word in set(words.split()) if word in ATMOSPHERES)

    def flags(name: str) -> NDArray[np.bool_]:
        return np.fromiter((bool(value) for value in column(name)), np.bool_, len(ids))

    def minutes(name: str) -> NDArray[np.int16]:
        return _numbers(column(name), np.int16, -1)

    return {  # in order of the groups
        "shop_ids": ids,
        "names": column("name"),
        "category": np.fromiter((category_code.get(c, -1) for c in column("category")), np.int8, len(ids)),
        "brand": brand,
        "brand_names": brand_names,
        "district": district.astype(np.int16),
        "district_names": [place[2] for place in known_places],
        "district_city": [place[1] for place in known_places],
        "district_province": [place[0] for place in known_places],
        "dong": [same.setdefault(value, value) for value in column("dong")],
        "addresses": column("address"),
        "phones": column("phone"),
        "messages": [None if value is None else same.setdefault(value, value) for value in column("message")],
        "meal_card": np.fromiter((card.get(c, -1) for c in column("meal_card")), np.int8, len(ids)),
        "venue_ok": np.fromiter((value == "ok" for value in column("venue")), np.bool_, len(ids)),
        "atmosphere": np.fromiter((mask(value) for value in column("atmosphere")), np.uint8, len(ids)),
        "lat": _numbers(column("lat"), np.float32, np.nan),
        "lon": _numbers(column("lon"), np.float32, np.nan),
        "open_min": minutes("open_min"),
        "close_min": minutes("close_min"),
        "break_start_min": minutes("break_start_min"),
        "break_end_min": minutes("break_end_min"),
        "off_days": _numbers(column("off_days"), np.uint8, 0),
        "good_shop": flags("good_shop"),
        "delivery": flags("delivery"),
        "takeout": flags("takeout"),
        "allergens_published": flags("allergens_published"),
    }


def _read_menus(store: Store, row_of: dict[str, int], shops: Sequence[str] | None) -> dict[str, Any]:
    owners = _column(store, schema.shop_menu, "shop_id", shops=shops)
    shop = np.fromiter((row_of[shop_id] for shop_id in owners), np.int32)
    order = np.argsort(shop, kind="stable")
    names, dish_names = _codes(_column(store, schema.shop_menu, "name", shops=shops))
    read = read_columns(store, schema.shop_menu, ["price_won", "is_best", "is_sold_out"], shops=shops)
    start = np.zeros(len(row_of) + 1, np.int32)
    np.cumsum(np.bincount(shop, minlength=len(row_of)), out=start[1:])
    return {
        "menu_start": start,
        "menu_name": names[order],
        "menu_price": _numbers(read["price_won"], np.int32, -1)[order],
        "menu_best": _numbers(read["is_best"], np.bool_, False)[order],
        "menu_sold_out": _numbers(read["is_sold_out"], np.bool_, False)[order],
        "dish_names": dish_names,
    }


def _mask(words: Sequence[str], vocabulary: Sequence[str]) -> int:
    return sum(1 << vocabulary.index(word) for word in words)


def _read_dishes(names: list[str], lexicon: DishLexicon) -> dict[str, Any]:
    d = len(names)
    found = [lexicon.lookup(name) for name in names]

    def each(dtype: Any, value: Callable[[int], float]) -> NDArray[Any]:
        return np.fromiter((value(i) for i in range(d)), dtype, d)

    def category(i: int) -> int:
        dish = found[i]
        return CATEGORIES.index(dish.category) if dish else -1

    def diet(i: int) -> int:
        dish = found[i]
        return _mask(dish.diets, DIETS) if dish else 0

    return {
        "dish_category": each(np.int8, category),
        "dish_taste": each(np.uint8, lambda i: _mask(lexicon.tastes_of(names[i]), TASTES)),
        "dish_diet": each(np.uint8, diet),
        "dish_allergens": each(np.uint32, lambda i: _mask(lexicon.allergens_of(names[i]), ALLERGENS)),
        "dish_known": each(np.bool_, lambda i: found[i] is not None),
        "side": each(np.bool_, lambda i: (dish := found[i]) is not None and dish.side),
    }


def _prices(menus: dict[str, Any], side: NDArray[np.bool_], n_shops: int) -> dict[str, Any]:
    price, start = menus["menu_price"], menus["menu_start"]
    n_menus = np.diff(start)
    shop = np.repeat(np.arange(n_shops), n_menus)
    priced = price >= 0
    count = np.bincount(shop[priced], minlength=n_shops)
    total = np.bincount(shop[priced], weights=price[priced], minlength=n_shops)
    mean = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    is_side = side[menus["menu_name"]] if len(side) else np.zeros(len(price), np.bool_)
    lowest: NDArray[np.float64] = np.full(n_shops, np.inf)
    meals = priced & ~is_side & (price >= _SMALLEST_MEAL_WON)
    np.minimum.at(lowest, shop[meals], price[meals])
    lowest_any = np.full(n_shops, np.inf)
    np.minimum.at(lowest_any, shop[priced], price[priced])
    lowest = np.where(np.isinf(lowest), lowest_any, lowest)
    lowest[np.isinf(lowest)] = np.nan
    return {
        "mean_price": mean.astype(np.float32),
        "min_meal_price": lowest.astype(np.float32),
        "n_menus": n_menus.astype(np.int32),
    }


def _count_acts(store: Store, row_of: dict[str, int], until: int | None) -> dict[str, Any]:
    n = len(row_of)

    def acts(table: Any) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        rows = np.fromiter((row_of.get(shop_id, -1) for shop_id in _column(store, table, "shop_id")), np.int64)
        kept = rows >= 0
        if until is not None:
            kept &= np.array(_column(store, table, "created_at"), np.int64).reshape(-1) < until
        return rows, kept

    orders, order_kept = acts(schema.product_order)
    favorites, favorite_kept = acts(schema.favorite)
    reviews, review_kept = acts(schema.review)
    stars = np.array(_column(store, schema.review, "rating"), np.float64).reshape(-1)
    n_reviews = np.bincount(reviews[review_kept], minlength=n)
    total = np.bincount(reviews[review_kept], weights=stars[review_kept], minlength=n)
    return {
        "n_orders": np.bincount(orders[order_kept], minlength=n).astype(np.int32),
        "n_favorites": np.bincount(favorites[favorite_kept], minlength=n).astype(np.int32),
        "n_reviews": n_reviews.astype(np.int32),
        "rating": np.where(n_reviews > 0, total / np.maximum(n_reviews, 1), np.nan).astype(np.float32),
    }


def _no_acts(n: int) -> dict[str, Any]:
    counts: dict[str, Any] = {name: np.zeros(n, np.int32) for name in ("n_orders", "n_favorites", "n_reviews")}
    return {**counts, "rating": np.full(n, np.nan, np.float32)}


def _digest(columns: dict[str, Any], menus: dict[str, Any]) -> str:
    digest = hashlib.sha256("\x1f".join(columns["shop_ids"] + columns["names"]).encode())
    digest.update(menus["menu_price"].tobytes())
    return digest.hexdigest()[:16]
