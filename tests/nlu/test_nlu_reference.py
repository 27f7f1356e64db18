"""Which shop a message means: numbers, names, kinds of shop, the one spoken of, and those of a while ago."""

from __future__ import annotations

import pytest
from few_shops import CATALOGUE, CONTEXT, SHOWN, USER, ask, hear, said

from aiyam.contracts import DialogueState, Filters, Intent
from aiyam.nlu.dialogue import resolve

HOURS, MENU, DETAIL = Intent.OPENING_HOURS_INQUIRY, Intent.MENU_INQUIRY, Intent.SHOP_DETAIL


def after_two_lists() -> DialogueState:
    """Return the state after s0, s1, s3 were shown, s1 was asked about, and then s2, s4 were shown."""
    _, state = hear("두 번째 어디야", DETAIL, Filters(ordinal=2), SHOWN)
    _, state = hear("급카 되는 데만", Intent.REFINE, Filters(meal_card=True), state, ("s2", "s4"))
    return state


@pytest.mark.parametrize(
    ("text", "shop"),
    [("맨 위에 있는 집 전화번호", "s0"), ("가운데 집 어때", "s1"), ("마지막 집 어때", "s3"), ("첫 번째 집 어때", "s0")],
)
def test_a_position_by_word_is_a_number(text: str, shop: str) -> None:
    assert ask(said(text, DETAIL)).focus_shop_id == shop


def test_the_kind_of_shop_finds_the_only_one_of_it() -> None:
    assert ask(said("그 중국집 몇 시까지 해", HOURS)).focus_shop_id == "s3"


def test_the_kind_of_shop_is_asked_back_when_two_are_of_it() -> None:
    request = ask(said("그 분식집 몇 시까지 해", HOURS))
    assert request.offered_shop_ids == ("s0", "s1")
    assert len(request.choices) == 2


def test_a_dish_that_is_also_a_kind_of_shop_points_to_no_other_shop() -> None:
    state = SHOWN.model_copy(update={"focus_shop_id": "s3"})
    assert ask(said("거기 치킨 얼마야", MENU), state).focus_shop_id == "s3"


def test_a_while_ago_is_the_shop_asked_about_before_the_newest_list() -> None:
    state = after_two_lists()
    assert ask(said("아까 그 집 전화번호", DETAIL), state).focus_shop_id == "s1"
    assert ask(said("아까 그 분식집 전화번호", DETAIL), state).focus_shop_id == "s1"
    assert ask(said("아까 그 중국집 몇 시까지 해", HOURS), state).focus_shop_id == "s3"


def test_number_two_of_a_while_ago_counts_in_the_list_before() -> None:
    state = after_two_lists()
    assert ask(said("아까 2번 집 어디였지", DETAIL, Filters(ordinal=2)), state).focus_shop_id == "s1"
    assert ask(said("2번 집 어디야", DETAIL, Filters(ordinal=2)), state).focus_shop_id == "s4"


def test_there_after_a_new_list_is_no_longer_the_shop_of_the_old_one() -> None:
    assert ask(said("거기 어디야", DETAIL), after_two_lists()).offered_shop_ids == ("s2", "s4")


def test_the_same_question_is_asked_of_another_shop() -> None:
    _, state = hear("첫 번째 몇 시까지 해", HOURS, Filters(ordinal=1), SHOWN)
    request = ask(said("그럼 세 번째는?", Intent.REFINE, Filters(ordinal=3)), state)
    assert (request.intent, request.focus_shop_id, request.asked_text) == (HOURS, "s3", "첫 번째 몇 시까지 해")


@pytest.mark.parametrize("text", ["2번", "2번요", "두 번째로 할게", "두번째 거요"])
def test_a_number_by_itself_asks_about_that_shop(text: str) -> None:
    request = ask(said(text, Intent.REFINE, Filters(ordinal=2)))
    assert (request.intent, request.focus_shop_id) == (DETAIL, "s1")


def test_a_number_turned_down_is_no_question_about_it() -> None:
    request = ask(said("2번 말고", Intent.REFINE, Filters(ordinal=2)))
    assert (request.intent, request.exclude_shop_ids) == (Intent.REFINE, ("s1",))


def test_a_shop_on_the_screen_is_found_by_name_even_where_its_name_was_read_as_a_dish() -> None:
    asked = said("용문각 몇 시까지 해", HOURS, Filters(menus=("용문각",)))
    assert ask(asked).focus_shop_id == "s3"
    refused = ask(said("용문각 말고 다른 데", Intent.REFINE, Filters(exclude_menus=("용문각",))))
    assert refused.exclude_shop_ids == ("s3",)
    assert refused.filters.exclude_menus is None


def test_a_dish_is_a_wish_though_a_shop_on_the_screen_is_called_like_it() -> None:
    catalogue = type(CATALOGUE)()
    catalogue.names = ["짜장면", *CATALOGUE.names[1:]]
    wish = said("짜장면 먹고 싶어", Intent.FOOD_RECOMMENDATION, Filters(menus=("짜장면",)))
    request = resolve(wish, SHOWN, catalogue=catalogue, user=USER, context=CONTEXT)
    assert request.filters.menus == ("짜장면",)


@pytest.mark.parametrize("text", ["배달 되나요?", "거기도 빼고"])
def test_the_shop_spoken_of_is_meant_without_its_name(text: str) -> None:
    state = SHOWN.model_copy(update={"focus_shop_id": "s1"})
    request = ask(said(text, Intent.REFINE), state)
    assert "s1" in (request.focus_shop_id, *request.exclude_shop_ids)
    assert len(request.exclude_shop_ids) <= 1


def test_thanks_leaves_the_shop_in_reach() -> None:
    _, state = hear("2번 어디야", DETAIL, Filters(ordinal=2), SHOWN)
    _, state = hear("고마워", Intent.THANKS, None, state)
    assert ask(said("아 거기 전화번호도", DETAIL), state).focus_shop_id == "s1"


def test_only_so_many_lists_are_remembered_but_always_the_first_of_the_topic() -> None:
    state = SHOWN
    for _ in range(12):
        _, state = hear("다른 데", Intent.REFINE, None, state, ("s2", "s4"))
    assert len(state.earlier_lists) == 8
    assert state.earlier_lists[0].shop_ids == SHOWN.shown_shop_ids
