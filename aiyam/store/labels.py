"""Labelling in the store: batches and tasks, which of them the labelling server has, what annotators answered, what holds."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeVar

from pydantic import ValidationError
from sqlalchemy import ColumnElement, Select, bindparam, case, delete, func, insert, select, update

from aiyam.contracts import KST
from aiyam.errors import Conflict, NotFound, StoreError
from aiyam.label_contracts import Annotation, Decision, LabelKind, LabelTask
from aiyam.store.database import Store
from aiyam.store.schema import label_annotation, label_batch, label_cursor, label_decision, label_task

TaskState = Literal["queued", "sent", "gone", "withdrawn"]
"""Waits to be sent; the server has it; deleted there by hand; taken out by us (an erasure, a batch undone)."""

_CHUNK = 500
T = TypeVar("T")
R = TypeVar("R", LabelTask, Annotation, Decision)


@dataclass(frozen=True)
class Batch:
    """Tasks made together: of which recipe, by whom, what it skipped; ``n_by_state`` says where they are now."""

    batch_id: str
    kind: LabelKind
    recipe: dict[str, Any]
    counts: dict[str, int]
    created_by: str
    created_at: datetime
    n_by_state: dict[str, int]


@dataclass(frozen=True)
class Labelled:
    """A task with everything that was answered to it and, where people differed, what holds."""

    task: LabelTask
    state: TaskState
    annotations: tuple[Annotation, ...]
    decision: Decision | None


@dataclass(frozen=True)
class Cursor:
    """How far one project has been read: the server's own words for a moment, and when we last read."""

    server: str
    project_id: int
    kind: LabelKind
    screen_version: str
    watermark: str | None = None
    pulled_at: datetime | None = None
    reconciled_at: datetime | None = None


def add_batch(
    store: Store,
    batch_id: str,
    kind: LabelKind,
    tasks: Sequence[LabelTask],
    *,
    recipe: Mapping[str, Any],
    counts: Mapping[str, int],
    created_by: str,
    now: datetime,
) -> int:
    """Store a batch with its tasks, all of it or nothing; return how many tasks are new.

    A task that is there already (the same turn, kind and screen) stays in its batch; one that was withdrawn is queued
    anew in this one.

    Raises:
        Conflict: the batch id is taken.
    """
    at = int(now.timestamp())
    added = 0
    with store.writing() as connection:
        connection.execute(
            insert(label_batch).values(
                batch_id=batch_id, kind=kind, recipe=json.dumps(recipe, ensure_ascii=False), counts=json.dumps(counts),
                created_by=created_by, created_at=at,
            )
        )  # fmt: skip
        for some in _chunks(tasks):
            stands = select(label_task.c.task_key, label_task.c.state).where(
                label_task.c.task_key.in_([t.key for t in some])
            )
            there = {row.task_key: row.state for row in connection.execute(stands)}
            rows = [
                {
                    "task_key": t.key, "kind": kind, "turn_id": t.turn_id, "session_id": t.session_id,
                    "user_id": t.user_id, "batch_id": batch_id, "screen_version": t.screen_version,
                    "task": t.model_dump_json(), "state": "queued", "created_at": at,
                }
                for t in {t.key: t for t in some}.values()
                if there.get(t.key, "withdrawn") == "withdrawn"
            ]  # fmt: skip
            for row in (row for row in rows if row["task_key"] in there):
                connection.execute(update(label_task).where(label_task.c.task_key == row["task_key"]).values(**row))
            new = [row for row in rows if row["task_key"] not in there]
            if new:
                connection.execute(insert(label_task), new)
            added += len(rows)
    return added


def list_batches(store: Store, *, limit: int = 100) -> list[Batch]:
    """Return batches, newest first."""
    query = select(label_batch).order_by(label_batch.c.created_at.desc(), label_batch.c.batch_id.desc()).limit(limit)
    return _batches(store, query)


def _batches(store: Store, query: Select[Any]) -> list[Batch]:
    states = select(label_task.c.batch_id, label_task.c.state, func.count().label("n")).group_by(
        label_task.c.batch_id, label_task.c.state
    )
    with store.reading() as connection:
        rows = connection.execute(query).mappings().all()
        by_state: dict[str, dict[str, int]] = defaultdict(dict)
        for row in connection.execute(states.where(label_task.c.batch_id.in_([r["batch_id"] for r in rows]))):
            by_state[row.batch_id][row.state] = row.n
    return [
        Batch(
            row["batch_id"], row["kind"], json.loads(row["recipe"]), json.loads(row["counts"]), row["created_by"],
            datetime.fromtimestamp(row["created_at"], KST), by_state[row["batch_id"]],
        )
        for row in rows
    ]  # fmt: skip


def get_batch(store: Store, batch_id: str) -> Batch | None:
    """Return one batch; None of an unknown id."""
    return next(iter(_batches(store, select(label_batch).where(label_batch.c.batch_id == batch_id))), None)


def withdraw_batch(store: Store, batch_id: str) -> tuple[int, int]:
    """Take out the tasks of a batch that nobody has answered; return how many these are, and how many stay answered.

    Raises:
        NotFound: no batch has this id.
    """
    answered = select(label_annotation.c.task_key).where(
        label_annotation.c.deleted.is_(False), label_annotation.c.usable.is_(True)
    )
    open_ones = (label_task.c.batch_id == batch_id, label_task.c.state.in_(("queued", "sent")))
    with store.writing() as connection:
        if connection.execute(select(label_batch.c.kind).where(label_batch.c.batch_id == batch_id)).first() is None:
            raise NotFound(f"Expected the id of a batch, got {batch_id!r}.", hint="List the batches to find its id.")
        n = connection.execute(
            update(label_task).where(*open_ones, label_task.c.task_key.not_in(answered)).values(state="withdrawn")
        ).rowcount
        kept = connection.execute(select(func.count()).select_from(label_task).where(*open_ones)).scalar_one()
    return int(n), int(kept)


def keys_there(store: Store, keys: Iterable[str]) -> dict[str, TaskState]:
    """Return the state of those of the keys that are tasks."""
    found: dict[str, TaskState] = {}
    with store.reading() as connection:
        for some in _chunks(list(keys)):
            query = select(label_task.c.task_key, label_task.c.state).where(label_task.c.task_key.in_(some))
            found.update({row.task_key: row.state for row in connection.execute(query)})
    return found


def turns_asked(store: Store, kind: LabelKind) -> set[str]:
    """Return the turns that have a task of a kind, whatever became of it unless it was withdrawn."""
    query = select(label_task.c.turn_id).where(label_task.c.kind == kind, label_task.c.state != "withdrawn")
    with store.reading() as connection:
        return set(connection.execute(query).scalars())


def queued(store: Store, kind: LabelKind, *, limit: int = _CHUNK) -> list[LabelTask]:
    """Return tasks that wait to be sent, in the order they were made."""
    query = (
        select(label_task.c.task_key, label_task.c.task)
        .where(label_task.c.kind == kind, label_task.c.state == "queued")
        .order_by(label_task.c.created_at, label_task.c.task_key)
        .limit(limit)
    )
    with store.reading() as connection:
        return [_task(row.task_key, row.task) for row in connection.execute(query)]


def mark_sent(store: Store, server: str, project_id: int, task_ids: Mapping[str, int], *, now: datetime) -> None:
    """Store that a server has tasks, by key, under its own ids; a withdrawn one stays so until it is deleted there."""
    statement = (
        update(label_task)
        .where(label_task.c.task_key == bindparam("key"))
        .values(
            state=case((label_task.c.state == "withdrawn", "withdrawn"), else_="sent"), server=server,
            project_id=project_id, server_task_id=bindparam("task_id"), sent_at=int(now.timestamp()),
        )
    )  # fmt: skip
    with store.writing() as connection:
        for some in _chunks(list(task_ids.items())):
            connection.execute(statement, [{"key": key, "task_id": task_id} for key, task_id in some])


def to_delete(store: Store, server: str, project_id: int) -> dict[str, int]:
    """Return the withdrawn tasks that a server still has, by key."""
    query = select(label_task.c.task_key, label_task.c.server_task_id).where(
        label_task.c.server == server,
        label_task.c.project_id == project_id,
        label_task.c.state == "withdrawn",
        label_task.c.server_task_id.is_not(None),
    )
    with store.reading() as connection:
        return {row.task_key: row.server_task_id for row in connection.execute(query)}


def mark_deleted_there(store: Store, keys: Iterable[str]) -> None:
    """Store that withdrawn tasks are no longer on the server."""
    with store.writing() as connection:
        for some in _chunks(list(keys)):
            connection.execute(
                update(label_task)
                .where(label_task.c.task_key.in_(some), label_task.c.state == "withdrawn")
                .values(server_task_id=None)
            )


def count_queued(store: Store, kind: LabelKind) -> int:
    """Count the tasks of a kind that wait to be sent."""
    query = select(func.count()).where(label_task.c.kind == kind, label_task.c.state == "queued")
    with store.reading() as connection:
        return int(connection.execute(query).scalar_one())


def get_tasks(store: Store, keys: Iterable[str]) -> dict[str, LabelTask]:
    """Return those of the keys that are tasks, with what they ask."""
    found: dict[str, LabelTask] = {}
    with store.reading() as connection:
        for some in _chunks(list(keys)):
            query = select(label_task.c.task_key, label_task.c.task).where(label_task.c.task_key.in_(some))
            found.update({row.task_key: _task(row.task_key, row.task) for row in connection.execute(query)})
    return found


def sent_to(store: Store, server: str, project_id: int) -> dict[str, int]:
    """Return the server's ids of the tasks it has, by key."""
    query = select(label_task.c.task_key, label_task.c.server_task_id).where(
        label_task.c.server == server, label_task.c.project_id == project_id, label_task.c.state == "sent"
    )
    with store.reading() as connection:
        return {row.task_key: row.server_task_id for row in connection.execute(query)}


def set_state(store: Store, keys: Iterable[str], state: TaskState) -> int:
    """Put tasks into a state; return how many there were."""
    n = 0
    with store.writing() as connection:
        for some in _chunks(list(keys)):
            n += connection.execute(
                update(label_task).where(label_task.c.task_key.in_(some)).values(state=state)
            ).rowcount
    return n


def keep_annotations(store: Store, annotations: Sequence[Annotation], cursor: Cursor) -> int:
    """Store what was pulled together with how far it was read, all of it or nothing; return how many were new or changed.

    An annotation of a task that is not ours is left out.
    """
    changed = 0
    with store.writing() as connection:
        for some in _chunks(annotations):
            ours = set(
                connection.execute(
                    select(label_task.c.task_key).where(label_task.c.task_key.in_({a.task_key for a in some}))
                ).scalars()
            )
            stored = select(label_annotation.c.annotation_id, label_annotation.c.annotation, label_annotation.c.deleted)
            before = {
                row.annotation_id: (row.annotation, row.deleted)
                for row in connection.execute(
                    stored.where(label_annotation.c.annotation_id.in_([a.annotation_id for a in some]))
                )
            }
            for one in some:
                text = one.model_dump_json()
                if one.task_key not in ours or before.get(one.annotation_id) == (text, False):
                    continue
                changed += 1
                row = {
                    "annotation_id": one.annotation_id, "task_key": one.task_key, "annotator": one.annotator,
                    "annotation": text, "usable": one.label is not None and not one.cancelled, "deleted": False,
                    "updated_at": int(one.updated_at.timestamp()),
                }  # fmt: skip
                put = store.upserting(label_annotation).values(**row)
                connection.execute(put.on_conflict_do_update(index_elements=["annotation_id"], set_=row))
        _put_cursor(store, connection, cursor)
    return changed


def mark_deleted(store: Store, annotation_ids: Iterable[str]) -> int:
    """Store that annotations are no longer on the server; they stay, and count for nothing."""
    n = 0
    with store.writing() as connection:
        for some in _chunks(list(annotation_ids)):
            n += connection.execute(
                update(label_annotation)
                .where(label_annotation.c.annotation_id.in_(some), label_annotation.c.deleted.is_(False))
                .values(deleted=True)
            ).rowcount
    return n


def annotation_ids_of(store: Store, server: str, project_id: int) -> set[str]:
    """Return the annotations of a project that count."""
    query = (
        select(label_annotation.c.annotation_id)
        .join(label_task, label_task.c.task_key == label_annotation.c.task_key)
        .where(
            label_task.c.server == server, label_task.c.project_id == project_id, label_annotation.c.deleted.is_(False)
        )
    )
    with store.reading() as connection:
        return set(connection.execute(query).scalars())


def annotation_ids_by_task(store: Store, keys: Iterable[str]) -> dict[str, set[str]]:
    """Return the annotations that count of each of some tasks."""
    found: dict[str, set[str]] = defaultdict(set)
    with store.reading() as connection:
        for some in _chunks(list(keys)):
            query = select(label_annotation.c.task_key, label_annotation.c.annotation_id).where(
                label_annotation.c.task_key.in_(some), label_annotation.c.deleted.is_(False)
            )
            for row in connection.execute(query):
                found[row.task_key].add(row.annotation_id)
    return found


def get_labelled(store: Store, task_key: str) -> Labelled:
    """Return one task with its answers.

    Raises:
        NotFound: no task has this key.
    """
    found = list(_labelled(store, label_task.c.task_key == task_key))
    if not found:
        raise NotFound(f"Expected a task, found none with key {task_key!r}.", hint="List the tasks to find its key.")
    return found[0]


def iter_labelled(store: Store, kind: LabelKind, *, answered: bool = True) -> Iterator[Labelled]:
    """Give the tasks of a kind, a few hundred in memory at a time; only those with an answer that counts, unless told."""
    last = ""
    usable = select(label_annotation.c.task_key).where(
        label_annotation.c.deleted.is_(False), label_annotation.c.usable.is_(True)
    )
    while True:
        wanted = [label_task.c.kind == kind, label_task.c.task_key > last, label_task.c.state != "withdrawn"]
        if answered:
            wanted.append(label_task.c.task_key.in_(usable))
        with store.reading() as connection:
            keys = list(
                connection.execute(
                    select(label_task.c.task_key).where(*wanted).order_by(label_task.c.task_key).limit(_CHUNK)
                ).scalars()
            )
        if not keys:
            return
        yield from _labelled(store, label_task.c.task_key.in_(keys))
        last = keys[-1]


def decide(store: Store, decision: Decision) -> None:
    """Store what holds for a task; a later decision replaces an earlier one.

    Raises:
        Conflict: there is no such task.
    """
    row = {
        "task_key": decision.task_key,
        "decision": decision.model_dump_json(),
        "decided_at": int(decision.decided_at.timestamp()),
    }
    with store.writing() as connection:
        if (
            connection.execute(select(label_task.c.kind).where(label_task.c.task_key == decision.task_key)).first()
            is None
        ):
            raise Conflict(f"Expected a task to decide, found none with key {decision.task_key!r}.")
        put = store.upserting(label_decision).values(**row)
        connection.execute(put.on_conflict_do_update(index_elements=["task_key"], set_=row))


def undecide(store: Store, task_key: str) -> bool:
    """Take a decision back; tell whether there was one."""
    with store.writing() as connection:
        return bool(connection.execute(delete(label_decision).where(label_decision.c.task_key == task_key)).rowcount)


def get_cursor(store: Store, server: str, project_id: int) -> Cursor | None:
    """Return how far a project has been read; None before the first time."""
    query = select(label_cursor).where(label_cursor.c.server == server, label_cursor.c.project_id == project_id)
    with store.reading() as connection:
        row = connection.execute(query).mappings().first()
    return None if row is None else _cursor(row)


def put_cursor(store: Store, cursor: Cursor) -> None:
    """Store how far a project has been read."""
    with store.writing() as connection:
        _put_cursor(store, connection, cursor)


def list_cursors(store: Store) -> list[Cursor]:
    """Return every project that was ever read."""
    with store.reading() as connection:
        return [_cursor(row) for row in connection.execute(select(label_cursor)).mappings()]


def count_tasks(store: Store) -> dict[tuple[LabelKind, TaskState], int]:
    """Count tasks by kind and state."""
    query = select(label_task.c.kind, label_task.c.state, func.count().label("n")).group_by(
        label_task.c.kind, label_task.c.state
    )
    with store.reading() as connection:
        return {(row.kind, row.state): row.n for row in connection.execute(query)}


def count_erased(store: Store) -> dict[LabelKind, int]:
    """Count, by kind, the tasks whose turn was erased."""
    erased = (label_task.c.state == "withdrawn") & (label_task.c.turn_id == "")
    query = select(label_task.c.kind, func.count().label("n")).where(erased).group_by(label_task.c.kind)
    with store.reading() as connection:
        return {row.kind: row.n for row in connection.execute(query)}


def count_answered(store: Store) -> dict[LabelKind, int]:
    """Count, by kind, the tasks with at least one answer that counts."""
    query = (
        select(label_task.c.kind, func.count(label_task.c.task_key.distinct()).label("n"))
        .join(label_annotation, label_annotation.c.task_key == label_task.c.task_key)
        .where(
            label_annotation.c.deleted.is_(False),
            label_annotation.c.usable.is_(True),
            label_task.c.state != "withdrawn",
        )
        .group_by(label_task.c.kind)
    )
    with store.reading() as connection:
        return {row.kind: row.n for row in connection.execute(query)}


def count_unusable(store: Store) -> dict[LabelKind, int]:
    """Count, by kind, the answers that are neither skipped nor usable: each says what is wrong with it."""
    query = (
        select(label_task.c.kind, func.count().label("n"))
        .join(label_annotation, label_annotation.c.task_key == label_task.c.task_key)
        .where(
            label_annotation.c.deleted.is_(False),
            label_annotation.c.usable.is_(False),
            label_annotation.c.annotation.contains('"cancelled":false'),
        )
        .group_by(label_task.c.kind)
    )
    with store.reading() as connection:
        return {row.kind: row.n for row in connection.execute(query)}


def _labelled(store: Store, wanted: ColumnElement[bool]) -> Iterator[Labelled]:
    tasks = select(label_task.c.task_key, label_task.c.task, label_task.c.state).where(wanted)
    with store.reading() as connection:
        rows = connection.execute(tasks.order_by(label_task.c.task_key)).all()
        keys = [row.task_key for row in rows]
        answers = (
            select(label_annotation.c.task_key, label_annotation.c.annotation)
            .where(label_annotation.c.task_key.in_(keys), label_annotation.c.deleted.is_(False))
            .order_by(label_annotation.c.updated_at, label_annotation.c.annotation_id)
        )
        by_key: dict[str, list[Annotation]] = defaultdict(list)
        for key, text in connection.execute(answers):
            by_key[key].append(_read(Annotation, key, text))
        chosen = select(label_decision.c.task_key, label_decision.c.decision).where(label_decision.c.task_key.in_(keys))
        decisions = {key: _read(Decision, key, text) for key, text in connection.execute(chosen)}
    for row in rows:
        task = _task(row.task_key, row.task)
        yield Labelled(task, row.state, tuple(by_key[row.task_key]), decisions.get(row.task_key))


def _task(key: str, text: str) -> LabelTask:
    return _read(LabelTask, key, text)


def _read(record: type[R], key: str, text: str) -> R:
    try:
        return record.model_validate_json(text)
    except ValidationError as error:
        raise StoreError(
            f"What is stored of task {key} does not fit this version's contract: {str(error).splitlines()[0]}.",
            hint="Update aiyam, or withdraw the batch and make it again.",
        ) from error


def _put_cursor(store: Store, connection: Any, cursor: Cursor) -> None:
    row = {
        "server": cursor.server, "project_id": cursor.project_id, "kind": cursor.kind,
        "screen_version": cursor.screen_version, "watermark": cursor.watermark,
        "pulled_at": _seconds(cursor.pulled_at), "reconciled_at": _seconds(cursor.reconciled_at),
    }  # fmt: skip
    put = store.upserting(label_cursor).values(**row)
    connection.execute(put.on_conflict_do_update(index_elements=["server", "project_id"], set_=row))


def _cursor(row: Mapping[Any, Any]) -> Cursor:
    def moment(name: str) -> datetime | None:
        return None if row[name] is None else datetime.fromtimestamp(row[name], KST)

    return Cursor(
        row["server"], row["project_id"], row["kind"], row["screen_version"], row["watermark"], moment("pulled_at"),
        moment("reconciled_at"),
    )  # fmt: skip


def _seconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())


def _chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), _CHUNK):
        yield items[start : start + _CHUNK]
