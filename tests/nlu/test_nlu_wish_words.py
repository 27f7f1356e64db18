"""Which words of a wish a follow-up leaves standing."""

from __future__ import annotations

import pytest

from aiyam.contracts import Filters
from aiyam.nlu.wish_words import still_wished


@pytest.mark.parametrize(
    ("words", "text", "left"),
    [
        ("고기", "물고기 싫어", "고기"),
        ("밥", "비빔밥 싫어", "밥"),
        ("뜨끈한 국물", "국물 싫어하지 않아", "뜨끈한 국물"),
        ("뜨끈한 국물", "국물 싫지 않아", "뜨끈한 국물"),
        ("고기", "고기는 싫어", ""),
        ("뜨끈한 국물", "난 국물 싫어해", "뜨끈한"),
        ("뜨끈한 국물", "국물 말고 다른 거", "뜨끈한"),
    ],
)
def test_only_the_word_itself_refused_ends_its_wish(words: str, text: str, left: str) -> None:
    assert still_wished(words, text, Filters(), frozenset()) == left
