"""The labelling screens agree with the contracts, and the screen that ships is the generated one."""

from __future__ import annotations

from xml.etree import ElementTree

from aiyam.contracts import EntityType, Filters, Intent
from aiyam.nlu.labels import ENTITIES_KO, INTENTS_KO
from annotation.schemas import COLOURS, CONFIG_FOLDER, understanding

ROOT = ElementTree.fromstring(understanding().xml)


def control(name: str) -> ElementTree.Element:
    (found,) = [element for element in ROOT.iter() if element.get("name") == name]
    return found


def test_every_intent_and_entity_type_can_be_chosen_and_nothing_else() -> None:
    assert [choice.get("alias") for choice in control("intent")] == [intent.value for intent in INTENTS_KO]
    assert [label.get("alias") for label in control("entities")] == [kind.value for kind in ENTITIES_KO]
    assert {choice.get("alias") for choice in control("intent")} == {intent.value for intent in Intent}
    assert {label.get("alias") for label in control("entities")} == {kind.value for kind in EntityType}
    assert len(control("intent")) == len(Intent)
    assert len(control("entities")) == len(EntityType)


def test_people_see_korean_and_no_two_choices_look_alike() -> None:
    for name in ("intent", "entities"):
        shown = [choice.get("value") or "" for choice in control(name)]
        assert len(set(shown)) == len(shown)
        assert all(any("가" <= letter <= "힣" for letter in word) for word in shown)
    assert len(set(COLOURS.values())) == len(EntityType)


def test_the_first_ten_spans_have_a_digit_key_each() -> None:
    keys = [label.get("hotkey") for label in control("entities")]
    assert keys[:10] == list("1234567890")
    assert keys[10:] == [None] * (len(keys) - 10)


def test_every_filter_key_is_named_for_the_annotator() -> None:
    headers = " ".join(header.get("value") or "" for header in ROOT.iter("Header"))
    assert all(key in headers for key in Filters.model_fields)


def test_every_control_points_to_the_text_and_the_text_comes_from_the_task() -> None:
    controls = [element for element in ROOT.iter() if element.get("toName")]
    assert {element.get("toName") for element in controls} == {"text"}
    assert control("text").get("value") == "$text"
    assert control("text").get("granularity") == "symbol"
    assert control("intent").get("required") == "true"


def test_the_screen_that_ships_is_the_generated_one() -> None:
    shipped = (CONFIG_FOLDER / "understanding.xml").read_text(encoding="utf-8")
    assert shipped == understanding().xml, "run: python -m annotation.schemas"


def test_another_screen_is_another_project_and_its_title_fits() -> None:
    from dataclasses import replace

    screen = understanding()
    changed = replace(screen, xml=screen.xml.replace("잡담", "수다"))
    assert changed.project_title != screen.project_title
    assert len(screen.project_title) <= 50
