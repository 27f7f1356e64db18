"""A small made-up city as arrays, built in milliseconds without a store; shared by the tests of this folder."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import numpy as np

from aiyam.catalogue.arrays import Catalogue
from aiyam.catalogue.query import Query
from aiyam.contracts import ALLERGENS, CATEGORIES, DIETS, KST, TASTES, Filters, UserProfile

NOW = datetime(2026, 3, 4, 12, 30, tzinfo=KST)
NOW_TS = int(NOW.timestamp())
DAY_S = 86_400
# name, category, price, tastes, diets, allergens
DISHES: tuple[tuple[str, str, int, str, str, str], ...] = (
    ("김치찌개", "한식", 8000, "매운 따뜻한", "", "돼지고기 대두"),
    ("설렁탕", "한식", 9000, "담백한 따뜻한", "건강식", "쇠고기"),
    ("비빔밥", "한식", 8500, "매운", "건강식", "알류 대두"),
    ("두부정식", "한식", 9500, "담백한", "건강식 채식 저염", "대두"),
    ("물냉면", "한식", 9000, "시원한", "", "메밀 알류"),
    ("짜장면", "중식", 6500, "짠", "", "밀 대두 돼지고기"),
    ("짬뽕", "중식", 8000, "매운 따뜻한", "", "밀 오징어 조개류"),
    ("탕수육", "중식", 15000, "바삭한 단", "", "밀 돼지고기"),
    ("마라탕", "중식", 9000, "매운 따뜻한", "", "땅콩 대두"),
    ("돈까스", "일식", 8500, "바삭한", "", "돼지고기 밀 알류"),
    ("우동", "일식", 6500, "따뜻한 담백한", "", "밀 대두"),
    ("연어초밥", "일식", 13000, "담백한", "건강식", "대두"),
    ("떡볶이", "분식", 4000, "매운", "", "밀 대두"),
    ("참치김밥", "분식", 4000, "담백한", "", "알류"),
    ("라면", "분식", 3800, "매운 따뜻한 짠", "", "밀 알류"),
    ("후라이드치킨", "치킨", 17000, "바삭한", "", "닭고기 밀"),
    ("양념치킨", "치킨", 18000, "바삭한 매운 단", "", "닭고기 밀 땅콩"),
    ("불고기버거", "패스트푸드", 5500, "", "", "쇠고기 밀 우유"),
    ("샐러드", "카페", 7000, "담백한", "건강식 채식 다이어트 저염", ""),
    ("크로플", "카페", 6000, "단", "", "밀 우유 알류"),
    ("콜라", "카페", 2000, "단 시원한", "", ""),
)
DISTRICTS = (
    ("관악구", 37.478, 126.951),
    ("동작구", 37.512, 126.939),
    ("강남구", 37.517, 127.047),
    ("춘천시", 37.881, 127.730),
)


@dataclass(frozen=True, repr=False)
class City:
    """A catalogue and what its people did."""

    catalogue: Catalogue
    interactions: Any


def _bits(words: str, vocabulary: tuple[str, ...]) -> int:
    return sum(1 << vocabulary.index(word) for word in words.split())


def build_city(n_shops: int = 240, n_users: int = 40, seed: int = 3) -> City:
    """Shops in three Seoul districts (and Chuncheon without menus, hours or positions), users with a favourite category."""
    rng = np.random.default_rng(seed)
    n = n_shops
    bare = np.arange(n) % 12 == 0
    district = np.where(bare, 3, rng.integers(0, 3, n)).astype(np.int16)
    middle = np.asarray([(lat, lon) for _, lat, lon in DISTRICTS])[district]
    position = (middle + rng.normal(0, 0.008, (n, 2))).astype(np.float32)
    position[bare] = np.nan
    kinds = sorted({d[1] for d in DISHES}, key=CATEGORIES.index)
    category = np.asarray([CATEGORIES.index(kinds[i]) for i in rng.integers(0, len(kinds), n)], np.int8)
    menu_name: list[int] = []
    menu_price: list[int] = []
    start = [0]
    for row in range(n):
        if not bare[row]:
            own = [i for i, d in enumerate(DISHES) if d[1] == CATEGORIES[category[row]]]
            other = rng.choice(len(DISHES), 2, replace=False).tolist()
            for dish in dict.fromkeys([*own, *other]):
                if rng.random() < 0.8:
                    menu_name.append(dish)
                    unknown = rng.random() < 0.05
                    menu_price.append(-1 if unknown else int(DISHES[dish][2] * rng.uniform(0.8, 1.3)) // 100 * 100)
        start.append(len(menu_name))
    m = len(menu_name)
    menu_start, price = np.asarray(start, np.int32), np.asarray(menu_price, np.int32)
    names = np.asarray(menu_name, np.int32)
    n_menus = np.diff(menu_start).astype(np.int32)
    mean, lowest = np.full(n, np.nan, np.float32), np.full(n, np.nan, np.float32)
    for row in range(n):
        span = slice(start[row], start[row + 1])
        priced = price[span][price[span] >= 0]
        meals = price[span][(price[span] >= 0) & (names[span] != len(DISHES) - 1)]
        if len(priced):
            mean[row] = priced.mean()
            lowest[row] = (meals if len(meals) else priced).min()
    opens = np.where(bare | (rng.random(n) < 0.1), -1, rng.choice([0, 420, 540, 600, 660, 1020], n)).astype(np.int16)
    closes = np.where(opens < 0, -1, rng.choice([1260, 1320, 1380, 1560], n)).astype(np.int16)
    rests = (opens >= 0) & (rng.random(n) < 0.3)
    syllables = ["행복", "소문난", "우리", "골목", "청춘", "햇살", "할머니", "별빛"]
    catalogue = Catalogue(
        shop_ids=[f"s{row:05d}" for row in range(n)],
        names=[
            f"{syllables[row % 8]}{DISHES[names[start[row]]][0] if n_menus[row] else '식당'} {row}호"
            for row in range(n)
        ],
        category=category,
        brand=np.full(n, -1, np.int32),
        brand_names=[],
        district=district,
        district_names=[d[0] for d in DISTRICTS],
        district_city=["서울", "서울", "서울", "춘천"],
        district_province=["서울특별시"] * 3 + ["강원특별자치도"],
        dong=[f"{DISTRICTS[d][0][:-1]}{row % 3 + 1}동" for row, d in enumerate(district)],
        addresses=[""] * n,
        phones=[None] * n,
        messages=[None] * n,
        lat=position[:, 0].copy(),
        lon=position[:, 1].copy(),
        open_min=opens,
        close_min=closes,
        break_start_min=np.where(rests, 900, -1).astype(np.int16),
        break_end_min=np.where(rests, 1020, -1).astype(np.int16),
        off_days=np.where(rng.random(n) < 0.3, 1 << rng.integers(0, 7, n), 0).astype(np.uint8),
        meal_card=np.where(bare, 1, rng.choice([1, 1, 1, 0, -1], n)).astype(np.int8),
        good_shop=rng.random(n) < 0.1,
        venue_ok=rng.random(n) > 0.05,
        delivery=rng.random(n) < 0.4,
        takeout=rng.random(n) < 0.6,
        atmosphere=rng.integers(0, 32, n).astype(np.uint8),
        allergens_published=rng.random(n) < 0.2,
        menu_start=menu_start,
        menu_name=names,
        menu_price=price,
        menu_best=np.zeros(m, bool),
        menu_sold_out=rng.random(m) < 0.05,
        dish_names=[d[0] for d in DISHES],
        dish_category=np.asarray([CATEGORIES.index(d[1]) for d in DISHES], np.int8),
        dish_taste=np.asarray([_bits(d[3], TASTES) for d in DISHES], np.uint8),
        dish_diet=np.asarray([_bits(d[4], DIETS) for d in DISHES], np.uint8),
        dish_allergens=np.asarray([_bits(d[5], ALLERGENS) for d in DISHES], np.uint32),
        dish_known=np.ones(len(DISHES), bool),
        mean_price=mean,
        min_meal_price=lowest,
        n_menus=n_menus,
        n_orders=np.zeros(n, np.int32),
        n_favorites=np.zeros(n, np.int32),
        n_reviews=np.zeros(n, np.int32),
        rating=np.full(n, np.nan, np.float32),
        synthetic=True,
        fingerprint=f"small-{n}-{seed}",
    )
    return City(catalogue, _interactions(catalogue, n_users, rng))


def _interactions(catalogue: Catalogue, n_users: int, rng: np.random.Generator) -> Any:
    """Users mostly go to shops of one category in one district, and back to the same few."""
    users, shops, ts = [], [], []
    for user in range(n_users):
        liked = np.flatnonzero(
            (catalogue.category == catalogue.category[rng.integers(len(catalogue))]) & (catalogue.district == user % 3)
        )
        if len(liked) == 0:
            continue
        for _ in range(12):
            users.append(user)
            shops.append(int(rng.choice(liked)) if rng.random() < 0.85 else int(rng.integers(len(catalogue))))
            ts.append(NOW_TS - int(rng.integers(1, 300 * DAY_S)))
    acts = [np.asarray(users, np.int32), np.asarray(shops, np.int32), np.asarray(ts, np.int64)]

    def part(keep: slice, value: float) -> Any:
        columns = [a[keep] for a in acts]
        return SimpleNamespace(
            user=columns[0], shop_row=columns[1], ts=columns[2], value=np.full(len(columns[0]), value, np.float32)
        )

    ids = [f"u{i}" for i in range(n_users)]
    return SimpleNamespace(
        user_ids=ids,
        row_of_user={name: i for i, name in enumerate(ids)},
        orders=part(slice(None), 8000.0),
        favorites=part(slice(0, None, 5), 1.0),
        reviews=part(slice(0, None, 4), 4.5),
    )


def ask(
    *, user: UserProfile | None = None, text: str = "", now: datetime = NOW, lat: float | None = None,
    lon: float | None = None, home: str | None = None, exclude: tuple[int, ...] = (), **filters: Any,
) -> Query:  # fmt: skip
    """Write a query in one line."""
    return Query(
        filters=Filters(**filters), semantic_query=text, user=user or UserProfile(user_id="new"), now=now, lat=lat,
        lon=lon, district=home, exclude_rows=np.asarray(exclude, np.int32),
    )  # fmt: skip
