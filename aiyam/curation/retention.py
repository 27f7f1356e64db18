"""Retention: turns older than their period leave the store, and with them their tasks and their rows in dataset versions."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from pydantic import Field

from aiyam.contracts import Record
from aiyam.curation.erasure import rows_by_version, take_out
from aiyam.curation.versions import changing
from aiyam.store import Store
from aiyam.store.erasure import erase_turns, held_by_turns, turns_before, turns_in_versions


class RetentionReport(Record):
    """What is past its period: turns in no dataset version, turns in one, all that hangs on them, and rows by version."""

    n_turns: int = 0
    n_turns_in_datasets: int = 0
    counts: dict[str, int] = Field(default_factory=dict)
    rows: dict[str, int] = Field(default_factory=dict)
    done: bool = False


def keep_to_periods(
    store: Store, home: Path, *, turns_days: int, labelled_days: int, now: datetime, dry_run: bool = False
) -> RetentionReport:
    """Take out what is past its period; the same call again finds nothing, and one that was stopped is gone on with.

    Args:
        turns_days: how long a turn is kept that stands in no dataset version; 0 for good.
        labelled_days: how long one that does; 0 for good.
        dry_run: count and change nothing.

    Raises:
        Conflict: a build or an erasure is running.
        DataError: a version that holds such rows is damaged.
    """
    with changing(home):
        standing = turns_in_versions(store)
        loose = turns_before(store, now - timedelta(days=turns_days)) - standing if turns_days else set()
        held = turns_before(store, now - timedelta(days=labelled_days)) & standing if labelled_days else set()
        old = loose | held
        rows = rows_by_version(store, home, turn_ids=held) if held else {}
        report = RetentionReport(
            n_turns=len(loose), n_turns_in_datasets=len(held), counts=held_by_turns(store, old).counts,
            rows=rows,
        )  # fmt: skip
        if dry_run or not old:
            return report.model_copy(update={"done": not dry_run})
        take_out(home, old, tags=rows.keys(), why="retention", now=now)
        erase_turns(store, old)
    return report.model_copy(update={"done": True})
