"""The one feature table: every wide slot and every number, its source, scaling and missing value; and its computation.

Training table, serving and explanation all go through ``build_features``, so they cannot drift apart. The manifest of a
ranker stores ``feature_table()``; a model trained with another table is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from aiyam.catalogue.arrays import Catalogue
from aiyam.catalogue.interactions import FAVORITE, ORDER, REVIEW
from aiyam.catalogue.query import CandidateSet, Query
from aiyam.ranking import signals
from aiyam.ranking.menus import FittingMenus, fitting_menus
from aiyam.ranking.statistics import STANDING, Statistics

N_WIDE, N_NUMBERS = 50, 10
Kind = Literal["cross", "fit", "flag", "score", "rank", "habit", "shop", "reserved"]


@dataclass(frozen=True)
class Feature:
    """One wide slot: where the number comes from, how it is scaled, and what stands there when it is not known."""

    name: str
    kind: Kind
    source: str
    scaling: str
    missing: float = 0.0

    def line(self) -> str:
        """Return the row as the manifest stores it."""
        return f"{self.name}|{self.kind}|{self.source}|{self.scaling}|{self.missing:g}"


_LIFT = "log4 of the smoothed lift, clipped to -1..1"
_RANK = "1 / log2(2 + rank in the list)"

FEATURES: tuple[Feature, ...] = (
    Feature("age_group_x_category", "cross", "orders of the age band by category", _LIFT),
    Feature("city_x_district", "cross", "orders of the person's home area by shop district", _LIFT),
    Feature("time_of_day_x_category", "cross", "orders at the meal time by category", _LIFT),
    Feature("user_x_shop", "cross", "the person's orders here", "orders here / (orders + 5)"),
    Feature("budget_fit", "fit", "mean price against the stated or the card's limit", "1 - share above, 0..1", 0.5),
    Feature("distance", "fit", "metres from the request's point", "exp(-m / 1000)", 0.1),
    Feature("dietary_match", "fit", "a fitting dish of a wanted diet", "0 or 1"),
    Feature("good_shop", "shop", "good-influence shop", "0 or 0.3"),
    Feature("rating_above_3_5", "shop", "smoothed rating", "(rating - 3.5) / 1.5, only above 3.5"),
    Feature("funnel_collaborative", "flag", "found by the funnel", "0 or 1"),
    Feature("funnel_content", "flag", "found by the funnel", "0 or 1"),
    Feature("funnel_contextual", "flag", "found by the funnel", "0 or 1"),
    Feature("funnel_popularity", "flag", "found by the funnel", "0 or 1"),
    Feature("score_collaborative", "score", "the funnel's score", "0..1"),
    Feature("score_content", "score", "the funnel's score", "0..1"),
    Feature("score_contextual", "score", "the funnel's score", "0..1"),
    Feature("score_popularity", "score", "the funnel's score", "0..1"),
    # The spec's features end here; see SPEC_SLOTS.
    Feature("rank_collaborative", "rank", "the funnel's order", _RANK),
    Feature("rank_content", "rank", "the funnel's order", _RANK),
    Feature("rank_contextual", "rank", "the funnel's order", _RANK),
    Feature("rank_popularity", "rank", "the funnel's order", _RANK),
    Feature("score_merged", "score", "the merged score", "0..1"),
    Feature("rank_merged", "rank", "the merged order", _RANK),
    Feature("funnels_agree", "score", "share of funnels that found it", "0..1"),
    Feature("habit_orders", "habit", "the person's orders here", "log11(1 + orders)"),
    Feature("habit_recency", "habit", "the person's orders here, decayed over 45 days", "x / (1 + x)"),
    Feature("habit_ordered_before", "habit", "ordered here before", "0 or 1"),
    Feature("user_favorite", "habit", "the person's favourite", "0 or 1"),
    Feature("user_review", "habit", "the person's own ratings of it", "sum of (rating - 3.5) / 1.5, -2..2"),
    Feature("user_category_share", "habit", "share of the category in the person's orders, decayed", "0..1"),
    Feature("user_brand_share", "habit", "share of the brand in the person's orders, decayed", "0..1"),
    Feature("price_usual_gap", "habit", "mean price against what the person usually pays", "|log ratio|, 0..1"),
    Feature("last_category_x_category", "cross", "orders of a category right after another", _LIFT),
    Feature("budget_headroom", "fit", "cheapest meal against the limit", "share left, 0..1"),
    Feature("distance_rank", "rank", "order by distance", _RANK),
    Feature("distance_log", "fit", "metres from the request's point", "log(1 + m / 100) / 5.5, 0..1", 0.8),
    Feature("same_district", "fit", "in the district asked for, else the person's", "0 or 1"),
    Feature("menu_match", "fit", "serves a dish that was asked for", "0 or 1"),
    Feature("taste_match", "fit", "serves a dish of the taste asked for", "0 or 1"),
    Feature("category_match", "fit", "is of the category asked for", "0 or 1"),
    Feature("atmosphere_match", "fit", "has the atmosphere asked for", "0 or 1"),
    Feature("open_now", "fit", "open at the request's time", "0, 0.5 unknown, 1", 0.5),
    Feature("closing_soon", "fit", "closes within 30 minutes", "0 or 1"),
    Feature("popularity", "shop", "decayed orders, rank among all", "0..1"),
    Feature("popularity_in_district", "shop", "decayed orders, rank in its district", "0..1"),
    Feature("popularity_log", "shop", "orders", "log1001(1 + orders)"),
    Feature("price_rank", "rank", "order by the cheapest fitting meal", _RANK),
    Feature("query_similarity", "score", "query vector . shop vector", "-1..1"),
    Feature("query_similarity_rank", "rank", "order by query similarity", _RANK),
    Feature("reserved_49", "reserved", "nothing yet", "0"),
)

SLOT: dict[str, int] = {feature.name: i for i, feature in enumerate(FEATURES)}
SPEC_SLOTS = SLOT["score_popularity"] + 1
"""The first slots are the baseline's; a model configured with ``"features": "spec"`` sees 0 in all others."""

NUMBERS: tuple[str, ...] = (
    "user_age/100",
    "user_favorites/50",
    "user_orders/100",
    "user_reviews/50",
    "shop_mean_price_won/50000",
    "shop_menus/30",
    "shop_rating/5",
    "shop_reviews/1000",
    "shop_orders/1000",
    "shop_open_hours/24",
)
"""The deep part's numbers, all clipped to 0..1; the first four are the person's."""

UNKNOWN_AGE = 12

_STANDING = np.array([SLOT[name] for name in STANDING])
_MISSING = np.array([[feature.missing] for feature in FEATURES], dtype=np.float32)


def feature_table() -> tuple[str, ...]:
    """Return the table as lines: what a model's manifest stores and loading compares."""
    return (*(feature.line() for feature in FEATURES), *(f"number:{name}" for name in NUMBERS))


@dataclass(frozen=True)
class FeatureBatch:
    """Features of k candidates: rows (k,), wide (k, 50), numbers (k, 10), and the menus they were read from."""

    rows: NDArray[np.int32]
    wide: NDArray[np.float32]
    numbers: NDArray[np.float32]
    menus: FittingMenus


def build_features(
    catalogue: Catalogue,
    stats: Statistics,
    query: Query,
    candidates: CandidateSet,
    *,
    query_vector: NDArray[np.float32] | None = None,
) -> FeatureBatch:
    """Compute all features of one request's candidates. The person's past counts strictly before ``query.now``."""
    now = int(query.now.timestamp())
    listed = signals.Listed.of(catalogue, stats, query, candidates.rows)
    menus = fitting_menus(catalogue, query, listed.rows, candidates.relaxed)
    past = stats.past_of(query.user.user_id, now)
    wide = np.empty((N_WIDE, len(listed.rows)), dtype=np.float32)
    wide[:] = _MISSING
    wide[_STANDING] = listed.facts[: len(STANDING)]
    for group in (
        signals.cross_signals(catalogue, stats, query, listed),
        signals.past_signals(catalogue, stats, past, now, listed),
        signals.fit_signals(catalogue, query, listed, menus),
        signals.list_signals(stats, candidates, listed, menus, query_vector),
    ):
        for name, column in group.items():
            wide[SLOT[name]] = column
    np.clip(wide, -2.0, 2.0, out=wide)
    numbers = np.empty((N_NUMBERS, len(listed.rows)), dtype=np.float32)
    age = query.user.age if query.user.age is not None else UNKNOWN_AGE
    counts = np.bincount(past.kind, minlength=3)
    of_person = (age / 100.0, counts[FAVORITE] / 50.0, counts[ORDER] / 100.0, counts[REVIEW] / 50.0)
    for i, number in enumerate(of_person):
        numbers[i] = min(number, 1.0)
    numbers[len(of_person) :] = listed.facts[len(STANDING) : -2]
    return FeatureBatch(rows=candidates.rows, wide=wide.T, numbers=numbers.T, menus=menus)
