"""What the ranker reads of each candidate on a bare interaction log, in the slots of the product's feature table."""

from __future__ import annotations

import numpy as np
from log_funnels import HABITS, KINDS, LogFunnels
from log_places import DAY_S, NEAR_M, NEAR_VIEWS, metres
from log_pool import Pool, places_of
from numpy.typing import NDArray

from aiyam.candidates.item_models import Ints, Log, Scores, histories, weighted_histories
from aiyam.ranking.features import N_NUMBERS, N_WIDE, SLOT, SPEC_SLOTS

HABIT_HALF_LIFE_DAYS = 30.0
FUNNEL_VIEWS = ("blend", "content", "nearness", "recent popularity")
"""What stands in the slots of the four funnels."""
BY_WORTH = (
    *HABITS, "next 0.8", "ease 0.8", "ease 0.95", "ALS 0.9", *NEAR_VIEWS, "close by", *KINDS, "popularity", "popularity this week",
    "item-kNN 0.8", "next ten 0.95", "ease strong 0.9", "ALS", "ease", "item-kNN", "next ten 0.8",
)  # fmt: skip
"""The other views, those first that keep their slot where not all fit."""
_FIRST_FREE = SPEC_SLOTS + len(FUNNEL_VIEWS) + 5


def features_of(
    funnels: LogFunnels, log: Log, pool: Pool, order: Scores, places: Ints, *, repeats: bool
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return (wide (q, k, 50), numbers (q, k, 10)) of the candidates at ``places`` (q, k) of the pool, ``order`` the blend.

    Each view brings its score and, while slots last, the place it gives the candidate. The spec's slots hold what the
    product holds there: habit, distance, hour by category, area; and the score and flag of four funnels.
    """
    events = pool.events
    items = np.take_along_axis(pool.items, places, axis=1)
    q, k = items.shape
    wide = np.zeros((q, k, N_WIDE), np.float32)
    numbers = np.zeros((q, k, N_NUMBERS), np.float32)

    def score(view: str) -> Scores:
        values = order if view == "blend" else pool.scores[:, :, pool.views.index(view)]
        return np.asarray(np.arcsinh(np.take_along_axis(values, places, axis=1)), np.float32)

    for f, view in enumerate(FUNNEL_VIEWS):
        if view == "blend" or view in pool.views:
            values = score(view)
            rank = 1 / np.log2(2 + places_of(values))
            wide[:, :, SLOT["funnel_collaborative"] + f] = rank > 1 / np.log2(2 + 50)
            wide[:, :, SLOT["score_collaborative"] + f] = values / 2
            wide[:, :, SPEC_SLOTS + f] = rank
    others = [view for view in BY_WORTH if view in pool.views and view not in FUNNEL_VIEWS]
    n_ranked = max(N_WIDE - _FIRST_FREE - len(others), 0)
    for n, view in enumerate(others[: N_WIDE - _FIRST_FREE]):
        values = score(view)
        wide[:, :, _FIRST_FREE + n] = values / 2
        if n < n_ranked:
            wide[:, :, _FIRST_FREE + len(others) + n] = 1 / np.log2(2 + places_of(values))
    if "near all" in pool.views:
        wide[:, :, SLOT["city_x_district"]] = score("near all") / 2
    if "the hour" in pool.views:
        wide[:, :, SLOT["time_of_day_x_category"]] = score("the hour") / 2
    _moment(wide[:, :, SPEC_SLOTS + len(FUNNEL_VIEWS) :], funnels, log, events, items)
    wide[:, :, SLOT["distance"]] = wide[:, :, SPEC_SLOTS + 7]
    if repeats:
        _habits(wide, log, events, items)
    numbers[:, :, 2] = np.minimum(log.place[events] / 100.0, 1.0)[:, None]
    numbers[:, :, 8] = np.minimum(funnels.popularity[items] / 1000.0, 1.0)
    return wide, numbers


def _moment(out: NDArray[np.float32], funnels: LogFunnels, log: Log, events: Ints, items: Ints) -> None:
    """Write time since the person's last event, how many there are, the item's age, and the distance from the last place."""
    last = np.maximum(events - 1, 0)
    out[:, :, 0] = (np.log1p(np.maximum(log.ts[events] - log.ts[last], 0)) / 10)[:, None]
    out[:, :, 1] = (np.log1p(log.place[events]) / 5)[:, None]
    age_days = np.maximum(log.ts[events][:, None] - funnels.first_ts[items], 0) / DAY_S
    out[:, :, 2] = np.log1p(age_days) / 8
    lat, lon = funnels.source.lat, funnels.source.lon
    before = log.item[last][:, None]
    far = metres(lat[items], lon[items], lat[before], lon[before])
    out[:, :, 3] = np.nan_to_num(np.exp(-far / np.float32(NEAR_M)), nan=0.1)
    out[:, :, 4] = np.nan_to_num(np.log1p(far / 100) / 5.5, nan=0.8).clip(0, 2)


def _habits(wide: NDArray[np.float32], log: Log, events: Ints, items: Ints) -> None:
    """Write how often the person had each candidate, and how lately."""

    def lately(position: Ints, event: Ints, _back: Ints) -> Scores:
        days = (log.ts[event] - log.ts[position]) / DAY_S
        return np.exp2(-days / HABIT_HALF_LIFE_DAYS).astype(np.float32)

    times, recent = (
        np.take_along_axis(each.toarray(), items, axis=1)
        for each in (histories(log, events, 1.0), weighted_histories(log, events, lately))
    )
    wide[:, :, SLOT["user_x_shop"]] = times / (times + 5.0)
    wide[:, :, SLOT["user_x_shop"] + 1] = recent / (1 + recent)
