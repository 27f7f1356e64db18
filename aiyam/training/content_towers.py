"""Tunes the n-gram table as two towers that share it: texts as people type them against the shops that answer them."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from aiyam.candidates.encoder import WIDTH
from aiyam.candidates.gram_encoder import GramEncoder, word_counts
from aiyam.training.content_pairs import Pairs
from aiyam.training.content_typing import draw_texts
from aiyam.training.content_wishes import Wishes

if TYPE_CHECKING:
    import torch

N_STEPS = 80
"""Steps of one pass."""
N_TEXTS, N_SHOPS = 512, 400
"""Texts of a step, and shops each of them is ranked over."""
TEMPERATURE = 0.07
LEARNING_RATE = 0.015
PULL = 1.0
"""How strongly touched rows are drawn back to where they started, so that words no pair holds keep their company."""
_WARM_UP = 10
_PULL_EVERY = 10
_ROW_SIZE = 0.1
_DECAY = 0.99


class _Report(Protocol):
    def __call__(self, fraction: float, message: str = "", metrics: Mapping[str, float] | None = None) -> None: ...


class RowSteps:
    """Steps that touch the rows of a batch alone, each scaled by the running size of that row's gradients.

    Adam (Kingma & Ba 2015) without its first moment, one second moment and one count of steps a row.
    """

    def __init__(self, table: NDArray[np.float32]) -> None:
        self.table = table
        self._square = np.zeros(len(table), np.float32)
        self._n_steps = np.zeros(len(table), np.int32)

    def step(self, rows: NDArray[np.int64], gradient: NDArray[np.float32], rate: float) -> None:
        """Move distinct ``rows`` against their ``gradient``, (len(rows), width)."""
        self._n_steps[rows] += 1
        size = np.einsum("ij,ij->i", gradient, gradient) / np.float32(gradient.shape[1])
        square = _DECAY * self._square[rows] + (1 - _DECAY) * size
        self._square[rows] = square
        scale = rate / (np.sqrt(square / (1 - _DECAY ** self._n_steps[rows])) + 1e-8)
        self.table[rows] -= gradient * scale.astype(np.float32)[:, None]


def tune(
    start: GramEncoder,
    documents: Sequence[str],
    pairs: Pairs,
    *,
    wishes: Wishes,
    passes: int,
    seed: int,
    report: _Report,
) -> GramEncoder:
    """Return an encoder that ranks the shops that answer a text before those that do not.

    Each step ranks texts over a sample of the shops (in-batch negatives; the hard ones, of the same category, come with
    it) and lowers the cross entropy between their softmax and the shops' gains, which may be many for one text
    (supervised contrastive learning, Khosla et al. 2020, with graded answers). The same seed gives the same table on one
    thread.

    Args:
        start: where to start from; it is not changed.
        documents: the shops' texts, in the columns of ``pairs.gains``.
        pairs: texts and what answers them.
        wishes: holds the words that stand beside wishes.
        passes: how many passes of new texts; 0 returns ``start``.
        seed: decides the texts, their slips and the shops of each step.
        report: told after each step.
    """
    if passes == 0 or not pairs.texts:
        return start
    import torch

    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)  # steps are small: a second thread costs more than it gives, and changes sums
    try:
        return _tune(start, documents, pairs, wishes, passes * N_STEPS, random.Random(seed), report)
    finally:
        torch.set_num_threads(n_threads)


def _tune(
    start: GramEncoder,
    documents: Sequence[str],
    pairs: Pairs,
    wishes: Wishes,
    n_steps: int,
    rng: random.Random,
    report: _Report,
) -> GramEncoder:
    import torch
    from torch.nn import functional

    counts, vocabulary = word_counts(documents)
    shop_texts, shop_words = counts.sqrt().tocsr(), start.weights_of(vocabulary)
    size = float(np.sqrt((start.table[start.table.any(axis=1)] ** 2).mean()))
    table = start.table * np.float32(_ROW_SIZE / size)
    home = table.copy()
    steps = RowSteps(table)
    draw = np.random.default_rng(rng.randrange(1 << 32))
    losses: list[float] = []
    owed = 0.0
    for step in range(n_steps):
        if step % N_STEPS == 0:
            texts, answers = draw_texts(pairs, N_TEXTS * min(N_STEPS, n_steps - step), wishes, rng)
            counts, vocabulary = word_counts(texts)
            typed_texts, typed_words = counts.sqrt().tocsr(), start.weights_of(vocabulary)
        low = step % N_STEPS * N_TEXTS
        shops = np.sort(draw.choice(len(documents), min(N_SHOPS, len(documents)), replace=False))
        gain = pairs.gains[answers[low : low + N_TEXTS]][:, shops].toarray().astype(np.float32)
        answered = np.flatnonzero(gain.any(axis=1))
        if len(answered) == 0:
            continue
        mine, mine_words = _words_of_rows(typed_texts[low : low + N_TEXTS][answered], typed_words)
        theirs, their_words = _words_of_rows(shop_texts[shops], shop_words)
        rows, words = _columns_used(_stacked(mine_words, their_words))
        leaf = torch.from_numpy(table[rows]).requires_grad_()
        vectors = _product(words, leaf)
        n_mine = mine_words.shape[0]
        asking = functional.normalize(_product(mine, vectors[:n_mine]), dim=1)
        answering = functional.normalize(_product(theirs, vectors[n_mine:]), dim=1)
        target = torch.from_numpy(gain[answered] / gain[answered].sum(axis=1, keepdims=True))
        chances = functional.log_softmax(asking @ answering.T / TEMPERATURE, dim=1)
        loss = -(target * chances).sum(dim=1).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        losses.append(float(loss.detach()))
        rate = LEARNING_RATE * min(1.0, (step + 1) / _WARM_UP) * (1 - step / n_steps)
        if leaf.grad is not None:
            steps.step(rows, leaf.grad.numpy(), rate)
            owed += PULL * rate
        if step % _PULL_EVERY == _PULL_EVERY - 1 or step == n_steps - 1:
            table += (home - table) * np.float32(owed)
            owed = 0.0
        report((step + 1) / n_steps, f"{step + 1}/{n_steps}", {"loss": float(np.mean(losses[-10:]))})
    table *= np.float32(size / _ROW_SIZE)
    return GramEncoder(table.astype(np.float16).astype(np.float32), start.idf)


def _words_of_rows(texts: Any, words: Any) -> tuple[Any, Any]:
    """Return the texts over the words they use alone, and those words' features."""
    used, mine = _columns_used(texts)
    return mine, words[used]


def _columns_used(matrix: Any) -> tuple[NDArray[np.int64], Any]:
    """Return the ascending columns that a sparse matrix uses, and the matrix over these alone."""
    from scipy import sparse

    used, place = np.unique(matrix.indices, return_inverse=True)
    kept = sparse.csr_matrix((matrix.data, place, matrix.indptr), shape=(matrix.shape[0], len(used)))
    return used.astype(np.int64), kept


def _stacked(one: Any, other: Any) -> Any:
    from scipy import sparse

    return sparse.vstack([one, other], format="csr")


def _product(matrix: Any, vectors: torch.Tensor) -> torch.Tensor:
    """Multiply a constant sparse matrix (n, m) with vectors (m, 128); the gradient reaches the vectors."""
    import torch
    from torch.nn import functional

    if matrix.nnz == 0:
        return vectors.new_zeros((matrix.shape[0], WIDTH))
    return functional.embedding_bag(
        torch.from_numpy(matrix.indices.astype(np.int64)),
        vectors,
        torch.from_numpy(matrix.indptr[:-1].astype(np.int64)),
        per_sample_weights=torch.from_numpy(matrix.data.astype(np.float32)),
        mode="sum",
    )
