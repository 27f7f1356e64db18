"""Running the server: load, listen, say where it is once it answers, stop cleanly on Ctrl-C."""

from __future__ import annotations

import os
import socket
import sys
from functools import partial

import uvicorn

from aiyam.assistant import Assistant
from aiyam.errors import AiyamError
from aiyam.settings import Settings
from apps.api.app import create_app

GRACE_S = 5
"""Open event streams get this long to end after Ctrl-C."""


def serve(settings: Settings) -> None:
    """Serve API and chat until interrupted. Models load before the address is printed.

    Raises:
        AiyamError: the port is taken.
        NotReady: nothing has been generated or trained yet; the message names the command.
    """
    check_port(settings.host, settings.api_port)
    assistant = Assistant.load(settings)
    app = create_app(assistant, settings, admin_token=os.environ.get("AIYAM_ADMIN_TOKEN") or None)
    config = uvicorn.Config(
        app, host=settings.host, port=settings.api_port, log_level="warning", timeout_graceful_shutdown=GRACE_S
    )
    server = AnnouncingServer(config, announce=partial(_announce, settings))
    try:
        server.run()
    except KeyboardInterrupt:
        pass
    finally:
        assistant.close()


def check_port(host: str, port: int) -> None:
    """Find out that a port is taken before the models are loaded, not after.

    Raises:
        AiyamError: it cannot be listened on.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise AiyamError(f"Cannot listen on {host}:{port}: {error.strerror}.", hint="Try another --port.") from None


class AnnouncingServer(uvicorn.Server):
    """A uvicorn server that calls ``announce(port)`` once it accepts connections."""

    def __init__(self, config: uvicorn.Config, announce: partial[None]) -> None:
        super().__init__(config)
        self._announce_port = announce

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        """Start listening, then announce the port (which the system chose when it was 0)."""
        await super().startup(sockets)  # type: ignore[arg-type]
        if self.started:
            self._announce_port(self.servers[0].sockets[0].getsockname()[1])


def _announce(settings: Settings, port: int) -> None:
    address = f"http://{settings.host}:{port}"
    words = "챗봇" if settings.language == "ko" else "chat"
    print(f"{words}: {address}/\nAPI:  {address}/docs", flush=True)
    sys.stdout.flush()
