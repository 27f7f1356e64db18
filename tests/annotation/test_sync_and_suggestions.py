"""Keeping in step, the state of labelling, and the suggestions people see: real sockets, real understanding."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from fake_studio import FakeStudio
from labelling_tasks import SUGGESTED, TRICKY, add, clock, understanding_task
from real_studio import RealStudio, answer
from typer.testing import CliRunner

from aiyam.cli import app
from aiyam.nlu.understander import Understander
from aiyam.settings import Settings
from aiyam.store import labels
from aiyam.store.database import Store
from annotation.ml_backend import Suggestions, backend
from annotation.projects import ensure_place
from annotation.pull import pull
from annotation.push import push
from annotation.results import label_of, result_of
from annotation.status import status
from annotation.sync import Round, receiver, sync


@pytest.fixture(scope="session")
def understander(home: Settings) -> Understander:
    from aiyam.parts import load_understander

    store = Store.open(home.url)
    try:
        return load_understander(home, store)
    finally:
        store.close()


def rounds_of(store: Store, fake: FakeStudio, act: Callable[[int], None], n: int) -> list[Round]:
    """Run n rounds; ``act`` happens after each, and then the server calls."""
    called, stopped = threading.Event(), threading.Event()
    done: list[Round] = []
    with receiver(0, called) as hook, fake.connect() as studio:
        for one in sync(store, studio, clock=clock, every_s=600, called=called, stopped=stopped):
            done.append(one)
            if len(done) == n:
                stopped.set()
                continue
            act(len(done))
            assert httpx.post(hook, json={"action": "ANNOTATION_CREATED"}).status_code == 200
    return done


def test_a_call_of_the_server_starts_the_next_round_at_once_and_a_failed_round_is_tried_again(store: Store) -> None:
    fake = FakeStudio()
    add(store, [understanding_task(0)])

    def act(n: int) -> None:
        if n == 1:
            fake.answered(1, result_of(SUGGESTED, TRICKY))
            fake.fault = lambda request: httpx.Response(503)
        else:
            fake.fault = lambda request: None

    first, second, third = rounds_of(store, fake, act, 3)
    assert first.pushed[0].n_sent == 1
    assert first.everything
    assert "503" in second.error
    assert third.pulled[0].n_changed == 1
    assert not third.everything


def test_the_state_counts_every_task_once_and_says_whether_the_server_answers(store: Store) -> None:
    fake = FakeStudio()
    add(store, [understanding_task(n) for n in range(6)])
    with fake.connect() as studio:
        push(store, studio, clock=clock)
        fake.answered(1, result_of(SUGGESTED, TRICKY))
        fake.answered(2, [])
        fake.answered(3, [], was_cancelled=True)
        pull(store, studio, clock=clock)
        labels.set_state(store, [understanding_task(5).key], "withdrawn")
        add(store, [understanding_task(7)], "b-later")
        found = status(store, studio, "http://studio")
        assert found.reachable
        kind = found.kinds[0]
        assert (kind.queued, kind.sent, kind.withdrawn, kind.answered, kind.unusable) == (1, 5, 1, 1, 1)
        assert found.pulled_at is not None
        fake.fault = lambda request: httpx.Response(502)
        assert not status(store, studio, "http://studio").reachable
    assert not status(store, None, "http://studio").reachable


def test_suggestions_are_those_of_the_understanding_and_fit_the_screen(understander: Understander) -> None:
    text = "신림역에서 매운 떡볶이 만원 이하로"
    with backend(Suggestions(lambda: understander), 0) as url, httpx.Client(base_url=url) as asked:
        assert asked.get("/health").json()["status"] == "UP"
        assert asked.post("/setup", json={"access_token": "x"}).json() == {"model_version": understander.version}
        tasks: list[dict[str, Any]] = [{"data": {"text": text}}, {"data": {"text": ""}}, {"data": None}, {}]
        answer = asked.post("/predict", json={"tasks": tasks}).json()
        assert [asked.post(path, content=b"{").status_code for path in ("/predict", "/nothing")] == [400, 400]
        assert asked.get("/nothing").status_code == 404
    first, *others = answer["results"]
    assert [one["result"] for one in others] == [[], [], []]
    understood = understander.understand(text)
    task = understanding_task(0, suggested=None)
    label, problems = label_of(task.model_copy(update={"data": task.data | {"text": text}}), first["result"])
    assert problems == []
    assert (label.intent, label.filters) == (understood.intent, understood.filters)  # type: ignore[union-attr]
    assert first["score"] == pytest.approx(understood.confidence, abs=1e-4)


@pytest.mark.label_studio
def test_people_see_suggestions_of_the_production_understanding_on_new_tasks(
    real_studio: RealStudio, store: Store, understander: Understander
) -> None:
    task = understanding_task(300, suggested=None)
    add(store, [task], "b-300")
    with (
        real_studio.connect() as studio,
        backend(Suggestions(lambda: understander), 0) as url,
        real_studio.annotator("yuna") as yuna,
    ):
        place = ensure_place(store, studio, "understanding")
        connection = studio.connect_backend(place.project_id, url)
        assert studio.connect_backend(place.project_id, url) == connection
        push(store, studio, clock=clock)
        number = labels.sent_to(store, place.server, place.project_id)[task.key]
        seen = yuna.get(f"/api/tasks/{number}/").json()["predictions"]
        studio.disconnect_backend(connection)
        studio.disconnect_backend(connection)
    assert [one["model_version"] for one in seen] == [understander.version]
    label, problems = label_of(task, seen[0]["result"])
    assert problems == []
    assert label is not None


@pytest.mark.label_studio
def test_the_server_calls_when_an_answer_comes_and_sends_no_text(real_studio: RealStudio, store: Store) -> None:
    task = understanding_task(301)
    add(store, [task], "b-301")
    called = threading.Event()
    with real_studio.connect() as studio, receiver(0, called) as hook, real_studio.annotator("hana") as hana:
        place = ensure_place(store, studio, "understanding")
        push(store, studio, clock=clock)
        assert studio.ensure_webhook(place.project_id, hook)
        assert not studio.ensure_webhook(place.project_id, hook)
        answer(hana, labels.sent_to(store, place.server, place.project_id)[task.key], result_of(SUGGESTED, TRICKY))
        assert called.wait(30)


def test_the_commands_say_what_to_do_when_no_server_was_ever_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIYAM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AIYAM_LABEL_STUDIO_URL", "http://127.0.0.1:9")
    shown = CliRunner().invoke(app, ["annotate", "status"])
    assert shown.exit_code == 0
    assert "답하지 않음" in shown.output
    for command in ("push", "pull", "backend"):
        refused = CliRunner().invoke(app, ["annotate", command])
        assert "make label-studio" in str(refused.exception)
