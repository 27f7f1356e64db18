"""Allergies and diets that a message tells are kept, whatever else the message is taken for."""

from __future__ import annotations

import pytest
from few_shops import SHOWN, ask, said

from aiyam.contracts import DialogueState, Filters, Intent
from aiyam.korean.spelling import normalise
from aiyam.nlu.about_person import only_tells_of_person, told_of_person
from aiyam.nlu.dialogue import next_state


@pytest.mark.parametrize("intent", list(Intent))
def test_an_allergy_survives_whatever_the_intent(intent: Intent) -> None:
    message = said("나 새우 알레르기 있어", intent)
    request = ask(message, DialogueState())
    state = next_state(DialogueState(), request, message, [])
    assert state.filters.allergies == ("새우",)
    assert request.kept == ("새우",)


@pytest.mark.parametrize(
    ("text", "allergies"),
    [
        ("땅콩 먹으면 큰일나", ("땅콩",)),
        ("콩 먹으면 안 돼", ("대두",)),
        ("저 우유 알러지요", ("우유",)),
        ("계란 들어간거 못먹음", ("알류",)),
        ("갑각류 알레르기야", ("게", "새우")),
        ("거기 메밀 못 먹는데 괜찮아?", ("메밀",)),
        ("거기 치즈 들어간 거 있어?", ()),
        ("땅콩 먹었어", ()),
        ("새우 알레르기 이제 다 나았어", ()),
    ],
)
def test_what_is_told_is_the_food_that_harms_and_no_other(text: str, allergies: tuple[str, ...]) -> None:
    plain = normalise(text).text
    assert told_of_person(plain, said(plain, Intent.SHOP_DETAIL)).allergies == allergies


@pytest.mark.parametrize(
    "text",
    ["새우 알레르기 있어", "안녕 나 갑각류 알레르기 있어", "우리 애가 복숭아 못 먹어요", "메밀 먹으면 두드러기 나"],
)
def test_an_allergy_said_alone_is_no_question_about_a_shop(text: str) -> None:
    assert only_tells_of_person(normalise(text).text)
    request = ask(said(text, Intent.SHOP_DETAIL))
    assert request.intent is Intent.REFINE
    assert request.question is None
    assert request.filters.menus == SHOWN.filters.menus


@pytest.mark.parametrize(
    "text", ["새우 알레르기 있는데 볶음밥", "우유 못 먹는데 빵집 추천", "땅콩 알레르기 있어도 돼?"]
)
def test_a_wish_beside_an_allergy_is_still_a_wish(text: str) -> None:
    assert not only_tells_of_person(normalise(text).text)


def test_a_question_about_a_shop_is_answered_with_the_allergies_of_the_session() -> None:
    state = SHOWN.model_copy(update={"filters": Filters(allergies=("새우",)), "focus_shop_id": "s1"})
    assert ask(said("거기 뭐 팔아?", Intent.MENU_INQUIRY), state).filters.allergies == ("새우",)
