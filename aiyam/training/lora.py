"""Trains a LoRA adapter for the wording of replies into a sealed version, from scratch or from the last one."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiyam import registry
from aiyam.contracts import InstructionRow, Manifest
from aiyam.errors import DataError, InvalidInput, ModelError
from aiyam.label_contracts import DatasetVersion
from aiyam.llm.adapters import COMPONENT
from aiyam.llm.base_print import differences, print_of
from aiyam.llm.folder import DEFAULT_BASE
from aiyam.llm.grammar import INSTALL
from aiyam.nlu.load_report import LoadReport
from aiyam.registry import sha256_of
from aiyam.training.checkpoint import Checkpoint, run_resumable
from aiyam.training.lora_batches import Encoded, encode, ends_of
from aiyam.training.lora_evaluation import Judge, judge_form, judge_replies
from aiyam.training.lora_fit import LoraOptions, Weights, fit_adapter, with_lora
from aiyam.training.lora_rows import asks, hold_out, read_instructions, reject, set_aside
from aiyam.training.lora_together import fit_together
from aiyam.training.protocol import CancelCheck, ProgressCallback, Report

if TYPE_CHECKING:
    from aiyam.llm.folder import LocalModel

INCREMENTAL_EPOCHS, INCREMENTAL_LEARNING_RATE = 1, 5e-5
_PACKAGES = ("torch", "transformers", "tokenizers", "peft", "accelerate", "safetensors")
_Rows = list[tuple[int, InstructionRow]]


@dataclass(frozen=True)
class Lessons:
    """Rows as tokens, the held-out ones as rows too, and what was found in the files."""

    train: list[Encoded]
    held: list[Encoded]
    held_rows: list[InstructionRow]
    reports: list[LoadReport]


@dataclass(frozen=True)
class Fitted:
    """An adapter's weights, and the losses of each epoch; entry 0 is before the first step."""

    weights: Weights
    history: tuple[dict[str, float], ...]


@dataclass
class LoraTrainer:
    """The adapter trainer; see ``train_lora`` for its options."""

    data: Path
    options: LoraOptions
    base: str
    valid: Path | None = None
    start: Path | None = None
    device: str | None = None
    offline: bool = False
    four_bit: bool = False
    checkpoint_dir: Path | None = None
    judge: Judge | None = None
    version: DatasetVersion | None = None
    component: str = COMPONENT
    shares: tuple[float, float, float] = (0.1, 0.85, 0.98)
    _local: LocalModel | None = field(default=None, repr=False)
    _peft: Any = field(default=None, repr=False)

    def prepare(self, report: Report) -> Lessons:
        """Read the rows, load the base, write the rows as its tokens; a row too long is refused."""
        rows, read = read_instructions(self.data)
        reports = [read]
        if self.valid is None:
            train, held_out = hold_out(rows, self.options.seed)
        else:
            held_out, held_read = read_instructions(self.valid)
            reports.append(held_read)
            known = {asks(row) for _, row in held_out}
            train = [(number, row) for number, row in rows if asks(row) not in known]
            for number, row in rows:
                if asks(row) in known:
                    set_aside(read, number, "held_back", "asks what a row to be judged by asks")
                    read.n_kept -= 1
        report(0.2, f"{len(train)} rows, {len(held_out)} held out; loading {self.base}")
        local = self._load()
        longest = min(self.options.max_tokens, local.max_tokens_in_all)
        fit, _ = _encoded(train, local, longest, read)
        judged, held_rows = _encoded(held_out, local, longest, reports[-1])
        if not fit or not judged:
            raise DataError(
                f"Expected rows of at most {longest} tokens to train on and to be judged by, got {len(fit)} and {len(judged)}.",
                hint="Raise --max_tokens, or shorten the rows.",
            )
        report(1.0, f"{sum(len(row.ids) for row in fit):,} tokens")
        return Lessons(fit, judged, held_rows, reports)

    def fit(self, prepared: Lessons, report: Report) -> Fitted:
        """Train the adapter with early stopping on the held-out rows' loss."""
        checkpoint = None
        if self.checkpoint_dir is not None:
            recipe = {
                **self.options.as_json(), "base": self.base, "start": None if self.start is None else self.start.name,
                "data": sha256_of(self.data), "valid": None if self.valid is None else sha256_of(self.valid),
            }  # fmt: skip
            checkpoint = Checkpoint(self.checkpoint_dir, recipe, free=())
        local = self._load()
        if self.options.n_processes > 1:
            weights, history = fit_together(
                self.base, self.start, prepared.train, prepared.held, self.options, report,
                device="cuda" if self._goes_to().startswith("cuda") else "cpu", offline=self.offline, checkpoint=checkpoint,
            )  # fmt: skip
            local.model.to(self._goes_to())
            self._peft = with_lora(local.model, self.options, base=self.base, start=self.start)
            self._peft.load_state_dict(weights, strict=False)
        else:
            self._peft = with_lora(local.model, self.options, base=self.base, start=self.start)
            weights, history = fit_adapter(
                self._peft, prepared.train, prepared.held, self.options, report, checkpoint=checkpoint
            )
        self._peft.eval()
        return Fitted(weights, tuple(history))

    def evaluate(self, prepared: Lessons, fitted: Fitted, report: Report) -> dict[str, float]:
        """Measure perplexity on the held-out rows, the form of answers to them, and the wording of plans."""
        from aiyam.llm.folder import LocalModel

        local = self._load()
        tuned = LocalModel(local.model, local.tokenizer)
        best = min(fitted.history[1:] or fitted.history, key=lambda epoch: epoch["held_loss"])
        metrics = {
            "heldout_perplexity": round(math.exp(min(50.0, best["held_loss"])), 4),
            "heldout_perplexity_before": round(math.exp(min(50.0, fitted.history[0]["held_loss"])), 4),
            "n_heldout_rows": float(len(prepared.held)),
            "n_heldout_tokens": float(sum(row.n_answer for row in prepared.held)),
            "n_train_rows": float(len(prepared.train)),
            "n_train_tokens": float(sum(len(row.ids) for row in prepared.train)),
            "n_rejected_rows": float(sum(r.n_rejected for r in prepared.reports)),
            "epochs": float(len(fitted.history) - 1),
        }
        order = list(range(len(prepared.held_rows)))
        random.Random(self.options.seed).shuffle(order)
        longest = max(row.n_answer for row in prepared.held)
        metrics |= judge_form(
            tuned,
            [prepared.held_rows[i] for i in order],
            max_tokens=min(2 * longest + 16, 1024),
            report=lambda done: report(0.5 * done, "answering held-out rows"),
        )
        if self.judge is not None:
            metrics |= judge_replies(tuned, self.judge, report=lambda done: report(0.5 + 0.5 * done, "wording plans"))
        report(1.0, "measured", metrics)
        return metrics

    def save(self, prepared: Lessons, fitted: Fitted, metrics: Mapping[str, float], out: Path) -> Manifest:
        """Write the adapter (safetensors), its configuration and what was found in the data, then seal."""
        local = self._load()
        self._peft.save_pretrained(str(out), safe_serialization=True, save_embedding_layers=False)
        (out / "README.md").unlink(missing_ok=True)  # peft's own card, with blanks to fill in; ours is card.md
        report = {"files": [r.as_json() for r in prepared.reports], "epochs": list(fitted.history)}
        (out / "data_report.json").write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        return registry.seal(
            out,
            component=COMPONENT,
            version=out.name,
            parents=() if self.start is None else (self.start.name,),
            dataset=self.version.tag if self.version else self.data.name,
            dataset_sha256=self.version.sha256 if self.version else sha256_of(self.data),
            config={
                "kind": "lora",
                "base": _name_of(self.base),
                "base_print": print_of(local.model, local.tokenizer),
                "four_bit": self.four_bit,
                **self.options.as_json(),
            },
            metrics=dict(metrics),
            packages={name: metadata.version(name) for name in _PACKAGES},
            card=(
                f"A LoRA adapter that words replies on the base {_name_of(self.base)}, whose licence holds for its use. "
                "What it writes is checked sentence by sentence before it is shown, as with any language model."
            ),
        )

    def _load(self) -> LocalModel:
        """Load the base once; with several processes to the processor first, since theirs need the devices."""
        if self._local is None:
            from aiyam.llm.folder import LocalModel

            there = "cpu" if self.options.n_processes > 1 else self.device
            self._local = LocalModel.load(self.base, device=there, offline=self.offline, four_bit=self.four_bit)
            if self.start is not None:
                recorded = registry.open_sealed(self.start, COMPONENT).config.get("base_print") or {}
                if other := differences(recorded, print_of(self._local.model, self._local.tokenizer)):
                    raise ModelError(
                        f"Expected the base that {self.start.name} was trained on, got {self.base!r}: {', '.join(other)}.",
                        hint="Name that base with --base_model, or train from scratch.",
                    )
        return self._local

    def _goes_to(self) -> str:
        import torch

        return self.device or ("cuda" if torch.cuda.is_available() else "cpu")


def train_lora(
    data: Path,
    out: Path,
    *,
    seed: int,
    progress: ProgressCallback,
    base: str | Path | None = None,
    valid: Path | None = None,
    start: Path | None = None,
    epochs: int | None = None,
    learning_rate: float | None = None,
    device: str | None = None,
    offline: bool = False,
    four_bit: bool = False,
    judge: Judge | None = None,
    checkpoint_dir: Path | None = None,
    resume: bool = False,
    version: DatasetVersion | None = None,
    cancelled: CancelCheck = lambda: False,
    **shape: Any,
) -> Manifest:
    """Train an adapter into ``out`` and seal it (its folder name is the version).

    Args:
        data: rows ``{instruction, input, output}``.
        base: folder or hub name of the language model; None: the one ``start`` was trained on, else ``DEFAULT_BASE``.
        valid: rows to stop on and be judged by; None holds a tenth of ``data`` out.
        start: sealed version to go on from (incremental): then 1 epoch at 5e-5 where nothing else is said.
        device: "cpu", "cuda", "cuda:1"; None takes CUDA where there is one.
        offline: look for the base on this machine alone.
        four_bit: hold the base in 4 bits (CUDA).
        judge: plans to be worded after training.
        checkpoint_dir: where the training is kept until the version is sealed.
        resume: go on from what a stopped training left there; without it, that is removed first.
        version: the dataset version whose files these are; the manifest names it.
        shape: other fields of ``LoraOptions`` (rank, alpha, batch_size, …).

    Raises:
        DataError: no usable row, all too long, or a checkpoint of another training.
        ModelError: the base or ``start`` cannot be had or do not belong together, or peft is not installed.
        InvalidInput: options out of range or against each other, or no room to write.
        Cancelled: ``cancelled`` answered true; the checkpoint stays.
    """
    try:
        import accelerate  # noqa: F401
        import peft  # noqa: F401
    except ImportError as error:
        raise ModelError("Expected peft and accelerate to train an adapter, found none.", hint=INSTALL) from error
    if resume and checkpoint_dir is None:
        raise InvalidInput("Expected a folder with a checkpoint to resume from, got none.", hint="Name it.")
    options = LoraOptions(seed=seed, **{name: value for name, value in shape.items() if value is not None})
    if start is not None:
        parent = registry.open_sealed(start, COMPONENT)
        kept = {name: parent.config[name] for name in ("rank", "alpha", "dropout")}
        options = replace(options, epochs=INCREMENTAL_EPOCHS, learning_rate=INCREMENTAL_LEARNING_RATE, **kept)
        base = base or str(parent.config["base"])
    options = replace(
        options,
        epochs=options.epochs if epochs is None else epochs,
        learning_rate=options.learning_rate if learning_rate is None else learning_rate,
    )
    if four_bit and options.n_processes > 1:
        raise InvalidInput("Expected 4 bits in one process, got several.", hint="Leave out --four_bit or --processes.")
    trainer = LoraTrainer(
        data,
        options,
        str(base or DEFAULT_BASE),
        valid,
        start,
        device,
        offline,
        four_bit,
        checkpoint_dir,
        judge,
        version,
    )
    return run_resumable(
        trainer, out, checkpoint_dir=checkpoint_dir, resume=resume, progress=progress, cancelled=cancelled
    )


def _encoded(
    rows: _Rows, local: LocalModel, longest: int, report: LoadReport
) -> tuple[list[Encoded], list[InstructionRow]]:
    ends = ends_of(local.model, local.tokenizer)
    tokens: list[Encoded] = []
    kept: list[InstructionRow] = []
    for number, row in rows:
        encoded = encode(row, local.tokenizer, ends)
        if len(encoded.ids) > longest:
            reject(report, number, "too_long", f"{len(encoded.ids)} tokens, more than {longest}")
            report.n_kept -= 1
            continue
        tokens.append(encoded)
        kept.append(row)
    return tokens, kept


def _name_of(base: str) -> str:
    """A hub name as it is; of a folder its full path, so that the next training finds it."""
    return str(Path(base).resolve()) if Path(base).is_dir() else base
