"""What the tests of curation share: a store and the home it lies in, and a few days' turns."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from labelled_world import Build
from sample_traces import DAY, make_feedback, make_trace

from aiyam.contracts import ReplyPlan, SafetyVerdict, Understanding
from aiyam.curation.building import Built, build_version
from aiyam.label_contracts import DatasetName
from aiyam.settings import Settings
from aiyam.store import Store
from aiyam.store.conversations import record_feedback, record_turn

FOODS = ("떡볶이", "마라탕", "칼국수", "초밥", "돈까스", "김밥", "피자", "냉면", "국밥", "라면")
WISHES = (
    "근처에서 먹을 데 알려줘",
    "싸게 파는 가게 있어?",
    "포장해 갈 수 있는 집",
    "동생이랑 같이 먹기 좋은 데",
    "지금 문 연 곳 어디야",
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of an empty home, without what ships."""
    (tmp_path / "datasets").mkdir()
    return Settings(home=tmp_path / "home", models_dir=tmp_path / "models", datasets_dir=tmp_path / "datasets")


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    """The home's store."""
    settings.home.mkdir()
    opened = Store.open(settings.url)
    yield opened
    opened.close()


@pytest.fixture
def build(store: Store, settings: Settings) -> Build:
    """Builds a version of the home's data at a fixed time."""

    def built(name: DatasetName, **changes: Any) -> Built:
        given = {"datasets_dir": settings.datasets_dir, "now": DAY, "seed": 1, **changes}
        return build_version(store, settings.home, name, **given)

    return built


@pytest.fixture
def filled(store: Store) -> Store:
    """Sixty turns: fifty of different words, five times the same, two escalated, one refused, one without shops, one replaced.

    Every tenth is hardly understood; seven got a thumb down, three of them for being far.
    """
    said = [f"{food} {wish}" for wish in WISHES for food in FOODS] + ["뭐 먹지"] * 5
    for i, text in enumerate(said):
        understanding = Understanding(
            original_query=text,
            intent="LOCATION_INQUIRY" if i % 5 == 0 else "FOOD_RECOMMENDATION",
            confidence=0.4 + i / 1000 if i % 10 == 3 else 0.95,
        )
        trace = make_trace(f"t-{i:02d}", session_id=f"s-{i // 3}", user_id=f"u-{i // 3}", at=DAY + timedelta(hours=i),
                           user_input=text, understanding=understanding, response=f"{text}! 이런 곳은 어때?")  # fmt: skip
        record_turn(store, trace)
        if i % 8 == 1:
            thumb = make_feedback(trace, "thumb", score=1)
            record_feedback(store, thumb.model_copy(update={"reason": "너무 멀어요" if i % 16 == 1 else None}))
    special = (
        ("t-hurt", "집에 가기 무서워", {"safety": SafetyVerdict(action="escalate", kinds=("abuse",))}),
        ("t-hurt-2", "아무도 밥을 안 줘", {"safety": SafetyVerdict(action="escalate", kinds=("hunger",))}),
        ("t-beer", "맥주 파는 데", {"safety": SafetyVerdict(action="refuse", kinds=("alcohol",))}),
        ("t-none", "우주 음식 파는 곳", {"plan": ReplyPlan(kind="no_result", age_band="10-12"), "recommendations": ()}),
        ("t-slow", "천천히 나온 답", {"fallback": "timeout"}),
    )
    for i, (turn_id, text, changes) in enumerate(special):
        understanding = Understanding(original_query=text, intent="SMALL_TALK", confidence=0.9)
        record_turn(store, make_trace(turn_id, session_id=f"s-{turn_id}", user_id=f"u-{turn_id}", at=DAY - timedelta(hours=i),
                                      user_input=text, understanding=understanding, **changes))  # fmt: skip
    return store
