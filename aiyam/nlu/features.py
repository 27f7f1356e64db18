"""What the models read, made for many utterances at once: hashed n-grams for the intent, hashed contexts of every syllable."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from aiyam.korean.spelling import Normalised, normalise
from aiyam.nlu.gazetteer import Gazetteer
from aiyam.nlu.lexicon import POOR, TOPICS
from aiyam.nlu.values import Span, find_evidence

FEATURES_VERSION = 3
"""Raised when a feature changes: a model trained on other features does not load."""

_SHOP_LIKE = re.compile(r"거기|그\s?(?:집|가게|식당|곳)|여기(?!\s?근처|서)|아까|방금")
_SPACE = 5
_MARGIN = 3

Ids = NDArray[np.uint64]


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


# ------------------------------------------------------------------------------------------------ hashing

_MIX = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F), np.uint64(0x165667B19E3779F9))
_FINAL = np.uint64(0xBF58476D1CE4E5B9)
_POWERS = np.array([pow(0x100000001B3, i, 1 << 64) for i in range(24)], dtype=np.uint64)


def _finish(mixed: Ids) -> Ids:
    """Spread the bits, so that the low ones can serve as a bucket (the finaliser of SplitMix64)."""
    mixed ^= mixed >> np.uint64(29)
    mixed *= _FINAL
    mixed ^= mixed >> np.uint64(32)
    return mixed


_SEED_OF = [np.uint64(number * int(_MIX[1]) & 0xFFFFFFFFFFFFFFFF) for number in range(80)]


@lru_cache(maxsize=4096)
def _named(name: str) -> int:
    return (crc32(name.encode("utf-8", "replace")) + 1) * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF


# ------------------------------------------------------------------------------------------------ characters and words


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
            at, row, starts = np.arange(_MARGIN, n + _MARGIN), np.zeros(n, dtype=np.int64), np.array([0, n])
        else:
            lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
            starts = np.zeros(len(texts) + 1, dtype=np.int64)
            np.cumsum(lengths, out=starts[1:])
            row = np.repeat(np.arange(len(texts)), lengths)
            at = np.arange(starts[-1]) + row * (2 * _MARGIN) + _MARGIN
        return cls(codes, narrow, _KIND[narrow], at, row, starts)

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
_JAMO = _jamo_table()
"""Initial, vowel and final of each character, shape (3, 65536); 19, 21 and 0 where it is no syllable."""


def _words(grid: Grid) -> Words:
    codes, kinds = grid.codes, grid.kinds
    inside = (kinds >= 1) & (kinds <= 4)
    edge = np.zeros(len(codes) + 1, dtype=np.bool_)
    edge[1:] = inside
    begins = np.flatnonzero(inside & ~edge[:-1])
    ends = np.flatnonzero(~inside & edge[:-1])
    number = np.cumsum(inside & ~edge[:-1], dtype=np.int64)
    if not len(begins):
        empty = np.zeros(0, dtype=np.int64)
        return Words(empty.astype(np.uint64), empty, number, np.zeros_like(number), inside, begins, ends)
    place = np.where(inside, np.arange(len(codes)) - begins[np.maximum(number - 1, 0)], 0)
    weighed = np.where(inside, codes * _POWERS[np.minimum(place, len(_POWERS) - 1)], np.uint64(0))
    hashes = np.add.reduceat(weighed, begins)
    rows = np.searchsorted(grid.at, begins)
    return Words(hashes, grid.row[rows], number, place, inside, begins, ends)


# ------------------------------------------------------------------------------------------------ the tagger's features

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
_WINDOW_ROWS = np.array([[*(d + _MARGIN for d in w), *[2 * _MARGIN + 1] * (3 - len(w))] for w in _WINDOWS])
N_CONTEXTS = len(_WINDOWS) + 20
"""Hashed features of one syllable."""
DENSE_CONTEXTS = np.array([0, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16, 17, 18, 19, 20, 23, 26])
"""Those of them that the network embeds."""
_SEEDS = (np.arange(1, N_CONTEXTS + 1, dtype=np.uint64) * np.uint64(0xD6E8FEB86659FD93))[:, None]
N_JAMO = (20, 22, 28)
N_PLACES = (6, 6, 7)


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
    codes, at, kinds, words = grid.codes, grid.at, grid.kinds, grid.words
    n = len(at)
    zero = np.zeros(n, dtype=np.uint64)
    around = np.stack([*(codes[at + d] for d in range(-_MARGIN, _MARGIN + 1)), zero])
    parts = np.empty((3, N_CONTEXTS, n), dtype=np.uint64)
    n_windows = len(_WINDOWS)
    for k in range(3):
        parts[k, :n_windows] = around[_WINDOW_ROWS[:, k]]

    inside = words.inside[at]
    number = words.number[at]
    place = np.minimum(words.place[at], 5)
    padded = np.concatenate([words.hashes, np.zeros(2, dtype=np.uint64)])
    word_rows = np.concatenate([words.rows, [-1, -1]])
    ends = np.concatenate([words.ends, [0]])
    here = np.where(inside, padded[number - 1], zero)
    before_number = np.where(inside, number - 2, number - 1)
    before = np.where((before_number >= 0) & (word_rows[before_number] == grid.row), padded[before_number], zero)
    after = np.where(word_rows[number] == grid.row, padded[number], zero)
    left = np.where(inside, np.minimum(ends[number - 1] - at, 6), 0)
    first = np.where(inside, words.begins[number - 1] if len(words.begins) else 0, at)
    last = np.where(inside, ends[number - 1] - 1, at)
    head = codes[first] * _POWERS[1] + codes[np.minimum(first + 1, len(codes) - 1)]
    tail = codes[np.maximum(last - 1, 0)] * _POWERS[1] + codes[last]
    kind = kinds[at].astype(np.uint64)
    shape = kinds[at - 1].astype(np.uint64) * np.uint64(64) + kind * np.uint64(8) + kinds[at + 1]
    marks = _marks(utterances, grid)
    found, found_before, found_after = marks[at], marks[at - 1], marks[at + 1]
    jamo = _JAMO[:, grid.narrow[at]]
    onset = (jamo[0] * 32 + jamo[1]).astype(np.uint64)
    rhyme = (jamo[1] * 32 + jamo[2]).astype(np.uint64)
    place_, left_ = place.astype(np.uint64) + np.uint64(9), left.astype(np.uint64) + np.uint64(9)
    rest = (
        (here, place_, zero), (here, zero, zero), (head, place_, zero), (tail, left_, zero), (after, zero, zero), (before, zero, zero),
        (onset, zero, zero), (rhyme, zero, zero), (shape, zero, zero), (place_, left_, zero),
        (found, zero, zero), (found_before, found, zero), (found, found_after, zero), (found, codes[at], zero),
        (here, after, zero), (before, here, zero), (tail, after, zero), (found, place_, left_), (found, before, zero), (found, after, zero),
    )  # fmt: skip
    for j, triple in enumerate(rest):
        for k in range(3):
            parts[k, n_windows + j] = triple[k]
    mixed = parts[0] * _MIX[0] + parts[1] * _MIX[1] + parts[2] * _MIX[2] + _SEEDS
    return Contexts(_finish(mixed), jamo, np.stack([place, np.minimum(left, 5), kind.astype(np.int64)]), grid.starts)


def grid_of(utterances: Sequence[Utterance]) -> Grid:
    """Lay the plain texts of utterances side by side."""
    return Grid.of([u.plain.text for u in utterances])


def _marks(utterances: Sequence[Utterance], grid: Grid) -> Ids:
    """Hash, for every padded place, what stands there by the rules (begin, inside, end or alone, and its kind)."""
    marks = np.zeros(len(grid.codes), dtype=np.uint64)
    for i, utterance in enumerate(utterances):
        base = int(grid.starts[i]) + i * 2 * _MARGIN + _MARGIN
        for span in utterance.evidence:
            kind = f"{span.entity}~" if span.source == "fuzzy" else str(span.entity)
            start, end = base + span.start, base + span.end
            if end - start == 1:
                marks[start] = _named(f"S{kind}")
                continue
            marks[start:end] = _named(f"I{kind}")
            marks[start], marks[end - 1] = _named(f"B{kind}"), _named(f"E{kind}")
    return marks


# ------------------------------------------------------------------------------------------------ the intent's features


@dataclass(frozen=True)
class Bags:
    """Features of many utterances: ``ids[starts[i]:starts[i + 1]]`` are those of utterance i (some may come twice)."""

    ids: Ids
    starts: NDArray[np.int64]


def bags(utterances: Sequence[Utterance], grid: Grid | None = None) -> Bags:
    """Return character 1-4-grams, jamo 3-6-grams, words and word pairs, and what rules found, of each utterance.

    Where the text as typed differs from its plain form, its own 2- and 3-grams join, so that slang itself can speak.
    ``grid`` is that of the utterances, where it is at hand.
    """
    grid = grid or grid_of(utterances)
    found = _Found(len(utterances))
    _add_grams(found, grid, 1, 4, seed=1)
    _add_jamo(found, grid, 3, 6, seed=20)
    _add_words(found, grid)
    odd = [(i, t) for i, u in enumerate(utterances) if (t := u.typed.lower()) != u.plain.text]
    if odd:
        typed = Grid.of([text[: len(utterances[i].plain.text) * 2 + 20] for i, text in odd])
        _add_grams(found, typed, 2, 3, seed=40, back=np.array([i for i, _ in odd]))
    signs = [_signs(u) for u in utterances]
    found.add(
        np.array([name for names in signs for name in names], dtype=np.uint64),
        np.repeat(np.arange(len(signs)), [len(names) for names in signs]),
    )
    return found.bags()


class _Found:
    """Features gathered piece by piece; of a single utterance there is no need to say whose they are."""

    def __init__(self, n: int) -> None:
        self.n = n
        self.alone = n == 1
        self.ids: list[Ids] = []
        self.rows: list[NDArray[np.int64]] = []

    def add(self, ids: Ids, rows: NDArray[np.int64]) -> None:
        self.ids.append(ids)
        self.rows.append(rows)

    def bags(self) -> Bags:
        ids = _finish(np.concatenate(self.ids))
        if self.alone:
            return Bags(ids, np.array([0, len(ids)]))
        rows = np.concatenate(self.rows)
        starts = np.zeros(self.n + 1, dtype=np.int64)
        np.cumsum(np.bincount(rows, minlength=self.n), out=starts[1:])
        return Bags(ids[np.argsort(rows, kind="stable")], starts)


def _add_grams(
    found: _Found, grid: Grid, shortest: int, longest: int, *, seed: int, back: NDArray[np.int64] | None = None
) -> None:
    """Add character n-grams, one mark at each end included; ``back`` numbers the utterances of the grid's rows."""
    if len(grid.starts) == 2:
        codes = grid.codes[_MARGIN - 1 : len(grid.codes) - _MARGIN + 1]
        rows = np.zeros(len(codes), dtype=np.int64)
    else:
        rows = np.repeat(np.arange(len(grid.starts) - 1), np.diff(grid.starts) + 2)
        codes = grid.codes[np.arange(len(rows)) + rows * (2 * _MARGIN - 2) + _MARGIN - 1]
    _add_windows(found, codes, rows if back is None else back[rows], shortest, longest, seed=seed)


def _add_jamo(found: _Found, grid: Grid, shortest: int, longest: int, *, seed: int) -> None:
    """Add n-grams of jamo, spaces left out."""
    at = grid.at[grid.kinds[grid.at] != _SPACE]
    spread = _JAMO_CODES[grid.narrow[at]]
    flat = spread.ravel()
    present = flat != 0
    rows = grid.row[:0] if found.alone else np.repeat(grid.row[grid.kinds[grid.at] != _SPACE], 3)[present]
    _add_windows(found, flat[present], rows, shortest, longest, seed=seed)


def _jamo_codes() -> Ids:
    """Number the jamo of each character, shape (65536, 3); 0 is none, and what is no syllable stands for itself."""
    table = np.zeros((1 << 16, 3), dtype=np.uint64)
    table[:, 0] = np.arange(1 << 16)
    initial, vowel, final = _JAMO[:, 0xAC00:0xD7A4].astype(np.uint64)
    table[0xAC00:0xD7A4, 0] = initial + np.uint64(1)
    table[0xAC00:0xD7A4, 1] = vowel + np.uint64(101)
    table[0xAC00:0xD7A4, 2] = np.where(final > 0, final + np.uint64(201), np.uint64(0))
    return table


_JAMO_CODES = _jamo_codes()


def _add_windows(found: _Found, codes: Ids, rows: NDArray[np.int64], shortest: int, longest: int, *, seed: int) -> None:
    rolling = codes * _MIX[0]
    for n in range(1, longest + 1):
        if n > 1:
            rolling = rolling[:-1] * _MIX[2] + codes[n - 1 :]
        if n < shortest or not len(rolling):
            continue
        if found.alone:
            found.add(rolling + _SEED_OF[seed + n], rows)
        else:
            whole = rows[: len(rolling)] == rows[n - 1 :]
            found.add(rolling[whole] + _SEED_OF[seed + n], rows[: len(rolling)][whole])


def _add_words(found: _Found, grid: Grid) -> None:
    words = grid.words
    if not len(words.hashes):
        return
    hashes, rows = words.hashes, words.rows
    found.add(hashes + _SEED_OF[61], rows)
    new = np.ones(len(rows) + 1, dtype=np.bool_)
    new[1:-1] = rows[1:] != rows[:-1]
    previous = np.zeros_like(hashes)
    previous[1:] = hashes[:-1]
    previous[new[:-1]] = 7
    found.add(previous * _MIX[2] + hashes + _SEED_OF[62], rows)
    last = np.flatnonzero(new[1:])
    found.add(hashes[last] * _MIX[2] + _SEED_OF[63], rows[last])


def _signs(utterance: Utterance) -> list[int]:
    """Name what rules and lists found in one utterance, and how long it is."""
    plain = utterance.plain.text
    kinds = sorted({f"{s.entity}{'!' if s.negated else ''}" for s in utterance.evidence})
    names = [f"e{k}" for k in kinds]
    names.append("E" + "+".join(kinds))
    names += [f"v{s.entity}={s.value}" for s in utterance.evidence if s.entity in ("payment", "ordinal")]
    topics = [topic for topic, pattern in TOPICS.items() if pattern.search(plain)]
    names += [f"t{t}" for t in topics]
    names += [f"t{t}&{k}" for t in topics for k in kinds]
    names += [f"t{a}&{b}" for i, a in enumerate(topics) for b in topics[i + 1 :]]
    names.append(f"n{min(plain.count(' ') + 1, 8)}")
    names.append(f"l{min(len(plain) // 4, 8)}")
    if POOR.search(plain):
        names.append("poor")
    if _SHOP_LIKE.search(plain):
        names.append("that")
    return [_named(name) for name in names]
