"""Label Studio on loopback: installed once into a folder of its own, started, given its project, stopped by its own pid.

``python -m annotation.server`` runs it until Ctrl-C; ``python -m annotation.server --stop`` stops one left running.
It has its own virtual environment, since it pins older versions of packages the product uses.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from aiyam.errors import AiyamError, Conflict, NotReady
from aiyam.settings import Settings
from annotation.client import LabelStudio
from annotation.schemas import screens

VERSION = "1.23.2"
USER = "admin@aiyam.local"
DEFAULT_PORT = 8081
START_TIMEOUT_S = 600.0
"""The first start makes the database: about a minute of processor time, more on a busy machine."""
_KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "TMPDIR", "TZ", "SYSTEMROOT")


@dataclass(frozen=True)
class Home:
    """The folder of one installation: environment, data, credentials, log, pid."""

    folder: Path

    @property
    def program(self) -> Path:
        """The server's executable."""
        return self.folder / "venv" / "bin" / "label-studio"

    @property
    def credentials(self) -> Path:
        """Password and token, readable by their owner alone."""
        return self.folder / "credentials.json"

    @property
    def log(self) -> Path:
        """What the server prints."""
        return self.folder / "server.log"

    @property
    def pid_file(self) -> Path:
        """Process id and start time of the running server."""
        return self.folder / "server.json"


def install(home: Home) -> None:
    """Install the pinned version, once.

    Raises:
        NotReady: the installation failed; pip's words are in ``install.log``.
    """
    marker = home.folder / "venv" / f".label-studio-{VERSION}"
    if marker.exists() and home.program.exists():
        return
    home.folder.mkdir(parents=True, exist_ok=True)
    log = home.folder / "install.log"
    steps = (
        [sys.executable, "-m", "venv", str(home.folder / "venv")],
        [str(home.folder / "venv" / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check", f"label-studio=={VERSION}"],
    )  # fmt: skip
    with log.open("w", encoding="utf-8") as handle:
        for step in steps:
            if subprocess.run(step, stdout=handle, stderr=subprocess.STDOUT, check=False).returncode != 0:
                raise NotReady(f"Expected to install label-studio {VERSION}, but pip failed.", hint=f"See {log}.")
    marker.touch()


def credentials(home: Home) -> tuple[str, str]:
    """Return (password, token); made on the first call and kept in a file of mode 0600."""
    if not home.credentials.exists():
        home.folder.mkdir(parents=True, exist_ok=True)
        made = {"user": USER, "password": secrets.token_urlsafe(18), "token": secrets.token_hex(20)}
        handle = os.open(home.credentials, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(made, file, indent=1)
    known = json.loads(home.credentials.read_text(encoding="utf-8"))
    return known["password"], known["token"]


def environment(home: Home, password: str, token: str) -> dict[str, str]:
    """The server's whole environment: nothing is sent anywhere, and no variable of ours leaks in by its name."""
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    return kept | {
        "HOME": str(home.folder),
        "LABEL_STUDIO_BASE_DATA_DIR": str(home.folder / "data"),
        "LABEL_STUDIO_USERNAME": USER,
        "LABEL_STUDIO_PASSWORD": password,
        "LABEL_STUDIO_USER_TOKEN": token,
        "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
        "LABEL_STUDIO_DEBUG": "false",
        "LABEL_STUDIO_COLLECT_ANALYTICS": "false",
        "LABEL_STUDIO_LATEST_VERSION_CHECK": "false",
        "LABEL_STUDIO_SENTRY_DSN": "",
        "LABEL_STUDIO_FRONTEND_SENTRY_DSN": "",
        "LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK": "true",
        # Loopback webhooks and prediction servers are ours.
        "LABEL_STUDIO_SSRF_PROTECTION_ENABLED": "false",
        "LABEL_STUDIO_ML_BLOCK_LOCAL_IP": "false",
        # Without it the server takes predictions with labels the screen does not have.
        "fflag_feat_utc_210_prediction_validation_15082025": "true",
    }


def start(home: Home, port: int) -> subprocess.Popen[bytes]:
    """Start the server and return its process, without waiting for it.

    Raises:
        Conflict: the port is taken (the server itself would move to the next one without a word).
    """
    password, token = credentials(home)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise Conflict(
                f"Expected port {port} to be free, but something listens there.",
                hint="Stop it (python -m annotation.server --stop) or choose another --port.",
            ) from None
    (home.folder / "data").mkdir(parents=True, exist_ok=True)
    with home.log.open("ab") as log:
        process = subprocess.Popen(
            [str(home.program), "start", "--no-browser", "--internal-host", "127.0.0.1", "--port", str(port)],
            stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=home.folder,
            env=environment(home, password, token), start_new_session=True,
        )  # fmt: skip
    import psutil

    began = psutil.Process(process.pid).create_time()
    home.pid_file.write_text(json.dumps({"pid": process.pid, "began": began, "port": port}), encoding="utf-8")
    return process


def wait_until_up(studio: LabelStudio, process: subprocess.Popen[bytes], home: Home, timeout_s: float) -> None:
    """Wait for /health. NotReady when the process ends or the time is over; the log says why."""
    deadline = time.monotonic() + timeout_s
    while not studio.is_healthy():
        if process.poll() is not None:
            raise NotReady(f"Label Studio ended with {process.returncode} while starting.", hint=f"See {home.log}.")
        if time.monotonic() > deadline:
            raise NotReady(f"Label Studio did not answer within {timeout_s:.0f} s.", hint=f"See {home.log}.")
        time.sleep(0.5)


def stop(home: Home, timeout_s: float = 20.0) -> bool:
    """Stop the server this folder's pid file names; False when none runs. A reused pid is left alone."""
    import psutil

    try:
        known = json.loads(home.pid_file.read_text(encoding="utf-8"))
        process = psutil.Process(known["pid"])
        if abs(process.create_time() - known["began"]) > 1:
            raise psutil.NoSuchProcess(known["pid"])
    except (OSError, ValueError, KeyError, psutil.NoSuchProcess):
        home.pid_file.unlink(missing_ok=True)
        return False
    family = [process, *process.children(recursive=True)]
    process.terminate()
    _, alive = psutil.wait_procs(family, timeout=timeout_s)
    for one in alive:
        one.kill()
    home.pid_file.unlink(missing_ok=True)
    return True


def run(home: Home, port: int) -> int:
    """Install, start, make the projects, print where it is, and wait until Ctrl-C or SIGTERM."""
    print(f"Label Studio {VERSION}: 준비하고 있어요 (처음에는 몇 분 걸려요) …", flush=True)
    install(home)
    stop(home)
    _, token = credentials(home)
    signal.signal(signal.SIGTERM, _interrupt)
    process = start(home, port)
    url = f"http://127.0.0.1:{port}"
    try:
        with LabelStudio(url, token) as studio:
            wait_until_up(studio, process, home, START_TIMEOUT_S)
            made = [(screen, *studio.ensure_project(screen)) for screen in screens()]
        print(f"주소: {url}\n사용자: {USER}\n비밀번호와 토큰: {home.credentials}", flush=True)
        for screen, project, new in made:
            print(f"프로젝트: {url}/projects/{project} {screen.project_title} ({'새로 만듦' if new else '있던 것'})")
        print("끝내려면 Ctrl-C", flush=True)
        return process.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        stop(home)


def _interrupt(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt


def connect(settings: Settings) -> LabelStudio:
    """Return a connection with the token of the settings, or else the one made for this home's own server.

    Raises:
        NotReady: there is no token, since no server was started from this home.
    """
    token = settings.label_studio_token.get_secret_value()
    home = Home((settings.home / "label-studio").resolve())
    if not token and not home.credentials.exists():
        raise NotReady(
            f"Expected a token of Label Studio, found none in {home.credentials}.",
            hint="Start the server once (make label-studio), or set AIYAM_LABEL_STUDIO_TOKEN.",
        )
    return LabelStudio(settings.label_studio_url, token or credentials(home)[1])


def main() -> None:
    """Run or stop the server; an expected error prints what to do and exits with 2."""
    parser = argparse.ArgumentParser(description="Label Studio on loopback for aiyam.")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT)
    parser.add_argument("--stop", action="store_true", help="stop the server that runs from this home")
    options = parser.parse_args()
    home = Home((Settings().home / "label-studio").resolve())
    try:
        if options.stop:
            print("멈췄어요." if stop(home) else "돌고 있는 서버가 없어요.")
            return
        raise SystemExit(run(home, options.port))
    except AiyamError as error:
        print(f"aiyam: {error}", file=sys.stderr)
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
