"""Two models of the understanding compared on the same rows: paired differences, and the rows that changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from aiyam.evaluation.row_counts import MEASURES, Answer, RowCounts, bootstrap, centred, count_rows, interval, measure
from aiyam.evaluation.understanding_scores import N_WORST, described, rounded, why_no_filters
from aiyam.nlu.examples import Example


def compare(
    examples: Sequence[Example], answers: Sequence[Answer], others: Sequence[Answer], *, seed: int = 0
) -> dict[str, Any]:
    """Compare two models on the same rows; after incremental training, with the parent, this is what was forgotten.

    Returns:
        ``measures``: of each figure ``model``, ``against``, ``difference`` (model minus against) and its 95 %
        ``interval``, both models drawn the same rows; ``intents``: recall of each, n, biggest loss first; ``n_better``,
        ``n_worse``, ``n_same``, and ``better`` and ``worse`` rows: the intent decides, then the number of wrong spans
        and filters.
    """
    with_filters = not (why_no_filters(examples, answers) or why_no_filters(examples, others))
    sides = [count_rows(examples, said, with_filters=with_filters) for said in (answers, others)]
    points = [measure(counts) for counts in sides]
    draws = bootstrap(sides, seed=seed)
    measures = {}
    for name in (m for m in MEASURES if m in points[0]):
        difference = points[0][name] - points[1][name]
        drawn = draws[0][name] - draws[1][name]
        measures[name] = {
            "model": round(points[0][name], 4),
            "against": round(points[1][name], 4),
            "difference": round(difference, 4),
            "interval": interval(centred(drawn, difference) if name == "ece" else drawn),
        }
    better, worse = _changed(*sides)
    return {
        "measures": measures,
        "intents": _recall_changes(*sides),
        "n_better": len(better),
        "n_worse": len(worse),
        "n_same": len(examples) - len(better) - len(worse),
        **{
            name: [
                {
                    "row": examples[i].row,
                    "text": examples[i].text,
                    "label": examples[i].intent,
                    "model": described(examples[i], answers[i], with_filters=with_filters),
                    "against": described(examples[i], others[i], with_filters=with_filters),
                }
                for i in rows[:N_WORST]
            ]
            for name, rows in (("better", better), ("worse", worse))
        },
    }


def _changed(counts: RowCounts, other: RowCounts) -> tuple[list[int], list[int]]:
    """Return the rows that got better and worse, most telling first: a changed intent, then the change in errors."""
    intent = counts.right.astype(np.int64) - other.right
    errors = other.errors - counts.errors
    change = np.where(intent != 0, np.sign(intent), np.sign(errors))
    order = np.lexsort((np.arange(len(change)), -np.abs(errors), -np.abs(intent)))
    return [int(i) for i in order if change[i] > 0], [int(i) for i in order if change[i] < 0]


def _recall_changes(counts: RowCounts, other: RowCounts) -> dict[str, dict[str, float]]:
    table = {}
    for label in sorted(set(counts.gold.tolist())):
        rows = counts.gold == label
        new, old = float(counts.right[rows].mean()), float(other.right[rows].mean())
        table[label] = {"n": int(rows.sum()), **rounded({"model": new, "against": old, "difference": new - old})}
    return dict(sorted(table.items(), key=lambda item: (item[1]["difference"] * item[1]["n"], item[0])))
