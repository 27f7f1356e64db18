"""Which label holds: decisions first, agreement next, one annotator's word, else a dispute; nothing read too fast."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from aiyam.contracts import KST, Intent
from aiyam.label_contracts import Annotation, Decision, LabelTask, RewriteLabel, UnderstandingLabel, task_key
from aiyam.label_verdicts import label_that_holds

NOW = datetime(2026, 3, 2, 18, 30, tzinfo=KST)
GREETING = UnderstandingLabel(intent=Intent.GREETING)
THANKS = UnderstandingLabel(intent=Intent.THANKS)
TASK = LabelTask(
    key=task_key("t", "understanding"), kind="understanding", turn_id="t", session_id="s", user_id="u", batch_id="b",
    screen_version="1", data={"text": "안녕하세요 반가워요"},
)  # fmt: skip


def said(label: Any, by: str = "1", minutes: int = 0, **changes: Any) -> Annotation:
    at = NOW + timedelta(minutes=minutes)
    return Annotation(
        annotation_id=f"{by}-{minutes}", task_key=TASK.key, annotator=by, label=label, created_at=at, updated_at=at,
        **changes,
    )  # fmt: skip


def decided(label: Any) -> Decision:
    return Decision(task_key=TASK.key, chosen="a", label=label, decided_by="boss", decided_at=NOW)


def test_of_one_annotator_the_newest_answer_holds() -> None:
    found = label_that_holds(TASK, [said(THANKS, minutes=5), said(GREETING, minutes=1)], None)
    assert (found.label, found.annotators) == (THANKS, ("1",))


def test_annotators_who_agree_but_for_free_text_are_one_label() -> None:
    other = GREETING.model_copy(update={"semantic_query": "인사"})
    found = label_that_holds(TASK, [said(GREETING), said(other, "2", 1)], None)
    assert found.label == other
    assert found.annotators == ("1", "2")


def test_annotators_who_differ_are_in_dispute_until_someone_decides() -> None:
    both = [said(GREETING), said(THANKS, "2")]
    assert label_that_holds(TASK, both, None).why_none == "dispute"
    found = label_that_holds(TASK, both, decided(THANKS))
    assert (found.label, found.decided) == (THANKS, True)
    assert label_that_holds(TASK, both, decided(None)).why_none == "decided_none"


def test_the_order_of_spans_and_flags_is_no_difference() -> None:
    bread = {"entity": "menu", "value": "빵", "text": "빵", "start": 0, "end": 1}
    cake = {"entity": "menu", "value": "떡", "text": "떡", "start": 2, "end": 3}
    one, two = (
        UnderstandingLabel.model_validate({"intent": "REFINE", "entities": spans})
        for spans in ([bread, cake], [cake, bread])
    )
    assert label_that_holds(TASK, [said(one), said(two, "2")], None).label is not None


@pytest.mark.parametrize("flag", ["personal_data", "exclude"])
def test_one_persons_warning_is_enough_to_leave_a_turn_out(flag: str) -> None:
    warned = UnderstandingLabel.model_validate({"intent": "GREETING", "flags": [flag]})
    assert label_that_holds(TASK, [said(GREETING), said(warned, "2")], None).why_none == flag


def test_an_ambiguous_turn_is_left_out_even_when_all_agree() -> None:
    doubtful = GREETING.model_copy(update={"flags": ("ambiguous",)})
    assert label_that_holds(TASK, [said(doubtful)], None).why_none == "ambiguous"


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ([], "no_answer"),
        ([said(None, cancelled=True)], "cancelled"),
        ([said(None, problems=("no intent",))], "unusable"),
        ([said(RewriteLabel(age_band="7-9", text="안녕"))], "unusable"),
        ([said(GREETING, origin="prediction", lead_time_s=0.4)], "too_fast"),
    ],
)
def test_an_answer_that_cannot_be_used_is_named(answers: list[Annotation], why: str) -> None:
    assert label_that_holds(TASK, answers, None).why_none == why


def test_a_suggestion_taken_after_reading_counts_and_one_changed_at_once_too() -> None:
    assert label_that_holds(TASK, [said(GREETING, origin="prediction", lead_time_s=2.0)], None).label == GREETING
    assert label_that_holds(TASK, [said(THANKS, origin="changed", lead_time_s=0.4)], None).label == THANKS
