"""The figures, intervals and tables of one model's answers to labelled rows, with its confusions and worst rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiyam.contracts import Intent
from aiyam.evaluation.row_counts import (
    MEASURES,
    Answer,
    RowCounts,
    bootstrap,
    centred,
    count_rows,
    f1,
    facts,
    gold_spans,
    interval,
    measure,
)
from aiyam.nlu.examples import Example

N_CONFUSED = 20
N_WORST = 20


def score(
    examples: Sequence[Example], answers: Sequence[Answer], *, seed: int = 0, no_filters: str = ""
) -> dict[str, Any]:
    """Compare answers with labels.

    Args:
        no_filters: why filters are not compared, where the caller knows.

    Returns:
        ``intent_accuracy, intent_macro_f1, span_f1`` (exact, micro), ``span_f1_lenient`` (trailing particles and
        spaces aside), ``filter_f1`` (micro over single key-value facts; None with ``filter_f1_reason`` where there is
        nothing to compare), ``exact_rows`` (intent and every span right), ``ece`` (10 bins of equal count), ``n``;
        ``intervals`` (95 % bootstrap over rows, of every figure); ``intents`` and ``spans`` (precision, recall, F1, n
        of each label); ``confused`` (label, answer, n, the text the model was surest of); ``worst_rows`` (surest wrong
        intents first, then most spans and filters wrong); ``safety_recall``, ``safety_false_alarms``,
        ``out_of_scope_recall``, ``out_of_scope_false_alarms`` where those labels occur.
    """
    reason = no_filters or why_no_filters(examples, answers)
    counts = count_rows(examples, answers, with_filters=not reason)
    point = measure(counts)
    (draws,) = bootstrap([counts], seed=seed)
    result: dict[str, Any] = dict.fromkeys(MEASURES) | rounded(point)
    if reason:
        result["filter_f1_reason"] = reason
    result["n"] = len(examples)
    draws["ece"] = np.maximum(0.0, centred(draws["ece"], point["ece"]))
    result["intervals"] = {name: interval(draws[name]) for name in MEASURES if name in draws}
    result["intents"] = _label_table(counts)
    result["spans"] = _span_table(examples, answers)
    result["confused"] = _confused(examples, answers)
    result["worst_rows"] = _worst(examples, answers, counts)
    for name, label in (("safety", Intent.SAFETY), ("out_of_scope", Intent.OUT_OF_SCOPE)):
        gold, said = counts.gold == label, counts.said == label
        if gold.any():
            result[f"{name}_recall"] = round(float(said[gold].mean()), 4)
            result[f"{name}_false_alarms"] = round(float(said[~gold].mean()), 4) if not gold.all() else 0.0
    return result


def why_no_filters(examples: Sequence[Example], answers: Sequence[Answer]) -> str:
    """Say why filters cannot be compared; empty when they can."""
    if any(a.filters is None for a in answers):
        return "모델이 필터를 내지 않아서"
    return "" if any(e.filters for e in examples) else "자료에 필터가 적혀 있지 않아서"


def rounded(values: Mapping[str, float]) -> dict[str, float]:
    """Round figures to what is reported."""
    return {name: round(float(value), 4) for name, value in values.items()}


def _label_table(counts: RowCounts) -> dict[str, dict[str, float]]:
    hits = Counter(counts.gold[counts.right].tolist())
    golds, saids = Counter(counts.gold.tolist()), Counter(counts.said.tolist())
    return {label: _scores(hits[label], golds[label], saids[label]) for label in sorted({*golds, *saids})}


def _span_table(examples: Sequence[Example], answers: Sequence[Answer]) -> dict[str, dict[str, float]]:
    hits: Counter[str] = Counter()
    golds: Counter[str] = Counter()
    saids: Counter[str] = Counter()
    for example, answer in zip(examples, answers, strict=True):
        gold = gold_spans(example)
        golds.update(k for k, _, _ in gold)
        saids.update(k for k, _, _ in answer.spans)
        hits.update(k for k, _, _ in gold & answer.spans)
    return {label: _scores(hits[label], golds[label], saids[label]) for label in sorted({*golds, *saids})}


def _scores(hit: int, n_gold: int, n_said: int) -> dict[str, float]:
    precision, recall = hit / n_said if n_said else 0.0, hit / n_gold if n_gold else 0.0
    return {**rounded({"precision": precision, "recall": recall, "f1": float(f1(hit, n_gold, n_said))}), "n": n_gold}


def _confused(examples: Sequence[Example], answers: Sequence[Answer]) -> list[dict[str, Any]]:
    n: Counter[tuple[str, str]] = Counter()
    surest: dict[tuple[str, str], tuple[float, str]] = {}
    for example, answer in zip(examples, answers, strict=True):
        pair = (example.intent, str(answer.intent))
        if pair[0] != pair[1]:
            n[pair] += 1
            surest[pair] = max(surest.get(pair, (-1.0, "")), (answer.confidence, example.text))
    return [
        {"label": label, "answer": said, "n": count, "text": surest[label, said][1]}
        for (label, said), count in sorted(n.items(), key=lambda item: (-item[1], item[0]))[:N_CONFUSED]
    ]


def _worst(examples: Sequence[Example], answers: Sequence[Answer], counts: RowCounts) -> list[dict[str, Any]]:
    wrong: NDArray[np.float64] = np.where(counts.right, 0.0, 1.0 + counts.confidence)
    errors = counts.errors
    order = np.lexsort((np.arange(len(errors)), -errors, -wrong))
    return [
        {
            "row": examples[i].row,
            "text": examples[i].text,
            "label": examples[i].intent,
            **described(examples[i], answers[i], with_filters=counts.filters is not None),
        }
        for i in order[:N_WORST]
        if wrong[i] or errors[i]
    ]


def described(example: Example, answer: Answer, *, with_filters: bool) -> dict[str, Any]:
    """Return an answer with what it missed and invented."""

    def shown(spans: set[tuple[str, int, int]]) -> list[dict[str, Any]]:
        by_place = sorted(spans, key=lambda span: span[1:])
        return [{"entity": k, "text": example.text[s:e], "start": s, "end": e} for k, s, e in by_place]

    gold, said = gold_spans(example), set(answer.spans)
    row = {
        "answer": str(answer.intent),
        "confidence": round(answer.confidence, 4),
        "missed": shown(gold - said),
        "invented": shown(said - gold),
    }
    if with_filters:
        labelled, given = facts(example.filters), facts(answer.filters or {})
        row["filters_missed"] = [f"{k}={v}" for k, v in sorted(labelled - given)]
        row["filters_invented"] = [f"{k}={v}" for k, v in sorted(given - labelled)]
    return row
