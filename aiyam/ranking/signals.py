"""The numbers behind the wide features: who the person is to a shop, what fits the request, how the list compares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Listed:
    """The k shops of one list as the features see them, each fact gathered once.

    ``rows`` (k,) catalogue rows, ``category`` (k,) numbers with -1 for none, ``facts`` (13, k) of ``Statistics.shop_facts``,
    ``metres`` (k,) from the request's point or None where that is unknown.
    """

    rows: NDArray[np.intp]
    category: NDArray[np.int8]
    facts: NDArray[np.float32]
    metres: NDArray[np.float32] | None

    @classmethod
    def of(cls, catalogue: Catalogue, stats: Statistics, query: Query, rows: NDArray[np.integer]) -> Listed:
        """Gather the facts of the shops ``rows`` (k,)."""
        at = rows.astype(np.intp)
        placed = query.lat is not None and query.lon is not None
        metres = catalogue.distance_m(at, query.lat, query.lon) if placed else None  # type: ignore[arg-type]
        return cls(at, catalogue.category[at], np.ascontiguousarray(stats.shop_facts.take(at, axis=0).T), metres)

    @property
    def mean_price(self) -> NDArray[np.float32]:
        """(k,) won, nan where no price is known."""
        return np.asarray(self.facts[-2], np.float32)

    @property
    def min_meal_price(self) -> NDArray[np.float32]:
        """(k,) won, nan where no price is known."""
        return np.asarray(self.facts[-1], np.float32)


def cross_signals(catalogue: Catalogue, stats: Statistics, query: Query, listed: Listed) -> dict[str, Column]:
    """Rates of the crosses for this person, place and time."""
    crosses, category = stats.crosses, listed.category
    place: Column = 0.0
    home = home_of(query.user) or (query.district or "")
    if home in crosses.cities and crosses.districts == tuple(catalogue.district_names):
        row = np.append(crosses.city_district[crosses.cities.index(home)], np.float32(0.0))
        place = row[catalogue.district[listed.rows]]
    return {
        "age_group_x_category": crosses.age_category[AGE_BANDS.index(query.user.age_band)][category],
        "city_x_district": place,
        "time_of_day_x_category": crosses.time_category[TIMES_OF_DAY.index(time_of(query))][category],
    }


def past_signals(catalogue: Catalogue, stats: Statistics, past: Past, now: int, listed: Listed) -> dict[str, Column]:
    """What this person did before: here, at this brand, in this category, at this price."""
    if len(past.shop) == 0:
        return {}
    rows, category = listed.rows, listed.category
    before = past.shop.astype(np.intp)
    bought = past.kind == ORDER
    weights = np.empty((4, len(before)), np.float32)
    weights[0] = bought
    weights[1] = np.exp((past.ts - now) * (1.0 / (HABIT_DAYS * 86400.0))) * bought
    weights[2] = past.kind == FAVORITE
    weights[3] = (past.kind == REVIEW) * ((past.value - np.float32(3.5)) / np.float32(1.5))
    here, recency, favorite, review = weights @ (before[:, None] == rows).astype(np.float32)
    n_orders, n_recent = weights[:2].sum(axis=1).tolist()
    categories = catalogue.category[before]
    recent = np.bincount(categories % N_CATEGORIES, weights=weights[1], minlength=N_CATEGORIES)
    share: NDArray[np.float64] = recent / (n_recent + CATEGORY_PRIOR)
    signals: dict[str, Column] = {
        "user_x_shop": here / (n_orders + 5.0),
        "habit_orders": np.log1p(here) / np.log(11.0),
        "habit_recency": recency / (1.0 + recency),
        "habit_ordered_before": here > 0,
        "user_favorite": favorite > 0,
        "user_review": review,
        "user_category_share": share[category],
    }
    brands = catalogue.brand[before]
    branded = brands >= 0
    if branded.any():
        of_brand = np.bincount(brands[branded], weights[1, branded], len(catalogue.brand_names) + 1)
        signals["user_brand_share"] = of_brand[catalogue.brand[rows]] / (n_recent + 1.0)  # the last is of no brand
    ordered = np.flatnonzero(bought)
    if len(ordered):
        signals["last_category_x_category"] = stats.crosses.last_category[categories[ordered[-1]]][category]
        paid = catalogue.mean_price[before[ordered]]
        paid = np.sort(paid[paid > 0])
        if len(paid):
            gap = np.abs(np.log(np.maximum(listed.mean_price, 500.0) / paid[len(paid) // 2]))
            signals["price_usual_gap"] = np.minimum(_known(gap, 0.0), 1.0)
    return signals


def fit_signals(catalogue: Catalogue, query: Query, listed: Listed, menus: FittingMenus) -> dict[str, Column]:
    """How each shop fits what was asked: money, place, hours, dish, taste, diet, atmosphere."""
    filters, signals, rows, metres = query.filters, dict[str, Column](), listed.rows, listed.metres
    limit = spending_limit(query)
    if limit:
        over = np.minimum(np.maximum((listed.mean_price - limit) / limit, 0.0), 1.0)
        signals["budget_fit"] = _known(1.0 - over, 0.5)
        headroom = 1.0 - listed.min_meal_price / np.float32(limit)
        signals["budget_headroom"] = _known(np.minimum(np.maximum(headroom, 0.0), 1.0), 0.0)
    if metres is not None:
        signals["distance"] = _known(np.exp(-metres / DISTANCE_SCALE_M), 0.1)
        signals["distance_log"] = np.minimum(_known(np.log1p(metres / 100.0) / 5.5, 0.8), 1.0)
    codes = catalogue.district_codes.get(filters.district or query.district or "", ())
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
        signals["category_match"] = _is_one_of(listed.category, wanted)
    wished = set(filters.atmosphere or ()) | ({"혼밥"} if filters.companion == "alone" else set())
    if wished:
        bits = sum(1 << ATMOSPHERES.index(name) for name in wished)
        signals["atmosphere_match"] = (catalogue.atmosphere[rows] & bits) != 0
    doors, sets = catalogue.hours.doors(query.now), catalogue.hours.set_of[rows]
    signals["open_now"] = doors.is_open[sets] + np.float32(0.5) * doors.unknown[sets]
    signals["closing_soon"] = doors.closes_soon[sets]
    return signals


def list_signals(
    stats: Statistics,
    candidates: CandidateSet,
    listed: Listed,
    menus: FittingMenus,
    query_vector: NDArray[np.float32] | None,
) -> dict[str, Column]:
    """Where each candidate stands in this very list: by every funnel, distance, price and likeness to the words."""
    signals = dict[str, Column]()
    scores, flags = candidates.scores.T, candidates.flags.T
    compared: dict[str, NDArray[np.floating]] = {
        **{f"rank_{name}": score for name, score in zip(FUNNELS, scores, strict=True)},
        "rank_merged": candidates.merged,
        "price_rank": _known(-menus.lowest_price(), -1e7),
    }
    if listed.metres is not None and not np.isnan(listed.metres).all():
        compared["distance_rank"] = _known(-listed.metres, -1e7)
    if query_vector is not None and stats.shop_vectors is not None and query_vector.any():
        likeness = stats.shop_vectors[listed.rows] @ query_vector
        signals["query_similarity"] = compared["query_similarity_rank"] = likeness
    values = np.empty((len(compared), len(listed.rows)), np.float32)
    for i, column in enumerate(compared.values()):
        values[i] = column
    ranks = _ranks(values)
    ranks[: len(FUNNELS)] *= scores > 0
    for i, name in enumerate(FUNNELS):
        signals[f"funnel_{name}"], signals[f"score_{name}"] = flags[i], scores[i]
    signals["score_merged"] = candidates.merged
    signals["funnels_agree"] = np.add.reduce(flags.view(np.int8), axis=0) / np.float32(len(FUNNELS))
    return {**signals, **dict(zip(compared, ranks, strict=True))}


def _ranks(compared: NDArray[np.float32]) -> NDArray[np.float32]:
    """Turn scores (j, k) into 1 / log2(2 + rank): 1.0 for the best, falling as a reader's attention does."""
    j, k = compared.shape
    order = np.argsort(-compared, axis=1, kind="stable")
    order += k * np.arange(j)[:, None]
    out = np.empty(j * k, dtype=np.float32)
    out[order] = _ATTENTION[:k] if k <= len(_ATTENTION) else _attention(k)
    return out.reshape(j, k)


def _attention(k: int) -> NDArray[np.float32]:
    return np.asarray(1.0 / np.log2(np.arange(2.0, k + 2.0)), np.float32)


_ATTENTION = _attention(256)


def _is_one_of(values: NDArray[np.integer], few: Sequence[int]) -> NDArray[np.bool_]:
    found = values == few[0]
    for one in few[1:]:
        found |= values == one
    return np.asarray(found, bool)


def _known(values: NDArray[np.floating], missing: float) -> NDArray[np.floating]:
    """Write ``missing`` over every nan of ``values``, which are the caller's own, and return them."""
    np.copyto(values, missing, where=np.isnan(values))
    return values
