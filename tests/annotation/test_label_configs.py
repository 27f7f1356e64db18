"""The labelling screens agree with the contracts, and the screens and the guide that ship are the generated ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from aiyam.contracts import EntityType, Filters, Intent
from aiyam.label_contracts import LABEL_FLAGS, LABEL_KINDS, SAFETY_FLAGS, VERDICTS, LabelKind
from aiyam.nlu.labels import ENTITIES_KO, INTENTS_KO
from annotation.guide import GUIDE, guide_html, with_tables
from annotation.projects import questions_of
from annotation.results import _READERS, SHOWN_KEYS
from annotation.schemas import COLOURS, CONFIG_FOLDER, Screen, screen_of, screens, understanding
from annotation.words import CLOSED, FILTERS_KO, FREE, KINDS_KO, closed_values

QUESTIONS = {screen.name: questions_of(screen.xml) for screen in screens()}
every_screen = pytest.mark.parametrize("screen", screens(), ids=lambda screen: screen.name)


def choices(screen: Screen) -> Iterator[ElementTree.Element]:
    for element in ElementTree.fromstring(screen.xml).iter():
        if element.tag in ("Choice", "Label"):
            yield element


def test_every_code_of_the_contracts_can_be_chosen_and_nothing_else() -> None:
    understood, rewritten, compared = (QUESTIONS[kind] for kind in LABEL_KINDS)
    assert understood["intent"] == {intent.value for intent in Intent}
    assert understood["entities"] == {kind.value for kind in EntityType}
    assert understood["filters"] == set(CLOSED).union(
        *(closed_values(key) for key in CLOSED if closed_values(key) != ("true",))
    )
    assert rewritten["wrong"] == set(SAFETY_FLAGS)
    assert compared["verdict"] == set(VERDICTS)
    assert all(questions["flags"] == set(LABEL_FLAGS) for questions in QUESTIONS.values())
    assert set(CLOSED + FREE) == set(Filters.model_fields) == set(FILTERS_KO)


def test_intents_and_spans_stand_in_the_order_of_their_rules() -> None:
    codes = [choice.get("alias") for choice in choices(understanding())]
    assert codes[: len(ENTITIES_KO)] == [kind.value for kind in ENTITIES_KO]
    assert codes[len(ENTITIES_KO) :][: len(INTENTS_KO)] == [intent.value for intent in INTENTS_KO]
    assert len(set(COLOURS.values())) == len(EntityType)


@every_screen
def test_people_see_korean_and_no_two_answers_of_a_question_look_alike(screen: Screen) -> None:
    for control in ElementTree.fromstring(screen.xml).iter():
        if control.get("toName"):
            shown = [part.get("value") or "" for part in control if part.tag in ("Choice", "Label")]
            assert len(set(shown)) == len(shown)
            assert all(any("가" <= letter <= "힣" for letter in word) for word in shown)


@every_screen
def test_every_key_is_a_digit_with_or_without_modifiers_and_belongs_to_one_answer(screen: Screen) -> None:
    keys = [part.get("hotkey") for part in ElementTree.fromstring(screen.xml).iter() if part.get("hotkey")]
    assert len(set(keys)) == len(keys)
    assert all(key is not None and key.split("+")[-1] in "1234567890" for key in keys)


@every_screen
def test_every_answer_of_a_screen_but_a_filter_has_a_key(screen: Screen) -> None:
    without = [choice.get("alias") for choice in choices(screen) if not choice.get("hotkey")]
    filters = QUESTIONS[screen.name].get("filters", frozenset())
    assert set(without) <= filters


@every_screen
def test_what_a_screen_shows_is_what_a_task_must_hold(screen: Screen) -> None:
    shown = {
        (part.get("value") or "")[1:]
        for part in ElementTree.fromstring(screen.xml).iter()
        if (part.get("value") or "").startswith("$")
    }
    assert shown <= {*SHOWN_KEYS[screen.name], "answer_shown"}
    assert set(_READERS) == set(SHOWN_KEYS) == set(LABEL_KINDS)


@every_screen
def test_the_screens_that_ship_are_the_generated_ones(screen: Screen) -> None:
    shipped = (CONFIG_FOLDER / f"{screen.name}.xml").read_text(encoding="utf-8")
    assert shipped == screen.xml, "run: python -m annotation.schemas"


def test_another_screen_is_another_project_and_its_title_fits() -> None:
    screen = understanding()
    changed = replace(screen, xml=screen.xml.replace("잡담", "수다"))
    assert changed.project_title != screen.project_title
    assert len(screen.project_title) <= 50
    assert replace(screen, xml=screen.xml + "\n").version == screen.version, "the server trims what it stores"


def test_the_guide_s_tables_are_the_generated_ones() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    assert with_tables(text) == text, "run: python -m annotation.schemas"


@pytest.mark.parametrize("kind", LABEL_KINDS)
def test_each_project_shows_what_all_should_know_and_its_own_part_of_the_guide(kind: LabelKind) -> None:
    shown = guide_html(kind)
    assert "모두에게" in shown
    assert all((f"<h2>{name}</h2>" in shown) == (name == KINDS_KO[kind]) for name in KINDS_KO.values())
    assert not set("|") & set(shown)
    assert "<!--" not in shown
    assert screen_of(kind).guide == shown
