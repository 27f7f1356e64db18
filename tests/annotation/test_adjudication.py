"""Tasks whose answers differ wait for a person; what is decided holds, can be taken back, and names one of the answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from labelled_store import NOW, open_store, put, understood

from aiyam.contracts import EntityType, Intent
from aiyam.errors import InvalidInput, NotFound
from aiyam.store.database import Store
from aiyam.store.labels import get_labelled
from annotation.adjudication import MODEL, NONE, adjudicate, choices, disputes, take_back
from annotation.pace import paces

FOOD, GOOD = Intent.FOOD_RECOMMENDATION, Intent.GOOD_SHOP_INQUIRY
MODELS = understood(FOOD, (EntityType.MENU, 3, 6))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(tmp_path)
    yield opened
    opened.close()


def test_only_answers_that_cannot_both_hold_wait(store: Store) -> None:
    keys = put(
        store,
        [
            {"1": understood(FOOD), "2": understood(GOOD)},
            {"1": understood(FOOD, query="매운 것"), "2": understood(FOOD, query="매운 음식")},
            {"1": understood(FOOD)},
        ],
    )
    assert [one.task.key for one in disputes(store, "understanding")] == [keys[0]]


def test_the_choices_are_the_answers_the_model_and_none_with_the_keys_to_press(store: Store) -> None:
    (key,) = put(store, [{"1": understood(FOOD), "2": understood(GOOD)}], prediction=MODELS)
    offered = choices(get_labelled(store, key))
    assert [(c.key, c.chosen) for c in offered] == [
        ("1", "understanding-0-1"), ("2", "understanding-0-2"), ("3", MODEL), ("0", NONE),
    ]  # fmt: skip
    assert offered[0].differs == ("intent", "entities")


def test_what_is_decided_holds_until_it_is_taken_back(store: Store) -> None:
    (key,) = put(store, [{"1": understood(FOOD), "2": understood(GOOD)}], prediction=MODELS)
    decision = adjudicate(store, key, MODEL, by="me", at=NOW)
    assert decision.label == MODELS
    assert disputes(store, "understanding") == []
    assert take_back(store, key)
    assert len(disputes(store, "understanding")) == 1
    adjudicate(store, key, NONE, by="me", at=NOW)
    assert disputes(store, "understanding") == []
    with pytest.raises(InvalidInput, match="Reload the task"):
        adjudicate(store, key, "gone", by="me", at=NOW)
    with pytest.raises(NotFound):
        adjudicate(store, "f" * 32, NONE, by="me", at=NOW)


def test_pace_tells_rubber_stamps_and_gold_from_work(store: Store) -> None:
    put(
        store, [{"1": MODELS, "2": understood(GOOD)}, {"1": MODELS}], prediction=MODELS, gold=MODELS, lead_time_s=0.4
    )  # fmt: skip
    first, second = paces(store, "understanding")
    assert (first.annotator, first.n, first.n_untouched, first.n_too_fast) == ("1", 2, 2, 2)
    assert (first.n_gold_right, first.gold_span_f1) == (2, 1.0)
    assert (second.n_gold, second.n_gold_right, second.untouched_rate) == (1, 0, 0.0)
    assert second.gold_rate is not None
    assert second.gold_rate[0] == 0.0
    assert list(first.by_day.values()) == [2]
