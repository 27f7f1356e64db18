"""Scores of the understanding on labelled rows: intent, spans, filters, calibration, with bootstrap intervals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiyam.contracts import Intent
from aiyam.korean.spelling import normalise
from aiyam.nlu.examples import Example, load_examples
from aiyam.nlu.model import NluModel
from aiyam.nlu.understander import Understander

N_BOOTSTRAP = 1000


@dataclass(frozen=True)
class Answer:
    """What a model said of one row: spans are (label, start, end) of the original text; filters None where it gives none."""

    intent: str
    confidence: float
    spans: frozenset[tuple[str, int, int]]
    filters: Mapping[str, Any] | None


def evaluate_understanding(understander: Understander, data: Path, *, seed: int = 0) -> dict[str, Any]:
    """Score a product model on a file of the training contract; see ``score`` for the keys."""
    examples, _ = load_examples(data)
    return score(examples, [answer_of(understander, e.text) for e in examples], seed=seed)


def evaluate_model(model: NluModel, data: Path, *, seed: int = 0) -> dict[str, Any]:
    """Score a model of any label set (intent and spans only)."""
    examples, _ = load_examples(data)
    return score(examples, [raw_answer(model, e.text) for e in examples], seed=seed)


def answer_of(understander: Understander, text: str) -> Answer:
    """Return what a product model says of one text."""
    said = understander.understand(text)
    spans = frozenset((str(e.entity), e.start, e.end) for e in said.entities)
    return Answer(said.intent, said.confidence, spans, said.filters.given())


def raw_answer(model: NluModel, text: str) -> Answer:
    """Return the tagger's own spans and the best intent, without values and rules."""
    reading = model.read(text)
    spans = frozenset((label, *reading.text.span(start, end)) for label, start, end in reading.spans)
    return Answer(reading.intent, reading.confidence, spans, None)


def score(examples: Sequence[Example], answers: Sequence[Answer], *, seed: int = 0) -> dict[str, Any]:
    """Compare answers with labels.

    Returns:
        ``intent_accuracy, intent_macro_f1, span_f1`` (exact, micro), ``filter_f1`` (micro over single key-value
        facts), ``ece`` (10 bins of equal count), ``n``; ``intervals`` (95 % bootstrap over rows); ``intents`` and
        ``spans`` (precision, recall, F1, n of each label); ``confused`` (label, answer, n); ``safety_recall``,
        ``safety_false_alarms``, ``out_of_scope_recall`` where those labels occur.
    """
    gold = np.array([e.intent for e in examples])
    said = np.array([a.intent for a in answers])
    right = (gold == said).astype(np.float64)
    span_counts = np.array(
        [_overlap({(k, s, t) for k, s, t, _ in e.spans}, set(a.spans)) for e, a in zip(examples, answers, strict=True)]
    )
    has_filters = all(a.filters is not None for a in answers)
    filter_counts = np.array(
        [_overlap(facts(e.filters), facts(a.filters or {})) for e, a in zip(examples, answers, strict=True)]
    )
    result: dict[str, Any] = {
        "intent_accuracy": _rounded(right.mean()),
        "intent_macro_f1": _rounded(_macro_f1(gold, said)),
        "span_f1": _rounded(_f1(span_counts.sum(axis=0))),
        "filter_f1": _rounded(_f1(filter_counts.sum(axis=0))) if has_filters else None,
        "exact_rows": _rounded(
            float(
                np.mean(
                    (gold == said) & (span_counts[:, 1] == span_counts[:, 0]) & (span_counts[:, 2] == span_counts[:, 0])
                )
            )
        ),
        "ece": _rounded(calibration_error(np.array([a.confidence for a in answers]), right)),
        "n": len(examples),
    }
    rng = np.random.default_rng(seed)
    draws = rng.integers(0, len(examples), size=(N_BOOTSTRAP, len(examples)))
    result["intervals"] = {
        "intent_accuracy": _interval(draws, lambda rows: float(right[rows].mean())),
        "span_f1": _interval(draws, lambda rows: _f1(span_counts[rows].sum(axis=0))),
        **({"filter_f1": _interval(draws, lambda rows: _f1(filter_counts[rows].sum(axis=0)))} if has_filters else {}),
    }
    result["intents"] = _label_table(gold, said)
    result["spans"] = _span_table(examples, answers)
    confused = Counter((g, s) for g, s in zip(gold.tolist(), said.tolist(), strict=True) if g != s)
    result["confused"] = [{"label": g, "answer": s, "n": n} for (g, s), n in confused.most_common(20)]
    for name, label in (("safety", Intent.SAFETY), ("out_of_scope", Intent.OUT_OF_SCOPE)):
        if (gold == label).any():
            result[f"{name}_recall"] = _rounded(float((said[gold == label] == label).mean()))
            result[f"{name}_false_alarms"] = _rounded(float((said[gold != label] == label).mean()))
    return result


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


def calibration_error(confidence: NDArray[np.float64], right: NDArray[np.float64], *, bins: int = 10) -> float:
    """Return the expected calibration error over bins of equal count (Naeini et al. 2015)."""
    order = np.argsort(confidence, kind="stable")
    parts = [p for p in np.array_split(order, bins) if len(p)]
    return float(sum(len(p) * abs(confidence[p].mean() - right[p].mean()) for p in parts) / max(1, len(order)))


def _overlap(gold: set[Any], said: set[Any]) -> tuple[int, int, int]:
    return len(gold & said), len(gold), len(said)


def _f1(counts: NDArray[np.int64]) -> float:
    hit, gold, said = (float(c) for c in counts)
    return 2 * hit / (gold + said) if gold + said else 1.0


def _rounded(value: float) -> float:
    return round(float(value), 4)


def _interval(draws: NDArray[np.int64], measure: Callable[[NDArray[np.int64]], float]) -> list[float]:
    values = [measure(rows) for rows in draws]
    low, high = np.percentile(values, [2.5, 97.5])
    return [_rounded(low), _rounded(high)]


def _label_table(gold: NDArray[np.str_], said: NDArray[np.str_]) -> dict[str, dict[str, float]]:
    table = {}
    for label in sorted({*gold.tolist(), *said.tolist()}):
        hit, n_gold, n_said = (
            int(((gold == label) & (said == label)).sum()),
            int((gold == label).sum()),
            int((said == label).sum()),
        )
        table[label] = _scores(hit, n_gold, n_said)
    return table


def _macro_f1(gold: NDArray[np.str_], said: NDArray[np.str_]) -> float:
    table = _label_table(gold, said)
    return float(np.mean([table[label]["f1"] for label in sorted(set(gold.tolist()))]))


def _span_table(examples: Sequence[Example], answers: Sequence[Answer]) -> dict[str, dict[str, float]]:
    hits: Counter[str] = Counter()
    golds: Counter[str] = Counter()
    saids: Counter[str] = Counter()
    for example, answer in zip(examples, answers, strict=True):
        gold = {(k, s, t) for k, s, t, _ in example.spans}
        golds.update(k for k, _, _ in gold)
        saids.update(k for k, _, _ in answer.spans)
        hits.update(k for k, _, _ in gold & answer.spans)
    return {label: _scores(hits[label], golds[label], saids[label]) for label in sorted({*golds, *saids})}


def _scores(hit: int, n_gold: int, n_said: int) -> dict[str, float]:
    return {
        "precision": _rounded(hit / n_said if n_said else 0.0),
        "recall": _rounded(hit / n_gold if n_gold else 0.0),
        "f1": _rounded(2 * hit / (n_gold + n_said) if n_gold + n_said else 0.0),
        "n": n_gold,
    }
