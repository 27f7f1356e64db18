"""A preview becomes a batch of queued tasks, exactly as it was shown; a batch is taken back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from aiyam.curation.recipes import Recipe
from aiyam.errors import Conflict, InvalidInput
from aiyam.label_contracts import LabelKind
from aiyam.store import Store, labels, turn_views
from aiyam.store.label_previews import drop_preview, get_preview


@dataclass(frozen=True)
class Made:
    """A batch, and what had changed since its preview: turns erased, turns asked about by another batch, new matches."""

    batch_id: str
    kind: LabelKind
    n_tasks: int
    n_gone: int = 0
    n_asked_since: int = 0
    n_matched_since: int = 0


@dataclass(frozen=True)
class Undone:
    """A batch taken back: tasks withdrawn, and those that stay because somebody answered them."""

    batch_id: str
    n_withdrawn: int
    n_answered: int


def make_batch(store: Store, preview_id: str, *, created_by: str, now: datetime) -> Made:
    """Queue the tasks of a preview, all or none; a preview is sent once.

    Raises:
        NotFound: there is no such preview.
        Conflict: it was sent already, or every turn of it was erased or asked about since.
        InvalidInput: nobody is named.
    """
    if not created_by.strip():
        raise InvalidInput("Expected who sends the batch, got nothing.", hint="Give a name.")
    batch_id = _free_id(store, preview_id)
    preview = get_preview(store, preview_id)
    there = turn_views.texts_of(store, [task.turn_id for task in preview.tasks])
    states = labels.keys_there(store, [task.key for task in preview.tasks])
    left = [task for task in preview.tasks if task.turn_id in there]
    open_ones = [task for task in left if states.get(task.key, "withdrawn") == "withdrawn"]
    if not open_ones:
        raise Conflict(
            f"All {len(preview.tasks)} turns of preview {preview_id} were erased or asked about since.",
            hint="Make a new preview.",
        )
    matched = turn_views.count_matching(store, Recipe.model_validate(preview.recipe).conditions)
    made = Made(
        batch_id, preview.kind, len(open_ones), len(preview.tasks) - len(left), len(left) - len(open_ones),
        matched - preview.counts["matched"],
    )  # fmt: skip
    labels.add_batch(
        store, batch_id, preview.kind, [task.model_copy(update={"batch_id": batch_id}) for task in open_ones],
        recipe=preview.recipe,
        counts={**preview.counts, "tasks": made.n_tasks, "gone_since": made.n_gone, "asked_since": made.n_asked_since},
        created_by=created_by.strip()[:64], now=now,
    )  # fmt: skip
    drop_preview(store, preview_id)
    return made


def undo_batch(store: Store, batch_id: str) -> Undone:
    """Take back the tasks of a batch that nobody answered yet; their turns can be asked about anew.

    Raises:
        NotFound: no batch has this id.
        Conflict: nothing of it is left to take back.
    """
    n_withdrawn, n_answered = labels.withdraw_batch(store, batch_id)
    if not n_withdrawn:
        why = f"its {n_answered} open tasks are answered" if n_answered else "it was taken back already"
        raise Conflict(f"Nothing of batch {batch_id} can be taken back: {why}.", hint="List the batches.")
    return Undone(batch_id, n_withdrawn, n_answered)


def _free_id(store: Store, preview_id: str) -> str:
    """The batch of a preview is named after it; one that was wholly taken back leaves the name to another."""
    for n in range(1, 1000):
        batch_id = f"b-{preview_id}" if n == 1 else f"b-{preview_id}-{n}"
        batch = labels.get_batch(store, batch_id)
        if batch is None:
            return batch_id
        if set(batch.n_by_state) - {"withdrawn"}:
            raise Conflict(f"This preview was sent already, as batch {batch_id}.", hint="Make a new preview.")
    raise Conflict(f"Preview {preview_id} was taken back too often.", hint="Draw with another seed.")
