"""Fits one network in several processes on this machine; the first one hands it back."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from aiyam.errors import ModelError
from aiyam.ranking.wide_deep import WideDeepConfig
from aiyam.training.checkpoint import Checkpoint, read_arrays, write_arrays
from aiyam.training.lessons import Lessons
from aiyam.training.peers import Peers
from aiyam.training.processes import Told, run_together
from aiyam.training.protocol import Report
from aiyam.training.wide_deep import Weights, fit_network

LESSONS, START, FITTED = "lessons.safetensors", "start.safetensors", "fitted.safetensors"


def fit_together(
    config: WideDeepConfig,
    lessons: Lessons,
    *,
    n_processes: int,
    n_threads: int,
    seed: int,
    report: Report,
    start: Weights | None = None,
    checkpoint: Checkpoint | None = None,
) -> tuple[Weights, list[dict[str, float]]]:
    """Do what ``fit_network`` does, each batch shared out over ``n_processes``; the lessons go to them through a file.

    Raises:
        Cancelled: ``report`` raised it; the processes end at their next word.
        AiyamError: a process failed; its message is passed on.
    """
    with tempfile.TemporaryDirectory(prefix="aiyam-fit-") as name:
        folder = Path(name)
        lessons.write(folder / LESSONS, None)
        if start is not None:
            write_arrays(folder / START, start, {})
        kept = None if checkpoint is None else (str(checkpoint.folder), checkpoint.recipe)
        run_together(_work, (name, config.as_json(), seed, n_threads, kept), n_processes=n_processes, report=report)
        arrays, facts = read_arrays(folder / FITTED)
        return arrays, facts["history"]


def _work(
    name: str,
    config: Mapping[str, Any],
    seed: int,
    n_threads: int,
    kept: tuple[str, Mapping[str, Any]] | None,
    told: Told,
) -> None:
    """Fit as one of the processes; torch's launcher has put its place among them into the environment."""
    import torch

    folder = Path(name)
    torch.set_num_threads(n_threads)
    torch.distributed.init_process_group("gloo")
    peers = Peers(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]))
    with told.failing():
        lessons, _ = Lessons.read(folder / LESSONS)
        weights, history = fit_network(
            WideDeepConfig.of(config),
            lessons.train,
            lessons.valid,
            sizes=lessons.sizes,
            seed=seed,
            report=told,
            start=read_arrays(folder / START)[0] if (folder / START).exists() else None,
            checkpoint=None if kept is None else Checkpoint(Path(kept[0]), kept[1]),
            peers=peers,
        )
        _check_alike(weights, peers)
    if peers.rank == 0:
        write_arrays(folder / FITTED, weights, {"history": history})
    torch.distributed.destroy_process_group()


def _check_alike(weights: Weights, peers: Peers) -> None:
    """Refuse weights that are not the same in every process."""
    import torch

    found = hashlib.sha256()
    for name in sorted(weights):
        found.update(np.ascontiguousarray(weights[name]).tobytes())
    all_found: list[Any] = [None] * peers.size
    torch.distributed.all_gather_object(all_found, found.hexdigest())
    if len(set(all_found)) > 1:
        raise ModelError(
            f"Expected the same weights in all {peers.size} processes, got {len(set(all_found))} different ones.",
            hint="Train with --processes 1.",
        )
