"""Finds, on held-out rows, how much each part of the understanding counts, and how sure its answers may sound."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import mean

import numpy as np
from numpy.typing import NDArray

from aiyam.korean.spelling import Normalised
from aiyam.nlu.bags import bags
from aiyam.nlu.contexts import contexts
from aiyam.nlu.decoding import best_paths, legal_moves, legal_starts, spans_of_tags
from aiyam.nlu.examples import Example
from aiyam.nlu.gazetteer import Gazetteer
from aiyam.nlu.grid import Utterance
from aiyam.nlu.model import Mix, NluModel, Parts
from aiyam.training.rows import span_f1, spans_of

_SHARES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.45, 0.65, 1.0, 1.5, 3.0, 8.0, 25.0)
_AS_GOOD = 0.004
"""Span F1 by which shares of the linear tagger differ on held-out rows by chance."""
_Span = tuple[str, int, int]
_CHUNK = 256


def scored(parts: Parts, utterances: Sequence[Utterance], gold: Sequence[Example]) -> dict[str, float]:
    """Return ``intent_accuracy`` and, where there are tags, exact micro ``span_f1`` of held-out rows."""
    model = NluModel(parts, Gazetteer((), {}), {})
    readings = [r for some in _chunks(utterances) for r in model.read_utterances(some)]
    right = float(np.mean([r.intent == e.intent for r, e in zip(readings, gold, strict=True)]))
    found = {"intent_accuracy": round(right, 4)}
    if len(parts.tags) > 1 and (parts.tagger is not None or parts.network is not None):
        said = (_in_the_text(r.text, r.spans) for r in readings)
        found["span_f1"] = round(span_f1(said, _truth(gold)), 4)
    return found


def _chunks(utterances: Sequence[Utterance]) -> Iterator[Sequence[Utterance]]:
    for start in range(0, len(utterances), _CHUNK):
        yield utterances[start : start + _CHUNK]


def _in_the_text(plain: Normalised, spans: Iterable[tuple[str, int, int]]) -> set[_Span]:
    """Place spans of a normalised text in the text as typed."""
    return {(kind, *plain.span(start, end)) for kind, start, end in spans}


def _truth(gold: Iterable[Example]) -> list[set[_Span]]:
    return [set(spans_of(example)) for example in gold]


def tune_intents(parts: Parts, utterances: Sequence[Utterance], gold: Sequence[Example]) -> Mix:
    """Return the mix whose probabilities fit held-out intents best: weights that are also a temperature (Guo et al. 2017)."""
    return _tuned(parts, gold, _part_scores(parts, utterances))


def find_mix(
    parts: Parts,
    utterances: Sequence[Utterance],
    gold: Sequence[Example],
    hurried: tuple[Sequence[Utterance], Sequence[Example]],
) -> Mix:
    """Return the mix of both heads; a part that was not trained, or adds too little, counts nothing.

    ``hurried`` are the same rows typed in a hurry, for parts bear slips unequally: the intents' shares are the best on both,
    the linear tagger's, among those as good as any on the rows as they are, the best on these. Without a share it is left
    out, and reading takes a sixth less time.
    """
    scores, altered = _part_scores(parts, utterances), _part_scores(parts, hurried[0])
    mix = _tuned(parts, gold, scores, altered)
    network, tagger = parts.network, parts.tagger
    if network is None:
        return replace(mix, tags_linear=1.0 if tagger is not None else 0.0, tags_network=0.0)
    if tagger is None:
        return replace(mix, tags_linear=0.0, tags_network=1.0)
    spread = float(scores.tags_network.std() / (scores.tags_linear.std() or 1.0))
    shares = [round(share * spread, 5) for share in _SHARES]
    legal, starts = legal_moves(parts.tags), legal_starts(parts.tags)

    def f1(share: float, scores: _PartScores, texts: Sequence[Utterance], truth: Sequence[set[_Span]]) -> float:
        moves = legal + network.moves + share * tagger.moves
        paths = best_paths(scores.tags_network + share * scores.tags_linear, scores.bounds, moves, starts)
        tags = [[parts.tags[t] for t in path.tolist()] for path in np.split(paths, scores.bounds[1:-1])]
        said = (_in_the_text(u.plain, spans_of_tags(path, u.plain.text)) for u, path in zip(texts, tags, strict=True))
        return span_f1(said, truth)

    truth, moved = _truth(gold), _truth(hurried[1])
    on_clean = _smooth([f1(share, scores, utterances, truth) for share in shares])
    on_hurried = _smooth([f1(share, altered, hurried[0], moved) for share in shares])
    as_good = on_clean >= on_clean.max() - _AS_GOOD
    best = shares[int(np.argmax(np.where(as_good, on_hurried, -1.0)))]
    return replace(mix, tags_linear=best, tags_network=1.0)


def _smooth(found: Sequence[float]) -> NDArray[np.float64]:
    """Return the mean of each figure and its neighbours: a share that is good alone is good by chance."""
    smooth: NDArray[np.float64] = np.convolve(np.pad(found, 1, mode="edge"), np.full(3, 1 / 3), mode="valid")
    return smooth


@dataclass(frozen=True)
class _PartScores:
    """What each part says of many utterances: of the intents (m, labels), of the tags (n, k) from ``bounds`` (m + 1) on.

    A part that was not trained says zero everywhere.
    """

    intents_linear: NDArray[np.float64]
    intents_network: NDArray[np.float64]
    tags_network: NDArray[np.float32]
    tags_linear: NDArray[np.float32]
    bounds: NDArray[np.int64]


def _part_scores(parts: Parts, utterances: Sequence[Utterance]) -> _PartScores:
    linear, network, ours, theirs, bounds = [], [], [], [], [np.zeros(1, dtype=np.int64)]
    for some in _chunks(utterances):
        around = contexts(some)
        linear.append(parts.intents.scores(bags(some)))
        nothing = np.zeros((around.ids.shape[1], len(parts.tags)), dtype=np.float32)
        intents, tags = (np.zeros_like(linear[-1]), nothing) if parts.network is None else parts.network.run(around)
        network.append(intents)
        ours.append(tags)
        theirs.append(nothing if parts.tagger is None else parts.tagger.scores(around))
        bounds.append(around.starts[1:] + bounds[-1][-1])
    return _PartScores(
        np.concatenate(linear).astype(np.float64),
        np.concatenate(network).astype(np.float64),
        np.concatenate(ours),
        np.concatenate(theirs),
        np.concatenate(bounds),
    )


def _tuned(parts: Parts, gold: Sequence[Example], clean: _PartScores, *altered: _PartScores) -> Mix:
    """Fit the intents' weights: their ratio on all texts of the rows, how sure they make the answer sound on the clean ones."""
    from scipy.optimize import minimize, minimize_scalar

    target = np.array([parts.intents.labels.index(e.intent) for e in gold])
    places = np.arange(len(target))

    def surprise(weights: NDArray[np.float64], scores: _PartScores) -> float:
        mixed = weights[0] * scores.intents_linear + weights[1] * scores.intents_network
        peak = mixed.max(axis=1, keepdims=True)
        log_total = np.log(np.exp(mixed - peak).sum(axis=1)) + peak[:, 0]
        return float(np.mean(log_total - mixed[places, target]))

    def loss(weights: NDArray[np.float64]) -> float:
        prior = 1e-3 * float((weights - 1.0) @ (weights - 1.0))
        return mean(surprise(weights, scores) for scores in (clean, *altered)) + prior

    begin = [3.0, 0.0] if parts.network is None else [2.0, 0.5]
    bounds = [(0.05, 40.0), (0.0, 0.0) if parts.network is None else (0.0, 4.0)]
    found = minimize(loss, np.array(begin), bounds=bounds, method="L-BFGS-B").x
    if altered:
        found = found * minimize_scalar(lambda scale: surprise(found * scale, clean), bounds=(0.2, 5.0)).x
    return replace(parts.mix, intent_linear=float(found[0]), intent_network=float(found[1]))
