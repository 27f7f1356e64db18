"""What the taggers read: hashed contexts, jamo and place in the word of every syllable, for many utterances at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiyam.nlu.grid import JAMO, MARGIN, MIX, POWERS, Grid, Ids, Utterance, grid_of, named, spread

_WINDOWS = (
    (0,),
    (-1,),
    (1,),
    (-2,),
    (2,),
    (-1, 0),
    (0, 1),
    (-1, 0, 1),
    (-2, -1, 0),
    (0, 1, 2),
    (-2, -1),
    (1, 2),
    (1, 2, 3),
)
_SEEN = (
    "-3", "-2", "-1", "0", "1", "2", "3", "nothing", "here", "before", "after", "place", "left", "head", "tail",
    "onset", "rhyme", "shape", "found", "found before", "found after",
)  # fmt: skip
"""What is looked at from a syllable: characters by their distance, its word and those beside it, what rules found."""
_BESIDES = (
    ("here", "place"), ("here",), ("head", "place"), ("tail", "left"), ("after",), ("before",),
    ("onset",), ("rhyme",), ("shape",), ("place", "left"),
    ("found",), ("found before", "found"), ("found", "found after"), ("found", "0"),
    ("here", "after"), ("before", "here"), ("tail", "after"), ("found", "place", "left"), ("found", "before"), ("found", "after"),
)  # fmt: skip
_TRIPLES = np.array(
    [
        [_SEEN.index(name) for name in (*names, *["nothing"] * (3 - len(names)))]
        for names in (*(tuple(map(str, window)) for window in _WINDOWS), *_BESIDES)
    ]
).T.copy()
"""Rows of what is looked at that make up each feature, shape (3, N_CONTEXTS)."""
N_CONTEXTS = _TRIPLES.shape[1]
"""Hashed features of one syllable."""
DENSE_CONTEXTS = np.array([0, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16, 17, 18, 19, 20, 23, 26])
"""Those of them that the network embeds."""
_SEEDS = (np.arange(1, N_CONTEXTS + 1, dtype=np.uint64) * np.uint64(0xD6E8FEB86659FD93))[:, None]
N_JAMO = (20, 22, 28)
N_PLACES = (6, 6, 7)


def _sound_table() -> Ids:
    initial, vowel, final = JAMO.astype(np.uint64)
    return np.stack([initial * np.uint64(32) + vowel, vowel * np.uint64(32) + final])


_SOUNDS = _sound_table()
"""Onset (initial and vowel) and rhyme (vowel and final) of each character in a number each, shape (2, 65536)."""


@dataclass(frozen=True)
class Contexts:
    """Features of every syllable of many utterances: ``ids`` (N_CONTEXTS, n), ``jamo`` (3, n), ``places`` (3, n)."""

    ids: Ids
    jamo: NDArray[np.int64]
    places: NDArray[np.int64]
    starts: NDArray[np.int64]


def contexts(utterances: Sequence[Utterance], grid: Grid | None = None) -> Contexts:
    """Return the features of every character: n-grams around it, its word and the next ones, jamo, what rules found.

    ``grid`` is that of the utterances, where it is at hand.
    """
    grid = grid or grid_of(utterances)
    codes, at, beside = grid.codes, grid.at, grid.beside
    seen = np.empty((len(_SEEN), len(at)), dtype=np.uint64)
    rows = dict(zip(_SEEN, seen, strict=True))
    for d in range(-MARGIN, MARGIN + 1):
        rows[str(d)][:] = beside(codes, d)
    rows["nothing"][:] = 0
    place, left = _seen_words(grid, rows)
    narrow = beside(grid.narrow)
    _SOUNDS.take(narrow, axis=1, out=seen[_SEEN.index("onset") : _SEEN.index("onset") + 2], mode="clip")
    kinds = grid.kinds.astype(np.uint64)
    kind = beside(kinds)
    np.add(beside(kinds, -1) * _64 + kind * _8, beside(kinds, 1), out=rows["shape"])
    marks = _marks(utterances, grid)
    rows["found"][:], rows["found before"][:], rows["found after"][:] = (
        beside(marks),
        beside(marks, -1),
        beside(marks, 1),
    )
    parts = seen[_TRIPLES]
    parts *= _MIX_ROWS
    mixed = np.add.reduce(parts, axis=0)
    mixed += _SEEDS
    places = np.empty((3, len(at)), dtype=np.int64)
    places[0], places[2] = place, kind
    np.minimum(left, 5, out=places[1])
    return Contexts(spread(mixed), JAMO.take(narrow, axis=1), places, grid.starts)


_64, _8, _9 = np.uint64(64), np.uint64(8), np.uint64(9)
_MIX_ROWS = np.array(MIX)[:, None, None]


def _seen_words(grid: Grid, rows: dict[str, Ids]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Fill the rows about words; return the place of every character in its word and how many are left, 5 and 6 at most."""
    words, at = grid.words, grid.at
    inside, number = grid.beside(words.inside), grid.beside(words.number)
    of_word = number - 1
    hashes = np.concatenate([words.hashes, _NO_WORD])  # no word, also what number 0 - 1 finds
    before = of_word - inside
    np.multiply(hashes[of_word], inside, out=rows["here"])
    rows["before"][:], rows["after"][:] = hashes[before], hashes[number]
    if not grid.alone:
        of_text = np.concatenate([words.rows, [-1]])
        rows["before"] *= of_text[before] == grid.row
        rows["after"] *= of_text[number] == grid.row
    place = np.minimum(grid.beside(words.place), 5)
    begins, ends = np.concatenate([words.begins, _NO_PLACE])[of_word], np.concatenate([words.ends, _NO_PLACE])[of_word]
    left = np.minimum(ends - at, 6) * inside
    pairs = grid.codes[:-1] * POWERS[1] + grid.codes[1:]
    rows["head"][:] = pairs[np.where(inside, begins, at)]
    rows["tail"][:] = pairs[np.where(inside, ends - 1, at) - 1]
    np.add(place.astype(np.uint64), _9, out=rows["place"])
    np.add(left.astype(np.uint64), _9, out=rows["left"])
    return place, left


_NO_WORD, _NO_PLACE = np.zeros(1, dtype=np.uint64), np.zeros(1, dtype=np.int64)


def _marks(utterances: Sequence[Utterance], grid: Grid) -> Ids:
    """Hash, for every padded place, what stands there by the rules (begin, inside, end or alone, and its kind)."""
    marks = np.zeros(len(grid.codes), dtype=np.uint64)
    for i, utterance in enumerate(utterances):
        base = int(grid.starts[i]) + i * 2 * MARGIN + MARGIN
        for span in utterance.evidence:
            kind = f"{span.entity}~" if span.source == "fuzzy" else str(span.entity)
            start, end = base + span.start, base + span.end
            if end - start == 1:
                marks[start] = named(f"S{kind}")
                continue
            marks[start:end] = named(f"I{kind}")
            marks[start], marks[end - 1] = named(f"B{kind}"), named(f"E{kind}")
    return marks
