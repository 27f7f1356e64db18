"""Tags and spans: begin-inside-outside tags over characters, the best sequence of them, and spans of the original text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from aiyam.korean.spelling import Normalised

FORBIDDEN = -1e4


def legal_moves(tags: Sequence[str]) -> NDArray[np.float32]:
    """Return (k, k) zeros where tag j may follow tag i, and ``FORBIDDEN`` where an I- would continue another kind."""
    moves = np.zeros((len(tags), len(tags)), dtype=np.float32)
    for j, tag in enumerate(tags):
        if tag.startswith("I-"):
            moves[:, j] = [0.0 if before != "O" and before[2:] == tag[2:] else FORBIDDEN for before in tags]
    return moves


def legal_starts(tags: Sequence[str]) -> NDArray[np.float32]:
    """Return (k,) zeros where a tag may come first, and ``FORBIDDEN`` for an I-."""
    return np.array([FORBIDDEN if tag.startswith("I-") else 0.0 for tag in tags], dtype=np.float32)


def best_tags(scores: NDArray[np.floating], tags: Sequence[str]) -> list[str]:
    """Return the best tags of one utterance in which an I- only continues its own kind.

    Args:
        scores: (n, k) log-probability of each tag at each place.
        tags: the tag set; "O" first.

    >>> best_tags(np.log([[0.6, 0.4, 0.0001], [0.2, 0.2, 0.6]]), ["O", "B-menu", "I-menu"])
    ['B-menu', 'I-menu']
    """
    path = best_paths(scores.astype(np.float32), np.array([0, len(scores)]), legal_moves(tags), legal_starts(tags))
    return [tags[t] for t in path.tolist()]


def best_paths(
    scores: NDArray[np.float32],
    bounds: NDArray[np.int64],
    moves: NDArray[np.float32],
    starts: NDArray[np.float32],
) -> NDArray[np.int64]:
    """Return the best sequence of tag numbers of each of many utterances (Viterbi).

    All tags are considered at every place: leaving out those of low scores, moves unseen, costs two points of span F1
    where there are a hundred of them.

    Args:
        scores: (n, k) score of each tag at each place, the utterances' places one after another; "O" is tag 0.
        bounds: (m + 1) where each utterance's places begin.
        moves: (k, k) score of tag j after tag i.
        starts: (k,) score of beginning with each tag.

    Returns:
        (n,) tag numbers.
    """
    n, k = scores.shape
    path = np.zeros(n, dtype=np.int64)
    if k < 2 or not n:
        return path
    if len(bounds) == 2:
        return _best_path(scores, moves, starts)
    lengths = np.diff(bounds)
    order = np.argsort(-lengths, kind="stable")
    lengths, first = lengths[order], bounds[:-1][order]
    longest = int(lengths[0])
    live = np.searchsorted(-lengths, -np.arange(longest), side="left")  # how many utterances reach each place
    total = scores[first[: live[0]]] + starts
    totals = [total]
    for t in range(1, longest):
        total = np.maximum.reduce(total[: live[t], :, None] + moves, axis=1)
        total += scores[first[: live[t]] + t]
        totals.append(total)
    choice = np.zeros(0, dtype=np.int64)
    for t in range(longest - 1, -1, -1):
        here = first[: live[t]] + t
        n_on = len(choice)
        if n_on:  # where each path that goes on came from
            choice = (totals[t][:n_on] + moves.T[path[here[:n_on] + 1]]).argmax(axis=1)
        choice = np.concatenate([choice, totals[t][n_on:].argmax(axis=1)])
        path[here] = choice
    return path


def _best_path(
    scores: NDArray[np.float32], moves: NDArray[np.float32], starts: NDArray[np.float32]
) -> NDArray[np.int64]:
    n, k = scores.shape
    total = scores[0] + starts
    into = np.ascontiguousarray(moves.T)  # numpy finds where the most of a row is faster than the most itself
    reached = np.empty((k, k), dtype=np.float32)
    flat, first = reached.reshape(-1), np.arange(k) * k
    origins = np.empty((n, k), dtype=np.int64)
    add, argmax, take = np.add, reached.argmax, flat.take
    for origin, score in zip(origins[1:], scores[1:], strict=True):
        add(into, total, out=reached)
        argmax(1, origin)
        total = take(origin + first)
        total += score
    path = [int(total.argmax())]
    for origin in origins[:0:-1].tolist():
        path.append(origin[path[-1]])
    return np.array(path[::-1], dtype=np.int64)


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
