"""Feedback in, exports out: checked records into the store, JSON Lines files for those who read them elsewhere."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, TypeVar

from pydantic import ValidationError

from aiyam.contracts import KST, ConversationRecord, FeedbackRecord, FeedbackRequest, Record
from aiyam.errors import DataError, InvalidInput
from aiyam.store import Store, conversations


R = TypeVar("R", bound=Record)


@dataclass(frozen=True)
class Export:
    """One written file and how many records stand in it."""

    path: Path
    n_records: int


def record_feedback(store: Store, request: FeedbackRequest, *, now: datetime) -> FeedbackRecord:
    """Stamp and store one act of feedback; it is on disk when this returns.

    Raises:
        InvalidInput: the kind of feedback needs a score or a shop it does not have.
        NotFound: no such turn of this person, or the shop was not shown in it.
    """
    try:
        record = FeedbackRecord(**request.model_dump(), timestamp=now)
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise InvalidInput(f"Feedback of type {request.feedback_type!r}: {reason}.", hint="Add it.") from error
    conversations.record_feedback(store, record)
    return record


def export_conversations(
    store: Store, folder: Path, *, now: datetime, since: datetime | None = None, until: datetime | None = None
) -> Export:
    """Write every turn of a period as ``conversations_<time>.jsonl``; the file appears whole or not at all."""
    records = (ConversationRecord.of(trace) for trace in conversations.iter_traces(store, since=since, until=until))
    return _export(records, folder, "conversations", now)


def export_feedback(
    store: Store, folder: Path, *, now: datetime, since: datetime | None = None, until: datetime | None = None
) -> Export:
    """Write every act of feedback of a period as ``feedbacks_<time>.jsonl``; the file appears whole or not at all."""
    return _export(conversations.iter_feedback(store, since=since, until=until), folder, "feedbacks", now)


def read_conversations(path: Path) -> Iterator[ConversationRecord]:
    """Give the records of an exported file, checked.

    Raises:
        DataError: a line is not a conversation record; the message names file and line.
    """
    return _read(path, ConversationRecord)


def read_feedback(path: Path) -> Iterator[FeedbackRecord]:
    """Give the records of an exported file, checked; raises as ``read_conversations``."""
    return _read(path, FeedbackRecord)


@contextmanager
def written_at_once(path: Path) -> Iterator[IO[str]]:
    """Give a text file that takes its name only when the block ends well, synced to disk; else nothing is left."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with partial.open("w", encoding="utf-8", newline="\n") as handle:
            yield handle
            handle.flush()
            os.fsync(handle.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _export(records: Iterable[Record], folder: Path, name: str, now: datetime) -> Export:
    path = folder / f"{name}_{now.astimezone(KST):%Y%m%dT%H%M%S}.jsonl"
    n_records = 0
    with written_at_once(path) as handle:
        for record in records:
            handle.write(record.model_dump_json() + "\n")
            n_records += 1
    return Export(path, n_records)


def _read(path: Path, kind: type[R]) -> Iterator[R]:
    with path.open(encoding="utf-8") as handle:
        for number, line in enumerate(handle, start=1):
            try:
                yield kind.model_validate_json(line)
            except ValidationError as error:
                raise DataError(
                    f"{path}, line {number}: expected a {kind.__name__}, got: {error.errors()[0]['msg']}.",
                    hint="Export the file again.",
                ) from error
