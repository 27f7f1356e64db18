"""The linear intent model: one row of small whole numbers for each hashed feature, weighted by how rare the feature is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiyam.nlu.bags import Bags
from aiyam.nlu.tensors import checked

MAX_CELLS = 1 << 23
"""Buckets times labels: eight megabytes of weights, however many labels there are."""


def n_buckets(n_labels: int) -> int:
    """Return how many buckets a label set may have: a power of two, at most 2^18."""
    size = 1 << 18
    while size * n_labels > MAX_CELLS and size > 1 << 14:
        size >>= 1
    return size


def bucket_rows(bags: Bags, size: int) -> NDArray[np.int64]:
    """Return the bucket of every feature; ``size`` is a power of two."""
    return (bags.ids & np.uint64(size - 1)).view(np.int64)


class LinearIntents:
    """Scores of each label: weights (buckets, k) as int8 with a scale a label, rarity (buckets,), bias (k,)."""

    def __init__(
        self,
        labels: Sequence[str],
        weights: NDArray[np.int8],
        scale: NDArray[np.float32],
        bias: NDArray[np.float32],
        rarity: NDArray[np.float32],
    ) -> None:
        self.labels = tuple(labels)
        self.weights = weights
        self.scale = scale
        self.bias = bias
        self.rarity = rarity

    @classmethod
    def quantised(
        cls,
        labels: Sequence[str],
        weights: NDArray[np.float32],
        bias: NDArray[np.float32],
        rarity: NDArray[np.float32],
    ) -> LinearIntents:
        """Round full weights (buckets, k) to int8."""
        scale = np.maximum(np.abs(weights).max(axis=0), 1e-9) / 127.0
        small = np.rint(weights / scale).astype(np.int8)
        return cls(labels, np.ascontiguousarray(small), scale.astype(np.float32), bias, rarity)

    def scores(self, bags: Bags) -> NDArray[np.float32]:
        """Return raw scores, shape (m, k); features of one utterance (it has some, always) share a unit norm, as in training."""
        rows = bucket_rows(bags, len(self.rarity))
        value = self.rarity.take(rows)
        weights = self.weights.take(rows, axis=0)
        if len(bags.starts) == 2:
            total, norms = (value @ weights.astype(np.float32))[None], np.sqrt(value @ value)
        else:
            from scipy.sparse import csr_array

            exact = value.astype(np.float64)  # sums of thousands of features, one after another
            columns = np.arange(len(rows), dtype=np.int32)
            by_text = csr_array((exact, columns, bags.starts), shape=(len(bags.starts) - 1, len(rows)))
            total = by_text @ weights.astype(np.float64)
            norms = np.sqrt(np.add.reduceat(exact * exact, bags.starts[:-1]))[:, None]
        scores: NDArray[np.float32] = (total / norms * self.scale + self.bias).astype(np.float32, copy=False)
        return scores

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Return the arrays to save."""
        return {
            "linear.weights": self.weights, "linear.scale": self.scale, "linear.bias": self.bias,
            "linear.rarity": self.rarity.astype(np.float16),
        }  # fmt: skip

    @classmethod
    def of_tensors(cls, labels: Sequence[str], tensors: Mapping[str, NDArray[Any]]) -> LinearIntents:
        """Read the arrays back.

        Raises:
            ValueError: one is missing, or they do not fit the labels.
        """
        k = len(labels)
        rarity = checked(tensors, "linear.rarity", None).astype(np.float32)
        size = len(rarity)
        if size < 1 or size & (size - 1):
            raise ValueError(f"linear.rarity of {size} where a power of two was expected")
        return cls(
            labels,
            checked(tensors, "linear.weights", size, k, kinds="i").astype(np.int8, copy=False),
            checked(tensors, "linear.scale", k).astype(np.float32, copy=False),
            checked(tensors, "linear.bias", k).astype(np.float32, copy=False),
            rarity,
        )
