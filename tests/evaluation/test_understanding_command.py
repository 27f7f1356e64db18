"""``aiyam train nlu`` and ``aiyam evaluate nlu`` as a person runs them, on a tiny corpus of the product's labels and on another's."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from aiyam.cli import app
from aiyam.errors import DataError, ModelError
from aiyam.evaluation.understanding import (
    answer_of,
    evaluate_folder,
    evaluate_model,
    evaluate_understanding,
    raw_answer,
    score,
)
from aiyam.nlu.examples import load_examples
from aiyam.nlu.gazetteer import Gazetteer
from aiyam.nlu.grid import Utterance
from aiyam.nlu.model import NluModel, Reading
from aiyam.nlu.reader import load_reader
from aiyam.nlu.understander import Understander
from aiyam.settings import REPO_ROOT
from aiyam.training.nlu import train_nlu

INTENTS = ("FOOD_RECOMMENDATION", "BUDGET_FOOD_INQUIRY", "GREETING")


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), "utf-8")
    return path


def product_rows() -> list[dict[str, Any]]:
    lines = (REPO_ROOT / "datasets" / "nlu" / "handwritten.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return [row for intent in INTENTS for row in [r for r in rows if r["intent"] == intent][:24]]


def lamp_rows(n: int, *intents: str) -> list[dict[str, Any]]:
    said = {"lamp_on": "켜줘", "lamp_off": "꺼줘", "clock": "몇 시야"}
    rows = []
    for i in range(n):
        room, intent = ("거실", "침실", "부엌")[i % 3], intents[i % len(intents)]
        entity = {"entity": "house_place", "text": room, "start": 0, "end": 2}
        rows.append({"text": f"{room} {said[intent]} {i}", "intent": intent, "entities": [entity]})
    return rows


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("product")
    data = write(folder / "rows.jsonl", product_rows()[::2])
    train_nlu(data, folder / "v1", seed=1, epochs=2, progress=lambda _: None)
    return folder / "v1"


def lamps(folder: Path, *intents: str) -> Path:
    data = write(folder / "lamps.jsonl", lamp_rows(60, *intents))
    train_nlu(data, folder / "v1", seed=1, epochs=2, progress=lambda _: None)
    return folder / "v1"


def evaluate(*words: object) -> dict[str, Any]:
    done = CliRunner().invoke(app, ["evaluate", "nlu", *map(str, words), "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_product_model_is_scored_with_its_rules_and_filters(product: Path, tmp_path: Path) -> None:
    rows = product_rows()
    found = evaluate("--model", product, "--data", write(tmp_path / "held.jsonl", rows))
    assert found["through"] == "understander"
    for name in ("intent_accuracy", "intent_macro_f1", "span_f1", "span_f1_lenient", "filter_f1", "ece"):
        assert 0 <= found["intervals"][name][0] <= found[name] <= found["intervals"][name][1] <= 1
    assert found["intent_accuracy"] > 0.7
    assert found["filter_f1"] > 0.7
    assert found["span_f1_lenient"] >= found["span_f1"] > found["model_alone"]["span_f1"] - 0.2
    assert found["n"] == found["data"]["kept"] == len(rows)
    assert set(found["intents"]) == set(INTENTS)
    assert all(pair["text"] in {r["text"] for r in rows} for pair in found["confused"])
    assert all(rows[worst["row"] - 1]["text"] == worst["text"] for worst in found["worst_rows"])


def test_rows_read_once_and_together_score_as_rows_read_one_by_one(product: Path, tmp_path: Path) -> None:
    data = write(tmp_path / "held.jsonl", [*product_rows(), {"text": "땅콩 알레르기 있어", "intent": "REFINE"}] * 4)
    examples, _ = load_examples(data, conflicts="keep")
    model = load_reader(product, Gazetteer.from_shipped())
    understander = Understander(model, "v1")
    fractions: list[float] = []
    found = evaluate_folder(product, data, progress=lambda p: fractions.append(p.fraction))
    one_by_one = score(examples, [answer_of(understander.understand(e.text)) for e in examples])
    assert without_row_numbers({key: found[key] for key in one_by_one}) == close_to(without_row_numbers(one_by_one))
    assert without_row_numbers(evaluate_understanding(understander, data)) == close_to(without_row_numbers(one_by_one))
    alone = score(examples, [raw_answer(model.read(e.text)) for e in examples])
    assert without_row_numbers(evaluate_model(model, data)) == close_to(without_row_numbers(alone))
    assert {name: found["model_alone"][name] for name in ("intent_accuracy", "span_f1", "ece")} == close_to(
        {name: alone[name] for name in ("intent_accuracy", "span_f1", "ece")}
    )
    assert len(examples) > 256
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0


def test_every_row_is_read_once_by_each_model(product: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    n_read = 0
    whole = NluModel.read_utterances

    def counted(self: NluModel, utterances: Sequence[Utterance]) -> list[Reading]:
        nonlocal n_read
        n_read += len(utterances)
        return whole(self, utterances)

    monkeypatch.setattr(NluModel, "read_utterances", counted)
    rows = product_rows()
    evaluate_folder(product, write(tmp_path / "held.jsonl", rows), against=product)
    assert n_read == 2 * len(rows)


def without_row_numbers(scores: dict[str, Any]) -> dict[str, Any]:
    """Which of equal rows counts as the worst is chance."""
    return {**scores, "worst_rows": [{k: v for k, v in row.items() if k != "row"} for row in scores["worst_rows"]]}


def close_to(scores: Any) -> Any:
    """Every figure, name and row the same; a confidence may differ where numbers were added in another order."""
    if isinstance(scores, dict):
        return {key: close_to(value) for key, value in scores.items()}
    if isinstance(scores, list | tuple):
        return [close_to(value) for value in scores]
    return pytest.approx(scores, abs=2e-4) if isinstance(scores, float) else scores


def test_a_model_of_other_labels_is_scored_alone(tmp_path: Path) -> None:
    model = lamps(tmp_path, "lamp_on", "lamp_off")
    rows = [*lamp_rows(12, "lamp_on", "lamp_off"), *lamp_rows(3, "clock")]
    found = evaluate("--model", model, "--data", write(tmp_path / "held.jsonl", rows))
    assert found["through"] == "model"
    assert found["filter_f1"] is None
    assert "lamp_off" in found["filter_f1_reason"]
    assert found["unknown_labels"] == {"clock": 3}
    assert found["intent_accuracy"] <= 12 / 15


def test_rows_with_conflicting_labels_all_count_in_a_score(product: Path, tmp_path: Path) -> None:
    rows = [{"text": "안녕", "intent": intent} for intent in ("GREETING", "GREETING", "FOOD_RECOMMENDATION")]
    found = evaluate("--model", product, "--data", write(tmp_path / "held.jsonl", rows))
    assert found["n"] == 3
    assert found["data"]["conflicting_texts"] == 1
    assert found["intent_accuracy"] in (round(1 / 3, 4), round(2 / 3, 4))


def test_two_models_are_compared_on_the_same_rows(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    old = lamps(tmp_path / "old", "lamp_on", "lamp_off", "clock")
    new = lamps(tmp_path / "new", "lamp_on", "lamp_off")
    data = write(tmp_path / "held.jsonl", lamp_rows(30, "lamp_on", "lamp_off", "clock"))
    found = evaluate("--model", new, "--data", data, "--against", old)["comparison"]
    assert found["intents"]["clock"]["model"] == 0.0
    assert found["intents"]["clock"]["against"] > 0.5
    assert found["measures"]["intent_accuracy"]["interval"][1] < 0
    assert found["n_worse"] >= 5
    assert {row["label"] for row in found["worse"]} == {"clock"}
    assert found["n_better"] + found["n_worse"] + found["n_same"] == 30


def test_the_text_form_says_the_same_in_korean(product: Path, tmp_path: Path) -> None:
    data = write(tmp_path / "held.jsonl", [*product_rows(), {"text": "밥"}])
    words = ["evaluate", "nlu", "--model", str(product), "--data", str(data), "--against", str(product)]
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    shown = evaluate("--model", product, "--data", data)
    assert f"{shown['intent_accuracy']:.4f}" in done.stdout
    for word in ("의도 정확도", "필터 F1", "의도별", "개체별", "나아진 행 0", "의도가 없음: 1 (73행)"):
        assert word in done.stdout


def test_a_folder_without_a_model_and_a_file_without_rows_are_named(product: Path, tmp_path: Path) -> None:
    data = write(tmp_path / "held.jsonl", product_rows()[:3])
    runner = CliRunner()
    with pytest.raises(ModelError, match=tmp_path.name):
        runner.invoke(app, ["evaluate", "nlu", "--model", str(tmp_path), "--data", str(data)], catch_exceptions=False)
    (tmp_path / "empty.jsonl").write_text("", "utf-8")
    with pytest.raises(DataError, match="empty"):
        runner.invoke(
            app,
            ["evaluate", "nlu", "--model", str(product), "--data", str(tmp_path / "empty.jsonl")],
            catch_exceptions=False,
        )


def test_training_prints_what_it_repaired_and_rejected_and_where_the_whole_report_is(tmp_path: Path) -> None:
    rows = lamp_rows(40, "lamp_on", "lamp_off")
    rows[2]["entities"][0]["start"] = 1
    rows[5]["intent"] = None
    data, out = write(tmp_path / "lamps.jsonl", rows), tmp_path / "v1"
    words = ["train", "nlu", "--data", str(data), "--out", str(out), "--epochs", "1"]
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "lamps.jsonl: 40행 가운데 39행을 써요 (고침 1, 버림 1)." in done.stderr
    assert "위치가 글과 다름: 1 (3행)" in done.stderr
    assert "의도가 없음: 1 (6행)" in done.stderr
    assert str(out / "data_report.json") in done.stderr
    (report,) = json.loads((out / "data_report.json").read_text("utf-8"))["files"]
    assert [note["row"] for note in report["notes"]] == [3, 6]
