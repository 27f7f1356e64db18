"""What need not be any more, who stays away, which earlier list or place is meant, and that danger stays danger."""

from __future__ import annotations

from typing import Any

import pytest
from few_shops import SHOWN, ask, hear, on, said

from aiyam.contracts import DialogueState, Filters, Intent, Question, ShownList
from aiyam.nlu.directions import budget_of
from aiyam.nlu.taken_back import let_go

REFINE, FOOD = Intent.REFINE, Intent.FOOD_RECOMMENDATION


@pytest.mark.parametrize(
    ("text", "held", "left"),
    [
        ("일식 아니어도 됨", {"category": ("일식",), "budget_max": 9000}, {"budget_max": 9000}),
        ("채식 아니라도 괜찮아요", {"dietary_preferences": ("채식", "저염")}, {"dietary_preferences": ["저염"]}),
        ("포장 안 되는 데도 괜찮아요", {"takeout": True, "menus": ("죽",)}, {"menus": ["죽"]}),
        ("아침 아니라도 되오", {"time_of_day": "breakfast", "menus": ("죽",)}, {"menus": ["죽"]}),
        ("매운 거 아니어도 상관없어", {"taste": ("매운",), "menus": ("라면",)}, {"menus": ["라면"]}),
        ("신림 아니어도 괜찮아", {"place": "신림역", "menus": ("라면",)}, {"menus": ["라면"]}),
        ("라면 말고도 괜찮아", {"place": "신림역", "menus": ("라면", "우동")}, {"place": "신림역", "menus": ["우동"]}),
        ("맵지 않아도 돼", {"taste": ("매운",)}, {}),
        ("친구는 못 온대", {"companion": "friends", "menus": ("라면",)}, {"menus": ["라면"]}),
        ("할랄 없어도 돼", {"dietary_preferences": ("할랄",)}, {}),
        ("꼭 채식일 필요는 없어요", {"dietary_preferences": ("채식",)}, {}),
        ("급카 안 되는 데도 괜찮아", {"meal_card": True}, {}),
        ("지금 안 열어도 괜찮아", {"open_now": True}, {}),
    ],
)
def test_what_need_not_be_any_more_is_let_go(text: str, held: dict[str, Any], left: dict[str, Any]) -> None:
    assert let_go(text, Filters(**held)).given() == left


@pytest.mark.parametrize("text", ["일식 아니면 안 돼", "일식 되는 데", "일식 말고", "한식도 괜찮아", "매운 거 못 먹어"])
def test_other_words_about_a_condition_let_nothing_go(text: str) -> None:
    held = Filters(category=("일식",), taste=("매운",))
    assert let_go(text, held) == held


@pytest.mark.parametrize(
    "text",
    [
        "할랄 식당 안 가까워도 돼", "채식 식당 안 싸도 괜찮아", "채식 안 비싸도 좋아", "급식카드 식당 안 가까워도 돼",
        "급식카드 안 남아도 돼", "국밥 안 매워도 돼", "지금 안 매워도 괜찮아", "할랄 아니어도 되냐고? 안 돼", "할랄 아니어도 되나요",
        "채식 없이도 괜찮은 건 아니야", "채식 아니어도 된다고 한 적 없어", "국밥 아니어도 괜찮은 건 아니야", "국밥 아니어도 돼?",
    ],
)  # fmt: skip
def test_another_thing_that_need_not_be_lets_no_condition_beside_it_go(text: str) -> None:
    held = Filters(dietary_preferences=("할랄", "채식"), meal_card=True, menus=("국밥",), open_now=True)
    assert let_go(text, held) == held


def test_a_first_message_keeps_its_diet_whatever_else_need_not_be() -> None:
    wish = said("할랄 식당 안 가까워도 돼", FOOD, Filters(dietary_preferences=("할랄",)))
    assert ask(wish, DialogueState()).filters.dietary_preferences == ("할랄",)


def test_what_need_not_be_is_not_wished_for_by_a_reading_that_says_so() -> None:
    wished = Filters(category=("일식",))
    assert on("일식 아니어도 됨", FOOD, wished, category=("일식",), budget_max=9000) == {"budget_max": 9000}


@pytest.mark.parametrize("intent", [REFINE, Intent.MEAL_CARD_INQUIRY, Intent.HELP])
def test_the_card_is_let_go_but_not_by_a_question(intent: Intent) -> None:
    held: dict[str, Any] = {"meal_card": True, "menus": ("라면",)}
    assert on("급카 안 돼도 됨", intent, **held) == {"menus": ["라면"]}
    asked = ask(
        said("급카 없어도 되나요", Intent.MEAL_CARD_INQUIRY), SHOWN.model_copy(update={"filters": Filters(**held)})
    )
    assert asked.intent is Intent.MEAL_CARD_INQUIRY


def test_more_money_lifts_the_limit() -> None:
    assert on("예산 더 써도 됨", REFINE, menus=("초밥",), budget_max=20_000) == {"menus": ["초밥"]}


def test_a_difference_in_price_is_no_limit() -> None:
    assert budget_of("500원이라도 더 싼 거", 0, 4, 500, 500) == {}
    assert budget_of("5000원보다 더 싼 거", 0, 5, 5000, 5000) == {"budget_max": 4999}


@pytest.mark.parametrize("text", ["다른 메뉴로", "다른 거 먹자"])
def test_other_food_keeps_the_place_and_turns_no_shop_down(text: str) -> None:
    state = SHOWN.model_copy(update={"filters": Filters(menus=("떡볶이",), place="신림역")})
    request = ask(said(text, REFINE), state)
    assert (request.filters.given(), request.exclude_shop_ids) == ({"place": "신림역"}, ())


def test_another_part_of_town_is_asked_for_and_the_dish_waits() -> None:
    state = SHOWN.model_copy(update={"filters": Filters(menus=("떡볶이",), district="관악구")})
    request = ask(said("다른 동네로", REFINE), state)
    assert request.question == Question(kind="where")
    assert request.choices == ("관악구에서 찾아줘", "강남구에서 찾아줘")
    assert request.filters.given() == {"menus": ["떡볶이"]}


def two_lists() -> DialogueState:
    """Return a dialogue in which 만두 near 신림역 was looked for, then cold noodles at 사당역."""
    before = ShownList(shop_ids=("s0", "s1"), filters=Filters(menus=("만두",), place="신림역"))
    now = Filters(menus=("냉면",), place="사당역")
    return SHOWN.model_copy(update={"earlier_lists": (before,), "shown_shop_ids": ("s3", "s4"), "filters": now})


def test_a_number_of_a_while_ago_counts_in_the_list_whose_dish_is_named() -> None:
    state = two_lists()
    between = ShownList(shop_ids=("s2",), filters=Filters(menus=("죽",)))
    state = state.model_copy(update={"earlier_lists": (*state.earlier_lists, between)})
    assert ask(said("아까 만두집 중에 두번째 집 전화번호", Intent.SHOP_DETAIL), state).focus_shop_id == "s1"
    assert ask(said("아까 두번째 집 전화번호", Intent.SHOP_DETAIL), state).focus_shop_id == "s1"
    assert ask(said("아까 첫번째 집 전화번호", Intent.SHOP_DETAIL), state).focus_shop_id == "s2"


def test_what_was_looked_for_a_while_ago_comes_back_by_its_dish_or_its_place() -> None:
    again = ask(said("아까 만두 다시 보여줘", FOOD, Filters(menus=("만두",))), two_lists())
    assert again.filters.given() == {"menus": ["만두"], "place": "신림역"}
    there = ask(said("아까 동네로 다시", REFINE), two_lists())
    assert there.filters.given() == {"menus": ["냉면"], "place": "신림역"}


@pytest.mark.parametrize("text", ["아까 그 카페 다시 보여줘", "처음 거 다시 보여줘"])
def test_an_earlier_list_keeps_what_is_hard_and_what_was_refused_since(text: str) -> None:
    earlier = ShownList(shop_ids=("s0", "s1"), filters=Filters(category=("카페",), dietary_preferences=("저당",)))
    now = Filters(
        menus=("냉면",), meal_card=True, dietary_preferences=("할랄", "다이어트"), exclude_menus=("삼겹살", "카페"), allergies=("땅콩",)
    )  # fmt: skip
    state = SHOWN.model_copy(update={"earlier_lists": (earlier,), "shown_shop_ids": ("s3", "s4"), "filters": now})
    named = Filters(category=("카페",)) if "카페" in text else None
    assert ask(said(text, FOOD if named else REFINE, named), state).filters.given() == {
        "category": "카페",
        "dietary_preferences": ["저당", "할랄"],
        "meal_card": True,
        "exclude_menus": ["삼겹살"],
        "allergies": ["땅콩"],
    }


def test_a_question_about_there_brings_no_list_back() -> None:
    state = two_lists().model_copy(update={"focus_shop_id": "s3", "spoken_shop_ids": ("s3",)})
    request = ask(said("아까 거기 주소 알려줘", Intent.SHOP_DETAIL), state)
    assert (request.intent, request.focus_shop_id) == (Intent.SHOP_DETAIL, "s3")


@pytest.mark.parametrize("text", ["그럼 지금 나온 거 두번째는?", "장난이고 두번째는"])
def test_what_leads_to_a_number_does_not_hide_it(text: str) -> None:
    _, state = hear("첫번째 몇 시까지 해", Intent.OPENING_HOURS_INQUIRY, Filters(ordinal=1), SHOWN)
    request = ask(said(text, REFINE, Filters(ordinal=2)), state)
    assert (request.intent, request.focus_shop_id) == (Intent.OPENING_HOURS_INQUIRY, "s1")


def test_the_number_that_takes_the_place_of_another_is_asked_about() -> None:
    request = ask(said("첫번째 말고 두번째 거 전번", REFINE, Filters(ordinal=2)))
    assert (request.intent, request.focus_shop_id) == (Intent.SHOP_DETAIL, "s1")


def test_any_of_them_answers_which_shop_with_the_first() -> None:
    asked, state = hear("거기 몇 시까지 해", Intent.OPENING_HOURS_INQUIRY, None, SHOWN)
    assert asked.question is not None
    request = ask(said("아무거나", FOOD), state)
    assert (request.intent, request.focus_shop_id) == (Intent.OPENING_HOURS_INQUIRY, "s0")


HELD = SHOWN.model_copy(
    update={"filters": Filters(menus=("떡볶이",), companion="family", allergies=("땅콩",), atmosphere=("조용한",))}
)


@pytest.mark.parametrize(
    "text",
    [
        "나 우유 먹으면 배를 때려요", "우유 먹으면 목 졸라요", "우유 먹으면 몸에 멍들어", "우유 못 먹게 해요", "나 우유 못 먹어서 굶어요",
        "엄마 안 온대", "아빠가 안 온대 ㅠㅠ", "다 싫어", "이것도 싫은데", "엄마가 안 와요", "우유도 못 먹고 굶었어",
        "이것도 싫고 다 죽고 싶어", "배 아파 맞아서",
    ],
)  # fmt: skip
def test_danger_stays_danger_beside_a_list(text: str) -> None:
    request, state = hear(text, Intent.SAFETY, None, HELD)
    assert request.intent is Intent.SAFETY
    assert state.filters == HELD.filters
    assert not state.rejected_shop_ids
