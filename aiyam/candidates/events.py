"""What people did, as weighted events: one row an order, favourite or rating, ready for the funnels that learn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiyam.catalogue.interactions import Interactions, history_of

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
        acts = history_of(interactions)
        stars = np.clip((acts.value - NEUTRAL_RATING) / NEUTRAL_RATING, -1, 1)
        weight = np.choose(acts.kind, (np.float32(ORDER_WEIGHT), np.float32(FAVORITE_WEIGHT), stars))
        keep = np.flatnonzero((acts.ts <= now_ts) & ~np.isnan(weight))
        keep = keep[np.argsort(acts.ts[keep], kind="stable")]
        return cls(acts.user[keep], acts.shop[keep], acts.ts[keep], weight[keep], len(interactions.user_ids))


def decay(ts: NDArray[np.int64], now_ts: int, half_life_days: float) -> NDArray[np.float32]:
    """Return 0.5 ** (age / half life) for each time."""
    age_days = np.maximum(0, now_ts - ts) / DAY_S
    return np.exp2(-age_days / half_life_days).astype(np.float32)
