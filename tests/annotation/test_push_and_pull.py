"""Push and pull against a server that fails in every known way: nothing twice, nothing lost, one line that says why."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import httpx
import pytest
from fake_studio import SECRET, FakeStudio
from labelling_tasks import REWRITTEN, SUGGESTED, TRICKY, add, clock, rewrite_task, understanding_task

from aiyam.errors import AiyamError, Conflict
from aiyam.label_contracts import UnderstandingLabel
from aiyam.store import labels
from aiyam.store.database import Store
from annotation import pull as pulling
from annotation.client import Unanswered
from annotation.pull import pull
from annotation.push import Patience, push
from annotation.results import result_of


@pytest.fixture
def fake() -> FakeStudio:
    return FakeStudio()


def patient(total_s: float = 60.0) -> tuple[Patience, list[float]]:
    waited: list[float] = []
    return Patience(total_s, waited.append), waited


def is_import(request: httpx.Request) -> bool:
    return request.url.path.endswith("/import")


def test_a_second_push_sends_nothing(fake: FakeStudio, store: Store) -> None:
    add(store, [understanding_task(n) for n in range(1201)])
    with fake.connect() as studio:
        assert push(store, studio, clock=clock)[0].n_sent == 1201
        assert push(store, studio, clock=clock)[0].n_sent == 0
    assert fake.imports == [500, 500, 201]
    assert len({task["data"]["aiyam_key"] for task in fake.tasks.values()}) == len(fake.tasks) == 1201


def test_after_a_lost_answer_what_arrived_is_looked_up_and_not_sent_again(fake: FakeStudio, store: Store) -> None:
    add(store, [understanding_task(n) for n in range(700)])
    lost = iter(["drop", None, "drop"])
    fake.fault = lambda request: next(lost, None) if is_import(request) else None
    waiting, waited = patient()
    with fake.connect() as studio:
        (pushed, _, _) = push(store, studio, clock=clock, patience=waiting)
    assert fake.imports == [500, 200]
    assert (pushed.n_sent, pushed.n_there, len(fake.tasks)) == (200, 500, 700)
    assert waited == [0.5]
    assert labels.count_tasks(store) == {("understanding", "sent"): 700}


def test_while_the_server_is_down_tasks_wait_longer_and_longer_and_stay_in_the_outbox(
    fake: FakeStudio, store: Store
) -> None:
    add(store, [understanding_task(0)])
    fake.fault = lambda request: httpx.Response(502, text="<html>아이가 쓴 말")
    waiting, waited = patient(20)
    with fake.connect() as studio, pytest.raises(Unanswered, match="HTTP 502") as raised:
        push(store, studio, clock=clock, patience=waiting)
    assert "아이가" not in str(raised.value)
    assert waited == [0.5, 1, 2, 4, 8, 4.5]
    assert [task.key for task in labels.queued(store, "understanding")] == [understanding_task(0).key]
    fake.fault = lambda request: None
    with fake.connect() as studio:
        assert push(store, studio, clock=clock)[0].n_sent == 1


def test_a_refused_batch_is_told_without_its_text_and_leaves_the_outbox_as_it_was(
    fake: FakeStudio, store: Store
) -> None:
    add(store, [understanding_task(n) for n in range(3)])
    fake.fault = lambda request: httpx.Response(400, json={"detail": TRICKY}) if is_import(request) else None
    with fake.connect() as studio, pytest.raises(AiyamError, match="HTTP 400") as raised:
        push(store, studio, clock=clock)
    assert "신림역" not in str(raised.value)
    assert len(labels.queued(store, "understanding")) == 3


def test_a_task_that_cannot_be_shown_is_named_and_the_others_are_sent(fake: FakeStudio, store: Store) -> None:
    broken = understanding_task(1)
    broken = broken.model_copy(update={"data": {"aiyam_key": broken.key}})
    add(store, [understanding_task(0), broken, understanding_task(2)])
    with fake.connect() as studio:
        (pushed, _, _) = push(store, studio, clock=clock)
    assert pushed.n_sent == 2
    assert list(pushed.refused) == [broken.key]


def test_a_task_wanted_from_two_is_served_to_two(fake: FakeStudio, store: Store) -> None:
    add(store, [understanding_task(0, n_wanted=2), understanding_task(1)])
    with fake.connect() as studio:
        push(store, studio, clock=clock)
    assert sorted(task.get("overlap", 1) for task in fake.tasks.values()) == [1, 2]


def test_a_withdrawn_task_is_deleted_there_and_another_that_bears_its_number_now_is_not(
    fake: FakeStudio, store: Store
) -> None:
    add(store, [understanding_task(n) for n in range(3)])
    with fake.connect() as studio:
        push(store, studio, clock=clock)
        by_key = {task["data"]["aiyam_key"]: number for number, task in fake.tasks.items()}
        gone, kept = understanding_task(0).key, understanding_task(1).key
        labels.set_state(store, [gone], "withdrawn")
        fake.tasks[by_key[gone]] = fake.tasks.pop(by_key[kept])  # its id was used again
        (pushed, _, _) = push(store, studio, clock=clock)
    assert pushed.n_deleted == 0
    assert {task["data"]["aiyam_key"] for task in fake.tasks.values()} == {kept, understanding_task(2).key}


def test_a_pull_that_dies_between_batches_loses_nothing_and_repeats_nothing(
    fake: FakeStudio, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulling, "_BATCH", 3)
    add(store, [understanding_task(n) for n in range(10)])
    with fake.connect() as studio:
        push(store, studio, clock=clock)
        for number in list(fake.tasks):
            fake.answered(number, result_of(SUGGESTED, TRICKY))
        kept = labels.keep_annotations
        calls = []

        def dying(*given: object) -> int:
            calls.append(given)
            if len(calls) == 3:
                raise KeyboardInterrupt
            return kept(*given)  # type: ignore[arg-type]

        monkeypatch.setattr(labels, "keep_annotations", dying)
        with pytest.raises(KeyboardInterrupt):
            pull(store, studio, clock=clock)
        assert labels.count_answered(store) == {"understanding": 6}
        monkeypatch.setattr(labels, "keep_annotations", kept)
        assert pull(store, studio, clock=clock)[0].n_changed == 4
    assert labels.count_answered(store) == {"understanding": 10}


def test_edits_deletions_and_vanished_tasks_are_followed(fake: FakeStudio, store: Store) -> None:
    add(store, [understanding_task(n) for n in range(4)])
    with fake.connect() as studio:
        push(store, studio, clock=clock)
        first, second, third, _ = list(fake.tasks)
        edited, _ = (fake.answered(number, result_of(SUGGESTED, TRICKY)) for number in (first, second))
        fake.answered(third, result_of(SUGGESTED, TRICKY))
        assert pull(store, studio, clock=clock)[0].n_changed == 3
        cannot = UnderstandingLabel(cannot_tell=True)
        edited |= {"result": result_of(cannot), "updated_at": fake.now()}
        fake.tasks[first]["updated_at"] = fake.now()
        fake.tasks[second] |= {"annotations": [], "updated_at": fake.now()}
        del fake.tasks[third]
        (pulled, _, _) = pull(store, studio, clock=clock)
    assert (pulled.n_changed, pulled.n_deleted, pulled.n_gone) == (1, 2, 1)
    assert [one.annotations[0].label for one in labels.iter_labelled(store, "understanding")] == [cannot]


def test_answers_stay_when_the_whole_project_or_its_data_folder_vanishes(fake: FakeStudio, store: Store) -> None:
    add(store, [understanding_task(0)])
    with fake.connect() as studio:
        push(store, studio, clock=clock)
        fake.answered(1, result_of(SUGGESTED, TRICKY))
        pull(store, studio, clock=clock)
        fake.projects[0]["created_at"] = "2027-01-01T00:00:00Z"
        (pulled, _, _) = pull(store, studio, clock=clock)
    assert (pulled.n_gone, pulled.n_deleted) == (1, 0)
    assert labels.count_answered(store) == {"understanding": 1}


def test_a_project_of_an_older_screen_is_read_on_until_somebody_changes_it(fake: FakeStudio, store: Store) -> None:
    add(store, [rewrite_task(0)])
    with fake.connect() as studio:
        push(store, studio, clock=clock)
        cursor = labels.list_cursors(store)[0]
        old = fake.projects[0]["label_config"].replace("어려운 말", "말이 어려움")

        fake.projects[0] |= {"label_config": old, "title": "고쳐 쓰기 · old"}
        labels.put_cursor(store, replace(cursor, screen_version=hashlib.sha256(old.strip().encode()).hexdigest()[:8]))
        fake.answered(1, result_of(REWRITTEN))
        assert pull(store, studio, clock=clock)[1].n_changed == 1
        fake.projects[0]["label_config"] = old.replace("말이 어려움", "?")
        with pytest.raises(Conflict, match="changed by hand"):
            pull(store, studio, clock=clock)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (httpx.Response(401, json={"detail": SECRET}), "token"),
        (httpx.Response(200, text="<html>Grafana</html>"), "another product"),
        (httpx.Response(404, text="not found"), "another product"),
        (httpx.Response(200, json={"version": "3.1"}), "another product"),
    ],
)
def test_a_wrong_token_or_another_product_is_named_with_what_to_do(
    fake: FakeStudio, answer: httpx.Response, words: str
) -> None:
    fake.fault = lambda request: answer if answer.status_code != 401 or request.url.path != "/api/version" else None
    with fake.connect() as studio, pytest.raises(Conflict, match=words) as raised:
        studio.check()
    assert SECRET not in str(raised.value)
    assert "\n" not in str(raised.value)
    assert raised.value.hint
