"""A store with tasks and answers made up for tests: who said what of which task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from aiyam.contracts import KST, Entity, EntityType, Intent
from aiyam.label_contracts import Annotation, Label, LabelKind, LabelTask, UnderstandingLabel, task_key
from aiyam.store.database import Store
from aiyam.store.labels import Cursor, add_batch, keep_annotations

NOW = datetime(2026, 3, 2, 18, 30, tzinfo=KST)
TEXT = "매운 떡볶이 먹고 싶어"


def understood(intent: Intent | None, *spans: tuple[EntityType, int, int], query: str = "") -> UnderstandingLabel:
    entities = tuple(Entity(entity=k, value=TEXT[a:b], text=TEXT[a:b], start=a, end=b) for k, a, b in spans)
    return UnderstandingLabel(intent=intent, cannot_tell=intent is None, entities=entities, semantic_query=query)


def open_store(folder: Path) -> Store:
    return Store.open(f"sqlite:///{folder / 'aiyam.db'}")


def put(
    store: Store,
    said: Sequence[Mapping[str, Label]],
    *,
    kind: LabelKind = "understanding",
    prediction: Label | None = None,
    gold: Label | None = None,
    lead_time_s: float = 12.0,
) -> list[str]:
    """Store one task for each mapping of annotator to answer; return the keys."""
    tasks = [
        LabelTask(
            key=task_key(f"turn-{n}", kind), kind=kind, turn_id=f"turn-{n}", session_id=f"s{n}", user_id="u", batch_id="b",
            screen_version="1", data={"text": TEXT, "context": "아이: 안녕\n봇: 반가워요!"}, prediction=prediction, gold=gold,
        )
        for n in range(len(said))
    ]  # fmt: skip
    add_batch(store, f"b-{kind}", kind, tasks, recipe={}, counts={}, created_by="me", now=NOW)
    answers = [
        Annotation(
            annotation_id=f"{kind}-{n}-{who}", task_key=tasks[n].key, annotator=who, label=label, lead_time_s=lead_time_s,
            origin="prediction" if label == prediction else "manual", created_at=NOW + timedelta(seconds=i),
            updated_at=NOW + timedelta(seconds=i),
        )
        for n, by in enumerate(said)
        for i, (who, label) in enumerate(by.items())
    ]  # fmt: skip
    keep_annotations(store, answers, Cursor("http://ls", 1, kind, "1"))
    return [task.key for task in tasks]
