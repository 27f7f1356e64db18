"""A person's erasure: their turns, tasks and rows taken out of the store and of every dataset version; what remains is told."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from aiyam import registry
from aiyam.contracts import Record
from aiyam.curation.lineage import models_trained_on
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
    list_versions,
    open_version,
    origin_line,
    read_rows,
    replacing,
    root_of,
    sha256_of_rows,
    write_lines,
)
from aiyam.errors import InvalidInput
from aiyam.label_contracts import DatasetVersion, Redaction
from aiyam.store import Store
from aiyam.store.dataset_origins import standings
from aiyam.store.erasure import Held, digest_of, erase_person, held_of
from aiyam.store.files import written_at_once


class ErasureReport(Record):
    """What an erasure takes out, or took: nothing in it says who. ``models`` learned from the rows and are not changed by it."""

    user_digest: str
    counts: dict[str, int] = Field(default_factory=dict)
    rows: dict[str, int] = Field(default_factory=dict, description="Rows by dataset version, like nlu@v3.")
    models: tuple[str, ...] = ()
    done: bool = False

    @property
    def anything(self) -> bool:
        """Whether there is something to take out."""
        return any(self.counts.values()) or any(self.rows.values())


def preview_erasure(store: Store, home: Path, models_dir: Path, user_id: str) -> ErasureReport:
    """Say what the erasure of a person would take out, and change nothing.

    Raises:
        InvalidInput: no person is named.
    """
    return _report(store, home, models_dir, user_id)[0]


def erase(store: Store, home: Path, models_dir: Path, user_id: str, *, now: datetime) -> ErasureReport:
    """Take a person out: first of the files of dataset versions, then, at once, of the store.

    Versions are written again without the rows, since rows that are only marked would still be there; their manifest
    keeps the old hash, so that models trained before can still be told. Stopped in the middle, the same call again ends
    it: the store forgets the person last. Tasks that the labelling server has are left as "withdrawn", for
    ``aiyam annotate sync`` to delete there.

    Raises:
        InvalidInput: no person is named.
        Conflict: a build or another erasure is running.
        DataError: a version that holds rows of the person is damaged.
    """
    with changing(home):
        report, turn_ids = _report(store, home, models_dir, user_id)
        take_out(home, turn_ids, tags=report.rows.keys(), why="erasure", now=now)
        done = report.model_copy(update={"done": True})
        erase_person(store, user_id, done.model_dump(mode="json"), now=now)
    return done


def take_out(
    home: Path,
    turn_ids: Collection[str],
    *,
    tags: Collection[str],
    why: Literal["erasure", "retention"],
    now: datetime,
) -> None:
    """Write these versions again without the rows of these turns, and every list of left-out turns without them."""
    for version in list_versions(home)[0]:
        if version.tag in tags:
            _redact(home, version, turn_ids, why, now)
        _forget_left_out(folder_of(home, version) / LEFT_OUT, turn_ids)


def _report(store: Store, home: Path, models_dir: Path, user_id: str) -> tuple[ErasureReport, frozenset[str]]:
    if not user_id.strip():
        raise InvalidInput("Expected the pseudonym of a person to erase, got none.", hint="Name one: --user ID.")
    held: Held = held_of(store, user_id)
    rows = rows_by_version(store, home, user_id=user_id)
    models = models_trained_on(home, models_dir, rows)
    named = tuple(sorted({one.model for one in models}))
    return ErasureReport(user_digest=digest_of(user_id), counts=held.counts, rows=rows, models=named), held.turn_ids


def rows_by_version(store: Store, home: Path, **whose: Any) -> dict[str, int]:
    """Count the rows of a person (``user_id``) or of turns (``turn_ids``) in the versions that are there.

    Raises:
        DataError: one of them is damaged, so that nothing could be taken out of it.
    """
    found = Counter((one.name, one.version) for one in standings(store, **whose))
    return {
        open_version(home, f"{name}@{version}").tag: n
        for (name, version), n in found.items()
        if (root_of(home) / name / version / registry.MANIFEST).is_file()
    }


def _redact(
    home: Path, version: DatasetVersion, turn_ids: Collection[str], why: Literal["erasure", "retention"], now: datetime
) -> None:
    rows = list(read_rows(home, version))
    kept = [row for row in rows if row.origin.turn_id not in turn_ids]
    if len(kept) == len(rows):
        return
    lines = [(row.split, json_line(row.row)) for row in kept]
    sides = Counter(row.split for row in kept)
    taken = Redaction(at=now, why=why, n_rows=len(rows) - len(kept), sha256_before=version.sha256)
    changed = version.model_copy(
        update={
            "n_train": sides["train"], "n_valid": sides["valid"], "sha256": sha256_of_rows(lines),
            "counts": dict(Counter(row.kind for row in kept).most_common()),
            "sources": dict(sorted(Counter(row.origin.source for row in kept).items())),
            "redactions": (*version.redactions, taken),
        }
    )  # fmt: skip
    with replacing(folder_of(home, version)) as folder:
        for name, split in ((TRAIN, "train"), (VALID, "valid")):
            write_lines(folder / name, (line for side, line in lines if side == split))
        write_lines(folder / ORIGINS, (origin_line(r.row_id, r.split, r.kind, r.origin) for r in kept))
        shutil.copyfile(folder_of(home, version) / LEFT_OUT, folder / LEFT_OUT)
        write_lines(folder / CARD, card_of(changed).splitlines())
        write_lines(folder / registry.MANIFEST, changed.model_dump_json(indent=1).splitlines())


def _forget_left_out(path: Path, turn_ids: Collection[str]) -> None:
    if not path.exists():
        return
    lines = path.read_text("utf-8").splitlines()
    kept = [line for line in lines if json.loads(line)["turn_id"] not in turn_ids]
    if len(kept) < len(lines):
        with written_at_once(path) as out:
            out.writelines(f"{line}\n" for line in kept)
