"""Hangul taken apart and put together."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from aiyam.korean.jamo import compose, edit_distance, initials, noisy, split

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


@given(st.text("가나다라마바사 맛있는떡볶이ㅋ!", max_size=30), st.integers(0, 99))
def test_a_noisy_copy_knows_where_each_character_came_from(text: str, seed: int) -> None:
    copy = noisy(text, random.Random(seed), rate=0.5)
    assert len(copy.origin) == len(copy.text)
    assert list(copy.origin) == sorted(copy.origin)
    assert all(0 <= o < len(text) for o in copy.origin)
    assert copy == noisy(text, random.Random(seed), rate=0.5)
