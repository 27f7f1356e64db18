"""The training table as files: CSV or Parquet with the contract's columns, written in parts, whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from aiyam.errors import DataError, InvalidInput
from aiyam.ranking.features import N_NUMBERS, N_WIDE
from aiyam.training.table import TrainingTable

COLUMNS: tuple[str, ...] = (
    "user_id", "shop_id", "label", "weight",
    *(f"wide_feat_{i}" for i in range(N_WIDE)), *(f"num_feat_{i}" for i in range(N_NUMBERS)),
    "category", "brand_id", "semantic_query", "ts",
)  # fmt: skip
"""Columns of the written table, in order."""

ENDINGS = (".csv", ".parquet")


class TableFile:
    """One open file; ``add`` appends rows, a group at a time, so that a table never has to fit into memory."""

    def __init__(self, path: Path, ending: str, shop_ids: Sequence[str], brand_names: Sequence[str]) -> None:
        import pyarrow as pa

        text = {"user_id", "shop_id", "brand_id", "semantic_query"}
        whole = {"label": pa.int8(), "category": pa.int8(), "ts": pa.int64()}
        self._schema = pa.schema(
            [(name, pa.string() if name in text else whole.get(name, pa.float32())) for name in COLUMNS]
        )
        self._shop_ids = np.array(shop_ids, dtype=object)
        self._brand_names = np.array([*brand_names, ""], dtype=object)
        self.n_rows = 0
        self._writer: Any
        if ending == ".csv":
            from pyarrow import csv

            self._writer = csv.CSVWriter(path, self._schema)
        else:
            from pyarrow import parquet

            self._writer = parquet.ParquetWriter(path, self._schema)

    def add(self, table: TrainingTable) -> None:
        """Append the rows of a table."""
        import pyarrow as pa

        if not len(table):
            return
        request = np.repeat(np.arange(table.n_requests), np.diff(table.list_start))
        wide, numbers = np.ascontiguousarray(table.wide.T), np.ascontiguousarray(table.numbers.T)
        columns: list[Any] = [
            np.array(table.user_ids, dtype=object)[request],
            self._shop_ids[table.shop_row],
            table.label.astype(np.int8),
            table.weight.astype(np.float32),
            *wide,
            *numbers,
            table.category,
            self._brand_names[table.brand],
            np.array(table.semantic_queries, dtype=object)[request],
            table.ts[request],
        ]
        arrays = [pa.array(column, kind) for column, kind in zip(columns, self._schema.types, strict=True)]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
        self.n_rows += len(table)

    def close(self) -> None:
        """Finish the file."""
        self._writer.close()


def check_ending(path: Path) -> None:
    """Check that the file's ending says how to write it.

    Raises:
        DataError: another ending.
    """
    if path.suffix not in ENDINGS:
        raise DataError(
            f"Expected a file name ending in {' or '.join(ENDINGS)}, got {path.name}.", hint="Choose one of the two."
        )


@contextmanager
def partial_files(paths: Sequence[Path]) -> Iterator[list[Path]]:
    """Give hidden names beside the paths; the files take their own names, synced, only when the block ends well.

    Raises:
        InvalidInput: the folder cannot be written to.
    """
    partial = [path.with_name(f".{path.name}.{os.getpid()}.part") for path in paths]
    try:
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
        for path in partial:
            path.touch()
    except OSError as error:
        raise InvalidInput(
            f"Expected a folder that can be written to at {paths[0].parent}, but: {error.strerror}.",
            hint="Name another file with --out.",
        ) from None
    try:
        yield partial
        for path in partial:
            with path.open("rb+") as handle:
                os.fsync(handle.fileno())
        for written, path in zip(partial, paths, strict=True):
            os.replace(written, path)
    finally:
        for path in partial:
            with suppress(OSError):
                path.unlink(missing_ok=True)


def write_table(table: TrainingTable, shop_ids: Sequence[str], brand_names: Sequence[str], path: Path) -> None:
    """Write a whole table as CSV or Parquet, by the file's ending; columns as in ``COLUMNS``.

    Raises:
        DataError: another ending.
        InvalidInput: the folder cannot be written to.
    """
    check_ending(path)
    with partial_files([path]) as (partial,):
        file = TableFile(partial, path.suffix, shop_ids, brand_names)
        file.add(table)
        file.close()
