"""Against the real Label Studio: nothing twice, nothing lost, spans exact, edits and deletions followed."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable

import httpx
import pytest
from labelling_tasks import SUGGESTED, TRICKY, add, clock, compare_task, entity, rewrite_task, understanding_task
from real_studio import RealStudio, answer

from aiyam.contracts import EntityType, Intent
from aiyam.errors import Conflict
from aiyam.label_contracts import CompareLabel, RewriteLabel, UnderstandingLabel
from aiyam.store import labels
from aiyam.store.database import Store
from annotation.client import LabelStudio
from annotation.projects import ensure_place
from annotation.pull import pull
from annotation.push import Patience, push
from annotation.results import result_of
from annotation.server import credentials

pytestmark = [pytest.mark.label_studio, pytest.mark.slow]


class Killing(httpx.HTTPTransport):
    """Kills the server while the first import runs, and again when the second is done but its answer has not arrived."""

    def __init__(self, real: RealStudio) -> None:
        super().__init__()
        self.real = real
        self.n_imports = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if not request.url.path.endswith("/import"):
            return super().handle_request(request)
        self.n_imports += 1
        if self.n_imports == 1:
            timer = threading.Timer(0.3, self.real.kill)
            timer.start()
            try:
                return super().handle_request(request)
            finally:
                timer.join()
        answer = super().handle_request(request)
        if self.n_imports == 2:
            assert answer.status_code == 201
            self.real.kill()
            raise httpx.RemoteProtocolError("the server was killed")
        return answer

    def bring_back(self, _seconds: float) -> None:
        """What the push does while it waits."""
        assert self.real.process is not None
        if self.real.process.poll() is not None:
            self.real.start()


def places(store: Store) -> dict[str, labels.Cursor]:
    return {cursor.kind: cursor for cursor in labels.list_cursors(store)}


def test_a_thousand_tasks_arrive_once_each_though_the_server_is_killed_twice(
    make_studio: Callable[[], RealStudio], store: Store
) -> None:
    real = make_studio()
    tasks = [understanding_task(n) for n in range(1000)]
    add(store, tasks)
    killing = Killing(real)
    with LabelStudio(real.url, credentials(real.home)[1], transport=killing) as studio:
        (pushed, _, _) = push(store, studio, clock=clock, patience=Patience(600, killing.bring_back))
        (place,) = places(store).values()
        there = Counter(task.key for task in studio.list_tasks(place.project_id))
        assert there == Counter(task.key for task in tasks), "each task is there once"
        again = push(store, studio, clock=clock)
    assert (pushed.n_sent, pushed.n_there, pushed.n_retries) == (500, 500, 2)
    assert [one.n_sent for one in again] == [0, 0, 0]
    assert labels.count_tasks(store) == {("understanding", "sent"): 1000}


def test_two_annotators_answers_come_back_and_edits_and_deletions_are_followed(
    real_studio: RealStudio, store: Store
) -> None:
    tasks = [understanding_task(n, n_wanted=2 if n == 0 else 1) for n in range(100, 110)]
    for some in (tasks, [rewrite_task(100)], [compare_task(100)]):
        add(store, some)
    minji, junho = real_studio.annotator("minji"), real_studio.annotator("junho")
    with real_studio.connect() as studio:
        push(store, studio, clock=clock)
        where = places(store)
        ids = {kind: labels.sent_to(store, cursor.server, cursor.project_id) for kind, cursor in where.items()}
        first = ids["understanding"][tasks[0].key]
        prediction = minji.get(f"/api/tasks/{first}/").json()["predictions"][0]
        assert prediction["score"] == tasks[0].score

        mine = answer(minji, first, prediction["result"], parent_prediction=prediction["id"])
        other = SUGGESTED.model_copy(update={"intent": Intent.FOOD_RECOMMENDATION, "satisfaction": 4})
        theirs = answer(junho, first, result_of(other, TRICKY))
        answer(minji, ids["rewrite"][rewrite_task(100).key], result_of(RewriteLabel(age_band="10-12", rating=5)))
        answer(junho, ids["compare"][compare_task(100).key], result_of(CompareLabel(verdict="both_bad")))
        read = {one.kind: one for one in pull(store, studio, clock=clock)}
        assert [read[kind].n_changed for kind in ("understanding", "rewrite", "compare")] == [2, 1, 1]
        found = {one.annotator: one for one in labels.get_labelled(store, tasks[0].key).annotations}
        assert len(found) == 2
        assert {one.origin: one.label for one in found.values()} == {"prediction": SUGGESTED, "manual": other}
        assert [one.n_changed for one in pull(store, studio, clock=clock)] == [0, 0, 0], "nothing new the second time"

        changed = other.model_copy(update={"entities": (entity(TRICKY, EntityType.MENU, "매운 떡볶이"),)})
        junho.patch(f"/api/annotations/{theirs['id']}/", json={"result": result_of(changed, TRICKY)}).raise_for_status()
        minji.delete(f"/api/annotations/{mine['id']}/").raise_for_status()
        answer(minji, ids["understanding"][tasks[1].key], [], was_cancelled=True)
        answer(minji, ids["understanding"][tasks[2].key], [])
        studio.delete_task(ids["understanding"][tasks[3].key])
        read = {one.kind: one for one in pull(store, studio, clock=clock)}
        assert (read["understanding"].n_changed, read["understanding"].n_deleted) == (3, 1)
        assert (read["understanding"].n_gone, read["understanding"].n_with_problems) == (1, 1)
        (left,) = labels.get_labelled(store, tasks[0].key).annotations
        assert left.label == changed
        assert labels.get_labelled(store, tasks[1].key).annotations[0].cancelled
        assert labels.get_labelled(store, tasks[2].key).annotations[0].problems == ("답이 비어 있어요",)
        assert labels.get_labelled(store, tasks[3].key).state == "gone"

        labels.set_state(store, [tasks[4].key], "withdrawn")
        assert [one.n_deleted for one in push(store, studio, clock=clock)] == [1, 0, 0]
        there = {task.key for task in studio.list_tasks(where["understanding"].project_id)}
        assert there == {task.key for task in tasks} - {tasks[3].key, tasks[4].key}
        before = labels.get_labelled(store, tasks[0].key)
        whole = pull(store, studio, clock=clock, everything=True)
        assert [(one.n_changed, one.n_deleted, one.n_gone) for one in whole] == [(0, 0, 0)] * 3
        assert labels.get_labelled(store, tasks[0].key) == before


def test_every_span_over_odd_text_comes_back_as_it_was_sent(real_studio: RealStudio, store: Store) -> None:
    task = understanding_task(200)
    add(store, [task], "b-200")
    with real_studio.connect() as studio:
        push(store, studio, clock=clock)
        cursor = places(store)["understanding"]
        there = labels.sent_to(store, cursor.server, cursor.project_id)[task.key]
        with real_studio.annotator("sora") as sora:
            raw = result_of(SUGGESTED, TRICKY)
            for item in raw:
                if item["type"] == "labels":
                    item["value"] |= {"end": item["value"]["end"] + 1, "text": "뭔가 다른 글"}  # a blank too many
            raw[0]["value"]["end"] -= 1
            answer(sora, there, raw)
        pull(store, studio, clock=clock)
    label = labels.get_labelled(store, task.key).annotations[0].label
    assert isinstance(label, UnderstandingLabel)
    assert [TRICKY[e.start : e.end] for e in label.entities] == [e.text for e in label.entities]
    assert [e.text for e in label.entities] == ["신림역", "매운", "떡볶이", "만원"]


def test_a_project_changed_by_hand_is_refused_by_name_and_nothing_is_sent_or_read(
    make_studio: Callable[[], RealStudio], store: Store
) -> None:
    real = make_studio()
    add(store, [understanding_task(0)])
    with real.connect() as studio:
        place = ensure_place(store, studio, "understanding")
        config = studio.project(place.project_id).label_config
        edited = config.replace('<Choice value="인사" alias="GREETING"', '<Choice value="안녕" alias="HELLO"')
        edited = edited.replace('name="semantic_query"', 'name="query"')
        studio._send("PATCH", f"/api/projects/{place.project_id}", json={"label_config": edited})
        for act in (push, pull):
            with pytest.raises(Conflict, match=r"(?s)'semantic_query' is gone or renamed.*'intent' lost GREETING"):
                act(store, studio, clock=clock)
        assert studio.list_tasks(place.project_id) == []
        assert [task.key for task in labels.queued(store, "understanding")] == [understanding_task(0).key]
        studio._send("PATCH", f"/api/projects/{place.project_id}", json={"label_config": config})
        assert push(store, studio, clock=clock)[0].n_sent == 1
    with LabelStudio(real.url, "0" * 40) as stranger, pytest.raises(Conflict, match="token"):
        stranger.check()
