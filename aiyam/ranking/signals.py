"""The numbers behind the wide features: who the person is to a shop, what fits the request, how the list compares."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aiyam.catalogue.arrays import Catalogue
from aiyam.catalogue.query import CandidateSet, Query
from aiyam.contracts import AGE_BANDS, ATMOSPHERES, CATEGORIES, FUNNELS, KST, TIMES_OF_DAY, TimeOfDay, time_of_day_at
from aiyam.ranking.menus import FittingMenus
from aiyam.ranking.statistics import FAVORITE, N_CATEGORIES, ORDER, REVIEW, Past, Statistics, home_of

Column = NDArray[np.floating] | NDArray[np.bool_] | float
"""One feature for k candidates, or one number for all of them."""

DISTANCE_SCALE_M = 1_000.0
HABIT_DAYS = 45.0
CATEGORY_PRIOR_N = 4.0


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
    bought = past.kind == ORDER
    shops, ts = past.shop[bought], past.ts[bought]
    category = catalogue.category[rows].astype(np.int64) % N_CATEGORIES
    if len(past.shop) == 0:
        return {"price_usual_gap": 0.0}
    decay = np.exp((ts - now) / (HABIT_DAYS * 86400.0)).astype(np.float32)
    here = _lookup(shops, np.ones(len(shops), np.float32), rows)
    recency = _lookup(shops, decay, rows)
    weight = np.bincount(
        catalogue.category[shops].astype(np.int64) % N_CATEGORIES, weights=decay, minlength=N_CATEGORIES
    )
    share = weight / (weight.sum() + CATEGORY_PRIOR_N * 0.25)
    brand, bought_brands = catalogue.brand[rows], catalogue.brand[shops]
    brands = _lookup(bought_brands[bought_brands >= 0], decay[bought_brands >= 0], brand)
    liked, rated = past.kind == FAVORITE, past.kind == REVIEW
    last = int(catalogue.category[shops[-1]]) % N_CATEGORIES if len(shops) else -1
    paid = catalogue.mean_price[shops]
    paid = paid[paid > 0]
    gap = np.abs(np.log(np.maximum(catalogue.mean_price[rows], 500.0) / np.median(paid))) if len(paid) else np.zeros(1)
    return {
        "user_x_shop": here / (len(shops) + 5.0),
        "habit_orders": np.log1p(here) / np.log(11.0),
        "habit_recency": recency / (1.0 + recency),
        "habit_ordered_before": here > 0,
        "user_favorite": _lookup(past.shop[liked], np.ones(int(liked.sum()), np.float32), rows) > 0,
        "user_review": _lookup(past.shop[rated], (past.value[rated] - 3.5) / 1.5, rows),
        "user_category_share": share[category],
        "user_brand_share": np.where(brand >= 0, brands / (decay.sum() + 1.0), 0.0),
        "price_usual_gap": np.minimum(np.nan_to_num(gap), 1.0),
        "last_category_x_category": stats.crosses.last_category[last][category] if last >= 0 else 0.0,
    }


def fit_signals(catalogue: Catalogue, query: Query, rows: NDArray[np.int32], menus: FittingMenus) -> dict[str, Column]:
    """How each shop fits what was asked: money, place, hours, dish, taste, diet, atmosphere."""
    filters, signals = query.filters, dict[str, Column]()
    limit = spending_limit(query)
    if limit:
        cost = catalogue.mean_price[rows]
        with np.errstate(invalid="ignore"):
            over = np.clip((cost - limit) / limit, 0.0, 1.0)
            signals["budget_fit"] = np.where(np.isfinite(cost), 1.0 - over, 0.5)
            signals["budget_headroom"] = np.nan_to_num(np.clip(1.0 - catalogue.min_meal_price[rows] / limit, 0.0, 1.0))
    if query.lat is not None and query.lon is not None:
        metres = catalogue.distance_m(rows, query.lat, query.lon)
        signals["distance"] = np.where(np.isfinite(metres), np.exp(-np.nan_to_num(metres) / DISTANCE_SCALE_M), 0.1)
        signals["distance_rank"] = _rank_signal(-np.nan_to_num(metres, nan=1e7))
        signals["distance_log"] = np.clip(np.log1p(np.nan_to_num(metres, nan=20_000.0) / 100.0) / 5.5, 0.0, 1.0)
    district = filters.district or query.district
    codes = [code for code, name in enumerate(catalogue.district_names) if name == district]
    if codes:
        signals["same_district"] = np.isin(catalogue.district[rows], codes)
    if filters.dietary_preferences or query.user.dietary_preferences:
        signals["dietary_match"] = menus.any_of(menus.dietary & menus.fits)
    if filters.menus:
        signals["menu_match"] = menus.any_of(menus.asked & menus.fits)
    if filters.taste:
        signals["taste_match"] = menus.any_of(menus.tasty & menus.fits)
    if filters.category:
        wanted = [CATEGORIES.index(name) for name in filters.category]
        signals["category_match"] = np.isin(catalogue.category[rows], wanted)
    wished = set(filters.atmosphere or ()) | ({"혼밥"} if filters.companion == "alone" else set())
    if wished:
        bits = sum(1 << ATMOSPHERES.index(name) for name in wished)
        signals["atmosphere_match"] = (catalogue.atmosphere[rows] & bits) != 0
    states = catalogue.open_state(rows, query.now)
    signals["open_now"] = np.where(states.state == 1, 1.0, np.where(states.state < 0, 0.5, 0.0))
    signals["closing_soon"] = (states.state == 1) & (states.minutes_to_close < 30)
    return signals


def standing_signals(catalogue: Catalogue, stats: Statistics, rows: NDArray[np.int32]) -> dict[str, Column]:
    """What everyone thinks of a shop."""
    rating = stats.shop_rating[rows]
    return {
        "good_shop": 0.3 * catalogue.good_shop[rows],
        "rating_above_3_5": np.where(stats.shop_reviews[rows] > 0, np.clip((rating - 3.5) / 1.5, 0.0, 1.0), 0.0),
        "popularity": stats.popularity[rows],
        "popularity_in_district": stats.popularity_in_district[rows],
        "popularity_log": np.clip(np.log1p(stats.shop_orders[rows]) / np.log(1001.0), 0.0, 1.0),
    }


def list_signals(
    stats: Statistics, candidates: CandidateSet, menus: FittingMenus, query_vector: NDArray[np.float32] | None
) -> dict[str, Column]:
    """Where each candidate stands in this very list, by every funnel, by price and by likeness to the words."""
    rows, signals = candidates.rows, dict[str, Column]()
    for column, name in enumerate(FUNNELS):
        signals[f"funnel_{name}"] = candidates.flags[:, column]
        signals[f"score_{name}"] = candidates.scores[:, column]
        signals[f"rank_{name}"] = _rank_signal(candidates.scores[:, column]) * (candidates.scores[:, column] > 0)
    signals["score_merged"] = candidates.merged
    signals["rank_merged"] = _rank_signal(candidates.merged)
    signals["funnels_agree"] = candidates.flags.mean(axis=1)
    price = menus.lowest_price()
    signals["price_rank"] = _rank_signal(-np.nan_to_num(price, nan=1e7))
    if query_vector is not None and stats.shop_vectors is not None and query_vector.any():
        likeness = stats.shop_vectors[rows] @ query_vector
        signals["query_similarity"] = likeness
        signals["query_similarity_rank"] = _rank_signal(likeness)
    return signals


def _lookup(keys: NDArray[np.integer], values: NDArray[np.float32], wanted: NDArray[np.integer]) -> NDArray[np.float32]:
    """Sum ``values`` by key and read the sums at ``wanted``; 0 where a key never came."""
    out = np.zeros(len(wanted), dtype=np.float32)
    if len(keys) == 0:
        return out
    unique, inverse = np.unique(keys, return_inverse=True)
    sums = np.bincount(inverse, weights=values).astype(np.float32)
    at = np.minimum(np.searchsorted(unique, wanted), len(unique) - 1)
    return np.where(unique[at] == wanted, sums[at], 0.0).astype(np.float32)


def _rank_signal(score: NDArray[np.floating]) -> NDArray[np.float32]:
    """Turn scores into 1 / log2(2 + rank): 1.0 for the best, falling as a reader's attention does."""
    rank = np.empty(len(score), dtype=np.float32)
    rank[np.argsort(-score, kind="stable")] = np.arange(len(score), dtype=np.float32)
    return np.asarray(1.0 / np.log2(2.0 + rank), np.float32)
