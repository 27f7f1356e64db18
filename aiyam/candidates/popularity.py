"""The popularity funnel: orders, favourites and ratings, smoothed and decayed, beside what a shop offers by itself."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from aiyam.candidates.events import decay
from aiyam.candidates.rules import PopularityRules, Rules
from aiyam.catalogue.opening import closing_min

if TYPE_CHECKING:
    from aiyam.catalogue.arrays import Catalogue
    from aiyam.catalogue.interactions import Interactions

Rows = NDArray[np.int32]
Scores = NDArray[np.float32]
LARGE_SHARE = 8
"""Rows that are at least one in so many of the catalogue are looked for from the most popular shop down."""


class Popularity:
    """One fixed score a shop, 0..1, as of the time it was built."""

    def __init__(self, catalogue: Catalogue, interactions: Interactions, rules: Rules, *, now_ts: int) -> None:
        r = self._rules = rules.popularity
        self._history: Scores = np.float32(0.75) * _volume(catalogue, interactions, r, now_ts) + np.float32(
            0.25
        ) * _quality(catalogue, interactions, r, now_ts)
        self._rank(catalogue)

    def _rank(self, catalogue: Catalogue) -> None:
        share = self._rules.rule_weight
        total = (1 - share) * self._history + share * _own_facts(catalogue, self._rules)
        self.scores: Scores = total.astype(np.float32)
        self.order = np.argsort(-self.scores, kind="stable").astype(np.int32)

    def updated(self, catalogue: Catalogue) -> Popularity:
        """Return the same history over a catalogue with other facts, and shops nobody went to yet at its end."""
        new = copy(self)
        unknown = 0.25 * float(np.clip((self._rules.prior_rating - 1) / 4, 0, 1))
        n_new = len(catalogue) - len(self._history)
        new._history = np.concatenate([self._history, np.full(n_new, unknown, np.float32)])
        new._rank(catalogue)
        return new

    def best_rows(self, rows: Rows, k: int) -> Rows:
        """Return the k most popular of the rows, in no order."""
        if k >= len(rows):
            return rows
        if LARGE_SHARE * len(rows) < len(self.order):
            return rows[np.argpartition(-self.scores[rows], k)[:k]]
        among = np.zeros(len(self.order), bool)
        among[rows] = True
        found: list[Rows] = []
        n_found = 0
        for low in range(0, len(self.order), 4 * k):  # from the top: most of the catalogue need not be looked at
            part = self.order[low : low + 4 * k]
            found.append(part[among[part]])
            n_found += len(found[-1])
            if n_found >= k:
                break
        return np.concatenate(found)[:k]

    def score(self, rows: NDArray[np.integer]) -> Scores:
        """Return float32 (len(rows),) in 0..1."""
        return np.asarray(self.scores[rows], np.float32)


def _volume(c: Catalogue, interactions: Interactions, r: PopularityRules, now_ts: int) -> Scores:
    """Decayed counts on a log scale; the catalogue's own counts where no single event is known."""
    n = len(c.names)
    total = np.zeros(n)
    parts = (
        (interactions.orders, r.order_weight),
        (interactions.favorites, r.favorite_weight),
        (interactions.reviews, r.review_weight),
    )
    for part, weight in parts:
        ts = np.asarray(part.ts, np.int64)
        keep = (ts <= now_ts) & (np.asarray(part.shop_row) >= 0)
        fresh = weight * decay(ts[keep], now_ts, r.half_life_days)
        total += np.bincount(np.asarray(part.shop_row)[keep], weights=fresh, minlength=n)
    if not total.any():
        total = c.n_orders * r.order_weight + c.n_favorites * r.favorite_weight + c.n_reviews * r.review_weight
    log = np.log1p(total)
    top = float(log.max(initial=0.0))
    return np.asarray(log / top if top > 0 else log, np.float32)


def _quality(c: Catalogue, interactions: Interactions, r: PopularityRules, now_ts: int) -> Scores:
    """Bayesian mean rating (few ratings stay near the prior), 1..5 mapped to 0..1."""
    n = len(c.names)
    ts, rows = np.asarray(interactions.reviews.ts, np.int64), np.asarray(interactions.reviews.shop_row)
    value = np.asarray(interactions.reviews.value, np.float64)
    keep = (ts <= now_ts) & (rows >= 0) & (value >= 1) & (value <= 5)
    weight = decay(ts[keep], now_ts, 4 * r.half_life_days)
    count = np.bincount(rows[keep], weights=weight, minlength=n)
    total = np.bincount(rows[keep], weights=weight * value[keep], minlength=n)
    if not count.any():
        count = np.where(np.isnan(c.rating), 0, c.n_reviews).astype(np.float64)
        total = count * np.nan_to_num(c.rating, nan=0.0)
    mean = (total + r.prior_rating * r.prior_reviews) / (count + r.prior_reviews)
    return np.asarray(np.clip((mean - 1) / 4, 0, 1), np.float32)


def _own_facts(c: Catalogue, r: PopularityRules) -> Scores:
    """Points for what the shop offers: good shop, card, choice, a low price, long hours; out of their sum."""
    price = np.nan_to_num(c.mean_price, nan=np.inf)
    closes = closing_min(c.open_min, c.close_min)
    hours_min = np.where(closes < 0, 0, closes - c.open_min)
    points = (
        r.good_shop * np.asarray(c.good_shop, bool)
        + r.meal_card * (c.meal_card == 1)
        + np.minimum(r.menu_each * c.n_menus, r.menus_up_to)
        + np.where(price <= r.price_low_won, r.price_low, np.where(price <= r.price_mid_won, r.price_mid, 0))
        + r.long_hours * (hours_min >= r.long_hours_min)
    )
    return np.asarray(points / (r.good_shop + r.meal_card + r.menus_up_to + r.price_low + r.long_hours), np.float32)
