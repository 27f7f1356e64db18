"""The linear part of the tagger: weights of a conditional random field over hashed contexts, scored in numpy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiyam.nlu.features import Contexts

N_KEYS = 1 << 22
"""Contexts are told apart by 22 bits; the weights of a known one are looked up through a table of 20 bits."""


def context_keys(contexts: Contexts) -> NDArray[np.int64]:
    """Return the key of every context, shape (N_CONTEXTS, n)."""
    return (contexts.ids & np.uint64(N_KEYS - 1)).astype(np.int64)


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
        self._slot = np.zeros(N_KEYS, dtype=np.int32)
        self._slot[keys] = np.arange(1, len(keys) + 1)
        self._first = np.concatenate([[0], bounds[:-1]])
        self._count = np.concatenate([[0], np.diff(bounds)])

    def scores(self, contexts: Contexts) -> NDArray[np.float32]:
        """Return the score of every tag at every place, shape (n, k)."""
        n, k = contexts.ids.shape[1], len(self.moves)
        slots = self._slot[context_keys(contexts)]
        counts = self._count[slots].ravel()
        total = int(counts.sum())
        if not total:
            return np.zeros((n, k), dtype=np.float32)
        ends = np.cumsum(counts)
        at = np.arange(total) + np.repeat(self._first[slots].ravel() - (ends - counts), counts)
        places = np.repeat(np.tile(np.arange(n), len(slots)), counts)
        flat = np.bincount(places * k + self.tags[at], weights=self.weights[at], minlength=n * k)
        return flat.reshape(n, k).astype(np.float32)

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Return the arrays to save."""
        return {
            "crf.keys": self.keys.astype(np.uint32), "crf.counts": np.diff(self.bounds).astype(np.uint8),
            "crf.tags": self.tags, "crf.weights": self.weights.astype(np.float16), "crf.moves": self.moves,
        }  # fmt: skip

    @classmethod
    def of_tensors(cls, n_tags: int, tensors: Mapping[str, NDArray[Any]]) -> SparseTagger:
        """Read the arrays back.

        Raises:
            KeyError: one is missing.
            ValueError: their shapes do not fit each other or the tags.
        """
        keys = tensors["crf.keys"].astype(np.int64)
        bounds = np.concatenate([[0], np.cumsum(tensors["crf.counts"].astype(np.int64))])
        tags, moves = tensors["crf.tags"], tensors["crf.moves"]
        fits = len(bounds) == len(keys) + 1 and bounds[-1] == len(tags) == len(tensors["crf.weights"])
        if not fits or moves.shape != (n_tags, n_tags) or (len(keys) and keys.max() >= N_KEYS):
            raise ValueError(f"{len(keys)} contexts, {len(tags)} weights and moves of shape {moves.shape}")
        if len(tags) and int(tags.max()) >= n_tags:
            raise ValueError(f"a weight for tag {int(tags.max())} of {n_tags}")
        return cls(keys, bounds, tags, tensors["crf.weights"].astype(np.float32), moves)
