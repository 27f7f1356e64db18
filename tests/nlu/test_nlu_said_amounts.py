"""How children and parents type amounts, distances and counts, and the numbers that are none of these."""

from __future__ import annotations

import pytest

from aiyam.korean.spelling import normalise
from aiyam.nlu.gazetteer import Gazetteer
from aiyam.nlu.values import filters_of, find_evidence

GAZETTEER = Gazetteer.from_shipped()
AT_MOST = {
    3000: "주머니에 3천원|천원 세 장",
    3500: "삼천오백 있음|3500뿐|삼천오백",
    4000: "4000이내",
    4500: "통장에 4500|4500밖에|4500 밖에 없음|4500바께 없다",
    5000: "5처넌으로|5천언|5000 들고|오천 들고 있음|오천원 지폐|돈은 오천|오천컷|5000만 있음|5000만 있어요",
    6000: "6천 있음|육천 분식 고고|6천 동네 밥집|6000원 내외로|육천이하|6000만 남았어",
    6200: "잔액 6200|잔액 6200인데",
    6500: "6500정도|6500쯤|6500이요|6500이면",
    6999: "7000미만|7천 미만",
    7000: "7천 남음|돈 7000|예산 7000|칠천이요|7처넌",
    8000: "₩8000|₩8,000 이하|8천 냥|8천냥|8천컷|8천 선에서|8000 내외|8000이니까|8000임|최대 8000|1인당 8000|한끼에 8천|팔천이면 충분",
    8500: "8500있음|팔천오백이요",
    9000: "9000선에서|9000 언저리로|9000안팎|9000 선으로",
    9500: "9500 남음|9500 남았는데|카드에 9500 남은 거",
    9900: "9900원이하|9천9백|구천구백|9,900",
    10_000: "만원컷|만원 컷으로|만원 안으로|만원한장|만원 한 장|만원짜리 한 장|만원 언저리|만원 안팎|만원 아래로|최대 만원|인당 만원",
    12_000: "12000 안쪽|만이천 안쪽으로|만이천이요|12,000만 들고 나옴|예산은 만이천",
    15_000: "15000이하로|만오천 이하로|만오천쯤|1.5만|1.5만으로|15k|15k 이하|1만5천 이하|만 오천",
    20_000: "2만언 있음|이만 이하|2만 안으로",
    25_000: "2만5천 남음|2만5천남았어|이만오천이하",
}  # fmt: skip
WITHIN_M = {
    300: "300m안쪽|300미터 내",
    400: "5분 컷|걸어서 오분 컷",
    500: "반경 500|반경 500 안|반경 500 분식|반경 500보다 가까운 데|오백미터 안|500미터안|반키로",
    750: "뛰어서 5분",
    800: "10분컷|10분컷으로 갈 데|걸어서 한 10분|도보10분컷|10분 안쪽|10분 내외|10분 정도 거리|10분만 걸으면 되는 데|반경 10분 이내 치킨집",
    1000: "반경 1키로|1km 안쪽",
    1200: "15분 안으로|반경 15분 안에 치킨",
    2500: "자전거로 십분",
}
NO_LIMIT = (
    "5학년|초등학교 5학년인데|3학년 2반|010-1234-5678|01012345678|3개|2층에 있는 식당|3반|5515번 버스|5515 타고|24시|수학 100점 맞음|2024년|3월 5일|10살"
    "|30분 기다림|30분 뒤에|10분 쉬고|5000보 걸었어|3000 걸음|500페이지|토익 900|비번은 5000|팔로워 5000|번호 7000|1588-1234|전화 1588-5000|010-1234-5000|02-123-5000 이하|100명|3인분|500ml|200g|60kg"
    "|몇천원|만화방|오백번 말했다|두시간|20대|1999년생|700번 버스|좋아요 1000개|9호선|2만명|백만번|만일 비 오면 어디 가|500 남자 초등학교|10분 안에 먹고 나와야 해|반경 10정거장|반경 20블록 치킨|반경 300걸음"
)  # fmt: skip


def limits(text: str) -> dict[str, object]:
    plain = normalise(text).text
    found = filters_of(plain, "FOOD_RECOMMENDATION", find_evidence(plain, GAZETTEER)).given()
    return {key: value for key, value in found.items() if key in ("budget_min", "budget_max", "max_distance_m")}


@pytest.mark.parametrize(("text", "won"), [(text, won) for won, said in AT_MOST.items() for text in said.split("|")])
def test_an_amount_as_it_is_typed_is_the_most_to_spend(text: str, won: int) -> None:
    assert limits(text) == {"budget_max": won}


@pytest.mark.parametrize(("text", "metres"), [(text, m) for m, said in WITHIN_M.items() for text in said.split("|")])
def test_a_distance_as_it_is_typed_is_the_farthest_to_go(text: str, metres: int) -> None:
    assert limits(text) == {"max_distance_m": metres}


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("칠팔천", 7000, 8000),
        ("육칠천원 선", 6000, 7000),
        ("5~6천", 5000, 6000),
        ("5,6천원", 5000, 6000),
        ("6-7천", 6000, 7000),
        ("3천~5천사이간식", 3000, 5000),
        ("8천~1만2천 일식 쪽", 8000, 12_000),
        ("1500-3000", 1500, 3000),
    ],
)
def test_an_amount_between_two_is_a_range(text: str, low: int, high: int) -> None:
    assert limits(text) == {"budget_min": low, "budget_max": high}


@pytest.mark.parametrize(("text", "won"), [("30000이상", 30_000), ("9천 이상", 9000), ("최소 5천", 5000)])
def test_an_amount_said_to_be_the_least_is_no_upper_limit(text: str, won: int) -> None:
    assert limits(text) == {"budget_min": won}


@pytest.mark.parametrize("text", NO_LIMIT.split("|"))
def test_a_number_of_something_else_limits_nothing(text: str) -> None:
    assert limits(text) == {}


@pytest.mark.parametrize("text", ["두명이서", "네명이서", "4명", "넷이", "넷이서"])
def test_a_count_of_people_is_company(text: str) -> None:
    plain = normalise(text).text
    assert filters_of(plain, "FOOD_RECOMMENDATION", find_evidence(plain, GAZETTEER)).companion == "group"
