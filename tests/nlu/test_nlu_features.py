"""Features made for many utterances at once are those of each alone."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiyam.nlu.bags import bags
from aiyam.nlu.contexts import DENSE_CONTEXTS, N_CONTEXTS, N_JAMO, N_PLACES, contexts
from aiyam.nlu.gazetteer import Gazetteer
from aiyam.nlu.grid import Utterance

SHIPPED = Gazetteer.from_shipped()
ODD = [
    "", " ", "   ", "\n\t", "가", "ㅋ", "a", "1", "😀", "👨‍👩‍👧", "\ud800", "\x02\x03", "ㅋㅋㅋㅋㅋㅋ", "만원", "급카 되는 데", "A4 2 개",
    "떡볶이 떡볶이", "ㄱㅏㄴㅏ", "각", "가" * 1000, "만원으로 친구랑 떡볶이 먹을래!!", "-- '; DROP", "\uac00\u11a8",
]  # fmt: skip


def utterances_of(texts: list[str]) -> list[Utterance]:
    return [Utterance.of(text, SHIPPED) for text in texts]


def assert_alike(texts: list[str]) -> None:
    batch = utterances_of(texts)
    around, bag = contexts(batch), bags(batch)
    assert len(around.starts) == len(bag.starts) == len(batch) + 1
    assert around.starts[-1] == around.ids.shape[1]
    assert bag.starts[-1] == len(bag.ids)
    for i, utterance in enumerate(batch):
        alone, alone_bag = contexts([utterance]), bags([utterance])
        at = slice(around.starts[i], around.starts[i + 1])
        np.testing.assert_array_equal(around.ids[:, at], alone.ids)
        np.testing.assert_array_equal(around.jamo[:, at], alone.jamo)
        np.testing.assert_array_equal(around.places[:, at], alone.places)
        assert Counter(bag.ids[bag.starts[i] : bag.starts[i + 1]].tolist()) == Counter(alone_bag.ids.tolist())


def test_a_batch_gives_the_features_of_each_alone() -> None:
    assert_alike(ODD)
    assert_alike(ODD[::-1])


@settings(deadline=None, max_examples=40)
@given(st.lists(st.text(st.characters(), max_size=25) | st.sampled_from(ODD), min_size=1, max_size=6))
def test_any_batch_gives_the_features_of_each_alone(texts: list[str]) -> None:
    assert_alike(texts)


def test_no_window_reaches_into_a_neighbour() -> None:
    """The same text between two others: another neighbour leaves no trace, not even in the last syllable."""
    first, second = utterances_of(["라면", "돈까스", "싶어"]), utterances_of(["먹고", "돈까스", ""])
    for made in (contexts(first), contexts(second)):
        np.testing.assert_array_equal(
            made.ids[:, made.starts[1] : made.starts[2]], contexts(utterances_of(["돈까스"])).ids
        )
    of_neighbours = set(bags(utterances_of(["라면 돈까스"])).ids.tolist())
    apart = bags(utterances_of(["라면", "돈까스"]))
    assert of_neighbours - set(apart.ids.tolist())  # joined, there are n-grams across; apart, each has its own alone
    for i, text in enumerate(("라면", "돈까스")):
        assert Counter(apart.ids[apart.starts[i] : apart.starts[i + 1]].tolist()) == Counter(
            bags(utterances_of([text])).ids.tolist()
        )


def test_every_utterance_has_features_even_an_empty_one() -> None:
    found = bags(utterances_of(["", " ", "밥"]))
    assert (np.diff(found.starts) > 0).all()


def test_shapes_and_ranges_are_what_the_network_embeds() -> None:
    found = contexts(utterances_of(ODD))
    assert found.ids.shape[0] == N_CONTEXTS
    assert DENSE_CONTEXTS.max() < N_CONTEXTS
    for k in range(3):
        assert 0 <= found.jamo[k].min() <= found.jamo[k].max() < N_JAMO[k]
        assert 0 <= found.places[k].min() <= found.places[k].max() < N_PLACES[k]


def test_what_the_rules_found_is_a_feature_of_its_syllables_alone() -> None:
    utterance = Utterance.of("오늘 만원 있어", SHIPPED)
    assert [str(s.entity) for s in utterance.evidence if s.entity == "budget"] == ["budget"]
    blind = Utterance(utterance.typed, utterance.plain, ())
    changed = (contexts([utterance]).ids != contexts([blind]).ids).any(axis=0)
    touched = {i for s in utterance.evidence for i in range(s.start - 1, s.end + 1)}
    assert set(np.flatnonzero(changed).tolist()) <= touched
    assert changed[3:5].all()


@pytest.mark.parametrize(("one", "other"), [("ㄱㅊ", "괜찮아"), ("급카", "급식카드")])
def test_words_as_typed_speak_too(one: str, other: str) -> None:
    """Two spellings of one plain form have features in common, and the slang one keeps its own."""
    ours, theirs = (set(bags(utterances_of([text])).ids.tolist()) for text in (one, other))
    assert ours - theirs


def test_a_text_composed_or_not_has_the_same_contexts() -> None:
    import unicodedata

    text = "김치찌개 먹고 싶어"
    apart = Utterance.of(unicodedata.normalize("NFD", text), SHIPPED)
    np.testing.assert_array_equal(contexts([apart]).ids, contexts(utterances_of([text])).ids)
