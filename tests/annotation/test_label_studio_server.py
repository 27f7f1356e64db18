"""Label Studio's server and client around it: credentials, environment, port, pid, project, redacted errors."""

from __future__ import annotations

import json
import socket
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from aiyam.errors import AiyamError, Conflict, NotReady
from annotation.client import LabelStudio
from annotation.schemas import understanding
from annotation.server import Home, credentials, environment, start, stop, wait_until_up

SECRET = "tok" + "e" * 37


class FakeStudio:
    """Projects in memory behind the two routes the client uses, two a page."""

    def __init__(self) -> None:
        self.projects: list[dict[str, Any]] = [{"id": i, "title": f"다른 프로젝트 {i}"} for i in range(1, 4)]
        self.posts = 0
        self.patches = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == f"Token {SECRET}"
        if request.url.path == "/health":
            return httpx.Response(200, json={"status": "UP"})
        if request.url.path == "/api/projects" and request.method == "POST":
            self.posts += 1
            project = {**json.loads(request.content), "id": len(self.projects) + 1}
            self.projects.append(project)
            return httpx.Response(201, json=project)
        if request.url.path == "/api/projects":
            page = int(request.url.params["page"])
            shown = self.projects[(page - 1) * 2 : page * 2]
            return httpx.Response(
                200, json={"results": shown, "next": "more" if page * 2 < len(self.projects) else None}
            )
        if request.url.path.startswith("/api/projects/"):
            project = self.projects[int(request.url.path.rsplit("/", 1)[1]) - 1]
            if request.method == "PATCH":
                self.patches += 1
                project.update(json.loads(request.content))
            return httpx.Response(200, json=project)
        return httpx.Response(404, json={})


def studio(answer: Any) -> LabelStudio:
    return LabelStudio("http://studio", SECRET, transport=httpx.MockTransport(answer))


def test_the_project_is_made_once_however_often_it_is_asked_for() -> None:
    fake = FakeStudio()
    with studio(fake) as connection:
        first, made = connection.ensure_project(understanding())
        again, made_again = connection.ensure_project(understanding())
    assert (first, made, made_again) == (again, True, False)
    assert (fake.posts, fake.patches) == (1, 0)
    assert fake.projects[-1]["label_config"] == understanding().xml


def test_a_new_guide_is_shown_in_the_same_project() -> None:
    fake = FakeStudio()
    screen = understanding()
    with studio(fake) as connection:
        first, _ = connection.ensure_project(screen)
        changed = replace(screen, guide=screen.guide + "<p>하나 더</p>")
        assert connection.ensure_project(changed) == (first, False)
        assert connection.ensure_project(changed) == (first, False)
    assert (fake.posts, fake.patches) == (1, 1)
    assert fake.projects[-1]["expert_instruction"].endswith("<p>하나 더</p>")


def test_a_write_whose_answer_is_lost_is_not_sent_twice() -> None:
    posts = 0

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal posts
        if request.method == "POST":
            posts += 1
            raise httpx.ReadTimeout("lost")
        return httpx.Response(200, json={"results": [], "next": None})

    with pytest.raises(NotReady), studio(answer) as connection:
        connection.ensure_project(understanding())
    assert posts == 1


@pytest.mark.parametrize(("status", "error"), [(401, Conflict), (403, Conflict), (500, NotReady), (502, NotReady), (404, AiyamError), (400, AiyamError)])  # fmt: skip
def test_errors_say_what_to_do_and_carry_neither_token_nor_answer(status: int, error: type[AiyamError]) -> None:
    with (
        pytest.raises(error) as raised,
        studio(lambda _: httpx.Response(status, json={"text": "아이가 쓴 말"})) as connection,
    ):
        connection.projects()
    assert SECRET not in str(raised.value)
    assert "아이가 쓴 말" not in str(raised.value)
    assert str(status) in str(raised.value)


def test_a_page_that_is_not_json_is_an_error() -> None:
    with pytest.raises(AiyamError), studio(lambda _: httpx.Response(200, text="<html>")) as connection:
        connection.projects()


def test_credentials_are_made_once_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    home = Home(tmp_path)
    password, token = credentials(home)
    assert credentials(home) == (password, token)
    assert len(token) == 40
    assert stat.S_IMODE(home.credentials.stat().st_mode) == 0o600


def test_the_server_gets_no_variable_that_it_would_misread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOST", "PORT", "DEBUG", "USERNAME", "SECRET_KEY", "AIYAM_DATABASE_URL", "DATABASE_URL"):
        monkeypatch.setenv(name, "leaks")
    given = environment(Home(tmp_path), "password", SECRET)
    assert "leaks" not in given.values()
    assert given["LABEL_STUDIO_COLLECT_ANALYTICS"] == "false"
    assert given["LABEL_STUDIO_SENTRY_DSN"] == ""
    assert given["LABEL_STUDIO_BASE_DATA_DIR"].startswith(str(tmp_path))


def test_a_taken_port_is_refused_instead_of_another_one_being_used(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(Conflict, match="port"):
            start(Home(tmp_path), taken.getsockname()[1])


def test_a_server_that_ends_while_starting_is_reported_with_its_log(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"])
    process.wait()
    with (
        pytest.raises(NotReady, match=r"ended with 3.*server\.log"),
        studio(lambda _: httpx.Response(503)) as connection,
    ):
        wait_until_up(connection, process, Home(tmp_path), 5)


def test_stopping_ends_the_process_of_the_pid_file_and_only_that(tmp_path: Path) -> None:
    home = Home(tmp_path)
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        began = psutil.Process(process.pid).create_time()
        home.pid_file.write_text(json.dumps({"pid": process.pid, "began": began - 100, "port": 1}))
        assert not stop(home)  # the number belongs to another process by now
        assert process.poll() is None
        home.pid_file.write_text(json.dumps({"pid": process.pid, "began": began, "port": 1}))
        assert stop(home)
        assert not psutil.pid_exists(process.pid)
        assert not home.pid_file.exists()
        assert not stop(home)
    finally:
        if process.poll() is None:
            process.kill()


def test_the_pid_file_of_a_broken_write_is_no_obstacle(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.pid_file.write_text("{")
    assert not stop(home)
