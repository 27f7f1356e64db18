"""Hangul taken apart and put together."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aiyam.korean.jamo import compose, edit_distance, initials, split

SYLLABLES = st.text(st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3), max_size=12)


@given(SYLLABLES)
def test_syllables_split_and_compose_back(text: str) -> None:
    assert compose(split(text)) == text


@given(SYLLABLES, SYLLABLES)
def test_edit_distance_is_symmetric_and_zero_only_for_the_same(left: str, right: str) -> None:
    assert edit_distance(left, right, limit=40) == edit_distance(right, left, limit=40)
    assert (edit_distance(left, right, limit=40) == 0) == (left == right)


def test_one_slip_of_a_thumb_is_one_edit() -> None:
    assert edit_distance("떢볶이", "떡볶이") == 1
    assert edit_distance("김치찌게", "김치찌개") == 1
    assert edit_distance("김밥", "마라탕", limit=2) == 3


def test_initials_are_what_children_type() -> None:
    assert initials("추천") == "ㅊㅊ"
