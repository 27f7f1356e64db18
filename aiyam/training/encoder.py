"""Fine-tunes a pretrained encoder for the understanding: intent and syllable tags at once, stopped early on held-out rows."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aiyam.contracts import Manifest, Progress
from aiyam.errors import DataError, InvalidInput
from aiyam.korean.spelling import normalise
from aiyam.label_contracts import DatasetVersion
from aiyam.nlu.decoding import best_tags, spans_of_tags, tags_of_spans
from aiyam.nlu.encoder import (
    EncoderIntents,
    EncoderNluModel,
    make_network,
    open_base,
    pick_device,
)
from aiyam.nlu.examples import Example
from aiyam.nlu.gazetteer import Gazetteer
from aiyam.nlu.grammar import SHOP_NAMES
from aiyam.nlu.model import softmax
from aiyam.nlu.values import Span, find_evidence
from aiyam.registry import building, seal
from aiyam.training.corpus import held_back, labels_of, load_corpus, tags_of
from aiyam.training.rows import digest_of, hold_out, noisy_copy, span_f1, spans_of

if TYPE_CHECKING:
    import torch
    from torch import nn

PATIENCE = 3
"""Epochs without a better held-out score after which training ends."""
WARM_UP = 0.1
HEAD_LEARNING_RATE = 1e-3
_NOISY = 0.3
_HIDDEN_EVIDENCE = 0.2
_WEIGHT_DECAY = 0.01
_BUCKET = 32
_PACKAGES = ("numpy", "torch", "transformers", "tokenizers", "safetensors")
_PAD = -100


@dataclass(frozen=True)
class _Row:
    text: str
    evidence: list[Span]
    intent: int
    tags: list[int]
    weight: float


@dataclass(frozen=True)
class _Held:
    """Held-out rows: normalised texts, intent indices, and gold spans over those texts."""

    texts: list[str]
    evidence: list[list[Span]]
    intents: NDArray[np.int64]
    spans: list[set[tuple[str, int, int]]]


def train_encoder_nlu(
    data: Path,
    out: Path,
    *,
    base: str | Path,
    dev: Path | None = None,
    seed: int,
    epochs: int = 10,
    batch_size: int = 32,
    learning_rate: float = 5e-5,
    device: str | None = None,
    version: DatasetVersion | None = None,
    progress: Callable[[Progress], None],
) -> Manifest:
    """Fine-tune an encoder and seal a version in ``out`` (its folder name is the version); it loads offline afterwards.

    AdamW with linear warm-up and decay; the weights of the best held-out epoch are kept, the temperature is chosen on
    the same rows (Guo et al. 2017). The same seed trains the same model on one processor thread.

    Args:
        data: a training file, or a folder as ``train_nlu`` reads it.
        base: folder or hub name of the encoder (klue/roberta-base).
        dev: rows for stopping and the temperature; without it a tenth is held out.
        epochs: at most this many passes.
        learning_rate: of the encoder; the heads start from nothing and use at least ``HEAD_LEARNING_RATE``.
        device: "cpu", "cuda", "cuda:1"; None takes CUDA where there is one (computing in bfloat16).
        version: the dataset version whose files these are; the manifest names it.

    Raises:
        DataError: no sound row, or fewer than two intents.
        ModelError: the base cannot be had.
        InvalidInput: epochs or batch size below 1, or ``out`` cannot be written to.
        Conflict: ``out`` holds something already, or another process is building it.
    """
    import torch

    if epochs < 1 or batch_size < 1:
        raise InvalidInput(f"Expected at least one epoch and one row a batch, got {epochs} and {batch_size}.")
    with building(out) as folder:
        started = time.perf_counter()
        rng = random.Random(seed)
        torch.manual_seed(seed)
        corpus = load_corpus(data, seed=seed, dev=dev)
        fit, held = (corpus.examples, corpus.tuning) if corpus.tuning else hold_out(corpus.examples, rng)
        labels = labels_of(fit)
        if len(labels) < 2:
            raise DataError(
                f"Expected at least two intents to train on, got {labels}.", hint="Add rows of other intents."
            )
        tags = tags_of(fit)
        progress(Progress(stage="read", fraction=0.02, message=f"{len(fit)} rows, {len(labels)} intents"))
        encoder, tokenizer, hidden = open_base(base)
        model = EncoderNluModel(
            make_network(encoder, hidden, len(labels), len(tags)),
            tokenizer,
            EncoderIntents(tuple(labels), 1.0),
            tags,
            Gazetteer.from_shipped(SHOP_NAMES),
            device=pick_device(device),
        )
        rows = _held_of([e for e in held if e.intent in set(labels)] or fit[:50], model)
        history = _fit(
            model, fit, rows, rng, epochs=epochs, batch_size=batch_size, learning_rate=learning_rate, progress=progress
        )
        scores, _ = model.scores(rows.texts, rows.evidence)
        model.intents = EncoderIntents(model.intents.labels, _temperature(scores, rows.intents))
        metrics = {
            **{name: round(value, 4) for name, value in _measure(model, rows).items()},
            "n_held_out": len(rows.texts),
            "n_rows": len(corpus.examples),
            "n_epochs": len(history),
            "train_seconds": round(time.perf_counter() - started, 1),
        }
        config = {
            "base": str(base) if not Path(base).is_dir() else Path(base).name,
            "seed": seed,
            "epochs": epochs,
            "batch_size": batch_size,
            "learning_rate": learning_rate,
        }
        model.save(folder, config)
        report = {"files": [r.as_json() for r in corpus.reports], "epochs": history}
        (folder / "data_report.json").write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n", "utf-8")
        manifest = seal(
            folder,
            component="nlu",
            version=folder.name,
            dataset=version.tag if version else data.name,
            dataset_sha256=version.sha256 if version else digest_of(data, leave_out=held_back(data)),
            config={**config, "kind": "encoder"},
            metrics=metrics,
            packages={name: metadata.version(name) for name in _PACKAGES},
        )
    progress(Progress(stage="done", fraction=1.0, metrics={k: float(v) for k, v in metrics.items()}))
    return manifest


def _held_of(examples: Sequence[Example], model: EncoderNluModel) -> _Held:
    plains = [normalise(e.text) for e in examples]
    gold = [
        set(spans_of_tags(tags_of_spans(spans_of(e), plain), plain.text))
        for e, plain in zip(examples, plains, strict=True)
    ]
    evidence = [find_evidence(plain.text, model.gazetteer) for plain in plains]
    intents = np.array([model.intents.labels.index(e.intent) for e in examples])
    return _Held([plain.text for plain in plains], evidence, intents, gold)


def _rows(examples: Sequence[Example], model: EncoderNluModel, rng: random.Random) -> list[_Row]:
    """Rows of one epoch: some as they stand, some typed in a hurry; hand-written ones count twice a generated one."""
    index = {tag: i for i, tag in enumerate(model.tags)}
    rows = []
    for example in examples:
        text, spans = noisy_copy(example, rng) if rng.random() < _NOISY else (example.text, spans_of(example))
        plain = normalise(text)
        tags = [index[tag] for tag in tags_of_spans(spans, plain)]
        intent = model.intents.labels.index(example.intent)
        evidence = [s for s in find_evidence(plain.text, model.gazetteer) if rng.random() >= _HIDDEN_EVIDENCE]
        rows.append(_Row(plain.text, evidence, intent, tags, 1.0 if example.group else 2.0))
    return rows


def _batches(rows: Sequence[_Row], size: int, rng: random.Random) -> list[list[_Row]]:
    """Shuffle into batches of rows of like length, so that little is padding."""
    shuffled = list(rows)
    rng.shuffle(shuffled)
    batches = []
    for at in range(0, len(shuffled), size * _BUCKET):
        near = sorted(shuffled[at : at + size * _BUCKET], key=lambda r: len(r.text))
        batches += [near[i : i + size] for i in range(0, len(near), size)]
    rng.shuffle(batches)
    return batches


def _fit(
    model: EncoderNluModel,
    examples: Sequence[Example],
    held: _Held,
    rng: random.Random,
    *,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    progress: Callable[[Progress], None],
) -> list[dict[str, float]]:
    """Train ``model`` in place, leaving it with its best epoch's weights; return the measures of every epoch."""
    import torch

    n_steps = epochs * -(-len(examples) // batch_size)
    optimiser, schedule = _optimiser(model.network, learning_rate, n_steps)
    history: list[dict[str, float]] = []
    best, best_score, n_idle = {}, -1.0, 0
    for epoch in range(epochs):
        model.network.train()
        batches = _batches(_rows(examples, model, rng), batch_size, rng)
        losses = []
        for number, batch in enumerate(batches):
            loss = _loss(model, batch)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(model.network.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            losses.append(float(loss.detach()))
            if number % 20 == 0:
                done = (epoch + number / len(batches)) / epochs
                progress(Progress(stage="fit", fraction=0.05 + 0.9 * done, message=f"epoch {epoch + 1} of {epochs}"))
        model.network.eval()
        found = _measure(model, held)
        history.append({"train_loss": round(float(np.mean(losses)), 5), **found})
        progress(
            Progress(
                stage="fit",
                fraction=0.05 + 0.9 * ((epoch + 1) / epochs),
                message=f"epoch {epoch + 1} of {epochs}",
                metrics=history[-1],
            )
        )
        score = sum(found.values())
        n_idle = 0 if score > best_score else n_idle + 1
        if score > best_score:
            best_score = score
            best = {name: value.detach().cpu().clone() for name, value in model.network.state_dict().items()}
        if n_idle >= PATIENCE:
            break
    model.network.load_state_dict(best)
    return history


def _optimiser(network: nn.Module, learning_rate: float, n_steps: int) -> tuple[Any, Any]:
    import torch

    groups: dict[tuple[bool, bool], list[torch.nn.Parameter]] = {}
    for name, weight in network.named_parameters():
        groups.setdefault((name.startswith("encoder."), weight.ndim > 1), []).append(weight)
    optimiser = torch.optim.AdamW(
        [
            {
                "params": weights,
                "lr": learning_rate if of_base else max(learning_rate, HEAD_LEARNING_RATE),
                "weight_decay": _WEIGHT_DECAY if decays else 0.0,
            }
            for (of_base, decays), weights in groups.items()
        ]
    )
    n_warm = max(1, round(n_steps * WARM_UP))

    def rate(step: int) -> float:
        return (step + 1) / n_warm if step < n_warm else max(0.02, (n_steps - step) / max(1, n_steps - n_warm))

    return optimiser, torch.optim.lr_scheduler.LambdaLR(optimiser, rate)


def _loss(model: EncoderNluModel, rows: Sequence[_Row]) -> torch.Tensor:
    """Cross entropy of the intent plus that of the characters' tags, each a mean weighted by row."""
    import torch
    from torch.nn.functional import cross_entropy

    device = model.device
    batch = model.tokenizer.batch([row.text for row in rows], [row.evidence for row in rows]).to(device)
    tags = torch.full(batch.chars.shape, _PAD)
    for i, row in enumerate(rows):
        tags[i, : len(row.tags)] = torch.tensor(row.tags, dtype=torch.int64)
    weight = torch.tensor([row.weight for row in rows], device=device)
    tags = tags.to(device)
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda"):
        intent_scores, tag_scores = model.network(batch)
    intents = torch.tensor([row.intent for row in rows], device=device)
    of_intents = (cross_entropy(intent_scores.float(), intents, reduction="none") * weight).sum() / weight.sum()
    each = cross_entropy(tag_scores.float().transpose(1, 2), tags, ignore_index=_PAD, reduction="none")
    shares = (tags != _PAD) * weight.unsqueeze(1)
    return of_intents + (each * shares).sum() / shares.sum().clamp(min=1.0)


def _measure(model: EncoderNluModel, held: _Held) -> dict[str, float]:
    """Return the held-out intent accuracy and, where the corpus has spans, the exact micro F1 of spans."""
    intents, tags = model.scores(held.texts, held.evidence)
    found = {"held_out_intent_accuracy": float((intents.argmax(axis=1) == held.intents).mean())}
    if len(model.tags) > 1:
        said = [
            spans_of_tags(best_tags(scores, model.tags), text) for text, scores in zip(held.texts, tags, strict=True)
        ]
        found["held_out_span_f1"] = span_f1(map(set, said), held.spans)
    return found


def _temperature(scores: NDArray[np.float64], intents: NDArray[np.int64]) -> float:
    grid = np.geomspace(0.1, 5, 60)
    rows = np.arange(len(intents))
    losses = [-np.log(np.maximum(softmax(scores * t)[rows, intents], 1e-9)).mean() for t in grid]
    return float(grid[int(np.argmin(losses))])
