"""The linear part of the tagger: weights of a conditional random field over hashed contexts, scored in numpy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiyam.nlu.contexts import Contexts
from aiyam.nlu.tensors import checked

KEY_BITS, SLOT_BITS = 32, 22
"""Contexts are told apart by 32 bits; a table over the low 22 of them finds the weights of a known one."""


def context_keys(contexts: Contexts) -> NDArray[np.int64]:
    """Return the key of every context, shape (N_CONTEXTS, n)."""
    return (contexts.ids & np.uint64((1 << KEY_BITS) - 1)).astype(np.int64)


_SLICE = 256
"""Places scored at once: as many as stay in the processor's cache."""


class SparseTagger:
    """Weights by context: ``keys`` (a, sorted), ``bounds`` (a + 1), ``tags`` and ``weights`` (w), ``moves`` (k, k)."""

    def __init__(
        self,
        keys: NDArray[np.int64],
        bounds: NDArray[np.int64],
        tags: NDArray[np.uint8],
        weights: NDArray[np.float32],
        moves: NDArray[np.float32],
    ) -> None:
        self.keys, self.bounds, self.tags, self.weights, self.moves = keys, bounds, tags, weights, moves
        self._slot = np.zeros(1 << SLOT_BITS, dtype=np.int32)
        self._slot[keys & ((1 << SLOT_BITS) - 1)] = np.arange(1, len(keys) + 1)  # of two in one slot the last is found
        self._key = np.concatenate([[-1], keys])
        self._first = np.concatenate([[0], bounds[:-1]]).astype(np.int32)
        self._count = np.concatenate([[0], np.diff(bounds)]).astype(np.int32)

    def scores(self, contexts: Contexts) -> NDArray[np.float32]:
        """Return the score of every tag at every place, shape (n, k)."""
        keys = context_keys(contexts)
        n, k = keys.shape[1], len(self.moves)
        out = np.empty((n, k), dtype=np.float32)
        for start in range(0, n, _SLICE):
            some = keys[:, start : start + _SLICE]
            out[start : start + _SLICE] = self._scores(some, k)
        return out

    def _scores(self, keys: NDArray[np.int64], k: int) -> NDArray[np.float32]:
        n = keys.shape[1]
        keys = keys.ravel()
        slots: NDArray[np.int32] = self._slot[keys & ((1 << SLOT_BITS) - 1)]
        known = np.flatnonzero(self._key[slots] == keys)
        slots = slots[known]
        counts = self._count[slots]
        ends = np.cumsum(counts, dtype=np.int32)
        total = int(ends[-1]) if len(ends) else 0
        at = np.arange(total, dtype=np.int32) + np.repeat(self._first[slots] - (ends - counts), counts)
        cells = np.repeat(((known % n) * k).astype(np.int32), counts) + self.tags[at]
        flat = np.bincount(cells, weights=self.weights[at], minlength=n * k).astype(np.float32)
        return flat.reshape(n, k)

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Return the arrays to save."""
        return {
            "crf.keys": self.keys.astype(np.uint32), "crf.counts": np.diff(self.bounds).astype(np.uint16),
            "crf.tags": self.tags, "crf.weights": self.weights.astype(np.float16), "crf.moves": self.moves,
        }  # fmt: skip

    @classmethod
    def of_tensors(cls, n_tags: int, tensors: Mapping[str, NDArray[Any]]) -> SparseTagger:
        """Read the arrays back.

        Raises:
            ValueError: one is missing, or they do not fit each other or the tags.
        """
        keys = checked(tensors, "crf.keys", None, kinds="u").astype(np.int64)
        counts = checked(tensors, "crf.counts", len(keys), kinds="u").astype(np.int64)
        bounds = np.concatenate([[0], np.cumsum(counts)])
        tags = checked(tensors, "crf.tags", int(bounds[-1]), kinds="u")
        weights = checked(tensors, "crf.weights", int(bounds[-1])).astype(np.float32)
        moves = checked(tensors, "crf.moves", n_tags, n_tags).astype(np.float32, copy=False)
        if len(tags) and int(tags.max()) >= n_tags:
            raise ValueError(f"crf.tags with a weight for tag {int(tags.max())} of {n_tags}")
        if not (np.diff(keys) > 0).all():
            raise ValueError("crf.keys in no order")
        return cls(keys, bounds, tags, weights, moves)
