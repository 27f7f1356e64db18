"""Fits a LoRA adapter (Hu et al., 2022) on a frozen base: loss on answers alone, stopped early, stopped and resumed."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from aiyam.errors import InvalidInput, ModelError
from aiyam.training.checkpoint import Checkpoint
from aiyam.training.lora_batches import Encoded, pack, steps_of

if TYPE_CHECKING:
    from pathlib import Path

    import torch

PROJECTIONS = ("q_proj", "k_proj", "v_proj", "o_proj")
PATIENCE = 1
"""Epochs without a better held-out loss after which training ends."""
WARM_UP = 0.03
_MAX_NORM = 1.0
_KEEP_EVERY = 200
_TELL_EVERY_S = 2.0

Weights = dict[str, "torch.Tensor"]


@dataclass(frozen=True)
class LoraOptions:
    """How an adapter is shaped and trained.

    ``batch_size`` rows go through the model at once in each of ``n_processes``, and ``accumulation`` such batches make a
    step. ``max_tokens`` is the longest row, prompt and answer. ``recompute`` keeps no activations inside a layer and
    computes them again going back: slower, and far less memory.
    """

    rank: int = 16
    alpha: int = 32
    dropout: float = 0.1
    epochs: int = 3
    batch_size: int = 4
    accumulation: int = 1
    learning_rate: float = 1e-4
    max_tokens: int = 2048
    recompute: bool = False
    seed: int = 0
    n_processes: int = 1

    def __post_init__(self) -> None:
        for name in ("rank", "alpha", "epochs", "batch_size", "accumulation", "n_processes"):
            if getattr(self, name) < 1:
                raise InvalidInput(f"Expected {name} of at least 1, got {getattr(self, name)}.", hint="Raise it.")
        if not 0 <= self.dropout < 1 or not 0 < self.learning_rate < 1 or self.max_tokens < 16:
            raise InvalidInput(
                "Expected a dropout in 0..1, a learning rate in 0..1 and at least 16 tokens a row, got "
                f"{self.dropout}, {self.learning_rate}, {self.max_tokens}.",
                hint="The defaults are .1, 1e-4 and 2048.",
            )

    @property
    def rows_a_step(self) -> int:
        """Rows that one step of the optimiser learns from."""
        return self.batch_size * self.accumulation * self.n_processes

    def as_json(self) -> dict[str, Any]:
        """The options as JSON types."""
        return asdict(self)


def with_lora(model: Any, options: LoraOptions, *, base: str, start: Path | None = None) -> Any:
    """Put an adapter on a base: a new one that changes nothing yet, or that of a version, to be trained further.

    Raises:
        ModelError: the base has no such projections, or the adapter does not fit.
    """
    import torch
    from peft import LoraConfig, PeftModel, get_peft_model

    torch.manual_seed(options.seed)
    try:
        if start is not None:
            return PeftModel.from_pretrained(model, str(start), is_trainable=True)
        config = LoraConfig(
            r=options.rank,
            lora_alpha=options.alpha,
            lora_dropout=options.dropout,
            target_modules=list(PROJECTIONS),
            task_type="CAUSAL_LM",
            base_model_name_or_path=base,
        )
        return get_peft_model(model, config)
    except (ValueError, RuntimeError) as error:
        raise ModelError(
            f"Expected a base with {', '.join(PROJECTIONS)}, got: {str(error).splitlines()[0][:200]}",
            hint="Use a base of the Llama family.",
        ) from error


def fit_adapter(
    peft: Any,
    train: Sequence[Encoded],
    held: Sequence[Encoded],
    options: LoraOptions,
    report: Callable[..., None],
    *,
    checkpoint: Checkpoint | None = None,
) -> tuple[Weights, list[dict[str, float]]]:
    """Train and return the weights of the epoch with the lowest held-out loss, and each epoch's measures.

    AdamW, linear warm-up and decay. The loss of a step is the mean over all answer tokens in it, however they are shared
    out over batches and processes. The same seed gives the same weights on one processor thread, resumed or not.

    Returns:
        Weights by parameter name, on the CPU; history entry 0 is before the first step. Losses are nats a token.
    """
    import torch
    from accelerate import Accelerator

    device = next(peft.parameters()).device
    on_cuda = device.type == "cuda"
    accelerator = Accelerator(cpu=not on_cuda, mixed_precision="bf16" if on_cuda else "no", device_placement=False)
    if options.recompute:
        peft.activation_checkpointing_enable({"use_reentrant": False})
    learned = {name: weight for name, weight in peft.named_parameters() if weight.requires_grad}
    optimiser = torch.optim.AdamW(learned.values(), lr=options.learning_rate, weight_decay=0.0, fused=on_cuda)
    model, optimiser = accelerator.prepare(peft, optimiser)
    n_epoch = -(-len(train) // options.rows_a_step)
    n_steps = n_epoch * options.epochs
    course = _Course.resumed(checkpoint, learned, optimiser)
    if not course.history:
        course.judge(_held_loss(model, held, options, accelerator), learned)
    report(course.step / n_steps, "before the first step" if not course.step else f"going on at step {course.step}")
    order: list[list[int]] = []
    told_at, n_tokens = time.monotonic(), 0
    while course.step < n_steps and course.n_idle < PATIENCE:
        epoch, i = divmod(course.step, n_epoch)
        if not order or i == 0:
            order = steps_of(len(train), rows_a_step=options.rows_a_step, seed=options.seed, epoch=epoch)
        for group in optimiser.param_groups:
            group["lr"] = options.learning_rate * _rate(course.step, n_steps)
        torch.manual_seed(options.seed + (course.step + 1) * 1009 + accelerator.process_index)
        rows = [train[k] for k in order[i]]
        course.train_loss += _step(model, optimiser, rows, options, accelerator)
        course.step += 1
        n_tokens += sum(len(row.ids) for row in rows)
        if i + 1 == n_epoch:
            course.train_loss /= n_epoch
            course.judge(_held_loss(model, held, options, accelerator), learned)
        if (
            checkpoint is not None
            and accelerator.is_main_process
            and (i + 1 == n_epoch or course.step % _KEEP_EVERY == 0)
        ):
            course.keep(checkpoint, learned, optimiser)
        if i + 1 == n_epoch or time.monotonic() - told_at > _TELL_EVERY_S:
            speed = n_tokens / max(1e-9, time.monotonic() - told_at)
            told_at, n_tokens = time.monotonic(), 0
            measured = course.history[-1] if i + 1 == n_epoch else {}
            report(course.step / n_steps, f"epoch {epoch + 1} of {options.epochs}, {speed:,.0f} tokens/s", measured)
        else:
            report(course.step / n_steps)
    peft.eval()
    with torch.no_grad():
        for name, weight in course.best.items():
            learned[name].copy_(weight)
    return course.best, course.history


@dataclass
class _Course:
    """Where a training stands: all that is needed to go on as if it had not been stopped."""

    step: int
    train_loss: float
    n_idle: int
    best_loss: float
    best: Weights
    history: list[dict[str, float]]

    @classmethod
    def resumed(cls, checkpoint: Checkpoint | None, learned: Mapping[str, torch.Tensor], optimiser: Any) -> _Course:
        """Put what was kept into the adapter and the optimiser; at the start where nothing was."""
        import torch

        kept = None if checkpoint is None else checkpoint.load()
        if kept is None:
            return cls(0, 0.0, 0, math.inf, {}, [])
        tensors, facts = kept
        with torch.no_grad():
            for name, weight in learned.items():
                weight.copy_(tensors[f"now/{name}"])
                if facts["step"]:
                    optimiser.state[weight] = {
                        "step": torch.tensor(float(facts["step"]), device=weight.device if weight.is_cuda else "cpu"),
                        "exp_avg": tensors[f"mean/{name}"].to(weight.device),
                        "exp_avg_sq": tensors[f"square/{name}"].to(weight.device),
                    }
        best = {name: tensors[f"best/{name}"] for name in learned}
        best_loss = facts["best_loss"] if facts["best_loss"] is not None else math.inf
        return cls(facts["step"], facts["train_loss"], facts["n_idle"], best_loss, best, facts["history"])

    def judge(self, held_loss: float, learned: Mapping[str, torch.Tensor]) -> None:
        """Write an epoch down, and keep its weights where they are the best; those of before the first step are not."""
        before = not self.history
        self.history.append({"train_loss": round(self.train_loss, 6), "held_loss": round(held_loss, 6)})
        self.train_loss = 0.0
        better = not before and held_loss < self.best_loss
        if before or better or not self.best:
            self.best = {name: weight.detach().cpu().clone() for name, weight in learned.items()}
        if before:
            return
        self.n_idle = 0 if better else self.n_idle + 1
        self.best_loss = min(self.best_loss, held_loss)

    def keep(self, checkpoint: Checkpoint, learned: Mapping[str, torch.Tensor], optimiser: Any) -> None:
        """Write the checkpoint."""
        tensors = {f"now/{name}": weight for name, weight in learned.items()}
        tensors |= {f"best/{name}": weight for name, weight in self.best.items()}
        for name, weight in learned.items():
            tensors[f"mean/{name}"] = optimiser.state[weight]["exp_avg"]
            tensors[f"square/{name}"] = optimiser.state[weight]["exp_avg_sq"]
        facts = {
            "step": self.step, "train_loss": self.train_loss, "n_idle": self.n_idle, "history": self.history,
            "best_loss": self.best_loss if math.isfinite(self.best_loss) else None,
        }  # fmt: skip
        checkpoint.save(tensors, facts)


def answer_loss(model: Any, rows: Sequence[Encoded]) -> torch.Tensor:
    """Return the loss summed over the answers' tokens of a batch, in nats; prompts are read and not learned."""
    import torch

    weight = next(model.parameters())
    packed = pack(rows, weight.device, weight.dtype)
    scores = model(
        input_ids=packed.ids,
        position_ids=packed.positions,
        attention_mask=packed.mask,
        logits_to_keep=packed.kept,
        use_cache=False,
    ).logits[0]
    return torch.nn.functional.cross_entropy(scores.float(), packed.targets, reduction="sum")


def _step(model: Any, optimiser: Any, rows: Sequence[Encoded], options: LoraOptions, accelerator: Any) -> float:
    """Learn from the rows of a step; return their mean loss a token."""
    import torch

    model.train()
    n_answers = sum(row.n_answer for row in rows)
    total = torch.zeros((), device=next(model.parameters()).device)
    for turn in range(options.accumulation):
        at = (turn * accelerator.num_processes + accelerator.process_index) * options.batch_size
        mine = rows[at : at + options.batch_size]
        last = turn + 1 == options.accumulation
        with nullcontext() if last else accelerator.no_sync(model):
            # A process with no row left reads one for nothing, so that all take part in the sum of the gradients.
            loss = answer_loss(model, mine or rows[:1]) * (1.0 if mine else 0.0)
            accelerator.backward(loss * (accelerator.num_processes / n_answers))
        total += loss.detach()
    accelerator.clip_grad_norm_([w for group in optimiser.param_groups for w in group["params"]], _MAX_NORM)
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)
    return float(accelerator.reduce(total, "sum")) / n_answers


def _held_loss(model: Any, held: Sequence[Encoded], options: LoraOptions, accelerator: Any) -> float:
    """Return the mean loss a token of the held-out answers."""
    import torch

    model.eval()
    total = torch.zeros((), device=next(model.parameters()).device)
    mine = held[accelerator.process_index :: accelerator.num_processes]
    with torch.no_grad():
        for i in range(0, len(mine), options.batch_size):
            total += answer_loss(accelerator.unwrap_model(model), mine[i : i + options.batch_size])
    return float(accelerator.reduce(total, "sum")) / sum(row.n_answer for row in held)


def _rate(step: int, n_steps: int) -> float:
    n_warm = max(1, round(n_steps * WARM_UP))
    return (step + 1) / n_warm if step < n_warm else max(0.02, (n_steps - step) / max(1, n_steps - n_warm))
