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
