"""Shop names of a catalogue: found in an utterance by hash, by part, and with typing slips forgiven."""

from __future__ import annotations

import itertools
import re
import weakref
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

from aiyam.korean.jamo import split
from aiyam.korean.spelling import normalise
from aiyam.nlu.shop_columns import ShopColumns

SEPARATORS = re.compile(r"[^가-힣ㄱ-ㅣa-z0-9]+")
_WORD = re.compile(r"[가-힣ㄱ-ㅣa-z0-9]+")
_BRANCH = re.compile(r"(?:[가-힣0-9]{1,6}(?:역|동|구)?점|본점|직영점)$")
_MIN_CHARS, _MAX_CHARS = 3, 16
_ALL_COMPARED, _MAX_COMPARED = 20_000, 1000
_LONG_NAME, _BEST = 6, 5


class ShopNames:
    """An index of shop names; ``rows`` answered are positions in the sequence it was built from."""

    def __init__(self, names: Sequence[str], brands: Sequence[str] = ()) -> None:
        """Index names as they are written, without their branch, and brands (which stand for all their branches)."""
        self._rows: dict[str, int | list[int]] = {}
        self._prefixes: set[str] = set()
        for row, name in enumerate(names):
            lowered = name.lower()
            plain = SEPARATORS.sub("", lowered)
            self._add(plain, row)
            words = lowered.split()
            trunk = "".join(words[:-1]) if len(words) > 1 and words[-1].endswith("점") else _BRANCH.sub("", plain)
            trunk = SEPARATORS.sub("", trunk)
            if trunk != plain and len(trunk) >= _MIN_CHARS:
                self._add(trunk, row)
        self.brands = frozenset(SEPARATORS.sub("", b.lower()) for b in brands if len(b) >= 2)
        self._unique = list(self._rows)
        self._lengths = np.fromiter(map(len, self._unique), dtype=np.int16, count=len(self._unique))
        self._keys, self._owners = self._index_bigrams()
        self._jamo: list[str] | None = None

    @classmethod
    def of(cls, catalogue: ShopColumns) -> ShopNames:
        """Return the index of a catalogue, built once and kept as long as the catalogue lives."""
        key = id(catalogue)
        cached = _CACHE.get(key)
        if cached is None:
            cached = cls(catalogue.names, catalogue.brand_names)
            _CACHE[key] = cached
            weakref.finalize(catalogue, _CACHE.pop, key, None)
        return cached

    def _add(self, plain: str, row: int) -> None:
        if not 2 <= len(plain) <= 40:
            return
        known = self._rows.get(plain)
        if known is None:
            self._rows[plain] = row
            self._prefixes.add(plain[:2])
        elif isinstance(known, int):
            if known != row:
                self._rows[plain] = [known, row]
        else:
            known.append(row)

    def __len__(self) -> int:
        return len(self._rows)

    def rows(self, name: str) -> list[int]:
        """Return the rows a name as typed stands for; empty when it is unknown."""
        found = self._rows.get(SEPARATORS.sub("", name.lower()))
        if found is None:
            found = self._rows.get(SEPARATORS.sub("", normalise(name).text))
        return [found] if isinstance(found, int) else list(found or ())

    def find(self, text: str, *, min_chars: int = _MIN_CHARS) -> list[tuple[int, int]]:
        """Find names that start a word of ``text``; longest first, as (start, end), never overlapping."""
        if not self._rows:
            return []
        words = [match.span() for match in _WORD.finditer(text)]
        compact = ""
        origin: list[int] = []
        found: list[tuple[int, int]] = []
        free = 0
        for number, (first, last) in enumerate(words):
            if first < free or (text[first : first + 2] not in self._prefixes and last - first > 1):
                continue
            if not compact:
                compact = "".join([text[a:b] for a, b in words])
                origin = [i for a, b in words for i in range(a, b)]
            at = sum(b - a for a, b in words[:number])
            if compact[at : at + 2] not in self._prefixes:
                continue
            for length in range(min(_MAX_CHARS, len(compact) - at), min_chars - 1, -1):
                if compact[at : at + length] in self._rows:
                    free = origin[at + length - 1] + 1
                    found.append((first, free))
                    break
        return found

    def near(self, name: str, *, limit: int = 2) -> list[int]:
        """Return rows of the names closest to a misspelt one, best first; may be empty.

        Close is within ``limit`` wrong jamo, one more for a name of six syllables, or a name that begins like it. Up to
        20,000 names all are compared; of more, those that share the most pairs of neighbouring characters with it.
        """
        plain = SEPARATORS.sub("", normalise(name).text)
        if len(plain) < 3 or not self._rows:
            return []
        limit += len(plain) >= _LONG_NAME
        candidates = self._sharing_pairs(plain) if len(self._unique) > _ALL_COMPARED else None
        names = self._jamo_names() if candidates is None else [split(self._unique[c]) for c in candidates]
        scored = [
            (distance, len(self._unique[index if candidates is None else candidates[index]]), index)
            for _, distance, index in process.extract(
                split(plain), names, scorer=Levenshtein.distance, score_cutoff=limit, limit=_BEST
            )
        ]
        found = [self._unique[i if candidates is None else candidates[i]] for _, _, i in sorted(scored)]
        if not found:
            among = self._unique if candidates is None else [self._unique[c] for c in candidates]
            found = sorted((n for n in among if n.startswith(plain)), key=len)
        return [row for n in found[:_BEST] for row in self.rows(n)]

    def _jamo_names(self) -> list[str]:
        if self._jamo is None:
            self._jamo = [split(n) for n in self._unique]
        return self._jamo

    def _sharing_pairs(self, plain: str) -> NDArray[np.int64]:
        """Return the names that share the most pairs of characters, those of like length first, at most 1,000."""
        counts = np.zeros(len(self._unique), dtype=np.int16)
        for key in {_pair(a, b) for a, b in itertools.pairwise(plain)}:
            low, high = np.searchsorted(self._keys, [key, key + 1])
            counts[self._owners[low:high]] += 1
        candidates = np.flatnonzero(counts)
        if len(candidates) > _MAX_COMPARED:
            unlike = np.abs(self._lengths[candidates] - len(plain)) - 2 * counts[candidates]
            candidates = candidates[np.argpartition(unlike, _MAX_COMPARED)[:_MAX_COMPARED]]
        return candidates

    def _index_bigrams(self) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """Sort every pair of neighbouring characters with the name it stands in: keys (p,), owners (p,)."""
        letters = np.frombuffer("\0".join(self._unique).encode("utf-32-le"), dtype=np.uint32).astype(np.int64)
        keys = letters[:-1] << 21 | letters[1:]
        owners = np.cumsum(letters == 0)[:-1].astype(np.int32)
        inside = (letters[:-1] != 0) & (letters[1:] != 0)
        keys, owners = keys[inside], owners[inside]
        order = np.argsort(keys, kind="stable")
        return keys[order], owners[order]


_CACHE: dict[int, ShopNames] = {}


def _pair(a: str, b: str) -> int:
    return ord(a) << 21 | ord(b)
