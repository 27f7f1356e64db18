"""Results and labels, both ways: code points, texts from offsets, and every fault a named problem instead of a crash."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from labelling_tasks import REWRITTEN, SUGGESTED, TRICKY, clock, compare_task, rewrite_task, understanding_task

from aiyam.contracts import ALLERGENS, CATEGORIES, COMPANIONS, TASTES, EntityType, Filters, Intent
from aiyam.errors import InvalidInput
from aiyam.label_contracts import LABEL_FLAGS, CompareLabel, Label, LabelTask, RewriteLabel, UnderstandingLabel
from annotation.filter_words import chosen, read_filters, written
from annotation.results import annotation_of, label_of, result_of, server_task

FILTERS = st.builds(
    Filters,
    category=st.none() | st.lists(st.sampled_from(CATEGORIES), min_size=1, unique=True).map(tuple),
    exclude_taste=st.none() | st.lists(st.sampled_from(TASTES), min_size=1, unique=True).map(tuple),
    allergies=st.none() | st.lists(st.sampled_from(ALLERGENS), min_size=1, unique=True).map(tuple),
    companion=st.none() | st.sampled_from(COMPANIONS),
    open_now=st.none() | st.just(True),
    near_me=st.none() | st.just(True),
    menus=st.none() | st.just(("떡볶이", "김밥")),
    budget_max=st.none() | st.integers(0, 10**6),
    place=st.none() | st.just("서울대입구역"),
)
SPAN = {"from_name": "entities", "to_name": "text", "type": "labels"}
INTENT = {"from_name": "intent", "to_name": "text", "type": "choices", "value": {"choices": ["GREETING"]}}


def span(start: Any, end: Any, label: str = "menu") -> dict[str, Any]:
    return SPAN | {"value": {"start": start, "end": end, "text": "?", "labels": [label]}}


@pytest.mark.parametrize(
    ("task", "label"),
    [
        (understanding_task(0), SUGGESTED),
        (understanding_task(0), UnderstandingLabel(cannot_tell=True, satisfaction=1, flags=LABEL_FLAGS)),
        (rewrite_task(0), REWRITTEN.model_copy(update={"wrong": ("shaming", "hard_words"), "rating": 2})),
        (compare_task(0), CompareLabel(verdict="b", flags=("exclude",))),
    ],
)
def test_what_is_sent_comes_back(task: LabelTask, label: Label) -> None:
    assert label_of(task, result_of(label, TRICKY)) == (label, [])


@given(FILTERS)
def test_filters_survive_the_screen(filters: Filters) -> None:
    assert read_filters(chosen(filters), written(filters)) == (filters, [])


def test_offsets_are_code_points_and_texts_come_from_them_trimmed() -> None:
    start = TRICKY.index(" 신림역")
    label, problems = label_of(understanding_task(0, suggested=None), [span(start, start + 5, "location"), INTENT])
    assert problems == []
    assert isinstance(label, UnderstandingLabel)
    (found,) = label.entities
    assert (found.text, found.start) == ("신림역에", start + 1)
    assert TRICKY[found.start : found.end] == found.text


@pytest.mark.parametrize(
    ("result", "problem"),
    [
        ([], "비어"),
        (None, "비어"),
        ([span(0, 3), span(2, 5), INTENT], "겹쳐"),
        ([span(0, 3, "dish"), INTENT], "없는 종류"),
        ([span(3, 3), INTENT], "글 밖"),
        ([span(0, 10_000), INTENT], "글 밖"),
        ([span("0", 2), INTENT], "글 밖"),
        ([INTENT | {"value": {"choices": ["HELLO"]}}], "화면에 없는 선택지"),
        ([INTENT | {"value": {"choices": ["GREETING", "HELP"]}}], "둘 이상"),
        ([INTENT, {"from_name": "cannot_tell", "value": {"choices": ["cannot_tell"]}}], "함께"),
        ([{"from_name": "flags", "value": {"choices": ["exclude"]}}], "바라는 것도"),
        ([INTENT, {"from_name": "query", "value": {"text": ["떡볶이"]}}], "없는 질문"),
        ([INTENT, {"from_name": "filters", "value": {"taxonomy": [["colour", "red"]]}}], "없는 조건"),
        ([INTENT, {"from_name": "details", "value": {"text": ["싼 데"]}}], "이름: 값"),
        ([INTENT, {"from_name": "satisfaction", "value": {"rating": 9}}], "맞지 않아요"),
    ],
)
def test_a_faulty_answer_says_what_is_wrong_and_has_no_label(result: Any, problem: str) -> None:
    label, problems = label_of(understanding_task(0), result)
    assert label is None
    assert any(problem in one for one in problems), problems


def test_a_painted_blank_says_nothing() -> None:
    blank = TRICKY.index("  매운")
    label, problems = label_of(understanding_task(0), [span(blank, blank + 2), INTENT])
    assert problems == []
    assert isinstance(label, UnderstandingLabel)
    assert label.entities == ()


def test_a_rewrite_that_lost_a_fact_is_told() -> None:
    lost = RewriteLabel(age_band="10-12", text="할매분식은 열려 있어요. 5분!")
    assert label_of(rewrite_task(0), result_of(lost)) == (None, ["고쳐 쓴 글에 사실 1개가 빠졌어요"])


def test_problems_never_repeat_what_the_child_wrote() -> None:
    _, problems = label_of(understanding_task(0), [span(0, 3), span(2, 5), INTENT | {"value": {"choices": ["떡볶이"]}}])
    assert "떡볶이" not in " ".join(problems)


def test_facts_are_marked_and_markup_in_an_answer_stays_text() -> None:
    task = rewrite_task(0)
    shown = server_task(task)["data"]["answer_shown"]
    assert shown.count("<mark>") == 3
    hostile = task.model_copy(update={"data": task.data | {"answer": "<img src=x> 5분"}})
    assert server_task(hostile)["data"]["answer_shown"] == "&lt;img src=x&gt; <mark>5분</mark>"


def test_a_task_without_what_its_screen_shows_is_not_sent() -> None:
    task = understanding_task(0)
    for data in ({}, task.data | {"aiyam_key": "f" * 32}):
        with pytest.raises(InvalidInput, match=task.key):
            server_task(task.model_copy(update={"data": data}))
    moved = task.model_copy(update={"data": task.data | {"text": "안" + TRICKY}})
    with pytest.raises(InvalidInput, match="code points"):
        server_task(moved)


def raw(**more: Any) -> dict[str, Any]:
    at = clock().isoformat()
    return {"unique_id": "u1", "completed_by": 3, "created_at": at, "updated_at": at, "lead_time": 2.5} | more


def test_whether_a_suggestion_was_taken_as_it_was_is_known() -> None:
    task = understanding_task(0)
    same, other = (
        result_of(SUGGESTED.model_copy(update={"intent": one}), TRICKY) for one in (SUGGESTED.intent, Intent.HELP)
    )
    assert annotation_of(task, raw(result=same, parent_prediction=7)).origin == "prediction"
    assert annotation_of(task, raw(result=other, parent_prediction=7)).origin == "changed"
    assert annotation_of(task, raw(result=[one | {"origin": "manual"} for one in same])).origin == "manual"
    assert (
        annotation_of(understanding_task(0, suggested=None), raw(result=same, parent_prediction=7)).origin == "manual"
    )


def test_a_skipped_answer_has_no_label_and_no_problem() -> None:
    skipped = annotation_of(understanding_task(0), raw(result=[], was_cancelled=True, completed_by={"id": 4}))
    assert (skipped.label, skipped.problems, skipped.cancelled, skipped.annotator) == (None, (), True, "4")
    with pytest.raises(InvalidInput, match="pinned version"):
        annotation_of(understanding_task(0), {"result": []})


def test_a_span_keeps_the_suggested_value_and_another_gets_the_given_one() -> None:
    label, _ = label_of(understanding_task(0), result_of(SUGGESTED, TRICKY), lambda kind, text: f"{kind}:{text}")
    assert isinstance(label, UnderstandingLabel)
    assert label.entities[-1].value == 10000
    menu = TRICKY.index("떡")
    label, _ = label_of(understanding_task(0), [span(menu, menu + 1), INTENT], lambda kind, text: f"{kind}:{text}")
    assert isinstance(label, UnderstandingLabel)
    assert [(e.entity, e.value) for e in label.entities] == [(EntityType.MENU, "menu:떡")]
