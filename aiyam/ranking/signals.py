"""The numbers behind the wide features: who the person is to a shop, what fits the request, how the list compares."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aiyam.catalogue.arrays import Catalogue
from aiyam.catalogue.interactions import FAVORITE, ORDER, REVIEW
from aiyam.catalogue.query import CandidateSet, Query
from aiyam.contracts import AGE_BANDS, ATMOSPHERES, CATEGORIES, FUNNELS, KST, TIMES_OF_DAY, TimeOfDay, time_of_day_at
from aiyam.ranking.menus import FittingMenus
from aiyam.ranking.statistics import N_CATEGORIES, Past, Statistics, home_of

Column = NDArray[np.floating] | NDArray[np.bool_] | float
"""One feature for k candidates, or one number for all of them."""

DISTANCE_SCALE_M = 1_000.0
HABIT_DAYS = 45.0
CATEGORY_PRIOR = 1.0


def time_of(query: Query) -> TimeOfDay:
    """Return the meal time a request is for: the one it names, else the clock's in Korea."""
    return query.filters.time_of_day or time_of_day_at(query.now.astimezone(KST).hour)


def spending_limit(query: Query) -> int | None:
    """Return what one meal may cost in won: the stated limit, else the card's for a meal, else None."""
    return query.filters.budget_max if query.filters.budget_max is not None else query.user.card_meal_limit_won


def cross_signals(catalogue: Catalogue, stats: Statistics, query: Query, rows: NDArray[np.int32]) -> dict[str, Column]:
    """Rates of the crosses for this person, place and time."""
    crosses, category = stats.crosses, catalogue.category[rows].astype(np.int64) % N_CATEGORIES
    place: Column = 0.0
    home = home_of(query.user) or (query.district or "")
    if home in crosses.cities and crosses.districts == tuple(catalogue.district_names):
        row = crosses.city_district[crosses.cities.index(home)]
        place = np.where(catalogue.district[rows] >= 0, row[catalogue.district[rows]], 0.0)
    return {
        "age_group_x_category": crosses.age_category[AGE_BANDS.index(query.user.age_band)][category],
        "city_x_district": place,
        "time_of_day_x_category": crosses.time_category[TIMES_OF_DAY.index(time_of(query))][category],
    }


def past_signals(
    catalogue: Catalogue, stats: Statistics, past: Past, now: int, rows: NDArray[np.int32]
) -> dict[str, Column]:
    """What this person did before: here, at this brand, in this category, at this price."""
    if len(past.shop) == 0:
        return {}
    bought = past.kind == ORDER
    decay = np.exp((past.ts - now) / (HABIT_DAYS * 86400.0)) * bought
    liked = np.where(past.kind == REVIEW, (past.value - 3.5) / 1.5, 0.0)
    weights = np.stack((bought, decay, past.kind == FAVORITE, liked), axis=1).astype(np.float32)
    here, recency, favorite, review = ((rows[:, None] == past.shop).astype(np.float32) @ weights).T
    n_orders, n_recent = float(weights[:, 0].sum()), float(weights[:, 1].sum())
    categories = catalogue.category[past.shop].astype(np.int64) % N_CATEGORIES
    category = catalogue.category[rows].astype(np.int64) % N_CATEGORIES
    share = np.bincount(categories, weights=weights[:, 1], minlength=N_CATEGORIES) / (n_recent + CATEGORY_PRIOR)
    brand, brands = catalogue.brand[rows], catalogue.brand[past.shop]
    same_brand = (brand[:, None] == brands) & (brands >= 0)
    signals: dict[str, Column] = {
        "user_x_shop": here / (n_orders + 5.0),
        "habit_orders": np.log1p(here) / np.log(11.0),
        "habit_recency": recency / (1.0 + recency),
        "habit_ordered_before": here > 0,
        "user_favorite": favorite > 0,
        "user_review": review,
        "user_category_share": share[category],
        "user_brand_share": same_brand.astype(np.float32) @ weights[:, 1] / (n_recent + 1.0),
    }
    ordered = np.flatnonzero(bought)
    paid = catalogue.mean_price[past.shop[ordered]]
    paid = np.sort(paid[paid > 0])
    if len(paid):
        gap = np.abs(np.log(np.maximum(catalogue.mean_price[rows], 500.0) / paid[len(paid) // 2]))
        signals["price_usual_gap"] = np.minimum(_known(gap, 0.0), 1.0)
    if len(ordered):
        signals["last_category_x_category"] = stats.crosses.last_category[categories[ordered[-1]]][category]
    return signals


def fit_signals(
    catalogue: Catalogue,
    query: Query,
    rows: NDArray[np.int32],
    menus: FittingMenus,
    metres: NDArray[np.float32] | None,
) -> dict[str, Column]:
    """How each shop fits what was asked: money, place, hours, dish, taste, diet, atmosphere."""
    filters, signals = query.filters, dict[str, Column]()
    limit = spending_limit(query)
    if limit:
        cost = catalogue.mean_price[rows]
        over = np.minimum(np.maximum((cost - limit) / limit, 0.0), 1.0)
        signals["budget_fit"] = _known(1.0 - over, 0.5)
        headroom = 1.0 - catalogue.min_meal_price[rows] / np.float32(limit)
        signals["budget_headroom"] = _known(np.minimum(np.maximum(headroom, 0.0), 1.0), 0.0)
    if metres is not None:
        signals["distance"] = _known(np.exp(-metres / DISTANCE_SCALE_M), 0.1)
        signals["distance_log"] = np.minimum(_known(np.log1p(metres / 100.0) / 5.5, 0.8), 1.0)
    district = filters.district or query.district
    codes = [code for code, name in enumerate(catalogue.district_names) if name == district]
    if codes:
        signals["same_district"] = _is_one_of(catalogue.district[rows], codes)
    if filters.dietary_preferences or query.user.dietary_preferences:
        signals["dietary_match"] = menus.any_fitting(menus.dietary)
    if filters.menus:
        signals["menu_match"] = menus.any_fitting(menus.asked)
    if filters.taste:
        signals["taste_match"] = menus.any_fitting(menus.tasty)
    if filters.category:
        wanted = [CATEGORIES.index(name) for name in filters.category]
        signals["category_match"] = _is_one_of(catalogue.category[rows], wanted)
    wished = set(filters.atmosphere or ()) | ({"혼밥"} if filters.companion == "alone" else set())
    if wished:
        bits = sum(1 << ATMOSPHERES.index(name) for name in wished)
        signals["atmosphere_match"] = (catalogue.atmosphere[rows] & bits) != 0
    states = catalogue.open_state(rows, query.now)
    signals["open_now"] = np.where(states.state == 1, 1.0, np.where(states.state < 0, 0.5, 0.0))
    signals["closing_soon"] = (states.state == 1) & (states.minutes_to_close < 30)
    return signals


def list_signals(
    stats: Statistics,
    candidates: CandidateSet,
    menus: FittingMenus,
    metres: NDArray[np.float32] | None,
    query_vector: NDArray[np.float32] | None,
) -> dict[str, Column]:
    """Where each candidate stands in this very list: by every funnel, distance, price and likeness to the words."""
    rows, signals = candidates.rows, dict[str, Column]()
    compared: dict[str, NDArray[np.floating]] = {"rank_merged": candidates.merged}
    for column, name in enumerate(FUNNELS):
        signals[f"funnel_{name}"] = candidates.flags[:, column]
        signals[f"score_{name}"] = compared[f"rank_{name}"] = candidates.scores[:, column]
    signals["score_merged"] = candidates.merged
    signals["funnels_agree"] = candidates.flags.mean(axis=1)
    compared["price_rank"] = -_known(menus.lowest_price(), 1e7)
    if metres is not None:
        compared["distance_rank"] = -_known(metres, 1e7)
    if query_vector is not None and stats.shop_vectors is not None and query_vector.any():
        likeness = stats.shop_vectors[rows] @ query_vector
        signals["query_similarity"] = compared["query_similarity_rank"] = likeness
    signals.update(_ranks(compared))
    for name in FUNNELS:
        signals[f"rank_{name}"] = signals[f"rank_{name}"] * (signals[f"score_{name}"] > 0)
    return signals


def _ranks(compared: dict[str, NDArray[np.floating]]) -> dict[str, Column]:
    """Turn scores into 1 / log2(2 + rank): 1.0 for the best, falling as a reader's attention does."""
    order = np.argsort(-np.stack(list(compared.values())), axis=1, kind="stable")
    out = np.empty(order.shape, dtype=np.float32)
    out[np.arange(len(order))[:, None], order] = 1.0 / np.log2(2.0 + np.arange(order.shape[1]))
    return dict(zip(compared, out, strict=True))


def _is_one_of(values: NDArray[np.integer], few: list[int]) -> NDArray[np.bool_]:
    return np.asarray(np.logical_or.reduce([values == one for one in few]), bool)


def _known(values: NDArray[np.floating], missing: float) -> NDArray[np.floating]:
    return np.where(np.isnan(values), missing, values)
