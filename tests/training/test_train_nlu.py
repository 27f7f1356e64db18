"""Training the understanding: any label set, the same seed twice, what it tells, when it stops, how it is scored."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from lamp_rows import ROOMS, SAID, Json, kept_rows, lamp_rows, row, write

from aiyam.contracts import Manifest, Progress
from aiyam.errors import DataError
from aiyam.evaluation.understanding import calibration_error, evaluate_model, facts, score
from aiyam.nlu.contexts import contexts
from aiyam.nlu.examples import Example
from aiyam.nlu.gazetteer import Gazetteer
from aiyam.nlu.grid import Utterance
from aiyam.nlu.model import NluModel
from aiyam.nlu.network import Network
from aiyam.registry import open_sealed
from aiyam.training.nlu import FULL, QUICK, train_nlu
from aiyam.training.nlu_linear import fit_tagger
from aiyam.training.nlu_network import Labels, Row, Sizes, fit_network

SHIPPED = Gazetteer.from_shipped()


def quiet(_: Progress) -> None:
    return None


@pytest.fixture(scope="module")
def lamps(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Manifest, list[Progress]]:
    """A version of another label set, and what its training told."""
    folder = tmp_path_factory.mktemp("lamps")
    events: list[Progress] = []
    data = write(folder / "lamps.jsonl", lamp_rows(90))
    manifest = train_nlu(data, folder / "v1", seed=1, epochs=3, progress=events.append)
    return folder / "v1", manifest, events


def test_any_label_set_trains_and_is_learnt(lamps: tuple[Path, Manifest, list[Progress]], tmp_path: Path) -> None:
    folder, manifest, _ = lamps
    assert open_sealed(folder, "nlu") == manifest
    model = NluModel.load(folder, SHIPPED)
    assert set(model.intents.labels) == set(SAID)
    assert model.parts.tags == ("O", "B-house_place", "I-house_place")
    assert model.parts.network is not None
    assert model.parts.tagger is not None
    assert model.parts.mix.tags_linear > 0  # a few held-out rows do not tell the parts apart: both are kept
    scores = evaluate_model(model, write(tmp_path / "held.jsonl", lamp_rows(30, first=90)))
    assert scores["intent_accuracy"] >= 0.95
    assert scores["span_f1"] >= 0.9
    assert scores["n"] == 30


def test_rows_without_spans_do_not_tell_the_tagger_that_it_is_not_needed(tmp_path: Path) -> None:
    silent = [{"text": r["text"], "intent": r["intent"]} for r in lamp_rows(20, first=90)]
    data, dev = write(tmp_path / "lamps.jsonl", lamp_rows(60)), write(tmp_path / "dev.jsonl", silent)
    train_nlu(data, tmp_path / "v1", dev=dev, seed=1, epochs=2, progress=lambda _: None)
    model = NluModel.load(tmp_path / "v1", SHIPPED)
    assert model.parts.tagger is not None
    assert model.parts.mix.tags_linear > 0


def test_progress_never_goes_back_and_ends_whole(lamps: tuple[Path, Manifest, list[Progress]]) -> None:
    events = lamps[2]
    fractions = [e.fraction for e in events]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert [*dict.fromkeys(e.stage for e in events)] == ["read", "rows", "intent", "spans", "network", "done"]
    passes = [e for e in events if e.stage == "network" and "loss" in e.metrics]
    assert 1 <= len(passes) <= 3
    assert all(e.message for e in passes)


def test_reading_and_making_rows_of_a_large_file_is_told_as_it_goes(tmp_path: Path) -> None:
    data = write(tmp_path / "lamps.jsonl", lamp_rows(7000))
    events: list[Progress] = []

    def stop(event: Progress) -> None:
        events.append(event)
        if event.stage == "intent":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_nlu(data, tmp_path / "v1", seed=1, epochs=0, progress=stop)
    assert sum(e.stage == "read" for e in events) >= 3
    made = [e.message for e in events if e.stage == "rows"]
    assert len(made) == 8  # clean and noisy, each 2,000
    assert made[1].startswith("2,000 of 6,")
    fractions = [e.fraction for e in events]
    assert fractions == sorted(fractions)


def test_the_manifest_says_what_it_was_made_of(lamps: tuple[Path, Manifest, list[Progress]]) -> None:
    folder, manifest, events = lamps
    assert (manifest.dataset, manifest.parents) == ("lamps.jsonl", ())
    assert manifest.config["seed"] == 1
    assert manifest.config["epochs"] == 3
    assert manifest.metrics["n_rows"] + manifest.metrics["n_held_out"] == 90
    assert manifest.metrics["held_out_intent_accuracy"] == events[-1].metrics["held_out_intent_accuracy"] > 0.9
    texts = {r["text"] for r in lamp_rows(90)}
    fit, held = kept_rows(folder / "rows.jsonl.gz"), kept_rows(folder / "held.jsonl.gz")
    assert {r["text"] for r in (*fit, *held)} == texts
    assert len(fit) + len(held) == 90
    assert {"weights.safetensors", "nlu.json", "rows.jsonl.gz", "held.jsonl.gz"} <= set(manifest.checksums)


def test_the_same_seed_trains_the_same_files_and_another_does_not(tmp_path: Path) -> None:
    data = write(tmp_path / "lamps.jsonl", lamp_rows(45))
    sums = [
        train_nlu(data, tmp_path / str(i), seed=seed, epochs=2, progress=quiet).checksums
        for i, seed in enumerate((7, 7, 8))
    ]
    for file in ("weights.safetensors", "nlu.json", "rows.jsonl.gz", "held.jsonl.gz", "data_report.json"):
        assert sums[0][file] == sums[1][file], file
    assert sums[0]["weights.safetensors"] != sums[2]["weights.safetensors"]


def test_rows_without_spans_train_an_intent_model_alone(tmp_path: Path) -> None:
    rows: list[Json] = [{"text": r["text"], "intent": r["intent"]} for r in lamp_rows(45)]
    train_nlu(write(tmp_path / "lamps.jsonl", rows), tmp_path / "v1", seed=1, epochs=1, progress=quiet)
    model = NluModel.load(tmp_path / "v1", SHIPPED)
    assert model.parts.tags == ("O",)
    reading = model.read("거실 불 켜줘")
    assert (reading.intent, reading.spans) == ("lamp_on", ())


def test_without_passes_of_the_network_the_linear_parts_answer_alone(tmp_path: Path) -> None:
    events: list[Progress] = []
    data = write(tmp_path / "lamps.jsonl", lamp_rows(60))
    train_nlu(data, tmp_path / "v1", seed=1, epochs=0, progress=events.append)
    model = NluModel.load(tmp_path / "v1", SHIPPED)
    assert model.parts.network is None
    assert model.parts.mix.intent_network == model.parts.mix.tags_network == 0
    reading = model.read("서재 불 꺼줘")
    assert (reading.intent, reading.spans) == ("lamp_off", (("house_place", 0, 2),))
    fractions = [e.fraction for e in events]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0


def test_a_training_without_network_and_passes_reads_spans_all_the_same(tmp_path: Path) -> None:
    data = write(tmp_path / "lamps.jsonl", lamp_rows(60))
    train_nlu(data, tmp_path / "v1", seed=1, effort=replace(FULL, passes=0), epochs=0, progress=quiet)
    assert NluModel.load(tmp_path / "v1", SHIPPED).read("서재 불 꺼줘").spans == (("house_place", 0, 2),)


def test_kinds_of_spans_may_have_any_name(tmp_path: Path) -> None:
    odd = ("a --> b: c (d)", "O", "{", "음식 종류")
    rows = [row(f"{room} 불 켜줘 {i}", "(1) x --> y", room) for i in range(10) for room in ROOMS[: len(odd)]]
    for i, said in enumerate(rows):
        said["entities"][0]["entity"] = odd[i % len(odd)]
    train_nlu(write(tmp_path / "odd.jsonl", rows), tmp_path / "v1", seed=1, epochs=0, progress=quiet)
    model = NluModel.load(tmp_path / "v1", SHIPPED)
    assert model.read("침실 불 켜줘").spans == (("O", 0, 2),)
    assert model.read("거실 불 켜줘").spans == ((odd[0], 0, 2),)


def test_more_kinds_of_spans_than_a_byte_can_number_are_learnt() -> None:
    syllables = [chr(0xAC00 + 28 * i) for i in range(300)]
    utterances = [Utterance.of(f"{s} 줘", SHIPPED) for s in syllables]
    tags = [[i + 1, *[0] * (len(u.plain.text) - 1)] for i, u in enumerate(utterances)]
    tagger = fit_tagger(utterances, tags, [str(i) for i in range(301)], passes=5, progress=lambda _: None)
    assert tagger is not None
    around = contexts(utterances)
    said = tagger.scores(around)[around.starts[:-1]].argmax(axis=1)
    assert np.mean(said == np.arange(1, 301)) > 0.95


def test_a_quick_training_has_no_network_and_is_small(tmp_path: Path) -> None:
    data = write(tmp_path / "lamps.jsonl", lamp_rows(60))
    manifest = train_nlu(data, tmp_path / "v1", seed=1, effort=QUICK, progress=quiet)
    assert manifest.config["epochs"] == QUICK.epochs
    model = NluModel.load(tmp_path / "v1", SHIPPED)
    assert model.parts.network is None
    reading = model.read("서재 불 꺼줘")
    assert (reading.intent, reading.spans) == ("lamp_off", (("house_place", 0, 2),))
    assert sum(f.stat().st_size for f in (tmp_path / "v1").iterdir()) < 8_000_000


@pytest.mark.parametrize("epochs", [0, 1])
def test_one_intent_trains_and_is_the_answer(tmp_path: Path, epochs: int) -> None:
    rows = [row(f"{room} 불 켜줘 {i}", "lamp_on", room) for i in range(8) for room in ("거실", "침실")]
    data = write(tmp_path / "one.jsonl", rows)
    train_nlu(data, tmp_path / "v1", seed=1, epochs=epochs, progress=quiet)
    reading = NluModel.load(tmp_path / "v1", SHIPPED).read("침실 불 켜줘")
    assert (reading.intent, reading.ranking) == ("lamp_on", (("lamp_on", 1.0),))
    assert reading.spans == (("house_place", 0, 2),)


def test_no_sound_row_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text('{"text": "가"}\n', "utf-8")
    with pytest.raises(DataError):
        train_nlu(tmp_path / "empty.jsonl", tmp_path / "v1", seed=1, epochs=0, progress=quiet)
    assert not (tmp_path / "v1").exists()


# ------------------------------------------------------------------------------------------------ when it stops


def little_network(scores: list[float], *, patience: int, epochs: int = 8) -> tuple[Network, list[Network], list[int]]:
    """Train a small network whose held-out scores are given; return what is kept, each pass's network, passes told."""
    utterances = [Utterance.of(str(r["text"]), Gazetteer((), {})) for r in lamp_rows(12)]
    rows = [Row(u, i % 3, np.zeros(len(u.plain.text), dtype=np.int64)) for i, u in enumerate(utterances)]
    judged: list[Network] = []
    told: list[int] = []

    def judge(network: Network) -> float:
        judged.append(network)
        return scores[len(judged) - 1]

    kept = fit_network(
        rows,
        lambda rng: [],
        Labels(("A", "B", "C"), ("O", "B-x", "I-x")),
        sizes=Sizes(context=8, jamo=2, place=2, hidden=8, batch_size=4, patience=patience),
        epochs=epochs,
        seed=1,
        judge=judge,
        progress=lambda done, loss, score: told.append(done),
    )
    return kept, judged, told


def test_it_stops_when_held_out_rows_no_longer_gain_and_keeps_the_best() -> None:
    kept, judged, told = little_network([0.4, 0.9, 0.5, 0.9, 0.6, 1.0, 1.0, 1.0], patience=3)
    assert told == [1, 2, 3, 4, 5]
    assert kept is judged[1]


def test_a_gain_starts_the_patience_anew_and_the_last_pass_is_the_end() -> None:
    kept, judged, told = little_network([0.1, 0.0, 0.2, 0.1, 0.3, 0.2, 0.4, 0.3], patience=2)
    assert told == list(range(1, 9))
    assert kept is judged[6]


def test_held_out_rows_that_are_never_right_give_a_network_all_the_same() -> None:
    kept, judged, told = little_network([0.0] * 8, patience=2)
    assert told == [1, 2, 3]
    assert kept is judged[0]


# ------------------------------------------------------------------------------------------------ scores


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
