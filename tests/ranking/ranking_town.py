"""A tiny town: eight shops round one station, three children with a past, and layer-1 candidates made by hand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import numpy as np

from aiyam.catalogue.arrays import Catalogue
from aiyam.catalogue.query import CandidateSet, Query
from aiyam.contracts import ALLERGENS, CATEGORIES, KST, TASTES, Filters, UserProfile
from aiyam.ranking.features import SLOT
from aiyam.ranking.ranker import Ranker, Vocabulary
from aiyam.ranking.statistics import Crosses, Statistics
from aiyam.ranking.wide_deep import WideDeepConfig, WideDeepScorer, make_network

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=KST)  # a Monday
DAY_S = 86_400
NOW = int(NOON.timestamp())

# name, category, brand, metres north of the station, open, close, good shop, card, publishes allergens, [(dish, price)]
SHOPS: list[tuple[str, str, int, float, int, int, bool, int, bool, list[tuple[str, int]]]] = [
    ("신당분식", "분식", -1, 100, 600, 1320, False, 1, False, [("매운 떡볶이", 4500), ("순대", 5000)]),
    ("김밥나라 1호", "분식", 0, 300, 600, 1320, False, 1, False, [("김밥", 4000), ("라면", 4500)]),
    ("김밥나라 2호", "분식", 0, 500, 600, 1320, False, 1, True, [("김밥", 4000), ("땅콩국수", 7000)]),
    ("김밥나라 3호", "분식", 0, 900, 600, 1320, False, 1, False, [("김밥", 4100), ("떡볶이", 4000)]),
    ("왕돈까스", "일식", -1, 200, 660, 1560, True, 1, False, [("돈까스", 9000), ("우동", 7000)]),
    ("마라천국", "중식", -1, 1500, 660, 1320, False, 0, False, [("마라탕", 12000)]),
    ("엄마손백반", "한식", -1, 2500, 480, 1260, False, -1, False, [("백반", 8000), ("김치찌개", 8000)]),
    ("빈가게", "한식", -1, 50, -1, -1, False, -1, False, []),
]


@dataclass(frozen=True)
class Town:
    catalogue: Catalogue
    interactions: Any
    stats: Statistics
    profiles: dict[str, UserProfile]

    def query(self, user: str = "u-regular", **filters: Any) -> Query:
        profile = self.profiles.get(user) or UserProfile(user_id=user)
        return Query(
            filters=Filters(**filters),
            semantic_query="",
            user=profile,
            now=NOON,
            lat=37.5,
            lon=127.0,
            district="관악구",
        )

    def candidates(self, rows: list[int] | None = None, merged: list[float] | None = None) -> CandidateSet:
        chosen = np.array(list(range(len(SHOPS))) if rows is None else rows, dtype=np.int32)
        score = np.linspace(0.9, 0.1, len(chosen)) if merged is None else np.array(merged)
        scores = np.tile(score[:, None], (1, 4)).astype(np.float32)
        return CandidateSet(chosen, scores, scores > 0.3, score.astype(np.float32))


def make_catalogue() -> Catalogue:
    n = len(SHOPS)
    menus = [(i, dish, price) for i, shop in enumerate(SHOPS) for dish, price in shop[9]]
    dishes = list(dict.fromkeys(dish for _, dish, _ in menus))
    sizes = np.array([len(shop[9]) for shop in SHOPS])
    prices = [[p for _, p in shop[9]] or [np.nan] for shop in SHOPS]
    d = len(dishes)
    allergens = np.array([1 << ALLERGENS.index("땅콩") if "땅콩" in x else 0 for x in dishes], np.uint32)
    taste = np.array([1 << TASTES.index("매운") if x[:2] in ("매운", "마라") else 0 for x in dishes], np.uint8)

    def column(i: int, dtype: Any) -> Any:
        return np.array([shop[i] for shop in SHOPS], dtype=dtype)

    return Catalogue(
        shop_ids=[f"s-{i}" for i in range(n)],
        names=[shop[0] for shop in SHOPS],
        category=np.array([CATEGORIES.index(shop[1]) for shop in SHOPS], np.int8),
        brand=column(2, np.int32),
        brand_names=["김밥나라"],
        district=np.zeros(n, np.int16),
        district_names=["관악구"],
        district_city=["서울특별시"],
        district_province=["서울특별시"],
        dong=["신림동"] * n,
        addresses=[f"서울특별시 관악구 신림로 {i}" for i in range(n)],
        phones=[None] * n,
        messages=[None] * n,
        lat=np.array([37.5 + shop[3] / 111_195 for shop in SHOPS], np.float32),
        lon=np.full(n, 127.0, np.float32),
        open_min=column(4, np.int16),
        close_min=column(5, np.int16),
        break_start_min=np.full(n, -1, np.int16),
        break_end_min=np.full(n, -1, np.int16),
        off_days=np.zeros(n, np.uint8),
        meal_card=column(7, np.int8),
        good_shop=column(6, bool),
        venue_ok=np.ones(n, bool),
        delivery=np.zeros(n, bool),
        takeout=np.zeros(n, bool),
        atmosphere=np.zeros(n, np.uint8),
        allergens_published=column(8, bool),
        menu_start=np.concatenate(([0], np.cumsum(sizes))).astype(np.int32),
        menu_name=np.array([dishes.index(dish) for _, dish, _ in menus], np.int32),
        menu_price=np.array([price for _, _, price in menus], np.int32),
        menu_best=np.zeros(len(menus), bool),
        menu_sold_out=np.array([dish == "순대" for _, dish, _ in menus]),
        dish_names=dishes,
        dish_category=np.zeros(d, np.int8),
        dish_taste=taste,
        dish_diet=np.zeros(d, np.uint8),
        dish_allergens=allergens,
        dish_known=np.ones(d, bool),
        mean_price=np.array([np.mean(p) for p in prices], np.float32),
        min_meal_price=np.array([np.min(p) for p in prices], np.float32),
        n_menus=sizes.astype(np.int32),
        n_orders=np.zeros(n, np.int32),
        n_favorites=np.zeros(n, np.int32),
        n_reviews=np.array([5, 0, 0, 0, 4, 0, 0, 0], np.int32),
        rating=np.array([4.6, np.nan, np.nan, np.nan, 3.2, np.nan, np.nan, np.nan], np.float32),
        synthetic=True,
        fingerprint="town",
    )


def events(rows: list[tuple[int, int, int, float]]) -> Any:
    user, shop, ts, value = (
        np.array([r[i] for r in rows], dtype) for i, dtype in enumerate((np.int32, np.int32, np.int64, np.float32))
    )
    return SimpleNamespace(user=user, shop_row=shop, ts=ts, value=value)


def make_interactions(orders: list[tuple[int, int, int, float]] | None = None) -> Any:
    bought = orders if orders is not None else [
        *((0, 0, NOW - k * DAY_S, 4500.0) for k in (1, 4, 9, 20)),
        *((0, 4, NOW - k * DAY_S, 9000.0) for k in (40, 50)),
        *((1, 6, NOW - k * DAY_S, 8000.0) for k in (2, 3, 30)),
        (2, 5, NOW - 5 * DAY_S, 12000.0),
    ]  # fmt: skip
    ids = ["u-regular", "u-other", "u-spicy"]
    return SimpleNamespace(
        user_ids=ids,
        row_of_user={u: i for i, u in enumerate(ids)},
        orders=events(bought),
        favorites=events([(0, 4, NOW - 10 * DAY_S, 1.0)]),
        reviews=events([(0, 0, NOW - 3 * DAY_S, 5.0), (1, 6, NOW - 2 * DAY_S, 2.0)]),
    )


def make_town() -> Town:
    """Put the shops, the people and their past together."""
    catalogue, interactions = make_catalogue(), make_interactions()
    profiles = {
        "u-regular": UserProfile(
            user_id="u-regular", age=11, district="관악구", card_meal_limit_won=9000, has_card=True
        ),
        "u-other": UserProfile(user_id="u-other", age=16, district="관악구"),
        "u-spicy": UserProfile(user_id="u-spicy", age=14, district="관악구", allergies=("땅콩",)),
    }
    return Town(catalogue, interactions, Statistics.build(catalogue, interactions), profiles)


def ranker_that_follows(feature: str, town: Town) -> Ranker:
    """A ranker whose score is one wide feature and nothing else."""
    config = WideDeepConfig(hidden=(8, 4))
    weights = {n: np.zeros_like(v.numpy()) for n, v in make_network(config, 2, 2, 2).state_dict().items()}
    weights["wide.weight"][0, SLOT[feature]] = 4.0
    weights["out.weight"][0, 0] = 1.0
    vocabulary = Vocabulary(("u-regular",), ("s-0",), ("김밥나라",))
    return Ranker(WideDeepScorer(config, weights), vocabulary, Crosses(), town.catalogue, town.stats)
