"""Models of which item follows from a history: EASE, ridge on what came next, cosine neighbours, matrix factors.

All read one ``Log`` and answer alike: a weighted history (q, n_items) goes in, scores (q, n_items) come out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Scores = NDArray[np.float32]
MAX_SOLVED = 6_000
"""Items of a dense solve (cubic in time, square in memory); the rarer ones stay out of it."""


@dataclass(frozen=True)
class Log:
    """e events sorted by user, then time, then item: ``user``, ``item``, ``ts`` (e,); those of user a are start[a]:start[a + 1]."""

    user: Ints
    item: Ints
    ts: Ints
    start: Ints
    n_items: int

    @classmethod
    def of(
        cls,
        user: NDArray[Any],
        item: NDArray[Any],
        ts: NDArray[Any],
        *,
        n_users: int,
        n_items: int,
    ) -> Log:
        """Sort events, given in any order as integers."""
        order = np.lexsort((item, ts, user))
        users, items, times = (column[order].astype(np.int64) for column in (user, item, ts))
        start = np.searchsorted(users, np.arange(n_users + 1)).astype(np.int64)
        return cls(users, items, times, start, n_items)

    def __len__(self) -> int:
        return len(self.user)

    @property
    def n_users(self) -> int:
        """Users, those without an event included."""
        return len(self.start) - 1

    @property
    def place(self) -> Ints:
        """(e,) how many events of the same user come before."""
        return np.arange(len(self.user)) - self.start[self.user]

    def only(self, kept: NDArray[np.bool_]) -> Log:
        """Return the log of some events; user and item numbers stay."""
        user = self.user[kept]
        start = np.searchsorted(user, np.arange(self.n_users + 1)).astype(np.int64)
        return Log(user, self.item[kept], self.ts[kept], start, self.n_items)

    def matrix(self) -> Any:
        """Return the binary (n_users, n_items) matrix, sparse float32."""
        from scipy import sparse

        pair = np.unique(self.user * self.n_items + self.item)
        ones = np.ones(len(pair), np.float32)
        shape = (self.n_users, self.n_items)
        return sparse.csr_matrix((ones, (pair // self.n_items, pair % self.n_items)), shape=shape)


class ItemModel(Protocol):
    """Scores every item for weighted histories."""

    def scores(self, history: Any) -> Scores:
        """Return (q, n_items) for a sparse (q, n_items) history."""


def histories(log: Log, events: Ints, decay: float) -> Any:
    """Return the sparse (q, n_items) history before each event: 1 for the item just before, ``decay`` for the one before it."""
    return weighted_histories(log, events, lambda _position, _event, back: np.power(decay, back).astype(np.float32))


def weighted_histories(log: Log, events: Ints, weight: Callable[[Ints, Ints, Ints], Scores]) -> Any:
    """Return the sparse (q, n_items) history before each event, weighted as asked.

    Args:
        weight: gives (r,) the weight of events at positions (r,) in the log as seen from the event at positions (r,) that
            comes ``back`` (r,) events later, 0 for the one just before.
    """
    from scipy import sparse

    first = log.start[log.user[events]]
    size = events - first
    start = np.concatenate(([0], np.cumsum(size)))
    at = np.arange(start[-1]) - np.repeat(start[:-1], size)
    position = np.repeat(first, size) + at
    values = weight(position, np.repeat(events, size), np.repeat(size, size) - 1 - at)
    out = sparse.csr_matrix((values, log.item[position], start), shape=(len(events), log.n_items))
    out.sum_duplicates()
    return out


class Ease:
    """EASE^R (Steck 2019, arXiv:1905.03375): the closed-form linear autoencoder whose items do not predict themselves.

    With fewer users than items the inverse is written through the users' Gram matrix (Woodbury), which is exact, small,
    and has room for any number of items.
    """

    def __init__(self, x: Any, *, l2: float, through_users: bool = True) -> None:
        """Fit on a sparse (n_users, n_items) matrix; without ``through_users`` always by items, so that ``weights`` exist."""
        self._x = None
        n_users, n_items = x.shape
        if through_users and n_users <= min(n_items, MAX_SOLVED):
            self._x, self._l2 = x, np.float32(l2)
            self._gram = _inverse((x @ x.T).toarray(), l2)
            reach = (x.T @ self._gram).T  # (users, items)
            self._diagonal = (1 - np.asarray(x.multiply(reach).sum(axis=0)).ravel()) / l2
            return
        self._solved = _most_frequent(np.asarray((x > 0).sum(axis=0)).ravel())
        part = x[:, self._solved]
        inverse = _inverse((part.T @ part).toarray(), l2)
        self.weights = inverse / -np.diag(inverse)
        np.fill_diagonal(self.weights, 0.0)

    def scores(self, history: Any) -> Scores:
        """Return (q, n_items)."""
        if self._x is None:
            out = np.zeros(history.shape, np.float32)
            out[:, self._solved] = history[:, self._solved] @ self.weights
            return out
        through = ((history @ self._x.T) @ self._gram) @ self._x
        dense = history.toarray()
        return np.asarray(dense - (dense - through) / (self._l2 * self._diagonal), np.float32)


class NextItem:
    """Ridge from the decayed past to what came next (the linear session model of Choi et al. 2021, arXiv:2103.16104).

    Row t of T is the past before event t, its weights falling by ``decay`` a step back; row t of S the next ``horizon``
    items, falling by ``horizon_decay``. The scores of a history h are h (T'T + l2)^-1 T'S. Of a large catalogue the
    most frequent items are solved together, and each other one alone; all items may come next.
    """

    def __init__(
        self,
        log: Log,
        *,
        l2: float,
        decay: float = 0.8,
        horizons: tuple[tuple[int, float], ...] = ((1, 1.0),),
        most: int = MAX_SOLVED,
    ) -> None:
        from scipy import sparse

        self._solved = _most_frequent(np.bincount(log.item, minlength=log.n_items), most)
        place, last = log.place, np.diff(log.start)[log.user] - 1
        shape = (len(log), log.n_items)

        def shifted(steps: int, limit: Ints, weight: float) -> tuple[Ints, Ints, NDArray[np.float32]]:
            rows = np.flatnonzero(limit >= abs(steps))
            return rows, log.item[rows + steps], np.full(len(rows), weight, np.float32)

        def stacked(parts: list[tuple[Ints, Ints, NDArray[np.float32]]]) -> Any:
            rows, columns, values = (np.concatenate(column) for column in zip(*parts, strict=True))
            return sparse.csr_matrix((values, (rows, columns)), shape=shape)

        reach = max(1, int(np.ceil(np.log(1e-3) / np.log(decay))))
        past = stacked([shifted(-k, place, decay ** (k - 1)) for k in range(1, reach + 1)])
        part = past[:, self._solved]
        self._inverse = _inverse((part.T @ part).toarray(), l2)
        alone = (1 / (np.asarray(past.multiply(past).sum(axis=0)).ravel() + l2)).astype(np.float32)
        alone[self._solved] = 0.0
        follows = [
            (past.T @ stacked([shifted(k, last - place, fall**k) for k in range(horizon)])).tocsr()
            for horizon, fall in horizons
        ]
        self._next = [(each[self._solved], sparse.diags(alone) @ each) for each in follows]

    def scores(self, history: Any, horizon: int = 0) -> Scores:
        """Return (q, n_items) for one of the horizons."""
        from_solved, from_others = self._next[horizon]
        together = (history[:, self._solved] @ self._inverse) @ from_solved
        return np.asarray(together + (history @ from_others).toarray(), np.float32)


class Neighbours:
    """Item-kNN: cosine with shrinkage over users weighted by inverse frequency, k neighbours kept (Deshpande and Karypis 2004)."""

    def __init__(self, matrix: Any, *, k: int, shrinkage: float, block: int = 2000) -> None:
        """Fit on a sparse (n_users, n_items) matrix of weights."""
        from scipy import sparse

        reach = np.maximum(np.diff(matrix.indptr), 1)
        x = sparse.csr_matrix(sparse.diags(1 / np.log2(1 + reach)) @ matrix)
        norms = np.sqrt(np.asarray(x.multiply(x).sum(axis=0)).ravel())
        crowd = np.asarray((x > 0).sum(axis=0)).ravel()
        columns, m = x.tocsc(), x.shape[1]
        found, likeness, start = list[NDArray[np.int32]](), list[Scores](), [0]
        for low in range(0, m, block):
            together = (columns[:, low : low + block].T @ x).tocsr()
            for i in range(together.shape[0]):
                span = slice(together.indptr[i], together.indptr[i + 1])
                at, value = together.indices[span], together.data[span]
                at, value = at[at != low + i], value[at != low + i]
                support = np.minimum(crowd[at], crowd[low + i])
                value = value / np.maximum(norms[at] * norms[low + i], 1e-9) * support / (support + shrinkage)
                if len(at) > k:
                    best = np.argpartition(-value, k)[:k]
                    at, value = at[best], value[best]
                order = np.argsort(at)
                found.append(at[order].astype(np.int32))
                likeness.append(value[order].astype(np.float32))
                start.append(start[-1] + len(at))
        flat = (np.concatenate(likeness), np.concatenate(found), np.asarray(start)) if m else ([], [], [0])
        self.weights = sparse.csr_matrix(flat, shape=(m, m), dtype=np.float32)

    def scores(self, history: Any) -> Scores:
        """Return (q, n_items)."""
        return np.asarray((history @ self.weights).toarray(), np.float32)


class Als:
    """Implicit matrix factors by alternating least squares (Hu, Koren and Volinsky 2008); histories are folded in."""

    def __init__(self, log: Log, *, factors: int, l2: float, alpha: float, rounds: int = 5, seed: int = 0) -> None:
        x = log.matrix()
        self._alpha, self._l2 = alpha, l2
        self._items: Scores = np.random.default_rng(seed).normal(0, 0.1, (log.n_items, factors)).astype(np.float32)
        transposed = x.T.tocsr()
        for _ in range(rounds):
            self._items = self._solve(transposed, self._solve(x, self._items))

    def _solve(self, x: Any, other: Scores) -> Scores:
        """Solve every row of a sparse matrix against the other side's factors."""
        from scipy.linalg import lapack

        gram = other.T @ other
        gram[np.diag_indices_from(gram)] += np.float32(self._l2)
        out = np.zeros((x.shape[0], other.shape[1]), np.float32)
        start, columns, values = x.indptr.tolist(), x.indices, np.float32(self._alpha) * x.data
        for row in np.flatnonzero(np.diff(x.indptr)).tolist():
            low, high = start[row], start[row + 1]
            seen, weight = other[columns[low:high]], values[low:high]
            left = gram + (seen.T * weight) @ seen
            out[row] = lapack.sposv(left, (1 + weight) @ seen, overwrite_a=1)[1]
        return out

    def scores(self, history: Any) -> Scores:
        """Return (q, n_items)."""
        return np.asarray(self._solve(history, self._items) @ self._items.T, np.float32)


def _most_frequent(count: NDArray[np.integer], most: int = MAX_SOLVED) -> Ints:
    """Return the ascending items with events, the ``most`` frequent of them."""
    best = np.argsort(-count, kind="stable")[:most]
    return np.sort(best[count[best] > 0]).astype(np.int64)


def _inverse(gram: Any, l2: float) -> Scores:
    """Invert a positive definite matrix plus ``l2`` on its diagonal, by Cholesky in float32."""
    from scipy.linalg import lapack

    square = np.asarray(gram, np.float32)
    np.fill_diagonal(square, square.diagonal() + np.float32(l2))
    if len(square) == 0:
        return square
    factor, _ = lapack.spotrf(square, lower=1, overwrite_a=1)
    inverse, _ = lapack.spotri(factor, lower=1, overwrite_c=1)
    lower = np.tril(inverse)
    return np.asarray(lower + np.tril(inverse, -1).T, np.float32)
