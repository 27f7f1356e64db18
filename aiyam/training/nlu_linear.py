"""Fits the linear parts of the understanding: a support vector machine for the intent, a linear chain for the tags."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiyam.nlu.bags import bags
from aiyam.nlu.contexts import contexts
from aiyam.nlu.grid import Utterance
from aiyam.nlu.linear_intents import LinearIntents, bucket_rows, n_buckets
from aiyam.nlu.sparse_tagger import SparseTagger, context_keys

_CHUNK = 512
_TOLERANCE = 0.1
"""Where the machine's fit stops: a tenth of it moves no held-out row and takes a fifth longer."""


def fit_intents(
    utterances: Sequence[Utterance], labels: Sequence[str], names: Sequence[str], weights: Sequence[float], *, seed: int
) -> LinearIntents:
    """Fit one-against-rest linear support vector machines (Fan et al. 2008) on counts weighed by rarity.

    Args:
        utterances: the rows, noisy copies included.
        labels: the label of each row.
        names: the label set; a set of one gives a constant model.
        weights: how much each row counts.
    """
    from sklearn.svm import LinearSVC

    size = n_buckets(len(names))
    matrix, rarity = _matrix(utterances, size)
    if len(names) == 1:
        nothing = np.zeros((size, 1), dtype=np.float32)
        return LinearIntents.quantised(names, nothing, np.zeros(1, dtype=np.float32), rarity)
    target = np.array([names.index(label) for label in labels])
    machine = LinearSVC(C=1.5, tol=_TOLERANCE, max_iter=200, random_state=seed)
    machine.fit(matrix, target, sample_weight=np.asarray(weights))
    found, bias = machine.coef_.T.astype(np.float32), machine.intercept_.astype(np.float32)
    if len(names) == 2:
        found, bias = np.hstack([-found, found]), np.concatenate([-bias, bias])
    return LinearIntents.quantised(names, found, bias, rarity)


def _matrix(utterances: Sequence[Utterance], size: int) -> tuple[Any, NDArray[np.float32]]:
    from scipy.sparse import csr_matrix, vstack

    parts = []
    for start in range(0, len(utterances), _CHUNK):
        some = bags(utterances[start : start + _CHUNK])
        rows = bucket_rows(some, size)
        part = csr_matrix((np.ones(len(rows), dtype=np.float32), rows, some.starts), shape=(len(some.starts) - 1, size))
        part.sum_duplicates()
        parts.append(part)
    matrix = vstack(parts).tocsr()
    seen = np.bincount(matrix.indices, minlength=size)
    rarity = (np.log((1 + matrix.shape[0]) / (1 + seen)) + 1).astype(np.float16).astype(np.float32)
    times, rare = matrix.data, rarity[matrix.indices]
    norms = np.sqrt(np.add.reduceat(times * rare**2, matrix.indptr[:-1]))
    matrix.data = times * rare / np.repeat(norms, np.diff(matrix.indptr))
    return matrix, rarity


def fit_tagger(
    utterances: Sequence[Utterance],
    tags: Sequence[Sequence[int]],
    names: Sequence[str],
    *,
    passes: int,
    progress: Callable[[int], None],
    seed: int = 1,
) -> SparseTagger | None:
    """Fit a linear-chain model by passive-aggressive updates, averaged (Crammer et al. 2006); None when no row has a span.

    Args:
        tags: the tag numbers of each row's characters.
        names: the tag set; "O" first. crfsuite sees numbers alone: what it prints of a model is read back line by line,
            which a label with an arrow or a colon in it would break.
        passes: passes over the rows.
        progress: called with the number of passes done.
        seed: of the order in which the rows are gone through.
    """
    import pycrfsuite

    if len(names) < 2:
        return None

    class Trainer(pycrfsuite.BaseTrainer):  # type: ignore[misc]
        done = 0

        def message(self, message: str) -> None:
            if message.startswith("***** Iteration #"):
                self.done += 1
                progress(self.done)

    trainer = Trainer("pa", {"max_iterations": passes})
    for start in range(0, len(utterances), _CHUNK):
        some = contexts(utterances[start : start + _CHUNK])
        keys = [[format(key, "x") for key in row] for row in context_keys(some).T.tolist()]
        for i in range(len(some.starts) - 1):
            rows = keys[some.starts[i] : some.starts[i + 1]]
            if rows:
                trainer.append(rows, [str(number) for number in tags[start + i]])
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "tags.crfsuite"
        _seed_shuffling(seed)
        trainer.train(str(path))
        tagger = pycrfsuite.Tagger()
        tagger.open(str(path))
        dumped = path.with_suffix(".txt")
        tagger.dump(str(dumped))
        tagger.close()
        return _compact(dumped.read_text("ascii"), len(names))


def _seed_shuffling(seed: int) -> None:
    """Seed the C library's ``rand``: crfsuite shuffles with it and never seeds it, so two trainings would differ."""
    import ctypes
    import os

    if os.name == "posix":
        ctypes.CDLL(None).srand(seed)


_WEIGHT = re.compile(r"^  \(([01])\) (\w+) --> (\d+): (\S+)$", re.MULTILINE)
"""A line of crfsuite's dump: of a state (0) or a transition (1)."""


def _compact(dump: str, n_tags: int) -> SparseTagger:
    """Read the weights of a dumped model; the library's own reader takes seconds, a state machine line by line."""
    states: list[tuple[int, int, float]] = []
    moves = np.zeros((n_tags, n_tags), dtype=np.float32)
    for kind, what, tag, weight in _WEIGHT.findall(dump):
        if kind == "1":
            moves[int(what), int(tag)] = float(weight)
        else:
            states.append((int(what, 16), int(tag), float(weight)))
    scale = max((abs(w) for *_, w in states), default=1.0)
    found = sorted(state for state in states if abs(state[2]) > scale * 1e-3)
    keys, counts = np.unique(np.array([f[0] for f in found], dtype=np.int64), return_counts=True)
    return SparseTagger(
        keys,
        np.concatenate([[0], np.cumsum(counts)]),
        np.array([f[1] for f in found], dtype=np.uint8 if n_tags <= 256 else np.uint16),
        np.array([f[2] for f in found], dtype=np.float32),
        moves,
    )
