"""Labelled rows on their way into a training: what is held out, noisy copies that keep their spans, the data's digest."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Mapping, Sequence, Set
from pathlib import Path
from typing import Any

from aiyam.korean.noise import noisy
from aiyam.nlu.examples import Example

Spans = list[tuple[str, int, int]]
MAX_HELD = 1500
"""Held-out rows beyond these make a training slower and its choices no better."""


def hold_out(
    examples: Sequence[Example], rng: random.Random, *, share: float = 0.1, most: int = MAX_HELD
) -> tuple[list[Example], list[Example]]:
    """Split into (fit, held): whole templates, and single texts of the rest; no intent leaves the fitted part wholly.

    Args:
        share: of the templates and of the texts that is held out.
        most: about so many rows are held out at the most, so that of a large file no row is held out for nothing.
    """
    share = min(share, most / max(1, len(examples)))
    groups = sorted({e.group for e in examples if e.group})
    held_groups = set(rng.sample(groups, int(len(groups) * share)))
    fit: list[Example] = []
    held: list[Example] = []
    sides: dict[str, bool] = {}
    for example in examples:
        if not example.group and example.text not in sides:  # a text said twice would tell itself
            sides[example.text] = rng.random() < share
        out = example.group in held_groups if example.group else sides[example.text]
        (held if out else fit).append(example)
    lacking = {e.intent for e in held} - {e.intent for e in fit}
    fit += [e for e in held if e.intent in lacking]
    held = [e for e in held if e.intent not in lacking]
    return fit, held or fit[:50]


def spans_of(example: Example) -> Spans:
    """Return a row's spans without their values."""
    return [(kind, start, end) for kind, start, end, _ in example.spans]


def span_f1(said: Iterable[Set[Any]], gold: Iterable[Set[Any]]) -> float:
    """Return the exact micro F1 of spans, row by row; 1 where nobody says any."""
    hit = total = 0
    for ours, theirs in zip(said, gold, strict=True):
        hit, total = hit + len(ours & theirs), total + len(ours) + len(theirs)
    return 2 * hit / total if total else 1.0


def noisy_copy(example: Example, rng: random.Random) -> tuple[str, Spans]:
    """Return the row as hurried thumbs would type it, its spans moved along."""
    copy = noisy(example.text, rng)
    moved = ((kind, copy.moved(start, end)) for kind, start, end in spans_of(example))
    return copy.text, [(kind, *place) for kind, place in moved if place is not None]


def substituted(example: Example, others: Mapping[str, Sequence[str]], rng: random.Random) -> tuple[str, Spans]:
    """Return the row with some of its spans said in words of other rows' spans of the same kind.

    Args:
        others: the surface forms of each kind in the whole corpus.
    """
    text, at = "", 0
    spans: Spans = []
    for kind, start, end in spans_of(example):
        text += example.text[at:start]
        surface = rng.choice(others[kind]) if rng.random() < 0.5 else example.text[start:end]
        spans.append((kind, len(text), len(text) + len(surface)))
        text += surface
        at = end
    return text + example.text[at:], spans


def digest_of(data: Path, *, leave_out: Sequence[Path] = ()) -> str:
    """Return the SHA-256 of a file, or of a folder's files in order of name but those left out."""
    digest = hashlib.sha256()
    for path in sorted(data.iterdir()) if data.is_dir() else [data]:
        if path.is_file() and path not in leave_out:
            with path.open("rb") as handle:
                while block := handle.read(1 << 20):
                    digest.update(block)
    return digest.hexdigest()
