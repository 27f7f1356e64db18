"""One training in several processes on this machine, started by torch's own launcher, with one progress and one stop."""

from __future__ import annotations

import multiprocessing
import os
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from aiyam.errors import AiyamError
from aiyam.training.protocol import Cancelled, Report


class Told:
    """What a process tells of its work: a report, of which only the first process's is passed on."""

    def __init__(self, queue: Any, stop: Any) -> None:
        self._queue, self._stop = queue, stop

    def __call__(self, fraction: float, message: str = "", metrics: Mapping[str, float] | None = None) -> None:
        """Tell how much is done.

        Raises:
            Cancelled: the training was stopped.
        """
        if int(os.environ["RANK"]) == 0:
            self._queue.put((fraction, message, dict(metrics or {})))
            if self._stop.is_set():
                raise Cancelled("The training was stopped.")

    @contextmanager
    def failing(self) -> Iterator[None]:
        """Pass the message of an error on to whoever started the processes."""
        try:
            yield
        except AiyamError as error:
            self._queue.put(str(error))
            raise


def run_together(
    work: Callable[..., None], arguments: tuple[Any, ...], *, n_processes: int, report: Report | Callable[..., None]
) -> None:
    """Call ``work(*arguments, told)`` in each of ``n_processes``, whose place among them stands in the environment.

    Raises:
        Cancelled: ``report`` raised it; the processes end at their next word.
        AiyamError: a process failed; its message is passed on.
    """
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    with multiprocessing.get_context("spawn").Manager() as manager:
        queue, stop = manager.Queue(), manager.Event()
        listener = _Listener(queue, stop, report)
        listener.start()
        launch = LaunchConfig(
            min_nodes=1, max_nodes=1, nproc_per_node=n_processes, run_id=f"aiyam-{uuid.uuid4().hex}", rdzv_backend="c10d",
            rdzv_endpoint="localhost:0", max_restarts=0, start_method="spawn", monitor_interval=0.1,
        )  # fmt: skip
        try:
            elastic_launch(launch, work)(*arguments, Told(queue, stop))
        except Exception as error:
            listener.finish()
            if listener.cancelled is not None:
                raise listener.cancelled from None
            if listener.failure:
                raise AiyamError(f"A training process failed: {listener.failure}") from None
            raise AiyamError(f"A training process failed: {error}.", hint="Train with --processes 1.") from error
        listener.finish()


class _Listener(threading.Thread):
    """Passes the first process's words to ``report``; where that raises ``Cancelled``, tells the processes to stop."""

    def __init__(self, queue: Any, stop: Any, report: Report | Callable[..., None]) -> None:
        super().__init__(name="fit-progress", daemon=True)
        self._queue, self._stop_event, self._report = queue, stop, report
        self.cancelled: Cancelled | None = None
        self.failure = ""

    def run(self) -> None:
        while (item := self._queue.get()) is not None:
            if isinstance(item, str):
                self.failure = self.failure or item
            elif self.cancelled is None:
                try:
                    self._report(*item)
                except Cancelled as stopped:
                    self.cancelled = stopped
                    self._stop_event.set()

    def finish(self) -> None:
        """Wait until everything told so far has been passed on."""
        self._queue.put(None)
        self.join()
