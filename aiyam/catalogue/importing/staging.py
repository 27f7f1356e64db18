"""The staging area: rows as they came, in a SQLite file of their own with the types their columns seem to have."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from aiyam.catalogue.importing.reading import RawSheet
from aiyam.errors import DataError

ROW = "_row"
EXTRA = "_extra"
SHORT = "_short"
_SEEN_AS = "_columns"
_CHUNK_ROWS = 5000


@dataclass(frozen=True)
class StagedSheet:
    """One sheet in the staging area; ``types`` maps a column to integer, float or text as its first rows suggest."""

    name: str
    header: tuple[str, ...]
    n_rows: int
    types: dict[str, str]


class Staging:
    """A temporary SQLite file, one table a sheet. Values are kept as text: "0012" is not made a number."""

    def __init__(self, database: Any) -> None:
        self._database = database
        self._tables: dict[str, str] = {}

    @classmethod
    @contextmanager
    def opened(cls, keep_at: Path | None = None) -> Iterator[Staging]:
        """Open an empty staging file; it is removed at the end unless ``keep_at`` names where it should stay."""
        from sqlite_utils import Database

        with tempfile.TemporaryDirectory(prefix="aiyam-staging-") as folder:
            if keep_at is not None:
                keep_at.parent.mkdir(parents=True, exist_ok=True)
                keep_at.unlink(missing_ok=True)
            database = Database(str(keep_at or Path(folder) / "staging.db"))
            try:
                yield cls(database)
            except sqlite3.Error as error:
                raise DataError(
                    f"Expected room for the rows while they are looked through, but: {error}.",
                    hint="Free some space in the folder for temporary files (TMPDIR) and import again.",
                ) from error
            finally:
                database.close()

    def add(self, sheet: RawSheet) -> StagedSheet:
        """Put a sheet in as it is, and note what types its columns seem to have."""
        from sqlite_utils.utils import TypeTracker

        tracker = TypeTracker()
        table = f"sheet_{len(self._tables)}"
        n_rows = 0

        def records() -> Iterator[dict[str, Any]]:
            nonlocal n_rows
            for raw in sheet.rows:
                n_rows += 1
                cells = {name: _plain(raw.cells.get(name)) for name in sheet.header}
                yield {ROW: raw.number, EXTRA: "\x1f".join(raw.extra), SHORT: int(raw.short), **cells}

        names = {ROW: int, EXTRA: str, SHORT: int, **dict.fromkeys(sheet.header, str)}
        self._database[table].create(names, pk=ROW)
        for i, chunk in enumerate(_chunks(records(), _CHUNK_ROWS)):
            self._database[table].insert_all(tracker.wrap(chunk) if i == 0 else chunk)
        types = {name: kind for name, kind in tracker.types.items() if name not in (ROW, EXTRA, SHORT)}
        self._tables[sheet.name] = table
        self._database[_SEEN_AS].insert_all(
            {"sheet": sheet.name, "table_name": table, "column_name": name, "seen_as": kind}
            for name, kind in types.items()
        )
        return StagedSheet(sheet.name, sheet.header, n_rows, types)

    def rows(self, sheet: StagedSheet) -> Iterator[dict[str, Any]]:
        """Give the rows back in their order, with ``_row``, ``_extra`` (cells beyond the header) and ``_short``."""
        yield from self._database[self._tables[sheet.name]].rows


def _chunks(records: Any, size: int) -> Iterator[list[dict[str, Any]]]:
    while chunk := list(islice(records, size)):
        yield chunk


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        minutes = round(value.total_seconds() / 60)
        return f"{minutes // 60}:{minutes % 60:02}"
    if isinstance(value, bool):
        return int(value)
    return value
