"""Categories from names, trades and menus."""

from __future__ import annotations

from pathlib import Path

import pytest

from aiyam.catalogue.categories import CategoryWords, infer_category
from aiyam.contracts import CATEGORIES
from aiyam.errors import DataError

CLEAR = {
    "한식": ["전주 콩나물국밥", "시골밥상", "할매순두부", "원조 칼국수", "춘천 막국수", "본죽 신림점"],
    "중식": ["홍콩반점", "교동짬뽕", "마라공방 마라탕", "만리장성", "짜장면집", "룽타우객잔"],
    "일식": ["스시로 강남점", "바다횟집", "돈까스 클럽", "역전우동", "하카타라멘"],
    "양식": ["롤링파스타", "올댓스테이크", "브런치 테이블", "샐러드 연구소"],
    "분식": ["엽기떡볶이", "김밥천국", "고봉민김밥인 신림점", "학교앞 분식", "손만두집"],
    "치킨": ["교촌치킨 퇴계1호점", "또봉이통닭후평점", "BHC 신림점", "푸라닭", "속초닭강정"],
    "피자": ["피자스쿨", "도미노피자 춘천후평점", "59쌀피자", "PIZZA 공방"],
    "패스트푸드": ["롯데리아우두점", "맘스터치 석사점", "이삭토스트 한림대점", "KFC춘천석사", "프랭크버거"],
    "고기": ["돌다리야채곱창", "명륜진사갈비", "하남돼지집", "원할머니보쌈족발", "춘천닭갈비"],
    "아시안": ["하노이 쌀국수", "미스사이공", "방콕 팟타이", "케밥하우스", "에베레스트 커리"],
    "카페": ["스타벅스 신림점", "메가커피", "동네카페", "설빙", "COFFEE BAY"],
    "베이커리": ["파리바게뜨 후평점", "뚜레쥬르", "동네빵집", "던킨도너츠", "독일제빵"],
    "도시락": ["한솥도시락", "본도시락", "토마토도시락"],
    "편의점": ["GS25 춘천석사점", "CU 강원대점", "세븐일레븐 신림점", "지에스25 관악점", "이마트24 호텔점"],
}


@pytest.mark.parametrize(("category", "name"), [(c, n) for c, names in CLEAR.items() for n in names])
def test_a_name_that_says_what_it_sells_gets_its_category(category: str, name: str) -> None:
    found, confidence = infer_category(name)
    assert found == category
    assert confidence >= 0.5


def test_every_category_can_be_found() -> None:
    assert set(CLEAR) == set(CATEGORIES)


def test_a_name_that_says_nothing_gets_none_and_no_confidence() -> None:
    for name in ("봄날", "GC ATELIER", "공간모음", "", "   ", "😋"):
        assert infer_category(name) == (None, 0.0), name


def test_the_trade_decides_where_the_name_says_nothing_and_yields_to_a_name_that_speaks() -> None:
    assert infer_category("봄날", "중식")[0] == "중식"
    assert infer_category("봄날", "제과점")[0] == "베이커리"
    assert infer_category("피자스쿨", "패스트푸드")[0] == "피자"
    assert infer_category("교촌치킨", "일반대중음식")[0] == "치킨"


def test_menus_decide_where_name_and_trade_say_nothing() -> None:
    assert infer_category("봄날", "", ("후라이드치킨", "양념치킨"))[0] == "치킨"
    assert infer_category("봄날", "", ("짜장면", "짬뽕", "탕수육"))[0] == "중식"


def test_a_longer_word_hides_the_shorter_one_inside_it() -> None:
    assert infer_category("청담 갈비탕")[0] == "한식"
    assert infer_category("우리 순대국")[0] == "한식"
    assert infer_category("북경루 별관")[0] == "중식"
    assert infer_category("사거리 수련관")[0] is None


def test_a_branch_or_the_building_it_stands_in_is_not_what_it_sells() -> None:
    assert infer_category("빅스타피자 홈플러스점")[0] == "피자"
    assert infer_category("교촌치킨 국수리점")[0] == "치킨"


def test_two_kinds_in_one_name_lower_the_confidence() -> None:
    assert infer_category("피자나라치킨")[1] < infer_category("피자나라")[1]


def test_a_damaged_word_table_is_named_with_its_line(tmp_path: Path) -> None:
    table = tmp_path / "words.tsv"
    table.write_text("category\tweight\twhere\tpattern\n프랑스식\t2\tname\t크레페\n", encoding="utf-8")
    with pytest.raises(DataError, match="line 2"):
        CategoryWords.load(table)
