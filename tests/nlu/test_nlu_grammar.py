"""Templates, phrases and slots, and the utterances written from them."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiyam.errors import DataError
from aiyam.korean.numerals import band, find_amounts
from aiyam.nlu.grammar import PHRASES_FILE, REGISTERS, TEMPLATES_FILE, expand, generate, read_phrases, read_templates
from aiyam.nlu.markup import parse_markup
from aiyam.nlu.slots import SLOTS, amount_forms, band_forms, range_forms
from aiyam.settings import REPO_ROOT

FOLDER = REPO_ROOT / "datasets" / "nlu"


def texts(folder: Path, pattern: str, n: int = 200, phrases: str = "") -> set[str]:
    path = folder / TEMPLATES_FILE
    path.write_text(f"FOOD_RECOMMENDATION\t{pattern}\n", "utf-8")
    path.with_name(PHRASES_FILE).write_text(phrases, "utf-8")
    (template,) = read_templates(path)
    return {parse_markup(expand(template, random.Random(seed))[0])[0] for seed in range(n)}


def test_a_seed_generates_the_same_rows_again_and_another_seed_others() -> None:
    first = generate(FOLDER / TEMPLATES_FILE, 900, seed=5)
    assert first == generate(FOLDER / TEMPLATES_FILE, 900, seed=5)
    assert first != generate(FOLDER / TEMPLATES_FILE, 900, seed=6)
    assert len(first) == 900


def test_no_row_is_generated_twice_and_a_short_template_ends(tmp_path: Path) -> None:
    path = tmp_path / TEMPLATES_FILE
    path.write_text("GREETING\t<안녕|하이>\nFOOD_RECOMMENDATION\t{menu} 먹자\n", "utf-8")
    rows = generate(path, 60, seed=1)
    assert len({r.text for r in rows}) == len(rows) == 60
    assert sum(r.intent == "GREETING" for r in rows) == 2


def test_particles_agree_with_the_slot_before_them(tmp_path: Path) -> None:
    said = texts(tmp_path, "{nth+은/는} {won+으로/로}")
    assert any(t.startswith("두번째는") for t in said)
    assert any(t.startswith("마지막은") for t in said)
    assert any(t.endswith("12000으로") for t in texts(tmp_path, "{won+으로/로}", 2000))
    assert {t for t in texts(tmp_path, "{card+으로/로}") if "으로" in t} == set()


def test_one_utterance_keeps_to_one_register(tmp_path: Path) -> None:
    endings = {"plain": "야", "polite": "예요", "terse": "임", "formal": "입니까", "dialect": "고"}
    lines = [f"{name}\t{register}\t{name}{e}\n" for name in ("뭐", "어디") for register, e in endings.items()]
    phrases = "call\t-\t저|음\n" + "".join(lines).replace("뭐\t", "what\t").replace("어디\t", "where\t")
    said = texts(tmp_path, "<@call> <@what> <@where>", phrases=phrases)
    assert said == {f"{call} 뭐{e} 어디{e}" for call in ("저", "음") for e in endings.values()}


def test_filters_that_words_carry_come_with_them(tmp_path: Path) -> None:
    path = tmp_path / TEMPLATES_FILE
    path.write_text("REFINE\t<싼{+sort=price}|가까운{+sort=distance}> 데\tmeal_card=true\n", "utf-8")
    rows = {r.text: r.filters for r in generate(path, 10, seed=1)}
    assert rows == {
        "싼 데": {"sort": "price", "meal_card": True},
        "가까운 데": {"sort": "distance", "meal_card": True},
    }


def test_what_is_said_without_being_a_span_is_not_marked(tmp_path: Path) -> None:
    path = tmp_path / TEMPLATES_FILE
    path.write_text("FEEDBACK\t{menu*+은/는} 맛있었어\nREFINE\t{menu!} 말고 {menu}\n", "utf-8")
    rows = generate(path, 80, seed=2)
    assert all(not r.spans and not r.filters for r in rows if r.intent == "FEEDBACK")
    for row in (r for r in rows if r.intent == "REFINE"):
        assert len(row.filters["menus"]) == len(row.filters["exclude_menus"]) == 1
        assert row.filters["menus"] != row.filters["exclude_menus"]


@pytest.mark.parametrize("line", ["FOOD_RECOMMENDATION", "FOOD_RECOMMENDATION\t{nothing} 먹자", "GREETING\t<@nobody>"])
def test_a_broken_line_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / TEMPLATES_FILE
    path.write_text(f"# intent\tpattern\n{line}\n", "utf-8")
    with pytest.raises(DataError, match=r"templates\.tsv:2"):
        read_templates(path)


def test_a_phrase_of_an_unknown_register_is_named(tmp_path: Path) -> None:
    path = tmp_path / PHRASES_FILE
    path.write_text("ask\tshouted\t어디야\n", "utf-8")
    with pytest.raises(DataError, match=r"phrases\.tsv:1"):
        read_phrases(path)


def test_every_phrase_that_has_endings_has_those_of_every_register() -> None:
    for name, said in read_phrases(FOLDER / PHRASES_FILE).items():
        assert "-" in said or set(REGISTERS) - set(said) <= {"dialect", "formal"}, name


@given(st.integers(8, 990).map(lambda n: n * 100))
def test_an_amount_is_read_back_from_every_way_of_typing_it(won: int) -> None:
    for form in amount_forms(won):
        (found,) = find_amounts(f"{form}으로")
        assert (found.start, found.end, found.low, found.high) == (0, len(form), won, won), form


@given(st.integers(3, 20).map(lambda n: n * 1000), st.integers(1, 5).map(lambda n: n * 1000))
def test_ranges_and_bands_are_read_back(low: int, more: int) -> None:
    for form in range_forms(low, low + more):
        (found,) = find_amounts(f"{form} 정도")
        assert (found.start, found.end, found.low, found.high) == (0, len(form), low, low + more), form
    for form in band_forms(low):
        (found,) = find_amounts(f"{form} 식당")
        assert (found.start, found.end, found.low, found.high) == (0, len(form), low, band(low)), form


@pytest.mark.parametrize("kind", sorted(SLOTS))
def test_every_slot_names_a_kind_and_a_value(kind: str) -> None:
    rng = random.Random(4)
    for _ in range(60):
        surface, mark = SLOTS[kind](rng)
        text, (span,) = parse_markup(f"[{surface}]({mark})")
        assert text == span.text == surface.strip()
        assert span.value
