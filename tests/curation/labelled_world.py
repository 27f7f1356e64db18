"""A store with turns, feedback and labels as annotators give them, for tests of what becomes of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sample_traces import DAY, make_feedback, make_trace

from aiyam.contracts import Entity, FeedbackType, Filters, Intent, Trace, Understanding
from aiyam.curation.building import Built
from aiyam.curation.conversion import side_of
from aiyam.label_contracts import (
    Annotation,
    Label,
    LabelKind,
    LabelTask,
    RewriteLabel,
    UnderstandingLabel,
    task_key,
)
from aiyam.settings import REPO_ROOT
from aiyam.store import Store
from aiyam.store.conversations import record_feedback, record_turn
from aiyam.store.labels import Cursor, add_batch, keep_annotations, mark_sent

SHIPPED = REPO_ROOT / "datasets"
SAID = [json.loads(line) for line in (SHIPPED / "nlu" / "handwritten.jsonl").read_text("utf-8").splitlines()]
PAIRS = [json.loads(line) for line in (SHIPPED / "replies" / "pairs_first.jsonl").read_text("utf-8").splitlines()]


Build = Callable[..., Built]


def trained_session(turn_id: str) -> str:
    """Return a conversation of the turn's own that stands on the side that is trained on."""
    return next(f"s{n}-{turn_id}" for n in range(99) if side_of(f"s{n}-{turn_id}") == "train")


def add_turn(
    store: Store,
    turn_id: str,
    *,
    said: int = 0,
    user_id: str = "child-1",
    session_id: str | None = None,
    at: datetime = DAY,
    rated: int | None = None,
    act: FeedbackType | None = None,
    **changes: Any,
) -> Trace:
    """Store a turn that says a shipped row's text, as it was understood, with the feedback named."""
    row = SAID[said]
    found = Understanding(
        original_query=row["text"], intent=Intent(row["intent"]), confidence=0.9,
        entities=tuple(Entity(**e) for e in row["entities"]), semantic_query=row["semantic_query"],
        filters=Filters(**row["filters"]),
    )  # fmt: skip
    trace = make_trace(
        turn_id, session_id=session_id or trained_session(turn_id), user_id=user_id, at=at,
        **({"user_input": row["text"], "understanding": found} | changes),
    )  # fmt: skip
    record_turn(store, trace)
    if rated is not None:
        record_feedback(store, make_feedback(trace, "thumb", score=rated))
    if act is not None:
        record_feedback(store, make_feedback(trace, act))
    return trace


def understood(said: int, **changes: Any) -> UnderstandingLabel:
    """Return a label that says what a shipped row says."""
    row = SAID[said]
    given: dict[str, Any] = {
        "intent": row["intent"], "entities": row["entities"], "semantic_query": row["semantic_query"],
        "filters": row["filters"], **changes,
    }  # fmt: skip
    return UnderstandingLabel.model_validate(given)


def rewritten(pair: int, **changes: Any) -> RewriteLabel:
    """Return a rewrite that says what a shipped pair says."""
    given = {"age_band": PAIRS[pair]["age_band"], "text": PAIRS[pair]["child_friendly"], "rating": 3, **changes}
    return RewriteLabel.model_validate(given)


def task_of(trace: Trace, kind: LabelKind, *, sides: tuple[str, str] | None = None, **data: Any) -> LabelTask:
    """Return the task that asks about a turn."""
    key = task_key(trace.turn_id, kind)
    shown = {"aiyam_key": key, "turn_id": trace.turn_id, "text": trace.user_input, "context": "", **data}
    return LabelTask(
        key=key, kind=kind, turn_id=trace.turn_id, session_id=trace.session_id, user_id=trace.user_id,
        batch_id="b", screen_version="1", data=shown, sides=sides,
    )  # fmt: skip


def answer(task: LabelTask, label: Label | None, *, by: str = "1", at: datetime = DAY, **changes: Any) -> Annotation:
    """Return one annotator's answer."""
    given: dict[str, Any] = {"lead_time_s": 9.0, **changes}
    return Annotation(
        annotation_id=f"{task.key[:12]}-{by}", task_key=task.key, annotator=by, label=label, created_at=at,
        updated_at=at, **given,
    )  # fmt: skip


def put_labels(store: Store, batch: str, answered: Sequence[tuple[LabelTask, Sequence[Annotation]]]) -> None:
    """Store tasks of one kind, as sent, with their answers, as pulled."""
    tasks = [task.model_copy(update={"batch_id": batch}) for task, _ in answered]
    kind = tasks[0].kind
    add_batch(store, batch, kind, tasks, recipe={"seed": 1}, counts={}, created_by="test", now=DAY)
    mark_sent(store, "http://ls", 1, {task.key: n + 1 for n, task in enumerate(tasks)}, now=DAY)
    cursor = Cursor("http://ls", 1, kind, "1", "w", DAY)
    keep_annotations(store, [one for _, answers in answered for one in answers], cursor)


def label_turns(store: Store, batch: str, traces: Sequence[Trace], first: int = 0, **changes: Any) -> None:
    """Label the turns as the shipped rows from ``first`` on say them."""
    found = []
    for n, trace in enumerate(traces):
        task = task_of(trace, "understanding")
        found.append((task, [answer(task, understood(first + n, **changes), at=DAY + timedelta(hours=1))]))
    put_labels(store, batch, found)


def rewrite_turns(store: Store, batch: str, traces: Sequence[Trace], first: int = 0) -> None:
    """Rewrite the turns' answers as the shipped pairs from ``first`` on do."""
    found = []
    for n, trace in enumerate(traces):
        pair = PAIRS[first + n]
        task = task_of(trace, "rewrite", answer=pair["original"], facts=[], age_band=pair["age_band"])
        found.append((task, [answer(task, rewritten(first + n), at=DAY + timedelta(hours=1))]))
    put_labels(store, batch, found)
