"""Rows a language model is tuned on, read from files: what can be used, what was refused and why, what is held out."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from aiyam.contracts import InstructionRow
from aiyam.errors import DataError
from aiyam.nlu.row_file import open_rows

HELD_SHARE, MAX_HELD = 0.1, 500
_MAX_TOLD = 200


@dataclass
class RowsReport:
    """What was found in a file: its rows, those used, and the refused ones as (number, reason), at most 200 of them."""

    file: str
    n_rows: int = 0
    n_used: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    told: list[tuple[int, str]] = field(default_factory=list)

    def refuse(self, number: int, kind: str, reason: str) -> None:
        """Count a row that cannot be used."""
        self.refused[kind] += 1
        if len(self.told) < _MAX_TOLD:
            self.told.append((number, reason))

    def as_json(self) -> dict[str, Any]:
        """The report as JSON types."""
        rows = [{"row": number, "reason": reason} for number, reason in self.told]
        return {
            "file": self.file,
            "rows": self.n_rows,
            "used": self.n_used,
            "refused": dict(self.refused),
            "which": rows,
        }


def read_instructions(path: Path) -> tuple[list[tuple[int, InstructionRow]], RowsReport]:
    """Read rows of ``{instruction, input, output}`` from JSON Lines or a JSON list; each comes with its number.

    Raises:
        DataError: no such file, another format, or no usable row; the message names the first reason.
    """
    report = RowsReport(path.name)
    rows: list[tuple[int, InstructionRow]] = []
    seen: set[str] = set()
    for raw in open_rows(path).rows():
        report.n_rows += 1
        if raw.problem is not None:
            report.refuse(raw.number, *raw.problem)
            continue
        try:
            row = InstructionRow.model_validate(raw.value)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"][:1]) or "row"
            report.refuse(raw.number, f"{where}: {first['type']}", f"{where}: {first['msg']}")
            continue
        key = row.model_dump_json(exclude={"turn_id"})
        if key in seen:
            report.refuse(raw.number, "duplicate", "the same as a row before it")
            continue
        seen.add(key)
        rows.append((raw.number, row))
    report.n_used = len(rows)
    if not rows:
        raise DataError(
            f"Expected rows of instruction, input and output in {path}, found none of {report.n_rows} usable"
            + (f" (row {report.told[0][0]}: {report.told[0][1]})." if report.told else "."),
            hint='Write JSON Lines like {"instruction": "…", "input": "…", "output": "…"}; output is text or an object.',
        )
    return rows, report


def hold_out(
    rows: Sequence[tuple[int, InstructionRow]], seed: int
) -> tuple[list[tuple[int, InstructionRow]], list[tuple[int, InstructionRow]]]:
    """Split into (train, held): a tenth, at most ``MAX_HELD`` questions; answers to one question stay on one side.

    Raises:
        DataError: all rows ask the same.
    """
    asked: dict[str, list[tuple[int, InstructionRow]]] = {}
    for number, row in rows:
        asked.setdefault(row.model_dump_json(include={"instruction", "input"}), []).append((number, row))
    if len(asked) < 2:
        raise DataError(
            "Expected rows that ask at least two different things, got one.",
            hint="Give more rows, or rows to be judged by: --val_data FILE.",
        )
    groups = list(asked.values())
    random.Random(seed).shuffle(groups)
    n_held = min(MAX_HELD, max(1, round(len(groups) * HELD_SHARE)))
    return [row for group in groups[n_held:] for row in group], [row for group in groups[:n_held] for row in group]
