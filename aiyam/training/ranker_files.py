"""The ranker's lessons from written training tables (CSV or Parquet): checked, put into lists, split by time if need be."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiyam.candidates.encoder import TextEncoder
from aiyam.catalogue.arrays import Catalogue
from aiyam.catalogue.interactions import Interactions
from aiyam.errors import DataError
from aiyam.ranking.features import N_NUMBERS, N_WIDE, feature_table
from aiyam.ranking.ranker import Vocabulary, index_of
from aiyam.ranking.statistics import N_CATEGORIES, Crosses, Statistics, fit_crosses
from aiyam.ranking.wide_deep import WideDeepConfig
from aiyam.registry import sha256_of
from aiyam.store import Store
from aiyam.training.lessons import Lessons
from aiyam.training.protocol import Report
from aiyam.training.ranker_base import Base
from aiyam.training.ranker_store import profiles_at
from aiyam.training.table import split_time
from aiyam.training.table_files import COLUMNS, ENDINGS
from aiyam.training.wide_deep_rows import Inputs

_TEXT = ("user_id", "shop_id", "brand_id", "semantic_query")


@dataclass(frozen=True)
class FileTable:
    """The r rows of a file: ids as text, the numeric columns as arrays."""

    user_ids: NDArray[np.object_]
    shop_ids: NDArray[np.object_]
    brands: NDArray[np.object_]
    queries: NDArray[np.object_]
    ts: NDArray[np.int64]
    label: NDArray[np.float32]
    weight: NDArray[np.float32]
    wide: NDArray[np.float32]
    numbers: NDArray[np.float32]
    category: NDArray[np.int64]

    def part(self, rows: NDArray[np.intp]) -> FileTable:
        """Return some rows."""
        return FileTable(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class FileLessons:
    """Where lessons come from when files are learned from; the crosses to serve with are the base's or the store's."""

    store: Store
    encoder_dir: Path
    config: WideDeepConfig
    train_data: Path
    valid_data: Path | None = None
    base: Base | None = None

    def recipe(self) -> dict[str, Any]:
        """Say all that decides the lessons, as JSON types."""
        return {
            "train_data": sha256_of(_there(self.train_data)),
            "valid_data": None if self.valid_data is None else sha256_of(_there(self.valid_data)),
            "encoder": sha256_of(self.encoder_dir / "manifest.json"),
            "feature_table": list(feature_table()),
            "base": None if self.base is None else self.base.version,
        }

    def prepare(self, report: Report) -> Lessons:
        """Read the files.

        Raises:
            DataError: a file is no training table of this feature table, or its rows cannot be learned from.
        """
        report(0.0, f"reading {self.train_data.name}")
        train = read_table(self.train_data)
        if self.valid_data is not None:
            valid = read_table(self.valid_data)
        else:
            cut = split_time(train.ts)
            train, valid = train.part(np.flatnonzero(train.ts < cut)), train.part(np.flatnonzero(train.ts >= cut))
        if len(train.ts) and len(valid.ts) and int(train.ts.max()) >= int(valid.ts.min()):
            raise DataError(
                f"Expected every earlier row before the later part begins ({int(valid.ts.min())}), got one at"
                f" {int(train.ts.max())}.",
                hint="Split by time; `aiyam data training-table` writes two files that are.",
            )
        report(0.6, "reading the texts asked for")
        vocabulary = vocabulary_of(train, self.config.min_events)
        if self.base is not None:
            vocabulary = self.base.with_new(vocabulary)
        encoder = TextEncoder.load(self.encoder_dir)
        inputs = [lists_of(part, vocabulary, encoder) for part in (train, valid)]
        if not all(len(part.label) for part, _ in inputs):
            raise DataError(
                f"Expected rows in both parts, got {len(train.ts)} earlier and {len(valid.ts)} later.",
                hint="Give a longer table.",
            )
        report(0.9, "fitting the crosses")
        until = int(valid.ts.min())
        return Lessons(
            inputs[0][0],
            inputs[1][0],
            inputs[1][1],
            vocabulary,
            self.base.crosses if self.base is not None else self._crosses(until),
            f"table {self.train_data.name}",
            {
                "history_until": int(train.ts.min()),
                "rows_until": int(valid.ts.max()) + 1,
                "encoder": self.encoder_dir.name,
            },
        )

    def _crosses(self, until: int) -> Crosses:
        catalogue = Catalogue.load(self.store, until=until)
        stats = Statistics.build(catalogue, Interactions.load(self.store, catalogue, until=until), until=until)
        return fit_crosses(catalogue, stats, profiles_at(self.store, until))


def read_table(path: Path) -> FileTable:
    """Read one file that ``aiyam data training-table`` wrote; ids are text, whatever they look like.

    Raises:
        DataError: no such file, another ending, missing columns, another feature table, or a value that is none.
    """
    import pyarrow as pa
    from pyarrow import compute

    _check_report(_there(path))
    found = _read(path)
    missing = [name for name in COLUMNS if name not in found.column_names]
    if missing:
        named = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
        raise DataError(
            f"Expected the {len(COLUMNS)} columns of a training table in {path}, got none named {named}.",
            hint="Write it with `aiyam data training-table`.",
        )
    texts, numeric = {}, {}
    for name in COLUMNS:
        column = found[name]
        try:
            if name in _TEXT:
                column = compute.fill_null(column.cast(pa.string()), "")
                texts[name] = np.asarray(column.to_numpy(zero_copy_only=False), dtype=object)
            else:
                numeric[name] = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise _wrong(path, name, str(error)) from None
        if name in numeric and not np.isfinite(numeric[name]).all():
            row = int(np.flatnonzero(~np.isfinite(numeric[name]))[0]) + 1
            raise _wrong(path, name, f"{numeric[name][row - 1]} in row {row}")
    label, category = numeric["label"], numeric["category"].astype(np.int64)
    if not np.isin(label, (0.0, 1.0)).all():
        raise _wrong(path, "label", f"{label[~np.isin(label, (0.0, 1.0))][0]:g}; labels are 0 or 1")
    if len(category) and not (category.min() >= -1 and category.max() < N_CATEGORIES):
        raise _wrong(path, "category", f"{category.min()}..{category.max()}; known are -1..{N_CATEGORIES - 1}")
    if (numeric["weight"] < 0).any():
        raise _wrong(path, "weight", "a negative one")

    def floats(prefix: str, n: int) -> NDArray[np.float32]:
        return np.stack([numeric[f"{prefix}_{i}"] for i in range(n)], axis=1).astype(np.float32)

    return FileTable(
        texts["user_id"],
        texts["shop_id"],
        texts["brand_id"],
        texts["semantic_query"],
        numeric["ts"].astype(np.int64),
        label.astype(np.float32),
        numeric["weight"].astype(np.float32),
        floats("wide_feat", N_WIDE),
        floats("num_feat", N_NUMBERS),
        category,
    )


def vocabulary_of(train: FileTable, min_events: int) -> Vocabulary:
    """Choose who gets an embedding: whoever stands in at least ``min_events`` rows."""

    def often(names: NDArray[np.object_]) -> tuple[str, ...]:
        return tuple(sorted(name for name, n in Counter(names.tolist()).items() if name and n >= min_events))

    return Vocabulary(users=often(train.user_ids), shops=often(train.shop_ids), brands=often(train.brands))


def lists_of(table: FileTable, vocabulary: Vocabulary, encoder: TextEncoder) -> tuple[Inputs, tuple[str, ...]]:
    """Put rows of one person, time and query into a list; returns the inputs and the person of each list."""
    users, user = np.unique(table.user_ids.astype(str), return_inverse=True)
    queries, query = np.unique(table.queries.astype(str), return_inverse=True)
    order = np.lexsort((query, user, table.ts))
    table, user, query = table.part(order), user[order], query[order]
    keys = np.stack((table.ts, user, query))
    first = np.flatnonzero(np.append(True, (keys[:, 1:] != keys[:, :-1]).any(axis=0))[: len(order)])
    vectors = encoder.encode(queries.tolist()) if len(queries) else np.zeros((0, 128), np.float32)
    asked_by = tuple(str(users[i]) for i in user[first])
    inputs = Inputs(
        list_start=np.append(first, len(order)).astype(np.int64),
        users=index_of(vocabulary.users, list(asked_by)),
        query_vectors=np.ascontiguousarray(vectors[query[first]], dtype=np.float32),
        shops=index_of(vocabulary.shops, table.shop_ids.tolist()),
        brands=index_of(vocabulary.brands, table.brands.tolist()),
        categories=table.category % N_CATEGORIES,
        numbers=table.numbers,
        wide=table.wide,
        label=table.label,
        weight=table.weight,
        shown=np.zeros(len(order), np.bool_),
    )
    return inputs, asked_by


def _there(path: Path) -> Path:
    if path.suffix not in ENDINGS or not path.is_file():
        raise DataError(
            f"Expected a training table ending in {' or '.join(ENDINGS)} at {path}, got"
            f" {'another ending' if path.exists() else 'no file'}.",
            hint="Write one with `aiyam data training-table`.",
        )
    return path


def _read(path: Path) -> Any:
    """Return the file as an arrow table; ids of a CSV are never guessed to be numbers."""
    import pyarrow as pa
    from pyarrow import csv, parquet

    try:
        if path.suffix == ".parquet":
            return parquet.read_table(path)
        types = dict.fromkeys(_TEXT, pa.string())
        return csv.read_csv(path, convert_options=csv.ConvertOptions(column_types=types, strings_can_be_null=False))
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(
            f"Expected a training table in {path}, got: {error}.", hint="Write it with `aiyam data training-table`."
        ) from None


def _check_report(path: Path) -> None:
    """Refuse rows of another feature table, where the report that was written beside them says so."""
    stem = path.stem.removesuffix(".train").removesuffix(".valid")
    report = path.with_name(f"{stem}.report.json")
    if not report.exists():
        return
    try:
        kept = json.loads(report.read_text(encoding="utf-8")).get("feature_table")
    except (OSError, ValueError, AttributeError):
        return
    ours = list(feature_table())
    if kept is None or kept == ours:
        return
    other = next((i for i, (a, b) in enumerate(zip(ours, kept, strict=False)) if a != b), min(len(ours), len(kept)))
    raise DataError(
        f"Expected the feature table of this code in {path}, but its report has another one: slot {other} is"
        f" {kept[other] if other < len(kept) else 'missing'!r}.",
        hint="Write the table again with `aiyam data training-table`.",
    )


def _wrong(path: Path, column: str, got: str) -> DataError:
    return DataError(
        f"Expected finite numbers in column {column} of {path}, got {got}.",
        hint="Write the table again with `aiyam data training-table`.",
    )
