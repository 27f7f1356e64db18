"""Which share of the candidate list each funnel gets: the quotas with the best recall on what people went on to order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from aiyam.candidates.funnels import MAX_CANDIDATES, Funnels
from aiyam.candidates.merging import pick_in_turn, turns_of
from aiyam.catalogue.query import Query
from aiyam.contracts import FUNNELS
from aiyam.errors import DataError

STEP = 10
LEAST, MOST = 10, 100
"""No funnel is left out (words nobody used yet are content's alone), and none fills the list by itself."""


@dataclass(frozen=True)
class Wanted:
    """One held-out request: each funnel's rows, best first, and the rows that were ordered."""

    queues: tuple[tuple[int, ...], ...]
    ordered: frozenset[int]


@dataclass(frozen=True)
class QuotaChoice:
    """The chosen quotas and the ones they were compared with, by funnel; recalls are of the whole list.

    ``at_quota`` is the recall of each funnel's first rows up to its quota, ``only`` what nobody else brings within theirs.
    """

    n: int
    quotas: dict[str, int]
    recall: float
    start: dict[str, int]
    start_recall: float
    at_quota: dict[str, float]
    only: dict[str, float]


def wanted_of(funnels: Funnels, orders: Sequence[tuple[Query, set[int]]]) -> list[Wanted]:
    """Ask every funnel once for each request; ``orders`` are requests with the rows ordered after them."""
    return [
        Wanted(tuple(tuple(queue.tolist()) for queue in funnels.queues(query)), frozenset(rows))
        for query, rows in orders
        if rows
    ]


def recall_at(quotas: Sequence[int], wanted: Sequence[Wanted]) -> float:
    """Return the mean share of the ordered shops in the list of at most 150, as ``Funnels.find`` fills it."""
    turns = turns_of(quotas)
    found = [len(one.ordered & pick_in_turn(one.queues, turns, MAX_CANDIDATES).keys()) for one in wanted]
    return float(np.mean([n / len(one.ordered) for n, one in zip(found, wanted, strict=True)]))


def choose_quotas(wanted: Sequence[Wanted], start: dict[str, int]) -> QuotaChoice:
    """Return the quotas of the same sum with the best recall, in steps of ten; among equals those nearest to ``start``.

    Choose on validation requests and report ``recall_at`` of others: the best of some hundred is flattered.

    Raises:
        DataError: no request was ordered from.
    """
    if not wanted:
        raise DataError("Expected held-out requests with orders, got none.", hint="Hold out a later time.")
    begin = [start[name] for name in FUNNELS]
    # A request whose shop no funnel lists, or all list first, is the same under any quotas.
    most = [one for one in wanted if any(one.ordered & set(queue) for queue in one.queues)]
    share = len(most) / len(wanted)
    best = max(
        _splits(sum(begin), len(FUNNELS)),
        key=lambda quotas: (
            round(recall_at(quotas, most) * share, 6) if most else 0.0,
            -sum(abs(a - b) for a, b in zip(quotas, begin, strict=True)),
        ),
    )
    own = np.array([[len(one.ordered & set(q[:n])) / len(one.ordered) for q, n in zip(one.queues, best, strict=True)] for one in wanted])  # fmt: skip
    alone = np.where((own > 0).sum(axis=1, keepdims=True) == 1, own, 0.0)
    return QuotaChoice(
        n=len(wanted),
        quotas=dict(zip(FUNNELS, best, strict=True)),
        recall=recall_at(best, wanted),
        start=dict(start),
        start_recall=recall_at(begin, wanted),
        at_quota=dict(zip(FUNNELS, own.mean(axis=0).tolist(), strict=True)),
        only=dict(zip(FUNNELS, alone.mean(axis=0).tolist(), strict=True)),
    )


def _splits(total: int, parts: int) -> Iterator[tuple[int, ...]]:
    """Yield every split of a total into parts of ``LEAST`` to ``MOST``, in steps."""
    if parts == 1:
        if LEAST <= total <= MOST:
            yield (total,)
        return
    for first in range(LEAST, min(MOST, total) + 1, STEP):
        for rest in _splits(total - first, parts - 1):
            yield (first, *rest)
