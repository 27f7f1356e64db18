"""A pretrained reader: intent and syllable tags from any Hugging Face encoder, fine-tuned as one network."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aiyam.contracts import EntityType
from aiyam.errors import ModelError
from aiyam.korean.spelling import Normalised, normalise
from aiyam.llm.loading import quietly
from aiyam.nlu.decoding import best_tags, spans_of_tags
from aiyam.nlu.gazetteer import Gazetteer
from aiyam.nlu.model import CONFIG, Reading, label_sets, softmax
from aiyam.nlu.tensors import refuse_nonfinite
from aiyam.nlu.values import Span, find_evidence

if TYPE_CHECKING:
    import torch
    from torch import nn

KIND = "encoder"
BASE, HEADS = "encoder", "heads.safetensors"
N_CHARS = 4093
"""Buckets of code points in the character table; a prime, so that neighbouring syllables rarely share one."""
MAX_TOKENS = 512
INSTALL = "Install the extra: pip install 'aiyam[encoder]'."
EVIDENCE = tuple(kind.value for kind in EntityType)
"""Kinds of evidence the tag head is shown, in the order of its table's rows (twice each, begin and inside, from 1)."""
_CHAR_WIDTH = 48
_N_PLACES = 8
_BATCH = 64


@dataclass(frozen=True)
class EncoderIntents:
    """The labels an encoder tells apart, and the inverse temperature its scores are calibrated with."""

    labels: tuple[str, ...]
    temperature: float


@dataclass(frozen=True)
class Batch:
    """b texts of at most l characters and t tokens, as the network reads them.

    ``tokens`` is what the encoder takes, each (b, t); ``align`` (b, l, t) has rows that average the tokens touching a
    character (all zero where none does); ``chars`` (b, l) are character buckets, 0 beyond the text; ``places`` (b, l)
    say where in its token a character stands, which is what tells neighbours inside one token apart; ``evidence``
    (b, l) is what the rules and the gazetteer found there, 0 for nothing.
    """

    tokens: dict[str, torch.Tensor]
    align: torch.Tensor
    chars: torch.Tensor
    places: torch.Tensor
    evidence: torch.Tensor

    def to(self, device: torch.device) -> Batch:
        """Return the same batch on a device."""
        tokens = {name: value.to(device) for name, value in self.tokens.items()}
        rest = (self.align, self.chars, self.places, self.evidence)
        return Batch(tokens, *(value.to(device) for value in rest))


class EncoderTokenizer:
    """Texts to batches. A fast tokenizer holds its padding in itself, so threads take turns with it."""

    def __init__(self, tokenizer: Any, max_tokens: int) -> None:
        """Wrap a fast tokenizer; texts longer than ``max_tokens`` are cut.

        Raises:
            ModelError: a slow tokenizer, which gives no offsets, or one without a padding token.
        """
        if not getattr(tokenizer, "is_fast", False):
            raise ModelError(
                "Expected a fast tokenizer, which tells where each token stands in the text, got a slow one.",
                hint="Use a base that ships tokenizer.json.",
            )
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
        if tokenizer.pad_token is None:
            raise ModelError("Expected a tokenizer with a padding token, got none.", hint="Set pad_token in the base.")
        tokenizer.padding_side = tokenizer.truncation_side = "right"
        self.tokenizer = tokenizer
        self.max_tokens = max_tokens
        self._turn = threading.Lock()

    def batch(self, texts: Sequence[str], evidence: Sequence[Sequence[Span]]) -> Batch:
        """Return the batch of normalised texts and what ``find_evidence`` says of each."""
        import torch

        with self._turn:
            encoded = self.tokenizer(
                [text if text.strip() else "." for text in texts],
                padding=True,
                truncation=True,
                max_length=self.max_tokens,
                return_offsets_mapping=True,
                return_tensors="pt",
            )
        offsets = encoded.pop("offset_mapping").numpy()
        n_chars = max(1, *(len(text) for text in texts))
        align = np.zeros((len(texts), n_chars, offsets.shape[1]), dtype=np.float32)
        chars = np.zeros((len(texts), n_chars), dtype=np.int64)
        places = np.zeros((len(texts), n_chars), dtype=np.int64)
        known = np.zeros((len(texts), n_chars), dtype=np.int64)
        for row, text in enumerate(texts):
            chars[row, : len(text)] = [1 + ord(c) % N_CHARS for c in text]
            for token, (start, end) in enumerate(offsets[row]):
                end = min(int(end), len(text))
                align[row, start:end, token] = 1.0
                for i in range(start, end):
                    places[row, i] = 2 * min(i - start, _N_PLACES - 1) + (i == end - 1)
            for span in evidence[row]:
                known[row, span.start : span.end] = 2 * EVIDENCE.index(span.entity) + 2
                known[row, span.start] -= 1
        align /= np.maximum(align.sum(axis=2, keepdims=True), 1.0)
        return Batch(dict(encoded), *(torch.from_numpy(array) for array in (align, chars, places, known)))


def make_network(encoder: nn.Module, hidden: int, n_intents: int, n_tags: int, *, dropout: float = 0.1) -> nn.Module:
    """Put the two heads on an encoder: ``net(batch)`` gives intent scores (b, n_intents) and tag scores (b, l, n_tags).

    Beside the encoder runs a small convolution over the characters and the evidence: sub-words of a pretrained
    vocabulary end inside Korean spans (치킨|집 may be one token), and no pretraining knows the catalogue's shops. The tag
    head reads it for each character beside the mean of the character's tokens; the intent head reads its maximum beside
    the mean of all tokens, so an encoder needs no classification token.
    """
    import torch
    from torch import nn

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = encoder
            self.drop = nn.Dropout(dropout)
            self.chars = nn.Embedding(N_CHARS + 1, _CHAR_WIDTH, padding_idx=0)
            self.places = nn.Embedding(2 * _N_PLACES, _CHAR_WIDTH)
            self.evidence = nn.Embedding(2 * len(EVIDENCE) + 1, _CHAR_WIDTH, padding_idx=0)
            self.near = nn.Conv1d(_CHAR_WIDTH, _CHAR_WIDTH, kernel_size=5, padding=2)
            self.tag_hidden = nn.Linear(hidden + _CHAR_WIDTH, 256)
            self.tag = nn.Linear(256, n_tags)
            self.intent_hidden = nn.Linear(hidden + _CHAR_WIDTH, hidden)
            self.intent = nn.Linear(hidden, n_intents)

        def forward(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
            states = self.encoder(**batch.tokens).last_hidden_state.float()
            mask = batch.tokens["attention_mask"].unsqueeze(-1).to(states.dtype)
            mean = (states * mask).sum(1) / mask.sum(1).clamp(min=1.0)
            syllables = self.chars(batch.chars) + self.places(batch.places) + self.evidence(batch.evidence)
            inside = (batch.chars > 0).unsqueeze(-1)
            syllables = inside * torch.relu(self.near((inside * syllables).transpose(1, 2)).transpose(1, 2))
            both = torch.cat((mean, syllables.amax(1)), dim=1)
            intent = self.intent(self.drop(torch.tanh(self.intent_hidden(self.drop(both)))))
            joined = torch.cat((torch.bmm(batch.align, states), syllables), dim=2)
            tags = self.tag(self.drop(nn.functional.gelu(self.tag_hidden(self.drop(joined)))))
            return intent, tags

    return Network()


def open_base(base: str | Path, *, offline: bool = False) -> tuple[Any, EncoderTokenizer, int]:
    """Load a base by folder or hub name: (encoder, tokenizer, hidden size).

    Raises:
        ModelError: transformers is not installed, the base cannot be had, or it is no encoder with a fast tokenizer.
    """
    try:
        from transformers import AutoConfig, AutoModel, AutoTokenizer
    except ImportError as error:
        raise ModelError(
            "Expected the transformers library for a pretrained encoder, found none.", hint=INSTALL
        ) from error

    name = str(base)
    try:
        with quietly():
            config = AutoConfig.from_pretrained(name, local_files_only=offline)
            tokenizer = AutoTokenizer.from_pretrained(name, local_files_only=offline, use_fast=True)
            encoder, info = AutoModel.from_pretrained(name, local_files_only=offline, output_loading_info=True)
    except Exception as error:
        raise ModelError(
            f"Expected a Hugging Face encoder at {name!r}, got: {str(error).splitlines()[0][:300]}",
            hint="Give a local folder with config.json, tokenizer.json and model.safetensors, or a hub name while online.",
        ) from error
    if getattr(config, "is_encoder_decoder", False):
        raise ModelError(
            f"Expected an encoder, got the encoder-decoder {config.model_type} in {name!r}.",
            hint="Use one like klue/roberta-base.",
        )
    lost = sorted(key for key in info["missing_keys"] if "pooler" not in key)
    if lost:
        raise ModelError(f"Expected the weights of every layer in {name!r}, {lost[0]} is missing.", hint="Fetch the base again.")  # fmt: skip
    positions = int(getattr(config, "max_position_embeddings", 0) or MAX_TOKENS + 2) - 2
    wrapped = EncoderTokenizer(tokenizer, max(8, min(MAX_TOKENS, positions, tokenizer.model_max_length)))
    if len(tokenizer) > encoder.get_input_embeddings().num_embeddings:
        raise ModelError(f"Expected a tokenizer of {name!r} no larger than its word table.", hint="Fetch the base again.")  # fmt: skip
    return encoder.float(), wrapped, int(config.hidden_size)


def pick_device(device: str | None) -> torch.device:
    """Return the named device, else CUDA where there is one, else the processor."""
    import torch

    return torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))


class EncoderNluModel:
    """Intent and spans from a fine-tuned encoder, for any label set; read like ``NluModel``, safe for any string."""

    def __init__(
        self,
        network: nn.Module,
        tokenizer: EncoderTokenizer,
        intents: EncoderIntents,
        tags: Sequence[str],
        gazetteer: Gazetteer,
        *,
        device: torch.device,
        config: dict[str, Any] | None = None,
    ) -> None:
        """Hold the parts; ``tags`` begin with "O" and are that alone when the corpus had no spans."""
        self.network = network.to(device).eval()
        self.tokenizer = tokenizer
        self.intents = intents
        self.tags = tuple(tags)
        self.gazetteer = gazetteer
        self.device = device
        self.config = config or {}

    def with_gazetteer(self, gazetteer: Gazetteer) -> EncoderNluModel:
        """Return the same reader with other names; this one goes on with its own."""
        other = copy(self)
        other.gazetteer = gazetteer
        return other

    @classmethod
    def load(cls, folder: Path, gazetteer: Gazetteer, *, device: str | None = None) -> EncoderNluModel:
        """Open a model folder's files; nothing is fetched.

        Raises:
            ModelError: a file is missing or damaged, or transformers is not installed.
        """
        from safetensors.torch import load_file

        retrain = "Train it again: aiyam train nlu."
        try:
            config = json.loads((folder / CONFIG).read_text("utf-8"))
            kind, temperature = config["kind"], float(config["temperature"])
            if not 0 < temperature < float("inf"):
                raise ValueError(f"a temperature of {temperature}")
            labels, tags = label_sets(config)
            intents = EncoderIntents(labels, temperature)
        except Exception as error:
            raise ModelError(f"Expected {CONFIG} of an encoder in {folder}, got: {error!r}.", hint=retrain) from error
        if kind != KIND:
            raise ModelError(f"Expected a model of kind {KIND!r} in {folder}, got {kind!r}.", hint=retrain)
        encoder, tokenizer, hidden = open_base(folder / BASE, offline=True)
        network = make_network(encoder, hidden, len(intents.labels), len(tags))
        try:
            heads = load_file(folder / HEADS)
            refuse_nonfinite({name: array.float().numpy() for name, array in heads.items()})
            missing, unexpected = network.load_state_dict(heads, strict=False)
        except Exception as error:
            raise ModelError(f"Expected the heads at {folder / HEADS}, got: {error}.", hint=retrain) from error
        odd = [*unexpected, *(key for key in missing if not key.startswith("encoder."))]
        if odd:
            raise ModelError(f"Expected the heads' weights in {folder / HEADS}, {odd[0]} does not fit.", hint=retrain)
        return cls(network, tokenizer, intents, tags, gazetteer, device=pick_device(device), config=config)

    def save(self, folder: Path, facts: dict[str, Any]) -> None:
        """Write the network, the base's configuration and the tokenizer; the caller seals the folder."""
        from safetensors.torch import save_file

        folder.mkdir(parents=True, exist_ok=True)
        with quietly():
            self.network.encoder.save_pretrained(folder / BASE)  # type: ignore[union-attr, operator]
            self.tokenizer.tokenizer.save_pretrained(folder / BASE)
        state = self.network.state_dict()
        heads = {name: value.cpu().contiguous() for name, value in state.items() if not name.startswith("encoder.")}
        save_file(heads, folder / HEADS)
        config = {
            **facts,
            "kind": KIND,
            "intents": list(self.intents.labels),
            "temperature": self.intents.temperature,
            "tags": list(self.tags),
        }
        (folder / CONFIG).write_text(json.dumps(config, ensure_ascii=False, indent=1) + "\n", "utf-8")

    def scores(
        self, texts: Sequence[str], evidence: Sequence[Sequence[Span]]
    ) -> tuple[NDArray[np.float64], list[NDArray[np.float64]]]:
        """Return intent scores (n, k), uncalibrated, and for each text its tags' log-probabilities (characters, tags).

        Texts are normalised ones; they are batched by length, and come back in their order.
        """
        import torch

        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        intents = np.zeros((len(texts), len(self.intents.labels)))
        tags: list[NDArray[np.float64]] = [np.zeros((0, len(self.tags)))] * len(texts)
        for at in range(0, len(order), _BATCH):
            rows = order[at : at + _BATCH]
            batch = self.tokenizer.batch([texts[i] for i in rows], [evidence[i] for i in rows]).to(self.device)
            with torch.inference_mode():
                intent_scores, tag_scores = self.network(batch)
                log_tags = torch.log_softmax(tag_scores.double(), dim=2).cpu().numpy()
            intents[rows] = intent_scores.double().cpu().numpy()
            for row, found in zip(rows, log_tags, strict=True):
                tags[row] = found[: len(texts[row])]
        return intents, tags

    def read(self, text: str) -> Reading:
        """Tell the intent of an utterance and tag its spans."""
        return self.read_many([text])[0]

    def read_many(self, texts: Sequence[str]) -> list[Reading]:
        """Read many utterances in batches; the readings are those ``read`` gives, up to rounding."""
        plains = [normalise(text) for text in texts]
        evidence = [find_evidence(plain.text, self.gazetteer) for plain in plains]
        intents, tags = self.scores([plain.text for plain in plains], evidence)
        probabilities = softmax(intents * self.intents.temperature)
        return [self._reading(*parts) for parts in zip(plains, evidence, probabilities, tags, strict=True)]

    def _reading(
        self,
        plain: Normalised,
        evidence: Sequence[Span],
        probabilities: NDArray[np.float64],
        tags: NDArray[np.float64],
    ) -> Reading:
        order = np.argsort(-probabilities, kind="stable")[:4]
        ranking = tuple((self.intents.labels[i], float(probabilities[i])) for i in order)
        spans = tuple(spans_of_tags(best_tags(tags, self.tags), plain.text)) if len(self.tags) > 1 else ()
        return Reading(plain, tuple(evidence), ranking[0][0], ranking[0][1], ranking, spans)
