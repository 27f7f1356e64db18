"""The demo: chat and API in one process, the dashboard in another, both on loopback, both stopped together."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx

from aiyam.errors import AiyamError
from aiyam.settings import Settings

READY_TIMEOUT_S = 120.0
DASHBOARD = Path(__file__).resolve().parent / "dashboard" / "home.py"


def free_port(host: str, wanted: int) -> int:
    """Return ``wanted`` if it can be bound, else a free port the system picks."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise AiyamError(f"No free port on {host}.", hint="Close a program that listens, then try again.")


def run_demo(settings: Settings) -> int:
    """Start both servers, print their addresses when they answer, and wait until one ends or Ctrl-C.

    Returns the exit code: 0 after Ctrl-C, 1 when a server ended by itself.
    """
    api_port = free_port(settings.host, settings.api_port)
    dashboard_port = free_port(settings.host, settings.dashboard_port)
    for name, wanted, got in (
        ("chat", settings.api_port, api_port),
        ("dashboard", settings.dashboard_port, dashboard_port),
    ):
        if wanted and wanted != got:
            print(f"Port {wanted} is taken, so the {name} uses {got}.", flush=True)
    logs = settings.home / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    host = settings.host
    started: list[subprocess.Popen[bytes]] = []
    addresses = {
        "chat": f"http://{host}:{api_port}/",
        "API": f"http://{host}:{api_port}/docs",
        "dashboard": f"http://{host}:{dashboard_port}/",
    }
    # Under `make` or a process manager the stop comes as SIGTERM; treat it as Ctrl-C so that no server is left behind.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        serve = ["aiyam.cli", "serve", "--host", host, "--port", str(api_port)]
        options = {"server.address": host, "server.port": dashboard_port, "server.headless": "true"}
        options |= {"browser.gatherUsageStats": "false", "server.fileWatcherType": "none"}
        options |= {"client.toolbarMode": "minimal"}
        flags = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        started.append(_spawn([sys.executable, "-m", *serve], logs / "api.log"))
        started.append(
            _spawn([sys.executable, "-m", "streamlit", "run", str(DASHBOARD), *flags], logs / "dashboard.log")
        )
        print("Starting chat, API and dashboard …", flush=True)
        _wait_until_ready(f"http://{host}:{api_port}/readyz", started[0], logs / "api.log")
        _wait_until_ready(f"http://{host}:{dashboard_port}/_stcore/health", started[1], logs / "dashboard.log")
        print("\naiyam is running (synthetic data unless you imported your own):")
        for name, address in addresses.items():
            print(f"  {name:<10} {address}")
        print("Stop with Ctrl-C.", flush=True)
        while all(process.poll() is None for process in started):
            time.sleep(0.5)
        print(f"A server ended by itself; see {logs}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopping …", flush=True)
        return 0
    finally:
        for process in started:
            _stop(process)


def _interrupt(signum: int, frame: object) -> None:
    # Once only: a second signal while stopping (a terminal and make both send one) must not leave a server behind.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _spawn(command: list[str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as out:
        # A session of its own keeps the terminal's Ctrl-C from reaching the children before we stop them in order.
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-8:]
            raise AiyamError(
                f"A server did not start (exit code {process.returncode}).", hint="\n".join([f"{log}:", *tail])
            )
        try:
            if httpx.get(url, timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    raise AiyamError(f"{url} did not answer within {READY_TIMEOUT_S:.0f} s.", hint=f"See {log}.")


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
