"""The rows of a training of the understanding: held out, held back, thinned out, and what is reported of each."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest
from lamp_rows import kept_rows, lamp_rows, row, write

from aiyam.contracts import Progress
from aiyam.errors import DataError
from aiyam.nlu.examples import Example
from aiyam.nlu.gazetteer import Gazetteer
from aiyam.nlu.load_report import LoadReport, summary_ko
from aiyam.nlu.model import NluModel
from aiyam.settings import REPO_ROOT
from aiyam.training.corpus import Source, load_corpus, thin_out
from aiyam.training.nlu import FULL, train_nlu
from aiyam.training.nlu_split import TUNED_ON, split_rows
from aiyam.training.rows import hold_out

SHIPPED = Gazetteer.from_shipped()


def quiet(_: Progress) -> None:
    return None


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


def test_rows_beyond_what_tuning_needs_are_trained_on_and_a_text_stays_on_one_side(tmp_path: Path) -> None:
    rows = [{"text": f"{i}번 전등 켜줘", "intent": ("on", "off")[i % 2]} for i in range(TUNED_ON + 100)]
    write(tmp_path / "train.jsonl", [{"text": f"전등 {i}개", "intent": ("on", "off")[i % 2]} for i in range(60)])
    split = split_rows(
        tmp_path / "train.jsonl", write(tmp_path / "dev.jsonl", [*rows, *rows]), None,
        max_rows=10_000, n_generated=0, seed=1, rng=random.Random(1), progress=quiet,
    )  # fmt: skip
    fit, held = {e.text for e in split.fit}, {e.text for e in split.held}
    assert len(split.held) == TUNED_ON
    assert not fit & held
    assert fit | held >= {str(r["text"]) for r in rows}


def test_rows_to_tune_on_that_the_training_file_holds_are_set_aside(tmp_path: Path) -> None:
    rows = [{"text": f"{i}번 전등 켜줘", "intent": ("on", "off")[i % 2]} for i in range(60)]
    corpus = load_corpus(
        write(tmp_path / "train.jsonl", rows[:50]), seed=1, dev=write(tmp_path / "dev.jsonl", rows[40:])
    )
    assert [e.text for e in corpus.tuning] == [r["text"] for r in rows[50:]]
    assert corpus.reports[1].n_set_aside == 10


def test_only_files_named_as_tests_are_held_back(tmp_path: Path) -> None:
    rows = [{"text": f"{i}번 전등 켜줘", "intent": ("on", "off")[i % 2]} for i in range(60)]
    for name, some in {"testers": rows[:30], "test": rows[30:40], "test_second": rows[40:50]}.items():
        write(tmp_path / f"{name}.jsonl", [{**r, "intent": "HELP"} for r in some])
    assert {e.text for e in load_corpus(tmp_path, seed=1).examples} == {r["text"] for r in rows[:30]}


def test_the_shipped_splits_are_never_read_as_training_rows() -> None:
    folder = REPO_ROOT / "datasets" / "nlu"
    corpus = load_corpus(folder, seed=1, n_generated=2000)
    trained = {"".join(e.text.split()) for e in corpus.examples}
    for name in ("dev.jsonl", "test.jsonl", "test_second.jsonl"):
        rows = [json.loads(line)["text"] for line in (folder / name).read_text("utf-8").splitlines()]
        assert not trained & {"".join(text.split()) for text in rows}
    assert len(corpus.tuning) > 500
    assert sum(bool(e.group) for e in corpus.examples) > 1000


def test_what_is_held_out_is_held_out_by_text_and_never_for_nothing() -> None:
    said = [Example(f"불 켜줘 {i % 300}", "lamp_on", row=i) for i in range(900)]
    fit, held = hold_out(said, random.Random(1))
    assert held
    assert len(fit) + len(held) == len(said)
    assert not {e.text for e in fit} & {e.text for e in held}
    many = [Example(f"불 켜줘 {i}", "lamp_on") for i in range(5000)]
    assert 50 < len(hold_out(many, random.Random(1), most=100)[1]) < 200


def test_what_was_repaired_and_rejected_is_written_beside_the_model(tmp_path: Path) -> None:
    rows = lamp_rows(30)
    rows[3]["entities"] = [{"entity": "house_place", "text": "부엌에없는말", "start": 0, "end": 3}]
    train_nlu(write(tmp_path / "lamps.jsonl", rows), tmp_path / "v1", seed=1, epochs=0, progress=quiet)
    (file,) = json.loads((tmp_path / "v1" / "data_report.json").read_text("utf-8"))["files"]
    assert (file["rows"], file["kept"], file["rejected"]) == (30, 29, 1)
    assert file["notes"][0]["row"] == 4


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
