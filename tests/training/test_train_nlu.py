"""Training the understanding: reports, refusals, other label sets, the same seed twice."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from aiyam.contracts import Progress
from aiyam.errors import DataError
from aiyam.evaluation.understanding import calibration_error, evaluate_model, facts, score
from aiyam.nlu.examples import Example
from aiyam.nlu.gazetteer import Gazetteer
from aiyam.nlu.model import NluModel
from aiyam.registry import open_sealed
from aiyam.settings import REPO_ROOT
from aiyam.training.nlu import load_corpus, train_nlu


def lamp_rows(n: int) -> list[dict[str, object]]:
    """Rows of a label set that is not the product's."""
    rows: list[dict[str, object]] = []
    for i in range(n):
        room = ["거실", "침실", "부엌", "화장실", "서재"][i % 5]
        verb, intent = [("켜줘", "lamp_on"), ("꺼줘", "lamp_off"), ("몇 시야", "clock")][i % 3]
        text = f"{room} 불 {verb} {i}" if intent != "clock" else f"지금 {room} 시계로 {verb} {i}"
        start = text.index(room)
        rows.append(
            {
                "text": text,
                "intent": intent,
                "entities": [{"entity": "house_place", "text": room, "start": start, "end": start + len(room)}],
            }
        )
    return rows


def write(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), "utf-8")
    return path


def quiet(_: Progress) -> None:
    return None


def test_any_label_set_trains_and_is_learnt(tmp_path: Path) -> None:
    events: list[Progress] = []
    manifest = train_nlu(
        write(tmp_path / "lamps.jsonl", lamp_rows(90)), tmp_path / "v1", seed=1, epochs=4, progress=events.append
    )
    assert open_sealed(tmp_path / "v1", "nlu") == manifest
    assert events[-1].fraction == 1.0
    assert [e.fraction for e in events] == sorted(e.fraction for e in events)
    model = NluModel.load(tmp_path / "v1", Gazetteer.from_shipped())
    assert set(model.intents.labels) == {"lamp_on", "lamp_off", "clock"}
    held = write(tmp_path / "held.jsonl", list(lamp_rows(120)[90:]))
    scores = evaluate_model(model, held)
    assert scores["intent_accuracy"] >= 0.95
    assert scores["span_f1"] >= 0.9
    assert scores["n"] == 30


def test_the_same_seed_trains_the_same_model(tmp_path: Path) -> None:
    data = write(tmp_path / "lamps.jsonl", lamp_rows(45))
    sums = [train_nlu(data, tmp_path / name, seed=7, epochs=2, progress=quiet).checksums for name in ("a", "b")]
    for file in ("intent.safetensors", "spans.crfsuite", "nlu.json"):
        assert sums[0][file] == sums[1][file]


def test_rows_without_spans_train_an_intent_model_alone(tmp_path: Path) -> None:
    rows = [{"text": r["text"], "intent": r["intent"]} for r in lamp_rows(30)]
    train_nlu(write(tmp_path / "lamps.jsonl", rows), tmp_path / "v1", seed=1, epochs=2, progress=quiet)
    model = NluModel.load(tmp_path / "v1", Gazetteer.from_shipped())
    assert model.read("거실 불 켜줘").spans == ()


def test_what_was_repaired_and_rejected_is_written_beside_the_model(tmp_path: Path) -> None:
    rows = lamp_rows(30)
    rows[3]["entities"] = [{"entity": "house_place", "text": "부엌에없는말", "start": 0, "end": 3}]
    train_nlu(write(tmp_path / "lamps.jsonl", rows), tmp_path / "v1", seed=1, epochs=1, progress=quiet)
    (file,) = json.loads((tmp_path / "v1" / "data_report.json").read_text("utf-8"))["files"]
    assert (file["rows"], file["kept"], file["rejected"]) == (30, 29, 1)
    assert file["notes"][0]["row"] == 4


def test_one_intent_alone_is_refused(tmp_path: Path) -> None:
    rows = [{"text": f"불 켜줘 {i}", "intent": "lamp_on"} for i in range(10)]
    with pytest.raises(DataError, match="two intents"):
        train_nlu(write(tmp_path / "one.jsonl", rows), tmp_path / "v1", seed=1, epochs=1, progress=quiet)
    assert not (tmp_path / "v1").exists()


def test_the_held_back_split_is_never_read_as_training_rows() -> None:
    folder = REPO_ROOT / "datasets" / "nlu"
    trained = {"".join(e.text.split()) for e in load_corpus(folder, seed=1)[0]}
    held = {
        "".join(json.loads(line)["text"].split()) for line in (folder / "test.jsonl").read_text("utf-8").splitlines()
    }
    assert not trained & held


def test_scores_are_what_a_hand_count_gives() -> None:
    from aiyam.evaluation.understanding import Answer

    examples = [
        Example("가나", "A", (("x", 0, 1, "가"),), {"menus": ["돈까스"]}),
        Example("다라", "B", (), {"open_now": True}),
    ]
    answers = [
        Answer("A", 0.9, frozenset({("x", 0, 1), ("y", 1, 2)}), {"menus": ["돈가스"]}),
        Answer("A", 0.6, frozenset(), {}),
    ]
    found = score(examples, answers)
    assert found["intent_accuracy"] == 0.5
    assert found["span_f1"] == round(2 / 3, 4)
    assert found["filter_f1"] == round(2 / 3, 4)
    assert found["confused"] == [{"label": "B", "answer": "A", "n": 1, "text": "다라"}]
    assert found["intents"]["A"] == {"precision": 0.5, "recall": 1.0, "f1": 0.6667, "n": 1}


def test_perfect_confidence_has_no_calibration_error() -> None:
    assert calibration_error(np.ones(50), np.ones(50)) == 0.0
    assert calibration_error(np.ones(50), np.zeros(50)) == 1.0
    assert facts({"category": "치킨"}) == {("category", "치킨")}
