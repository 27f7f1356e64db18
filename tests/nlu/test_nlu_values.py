"""Filters with their direction, from rules alone."""

from __future__ import annotations

import pytest

from aiyam.contracts import Filters
from aiyam.korean.spelling import normalise
from aiyam.nlu.gazetteer import Gazetteer
from aiyam.nlu.values import filters_of, find_evidence, semantic_query

GAZETTEER = Gazetteer.from_shipped(["신림할매분식", "떡볶이"])


def given(text: str, intent: str = "FOOD_RECOMMENDATION") -> dict[str, object]:
    plain = normalise(text).text
    return filters_of(plain, intent, find_evidence(plain, GAZETTEER), n_shown=3).given()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("만원으로 떡볶이", {"budget_max": 10_000, "menus": ["떡볶이"]}),
        ("만원 이하 치킨", {"budget_max": 10_000, "category": "치킨"}),
        ("만원 미만", {"budget_max": 9999}),
        ("만원 넘는 초밥", {"budget_min": 10_001, "menus": ["초밥"]}),
        ("2만원 이상", {"budget_min": 20_000}),
        ("만원대 파스타", {"budget_min": 10_000, "budget_max": 19_999, "menus": ["파스타"]}),
        ("매운 거 말고", {"exclude_taste": ["매운"]}),
        ("안 매운 라면", {"exclude_taste": ["매운"], "menus": ["라면"]}),
        ("맵지 않은 짬뽕", {"exclude_taste": ["매운"], "menus": ["짬뽕"]}),
        ("치킨 말고", {"exclude_menus": ["치킨"]}),
        ("떡볶이랑 순대 말고 김밥", {"exclude_menus": ["떡볶이", "순대"], "menus": ["김밥"]}),
        ("땅콩 알레르기 있어요", {"allergies": ["땅콩"]}),
        ("새우랑 게 못 먹어", {"allergies": ["게", "새우"]}),
        ("견과류 알러지", {"allergies": ["땅콩", "호두", "잣"]}),
        ("지금 연 데", {"open_now": True}),
        ("급카 되는 마라탕집", {"meal_card": True, "menus": ["마라탕"]}),
        ("착한가게 알려줘", {"good_shop": True}),
        ("걸어서 5분", {"max_distance_m": 400}),
        ("싼 순서로", {"sort": "price"}),
        ("가까운 순", {"sort": "distance"}),
        ("별점 높은 데", {"sort": "rating"}),
        ("배달되는 피자", {"category": "피자", "delivery": True}),
        ("포장할 수 있는 김밥집", {"menus": ["김밥"], "takeout": True}),
        ("혼자 먹을 데", {"companion": "alone"}),
        ("관악구 국밥", {"district": "관악구", "menus": ["국밥"]}),
        ("서울대입구역 근처 국밥", {"place": "서울대입구역", "menus": ["국밥"]}),
        ("근처 국밥", {"near_me": True, "menus": ["국밥"]}),
        ("아침 못먹었어 국밥", {"time_of_day": "breakfast", "menus": ["국밥"]}),
    ],
)
def test_constraints_keep_their_direction(text: str, expected: dict[str, object]) -> None:
    found = given(text)
    assert {k: sorted(v) if isinstance(v, list) else v for k, v in found.items()} == {
        k: sorted(v) if isinstance(v, list) else v for k, v in expected.items()
    }


def test_the_last_one_is_as_many_as_were_shown() -> None:
    assert given("마지막 집 어때", "SHOP_DETAIL") == {"ordinal": 3}


def test_a_question_about_a_shop_takes_no_company_or_card_as_a_constraint() -> None:
    assert given("거기 혼자 가도 돼? 급카 돼?", "SHOP_DETAIL") == {}


def test_talk_carries_no_constraint() -> None:
    assert given("떡볶이 먹고 배탈났어 만원", "SMALL_TALK") == {}


def test_a_shop_named_after_a_dish_stays_a_dish() -> None:
    assert given("떡볶이 먹고 싶어") == {"menus": ["떡볶이"]}


def test_a_typing_slip_in_a_dish_is_forgiven() -> None:
    assert given("마리탕 먹자") == {"menus": ["마라탕"]}


def test_the_semantic_query_reads_like_a_shop() -> None:
    filters = Filters(companion="family", dietary_preferences=("건강식",), time_of_day="dinner")
    assert semantic_query(filters, "FOOD_RECOMMENDATION") == "가족 건강식 저녁 식당"
