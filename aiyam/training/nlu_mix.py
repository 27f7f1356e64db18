"""Finds, on held-out rows, how much each part of the understanding counts, and how sure its answers may sound."""

from __future__ import annotations

import random
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
from aiyam.training.nlu_split import TUNED_ON
from aiyam.training.rows import noisy_copy, span_f1, spans_of

_SHARES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.45, 0.65, 1.0, 1.5, 3.0, 8.0, 25.0)
_USUAL = 0.3
"""Where held-out rows do not tell shares apart, as rows without spans do not, the nearest to this one."""
_AS_GOOD = 0.004
"""Span F1 by which shares differ by chance on ``TUNED_ON`` rows."""
_CHUNK = 256


@dataclass(frozen=True)
class Judged:
    """Held-out rows that choices are made by, read once."""

    examples: list[Example]
    utterances: list[Utterance]

    @classmethod
    def of(cls, examples: list[Example], gazetteer: Gazetteer) -> Judged:
        """Read the rows."""
        return cls(examples, [Utterance.of(e.text, gazetteer) for e in examples])

    def hurried(self, gazetteer: Gazetteer, rng: random.Random) -> Judged:
        """Return the rows as hurried thumbs would type them."""
        copies = (noisy_copy(e, rng) for e in self.examples)
        return Judged.of(
            [
                replace(e, text=text, spans=tuple((*span, "") for span in spans))
                for e, (text, spans) in zip(self.examples, copies, strict=True)
            ],
            gazetteer,
        )

    def score(self, parts: Parts) -> dict[str, float]:
        """Return ``intent_accuracy`` and, where there are tags, exact micro ``span_f1``."""
        model = NluModel(parts, Gazetteer((), {}), {})
        readings = [r for some in _chunks(self.utterances) for r in model.read_utterances(some)]
        right = float(np.mean([r.intent == e.intent for r, e in zip(readings, self.examples, strict=True)]))
        found = {"intent_accuracy": round(right, 4)}
        if len(parts.tags) > 1 and (parts.tagger is not None or parts.network is not None):
            said = (_in_the_text(r.text, r.spans) for r in readings)
            found["span_f1"] = round(span_f1(said, _truth(self.examples)), 4)
        return found


def _chunks(utterances: Sequence[Utterance]) -> Iterator[Sequence[Utterance]]:
    for start in range(0, len(utterances), _CHUNK):
        yield utterances[start : start + _CHUNK]


def _in_the_text(plain: Normalised, spans: Iterable[tuple[str, int, int]]) -> set[tuple[str, int, int]]:
    """Place spans of a normalised text in the text as typed."""
    return {(kind, *plain.span(start, end)) for kind, start, end in spans}


def _truth(gold: Iterable[Example]) -> list[set[tuple[str, int, int]]]:
    return [set(spans_of(example)) for example in gold]


def find_mix(parts: Parts, judged: Judged, hurried: Judged) -> Mix:
    """Return the mix of both heads; a part that was not trained counts nothing.

    ``hurried`` are the same rows typed in a hurry, for parts bear slips unequally: the intents' shares are the best on both,
    the linear tagger's, among those as good as any on the rows as they are, the best on these. That may be none.
    """
    scores = _part_scores(parts, judged.utterances)
    network, tagger = parts.network, parts.tagger
    if network is None:
        return replace(_tuned(parts, judged, scores), tags_linear=1.0 if tagger is not None else 0.0, tags_network=0.0)
    altered = _part_scores(parts, hurried.utterances)
    mix = _tuned(parts, judged, scores, altered)
    if tagger is None:
        return replace(mix, tags_linear=0.0, tags_network=1.0)
    spread = float(scores.tags_network.std() / (scores.tags_linear.std() or 1.0))
    legal, starts = legal_moves(parts.tags), legal_starts(parts.tags)

    def f1(share: float, scores: _PartScores, rows: Judged) -> float:
        moves = legal + network.moves + share * tagger.moves
        paths = best_paths(scores.tags_network + share * scores.tags_linear, scores.bounds, moves, starts)
        tags = [[parts.tags[t] for t in path.tolist()] for path in np.split(paths, scores.bounds[1:-1])]
        said = (
            _in_the_text(u.plain, spans_of_tags(path, u.plain.text))
            for u, path in zip(rows.utterances, tags, strict=True)
        )
        return span_f1(said, _truth(rows.examples))

    shares = [round(share * spread, 5) for share in _SHARES]
    on_clean = _smooth([f1(share, scores, judged) for share in shares])
    on_hurried = _smooth([f1(share, altered, hurried) for share in shares])
    on_hurried -= 1e-6 * np.abs(np.array(_SHARES) - _USUAL)
    chance = _AS_GOOD * max(1.0, (TUNED_ON / len(judged.examples)) ** 0.5)
    best = int(np.argmax(np.where(on_clean >= on_clean.max() - chance, on_hurried, -1.0)))
    return replace(mix, tags_linear=shares[best], tags_network=1.0)


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


def _tuned(parts: Parts, judged: Judged, clean: _PartScores, *altered: _PartScores) -> Mix:
    """Fit the intents' weights: their ratio on all texts of the rows, how sure they make the answer sound on the clean ones.

    Weights are also a temperature (Guo et al. 2017).
    """
    from scipy.optimize import minimize

    target = np.array([parts.intents.labels.index(e.intent) for e in judged.examples])
    places = np.arange(len(target))

    def surprise(weights: NDArray[np.float64], scores: _PartScores) -> float:
        mixed = weights[0] * scores.intents_linear + weights[1] * scores.intents_network
        peak = mixed.max(axis=1, keepdims=True)
        log_total = np.log(np.exp(mixed - peak).sum(axis=1)) + peak[:, 0]
        return float(np.mean(log_total - mixed[places, target]))

    def loss(weights: NDArray[np.float64], *texts: _PartScores) -> float:
        prior = 1e-3 * float((weights - 1.0) @ (weights - 1.0))  # where every row is right, nothing else says how sure
        return mean(surprise(weights, scores) for scores in texts) + prior

    begin = [3.0, 0.0] if parts.network is None else [2.0, 0.5]
    bounds = [(0.05, 40.0), (0.0, 0.0) if parts.network is None else (0.0, 4.0)]
    found = minimize(loss, np.array(begin), args=(clean, *altered), bounds=bounds, method="L-BFGS-B").x
    if altered:
        scale = minimize(lambda s: loss(found * s[0], clean), np.ones(1), bounds=[(0.2, 2.0)], method="L-BFGS-B").x[0]
        found = found * scale
    return replace(parts.mix, intent_linear=float(found[0]), intent_network=float(found[1]))
