"""Filters with their direction, from rules alone."""

from __future__ import annotations

import itertools

import hypothesis
import pytest
from hypothesis import strategies as st

from aiyam.contracts import Filters, Intent
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
        ("걸어서 5분 안 김밥", {"max_distance_m": 400, "menus": ["김밥"]}),
        ("10분 안 국밥집", {"max_distance_m": 800, "menus": ["국밥"]}),
        ("500m 안 분식", {"max_distance_m": 500, "category": "분식"}),
        ("만원 안 초밥", {"budget_max": 10_000, "menus": ["초밥"]}),
        ("만원 안 매운 라면", {"budget_max": 10_000, "exclude_taste": ["매운"], "menus": ["라면"]}),
        ("5분 안 걸리는 김밥집", {"max_distance_m": 400, "menus": ["김밥"]}),
        ("걸어갈 수 있는 데만", {"max_distance_m": 1200}),
        ("112동 앞 분식", {"near_me": True, "category": "분식"}),
        ("피쟈 먹고싶당", {"category": "피자"}),
        ("i want pizza near guro", {"category": "피자", "district": "구로구"}),
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


TURNED_DOWN = [
    "치킨 말고", "치킨말구", "치킨집은 빼고", "치킨 빼주세요", "치킨 제외하고", "치킨 싫어", "치킨은 이제 질려", "치킨 지겨워", "치킨 못 먹어요", "치킨 안먹을래", "치킨 안 땡겨",
    "치킨은 별로", "라면은 됐고", "치킨 ㄴㄴ", "치킨 아닌 거", "치킨만 아니면 됨", "치킨 대신 딴거", "치킨 먹기 싫어", "치킨은 먹고 싶지 않아", "치킨은 안 된대요", "치킨 먹지 말래",
    "치킨 물렸어", "치킨 패스", "치킨 같은 거 말고", "치킨은 어제 먹었고", "치킨은 비싸니까 빼고요", "치킨은 동생이 싫어해", "치킨은 기름져서 싫어", "치킨은 좀 그래",
    "치킨 빼곤 다 돼", "치킨만 먹어서 질린다", "치킨 보기도 싫어", "치킨 같은 기름진 거 말고", "치킨 파는 집은 제외해 주세요", "치킨은 느끼하다 하고", "치킨은 입에도 못 대", "치킨은 손도 안 대요",
]  # fmt: skip
WANTED = [
    "치킨 먹고 싶어", "치킨 말고도 있어?", "치킨 안 먹으면 나 죽어", "치킨 안먹어봤는데", "치킨 안돼?", "치킨 질리도록 먹고 싶다", "치킨 못 먹은 지 한달", "치킨 안 비싼 데",
    "치킨 싫어하는 사람 없지", "치킨 아무 데나", "치킨 무서울 정도로 먹을래",
    "ㄴㄴ 치킨", "치킨 아니면 돼지갈비", "치킨집은 없는지요", "피아노 치킨",
]  # fmt: skip


@pytest.mark.parametrize("text", TURNED_DOWN)
def test_food_is_turned_down_in_many_words(text: str) -> None:
    found = given(text)
    assert found.get("exclude_menus") == (["라면"] if "라면" in text else ["치킨"])
    assert "category" not in found
    assert "menus" not in found


@pytest.mark.parametrize("text", WANTED)
def test_food_that_is_wanted_is_not_turned_down(text: str) -> None:
    assert given(text)["category"] == "치킨"


@pytest.mark.parametrize("text", ["치킨이랑 햄버거 말고", "치킨, 햄버거 빼고", "치킨도 햄버거도 싫어"])
def test_a_list_is_turned_down_whole(text: str) -> None:
    assert sorted(given(text)["exclude_menus"]) == ["치킨", "햄버거"]  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("text", "intent", "expected"),
    [
        ("2번 말고", "REFINE", {}),
        ("첫번째 집 말고요", "REFINE", {}),
        ("2번 메뉴 뭐야", "MENU_INQUIRY", {"ordinal": 2}),
        ("점심 말고 저녁", "FOOD_RECOMMENDATION", {"time_of_day": "dinner"}),
        ("점메추", "FOOD_RECOMMENDATION", {"time_of_day": "lunch"}),
        ("저메추 ㄱㄱ", "FOOD_RECOMMENDATION", {"time_of_day": "dinner"}),
        ("신림동 말고 봉천동", "LOCATION_INQUIRY", {"place": "봉천동"}),
        ("급카 안 되는 데 빼고", "REFINE", {"meal_card": True}),
        ("급카 말고 현금으로", "REFINE", {}),
        ("매운 거 무서워요", "REFINE", {"exclude_taste": ["매운"]}),
        ("매운거 안파는 데", "REFINE", {"exclude_taste": ["매운"]}),
        ("안 자극적인 걸로", "REFINE", {"taste": ["순한"]}),
        ("교회 옆에 뭐 있나요", "LOCATION_INQUIRY", {"near_me": True}),
        ("태권도장 앞", "LOCATION_INQUIRY", {"near_me": True}),
        ("봉천동인데 주변에 갈 데", "LOCATION_INQUIRY", {"place": "봉천동"}),
        ("은마사거리 근처 밥집", "LOCATION_INQUIRY", {"place": "은마사거리"}),
        ("새우 들어간 거 빼고", "REFINE", {"allergies": ["새우"]}),
        ("우유 먹으면 배 아파", "FOOD_RECOMMENDATION", {"allergies": ["우유"]}),
        ("땅콩 없는 데로", "REFINE", {"allergies": ["땅콩"]}),
        ("혼자 먹기 싫은데 친구랑", "FOOD_RECOMMENDATION", {"companion": "friends"}),
        ("중식은 느끼하다 일식은 비리다 하고", "REFINE", {"exclude_menus": ["중식", "일식"]}),
        ("편의점밥 말고 한식", "REFINE", {"exclude_menus": ["편의점"], "category": "한식"}),
        ("치킨 피자 이런 거 말고", "REFINE", {"exclude_menus": ["치킨", "피자"]}),
        ("치킨 패스트푸드 다 좋아", "REFINE", {"category": ["치킨", "패스트푸드"]}),
        ("짜장면이랑 짬뽕 중에", "REFINE", {"menus": ["짜장면", "짬뽕"]}),
        ("만원 미만 설렁탕은 없는지요", "REFINE", {"budget_max": 9999, "menus": ["설렁탕"]}),
        ("2만원대로 갈 데", "REFINE", {"budget_min": 20_000, "budget_max": 29_999}),
        ("첫번째는 가봤어 다른 데", "REFINE", {}),
        ("1번하고 3번은 가봤으니까", "REFINE", {}),
        ("2번은 문 닫았던데 딴 데", "REFINE", {}),
        ("급식카드 조건은 빼도 됨", "REFINE", {}),
        ("꿈나무카드 꼭 있어야 되나요", "GOOD_SHOP_INQUIRY", {}),
        ("급카 안 보여줘도 되는 데", "GOOD_SHOP_INQUIRY", {}),
        ("매운 건 입에도 못 대는 조카랑", "REFINE", {"exclude_taste": ["매운"], "companion": "family"}),
        ("매운 거 빼곤 다 됨", "REFINE", {"exclude_taste": ["매운"]}),
        ("안 짠 데로", "REFINE", {"exclude_taste": ["짠"]}),
        ("달지 않은 거", "REFINE", {"exclude_taste": ["단"]}),
        ("맵찔이라 못 골라", "REFINE", {"exclude_taste": ["매운"]}),
        ("맵찔이라 순한 걸로", "REFINE", {"taste": ["순한"]}),
        ("게도 못 먹어요", "REFINE", {"allergies": ["게"]}),
        ("새우도 게도 못 먹어요", "REFINE", {"allergies": ["새우", "게"]}),
        ("너무 비싼데 팔천원 밑으로", "REFINE", {"budget_max": 8000}),
        ("너무 멀어 500m 안으로", "REFINE", {"max_distance_m": 500}),
        ("학원 앞 패스트푸드 없어?", "REFINE", {"near_me": True, "category": "패스트푸드"}),
        ("할머니가 매운 거 못 잡숴서", "REFINE", {"exclude_taste": ["매운"], "companion": "family"}),
        ("건강에 좋은 거", "REFINE", {"dietary_preferences": ["건강식"]}),
        ("놀이방 딸린 식당", "REFINE", {"atmosphere": ["놀이방"]}),
        ("면 말고 밥으로", "REFINE", {"exclude_menus": ["면"]}),
        ("나는 면이 좋아", "REFINE", {"menus": ["면"]}),
        ("noodle류", "REFINE", {"menus": ["국수"]}),
        ("cu 꿀조합", "REFINE", {"category": "편의점"}),
        ("halal food", "REFINE", {"dietary_preferences": ["할랄"]}),
        ("vegan 식당", "REFINE", {"dietary_preferences": ["채식"]}),
        ("저렴한식당", "REFINE", {"sort": "price"}),
        ("한식당", "REFINE", {"category": "한식"}),
        ("안매운찜닭 추천", "REFINE", {"exclude_taste": ["매운"], "menus": ["찜닭"]}),
        ("수원역 제육 맛집", "REFINE", {"place": "수원역", "menus": ["제육볶음"]}),
        ("우리 지역 맛집", "REFINE", {}),
        ("할매 혼자 왔는데", "REFINE", {"companion": "alone"}),
        ("센터 아이들 간식", "FOOD_RECOMMENDATION", {"companion": "group", "time_of_day": "snack"}),
    ],
)
def test_what_is_turned_down_or_said_around_a_word_counts(text: str, intent: str, expected: dict[str, object]) -> None:
    assert given(text, intent) == expected


@pytest.mark.parametrize(
    "card",
    ["급카", "급식카", "급식카드", "꿈나무카드", "컬러풀드림카드", "컬러풀 카드", "푸르미카드", "꿈자람카드", "G드림카드", "지드림카드", "행복드림카드", "아동급식카드", "급식전자카드", "meal card", "카드"],
)  # fmt: skip
def test_every_name_of_the_meal_card_is_known(card: str) -> None:
    assert given(f"{card} 되는 김밥집") == {"meal_card": True, "menus": ["김밥"]}


@pytest.mark.parametrize("card", ["신용카드", "교통카드", "카드게임"])
def test_other_cards_are_no_meal_card(card: str) -> None:
    assert "meal_card" not in given(f"{card} 되는 김밥집")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("모퉁이카레 몇시에 열어", "모퉁이카레"), ("맥날 어디임", "맥날"), ("소담국수 주차돼요?", "소담국수"),
        ("하늘정원 메뉴판", "하늘정원"), ("달콤공방 몇시에 끝나", "달콤공방"), ("장군집에서 제일 싼 거", "장군집"), ("대성반점에요 영업 중", "대성반점"), ("영자네 메뉴 좀 보여줘", "영자네"), ("온누리식당에 죽 있습니까", "온누리식당"), ("두레반은 휠체어 들어갈 수 있소", "두레반"), ("우리분식 떡볶이 값", "우리분식"),
    ],
)  # fmt: skip
def test_a_shop_that_is_asked_about_is_seen_without_a_catalogue(text: str, name: str) -> None:
    shops = [text[s.start : s.end] for s in find_evidence(text, GAZETTEER) if s.entity == "shop_name"]
    assert shops == [name]


@pytest.mark.parametrize(
    "text",
    ["근처에는 몇시까지 하는 데 있어", "몇시에 문 열어요", "일요일에도 문 여는 데", "우리집 메뉴 뭐 있어", "이모네 집은 어디야", "추천해준집 메뉴", "두번째집 메뉴 뭐야", "먹을라면 얼마야", "가성비식당 있나요", "감성카페 있어요?", "할랄식당 어디", "24시국밥 있어요?"],
)  # fmt: skip
def test_words_that_only_begin_a_question_are_no_shop(text: str) -> None:
    assert not [s for s in find_evidence(normalise(text).text, GAZETTEER) if s.entity == "shop_name"]


@pytest.mark.parametrize(
    "text", ["달콤공방 몇시에 끝나", "달콤공방 케이크", "매콤한상 가고 싶어", "건강밥상 가고 싶어", "바삭공방"]
)
def test_a_taste_inside_a_longer_name_is_no_taste(text: str) -> None:
    assert not {"taste", "dietary_preferences"} & set(given(text))


@pytest.mark.parametrize(
    ("text", "taste"),
    [("달콤한 거", "단"), ("매콤하게", "매운"), ("바삭치킨", "바삭한"), ("매운떡볶이", "매운"), ("담백", "담백한"), ("시원한거", "시원한")],
)  # fmt: skip
def test_a_taste_said_of_food_is_one(text: str, taste: str) -> None:
    assert given(text)["taste"] == [taste]


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("우리 학교 근처", ["학교 근처"]), ("우리집 근처", ["집 근처"]), ("울학교 앞", ["학교 앞"]), ("우리 동네", ["우리 동네"]), ("이 근처", ["이 근처"]), ("내 주변", ["내 주변"]),
        ("피아노학원 앞", ["학원 앞"]), ("신림역 근처", ["신림역"]), ("나 혼자서", ["혼자"]), ("학생들 20명", ["학생들", "20명"]), ("아이들 열두 명", ["아이들", "열두 명"]), ("학부모 여섯 명", ["학부모", "여섯 명"]),
        ("아이들 넷", ["아이들", "넷"]), ("가족 다섯이서", ["가족", "다섯"]), ("친구 두명", ["친구", "두명"]), ("열다섯 명분", ["열다섯 명"]), ("두 사람", ["두 사람"]), ("한 사람", []), ("할머니 다섯 분", ["할머니", "다섯 분"]),
        ("세 분이", ["세 분"]), ("다섯 분식집", []), ("둘이서", []), ("동아리 회식", ["동아리"]), ("가족 모임", ["가족"]), ("세 식구", ["식구"]), ("여섯 시", []),
    ],
)  # fmt: skip
def test_company_and_places_nearby_are_marked_as_the_utterances_are(text: str, marked: list[str]) -> None:
    spans = [s for s in find_evidence(text, GAZETTEER) if s.entity in ("companion", "location")]
    assert [text[s.start : s.end] for s in spans] == marked


@hypothesis.given(
    st.text(st.characters(), max_size=60) | st.text("급카치킨말고만원대2번역동 ㄱㅋ\u200b\x00,~k", max_size=40),
    st.sampled_from(list(Intent)),
)
def test_any_text_is_safe_and_spans_stand_in_order(text: str, intent: Intent) -> None:
    plain = normalise(text).text
    for said in (plain, text):
        spans = find_evidence(said, GAZETTEER)
        assert all(0 <= s.start < s.end <= len(said) for s in spans)
        assert all(a.end <= b.start for a, b in itertools.pairwise(spans))
        filters_of(said, intent, spans)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("롯데월드 근처 떡볶이", {"place": "롯데월드"}),
        ("롯데월드 안에 밥집", {"place": "롯데월드"}),
        ("에버랜드 가기 전에 밥", {"place": "에버랜드"}),
        ("한강에서 라면 먹을 데", {"place": "한강"}),
        ("한강라면 먹고 싶다", {}),
        ("여의도공원 근처 김밥", {"place": "여의도공원"}),
        ("월미도 칼국수", {"place": "월미도"}),
        ("경기도 맛집", {}),
        ("스타필드 근처 파스타", {"place": "스타필드"}),
        ("까치공원 앞 떡볶이", {"place": "까치공원"}),
        ("별빛수목원 입구 국밥", {"place": "별빛수목원"}),
        ("놀이공원 근처 밥집", {"near_me": True}),
        ("지하철역 앞 토스트", {"near_me": True}),
        ("해변 근처 횟집", {"near_me": True}),
        ("어린이공원 옆 분식", {"near_me": True}),
        ("제주 이도동 쪽에 밥 먹을 데 이수과", {}),
        ("이수역 밥집", {"place": "총신대입구역"}),
    ],
)
def test_a_place_of_any_kind_is_understood(text: str, where: dict[str, object]) -> None:
    assert {k: v for k, v in given(text).items() if k in ("place", "district", "near_me")} == where
