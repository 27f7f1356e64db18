"""Sending what waits: the store is the outbox; the server's own list of keys decides what is still missing there."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from aiyam.errors import InvalidInput
from aiyam.label_contracts import LABEL_KINDS, LabelKind, LabelTask
from aiyam.store import labels
from aiyam.store.database import Store
from annotation.client import LabelStudio, Unanswered
from annotation.projects import Place, ensure_place, places_of
from annotation.results import server_task

BATCH = 500
_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 30.0


@dataclass
class Pushed:
    """What one push did: tasks sent now, found there already, deleted there, and those that could not be sent, with why."""

    kind: LabelKind
    n_sent: int = 0
    n_there: int = 0
    n_deleted: int = 0
    n_retries: int = 0
    refused: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Patience:
    """How long a server that does not answer is waited for: twice as long each time, up to half a minute a time."""

    total_s: float = 60.0
    sleep: Callable[[float], None] = time.sleep

    def waits(self) -> list[float]:
        """Return the waits between tries.

        >>> Patience(4).waits()
        [0.5, 1.0, 2.0, 0.5]
        """
        waits: list[float] = []
        wait = _FIRST_WAIT_S
        while (left := self.total_s - sum(waits)) > 0:
            waits.append(min(wait, left))
            wait = min(2 * wait, _LONGEST_WAIT_S)
        return waits


def push(
    store: Store,
    studio: LabelStudio,
    *,
    clock: Callable[[], datetime],
    kinds: tuple[LabelKind, ...] = LABEL_KINDS,
    patience: Patience | None = None,
) -> list[Pushed]:
    """Send the tasks that wait and delete the withdrawn ones, of every kind that has some.

    After any lost answer the server's keys are read again before anything is sent again: nothing is there twice.

    Raises:
        Unanswered: the server did not answer for as long as it was waited for; what was not sent still waits.
        Conflict: another product, a wrong token, or a project whose questions were changed by hand.
    """
    done = []
    for kind in kinds:
        pushed = Pushed(kind)
        waits = (patience or Patience()).waits()
        while True:
            try:
                _push_kind(store, studio, pushed, clock)
                break
            except Unanswered:
                if not waits:
                    raise
                (patience or Patience()).sleep(waits.pop(0))
                pushed.n_retries += 1
        done.append(pushed)
    return done


def _push_kind(store: Store, studio: LabelStudio, pushed: Pushed, clock: Callable[[], datetime]) -> None:
    kind = pushed.kind
    for place in places_of(store, studio, kind)[0]:
        _delete_withdrawn(store, studio, place, pushed)
    if not labels.count_queued(store, kind):
        return
    place = ensure_place(store, studio, kind)
    there = keys_there(studio, place)
    while tasks := labels.queued(store, kind, limit=BATCH + len(pushed.refused)):
        known = {task.key: there[task.key] for task in tasks if task.key in there}
        _ask_several(studio, tasks, known)
        if known:
            labels.mark_sent(store, place.server, place.project_id, known, now=clock())
            pushed.n_there += len(known)
        bodies = []
        sending: list[LabelTask] = []
        for task in tasks:
            if task.key in known or task.key in pushed.refused:
                continue
            try:
                bodies.append(server_task(task))
                sending.append(task)
            except InvalidInput as error:
                pushed.refused[task.key] = str(error)
        if sending:
            ids = studio.import_tasks(place.project_id, bodies)
            sent = dict(zip((task.key for task in sending), ids, strict=True))
            _ask_several(studio, sending, sent)
            labels.mark_sent(store, place.server, place.project_id, sent, now=clock())
            pushed.n_sent += len(sent)
        elif not known:
            return  # only refused ones are left


def _ask_several(studio: LabelStudio, tasks: Sequence[LabelTask], ids: Mapping[str, int]) -> None:
    """Before tasks count as sent, have those wanted from several annotators served to as many."""
    for task in tasks:
        if task.n_wanted > 1 and task.key in ids:
            studio.ask_of(ids[task.key], task.n_wanted)


def keys_there(studio: LabelStudio, place: Place) -> dict[str, int]:
    """Return the server's ids of a project's tasks by our keys; an empty project is not asked."""
    if place.n_tasks == 0 and studio.project(place.project_id).n_tasks == 0:
        return {}
    return {task.key: task.task_id for task in studio.list_tasks(place.project_id) if task.key}


def _delete_withdrawn(store: Store, studio: LabelStudio, place: Place, pushed: Pushed) -> None:
    leaving = labels.to_delete(store, place.server, place.project_id)
    if not leaving:
        return
    there = keys_there(studio, place)  # ids are used again after deletion: the key says whose it is now
    for key in leaving:
        if key in there:
            studio.delete_task(there[key])
            pushed.n_deleted += 1
        labels.mark_deleted_there(store, [key])
