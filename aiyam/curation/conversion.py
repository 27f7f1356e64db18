"""Rows on their way into a dataset version: candidates, which of equal texts stays, which side each stands on."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

from aiyam.label_contracts import DatasetName, RowOrigin

Split = Literal["train", "valid"]
VALID_SHARE = 0.1
"""Of the conversations, and of the texts that come from none."""
LABEL, SHIPPED, TURN = 0, 1, 2
"""Ranks: what a person said of a turn outranks what ships, which outranks what a turn is taken to mean."""


@dataclass(frozen=True)
class Candidate:
    """A row that may stand in a version.

    ``key`` is what it is about (equal keys stand on one side), ``variant`` what may differ in it and still stay beside
    it (an age band); ``group`` is what its side is drawn by, a conversation's id where there is one. ``split`` is set
    where a shipped file has a side already. ``kind`` is its class in the version's counts.
    """

    row_id: str
    key: str
    group: str
    rank: int
    at: int
    row: dict[str, Any]
    origin: RowOrigin
    kind: str
    variant: str = ""
    split: Split | None = None

    @property
    def side(self) -> Split:
        """The side its conversation stands on, in every version."""
        return self.split or side_of(self.group)


@dataclass(frozen=True)
class LeftOut:
    """A turn or a task that gave no row, and why."""

    reason: str
    turn_id: str = ""
    task_key: str = ""


@dataclass
class Gathered:
    """All that may stand in a version, what was left out one by one, and what is only counted."""

    candidates: list[Candidate] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    counted: Counter[str] = field(default_factory=Counter)

    def leave_out(self, reason: str, origin: RowOrigin) -> None:
        """Count a row that is not used; one of a turn is remembered too."""
        if origin.turn_id:
            self.left_out.append(LeftOut(reason, origin.turn_id, origin.task_key))
        else:
            self.counted[f"shipped_{reason}"] += 1


def row_id(name: DatasetName, *parts: str) -> str:
    """Return the id of what a row is made of; the same in every version, whatever was said of it.

    >>> len(row_id("nlu", "turn", "t-1"))
    32
    """
    return hashlib.sha256("|".join((name, *parts)).encode("utf-8", "replace")).hexdigest()[:32]


@lru_cache(maxsize=1 << 16)
def side_of(group: str) -> Split:
    """Return the side that a conversation stands on, now and in every later version.

    >>> {side_of(f"session-{n}") for n in range(40)} == {"train", "valid"}
    True
    """
    drawn = int.from_bytes(hashlib.sha256(f"side|{group}".encode("utf-8", "replace")).digest()[:4], "big")
    return "valid" if drawn < VALID_SHARE * 2**32 else "train"


def settle(gathered: Gathered) -> list[Candidate]:
    """Choose what stays, in a fixed order; what goes is counted in ``gathered``.

    Of one text (key and variant) labels outrank shipped rows and those outrank turns. Of several labels the one most
    agree on stays, then the oldest; the others are contradictions, or duplicates where they say the same. Shipped rows
    stay as often as they are there. A text then stands on the side of its best row, rows of it on the other side go.
    """
    by_text: dict[tuple[str, str], list[Candidate]] = defaultdict(list)
    for one in gathered.candidates:
        by_text[one.key, one.variant].append(one)
    kept: list[Candidate] = []
    for rows in by_text.values():
        best = min(one.rank for one in rows)
        first = [one for one in rows if one.rank == best]
        stays = first if best == SHIPPED else [_chosen(first)]
        kept += stays
        ids = {one.row_id for one in stays}
        for one in rows:
            if one.row_id not in ids:
                gathered.leave_out(_why(one, stays[0]), one.origin)
    side_of_key: dict[str, tuple[tuple[int, int, str], Split]] = {}
    for one in kept:
        found = ((one.rank, one.at, one.row_id), one.side)
        side_of_key[one.key] = min(side_of_key.get(one.key, found), found)
    settled = []
    for one in kept:
        if side_of_key[one.key][1] == one.side:
            settled.append(one)
        else:
            gathered.leave_out("text_on_other_side", one.origin)
    return sorted(settled, key=lambda one: (one.side, one.rank != SHIPPED, one.origin.file, one.at, one.row_id))


def _chosen(rows: Sequence[Candidate]) -> Candidate:
    if len(rows) == 1:
        return rows[0]
    votes = Counter(repr(one.row) for one in rows)
    return min(rows, key=lambda one: (-votes[repr(one.row)], one.at, one.row_id))


def _why(gone: Candidate, stays: Candidate) -> str:
    if gone.rank == SHIPPED:
        return "labelled_anew"
    return "duplicate" if gone.row == stays.row or gone.rank != stays.rank or gone.rank == TURN else "contradiction"


def class_counts(rows: Iterable[Candidate]) -> dict[str, int]:
    """Count rows by class, the most frequent first."""
    return dict(Counter(one.kind for one in rows).most_common())
