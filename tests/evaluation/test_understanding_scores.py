"""The figures of the understanding: hand counts, the bootstrap, lenient spans, filters that cannot be compared, comparisons."""

from __future__ import annotations

import numpy as np
import pytest

from aiyam.evaluation.row_counts import Answer, bootstrap, calibration_error, count_rows, measure
from aiyam.evaluation.span_match import lenient_hits, only_particles
from aiyam.evaluation.understanding_comparison import compare
from aiyam.evaluation.understanding_scores import score
from aiyam.evaluation.understanding_table import aligned, cells
from aiyam.nlu.examples import Example


def made_rows(n: int, *, seed: int, accuracy: float) -> tuple[list[Example], list[Answer]]:
    """Rows of three intents with one span and one filter each; an answer is right in every part by chance."""
    rng = np.random.default_rng(seed)
    examples, answers = [], []
    for i in range(n):
        intent = "ABC"[i % 3]
        examples.append(Example(f"만원으로 {i}", intent, (("budget", 0, 2, 1),), {"budget_max": 10_000}, row=i + 1))
        ok = rng.random(3) < accuracy
        span = ("budget", 0, 2 if ok[1] else 4)
        filters = {"budget_max": 10_000 if ok[2] else 5_000}
        confidence = float(rng.uniform(0.5, 1.0))
        answers.append(Answer(intent if ok[0] else "ABC"[(i + 1) % 3], confidence, frozenset({span}), filters))
    return examples, answers


def test_scores_are_what_a_hand_count_gives_and_rows_are_shown() -> None:
    examples = [
        Example("가나", "A", (("x", 0, 1, "가"),), {"menus": ["돈까스"]}, row=4),
        Example("다라", "B", (), {"open_now": True}, row=7),
        Example("마바", "B", (("x", 0, 2, "마바"),), row=9),
    ]
    answers = [
        Answer("A", 0.9, frozenset({("x", 0, 1), ("y", 1, 2)}), {"menus": ["돈가스"]}),
        Answer("A", 0.6, frozenset(), {}),
        Answer("B", 0.7, frozenset({("x", 0, 2)}), {}),
    ]
    found = score(examples, answers)
    assert found["intent_accuracy"] == round(2 / 3, 4)
    assert found["intent_macro_f1"] == round(2 / 3, 4)
    assert found["span_f1"] == round(2 * 2 / 5, 4)
    assert found["filter_f1"] == round(2 * 1 / 3, 4)
    assert found["exact_rows"] == round(1 / 3, 4)
    assert found["confused"] == [{"label": "B", "answer": "A", "n": 1, "text": "다라"}]
    assert found["intents"]["B"] == {"precision": 1.0, "recall": 0.5, "f1": 0.6667, "n": 2}
    assert found["spans"]["y"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "n": 0}
    wrong_intent, extra_span = found["worst_rows"]
    assert (wrong_intent["row"], wrong_intent["label"], wrong_intent["answer"]) == (7, "B", "A")
    assert wrong_intent["filters_missed"] == ["open_now=true"]
    assert extra_span["invented"] == [{"entity": "y", "text": "나", "start": 1, "end": 2}]


def test_the_bootstrap_is_what_a_loop_over_draws_gives() -> None:
    examples, answers = made_rows(60, seed=1, accuracy=0.7)
    counts = count_rows(examples, answers, with_filters=True)
    (draws,) = bootstrap([counts], seed=5, n_draws=7)
    picked = np.random.default_rng(5).integers(0, 60, size=(7, 60))
    for i, rows in enumerate(picked):
        again = measure(count_rows([examples[r] for r in rows], [answers[r] for r in rows], with_filters=True))
        for name in ("intent_accuracy", "intent_macro_f1", "span_f1", "span_f1_lenient", "filter_f1", "exact_rows"):
            assert draws[name][i] == pytest.approx(again[name])


def test_intervals_hold_the_figure_and_narrow_with_more_rows() -> None:
    widths = []
    for n in (50, 800):
        found = score(*made_rows(n, seed=2, accuracy=0.8))
        for name, (low, high) in found["intervals"].items():
            assert low <= found[name] <= high
            assert low < high or found[name] == 1.0  # every span is right but for its particle
        widths.append(found["intervals"]["intent_accuracy"])
    assert widths[1][1] - widths[1][0] < (widths[0][1] - widths[0][0]) / 2


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    covered = 0
    for seed in range(100):
        low, high = score(*made_rows(80, seed=seed, accuracy=0.8), seed=seed)["intervals"]["intent_accuracy"]
        covered += low <= 0.8 <= high
    assert covered >= 86


def test_filters_that_cannot_be_compared_are_none_with_a_reason() -> None:
    examples, answers = made_rows(9, seed=1, accuracy=1.0)
    bare = [Answer(a.intent, a.confidence, a.spans, None) for a in answers]
    found = score(examples, bare)
    assert found["filter_f1"] is None
    assert "필터" in found["filter_f1_reason"]
    assert "filter_f1" not in found["intervals"]
    unlabelled = [Example(e.text, e.intent, e.spans) for e in examples]
    assert "자료에" in score(unlabelled, answers)["filter_f1_reason"]


@pytest.mark.parametrize(
    ("text", "gold", "said", "hits"),
    [
        ("만원으로 떡볶이", (0, 2), (0, 4), 1),
        ("만원으로 떡볶이", (0, 4), (0, 2), 1),
        ("신림역에서는 뭐", (0, 3), (0, 6), 1),
        ("아이랑 간다", (0, 2), (0, 1), 0),  # 이 is no particle after a vowel
        ("김밥집 어디", (0, 2), (0, 1), 0),
        ("만원 으로", (0, 2), (0, 3), 1),
        ("매운 라면", (3, 5), (0, 5), 0),  # what comes before counts
    ],
)
def test_lenient_spans_differ_by_trailing_particles_alone(
    text: str, gold: tuple[int, int], said: tuple[int, int], hits: int
) -> None:
    assert lenient_hits(text, {("x", *gold)}, {("x", *said)}) == hits
    assert lenient_hits(text, {("x", *gold)}, {("y", *said)}) == 0


def test_one_span_is_not_counted_for_two_labelled_ones() -> None:
    assert lenient_hits("집에는", {("x", 0, 1), ("x", 0, 2)}, {("x", 0, 3)}) == 1
    assert not only_particles("집", "에서는요도")


def test_a_model_compared_with_itself_differs_nowhere() -> None:
    examples, answers = made_rows(40, seed=3, accuracy=0.7)
    found = compare(examples, answers, answers)
    assert all(m["difference"] == 0 and m["interval"] == [0, 0] for m in found["measures"].values())
    assert (found["n_better"], found["n_worse"], found["n_same"]) == (0, 0, 40)


def test_what_was_forgotten_is_shown_by_intent_and_by_row() -> None:
    examples, answers = made_rows(90, seed=3, accuracy=1.0)
    forgot = [Answer("A", a.confidence, a.spans, a.filters) if a.intent == "C" else a for a in answers]
    found = compare(examples, forgot, answers)
    accuracy = found["measures"]["intent_accuracy"]
    assert accuracy["difference"] == round(-1 / 3, 4)
    assert accuracy["interval"][0] < accuracy["difference"] < accuracy["interval"][1] < 0
    assert next(iter(found["intents"])) == "C"
    assert found["intents"]["C"] == {"n": 30, "model": 0.0, "against": 1.0, "difference": -1.0}
    assert (found["n_better"], found["n_worse"]) == (0, 30)
    assert found["worse"][0]["row"] == 3
    assert (found["worse"][0]["model"]["answer"], found["worse"][0]["against"]["answer"]) == ("A", "C")


def test_paired_intervals_are_narrower_than_the_difference_of_two_alone() -> None:
    examples, answers = made_rows(200, seed=4, accuracy=0.7)
    others = list(answers)
    for i in (1, 5, 9):
        others[i] = Answer(examples[i].intent, *(getattr(answers[i], k) for k in ("confidence", "spans", "filters")))
    low, high = compare(examples, answers, others)["measures"]["intent_accuracy"]["interval"]
    alone = score(examples, answers)["intervals"]["intent_accuracy"]
    assert high - low < (alone[1] - alone[0]) / 2


def test_perfect_confidence_has_no_calibration_error() -> None:
    assert calibration_error(np.ones(50), np.ones(50)) == 0.0
    assert calibration_error(np.ones(50), np.zeros(50)) == 1.0


def test_one_row_is_scored_too() -> None:
    found = score([Example("가", "A")], [Answer("B", 0.4, frozenset(), None)])
    assert (found["intent_accuracy"], found["span_f1"], found["n"]) == (0.0, 1.0, 1)


def test_columns_line_up_though_hangul_is_wide() -> None:
    lines = aligned("", ("라벨", "행"), [("떡볶이", "1"), ("soup", "12"), ("가\n나", "3")], right=(1,)).splitlines()[1:]
    assert len({cells(line) for line in lines}) == 1
