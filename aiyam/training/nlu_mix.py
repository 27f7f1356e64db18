"""Finds, on held-out rows, how much each part of the understanding counts, and how sure its answers may sound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from aiyam.nlu.decoding import FORBIDDEN, best_paths, legal_moves, spans_of_tags
from aiyam.nlu.examples import Example
from aiyam.nlu.features import Utterance, bags, contexts
from aiyam.nlu.gazetteer import Gazetteer
from aiyam.nlu.model import Mix, NluModel, Parts

_SHARES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.45, 0.65, 1.0, 1.5, 3.0, 8.0, 25.0)
_USUAL = 0.3
"""Where held-out rows do not tell shares apart, as few of them may not, the nearest to this one."""
_CHUNK = 256

Scores = NDArray[np.float32]


def scored(parts: Parts, utterances: Sequence[Utterance], gold: Sequence[Example]) -> dict[str, float]:
    """Return ``intent_accuracy`` and, where there are tags, exact micro ``span_f1`` of held-out rows."""
    model = NluModel(parts, Gazetteer((), {}), {})
    readings = [r for i in range(0, len(utterances), _CHUNK) for r in model.read_utterances(utterances[i : i + _CHUNK])]
    right = float(np.mean([r.intent == e.intent for r, e in zip(readings, gold, strict=True)]))
    found = {"intent_accuracy": round(right, 4)}
    if len(parts.tags) > 1 and (parts.tagger is not None or parts.network is not None):
        hit = said = real = 0
        for reading, example in zip(readings, gold, strict=True):
            spans = {(k, *reading.text.span(s, t)) for k, s, t in reading.spans}
            truth = {(k, s, t) for k, s, t, _ in example.spans}
            hit, said, real = hit + len(spans & truth), said + len(spans), real + len(truth)
        found["span_f1"] = round(2 * hit / (said + real), 4) if said + real else 1.0
    return found


def tune_intents(parts: Parts, utterances: Sequence[Utterance], gold: Sequence[Example]) -> Mix:
    """Return the mix whose probabilities fit held-out intents best: weights that are also a temperature (Guo et al. 2017)."""
    from scipy.optimize import minimize

    linear, network = _intent_scores(parts, utterances)
    target = np.array([parts.intents.labels.index(e.intent) for e in gold])
    places = np.arange(len(target))

    def loss(weights: NDArray[np.float64]) -> float:
        scores = weights[0] * linear + weights[1] * network
        peak = scores.max(axis=1, keepdims=True)
        log_total = np.log(np.exp(scores - peak).sum(axis=1)) + peak[:, 0]
        prior = 1e-3 * float((weights - 1.0) @ (weights - 1.0))
        return float(np.mean(log_total - scores[places, target])) + prior

    begin = [3.0, 0.0] if parts.network is None else [2.0, 0.5]
    bounds = [(0.05, 40.0), (0.0, 0.0) if parts.network is None else (0.0, 4.0)]
    found = minimize(loss, np.array(begin), bounds=bounds, method="L-BFGS-B").x
    return replace(parts.mix, intent_linear=float(found[0]), intent_network=float(found[1]))


def _intent_scores(parts: Parts, utterances: Sequence[Utterance]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    linear = [parts.intents.scores(bags(utterances[i : i + _CHUNK])) for i in range(0, len(utterances), _CHUNK)]
    first = np.concatenate(linear).astype(np.float64)
    if parts.network is None:
        return first, np.zeros_like(first)
    runs = [parts.network.run(contexts(utterances[i : i + _CHUNK]))[0] for i in range(0, len(utterances), _CHUNK)]
    return first, np.concatenate(runs).astype(np.float64)


def find_mix(parts: Parts, utterances: Sequence[Utterance], gold: Sequence[Example]) -> Mix:
    """Return the mix of both heads; a part that was not trained counts nothing."""
    mix = tune_intents(parts, utterances, gold)
    if parts.network is None:
        return replace(mix, tags_linear=1.0 if parts.tagger is not None else 0.0, tags_network=0.0)
    if parts.tagger is None:
        return replace(mix, tags_linear=0.0, tags_network=1.0)
    ours, theirs, bounds = [], [], [np.zeros(1, dtype=np.int64)]
    for i in range(0, len(utterances), _CHUNK):
        around = contexts(utterances[i : i + _CHUNK])
        ours.append(parts.network.run(around)[1])
        theirs.append(parts.tagger.scores(around))
        bounds.append(around.starts[1:] + bounds[-1][-1])
    rows = _Rows(np.concatenate(ours), np.concatenate(theirs), np.concatenate(bounds))
    spread = float(rows.network.std() / (rows.linear.std() or 1.0))
    shares = [round(share * spread, 5) for share in _SHARES]
    found = np.array([_span_f1(parts, rows, share, utterances, gold) for share in shares])
    smooth = np.convolve(np.pad(found, 1, mode="edge"), np.full(3, 1 / 3), mode="valid")  # one share alone is chance
    best = shares[int(np.argmax(smooth - 1e-6 * np.abs(np.array(_SHARES) - _USUAL)))]
    return replace(mix, tags_linear=best, tags_network=1.0)


@dataclass(frozen=True)
class _Rows:
    """Tag scores of many utterances by each part, shape (n, k), and where each utterance begins."""

    network: Scores
    linear: Scores
    bounds: NDArray[np.int64]


def _span_f1(
    parts: Parts, rows: _Rows, share: float, utterances: Sequence[Utterance], gold: Sequence[Example]
) -> float:
    if parts.network is None or parts.tagger is None:
        return 0.0
    moves = legal_moves(parts.tags) + parts.network.moves + share * parts.tagger.moves
    starts = np.where([t.startswith("I-") for t in parts.tags], FORBIDDEN, 0.0).astype(np.float32)
    paths = best_paths(rows.network + share * rows.linear, rows.bounds, moves, starts)
    hit = total = 0
    for i, (utterance, example) in enumerate(zip(utterances, gold, strict=True)):
        path = [parts.tags[t] for t in paths[rows.bounds[i] : rows.bounds[i + 1]].tolist()]
        spans = {(k, *utterance.plain.span(s, t)) for k, s, t in spans_of_tags(path, utterance.plain.text)}
        truth = {(k, s, t) for k, s, t, _ in example.spans}
        hit, total = hit + len(spans & truth), total + len(spans) + len(truth)
    return 2 * hit / total if total else 1.0
