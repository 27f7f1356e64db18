"""Fits one network in several processes on this machine, started by torch's own launcher; the first one hands it back."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from aiyam.errors import AiyamError, ModelError
from aiyam.ranking.wide_deep import WideDeepConfig
from aiyam.training.checkpoint import Checkpoint, read_arrays, write_arrays
from aiyam.training.lessons import Lessons
from aiyam.training.peers import Peers
from aiyam.training.protocol import Cancelled, Report
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
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    with (
        tempfile.TemporaryDirectory(prefix="aiyam-fit-") as name,
        multiprocessing.get_context("spawn").Manager() as manager,
    ):
        folder = Path(name)
        lessons.write(folder / LESSONS, None)
        if start is not None:
            write_arrays(folder / START, start, {})
        told, stop = manager.Queue(), manager.Event()
        listener = _Listener(told, stop, report)
        listener.start()
        launch = LaunchConfig(
            min_nodes=1, max_nodes=1, nproc_per_node=n_processes, run_id=folder.name, rdzv_backend="c10d",
            rdzv_endpoint="localhost:0", max_restarts=0, start_method="spawn", monitor_interval=0.1,
        )  # fmt: skip
        kept = None if checkpoint is None else (str(checkpoint.folder), checkpoint.recipe)
        try:
            elastic_launch(launch, _work)(name, config.as_json(), seed, n_threads, kept, told, stop)
        except Exception as error:
            listener.finish(told)
            if listener.cancelled is not None:
                raise listener.cancelled from None
            if listener.failure:
                raise AiyamError(f"A training process failed: {listener.failure}") from None
            raise AiyamError(f"A training process failed: {error}.", hint="Train with --processes 1.") from error
        listener.finish(told)
        arrays, facts = read_arrays(folder / FITTED)
        return arrays, facts["history"]


class _Listener(threading.Thread):
    """Passes the first process's words to ``report``; where that raises ``Cancelled``, tells the processes to stop."""

    def __init__(self, told: Any, stop: Any, report: Report) -> None:
        super().__init__(name="fit-progress", daemon=True)
        self._told, self._stop_event, self._report = told, stop, report
        self.cancelled: Cancelled | None = None
        self.failure = ""

    def run(self) -> None:
        while (item := self._told.get()) is not None:
            if isinstance(item, str):
                self.failure = self.failure or item
            elif self.cancelled is None:
                try:
                    self._report(*item)
                except Cancelled as stopped:
                    self.cancelled = stopped
                    self._stop_event.set()

    def finish(self, told: Any) -> None:
        """Wait until everything told so far has been passed on."""
        told.put(None)
        self.join()


def _work(
    name: str,
    config: Mapping[str, Any],
    seed: int,
    n_threads: int,
    kept: tuple[str, Mapping[str, Any]] | None,
    told: Any,
    stop: Any,
) -> None:
    """Fit as one of the processes; torch's launcher has put its place among them into the environment."""
    import torch

    folder = Path(name)
    torch.set_num_threads(n_threads)
    torch.distributed.init_process_group("gloo")
    peers = Peers(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]))

    def report(fraction: float, message: str = "", metrics: Mapping[str, float] | None = None) -> None:
        if peers.rank == 0:
            told.put((fraction, message, dict(metrics or {})))
            if stop.is_set():
                raise Cancelled("The training was stopped.")

    try:
        lessons, _ = Lessons.read(folder / LESSONS)
        weights, history = fit_network(
            WideDeepConfig.of(config),
            lessons.train,
            lessons.valid,
            sizes=lessons.sizes,
            seed=seed,
            report=report,
            start=read_arrays(folder / START)[0] if (folder / START).exists() else None,
            checkpoint=None if kept is None else Checkpoint(Path(kept[0]), kept[1]),
            peers=peers,
        )
        _check_alike(weights, peers)
    except AiyamError as error:
        told.put(str(error))
        raise
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
