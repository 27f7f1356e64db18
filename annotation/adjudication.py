"""Tasks whose annotators differ, one after another, and what is decided: one of the answers, the model's, or none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from aiyam.errors import InvalidInput
from aiyam.label_contracts import Decision, Label, LabelKind
from aiyam.label_verdicts import label_that_holds
from aiyam.store.database import Store
from aiyam.store.labels import Labelled, decide, get_labelled, iter_labelled, undecide
from annotation.agreement import answers

MODEL, NONE = "model", "none"


@dataclass(frozen=True)
class Choice:
    """One of the answers a person may take: by its key (1, 2, 3 …), who gave it, and what it says."""

    key: str
    chosen: str
    label: Label | None
    differs: tuple[str, ...] = ()


def disputes(store: Store, kind: LabelKind) -> list[Labelled]:
    """Return the tasks without a decision whose answers cannot both hold, oldest first."""
    found = [
        one
        for one in iter_labelled(store, kind)
        if label_that_holds(one.task, one.annotations, one.decision).why_none == "dispute"
    ]
    return sorted(found, key=lambda one: (min(a.created_at for a in one.annotations), one.task.key))


def choices(one: Labelled) -> list[Choice]:
    """Return what may hold: the answers in the order they came, then the model's suggestion, then none.

    Who answered is not told, so that a decision is about the words; a person's latest answer alone stands.
    """
    people = dict(answers(one))
    given = sorted(
        (a for a in one.annotations if a.label is not None and not a.cancelled and people.get(a.annotator) == a.label),
        key=lambda a: (a.created_at, a.annotation_id),
    )
    found: list[tuple[str, Label | None]] = [
        (a.annotation_id, a.label) for a in {a.annotator: a for a in given}.values()
    ]
    if one.task.prediction is not None:
        found.append((MODEL, one.task.prediction))
    labels = [label for _, label in found]
    shown = [Choice(str(n), chosen, label, differing(labels)) for n, (chosen, label) in enumerate(found, start=1)]
    return [*shown, Choice("0", NONE, None)]


def differing(labels: list[Label | None]) -> tuple[str, ...]:
    """Return the fields in which answers differ, in the order of the record."""
    known = [label for label in labels if label is not None]
    if len(known) < 2 or len({label.kind for label in known}) > 1:
        return ()
    fields = type(known[0]).model_fields
    return tuple(name for name in fields if len({repr(getattr(label, name)) for label in known}) > 1)


def adjudicate(store: Store, task_key: str, chosen: str, *, by: str, at: datetime) -> Decision:
    """Store what holds for a task and return it; a later call replaces it.

    Args:
        chosen: the id of one of its annotations, ``model``, or ``none``: then no row is made of it.

    Raises:
        NotFound: no such task.
        InvalidInput: the choice is none of those there are.
    """
    one = get_labelled(store, task_key)
    there = {choice.chosen: choice.label for choice in choices(one)}
    if chosen not in there:
        raise InvalidInput(
            f"Expected one of {', '.join(there)} for task {task_key}, got {chosen!r}.",
            hint="Reload the task: an answer may have been changed or deleted since.",
        )
    decision = Decision(task_key=task_key, chosen=chosen, label=there[chosen], decided_by=by, decided_at=at)
    decide(store, decision)
    return decision


def take_back(store: Store, task_key: str) -> bool:
    """Undo a decision; tell whether there was one."""
    return undecide(store, task_key)
