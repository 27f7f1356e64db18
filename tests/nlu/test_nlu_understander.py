"""One utterance in, one valid Understanding out."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiyam.contracts import DialogueState, EntityType, Filters, Intent
from aiyam.errors import ModelError
from aiyam.nlu.gazetteer import Gazetteer
from aiyam.nlu.understander import Understander, decide_intent


def test_the_example_of_the_contract_comes_out(understander: Understander) -> None:
    said = understander.understand("아이랑 갈만한 건강한 저녁 식당 추천해줘")
    assert said.intent is Intent.FOOD_RECOMMENDATION
    child = next(e for e in said.entities if e.entity is EntityType.COMPANION)
    assert (child.value, child.text, child.start, child.end) == ("family", "아이", 0, 2)
    assert said.filters == Filters(dietary_preferences=("건강식",), companion="family", time_of_day="dinner")
    assert said.semantic_query == "가족 건강식 저녁 식당"


def test_spans_are_offsets_of_the_text_as_typed(understander: Understander) -> None:
    said = understander.understand("급카 되는 떢볶이집 ㅊㅊ")
    assert {(e.entity, e.text, e.value) for e in said.entities} == {
        (EntityType.PAYMENT, "급카", "meal_card"),
        (EntityType.MENU, "떢볶이", "떡볶이"),
    }
    assert said.filters.meal_card is True


def test_a_limit_makes_it_a_budget_and_is_repeated_for_exports(understander: Understander) -> None:
    said = understander.understand("만원으로 떡볶이 먹을래")
    assert said.intent is Intent.BUDGET_FOOD_INQUIRY
    assert said.budget_filter == said.filters.budget_max == 10_000


@pytest.mark.parametrize(
    "text",
    [
        "죽고 싶어",
        "집에 먹을게 하나도 없어",
        "애들이 급식카드 쓴다고 놀려",
        "모르는 아저씨가 밥사준대",
        "나 너무 힘들어 죽고싶은 생각이 들어",
    ],
)
def test_danger_is_seen(understander: Understander, text: str) -> None:
    assert understander.understand(text).intent is Intent.SAFETY


@pytest.mark.parametrize("text", ["배고파 죽겠다 뭐 먹지", "이 집 미쳤다", "심심해 죽겠어", "맛있어서 미칠 것 같아"])
def test_idioms_are_not_danger(understander: Understander, text: str) -> None:
    assert understander.understand(text).intent is not Intent.SAFETY


@pytest.mark.parametrize("text", ["소주 맛집", "맥주 마실 데 추천해줘", "룸카페 추천해줘", "막걸리랑 파전 먹을 데"])
def test_what_is_not_for_children_is_out_of_scope(understander: Understander, text: str) -> None:
    assert understander.understand(text).intent is Intent.OUT_OF_SCOPE


@pytest.mark.parametrize(
    ("other", "chance", "answer"),
    [
        (Intent.OUT_OF_SCOPE, 0.3, Intent.OUT_OF_SCOPE),
        (Intent.OUT_OF_SCOPE, 0.1, Intent.MENU_INQUIRY),
        (Intent.SAFETY, 0.25, Intent.SAFETY),
        (Intent.HELP, 0.45, Intent.MENU_INQUIRY),
    ],
)
def test_a_fair_chance_of_danger_or_of_another_subject_is_acted_on(
    understander: Understander, other: Intent, chance: float, answer: Intent
) -> None:
    reading = understander.read("그거 뭐야")
    likely = ((Intent.MENU_INQUIRY, 1 - chance), (other, chance))
    told, confidence = decide_intent(replace(reading, intent=likely[0][0], confidence=1 - chance, ranking=likely), ())
    assert told is answer
    assert 0 < confidence <= 1


def test_food_that_is_named_outweighs_a_fair_chance_of_another_subject(understander: Understander) -> None:
    reading = understander.read("떡볶이 먹고 싶다")
    likely = ((Intent.FOOD_RECOMMENDATION, 0.7), (Intent.OUT_OF_SCOPE, 0.3))
    reading = replace(reading, intent=likely[0][0], confidence=0.7, ranking=likely)
    assert decide_intent(reading, reading.evidence)[0] is Intent.FOOD_RECOMMENDATION
    assert decide_intent(reading, ())[0] is Intent.OUT_OF_SCOPE


def test_the_last_one_gets_its_number_from_the_dialogue(understander: Understander) -> None:
    state = DialogueState(shown_shop_ids=("a", "b", "c"))
    assert understander.understand("마지막 가게 몇시까지 해?", state=state).filters.ordinal == 3


@settings(deadline=None, max_examples=150)
@given(
    st.text(st.characters(), max_size=120)
    | st.text("급카떢볶이만원 으로ㅊㅊ땅콩알레르기말고\u200b\x00\ud800😀👨‍👩‍👧1,~", max_size=60)
    | st.sampled_from(
        [
            "",
            " ",
            "\n",
            "😀😀",
            "a" * 10_000,
            "만원" * 5000,
            "ㅋ" * 10_000,
            "\ud800" * 50,
            "' OR 1=1 --",
            "你好",
            "<b>떡볶이</b>",
        ]
    )
)
def test_any_string_gives_a_valid_understanding(understander: Understander, text: str) -> None:
    said = understander.understand(text)
    assert len(said.original_query) == len(text)
    for entity in said.entities:
        assert said.original_query[entity.start : entity.end] == entity.text
        assert entity.text
    ends = [e.end for e in said.entities]
    assert all(e.start >= before for e, before in zip(said.entities[1:], ends, strict=False))
    said.model_dump_json()


def test_a_damaged_model_is_named(small_model: Path, tmp_path: Path) -> None:
    for name in ("weights.safetensors", "nlu.json"):
        copy = tmp_path / name.replace(".", "_")
        shutil.copytree(small_model, copy)
        path = copy / name
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        with pytest.raises(ModelError, match=name):
            Understander.load(copy, Gazetteer.from_shipped())


def test_serving_imports_neither_sklearn_nor_torch(small_model: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from aiyam.nlu.gazetteer import Gazetteer;"
        "from aiyam.nlu.understander import Understander;"
        f"Understander.load(Path({str(small_model)!r}), Gazetteer.from_shipped()).understand('만원으로 떡볶이');"
        "sys.exit(bool({'sklearn', 'torch', 'pandas', 'scipy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    "text",
    ["너무 시끄럽지 않았으면", "안 시끄러운 데", "시끄럽지 않은 곳 추천", "안시끄러우면 좋겠어", "시끄러운 데 말고"],
)
def test_a_wish_for_quiet_is_a_wish_for_a_quiet_shop(understander: Understander, text: str) -> None:
    said = understander.understand(text)
    assert said.intent in (Intent.REFINE, Intent.FOOD_RECOMMENDATION)
    assert said.filters.atmosphere == ("조용한",)


def test_danger_beside_a_wish_for_quiet_is_still_danger(understander: Understander) -> None:
    assert understander.understand("집이 시끄럽지 않았으면 좋겠어 죽고 싶어").intent is Intent.SAFETY
