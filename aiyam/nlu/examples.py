"""Training files read and checked: wrong offsets repaired where that is certain, unsound rows rejected with their reason."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiyam.errors import DataError

MAX_TEXT_CHARS = 1000


@dataclass(frozen=True)
class Example:
    """One sound row: spans are (label, start, end, value) in code points of ``text``."""

    text: str
    intent: str
    spans: tuple[tuple[str, int, int, Any], ...] = ()
    filters: dict[str, Any] = field(default_factory=dict)
    group: str = ""
    """Rows of one group (a template) stay on one side of a split."""


@dataclass(frozen=True)
class RowNote:
    """What happened to one row of a file."""

    file: str
    row: int
    action: str
    reason: str


@dataclass
class LoadReport:
    """What a loader kept, repaired and rejected; rows count from 1."""

    n_rows: int = 0
    n_kept: int = 0
    repaired: list[RowNote] = field(default_factory=list)
    rejected: list[RowNote] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return the report as plain JSON types."""
        notes = [vars(n) for n in (*self.repaired, *self.rejected)]
        return {
            "rows": self.n_rows,
            "kept": self.n_kept,
            "repaired": len(self.repaired),
            "rejected": len(self.rejected),
            "notes": notes,
        }

    def write(self, path: Path) -> None:
        """Write the report as JSON."""
        path.write_text(json.dumps(self.as_json(), ensure_ascii=False, indent=1) + "\n", "utf-8")


class _Unsound(Exception):
    """A row that cannot be used; the text is the reason."""


def load_examples(path: Path) -> tuple[list[Example], LoadReport]:
    """Read ``{"training_data": [...]}``, a JSON list, or JSON Lines.

    A span whose offsets do not give its text is repaired when the text occurs exactly once; otherwise the row is
    rejected. A text that comes twice with different intents keeps its first row.

    Raises:
        DataError: the file cannot be read as any of these, or no sound row is left.
    """
    report = LoadReport()
    examples: list[Example] = []
    first_intent: dict[str, str] = {}
    for number, row in _rows(path, report):
        report.n_rows += 1
        notes: list[str] = []
        try:
            example = _sound(row, notes)
            known = first_intent.setdefault(example.text, example.intent)
            if known != example.intent:
                raise _Unsound(f"the same text stands earlier with intent {known}, here {example.intent}")
        except _Unsound as reason:
            report.rejected.append(RowNote(path.name, number, "rejected", str(reason)))
            continue
        report.repaired += [RowNote(path.name, number, "repaired", n) for n in notes]
        examples.append(example)
    report.n_kept = len(examples)
    if not examples:
        why = f" First reason: {report.rejected[0].reason}." if report.rejected else ""
        raise DataError(
            f"Expected training rows in {path}, found no sound one.{why}", hint="See datasets/README.md for the format."
        )
    return examples, report


def _rows(path: Path, report: LoadReport) -> Iterator[tuple[int, Any]]:
    try:
        with path.open("rb") as handle:
            start = handle.read(4096).lstrip(b"\xef\xbb\xbf \t\r\n")
    except OSError as error:
        raise DataError(
            f"Expected a training file at {path}, got: {error.strerror}.", hint="Check the path."
        ) from error
    first_line = start.split(b"\n", 1)[0].strip()
    whole = start.startswith(b"[") or (
        start.startswith(b"{") and (b'"training_data"' in first_line or first_line == b"{")
    )
    if whole:
        yield from enumerate(_whole(path), 1)
        return
    with path.open("rb") as handle:
        for number, raw in enumerate(handle, 1):
            line = raw.removeprefix(b"\xef\xbb\xbf").strip()
            if not line:
                continue
            try:
                yield number, json.loads(line.decode("utf-8"))
            except UnicodeDecodeError:
                report.n_rows += 1
                report.rejected.append(RowNote(path.name, number, "rejected", "expected UTF-8, got other bytes"))
            except (json.JSONDecodeError, RecursionError) as error:
                report.n_rows += 1
                report.rejected.append(RowNote(path.name, number, "rejected", f"expected a JSON object, got: {error}"))


def _whole(path: Path) -> Iterable[Any]:
    try:
        data = json.loads(path.read_bytes().decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise DataError(
            f"Expected {path} in UTF-8, got other bytes at {error.start}.", hint="Save it as UTF-8."
        ) from error
    except (json.JSONDecodeError, RecursionError) as error:
        raise DataError(
            f"Expected JSON in {path}, got: {error}.", hint="Use a list, training_data, or JSON Lines."
        ) from error
    rows = data.get("training_data") if isinstance(data, dict) else data
    if not isinstance(rows, list):
        raise DataError(
            f'Expected "training_data": [...] in {path}, got {type(rows).__name__}.', hint="See datasets/README.md."
        )
    return rows


def _sound(row: Any, notes: list[str]) -> Example:
    if not isinstance(row, dict):
        raise _Unsound(f"expected an object, got {type(row).__name__}")
    text, intent = row.get("text"), row.get("intent")
    if not isinstance(text, str) or not text.strip():
        raise _Unsound("expected a text, got none")
    if len(text) > MAX_TEXT_CHARS:
        raise _Unsound(f"expected at most {MAX_TEXT_CHARS} characters, got {len(text)}")
    if not isinstance(intent, str) or not intent.strip():
        raise _Unsound("expected an intent, got none")
    entities, filters = row.get("entities") or [], row.get("filters") or {}
    if not isinstance(entities, list) or not isinstance(filters, dict):
        raise _Unsound("expected entities as a list and filters as an object")
    spans = sorted((_span(text, e, notes) for e in entities), key=lambda s: s[1])
    for left, right in itertools.pairwise(spans):
        if right[1] < left[2]:
            raise _Unsound(f"spans {text[left[1] : left[2]]!r} and {text[right[1] : right[2]]!r} overlap")
    return Example(text, intent.strip(), tuple(spans), filters, str(row.get("template") or ""))


def _span(text: str, entity: Any, notes: list[str]) -> tuple[str, int, int, Any]:
    if not isinstance(entity, dict) or not isinstance(entity.get("entity"), str) or not entity["entity"]:
        raise _Unsound(f"expected an entity with its kind, got {entity!r}"[:120])
    kind, surface = entity["entity"], entity.get("text")
    start: Any = entity.get("start")
    end: Any = entity.get("end")
    placed = isinstance(start, int) and isinstance(end, int) and 0 <= start < end <= len(text)
    if placed and (surface is None or text[start:end] == surface):
        return kind, int(start), int(end), entity.get("value", text[start:end])
    if not isinstance(surface, str) or not surface:
        raise _Unsound(f"{kind}: offsets {start}..{end} do not fit the text and no surface form is given")
    occurrences = text.count(surface)
    if occurrences != 1:
        raise _Unsound(f"{kind}: {surface!r} does not stand at {start}..{end} and occurs {occurrences} times")
    found = text.index(surface)
    notes.append(f"{kind} {surface!r}: offsets {start}..{end} set to {found}..{found + len(surface)}")
    return kind, found, found + len(surface), entity.get("value", surface)
