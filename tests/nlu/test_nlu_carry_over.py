"""What a message keeps, replaces, drops and takes back, and how a topic ends."""

from __future__ import annotations

from typing import Any

import pytest
from few_shops import SHOWN, ask, hear, on, said
from hypothesis import given
from hypothesis import strategies as st

from aiyam.contracts import DialogueState, EntityType, Filters, Intent
from aiyam.nlu.carry_over import ends_topic, goes_back, starts_over
from aiyam.nlu.taken_back import allergies_taken_back, waived

REFINE, FOOD = Intent.REFINE, Intent.FOOD_RECOMMENDATION


@pytest.mark.parametrize(
    ("text", "held", "left"),
    [
        ("가격 상관없이", {"budget_max": 5000, "sort": "price"}, {}),
        ("돈은 상관 없어", {"budget_min": 3000, "budget_max": 5000}, {}),
        ("만원 넘어도 돼", {"budget_max": 10_000}, {}),
        ("거리 상관없어", {"max_distance_m": 400, "near_me": True, "place": "신림역"}, {"place": "신림역"}),
        ("조금 더 멀어도 돼", {"max_distance_m": 400}, {}),
        ("위치 상관없어", {"place": "신림역"}, {}),
        ("아무거나", {"menus": ("냉면",), "taste": ("매운",), "place": "신림역"}, {"place": "신림역"}),
        ("맵기 상관없어", {"exclude_taste": ("매운",)}, {}),
        ("급카 안 돼도 돼", {"meal_card": True}, {}),
        ("지금 안 열어도 괜찮아", {"open_now": True}, {}),
        ("배달 말고", {"delivery": True}, {}),
        ("착한가게 아니어도 돼", {"good_shop": True}, {}),
        ("조용하지 않아도 돼", {"atmosphere": ("조용한",)}, {}),
        ("별점 상관없어", {"sort": "rating"}, {}),
        ("카드 안 되는 데도 괜찮아", {"meal_card": True}, {}),
        ("시끄러운 데도 괜찮아", {"atmosphere": ("조용한",)}, {}),
        ("좀 비싼 데도 돼", {"budget_max": 5000}, {}),
    ],
)
@pytest.mark.parametrize("intent", [REFINE, FOOD, Intent.OUT_OF_SCOPE])
def test_a_constraint_is_taken_back_whatever_the_message_was_taken_for(
    text: str, held: dict[str, Any], left: dict[str, Any], intent: Intent
) -> None:
    kept = {"category": ("한식",)} if "menus" not in held else {}
    assert on(text, intent, **held, **kept) == left | ({"category": "한식"} if kept else {})


@pytest.mark.parametrize(
    "text", ["급카 안 되는 데는 빼고", "지금 여는 데", "카페 말고", "만원 넘는 데", "더 가까운 데"]
)
def test_words_that_ask_for_something_take_nothing_back(text: str) -> None:
    assert not waived(text)


@pytest.mark.parametrize(
    "text", ["땅콩 괜찮아", "땅콩은 이제 먹어도 된대", "땅콩 알레르기 없어졌어", "땅콩 알레르기 나았어요"]
)
@pytest.mark.parametrize("intent", [REFINE, FOOD, Intent.SMALL_TALK])
def test_an_allergy_can_be_withdrawn(text: str, intent: Intent) -> None:
    assert on(text, intent, Filters(allergies=("땅콩",)), allergies=("땅콩", "게"), category=("중식",)) == {
        "category": "중식",
        "allergies": ["게"],
    }


@pytest.mark.parametrize(
    "text",
    [
        "땅콩 괜찮아?",
        "땅콩 알레르기 있어도 괜찮은 데",
        "땅콩 먹어도 되나요",
        "새우 괜찮아",
        "땅콩 빼고",
        "땅콩 안 괜찮아",
        "땅콩 없음 좋겠어",
        "땅콩 없어요",
        "땅콩 없대 거기",
        "땅콩 다 나온대",
        "동생은 땅콩 괜찮아",
        "형은 땅콩 괜찮아",
        "민수는 땅콩 괜찮아",
        "땅콩 먹을 수 있어 친구는",
        "땅콩 먹어도 되면 좋겠다",
        "나 땅콩 먹어도 돼",
        "땅콩 괜찮다고 말한 적 없어",
        "땅콩 괜찮대 엄마가 안된대",
        "땅콩 괜찮아 뻥이야",
        "알레르기 없어질까",
        "알레르기 없어지는 약",
        "알레르기 없음 좋겠어",
        "친구는 알레르기 없어",
    ],
)
def test_an_allergy_is_not_withdrawn_by_asking_or_by_another(text: str) -> None:
    assert not allergies_taken_back(text, DialogueState(filters=Filters(allergies=("땅콩",))))


@pytest.mark.parametrize("text", ["이제 알레르기 없어졌어", "알레르기 없어요", "알레르기 다 나았어"])
def test_all_allergies_can_be_withdrawn_at_once(text: str) -> None:
    assert allergies_taken_back(text, DialogueState(filters=Filters(allergies=("땅콩", "게")))) == {"땅콩", "게"}


@pytest.mark.parametrize("text", ["땅콩 이제 괜찮대 의사 선생님이", "이제 땅콩 먹어도 돼", "땅콩 다 나았어"])
def test_an_allergy_that_a_doctor_or_a_change_ends_is_withdrawn(text: str) -> None:
    assert allergies_taken_back(text, DialogueState(filters=Filters(allergies=("땅콩", "게")))) == {"땅콩"}


def test_cheese_that_is_fine_takes_no_milk_allergy_back() -> None:
    state = DialogueState(filters=Filters(allergies=("우유",)))
    assert not allergies_taken_back("치즈 괜찮아", state)
    assert allergies_taken_back("우유 괜찮아", state) == {"우유"}


@pytest.mark.parametrize("text", ["나 우유 먹으면 배 아파", "우유 알레르기 있음", "우유는 못 먹어"])
def test_an_allergy_told_as_talk_is_heard_even_before_anything_was_shown(text: str) -> None:
    request = ask(said(text, Intent.SMALL_TALK), DialogueState())
    assert (request.intent, request.filters.allergies) == (FOOD, ("우유",))
    assert ask(said(text, Intent.SMALL_TALK)).filters.menus == ("떡볶이",)


def test_a_question_about_an_allergen_tells_none() -> None:
    assert ask(said("우유 못 먹으면 어떡해?", Intent.SMALL_TALK), DialogueState()).intent is Intent.SMALL_TALK


def test_no_thanks_to_all_of_them_asks_for_others() -> None:
    for intent in (Intent.SMALL_TALK, Intent.FEEDBACK, REFINE):
        request = ask(said("이것도 별루야", intent))
        assert set(request.exclude_shop_ids) == set(SHOWN.shown_shop_ids)


def test_an_allergy_outlives_every_topic_of_the_session() -> None:
    _, state = hear("땅콩 알레르기 있어", FOOD, Filters(allergies=("땅콩",)), DialogueState(), ("s0",))
    for text, intent, filters in (
        ("됐고 돈까스", FOOD, Filters(menus=("돈까스",))),
        ("고마워", Intent.THANKS, None),
        ("안녕", Intent.GREETING, None),
        ("홍대입구역 뭐 있어", Intent.LOCATION_INQUIRY, Filters(place="홍대입구역")),
        ("처음부터 다시", REFINE, None),
        ("피자", FOOD, Filters(category=("피자",))),
    ):
        request, state = hear(text, intent, filters, state, ("s0", "s1"))
        if request.filters != Filters():
            assert request.filters.allergies == ("땅콩",), text
    assert state.filters.allergies == ("땅콩",)


def test_enough_of_that_leaves_only_what_is_hard() -> None:
    held = {
        "menus": ("떡볶이",),
        "place": "신림역",
        "budget_max": 5000,
        "meal_card": True,
        "dietary_preferences": ("할랄",),
    }
    assert on("됐고 치킨", FOOD, Filters(category=("치킨",)), **held) == {
        "category": "치킨", "meal_card": True, "dietary_preferences": ["할랄"],
    }  # fmt: skip
    assert on("됐고 치킨", REFINE, Filters(category=("치킨",)), **held)["category"] == "치킨"
    assert "budget_max" not in on("됐고 치킨", REFINE, Filters(category=("치킨",)), **held)


def test_thanks_ends_the_topic_place_and_all() -> None:
    state = SHOWN.model_copy(update={"filters": Filters(menus=("떡볶이",), place="신림역")})
    _, state = hear("고마워", Intent.THANKS, None, state)
    assert ask(said("조용한 데", FOOD, Filters(atmosphere=("조용한",))), state).filters.given() == {
        "atmosphere": ["조용한"]
    }


def test_after_thanks_a_follow_up_takes_the_topic_up_again() -> None:
    _, state = hear("고마워", Intent.THANKS, None, SHOWN)
    assert ask(said("다른 데는?", REFINE), state).filters.menus == ("떡볶이",)


def test_starting_over_may_say_what_next() -> None:
    request = ask(said("처음부터 다시 칼국수", FOOD, Filters(menus=("칼국수",))))
    assert request.filters.given() == {"menus": ["칼국수"]}
    assert request.opens_topic


def test_a_new_dish_takes_the_taste_of_the_old_one_with_it() -> None:
    assert on(
        "아니 그냥 피자로", REFINE, Filters(category=("피자",)), menus=("떡볶이",), taste=("매운",), place="신림역"
    ) == {
        "category": "피자",
        "place": "신림역",
    }


def test_a_refused_taste_outlives_the_dish() -> None:
    assert on("그냥 우동", REFINE, Filters(menus=("우동",)), menus=("라면",), exclude_taste=("매운",))[
        "exclude_taste"
    ] == ["매운"]


def test_what_was_refused_may_be_asked_for_again() -> None:
    assert on("그냥 피자 먹을래", REFINE, Filters(category=("피자",)), exclude_menus=("피자", "치킨")) == {
        "category": "피자",
        "exclude_menus": ["치킨"],
    }


def test_a_dish_of_the_kind_asked_for_narrows_it() -> None:
    assert on("라볶이 있는 데로", REFINE, Filters(menus=("라볶이",)), category=("분식",)) == {
        "category": "분식",
        "menus": ["라볶이"],
    }


def test_a_dish_too_is_wanted_beside_the_first() -> None:
    assert on("순대도 같이 파는 데", FOOD, Filters(menus=("순대",)), menus=("떡볶이",), meal_card=True) == {
        "menus": ["떡볶이", "순대"],
        "meal_card": True,
    }


def test_a_request_without_food_is_given_one() -> None:
    assert on("돈까스", FOOD, Filters(menus=("돈까스",)), good_shop=True, place="신림역") == {
        "menus": ["돈까스"],
        "good_shop": True,
        "place": "신림역",
    }


def test_spicy_is_fine_too_wishes_for_nothing_spicy() -> None:
    held = {"menus": ("떡볶이",), "exclude_taste": ("매운",)}
    assert on("매워도 괜찮아", FOOD, Filters(taste=("매운",)), **held) == {"menus": ["떡볶이"]}


def test_a_place_turned_down_is_no_longer_looked_near() -> None:
    assert on("신림 말고 다른 동네", REFINE, None, menus=("떡볶이",), place="신림동") == {"menus": ["떡볶이"]}


def test_a_dish_and_a_question_mark_ask_for_shops_unless_one_shop_is_spoken_of() -> None:
    pasta = said("파스타?", Intent.MENU_INQUIRY, Filters(menus=("파스타",)), ("파스타", EntityType.MENU, "파스타"))
    assert (ask(pasta).intent, ask(pasta).filters.menus) == (REFINE, ("파스타",))
    spoken_of = SHOWN.model_copy(update={"focus_shop_id": "s1"})
    assert ask(pasta, spoken_of).focus_shop_id == "s1"


def test_who_will_eat_is_no_new_wish() -> None:
    alone = said("혼자 먹을 거야", FOOD, Filters(companion="alone"), ("혼자", EntityType.COMPANION, "alone"))
    assert ask(alone).filters.menus == ("떡볶이",)
    assert ask(alone).filters.companion == "alone"


@pytest.mark.parametrize(("text", "diet"), [("나 채식해", "채식"), ("저 무슬림이에요", "할랄")])
def test_how_one_eats_outlives_the_topic_though_it_was_told_as_talk(text: str, diet: str) -> None:
    _, state = hear(text, Intent.SMALL_TALK, None, DialogueState(), ("s0",))
    request = ask(said("됐고 김밥", FOOD, Filters(menus=("김밥",))), state)
    assert request.filters.dietary_preferences == (diet,)


def test_a_taste_that_is_disliked_turns_down_no_shop() -> None:
    assert ask(said("매운 거 싫어", REFINE, Filters(exclude_taste=("매운",)))).exclude_shop_ids == ()


def test_what_was_shown_first_is_shown_again() -> None:
    _, state = hear("더 싼 데", REFINE, Filters(sort="price"), SHOWN, ("s2",))
    _, state = hear("다른 데", REFINE, None, state, ("s4",))
    for text in ("처음에 보여준 거 다시", "처음에 보여준 거"):
        request = ask(said(text, Intent.FEEDBACK), state)
        assert (request.filters, request.exclude_shop_ids) == (SHOWN.filters, ())


@pytest.mark.parametrize(
    ("text", "intent", "reads"),
    [
        ("급카 가능한 곳", Intent.MEAL_CARD_INQUIRY, {"meal_card": True}),
        ("친구도 같이 간대", Intent.SMALL_TALK, {"companion": "friends"}),
        ("아 친구 온대 둘이 갈 거야", Intent.FOOD_RECOMMENDATION, {"companion": "friends"}),
        ("그냥 우동", Intent.SMALL_TALK, {"menus": ["우동"]}),
    ],
)
def test_talk_that_changes_the_list_is_a_refinement_only_while_a_list_is_shown(
    text: str, intent: Intent, reads: dict[str, Any]
) -> None:
    request = ask(said(text, intent))
    assert request.intent is REFINE
    assert reads.items() <= request.filters.given().items()
    assert "companion" not in ask(said(text, intent), DialogueState()).filters.given()
    assert ask(said(text, intent), DialogueState()).intent is intent


@given(st.text(max_size=30))
def test_any_text_can_be_read_for_what_it_takes_back(text: str) -> None:
    assert waived(text) <= {*Filters.model_fields, "price", "distance", "rating"}
    assert ends_topic(text) in (True, False)
    assert starts_over(text) in (True, False)
    assert goes_back(text) in (None, "first", "last")
