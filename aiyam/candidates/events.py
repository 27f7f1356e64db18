"""What people did, as weighted events: one row an order, favourite or rating, ready for the funnels that learn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from aiyam.catalogue.interactions import Interactions

DAY_S = 86_400.0
ORDER_WEIGHT, FAVORITE_WEIGHT = 1.0, 1.5
NEUTRAL_RATING = 2.5


@dataclass(frozen=True)
class Events:
    """Events as arrays of one length: user and shop row numbers, epoch seconds, weight (a bad rating weighs below 0)."""

    user: NDArray[np.int32]
    shop: NDArray[np.int32]
    ts: NDArray[np.int64]
    weight: NDArray[np.float32]
    n_users: int

    @classmethod
    def of(cls, interactions: Interactions, *, now_ts: int) -> Events:
        """Gather all events up to ``now_ts`` (a later one is an error of the source and is left out)."""
        orders, favorites, reviews = interactions.orders, interactions.favorites, interactions.reviews
        rating = np.asarray(reviews.value, np.float32)
        weights = (
            np.full(len(orders.user), ORDER_WEIGHT, np.float32),
            np.full(len(favorites.user), FAVORITE_WEIGHT, np.float32),
            np.clip((rating - NEUTRAL_RATING) / NEUTRAL_RATING, -1, 1),
        )
        parts = (orders, favorites, reviews)
        user = np.concatenate([np.asarray(p.user, np.int32) for p in parts])
        shop = np.concatenate([np.asarray(p.shop_row, np.int32) for p in parts])
        ts = np.concatenate([np.asarray(p.ts, np.int64) for p in parts])
        weight = np.concatenate(weights)
        keep = (ts <= now_ts) & (user >= 0) & (shop >= 0) & ~np.isnan(weight)
        order = np.argsort(ts[keep], kind="stable")
        return cls(
            user[keep][order], shop[keep][order], ts[keep][order], weight[keep][order], len(interactions.user_ids)
        )


def decay(ts: NDArray[np.int64], now_ts: int, half_life_days: float) -> NDArray[np.float32]:
    """Return 0.5 ** (age / half life) for each time."""
    age_days = np.maximum(0, now_ts - ts) / DAY_S
    return np.exp2(-age_days / half_life_days).astype(np.float32)
