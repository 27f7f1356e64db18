"""Finding names that contain a term, spaces and case aside; what was found is remembered."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int32]
MAX_TERMS = 2_048
MAX_ROWS = 20_000_000
"""Rows kept for all terms together, 80 MB: a common dish has 300,000 shops among a million."""


def plain(text: str) -> str:
    """Drop spaces and case, so that "치즈 돈까스" and "치즈돈까스" are one."""
    return "".join(text.split()).lower()


class RowsByTerm:
    """Remembers sets of rows by term; forgets all where it would hold too much. Threads may share it."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[Rows, ...]] = {}
        self._n_rows = 0

    def get(self, term: str) -> tuple[Rows, ...] | None:
        """Return what was kept for a term."""
        return self._found.get(term)

    def keep(self, term: str, *found: Rows) -> None:
        """Keep the sets found for a term."""
        n = sum(map(len, found))
        if len(self._found) >= MAX_TERMS or self._n_rows + n > MAX_ROWS:
            self._found, self._n_rows = {}, 0
        self._n_rows += n
        self._found[term] = found


class NameSearch:
    """Finds the numbers of the names that contain a term, by one scan of the joined names."""

    def __init__(self, names: list[str]) -> None:
        squeezed = [plain(name) for name in names]
        self._joined = "\n".join(squeezed)
        self._start = np.concatenate([[0], np.cumsum([len(name) + 1 for name in squeezed])[:-1]]).astype(np.int64)
        self._found = RowsByTerm()

    def containing(self, term: str) -> Rows:
        """Return the ascending numbers of the names that contain ``term``; an empty term finds nothing."""
        term = plain(term)
        if not term:
            return np.empty(0, np.int32)
        found = self._found.get(term)
        if found is None:
            at = []
            place = self._joined.find(term)
            while place >= 0:
                at.append(place)
                place = self._joined.find(term, place + len(term))
            found = (np.unique(np.searchsorted(self._start, at, side="right") - 1).astype(np.int32),)
            self._found.keep(term, *found)
        return found[0]
