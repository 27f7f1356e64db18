"""The pasts of many people at once, each before their own moment: the habits behind the wide features of a block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiyam.catalogue.arrays import Catalogue
from aiyam.catalogue.interactions import FAVORITE, ORDER, REVIEW
from aiyam.catalogue.query import Query
from aiyam.ranking.signals import CATEGORY_PRIOR, HABIT_DAYS
from aiyam.ranking.statistics import N_CATEGORIES, Statistics

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Pasts:
    """The events of b requests' people before each request, end to end, oldest first; those of i at ``start[i]:start[i + 1]``.

    ``now`` (b,) are the requests' times, ``event`` (e,) the events' numbers in the statistics.
    """

    stats: Statistics
    now: Ints
    start: Ints
    event: Ints

    @classmethod
    def of(cls, stats: Statistics, queries: Sequence[Query]) -> Pasts:
        """Find them."""
        n = len(queries)
        now = np.fromiter((int(query.now.timestamp()) for query in queries), np.int64, n)
        row = np.fromiter((stats.user_row.get(query.user.user_id, -1) for query in queries), np.int64, n)
        low = np.where(row >= 0, stats.event_start[row], 0)
        high = np.where(row >= 0, stats.event_start[row + 1], 0)
        size = np.fromiter(
            (
                np.searchsorted(stats.event_ts[a:b], before)
                for a, b, before in zip(low.tolist(), high.tolist(), now.tolist(), strict=True)
            ),
            np.int64,
            n,
        )
        start = np.concatenate(([0], np.cumsum(size)))
        return cls(stats, now, start, np.repeat(low - start[:-1], size) + np.arange(start[-1]))

    @property
    def request(self) -> Ints:
        """(e,) which request each event belongs to."""
        return np.repeat(np.arange(len(self.now)), np.diff(self.start))

    def count(self, kind: int) -> Ints:
        """Return (b,) how many events of a kind each has."""
        return np.bincount(self.request[self.stats.event_kind[self.event] == kind], minlength=len(self.now))

    def signals(
        self, catalogue: Catalogue, last_category: NDArray[np.float32], of: Ints, rows: NDArray[np.int32]
    ) -> dict[str, NDArray[Any]]:
        """Return what ``signals.past_signals`` does, for pairs (r,) of a request and a shop."""
        stats, c, event, request = self.stats, catalogue, self.event, self.request
        n, shop, kind = len(self.now), stats.event_shop[event], stats.event_kind[event]
        bought = kind == ORDER
        recent = np.exp((stats.event_ts[event] - self.now[request]) / (HABIT_DAYS * 86400.0)) * bought
        liked = np.where(kind == REVIEW, (stats.event_value[event] - 3.5) / 1.5, 0.0)
        n_orders, n_recent = np.bincount(request, bought, n), np.bincount(request, recent, n)
        category = c.category[rows].astype(np.int64) % N_CATEGORIES
        of_event = c.category[shop].astype(np.int64) % N_CATEGORIES
        share = np.bincount(request * N_CATEGORIES + of_event, recent, n * N_CATEGORIES).reshape(n, N_CATEGORIES)
        # Every pair beside every event of its request.
        size = np.diff(self.start)[of]
        pair = np.repeat(np.arange(len(of)), size)
        beside = np.repeat(self.start[of] - (np.cumsum(size) - size), size) + np.arange(len(pair))
        same = np.flatnonzero(shop[beside] == rows[pair])
        at, what = pair[same], beside[same]

        def here(weight: NDArray[Any]) -> NDArray[Any]:
            return np.bincount(at, weight[what], len(of))

        brand = c.brand[rows]
        kin = np.flatnonzero((c.brand[shop][beside] == brand[pair]) & (brand[pair] >= 0))
        in_brand = np.bincount(pair[kin], recent[beside[kin]], len(of))
        orders, recency = here(bought), here(recent)
        return {
            "user_x_shop": orders / (n_orders[of] + 5.0),
            "habit_orders": np.log1p(orders) / np.log(11.0),
            "habit_recency": recency / (1.0 + recency),
            "habit_ordered_before": orders > 0,
            "user_favorite": here(kind == FAVORITE) > 0,
            "user_review": here(liked),
            "user_category_share": share[of, category] / (n_recent[of] + CATEGORY_PRIOR),
            "user_brand_share": in_brand / (n_recent[of] + 1.0),
            "price_usual_gap": self._price_gap(c, shop, request, bought, of, rows),
            "last_category_x_category": self._after_last(last_category, of_event, bought, of, category),
        }

    def _price_gap(
        self,
        c: Catalogue,
        shop: NDArray[np.int32],
        request: Ints,
        bought: NDArray[np.bool_],
        of: Ints,
        rows: NDArray[np.int32],
    ) -> NDArray[Any]:
        """|log ratio| of a shop's price to the median of what the person paid, 0..1; 0 where either is unknown."""
        paid = c.mean_price[shop]
        priced = np.flatnonzero(bought & (paid > 0))
        order = priced[np.lexsort((paid[priced], request[priced]))]
        first = np.searchsorted(request[order], np.arange(len(self.now) + 1))
        size = np.diff(first)
        usual = np.full(len(self.now), np.nan)
        some = np.flatnonzero(size)
        usual[some] = paid[order[first[some] + size[some] // 2]]
        gap = np.abs(np.log(np.maximum(c.mean_price[rows], 500.0) / usual[of]))
        return np.asarray(np.minimum(np.nan_to_num(gap), 1.0))

    def _after_last(
        self, lift: NDArray[np.float32], of_event: Ints, bought: NDArray[np.bool_], of: Ints, category: Ints
    ) -> NDArray[np.float32]:
        """How much more often a category is ordered right after the one the person ordered last; 0 without an order."""
        last = np.full(len(self.now), -1)
        orders = np.flatnonzero(bought)
        last[self.request[orders]] = of_event[orders]  # the latest comes last, and stays
        return np.where(last[of] >= 0, lift[last[of], category], 0.0)
