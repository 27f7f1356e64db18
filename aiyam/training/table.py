"""The ranker's training table: logged requests replayed through layer 1 as it stood, with labels, weights and leak checks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiyam.candidates.blocks import BlockFunnels, block_size
from aiyam.contracts import UserProfile
from aiyam.errors import DataError
from aiyam.ranking.block_features import BlockFeatures, Chosen
from aiyam.ranking.features import N_NUMBERS, N_WIDE
from aiyam.ranking.replay import SKIPPED, Moment, query_of
from aiyam.ranking.statistics import KST_OFFSET_S
from aiyam.training.outcomes import choose_rows, outcomes_of

DAY_S = 86_400

Encode = Callable[[Sequence[str]], NDArray[np.float32]]


@dataclass(frozen=True)
class TrainingTable:
    """q requests with r rows in all; rows of one request stand together, best candidates first.

    list_start (q + 1,), user_ids / semantic_queries / ts / told_ts (q,), query_vectors (q, 128); shop_row, label, weight,
    category, brand, shown (r,), wide (r, 50), numbers (r, 10). ``told_ts``: when the newest act came that a label of the
    request rests on. ``shown``: the person has seen the shop in that list. Three counts tell what has no row: ``n_missed``
    choices that layer 1 did not find, ``n_new`` requests of people with too short a past, ``n_idle`` requests without a
    choice.
    """

    list_start: NDArray[np.int64]
    user_ids: tuple[str, ...]
    ts: NDArray[np.int64]
    told_ts: NDArray[np.int64]
    semantic_queries: tuple[str, ...]
    query_vectors: NDArray[np.float32]
    shop_row: NDArray[np.int32]
    label: NDArray[np.float32]
    weight: NDArray[np.float32]
    category: NDArray[np.int8]
    brand: NDArray[np.int32]
    wide: NDArray[np.float32]
    numbers: NDArray[np.float32]
    shown: NDArray[np.bool_]
    n_missed: int = 0
    n_new: int = 0
    n_idle: int = 0

    def __len__(self) -> int:
        return len(self.shop_row)

    @property
    def n_requests(self) -> int:
        """How many requests the rows come from."""
        return len(self.ts)

    def part(self, requests: NDArray[np.int64]) -> TrainingTable:
        """Return the table of some requests, in the order given."""
        size = np.diff(self.list_start)[requests]
        rows = np.repeat(self.list_start[requests] - (np.cumsum(size) - size), size) + np.arange(int(size.sum()))
        return replace(
            self,
            list_start=np.concatenate(([0], np.cumsum(size))).astype(np.int64),
            user_ids=tuple(self.user_ids[i] for i in requests),
            ts=self.ts[requests],
            told_ts=self.told_ts[requests],
            semantic_queries=tuple(self.semantic_queries[i] for i in requests),
            query_vectors=self.query_vectors[requests],
            shop_row=self.shop_row[rows],
            label=self.label[rows],
            weight=self.weight[rows],
            category=self.category[rows],
            brand=self.brand[rows],
            wide=self.wide[rows],
            numbers=self.numbers[rows],
            shown=self.shown[rows],
        )

    def split(self, share: float = 0.8) -> tuple[TrainingTable, TrainingTable]:
        """Cut by time, at a midnight in Korea, so that about ``share`` of the requests come before.

        Raises:
            DataError: the requests lie on one day, so there is no midnight to cut at.
        """
        cut = split_time(self.ts, share)
        return self.part(np.flatnonzero(self.ts < cut)), self.part(np.flatnonzero(self.ts >= cut))


def split_time(ts: NDArray[np.int64], share: float = 0.8) -> int:
    """Return the midnight in Korea (epoch seconds) that about ``share`` of the times (q,) lie before.

    Raises:
        DataError: they lie on one day, so there is no midnight to cut at.
    """
    days = (ts + KST_OFFSET_S) // DAY_S
    if len(days) == 0 or days.min() == days.max():
        raise DataError(
            f"Expected requests on at least two days to split by time, got {len(ts)} on one.",
            hint="Collect more days before training the ranker.",
        )
    target = np.sort(days)[min(int(len(days) * share), len(days) - 1)]
    return max(int(target), int(days.min()) + 1) * DAY_S - KST_OFFSET_S


def build_table(
    funnels: BlockFunnels,
    features: BlockFeatures,
    moments: Sequence[Moment],
    profiles: Mapping[str, UserProfile],
    encode: Encode,
    *,
    negatives: int = 2,
    min_interactions: int = 5,
    seed: int,
    labels_until: int | None = None,
    report: Callable[[float], None] = lambda _: None,
) -> TrainingTable:
    """Replay requests through layer 1 and lay out a row for each choice and its negatives.

    ``funnels`` and ``features`` must be built only from history before the first moment. A choice is an order or favourite
    of a shown shop, or a review of 4 or more within two weeks. Negatives are the skipped shops that layer 1 would
    show too, then others it would show, at most ``negatives`` for each choice. People with fewer than
    ``min_interactions`` events are left out. What people did from ``labels_until`` (epoch seconds) on decides no label.

    Raises:
        DataError: history reaches into the requests, or no request has a choice among its candidates.
    """
    until = features.stats.until
    if moments and min(m.ts for m in moments) < until:
        raise DataError(
            f"Expected every request after the history ends ({until}), got one at {min(m.ts for m in moments)}.",
            hint="Build the statistics and the funnels with an earlier `until`.",
        )
    table = replay(
        funnels, features, moments, profiles, encode,
        negatives=negatives, min_interactions=min_interactions, rng=np.random.default_rng(seed), labels_until=labels_until,
        report=report,
    )  # fmt: skip
    if not table.n_requests:
        raise DataError(
            f"Expected requests with a choice among their candidates, got none in {len(moments)} requests"
            f" ({len(moments) - table.n_new} of people with at least {min_interactions} events).",
            hint="Lower min_interactions, or collect more requests before training the ranker.",
        )
    return table


def replay(
    funnels: BlockFunnels,
    features: BlockFeatures,
    moments: Sequence[Moment],
    profiles: Mapping[str, UserProfile],
    encode: Encode,
    *,
    negatives: int,
    min_interactions: int,
    rng: np.random.Generator,
    labels_until: int | None = None,
    report: Callable[[float], None] = lambda _: None,
) -> TrainingTable:
    """Do what ``build_table`` does for one layer 1, a block of requests at a time; the table may be empty.

    Fastest where one person's requests stand together: what layer 1 finds of a person is then found once.
    """
    catalogue, stats = features.catalogue, features.stats
    kept = [m for m in moments if len(stats.past_of(m.user_id, m.ts).ts) >= min_interactions]
    texts = {text: i for i, text in enumerate(sorted({m.semantic_query for m in kept}))}
    vectors = encode(list(texts)) if texts else np.zeros((0, 128), np.float32)
    said = np.fromiter((texts[m.semantic_query] for m in kept), np.int64, len(kept))
    parts: list[_Part] = []
    n_missed = n_idle = 0
    step = block_size(len(catalogue))
    for low in range(0, len(kept), step):
        report(low / len(kept))
        block = kept[low : low + step]
        queries = [query_of(moment, profiles.get(moment.user_id)) for moment in block]
        lists = funnels.find(queries)
        outcomes = outcomes_of(lists.rows, block, stats, labels_until)
        request, place, label, weight = choose_rows(outcomes.what, negatives, rng)
        size = np.bincount(request, minlength=len(block))
        n_missed += int(outcomes.n_lost.sum())
        n_idle += int(((size == 0) & (outcomes.n_lost == 0)).sum())
        wide, numbers = features.of(queries, lists, Chosen(request, place), vectors[said[low : low + step]])
        used = np.flatnonzero(size)
        parts.append(
            _Part(low + used, size[used], outcomes.told_ts[used], lists.rows[request, place], label, weight,
                  wide, numbers, outcomes.what[request, place] >= SKIPPED)
        )  # fmt: skip
    parts.append(_Part.empty())
    moment, size, told_ts, shop_row, label, weight, wide, numbers, shown = (
        np.concatenate([getattr(part, name) for part in parts]) for name in _Part.__dataclass_fields__
    )
    used_moments = [kept[i] for i in moment.tolist()]
    return TrainingTable(
        list_start=np.concatenate(([0], np.cumsum(size))).astype(np.int64),
        user_ids=tuple(m.user_id for m in used_moments),
        ts=np.array([m.ts for m in used_moments], dtype=np.int64),
        told_ts=told_ts,
        semantic_queries=tuple(m.semantic_query for m in used_moments),
        query_vectors=vectors[said[moment]],
        shop_row=shop_row,
        label=label,
        weight=weight,
        category=catalogue.category[shop_row].astype(np.int8),
        brand=catalogue.brand[shop_row].astype(np.int32),
        wide=wide,
        numbers=numbers,
        shown=shown,
        n_missed=n_missed,
        n_new=len(moments) - len(kept),
        n_idle=n_idle,
    )


@dataclass(frozen=True)
class _Part:
    """What one block adds: its requests with rows, and their rows, end to end."""

    moment: NDArray[np.int64]
    size: NDArray[np.int64]
    told_ts: NDArray[np.int64]
    shop_row: NDArray[np.int32]
    label: NDArray[np.float32]
    weight: NDArray[np.float32]
    wide: NDArray[np.float32]
    numbers: NDArray[np.float32]
    shown: NDArray[np.bool_]

    @classmethod
    def empty(cls) -> _Part:
        def none(dtype: Any, *width: int) -> NDArray[Any]:
            return np.empty((0, *width), dtype)

        whole, real = np.int64, np.float32
        return cls(
            none(whole), none(whole), none(whole), none(np.int32), none(real), none(real),
            none(real, N_WIDE), none(real, N_NUMBERS), none(bool),
        )  # fmt: skip
