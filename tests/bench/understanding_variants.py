"""The texts a model of the understanding is scored on: as given, spaced as people write, typed in a hurry; spans follow."""

from __future__ import annotations

import itertools
import json
import random
import re
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from aiyam.evaluation.span_match import only_particles
from aiyam.nlu.examples import Example, load_examples
from aiyam.training.rows import noisy_copy

TEXTS = ("given", "natural", "noisy")
_PARTICLES = re.compile(
    "의|에|에서|에게|한테|께|은|는|을|를|와|과|로|으로|까지|부터|랑|이랑|처럼|라는|이라는|에는|에도|에서는|에서의|와의|과의|로는|으로는|까지는|부터는"
)
_AFTER_A_SPAN = ("이", "가")
"""Particles that are words too: re-attached only to a labelled span, which a word of its own seldom follows."""
_WORD = re.compile(r"\S+")
_SLOT = re.compile(r"\[([a-z_]+) : ([^\]]+)\]")


def read_rows(path: Path) -> list[Example]:
    """Read a file of the training contract, or of MASSIVE's (rows with ``utt``, ``annot_utt`` and ``intent``)."""
    with path.open(encoding="utf-8") as lines:
        first = lines.readline()
    if '"annot_utt"' not in first:
        return load_examples(path, conflicts="keep")[0]
    return [_marked(json.loads(line)) for line in path.read_text("utf-8").splitlines() if line]


def write_rows(path: Path, rows: Sequence[Example]) -> Path:
    """Write rows in the training contract."""
    with path.open("w", encoding="utf-8") as out:
        for row in rows:
            entities = [{"entity": k, "start": s, "end": e, "text": row.text[s:e]} for k, s, e, _ in row.spans]
            out.write(json.dumps({"text": row.text, "intent": row.intent, "entities": entities}, ensure_ascii=False))
            out.write("\n")
    return path


def halves(rows: Sequence[Example]) -> tuple[list[Example], list[Example]]:
    """Split rows in two by a hash of their text, so that equal texts stay together."""
    sides: tuple[list[Example], list[Example]] = ([], [])
    for row in rows:
        sides[zlib.crc32(row.text.encode()) >> 16 & 1].append(row)
    return sides


def varied(rows: Sequence[Example], text: str, *, seed: int) -> list[Example]:
    """Return the rows with their texts ``given``, ``natural`` or ``noisy``; each row's noise depends on the row alone."""
    if text == "given":
        return list(rows)
    if text == "natural":
        return [natural(row) for row in rows]
    return [_noisy(row, random.Random(f"{seed} {row.text}")) for row in rows]


def natural(row: Example) -> Example:
    """Re-attach particles that stand alone to the word before them, where they agree with it.

    >>> row = natural(Example("오늘 의 날씨 를 서울 에서 알려줘", "weather", (("date", 0, 2, "오늘"), ("place", 10, 12, "서울"))))
    >>> row.text, [row.text[start:end] for _, start, end, _ in row.spans]
    ('오늘의 날씨를 서울에서 알려줘', ['오늘', '서울'])
    """
    words = [m.span() for m in _WORD.finditer(row.text)]
    inside = {i for _, start, end, _ in row.spans for i in range(start, end)}
    ends = {end for _, _, end, _ in row.spans}
    dropped: list[int] = []
    for (start, end), (first, last) in itertools.pairwise(words):
        word = row.text[first:last]
        loose = _PARTICLES.fullmatch(word) or (word in _AFTER_A_SPAN and end in ends)
        if loose and first not in inside and only_particles(row.text[start:end], word):
            dropped += range(end, first)
    gone = set(dropped)
    text = "".join(c for i, c in enumerate(row.text) if i not in gone)

    def moved(at: int) -> int:
        return at - sum(i < at for i in dropped)

    return replace(row, text=text, spans=tuple((k, moved(s), moved(e), v) for k, s, e, v in row.spans))


def _noisy(row: Example, rng: random.Random) -> Example:
    text, spans = noisy_copy(row, rng)
    return replace(row, text=text, spans=tuple((k, s, e, text[s:e]) for k, s, e in spans))


def _marked(row: dict[str, Any]) -> Example:
    text, at = "", 0
    spans: list[tuple[str, int, int, Any]] = []
    marked = row["annot_utt"]
    for match in _SLOT.finditer(marked):
        text += marked[at : match.start()]
        surface = match.group(2).strip()
        spans.append((match.group(1), len(text), len(text) + len(surface), surface))
        text += surface
        at = match.end()
    return Example(text + marked[at:], row["intent"], tuple(spans))
