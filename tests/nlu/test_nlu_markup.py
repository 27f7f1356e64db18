"""Marked utterances and the corpus made from them."""

from __future__ import annotations

import json

import pytest

from aiyam.contracts import Entity, Filters, Intent
from aiyam.errors import DataError
from aiyam.nlu.examples import load_examples
from aiyam.nlu.grammar import PHRASES_FILE, TEMPLATES_FILE
from aiyam.nlu.markup import marked_rows, parse_markup, row_of
from aiyam.settings import REPO_ROOT

FOLDER = REPO_ROOT / "datasets" / "nlu"
WRITTEN = sorted(p.stem for p in FOLDER.glob("*.tsv") if p.name not in (TEMPLATES_FILE, PHRASES_FILE))


def rows_of(name: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in (FOLDER / name).read_text("utf-8").splitlines()]


def test_marks_give_spans_values_and_directions() -> None:
    row = row_of("[만원](b:10000)으로 [치킨](f!) 말고 [떢볶이](m:떡볶이)", "BUDGET_FOOD_INQUIRY")
    assert row["text"] == "만원으로 치킨 말고 떢볶이"
    assert [(e["text"], e["value"]) for e in row["entities"]] == [
        ("만원", 10000),
        ("치킨", "치킨"),
        ("떢볶이", "떡볶이"),
    ]
    assert row["filters"] == {"budget_max": 10000, "exclude_menus": ["치킨"], "menus": ["떡볶이"]}


@pytest.mark.parametrize(
    ("marked", "filters"),
    [
        ("[2번](o:2!) 말고 다른 데", {}),
        ("[1번](o:1!) 빼고 [2번](o:2)으로", {"ordinal": 2}),
        ("[아침](w:breakfast!) 말고 [점심](w:lunch)", {"time_of_day": "lunch"}),
        ("[친구](c:friends!) 말고 [동생](c:family)이랑", {"companion": "family"}),
        ("[급카](p!) 안 돼도 돼", {}),
        ("[홍대](l!) 말고 [근처](l:near_me)", {"near_me": True}),
    ],
)
def test_what_is_turned_down_with_no_filter_to_say_so_is_a_span_alone(marked: str, filters: dict[str, object]) -> None:
    row = row_of(marked, "REFINE")
    assert row["filters"] == filters
    assert len(row["entities"]) == marked.count("](")


def test_a_question_about_one_shop_keeps_only_what_it_asks_of_the_shop() -> None:
    row = row_of("[우리 동네](l:near_me) [분식](f)집 [떡볶이](m) [급카](p)로 돼?", "SHOP_DETAIL")
    assert row["filters"] == {"menus": ["떡볶이"]}
    assert len(row["entities"]) == 4


def test_a_wish_said_twice_is_one_filter() -> None:
    assert row_of("[치킨](f)[치킨](f) 먹고파", "FOOD_RECOMMENDATION")["filters"] == {"category": "치킨"}


@pytest.mark.parametrize("marked", ["[만원](budget:1", "[만원](nonsense:1)"])
def test_a_broken_mark_is_refused(marked: str) -> None:
    with pytest.raises(DataError):
        parse_markup(marked + " [치킨](f)](")


@pytest.mark.parametrize("name", WRITTEN)
def test_every_span_of_the_corpus_stands_where_it_says(name: str) -> None:
    for row in rows_of(f"{name}.jsonl"):
        Filters(**row["filters"])  # type: ignore[arg-type]
        Intent(str(row["intent"]))
        for entity in row["entities"]:  # type: ignore[attr-defined]
            checked = Entity(**entity)
            assert row["text"][checked.start : checked.end] == checked.text  # type: ignore[index]


@pytest.mark.parametrize("name", WRITTEN)
def test_the_shipped_rows_are_those_of_the_marked_file(name: str) -> None:
    assert rows_of(f"{name}.jsonl") == marked_rows(FOLDER / f"{name}.tsv"), (
        "run python -m aiyam.nlu.markup datasets/nlu"
    )


def test_the_corpus_covers_every_intent_by_hand() -> None:
    trained, held = rows_of("handwritten.jsonl"), rows_of("test.jsonl")
    assert len(trained) >= 500
    assert len(held) >= 200
    assert {r["intent"] for r in trained} == {r["intent"] for r in held} == set(Intent)
    assert load_examples(FOLDER / "handwritten.jsonl")[1].rejected == []
