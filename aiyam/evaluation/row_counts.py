"""Answers of the understanding counted row by row, so that every measure and its bootstrap come from sums over rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiyam.evaluation.span_match import Span, lenient_hits
from aiyam.korean.spelling import normalise
from aiyam.nlu.examples import Example

N_BOOTSTRAP = 1000
N_BINS = 10
_CELLS_AT_ONCE = 8_000_000
MEASURES = ("intent_accuracy", "intent_macro_f1", "span_f1", "span_f1_lenient", "filter_f1", "exact_rows", "ece")


@dataclass(frozen=True)
class Answer:
    """What a model said of one row: spans are (label, start, end) of the original text; filters None where it gives none."""

    intent: str
    confidence: float
    spans: frozenset[Span]
    filters: Mapping[str, Any] | None


@dataclass(frozen=True)
class RowCounts:
    """Counts of n rows: overlaps are (n, 3) hits, labelled, said; ``filters`` is None where they cannot be compared."""

    gold: NDArray[np.str_]
    said: NDArray[np.str_]
    confidence: NDArray[np.float64]
    spans: NDArray[np.int64]
    lenient: NDArray[np.int64]
    filters: NDArray[np.int64] | None

    @property
    def right(self) -> NDArray[np.bool_]:
        """Rows whose intent is right, shape (n,)."""
        found: NDArray[np.bool_] = self.gold == self.said
        return found

    @property
    def errors(self) -> NDArray[np.int64]:
        """Spans and filters missed or invented, shape (n,)."""
        wrong = _missed_and_invented(self.spans)
        if self.filters is not None:
            wrong = wrong + _missed_and_invented(self.filters)
        return wrong


def _missed_and_invented(overlaps: NDArray[np.int64]) -> NDArray[np.int64]:
    found: NDArray[np.int64] = overlaps[:, 1] + overlaps[:, 2] - 2 * overlaps[:, 0]
    return found


def count_rows(examples: Sequence[Example], answers: Sequence[Answer], *, with_filters: bool) -> RowCounts:
    """Count each row's answer against its labels."""
    pairs = list(zip(examples, answers, strict=True))
    golds = [gold_spans(e) for e in examples]
    spans = [overlap(gold, set(a.spans)) for gold, a in zip(golds, answers, strict=True)]
    lenient = [
        (lenient_hits(e.text, gold, a.spans), len(gold), len(a.spans))
        for gold, (e, a) in zip(golds, pairs, strict=True)
    ]
    filters = [overlap(facts(e.filters), facts(a.filters or {})) for e, a in pairs] if with_filters else None
    return RowCounts(
        np.array([e.intent for e in examples]),
        np.array([a.intent for a in answers]),
        np.array([a.confidence for a in answers], dtype=np.float64),
        np.array(spans, dtype=np.int64).reshape(-1, 3),
        np.array(lenient, dtype=np.int64).reshape(-1, 3),
        np.array(filters, dtype=np.int64).reshape(-1, 3) if filters is not None else None,
    )


def gold_spans(example: Example) -> set[Span]:
    """Return the labelled spans without their values."""
    return {(label, start, end) for label, start, end, _ in example.spans}


def overlap(gold: set[Any], said: set[Any]) -> tuple[int, int, int]:
    """Return (hits, labelled, said)."""
    return len(gold & said), len(gold), len(said)


def facts(filters: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Break filters into single facts, dish and place names compared as normalised text without spaces.

    >>> sorted(facts({"menus": ["돈까스"], "open_now": True}))
    [('menus', '돈가스'), ('open_now', 'true')]
    """
    found = set()
    for key, value in filters.items():
        for item in value if isinstance(value, list | tuple) else (value,):
            text = "true" if item is True else str(item)
            found.add(
                (key, normalise(text).text.replace(" ", "") if key in ("menus", "exclude_menus", "place") else text)
            )
    return found


def calibration_bins(confidence: NDArray[np.float64], *, bins: int = N_BINS) -> NDArray[np.int64]:
    """Return the bin of each row, bins of equal count by confidence, shape (n,)."""
    place = np.empty(len(confidence), dtype=np.int64)
    for number, rows in enumerate(np.array_split(np.argsort(confidence, kind="stable"), bins)):
        place[rows] = number
    return place


def calibration_error(confidence: NDArray[np.float64], right: NDArray[np.float64], *, bins: int = N_BINS) -> float:
    """Return the expected calibration error over bins of equal count (Naeini et al. 2015)."""
    gaps = np.bincount(calibration_bins(confidence, bins=bins), weights=confidence - right, minlength=bins)
    return float(np.abs(gaps).sum() / max(1, len(confidence)))


def measure(counts: RowCounts) -> dict[str, float]:
    """Return every measure of the rows as they are; ``filter_f1`` only where filters were counted."""
    table = _columns(counts)
    sums = np.asarray(table.sum(axis=0), dtype=np.float64).reshape(1, -1)
    return {name: float(values[0]) for name, values in _measures(counts, sums).items()}


def bootstrap(
    several: Sequence[RowCounts], *, seed: int, n_draws: int = N_BOOTSTRAP
) -> list[dict[str, NDArray[np.float64]]]:
    """Draw the rows with replacement and measure each draw: for each counts given, measure -> (n_draws,).

    All counts are of the same rows and see the same draws, so their differences are paired (Efron and Tibshirani 1993,
    chapter 8). Bins of the calibration error stay those of the rows as they are.
    """
    from scipy.sparse import hstack

    tables = [_columns(counts) for counts in several]
    table = hstack(tables, format="csc").T.tocsr()
    n = len(several[0].gold)
    rng = np.random.default_rng(seed)
    at_once = max(1, min(n_draws, _CELLS_AT_ONCE // n))
    parts = []
    for first in range(0, n_draws, at_once):
        n_here = min(at_once, n_draws - first)
        drawn = rng.integers(0, n, size=(n_here, n)) + np.arange(n_here)[:, None] * n
        weights = np.bincount(drawn.ravel(), minlength=n_here * n).reshape(n_here, n)
        parts.append((table @ weights.T.astype(np.float64)).T)
    sums = np.concatenate(parts)
    edges = np.cumsum([0, *(t.shape[1] for t in tables)])
    return [_measures(counts, sums[:, edges[i] : edges[i + 1]]) for i, counts in enumerate(several)]


def interval(values: NDArray[np.float64]) -> list[float]:
    """Return the 95 % percentile interval of bootstrap values."""
    low, high = np.percentile(values, [2.5, 97.5])
    return [round(float(low), 4), round(float(high), 4)]


def centred(values: NDArray[np.float64], at: float) -> NDArray[np.float64]:
    """Shift bootstrap values to lie around the figure reported.

    A calibration error is a sum of absolute values: noise adds to it, so its draws lie above it.
    """
    shifted: NDArray[np.float64] = values - values.mean() + at
    return shifted


def f1(hits: Any, gold: Any, said: Any) -> Any:
    """Return F1 of counts, elementwise; 1 where nothing was labelled and nothing said."""
    total = np.asarray(gold, dtype=np.float64) + said
    return np.where(total > 0, 2 * np.asarray(hits) / np.maximum(total, 1), 1.0)


def _labels(counts: RowCounts) -> list[str]:
    return sorted({*counts.gold.tolist(), *counts.said.tolist()})


def _columns(counts: RowCounts) -> Any:
    """Return a sparse (n, k) table whose column sums give every measure; ``_measures`` reads it in the same order."""
    from scipy.sparse import csr_matrix, hstack

    n = len(counts.gold)
    labels = np.array(_labels(counts))
    rows = np.arange(n)
    right = counts.right

    def one_hot(column: NDArray[np.int64], width: int, values: NDArray[Any]) -> Any:
        return csr_matrix((values.astype(np.float64), (rows, column)), shape=(n, width))

    exact = right & (_missed_and_invented(counts.spans) == 0)
    gold, said = np.searchsorted(labels, counts.gold), np.searchsorted(labels, counts.said)
    blocks = [
        csr_matrix(np.column_stack([np.ones(n), right, exact])),
        one_hot(gold, len(labels), right),
        one_hot(gold, len(labels), np.ones(n)),
        one_hot(said, len(labels), np.ones(n)),
        one_hot(calibration_bins(counts.confidence), N_BINS, counts.confidence - right),
        csr_matrix(counts.spans.astype(np.float64)),
        csr_matrix(counts.lenient.astype(np.float64)),
    ]
    if counts.filters is not None:
        blocks.append(csr_matrix(counts.filters.astype(np.float64)))
    return hstack(blocks, format="csr")


def _measures(counts: RowCounts, sums: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Read measures off column sums, shape (draws, k) -> (draws,) each."""
    k = len(_labels(counts))
    n = sums[:, 0]
    at = np.cumsum([3, k, k, k, N_BINS, 3, 3])
    hits, gold, said, gaps, spans, lenient, filters = (
        sums[:, first:last] for first, last in zip(at, [*at[1:], sums.shape[1]], strict=True)
    )
    there = gold > 0
    found = {
        "intent_accuracy": sums[:, 1] / n,
        "intent_macro_f1": np.where(there, f1(hits, gold, said), 0).sum(axis=1) / there.sum(axis=1),
        "span_f1": f1(*spans.T),
        "span_f1_lenient": f1(*lenient.T),
        "exact_rows": sums[:, 2] / n,
        "ece": np.abs(gaps).sum(axis=1) / n,
    }
    if counts.filters is not None:
        found["filter_f1"] = f1(*filters.T)
    return found
