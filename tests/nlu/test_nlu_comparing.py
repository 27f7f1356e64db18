"""Questions about several of the shops on the screen, and those about the card and 착한가게 as such."""

from __future__ import annotations

import pytest
from few_shops import SHOWN, ask, said

from aiyam.contracts import Filters, Intent, ShownCard
from aiyam.nlu.comparing import comparison
from aiyam.nlu.general_questions import general_question


@pytest.mark.parametrize(
    ("text", "numbers", "aspect"),
    [
        ("1번이랑 3번 중에 뭐가 더 싸?", [1, 3], "price"),
        ("1번이랑 2번 중에 뭐가 나아?", [1, 2], "general"),
        ("첫번째랑 두번째 중 어디가 더 가까워", [1, 2], "distance"),
        ("둘 중에 별점 높은 데가 어디야", [1, 2], "rating"),
        ("그 중에 제일 가까운 곳", [1, 2, 3], "distance"),
        ("셋 중에 어디가 제일 늦게까지 해?", [1, 2, 3], "closing"),
        ("지금 열었어?", [1, 2, 3], "open"),
        ("걸어갈 수 있어?", [1, 2, 3], "walk"),
    ],
)
def test_several_shops_are_compared_by_what_is_asked(text: str, numbers: list[int], aspect: str) -> None:
    found = comparison(text, said(text, Intent.SHOP_DETAIL), SHOWN)
    assert found is not None
    assert ([n for n, _ in found.shops], found.aspect) == (numbers, aspect)


@pytest.mark.parametrize(
    "text",
    [
        "1번 말고 2번 메뉴",
        "2번 지금 열었어?",
        "더 가까운 데",
        "이 중에 없어",
        "아까 거기 중에 첫번째 어디야",
        "1번이랑 9번 중에 뭐가 싸?",
    ],
)
def test_one_shop_or_another_list_is_no_comparison(text: str) -> None:
    assert comparison(text, said(text, Intent.SHOP_DETAIL), SHOWN) is None


def test_the_nearest_of_the_shown_is_the_one_spoken_of_from_then_on() -> None:
    cards = tuple(ShownCard(shop_id=s, distance_m=d) for s, d in (("s0", 900), ("s1", 300), ("s3", 700)))
    state = SHOWN.model_copy(update={"shown_cards": cards})
    request = ask(said("그 중에 제일 가까운 곳", Intent.REFINE, Filters(sort="distance")), state)
    assert request.focus_shop_id == "s1"


@pytest.mark.parametrize(
    ("text", "taken", "meant"),
    [
        ("착한가게가 뭐야", Intent.GOOD_SHOP_INQUIRY, Intent.HELP),
        ("착한가게는 진짜 공짜야?", Intent.GOOD_SHOP_INQUIRY, Intent.HELP),
        ("근처 착한가게 뭐 있어?", Intent.GOOD_SHOP_INQUIRY, None),
        ("한 끼에 얼마까지 돼?", Intent.MENU_INQUIRY, Intent.MEAL_CARD_INQUIRY),
        ("하루에 얼마까지 써?", Intent.OUT_OF_SCOPE, Intent.MEAL_CARD_INQUIRY),
        ("한 끼에 얼마짜리 있어", Intent.BUDGET_FOOD_INQUIRY, None),
        ("안 갈래", Intent.FOOD_RECOMMENDATION, Intent.SMALL_TALK),
        ("거기 안 갈래", Intent.REFINE, None),
    ],
)
def test_general_questions_are_told_by_their_wording(text: str, taken: Intent, meant: Intent | None) -> None:
    assert general_question(text, said(text, taken)) == meant
