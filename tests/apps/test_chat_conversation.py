"""The conversation behind the screen: patches, stopping, refusals, feedback, with the real assistant."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import datetime
from html import escape
from typing import Any

import pytest

from aiyam.assistant import Assistant
from aiyam.catalogue.personas import Persona, load_personas
from aiyam.contracts import KST
from aiyam.errors import CHILD_MESSAGE_KO, InvalidInput, NotReady
from aiyam.store.conversations import count_turns, feedback_of, get_trace, list_turns
from aiyam.store.escalations import list_escalations
from apps.chat.conversation import Conversation
from apps.chat.demo_world import TIMES, context_of, place_choices


@pytest.fixture
def conversation(assistant: Assistant) -> Conversation:
    return Conversation(lambda: assistant)


def asking(text: str, **more: Any) -> dict[str, Any]:
    new = uuid.uuid4().hex
    return {"ask": f"a-{new}", "text": text, "session": f"s-{new}", "user": "chat-test", **more}


def patches(conversation: Conversation, payload: Any) -> list[dict[str, Any]]:
    return [json.loads(patch) for patch in conversation.run(payload)]


def test_the_last_patch_holds_the_whole_stored_answer(conversation: Conversation, assistant: Assistant) -> None:
    got = patches(conversation, asking("급식카드 되는 치킨집 추천해줘"))
    assert [patch["state"] for patch in got[:-1]] == ["working"] * (len(got) - 1)
    last = got[-1]
    assert last["state"] == "done"
    trace = get_trace(assistant.store, last["turn_id"])
    assert trace.response == last["text"]
    for shop in trace.recommendations:
        assert escape(shop.name) in last["html"]
    assert trace.turn_id in last["html"]


def test_the_answer_map_numbers_the_shops_of_the_cards(conversation: Conversation, assistant: Assistant) -> None:
    last = patches(conversation, asking("만원으로 먹을 수 있는 떡볶이", place="신림역"))[-1]
    trace = get_trace(assistant.store, last["turn_id"])
    placed = [shop.rank for shop in trace.recommendations if shop.lat is not None]
    assert placed
    for rank in placed:
        assert f'data-rank="{rank}"' in last["html"]
    assert "내 위치" in last["html"]


def test_a_chosen_time_shapes_the_answer_and_the_turn_is_kept_at_the_time_it_came(assistant: Assistant) -> None:
    came = datetime(2026, 3, 2, 22, 48, tzinfo=KST)
    late = Assistant(assistant.pipeline, assistant.store, clock=lambda: came)
    last = patches(Conversation(lambda: late), asking("급식카드 되는 치킨집 추천해줘", time="dinner"))[-1]
    trace = get_trace(assistant.store, last["turn_id"])
    assert trace.timestamp == came
    assert trace.chosen_time == trace.answered_for == came.replace(hour=18, minute=30)
    assert "2026-03-02 22:48 · 답할 때 쓴 시각은 골라 둔 2026-03-02 18:30" in last["html"]
    row = next(row for row in list_turns(assistant.store, limit=500) if row.turn_id == trace.turn_id)
    assert row.created_at == came
    assert any(shop.open_state == "open" for shop in trace.recommendations)

    cry = patches(Conversation(lambda: late), asking("죽고 싶어", time="dinner"))[-1]
    assert {one.turn_id: one.at for one in list_escalations(assistant.store)}[cry["turn_id"]] == came

    plain = patches(Conversation(lambda: late), asking("안녕"))[-1]
    assert get_trace(assistant.store, plain["turn_id"]).chosen_time is None


def test_a_conversation_is_shown_again_to_its_own_person_only(conversation: Conversation, assistant: Assistant) -> None:
    first = asking("급식카드 되는 치킨집 추천해줘")
    shown = [
        patches(conversation, first)[-1],
        patches(conversation, {**first, "ask": "a-2", "text": "더 싼 데는?"})[-1],
    ]
    trace = get_trace(assistant.store, shown[0]["turn_id"])
    liked = {"turn_id": trace.turn_id, "user_id": "chat-test", "feedback_type": "favorited"}
    assert conversation.feedback({**liked, "shop_id": trace.recommendations[0].shop_id})["ok"]
    again = conversation.revisit({"session": first["session"], "user": "chat-test"})
    assert [turn["turn_id"] for turn in again] == [patch["turn_id"] for patch in shown]
    assert [turn["html"] for turn in again] == [patch["html"] for patch in shown]
    assert [turn["message"] for turn in again] == ["급식카드 되는 치킨집 추천해줘", "더 싼 데는?"]
    assert again[0]["acts"] == [{"kind": "favorited", "shop": trace.recommendations[0].shop_id, "score": None}]
    assert conversation.revisit({"session": first["session"], "user": "someone-else"}) == []
    for payload in (None, {}, {"session": "<b>", "user": "u"}):
        assert conversation.revisit(payload) == []


def test_a_cry_for_help_is_not_followed_by_a_request_for_stars(conversation: Conversation) -> None:
    last = patches(conversation, asking("죽고 싶어"))[-1]
    assert "109" in last["text"]
    assert "ny-feedback" not in last["html"]
    assert "ny-panel" in last["html"]


def test_stopping_ends_the_turn_and_stores_nothing(assistant: Assistant) -> None:
    conversation = Conversation(lambda: assistant)
    user = f"stopper-{uuid.uuid4().hex[:6]}"
    payload = asking("떡볶이 먹고 싶어", user=user)
    running = conversation.run(payload)
    assert json.loads(next(running))["state"] == "working"
    assert conversation.stop(payload["ask"])
    assert [json.loads(patch)["state"] for patch in running] == ["stopped"]
    assert count_turns(assistant.store, user_id=user) == 0
    assert not conversation.stop(payload["ask"]), "a finished turn leaves no flag behind"


def test_a_message_the_assistant_refuses_gets_a_kind_sentence(conversation: Conversation) -> None:
    for text in ("   ", "가" * 1001):
        got = patches(conversation, asking(text))
        assert [patch["state"] for patch in got] == ["failed"]
        assert CHILD_MESSAGE_KO[InvalidInput] in got[0]["html"]


def test_a_page_opened_before_the_models_are_loaded_is_told_to_wait() -> None:
    def not_yet() -> Assistant:
        raise NotReady("still loading")

    conversation = Conversation(not_yet)
    assert conversation.page_facts()["ready"] is False
    assert CHILD_MESSAGE_KO[NotReady] in patches(conversation, asking("안녕"))[0]["html"]


def test_an_unexpected_error_shows_no_trace_of_itself() -> None:
    def broken() -> Assistant:
        raise RuntimeError("secret detail")

    got = patches(Conversation(broken), asking("안녕"))
    assert [patch["state"] for patch in got] == ["failed"]
    assert "secret" not in got[0]["html"]


@pytest.mark.parametrize("payload", [None, [], "x", {}, {"ask": "<b>"}, {"ask": "a", "text": 5}])
def test_a_payload_no_page_of_ours_sends_does_nothing(conversation: Conversation, payload: Any) -> None:
    assert patches(conversation, payload) == []
    assert conversation.feedback(payload) == {"ok": False}


def test_feedback_is_confirmed_only_once_it_is_stored(conversation: Conversation, assistant: Assistant) -> None:
    last = patches(conversation, asking("급식카드 되는 치킨집 추천해줘"))[-1]
    turn = get_trace(assistant.store, last["turn_id"])
    record = {"turn_id": turn.turn_id, "user_id": "chat-test", "feedback_type": "favorited"}
    assert conversation.feedback({**record, "shop_id": "not-shown"}) == {"ok": False}
    assert feedback_of(assistant.store, turn.turn_id) == []
    assert conversation.feedback({**record, "shop_id": turn.recommendations[0].shop_id}) == {"ok": True}
    assert [stored.shop_id for stored in feedback_of(assistant.store, turn.turn_id)] == [
        turn.recommendations[0].shop_id
    ]


def test_the_shipped_personas_are_people_the_store_knows(assistant: Assistant) -> None:
    known = [assistant.profile(persona.profile.user_id) for persona in load_personas() if persona.has_history]
    assert {profile.age_band for profile in known} == {"7-9", "10-12", "13-15", "16-18", "adult"}
    assert all(profile.district for profile in known)


@pytest.mark.parametrize("persona", load_personas(), ids=lambda persona: persona.profile.user_id)
def test_every_persona_gets_an_answer(conversation: Conversation, persona: Persona) -> None:
    last = patches(conversation, asking("저녁 뭐 먹을까?", user=persona.profile.user_id))[-1]
    assert last["state"] == "done"


def test_a_picked_place_and_time_reach_the_turn(assistant: Assistant) -> None:
    districts, stations = place_choices()
    assert len(districts) == 25
    for name in (*districts, *stations):
        context = context_of(name, "now", assistant.clock)
        assert context.lat is not None, name
        assert context.now is None
    for key, at in TIMES.items():
        given = context_of("", key, assistant.clock).now
        assert (given.timetz().replace(tzinfo=None) if given else None) == at


def test_each_finished_turn_is_observed_once(assistant: Assistant) -> None:
    seen: list[str] = []
    observe: Callable[[Any], None] = lambda trace: seen.append(trace.turn_id)  # noqa: E731
    last = patches(Conversation(lambda: assistant, observe), asking("안녕"))[-1]
    assert seen == [last["turn_id"]]
