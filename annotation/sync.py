"""Push and pull over and over: at once when the server calls us, every so often otherwise; a full comparison each day."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from aiyam.errors import AiyamError
from aiyam.store.database import Store
from annotation.client import LabelStudio
from annotation.loopback import QuietHandler, serving
from annotation.projects import places_of
from annotation.pull import Pulled, pull
from annotation.push import Patience, Pushed, push

RECONCILE_EVERY = timedelta(days=1)


@dataclass(frozen=True)
class Round:
    """One round: what was pushed and pulled, or the one line that says why not."""

    at: datetime
    pushed: tuple[Pushed, ...] = ()
    pulled: tuple[Pulled, ...] = ()
    everything: bool = False
    error: str = ""


def sync(
    store: Store,
    studio: LabelStudio,
    *,
    clock: Callable[[], datetime],
    every_s: float,
    called: threading.Event,
    stopped: threading.Event,
    hook_url: str = "",
) -> Iterator[Round]:
    """Give a round after each push and pull, until told to stop; a round that fails is told, and tried again next time.

    Args:
        store: the outbox, and where answers go.
        studio: the server.
        clock: the time now.
        every_s: seconds between rounds when nobody calls.
        called: set by the webhook's receiver; starts the next round at once.
        stopped: ends it.
        hook_url: where the server calls us; empty to look without being called.
    """
    compared: datetime | None = None
    while not stopped.is_set():
        called.clear()
        now = clock()
        everything = compared is None or now - compared >= RECONCILE_EVERY
        try:
            pushed = push(store, studio, clock=clock, patience=Patience(0))
            if hook_url:
                for place in places_of(store, studio)[0]:
                    studio.ensure_webhook(place.project_id, hook_url)
            pulled = pull(store, studio, clock=clock, everything=everything)
            if everything:
                compared = now
            yield Round(now, tuple(pushed), tuple(pulled), everything)
        except AiyamError as error:
            yield Round(now, everything=everything, error=str(error))
        if not stopped.is_set():
            called.wait(every_s)


@contextmanager
def receiver(port: int, called: threading.Event) -> Iterator[str]:
    """Listen on loopback for the server's calls and give the address; a call is answered at once and only sets the event."""

    class Hook(QuietHandler):
        def do_POST(self) -> None:
            self.rfile.read(min(int(self.headers.get("Content-Length") or 0), 1 << 20))
            called.set()
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

    with serving(Hook, port) as url:
        yield f"{url}/label-studio"
