"""Why a shop is shown, in plain Korean: true facts of the catalogue, chosen by what moved the score."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiyam.catalogue.arrays import Catalogue
from aiyam.catalogue.query import Query
from aiyam.contracts import CATEGORIES
from aiyam.korean.particles import with_particle
from aiyam.ranking.attribution import SOURCES
from aiyam.ranking.features import SLOT

NEAR_M = 800
MIN_REVIEWS = 3
GOOD_RATING = 4.0
POPULAR_SHARE = 0.9
ASKED = 10.0
"""A fact that answers what was asked stands before any other."""

MAX_FACTS = 2

MIN_LIFT = 0.01
"""A fact that was not asked for is told only where its features lifted the logit by more than this."""

_DESCRIBING = ("", "open", "near", "district")
"""Sources of facts that only describe a shop: true to say of it even where they moved nothing."""

_COLUMN = {name: i for i, name in enumerate(SOURCES)}


@dataclass(frozen=True)
class Shown:
    """What a card shows and a reason may therefore say: the dish and its price, the distance, whether it is open."""

    menu: str | None = None
    menu_was_asked: bool = False
    price_won: int | None = None
    distance_m: int | None = None
    is_open: bool = False


@dataclass(frozen=True)
class _Fact:
    """One true sentence; ``source`` names what moved the score in attribution.py, "" a plain fact that moves nothing."""

    text: str
    source: str = ""
    asked: bool = False
    rank: float = 0.0


def reason_ko(
    catalogue: Catalogue,
    query: Query,
    row: int,
    shown: Shown,
    wide: NDArray[np.float32],
    lifts: NDArray[np.float32],
    said: Collection[str] = (),
) -> str:
    """Say in at most two short facts why this shop.

    ``wide`` (50,) are the shop's features, ``lifts`` (sources,) what each source of ``SOURCES`` moved the score beyond the
    list's average, ``said`` the reasons of the cards above. Facts that answer the request come first, then those whose
    features lifted the shop; a shop that nothing lifts is described. The last fact gives way to another true one where the
    whole reason was said already. The meal card and 착한가게 are named only when asked for.
    """
    moved: list[float] = lifts.tolist()

    def lift(fact: _Fact) -> float:
        return moved[_COLUMN[fact.source]] if fact.source else 0.0

    facts = _facts(catalogue, query, row, shown, wide.tolist())
    facts.sort(key=lambda fact: ASKED * fact.asked + lift(fact) + fact.rank, reverse=True)
    told = [fact.text for fact in facts if fact.asked or lift(fact) > MIN_LIFT]
    if told:
        dishes = [fact.text for fact in facts if not fact.source and fact.text not in told]
        kept, others = told[:MAX_FACTS], [*told[MAX_FACTS:], *dishes]
        reasons = [kept, *([*kept[: MAX_FACTS - 1], other] for other in others)]
    else:
        reasons = [[fact.text] for fact in facts if fact.source in _DESCRIBING] or [[]]
    worded = [" · ".join(reason) for reason in reasons]
    return next((words for words in worded if words not in said), worded[0])


def _facts(catalogue: Catalogue, query: Query, row: int, shown: Shown, wide: list[float]) -> list[_Fact]:
    return [
        *_asked_facts(catalogue, query, row, shown, wide),
        *_personal_facts(catalogue, row, wide),
        *_shop_facts(catalogue, query, row, shown, wide),
    ]


def _asked_facts(catalogue: Catalogue, query: Query, row: int, shown: Shown, wide: list[float]) -> list[_Fact]:
    filters, facts = query.filters, list[_Fact]()
    if shown.menu and shown.menu_was_asked:
        facts.append(_Fact(f"{with_particle(shown.menu, '이/가')} 있어요", "dish", asked=True, rank=0.9))
    if filters.budget_max is not None and shown.price_won:
        facts.append(_Fact(f"{shown.price_won:,}원으로 먹을 수 있어요", "budget", asked=True, rank=0.8))
    if filters.taste and wide[SLOT["taste_match"]] > 0:
        facts.append(_Fact(f"{filters.taste[0]} 메뉴가 있어요", "taste", asked=len(filters.taste) == 1, rank=0.7))
    if filters.dietary_preferences and len(filters.dietary_preferences) == 1 and wide[SLOT["dietary_match"]] > 0:
        facts.append(_Fact(f"{filters.dietary_preferences[0]} 메뉴가 있어요", "diet", asked=True, rank=0.7))
    if filters.open_now and shown.is_open:
        facts.append(_Fact("지금 열려 있어요", "open", asked=True, rank=0.6))
    if filters.good_shop and catalogue.good_shop[row]:
        facts.append(_Fact("착한가게예요", "good_shop", asked=True, rank=0.6))
    limit_won = query.user.payable_won
    too_dear = limit_won is not None and shown.price_won is not None and shown.price_won > limit_won
    if filters.meal_card and catalogue.meal_card[row] == 1 and not too_dear:
        facts.append(_Fact("급식카드를 쓸 수 있어요", asked=True, rank=0.1))
    if filters.delivery and catalogue.delivery[row]:
        facts.append(_Fact("배달돼요", asked=True, rank=0.2))
    if filters.takeout and catalogue.takeout[row]:
        facts.append(_Fact("포장돼요", asked=True, rank=0.2))
    if filters.atmosphere and len(filters.atmosphere) == 1 and wide[SLOT["atmosphere_match"]] > 0:
        words = {"조용한": "조용한 곳이에요", "혼밥": "혼자 먹기 편해요", "넓은": "자리가 넓어요", "깨끗한": "깨끗한 곳이에요",
                 "놀이방": "놀이방이 있어요"}  # fmt: skip
        facts.append(_Fact(words[filters.atmosphere[0]], "atmosphere", asked=True, rank=0.5))
    elif filters.companion == "alone" and not filters.atmosphere and wide[SLOT["atmosphere_match"]] > 0:
        facts.append(_Fact("혼자 먹기 편해요", "atmosphere", asked=True, rank=0.5))
    return facts


def _personal_facts(catalogue: Catalogue, row: int, wide: list[float]) -> list[_Fact]:
    facts = []
    n_orders = round(11.0 ** wide[SLOT["habit_orders"]] - 1.0)
    if n_orders >= 3:
        facts.append(_Fact("자주 가던 곳이에요", "habit"))
    elif n_orders >= 1:
        facts.append(_Fact("전에 가 본 곳이에요", "habit"))
    if wide[SLOT["user_favorite"]] > 0:
        facts.append(_Fact("찜해 둔 곳이에요", "favorite"))
    category = int(catalogue.category[row])
    if n_orders == 0 and category >= 0 and wide[SLOT["user_category_share"]] >= 0.3:
        facts.append(_Fact(f"자주 먹는 {with_particle(CATEGORIES[category], '이에요/예요')}", "category"))
    return facts


def _shop_facts(catalogue: Catalogue, query: Query, row: int, shown: Shown, wide: list[float]) -> list[_Fact]:
    facts = []
    if shown.distance_m is not None and (shown.distance_m <= NEAR_M or query.filters.sort == "distance"):
        near = (
            f"가까워요 ({shown.distance_m}m)"
            if shown.distance_m <= NEAR_M
            else f"{shown.distance_m / 1000:.1f}km 거리예요"
        )
        wished = query.filters.sort == "distance" or query.filters.max_distance_m is not None
        facts.append(_Fact(near, "near", asked=wished, rank=0.02))
    if wide[SLOT["popularity_in_district"]] >= POPULAR_SHARE:
        facts.append(_Fact("친구들이 많이 찾아요", "popular", rank=0.01))
    rating = float(catalogue.rating[row])
    if rating >= GOOD_RATING and int(catalogue.n_reviews[row]) >= MIN_REVIEWS:
        asked = query.filters.sort == "rating"
        facts.append(_Fact(f"별점 {rating:.1f}", "rating", asked=asked, rank=0.01))
    if query.filters.sort == "price" and shown.price_won:
        facts.append(_Fact(f"{shown.price_won:,}원이에요", "price", asked=True))
    if shown.is_open and not query.filters.open_now:
        facts.append(_Fact("지금 열려 있어요", "open"))
    if wide[SLOT["same_district"]] > 0:
        district = catalogue.district_names[int(catalogue.district[row])]
        facts.append(_Fact(f"{district}에 있어요", "district", rank=-0.05))
    if shown.menu and not shown.menu_was_asked:
        facts.append(_Fact(f"{with_particle(shown.menu, '이/가')} 있어요", rank=-0.1))
    return facts
