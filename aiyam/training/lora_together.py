"""Fits an adapter in several processes, one a GPU: each loads the base, reads its share of every step; the first hands it back."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aiyam.training.checkpoint import Checkpoint, read_arrays, write_arrays
from aiyam.training.lora_batches import Encoded
from aiyam.training.lora_fit import LoraOptions, Weights, fit_adapter, with_lora
from aiyam.training.processes import Told, run_together

ROWS, FITTED = "rows.json", "fitted.safetensors"


def fit_together(
    base: str,
    start: Path | None,
    train: Sequence[Encoded],
    held: Sequence[Encoded],
    options: LoraOptions,
    report: Callable[..., None],
    *,
    device: str,
    offline: bool,
    checkpoint: Checkpoint | None = None,
) -> tuple[Weights, list[dict[str, float]]]:
    """Do what ``fit_adapter`` does in ``options.n_processes`` processes; see there.

    Args:
        device: "cpu", or "cuda": then each process takes the GPU of its number.

    Raises:
        Cancelled: ``report`` raised it; the processes end at their next word.
        AiyamError: a process failed; its message is passed on.
    """
    import torch

    with tempfile.TemporaryDirectory(prefix="aiyam-lora-") as name:
        rows = {kind: [[row.ids, row.n_prompt] for row in some] for kind, some in (("train", train), ("held", held))}
        (Path(name) / ROWS).write_text(json.dumps(rows), encoding="utf-8")
        kept = None if checkpoint is None else (str(checkpoint.folder), checkpoint.recipe)
        run_together(
            _work,
            (name, base, None if start is None else str(start), options.as_json(), device, offline, kept),
            n_processes=options.n_processes,
            report=report,
        )
        arrays, facts = read_arrays(Path(name) / FITTED)
        return {name: torch.from_numpy(array) for name, array in arrays.items()}, facts["history"]


def _work(
    name: str,
    base: str,
    start: str | None,
    given: Mapping[str, Any],
    device: str,
    offline: bool,
    kept: tuple[str, Mapping[str, Any]] | None,
    told: Told,
) -> None:
    """Fit as one of the processes; torch's launcher has put its place among them into the environment."""
    import torch

    from aiyam.llm.folder import LocalModel

    options = LoraOptions(**given)
    rank = int(os.environ["RANK"])
    with told.failing():
        torch.set_num_threads(max(1, torch.get_num_threads() // options.n_processes))
        if device == "cuda":
            torch.cuda.set_device(rank)
        torch.distributed.init_process_group("nccl" if device == "cuda" else "gloo")
        local = LocalModel.load(base, device=f"cuda:{rank}" if device == "cuda" else "cpu", offline=offline)
        rows = json.loads((Path(name) / ROWS).read_text(encoding="utf-8"))
        train, held = ([Encoded(tuple(ids), n) for ids, n in rows[kind]] for kind in ("train", "held"))
        peft = with_lora(local.model, options, base=base, start=None if start is None else Path(start))
        weights, history = fit_adapter(
            peft,
            train,
            held,
            options,
            told,
            checkpoint=None if kept is None else Checkpoint(Path(kept[0]), kept[1], free=()),
        )
    if rank == 0:
        arrays = {key: np.ascontiguousarray(value.numpy()) for key, value in weights.items()}
        write_arrays(Path(name) / FITTED, arrays, {"history": history})
    torch.distributed.destroy_process_group()
