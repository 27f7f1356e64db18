"""Training utterances that all but repeat a held-out one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aiyam.nlu.near_duplicates import HeldOut, folded

WORDS = st.lists(st.sampled_from(["떡볶이", "추천해줘", "만원", "근처", "있어", "ㅋㅋ", "!", "집"]), max_size=7).map(
    " ".join
)


def left(train: list[str], held: list[str]) -> list[str]:
    known = HeldOut(held)
    return [text for text in train if known.find(text) is None]


def grams(text: str) -> set[str]:
    padded = f"^{folded(text)}$"
    return {padded[i : i + 3] for i in range(len(padded) - 2)}


def test_spaces_laughter_and_punctuation_make_no_other_utterance() -> None:
    assert left(["떡볶이추천해줘ㅋㅋ", "떡볶이 추천해줘!!", "떡볶이 말고 딴거"], ["떡볶이 추천해줘"]) == [
        "떡볶이 말고 딴거"
    ]


def test_one_more_letter_in_a_long_sentence_is_the_same_one() -> None:
    assert (
        left(
            ["신림역 근처에서 만원으로 먹을 만한 분식집 추천해 주세요요"],
            ["신림역 근처에서 만원으로 먹을 만한 분식집 추천해 주세요"],
        )
        == []
    )


def test_another_dish_in_a_short_sentence_is_another_one() -> None:
    assert left(["마라탕 추천해줘"], ["떡볶이 추천해줘"]) == ["마라탕 추천해줘"]


def test_laughter_alone_is_compared_as_it_stands() -> None:
    assert left(["ㅋㅋ", "ㅠㅠ"], ["ㅋㅋ"]) == ["ㅠㅠ"]
    assert left(["밥"], []) == ["밥"]


@given(st.lists(WORDS, max_size=12), st.lists(WORDS, max_size=12))
def test_what_is_left_is_what_comparing_every_pair_leaves(train: list[str], held: list[str]) -> None:
    def near(a: str, b: str) -> bool:
        return folded(a) == folded(b) or len(grams(a) & grams(b)) > 0.8 * len(grams(a) | grams(b))

    assert left(train, held) == [t for t in train if not any(near(t, h) for h in held)]
