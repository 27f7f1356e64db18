"""A dataset version as files for others: the training contract's JSON and JSON Lines, flat rows, Label Studio tasks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, get_args

from aiyam.curation.versions import json_line, read_rows
from aiyam.errors import Conflict, InvalidInput
from aiyam.label_contracts import DatasetRow, DatasetVersion
from aiyam.store.files import written_at_once

ExportFormat = Literal["json", "jsonl", "flat", "label-studio"]
EXPORT_FORMATS: tuple[ExportFormat, ...] = get_args(ExportFormat)
_SPLIT_FILES = {"train": "train", "valid": "validation"}


def export_version(home: Path, version: DatasetVersion, folder: Path, form: ExportFormat = "jsonl") -> dict[Path, int]:
    """Write a version into a folder, a file for each split, each whole or not at all.

    Args:
        form: ``json`` is ``{"training_data": [...]}``; ``jsonl`` a row a line; ``flat`` a row a line in which every column
            has one type (nested values as JSON text), as ``datasets.load_dataset("json", data_files=...)`` needs;
            ``label-studio`` a list of tasks with their labels as annotations (nlu and child).

    Returns:
        Rows of each file.

    Raises:
        InvalidInput: no such format, or a dataset that has no labelling screen.
        Conflict: a file is there already.
        DataError: the version is damaged.
    """
    if form not in EXPORT_FORMATS:
        raise InvalidInput(f"Expected a format of {', '.join(EXPORT_FORMATS)}, got {form!r}.")
    if form == "label-studio" and version.name not in _TASK_OF:
        raise InvalidInput(
            f"Expected nlu or child for Label Studio, got {version.tag}.", hint="Export it as jsonl instead."
        )
    rows: dict[str, list[DatasetRow]] = {"train": [], "valid": []}
    for row in read_rows(home, version):
        rows[row.split].append(row)
    suffix = "jsonl" if form in ("jsonl", "flat") else "json"
    stem = f"{version.name}_{version.version}"
    paths = {split: folder / f"{stem}_{name}.{suffix}" for split, name in _SPLIT_FILES.items() if rows[split]}
    for path in paths.values():
        if path.exists():
            raise Conflict(f"Expected a new file, {path} exists.", hint="Name another folder, or move it away.")
    for split, path in paths.items():
        with written_at_once(path) as out:
            out.writelines(_written(version, rows[split], form))
    return {path: len(rows[split]) for split, path in paths.items()}


def _written(version: DatasetVersion, rows: Iterable[DatasetRow], form: ExportFormat) -> Iterator[str]:
    if form == "jsonl":
        yield from (f"{json_line(one.row)}\n" for one in rows)
    elif form == "flat":
        yield from (f"{json_line(flat_row(one))}\n" for one in rows)
    else:
        values = [one.row for one in rows] if form == "json" else [_TASK_OF[version.name](one) for one in rows]
        whole = {"training_data": values} if form == "json" else values
        yield json.dumps(whole, ensure_ascii=False, indent=1).encode("utf-8", "replace").decode("utf-8") + "\n"


def flat_row(one: DatasetRow) -> dict[str, str]:
    """Return a row as texts: nested values and numbers as JSON, with its id and where it comes from."""
    row = {key: value if isinstance(value, str) else json_line(value) for key, value in one.row.items()}
    row.setdefault("template", "") if "intent" in row else None
    for name in ("age_band", "topic") if "child_friendly" in row else ():
        row.setdefault(name, "")
    return row | {"row_id": one.row_id, "source": one.origin.source}


def _nlu_task(one: DatasetRow) -> dict[str, Any]:
    """Return a row as a task of the understanding screen, with the row as its annotation; filters stand in its data."""
    row = one.row
    result: list[dict[str, Any]] = [
        {
            "id": f"{one.row_id[:8]}-{n}", "type": "labels", "from_name": "entities", "to_name": "text",
            "value": {"start": e["start"], "end": e["end"], "text": e["text"], "labels": [e["entity"]]},
        }
        for n, e in enumerate(row.get("entities") or ())
    ]  # fmt: skip
    result.append(_choice("intent", "text", [row["intent"]]))
    if row.get("semantic_query"):
        result.append(_text("semantic_query", "text", row["semantic_query"]))
    shown = {"text": row["text"], "context": "", "filters": row.get("filters") or {}}
    return _task(one, shown, result)


def _child_task(one: DatasetRow) -> dict[str, Any]:
    """Return a pair as a task of the rewriting screen."""
    row = one.row
    shown = {"answer": row["original"], "age_band": row.get("age_band") or "", "context": ""}
    return _task(one, shown, [_text("rewrite", "answer", row["child_friendly"])])


def _task(one: DatasetRow, shown: dict[str, Any], result: list[dict[str, Any]]) -> dict[str, Any]:
    named = {"aiyam_key": one.origin.task_key or one.row_id, "turn_id": one.origin.turn_id}
    return {"data": {**named, **shown}, "annotations": [{"result": result, "was_cancelled": False}]}


def _choice(name: str, of: str, chosen: list[str]) -> dict[str, Any]:
    return {"type": "choices", "from_name": name, "to_name": of, "value": {"choices": chosen}}


def _text(name: str, of: str, text: str) -> dict[str, Any]:
    return {"type": "textarea", "from_name": name, "to_name": of, "value": {"text": [text]}}


_TASK_OF: dict[str, Callable[[DatasetRow], dict[str, Any]]] = {"nlu": _nlu_task, "child": _child_task}
