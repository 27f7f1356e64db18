"""From a recipe to a batch: what is drawn, what is passed over, that exactly the preview is sent, and undo."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from sample_traces import DAY, make_trace
from sqlalchemy import delete, update

from aiyam.curation.batches import make_batch, undo_batch
from aiyam.curation.previews import Preview, make_preview
from aiyam.curation.recipes import Recipe, make_recipe
from aiyam.curation.views import BUILT_IN, narrowed
from aiyam.errors import Conflict, InvalidInput, NotFound, NotReady
from aiyam.label_contracts import Annotation, UnderstandingLabel
from aiyam.nlu.near_duplicates import HeldOut
from aiyam.store import Store, labels
from aiyam.store.conversations import record_turn
from aiyam.store.schema import turn
from aiyam.store.turn_views import TurnConditions


def preview(store: Store, **given: Any) -> Preview:
    return make_preview(store, make_recipe(**{"size": 20, "seed": 5, **given}), now=DAY)


def ids(found: Preview) -> list[str]:
    return [task.turn_id for task in found.tasks]


def test_the_same_seed_draws_the_same_tasks_and_another_others(filled: Store) -> None:
    assert preview(filled) == preview(filled)
    assert preview(filled).preview_id != preview(filled, seed=6).preview_id
    assert set(ids(preview(filled))) != set(ids(preview(filled, seed=6)))


def test_a_mix_takes_its_shares_and_counts_what_it_passed_over(filled: Store) -> None:
    found = preview(filled, thumbs_down=0.2, low_confidence=0.2, balanced=0.2, random=0.4)
    assert {name: n for name, n in found.counts.items() if name.startswith("taken_")} == {
        "taken_random": 8, "taken_thumbs_down": 4, "taken_low_confidence": 4, "taken_balanced": 4,
    }  # fmt: skip
    assert found.counts["matched"] == 60
    assert found.counts["safety_left_out"] == 2
    assert len(set(ids(found))) == found.counts["tasks"] == 20
    assert found.counts["double"] == sum(task.n_wanted == 2 for task in found.tasks) == 2


def test_bad_ratings_are_drawn_reason_by_reason(filled: Store) -> None:
    found = preview(filled, size=10, thumbs_down=0.4, low_confidence=0, balanced=0, random=0.1)
    assert found.counts["taken_thumbs_down"] == 4
    only = preview(filled, size=10, thumbs_down=0.9, low_confidence=0, balanced=0, random=0.1, reasons=["너무 멀어요"])
    assert only.counts["taken_thumbs_down"] <= 4
    assert only.counts["tasks"] == 10
    assert only.counts["filled"] >= 5, "what a part cannot give is drawn blindly"


def test_intents_come_in_turn(filled: Store) -> None:
    found = preview(filled, size=20, thumbs_down=0, low_confidence=0, balanced=0.9, random=0.1)
    at = ids(found)[found.counts["taken_random"] :]
    rows = {task.turn_id: task.prediction for task in found.tasks}
    intents = Counter(label.intent for turn_id in at if isinstance(label := rows[turn_id], UnderstandingLabel))
    assert intents["LOCATION_INQUIRY"] >= 6, "one in five turns, and nearly half of those drawn in turn"


def test_one_in_ten_is_drawn_blindly_however_the_shares_are_set() -> None:
    for size in (1, 7, 10, 99, 1000):
        quotas = Recipe(size=size, thumbs_down=0.45, low_confidence=0.45, balanced=0, random=0.1).quotas()
        assert quotas["random"] >= 0.1 * size
        assert sum(quotas.values()) == size


def test_the_same_words_and_nearly_the_same_are_asked_once(filled: Store) -> None:
    said = (
        "떡볶이 근처에서 먹을 데 알려줘!!",
        *(f"오늘 저녁 동생이랑 먹을 따뜻한 국물 있는 집 알려줘{end}" for end in ("", "요")),
    )
    for i, text in enumerate(said):
        record_turn(filled, make_trace(f"t-again-{i}", session_id="s-again", user_id="u-again", user_input=text))
    found = preview(filled, size=100)
    texts = [task.data["text"] for task in found.tasks]
    for i, text in enumerate(texts):
        assert HeldOut(texts[:i]).find(text) is None, text
    assert found.counts["same_text"] >= 5
    assert found.counts["nearly_same"] == 1
    assert found.counts["tasks"] + found.counts["same_text"] + found.counts["nearly_same"] == 63 - 2
    assert preview(filled, size=100, most_alike=1.0).counts["tasks"] > found.counts["tasks"]


def test_escalated_turns_are_asked_about_on_request_alone(filled: Store) -> None:
    hurt = {"t-hurt", "t-hurt-2"}
    assert not hurt & set(ids(preview(filled, size=100)))
    assert hurt <= set(ids(preview(filled, size=100, with_safety=True)))
    none = preview(filled, conditions=narrowed(BUILT_IN["safety"], search="무서워"))
    assert none.tasks == ()
    assert none.counts["safety_left_out"] == 1


def test_everything_is_exactly_what_the_conditions_show(filled: Store) -> None:
    found = preview(filled, take="everything", conditions=TurnConditions(search="먹"))
    shown = {f"t-{i:02d}" for i in (*range(10), *range(30, 40), *range(50, 55))}
    assert set(ids(found)) == shown
    made = make_batch(filled, found.preview_id, created_by="me", now=DAY)
    assert made.n_tasks == len(shown)
    assert {task.turn_id for task in labels.queued(filled, "understanding")} == shown


def test_what_is_sent_is_what_was_shown_and_is_sent_once(filled: Store) -> None:
    found = preview(filled)
    record_turn(filled, make_trace("t-new", session_id="s-new", user_id="u-new", user_input="나중에 온 말"))
    made = make_batch(filled, found.preview_id, created_by="me", now=DAY)
    sent = {task.key: task for task in labels.queued(filled, "understanding")}
    assert sent == {task.key: task.model_copy(update={"batch_id": made.batch_id}) for task in found.tasks}
    assert made.n_matched_since == 1
    with pytest.raises(Conflict, match=f"sent already, as batch {made.batch_id}"):
        make_batch(filled, found.preview_id, created_by="me", now=DAY)
    (batch,) = labels.list_batches(filled)
    assert batch.n_by_state == {"queued": 20}
    assert make_recipe(**batch.recipe) == found.recipe


def test_turns_asked_about_are_not_drawn_again_for_that_kind(filled: Store) -> None:
    first = preview(filled, size=30)
    make_batch(filled, first.preview_id, created_by="me", now=DAY)
    second = preview(filled, size=30)
    assert not set(ids(first)) & set(ids(second))
    assert second.counts["already_asked"] == 30
    assert preview(filled, kind="rewrite").counts["already_asked"] == 0


def test_what_changed_since_the_preview_is_told_and_left_out(filled: Store) -> None:
    one, other = preview(filled, seed=1, size=15), preview(filled, seed=2, size=15)
    make_batch(filled, one.preview_id, created_by="me", now=DAY)
    both = set(ids(one)) & set(ids(other))
    assert both
    erased = next(turn_id for turn_id in ids(other) if turn_id not in both and turn_id != "t-01")
    with filled.writing() as connection:
        connection.exec_driver_sql("DELETE FROM feedback")
        connection.exec_driver_sql("DELETE FROM turn_shop")
        connection.execute(delete(turn).where(turn.c.turn_id == erased))
    made = make_batch(filled, other.preview_id, created_by="me", now=DAY)
    assert (made.n_gone, made.n_asked_since, made.n_tasks) == (1, len(both), 15 - 1 - len(both))
    assert labels.count_tasks(filled) == {("understanding", "queued"): 30 - 1 - len(both)}


def test_an_undone_batch_can_be_drawn_and_sent_again(filled: Store) -> None:
    found = preview(filled)
    made = make_batch(filled, found.preview_id, created_by="me", now=DAY)
    assert undo_batch(filled, made.batch_id).n_withdrawn == 20
    assert labels.count_tasks(filled) == {("understanding", "withdrawn"): 20}
    with pytest.raises(Conflict, match="taken back already"):
        undo_batch(filled, made.batch_id)
    again = preview(filled)
    assert again == found
    resent = make_batch(filled, again.preview_id, created_by="me", now=DAY)
    assert resent.batch_id != made.batch_id
    assert labels.count_tasks(filled) == {("understanding", "queued"): 20}


def test_undo_leaves_what_somebody_answered(filled: Store) -> None:
    made = make_batch(filled, preview(filled).preview_id, created_by="me", now=DAY)
    first = labels.queued(filled, "understanding")[0]
    labels.mark_sent(filled, "http://ls", 1, {first.key: 1}, now=DAY)
    answer = Annotation(
        annotation_id="a", task_key=first.key, annotator="1", label=UnderstandingLabel(cannot_tell=True), created_at=DAY,
        updated_at=DAY,
    )  # fmt: skip
    labels.keep_annotations(filled, [answer], labels.Cursor("http://ls", 1, "understanding", "1"))
    undone = undo_batch(filled, made.batch_id)
    assert (undone.n_withdrawn, undone.n_answered) == (19, 1)
    with pytest.raises(Conflict, match="answered"):
        undo_batch(filled, made.batch_id)


def test_a_damaged_trace_is_counted_and_the_rest_is_drawn(filled: Store) -> None:
    with filled.writing() as connection:
        connection.execute(update(turn).where(turn.c.turn_id == "t-07").values(trace="{}"))
    found = preview(filled, size=100)
    assert found.counts["damaged"] == 1
    assert "t-07" not in ids(found)
    assert found.counts["tasks"] > 40


def test_nothing_to_ask_makes_nothing(filled: Store) -> None:
    found = preview(filled, conditions=TurnConditions(search="없는말"))
    assert (found.tasks, found.counts["matched"]) == ((), 0)
    with pytest.raises(NotFound, match="previews"):
        make_batch(filled, found.preview_id, created_by="me", now=DAY)
    with pytest.raises(NotFound, match="batch"):
        undo_batch(filled, "b-none")
    with pytest.raises(InvalidInput, match="who"):
        make_batch(filled, preview(filled).preview_id, created_by=" ", now=DAY)
    assert labels.list_batches(filled) == []


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"size": 0}, "size"), ({"size": 5001}, "size"), ({"thumbs_down": 0.9}, "shares of at most 1"), ({"random": 0.05}, "random"),
        ({"kind": "poem"}, "kind"), ({"double": 2}, "double"), ({"seed": -1}, "seed"), ({"colour": "red"}, "colour"),
    ],
)  # fmt: skip
def test_a_recipe_that_cannot_be_is_refused_by_name(wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidInput, match=named):
        make_recipe(**wrong)


def test_a_comparison_needs_a_pipeline(filled: Store) -> None:
    with pytest.raises(NotReady, match="pipeline"):
        preview(filled, kind="compare")
