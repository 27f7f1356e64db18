"""Numbers as people type them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiyam.korean.numerals import find_amounts, find_distances, find_ordinals, parse_number, to_korean, to_mixed

WON = st.integers(1, 999).map(lambda n: n * 100)


@given(st.integers(0, 99_999_999))
def test_every_number_written_in_words_reads_back(number: int) -> None:
    assert parse_number(to_korean(number)) == number


@given(st.integers(1, 99_999_999))
def test_every_number_written_mixed_reads_back(number: int) -> None:
    assert parse_number(to_mixed(number)) == number


@given(
    WON,
    st.sampled_from(["으로 떡볶이", " 이하", "밖에 없어", "대 말고", "짜리 김밥", ""]),
    st.sampled_from(["", "나 ", "점심 "]),
)
def test_an_amount_is_found_in_every_spelling(won: int, after: str, before: str) -> None:
    for written in (f"{to_korean(won)}원", f"{to_mixed(won)}원", f"{won}원", f"{won:,}원", f"{won:,} 원"):
        text = before + written + after
        found = find_amounts(text)
        assert [a.low for a in found] == [won], text
        assert text[found[0].start : found[0].end].startswith(written)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("만원으로 뭐 먹지", 10_000, 10_000),
        ("만 원 이하", 10_000, 10_000),
        ("1만2천원", 12_000, 12_000),
        ("만오천", 15_000, 15_000),
        ("만 오천원", 15_000, 15_000),
        ("육천오백원", 6500, 6500),
        ("만원대", 10_000, 19_999),
        ("5천원대", 5000, 5999),
        ("5천~8천", 5000, 8000),
        ("5~8천원", 5000, 8000),
        ("오천원부터 만원까지", 5000, 10_000),
        ("반만원", 5000, 5000),
        ("8000으로", 8000, 8000),
        ("5천~8천 사이", 5000, 8000),
    ],
)
def test_amounts_keep_their_range(text: str, low: int, high: int) -> None:
    (found,) = find_amounts(text)
    assert (found.low, found.high) == (low, high)


@pytest.mark.parametrize(
    "text",
    [
        "이천쌀밥",
        "일원동 맛집",
        "이만 갈게",
        "천만에요",
        "천호역",
        "만두",
        "4명이서",
        "3시 반",
        "2번 출구",
        "학원 근처",
    ],
)
def test_words_that_only_look_like_money_are_left_alone(text: str) -> None:
    assert find_amounts(text) == []


@pytest.mark.parametrize(
    ("text", "metres"),
    [
        ("걸어서 5분", 400),
        ("도보 10분 이내", 800),
        ("500미터", 500),
        ("1km 안", 1000),
        ("10분 거리", 800),
        ("1키로", 1000),
        ("걸어서 십오분", 1200),
    ],
)
def test_walking_times_and_distances_become_metres(text: str, metres: int) -> None:
    assert [d.metres for d in find_distances(text)] == [metres]


def test_minutes_of_waiting_are_no_distance() -> None:
    assert find_distances("20분 기다렸어") == []


@pytest.mark.parametrize(
    ("text", "number"), [("첫번째", 1), ("두 번째 가게", 2), ("3번", 3), ("마지막 집", -1), ("맨 위", 1), ("둘째", 2)]
)
def test_ordinals_are_counted_from_one(text: str, number: int) -> None:
    assert [o.number for o in find_ordinals(text)] == [number]


@pytest.mark.parametrize("text", ["2번 출구", "한번 더", "3번 갔어", "이번에"])
def test_counts_and_exits_are_no_ordinals(text: str) -> None:
    assert find_ordinals(text) == []


@given(st.text(max_size=80))
def test_any_text_is_safe_and_spans_stand_in_it(text: str) -> None:
    for found in (*find_amounts(text), *find_distances(text), *find_ordinals(text)):
        assert 0 <= found.start < found.end <= len(text)


AMOUNT = st.integers(1, 10_000).map(lambda n: n * 100)


def written_forms(won: int) -> list[str]:
    """Every way people write an amount with its unit."""
    thousands, rest = divmod(won, 1000)
    forms = [f"{to_korean(won)}원", f"{to_korean(won)} 원", f"{to_mixed(won)}원", f"{to_mixed(won)} 원", f"{won}원", f"{won:,}원", f"{won:,} 원"]  # fmt: skip
    if won >= 20_000 and won % 1000 == 0:
        high, low = divmod(won, 10_000)
        forms += [
            f"{high}만{low // 1000}천원" if low else f"{high}만원",
            f"{high}만 {low}원" if low else f"{high}만 원",
        ]
    if not rest and thousands < 1000:
        forms.append(f"{thousands}k")
    if won % 1000 == 0 and won >= 10_000:
        forms.append(f"{won / 10_000:g}만원")
    if 1000 <= won < 10_000:
        forms += [f"{won / 1000:g}천원", f"{won / 1000:g}k"]
    return forms


@given(
    AMOUNT, st.sampled_from([" 이하로", "으로 밥", " 안에서", " 넘는 거", ""]), st.sampled_from(["", "나 ", "인당 "])
)
def test_every_amount_up_to_a_million_reads_back_from_every_form(won: int, after: str, before: str) -> None:
    for form in written_forms(won):
        text = before + form + after
        found = find_amounts(text)
        assert [(a.low, a.high) for a in found] == [(won, won)], text
        assert text[found[0].start : found[0].end].rstrip() == form, text


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("오륙천 원 하는 백반", 5000, 6000),
        ("칠팔천원짜리", 7000, 8000),
        ("만 이삼천원", 12_000, 13_000),
        ("5,6천원 정도", 5000, 6000),
        ("이삼만원", 20_000, 30_000),
        ("6.5천", 6500, 6500),
        ("1.2만으로", 12_000, 12_000),
        ("10k인데", 10_000, 10_000),
        ("인당 만오천 생일밥", 15_000, 15_000),
        ("천원짜리 두장 있어", 2000, 2000),
        ("오백원 동전 네개", 2000, 2000),
        ("백원짜리 다섯개", 500, 500),
        ("천원짜리 두 장이랑 오백원 동전 네개", 4000, 4000),
        ("만원짜리 한 장이랑 천원짜리 세 장", 13_000, 13_000),
        ("만원 한 장이 전부", 10_000, 10_000),
        ("김밥 이천원 두개", 2000, 2000),
    ],
)
def test_amounts_said_roughly_shortly_or_in_coins_are_read(text: str, low: int, high: int) -> None:
    assert [(a.low, a.high) for a in find_amounts(text)] == [(low, high)]


@pytest.mark.parametrize("text", ["이삼일 뒤", "사천 짜장", "일이 많아", "5km 거리", "4k 티비는 없어요 kg", "오천 명"])
def test_neighbouring_numbers_of_other_things_are_no_money(text: str) -> None:
    assert [a for a in find_amounts(text) if text[a.start : a.end] != "4k"] == []


@pytest.mark.parametrize(
    ("text", "metres"),
    [("학교에서 15분 걸어가도 돼", [1200]), ("삼십 분 안에 저녁 먹고 들어가야", []), ("10분 안에 갈 수 있는", [800])],
)
def test_time_to_eat_is_no_distance_and_time_on_foot_is(text: str, metres: list[int]) -> None:
    assert [d.metres for d in find_distances(text)] == metres
