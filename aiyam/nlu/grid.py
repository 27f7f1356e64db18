"""Many utterances side by side as arrays: their characters, words and jamo, and the hashing that features share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TypeVar
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from aiyam.korean.spelling import Normalised, normalise
from aiyam.nlu.gazetteer import Gazetteer
from aiyam.nlu.values import Span, find_evidence

FEATURES_VERSION = 4
"""Raised when a feature changes: a model trained on other features does not load."""

SPACE = 5
"""The class of a space."""
MARGIN = 3
"""Marks before and after each text."""

Ids = NDArray[np.uint64]
_Any = TypeVar("_Any", bound=np.generic)


@dataclass(frozen=True)
class Utterance:
    """One utterance as the models read it: normalised, with what the rules and the gazetteer found."""

    typed: str
    plain: Normalised
    evidence: tuple[Span, ...]

    @classmethod
    def of(cls, text: str, gazetteer: Gazetteer) -> Utterance:
        """Normalise a text and look for evidence in it."""
        plain = normalise(text)
        return cls(text, plain, tuple(find_evidence(plain.text, gazetteer)))


MIX = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F), np.uint64(0x165667B19E3779F9))
_FINAL = np.uint64(0xBF58476D1CE4E5B9)
POWERS = np.array([pow(0x100000001B3, i, 1 << 64) for i in range(24)], dtype=np.uint64)


def spread(mixed: Ids) -> Ids:
    """Spread the bits, so that the low ones can serve as a bucket (the finaliser of SplitMix64)."""
    mixed ^= mixed >> np.uint64(29)
    mixed *= _FINAL
    mixed ^= mixed >> np.uint64(32)
    return mixed


@lru_cache(maxsize=4096)
def named(name: str) -> int:
    """Hash a name."""
    return (crc32(name.encode("utf-8", "replace")) + 1) * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF


@dataclass(frozen=True)
class Grid:
    """The characters of many texts side by side, each text with three marks before and after it.

    ``codes`` (padded), ``narrow`` the same within the basic plane, ``kinds`` their classes, ``at`` (n) the places of the
    real characters, ``row`` (n) their texts, ``starts`` (m + 1).
    """

    codes: Ids
    narrow: NDArray[np.int64]
    kinds: NDArray[np.uint8]
    at: NDArray[np.int64]
    row: NDArray[np.int64]
    starts: NDArray[np.int64]

    @classmethod
    def of(cls, texts: Sequence[str]) -> Grid:
        """Lay texts side by side."""
        gap = "\x03\x03\x03\x02\x02\x02"
        joined = f"\x02\x02\x02{gap.join(texts)}\x03\x03\x03"
        codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.uint64)
        narrow = np.minimum(codes, np.uint64(0xFFFF)).astype(np.int64)
        if len(texts) == 1:
            n = len(texts[0])
            at: NDArray[np.int64]
            row: NDArray[np.int64]
            starts: NDArray[np.int64]
            at, row, starts = np.arange(MARGIN, n + MARGIN), np.zeros(n, dtype=np.int64), np.array([0, n])
        else:
            lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
            starts = np.zeros(len(texts) + 1, dtype=np.int64)
            np.cumsum(lengths, out=starts[1:])
            row = np.repeat(np.arange(len(texts)), lengths)
            at = np.arange(starts[-1]) + row * (2 * MARGIN) + MARGIN
        return cls(codes, narrow, _KIND[narrow], at, row, starts)

    @cached_property
    def alone(self) -> bool:
        """Tell whether there is one text; then its characters stand in one piece and belong to row 0."""
        return len(self.starts) == 2

    def beside(self, padded: NDArray[_Any], d: int = 0) -> NDArray[_Any]:
        """Return what a padded array says ``d`` places after every character, shape (n,)."""
        if self.alone:
            return padded[MARGIN + d : len(padded) - MARGIN + d]
        return padded[self.at + d]

    @cached_property
    def words(self) -> Words:
        """The words of the texts."""
        return _words(self)


@dataclass(frozen=True)
class Words:
    """Words of a grid: ``hashes`` and ``rows`` of each word, and for every padded place its word's number (counted from 1
    by words begun so far), its place in the word and whether it is in one at all."""

    hashes: Ids
    rows: NDArray[np.int64]
    number: NDArray[np.int64]
    place: NDArray[np.int64]
    inside: NDArray[np.bool_]
    begins: NDArray[np.int64]
    ends: NDArray[np.int64]


def _kind_table() -> NDArray[np.uint8]:
    table = np.zeros(1 << 16, dtype=np.uint8)
    for kind, first, last in (
        (1, 0xAC00, 0xD7A3),
        (2, 48, 57),
        (3, 97, 122),
        (4, 0x3131, 0x3163),
        (5, 32, 32),
        (6, 0, 3),
    ):
        table[first : last + 1] = kind
    return table


def _jamo_table() -> NDArray[np.int64]:
    table = np.repeat(np.array([[19], [21], [0]], dtype=np.int64), 1 << 16, axis=1)
    code = np.arange(0xD7A4 - 0xAC00)
    table[:, 0xAC00:0xD7A4] = code // 588, code % 588 // 28, code % 28
    return table


_KIND = _kind_table()
"""Class of each character: 1 Hangul, 2 digit, 3 Latin, 4 loose jamo, 5 space, 6 edge, 0 other."""
JAMO = _jamo_table()
"""Initial, vowel and final of each character, shape (3, 65536); 19, 21 and 0 where it is no syllable."""


def _words(grid: Grid) -> Words:
    codes, kinds = grid.codes, grid.kinds
    inside = (kinds - np.uint8(1)) < 4
    turns = np.flatnonzero(inside[1:] != inside[:-1]) + 1  # the marks at both ends of a text are outside
    begins, ends = turns[::2], turns[1::2]
    marks = np.zeros(len(codes), dtype=np.int64)
    if not len(begins):
        empty = np.zeros(0, dtype=np.int64)
        return Words(empty.astype(np.uint64), empty, marks, marks, inside, begins, ends)
    marks[begins] = 1
    number = marks.cumsum()
    place = (np.arange(len(codes)) - begins[number - 1]) * inside
    hashes = np.add.reduceat(codes * POWERS[np.minimum(place, len(POWERS) - 1)] * inside, begins)
    if grid.alone:
        return Words(hashes, np.zeros_like(begins), number, place, inside, begins, ends)
    return Words(hashes, grid.row[grid.at.searchsorted(begins)], number, place, inside, begins, ends)


def grid_of(utterances: Sequence[Utterance]) -> Grid:
    """Lay the plain texts of utterances side by side."""
    return Grid.of([u.plain.text for u in utterances])
