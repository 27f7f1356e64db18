"""A real server over the shared assistant, on a free port of loopback, for API and browser tests."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import uvicorn

from aiyam.assistant import Assistant
from aiyam.settings import Settings
from apps.api.app import create_app


@contextmanager
def running(app: Any) -> Iterator[str]:
    """Serve an app from a thread and yield its address once it answers."""
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", timeout_graceful_shutdown=2)
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        wait_until(lambda: server.started, "the server to listen")
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(timeout=15)


def wait_until(true: Callable[[], bool], what: str, *, within_s: float = 20.0) -> None:
    """Poll until something holds; fail saying what did not happen."""
    deadline = time.monotonic() + within_s
    while not true():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {within_s:.0f} s for {what}")
        time.sleep(0.02)


@pytest.fixture(scope="session")
def serve_app() -> Callable[[Any], Any]:
    """The context manager that serves an app."""
    return running


@pytest.fixture(scope="session")
def until() -> Callable[..., None]:
    """The polling wait."""
    return wait_until


@pytest.fixture(scope="session")
def site(assistant: Assistant, home: Settings) -> Iterator[str]:
    """Address of a server with API and chat."""
    with running(create_app(assistant, home)) as address:
        wait_until(lambda: httpx.get(f"{address}/readyz").status_code == 200, "the server to be ready")
        yield address


@pytest.fixture
def client(site: str) -> Iterator[httpx.Client]:
    """An HTTP client of that server."""
    with httpx.Client(base_url=site, timeout=20) as made:
        yield made
