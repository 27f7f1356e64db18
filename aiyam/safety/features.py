"""What the trained screen reads of a message: hashed n-grams of syllables and jamo, words, morphemes and pairs of both."""

from __future__ import annotations

import itertools
import unicodedata
import zlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from aiyam.korean.jamo import split
from aiyam.korean.morphemes import morphemes
from aiyam.safety.folding import fold, tightened

_BITS = 17
OF_LETTERS = 1 << _BITS
N_BUCKETS = 2 * OF_LETTERS
"""Buckets: first those of letters and words, then those of morphemes."""
_BASE, _MIX = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93)
_SHIFT = np.uint64(32)
_TOP = np.uint64(64 - _BITS)
_SYLLABLES, _JAMO = (1, 5), (3, 6)
_NEAR = 3
"""Words this far apart make a pair (by their first two letters, which Korean endings leave alone), and morphemes too."""
_LONGEST = 400
"""Letters that are read at most; the classifier gives a longer message in stretches."""


def features(text: str) -> NDArray[np.int64]:
    """Return the buckets of a message, ascending, each once; never empty.

    >>> a, b = features("죽 고.싶 다"), features("죽고싶다")
    >>> len(set(a) & set(b)) > len(b) // 2
    True
    """
    folded = fold(unicodedata.normalize("NFC", text)).text
    letters, plain = tightened(folded)[:_LONGEST], folded[: 2 * _LONGEST]
    words = plain.split()
    hashed = [*_windows(f"<{letters}>", *_SYLLABLES, salt=0), *_windows(f"<{split(letters)}>", *_JAMO, salt=16)]
    named = [f"w{word}" for word in words]
    named += [f"b{a} {b}" for a, b in itertools.pairwise(words)]
    named += [f"p{pair}" for pair in _pairs([word[:2] for word in words])]
    hashed.append(_hashed(named))
    found = morphemes(plain)
    parts = [f"m{form}" for form, _ in found]
    parts += [f"n{pair}" for pair in _pairs([form for form, meaning in found if meaning])]
    return np.concatenate([_buckets(np.concatenate(hashed)), OF_LETTERS + _buckets(_hashed(parts))])


def weighed(buckets: NDArray[np.int64], rarity: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the value of each bucket of a message: its rarity, those of letters and those of morphemes of length 1 each."""
    values = rarity.take(buckets)
    first = int(np.searchsorted(buckets, OF_LETTERS))
    for block in (values[:first], values[first:]):
        if len(block):
            block /= np.sqrt(block @ block)
    return values


def _pairs(said: list[str]) -> Iterable[str]:
    return (f"{a} {b}" for i, a in enumerate(said) for b in said[i + 1 : i + 1 + _NEAR])


def _hashed(names: list[str]) -> NDArray[np.uint64]:
    return np.array([zlib.crc32(name.encode("utf-8", "replace")) for name in names], dtype=np.uint64)


def _buckets(hashed: NDArray[np.uint64]) -> NDArray[np.int64]:
    mixed = hashed * _MIX
    mixed ^= mixed >> _SHIFT
    return np.unique((mixed * _MIX >> _TOP).astype(np.int64))


def _windows(text: str, shortest: int, longest: int, *, salt: int) -> list[NDArray[np.uint64]]:
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint64)
    found, rolled = [], codes
    for n in range(1, min(longest, len(codes)) + 1):
        if n > 1:
            rolled = rolled[:-1] * _BASE + codes[n - 1 :]
        if n >= shortest:
            found.append(rolled + np.uint64((salt + n) << 40))
    return found
