"""Intervals for rates and means, honest about people who act more than once."""

from __future__ import annotations

import math
from collections.abc import Sequence

Z_95 = 1.959963984540054


def wilson(k: float, n: float, z: float = Z_95) -> tuple[float, float]:
    """Return Wilson's score interval for ``k`` of ``n`` (E. B. Wilson, JASA 22, 1927); (0, 1) when n is 0.

    Unlike the textbook interval it stays inside 0..1 and keeps its coverage at small n and near the ends.

    >>> low, high = wilson(8, 10)
    >>> round(low, 4), round(high, 4)
    (0.4902, 0.9433)
    """
    if n <= 0:
        return 0.0, 1.0
    p = k / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def effective_n(groups: Sequence[tuple[int, int]]) -> float:
    """Return how many independent trials grouped ones are worth, for the interval of their pooled rate.

    One person's turns resemble each other, so n turns of few people say less than n turns of n people. The pooled
    rate's variance by the linearised ratio estimator over persons is compared with the binomial one; their quotient is
    the design effect (L. Kish, Survey Sampling, 1965), never taken below 1.

    Args:
        groups: (hits, trials) of each person.

    >>> effective_n([(1, 1), (0, 1), (1, 1), (0, 1)])
    3.0
    >>> effective_n([(10, 10), (0, 10)]) <= 2
    True
    """
    n = sum(trials for _, trials in groups)
    n_groups = sum(trials > 0 for _, trials in groups)
    if n == 0:
        return 0.0
    p = sum(hits for hits, _ in groups) / n
    if n_groups < 2 or p in (0.0, 1.0):
        # Nothing to estimate the likeness of one person's turns from: count persons, the cautious reading.
        return float(n_groups)
    residuals = sum((hits - p * trials) ** 2 for hits, trials in groups)
    variance = residuals * n_groups / (n_groups - 1) / n**2
    return min(float(n), p * (1 - p) / variance) if variance > 0 else float(n)


def mean_interval(values: Sequence[float], z: float = Z_95) -> tuple[float, float] | None:
    """Return the normal interval of a mean, or None for fewer than two values.

    >>> [round(end, 2) for end in mean_interval([4.0, 5.0, 3.0, 5.0])]
    [3.31, 5.19]
    """
    n = len(values)
    if n < 2:
        return None
    mean = sum(values) / n
    half = z * math.sqrt(sum((value - mean) ** 2 for value in values) / (n - 1) / n)
    return mean - half, mean + half


def quantile(values: Sequence[float], q: float) -> float | None:
    """Return the q-quantile (0..1), interpolated linearly; None for no values.

    >>> quantile([10.0, 20.0, 30.0], 0.5)
    20.0
    """
    if not values:
        return None
    ordered = sorted(values)
    place = q * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)
