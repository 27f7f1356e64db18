"""How funnels fill many lists at once: as ``merging`` does for one, with a row of every array for each request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.int64]
_PLACE = np.uint64(0xFFFFFFFF)
_TOGETHER = 128
"""Requests sorted at once: pools of like size, so that little is padded."""


def best_of_ragged(values: NDArray[np.float32], start: NDArray[Any], k: int) -> Places:
    """Return (b, j, k) the places of the k highest of each funnel and request, highest first, ties by place; -1 for none.

    ``values`` (l, j), none below 0, are those of b pools end to end, pool i at ``start[i]:start[i + 1]``.
    """
    n, width = len(start) - 1, values.shape[1]
    size = np.diff(start)
    found = np.full((n, width, k), -1, np.int64)
    by_size = np.argsort(size, kind="stable")
    for low in range(0, n, _TOGETHER):
        part = by_size[low : low + _TOGETHER]
        widest = int(size[part[-1]])
        if widest == 0:
            continue
        place = np.arange(widest)
        inside = place < size[part][:, None]
        at = np.where(inside, start[part][:, None] + place, 0)
        key = _key(values[at].transpose(0, 2, 1), place)
        key[np.broadcast_to(~inside[:, None, :], key.shape)] = ~np.uint64(0)
        key.sort(axis=-1)
        top = key[:, :, :k]
        found[part, :, : top.shape[2]] = np.where(top == ~np.uint64(0), -1, (top & _PLACE).astype(np.int64))
    return found


def in_order(values: NDArray[np.float32], places: Places) -> NDArray[np.intp]:
    """Return (b, k) the order of each row: highest value first, ties by place, places of -1 at the end."""
    key = _key(np.maximum(values, 0), np.maximum(places, 0))
    key[places < 0] = ~np.uint64(0)
    return np.argsort(key, axis=1, kind="stable")


def _key(values: NDArray[np.float32], place: NDArray[Any]) -> NDArray[np.uint64]:
    """Return one whole number for a value and its place: the smaller, the higher the value, then the earlier the place."""
    bits = np.ascontiguousarray(values + np.float32(0)).view(np.uint32)  # never below 0, so their bits rise with them
    return (_PLACE - bits.astype(np.uint64)) << np.uint64(32) | place.astype(np.uint64)


def picked_in_turn(
    queues: Places, turns: Sequence[int], quotas: Sequence[int], start: NDArray[Any]
) -> tuple[Places, NDArray[np.int8], NDArray[np.uint8]]:
    """Let the funnels of each request pick as ``merging.pick_in_turn``; queues (b, j, k) as ``best_of_ragged`` gives them.

    Returns (b, k) each: the places in the order picked (-1 for none), which funnel picked each, and as bits which
    propose it: those it is within the quota of, and the one that picked it.
    """
    n, width, k = queues.shape
    end = int(np.diff(start).max(initial=0))
    waiting = np.full((n, width, k + 1), end, np.int64)  # the place after the last stands for "nobody is left"
    waiting[:, :, :k] = np.where(queues < 0, end, queues)
    request = np.arange(n)
    proposed = np.zeros((n, end + 1), np.uint8)
    for column, quota in enumerate(quotas):
        proposed[request[:, None], waiting[:, column, :quota]] |= np.uint8(1 << column)
    taken = np.zeros((n, end + 1), bool)
    places = np.full((n, k), -1, np.int64)
    columns = np.full((n, k), -1, np.int8)
    n_picked = np.zeros(n, np.int64)
    at = np.zeros((width, n), np.int64)
    for column in turns:
        queue, here = waiting[:, column], at[column]
        place = queue[request, here]
        late = np.flatnonzero(taken[request, place])
        while len(late):
            here[late] += 1
            place[late] = queue[late, here[late]]
            late = late[taken[late, place[late]]]
        picks = np.flatnonzero((place < end) & (n_picked < k))
        chosen = place[picks]
        taken[picks, chosen] = True
        places[picks, n_picked[picks]] = chosen
        columns[picks, n_picked[picks]] = column
        n_picked[picks] += 1
    flags = proposed[request[:, None], np.maximum(places, 0)]
    flags |= np.where(columns >= 0, 1 << np.maximum(columns, 0), 0).astype(np.uint8)
    flags[places < 0] = 0
    return places, columns, flags
