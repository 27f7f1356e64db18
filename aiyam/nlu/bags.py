"""What the intents read: hashed n-grams of characters, jamo and words, and what rules found, for many utterances at once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiyam.nlu.grid import JAMO, MIX, SPACE, Grid, Ids, Utterance, grid_of, named, spread
from aiyam.nlu.lexicon import POOR
from aiyam.nlu.topics import topics_in

_SHOP_LIKE = re.compile(r"거기|그\s?(?:집|가게|식당|곳)|여기(?!\s?근처|서)|아까|방금")
_SEED_OF = [np.uint64(number * int(MIX[1]) & 0xFFFFFFFFFFFFFFFF) for number in range(80)]


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
        ids = spread(np.concatenate(self.ids))
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
        first, times = int(MIX[0]), int(MIX[2])
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
    spread = _JAMO_CODES[grid.beside(grid.narrow)[grid.beside(grid.kinds) != SPACE]]
    flat = spread.ravel()
    present = flat != 0
    rows = _NO_ROWS if found.alone else np.repeat(grid.row[grid.kinds[grid.at] != SPACE], 3)[present]
    _add_windows(found, flat[present], rows, _JAMO_RUNS)


def _jamo_codes() -> Ids:
    """Number the jamo of each character, shape (65536, 3); 0 is none, and what is no syllable stands for itself."""
    table = np.zeros((1 << 16, 3), dtype=np.uint64)
    table[:, 0] = np.arange(1 << 16)
    initial, vowel, final = JAMO[:, 0xAC00:0xD7A4].astype(np.uint64)
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
    found.add(previous * MIX[2] + hashes + _SEED_OF[62], rows)
    found.add(hashes[last] * MIX[2] + _SEED_OF[63], rows[last])


def _signs(utterance: Utterance) -> list[int]:
    """Name what rules and lists found in one utterance, and how long it is."""
    plain = utterance.plain.text
    kinds = sorted({f"{s.entity}{'!' if s.negated else ''}" for s in utterance.evidence})
    names = [f"e{k}" for k in kinds]
    names.append("E" + "+".join(kinds))
    names += [f"v{s.entity}={s.value}" for s in utterance.evidence if s.entity in ("payment", "ordinal")]
    topics, subjects = topics_in(plain)
    names += [f"t{t}" for t in topics]
    names += [f"t{t}&{k}" for t in topics for k in kinds]
    names += [f"t{a}&{b}" for i, a in enumerate(topics) for b in topics[i + 1 :]]
    names += [f"s{s}" for s in subjects]
    if subjects:
        names += ["off", "off" + "+".join(kinds), *(f"off&{t}" for t in topics)]
        names += [f"off&{k}" for k in kinds]
    names.append(f"n{min(plain.count(' ') + 1, 8)}")
    names.append(f"l{min(len(plain) // 4, 8)}")
    if POOR.search(plain):
        names.append("poor")
    if _SHOP_LIKE.search(plain):
        names.append("that")
    return [named(name) for name in names]
