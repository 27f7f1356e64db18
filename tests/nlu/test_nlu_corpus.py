"""The whole corpus a training reads: the hand-written rows, and those the templates give."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from typing import Any

import pytest

from aiyam.contracts import Entity, Filters, Intent
from aiyam.nlu.examples import Example, load_examples
from aiyam.nlu.grammar import TEMPLATES_FILE, generate, read_templates
from aiyam.nlu.near_duplicates import HeldOut, folded
from aiyam.nlu.values import Span, filters_of, is_negated
from aiyam.settings import REPO_ROOT

FOLDER = REPO_ROOT / "datasets" / "nlu"
HELD_OUT = ("test.jsonl", "test_second.jsonl", "test_third.jsonl", "dev.jsonl")
N_GENERATED = 10_000


@pytest.fixture(scope="module")
def generated() -> list[Example]:
    return generate(FOLDER / TEMPLATES_FILE, N_GENERATED, seed=11)


@pytest.fixture(scope="module")
def held() -> list[Example]:
    return [e for name in HELD_OUT if (FOLDER / name).exists() for e in load_examples(FOLDER / name)[0]]


@pytest.fixture(scope="module")
def written(held: list[Example]) -> list[Example]:
    paths = sorted(p for p in FOLDER.glob("*.jsonl") if p.name not in HELD_OUT)
    return clear_of(held, [e for p in paths for e in load_examples(p)[0]])


def clear_of(held: list[Example], rows: list[Example]) -> list[Example]:
    known = HeldOut([e.text for e in held])
    return [e for e in rows if known.find(e.text) is None]


def test_the_corpus_is_as_large_as_it_says(
    generated: list[Example], written: list[Example], held: list[Example]
) -> None:
    rows = [*written, *clear_of(held, generated)]
    assert len({folded(e.text) for e in rows}) >= 6000
    assert len({folded(e.text) for e in written}) >= 1200
    for part in (written, generated):
        assert {e.intent for e in part} == set(Intent)


def test_no_generated_utterance_stands_twice_but_for_spaces(generated: list[Example]) -> None:
    assert max(Counter(e.text.replace(" ", "") for e in generated).values()) == 1


def test_nothing_that_is_trained_on_repeats_a_held_out_utterance(
    generated: list[Example], written: list[Example], held: list[Example]
) -> None:
    trained = {folded(e.text) for e in (*written, *clear_of(held, generated))}
    assert not trained & {folded(e.text) for e in held}


def test_rows_of_one_template_stay_together(generated: list[Example]) -> None:
    templates = {t.name: t for t in read_templates(FOLDER / TEMPLATES_FILE)}
    assert len(templates) >= 450
    assert {e.group for e in generated} == set(templates)
    assert all(e.intent == templates[e.group].intent for e in generated)


def test_every_generated_span_stands_where_it_says_and_is_of_the_contract(generated: list[Example]) -> None:
    for example in generated:
        Filters(**example.filters)
        end_of_last = 0
        for kind, start, end, value in example.spans:
            surface = example.text[start:end]
            assert surface == surface.strip() != ""
            Entity(entity=kind, value=value, text=surface, start=start, end=end)
            assert end_of_last <= start
            end_of_last = end
        assert example.text == " ".join(example.text.split())


def rule_filters(example: Example) -> dict[str, Any]:
    """What the rules read out of the words, given the spans."""
    spans = []
    for kind, start, end, value in example.spans:
        low = high = 0
        if kind == "budget":
            low, high = (value, value) if isinstance(value, int) else map(int, value.split("-"))
        spans.append(Span(kind, value, start, end, is_negated(example.text, start, end), low, high))
    return filters_of(example.text, example.intent, spans).given()


def test_generated_filters_are_those_the_rules_give_for_the_spans(generated: list[Example]) -> None:
    def plain(filters: dict[str, Any]) -> dict[str, Any]:
        return {k: sorted(v) if isinstance(v, list | tuple) else v for k, v in filters.items()}

    differ: dict[str, list[str]] = defaultdict(list)
    for example in generated:
        if plain(rule_filters(example)) != plain(example.filters):
            differ[example.group].append(example.text)
    assert sum(map(len, differ.values())) <= len(generated) // 100, dict(differ)


def test_particles_of_templates_agree_with_the_words_before_them() -> None:
    wrong = [
        template.pattern
        for template in read_templates(FOLDER / TEMPLATES_FILE)
        for closed, open_ in re.findall(r"\+([가-힣]+)/([가-힣]+)\}", template.pattern)
        if (closed, open_) not in {("이랑", "랑"), ("과", "와"), ("은", "는"), ("이", "가"), ("을", "를"), ("으로", "로"), ("이면", "면"), ("이나", "나")}
    ]  # fmt: skip
    assert not wrong


def test_generated_spans_keep_to_the_conventions(generated: list[Example]) -> None:
    for example in generated:
        marked = {example.text[start:end]: kind for kind, start, end, _ in example.spans}
        assert not [m for m in marked if m.startswith(("우리 학교", "우리 집", "나 혼자", "세 식구"))], example.text
        kinds = set(marked.values())
        if example.intent == Intent.FEEDBACK:
            assert kinds <= {"shop_name", "menu", "food_type", "ordinal", "budget", "payment"}, example.text
            assert not example.filters
        elif example.intent == Intent.MEAL_CARD_INQUIRY:
            assert kinds <= {"payment"}, example.text
            assert kinds or "카드" not in example.text.replace("체크카드", ""), example.text
    assert any(e.spans for e in generated if e.intent == Intent.FEEDBACK)


def test_every_kind_of_span_and_every_register_is_in_the_corpus(generated: list[Example]) -> None:
    kinds = Counter(kind for e in generated for kind, *_ in e.spans)
    assert len(kinds) == 14
    assert min(kinds.values()) >= 100
    endings = ("주세요", "줘", "ㅊㅊ", "습니까", "노")
    assert all(any(e.text.endswith(ending) for e in generated) for ending in endings)
