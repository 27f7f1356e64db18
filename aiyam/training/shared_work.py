"""Work shared out to processes: each gets the material once, the results come back in the order of the pieces."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import Any, TypeVar

from aiyam.errors import AiyamError

Material = TypeVar("Material")
Piece = TypeVar("Piece")
Result = TypeVar("Result")
Kept = dict[Any, Any]

_state: list[Any] = []
"""In a worker: the function, the material, and what the function keeps from piece to piece."""


def in_processes(
    work: Callable[[Material, Piece, Kept], Result],
    pieces: Sequence[Piece],
    material: Material,
    *,
    n_workers: int,
) -> Iterator[Result]:
    """Give ``work(material, piece, kept)`` of each piece, in order; ``kept`` is a dict each process has of its own.

    One worker, or one piece, runs in this process. A worker uses one thread and ends with this process, killed too.

    Raises:
        AiyamError: what the work raised, or a worker was killed.
    """
    if n_workers <= 1 or len(pieces) <= 1:
        kept: Kept = {}
        for piece in pieces:
            yield work(material, piece, kept)
        return
    with ProcessPoolExecutor(
        n_workers, multiprocessing.get_context("spawn"), initializer=_begin, initargs=(work, material)
    ) as pool:
        # A few pieces ahead of the reader, so that finished results do not pile up in memory.
        waiting = [pool.submit(_do, piece) for piece in pieces[: 2 * n_workers]]
        rest = iter(pieces[2 * n_workers :])
        try:
            while waiting:
                yield waiting.pop(0).result()
                waiting.extend(pool.submit(_do, piece) for piece in islice(rest, 1))
        except BrokenProcessPool:
            raise AiyamError(
                "A worker process ended before its work was done.",
                hint="Memory may have run out: use fewer --workers.",
            ) from None
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _begin(work: Callable[..., Any], material: object) -> None:
    from aiyam.parts import limit_threads

    limit_threads(1)
    threading.Thread(target=_end_with_parent, name="parent-watch", daemon=True).start()
    _state[:] = [work, material, {}]


def _do(piece: object) -> Any:
    work, material, kept = _state
    return work(material, piece, kept)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
