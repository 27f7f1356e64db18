"""A running Label Studio of a test's own: killed and started again, with annotators' accounts and their answers."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from aiyam.settings import REPO_ROOT
from annotation.client import LabelStudio
from annotation.server import START_TIMEOUT_S, VERSION, Home, credentials, install, start, stop, wait_until_up


@dataclass
class RealStudio:
    """A running server of a test's own; it may be killed and started again on the same port."""

    home: Home
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def connect(self) -> LabelStudio:
        return LabelStudio(self.url, credentials(self.home)[1])

    def start(self) -> None:
        self.process = start(self.home, self.port)
        with self.connect() as studio:
            wait_until_up(studio, self.process, self.home, START_TIMEOUT_S)

    def kill(self) -> None:
        """End it at once, as ``kill -9`` does, with whatever it started."""
        assert self.process is not None
        family = [psutil.Process(self.process.pid), *psutil.Process(self.process.pid).children(recursive=True)]
        for one in family:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        self.process.wait()
        self.home.pid_file.unlink(missing_ok=True)

    def annotator(self, name: str) -> httpx.Client:
        """Make an account through the invite link and return a connection with its own token."""
        email, password = f"{name}@aiyam.local", f"{name}-password-1"
        with self.connect() as studio:
            link = str(studio._get("/api/invite")["invite_url"])
        browser = httpx.Client(base_url=self.url, timeout=60, follow_redirects=True)
        browser.get(link)
        form = {"email": email, "password": password, "csrfmiddlewaretoken": browser.cookies["csrftoken"]}
        browser.post(link, data=form, headers={"Referer": self.url}).raise_for_status()
        token = str(browser.get("/api/current-user/token").json()["token"])
        browser.close()
        return httpx.Client(base_url=self.url, timeout=60, headers={"Authorization": f"Token {token}"})


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def template() -> Path:
    """Return the folder of a data folder whose first start is done, beside the installation; both are made once."""
    cache = Path(os.environ.get("AIYAM_LABEL_STUDIO_CACHE") or REPO_ROOT / ".aiyam" / "label-studio").resolve()
    install(Home(cache))
    made = cache / f"template-{VERSION}"
    if not (made / "done").exists():
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir(parents=True)
        (made / "venv").symlink_to(cache / "venv")
        first = RealStudio(Home(made), free_port())
        try:
            first.start()
        finally:
            stop(first.home)
        (made / "done").touch()
    return made


def copy_of(made: Path, folder: Path) -> RealStudio:
    """Return a server over a copy of a template, not started yet."""
    shutil.copytree(made / "data", folder / "data")
    shutil.copy(made / "credentials.json", folder / "credentials.json")
    (folder / "venv").symlink_to(made.parent / "venv")
    return RealStudio(Home(folder), free_port())


def answer(annotator: httpx.Client, task_id: int, result: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """Submit an answer as an annotator's browser does."""
    made = annotator.post(f"/api/tasks/{task_id}/annotations/", json={"result": result, "lead_time": 4.5, **more})
    made.raise_for_status()
    return dict(made.json())
