"""Agreement by the book's own figures, spans by F1, and the cells that name the tasks in which people differ."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from labelled_store import open_store, put, understood

from aiyam.contracts import EntityType, Intent
from aiyam.label_contracts import CompareLabel, RewriteLabel
from aiyam.store.database import Store
from annotation.agreement import agreement, alpha, kappas, span_agreement

FOOD, GOOD, HELP = Intent.FOOD_RECOMMENDATION, Intent.GOOD_SHOP_INQUIRY, Intent.HELP


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(tmp_path)
    yield opened
    opened.close()


def test_alpha_is_krippendorff_s_on_his_own_example() -> None:
    """K. Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), part A: binary data, two observers, .095."""
    one, other = "0100000010", "1110010000"
    units = [[("a", x), ("b", y)] for x, y in zip(one, other, strict=True)]
    found = alpha(units)
    assert found.value == pytest.approx(0.095, abs=0.001)
    assert found.is_early
    assert found.low is not None
    assert found.high is not None
    assert found.low <= found.value <= found.high


def test_a_near_miss_on_a_scale_is_less_of_one() -> None:
    near = [[("a", n), ("b", n + 1)] for n in (1, 2, 3, 4)] * 5
    far = [[("a", n), ("b", 6 - n)] for n in (1, 2, 4, 5)] * 5
    near_value, far_value = alpha(near, is_scale=True).value, alpha(far, is_scale=True).value
    assert near_value is not None
    assert far_value is not None
    assert near_value > 0.4 > far_value


def test_where_everybody_says_one_thing_nothing_can_be_told() -> None:
    same = [[("a", "x"), ("b", "x")]] * 40
    assert alpha(same).value is None
    assert kappas(same)[0].value is None
    assert kappas(same)[0].n_tasks == 40


def test_kappa_is_of_every_two_people_on_what_both_saw() -> None:
    units = [[("a", "x"), ("b", "x")], [("a", "y"), ("b", "y")], [("a", "x"), ("c", "y")], [("a", "y"), ("c", "x")]]
    found = {(k.one, k.other): k for k in kappas(units)}
    assert found["a", "b"].value == 1.0
    assert found["a", "c"].value == -1.0


def test_spans_are_alike_where_kind_and_offsets_are() -> None:
    one = understood(FOOD, (EntityType.TASTE, 0, 2), (EntityType.MENU, 3, 6))
    other = understood(FOOD, (EntityType.TASTE, 0, 2), (EntityType.MENU, 3, 7))
    found = span_agreement(one, other)
    assert (found[EntityType.TASTE].f1, found[EntityType.MENU].f1) == (1.0, 0.0)


def test_what_people_differ_in_names_its_tasks(store: Store) -> None:
    keys = put(
        store,
        [
            {"1": understood(FOOD), "2": understood(FOOD)},
            {"1": understood(FOOD), "2": understood(GOOD)},
            {"1": understood(GOOD), "2": understood(FOOD)},
            {"1": understood(None), "2": understood(HELP)},
            {"1": understood(HELP)},
        ],
    )
    found = agreement(store, "understanding")
    assert (found.n_answered, found.n_twice) == (5, 4)
    cells = found.cells["intent"]
    assert sorted(cells["FOOD_RECOMMENDATION", "GOOD_SHOP_INQUIRY"]) == sorted(keys[1:3])
    assert cells["HELP", "cannot_tell"] == (keys[3],)
    assert found.alphas["satisfaction"].n_tasks == 0
    assert set(found.by_value["intent"]) == {"FOOD_RECOMMENDATION", "GOOD_SHOP_INQUIRY", "HELP", "cannot_tell"}


def test_every_kind_of_task_is_measured(store: Store) -> None:
    put(store, [{"1": CompareLabel(verdict="a"), "2": CompareLabel(verdict="b")}] * 3, kind="compare")
    rewritten = RewriteLabel(age_band="7-9", text="가요", wrong=("hard_words",), rating=4)
    put(store, [{"1": rewritten, "2": rewritten.model_copy(update={"rating": 5})}] * 3, kind="rewrite")
    assert agreement(store, "compare").cells["verdict"].keys() == {("a", "b")}
    rewrite = agreement(store, "rewrite")
    assert set(rewrite.alphas) == {"rating", "wrong"}
    assert rewrite.cells["rating"].keys() == {("4", "5")}
