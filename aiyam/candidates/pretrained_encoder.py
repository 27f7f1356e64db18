"""The drop-in encoder: a sentence-transformers model by folder or hub name, its vectors brought to 128 numbers."""

from __future__ import annotations

import json
import threading
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiyam.candidates.encoder import (
    MAX_TEXT_CHARS,
    RETRAIN,
    WIDTH,
    TextEncoder,
    refuse_difference,
    telling_words_of,
    unit_rows,
    write_facts,
)
from aiyam.errors import ModelError
from aiyam.llm.loading import quietly

PROJECTION = "projection.safetensors"
MAX_TOKENS = 512
INSTALL = "Install the extra: pip install 'aiyam[encoder]'."
PROBES = ("뜨끈한 국물", "떡볶이", "친구들이랑 먹을 디저트", "BBQ chicken")
"""Texts by whose vectors a version knows the model it was made with."""
_SAME = 0.999
_BATCH = 64
_POOLINGS = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "first", "pooling_mode_max_tokens": "max"}
_KNOWN_MODULES = frozenset(["Transformer", "Pooling", "Normalize"])


class SentenceModel:
    """A Hugging Face encoder whose token states are pooled into one vector a text; threads take turns with it."""

    def __init__(self, name: str, *, offline: bool) -> None:
        """Load a model by folder or hub name; ``offline`` takes only what is on this machine.

        Raises:
            ModelError: transformers is not installed, the model cannot be had, or it needs what is not done here.
        """
        try:
            from transformers import AutoModel, AutoTokenizer
        except ImportError as error:
            raise ModelError(
                "Expected the transformers library for a sentence model, found none.", hint=INSTALL
            ) from error
        import torch

        self.name = name
        try:
            with quietly():
                self._tokenizer: Any = AutoTokenizer.from_pretrained(name, local_files_only=offline)
                self._network: Any = AutoModel.from_pretrained(name, local_files_only=offline)
        except Exception as error:
            raise ModelError(
                f"Expected a sentence model at {name!r}, got: {str(error).splitlines()[0][:300]}",
                hint="Give a local folder with config.json, tokenizer.json and model.safetensors, or a hub name while online.",
            ) from error
        self.pooling = _pooling_of(name, offline)
        config = self._network.config
        if getattr(config, "is_encoder_decoder", False):
            raise ModelError(
                f"Expected an encoder at {name!r}, got the encoder-decoder {config.model_type}.",
                hint="Use one like klue/roberta-base.",
            )
        if self._tokenizer.pad_token is None:
            raise ModelError(f"Expected a tokenizer with a padding token at {name!r}, got none.", hint="Set pad_token.")
        self._tokenizer.padding_side = self._tokenizer.truncation_side = "right"
        places = int(getattr(config, "max_position_embeddings", 0) or MAX_TOKENS + 2) - 2
        self._max_tokens = max(8, min(MAX_TOKENS, places, int(self._tokenizer.model_max_length)))
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._network = self._network.float().to(self._device).eval()
        self._turn = threading.Lock()

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return float32 (k, the model's width) unit rows."""
        import torch

        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        out = np.zeros((len(texts), int(self._network.config.hidden_size)), np.float32)
        for low in range(0, len(order), _BATCH):
            rows = order[low : low + _BATCH]
            with self._turn, torch.inference_mode():
                tokens = self._tokenizer(
                    [texts[i] for i in rows],
                    padding=True,
                    truncation=True,
                    max_length=self._max_tokens,
                    return_tensors="pt",
                ).to(self._device)
                states = self._network(**tokens).last_hidden_state
                out[rows] = _pooled(states, tokens["attention_mask"], self.pooling).cpu().numpy()
        return unit_rows(out)


def _pooled(states: Any, mask: Any, pooling: str) -> Any:
    if pooling == "first":
        return states[:, 0]
    inside = mask.unsqueeze(-1).to(states.dtype)
    if pooling == "max":
        return states.masked_fill(inside == 0, -1e9).amax(dim=1)
    return (states * inside).sum(dim=1) / inside.sum(dim=1).clamp(min=1e-9)


def _pooling_of(name: str, offline: bool) -> str:
    """Return how the model pools: what its ``modules.json`` says, the mean of the tokens where it has none."""
    modules = _json_of(name, "modules.json", offline)
    if modules is None:
        return "mean"
    pooling = "mean"
    for module in modules:
        kind = str(module.get("type", "")).rsplit(".", 1)[-1]
        if kind not in _KNOWN_MODULES:
            raise ModelError(
                f"Expected a model of {', '.join(sorted(_KNOWN_MODULES))} at {name!r}, got a {kind} module.",
                hint="Choose a sentence model without one.",
            )
        if kind == "Pooling":
            config = _json_of(name, f"{module.get('path', '1_Pooling')}/config.json", offline) or {}
            chosen = [key for key, value in config.items() if key.startswith("pooling_mode_") and value is True]
            if len(chosen) != 1 or chosen[0] not in _POOLINGS:
                raise ModelError(
                    f"Expected one pooling of {', '.join(_POOLINGS)} at {name!r}, got {chosen}.",
                    hint="Choose a sentence model that pools so.",
                )
            pooling = _POOLINGS[chosen[0]]
    return pooling


def _json_of(name: str, path: str, offline: bool) -> Any:
    from transformers.utils.hub import cached_file

    found = cached_file(name, path, local_files_only=offline, _raise_exceptions_for_missing_entries=False,
                        _raise_exceptions_for_connection_errors=False)  # fmt: skip
    if found is None:
        return None
    try:
        return json.loads(Path(found).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(
            f"Expected JSON in {path} of {name!r}, got: {error}.", hint="Fetch the model again."
        ) from error


class PretrainedEncoder(TextEncoder):
    """A sentence model's vectors, less their mean over the shops, projected to 128; a version refers to the model."""

    kind = "pretrained"
    version = 1

    def __init__(self, model: SentenceModel, mean: NDArray[np.float32], projection: NDArray[np.float32]) -> None:
        """Hold the parts: ``mean`` (w,) and ``projection`` (w, 128) for a model of width w."""
        self.model = model
        self.mean = mean
        self.projection = projection

    @classmethod
    def fit(cls, model: SentenceModel, documents: Sequence[str], *, cut: bool = False) -> PretrainedEncoder:
        """Fit the projection on documents: their principal components, or with ``cut`` the model's first 128 numbers.

        Cutting suits models trained for it (Kusupati et al. 2022, Matryoshka). Narrower vectors are padded with zeros.
        """
        vectors = model.encode([_clean(text) for text in documents])
        width = vectors.shape[1]
        mean = np.zeros(width, np.float32) if cut else vectors.mean(axis=0)
        projection = np.eye(width, WIDTH, dtype=np.float32)
        if width > WIDTH and not cut:
            spread = vectors - mean
            _, turn = np.linalg.eigh((spread.T @ spread).astype(np.float64))
            projection = np.ascontiguousarray(turn[:, ::-1][:, :WIDTH], np.float32)
        return cls(model, mean, projection)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return float32 (k, 128) unit rows; a text without telling words is a row of zeros."""
        out = np.zeros((len(texts), WIDTH), np.float32)
        said = [i for i, text in enumerate(texts) if telling_words_of(text)]
        if said:
            out[said] = (self.model.encode([_clean(texts[i]) for i in said]) - self.mean) @ self.projection
        return unit_rows(out)

    def save(self, folder: Path) -> None:
        """Write the projection, what the model makes of the probes, and its name; the model itself stays where it is."""
        from safetensors.numpy import save_file

        probes = self.encode(PROBES)
        save_file({"mean": self.mean, "projection": self.projection, "probes": probes}, folder / PROJECTION)
        facts = {"kind": self.kind, "version": self.version, "width": WIDTH}
        write_facts(folder, {**facts, "model": self.model.name, "pooling": self.model.pooling})

    @classmethod
    def open(cls, folder: Path, facts: Mapping[str, Any]) -> PretrainedEncoder:
        """Read the projection beside ``facts`` and load the model they name; nothing is fetched; see ``TextEncoder.load``."""
        from safetensors.numpy import load_file

        refuse_difference(folder, facts, {"kind": cls.kind, "version": cls.version, "width": WIDTH})
        try:
            arrays = load_file(folder / PROJECTION)
            mean, projection, probes = arrays["mean"], arrays["projection"], arrays["probes"]
        except Exception as error:
            raise ModelError(
                f"Expected the projection at {folder / PROJECTION}, got: {error}.", hint=RETRAIN
            ) from error
        model = SentenceModel(str(facts.get("model")), offline=True)
        encoder = cls(model, mean, projection)
        try:
            likeness = (encoder.encode(PROBES) * probes).sum(axis=1)
        except ValueError as error:
            raise ModelError(
                f"Expected vectors of {len(mean)} numbers from {model.name!r}, got others: {error}.", hint=RETRAIN
            ) from error
        if not (likeness > _SAME).all():
            raise ModelError(
                f"Expected the model at {model.name!r} that this version was made with, got one that encodes "
                f"{PROBES[int(likeness.argmin())]!r} otherwise (cosine {likeness.min():.3f}).",
                hint="Put the model back, or train again: aiyam train content --encoder.",
            )
        return encoder


def _clean(text: str) -> str:
    """Compose the text and drop what no tokenizer can write."""
    return unicodedata.normalize("NFC", text[:MAX_TEXT_CHARS]).encode("utf-8", "ignore").decode("utf-8")
