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
_ALL_BITS = (1 << 64) - 1
_FEW_WORDS = 4


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
    if len(words) <= _FEW_WORDS:
        found = [np.array(sorted(_of_one(word)), np.int64) for word in words]
        return np.concatenate([[0], np.cumsum([len(some) for some in found])]).astype(np.int64), np.concatenate(found)
    joined = "<" + "><".join(words) + ">"
    syllables, letters = _windows(joined, (1, 2, 3), 0), _windows(split(joined), (3, 4), 8)
    of, hashed = (np.concatenate([a, b]) for a, b in zip(syllables, letters, strict=True))
    hashed *= _MIX
    hashed ^= hashed >> _SHIFT_IN
    hashed *= _MIX
    whole = [i * N_FEATURES + zlib.crc32(word.encode()) % N_FEATURES for i, word in enumerate(words)]
    keys = np.concatenate([of * N_FEATURES + (hashed >> _SHIFT_OUT).astype(np.int64), whole])
    keys.sort()
    keys = keys[np.concatenate([[True], keys[1:] != keys[:-1]])]
    start = np.searchsorted(keys, np.arange(len(words) + 1) * N_FEATURES)
    return start.astype(np.int64), keys % N_FEATURES


def _of_one(word: str) -> set[int]:
    """Return the features of one word, in plain Python: the same as ``features_of`` finds, sooner for a word or two."""
    base, mix = int(_BASE), int(_MIX)
    hashes = []
    for text, longest, salt in ((word, 3, 0), (split(word), 4, 8)):
        codes = [_OPEN, *map(ord, text), _CLOSE]
        n_codes = len(codes)
        for i in range(n_codes):
            value = codes[i]
            if salt == 0 and 0 < i < n_codes - 1:
                hashes.append(value + 1)
            for n in range(2, min(longest, n_codes - i) + 1):
                value = (value * base + codes[i + n - 1]) & _ALL_BITS
                if n > 2 or salt == 0:
                    hashes.append(value + salt + n)
        if salt == 0 and n_codes == 3:
            hashes.remove(((codes[0] * base + codes[1]) * base + codes[2] & _ALL_BITS) + 3)
    found = {zlib.crc32(word.encode()) % N_FEATURES}
    for value in hashes:
        value = value * mix & _ALL_BITS
        found.add((value ^ value >> 32) * mix >> 48 & 0xFFFF)
    return found


def _windows(text: str, lengths: tuple[int, ...], salt: int) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """Return (word, hash) of every n-gram inside one word, for each n; a mark alone, or both round a syllable, is none."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    opens = codes == _OPEN
    word = np.cumsum(opens) - 1
    codes = codes.astype(np.uint64)
    hashed = codes
    words, hashes = [], []
    for n in range(1, lengths[-1] + 1):
        if n > 1:
            hashed = hashed[:-1] * _BASE + codes[n - 1 :]
        if n not in lengths:
            continue
        last = word[n - 1 :]
        kept = word[: len(last)] == last
        if n == 1:
            kept = ~opens & (codes != _CLOSE)
        elif n == 3 and salt == 0:
            kept &= ~(opens[:-2] & (codes[2:] == _CLOSE))
        words.append(last[kept])
        hashes.append(hashed[kept] + np.uint64(salt + n))
    return np.concatenate(words), np.concatenate(hashes)
