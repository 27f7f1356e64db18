"""Sets of shops as ascending rows: which of one are in another, and two as one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int32]


def is_in(rows: NDArray[np.integer], shops: Rows) -> NDArray[np.bool_]:
    """Return which of the ascending ``rows`` are among the ascending ``shops``; the shorter is looked up in the longer.

    >>> is_in(np.array([2, 5, 7]), np.array([5, 6], np.int32)).tolist()
    [False, True, False]
    """
    if len(rows) == 0 or len(shops) == 0:
        return np.zeros(len(rows), bool)
    if len(shops) < len(rows):
        found = np.zeros(len(rows), bool)
        at = np.searchsorted(rows, shops)
        at[at == len(rows)] = 0
        found[at[rows[at] == shops]] = True
        return found
    at = np.searchsorted(shops, rows)
    at[at == len(shops)] = 0
    return np.asarray(shops[at] == rows, bool)


def merged(rows: Rows, more: Rows) -> Rows:
    """Return all of two ascending sets, each once, ascending; quickest where nothing or little is new.

    >>> merged(np.array([2, 5, 7], np.int32), np.array([5, 6], np.int32)).tolist()
    [2, 5, 6, 7]
    """
    new = more[~is_in(more, rows)]
    if len(new) == 0:
        return rows
    together = np.concatenate((rows, new))
    together.sort()
    return together
