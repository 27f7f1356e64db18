"""What the trained screen reads of a message: hashed n-grams of its folded syllables and jamo, its words and word pairs."""

from __future__ import annotations

import itertools
import zlib

import numpy as np
from numpy.typing import NDArray

from aiyam.korean.jamo import split
from aiyam.safety.folding import fold, tight

N_BUCKETS = 1 << 17
_BASE, _MIX = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93)
_SHIFT = np.uint64(32)
_BITS = np.uint64(64 - 17)
_SYLLABLES, _JAMO = (1, 5), (3, 6)
_NEAR = 3
"""Words this far apart make a pair (by their first two letters, which Korean endings leave alone)."""
_LONGEST = 400
"""Letters that are read at most; the classifier gives a longer message in stretches."""


def features(text: str) -> NDArray[np.int64]:
    """Return the buckets of a message, ascending, each once; never empty.

    >>> a, b = features("죽 고.싶 다"), features("죽고싶다")
    >>> len(set(a) & set(b)) > len(b) // 2
    True
    """
    letters = tight(text)[:_LONGEST]
    words = fold(text).text[: 2 * _LONGEST].split()
    hashed = [*_windows(f"<{letters}>", *_SYLLABLES, salt=0), *_windows(f"<{split(letters)}>", *_JAMO, salt=16)]
    named = [f"w{word}" for word in words]
    named += [f"b{a} {b}" for a, b in itertools.pairwise(words)]
    stems = [word[:2] for word in words]
    named += [f"p{a} {b}" for i, a in enumerate(stems) for b in stems[i + 1 : i + 1 + _NEAR]]
    hashed.append(np.array([zlib.crc32(name.encode("utf-8", "replace")) for name in named], dtype=np.uint64))
    mixed = np.concatenate(hashed) * _MIX
    mixed ^= mixed >> _SHIFT
    return np.unique((mixed * _MIX >> _BITS).astype(np.int64))


def _windows(text: str, shortest: int, longest: int, *, salt: int) -> list[NDArray[np.uint64]]:
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint64)
    found, rolled = [], codes
    for n in range(1, min(longest, len(codes)) + 1):
        if n > 1:
            rolled = rolled[:-1] * _BASE + codes[n - 1 :]
        if n >= shortest:
            found.append(rolled + np.uint64((salt + n) << 40))
    return found
