"""The neural part: a bidirectional GRU over syllables with two heads, intent and tags, run in numpy.

Architecture: each syllable is the sum of hashed context embeddings (Bojanowski et al. 2017) beside its jamo and its place
in the word; one bidirectional GRU (Cho et al. 2014); tags from its states and its input; the intent from attention and
maximum over the states and the sum of the context embeddings. ``aiyam.training.nlu_network`` trains it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiyam.nlu.features import DENSE_CONTEXTS, Contexts

N_DENSE = 1 << 15
"""Buckets of the context embeddings."""

Array = NDArray[np.float32]


def dense_rows(contexts: Contexts) -> NDArray[np.int64]:
    """Return the embedding rows of every syllable, shape (n, len(DENSE_CONTEXTS))."""
    rows: NDArray[np.int64] = (contexts.ids[DENSE_CONTEXTS] & np.uint64(N_DENSE - 1)).astype(np.int64).T
    return rows


@dataclass(frozen=True)
class _Gru:
    """One direction: ``into`` (d, 3h), ``again`` (h, 3h), biases (3h,); gates in the order reset, update, new."""

    into: Array
    again: Array
    bias_in: Array
    bias_again: Array

    def run(self, inputs: Array, lengths: NDArray[np.int64]) -> Array:
        """Return the states, shape (b, l, h); rows are sorted by length, longest first.

        Args:
            inputs: (b, l, 3h), already multiplied by ``into``.
            lengths: (b,) real places of each row.
        """
        size = self.again.shape[0]
        states = np.zeros((*inputs.shape[:2], size), dtype=np.float32)
        hidden: Array = np.zeros((inputs.shape[0], size), dtype=np.float32)
        for t in range(inputs.shape[1]):
            live = int(np.searchsorted(-lengths, -t, side="left"))
            hidden = hidden[:live]
            again = hidden @ self.again + self.bias_again
            given = inputs[:live, t]
            gates = 0.5 * np.tanh(0.5 * (given[:, : 2 * size] + again[:, : 2 * size])) + 0.5
            new = np.tanh(given[:, 2 * size :] + gates[:, :size] * again[:, 2 * size :])
            hidden = new + gates[:, size:] * (hidden - new)
            states[:live, t] = hidden
        return states


class Network:
    """The trained network; arrays as torch names them, transposed for row vectors."""

    def __init__(self, tensors: Mapping[str, NDArray[Any]]) -> None:
        """Hold the arrays of ``tensors`` (names begin with ``net.``).

        Raises:
            KeyError: one is missing.
        """
        self._raw = {name: tensors[f"net.{name}"] for name in PARTS}
        part = {name: array.astype(np.float32) for name, array in self._raw.items()}
        if "net.embedding.scale" in tensors:
            part["embedding"] *= tensors["net.embedding.scale"]
        self.embedding = part["embedding"]
        self.jamo = (part["onset"], part["vowel"], part["final"])
        self.place = (part["place"], part["left"], part["kind"])
        self.directions = tuple(
            _Gru(
                np.ascontiguousarray(part[f"{way}.into"].T),
                np.ascontiguousarray(part[f"{way}.again"].T),
                part[f"{way}.bias_in"],
                part[f"{way}.bias_again"],
            )
            for way in ("forward", "backward")
        )
        self.attention = part["attention.weight"].T, part["attention.bias"]
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
        summed = self.embedding[dense_rows(contexts)].sum(axis=1)
        jamo = [table[contexts.jamo[k]] for k, table in enumerate(self.jamo)]
        places = [table[contexts.places[k]] for k, table in enumerate(self.place)]
        inputs = np.concatenate([summed, *jamo, *places], axis=1)
        starts = contexts.starts
        lengths = np.diff(starts)
        order = np.argsort(-lengths, kind="stable")
        order = order[lengths[order] > 0]
        states = np.zeros((len(inputs), 2 * self.directions[0].again.shape[0]), dtype=np.float32)
        if len(order):
            half = states.shape[1] // 2
            sorted_lengths = lengths[order]
            steps = np.arange(int(sorted_lengths[0]))
            real = steps[None, :] < sorted_lengths[:, None]
            ahead = np.where(real, starts[order][:, None] + steps, 0)
            astern = np.where(real, (starts[order] + sorted_lengths - 1)[:, None] - steps, 0)
            for k, (gru, at) in enumerate(zip(self.directions, (ahead, astern), strict=True)):
                found = gru.run((inputs @ gru.into + gru.bias_in)[at], sorted_lengths)
                states[at[real], k * half : (k + 1) * half] = found[real]
        tags = np.concatenate([states, inputs], axis=1) @ self.tag[0] + self.tag[1]
        return self._intents(states, summed, starts), tags

    def _intents(self, states: Array, summed: Array, starts: NDArray[np.int64]) -> Array:
        m = len(starts) - 1
        out = np.tile(self.intent[1], (m, 1))
        full = np.flatnonzero(np.diff(starts) > 0)
        if not len(full):
            return out
        first = starts[:-1][full]
        counts = np.diff(starts)[full]
        weight = (np.tanh(states) @ self.attention[0] + self.attention[1])[:, 0]
        weight = np.exp(weight - np.repeat(np.maximum.reduceat(weight, first), counts))
        weight /= np.repeat(np.add.reduceat(weight, first), counts)
        pooled = np.concatenate(
            [
                np.add.reduceat(states * weight[:, None], first),
                np.maximum.reduceat(states, first),
                np.add.reduceat(summed, first) / np.sqrt(counts)[:, None],
            ],
            axis=1,
        )
        out[full] = pooled.astype(np.float32) @ self.intent[0] + self.intent[1]
        return out


PARTS = (
    "embedding", "onset", "vowel", "final", "place", "left", "kind",
    "forward.into", "forward.again", "forward.bias_in", "forward.bias_again",
    "backward.into", "backward.again", "backward.bias_in", "backward.bias_again",
    "attention.weight", "attention.bias", "intent.weight", "intent.bias", "tag.weight", "tag.bias", "moves",
)  # fmt: skip
"""The arrays of a network, by the names they are saved under."""
