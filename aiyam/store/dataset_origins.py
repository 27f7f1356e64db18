"""Which turns stand in which dataset version: written with the version, read both ways, taken out with the rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, delete, func, or_, select

from aiyam.label_contracts import DatasetName, LabelKind
from aiyam.store.columns import insert_columns_in
from aiyam.store.database import Store
from aiyam.store.schema import dataset_origin, feedback, label_annotation, label_decision, label_task

_CHUNK = 500


@dataclass(frozen=True)
class Standing:
    """A row of a version that a turn made."""

    name: DatasetName
    version: str
    row_id: str
    turn_id: str
    user_id: str
    task_key: str


def put_origins(store: Store, name: DatasetName, version: str, rows: Sequence[tuple[str, str, str, str]]) -> None:
    """Store the (row id, turn id, user id, task key) of a version, in place of what an unfinished build left."""
    columns = list(zip(*rows, strict=True)) if rows else [(), (), (), ()]
    given: dict[str, Sequence[str]] = dict(zip(("row_id", "turn_id", "user_id", "task_key"), columns, strict=True))
    with store.writing() as connection:
        connection.execute(delete(dataset_origin).where(*_of(name, version)))
        if rows:
            given |= {"name": [name] * len(rows), "version": [version] * len(rows)}
            insert_columns_in(store, connection, dataset_origin, given)


def standings(store: Store, *, turn_ids: Collection[str] | None = None, user_id: str | None = None) -> list[Standing]:
    """Return the rows that these turns, or that a person's turns, made, in order of version."""
    wanted: list[ColumnElement[bool]] = []
    if user_id is not None:
        wanted.append(dataset_origin.c.user_id == user_id)
    found: list[Standing] = []
    with store.reading() as connection:
        for some in _chunks(None if turn_ids is None else sorted(turn_ids)):
            here = wanted if some is None else [*wanted, dataset_origin.c.turn_id.in_(some)]
            for row in connection.execute(select(dataset_origin).where(*here)).mappings():
                found.append(Standing(**{**row, "task_key": row["task_key"] or ""}))
    return sorted(found, key=lambda one: (one.name, int(one.version[1:]), one.row_id))


def turns_of_version(store: Store, name: DatasetName, version: str) -> set[str]:
    """Return the turns that stand in a version."""
    with store.reading() as connection:
        return set(connection.execute(select(dataset_origin.c.turn_id).where(*_of(name, version))).scalars())


def tasks_of_version(store: Store, name: DatasetName, version: str) -> set[str]:
    """Return the tasks whose labels stand in a version."""
    query = select(dataset_origin.c.task_key).where(*_of(name, version), dataset_origin.c.task_key != "")
    with store.reading() as connection:
        return set(connection.execute(query).scalars())


def answered_tasks(store: Store, kinds: Sequence[LabelKind]) -> dict[str, int]:
    """Return the tasks with an answer that counts or a decision, and when the newest of either was made (epoch seconds)."""
    live = (label_task.c.kind.in_(kinds), label_task.c.state != "withdrawn")
    answers = (
        select(label_annotation.c.task_key, func.max(label_annotation.c.updated_at))
        .join(label_task, label_task.c.task_key == label_annotation.c.task_key)
        .where(*live, label_annotation.c.usable.is_(True), label_annotation.c.deleted.is_(False))
        .group_by(label_annotation.c.task_key)
    )
    decisions = (
        select(label_decision.c.task_key, label_decision.c.decided_at)
        .join(label_task, label_task.c.task_key == label_decision.c.task_key)
        .where(*live)
    )
    found: dict[str, int] = defaultdict(int)
    with store.reading() as connection:
        for query in (answers, decisions):
            for key, at in connection.execute(query):
                found[key] = max(found[key], at)
    return dict(found)


def turns_with_feedback(store: Store, *, since: datetime) -> set[str]:
    """Return the turns that feedback since then says something good of (a score from 4, an order, a favourite)."""
    said = or_(feedback.c.satisfaction_score >= 4, feedback.c.feedback_type.in_(("ordered", "favorited")))
    query = select(feedback.c.turn_id).distinct().where(feedback.c.created_at >= int(since.timestamp()), said)
    with store.reading() as connection:
        return set(connection.execute(query).scalars())


def _of(name: str, version: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return dataset_origin.c.name == name, dataset_origin.c.version == version


def _chunks(items: Sequence[str] | None) -> Iterator[Sequence[str] | None]:
    if items is None:
        yield None
        return
    starts: Iterable[int] = range(0, len(items), _CHUNK)
    for start in starts:
        yield items[start : start + _CHUNK]
