"""What becomes of labels and turns: which rows come of them, which do not, and the reason that is counted."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from labelled_world import (
    PAIRS,
    SAID,
    SHIPPED,
    Build,
    add_turn,
    answer,
    label_turns,
    put_labels,
    rewrite_turns,
    rewritten,
    task_of,
    understood,
)
from sample_traces import DAY, recommendation

from aiyam.contracts import InstructionRow, Intent, ReplyPlan, SafetyVerdict
from aiyam.curation.conversion import settle
from aiyam.curation.nlu_rows import gather_nlu
from aiyam.curation.versions import folder_of, read_rows
from aiyam.errors import DataError
from aiyam.label_contracts import CompareLabel, DatasetRow, Decision, UnderstandingLabel
from aiyam.nlu.examples import load_examples
from aiyam.reply.worded_by_model import RULES
from aiyam.settings import Settings
from aiyam.store import Store
from aiyam.store.labels import decide
from aiyam.training.reply_pairs import read_pairs

OTHER = next(n for n, row in enumerate(SAID) if n > 20 and row["entities"])
"""A row whose spans do not fit the first ones' texts."""


def rows_of(settings: Settings, build: Build, name: str) -> dict[str, DatasetRow]:
    built = build(name)
    return {row.origin.turn_id: row for row in read_rows(settings.home, built.version)}


def test_a_turn_that_satisfied_or_led_to_a_choice_becomes_a_row_and_others_are_counted(
    store: Store, settings: Settings, build: Build
) -> None:
    add_turn(store, "satisfied", said=0, rated=5)
    add_turn(store, "ordered", said=1, act="ordered")
    add_turn(store, "clicked", said=2, act="clicked")
    add_turn(store, "poor", said=3, rated=1)
    add_turn(store, "silent", said=4)
    add_turn(store, "regretted", said=5, rated=1, act="ordered")
    add_turn(store, "refused", said=6, rated=5, safety=SafetyVerdict(action="refuse"))
    add_turn(store, "masked", said=7, rated=5, safety=SafetyVerdict(action="mask", kinds=("phone",)))
    built = build("nlu")
    assert {row.origin.turn_id for row in read_rows(settings.home, built.version)} == {"satisfied", "ordered"}
    assert built.version.left_out == {
        "contradiction": 1, "low_satisfaction": 1, "no_feedback": 1, "not_chosen": 1, "personal_data": 1, "safety": 1,
    }  # fmt: skip
    assert built.version.sources == {"turn": 2}


def test_a_label_outranks_what_the_turn_was_taken_to_mean(store: Store, settings: Settings, build: Build) -> None:
    trace = add_turn(store, "t-1", said=0, rated=5)
    add_turn(store, "t-2", said=0, rated=5, at=DAY + timedelta(hours=1))  # the same text in another conversation
    task = task_of(trace, "understanding")
    put_labels(store, "b", [(task, [answer(task, understood(0, intent="HELP"))])])
    rows = rows_of(settings, build, "nlu")
    assert list(rows) == ["t-1"]
    assert rows["t-1"].row["intent"] == "HELP"
    assert rows["t-1"].origin.source == "label"
    assert rows["t-1"].origin.annotators == ("1",)


def test_every_reason_a_label_is_not_used_is_counted_and_keeps_the_turn_out(
    store: Store, settings: Settings, build: Build
) -> None:
    traces = [add_turn(store, f"t-{n}", said=n, rated=5) for n in range(9)]
    tasks = [task_of(trace, "understanding") for trace in traces]
    put_labels(
        store,
        "b",
        [
            (tasks[0], [answer(tasks[0], understood(0))]),
            (tasks[1], [answer(tasks[1], understood(1, flags=("exclude",)))]),
            (tasks[2], [answer(tasks[2], understood(2, flags=("personal_data",)))]),
            (tasks[3], [answer(tasks[3], understood(3, flags=("ambiguous",)))]),
            (tasks[4], [answer(tasks[4], understood(4)), answer(tasks[4], understood(4, intent="HELP"), by="2")]),
            (tasks[5], [answer(tasks[5], None, cancelled=True)]),
            (tasks[6], [answer(tasks[6], understood(6), origin="prediction", lead_time_s=0.2)]),
            (tasks[7], [answer(tasks[7], UnderstandingLabel(cannot_tell=True))]),
            (tasks[8], [answer(tasks[8], understood(OTHER))]),  # spans of another text
        ],
    )
    built = build("nlu")
    rows = {row.origin.turn_id: row.origin.source for row in read_rows(settings.home, built.version)}
    assert rows == {"t-0": "label", "t-5": "turn", "t-6": "turn"}, "a skip says nothing of the turn"
    assert {k: n for k, n in built.version.left_out.items() if k != "no_feedback"} == {
        "ambiguous": 1, "cancelled": 1, "cannot_tell": 1, "dispute": 1, "exclude": 1, "personal_data": 1,
        "spans_off": 1, "too_fast": 1,
    }  # fmt: skip


def test_a_decision_settles_a_dispute(store: Store, settings: Settings, build: Build) -> None:
    trace = add_turn(store, "t-1", said=0)
    task = task_of(trace, "understanding")
    put_labels(store, "b", [(task, [answer(task, understood(0)), answer(task, understood(0, intent="HELP"), by="2")])])
    with pytest.raises(DataError, match="dispute 1"):
        build("nlu")
    decide(
        store,
        Decision(task_key=task.key, chosen="model", label=understood(0), decided_by="boss", decided_at=DAY),
    )
    assert rows_of(settings, build, "nlu")["t-1"].row["intent"] == SAID[0]["intent"]


def test_one_text_labelled_two_ways_keeps_what_most_say(store: Store, settings: Settings, build: Build) -> None:
    traces = [add_turn(store, f"t-{n}", said=0) for n in range(4)]
    label_turns(store, "b1", traces[:1], intent="HELP")
    found = []
    for trace in traces[1:]:
        task = task_of(trace, "understanding")
        found.append((task, [answer(task, understood(0))]))
    put_labels(store, "b2", found)
    built = build("nlu")
    (row,) = read_rows(settings.home, built.version)
    assert row.row["intent"] == SAID[0]["intent"]
    assert built.version.left_out == {"duplicate": 2, "contradiction": 1}


def test_rows_load_with_the_understandings_own_reader(store: Store, settings: Settings, build: Build) -> None:
    label_turns(store, "b", [add_turn(store, f"t-{n}", said=n) for n in range(30)])
    version = build("nlu").version
    loaded, report = load_examples(folder_of(settings.home, version) / "train.jsonl")
    assert (len(loaded), report.n_rejected, report.n_repaired) == (version.n_train, 0, 0)
    by_text = {row["text"]: row for row in SAID[:30]}
    assert all(
        e.intent == by_text[e.text]["intent"] and len(e.spans) == len(by_text[e.text]["entities"]) for e in loaded
    )


def test_what_ships_is_in_the_version_and_a_label_replaces_a_shipped_row(store: Store) -> None:
    text = SAID[10]["text"]
    trace = add_turn(store, "t-1", said=10)
    task = task_of(trace, "understanding")
    put_labels(store, "b", [(task, [answer(task, understood(10, intent="HELP"))])])
    gathered = gather_nlu(store, SHIPPED, seed=1, shipped=True, told=lambda share, what: None)
    rows = settle(gathered)
    assert [one.row["intent"] for one in rows if one.row["text"] == text] == ["HELP"]
    tests = {json.loads(line)["text"] for line in (SHIPPED / "nlu" / "test.jsonl").read_text("utf-8").splitlines()}
    assert not tests & {one.row["text"] for one in rows}
    dev = {json.loads(line)["text"] for line in (SHIPPED / "nlu" / "dev.jsonl").read_text("utf-8").splitlines()}
    sides = {side: {one.row["text"] for one in rows if one.side == side} for side in ("train", "valid")}
    assert dev >= sides["valid"]
    assert not sides["train"] & sides["valid"]


def test_a_conversation_keeps_its_side_and_no_text_stands_on_both(
    store: Store, settings: Settings, build: Build
) -> None:
    for n in range(200):
        add_turn(store, f"t-{n}", said=n % 60, session_id=f"s-{n % 40}", rated=5)
    first = build("nlu").version
    sides = {row.origin.session_id: row.split for row in read_rows(settings.home, first)}
    for n in range(200, 260):
        add_turn(store, f"t-{n}", said=n % 90, session_id=f"s-{n % 50}", rated=5)
    second = build("nlu").version
    texts: dict[str, set[str]] = {"train": set(), "valid": set()}
    for row in read_rows(settings.home, second):
        assert sides.setdefault(row.origin.session_id, row.split) == row.split
        texts[row.split].add(row.row["text"])
    assert texts["valid"]
    assert not texts["train"] & texts["valid"]


def test_a_pair_that_changes_a_fact_is_left_out(store: Store, settings: Settings, build: Build) -> None:
    traces = [add_turn(store, f"t-{n}", said=n) for n in range(6)]
    rewrite_turns(store, "b", traces[:3])
    task = task_of(traces[3], "rewrite", answer="김밥은 4,500원입니다.", facts=["4,500원"], age_band="7-9")
    wrong = rewritten(0, age_band="7-9", text="김밥은 5,500원이에요.")
    same = task_of(traces[4], "rewrite", answer="김밥은 4,500원입니다.", facts=[], age_band="7-9")
    unsaid = rewritten(0, age_band="7-9", text="", rating=5)
    torn = task_of(traces[5], "rewrite", answer="김밥이 있습니다.", facts=[], age_band="7-9")
    against = rewritten(0, age_band="7-9", text="김밥이 있어요.", rating=5, wrong=("unsafe",))
    put_labels(
        store,
        "b2",
        [(task, [answer(task, wrong)]), (same, [answer(same, unsaid)]), (torn, [answer(torn, against)])],
    )
    version = build("child").version
    assert version.left_out == {"contradiction": 1, "facts_differ": 1, "no_rewrite": 1}
    pairs, (report,) = read_pairs(folder_of(settings.home, version) / "train.jsonl")
    assert report.n_rejected == 0
    assert {pair.original for pair in pairs} <= {" ".join(p["original"].split()) for p in PAIRS[:3]}


def test_lora_rows_ask_as_the_product_asks_and_answer_as_was_accepted(
    store: Store, settings: Settings, build: Build
) -> None:
    shops = (recommendation(0),)
    plan = ReplyPlan(kind="recommend", age_band="10-12", shops=shops)
    good, bad = f"{shops[0].name} 어때요?", "없는가게 어때요? 99,000원이에요."
    given: dict[str, Any] = {"plan": plan, "response": good, "recommendations": shops}
    accepted = add_turn(store, "accepted", rated=5, **given)
    rewritten_turn = add_turn(store, "rewritten", said=1, **given)
    compared = add_turn(store, "compared", said=2, **given)
    add_turn(store, "invented", said=3, rated=5, **{**given, "response": bad})
    add_turn(
        store, "care", said=4, rated=5, plan=ReplyPlan(kind="refuse", age_band="10-12"), response="그건 못 도와줘."
    )
    rewrite = task_of(rewritten_turn, "rewrite", answer=good, facts=[shops[0].name], age_band="7-9")
    put_labels(
        store,
        "b1",
        [(rewrite, [answer(rewrite, rewritten(0, age_band="7-9", text=f"{shops[0].name}에 가 볼까요?"))])],
    )
    pair = task_of(compared, "compare", sides=("current", "stored"), a=f"{shops[0].name}에 같이 가요!", b=good)
    put_labels(store, "b2", [(pair, [answer(pair, CompareLabel(verdict="a"))])])
    built = build("lora")
    rows = {row.origin.turn_id: InstructionRow(**row.row) for row in read_rows(settings.home, built.version)}
    assert rows["accepted"].output == good
    assert rows["rewritten"].output == f"{shops[0].name}에 가 볼까요?"
    assert "일곱 살에서 아홉 살" in str(rows["rewritten"].input)
    assert rows["compared"].output == f"{shops[0].name}에 같이 가요!"
    assert {row.instruction for row in rows.values()} == {RULES}
    assert accepted.turn_id == rows["accepted"].turn_id
    assert built.version.left_out["ungrounded"] == 1
    assert built.version.left_out["not_worded_by_models"] == 1


def test_ranker_rows_freeze_what_was_shown_and_what_became_of_it(
    store: Store, settings: Settings, build: Build
) -> None:
    for n in range(30):
        add_turn(store, f"t-{n}", said=n, act="ordered" if n % 2 else "clicked")
    version = build("ranker").version
    rows = list(read_rows(settings.home, version))
    assert {row.row["turn_id"] for row in rows} == {f"t-{n}" for n in range(1, 30, 2)}
    assert all(row.row["outcomes"] == [3, 0, 0] and len(row.row["shown"]) == 3 for row in rows)
    assert version.counts == {"ordered": 15}
    assert version.left_out == {"not_chosen": 15}


def test_a_warning_in_one_kind_of_task_keeps_the_turn_out_of_every_dataset(
    store: Store, settings: Settings, build: Build
) -> None:
    traces = [add_turn(store, f"t-{n}", said=n, act="ordered") for n in range(3)]
    label_turns(store, "b", traces[:1], flags=("personal_data",))
    for name in ("nlu", "ranker", "lora"):
        built = build(name)
        assert "t-0" not in {row.origin.turn_id for row in read_rows(settings.home, built.version)}
        assert built.version.left_out["personal_data"] == 1, name


def test_personal_data_that_nobody_saw_is_found_before_a_row_is_made(
    store: Store, settings: Settings, build: Build
) -> None:
    trace = add_turn(store, "t-1", said=0)
    add_turn(store, "t-2", said=1, rated=5)
    task = task_of(trace, "understanding", text="내 번호는 010-1234-5678이야")
    put_labels(store, "b", [(task, [answer(task, UnderstandingLabel(intent=Intent.SMALL_TALK))])])
    built = build("nlu")
    assert [row.origin.turn_id for row in read_rows(settings.home, built.version)] == ["t-2"]
    assert built.version.left_out["personal_data"] == 1
