"""The trained part: a linear intent model over hashed features and a CRF over syllables, served with numpy alone."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiyam.errors import ModelError
from aiyam.korean.spelling import Normalised, normalise
from aiyam.nlu.features import FEATURES_VERSION, N_BUCKETS, buckets, intent_features, span_features
from aiyam.nlu.gazetteer import Gazetteer
from aiyam.nlu.values import Span, find_evidence

CONFIG, WEIGHTS, TAGGER = "nlu.json", "intent.safetensors", "spans.crfsuite"


@dataclass(frozen=True)
class Reading:
    """What the models say of one utterance, before values: ``spans`` are (label, start, end) of the normalised text."""

    text: Normalised
    evidence: tuple[Span, ...]
    intent: str
    confidence: float
    ranking: tuple[tuple[str, float], ...]
    spans: tuple[tuple[str, int, int], ...]


class IntentModel:
    """Softmax over a linear score of hashed features: weights (N_BUCKETS, k), bias (k,), a temperature for calibration."""

    def __init__(
        self, labels: Sequence[str], weights: NDArray[np.float32], bias: NDArray[np.float32], temperature: float
    ) -> None:
        self.labels = tuple(labels)
        self.weights = weights
        self.bias = bias
        self.temperature = temperature

    def scores(self, names: Sequence[bytes]) -> NDArray[np.float32]:
        """Return the raw score of each label; features share a unit norm, as in training."""
        rows = buckets(names)
        total: NDArray[np.float32] = self.weights[rows].sum(axis=0, dtype=np.float32)
        return total / np.float32(np.sqrt(max(len(rows), 1))) + self.bias

    def probabilities(self, names: Sequence[bytes]) -> NDArray[np.float64]:
        """Return calibrated probabilities, shape (k,)."""
        return softmax(self.scores(names).astype(np.float64) * self.temperature)


def softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the softmax over the last axis."""
    raised = np.exp(scores - scores.max(axis=-1, keepdims=True))
    out: NDArray[np.float64] = raised / raised.sum(axis=-1, keepdims=True)
    return out


class NluModel:
    """Intent and spans for any label set; ``read`` is safe for any string."""

    def __init__(self, intents: IntentModel, tagger: Any | None, gazetteer: Gazetteer, config: dict[str, Any]) -> None:
        """Hold the parts; ``tagger`` is an open ``pycrfsuite.Tagger``, None when the corpus had no spans."""
        self.intents = intents
        self._tagger = tagger
        self.gazetteer = gazetteer
        self.config = config

    @classmethod
    def load(cls, folder: Path, gazetteer: Gazetteer) -> NluModel:
        """Open a model folder's files.

        Raises:
            ModelError: a file is missing, damaged, or made with other features.
        """
        from safetensors.numpy import load_file

        retrain = "Train it again: aiyam train nlu."
        try:
            config = json.loads((folder / CONFIG).read_text("utf-8"))
            tensors = load_file(folder / WEIGHTS)
            labels, version = config["intents"], config["features_version"]
            weights, bias = tensors["weights"].astype(np.float32), tensors["bias"].astype(np.float32)
        except Exception as error:
            raise ModelError(
                f"Expected a readable understanding model in {folder}, got: {error}.", hint=retrain
            ) from error
        if version != FEATURES_VERSION or weights.shape != (N_BUCKETS, len(labels)):
            raise ModelError(f"Expected features version {FEATURES_VERSION} in {folder}, got {version}.", hint=retrain)
        intents = IntentModel(labels, weights, bias, float(config["temperature"]))
        tagger = None
        if config["has_spans"]:
            import pycrfsuite

            tagger = pycrfsuite.Tagger()
            path = folder / TAGGER
            if not path.is_file() or path.stat().st_size < 48 or path.read_bytes()[:4] != b"lCRF":
                raise ModelError(f"Expected a span model at {path}, got a missing or damaged file.", hint=retrain)
            try:
                tagger.open(str(path))
            except Exception as error:
                raise ModelError(f"Expected a span model at {path}, got: {error}.", hint=retrain) from error
        return cls(intents, tagger, gazetteer, config)

    def read(self, text: str) -> Reading:
        """Tell the intent of an utterance and tag its spans."""
        plain = normalise(text)
        evidence = find_evidence(plain.text, self.gazetteer)
        probabilities = self.intents.probabilities(intent_features(plain, text, evidence))
        order = np.argsort(-probabilities, kind="stable")[:4]
        ranking = tuple((self.intents.labels[i], float(probabilities[i])) for i in order)
        spans: tuple[tuple[str, int, int], ...] = ()
        if self._tagger is not None and plain.text.strip():
            spans = tuple(spans_of_tags(self._tagger.tag(span_features(plain.text, evidence)), plain.text))
        return Reading(plain, tuple(evidence), ranking[0][0], ranking[0][1], ranking, spans)


def spans_of_tags(tags: Sequence[str], text: str) -> list[tuple[str, int, int]]:
    """Join B-, I- tags into spans; an I- that continues nothing begins a span; spaces at the edges are cut.

    >>> spans_of_tags(["B-menu", "I-menu", "O", "I-taste"], "라면 매")
    [('menu', 0, 2), ('taste', 3, 4)]
    """
    spans: list[tuple[str, int, int]] = []
    kind, start = "", 0
    for i, tag in enumerate([*tags, "O"]):
        if kind and tag != f"I-{kind}":
            spans.append((kind, start, i))
            kind = ""
        if not kind and tag != "O":
            kind, start = tag[2:], i
    out = []
    for label, first, last in spans:
        surface = text[first:last]
        first += len(surface) - len(surface.lstrip())
        last -= len(surface) - len(surface.rstrip())
        if last > first:
            out.append((label, first, last))
    return out


def tags_of_spans(spans: Sequence[tuple[str, int, int]], plain: Normalised) -> list[str]:
    """Write spans of the original text as tags over the normalised text's characters."""
    tags = ["O"] * len(plain.text)
    for label, start, end in spans:
        begun = False
        for i in range(len(tags)):
            if plain.starts[i] < end and plain.ends[i] > start and tags[i] == "O":
                tags[i] = f"{'I' if begun else 'B'}-{label}"
                begun = True
    return tags


def save_model(folder: Path, intents: IntentModel, tagger_bytes: bytes | None, config: dict[str, Any]) -> None:
    """Write the model's files; the caller seals the folder."""
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    save_file({"weights": intents.weights.astype(np.float16), "bias": intents.bias}, folder / WEIGHTS)
    if tagger_bytes is not None:
        (folder / TAGGER).write_bytes(tagger_bytes)
    full = {**config, "intents": list(intents.labels), "temperature": intents.temperature, "has_spans": tagger_bytes is not None,
            "features_version": FEATURES_VERSION}  # fmt: skip
    (folder / CONFIG).write_text(json.dumps(full, ensure_ascii=False, indent=1) + "\n", "utf-8")


def open_tagger(data: bytes) -> Any:
    """Open a span model held in memory."""
    import pycrfsuite

    with tempfile.NamedTemporaryFile(suffix=".crfsuite") as handle:
        handle.write(data)
        handle.flush()
        tagger = pycrfsuite.Tagger()
        tagger.open(handle.name)
    return tagger
