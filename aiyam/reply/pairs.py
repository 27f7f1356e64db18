"""A pair for the child-friendly rewriter, an original and its counterpart, and what makes one sound."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from aiyam.contracts import AgeBand
from aiyam.reply.child_friendly import facts_of

MAX_PAIR_CHARS = 1200
TRAINED_ON = "trained_on.json"
"""In a version: the fingerprints of the originals it was trained on, so that none of them is measured on."""
_HANGUL = re.compile("[가-힣]")
_BANDS = frozenset(get_args(AgeBand))


@dataclass(frozen=True)
class Pair:
    """One pair; ``band`` is None where it holds for every age."""

    original: str
    rewritten: str
    band: AgeBand | None = None
    topic: str = ""
    hand: str = ""
    """The file it came from: one author a file."""


def fingerprint(original: str) -> int:
    """Return a number that tells an original from others."""
    return zlib.crc32(original.encode("utf-8", "replace"))


def unseen(pairs: Sequence[Pair], folder: Path) -> list[Pair]:
    """Return the pairs whose originals the version in this folder was not trained on."""
    seen = set(json.loads((folder / TRAINED_ON).read_text("utf-8")))
    return [pair for pair in pairs if fingerprint(pair.original) not in seen]


def pair_of(value: Any, hand: str) -> Pair | tuple[str, str]:
    """Return the pair a row holds, or the kind of what is wrong with it and why; ``hand`` is whose row it is."""
    if not isinstance(value, dict):
        return "shape", f"expected an object with original and child_friendly, got {type(value).__name__}"
    sides = []
    for key in ("original", "child_friendly"):
        text = value.get(key)
        if not isinstance(text, str) or not _HANGUL.search(text):
            return "text", f"expected Korean text under {key!r}, got {text!r}"
        if len(text) > MAX_PAIR_CHARS:
            return "too_long", f"expected at most {MAX_PAIR_CHARS} characters under {key!r}, got {len(text)}"
        sides.append(" ".join(text.split()))
    band = value.get("age_band")
    if band is not None and band not in _BANDS:
        return "label", f"expected age_band to be one of {', '.join(get_args(AgeBand))} or left out, got {band!r}"
    before, after = facts_of(sides[0]), facts_of(sides[1])
    if before != after:
        lost, new = _words(before, after), _words(after, before)
        return "facts", f"expected the same facts on both sides, got lost: {lost or 'none'}; new: {new or 'none'}; or another order"  # fmt: skip
    return Pair(sides[0], sides[1], band, str(value.get("topic") or ""), hand)


def _words(some: Sequence[tuple[str, Any]], others: Sequence[tuple[str, Any]]) -> str:
    return ", ".join(f"{kind} {value}" for kind, value in some if (kind, value) not in others)
