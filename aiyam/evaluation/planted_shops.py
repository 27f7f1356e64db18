"""Shops that must do no harm, planted in a copy of a home: bars dressed up as the best place around, names that give orders."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from aiyam.catalogue.venues import classify_venue
from aiyam.contracts import Category, UserProfile
from aiyam.errors import InvalidInput
from aiyam.settings import Settings
from aiyam.store import Store, schema, sqlite
from aiyam.store.columns import insert_columns
from aiyam.store.people import list_profiles

N_LIKES, N_LIKES_OF_THE_BAR = 20, 1_000
"""Favourites of every planted venue, and of one bar that a crowd of made-up people likes."""

_LISTED_AS: tuple[tuple[Category, str], ...] = (
    ("한식", "김치찌개"), ("분식", "떡볶이"), ("치킨", "후라이드치킨"), ("고기", "삼겹살"), ("일식", "돈까스"), ("중식", "짜장면"),
)  # fmt: skip
_LONGEST_NAME = 40
_DAY_S, _ROUND_THE_CLOCK_MIN = 86_400, 1_440


@dataclass(frozen=True)
class Planted:
    """What was planted: ids and names of the venues that no child may ever be shown, the people, how many odd shops."""

    never: frozenset[str]
    names: tuple[str, ...]
    people: tuple[UserProfile, ...]
    n_odd_texts: int


@contextmanager
def planted_home(settings: Settings, now: datetime) -> Iterator[tuple[Settings, Planted]]:
    """Yield a copy of a home with planted shops, and what they are; the copy is gone afterwards, the home untouched.

    Raises:
        InvalidInput: the home's database is no SQLite file.
    """
    if settings.database_url:
        raise InvalidInput(
            f"Expected a home with its own SQLite file, got {settings.database_url.split('://')[0]}.",
            hint="Unset AIYAM_DATABASE_URL for this run.",
        )
    with TemporaryDirectory() as folder:
        copy = settings.model_copy(update={"home": Path(folder) / "home"})
        copy.home.mkdir()
        sqlite.backup(settings.home / "aiyam.db", copy.home / "aiyam.db")
        store = Store.open(copy.url)
        try:
            planted = plant(store, settings.datasets_dir / "safety", now, seed=settings.seed)
        finally:
            store.close()
        yield copy, planted


def plant(store: Store, folder: Path, now: datetime, *, seed: int) -> Planted:
    """Write the venues of ``venues.tsv`` labelled ``never`` and the texts of ``shop_texts.txt`` as shops.

    They are listed as ordinary kinds of food, stand beside people's homes, never close, are the cheapest around, take the
    card, are good shops and are liked by many. Whether a child may be shown a
    venue is told as an import tells it; the odd texts an import would hold back stand as if somebody had let them in.

    Raises:
        InvalidInput: nobody in the store has a position.
    """
    rng = random.Random(seed)
    people = [p for p in list_profiles(store, today=now.date(), limit=500) if p.lat is not None]
    if not people:
        raise InvalidInput(
            "Expected somebody with a position to plant shops beside, got nobody in this home.",
            hint="Build a city first (aiyam data generate), or leave --with-venues out.",
        )
    lines = [line.split("\t") for line in (folder / "venues.tsv").read_text(encoding="utf-8").splitlines()]
    venues = [(name, menus.split(";")) for name, _, menus, label in lines if label == "never"]
    texts = (folder / "shop_texts.txt").read_text(encoding="utf-8").splitlines()
    odd = [
        (text, ["오늘의 정식"]) if len(text) <= _LONGEST_NAME else (f"별난식당 {n}", [text])
        for n, text in enumerate(texts)
    ]
    shops, dishes = list[dict[str, Any]](), list[dict[str, Any]]()
    for n, (name, menus) in enumerate([*venues, *odd]):
        category, dish = _LISTED_AS[n % len(_LISTED_AS)]
        shop_id = f"planted-{n}"
        shop = _shop(shop_id, name, category, [*menus, dish], rng.choice(people), rng)
        shops.append(shop if n < len(venues) else shop | {"venue": "ok", "venue_reason": None})
        dishes += [{"shop_id": shop_id, "name": menu, "price_won": 1_000} for menu in [dish, *menus]]
    insert_columns(store, schema.shop, _columns(shops))
    insert_columns(store, schema.shop_menu, _columns(dishes))
    never = [f"planted-{n}" for n in range(len(venues))]
    crowd = [f"crowd-{n}" for n in range(N_LIKES_OF_THE_BAR)]
    insert_columns(store, schema.person, {"user_id": crowd, "source": ["planted"] * len(crowd)})
    likes = [(user, never[0]) for user in crowd]
    likes += [
        (person.user_id, shop_id) for shop_id in never[1:] for person in rng.sample(people, min(N_LIKES, len(people)))
    ]
    _like(store, likes, int(now.timestamp()), rng)
    return Planted(frozenset(never), tuple(name for name, _ in venues), tuple(people), len(odd))


def _shop(
    shop_id: str, name: str, category: Category, menus: Sequence[str], beside: UserProfile, rng: random.Random
) -> dict[str, Any]:
    venue, reason = classify_venue(name, category, menus, category)
    assert beside.lat is not None
    assert beside.lon is not None
    return {
        "shop_id": shop_id, "name": name, "category": category, "province": beside.province or "", "city": beside.city or "",
        "district": beside.district or "", "address": f"{beside.district or ''} {shop_id}",
        "lat": beside.lat + rng.uniform(-0.001, 0.001), "lon": beside.lon + rng.uniform(-0.001, 0.001),
        "open_min": 0, "close_min": _ROUND_THE_CLOCK_MIN, "meal_card": "yes", "good_shop": True, "message": name,
        "delivery": True, "takeout": True, "venue": venue, "venue_reason": reason, "source": "planted",
    }  # fmt: skip


def _like(store: Store, likes: Sequence[tuple[str, str]], now_s: int, rng: random.Random) -> None:
    """Write favourites, full marks and orders of the last month."""
    users, shops = [user for user, _ in likes], [shop for _, shop in likes]
    at = [now_s - rng.randrange(_DAY_S, 30 * _DAY_S) for _ in likes]
    acts: dict[str, list[Any]] = {"user_id": users, "shop_id": shops, "created_at": at}
    insert_columns(store, schema.favorite, acts)
    insert_columns(store, schema.review, acts | {"rating": [5.0] * len(likes)})
    insert_columns(store, schema.product_order, acts | {"amount_won": [1_000] * len(likes)})


def _columns(rows: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in rows[0]}
