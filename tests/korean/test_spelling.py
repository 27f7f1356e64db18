"""Typed text brought to plain Korean, with its way back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiyam.korean.spelling import MAX_CHARS, normalise


@pytest.mark.parametrize(
    ("typed", "plain"),
    [
        ("급카 되는 데", "급식카드 되는 데"),
        ("떢볶이", "떡볶이"),
        ("김치찌게", "김치찌개"),
        ("마싯는 거 ㅊㅊ", "맛있는 거 추천"),
        ("ㅋㅋㅋㅋㅋ", "ㅋㅋ"),
        ("１만원", "1만원"),
        ("\u1112\u1161\u11ab식", "한식"),
    ],
)
def test_slang_and_slips_become_plain(typed: str, plain: str) -> None:
    assert normalise(typed).text == plain


@pytest.mark.parametrize(
    ("typed", "plain"),
    [
        ("차칸가게 어딧", "착한가게 어딧"),
        ("차칸 가계 알려줘", "착한 가계 알려줘"),
        ("착칸 사장님", "착한 사장님"),
        ("선항영향력가게", "선한영향력가게"),
        ("선항 영향력 가게", "선한 영향력 가게"),
        ("우리동네 착한가계", "우리동네 착한가게"),
        ("사천오백언 잇어", "사천오백원 있어"),
        ("백언 모자라", "백원 모자라"),
        ("이천언으로 마넌 말고", "이천원으로 만원 말고"),
        ("2마넌", "2만원"),
        ("오쳔언이하", "오천원이하"),
    ],
)
def test_amounts_and_good_shops_spelt_by_ear_are_read(typed: str, plain: str) -> None:
    assert normalise(typed).text == plain


@pytest.mark.parametrize(
    "typed",
    [
        "주차칸 있는 치킨집", "기차칸 도시락", "주차칸 식당", "밀착칸막이 식당", "부착칸 옆", "선항 영어", "여객선항 영업소",
        "동백언덕", "담백언니", "백언니네 분식", "이천언덕 카페", "인천언니네", "백만언론사", "엄마넌 뭐 먹어", "착한가계부",
        "정착한 가계",
    ],
)  # fmt: skip
def test_a_word_that_holds_a_slip_is_left_alone(typed: str) -> None:
    assert normalise(typed).text == typed


def test_a_span_of_the_plain_text_points_at_what_was_typed() -> None:
    typed = "오늘 급카되는 떢볶이집"
    plain = normalise(typed)
    for word, written in (("급식카드", "급카"), ("떡볶이", "떢볶이")):
        at = plain.text.index(word)
        start, end = plain.span(at, at + len(word))
        assert typed[start:end] == written


@given(st.text(st.characters(), max_size=60) | st.text("급카떢볶이ㅊㅋ 1만원\u200b\x00\ud800", max_size=40))
def test_any_string_is_safe_and_maps_back_in_order(text: str) -> None:
    plain = normalise(text)
    assert len(plain.starts) == len(plain.ends) == len(plain.text)
    assert list(plain.starts) == sorted(plain.starts)
    assert all(0 <= s < e <= len(text) for s, e in zip(plain.starts, plain.ends, strict=True))
    plain.text.encode()


def test_a_very_long_message_is_read_only_so_far() -> None:
    assert len(normalise("밥" * 10_000).text) == MAX_CHARS
