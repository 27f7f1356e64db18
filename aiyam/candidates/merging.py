"""How funnels fill one list: each in turn picks its best shop not yet taken, in proportion to its quota."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def turns_of(quotas: Sequence[int]) -> list[int]:
    """Return which funnel picks when: spread evenly, each as often as its quota.

    >>> turns_of([4, 2])
    [0, 0, 1, 0, 0, 1]
    """
    return [column for _, column in sorted(((i + 1) / n, column) for column, n in enumerate(quotas) for i in range(n))]


PLACE = np.uint64(0xFFFFFFFF)
"""The part of a ``rank_key`` that is the place."""


def rank_key(values: NDArray[np.float32], place: NDArray[Any]) -> NDArray[np.uint64]:
    """Return one whole number for a value (0 or more) and its place: the smaller, the higher the value, then the earlier the place."""
    bits = np.ascontiguousarray(values + np.float32(0)).view(np.uint32)  # never below 0, so their bits rise with them
    return (PLACE - bits.astype(np.uint64)) << np.uint64(32) | place.astype(np.uint64)


def best_places(values: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """Return for each funnel of values (j, n), none below 0, the places (j, k) of its k highest, highest first, ties by place.

    >>> best_places(np.float32([[0.5, 2, 2, 1]]), 3).tolist()
    [[1, 2, 3]]
    """
    n = values.shape[1]
    key = rank_key(values, np.arange(n))
    if 0 < k < n:
        key.partition(k - 1, axis=1)
    top = key[:, :k]
    top.sort(axis=1)
    return (top & PLACE).astype(np.int64)


def pick_in_turn(queues: Sequence[Sequence[int]], turns: Sequence[int], k: int) -> dict[int, int]:
    """Return at most k places, and which funnel picked each; ``queues`` are the funnels' places, best first.

    >>> pick_in_turn([[7, 8], [7, 9]], [0, 1, 0], 3)
    {7: 0, 9: 1, 8: 0}
    """
    picked: dict[int, int] = {}
    waiting = [iter(queue) for queue in queues]
    for column in turns:
        if len(picked) == k:
            break
        for place in waiting[column]:
            if place not in picked:
                picked[place] = column
                break
    return picked
