"""The feature table for a few candidates of many requests at once: what ``build_features`` computes for one whole list.

Only the rows wanted are laid out; a rank among the list is counted from the list's own values.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiyam.catalogue.arrays import Catalogue, great_circle_m
from aiyam.catalogue.interactions import FAVORITE, ORDER, REVIEW
from aiyam.catalogue.menus import allergens_to_avoid, bits_of
from aiyam.catalogue.open_minutes import CLOSES_SOON, IS_OPEN, IS_UNKNOWN, OpenMinutes
from aiyam.catalogue.query import Lists, Query
from aiyam.contracts import AGE_BANDS, ATMOSPHERES, CATEGORIES, FUNNELS, TIMES_OF_DAY
from aiyam.ranking.features import _MISSING, _STANDING, N_NUMBERS, SLOT, UNKNOWN_AGE
from aiyam.ranking.menus import FittingMenus, fitting_menus
from aiyam.ranking.pasts import Pasts
from aiyam.ranking.signals import DISTANCE_SCALE_M, spending_limit, time_of
from aiyam.ranking.statistics import N_CATEGORIES, Statistics, home_of

Ints = NDArray[np.int64]
Column = NDArray[Any]
MAX_WISHES, SMALL_CATALOGUE = 4_096, 9_000
"""Wishes remembered, each for all shops of a catalogue of at most so many."""
_SERVED = ("menu_match", "taste_match", "dietary_match")


@dataclass(frozen=True)
class Chosen:
    """r candidates of a block: which request (r,), ascending, and the place in its list (r,)."""

    request: Ints
    place: Ints


@dataclass(frozen=True)
class MenuFacts:
    """What the menus of some shops answer to one wish: the lowest fitting price (nan without), and which serve what."""

    lowest_won: NDArray[np.float32]
    serves: tuple[NDArray[np.bool_] | None, ...]
    """For each of ``_SERVED``; None where nothing of the kind was wished for."""

    @classmethod
    def of(cls, menus: FittingMenus) -> MenuFacts:
        """Read them off the menus laid out."""
        masks = (menus.asked, menus.tasty, menus.dietary)
        return cls(menus.lowest_price(), tuple(None if mask is None else menus.any_fitting(mask) for mask in masks))

    def at(self, rows: NDArray[np.int32]) -> MenuFacts:
        """Return those of some of the shops."""
        return MenuFacts(self.lowest_won[rows], tuple(None if mask is None else mask[rows] for mask in self.serves))


class BlockFeatures:
    """Computes features over one catalogue; what wishes and minutes share is kept. Numbers equal ``build_features``' to rounding."""

    def __init__(self, catalogue: Catalogue, stats: Statistics, *, like: BlockFeatures | None = None) -> None:
        """``like``: those of other counts of the same shops, menus and hours, whose memory is used on."""
        self.catalogue, self.stats = catalogue, stats
        self.minutes: OpenMinutes = OpenMinutes(catalogue.hours) if like is None else like.minutes
        self._menus: dict[Hashable, MenuFacts] = {} if like is None else like._menus

    def of(
        self, queries: Sequence[Query], lists: Lists, chosen: Chosen, vectors: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return wide (r, 50) and numbers (r, 10) of the chosen candidates; vectors (b, 128) are those of the requests' words."""
        c, stats = self.catalogue, self.stats
        rows = lists.rows[chosen.request, chosen.place]
        wide = np.tile(_MISSING[:, 0], (len(rows), 1))
        wide[:, _STANDING] = stats.standing[rows]
        pasts = Pasts.of(stats, queries)
        facts = [self._menus_of(queries[i], lists, i) for i in range(len(queries))]
        metres = self._metres(queries, lists)
        for group in (
            self._crosses(queries, chosen, rows),
            pasts.signals(c, stats.crosses.last_category, chosen.request, rows),
            self._fits(queries, facts, chosen, rows, metres[chosen.request, chosen.place]),
            self._compared(lists, facts, chosen, metres, vectors),
        ):
            for name, column in group.items():
                wide[:, SLOT[name]] = column
        numbers = np.empty((len(rows), N_NUMBERS), np.float32)
        age = np.array([UNKNOWN_AGE if query.user.age is None else query.user.age for query in queries])
        numbers[:, 0] = np.minimum(age / 100.0, 1.0)[chosen.request]
        for slot, (kind, most) in enumerate(((FAVORITE, 50.0), (ORDER, 100.0), (REVIEW, 50.0)), start=1):
            numbers[:, slot] = np.minimum(pasts.count(kind) / most, 1.0)[chosen.request]
        numbers[:, 4:] = stats.numbers[rows]
        return np.clip(wide, -2.0, 2.0), numbers

    def _metres(self, queries: Sequence[Query], lists: Lists) -> NDArray[np.float32]:
        """Return (b, k) metres to each candidate; nan where the request or the shop has no position."""
        located = [(q.lat, q.lon) if q.lat is not None and q.lon is not None else (np.nan, np.nan) for q in queries]
        point = np.array(located, np.float64).reshape(-1, 2, 1)
        return great_circle_m(self.catalogue.lat[lists.rows], self.catalogue.lon[lists.rows], point[:, 0], point[:, 1])

    def _crosses(
        self, queries: Sequence[Query], chosen: Chosen, rows: NDArray[np.int32]
    ) -> dict[str, NDArray[np.float32]]:
        c, crosses = self.catalogue, self.stats.crosses
        known = crosses.districts == tuple(c.district_names)
        homes: Mapping[str, int] = {name: i for i, name in enumerate(crosses.cities)} if known else {}
        band, meal, home = (np.empty(len(queries), np.int64) for _ in range(3))
        for i, query in enumerate(queries):
            band[i] = AGE_BANDS.index(query.user.age_band)
            meal[i] = TIMES_OF_DAY.index(time_of(query))
            home[i] = homes.get(home_of(query.user) or (query.district or ""), -1)
        of = chosen.request
        category, district = c.category[rows].astype(np.int64) % N_CATEGORIES, c.district[rows]
        place = np.zeros(len(rows), np.float32)
        there = np.flatnonzero((home[of] >= 0) & (district >= 0))
        place[there] = crosses.city_district[home[of][there], district[there]]
        return {
            "age_group_x_category": crosses.age_category[band[of], category],
            "city_x_district": place,
            "time_of_day_x_category": crosses.time_category[meal[of], category],
        }

    def _menus_of(self, query: Query, lists: Lists, i: int) -> MenuFacts:
        """Return what the menus of the i-th list's candidates answer; remembered for those who wish for no dish or price."""
        rows, relaxed, f = lists.rows[i, : lists.size[i]], lists.relaxed[i], query.filters
        wishes = (f.menus, f.exclude_menus, f.taste, f.exclude_taste, f.budget_min, f.budget_max)
        if len(self.catalogue) > SMALL_CATALOGUE or any(wish is not None for wish in wishes):
            return MenuFacts.of(fitting_menus(self.catalogue, query, rows, relaxed))
        key = (allergens_to_avoid(f, query.user), f.dietary_preferences or query.user.dietary_preferences)
        found = self._menus.get(key)
        if found is None:
            if len(self._menus) >= MAX_WISHES:
                self._menus.clear()
            everywhere = np.arange(len(self.catalogue), dtype=np.int32)
            found = self._menus[key] = MenuFacts.of(fitting_menus(self.catalogue, query, everywhere))
        return found.at(rows)

    def _fits(
        self,
        queries: Sequence[Query],
        facts: Sequence[MenuFacts],
        chosen: Chosen,
        rows: NDArray[np.int32],
        metres: NDArray[np.float32],
    ) -> dict[str, Column]:
        c, of = self.catalogue, chosen.request
        n = len(queries)
        limit, kinds, moods = np.full(n, np.nan), np.zeros(n, np.int64), np.zeros(n, np.uint8)
        wanted = np.zeros((n, len(c.district_names) + 1), bool)  # the last column is that of shops without a district
        for i, query in enumerate(queries):
            f = query.filters
            limit[i] = spending_limit(query) or np.nan
            wanted[i, list(c.district_codes.get(f.district or query.district or "", ()))] = True
            if f.category:
                kinds[i] = bits_of(f.category, CATEGORIES)
            if f.atmosphere or f.companion == "alone":
                moods[i] = bits_of((*(f.atmosphere or ()), *(["혼밥"] if f.companion == "alone" else [])), ATMOSPHERES)
        spend = limit[of]
        over = np.clip((c.mean_price[rows] - spend) / spend, 0.0, 1.0)
        headroom = np.clip(1.0 - c.min_meal_price[rows] / spend, 0.0, 1.0)
        states, which = self.minutes.at([query.now for query in queries])
        state = states[which[of], c.hours.set_of[rows]]
        category = c.category[rows].astype(np.int64)
        signals: dict[str, Column] = {
            "budget_fit": _known(1.0 - over, 0.5),
            "budget_headroom": _known(headroom, 0.0),
            "distance": _known(np.exp(-metres / DISTANCE_SCALE_M), 0.1),
            "distance_log": np.minimum(_known(np.log1p(metres / 100.0) / 5.5, 0.8), 1.0),
            "same_district": wanted[of, c.district[rows]],
            "category_match": (category >= 0) & (kinds[of] >> np.maximum(category, 0) & 1 > 0),
            "atmosphere_match": (c.atmosphere[rows] & moods[of]) != 0,
            "open_now": (state & IS_OPEN > 0) + 0.5 * (state & IS_UNKNOWN > 0),
            "closing_soon": state & CLOSES_SOON > 0,
        }
        ends = np.searchsorted(of, np.arange(n + 1)).tolist()
        for at, name in enumerate(_SERVED):
            column = signals[name] = np.zeros(len(rows), bool)
            for i, fact in enumerate(facts):
                serves = fact.serves[at]
                if serves is not None:
                    part = slice(ends[i], ends[i + 1])
                    column[part] = serves[chosen.place[part]]
        return signals

    def _compared(
        self,
        lists: Lists,
        facts: Sequence[MenuFacts],
        chosen: Chosen,
        metres: NDArray[np.float32],
        vectors: NDArray[np.float32],
    ) -> dict[str, Column]:
        """Where each stands in its list: by every funnel, distance, price and likeness to the words."""
        of, place = chosen.request, chosen.place
        inside: NDArray[np.bool_] = np.arange(lists.rows.shape[1]) < lists.size[:, None]
        signals: dict[str, Column] = {
            "score_merged": lists.merged[of, place],
            "funnels_agree": lists.flags[of, place].mean(axis=1),
        }
        compared: dict[str, NDArray[np.float32]] = {"rank_merged": lists.merged}
        price = np.full(lists.rows.shape, np.nan, np.float32)
        price[inside] = np.concatenate([fact.lowest_won for fact in facts])
        compared["price_rank"] = -_known(price, 1e7)
        compared["distance_rank"] = -_known(metres, 1e7)
        told = np.asarray(vectors.any(axis=1), bool)
        if self.stats.shop_vectors is not None and told.any():
            likeness = np.zeros(lists.rows.shape, np.float32)
            for i in np.flatnonzero(told).tolist():
                likeness[i] = self.stats.shop_vectors[lists.rows[i]] @ vectors[i]
            signals["query_similarity"] = likeness[of, place]
            compared["query_similarity_rank"] = likeness
        for name, values in compared.items():
            signals[name] = _ranks(np.where(inside, values, -np.inf), chosen)
        for column, name in enumerate(FUNNELS):
            score = lists.scores[:, :, column]
            own = signals[f"score_{name}"] = score[of, place]
            signals[f"funnel_{name}"] = lists.flags[of, place, column]
            signals[f"rank_{name}"] = _ranks(np.where(inside, score, -np.inf), chosen) * (own > 0)
        located = np.asarray((inside & ~np.isnan(metres)).any(axis=1), bool)
        signals["distance_rank"] = signals["distance_rank"] * located[of]
        if "query_similarity" in signals:
            signals["query_similarity_rank"] = signals["query_similarity_rank"] * told[of]
        return signals


def _ranks(values: NDArray[np.float32], chosen: Chosen) -> NDArray[np.float32]:
    """Return 1 / log2(2 + rank) of each chosen place among its list's values (b, k), ties by place."""
    others, own = values[chosen.request], values[chosen.request, chosen.place][:, None]
    earlier = np.arange(values.shape[1]) < chosen.place[:, None]
    rank = ((others > own) | ((others == own) & earlier)).sum(axis=1)
    return np.asarray(1.0 / np.log2(2.0 + rank), np.float32)


def _known(values: NDArray[Any], missing: float) -> NDArray[Any]:
    return np.where(np.isnan(values), values.dtype.type(missing), values)
