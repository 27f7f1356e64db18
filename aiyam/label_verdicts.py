"""Which label holds for a task, of all that was answered to it; and where none does, why."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from aiyam.label_contracts import Annotation, Decision, Label, LabelTask

WhyNone = Literal[
    "", "no_answer", "cancelled", "unusable", "too_fast", "dispute", "decided_none", "exclude", "personal_data", "ambiguous"
]  # fmt: skip

READ_CHARS_PER_S = 40.0
"""Nobody reads faster; who took a suggestion as it was after less time than this has not read what it is about."""
_LOOKED_AT_S = 0.7
_SHOWN = ("text", "answer", "a", "b")
_FREE_TEXT = ("semantic_query", "text")


@dataclass(frozen=True)
class Holding:
    """What holds for a task: the label, who gave it and whether it was decided; without a label, ``why_none``."""

    label: Label | None
    annotators: tuple[str, ...] = ()
    decided: bool = False
    why_none: WhyNone = ""


def label_that_holds(task: LabelTask, annotations: Sequence[Annotation], decision: Decision | None) -> Holding:
    """Return the label that holds: the decision; else what all annotators agree on, free text aside, the newest words of it.

    Of each annotator the newest usable answer counts. An answer that took the suggestion as it was, faster than it can
    be read, is none. Where nothing was decided, one person's word that a secret is left or that it must not be trained
    on is enough.

    Args:
        annotations: those that count (not deleted), in any order.
    """
    if decision is not None:
        if decision.label is None:
            return Holding(None, (decision.decided_by,), True, "decided_none")
        return _unless_flagged(Holding(decision.label, (decision.decided_by,), True))
    usable, why = _usable(task, annotations)
    if not usable:
        return Holding(None, why_none=why)
    annotators = tuple(sorted(usable))
    labels = [(one.updated_at, one.annotation_id, one.label) for one in usable.values() if one.label is not None]
    newest = max(labels, key=lambda found: found[:2])[2]
    flags = {flag for _, _, label in labels for flag in label.flags}
    for flag in ("personal_data", "exclude"):
        if flag in flags:
            return Holding(None, annotators, why_none=flag)
    if len(labels) > 1 and len({_said(label) for _, _, label in labels}) > 1:
        return Holding(None, annotators, why_none="dispute")
    return _unless_flagged(Holding(newest, annotators))


def read_too_fast(task: LabelTask, annotation: Annotation) -> bool:
    """Tell whether a suggestion was taken as it was in less time than reading takes."""
    if annotation.origin != "prediction" or annotation.lead_time_s is None:
        return False
    n_chars = sum(len(value) for key in _SHOWN if isinstance(value := task.data.get(key), str))
    return annotation.lead_time_s < max(_LOOKED_AT_S, n_chars / READ_CHARS_PER_S)


def _usable(task: LabelTask, annotations: Sequence[Annotation]) -> tuple[dict[str, Annotation], WhyNone]:
    """Return the newest usable answer of each annotator, and why there is none."""
    found: dict[str, Annotation] = {}
    why: WhyNone = "no_answer"
    for one in sorted(annotations, key=lambda a: (a.updated_at, a.annotation_id)):
        if one.cancelled:
            why = "cancelled"
        elif one.label is None or one.label.kind != task.kind:
            why = "unusable"
        elif read_too_fast(task, one):
            why = "too_fast"
        else:
            found[one.annotator] = one
    return found, why


def _said(label: Label) -> str:
    """Return what two annotators must agree on: all but free text, whatever order things were marked in."""
    said = label.model_dump(mode="json", exclude=set(_FREE_TEXT))
    said["flags"] = sorted(said["flags"])
    if "entities" in said:
        said["entities"].sort(key=lambda e: (e["start"], e["end"], e["entity"]))
    if "wrong" in said:
        said["wrong"].sort()
    return json.dumps(said, ensure_ascii=False, sort_keys=True)


def _unless_flagged(holding: Holding) -> Holding:
    assert holding.label is not None
    for flag in ("personal_data", "exclude", "ambiguous"):
        if flag in holding.label.flags:
            return Holding(None, holding.annotators, holding.decided, flag)
    return holding
