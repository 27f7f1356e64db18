"""Money that several people share."""

from __future__ import annotations

import pytest

from aiyam.contracts import Filters
from aiyam.nlu.company import people_in, share_of


@pytest.mark.parametrize(
    ("text", "people"),
    [
        ("친구3명이랑 고기 3만원있어", 4),
        ("둘이 합쳐 만오천원", 2),
        ("셋이서 이만원", 3),
        ("친구 한 명이랑 만원", 2),
        ("친구 둘이랑 나랑 만오천원", 3),
        ("네 명이서", 4),
        ("5인 가족", 5),
        ("이만원으로 가족 셋이 먹을 데", 3),
        ("셋트 메뉴 만원", None),
        ("둘 다 만원", None),
        ("2인분 만원", None),
        ("두번째 만원", None),
        ("혼자 만원", None),
    ],
)
def test_people_are_counted_with_the_speaker(text: str, people: int | None) -> None:
    assert people_in(text) == people


@pytest.mark.parametrize(
    ("text", "total", "each", "companion"),
    [
        ("친구3명이랑 고기 3만원있어", 30_000, 7500, "group"),
        ("둘이 합쳐 만오천원", 15_000, 7500, "friends"),
        ("셋이서 이만원", 20_000, 6600, "friends"),
        ("홍대에서 둘이 만원", 10_000, 5000, "friends"),
    ],
)
def test_a_total_is_divided_and_rounded_down(text: str, total: int, each: int, companion: str) -> None:
    shared = share_of(text, Filters(budget_max=total))
    assert (shared.budget_max, shared.companion) == (each, companion)


@pytest.mark.parametrize(
    "text",
    [
        "1인당 만원씩 세명",
        "세 명인데 한 명당 만원",
        "셋이서 각자 만원",
        "친구 셋이랑 만원짜리",
        "셋이 만원대",
        "떡볶이 만원",
    ],
)
def test_an_amount_for_each_or_for_one_dish_stays(text: str) -> None:
    assert share_of(text, Filters(budget_max=10_000)).budget_max == 10_000


def test_company_that_was_said_is_kept_and_no_money_changes_nothing() -> None:
    family = share_of("가족 셋이 이만원", Filters(budget_max=20_000, companion="family"))
    assert family.companion == "family"
    assert share_of("셋이서 떡볶이", Filters(menus=("떡볶이",))) == Filters(menus=("떡볶이",))
