"""Reading answers: what changed since the last time, kept together with how far was read; deletions are followed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from aiyam.label_contracts import LABEL_KINDS, Annotation, LabelKind
from aiyam.nlu.gazetteer import Gazetteer
from aiyam.nlu.values import value_of
from aiyam.store import labels
from aiyam.store.database import Store
from annotation.client import LabelStudio, ThereTask
from annotation.projects import Place, places_of
from annotation.results import annotation_of

OVERLAP = timedelta(seconds=30)
"""Read again each time: a change may be stamped before, and seen after, one that was read."""
_BATCH = 1000
_NEARLY_ALL = 0.5
"""From this share of a project on, one export of all of it is cheaper than exports of some."""


@dataclass
class Pulled:
    """What one pull found: answers new or changed, deleted there, unusable ones among those read, tasks gone there."""

    kind: LabelKind
    n_changed: int = 0
    n_deleted: int = 0
    n_with_problems: int = 0
    n_gone: int = 0
    n_read: int = 0


def pull(
    store: Store,
    studio: LabelStudio,
    *,
    clock: Callable[[], datetime],
    kinds: tuple[LabelKind, ...] = LABEL_KINDS,
    everything: bool = False,
) -> list[Pulled]:
    """Read what annotators did since the last pull from every project that was ever used.

    A killed pull is taken up where it was: answers are kept in one transaction with how far was read.

    Args:
        store: where answers go.
        studio: the server.
        clock: the time now.
        kinds: of tasks to read.
        everything: read every answer and every task again, and follow whatever was deleted there.

    Raises:
        Unanswered: the server does not answer; what was read so far is kept.
        Conflict: a project's questions were changed by hand; nothing of it was read.
    """
    done = []
    for kind in kinds:
        pulled = Pulled(kind)
        places, vanished = places_of(store, studio, kind)
        for place in places:
            _pull_place(store, studio, place, pulled, clock, everything=everything)
        if vanished:
            _follow_vanished(store, kind, vanished, pulled)
        done.append(pulled)
    return done


def _pull_place(
    store: Store, studio: LabelStudio, place: Place, pulled: Pulled, clock: Callable[[], datetime], *, everything: bool
) -> None:
    cursor = labels.get_cursor(store, place.server, place.project_id)
    if cursor is None:
        return
    exported: dict[int, dict[str, Any]] | None = None
    if everything or cursor.watermark is not None:
        after = None if everything or cursor.watermark is None else _earlier(cursor.watermark)
        listed = studio.list_tasks(place.project_id, changed_after=after)
        if len(listed) > _NEARLY_ALL * max(place.n_tasks, 1):
            exported = _by_id(studio.export(place.project_id))
    else:  # the first time, tasks without answers say nothing
        exported = _by_id(studio.export(place.project_id))
        listed = sorted(map(_there, exported.values()), key=lambda task: task.updated_at)
    ours = labels.keys_there(store, [task.key for task in listed if task.key])
    changed = [task for task in listed if task.key in ours]
    for start in range(0, len(changed), _BATCH):
        some = changed[start : start + _BATCH]
        by_id = exported
        if by_id is None:
            by_id = _by_id(studio.export(place.project_id, [task.task_id for task in some]))
        cursor = replace(cursor, watermark=some[-1].updated_at, pulled_at=clock())
        _keep(store, some, by_id, cursor, pulled)
    if everything or len(labels.sent_to(store, place.server, place.project_id)) != place.n_tasks:
        there = changed if everything else studio.list_tasks(place.project_id)
        _follow_deleted_tasks(store, studio, place, there, pulled, clock)
        cursor = replace(cursor, reconciled_at=clock())
    labels.put_cursor(store, replace(cursor, pulled_at=clock()))


def _earlier(watermark: str) -> str:
    moment = datetime.fromisoformat(watermark.replace("Z", "+00:00")) - OVERLAP
    return moment.isoformat().replace("+00:00", "Z")


def _by_id(pieces: Iterable[list[dict[str, Any]]]) -> dict[int, dict[str, Any]]:
    return {int(task["id"]): task for piece in pieces for task in piece}


def _there(task: Mapping[str, Any]) -> ThereTask:
    return ThereTask(int(task["id"]), str((task.get("data") or {}).get("aiyam_key") or ""), str(task["updated_at"]))


def _keep(
    store: Store,
    some: Sequence[ThereTask],
    by_id: dict[int, dict[str, Any]],
    cursor: labels.Cursor,
    pulled: Pulled,
) -> None:
    asked = labels.get_tasks(store, [task.key for task in some])
    annotations: list[Annotation] = []
    for task in some:
        exported = by_id.get(task.task_id)
        if exported is None or (exported.get("data") or {}).get("aiyam_key") != task.key:
            continue  # no answers, or the id belongs to another task by now
        annotations += [annotation_of(asked[task.key], raw, _valued) for raw in exported.get("annotations") or ()]
    before = labels.annotation_ids_by_task(store, asked)
    there = {one.annotation_id for one in annotations}
    pulled.n_deleted += labels.mark_deleted(store, {one for ids in before.values() for one in ids} - there)
    pulled.n_changed += labels.keep_annotations(store, annotations, cursor)
    pulled.n_with_problems += sum(bool(one.problems) for one in annotations)
    pulled.n_read += len(annotations)


def _follow_deleted_tasks(
    store: Store,
    studio: LabelStudio,
    place: Place,
    there: Sequence[ThereTask],
    pulled: Pulled,
    clock: Callable[[], datetime],
) -> None:
    keys = {task.key: task.task_id for task in there if task.key}
    states = labels.keys_there(store, keys)
    sent = labels.sent_to(store, place.server, place.project_id)
    gone = sent.keys() - keys.keys()
    answers = labels.annotation_ids_by_task(store, gone)
    pulled.n_deleted += labels.mark_deleted(store, [one for ids in answers.values() for one in ids])
    pulled.n_gone += labels.set_state(store, gone, "gone")
    # Those an interrupted push left there are told to the outbox: sent, or to be deleted where they were withdrawn.
    untold = {key: task_id for key, task_id in keys.items() if states.get(key) is not None and sent.get(key) != task_id}
    if untold:
        labels.mark_sent(store, place.server, place.project_id, untold, now=clock())


def _follow_vanished(store: Store, kind: LabelKind, servers: Sequence[str], pulled: Pulled) -> None:
    """A whole project is gone: its tasks are; answers that were read stay, since nobody took them back."""
    for cursor in labels.list_cursors(store):
        if cursor.server in servers and cursor.kind == kind:
            gone = labels.sent_to(store, cursor.server, cursor.project_id)
            pulled.n_gone += labels.set_state(store, gone, "gone")


def _valued(kind: str, text: str) -> str | int:
    value = value_of(kind, text, _gazetteer())
    return text if value is None else value


@cache
def _gazetteer() -> Gazetteer:
    return Gazetteer.from_shipped()
