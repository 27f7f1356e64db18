"""How funnels fill many lists at once: as ``merging`` does for one, with a row of every array for each request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiyam.candidates.merging import PLACE, rank_key

Places = NDArray[np.int64]
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
        key = rank_key(values[at].transpose(0, 2, 1), place)
        key[np.broadcast_to(~inside[:, None, :], key.shape)] = ~np.uint64(0)
        key.sort(axis=-1)
        top = key[:, :, :k]
        found[part, :, : top.shape[2]] = np.where(top == ~np.uint64(0), -1, (top & PLACE).astype(np.int64))
    return found


def in_order(values: NDArray[np.float32], places: Places) -> NDArray[np.intp]:
    """Return (b, k) the order of each row: highest value first, ties by place, places of -1 at the end."""
    key = rank_key(values, np.maximum(places, 0))
    key[places < 0] = ~np.uint64(0)
    return np.argsort(key, axis=1, kind="stable")


def picked_in_turn(
    queues: Places, turns: Sequence[int], quotas: Sequence[int], start: NDArray[Any]
) -> tuple[Places, NDArray[np.uint8]]:
    """Let the funnels of each request pick as ``merging.pick_in_turn``; queues (b, j, k) as ``best_of_ragged`` gives them.

    Returns (b, k) each: the places in the order picked (-1 for none), and as bits which funnels propose it: those it is
    within the quota of, and the one that picked it.
    """
    n, width, k = queues.shape
    end = int(np.diff(start).max(initial=0))
    queues = np.where(queues < 0, end, queues)  # the place after the last stands for "nobody is left"
    # One row of ``end + 1`` cells a request, end to end: a cell is a place of a request.
    first = np.arange(n, dtype=np.int32) * np.int32(end + 1)
    waiting = np.full((width, n, k + 1), end, np.int32)
    waiting[:, :, :k] = queues.transpose(1, 0, 2)
    waiting += first[:, None]
    queue = waiting.reshape(width, -1)
    proposed, taken = np.zeros(n * (end + 1), np.uint8), np.zeros(n * (end + 1), bool)
    for column, quota in enumerate(quotas):
        proposed[waiting[column, :, :quota].ravel()] |= np.uint8(1 << column)
    last = first + end
    picked = np.full((len(turns), n), -1, np.int32)
    n_picked = np.zeros(n, np.int64)
    at = np.tile(np.arange(n) * (k + 1), (width, 1))
    for turn, column in enumerate(turns):
        line, here = queue[column], at[column]
        cell = line[here]
        late = np.flatnonzero(taken[cell])
        while len(late):
            here[late] += 1
            cell[late] = line[here[late]]
            late = late[taken[cell[late]]]
        picks = np.flatnonzero((cell < last) & (n_picked < k))
        chosen = cell[picks]
        taken[chosen] = True
        proposed[chosen] |= np.uint8(1 << column)
        picked[turn, picks] = chosen
        n_picked[picks] += 1
    request, turn_of = np.nonzero(picked.T >= 0)  # the picks of a request together, in their order
    places, flags = np.full((n, k), -1, np.int64), np.zeros((n, k), np.uint8)
    nth = np.arange(len(request)) - np.searchsorted(request, request)
    cell = picked[turn_of, request]
    places[request, nth] = cell - first[request]
    flags[request, nth] = proposed[cell]
    return places, flags
