"""Previews of labelling tasks: kept as they were shown, so that what is sent is what was seen."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import delete, select

from aiyam.contracts import KST
from aiyam.errors import NotFound, StoreError
from aiyam.label_contracts import LabelKind, LabelTask
from aiyam.store.database import Store
from aiyam.store.schema import label_preview

N_KEPT = 50
"""Older previews are dropped when a new one is kept."""

_TASKS = TypeAdapter(tuple[LabelTask, ...])


@dataclass(frozen=True)
class StoredPreview:
    """Tasks that were shown and may be sent, the recipe that chose them and what it counted."""

    preview_id: str
    kind: LabelKind
    recipe: dict[str, Any]
    counts: dict[str, int]
    tasks: tuple[LabelTask, ...]
    created_at: datetime


def keep_preview(
    store: Store,
    preview_id: str,
    kind: LabelKind,
    tasks: Sequence[LabelTask],
    *,
    recipe: Mapping[str, Any],
    counts: Mapping[str, int],
    now: datetime,
) -> None:
    """Store a preview; the same one again replaces it."""
    row = {
        "preview_id": preview_id, "kind": kind, "recipe": json.dumps(recipe, ensure_ascii=False),
        "counts": json.dumps(counts), "tasks": _TASKS.dump_json(tuple(tasks)).decode(),
        "created_at": int(now.timestamp()),
    }  # fmt: skip
    kept = select(label_preview.c.preview_id).order_by(label_preview.c.created_at.desc()).limit(N_KEPT)
    with store.writing() as connection:
        put = store.upserting(label_preview).values(**row)
        connection.execute(put.on_conflict_do_update(index_elements=["preview_id"], set_=row))
        newest = list(connection.execute(kept).scalars())
        connection.execute(delete(label_preview).where(label_preview.c.preview_id.not_in([*newest, preview_id])))


def get_preview(store: Store, preview_id: str) -> StoredPreview:
    """Return a preview as it was shown.

    Raises:
        NotFound: none has this id, or it is too long ago.
        StoreError: it does not fit this code.
    """
    with store.reading() as connection:
        row = connection.execute(select(label_preview).where(label_preview.c.preview_id == preview_id)).first()
    if row is None:
        raise NotFound(
            f"Expected the id of one of the last {N_KEPT} previews, got {preview_id!r}.", hint="Make the preview again."
        )
    try:
        tasks = _TASKS.validate_json(row.tasks)
    except ValidationError as error:
        raise StoreError(
            f"Preview {preview_id} does not fit this version: {str(error).splitlines()[0]}.", hint="Make it again."
        ) from error
    return StoredPreview(
        row.preview_id, row.kind, json.loads(row.recipe), json.loads(row.counts), tasks,
        datetime.fromtimestamp(row.created_at, KST),
    )  # fmt: skip


def drop_preview(store: Store, preview_id: str) -> None:
    """Forget a preview; an unknown one is none already."""
    with store.writing() as connection:
        connection.execute(delete(label_preview).where(label_preview.c.preview_id == preview_id))
