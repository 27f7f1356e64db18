"""The labels of a kind that hold, one for a turn, and the turns that a person's word keeps out of training."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aiyam.curation.conversion import Gathered
from aiyam.label_contracts import LABEL_KINDS, Label, LabelKind, LabelTask, RowOrigin
from aiyam.label_verdicts import label_that_holds
from aiyam.store import Store
from aiyam.store.labels import count_erased, iter_labelled

UNHEARD = frozenset({"no_answer", "cancelled", "unusable", "too_fast"})
"""Reasons after which a turn is as if it had never been asked about; after any other it is no inferred row either."""


@dataclass(frozen=True)
class Held:
    """A task whose label holds; ``at`` is when it was first answered, or decided (epoch seconds)."""

    task: LabelTask
    label: Label
    origin: RowOrigin
    at: int


def held_labels(store: Store, kind: LabelKind, gathered: Gathered, kept_out: set[str]) -> Iterator[Held]:
    """Give the tasks of a kind whose label holds; the others are left out by reason, and kept out where a person said so."""
    for one in iter_labelled(store, kind, answered=False):
        if not one.annotations and one.decision is None:
            continue
        task = one.task
        holding = label_that_holds(task, one.annotations, one.decision)
        origin = RowOrigin(
            source="label", turn_id=task.turn_id, session_id=task.session_id, user_id=task.user_id, task_key=task.key,
            annotators=holding.annotators,
        )  # fmt: skip
        if holding.label is not None and holding.label.kind != kind:
            gathered.leave_out("unusable", origin)
            continue
        if holding.label is None:
            gathered.leave_out(holding.why_none, origin)
            if holding.why_none not in UNHEARD:
                kept_out.add(task.turn_id)
            continue
        moments = [answer.created_at for answer in one.annotations] or [one.decision.decided_at]  # type: ignore[union-attr]
        yield Held(task, holding.label, origin, int(min(moments).timestamp()))
    if n := count_erased(store).get(kind, 0):
        gathered.counted["erased"] += n


def withheld_turns(store: Store) -> dict[str, str]:
    """Return the turns of which a task of any kind says that a secret is left or that it must not be trained on, and which."""
    found: dict[str, str] = {}
    for kind in LABEL_KINDS:
        for one in iter_labelled(store, kind):
            flagged = any(answer.label is not None and answer.label.flags for answer in one.annotations)
            if not flagged and one.decision is None:
                continue
            why = label_that_holds(one.task, one.annotations, one.decision).why_none
            if why in ("personal_data", "exclude"):
                found.setdefault(one.task.turn_id, why)
    return found
