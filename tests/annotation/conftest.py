"""The real Label Studio: installed once into a cache, started from a copy of a data folder that was made once."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from aiyam.settings import REPO_ROOT
from aiyam.store.database import Store
from annotation.client import LabelStudio
from annotation.server import START_TIMEOUT_S, USER, VERSION, Home, credentials, install, start, stop, wait_until_up


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


@pytest.fixture(scope="session")
def studio_template() -> Path:
    """Folder with the installation and, beside it, a data folder whose first start is done."""
    cache = Path(os.environ.get("AIYAM_LABEL_STUDIO_CACHE") or REPO_ROOT / ".aiyam" / "label-studio").resolve()
    install(Home(cache))
    template = cache / f"template-{VERSION}"
    if not (template / "done").exists():
        shutil.rmtree(template, ignore_errors=True)
        template.mkdir(parents=True)
        (template / "venv").symlink_to(cache / "venv")
        first = RealStudio(Home(template), free_port())
        try:
            first.start()
        finally:
            stop(first.home)
        (template / "done").touch()
    return template


@pytest.fixture(scope="session")
def make_studio(studio_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], RealStudio]]:
    """Start servers from copies of the template; they are stopped by pid at the end."""
    started: list[RealStudio] = []

    def make() -> RealStudio:
        folder = tmp_path_factory.mktemp("studio")
        shutil.copytree(studio_template / "data", folder / "data")
        shutil.copy(studio_template / "credentials.json", folder / "credentials.json")
        (folder / "venv").symlink_to(studio_template.parent / "venv")
        studio = RealStudio(Home(folder), free_port())
        started.append(studio)
        studio.start()
        return studio

    yield make
    for one in started:
        stop(one.home)


@pytest.fixture(scope="session")
def real_studio(make_studio: Callable[[], RealStudio]) -> RealStudio:
    """One running server for the tests that leave it running."""
    return make_studio()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(f"sqlite:///{tmp_path / 'aiyam.db'}")
    yield opened
    opened.close()


def account() -> str:
    return USER


def answer(
    annotator: httpx.Client, task_id: int, result: list[dict[str, Any]], **more: Any
) -> dict[str, Any]:
    """Submit an answer as an annotator's browser does."""
    made = annotator.post(f"/api/tasks/{task_id}/annotations/", json={"result": result, "lead_time": 4.5, **more})
    made.raise_for_status()
    return dict(made.json())
