"""A small language model that knows three labelled rows by heart, and servers around it; built once for this folder."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tiny_language_model import build, labelled, lessons_of

from aiyam.llm.folder import LocalModel


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("language-model") / "tiny", lessons_of(labelled()), n_steps=90)


@pytest.fixture(scope="session")
def local(tiny: Path) -> LocalModel:
    return LocalModel.load(tiny, device="cpu", offline=True)


@pytest.fixture(scope="session")
def transformers_server(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The server that comes with transformers, with the small model: (base URL, model name)."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = tmp_path_factory.mktemp("serve") / "log"
    command = [str(Path(sys.executable).parent / "transformers"), "serve", str(tiny), "--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]  # fmt: skip
    with log.open("wb") as out:
        server = subprocess.Popen(
            command, stdout=out, stderr=out, env={**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
        )
    try:
        deadline = time.monotonic() + 120
        while True:
            try:
                httpx.get(f"http://127.0.0.1:{port}/health", timeout=2).raise_for_status()
                break
            except httpx.HTTPError:
                assert server.poll() is None, log.read_text("utf-8", "replace")
                assert time.monotonic() < deadline, log.read_text("utf-8", "replace")
                threading.Event().wait(0.2)
        yield f"http://127.0.0.1:{port}/v1", str(tiny)
    finally:
        server.terminate()
        server.wait(30)
