"""Shops and menus out of the store: CSV for spreadsheets (UTF-8 with BOM) and JSON Lines; nothing about people."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from aiyam.catalogue.importing.rejects import inert
from aiyam.errors import DataError
from aiyam.store import Store
from aiyam.store.columns import get_fact, read_columns
from aiyam.store.schema import Table, shop, shop_menu

TABLES = (("shops", shop), ("menus", shop_menu))
"""What is exported, as file stem and table; people, orders, reviews and turns are not."""


def export_catalogue(store: Store, folder: Path) -> dict[Path, int]:
    """Write ``shops.csv``, ``shops.jsonl``, ``menus.csv`` and ``menus.jsonl``; return rows by file.

    Every row carries ``synthetic``, so that a made-up shop cannot be taken for a real one. A cell that a spreadsheet would
    run as a formula gets an apostrophe in the CSV; JSON Lines are exact. Each file appears whole or not at all.

    Raises:
        DataError: the folder cannot be written.
    """
    synthetic = get_fact(store, "synthetic") or "unknown"
    written: dict[Path, int] = {}
    for stem, table in TABLES:
        names = list(table.c.keys())
        columns = read_columns(store, table, names)
        n_rows = len(columns[names[0]])
        for suffix, write in ((".csv", _write_csv), (".jsonl", _write_jsonl)):
            path = folder / f"{stem}{suffix}"
            partial = path.with_name(f".{path.name}.{os.getpid()}.part")
            try:
                folder.mkdir(parents=True, exist_ok=True)
                write(partial, [*names, "synthetic"], _rows(table, columns, synthetic))
                os.replace(partial, path)
            except OSError as error:
                with suppress(OSError):
                    partial.unlink(missing_ok=True)
                raise DataError(
                    f"Expected to write {path}, but: {error}.", hint="Name another folder, or free some space."
                ) from error
            written[path] = n_rows
    return written


def _rows(table: Table, columns: dict[str, list[Any]], synthetic: str) -> Iterator[tuple[Any, ...]]:
    sources = columns["source"] if "source" in table.c else None
    for i, row in enumerate(zip(*columns.values(), strict=True)):
        if sources is not None and synthetic == "mixed":
            yield (*row, "true" if sources[i] == "synthetic" else "false")
        else:
            yield (*row, synthetic)


def _write_csv(path: Path, names: list[str], rows: Iterator[tuple[Any, ...]]) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(names)
        for row in rows:
            writer.writerow([inert(cell) if isinstance(cell, str) else cell for cell in row])


def _write_jsonl(path: Path, names: list[str], rows: Iterator[tuple[Any, ...]]) -> None:
    with path.open("w", encoding="utf-8") as handle:
        for row in rows:
            handle.write(json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False) + "\n")
