"""The trained part: a linear and a neural model whose scores are added, for the intent and for the tags of every syllable."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from aiyam.errors import ModelError
from aiyam.korean.spelling import Normalised
from aiyam.nlu.bags import bags
from aiyam.nlu.contexts import contexts
from aiyam.nlu.decoding import best_paths, legal_moves, legal_starts, spans_of_tags
from aiyam.nlu.gazetteer import Gazetteer
from aiyam.nlu.grid import FEATURES_VERSION, Utterance, grid_of
from aiyam.nlu.linear_intents import LinearIntents
from aiyam.nlu.network import Network
from aiyam.nlu.sparse_tagger import SparseTagger
from aiyam.nlu.tensors import Tensors, refuse_nonfinite
from aiyam.nlu.values import Span

CONFIG, WEIGHTS = "nlu.json", "weights.safetensors"
N_ALTERNATIVES = 4
_BATCH, _BATCH_CHARS = 256, 8_192
"""Utterances and characters read at once; more of either gain nothing and take memory (some 10 kB a character)."""


@dataclass(frozen=True)
class Reading:
    """What the models say of one utterance, before values: ``spans`` are (label, start, end) of the normalised text.

    ``fallback`` tells why a reader that was to be asked first did not give it; readings that say the same are equal
    whatever it is.
    """

    reader: ClassVar[Literal["trained", "language_model"]] = "trained"

    text: Normalised
    evidence: tuple[Span, ...]
    intent: str
    confidence: float
    ranking: tuple[tuple[str, float], ...]
    spans: tuple[tuple[str, int, int], ...]
    fallback: str | None = field(default=None, kw_only=True, compare=False)


@dataclass(frozen=True)
class Mix:
    """How much each part's scores count; found on held-out rows. The intent's two also set how sure the answer sounds."""

    intent_linear: float = 3.0
    intent_network: float = 0.0
    tags_linear: float = 1.0
    tags_network: float = 0.0


def softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the softmax over the last axis."""
    raised = np.exp(scores - scores.max(axis=-1, keepdims=True))
    out: NDArray[np.float64] = raised / raised.sum(axis=-1, keepdims=True)
    return out


@dataclass(frozen=True)
class Parts:
    """The trained parts; ``network`` and ``tagger`` may be None (never trained, or a corpus without spans)."""

    intents: LinearIntents
    tags: tuple[str, ...]
    tagger: SparseTagger | None
    network: Network | None
    mix: Mix


class NluModel:
    """Intent and spans for any label set; ``read`` is safe for any string."""

    def __init__(self, parts: Parts, gazetteer: Gazetteer, config: dict[str, Any]) -> None:
        """Hold the parts."""
        self.parts = parts
        self.intents = parts.intents
        self.gazetteer = gazetteer
        self.config = config
        legal = legal_moves(parts.tags)
        self._starts = legal_starts(parts.tags)
        for part, weight in ((parts.tagger, parts.mix.tags_linear), (parts.network, parts.mix.tags_network)):
            if part is not None and weight:
                legal = legal + weight * part.moves
        self._moves = legal

    @classmethod
    def load(cls, folder: Path, gazetteer: Gazetteer) -> NluModel:
        """Open a model folder's files.

        Raises:
            ModelError: a file is missing, damaged, does not fit the other, or was made with other features.
        """
        from safetensors.numpy import load_file

        retrain = "Train it again: aiyam train nlu."
        try:
            config = json.loads((folder / CONFIG).read_text("utf-8"))
            version = config["features_version"]
            if version == FEATURES_VERSION:
                tensors = load_file(folder / WEIGHTS)
                refuse_nonfinite(tensors)
                parts = _parts_of(config, tensors)
        except Exception as error:
            raise ModelError(
                f"Expected a readable understanding model in {folder}, got: {error}.", hint=retrain
            ) from error
        if version != FEATURES_VERSION:
            raise ModelError(f"Expected features version {FEATURES_VERSION} in {folder}, got {version}.", hint=retrain)
        return cls(parts, gazetteer, config)

    def with_gazetteer(self, gazetteer: Gazetteer) -> NluModel:
        """Return the same reader with other names; this one goes on with its own."""
        other = copy(self)
        other.gazetteer = gazetteer
        return other

    def read(self, text: str) -> Reading:
        """Tell the intent of an utterance and tag its spans."""
        return self.read_many([text])[0]

    def read_many(self, texts: Sequence[str]) -> list[Reading]:
        """Read many utterances; much faster than one by one."""
        readings: list[Reading] = []
        waiting: list[Utterance] = []
        n_chars = 0
        for text in texts:
            if waiting and (len(waiting) == _BATCH or n_chars + len(text) > _BATCH_CHARS):
                readings += self.read_utterances(waiting)
                waiting, n_chars = [], 0
            waiting.append(Utterance.of(text, self.gazetteer))
            n_chars += len(text)
        return readings + self.read_utterances(waiting)

    def read_utterances(self, utterances: Sequence[Utterance]) -> list[Reading]:
        """Read what is already normalised and searched for evidence."""
        intent_scores, tag_scores, starts = self.scores(utterances)
        probabilities = softmax(intent_scores.astype(np.float64))
        best = np.argsort(-probabilities, axis=1, kind="stable")[:, :N_ALTERNATIVES]
        sure = probabilities[np.arange(len(best))[:, None], best].tolist()
        paths = best_paths(tag_scores, starts, self._moves, self._starts)
        names, labels, likely = self.parts.tags, self.intents.labels, best.tolist()
        readings = []
        for i, utterance in enumerate(utterances):
            plain = utterance.plain
            spans: list[tuple[str, int, int]] = []
            path = paths[starts[i] : starts[i + 1]]
            if path.any():
                spans = spans_of_tags([names[t] for t in path.tolist()], plain.text)
            ranking = tuple((labels[j], p) for j, p in zip(likely[i], sure[i], strict=True))
            readings.append(Reading(plain, utterance.evidence, *ranking[0], ranking, tuple(spans)))
        return readings

    def scores(
        self, utterances: Sequence[Utterance]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
        """Return intent scores (m, intents), tag scores (n, tags) and where each utterance's characters begin (m + 1)."""
        parts, mix = self.parts, self.parts.mix
        grid = grid_of(utterances)
        intent_scores = mix.intent_linear * parts.intents.scores(bags(utterances, grid))
        around = contexts(utterances, grid)
        tag_scores = np.zeros((around.ids.shape[1], len(parts.tags)), dtype=np.float32)
        if parts.network is not None and (mix.intent_network or mix.tags_network):
            intents, tags = parts.network.run(around)
            intent_scores += mix.intent_network * intents
            tag_scores += mix.tags_network * tags
        if parts.tagger is not None and mix.tags_linear:
            tag_scores += mix.tags_linear * parts.tagger.scores(around)
        return intent_scores, tag_scores, around.starts


def label_sets(config: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the intents and tags that a model's configuration names.

    Raises:
        ValueError: they are missing, or no label sets.
    """
    found = []
    for name in ("intents", "tags"):
        labels = config.get(name)
        if not isinstance(labels, list) or not labels or not all(isinstance(x, str) and x for x in labels):
            raise ValueError(f"{name} that are no list of names")
        if len(set(labels)) < len(labels):
            raise ValueError(f"{name} of which one stands twice")
        found.append(tuple(labels))
    intents, tags = found
    if tags[0] != "O" or any(t[:2] not in ("B-", "I-") for t in tags[1:]):
        raise ValueError('tags that are not "O" and then B- and I- of each kind')
    return intents, tags


def _parts_of(config: Mapping[str, Any], tensors: Tensors) -> Parts:
    intents, tags = label_sets(config)
    weights = config["mix"]
    for name, weight in weights.items():
        if type(weight) not in (int, float) or not 0 <= weight < math.inf:
            raise ValueError(f"mix with {name} {weight!r} where a number from 0 on was expected")
    mix = Mix(**weights)
    linear = LinearIntents.of_tensors(intents, tensors)
    tagger = SparseTagger.of_tensors(len(tags), tensors) if mix.tags_linear or _any_of("crf.", tensors) else None
    uses_network = mix.intent_network or mix.tags_network
    network = Network(tensors) if uses_network or _any_of("net.", tensors) else None
    if network is not None and not network.fits(len(intents), len(tags)):
        raise ValueError("a network whose heads have other sizes than the label sets")
    return Parts(linear, tags, tagger, network, mix)


def _any_of(prefix: str, tensors: Tensors) -> bool:
    return any(name.startswith(prefix) for name in tensors)


def save_model(folder: Path, parts: Parts, config: dict[str, Any]) -> None:
    """Write the model's files; the caller seals the folder.

    Raises:
        ModelError: its weights are no numbers, as of a training that diverged.
    """
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    tensors = parts.intents.tensors()
    for part in (parts.tagger, parts.network):
        if part is not None:
            tensors.update(part.tensors())
    try:
        refuse_nonfinite(tensors)
    except ValueError as error:
        raise ModelError(
            f"Expected weights that are numbers, got {error}: the training diverged.",
            hint="Train with another seed or a lower learning rate.",
        ) from error
    save_file({name: np.ascontiguousarray(array) for name, array in tensors.items()}, folder / WEIGHTS)
    full = {**config, "intents": list(parts.intents.labels), "tags": list(parts.tags), "mix": vars(parts.mix), "features_version": FEATURES_VERSION}  # fmt: skip
    (folder / CONFIG).write_text(json.dumps(full, ensure_ascii=False, indent=1) + "\n", "utf-8")
