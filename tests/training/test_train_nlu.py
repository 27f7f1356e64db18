"""Training the understanding: any label set, the same seed twice, rows held back, reports, refusals, a kill on the way."""

from __future__ import annotations

import errno
import json
import os
import random
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from lamp_rows import ROOMS, SAID, Json, kept_rows, lamp_rows, row, write

from aiyam.contracts import Manifest, Progress
from aiyam.errors import Conflict, DataError, InvalidInput
from aiyam.evaluation.understanding import calibration_error, evaluate_model, facts, score
from aiyam.nlu.contexts import contexts
from aiyam.nlu.examples import Example
from aiyam.nlu.gazetteer import Gazetteer
from aiyam.nlu.grid import Utterance
from aiyam.nlu.load_report import LoadReport, summary_ko
from aiyam.nlu.model import NluModel
from aiyam.nlu.network import Network
from aiyam.registry import open_sealed
from aiyam.settings import REPO_ROOT
from aiyam.training.corpus import Source, load_corpus, thin_out
from aiyam.training.nlu import FULL, QUICK, train_nlu
from aiyam.training.nlu_linear import fit_tagger
from aiyam.training.nlu_network import Labels, Row, Sizes, fit_network
from aiyam.training.rows import hold_out

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


def test_progress_never_goes_back_and_ends_whole(lamps: tuple[Path, Manifest, list[Progress]]) -> None:
    events = lamps[2]
    fractions = [e.fraction for e in events]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert [*dict.fromkeys(e.stage for e in events)] == ["read", "rows", "intent", "spans", "network", "done"]
    passes = [e for e in events if e.stage == "network" and "loss" in e.metrics]
    assert 1 <= len(passes) <= 3
    assert all(e.message for e in passes)


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


def test_what_is_held_out_is_held_out_by_text_and_never_for_nothing() -> None:
    said = [Example(f"불 켜줘 {i % 300}", "lamp_on", row=i) for i in range(900)]
    fit, held = hold_out(said, random.Random(1))
    assert held
    assert len(fit) + len(held) == len(said)
    assert not {e.text for e in fit} & {e.text for e in held}
    many = [Example(f"불 켜줘 {i}", "lamp_on") for i in range(5000)]
    assert 50 < len(hold_out(many, random.Random(1), most=100)[1]) < 200


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


def test_what_was_repaired_and_rejected_is_written_beside_the_model(tmp_path: Path) -> None:
    rows = lamp_rows(30)
    rows[3]["entities"] = [{"entity": "house_place", "text": "부엌에없는말", "start": 0, "end": 3}]
    train_nlu(write(tmp_path / "lamps.jsonl", rows), tmp_path / "v1", seed=1, epochs=0, progress=quiet)
    (file,) = json.loads((tmp_path / "v1" / "data_report.json").read_text("utf-8"))["files"]
    assert (file["rows"], file["kept"], file["rejected"]) == (30, 29, 1)
    assert file["notes"][0]["row"] == 4


def test_no_sound_row_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text('{"text": "가"}\n', "utf-8")
    with pytest.raises(DataError):
        train_nlu(tmp_path / "empty.jsonl", tmp_path / "v1", seed=1, epochs=0, progress=quiet)
    assert not (tmp_path / "v1").exists()


def test_a_file_of_a_folder_that_cannot_be_read_is_reported_and_the_others_are_read(tmp_path: Path) -> None:
    rows = [row("떡볶이 먹자", "FOOD_RECOMMENDATION"), row("안녕", "GREETING")]
    write(tmp_path / "data" / "sound.jsonl", rows)
    (tmp_path / "data" / "empty.jsonl").write_bytes(b"")
    corpus = load_corpus(tmp_path / "data", seed=1)
    assert [e.text for e in corpus.examples] == ["떡볶이 먹자", "안녕"]
    assert [(r.file, r.n_kept, [n.kind for n in r.rejected]) for r in corpus.reports] == [
        ("empty.jsonl", 0, ["file"]),
        ("sound.jsonl", 2, []),
    ]
    (tmp_path / "data" / "sound.jsonl").unlink()
    with pytest.raises(DataError, match="empty"):
        load_corpus(tmp_path / "data", seed=1)


# ------------------------------------------------------------------------------------------------ rows held back


def test_a_dev_file_is_what_is_tuned_on_and_never_trained_on(tmp_path: Path) -> None:
    data = write(tmp_path / "lamps.jsonl", lamp_rows(45))
    dev = write(tmp_path / "dev.jsonl", lamp_rows(12, first=500))
    manifest = train_nlu(data, tmp_path / "v1", dev=dev, seed=1, epochs=0, progress=quiet)
    assert (manifest.metrics["n_rows"], manifest.metrics["n_held_out"]) == (45, 12)
    assert {r["text"] for r in kept_rows(tmp_path / "v1" / "held.jsonl.gz")} == {
        r["text"] for r in lamp_rows(12, first=500)
    }
    files = json.loads((tmp_path / "v1" / "data_report.json").read_text("utf-8"))["files"]
    assert [f["file"] for f in files] == ["lamps.jsonl", "dev.jsonl"]


def test_rows_of_a_dev_file_with_labels_never_trained_do_not_stop_the_training(tmp_path: Path) -> None:
    data = write(tmp_path / "lamps.jsonl", lamp_rows(30))
    dev = write(tmp_path / "dev.jsonl", [*lamp_rows(6, first=90), row("문 열어", "door"), row("문 닫아", "door")])
    manifest = train_nlu(data, tmp_path / "v1", dev=dev, seed=1, epochs=1, progress=quiet)
    assert manifest.metrics["n_held_out"] == 6
    strangers = write(tmp_path / "strangers.jsonl", [row("문 열어", "door"), row("문 닫아", "door")])
    train_nlu(data, tmp_path / "v2", dev=strangers, seed=1, epochs=0, progress=quiet)
    assert "door" not in NluModel.load(tmp_path / "v2", SHIPPED).intents.labels


def test_dev_and_test_rows_of_a_folder_are_never_trained_on(tmp_path: Path) -> None:
    lines = (REPO_ROOT / "datasets" / "nlu" / "handwritten.jsonl").read_text("utf-8").splitlines()[:160]
    rows = [json.loads(line) for line in lines]
    splits = {"talk.jsonl": rows[:120], "dev.jsonl": rows[120:140], "test.jsonl": rows[140:]}
    splits["talk.jsonl"].append(rows[150])  # slipped in: the same words as a test row
    for name, some in splits.items():
        write(tmp_path / "data" / name, some)
    manifest = train_nlu(tmp_path / "data", tmp_path / "v1", seed=1, epochs=0, progress=quiet)
    fit = {r["text"] for r in kept_rows(tmp_path / "v1" / "rows.jsonl.gz")}
    held = {r["text"] for r in kept_rows(tmp_path / "v1" / "held.jsonl.gz")}
    for name in ("dev.jsonl", "test.jsonl"):
        assert not fit & {r["text"] for r in splits[name]}
    assert held <= {r["text"] for r in splits["dev.jsonl"]}
    assert len(held) > 10
    assert len(fit) > 80
    again = write(tmp_path / "data" / "test.jsonl", rows[139:]).parent
    assert again == tmp_path / "data"
    other = train_nlu(again, tmp_path / "v2", seed=1, epochs=0, progress=quiet)
    assert other.dataset_sha256 == manifest.dataset_sha256  # the test split is no part of what it was trained on


def test_the_shipped_splits_are_never_read_as_training_rows() -> None:
    folder = REPO_ROOT / "datasets" / "nlu"
    corpus = load_corpus(folder, seed=1, n_generated=2000)
    trained = {"".join(e.text.split()) for e in corpus.examples}
    for name in ("dev.jsonl", "test.jsonl"):
        rows = [json.loads(line)["text"] for line in (folder / name).read_text("utf-8").splitlines()]
        assert not trained & {"".join(text.split()) for text in rows}
    assert len(corpus.tuning) > 500
    assert sum(bool(e.group) for e in corpus.examples) > 1000


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


# ------------------------------------------------------------------------------------------------ stopped on the way


@pytest.mark.parametrize("stage", ["read", "rows", "intent", "spans", "network"])
def test_a_training_stopped_at_any_stage_leaves_no_version(tmp_path: Path, stage: str) -> None:
    data = write(tmp_path / "lamps.jsonl", lamp_rows(24))

    def stop(event: Progress) -> None:
        if event.stage == stage:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_nlu(data, tmp_path / "v1", seed=1, epochs=0, progress=stop)
    assert [p.name for p in tmp_path.iterdir()] == ["lamps.jsonl"]


KILLED = """
import os, signal, sys
from pathlib import Path
from aiyam.training import nlu
save = nlu.save_model
nlu.save_model = lambda *given: (save(*given), os.kill(os.getpid(), getattr(signal, sys.argv[3])))
nlu.train_nlu(Path(sys.argv[1]), Path(sys.argv[2]), seed=1, epochs=0, progress=lambda _: None)
"""


def killed_training(data: Path, out: Path, how: str) -> int:
    """Train in a process of its own that gets a signal when half of its files are written; return how it ended."""
    return subprocess.run(
        [sys.executable, "-c", KILLED, str(data), str(out), how], check=False, stderr=subprocess.DEVNULL
    ).returncode


def test_a_training_killed_leaves_no_version_and_another_takes_its_place(tmp_path: Path) -> None:
    data = write(tmp_path / "data" / "lamps.jsonl", lamp_rows(24))
    out = tmp_path / "models" / "v1"
    assert killed_training(data, out, "SIGKILL") == -signal.SIGKILL
    assert not out.exists()
    assert list(out.parent.rglob("weights.safetensors"))  # what it had written stands in nobody's way
    manifest = train_nlu(data, out, seed=1, epochs=0, progress=quiet)
    assert open_sealed(out, "nlu") == manifest
    assert [p.name for p in out.parent.iterdir()] == ["v1"]


def test_a_training_interrupted_from_the_keyboard_leaves_nothing(tmp_path: Path) -> None:
    data = write(tmp_path / "data" / "lamps.jsonl", lamp_rows(24))
    assert killed_training(data, tmp_path / "models" / "v1", "SIGINT") not in (0, None)
    assert not list((tmp_path / "models").iterdir())


def test_a_training_on_a_full_disk_leaves_nothing_and_the_next_one_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write(tmp_path / "data" / "lamps.jsonl", lamp_rows(24))
    out = tmp_path / "models" / "v1"

    def full(path: Path, examples: object) -> None:
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    with monkeypatch.context() as patch:
        patch.setattr("aiyam.training.nlu.write_rows", full)
        with pytest.raises(OSError, match="No space left"):
            train_nlu(data, out, seed=1, epochs=0, progress=quiet)
    assert not list(out.parent.iterdir())
    assert train_nlu(data, out, seed=1, epochs=0, progress=quiet) == open_sealed(out, "nlu")


def test_what_stands_in_the_folder_already_is_refused_before_the_training_and_left(tmp_path: Path) -> None:
    data = write(tmp_path / "lamps.jsonl", lamp_rows(24))
    (tmp_path / "v1").mkdir()
    (tmp_path / "v1" / "notes.txt").write_text("mine")
    told: list[Progress] = []
    with pytest.raises(Conflict, match=r"notes\.txt"):
        train_nlu(data, tmp_path / "v1", seed=1, progress=told.append)
    assert not told
    assert [p.name for p in (tmp_path / "v1").iterdir()] == ["notes.txt"]
    (tmp_path / "v1" / "notes.txt").unlink()
    train_nlu(data, tmp_path / "v1", seed=1, epochs=0, progress=quiet)  # an empty folder may be filled


def test_every_file_of_a_version_has_the_rights_new_files_have(tmp_path: Path) -> None:
    data = write(tmp_path / "lamps.jsonl", lamp_rows(24))
    before = os.umask(0o027)
    try:
        train_nlu(data, tmp_path / "v1", seed=1, epochs=0, progress=quiet)
    finally:
        os.umask(before)
    assert {
        p.name: oct(p.stat().st_mode & 0o777) for p in (tmp_path / "v1").iterdir() if p.stat().st_mode & 0o777 != 0o640
    } == {}
    assert (tmp_path / "v1").stat().st_mode & 0o777 == 0o750


def test_rows_that_say_what_is_held_back_are_named_in_the_report(tmp_path: Path) -> None:
    long = "신림역 근처에서 만원으로 먹을 만한 분식집 추천해 주세요"
    food = [row(text, "FOOD_RECOMMENDATION") for text in ("떡볶이 먹자", "마라탕 추천!!", f"{long}요", "김밥 먹자")]
    write(tmp_path / "data" / "talk.jsonl", [*food, row("안녕", "GREETING"), row("안녕하세요", "GREETING")])
    write(tmp_path / "data" / "dev.jsonl", [row("안녕!", "GREETING"), row("마라탕 추천ㅋㅋ", "FOOD_RECOMMENDATION")])
    write(tmp_path / "data" / "test.jsonl", [row(long, "FOOD_RECOMMENDATION")])
    train_nlu(tmp_path / "data", tmp_path / "v1", seed=1, epochs=0, progress=quiet)
    files = json.loads((tmp_path / "v1" / "data_report.json").read_text("utf-8"))["files"]
    (talk,) = (f for f in files if f["file"] == "talk.jsonl")
    assert (talk["rows"], talk["kept"], talk["set_aside"]) == (6, 3, 3)
    assert talk["intents"] == {"FOOD_RECOMMENDATION": 2, "GREETING": 1}
    assert [(n["row"], n["kind"], n["text"]) for n in talk["notes"]] == [
        (2, "held_back", "마라탕 추천!!"),
        (3, "near_held_back", f"{long}요"),
        (5, "held_back", "안녕"),
    ]
    assert [n["reason"] for n in talk["notes"]] == [
        "says what row 2 of dev.jsonl says",
        "says nearly what row 1 of test.jsonl says",
        "says what row 1 of dev.jsonl says",
    ]
    told = summary_ko(files)
    assert "6행 가운데 3행을 써요 (고침 0, 버림 0, 뺌 3)" in told
    assert "뺌 · 평가·조정용 행과 같은 글: 2 (2, 5행)" in told


def test_more_rows_than_a_training_takes_are_thinned_out_evenly_and_the_report_says_so(tmp_path: Path) -> None:
    rare = [row(f"창문 닫아 {i}", "window") for i in range(30)]
    data = write(tmp_path / "many.jsonl", [*lamp_rows(2400), *rare])
    manifest = train_nlu(data, tmp_path / "v1", seed=1, epochs=0, effort=replace(FULL, max_rows=810), progress=quiet)
    assert manifest.metrics["n_rows"] + manifest.metrics["n_held_out"] == 828  # 800 x 810 / 2430 of each, all the rare
    (file,) = json.loads((tmp_path / "v1" / "data_report.json").read_text("utf-8"))["files"]
    assert file["intents"] == {"clock": 266, "lamp_off": 266, "lamp_on": 266, "window": 30}
    assert (file["rows"], file["kept"], file["left_out"]) == (2430, 828, 1602)
    assert "1,602행은 쓰지 않았어요" in summary_ko([file])


def test_what_is_left_of_many_rows_does_not_depend_on_their_order_or_their_copies() -> None:
    rows = [Example(f"불 켜줘 {i % 300}", "lamp_on", row=i) for i in range(900)]
    kept = []
    for some in (rows, rows[::-1]):
        source = Source(list(some), LoadReport(n_rows=900, n_kept=900))
        thin_out([source], 450)
        assert (len(source.examples), source.report.n_kept, source.report.n_left_out) == (450, 450, 450)
        kept.append(sorted(e.text for e in source.examples))
    assert kept[0] == kept[1]
    assert len(set(kept[0])) == 150
    same = Source([Example("불 켜줘", "lamp_on")] * 1000, LoadReport())
    thin_out([same], 400)
    assert len(same.examples) == 400


def test_passes_of_the_network_are_as_long_as_they_may_be(tmp_path: Path) -> None:
    """What is trained on differs with the length of a pass; a length beyond the rows is none."""
    data = write(tmp_path / "lamps.jsonl", lamp_rows(60))
    sums = [
        train_nlu(
            data, tmp_path / str(n), seed=1, epochs=5, effort=replace(FULL, passes=1, rows_a_pass=n), progress=quiet
        ).checksums["weights.safetensors"]
        for n in (20, 60, 6000)
    ]
    assert sums[0] != sums[1] == sums[2]


def test_a_sealed_version_is_never_trained_over(lamps: tuple[Path, Manifest, list[Progress]], tmp_path: Path) -> None:
    folder, manifest, _ = lamps
    with pytest.raises(Conflict):
        train_nlu(write(tmp_path / "lamps.jsonl", lamp_rows(24)), folder, seed=2, epochs=0, progress=quiet)
    assert open_sealed(folder, "nlu") == manifest


def test_of_two_trainings_at_once_the_second_is_refused_before_it_begins(tmp_path: Path) -> None:
    data = write(tmp_path / "lamps.jsonl", lamp_rows(24))
    told: list[Progress] = []

    def meanwhile(event: Progress) -> None:
        if event.stage == "intent":
            with pytest.raises(Conflict, match="another process"):
                train_nlu(data, tmp_path / "v1", seed=2, epochs=0, progress=told.append)

    manifest = train_nlu(data, tmp_path / "v1", seed=1, epochs=0, progress=meanwhile)
    assert open_sealed(tmp_path / "v1", "nlu") == manifest
    assert not told


def test_a_place_that_is_no_folder_is_refused_before_the_training(tmp_path: Path) -> None:
    data = write(tmp_path / "lamps.jsonl", lamp_rows(24))
    told: list[Progress] = []
    with pytest.raises(InvalidInput, match="written"):
        train_nlu(data, data / "v1", seed=1, progress=told.append)
    assert not told


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
