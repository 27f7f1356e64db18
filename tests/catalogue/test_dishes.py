"""The dish lexicon: size, honesty about allergens, and finding dishes inside menu names."""

import json

import pytest

from aiyam.catalogue.dishes import load_dishes, lookup, shipped_dishes
from aiyam.contracts import CATEGORIES
from aiyam.errors import DataError


def test_every_category_has_a_dozen_dishes_and_the_lexicon_450():
    dishes = shipped_dishes().dishes
    assert len(dishes) >= 450
    for category in CATEGORIES:
        assert sum(dish.category == category for dish in dishes) >= 12


@pytest.mark.parametrize("word", ["소주", "맥주", "막걸리", "하이볼", "와인", "사케", "칵테일", "담배"])
def test_no_dish_is_alcohol_or_tobacco(word):
    sake_over_rice = {"사케동"}  # salmon, not the drink
    assert not [
        d.name
        for d in shipped_dishes().dishes
        if d.name not in sake_over_rice and any(word in t for t in (d.name, *d.aliases))
    ]


@pytest.mark.parametrize(
    ("written", "dish"),
    [
        ("할매 떡볶이", "떡볶이"),
        ("치즈돈까스 정식", "치즈돈까스"),
        ("순대떡볶이", "떡볶이"),
        ("아이스크림", "아이스크림"),
        ("짜장면 곱빼기", "짜장면"),
        ("김찌", "김치찌개"),
        ("수제 치즈 버거", "치즈버거"),
        ("치마", "치킨마요덮밥"),
    ],
)
def test_the_longest_dish_inside_a_name_is_found(written, dish):
    found = lookup(written)
    assert found is not None
    assert found.name == dish


@pytest.mark.parametrize("written", ["", "  ", "하늘색 우산", "공책", "😀"])
def test_what_is_no_dish_finds_none(written):
    assert lookup(written) is None


@pytest.mark.parametrize(
    ("name", "allergen"),
    [
        ("마라탕", "땅콩"), ("팟타이", "땅콩"), ("막국수", "메밀"), ("크림파스타", "우유"), ("오므라이스", "알류"), ("짜장면", "밀"),
        ("칠리새우", "새우"), ("간장게장정식", "게"), ("고등어구이정식", "고등어"), ("돼지갈비", "돼지고기"), ("토마토파스타", "토마토"),
        ("호두과자", "호두"), ("삼계탕", "닭고기"), ("설렁탕", "쇠고기"), ("오징어볶음", "오징어"), ("전복죽", "조개류"), ("잣죽", "잣"),
        ("된장찌개", "대두"), ("복숭아아이스티", "복숭아"), ("탕수육", "밀"), ("후라이드치킨", "알류"), ("냉모밀", "메밀"), ("김치찌개", "새우"),
    ],
)  # fmt: skip
def test_a_dish_names_the_allergen_everyone_knows_it_has(name, allergen):
    assert allergen in shipped_dishes().allergens_of(name)


@pytest.mark.parametrize(
    ("name", "allergens"),
    [
        ("새우치즈김밥", {"새우", "우유", "알류"}),
        ("땅콩 소스 비빔면", {"땅콩"}),
        ("해물 로제 떡볶이", {"오징어", "조개류", "새우", "게", "우유"}),
        ("계란 추가", {"알류"}),
        ("듣도보도못한 쉬림프 플래터", {"새우"}),
    ],
)
def test_words_before_a_dish_add_their_allergens(name, allergens):
    assert allergens <= set(shipped_dishes().allergens_of(name))


def test_a_name_that_says_spicy_is_spicy():
    assert "매운" in shipped_dishes().tastes_of("매운 등심돈까스")
    assert "매운" not in shipped_dishes().tastes_of("등심돈까스")


def test_a_damaged_row_is_named(tmp_path):
    row = {
        "name": "떡볶이", "category": "없는분류", "kind": "떡볶이", "price_min": 1, "price_max": 2, "tastes": [], "diets": [],
        "allergens": [], "times": [], "aliases": [], "child": True, "side": False,
    }  # fmt: skip
    path = tmp_path / "dishes.jsonl"
    path.write_text(json.dumps(row, ensure_ascii=False), encoding="utf-8")
    with pytest.raises(DataError, match=r"dishes\.jsonl:1"):
        load_dishes(path)


@pytest.mark.parametrize(
    ("name", "allergen"),
    [
        ("왕깐풍기 세트", "닭고기"),
        ("해물팟타이", "땅콩"),
        ("등뼈감자탕", "돼지고기"),
        ("콤비네이션피자", "우유"),
        ("굴밥정식", "조개류"),
    ],
)
def test_a_word_in_a_name_tells_its_allergen(name: str, allergen: str) -> None:
    assert allergen in shipped_dishes().allergens_of(name)
