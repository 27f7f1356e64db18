"""A turn as a task: what the annotator sees, masked, with the suggestion on its places, and the two sides of a comparison."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sample_traces import DAY, make_trace

from aiyam.assistant import Assistant
from aiyam.contracts import ChatContext, Entity, Trace, Understanding
from aiyam.curation.comparing import asked_again, with_list
from aiyam.curation.refusals import Refused
from aiyam.curation.tasks import TaskMaker
from aiyam.label_contracts import LabelKind, LabelTask, RewriteLabel, UnderstandingLabel, task_key
from aiyam.reply.child_friendly import ChildFriendly
from aiyam.settings import REPO_ROOT
from aiyam.store import Store
from aiyam.store.conversations import get_trace, record_turn


def task_of(store: Store, turn_id: str, kind: LabelKind = "understanding", **parts: object) -> LabelTask:
    made = TaskMaker(store, kind, **parts).make(turn_id)  # type: ignore[arg-type]
    assert isinstance(made, LabelTask), made
    return made


@pytest.fixture
def rewriter() -> ChildFriendly:
    return ChildFriendly.load(REPO_ROOT / "datasets" / "replies" / "easy_words.json")


def test_an_understanding_task_shows_the_turn_with_its_suggestion(store: Store) -> None:
    trace = make_trace(asked=4)
    record_turn(store, trace)
    task = task_of(store, "t-1")
    assert task.key == task_key("t-1", "understanding") == task.data["aiyam_key"]
    assert task.data == {
        "aiyam_key": task.key, "turn_id": "t-1", "text": trace.user_input, "context": "", "model_version": "v1",
    }  # fmt: skip
    assert task.score == trace.understanding.confidence
    assert isinstance(task.prediction, UnderstandingLabel)
    assert task.prediction.entities == trace.understanding.entities
    assert task.prediction.filters == trace.understanding.filters


@pytest.mark.parametrize("before", ["😋", "👨‍👩‍👧‍👦 ", "🇰🇷", "\u1112\u1161\u11ab\u1100\u1173\u11af ", ""])
def test_spans_stand_on_code_points_whatever_comes_before(store: Store, before: str) -> None:
    text = f"{before}떡볶이 먹자"
    at = len(before)
    entity = Entity(entity="menu", value="떡볶이", text="떡볶이 ", start=at, end=at + 4)
    said = Understanding(original_query=text, intent="FOOD_RECOMMENDATION", confidence=0.5, entities=(entity,))
    record_turn(store, make_trace(user_input=text, understanding=said))
    task = task_of(store, "t-1")
    assert isinstance(task.prediction, UnderstandingLabel)
    (span,) = task.prediction.entities
    assert task.data["text"][span.start : span.end] == span.text == "떡볶이", "blanks at its ends are no part of a span"


def test_what_was_said_before_is_shown_shortened_and_masked(store: Store) -> None:
    for i in range(5):
        text = "내 번호는 010-1234-5678이야" if i == 2 else f"{i}번째 말\n두 줄"
        record_turn(
            store, make_trace(f"t-{i}", user_input=text, response=f"{i}번째 *답*", at=DAY + timedelta(minutes=i))
        )
    lines = task_of(store, "t-4").data["context"].split("\n")
    assert [line.split(":")[0] for line in lines] == ["아이", "봇"] * 3
    assert lines[0] == "아이: 1번째 말 두 줄"
    assert lines[2] == "아이: 내 번호는 [전화번호]이야"


def test_a_secret_left_in_a_stored_turn_is_masked_and_its_spans_fall(store: Store) -> None:
    text = "010-1234-5678로 떡볶이"
    entity = Entity(entity="menu", value="떡볶이", text="떡볶이", start=15, end=18)
    said = Understanding(original_query=text, intent="FOOD_RECOMMENDATION", confidence=0.5, entities=(entity,))
    record_turn(store, make_trace(user_input=text, understanding=said))
    task = task_of(store, "t-1")
    assert "1234" not in task.model_dump_json()
    assert isinstance(task.prediction, UnderstandingLabel)
    assert task.prediction.entities == ()


def test_a_rewrite_task_names_the_facts_that_stand_in_the_answer(store: Store, rewriter: ChildFriendly) -> None:
    answer = (
        "신림동떡볶이에서 국물떡볶이를 5,000원에 팔아요. 걸어서 3분, 오후 9시까지 영업합니다. 참고로 구비하고 있습니다."
    )
    record_turn(store, make_trace(response=answer))
    task = task_of(store, "t-1", "rewrite", rewriter=rewriter)
    assert task.data["facts"] == ["신림동떡볶이", "국물떡볶이", "5,000원", "3분", "오후 9시"]
    assert all(fact in task.data["answer"] for fact in task.data["facts"])
    assert task.data["context"] == "아이: 신림동에서 떡볶이 먹고 싶어"
    assert task.data["age_band"] == "10-12"
    assert isinstance(task.prediction, RewriteLabel)
    assert all(fact in task.prediction.text for fact in task.data["facts"])
    assert task.score == 1.0
    assert task_of(store, "t-1", "rewrite").prediction is None


def test_turns_that_make_no_task_say_why(store: Store) -> None:
    record_turn(store, make_trace("t-empty", user_input=" "))
    adult = make_trace("t-adult")
    record_turn(store, adult.model_copy(update={"plan": adult.plan.model_copy(update={"age_band": "adult"})}))
    record_turn(store, make_trace("t-mute", response=" "))
    found = [
        TaskMaker(store, "understanding").make("t-empty"), TaskMaker(store, "rewrite").make("t-adult"),
        TaskMaker(store, "rewrite").make("t-mute"), TaskMaker(store, "understanding").make("t-nowhere"),
    ]  # fmt: skip
    assert found == [Refused("empty"), Refused("adult"), Refused("empty"), Refused("gone")]


def talk(assistant: Assistant, *messages: str) -> list[Trace]:
    session, traces = None, []
    for message in messages:
        context = ChatContext(now=DAY + timedelta(minutes=len(traces)))
        traces.append(assistant.respond("persona-11-nowon", message, session_id=session, context=context))
        session = traces[-1].session_id
    return traces


def test_todays_pipeline_answers_a_stored_follow_up_as_it_did(assistant: Assistant) -> None:
    for trace in talk(assistant, "분식집 추천해줘", "더 싼 데는?", "두 번째 가게 몇 시까지 해?"):
        today = assistant.pipeline.reply(asked_again(assistant.store, trace))
        assert with_list(today) == with_list(trace)
        maker = TaskMaker(assistant.store, "compare", pipeline=assistant.pipeline)
        assert maker.make(trace.turn_id) == Refused("same_answer")


def test_two_answers_are_shown_without_telling_which_is_which(assistant: Assistant, store: Store) -> None:
    trace = talk(assistant, "치킨 먹고 싶어")[0]
    sides = set()
    for i in range(12):
        old = trace.model_copy(update={"turn_id": f"t-{i}", "session_id": f"s-{i}", "response": "옛날 답이야."})
        record_turn(store, old)
        task = task_of(store, f"t-{i}", "compare", pipeline=assistant.pipeline)
        assert task.sides is not None
        sides.add(task.sides)
        stored = task.data["a"] if task.sides[0] == "stored" else task.data["b"]
        assert stored.startswith("옛날 답이야.")
        assert trace.recommendations[0].name in stored
        assert "stored" not in str(task.data)
        assert task_of(store, f"t-{i}", "compare", pipeline=assistant.pipeline) == task
        assert get_trace(store, f"t-{i}").response == "옛날 답이야."
    assert sides == {("stored", "current"), ("current", "stored")}
