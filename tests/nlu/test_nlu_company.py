"""Money that several people share."""

from __future__ import annotations

import pytest

from aiyam.contracts import Filters
from aiyam.korean.spelling import normalise
from aiyam.nlu.company import people_in, share_of
from aiyam.nlu.gazetteer import Gazetteer
from aiyam.nlu.values import filters_of, find_evidence


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


GAZETTEER = Gazetteer.from_shipped()


def company(text: str) -> str | None:
    plain = normalise(text).text
    return filters_of(plain, "FOOD_RECOMMENDATION", find_evidence(plain, GAZETTEER)).companion


@pytest.mark.parametrize(
    ("text", "who"),
    [
        ("형아랑 라면", "family"),
        ("사촌들이랑 고기", "family"),
        ("이모부 모시고", "family"),
        ("애가 매운 걸 못 먹어요", "family"),
        ("5살 아이랑", "family"),
        ("시어머니랑", "family"),
        ("외할머니 생신", "family"),
        ("짝꿍이랑 빙수", "friends"),
        ("남사친이랑", "friends"),
        ("애기아빠 생일", "couple"),
        ("영감이랑 밥", "couple"),
        ("초등학생 12명 인솔", "group"),
        ("아이들 스무 명", "group"),
        ("넷이 먹을 떡볶이", "group"),
        ("태권도장 아이들 피자", "group"),
        ("나 혼자 밥", "alone"),
        ("학생들 20명", "group"),
        ("아이들 열두 명", "group"),
        ("아이들 넷", "family"),
        ("부모님 다섯 분", "family"),
        ("세 분이 가실", "group"),
        ("우리 조 6명", "group"),
    ],
)
def test_whoever_eats_is_company(text: str, who: str) -> None:
    assert company(text) == who


@pytest.mark.parametrize(
    "text",
    [
        "엄마가 늦게 온대 저녁 뭐 먹지",
        "엄마가 사먹으래",
        "엄마가 만원 줬어",
        "아빠 카드로 고기",
        "친구가 추천해준 떡볶이집",
        "이모네 집 근처",
        "엄마한테 혼나서 매운 거",
        "친구랑 싸웠어 매운 거",
        "회식 장소",
        "친구한테 만원 빌림",
        "동생한테 다 뜯겼어",
        "아이들한테 무료로 밥 주는 가게",
        "우리 학교 애들 우글우글해서 싫어",
        "모임하기 좋은 데",
        "전남친 알바하는 데 말고",
        "아이고 배고파",
        "아이스크림 먹고 싶다",
    ],
)
def test_people_who_are_only_mentioned_are_no_company(text: str) -> None:
    assert company(text) is None
