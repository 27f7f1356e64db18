"""Feedback in, exports out: checked records into the store, JSON Lines files for those who read them elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from aiyam.contracts import KST, ConversationRecord, FeedbackRecord, FeedbackRequest, Record
from aiyam.errors import DataError, InvalidInput
from aiyam.safety.privacy import mask
from aiyam.store import Store, conversations
from aiyam.store.files import written_at_once

R = TypeVar("R", bound=Record)
MAX_REASON_CHARS, MAX_CORRECTION_CHARS = 500, 1000


def record_feedback(store: Store, request: FeedbackRequest, *, now: datetime) -> FeedbackRecord:
    """Stamp and store one act of feedback, personal data in its words masked; it is on disk when this returns.

    Raises:
        InvalidInput: the kind of feedback needs a score or a shop it does not have.
        NotFound: no such turn of this person, or the shop was not shown in it.
    """
    values = request.model_dump()
    for name, longest in (("reason", MAX_REASON_CHARS), ("correction", MAX_CORRECTION_CHARS)):
        if values[name]:
            values[name] = mask(values[name]).text[:longest]  # a placeholder may be longer than what it hides
    try:
        record = FeedbackRecord(**values, timestamp=now)
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise InvalidInput(f"Feedback of type {request.feedback_type!r}: {reason}.", hint="Add it.") from error
    conversations.record_feedback(store, record)
    return record


def export_records(
    store: Store,
    folder: Path,
    *,
    now: datetime | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> dict[Path, int]:
    """Write the turns and the feedback of a period (``until`` exclusive) as JSON Lines.

    Each file appears whole or not at all, named ``conversations_<time>.jsonl`` and ``feedbacks_<time>.jsonl`` after
    ``now`` in Korean time.

    Returns:
        Number of records in each file.
    """
    stamp = f"{(now or datetime.now(KST)).astimezone(KST):%Y%m%dT%H%M%S}"
    turns = (ConversationRecord.of(trace) for trace in conversations.iter_traces(store, since=since, until=until))
    feedback = conversations.iter_feedback(store, since=since, until=until)
    files: dict[Path, Iterable[Record]] = {
        folder / f"conversations_{stamp}.jsonl": turns,
        folder / f"feedbacks_{stamp}.jsonl": feedback,
    }
    return {path: _write(records, path) for path, records in files.items()}


def read_conversations(path: Path) -> Iterator[ConversationRecord]:
    """Give the records of an exported file, checked.

    Raises:
        DataError: a line is not a conversation record; the message names file and line.
    """
    return _read(path, ConversationRecord)


def read_feedback(path: Path) -> Iterator[FeedbackRecord]:
    """Give the records of an exported file, checked; raises as ``read_conversations``."""
    return _read(path, FeedbackRecord)


def _write(records: Iterable[Record], path: Path) -> int:
    n_records = 0
    with written_at_once(path) as handle:
        for record in records:
            handle.write(record.model_dump_json() + "\n")
            n_records += 1
    return n_records


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
