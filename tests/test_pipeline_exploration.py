"""What a turn leaves to chance: a replay gives the same list, every shop's probability is stored, and when none is left."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from aiyam.contracts import KST, ConversationRecord, Exploration, Trace, Turn, TurnContext, UserProfile
from aiyam.parts import load_parts
from aiyam.pipeline import Pipeline
from aiyam.settings import Settings
from aiyam.store import Store
from aiyam.store.conversations import get_trace, record_turn
from aiyam.store.schema import turn as turn_table
from aiyam.store.schema import turn_shop

CONTEXT = TurnContext(now=datetime(2026, 3, 2, 18, 30, tzinfo=KST), district="노원구")


@pytest.fixture(scope="module")
def curious(assistant: Any) -> Pipeline:
    return Pipeline(replace(assistant.pipeline.parts, exploration=1.0))


def ask(pipeline: Pipeline, message: str, session: str = "s-1", **user: Any) -> Trace:
    person = UserProfile(user_id="someone", district="노원구", **user)
    return pipeline.reply(Turn(turn_id="t-1", session_id=session, user=person, message=message, context=CONTEXT))


def shops(trace: Trace) -> list[str]:
    return [card.shop_id for card in trace.recommendations]


def test_a_replayed_turn_shows_the_same_list_and_another_session_may_show_another(curious: Pipeline) -> None:
    first, again = (ask(curious, "저녁 먹을 만한 데 추천해줘") for _ in range(2))
    assert (shops(first), first.exploration) == (shops(again), again.exploration)
    assert len({tuple(shops(ask(curious, "저녁 먹을 만한 데 추천해줘", f"s-{i}"))) for i in range(8)}) > 1


def test_every_shown_shop_carries_its_probabilities(curious: Pipeline) -> None:
    trace = ask(curious, "저녁 먹을 만한 데 추천해줘")
    assert trace.exploration is not None
    assert trace.exploration.temperature == 1.0
    for card in trace.recommendations:
        assert card.propensity is not None
        assert card.shown_propensity is not None
        assert 0 < trace.exploration.list_propensity <= card.propensity <= card.shown_propensity <= 1
    shown = ConversationRecord.of(trace).recommendations_shown
    assert [s.shown_propensity for s in shown] == [c.shown_propensity for c in trace.recommendations]
    assert ConversationRecord.of(trace).exploration == trace.exploration


@pytest.mark.parametrize(
    "message",
    [
        "가까운 순으로 저녁 먹을 데 알려줘",
        "싼 순서로 보여줘",
        "떡볶이 먹고 싶어",
        "내 번호 010-1234-5678인데 저녁 추천해줘",
    ],
)
def test_nothing_is_left_to_chance_where_an_order_one_dish_or_safety_decides(curious: Pipeline, message: str) -> None:
    trace = ask(curious, message)
    assert trace.recommendations
    assert trace.exploration == Exploration()
    assert {card.propensity for card in trace.recommendations} == {1.0}


def test_an_allergy_leaves_nothing_to_chance(curious: Pipeline) -> None:
    assert ask(curious, "저녁 추천해줘", allergies=("땅콩",)).exploration in (Exploration(), None)


def test_the_setting_turns_it_on_and_off(home: Settings) -> None:
    store = Store.open(home.url)
    try:
        assert load_parts(home, store).exploration == 0.0
        assert load_parts(home.model_copy(update={"exploration": 0.3}), store).exploration == 0.3
    finally:
        store.close()
    assert 0 < Settings(_env_file=None).exploration < 0.5


def test_the_store_says_what_was_shown_where_how_likely_and_by_which_ranker(curious: Pipeline, tmp_path: Path) -> None:
    trace, store = ask(curious, "저녁 먹을 만한 데 추천해줘"), Store.open(f"sqlite:///{tmp_path / 'aiyam.db'}")
    record_turn(store, trace)
    with store.reading() as connection:
        stored = connection.execute(select(turn_table)).one()
        rows = connection.execute(select(turn_shop).order_by(turn_shop.c.position)).all()
    assert (stored.ranker, stored.temperature) == (trace.versions.ranker, 1.0)
    assert trace.exploration is not None
    assert stored.list_propensity == trace.exploration.list_propensity
    cards = trace.recommendations
    assert [(r.position, r.shop_id, r.propensity, r.shown_propensity) for r in rows] == [
        (c.rank, c.shop_id, c.propensity, c.shown_propensity) for c in cards
    ]
    assert get_trace(store, "t-1") == trace
    store.close()


def test_a_turn_stored_before_propensities_still_opens_and_is_exported(curious: Pipeline) -> None:
    old = ask(curious, "저녁 먹을 만한 데 추천해줘").model_dump(mode="json")
    del old["exploration"]
    for card in old["recommendations"]:
        del card["propensity"], card["shown_propensity"]
    trace = Trace.model_validate(old)
    assert trace.exploration is None
    assert {s.propensity for s in ConversationRecord.of(trace).recommendations_shown} == {None}


def test_a_turn_without_shops_has_no_propensity(curious: Pipeline, tmp_path: Path) -> None:
    trace, store = ask(curious, "안녕"), Store.open(f"sqlite:///{tmp_path / 'aiyam.db'}")
    record_turn(store, trace)
    with store.reading() as connection:
        stored = connection.execute(select(turn_table)).one()
    assert (trace.exploration, stored.ranker, stored.temperature, stored.list_propensity) == (None, None, None, None)
    store.close()
