"""Typing as hurried thumbs do it."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiyam.korean.jamo import INITIALS, VOWELS, edit_distance, is_syllable
from aiyam.korean.noise import INITIAL_FORMS, INSERTED, KEY_NEIGHBOURS, SPELLINGS, NoiseRates, noisy

TYPED = st.text("가나다라마바사 맛있는떡볶이집추천해주세요만원으로ㅋㅠ!~", max_size=30) | st.text(max_size=20)
STILL = NoiseRates(0, 0, 0, 0, 0, 0, 0, 0, 0)
WILD = NoiseRates(0.5, 0.5, 0.5, 0.5, 0.3, 0.3, 0.5, 0.5, 0.5)


def copies(text: str, rates: NoiseRates, n: int = 300) -> set[str]:
    return {noisy(text, random.Random(seed), rates=rates).text for seed in range(n)}


@given(TYPED, st.integers(0, 999), st.sampled_from([NoiseRates(), WILD]))
def test_a_noisy_copy_knows_where_each_character_came_from(text: str, seed: int, rates: NoiseRates) -> None:
    copy = noisy(text, random.Random(seed), rates=rates)
    assert len(copy.origin) == len(copy.text)
    meant = [o for o in copy.origin if o != INSERTED]
    assert meant == sorted(meant)
    assert all(0 <= o < len(text) for o in meant)
    assert copy == noisy(text, random.Random(seed), rates=rates)


@given(TYPED, st.integers(0, 999), st.data())
def test_spans_that_do_not_touch_never_overlap_in_the_copy(text: str, seed: int, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), min_size=4, max_size=4)))
    copy = noisy(text, random.Random(seed), rates=WILD)
    left, right = copy.moved(*cuts[:2]), copy.moved(*cuts[2:])
    for span in (left, right):
        assert span is None or 0 <= span[0] < span[1] <= len(copy.text)
    assert left is None or right is None or left[1] <= right[0]


@given(TYPED, st.integers(0, 99))
def test_without_habits_the_text_is_typed_right(text: str, seed: int) -> None:
    copy = noisy(text, random.Random(seed), rates=STILL)
    assert (copy.text, copy.origin) == (text, tuple(range(len(text))))


@given(st.integers(0, 500))
def test_a_span_keeps_its_letters_and_takes_no_tail(seed: int) -> None:
    rates = NoiseRates(syllable=0, word=0, initials=0, wrong_space=0, tail=1, no_spaces=1, fewer_spaces=0)
    copy = noisy("만원으로 떡볶이", random.Random(seed), rates=rates)
    assert copy.text.startswith("만원으로떡볶이")
    assert len(copy.text) > 7
    assert [copy.text[slice(*span)] for span in (copy.moved(0, 2), copy.moved(5, 8)) if span] == ["만원", "떡볶이"]


def test_neighbouring_keys_are_those_of_the_two_set_layout() -> None:
    assert set(KEY_NEIGHBOURS["ㅂ"]) >= {"ㅈ", "ㅁ", "ㅃ"}
    assert "ㅗ" in KEY_NEIGHBOURS["ㅓ"]
    assert "ㅅ" in KEY_NEIGHBOURS["ㅎ"]
    assert all((jamo in VOWELS) == (other in VOWELS) for jamo, others in KEY_NEIGHBOURS.items() for other in others)
    assert {*INITIALS, *VOWELS} <= set(KEY_NEIGHBOURS)


@pytest.mark.parametrize(
    ("clean", "typed"),
    [
        ("김치찌개", "김치찌게"),
        ("맛있는", "마싯는"),
        ("먹어", "머거"),
        ("추천", "ㅊㅊ"),
        ("주세요", "주세여"),
        ("돼요", "되용"),
        ("안 매워", "않 매워"),
        ("떡볶이", "떡뽀끼"),
        ("만원", "마넌"),
        ("싶어", "시퍼"),
    ],
)
def test_the_slips_of_habit_are_made(clean: str, typed: str) -> None:
    rates = NoiseRates(syllable=0, word=0.7, initials=0.3, polite_tail=0.5, no_spaces=0, fewer_spaces=0, tail=0)
    assert typed in copies(clean, rates, 3000)


def test_thumbs_slip_in_every_way() -> None:
    slips = NoiseRates(0.3, 0, 0, 0, 0, 0, 0, 0, 0)
    typed = copies("먹어", slips, 3000)
    assert {"머거", "머어", "먹먹어", "어먹", "ㅁ먹어", "머ㄱ어"} <= typed
    assert any(len(t) == 2 and all(map(is_syllable, t)) and edit_distance(t, "먹어") == 1 for t in typed)
    assert "맛이" in copies("마시", slips, 3000)


def test_spaces_go_and_come_and_letters_are_drawn_out() -> None:
    spaces = NoiseRates(0, 0, 0, 0, 0.4, 0.4, 0.3, 0, 0)
    assert {"밥 먹자 빨리", "밥먹자빨리", "밥먹자 빨리", "밥 먹자빨리", "밥 먹 자 빨리"} <= copies(
        "밥 먹자 빨리", spaces, 2000
    )
    assert {"ㅋㅋ", "ㅋㅋㅋㅋ"} <= copies("ㅋㅋ", NoiseRates(0, 0, 0, 0, 0, 0, 0, 0.3, 0))
    assert any(t.endswith("ㅠㅠ") for t in copies("배고파", NoiseRates(0, 0, 0, 0, 0, 0, 0, 0, 0.5)))


def test_more_noise_is_further_from_what_was_meant() -> None:
    text = "급식카드 되는 떡볶이집 추천해줘"

    def distance(rate: float) -> int:
        made = (noisy(text, random.Random(seed), rate=rate, space_rate=0.0).text for seed in range(60))
        return sum(edit_distance(m, text, limit=60) for m in made)

    assert distance(0.0) < distance(0.1) < distance(0.4)


def test_every_spelling_differs_from_its_word() -> None:
    for word, forms in (*SPELLINGS.items(), *INITIAL_FORMS.items()):
        assert forms.split()
        assert word not in forms.split(), word
