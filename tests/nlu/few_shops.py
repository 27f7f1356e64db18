"""Five shops in two districts, and short ways to say something to the dialogue about them; shared by this folder's tests."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiyam.contracts import (
    CATEGORIES,
    KST,
    DialogueState,
    Entity,
    EntityType,
    Filters,
    Intent,
    TurnContext,
    Understanding,
    UserProfile,
)
from aiyam.nlu.dialogue import next_state, resolve
from aiyam.nlu.request import Request

NAMES = ["신림할매분식", "엄마손김밥 신림점", "엄마손김밥 강남점", "용문각", "바삭통닭"]


class FewShops:
    """The few columns of a catalogue that a dialogue reads."""

    def __init__(self) -> None:
        self.names = NAMES
        self.brand_names = ["엄마손김밥"]
        self.category = np.array([CATEGORIES.index(c) for c in ("분식", "분식", "분식", "중식", "치킨")], dtype=np.int8)
        self.shop_ids = [f"s{i}" for i in range(len(NAMES))]
        self.row_of = {shop_id: i for i, shop_id in enumerate(self.shop_ids)}
        self.min_meal_price = np.array([5000, 4000, 4500, 7000, np.nan], dtype=np.float32)
        self.district = np.array([0, 0, 1, 1, 0], dtype=np.int16)
        self.district_names = ["관악구", "강남구"]
        self.district_city = ["서울특별시", "서울특별시"]
        self.district_province = ["서울특별시", "서울특별시"]
        self.east_m = np.array([300, 900, 8000, 8500, 100], dtype=np.float32)

    def distance_m(self, rows: NDArray[Any], lat: float, lon: float) -> NDArray[Any]:
        near: NDArray[Any] = self.east_m[rows]
        return near


CATALOGUE = FewShops()
USER = UserProfile(user_id="u", district="관악구", lat=37.48, lon=126.93)
CONTEXT = TurnContext(now=datetime(2026, 3, 2, 18, 0, tzinfo=KST))
SHOWN = DialogueState(
    filters=Filters(menus=("떡볶이",), taste=("매운",), meal_card=True, district="관악구"),
    intent=Intent.FOOD_RECOMMENDATION,
    shown_shop_ids=("s0", "s1", "s3"),
    n_turns=1,
)


def said(
    text: str, intent: Intent, filters: Filters | None = None, *spans: tuple[str, EntityType, str | int]
) -> Understanding:
    entities = tuple(
        Entity(entity=kind, value=value, text=words, start=text.index(words), end=text.index(words) + len(words))
        for words, kind, value in spans
    )
    return Understanding(
        original_query=text, intent=intent, confidence=0.9, entities=entities, filters=filters or Filters()
    )


def ask(understanding: Understanding, state: DialogueState = SHOWN, user: UserProfile = USER) -> Request:
    return resolve(understanding, state, catalogue=CATALOGUE, user=user, context=CONTEXT)


def hear(
    text: str, intent: Intent, filters: Filters | None, state: DialogueState, shown: tuple[str, ...] = ()
) -> tuple[Request, DialogueState]:
    """Take one turn: the request, and the state after these shops were shown."""
    understanding = said(text, intent, filters)
    request = ask(understanding, state)
    return request, next_state(state, request, understanding, shown)


def on(text: str, intent: Intent, said_filters: Filters | None = None, **held: Any) -> dict[str, Any]:
    """Return the constraints after a message, given those that held."""
    state = SHOWN.model_copy(update={"filters": Filters(**held)})
    return ask(said(text, intent, said_filters), state).filters.given()
