"""The one assistant of a process: loaded in the background, swapped when production changes, refused politely until ready."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import anyio

from aiyam.assistant import Assistant
from aiyam.contracts import Trace, Versions
from aiyam.errors import AiyamError, NotReady

if TYPE_CHECKING:
    from apps.api.metrics import Metrics

log = logging.getLogger("aiyam.api")

AssistantSource = Assistant | Callable[[], Assistant]
"""An assistant, or what makes one (called once, outside the event loop)."""


class Serving:
    """Holds the assistant for the API and the chat. Safe to use from several threads."""

    def __init__(self, source: AssistantSource, metrics: Metrics) -> None:
        self.metrics = metrics
        self._source = source
        self._assistant: Assistant | None = source if isinstance(source, Assistant) else None
        self._failure: AiyamError | None = None
        self._loading = threading.Lock()

    @property
    def ready(self) -> bool:
        """Whether turns can be answered."""
        return self._assistant is not None

    def assistant(self) -> Assistant:
        """Return the assistant.

        Raises:
            NotReady: it is still loading, or loading failed (the message says why).
        """
        if self._assistant is not None:
            return self._assistant
        if self._failure is not None:
            raise NotReady(f"The models could not be loaded: {self._failure.message}", hint=self._failure.hint)
        raise NotReady("The models are still loading.", hint="Ask again in a few seconds.")

    def load(self) -> None:
        """Make the assistant if there is none yet; a failure is kept for ``assistant()`` to tell."""
        with self._loading:
            if self._assistant is not None:
                return
            try:
                self._assistant = self._source if isinstance(self._source, Assistant) else self._source()
                self._failure = None
            except AiyamError as error:
                # Tried again at every look, told once.
                if self._failure is None or self._failure.message != error.message:
                    log.error("loading failed: %s", error)
                self._failure = error
            except Exception:
                log.exception("loading failed")
                self._failure = AiyamError("an unexpected error.", hint="See the server's log.")
        self.metrics.ready.set(1 if self.ready else 0)

    def reload(self) -> Versions:
        """Load what production names now and swap it in; turns under way end on the old models.

        Raises:
            NotReady: nothing was loaded yet.
            ModelError: a version is damaged; the old models go on serving.
        """
        try:
            versions = self.assistant().reload()
        except Exception:
            self.metrics.reloads.labels("failed").inc()
            raise
        self.metrics.reloads.labels("done").inc()
        log.info("reloaded: %s", versions.model_dump())
        return versions

    def observe(self, trace: Trace) -> None:
        """Count a finished turn."""
        self.metrics.observe_turn(trace)

    async def watch(self, every_s: float) -> None:
        """Load, then look every ``every_s`` seconds whether production changed, and reload when it did; runs until cancelled."""
        await anyio.to_thread.run_sync(self.load, abandon_on_cancel=True)
        while True:
            await anyio.sleep(every_s)
            try:
                await anyio.to_thread.run_sync(self._follow_production)
            except Exception as error:
                # A damaged version or a locked store must not end the watch: the old models serve, the next look retries.
                log.warning("could not follow production: %s", error)

    def _follow_production(self) -> None:
        if self._assistant is None:
            self.load()
        elif self._assistant.changed():
            self.reload()
