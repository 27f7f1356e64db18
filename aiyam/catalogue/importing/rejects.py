"""The rejects file: every row or value an import could not use, with where it stood and why."""

from __future__ import annotations

import csv
from pathlib import Path

from aiyam.contracts import RejectedRow
from aiyam.errors import DataError

MAX_VALUE_CHARS = 200


class Rejects:
    """Collects what an import leaves out; ``n_rows`` counts rows dropped, ``n_repaired`` rows kept after a change."""

    def __init__(self) -> None:
        self.rows: list[RejectedRow] = []
        self.n_rows = 0
        self._repaired: set[tuple[str, int]] = set()

    @property
    def n_repaired(self) -> int:
        """Rows kept although something in them had to be changed or left out."""
        return len(self._repaired)

    def drop_row(self, sheet: str, row: int, column: str, value: object, reason: str) -> None:
        """A whole row is left out."""
        self.n_rows += 1
        self._repaired.discard((sheet, row))
        self._note(sheet, row, column, value, reason)

    def drop_value(self, sheet: str, row: int, column: str, value: object, reason: str) -> None:
        """One value is left empty; the row is kept."""
        self._repaired.add((sheet, row))
        self._note(sheet, row, column, value, f"{reason} (값만 비우고 행은 담음)")

    def repaired(self, sheet: str, row: int) -> None:
        """A row was put right without losing anything."""
        self._repaired.add((sheet, row))

    def write(self, folder: Path, stem: str) -> Path | None:
        """Write ``<stem>.rejects.csv`` (UTF-8 with BOM, so that Excel shows Hangul); None when there is nothing to say.

        Cells that a spreadsheet would run as a formula get an apostrophe. DataError when the file cannot be written.
        """
        if not self.rows:
            return None
        path = folder / f"{stem}.rejects.csv"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with path.open("w", encoding="utf-8-sig", newline="") as handle:
                writer = csv.writer(handle)
                writer.writerow(list(RejectedRow.model_fields))
                for r in self.rows:
                    writer.writerow([r.sheet, r.row, r.column, inert(r.value), r.reason])
        except OSError as error:
            raise DataError(
                f"Expected to write the rejects file {path}, but: {error}.", hint="Name another folder with --rejects."
            ) from error
        return path

    def _note(self, sheet: str, row: int, column: str, value: object, reason: str) -> None:
        shown = "" if value is None else str(value)[:MAX_VALUE_CHARS]
        self.rows.append(RejectedRow(sheet=sheet, row=row, column=column, value=shown, reason=reason))


def inert(cell: str) -> str:
    """Text that a spreadsheet does not run as a formula.

    >>> inert("=1+1"), inert("김밥")
    ("'=1+1", '김밥')
    """
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell
