"""What the models read, made for many utterances at once: hashed n-grams for the intent, hashed contexts of every syllable."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TypeVar
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
    def alone(self) -> bool:
        """Tell whether there is one text; then its characters stand in one piece and belong to row 0."""
        return len(self.starts) == 2

    def beside(self, padded: NDArray[_Any], d: int = 0) -> NDArray[_Any]:
        """Return what a padded array says ``d`` places after every character, shape (n,)."""
        if self.alone:
            return padded[_MARGIN + d : len(padded) - _MARGIN + d]
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


def _sound_table() -> Ids:
    initial, vowel, final = _jamo_table().astype(np.uint64)
    return np.stack([initial * np.uint64(32) + vowel, vowel * np.uint64(32) + final])


_KIND = _kind_table()
"""Class of each character: 1 Hangul, 2 digit, 3 Latin, 4 loose jamo, 5 space, 6 edge, 0 other."""
_JAMO = _jamo_table()
"""Initial, vowel and final of each character, shape (3, 65536); 19, 21 and 0 where it is no syllable."""
_SOUNDS = _sound_table()
"""Onset (initial and vowel) and rhyme (vowel and final) of each character in a number each, shape (2, 65536)."""


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
    hashes = np.add.reduceat(codes * _POWERS[np.minimum(place, len(_POWERS) - 1)] * inside, begins)
    if grid.alone:
        return Words(hashes, np.zeros_like(begins), number, place, inside, begins, ends)
    return Words(hashes, grid.row[grid.at.searchsorted(begins)], number, place, inside, begins, ends)


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
    for d in range(-_MARGIN, _MARGIN + 1):
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
    return Contexts(_finish(mixed), _JAMO.take(narrow, axis=1), places, grid.starts)


_64, _8, _9 = np.uint64(64), np.uint64(8), np.uint64(9)
_MIX_ROWS = np.array(_MIX)[:, None, None]


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
    pairs = grid.codes[:-1] * _POWERS[1] + grid.codes[1:]
    rows["head"][:] = pairs[np.where(inside, begins, at)]
    rows["tail"][:] = pairs[np.where(inside, ends - 1, at) - 1]
    np.add(place.astype(np.uint64), _9, out=rows["place"])
    np.add(left.astype(np.uint64), _9, out=rows["left"])
    return place, left


_NO_WORD, _NO_PLACE = np.zeros(1, dtype=np.uint64), np.zeros(1, dtype=np.int64)


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
    _add_grams(found, [u.plain.text for u in utterances], np.arange(len(utterances)), _CHARACTERS)
    _add_jamo(found, grid)
    _add_words(found, grid)
    odd = [(i, t) for i, u in enumerate(utterances) if (t := u.typed.lower()) != u.plain.text]
    if odd:
        typed = [text[: len(utterances[i].plain.text) * 2 + 20] for i, text in odd]
        _add_grams(found, typed, np.array([i for i, _ in odd]), _TYPED)
    signs = [_signs(u) for u in utterances]
    of_sign = _NO_ROWS if found.alone else np.repeat(np.arange(len(signs)), [len(names) for names in signs])
    found.add(np.array([name for names in signs for name in names], dtype=np.uint64), of_sign)
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


@dataclass(frozen=True)
class _Sizes:
    """Sizes of n-grams, and what makes the hash of each: ``factors`` (sizes, longest) and ``seeds`` (sizes, 1)."""

    shortest: int
    longest: int
    factors: Ids
    seeds: Ids

    @classmethod
    def of(cls, shortest: int, longest: int, *, seed: int) -> _Sizes:
        """Roll the hash: what is there times one number and the next code added; the first code is mixed before."""
        first, times = int(_MIX[0]), int(_MIX[2])
        factors = np.zeros((longest - shortest + 1, longest), dtype=np.uint64)
        for row, n in zip(factors, range(shortest, longest + 1), strict=True):
            row[:n] = [(first if i == 0 else 1) * pow(times, n - 1 - i, 1 << 64) % (1 << 64) for i in range(n)]
        return cls(shortest, longest, factors, np.array(_SEED_OF[seed + shortest : seed + longest + 1])[:, None])


_CHARACTERS, _JAMO_RUNS, _TYPED = _Sizes.of(1, 4, seed=1), _Sizes.of(3, 6, seed=20), _Sizes.of(2, 3, seed=40)


def _add_grams(found: _Found, texts: Sequence[str], numbers: NDArray[np.int64], sizes: _Sizes) -> None:
    """Add character n-grams, one mark at each end included; ``numbers`` are those of the texts' utterances."""
    joined = "\x03\x02".join(texts)
    codes = np.frombuffer(f"\x02{joined}\x03".encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.uint64)
    rows = _NO_ROWS if found.alone else np.repeat(numbers, [len(text) + 2 for text in texts])
    _add_windows(found, codes, rows, sizes)


def _add_jamo(found: _Found, grid: Grid) -> None:
    """Add n-grams of jamo, spaces left out."""
    spread = _JAMO_CODES[grid.beside(grid.narrow)[grid.beside(grid.kinds) != _SPACE]]
    flat = spread.ravel()
    present = flat != 0
    rows = _NO_ROWS if found.alone else np.repeat(grid.row[grid.kinds[grid.at] != _SPACE], 3)[present]
    _add_windows(found, flat[present], rows, _JAMO_RUNS)


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
_NO_ROWS = np.zeros(0, dtype=np.int64)


def _add_windows(found: _Found, codes: Ids, rows: NDArray[np.int64], sizes: _Sizes) -> None:
    n, longest = len(codes), sizes.longest
    padded = np.zeros(n + longest - 1, dtype=np.uint64)
    padded[:n] = codes
    mixed = sizes.factors @ padded[np.arange(n) + np.arange(longest)[:, None]]
    mixed += sizes.seeds
    for hashes, size in zip(mixed, range(sizes.shortest, longest + 1), strict=True):
        if size > n:
            return
        hashes = hashes[: n - size + 1]
        if found.alone:
            found.add(hashes, rows)
        else:
            whole = rows[: len(hashes)] == rows[size - 1 :]
            found.add(hashes[whole], rows[: len(hashes)][whole])


def _add_words(found: _Found, grid: Grid) -> None:
    hashes, rows = grid.words.hashes, grid.words.rows
    if not len(hashes):
        return
    first: slice | NDArray[np.bool_] = slice(0, 1)
    last: slice | NDArray[np.bool_] = slice(-1, None)
    if not found.alone:
        new = np.ones(len(rows) + 1, dtype=np.bool_)
        new[1:-1] = rows[1:] != rows[:-1]
        first, last = new[:-1], new[1:]
    previous = np.empty_like(hashes)
    previous[1:] = hashes[:-1]
    previous[first] = 7
    found.add(hashes + _SEED_OF[61], rows)
    found.add(previous * _MIX[2] + hashes + _SEED_OF[62], rows)
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
