"""What a model of the understanding costs: training, loading, answering one and many, memory; each in its own process."""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Protocol

from understanding_peer import Peer, peer_files, train_peer
from understanding_variants import read_rows

from aiyam.contracts import Progress
from aiyam.evaluation.row_counts import Answer

KINDS = ("peer", "ours")
_CHUNK = 256
_WARM_UP, _MOST_SINGLES, _ROUNDS, _POOLED = 50, 1000, 3, 4096


class Answering(Protocol):
    """A loaded model."""

    def answer(self, texts: Sequence[str]) -> Sequence[Any]:
        """Answer many texts."""


class Ours:
    """The trained models of the project, without the product's rules for values."""

    def __init__(self, folder: Path) -> None:
        """Open a version."""
        from aiyam.nlu.gazetteer import Gazetteer
        from aiyam.nlu.model import NluModel

        self._model = NluModel.load(folder, Gazetteer.from_shipped())

    def answer(self, texts: Sequence[str]) -> list[Answer]:
        """Answer many texts."""
        found = []
        for r in self._model.read_many(texts):
            spans = frozenset((label, *r.text.span(start, end)) for label, start, end in r.spans)
            found.append(Answer(r.intent, r.confidence, spans, None))
        return found


class Product:
    """The whole understanding of an utterance: models, rules, values and filters."""

    def __init__(self, folder: Path) -> None:
        """Open a sealed version."""
        from aiyam.nlu.gazetteer import Gazetteer
        from aiyam.nlu.understander import Understander

        self._understander = Understander.load(folder, Gazetteer.from_shipped())

    def answer(self, texts: Sequence[str]) -> Sequence[Any]:
        """Understand one text as a turn does, many at once."""
        if len(texts) == 1:
            return [self._understander.understand(texts[0])]
        return self._understander.understand_many(texts)


_LOADERS: Mapping[str, Callable[[Path], Answering]] = {"peer": Peer, "ours": Ours, "product": Product}


def in_own_process(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function of a module in a fresh interpreter, so that its memory and its imports are its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def train(kind: str, data: Path, tuning: Path, folder: Path, seed: int, epochs: int | None) -> dict[str, float]:
    """Train a model on a file; returns wall and CPU seconds from reading the file on, and the peak of memory in MB."""
    started, cpu = time.perf_counter(), time.process_time()
    if kind == "peer":
        train_peer(read_rows(data), folder)
    else:
        from aiyam.training.nlu import train_nlu

        train_nlu(data, folder, dev=tuning, seed=seed, epochs=epochs, progress=_tell)
    return {
        "train_s": round(time.perf_counter() - started, 1),
        "train_cpu_s": round(time.process_time() - cpu, 1),
        "train_peak_mb": peak_mb(),
    }


def size_mb(kind: str, folder: Path) -> float:
    """Return the size of the files a model answers from; rows kept for a later training are none of them."""
    from aiyam.nlu.model import CONFIG, WEIGHTS

    files = peer_files(folder) if kind == "peer" else [folder / CONFIG, folder / WEIGHTS]
    return round(sum(f.stat().st_size for f in files) / 1e6, 1)


def answers(kind: str, folder: Path, texts: Sequence[Sequence[str]]) -> list[list[Answer]]:
    """Answer several lists of texts."""
    model = _LOADERS[kind](folder)
    return [list(model.answer(t)) for t in texts]


def speed(kind: str, folder: Path, texts: Sequence[str]) -> dict[str, float]:
    """Time a model on one thread, libraries already imported.

    Returns:
        ``load_s`` (from files to the first answer, lazy tables included), ``one_ms_p50`` and ``one_ms_p95`` (wall),
        ``one_cpu_ms`` (mean CPU), ``batch_per_s`` (utterances a second of wall time, the best of three rounds),
        ``batch_per_cpu_s`` and ``read_peak_mb``.
    """
    from threadpoolctl import threadpool_limits

    _import_libraries()
    with threadpool_limits(1):
        started = time.perf_counter()
        model = _LOADERS[kind](folder)
        model.answer(texts[:1])
        load_s = time.perf_counter() - started
        singles = texts[_WARM_UP : _WARM_UP + _MOST_SINGLES] or texts
        for text in texts[:_WARM_UP]:
            model.answer([text])
        taken, cpu = [], time.process_time()
        for text in singles:
            began = time.perf_counter()
            model.answer([text])
            taken.append((time.perf_counter() - began) * 1000)
        one_cpu = (time.process_time() - cpu) * 1000 / len(singles)
        rounds, cpu = [], time.process_time()
        for _ in range(_ROUNDS):
            began = time.perf_counter()
            model.answer(texts)
            rounds.append(time.perf_counter() - began)
        cpu = time.process_time() - cpu
    taken.sort()
    return {
        "load_s": round(load_s, 3),
        "one_ms_p50": round(taken[len(taken) // 2], 3),
        "one_ms_p95": round(taken[int(len(taken) * 0.95)], 3),
        "one_cpu_ms": round(one_cpu, 3),
        "batch_per_s": round(len(texts) / min(rounds)),
        "batch_per_cpu_s": round(len(texts) * _ROUNDS / cpu),
        "read_peak_mb": peak_mb(),
    }


_loaded: list[Answering] = []


def pooled_per_s(kind: str, folder: Path, texts: Sequence[str], n_processes: int) -> int:
    """Return utterances a second with a process for each core, once every process has loaded the model."""
    texts = list(texts) * max(1, _POOLED // len(texts))
    chunks = [texts[i : i + _CHUNK] for i in range(0, len(texts), _CHUNK)]
    with ProcessPoolExecutor(
        n_processes, mp_context=get_context("spawn"), initializer=_load, initargs=(kind, folder)
    ) as pool:
        rounds = []
        for _ in range(_ROUNDS + 1):  # the first one waits for the processes to start
            began = time.perf_counter()
            sum(pool.map(_count_answers, chunks))
            rounds.append(time.perf_counter() - began)
    return round(len(texts) / min(rounds[1:]))


def _load(kind: str, folder: Path) -> None:
    from threadpoolctl import threadpool_limits

    threadpool_limits(1)
    _loaded.append(_LOADERS[kind](folder))


def _count_answers(texts: Sequence[str]) -> int:
    return len(_loaded[0].answer(texts))


def n_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def peak_mb() -> int:
    """Return the most memory this process held, in MB; unlike ``ru_maxrss`` Linux's VmHWM forgets the parent's."""
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text("ascii", "replace").splitlines():
            if line.startswith("VmHWM:"):
                return round(int(line.split()[1]) * 1024 / 1e6)
    unit = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6)


def _import_libraries() -> None:
    import pycrfsuite
    import safetensors.numpy
    import scipy.sparse
    import sklearn.feature_extraction.text
    import sklearn.svm

    import aiyam.nlu.understander

    assert all((pycrfsuite, safetensors, scipy, sklearn, aiyam.nlu.understander))


def _tell(progress: Progress) -> None:
    print(f"{progress.fraction:4.0%} {progress.stage} {progress.message} {progress.metrics or ''}", file=sys.stderr)
