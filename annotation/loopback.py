"""A small HTTP server on loopback for as long as a block runs; it logs nothing, since what it is sent may hold a token."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class QuietHandler(BaseHTTPRequestHandler):
    """A request handler that writes no line of its own."""

    def log_message(self, format: str, *args: object) -> None:
        """Write nothing."""


@contextmanager
def serving(handler: type[QuietHandler], port: int) -> Iterator[str]:
    """Answer with ``handler`` from threads and give the address; port 0 is any free one."""
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
