"""How good an order is: ndcg, precision, recall, AUC, variety, novelty; per request, and with user-bootstrap intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

MEASURES = ("ndcg@5", "ndcg@10", "precision@5", "recall@10", "hit_rate@10", "auc")


def measure(
    scores: NDArray[np.floating], relevant: NDArray[np.bool_], n_relevant: int | None = None
) -> NDArray[np.float64]:
    """Return the ``MEASURES`` of one list: scores and relevant are (k,).

    Ties count against the model: among equal scores the irrelevant come first. ``n_relevant`` counts relevant things that
    the list does not even hold (they cost recall and ndcg). AUC is nan without a pair to compare.

    >>> measure(np.array([3.0, 2.0, 1.0]), np.array([False, True, False])).round(2).tolist()
    [0.63, 0.63, 0.2, 1.0, 1.0, 0.5]
    """
    order = np.lexsort((relevant, -scores))
    hits = relevant[order].astype(np.float64)
    total = max(int(relevant.sum()) if n_relevant is None else n_relevant, 1)
    discount = 1.0 / np.log2(np.arange(2, 12))
    gain = hits[:10] * discount[: len(hits[:10])]
    found10 = hits[:10].sum()
    positives, negatives = relevant.sum(), (~relevant).sum()
    auc = np.nan
    if positives and negatives:
        below = np.cumsum(1.0 - hits)[hits > 0]
        auc = 1.0 - below.sum() / (positives * negatives)
    return np.array(
        [
            gain[:5].sum() / discount[: min(total, 5)].sum(),
            gain.sum() / discount[: min(total, 10)].sum(),
            hits[:5].sum() / 5.0,
            found10 / total,
            float(found10 > 0),
            auc,
        ]
    )


def mean_ndcg(
    scores: NDArray[np.floating], relevant: NDArray[np.bool_], list_start: NDArray[np.integer], k: int = 10
) -> float:
    """Return the mean ndcg@k of q lists laid end to end: scores and relevant (r,), list_start (q + 1,); ties as ``measure``.

    >>> round(mean_ndcg(np.array([3.0, 2.0, 1.0]), np.array([False, True, False]), np.array([0, 3])), 2)
    0.63
    """
    size = np.diff(list_start)
    owner = np.repeat(np.arange(len(size)), size)
    hits = relevant[np.lexsort((relevant, -scores, owner))]
    place = np.arange(len(owner)) - list_start[:-1][owner]
    discount = np.append(1.0 / np.log2(np.arange(2, k + 2)), 0.0)
    gain = np.bincount(owner, weights=hits * discount[np.minimum(place, k)], minlength=len(size))
    total = np.bincount(owner, weights=relevant, minlength=len(size)).astype(np.int64)
    best = np.concatenate((discount[:1], np.cumsum(discount[:k])))[np.minimum(total, k)]
    return float((gain / best).mean())


VARIETY = ("category_diversity@10", "brand_diversity@10", "novelty_bits@10")


def variety(
    top: NDArray[np.integer], category: NDArray[np.integer], brand: NDArray[np.integer], share: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Return the ``VARIETY`` of the shops shown first: catalogue rows ``top`` (t,), best first.

    Diversity is the share of pairs that differ (shops without a brand always do); novelty the mean of -log2 of each
    shop's ``share`` of all orders. category, brand and share are (n,), by catalogue row. nan for fewer than two shops.

    >>> variety(np.array([0, 1, 2]), np.array([1, 1, 2]), np.array([-1, -1, 0]), np.array([0.5, 0.25, 0.25])).round(2).tolist()
    [0.67, 1.0, 1.67]
    """
    t = len(top)
    if t < 2:
        return np.full(3, np.nan)

    def differing(codes: NDArray[np.integer]) -> float:
        return 1.0 - float((np.bincount(codes) * (np.bincount(codes) - 1)).sum()) / (t * (t - 1))

    brands = brand[top].astype(np.int64)
    apart = np.where(brands >= 0, brands, brands.max(initial=0) + 1 + np.arange(t))
    return np.array(
        [differing(category[top].astype(np.int64) + 1), differing(apart), float(-np.log2(share[top]).mean())]
    )


def user_bootstrap(
    values: NDArray[np.float64], users: Sequence[str], *, seed: int, n_rounds: int = 500
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return (mean, low, high) of the columns of ``values`` (q, m) with 95 % intervals over resampled people; nan is left out."""
    _, person = np.unique(np.array(users, dtype=object).astype(str), return_inverse=True)
    n_people = int(person.max()) + 1 if len(person) else 0
    known = np.isfinite(values)
    sums = np.zeros((n_people, values.shape[1]))
    counts = np.zeros_like(sums)
    np.add.at(sums, person, np.where(known, values, 0.0))
    np.add.at(counts, person, known.astype(float))
    draws = np.random.default_rng(seed).multinomial(n_people, np.full(n_people, 1.0 / max(n_people, 1)), size=n_rounds)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = sums.sum(0) / counts.sum(0)
        rounds = (draws @ sums) / (draws @ counts)
    low, high = np.nanpercentile(rounds, [2.5, 97.5], axis=0) if n_people else (mean, mean)
    return mean, low, high
