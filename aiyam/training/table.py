"""The ranker's training table: logged requests replayed through layer 1 as it stood, with labels, weights and leak checks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from aiyam.catalogue.arrays import Catalogue
from aiyam.catalogue.interactions import REVIEW
from aiyam.catalogue.query import CandidateSet, Query
from aiyam.contracts import UserProfile
from aiyam.errors import DataError
from aiyam.ranking.features import N_NUMBERS, N_WIDE, build_features
from aiyam.ranking.replay import CLICKED, FAVORITED, GOOD_REVIEW, ORDERED, SKIPPED, TOLD_WITHIN_S, Moment, query_of
from aiyam.ranking.statistics import KST_OFFSET_S, Statistics

WEIGHT_OF_OUTCOME: Mapping[int, float] = {CLICKED: 1.0, FAVORITED: 1.5, ORDERED: 2.0}
HIGH_SCORED_SKIPPED = 1.5
HIGH_PLACES = 3
"""Skipped among the first three candidates is "high-scored but skipped"."""

DAY_S = 86_400

Find = Callable[[Query], CandidateSet]
Encode = Callable[[Sequence[str]], NDArray[np.float32]]


@dataclass(frozen=True)
class TrainingTable:
    """q requests with r rows in all; rows of one request stand together, best candidates first.

    list_start (q + 1,), user_ids / semantic_queries / ts (q,), query_vectors (q, 128); shop_row, label, weight, category,
    brand, shown (r,), wide (r, 50), numbers (r, 10). ``shown``: the person has seen the shop in that list. Three counts tell what has no row: ``n_missed`` choices that layer 1 did not
    find, ``n_new`` requests of people with too short a past, ``n_idle`` requests without a choice.
    """

    list_start: NDArray[np.int64]
    user_ids: tuple[str, ...]
    ts: NDArray[np.int64]
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
    catalogue: Catalogue,
    stats: Statistics,
    moments: Sequence[Moment],
    profiles: Mapping[str, UserProfile],
    find: Find,
    encode: Encode,
    *,
    negatives: int = 2,
    min_interactions: int = 5,
    seed: int,
    labels_until: int | None = None,
    report: Callable[[float], None] = lambda _: None,
) -> TrainingTable:
    """Replay requests through layer 1 and lay out a row for each choice and its negatives.

    ``stats`` and ``find`` must be built only from history before the first moment. A choice is an order or favourite of
    a shown shop, or a review of 4 or more within two weeks. Negatives are the skipped shops that layer 1 would
    show too, then others it would show, at most ``negatives`` for each choice. People with fewer than
    ``min_interactions`` events are left out. What people did from ``labels_until`` (epoch seconds) on decides no label.

    Raises:
        DataError: history reaches into the requests, or no request has a choice among its candidates.
    """
    if moments and min(m.ts for m in moments) < stats.until:
        raise DataError(
            f"Expected every request after the history ends ({stats.until}), got one at {min(m.ts for m in moments)}.",
            hint="Build the statistics and the funnels with an earlier `until`.",
        )
    table = replay(
        catalogue, stats, moments, profiles, find, encode,
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
    catalogue: Catalogue,
    stats: Statistics,
    moments: Sequence[Moment],
    profiles: Mapping[str, UserProfile],
    find: Find,
    encode: Encode,
    *,
    negatives: int,
    min_interactions: int,
    rng: np.random.Generator,
    labels_until: int | None = None,
    report: Callable[[float], None] = lambda _: None,
) -> TrainingTable:
    """Do what ``build_table`` does for one layer 1; the table may be empty."""
    kept = [m for m in moments if len(stats.past_of(m.user_id, m.ts).ts) >= min_interactions]
    texts = sorted({m.semantic_query for m in kept})
    vectors = encode(texts) if texts else np.zeros((0, 128), np.float32)
    vector_of = {text: vectors[i] for i, text in enumerate(texts)}
    used: list[Moment] = []
    rows: list[NDArray[np.int32]] = [np.empty(0, np.int32)]
    label: list[NDArray[np.float32]] = [np.empty(0, np.float32)]
    weight: list[NDArray[np.float32]] = [np.empty(0, np.float32)]
    wide: list[NDArray[np.float32]] = [np.empty((0, N_WIDE), np.float32)]
    numbers: list[NDArray[np.float32]] = [np.empty((0, N_NUMBERS), np.float32)]
    shown: list[NDArray[np.bool_]] = [np.empty(0, np.bool_)]
    n_missed = n_idle = 0
    for i, moment in enumerate(kept):
        if i % 64 == 0:
            report(i / len(kept))
        query = query_of(moment, profiles.get(moment.user_id))
        candidates = find(query)
        outcome, n_lost = outcomes_of(candidates, moment, stats, labels_until)
        n_missed += n_lost
        places, labels, weights = choose_rows(outcome, negatives, rng)
        if not len(places):
            n_idle += n_lost == 0
            continue
        batch = build_features(catalogue, stats, query, candidates, query_vector=vector_of[moment.semantic_query])
        used.append(moment)
        rows.append(candidates.rows[places])
        label.append(labels)
        weight.append(weights)
        wide.append(batch.wide[places])
        numbers.append(batch.numbers[places])
        shown.append(outcome[places] >= SKIPPED)
    shop_row = np.concatenate(rows)
    return TrainingTable(
        list_start=np.cumsum([len(part) for part in rows]).astype(np.int64),
        user_ids=tuple(m.user_id for m in used),
        ts=np.array([m.ts for m in used], dtype=np.int64),
        semantic_queries=tuple(m.semantic_query for m in used),
        query_vectors=np.array([vector_of[m.semantic_query] for m in used], np.float32).reshape(len(used), -1),
        shop_row=shop_row.astype(np.int32),
        label=np.concatenate(label),
        weight=np.concatenate(weight),
        category=catalogue.category[shop_row].astype(np.int8),
        brand=catalogue.brand[shop_row].astype(np.int32),
        wide=np.concatenate(wide),
        numbers=np.concatenate(numbers),
        shown=np.concatenate(shown),
        n_missed=n_missed,
        n_new=len(moments) - len(kept),
        n_idle=n_idle,
    )


def outcomes_of(
    candidates: CandidateSet, moment: Moment, stats: Statistics, labels_until: int | None = None
) -> tuple[NDArray[np.int8], int]:
    """Return for each candidate what became of it (-1 not shown), and how many choices layer 1 did not find."""
    horizon = moment.ts + TOLD_WITHIN_S if labels_until is None else min(moment.ts + TOLD_WITHIN_S, labels_until)
    outcome = np.full(len(candidates.rows), -1, dtype=np.int8)
    happened = np.array(moment.outcomes, dtype=np.int8)
    later = stats.past_of(moment.user_id, horizon)
    praised = later.shop[(later.kind == REVIEW) & (later.value >= GOOD_REVIEW) & (later.ts >= moment.ts)]
    shown = np.array(moment.shown, dtype=np.int32)
    happened = np.where(np.isin(shown, praised) & (happened < FAVORITED), FAVORITED, happened).astype(np.int8)
    place_of = {int(row): place for place, row in enumerate(candidates.rows)}
    n_lost = 0
    for row, what in zip(shown, happened, strict=True):
        place = place_of.get(int(row))
        if place is not None:
            outcome[place] = what
        elif what >= FAVORITED:
            n_lost += 1
    return outcome, n_lost


def choose_rows(
    outcome: NDArray[np.int8], negatives: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32]]:
    """Pick the candidates that become rows: (places, label, weight), all (r,); empty without a choice among them."""
    positive = np.flatnonzero(outcome >= FAVORITED)
    wanted = negatives * len(positive)
    skipped = np.flatnonzero((outcome == SKIPPED) | (outcome == CLICKED))
    unseen = np.flatnonzero(outcome < 0)
    if len(skipped) > wanted:
        skipped = np.sort(rng.choice(skipped, wanted, replace=False))
    rest = min(wanted - len(skipped), len(unseen))
    drawn = np.sort(rng.choice(unseen, rest, replace=False)) if rest > 0 else unseen[:0]
    places = np.concatenate((positive, skipped, drawn)) if len(positive) else positive
    places = np.sort(places)
    what = outcome[places]
    label = (what >= FAVORITED).astype(np.float32)
    weight = np.ones(len(places), dtype=np.float32)
    for kind, value in WEIGHT_OF_OUTCOME.items():
        weight[what == kind] = value
    weight[(what == SKIPPED) & (places < HIGH_PLACES)] = HIGH_SCORED_SKIPPED
    return places.astype(np.int64), label, weight
