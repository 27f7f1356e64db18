"""The ranker's training table: logged requests replayed through layer 1 as it stood, with labels, weights and leak checks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiyam.catalogue.arrays import Catalogue
from aiyam.catalogue.interactions import REVIEW
from aiyam.catalogue.query import CandidateSet, Query
from aiyam.contracts import KST, UserProfile
from aiyam.errors import DataError
from aiyam.ranking.features import N_NUMBERS, N_WIDE, build_features
from aiyam.ranking.replay import GOOD_REVIEW, Moment, query_of
from aiyam.ranking.statistics import KST_OFFSET_S, Statistics

CLICKED, FAVORITED, ORDERED = 1, 2, 3
"""Outcomes of an impression, as the store keeps them; 0 is skipped. A click alone is no choice: its label is 0."""

WEIGHT_OF_OUTCOME = {CLICKED: 1.0, FAVORITED: 1.5, ORDERED: 2.0}
HIGH_SCORED_SKIPPED = 1.5
HIGH_PLACES = 3
"""Skipped among the first three candidates is "high-scored but skipped"."""

REVIEW_WITHIN_S = 14 * 86_400
DAY_S = 86_400

Find = Callable[[Query], CandidateSet]
Encode = Callable[[Sequence[str]], NDArray[np.float32]]


@dataclass(frozen=True)
class TrainingTable:
    """q requests with r rows in all; rows of one request stand together, best candidates first.

    list_start (q + 1,), user_ids / semantic_queries / ts (q,), query_vectors (q, 128); shop_row, label, weight, category,
    brand (r,), wide (r, 50), numbers (r, 10). ``n_missed`` counts choices that layer 1 did not find (they have no row).
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
    n_missed: int = 0

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
        )

    def split(self, share: float = 0.8) -> tuple[TrainingTable, TrainingTable]:
        """Cut by time, at a midnight in Korea, so that about ``share`` of the requests come before.

        Raises:
            DataError: the requests lie on one day, so there is no midnight to cut at.
        """
        days = (self.ts + KST_OFFSET_S) // DAY_S
        if len(days) == 0 or days.min() == days.max():
            raise DataError(
                f"Expected requests on at least two days to split by time, got {self.n_requests} on one.",
                hint="Collect more days before training the ranker.",
            )
        target = np.sort(days)[min(int(len(days) * share), len(days) - 1)]
        cut = max(int(target), int(days.min()) + 1)
        return self.part(np.flatnonzero(days < cut)), self.part(np.flatnonzero(days >= cut))


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
    report: Callable[[float], None] = lambda _: None,
) -> TrainingTable:
    """Replay requests through layer 1 and lay out a row for each choice and its negatives.

    ``stats`` and ``find`` must be built only from history before the first moment. A choice is an order or favourite of
    a shown shop, or a review of 4 or more within two weeks. Negatives are the skipped shops that layer 1 would
    show too, then others it would show, at most ``negatives`` for each choice. People with fewer than
    ``min_interactions`` events are left out.

    Raises:
        DataError: history reaches into the requests, or no request has a choice among its candidates.
    """
    if moments and min(m.ts for m in moments) < stats.until:
        raise DataError(
            f"Expected every request after the history ends ({stats.until}), got one at {min(m.ts for m in moments)}.",
            hint="Build the statistics and the funnels with an earlier `until`.",
        )
    rng = np.random.default_rng(seed)
    kept = [m for m in moments if len(stats.past_of(m.user_id, m.ts).ts) >= min_interactions]
    texts = sorted({m.semantic_query for m in kept})
    vectors = encode(texts) if texts else np.zeros((0, 128), np.float32)
    vector_of = {text: vectors[i] for i, text in enumerate(texts)}
    parts: list[
        tuple[
            NDArray[np.int64],
            NDArray[np.float32],
            NDArray[np.float32],
            CandidateSet,
            NDArray[np.float32],
            NDArray[np.float32],
        ]
    ] = []
    used: list[Moment] = []
    n_missed = 0
    for i, moment in enumerate(kept):
        if i % 64 == 0:
            report(i / len(kept))
        query = query_of(moment, profiles.get(moment.user_id))
        candidates = find(query)
        outcome, n_lost = outcomes_of(candidates, moment, stats)
        n_missed += n_lost
        places, label, weight = choose_rows(outcome, negatives, rng)
        if not len(places):
            continue
        batch = build_features(catalogue, stats, query, candidates, query_vector=vector_of[moment.semantic_query])
        parts.append((places, label, weight, candidates, batch.wide[places], batch.numbers[places]))
        used.append(moment)
    if not used:
        raise DataError(
            f"Expected requests with a choice among their candidates, got none in {len(moments)} requests"
            f" ({len(kept)} of people with at least {min_interactions} events).",
            hint="Lower min_interactions, or collect more requests before training the ranker.",
        )
    rows = np.concatenate([candidates.rows[places] for places, _, _, candidates, _, _ in parts])
    return TrainingTable(
        list_start=np.concatenate(([0], np.cumsum([len(p[0]) for p in parts]))).astype(np.int64),
        user_ids=tuple(m.user_id for m in used),
        ts=np.array([m.ts for m in used], dtype=np.int64),
        semantic_queries=tuple(m.semantic_query for m in used),
        query_vectors=np.stack([vector_of[m.semantic_query] for m in used]).astype(np.float32),
        shop_row=rows.astype(np.int32),
        label=np.concatenate([p[1] for p in parts]),
        weight=np.concatenate([p[2] for p in parts]),
        category=catalogue.category[rows].astype(np.int8),
        brand=catalogue.brand[rows].astype(np.int32),
        wide=np.concatenate([p[4] for p in parts]),
        numbers=np.concatenate([p[5] for p in parts]),
        n_missed=n_missed,
    )


def outcomes_of(candidates: CandidateSet, moment: Moment, stats: Statistics) -> tuple[NDArray[np.int8], int]:
    """Return for each candidate what became of it (-1 not shown), and how many choices layer 1 did not find."""
    outcome = np.full(len(candidates.rows), -1, dtype=np.int8)
    happened = np.array(moment.outcomes, dtype=np.int8)
    later = stats.past_of(moment.user_id, moment.ts + REVIEW_WITHIN_S)
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
    skipped = np.flatnonzero((outcome == 0) | (outcome == CLICKED))
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
    weight[(what == 0) & (places < HIGH_PLACES)] = HIGH_SCORED_SKIPPED
    return places.astype(np.int64), label, weight


def check_leaks(train: TrainingTable, valid: TrainingTable, *, history_until: int) -> None:
    """Check that nothing of the later part, and no row at all, was known when the features were made.

    Raises:
        DataError: history reaches past the first row, a day lies on both sides, or a person or a shop has a training
            row at or after one of its validation rows.
    """
    first = min((int(t.ts.min()) for t in (train, valid) if t.n_requests), default=history_until)
    if history_until > first:
        raise _leak("history", f"events up to {history_until}", f"the first row is of {first}")
    days = [set(((t.ts + KST_OFFSET_S) // DAY_S).tolist()) for t in (train, valid)]
    if both := days[0] & days[1]:
        day = datetime.fromtimestamp(min(both) * DAY_S, KST).date()
        raise _leak("day", "days on one side only", f"{day} is on both")
    _check_order("user", train, valid, lambda t: np.array(t.user_ids, dtype=object), per_row=False)
    _check_order("shop", train, valid, lambda t: t.shop_row, per_row=True)


def _check_order(
    level: str,
    train: TrainingTable,
    valid: TrainingTable,
    keys_of: Callable[[TrainingTable], NDArray[Any]],
    *,
    per_row: bool,
) -> None:
    def times(table: TrainingTable) -> NDArray[np.int64]:
        return np.repeat(table.ts, np.diff(table.list_start)) if per_row else table.ts

    first: dict[object, int] = {}
    for key, ts in zip(keys_of(valid).tolist(), times(valid).tolist(), strict=True):
        first[key] = min(ts, first.get(key, ts))
    for key, ts in zip(keys_of(train).tolist(), times(train).tolist(), strict=True):
        if ts >= first.get(key, ts + 1):
            raise _leak(level, "training rows before validation rows", f"{level} {key} has a training row at {ts}")


def _leak(level: str, expected: str, got: str) -> DataError:
    return DataError(
        f"Leak at the level of {level}: expected {expected}, got: {got}.", hint="Split by time, at midnight."
    )


def write_table(table: TrainingTable, shop_ids: Sequence[str], brand_names: Sequence[str], path: Path) -> None:
    """Write the table as CSV or Parquet, by the file's ending; columns as in ``COLUMNS``.

    Raises:
        DataError: another ending.
    """
    import pandas as pd

    if path.suffix not in (".csv", ".parquet"):
        raise DataError(
            f"Expected a file name ending in .csv or .parquet, got {path.name}.", hint="Choose one of the two."
        )
    request = np.repeat(np.arange(table.n_requests), np.diff(table.list_start))
    names = np.array([*brand_names, ""], dtype=object)
    columns: dict[str, object] = {
        "user_id": np.array(table.user_ids, dtype=object)[request],
        "shop_id": np.array(shop_ids, dtype=object)[table.shop_row],
        "label": table.label.astype(np.int8),
        "weight": table.weight,
        **{f"wide_feat_{i}": table.wide[:, i] for i in range(N_WIDE)},
        **{f"num_feat_{i}": table.numbers[:, i] for i in range(N_NUMBERS)},
        "category": table.category,
        "brand_id": names[table.brand],
        "semantic_query": np.array(table.semantic_queries, dtype=object)[request],
        "ts": table.ts[request],
    }
    frame = pd.DataFrame(columns)[list(COLUMNS)]
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path, index=False)


COLUMNS: tuple[str, ...] = (
    "user_id", "shop_id", "label", "weight",
    *(f"wide_feat_{i}" for i in range(N_WIDE)), *(f"num_feat_{i}" for i in range(N_NUMBERS)),
    "category", "brand_id", "semantic_query", "ts",
)  # fmt: skip
"""Columns of the written table, in order."""
