"""Tasks, answers and decisions in the store: nothing twice, nothing half, deleted answers count for nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from aiyam.contracts import KST, Intent
from aiyam.errors import Conflict, NotFound
from aiyam.label_contracts import Annotation, Decision, LabelTask, UnderstandingLabel
from aiyam.store import label_previews, labels
from aiyam.store.database import Store
from aiyam.store.erasure import erase_turns
from aiyam.store.labels import Cursor

NOW = datetime(2026, 3, 2, 18, 30, tzinfo=KST)
LABEL = UnderstandingLabel(intent=Intent.GREETING)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(f"sqlite:///{tmp_path / 'aiyam.db'}")
    yield opened
    opened.close()


def task(n: int, batch: str = "b1") -> LabelTask:
    return LabelTask(
        key=f"{n:032x}", kind="understanding", turn_id=f"t{n}", session_id="s", user_id="u", batch_id=batch,
        screen_version="v", data={"text": "안녕"}, prediction=LABEL, score=0.5,
    )  # fmt: skip


def answer(n: int, *, name: str = "a", at: datetime = NOW, label: UnderstandingLabel | None = LABEL) -> Annotation:
    return Annotation(
        annotation_id=f"{name}{n}", task_key=f"{n:032x}", annotator="1", label=label, created_at=at, updated_at=at
    )


def add(store: Store, batch: str, numbers: range) -> int:
    tasks = [task(n, batch) for n in numbers]
    return labels.add_batch(
        store, batch, "understanding", tasks, recipe={"seed": 1}, counts={"matched": 9}, created_by="me", now=NOW
    )


def cursor(watermark: str | None = "w1") -> Cursor:
    return Cursor("http://ls", 1, "understanding", "v", watermark, NOW)


def test_a_task_is_asked_once_whatever_batch_it_comes_in(store: Store) -> None:
    assert add(store, "b1", range(1200)) == 1200
    assert add(store, "b2", range(1100, 1300)) == 100
    with pytest.raises(Conflict):
        add(store, "b2", range(3))
    assert labels.count_tasks(store) == {("understanding", "queued"): 1300}
    batches = {b.batch_id: b for b in labels.list_batches(store)}
    assert batches["b2"].n_by_state == {"queued": 100}
    assert batches["b1"].recipe == {"seed": 1}


def test_the_queue_is_what_the_server_has_not_got(store: Store) -> None:
    add(store, "b1", range(10))
    labels.mark_sent(store, "http://ls", 1, {f"{n:032x}": 100 + n for n in range(4)}, now=NOW)
    assert [t.turn_id for t in labels.queued(store, "understanding")] == [f"t{n}" for n in range(4, 10)]
    assert labels.sent_to(store, "http://ls", 1) == {f"{n:032x}": 100 + n for n in range(4)}
    assert labels.set_state(store, [f"{1:032x}"], "withdrawn") == 1
    labels.mark_sent(store, "http://ls", 1, {f"{1:032x}": 7}, now=NOW)
    assert labels.keys_there(store, [f"{1:032x}", "f" * 32]) == {f"{1:032x}": "withdrawn"}, (
        "what was taken out stays out"
    )


def test_answers_are_kept_with_how_far_was_read_or_not_at_all(store: Store) -> None:
    add(store, "b1", range(3))
    assert labels.keep_annotations(store, [answer(0), answer(1), answer(77)], cursor()) == 2
    assert labels.keep_annotations(store, [answer(0), answer(1)], cursor("w2")) == 0, "the same again changes nothing"
    changed = answer(0, at=NOW + timedelta(minutes=1), label=UnderstandingLabel(cannot_tell=True))
    assert labels.keep_annotations(store, [changed], cursor("w3")) == 1
    found = labels.get_cursor(store, "http://ls", 1)
    assert found is not None
    assert found.watermark == "w3"
    assert labels.get_labelled(store, f"{0:032x}").annotations == (changed,)


def test_what_was_deleted_there_counts_for_nothing_and_comes_back_if_it_does(store: Store) -> None:
    add(store, "b1", range(3))
    labels.mark_sent(store, "http://ls", 1, {f"{n:032x}": n for n in range(3)}, now=NOW)
    labels.keep_annotations(store, [answer(0), answer(1)], cursor())
    assert labels.annotation_ids_of(store, "http://ls", 1) == {"a0", "a1"}
    assert labels.mark_deleted(store, ["a0"]) == 1
    assert [one.task.turn_id for one in labels.iter_labelled(store, "understanding")] == ["t1"]
    assert labels.count_answered(store) == {"understanding": 1}
    labels.keep_annotations(store, [answer(0)], cursor())
    assert labels.count_answered(store) == {"understanding": 2}


def test_every_answered_task_is_given_once_however_many_there_are(store: Store) -> None:
    add(store, "b1", range(1201))
    labels.keep_annotations(store, [answer(n) for n in range(1201)], cursor())
    found = [one.task.key for one in labels.iter_labelled(store, "understanding")]
    assert len(found) == len(set(found)) == 1201


def test_a_decision_can_be_replaced_and_taken_back(store: Store) -> None:
    add(store, "b1", range(1))
    key = f"{0:032x}"
    for chosen in ("a0", "model"):
        labels.decide(store, Decision(task_key=key, chosen=chosen, label=LABEL, decided_by="me", decided_at=NOW))
    decision = labels.get_labelled(store, key).decision
    assert decision is not None
    assert decision.chosen == "model"
    assert labels.undecide(store, key)
    assert labels.get_labelled(store, key).decision is None
    with pytest.raises(Conflict, match="Expected a task"):
        labels.decide(store, Decision(task_key="f" * 32, chosen="model", decided_by="me", decided_at=NOW))
    with pytest.raises(NotFound):
        labels.get_labelled(store, "f" * 32)


def test_a_batch_is_withdrawn_but_for_what_is_answered_and_its_tasks_come_back_in_another(store: Store) -> None:
    add(store, "b1", range(5))
    labels.mark_sent(store, "http://ls", 1, {f"{0:032x}": 7}, now=NOW)
    labels.keep_annotations(store, [answer(0)], cursor())
    assert labels.withdraw_batch(store, "b1") == (4, 1)
    assert labels.withdraw_batch(store, "b1") == (0, 1)
    assert labels.turns_asked(store, "understanding") == {"t0"}
    assert add(store, "b2", range(5)) == 4
    second, first = labels.get_batch(store, "b2"), labels.get_batch(store, "b1")
    assert first is not None
    assert second is not None
    assert (first.n_by_state, second.n_by_state) == ({"sent": 1}, {"queued": 4})
    assert labels.get_batch(store, "b3") is None
    with pytest.raises(NotFound, match="batch"):
        labels.withdraw_batch(store, "b3")


def test_the_newest_previews_are_kept_as_they_were_shown(store: Store) -> None:
    for n in range(label_previews.N_KEPT + 5):
        label_previews.keep_preview(
            store, f"p{n}", "understanding", [task(n)], recipe={"seed": n}, counts={"tasks": 1},
            now=NOW + timedelta(seconds=n),
        )  # fmt: skip
    found = label_previews.get_preview(store, "p54")
    assert (found.tasks, found.recipe, found.counts) == ((task(54),), {"seed": 54}, {"tasks": 1})
    with pytest.raises(NotFound, match="previews"):
        label_previews.get_preview(store, "p4")
    label_previews.drop_preview(store, "p54")
    with pytest.raises(NotFound):
        label_previews.get_preview(store, "p54")
    erase_turns(store, ["whichever"])
    with pytest.raises(NotFound):
        label_previews.get_preview(store, "p53")
