"""Training rows read and checked: what is certain is repaired, what is unsound rejected with its reason, all of it reported."""

from __future__ import annotations

import difflib
import hashlib
import heapq
import itertools
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from aiyam.errors import DataError
from aiyam.nlu.load_report import LoadReport, summary_ko
from aiyam.nlu.row_file import open_rows

__all__ = ["MAX_ROWS", "MAX_TEXT_CHARS", "Conflicts", "Example", "LoadReport", "load_examples"]

MAX_TEXT_CHARS = 1000
MAX_ROWS = 200_000
"""Rows kept of one file. Of a larger one whole texts are left out evenly, by a hash of the text."""
_TOLD_EVERY = 2000
_UNWRITABLE = re.compile("[\ud800-\udfff\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")

Conflicts = Literal["majority", "keep"]


@dataclass(frozen=True)
class Example:
    """One sound row: spans are (label, start, end, value) in code points of ``text``."""

    text: str
    intent: str
    spans: tuple[tuple[str, int, int, Any], ...] = ()
    filters: dict[str, Any] = field(default_factory=dict)
    group: str = ""
    """Rows of one group (a template) stay on one side of a split."""
    row: int = field(default=0, compare=False)
    """Where it stands in its file, from 1; 0 when it comes from none."""


class _Unsound(Exception):
    """A row that cannot be used."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


def load_examples(
    path: Path,
    *,
    known_intents: Collection[str] | None = None,
    known_entities: Collection[str] | None = None,
    conflicts: Conflicts = "majority",
    max_rows: int = MAX_ROWS,
    told: Callable[[float], None] | None = None,
) -> tuple[list[Example], LoadReport]:
    """Read ``{"training_data": [...]}``, a JSON list, or JSON Lines, in bounded memory; rows come in the file's order.

    A span whose offsets do not give its text is repaired when the text occurs exactly once; otherwise the row is
    rejected. Offsets count code points of the text as given, composed or not. Rows that say exactly the same are all
    kept: how often a thing is said is knowledge too.

    Args:
        known_intents: with these, a row of another intent is rejected; without, every label is one.
        known_entities: the same for the kinds of its spans.
        conflicts: what becomes of one text that stands with several labellings. ``majority`` keeps the one most rows
            agree on, so that a slip does not win by coming first, and of equally many the first, so that the result
            does not depend on chance; ``keep`` keeps all, as scoring a test file must.
        max_rows: the most rows kept; more are left out by a hash of their text, copies of a text together.
        told: called now and then with the share of the file that has been read.

    Raises:
        DataError: the file cannot be read as any of these, or no sound row is left.
    """
    rows = open_rows(path)
    report = LoadReport(file=path.name, layout=rows.layout, encoding=rows.encoding)
    kept = _Kept(max_rows)
    for raw in rows.rows():
        report.n_rows += 1
        if told is not None and report.n_rows % _TOLD_EVERY == 0:
            told(rows.share_read)
        repairs = list(raw.repairs)
        try:
            if raw.problem:
                raise _Unsound(*raw.problem)
            example = _sound(raw.value, raw.number, repairs, known_intents, known_entities)
        except _Unsound as unsound:
            report.n_rejected += 1
            report.note(raw.number, "rejected", unsound.kind, str(unsound))
            continue
        report.n_repaired += bool(repairs)
        for kind, reason in repairs:
            report.note(raw.number, "repaired", kind, reason)
        kept.add(example)
    examples = list(kept.settled(report, conflicts))
    report.n_kept, report.n_left_out = len(examples), kept.n_left_out
    report.intents = dict(Counter(e.intent for e in examples))
    if not examples:
        why = f" First reason, row {report.rejected[0].row}: {report.rejected[0].reason}." if report.rejected else ""
        raise DataError(
            f"Expected training rows in {path}, found no sound one.{why}",
            hint=f"See the README of datasets/nlu for the format.\n{summary_ko([report.as_json()])}",
        )
    return examples, report


class _Kept:
    """The rows kept so far by text, at most ``max_rows``; beyond, the texts with the largest hashes go, all their rows.

    Which texts stay depends on the texts alone, never on their order (the bottom-k sample of Cohen and Kaplan, 2007),
    so a majority among the rows of a kept text is a majority of the file.
    """

    def __init__(self, max_rows: int) -> None:
        self._max_rows = max_rows
        self._by_text: dict[str, list[Example]] = {}
        self._largest: list[tuple[int, str]] = []
        self._bar = 1 << 64
        self._n = 0
        self.n_left_out = 0

    def add(self, example: Example) -> None:
        rows = self._by_text.get(example.text)
        if rows is None:
            key = chance_of(example.text)
            if key >= self._bar:
                self.n_left_out += 1
                return
            rows = self._by_text[example.text] = []
            heapq.heappush(self._largest, (-key, example.text))
        elif len(rows) >= self._max_rows:
            self.n_left_out += 1
            return
        rows.append(example)
        self._n += 1
        while self._n > self._max_rows and len(self._by_text) > 1:
            key, text = heapq.heappop(self._largest)
            self._bar = -key
            gone = len(self._by_text.pop(text))
            self._n -= gone
            self.n_left_out += gone

    def settled(self, report: LoadReport, conflicts: Conflicts) -> Iterator[Example]:
        """Yield the rows in their order in the file, one labelling a text unless all are kept; count copies."""
        chosen: list[Example] = []
        for rows in self._by_text.values():
            if len(rows) == 1:
                chosen += rows
                continue
            labellings = Counter(_labelling(e) for e in rows)
            if len(labellings) > 1:
                report.n_conflicts += 1
                if conflicts == "majority":
                    rows = _majority(rows, report)
                    labellings = Counter(_labelling(e) for e in rows)
            report.n_copies += len(rows) - len(labellings)
            chosen += rows
        report.rejected.sort(key=lambda n: n.row)
        yield from sorted(chosen, key=lambda e: e.row)


def chance_of(text: str) -> int:
    """Return a number below 2^64 that is the text's alone: what is kept of too many rows is what has the smallest."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8"), digest_size=8).digest(), "big")


def _majority(rows: list[Example], report: LoadReport) -> list[Example]:
    """Keep the rows of the labelling most of one text's rows agree on: first the intent, then spans and filters."""
    intent = Counter(e.intent for e in rows).most_common(1)[0][0]  # of equally many, Counter names the first met
    winner = Counter(_labelling(e) for e in rows if e.intent == intent).most_common(1)[0][0]
    keep = [e for e in rows if _labelling(e) == winner]
    for row in rows:
        if _labelling(row) != winner:
            differs = f"intent {row.intent!r}" if row.intent != intent else "other spans or filters"
            report.n_rejected += 1
            report.note(
                row.row,
                "rejected",
                "conflict",
                f"{differs}: the same text stands in {len(rows)} rows; {len(keep)} of them, the first in row "
                f"{keep[0].row}, agree on intent {intent!r} and are kept",
            )
    return keep


def _labelling(example: Example) -> str:
    return json.dumps([example.intent, example.spans, example.filters], sort_keys=True, default=str)


def _sound(
    row: Any,
    number: int,
    repairs: list[tuple[str, str]],
    known_intents: Collection[str] | None,
    known_entities: Collection[str] | None,
) -> Example:
    if not isinstance(row, dict):
        raise _Unsound("shape", f"expected an object, got {type(row).__name__}")
    text, intent = row.get("text"), row.get("intent")
    if not isinstance(text, str) or not text.strip():
        raise _Unsound("text", "expected a text, got none")
    if len(text) > MAX_TEXT_CHARS:
        raise _Unsound("too_long", f"expected at most {MAX_TEXT_CHARS} characters, got {len(text)}")
    if _UNWRITABLE.search(text):
        text = _writable(text)
        repairs.append(("characters", "control characters made spaces, half characters (lone surrogates) made U+FFFD"))
        if not text.strip(" \ufffd\t\r\n"):
            raise _Unsound("text", "expected a text, got control characters or half characters only")
    if not isinstance(intent, str) or not intent.strip():
        raise _Unsound("no_intent", "expected an intent, got none")
    intent = _label(_writable(intent).strip(), known_intents, "intent", repairs)
    entities, filters = row.get("entities"), row.get("filters")
    entities, filters = [] if entities is None else entities, {} if filters is None else filters
    if not isinstance(entities, list) or not isinstance(filters, dict):
        raise _Unsound("shape", "expected entities as a list and filters as an object")
    spans: list[tuple[str, int, int, Any]] = []
    for span in sorted((_span(text, e, repairs, known_entities) for e in entities), key=lambda s: s[1:3]):
        if spans and span[:3] == spans[-1][:3]:
            repairs.append(("span_twice", f"{span[0]} at {span[1]}..{span[2]} stands twice; once kept"))
        else:
            spans.append(span)
    for left, right in itertools.pairwise(spans):
        if right[1] < left[2]:
            raise _Unsound("overlap", f"spans {text[left[1] : left[2]]!r} and {text[right[1] : right[2]]!r} overlap")
    return Example(text, intent, tuple(spans), filters, str(row.get("template") or ""), number)


def _writable(text: str) -> str:
    """Replace what no file can hold or no eye can see, one character for one, so that offsets stay what they are."""
    return _UNWRITABLE.sub(lambda m: "\ufffd" if "\ud800" <= m.group() <= "\udfff" else " ", text)


def _label(label: str, known: Collection[str] | None, what: str, repairs: list[tuple[str, str]]) -> str:
    """Return the label as the known ones spell it; case, spaces, hyphens and underscores are no difference."""
    if known is None or label in known:
        return label
    by_folded = {_folded(k): str(k) for k in known}
    if (found := by_folded.get(_folded(label))) is not None:
        repairs.append(("label", f"{what} {label!r} is spelt {found!r} here"))
        return found
    near = difflib.get_close_matches(_folded(label), by_folded, n=1)
    meant = f"; did you mean {by_folded[near[0]]!r}?" if near else ""
    raise _Unsound(f"unknown_{what}", f"expected an {what} of the {len(by_folded)} known ones, got {label!r}{meant}")


def _folded(label: str) -> str:
    return re.sub(r"[\s_-]+", "", label).casefold()


def _span(
    text: str, entity: Any, repairs: list[tuple[str, str]], known: Collection[str] | None
) -> tuple[str, int, int, Any]:
    if not isinstance(entity, dict) or not isinstance(entity.get("entity"), str) or not entity["entity"].strip():
        raise _Unsound("shape", f"expected an entity with its kind, got {entity!r}")
    kind = _label(_writable(entity["entity"]).strip(), known, "entity", repairs)
    surface, start, end = entity.get("text"), entity.get("start"), entity.get("end")
    if isinstance(surface, str):
        surface = _writable(surface)
    if type(start) is int and type(end) is int and 0 <= start < end <= len(text) and text[start:end].strip():
        here = text[start:end]
        if surface is None or here == surface or _composed(here) == _composed(str(surface)):
            return kind, start, end, entity.get("value", here)
    if not isinstance(surface, str) or not surface.strip():
        raise _Unsound(
            "offsets", f"{kind}: offsets {start!r}..{end!r} do not fit the text and no surface form is given"
        )
    found = _occurrences(text, surface)
    if len(found) != 1:
        raise _Unsound(
            "offsets", f"{kind}: {surface!r} does not stand at {start!r}..{end!r} and occurs {len(found)} times"
        )
    first, last = found[0]
    repairs.append(("offsets", f"{kind} {surface!r}: offsets {start!r}..{end!r} set to {first}..{last}"))
    return kind, first, last, entity.get("value", surface)


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _occurrences(text: str, surface: str) -> list[tuple[int, int]]:
    """Return where a surface form stands, overlaps too; where it stands nowhere, where it does once both are composed."""
    found, at = [], text.find(surface)
    while at >= 0:
        found.append((at, at + len(surface)))
        at = text.find(surface, at + 1)
    whole, wanted = _composed(text), _composed(surface)
    if found or (whole == text and wanted == surface) or wanted not in whole:
        return found
    longest = len(unicodedata.normalize("NFD", wanted))
    for start in range(len(text)):
        for end in range(start + 1, min(len(text), start + longest) + 1):
            if _composed(text[start:end]) == wanted and whole == (
                _composed(text[:start]) + wanted + _composed(text[end:])  # cuts no syllable in two
            ):
                found.append((start, end))
    return found
