"""What the wording makes of amounts and of requests, from rules alone."""

from __future__ import annotations

import pytest

from aiyam.contracts import Filters
from aiyam.korean.spelling import normalise
from aiyam.nlu.directions import wishes_of
from aiyam.nlu.gazetteer import Gazetteer
from aiyam.nlu.values import filters_of, find_evidence

GAZETTEER = Gazetteer.from_shipped()


def filters(text: str, intent: str = "REFINE") -> Filters:
    plain = normalise(text).text
    return filters_of(plain, intent, find_evidence(plain, GAZETTEER), n_shown=3)


AT_MOST = [
    "만원 이하", "만원 안으로", "만원 안쪽", "만원 이내", "만원까지", "만원 언더로", "만원 안 넘는 거", "만원 안넘게", "만원 넘지 않는", "만원 선에서", "만원 아래로",
    "만원 밑으로", "만원 한도", "만원 가지고", "만원으로", "만원밖에 없어", "만원 내로", "만원 넘으면 안돼", "만원 넘는 건 빼고", "만원 넘는 데 말고", "만원 넘는거 사먹으면 혼나요 안 넘는걸로",
    "1만원 넘는 건 양심없지 그 밑으로", "만원 초과는 싫어", "만원 정도", "만원짜리", "인당 만원", "10k인데",
]  # fmt: skip


@pytest.mark.parametrize("text", AT_MOST)
def test_an_amount_is_an_upper_bound_however_it_is_said(text: str) -> None:
    assert filters(text).given() == {"budget_max": 10_000}


@pytest.mark.parametrize(
    "text", ["만원 미만", "만원보다 싼 데", "만원도 안 되는 거", "만원 이상은 빼고", "만원 이상은 곤란합니다"]
)
def test_below_an_amount_leaves_the_amount_out(text: str) -> None:
    assert filters(text).given() == {"budget_max": 9999}


@pytest.mark.parametrize(
    ("text", "least"),
    [("만원 이상", 10_000), ("만원부터", 10_000), ("최소 만원", 10_000), ("만원 넘는 데", 10_001), ("만원 초과", 10_001), ("만원 조금 넘게", 10_001), ("만원보다 비싼 거", 10_001)],
)  # fmt: skip
def test_a_lower_bound_is_one(text: str, least: int) -> None:
    assert filters(text).given() == {"budget_min": least}


def test_two_bounds_make_a_range() -> None:
    assert filters("오천원 이상 만원 이하").given() == {"budget_min": 5000, "budget_max": 10_000}


@pytest.mark.parametrize(
    ("text", "wishes"),
    [
        ("지금 문 연 데", {"open_now": True}),
        ("문 안 닫은 데", {"open_now": True}),
        ("아직 안 닫은 식당", {"open_now": True}),
        ("문 닫은데 빼고", {"open_now": True}),
        ("영업 중인 곳", {"open_now": True}),
        ("지금 오픈한 곳", {"open_now": True}),
        ("지금 배고파", {}),
        ("아침부터 문 여는 밥집", {}),
        ("배달되는 치킨", {"delivery": True}),
        ("배달 말고 앉아서 먹을 데", {}),
        ("배달 알바 끝난 형", {}),
        ("배달로봇 있는 식당", {}),
        ("배달은 안된다매 포장 되는 데", {"takeout": True}),
        ("포장마차 떡볶이", {}),
        ("선한영향력 가게", {"good_shop": True}),
        ("가격 착한 밥집", {"sort": "price"}),
        ("혜자로운 데", {"sort": "price"}),
        ("최저가 밥", {"sort": "price"}),
        ("갓성비 돈까스", {"sort": "price"}),
        ("에바야 너무 비싸", {"sort": "price"}),
        ("저 중에 어디가 젤 쌈?", {"sort": "price"}),
        ("비싼 거 말고", {"sort": "price"}),
        ("제일 비싼 순으로", {}),
        ("비싸도 되니까", {}),
        ("만원보다 싼 데", {}),
        ("안멀고 조용한", {"sort": "distance"}),
        ("멀어도 돼", {}),
        ("비싼데..", {"sort": "price"}),
        ("비싸네예", {"sort": "price"}),
        ("가격이 부담돼", {"sort": "price"}),
        ("가격이 부담 없는 데", {}),
        ("너무 비싸잖아", {"sort": "price"}),
        ("너무 비싸도 괜찮아", {}),
        ("너무 멀어", {"sort": "distance"}),
        ("리뷰 제일 좋은 데", {"sort": "rating"}),
        ("후기 더 좋은 데", {"sort": "rating"}),
        ("급식카드 들고 갈 수 있는 데", {}),
        ("김밥 들고 갈 데", {"takeout": True}),
        ("야구장 들고 들어갈 닭강정", {"takeout": True}),
        ("젤 유명한 햄버거집", {"sort": "rating"}),
    ],
)
def test_wishes_are_read_and_their_opposites_are_not(text: str, wishes: dict[str, object]) -> None:
    assert wishes_of(text) == wishes


@pytest.mark.parametrize(
    "text",
    [
        "배달 되는 데 싫어",
        "배달 되는 곳 말고",
        "배달하는 집 빼고",
        "포장 가능한 데 말고",
        "장사하는 데 말고",
        "배달 안 하는 집",
    ],
)
def test_a_wish_whose_places_are_turned_down_is_none(text: str) -> None:
    assert wishes_of(text) == {}


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("배달 되는 데 없어?", "delivery"),
        ("배달 되는 가게 찾아줘", "delivery"),
        ("포장 되는 집 매운 거 말고", "takeout"),
        ("테이크아웃 안 되는 집은 지워", "takeout"),
        ("지금 연 데 별로 없네", "open_now"),
    ],
)
def test_a_wish_whose_places_are_wanted_stays(text: str, wish: str) -> None:
    assert wishes_of(text) == {wish: True}
