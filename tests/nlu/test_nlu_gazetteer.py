"""Dish and shop names found in an utterance."""

from __future__ import annotations

import pytest

from aiyam.korean.spelling import normalise
from aiyam.nlu.gazetteer import Gazetteer
from aiyam.nlu.shop_names import ShopNames

GAZETTEER = Gazetteer.from_shipped(["신림할매분식", "김밥천국 신림점", "홍콩반점 2호점"])


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("김치 찌개 파는데", ["김치찌개"]),
        ("떡볶이랑순대", ["떡볶이", "순대"]),
        ("떢볶이 먹자", ["떡볶이"]),
        ("마리탕 먹자", ["마라탕"]),
        ("회사 근처", []),
        ("배고파 죽겠다", []),
        ("죽을 것 같아", []),
        ("회 먹고 싶어", ["회"]),
    ],
)
def test_dishes_are_found_and_ordinary_words_are_not(text: str, names: list[str]) -> None:
    assert [h.value for h in GAZETTEER.find_dishes(normalise(text).text)] == names


@pytest.mark.parametrize(
    ("text", "name"),
    [("신림할매분식 몇시까지", "신림할매분식"), ("신림 할매분식 어디", "신림 할매분식"), ("김밥천국 메뉴", "김밥천국")],
)
def test_shops_are_found_with_or_without_spaces_and_branch(text: str, name: str) -> None:
    assert [text[a:b] for a, b in GAZETTEER.shops.find(text)] == [name]


def test_a_misspelt_shop_is_found_among_many() -> None:
    names = ShopNames(
        [
            f"{a}{b}{c}"
            for a in "가나다라마바사아자차"
            for b in "강남동서북중신구"
            for c in ("분식", "식당", "치킨", "반점", "국수")
        ]
        + ["신림할매분식"]
    )
    assert names.near("신림할메분식")[0] == names.rows("신림할매분식")[0]
    assert names.near("전혀다른이름가게") == []
    assert names.rows("없는가게") == []
