"""The neural part: a recurrence over syllables both ways with two heads, intent and tags, run in numpy.

Architecture: each syllable is the sum of hashed context embeddings (Bojanowski et al. 2017) beside its jamo and its place
in the word; one recurrence both ways (``aiyam.nlu.recurrence``); tags from its states and its input; the intent from
attention and maximum over the states and the sum of the context embeddings. ``aiyam.training.nlu_network`` trains it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiyam.nlu.contexts import DENSE_CONTEXTS, N_JAMO, N_PLACES, Contexts
from aiyam.nlu.recurrence import N_GATES, BothWays
from aiyam.nlu.tensors import Tensors, checked

N_DENSE = 1 << 15
"""Buckets of the context embeddings."""

Array = NDArray[np.float32]


def dense_rows(contexts: Contexts) -> NDArray[np.int64]:
    """Return the embedding rows of every syllable, shape (n, len(DENSE_CONTEXTS))."""
    rows: NDArray[np.int64] = (contexts.ids[DENSE_CONTEXTS] & np.uint64(N_DENSE - 1)).astype(np.int64).T
    return rows


class Network:
    """The trained network; the heads are transposed for row vectors."""

    def __init__(self, tensors: Tensors) -> None:
        """Hold the arrays of ``tensors`` (names begin with ``net.``).

        Raises:
            ValueError: one is missing, or they do not fit each other.
        """
        self._raw = _parts_of(tensors)
        part = {name: array.astype(np.float32) for name, array in self._raw.items()}
        if self._raw["embedding"].dtype.kind == "i":
            part["embedding"] *= checked(tensors, "net.embedding.scale", part["embedding"].shape[1])
        self.embedding = part["embedding"]
        self.jamo = (part["onset"], part["vowel"], part["final"])
        self.place = (part["place"], part["left"], part["kind"])
        self.states = BothWays(*(part[name] for name in _RECURRENCE))
        self._attention = part["attention"][0]
        self.intent = np.ascontiguousarray(part["intent.weight"].T), part["intent.bias"]
        self.tag = np.ascontiguousarray(part["tag.weight"].T), part["tag.bias"]
        self.moves = part["moves"]

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Return the arrays to save: half precision, and the embeddings, half of the file, as int8 with a scale a column."""
        arrays = {f"net.{name}": array.astype(np.float16) for name, array in self._raw.items()}
        scale = np.maximum(np.abs(self.embedding).max(axis=0), 1e-9) / 127.0
        arrays["net.embedding"] = np.rint(self.embedding / scale).astype(np.int8)
        arrays["net.embedding.scale"] = scale.astype(np.float32)
        return arrays

    def fits(self, n_intents: int, n_tags: int) -> bool:
        """Tell whether the heads have the sizes of the label sets."""
        return self.intent[0].shape[1] == n_intents and self.tag[0].shape[1] == n_tags == len(self.moves)

    def run(self, contexts: Contexts) -> tuple[Array, Array]:
        """Return intent scores (m, intents) and tag scores (n, tags) of many utterances."""
        starts = contexts.starts
        summed = self._embedded(contexts)
        n, width = len(summed), 2 * self.states.size
        joined = np.empty((n, len(self.tag[0])), dtype=np.float32)
        states, inputs = joined[:, :width], joined[:, width:]
        at = summed.shape[1]
        inputs[:, :at] = summed
        for table, rows in zip((*self.jamo, *self.place), (*contexts.jamo, *contexts.places), strict=True):
            inputs[:, at : at + table.shape[1]] = table[rows]
            at += table.shape[1]
        if not n:
            return np.tile(self.intent[1], (len(starts) - 1, 1)), joined @ self.tag[0]
        self.states.run(inputs, starts, states)
        if len(starts) == 2:
            pooled = self._pooled_one(states, summed)[None]
        else:
            pooled = self._pooled_many(states, summed, starts)
        return pooled @ self.intent[0] + self.intent[1], joined @ self.tag[0] + self.tag[1]

    def _embedded(self, contexts: Contexts) -> Array:
        """Return the sum of the context embeddings of every syllable, shape (n, d)."""
        rows = dense_rows(contexts)
        n, k = rows.shape
        summed: Array
        if n < _FEW_PLACES:
            summed = np.add.reduce(self.embedding[rows.T], axis=0)
            return summed
        from scipy.sparse import csr_array

        of_row = np.arange(0, n * k + 1, k, dtype=np.int32)
        ones = np.ones(n * k, dtype=np.float32)
        summed = csr_array((ones, rows.ravel().astype(np.int32), of_row), shape=(n, N_DENSE)) @ self.embedding
        return summed

    def _pooled_one(self, states: Array, summed: Array) -> Array:
        weight = states @ self._attention
        weight = np.exp(weight - weight.max())
        weight /= weight.sum()
        even = np.full(len(summed), len(summed) ** -0.5, dtype=np.float32)
        return np.concatenate([weight @ states, states.max(axis=0), even @ summed])

    def _pooled_many(self, states: Array, summed: Array, starts: NDArray[np.int64]) -> Array:
        """Return what the intent is read from, shape (m, 2 * 2h + d); of an empty utterance it is nothing."""
        counts = np.diff(starts)
        full = np.flatnonzero(counts)
        first, counts = starts[full], counts[full]
        weight = states @ self._attention
        weight = np.exp(weight - np.repeat(np.maximum.reduceat(weight, first), counts))
        weight /= np.repeat(np.add.reduceat(weight, first), counts)
        pooled = np.zeros((len(starts) - 1, len(self.intent[0])), dtype=np.float32)
        width = states.shape[1]
        pooled[full, :width] = np.add.reduceat(states * weight[:, None], first)
        pooled[full, width : 2 * width] = np.maximum.reduceat(states, first)
        pooled[full, 2 * width :] = np.add.reduceat(summed, first) / np.sqrt(counts)[:, None]
        return pooled


def _parts_of(tensors: Tensors) -> dict[str, NDArray[Any]]:
    """Return the arrays by name once they all fit: widths are read off some, and the others must have them."""
    summed = checked(tensors, "net.embedding", N_DENSE, None, kinds="fi").shape[1]
    states = checked(tensors, "net.through", None, None).shape[0]
    n_intents = checked(tensors, "net.intent.bias", None).shape[0]
    n_tags = checked(tensors, "net.tag.bias", None).shape[0]
    jamo, place = (checked(tensors, f"net.{name}", None, None).shape[1] for name in ("onset", "place"))
    width = summed + 3 * jamo + 3 * place
    if states % 2 or not width:
        raise ValueError(
            f"net.through for {states} states of {width} inputs where as many each way, of some, were expected"
        )
    window = checked(tensors, "net.gates", None, None).shape[1] // width
    if window % 2 == 0:
        raise ValueError(f"net.gates of {window} places where an odd number was expected")
    shapes: dict[str, tuple[int, ...]] = {
        **{name: (n, jamo) for name, n in zip(("onset", "vowel", "final"), N_JAMO, strict=True)},
        **{name: (n, place) for name, n in zip(("place", "left", "kind"), N_PLACES, strict=True)},
        "gates": (N_GATES * states, window * width), "gates.bias": (N_GATES * states,), "through": (states, width), "through.bias": (states,),
        "attention": (1, states),
        "intent.weight": (n_intents, 2 * states + summed), "intent.bias": (n_intents,),
        "tag.weight": (n_tags, states + width), "tag.bias": (n_tags,), "moves": (n_tags, n_tags),
    }  # fmt: skip
    parts = {name: checked(tensors, f"net.{name}", *shape) for name, shape in shapes.items()}
    return {"embedding": tensors["net.embedding"], **parts}


_FEW_PLACES = 200
"""Below these, gathering the embeddings costs less than preparing a sparse product."""
_RECURRENCE = ("gates", "gates.bias", "through", "through.bias")
PARTS = (
    "embedding", "onset", "vowel", "final", "place", "left", "kind", *_RECURRENCE,
    "attention", "intent.weight", "intent.bias", "tag.weight", "tag.bias", "moves",
)  # fmt: skip
"""The arrays of a network, by the names they are saved under."""
