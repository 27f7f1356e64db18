"""Any file: a workbook by its bytes, else a merchant list."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from aiyam.catalogue.importing.merchants import import_merchants
from aiyam.catalogue.importing.workbook import import_workbook
from aiyam.contracts import ImportReport, Progress
from aiyam.errors import DataError
from aiyam.store import Store


def import_file(
    store: Store,
    path: Path,
    *,
    replace: bool = False,
    rejects_dir: Path | None = None,
    mask: Callable[[str], str] | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> ImportReport:
    """Import a merchant list (CSV, JSON) or the service's workbook (xlsx), told apart by what the file holds.

    Args:
        mask: takes personal data out of review comments; without it comments are not stored.

    Raises:
        DataError: neither kind of file; the message says what was expected, the store is unchanged.
    """
    path = Path(path)
    try:
        with path.open("rb") as handle:
            head = handle.read(4)
    except OSError as error:
        raise DataError(
            f"Expected a file to import at {path}, but: {error.strerror}.", hint="Check the path and its rights."
        ) from error
    if head == b"PK\x03\x04" or path.suffix.lower() in (".xlsx", ".xlsm"):
        return import_workbook(store, path, replace=replace, rejects_dir=rejects_dir, mask=mask, progress=progress)
    return import_merchants(store, path, replace=replace, rejects_dir=rejects_dir, progress=progress)
