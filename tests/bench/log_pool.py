"""From every item to a pool: scores made comparable, the pool of what any view ranks high, the blend and the candidates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from log_funnels import LogFunnels
from log_splits import Split
from numpy.typing import NDArray

from aiyam.candidates.item_models import Ints, Scores, histories

POOL, DEPTH = 600, 200
"""Items of a pool, and how deep each view is read for it."""
K_CANDIDATES = 300
"""Twice the product's: here nothing has filtered the items before."""
TURNS = (1, 2, 4, 8, 16, 1_000)
MAX_STEPS, MIN_GAIN = 6, 5e-4
"""Steps of choosing the blend, and the least that each must gain."""
CHUNK_SCORES = 1_500_000
"""Events are scored so many at a time that one view's scores are this many at most."""
LOWEST = -9.0
"""What stands for the items left out, where a pool has to hold some."""
NOT_FOUND = 10**6
"""The rank of a target that is not in the list."""


@dataclass(frozen=True)
class Pool:
    """The items (q, p) of some events that any of v views ranks high, with scores (q, p, v) and the target (q,).

    ``rank`` (q, v) is the target's rank among all items, by view, ties against it.
    """

    views: tuple[str, ...]
    events: Ints
    items: Ints
    scores: Scores
    target: Ints
    rank: Ints

    def only(self, kept: Ints | NDArray[np.bool_]) -> Pool:
        """Return some of the lists."""
        return Pool(
            self.views, self.events[kept], self.items[kept], self.scores[kept], self.target[kept], self.rank[kept]
        )


def pools(funnels: LogFunnels, split: Split, events: Ints, *, repeats: bool) -> Iterator[Pool]:
    """Yield the pools of some events at a time; the items had before are left out unless ``repeats``."""
    size = max(1, CHUNK_SCORES // split.log.n_items)
    for low in range(0, len(events), size):
        chunk = events[low : low + size]
        seen = None if repeats else histories(split.log, chunk, 1.0).nonzero()
        standard = standardised(funnels.scores(split.log, chunk, repeats=repeats), seen)
        target = split.log.item[chunk]
        best = np.full((len(chunk), split.log.n_items), 30_000, np.int16)
        for values in standard.values():
            found = _top(values, DEPTH)
            turn = np.minimum(np.take_along_axis(best, found, axis=1), np.arange(found.shape[1], dtype=np.int16))
            np.put_along_axis(best, found, turn, axis=1)
        n = min(POOL, best.shape[1])
        items = np.sort(np.argpartition(best, n - 1, axis=1)[:, :n], axis=1)
        scores = np.stack([np.take_along_axis(values, items, axis=1) for values in standard.values()], axis=2)
        rank = np.stack([rank_of(values, target) for values in standard.values()], axis=1)
        yield Pool(tuple(standard), chunk, items, np.maximum(scores, LOWEST), target, rank)


def gathered(parts: list[Pool]) -> Pool:
    """Lay pools of the same views end to end."""
    columns = zip(*((p.events, p.items, p.scores, p.target, p.rank) for p in parts), strict=True)
    return Pool(parts[0].views, *(np.concatenate(column) for column in columns))


def standardised(scores: dict[str, Scores], seen: tuple[Ints, Ints] | None) -> dict[str, Scores]:
    """Return scores with mean 0 and deviation 1 over the items not ``seen`` (rows, columns), which become -inf."""
    out = {}
    for view, given in scores.items():
        values = np.array(given, np.float32, order="C")
        q, n = values.shape
        count = np.full(q, float(n))
        if seen is not None:
            values[seen] = 0.0
            count -= np.bincount(seen[0], minlength=q)
        free = np.maximum(count, 1.0)
        size = np.abs(values).max(axis=1)
        values -= (values.sum(axis=1) / free).astype(np.float32)[:, None]
        if seen is not None:
            values[seen] = 0.0
        deviation = np.sqrt(np.einsum("qn,qn->q", values, values) / free)
        # What differs by rounding alone says nothing.
        known = deviation > 1e-5 * size
        values *= np.where(known, 1 / np.maximum(deviation, 1e-30), 0.0).astype(np.float32)[:, None]
        if seen is not None:
            values[seen] = -np.inf
        out[view] = values
    return out


@dataclass(frozen=True)
class Blend:
    """Weights of the views that order the pool."""

    weights: dict[str, float]

    def scores(self, pool: Pool) -> Scores:
        """Return (q, p), the weighted sum of standardised scores."""
        each = np.array([self.weights.get(view, 0.0) for view in pool.views], np.float32)
        return np.asarray(pool.scores @ each, np.float32)


def chosen_blend(pool: Pool) -> Blend:
    """Choose the views that order the pool, and their weights, step by step: each step adds what helps ``_gain`` most."""
    weights: dict[str, float] = {}
    at = target_at(pool.items, pool.target)
    total: Scores = np.zeros(pool.items.shape, np.float32)
    best = 0.0
    columns = [np.ascontiguousarray(pool.scores[:, :, v]) for v in range(len(pool.views))]
    for _ in range(MAX_STEPS):
        tried = [
            (float(_gain(total + np.float32(weight) * columns[v], at).mean()), v, weight)
            for v in range(len(columns))
            for weight in ((0.25, 0.5, 1.0) if weights else (1.0,))
        ]
        gain, v, weight = max(tried)
        if gain < best + MIN_GAIN:
            break
        view = pool.views[v]
        best, weights[view] = gain, weights.get(view, 0.0) + weight
        total = total + np.float32(weight) * columns[v]
    return Blend(weights)


def _gain(order: Scores, at: Ints) -> NDArray[np.float64]:
    ranks = rank_among(order, at)
    return np.asarray(np.where(ranks < 10, 1 / np.log2(2.0 + ranks), 0) + 0.1 * (ranks < 150), np.float64)


def candidates_of(pool: Pool, order: Scores, turns: int) -> Ints:
    """Return (q, k) places in the pool: views pick in turn, each its best item not yet taken, the blend ``turns`` times."""
    size = min(K_CANDIDATES, pool.items.shape[1])
    turn = places_of(order) / turns
    for v in range(len(pool.views)):
        np.minimum(turn, places_of(pool.scores[:, :, v]), out=turn)
    return np.sort(np.argpartition(turn, size - 1, axis=1)[:, :size], axis=1)


def chosen_turns(pool: Pool, order: Scores) -> int:
    """Return the turns of the blend that bring the most targets among the candidates; the fewest of equals."""
    at = target_at(pool.items, pool.target)
    found = {turns: float((candidates_of(pool, order, turns) == at[:, None]).any(axis=1).mean()) for turns in TURNS}
    return max(TURNS, key=lambda turns: found[turns])


def target_at(items: Ints, target: Ints) -> Ints:
    """Return (q,) the place of each target in its list (q, k), -1 where it is not in it."""
    same = items == target[:, None]
    return np.where(same.any(axis=1), same.argmax(axis=1), -1)


def places_of(values: Scores) -> Scores:
    """Return (q, k) the place of each score in its list, 0 for the highest."""
    out = np.empty(values.shape, np.float32)
    order = np.argsort(-values, axis=1, kind="stable")
    np.put_along_axis(out, order, np.arange(values.shape[1], dtype=np.float32)[None], axis=1)
    return out


def rank_among(scores: Scores, at: Ints) -> Ints:
    """Return (q,) the 0-based rank of what is ``at`` a place of its list, ties against it; ``NOT_FOUND`` for -1."""
    mine = scores[np.arange(len(at)), at]
    return np.where(at >= 0, (scores >= mine[:, None]).sum(axis=1) - 1, NOT_FOUND)


def rank_of(scores: Scores, target: Ints) -> Ints:
    """Return the 0-based rank of each target (q,) among all items (q, n_items); ties count against it."""
    return rank_among(scores, target)


def _top(values: Scores, k: int) -> Ints:
    k = min(k, values.shape[1])
    part = np.argpartition(-values, k - 1, axis=1)[:, :k]
    order = np.argsort(-np.take_along_axis(values, part, axis=1), axis=1, kind="stable")
    return np.take_along_axis(part, order, axis=1)
