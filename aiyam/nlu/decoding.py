"""Tags and spans: begin-inside-outside tags over characters, the best sequence of them, and spans of the original text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from aiyam.korean.spelling import Normalised

FORBIDDEN = -1e4
_MARGIN = 12.0
"""A tag this far below the best everywhere in an utterance cannot stand in its best path, in practice."""


def legal_moves(tags: Sequence[str]) -> NDArray[np.float32]:
    """Return (k, k) zeros where tag j may follow tag i, and ``FORBIDDEN`` where an I- would continue another kind."""
    moves = np.zeros((len(tags), len(tags)), dtype=np.float32)
    for j, tag in enumerate(tags):
        if tag.startswith("I-"):
            moves[:, j] = [0.0 if before != "O" and before[2:] == tag[2:] else FORBIDDEN for before in tags]
    return moves


def best_path(
    scores: NDArray[np.float32], moves: NDArray[np.float32], starts: NDArray[np.float32]
) -> NDArray[np.int64]:
    """Return the best sequence of tag numbers (Viterbi).

    Args:
        scores: (n, k) score of each tag at each place.
        moves: (k, k) score of tag j after tag i.
        starts: (k,) score of beginning with each tag.
    """
    n = len(scores)
    if not n:
        return np.zeros(0, dtype=np.int64)
    alive = np.flatnonzero((scores > scores.max(axis=1, keepdims=True) - _MARGIN).any(axis=0))
    if len(alive) == 1:
        return np.full(n, alive[0])
    scores, moves = scores[:, alive], moves[np.ix_(alive, alive)]
    total = scores[0] + starts[alive]
    back = np.zeros((n, len(alive)), dtype=np.int64)
    columns = np.arange(len(alive))
    for i in range(1, n):
        ways = total[:, None] + moves
        best = ways.argmax(axis=0)
        back[i] = best
        total = ways[best, columns] + scores[i]
    path = np.empty(n, dtype=np.int64)
    path[-1] = total.argmax()
    for i in range(n - 1, 0, -1):
        path[i - 1] = back[i, path[i]]
    return alive[path]


def spans_of_tags(tags: Sequence[str], text: str) -> list[tuple[str, int, int]]:
    """Join B-, I- tags into spans; an I- that continues nothing begins a span; spaces at the edges are cut.

    >>> spans_of_tags(["B-menu", "I-menu", "O", "I-taste"], "라면 매")
    [('menu', 0, 2), ('taste', 3, 4)]
    """
    spans: list[tuple[str, int, int]] = []
    kind, start = "", 0
    for i, tag in enumerate([*tags, "O"]):
        if kind and tag != f"I-{kind}":
            spans.append((kind, start, i))
            kind = ""
        if not kind and tag != "O":
            kind, start = tag[2:], i
    out = []
    for label, first, last in spans:
        surface = text[first:last]
        first += len(surface) - len(surface.lstrip())
        last -= len(surface) - len(surface.rstrip())
        if last > first:
            out.append((label, first, last))
    return out


def tags_of_spans(spans: Sequence[tuple[str, int, int]], plain: Normalised) -> list[str]:
    """Write spans of the original text as tags over the normalised text's characters."""
    tags = ["O"] * len(plain.text)
    for label, start, end in spans:
        begun = False
        for i in range(len(tags)):
            if plain.starts[i] < end and plain.ends[i] > start and tags[i] == "O":
                tags[i] = f"{'I' if begun else 'B'}-{label}"
                begun = True
    return tags
