"""Places in text: exact spans, particles, dropped spaces, one wrong letter, and silence inside ordinary words."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiyam.korean import places
from aiyam.korean.places import find_places, place_named, shipped_places


def test_seoul_has_25_districts_six_dongs_each_200_stations_and_the_country_17_provinces():
    known = shipped_places()
    districts = [place.name for place in known.of_kind("district")]
    assert len(set(districts)) == 25
    assert len(known.of_kind("station")) >= 200
    assert len(known.of_kind("province")) == 17
    for district in districts:
        assert sum(dong.district == district for dong in known.of_kind("dong")) >= 6


@pytest.mark.parametrize("kind", ["dong", "station"])
def test_a_place_lies_near_its_district(kind):
    centres = {place.name: place for place in shipped_places().of_kind("district")}
    for place in shipped_places().of_kind(kind):
        centre = centres[place.district]
        km = math.hypot((place.lat - centre.lat) * 111.2, (place.lon - centre.lon) * 88.3)
        assert km < 8, (place.name, place.district, km)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("설대입구에서 뭐 먹지", [("설대입구", "서울대입구역")]),
        ("홍대 근처 마라탕", [("홍대", "홍대입구역")]),
        ("강남역떡볶이", [("강남역", "강남역")]),
        ("나신림역근처야", [("신림역", "신림역")]),
        ("지금홍대근처", [("홍대", "홍대입구역")]),
        ("서울대 입구역 3번출구", [("서울대 입구역", "서울대입구역")]),
        ("관악구청 앞", [("관악구", "관악구")]),
        ("강남구청역 앞", [("강남구청역", "강남구청역")]),
        ("서울시 관악구 신림동", [("서울시", "서울특별시"), ("관악구", "관악구"), ("신림동", "신림동")]),
        ("노원이랑 중계동", [("노원", "노원역"), ("중계동", "중계동")]),
        ("중구에 있는 분식집", [("중구", "중구")]),
        ("미아역 앞", [("미아역", "미아역")]),
        ("부산 해운대구 맛집", [("부산", "부산광역시"), ("해운대구", "해운대구")]),
        ("😀 신촌 👍", [("신촌", "신촌역")]),
    ],
)
def test_places_are_found_with_their_spans(text, found):
    matches = find_places(text)
    assert [(m.text, m.place.name) for m in matches] == found
    assert all(text[m.start : m.end] == m.text for m in matches)


@pytest.mark.parametrize(
    ("text", "name"), [("신립역 앞", "신림역"), ("관악꾸 맛집", "관악구"), ("홍데입구 밥집", "홍대입구역")]
)
def test_one_wrong_letter_is_forgiven_and_told(text, name):
    (match,) = find_places(text)
    assert match.place.name == name
    assert match.edits == 1


@pytest.mark.parametrize(
    "text",
    [
        "중구난방", "강남콩 먹고 싶어", "성동격서", "나주세요 김밥", "이천원으로 뭐 먹어", "예산 만원", "남성 옷", "미아 찾기", "가오리찜", "온수 나와?",
        "중화요리", "홍길동", "먹을 거여", "춘천닭갈비", "전주비빔밥 파는 데", "대구탕 먹고 싶다", "마포갈비", "종로김밥", "유튜브 시청", "방학 때 뭐 먹지",
        "공주님", "고대 그리스", "면목없다", "동작 그만", "제주흑돼지", "부산어묵", "세종대왕", "경기 끝났어", "", "   ", "ㅋㅋㅋㅋ", "hello",
    ],
)  # fmt: skip
def test_ordinary_words_are_left_alone(text):
    assert find_places(text) == []


def test_a_name_two_districts_share_is_read_inside_the_one_just_named():
    (gangnam,) = find_places("신사동 밥집")
    assert gangnam.place.district == "강남구"
    assert [place.district for place in gangnam.others] == ["은평구"]
    assert find_places("은평구 신사동")[1].place.district == "은평구"


def test_the_picker_lists_districts_and_stations_by_full_name():
    assert "관악구" in places.DISTRICTS
    assert "서울대입구역" in places.STATIONS
    found = place_named("설대입구")
    assert found is not None
    assert (found.district, found.kind) == ("관악구", "station")
    assert place_named("없는역") is None


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.sampled_from("강남역신림동관악구서울대입 \n😀a중홍에서ㅎ"), max_size=30))
def test_spans_hold_their_text_in_order_whatever_is_typed(text):
    end = 0
    for match in find_places(text):
        assert match.start >= end
        assert text[match.start : match.end] == match.text
        end = match.end


@pytest.mark.parametrize(
    ("text", "name", "province"),
    [
        ("해운대 맛집", "해운대", "부산광역시"),
        ("서면 맛집", "서면", "부산광역시"),
        ("판교역 근처", "판교", "경기도"),
        ("전주 맛집", "전주시", "전북특별자치도"),
        ("경주 갈래", "경주시", "경상북도"),
        ("제주도 맛집", "제주특별자치도", "제주특별자치도"),
        ("애월에서 밥", "애월", "제주특별자치도"),
    ],
)
def test_well_known_places_of_other_cities_are_known(text, name, province):
    (match,) = find_places(text)
    assert (match.place.name, match.place.province) == (name, province)


@pytest.mark.parametrize("text", ["줄 서면 얼마나 걸려", "앞에 서면 돼", "고유성", "광교수님"])
def test_neighbourhoods_of_other_cities_stay_out_of_ordinary_words(text):
    assert find_places(text) == []


@pytest.mark.parametrize("text", ["춘천 명동 닭갈비", "창원 상남동 밥집"])
def test_a_namesake_right_after_another_city_is_not_the_one_in_seoul(text):
    assert [m.place.kind for m in find_places(text)] == ["city"]


def test_a_place_of_seoul_after_another_city_in_the_same_sentence_still_counts():
    assert [m.name for m in find_places("부산에서 왔는데 홍대 맛집")][-1] == "홍대입구역"


@pytest.mark.parametrize(
    "text", ["망포역 근처 김밥", "중앙역 앞", "대곡역에서 치킨", "사상역 밥집", "정발산역 김밥", "문학경기장역"]
)
def test_a_station_of_another_city_is_no_misspelt_one(text: str) -> None:
    assert find_places(text) == []


def test_a_misspelt_station_is_still_found() -> None:
    assert [m.name for m in find_places("신림욕 근처")] == ["신림역"]
    assert [m.name for m in find_places("마퍼역 근처")] == ["마포역"]
