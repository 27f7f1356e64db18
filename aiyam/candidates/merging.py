"""How funnels fill one list: each in turn picks its best shop not yet taken, in proportion to its quota."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def turns_of(quotas: Sequence[int]) -> list[int]:
    """Return which funnel picks when: spread evenly, each as often as its quota.

    >>> turns_of([4, 2])
    [0, 0, 1, 0, 0, 1]
    """
    return [column for _, column in sorted(((i + 1) / n, column) for column, n in enumerate(quotas) for i in range(n))]


def best_places(values: NDArray[np.float32], k: int) -> list[list[int]]:
    """Return for each funnel of values (j, n) the places of its k highest, highest first, ties by place."""
    n = values.shape[1]
    k = min(k, n)
    if k == 0:
        return [[] for _ in values]
    least = np.partition(values, n - k, axis=1)[:, n - k, None]
    of, places = np.nonzero(values >= least)
    order = np.lexsort((-values[of, places], of))
    ends = np.searchsorted(of, np.arange(1, len(values) + 1)).tolist()
    return [places[order[a:b]][:k].tolist() for a, b in zip([0, *ends], ends, strict=False)]


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
