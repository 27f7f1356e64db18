"""What a recipe would send, made whole before it is sent: the tasks themselves, what was passed over, and why."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from aiyam.curation.recipes import Recipe
from aiyam.curation.sampling import draw, read_pool
from aiyam.curation.tasks import TaskMaker
from aiyam.curation.views import in_drawn_order
from aiyam.errors import NotReady
from aiyam.label_contracts import LabelTask
from aiyam.pipeline import Pipeline
from aiyam.reply.child_friendly import ChildFriendly
from aiyam.store import Store
from aiyam.store.label_previews import keep_preview


@dataclass(frozen=True)
class Preview:
    """Tasks that are sent as they stand here, or not at all.

    ``counts``: "matched" turns under the conditions; of these "already_asked" and "safety_left_out"; "same_text" and
    "nearly_same" passed over as duplicates, and every refusal by its reason; "taken_…" by part of the mix, of the random
    ones "filled" for parts that ran dry; "tasks" and "double".
    """

    preview_id: str
    recipe: Recipe
    counts: dict[str, int]
    tasks: tuple[LabelTask, ...]


def make_preview(
    store: Store,
    recipe: Recipe,
    *,
    now: datetime,
    rewriter: ChildFriendly | None = None,
    pipeline: Pipeline | None = None,
) -> Preview:
    """Draw a recipe's tasks and keep them for sending. Without any nothing is kept.

    Raises:
        NotReady: a comparison without today's pipeline.
        InvalidInput: everything is wanted, and that is too much for one batch.
    """
    if recipe.kind == "compare" and pipeline is None:
        raise NotReady("Expected the pipeline to compare with, got none.", hint="Run `aiyam prepare` first.")
    pool = read_pool(store, recipe)
    drawn = draw(store, recipe, pool, TaskMaker(store, recipe.kind, rewriter, pipeline).make)
    tasks = [task for part in drawn.tasks.values() for task in part]
    n_double = int(recipe.double * len(tasks) + 0.5)
    double = set(in_drawn_order((task.key for task in tasks), recipe.seed)[:n_double])
    tasks = [task.model_copy(update={"n_wanted": 2}) if task.key in double else task for task in tasks]
    counts = {
        "matched": pool.n_matched,
        "already_asked": pool.n_asked,
        "safety_left_out": pool.n_safety,
        **drawn.passed,
        **{f"taken_{part}": len(some) for part, some in drawn.tasks.items()},
        "filled": drawn.n_filled,
        "tasks": len(tasks),
        "double": n_double,
    }
    digest = hashlib.sha256(recipe.model_dump_json().encode())
    for task in tasks:
        digest.update(task.model_dump_json().encode())
    preview = Preview(digest.hexdigest()[:12], recipe, counts, tuple(tasks))
    if tasks:
        keep_preview(
            store, preview.preview_id, recipe.kind, tasks, recipe=recipe.model_dump(mode="json"), counts=counts, now=now
        )
    return preview
