"""Two versions of a dataset side by side: rows added, removed, said differently or moved, and the balance of classes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aiyam.curation.versions import read_rows
from aiyam.errors import InvalidInput
from aiyam.label_contracts import DatasetRow, DatasetVersion


@dataclass(frozen=True)
class DatasetDiff:
    """What the second version has beside the first. ``balance`` is (before, after) rows of each class."""

    before: str
    after: str
    added: tuple[DatasetRow, ...]
    removed: tuple[DatasetRow, ...]
    relabelled: tuple[tuple[DatasetRow, DatasetRow], ...]
    moved: tuple[DatasetRow, ...]
    n_same: int
    balance: dict[str, tuple[int, int]]

    def counts(self) -> dict[str, int]:
        """Return how many rows of each change there are."""
        return {
            "added": len(self.added), "removed": len(self.removed), "relabelled": len(self.relabelled),
            "moved": len(self.moved), "same": self.n_same,
        }  # fmt: skip


def diff_versions(home: Path, before: DatasetVersion, after: DatasetVersion) -> DatasetDiff:
    """Compare two versions of one dataset row by row, by what each row was made of.

    Raises:
        InvalidInput: they are of different datasets.
        DataError: one of them is damaged.
    """
    if before.name != after.name:
        raise InvalidInput(
            f"Expected two versions of one dataset, got {before.tag} and {after.tag}.",
            hint="Name versions like nlu@v1 nlu@v2.",
        )
    old = {row.row_id: row for row in read_rows(home, before)}
    added, relabelled, moved, n_same = [], [], [], 0
    for row in read_rows(home, after):
        was = old.pop(row.row_id, None)
        if was is None:
            added.append(row)
        elif was.row != row.row:
            relabelled.append((was, row))
        elif was.split != row.split:
            moved.append(row)
        else:
            n_same += 1
    classes = dict.fromkeys((*before.counts, *after.counts))
    return DatasetDiff(
        before.tag, after.tag, tuple(added), tuple(old.values()), tuple(relabelled), tuple(moved), n_same,
        {name: (before.counts.get(name, 0), after.counts.get(name, 0)) for name in classes},
    )  # fmt: skip
