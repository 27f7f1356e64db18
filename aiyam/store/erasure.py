"""What the store holds of a person or of old turns: counted, then taken out, so that no page of the file keeps it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, delete, func, insert, select, update

from aiyam.contracts import KST
from aiyam.label_contracts import LabelTask
from aiyam.store import sqlite
from aiyam.store.database import Store
from aiyam.store.schema import (
    dataset_origin,
    erasure,
    favorite,
    feedback,
    impression,
    impression_request,
    label_annotation,
    label_decision,
    label_preview,
    label_task,
    person,
    product_order,
    review,
    turn,
    turn_shop,
)

_CHUNK = 500
_BY_PERSON: tuple[tuple[str, Table], ...] = (
    ("orders", product_order), ("favorites", favorite), ("reviews", review), ("profile", person),
)  # fmt: skip


@dataclass(frozen=True)
class Held:
    """What the store holds: turns, and everything that hangs on them or on the person, counted by kind of row."""

    turn_ids: frozenset[str]
    counts: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Erased:
    """One erasure as it is remembered: a digest of who, and its report of counts, versions and models."""

    user_digest: str
    report: dict[str, Any]
    at: datetime


def digest_of(user_id: str) -> str:
    """Return the digest under which an erasure is remembered."""
    return hashlib.sha256(user_id.encode("utf-8", "replace")).hexdigest()


def held_of(store: Store, user_id: str) -> Held:
    """Return what the store holds of a person."""
    with store.reading() as connection:
        turn_ids = _turns_of(connection, user_id)
        counts = _count_turns(connection, turn_ids, user_id)
        requests = select(impression_request.c.request_id).where(impression_request.c.user_id == user_id)
        counts["impressions"] = _count(connection, impression, impression.c.request_id.in_(requests))
        for name, table in _BY_PERSON:
            counts[name] = _count(connection, table, table.c.user_id == user_id)
    return Held(frozenset(turn_ids), counts)


def held_by_turns(store: Store, turn_ids: Collection[str]) -> Held:
    """Return what hangs on turns."""
    with store.reading() as connection:
        return Held(frozenset(turn_ids), _count_turns(connection, sorted(turn_ids), None))


def turns_before(store: Store, moment: datetime) -> set[str]:
    """Return the turns that are older."""
    with store.reading() as connection:
        query = select(turn.c.turn_id).where(turn.c.created_at < int(moment.timestamp()))
        return set(connection.execute(query).scalars())


def turns_in_versions(store: Store) -> set[str]:
    """Return the turns that stand in any dataset version."""
    with store.reading() as connection:
        return set(connection.execute(select(dataset_origin.c.turn_id).distinct()).scalars())


def erase_person(store: Store, user_id: str, report: dict[str, Any], *, now: datetime) -> None:
    """Take out all that ``held_of`` names, and remember that it was done; all of it or nothing.

    Tasks lose their text, their person and their answers and stay as "withdrawn": where the labelling server has them,
    what is left says which to delete there, and a task on its way there is known by its key.
    """
    with store.writing() as connection:
        _forget(store, connection)
        _erase_turns(connection, _turns_of(connection, user_id), user_id)
        requests = select(impression_request.c.request_id).where(impression_request.c.user_id == user_id)
        connection.execute(delete(impression).where(impression.c.request_id.in_(requests)))
        connection.execute(delete(impression_request).where(impression_request.c.user_id == user_id))
        for _, table in _BY_PERSON:
            connection.execute(delete(table).where(table.c.user_id == user_id))
        connection.execute(
            insert(erasure).values(
                user_digest=digest_of(user_id), report=json.dumps(report, ensure_ascii=False), created_at=int(now.timestamp())
            )
        )  # fmt: skip
    _leave_no_log(store)


def erase_turns(store: Store, turn_ids: Collection[str]) -> None:
    """Take out turns with all that ``held_by_turns`` names; all of it or nothing."""
    with store.writing() as connection:
        _forget(store, connection)
        _erase_turns(connection, sorted(turn_ids), None)
    _leave_no_log(store)


def list_erasures(store: Store) -> list[Erased]:
    """Return what was erased, newest first."""
    query = select(erasure).order_by(erasure.c.erasure_id.desc())
    with store.reading() as connection:
        rows = connection.execute(query).mappings().all()
    return [
        Erased(row["user_digest"], json.loads(row["report"]), datetime.fromtimestamp(row["created_at"], KST))
        for row in rows
    ]


def _turns_of(connection: Connection, user_id: str) -> list[str]:
    """Return a person's turns: those that are stored, and those that only a task or a dataset still names."""
    found: set[str] = set()
    for table in (turn, label_task, dataset_origin):
        found |= set(connection.execute(select(table.c.turn_id).where(table.c.user_id == user_id)).scalars())
    return sorted(found)


def _count_turns(connection: Connection, turn_ids: Sequence[str], user_id: str | None) -> dict[str, int]:
    counts = {"turns": 0, "feedback": 0, "annotations": 0, "tasks": 0, "tasks_on_server": 0}
    for some in _chunks(turn_ids):
        counts["turns"] += _count(connection, turn, turn.c.turn_id.in_(some))
        counts["feedback"] += _count(connection, feedback, feedback.c.turn_id.in_(some))
        here = label_task.c.turn_id.in_(some)
        counts["tasks"] += _count(connection, label_task, here)
        counts["tasks_on_server"] += _count(connection, label_task, here & (label_task.c.state == "sent"))
        keys = select(label_task.c.task_key).where(here)
        counts["annotations"] += _count(connection, label_annotation, label_annotation.c.task_key.in_(keys))
    return counts


def _erase_turns(connection: Connection, turn_ids: Sequence[str], user_id: str | None) -> None:
    connection.execute(delete(label_preview))  # each holds people's words, and is soon made anew
    for some in _chunks(turn_ids):
        there = select(label_task.c.task_key, label_task.c.kind, label_task.c.screen_version, label_task.c.batch_id)
        tasks = connection.execute(there.where(label_task.c.turn_id.in_(some))).all()
        keys = [task.task_key for task in tasks]
        for table in (label_annotation, label_decision):
            connection.execute(delete(table).where(table.c.task_key.in_(keys)))
        for task in tasks:
            bare = LabelTask(
                key=task.task_key, kind=task.kind, turn_id="", session_id="", user_id="", batch_id=task.batch_id,
                screen_version=task.screen_version, data={"aiyam_key": task.task_key},
            )  # fmt: skip
            connection.execute(
                update(label_task)
                .where(label_task.c.task_key == task.task_key)
                .values(turn_id="", session_id="", user_id="", task=bare.model_dump_json(), state="withdrawn")
            )
        for table in (feedback, turn_shop, dataset_origin, turn):
            connection.execute(delete(table).where(table.c.turn_id.in_(some)))
    if user_id is not None:
        connection.execute(delete(feedback).where(feedback.c.user_id == user_id))


def _forget(store: Store, connection: Connection) -> None:
    """Make the database write zeros over what is deleted; without it the old bytes stay in free pages."""
    if store.is_sqlite:
        connection.exec_driver_sql("PRAGMA secure_delete=ON")


def _leave_no_log(store: Store) -> None:
    """Empty the write-ahead log, which holds pages as they were."""
    if store.is_sqlite:
        sqlite.empty_log(store.path)


def _count(connection: Connection, table: Table, condition: Any) -> int:
    return int(connection.execute(select(func.count()).select_from(table).where(condition)).scalar_one())


def _chunks(items: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(items), _CHUNK):
        yield items[start : start + _CHUNK]
