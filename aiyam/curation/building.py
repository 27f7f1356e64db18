"""Builds a dataset version: gather, settle, write, seal; the same rows again make no version."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from aiyam import registry
from aiyam.contracts import Progress
from aiyam.curation.conversion import Candidate, Gathered, class_counts, settle
from aiyam.curation.nlu_rows import gather_nlu
from aiyam.curation.ranker_rows import gather_ranker
from aiyam.curation.reply_rows import gather_child, gather_lora
from aiyam.curation.versions import (
    CARD,
    LEFT_OUT,
    ORIGINS,
    TRAIN,
    VALID,
    card_of,
    changing,
    folder_of,
    json_line,
    latest_version,
    next_number,
    origin_line,
    sha256_of_rows,
    write_lines,
)
from aiyam.errors import DataError
from aiyam.label_contracts import SCHEMA_VERSION, DatasetName, DatasetVersion, LabelKind
from aiyam.settings import REPO_ROOT
from aiyam.store import Store
from aiyam.store.dataset_origins import answered_tasks, put_origins, tasks_of_version, turns_with_feedback

LABELS_OF: dict[DatasetName, tuple[LabelKind, ...]] = {
    "nlu": ("understanding",), "child": ("rewrite",), "lora": ("rewrite", "compare"), "ranker": (),
}  # fmt: skip
"""Which labels make rows of which dataset."""


GUIDE = REPO_ROOT / "annotation" / "guide.md"


@dataclass(frozen=True)
class Built:
    """What a build came to: the new version, or the newest one where nothing has changed."""

    version: DatasetVersion
    made: bool


@dataclass(frozen=True)
class New:
    """What has come since a version: labels (answered or decided again counts), and turns that people were content with."""

    version: DatasetVersion | None
    n_labels: int
    n_turns: int


def build_version(
    store: Store,
    home: Path,
    name: DatasetName,
    *,
    datasets_dir: Path,
    now: datetime,
    seed: int,
    guide_version: str = "",
    shipped: bool = True,
    progress: Callable[[Progress], None] = lambda _: None,
) -> Built:
    """Build the next version of a dataset from the labels, the turns and (nlu, child) what ships.

    Args:
        now: the moment the version is stamped with.
        seed: of rows that shipped templates are expanded to.
        guide_version: of the annotators' guide, kept in the manifest.
        shipped: leave what ships out with False.
        progress: called with stages "gather", "settle", "write".

    Raises:
        DataError: no row to train on; the message says what was left out and why.
        Conflict: another build or an erasure is running.
    """

    def told(share: float, what: str) -> None:
        progress(Progress(stage="gather", fraction=0.7 * share, message=what))

    with changing(home):
        gathered = _gather(store, name, datasets_dir, seed=seed, shipped=shipped, told=told)
        progress(Progress(stage="settle", fraction=0.7, message=f"{len(gathered.candidates):,} candidates"))
        rows = settle(gathered)
        left_out = dict(sorted((_reasons(gathered)).items(), key=lambda item: (-item[1], item[0])))
        if not any(one.side == "train" for one in rows):
            raise DataError(
                f"Expected rows for {name}, found none to train on ({len(rows):,} held out, left out: {_told(left_out)}).",
                hint="Label turns (aiyam annotate), or let people rate and choose in the chat first.",
            )
        lines = [(one.side, json_line(one.row)) for one in rows]
        digest = sha256_of_rows(lines)
        parent = latest_version(home, name)
        if parent is not None and parent.sha256 == digest:
            progress(Progress(stage="done", fraction=1.0, message=f"nothing new since {parent.tag}"))
            return Built(parent, made=False)
        sides = Counter(one.side for one in rows)
        version = DatasetVersion(
            name=name, version=f"v{next_number(home, name)}", created_at=now, parent=parent.version if parent else None,
            guide_version=guide_version, n_train=sides["train"], n_valid=sides["valid"], counts=class_counts(rows),
            left_out=left_out, sources=dict(sorted(Counter(one.origin.source for one in rows).items())), sha256=digest,
            config={"seed": seed, "shipped": shipped, "schema": {kind: SCHEMA_VERSION[kind] for kind in LABELS_OF[name]}},
        )  # fmt: skip
        with registry.building(folder_of(home, version)) as folder:
            progress(Progress(stage="write", fraction=0.8, message=f"{len(rows):,} rows"))
            _write(folder, version, rows, lines, gathered)
            progress(Progress(stage="write", fraction=0.9, message="lineage"))
            standing = [
                (one.row_id, one.origin.turn_id, one.origin.user_id, one.origin.task_key)
                for one in rows
                if one.origin.turn_id
            ]
            put_origins(store, name, version.version, standing)
            write_lines(folder / registry.MANIFEST, version.model_dump_json(indent=1).splitlines())
    progress(Progress(stage="done", fraction=1.0, message=version.tag))
    return Built(version, made=True)


def new_since(store: Store, home: Path, name: DatasetName) -> New:
    """Count what has come since the newest version of a dataset, without building one."""
    version = latest_version(home, name)
    answered = answered_tasks(store, LABELS_OF[name]) if LABELS_OF[name] else {}
    if version is None:
        return New(None, len(answered), 0)
    known = tasks_of_version(store, name, version.version) | _tasks_left_out(home, version)
    built_at = int(version.created_at.timestamp())
    n_labels = sum(key not in known or at > built_at for key, at in answered.items())
    n_turns = 0 if name == "child" else len(turns_with_feedback(store, since=version.created_at))
    return New(version, n_labels, n_turns)


def guide_version(guide: Path = GUIDE) -> str:
    """Return what tells one text of the annotators' guide from another; empty where there is none."""
    return registry.sha256_of(guide)[:12] if guide.is_file() else ""


def _gather(
    store: Store, name: DatasetName, datasets_dir: Path, *, seed: int, shipped: bool, told: Callable[[float, str], None]
) -> Gathered:
    if name == "nlu":
        return gather_nlu(store, datasets_dir, seed=seed, shipped=shipped, told=told)
    if name == "child":
        return gather_child(store, datasets_dir, shipped=shipped, told=told)
    return gather_lora(store, told=told) if name == "lora" else gather_ranker(store, told=told)


def _reasons(gathered: Gathered) -> Counter[str]:
    found = Counter(one.reason for one in gathered.left_out)
    found.update({reason: n for reason, n in gathered.counted.items() if n})
    return found


def _told(left_out: dict[str, int]) -> str:
    return ", ".join(f"{reason} {n:,}" for reason, n in left_out.items()) or "nothing"


def _write(
    folder: Path,
    version: DatasetVersion,
    rows: Sequence[Candidate],
    lines: Sequence[tuple[str, str]],
    gathered: Gathered,
) -> None:
    texts = {
        TRAIN: (line for side, line in lines if side == "train"),
        VALID: (line for side, line in lines if side == "valid"),
        ORIGINS: (origin_line(one.row_id, one.side, one.kind, one.origin) for one in rows),
        LEFT_OUT: (
            json_line({"reason": one.reason, "turn_id": one.turn_id, "task_key": one.task_key})
            for one in gathered.left_out
        ),
        CARD: (line for line in card_of(version).splitlines()),
    }
    for name, written in texts.items():
        write_lines(folder / name, written)


def _tasks_left_out(home: Path, version: DatasetVersion) -> set[str]:
    path = folder_of(home, version) / LEFT_OUT
    if not path.exists():
        return set()
    return {key for line in path.read_text("utf-8").splitlines() if (key := json.loads(line)["task_key"])}
