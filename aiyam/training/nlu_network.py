"""Trains the neural part of the understanding on one or two cores in minutes; ``aiyam.nlu.network`` runs it."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aiyam.nlu.contexts import DENSE_CONTEXTS, contexts
from aiyam.nlu.grid import Utterance
from aiyam.nlu.network import N_DENSE, Network, dense_rows

if TYPE_CHECKING:
    import torch

    from aiyam.training.nlu_module import Module

_CHUNK = 512


@dataclass(frozen=True)
class Sizes:
    """Widths and training knobs; the defaults were chosen on public and own development rows (models/README.md)."""

    context: int = 128
    jamo: int = 16
    place: int = 8
    hidden: int = 128
    window: int = 3
    """How many characters the gates of the recurrence see around each; odd."""
    dropout: float = 0.5
    feature_dropout: float = 0.1
    learning_rate: float = 3e-3
    batch_size: int = 64
    intent_weight: float = 2.0
    average: float = 0.998
    """Decay of the running mean of the weights, which is what is kept (Polyak & Juditsky 1992)."""
    patience: int = 4


@dataclass(frozen=True)
class Labels:
    """The label sets: the intents, and the tags with "O" first."""

    intents: tuple[str, ...]
    tags: tuple[str, ...]


def sizes_for(labels: Labels, start: Network | None = None) -> Sizes:
    """Return the widths of the network to go on from, else the defaults, or less for few labels, to read faster."""
    if start is not None:
        return Sizes(
            context=start.embedding.shape[1],
            jamo=start.jamo[0].shape[1],
            place=start.place[0].shape[1],
            hidden=start.states.size,
            window=start.states.window,
        )
    few = len(labels.intents) + len(labels.tags) <= _FEW_LABELS
    return Sizes(context=96, hidden=64) if few else Sizes()


_FEW_LABELS = 64


@dataclass(frozen=True)
class Row:
    """One training row: the utterance, its intent's number and the tag numbers of its characters."""

    utterance: Utterance
    intent: int
    tags: NDArray[np.int64]


@dataclass(frozen=True)
class _Encoded:
    dense: NDArray[np.int32]
    jamo: NDArray[np.int8]
    places: NDArray[np.int8]
    tags: NDArray[np.int64]
    intent: int


def _encode(rows: Sequence[Row]) -> list[_Encoded]:
    found = []
    for start in range(0, len(rows), _CHUNK):
        some = rows[start : start + _CHUNK]
        around = contexts([r.utterance for r in some])
        dense = dense_rows(around).astype(np.int32)
        jamo, places = around.jamo.T.astype(np.int8), around.places.T.astype(np.int8)
        for i, row in enumerate(some):
            at = slice(around.starts[i], around.starts[i + 1])
            if at.stop > at.start:
                found.append(_Encoded(dense[at], jamo[at], places[at], row.tags, row.intent))
    return found


def fit_network(
    rows: Sequence[Row],
    vary: Callable[[random.Random], list[Row]],
    labels: Labels,
    *,
    sizes: Sizes | None,
    epochs: int,
    seed: int,
    judge: Callable[[Network], float],
    progress: Callable[[int, float, float], None],
    start: tuple[Network, Labels] | None = None,
    rows_a_pass: int | None = None,
) -> Network:
    """Train, keeping the weights that did best on held-out rows.

    Args:
        rows: the clean rows.
        vary: makes this epoch's altered copies (noise, other words in a span); called once an epoch.
        labels: what the numbers in ``rows`` stand for.
        sizes: None: what ``sizes_for`` says.
        judge: gives a network's score on held-out rows; more is better.
        progress: called after each epoch with (epochs done, mean loss, score).
        start: a network to go on from and its labels: its weights where they have the shape that ``sizes`` asks for, and
            of the heads, what they know of labels that are still there.
        rows_a_pass: about how many rows an epoch goes through, drawn anew each time; None: all.
    """
    import torch

    torch.manual_seed(seed)
    torch.set_num_threads(1)  # the steps are small: a second thread mostly waits, and on a busy machine slows the first
    rng = random.Random(seed)
    sizes = sizes or sizes_for(labels, start[0] if start else None)
    module = module_of(sizes, labels)
    if start is not None:
        _restore(module, *start, labels)
    sparse = [module.embedding.weight]
    others = [p for name, p in module.named_parameters() if name != "embedding.weight"]
    optimisers = [
        torch.optim.AdamW(others, lr=sizes.learning_rate, weight_decay=0.01),
        torch.optim.SparseAdam(sparse, lr=sizes.learning_rate),
    ]
    clean = _encode(rows)
    n_rows = min(len(clean), rows_a_pass or len(clean))
    n_steps = epochs * (n_rows // sizes.batch_size + 2)
    step = 0
    mean = {name: value.detach().clone() for name, value in module.state_dict().items()}
    best, best_score, since_best = None, -1.0, 0
    for epoch in range(epochs):
        module.train()
        total = 0.0
        varied = _encode(vary(rng))
        kept = rng.sample(clean, max(n_rows - len(varied), n_rows // 2))
        batches = _batches([*kept, *varied], sizes.batch_size, rng)
        for batch in batches:
            rate = sizes.learning_rate * _rate(min(1.0, step / n_steps))
            for optimiser in optimisers:
                optimiser.param_groups[0]["lr"] = rate
                optimiser.zero_grad()
            loss = module.loss(*_padded(batch), intent_weight=sizes.intent_weight)
            torch.autograd.backward(loss)
            torch.nn.utils.clip_grad_norm_(others, 5.0)
            for optimiser in optimisers:
                optimiser.step()
            total += float(loss.detach())
            step += 1
            if step % 4 == 0:
                decay = min(sizes.average, step / (step + 50.0)) ** 4
                with torch.no_grad():
                    for name, value in module.state_dict().items():
                        mean[name].lerp_(value, 1 - decay)
        network = Network(_tensors(mean))
        score = judge(network)
        if score > best_score:
            best, best_score, since_best = network, score, 0
        else:
            since_best += 1
        progress(epoch + 1, total / max(1, len(batches)), score)
        if since_best >= sizes.patience:
            break
    return best if best is not None else Network(_tensors(mean))


def module_of(sizes: Sizes, labels: Labels) -> Module:
    """Return an untrained network of these widths for these labels."""
    from aiyam.training.nlu_module import Module

    return Module(
        len(labels.tags), len(labels.intents), context=sizes.context, jamo=sizes.jamo, place=sizes.place,
        hidden=sizes.hidden, window=sizes.window, dropout=sizes.dropout, feature_dropout=sizes.feature_dropout,
    )  # fmt: skip


def _rate(done: float) -> float:
    """One rise over the first tenth, one cosine fall (Smith & Topin 2019)."""
    if done < 0.1:
        return 0.04 + 0.96 * done / 0.1
    return float(0.001 + 0.999 * 0.5 * (1 + np.cos(np.pi * (done - 0.1) / 0.9)))


def _batches(rows: list[_Encoded], size: int, rng: random.Random) -> list[list[_Encoded]]:
    """Put rows of like length together, in an order by chance."""
    rng.shuffle(rows)
    batches = []
    for start in range(0, len(rows), size * 20):
        some = sorted(rows[start : start + size * 20], key=lambda r: len(r.tags))
        batches += [some[i : i + size] for i in range(0, len(some), size)]
    rng.shuffle(batches)
    return batches


def _padded(batch: Sequence[_Encoded]) -> tuple[torch.Tensor, ...]:
    """Return what ``Module.loss`` takes: rows, jamo, places, where a character stands, tags, intents."""
    import torch

    longest, count = max(len(r.tags) for r in batch), len(batch)
    dense = np.full((count, longest, len(DENSE_CONTEXTS)), N_DENSE, dtype=np.int64)
    jamo = np.zeros((count, longest, 3), dtype=np.int64)
    places = np.zeros((count, longest, 3), dtype=np.int64)
    tags = np.zeros((count, longest), dtype=np.int64)
    real = np.zeros((count, longest), dtype=np.bool_)
    for i, row in enumerate(batch):
        n = len(row.tags)
        dense[i, :n], jamo[i, :n], places[i, :n], tags[i, :n], real[i, :n] = (
            row.dense,
            row.jamo,
            row.places,
            row.tags,
            True,
        )
    intents = np.array([row.intent for row in batch])
    return tuple(torch.from_numpy(a) for a in (dense, jamo, places, real, tags, intents))


_NAMES = {
    "onset": "jamo.0.weight", "vowel": "jamo.1.weight", "final": "jamo.2.weight",
    "place": "places.0.weight", "left": "places.1.weight", "kind": "places.2.weight",
    "gates": "both_ways.gates.weight", "gates.bias": "both_ways.gates.bias",
    "through": "both_ways.through.weight", "through.bias": "both_ways.through.bias",
    "attention": "attention.weight", "intent.weight": "intent.weight", "intent.bias": "intent.bias",
    "tag.weight": "tag.weight", "tag.bias": "tag.bias", "moves": "moves",
}  # fmt: skip


def _tensors(state: dict[str, torch.Tensor]) -> dict[str, NDArray[Any]]:
    arrays = {f"net.{name}": state[theirs].numpy().astype(np.float16) for name, theirs in _NAMES.items()}
    arrays["net.embedding"] = state["embedding.weight"][:N_DENSE].numpy().astype(np.float16)
    return arrays


def _restore(module: Module, network: Network, known: Labels, labels: Labels) -> None:
    """Go on from a network's weights where the shapes are the same; in the heads, label by label that both know."""
    import torch

    arrays = {name: array.astype(np.float32) for name, array in network.tensors().items()}
    intents, tags = _shared(known.intents, labels.intents), _shared(known.tags, labels.tags)
    state = module.state_dict()
    for name, theirs in _NAMES.items():
        ours, before = state[theirs], torch.from_numpy(arrays[f"net.{name}"])
        if name == "moves":
            ours[np.ix_(tags[1], tags[1])] = before[np.ix_(tags[0], tags[0])]
        elif name.startswith(("intent.", "tag.")):
            if ours.shape[1:] == before.shape[1:]:
                old, new = intents if name.startswith("intent.") else tags
                ours[new] = before[old]
        elif ours.shape == before.shape:
            ours.copy_(before)
    embedding = torch.from_numpy(network.embedding)
    if embedding.shape == state["embedding.weight"][:N_DENSE].shape:
        state["embedding.weight"][:N_DENSE] = embedding
    module.load_state_dict(state)


def _shared(known: Sequence[str], labels: Sequence[str]) -> tuple[list[int], list[int]]:
    """Return where the labels that both have stand in the one and in the other."""
    both = [label for label in labels if label in known]
    return [known.index(label) for label in both], [labels.index(label) for label in both]
