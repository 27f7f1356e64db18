"""The features of words: hashed n-grams of syllables and of jamo, found for many words at once."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from aiyam.korean.jamo import split

N_FEATURES = 65_536
_OPEN, _CLOSE = ord("<"), ord(">")
_BASE, _MIX = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93)
_SHIFT_IN, _SHIFT_OUT = np.uint64(32), np.uint64(48)


def features_of(words: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the features of words as compressed rows: start (len(words) + 1,), and ascending feature numbers by word.

    A word's features are itself, its syllables, its marked n-grams of 2 and 3 syllables (``<국``, ``국물>``) and its marked
    n-grams of 3 and 4 jamo: a slip of one letter changes every n-gram of syllables around it, but few of jamo.
    Words hold no ``<`` or ``>``.

    >>> start, features = features_of(["국물", "궁물"])
    >>> start.tolist(), len(set(features[:19]) & set(features[19:]))
    ([0, 19, 38], 6)
    """
    if not words:
        return np.zeros(1, np.int64), np.empty(0, np.int64)
    whole = np.fromiter((zlib.crc32(word.encode()) % N_FEATURES for word in words), np.int64, len(words))
    joined = "<" + "><".join(words) + ">"
    parts = [(np.arange(len(words)), whole), *_windows(joined, (1, 2, 3), 0), *_windows(split(joined), (3, 4), 8)]
    keys = np.unique(np.concatenate([of * N_FEATURES + feature for of, feature in parts]))
    start = np.searchsorted(keys, np.arange(len(words) + 1) * N_FEATURES)
    return start.astype(np.int64), keys % N_FEATURES


def _windows(text: str, lengths: tuple[int, ...], salt: int) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Return (word, feature) of every n-gram inside one word, for each n; a mark alone, or both round a syllable, is none."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    opens, closes = codes == _OPEN, codes == _CLOSE
    word = np.cumsum(opens) - 1
    found = []
    for n in range(1, max(lengths) + 1):
        if len(codes) < n:
            break
        if n == 1:
            hashed, inside = codes.copy(), np.ones(len(codes), bool)
        else:
            hashed = hashed[:-1] * _BASE + codes[n - 1 :]
            inside = inside[:-1] & ~closes[n - 2 : len(codes) - 1]
        if n not in lengths:
            continue
        kept = inside & ~(opens | closes) if n == 1 else inside
        if n == 3 and salt == 0:
            kept = kept & ~(opens[:-2] & closes[2:])
        at = np.flatnonzero(kept)
        mixed = (hashed[at] + np.uint64(salt + n)) * _MIX
        mixed = (mixed ^ (mixed >> _SHIFT_IN)) * _MIX
        found.append((word[at], (mixed >> _SHIFT_OUT).astype(np.int64)))
    return found
