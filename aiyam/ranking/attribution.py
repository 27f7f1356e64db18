"""How much each thing a reason can name moved a shop's score: its features set to the list's mean, and scored again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiyam.ranking.features import N_NUMBERS, N_WIDE, NUMBERS, SLOT, FeatureBatch


@dataclass(frozen=True)
class Source:
    """The features a reason stands on: wide slots, and numbers of the deep part that say the same."""

    slots: tuple[str, ...]
    numbers: tuple[str, ...] = ()


SOURCES: dict[str, Source] = {
    "dish": Source(("menu_match",)),
    "budget": Source(("budget_fit", "budget_headroom")),
    "taste": Source(("taste_match",)),
    "diet": Source(("dietary_match",)),
    "atmosphere": Source(("atmosphere_match",)),
    "good_shop": Source(("good_shop",)),
    "open": Source(("open_now",)),
    "habit": Source(("user_x_shop", "habit_orders", "habit_recency", "habit_ordered_before")),
    "favorite": Source(("user_favorite",)),
    "category": Source(("user_category_share",)),
    "near": Source(("distance", "distance_rank", "distance_log")),
    "popular": Source(
        ("popularity", "popularity_in_district", "popularity_log", "score_popularity", "rank_popularity"),
        ("shop_orders/1000",),
    ),
    "rating": Source(("rating_above_3_5",), ("shop_rating/5",)),
    "price": Source(("price_rank",)),
    "district": Source(("same_district",)),
}

_SLOTS = np.array([[slot in source.slots for slot in SLOT] for source in SOURCES.values()])
_NUMBERS = np.array([[number in source.numbers for number in NUMBERS] for source in SOURCES.values()])
_OF_DEEP = np.flatnonzero(_NUMBERS.any(axis=1))
_MEMBERS = _SLOTS.T.astype(np.float32)


def lifts(
    batch: FeatureBatch,
    places: NDArray[np.int64],
    among: NDArray[np.int64],
    logits: NDArray[np.float32],
    wide_weight: NDArray[np.float32],
    score: Callable[[FeatureBatch], NDArray[np.float32]],
    *,
    deep_reads_wide: bool,
) -> NDArray[np.float32]:
    """Return (k, sources) how much lower the logit of each of k ``places`` is with a source's features at the mean of those ``among`` the list.

    ``logits`` are those of the whole list. What only the wide part reads is a product; what the deep part reads too is
    scored again by ``score``, for the shops shown alone.
    """
    wide, numbers, k = batch.wide[places], batch.numbers[places], len(places)
    mean_wide, mean_numbers = _mean(batch.wide, among), _mean(batch.numbers, among)
    moved = np.asarray(((wide - mean_wide) * wide_weight) @ _MEMBERS, np.float32)
    again = np.arange(len(SOURCES)) if deep_reads_wide else _OF_DEEP
    changed_wide = np.where(_SLOTS[again, None], mean_wide, wide)
    changed_numbers = np.where(_NUMBERS[again, None], mean_numbers, numbers)
    rows = np.tile(batch.rows[places], len(again))
    changed = FeatureBatch(rows, changed_wide.reshape(-1, N_WIDE), changed_numbers.reshape(-1, N_NUMBERS), batch.menus)
    moved[:, again] = (logits[places] - score(changed).reshape(-1, k)).T
    return moved


def _mean(values: NDArray[np.float32], among: NDArray[np.int64]) -> NDArray[np.float32]:
    whole = values if len(among) == len(values) else values[among]
    return np.asarray(np.add.reduce(whole, axis=0) / np.float32(len(whole)), np.float32)
