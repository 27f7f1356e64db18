"""What history says, as arrays: each person's past, each shop's standing, and the fitted rates of the crosses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from aiyam.catalogue.arrays import Catalogue
from aiyam.catalogue.interactions import ORDER, REVIEW, Interactions, history_of
from aiyam.catalogue.opening import DAY_MIN, closing_min
from aiyam.contracts import AGE_BANDS, CATEGORIES, TIMES_OF_DAY, UserProfile, time_of_day_at

N_CATEGORIES = len(CATEGORIES) + 1
"""One slot more than the categories: a shop without one (index -1) reads and writes the last."""

STANDING = ("good_shop", "rating_above_3_5", "popularity", "popularity_in_district", "popularity_log")
"""What everyone thinks of a shop: the columns of ``Statistics.standing``, by their feature names."""

HALF_LIFE_DAYS = 60.0
RATING_PRIOR_N = 5.0
CROSS_PRIOR_N = 20.0
KST_OFFSET_S = 9 * 3600
_HOUR_TO_TIME = np.array([TIMES_OF_DAY.index(time_of_day_at(h)) for h in range(24)], dtype=np.int8)


@dataclass(frozen=True)
class Crosses:
    """Rates of the cross products, fitted on training history and kept with the model.

    Each cell is a smoothed log lift in -1..1: how much more often this pair was ordered than if the two were
    independent (1 is four times as often). ``city_district`` has one row a city and one column a district; a pair of
    names that is not there reads 0.
    """

    age_category: NDArray[np.float32] = field(
        default_factory=lambda: np.zeros((len(AGE_BANDS), N_CATEGORIES), np.float32)
    )
    time_category: NDArray[np.float32] = field(
        default_factory=lambda: np.zeros((len(TIMES_OF_DAY), N_CATEGORIES), np.float32)
    )
    last_category: NDArray[np.float32] = field(
        default_factory=lambda: np.zeros((N_CATEGORIES, N_CATEGORIES), np.float32)
    )
    city_district: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    cities: tuple[str, ...] = ()
    districts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Past:
    """One person's events before a moment, oldest first."""

    shop: NDArray[np.int32]
    ts: NDArray[np.int64]
    kind: NDArray[np.int8]
    value: NDArray[np.float32]


@dataclass(frozen=True)
class Statistics:
    """History for the features. Aggregates use only events before ``until`` (epoch seconds); shapes: n shops, e events.

    ``event_*`` hold every known event, sorted by person and time, so that a request sees its own past exactly.
    ``popularity`` is the rank in 0..1 (1 the most ordered lately); ``shop_facts`` (n, 13) holds what the features say of a
    shop alone, side by side, so that one look brings all of it: ``standing``, ``numbers``, mean and lowest meal price in
    won. ``shop_vectors`` (n, 128) are the content encoder's unit vectors, when given.
    """

    until: int
    user_row: Mapping[str, int]
    event_start: NDArray[np.int64]
    event_shop: NDArray[np.int32]
    event_ts: NDArray[np.int64]
    event_kind: NDArray[np.int8]
    event_value: NDArray[np.float32]
    shop_orders: NDArray[np.int32]
    shop_reviews: NDArray[np.int32]
    shop_rating: NDArray[np.float32]
    popularity: NDArray[np.float32]
    shop_facts: NDArray[np.float32]
    crosses: Crosses = field(default_factory=Crosses)
    shop_vectors: NDArray[np.float32] | None = None

    @classmethod
    def build(
        cls,
        catalogue: Catalogue,
        interactions: Interactions,
        *,
        until: int | None = None,
        shop_vectors: NDArray[np.float32] | None = None,
    ) -> Statistics:
        """Collect history; ``until`` None means all of it."""
        acts = history_of(interactions)
        order = np.lexsort((acts.ts, acts.user))
        ts = acts.ts[order]
        end = int(ts.max()) + 1 if len(ts) else 0
        start = np.searchsorted(acts.user[order], np.arange(len(interactions.user_ids) + 1)).astype(np.int64)
        return cls._of_events(
            catalogue,
            end if until is None else until,
            interactions.row_of_user,
            Past(acts.shop[order], ts, acts.kind[order], np.nan_to_num(acts.value[order])),
            start,
            shop_vectors,
        )

    @classmethod
    def _of_events(
        cls,
        catalogue: Catalogue,
        until: int,
        user_row: Mapping[str, int],
        events: Past,
        event_start: NDArray[np.int64],
        shop_vectors: NDArray[np.float32] | None,
    ) -> Statistics:
        shop, ts, kind, value = events.shop, events.ts, events.kind, events.value
        n = len(catalogue.shop_ids)
        used = ts < until
        bought = used & (kind == ORDER)
        rated = used & (kind == REVIEW)
        orders = np.bincount(shop[bought], minlength=n).astype(np.int32)
        reviews = np.bincount(shop[rated], minlength=n).astype(np.int32)
        stars = np.bincount(shop[rated], weights=value[rated], minlength=n)
        mean = float(value[rated].mean()) if rated.any() else 3.8
        rating = ((stars + RATING_PRIOR_N * mean) / (reviews + RATING_PRIOR_N)).astype(np.float32)
        decay = np.exp2(-(until - ts[bought]) / (HALF_LIFE_DAYS * 86400.0))
        recent = np.bincount(shop[bought], weights=decay, minlength=n).astype(np.float64)
        popularity = _rank_share(recent, np.zeros(n, dtype=np.int64))
        in_district = _rank_share(recent, catalogue.district.astype(np.int64))
        above = np.where(reviews > 0, np.clip((rating - 3.5) / 1.5, 0.0, 1.0), 0.0)
        log_orders = np.clip(np.log1p(orders) / np.log(1001.0), 0.0, 1.0)
        standing = (0.3 * catalogue.good_shop, above, popularity, in_district, log_orders)
        numbers = _shop_numbers(catalogue, rating, reviews, orders)
        facts = np.stack(
            (*standing, *numbers, catalogue.mean_price, catalogue.min_meal_price), axis=1, dtype=np.float32
        )
        return cls(
            until=until,
            user_row=user_row,
            event_start=event_start,
            event_shop=shop,
            event_ts=ts,
            event_kind=kind,
            event_value=value,
            shop_orders=orders,
            shop_reviews=reviews,
            shop_rating=rating,
            popularity=popularity,
            shop_facts=facts,
            shop_vectors=shop_vectors,
        )

    @property
    def standing(self) -> NDArray[np.float32]:
        """(n, 5) the features of ``STANDING``."""
        return self.shop_facts[:, : len(STANDING)]

    @property
    def numbers(self) -> NDArray[np.float32]:
        """(n, 6) what the deep part reads of a shop; see ``features.NUMBERS``."""
        return self.shop_facts[:, len(STANDING) : -2]

    def updated(self, catalogue: Catalogue, shop_vectors: NDArray[np.float32] | None) -> Statistics:
        """Return the same history over a catalogue with other facts, and shops nobody went to yet at its end."""
        events = Past(self.event_shop, self.event_ts, self.event_kind, self.event_value)
        same = self._of_events(catalogue, self.until, self.user_row, events, self.event_start, shop_vectors)
        return same.with_crosses(self.crosses)

    def with_crosses(self, crosses: Crosses) -> Statistics:
        """Return the same history read through a model's own fitted crosses."""
        return replace(self, crosses=crosses)

    def past_of(self, user_id: str, before: int) -> Past:
        """Return the events of one person strictly before a moment (epoch seconds); empty for someone new."""
        row = self.user_row.get(user_id)
        low, high = (0, 0) if row is None else (int(self.event_start[row]), int(self.event_start[row + 1]))
        high = low + int(np.searchsorted(self.event_ts[low:high], before))
        part = slice(low, high)
        return Past(self.event_shop[part], self.event_ts[part], self.event_kind[part], self.event_value[part])


def fit_crosses(catalogue: Catalogue, stats: Statistics, profiles: Mapping[str, UserProfile]) -> Crosses:
    """Fit the crosses on the orders before ``stats.until``: who (age band, city) and when (time of day, after what)."""
    users = np.repeat(np.arange(len(stats.event_start) - 1), np.diff(stats.event_start))
    mask = (stats.event_kind == ORDER) & (stats.event_ts < stats.until)
    users, shops, ts = users[mask], stats.event_shop[mask], stats.event_ts[mask]
    category = catalogue.category[shops].astype(np.int64) % N_CATEGORIES
    bands = np.full(len(stats.event_start) - 1, -1, dtype=np.int64)
    homes = np.full(len(stats.event_start) - 1, -1, dtype=np.int64)
    cities = tuple(sorted({home_of(p) for p in profiles.values()} - {""}))
    city_index = {name: i for i, name in enumerate(cities)}
    for user_id, profile in profiles.items():
        row = stats.user_row.get(user_id)
        if row is not None:
            bands[row] = AGE_BANDS.index(profile.age_band)
            homes[row] = city_index.get(home_of(profile), -1)
    time = _HOUR_TO_TIME[((ts + KST_OFFSET_S) // 3600) % 24].astype(np.int64)
    follows = np.flatnonzero(users[1:] == users[:-1]) + 1
    return Crosses(
        age_category=_lift(bands[users], category, (len(AGE_BANDS), N_CATEGORIES)),
        time_category=_lift(time, category, (len(TIMES_OF_DAY), N_CATEGORIES)),
        last_category=_lift(category[follows - 1], category[follows], (N_CATEGORIES, N_CATEGORIES)),
        city_district=_lift(
            homes[users], catalogue.district[shops].astype(np.int64), (len(cities), len(catalogue.district_names))
        ),
        cities=cities,
        districts=tuple(catalogue.district_names),
    )


def home_of(profile: UserProfile) -> str:
    """Name the part of the city someone lives in: the district where it is known, else the city."""
    return profile.district or profile.city or ""


def _lift(left: NDArray[np.int64], right: NDArray[np.int64], shape: tuple[int, int]) -> NDArray[np.float32]:
    known = (left >= 0) & (right >= 0)
    counts = np.zeros(shape)
    np.add.at(counts, (left[known], right[known]), 1.0)
    total = max(counts.sum(), 1.0)
    expected = counts.sum(1, keepdims=True) * counts.sum(0, keepdims=True) / total
    lift = np.log2((counts + CROSS_PRIOR_N) / (expected + CROSS_PRIOR_N)) / 2.0
    return np.asarray(np.clip(lift, -1.0, 1.0), np.float32)


def _rank_share(score: NDArray[np.float64], group: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return each value's rank inside its group as a share in 0..1; 0 for shops nobody ordered from."""
    order = np.lexsort((score, group))
    sorted_group = group[order]
    first = np.searchsorted(sorted_group, sorted_group, side="left")
    size = np.searchsorted(sorted_group, sorted_group, side="right") - first
    share = np.empty(len(score), dtype=np.float32)
    share[order] = (np.arange(len(score)) - first + 1) / np.maximum(size, 1)
    return np.where(score > 0, share, 0.0).astype(np.float32)


def _shop_numbers(
    catalogue: Catalogue, rating: NDArray[np.float32], reviews: NDArray[np.int32], orders: NDArray[np.int32]
) -> list[NDArray[np.floating]]:
    """The six numbers of a shop for the deep part (n,) each, clipped to 0..1; see ``features.NUMBERS``."""
    closes = closing_min(catalogue.open_min, catalogue.close_min)
    hours = np.where(closes < 0, 0.5, (closes - catalogue.open_min) / DAY_MIN)
    numbers = (
        np.nan_to_num(catalogue.mean_price / 50_000.0, nan=0.2),
        catalogue.n_menus / 30.0,
        rating / 5.0,
        reviews / 1_000.0,
        orders / 1_000.0,
        hours,
    )
    return [np.clip(number, 0.0, 1.0) for number in numbers]
