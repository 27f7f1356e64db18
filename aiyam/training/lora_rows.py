"""Rows a language model is tuned on, read from files: what can be used, what was refused and why, what is held out."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from aiyam.contracts import InstructionRow
from aiyam.errors import DataError
from aiyam.nlu.load_report import LoadReport
from aiyam.nlu.row_file import open_rows

HELD_SHARE, MAX_HELD = 0.1, 500


def read_instructions(path: Path) -> tuple[list[tuple[int, InstructionRow]], LoadReport]:
    """Read rows of ``{instruction, input, output}`` from JSON Lines or a JSON list; each comes with its number.

    A row that says what one before it said is left out as a copy.

    Raises:
        DataError: no such file, another format, or no usable row; the message names the first reason.
    """
    file = open_rows(path)
    report = LoadReport(path.name, file.layout, file.encoding)
    rows: list[tuple[int, InstructionRow]] = []
    seen: set[str] = set()
    for raw in file.rows():
        report.n_rows += 1
        if raw.problem is not None:
            reject(report, raw.number, *raw.problem)
            continue
        try:
            row = InstructionRow.model_validate(raw.value)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"][:1]) or "row"
            reject(report, raw.number, "shape", f"{where}: {first['msg']}")
            continue
        key = row.model_dump_json(exclude={"turn_id"})
        if key in seen:
            set_aside(report, raw.number, "copy", "the same as a row before it")
            continue
        seen.add(key)
        rows.append((raw.number, row))
        report.n_kept += 1
    if not rows:
        told = report.rejected[0] if report.rejected else None
        raise DataError(
            f"Expected rows of instruction, input and output in {path}, found none of {report.n_rows} usable"
            + (f" (row {told.row}: {told.reason})." if told else "."),
            hint='Write JSON Lines like {"instruction": "…", "input": "…", "output": "…"}; output is text or an object.',
        )
    return rows, report


def reject(report: LoadReport, number: int, kind: str, reason: str) -> None:
    """Count a row that cannot be used."""
    report.n_rejected += 1
    report.note(number, "rejected", kind, reason)


def set_aside(report: LoadReport, number: int, kind: str, reason: str) -> None:
    """Count a sound row that is not trained on."""
    report.n_set_aside += 1
    report.note(number, "set_aside", kind, reason)


def asks(row: InstructionRow) -> str:
    """Return what a row asks, without its answer."""
    return row.model_dump_json(include={"instruction", "input"})


def hold_out(
    rows: Sequence[tuple[int, InstructionRow]], seed: int
) -> tuple[list[tuple[int, InstructionRow]], list[tuple[int, InstructionRow]]]:
    """Split into (train, held): a tenth, at most ``MAX_HELD`` questions; answers to one question stay on one side.

    Raises:
        DataError: all rows ask the same.
    """
    asked: dict[str, list[tuple[int, InstructionRow]]] = {}
    for number, row in rows:
        asked.setdefault(asks(row), []).append((number, row))
    if len(asked) < 2:
        raise DataError(
            "Expected rows that ask at least two different things, got one.",
            hint="Give more rows, or rows to be judged by: --val_data FILE.",
        )
    groups = list(asked.values())
    random.Random(seed).shuffle(groups)
    n_held = min(MAX_HELD, max(1, round(len(groups) * HELD_SHARE)))
    return [row for group in groups[n_held:] for row in group], [row for group in groups[:n_held] for row in group]
