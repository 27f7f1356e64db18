"""The rewriter's training: what it learns, what it refuses, that it can be stopped, and that the same pairs give the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from aiyam.cli import app
from aiyam.errors import DataError
from aiyam.evaluation.rewriting import evaluate_version, rewriting_table, samples_page
from aiyam.registry import open_sealed
from aiyam.reply.child_friendly import ChildFriendly
from aiyam.reply.edit_files import WEIGHTS
from aiyam.settings import REPO_ROOT
from aiyam.training.child_friendly import QUICK, train_child_friendly
from aiyam.training.protocol import Cancelled
from aiyam.training.reply_pairs import read_pairs

REPLIES = REPO_ROOT / "datasets" / "replies"


def write_pairs(path: Path, n: int = 120, *, band: str | None = None) -> Path:
    rows = [json.loads(line) for line in (REPLIES / "pairs_first.jsonl").read_text("utf-8").splitlines()[:n]]
    kept = [{k: v for k, v in row.items() if k != "age_band"} | ({"age_band": band} if band else {}) for row in rows]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in kept), "utf-8")
    return path


def train(data: Path, out: Path, **options: object) -> Path:
    train_child_friendly(data, out, words=REPLIES, seed=3, progress=lambda _: None, effort=QUICK, **options)  # type: ignore[arg-type]
    return out


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("child")
    return train(write_pairs(folder / "pairs.jsonl"), folder / "v1")


def test_a_version_is_sealed_with_its_figures_and_their_n(trained: Path) -> None:
    manifest = open_sealed(trained, "child")
    assert manifest.metrics["facts_kept"] == 1.0
    pairs, _ = read_pairs(trained.parent / "pairs.jsonl")
    assert manifest.metrics["n_held_out"] + manifest.metrics["n_pairs"] == len(pairs)
    assert sum(path.stat().st_size for path in trained.iterdir()) < 20 * 2**20


def test_pairs_without_an_age_teach_every_age(trained: Path) -> None:
    rewriter = ChildFriendly.load(REPLIES / "easy_words.json", trained)
    for band in ("7-9", "16-18"):
        assert rewriter.ease("카드를 이용할 수 있습니다.", band).text.endswith("있어요.")  # type: ignore[arg-type]


def test_the_same_pairs_give_the_same_version(trained: Path, tmp_path: Path) -> None:
    again = train(write_pairs(tmp_path / "pairs.jsonl"), tmp_path / "v2")
    assert (again / WEIGHTS).read_bytes() == (trained / WEIGHTS).read_bytes()


def test_pairs_whose_facts_differ_are_refused_with_their_line(tmp_path: Path) -> None:
    data = write_pairs(tmp_path / "pairs.jsonl", 30)
    with data.open("a", encoding="utf-8") as lines:
        lines.write('{"original": "5,000원입니다.", "child_friendly": "6,000원이에요."}\n{"original": 3}\nnot json\n')
    pairs, (report,) = read_pairs(data)
    assert len(pairs) + report.n_copies == 30
    assert [(note.row, note.kind) for note in report.rejected] == [(31, "facts"), (32, "text"), (33, "json")]
    assert "price 5000" in report.rejected[0].reason


def test_a_list_and_a_wrapped_list_are_read_too(tmp_path: Path) -> None:
    rows = [{"original": "있습니다.", "child_friendly": "있어요."}]
    for name, value in (("list", rows), ("wrapped", {"training_data": rows})):
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(value, ensure_ascii=False), "utf-8")
        pairs, _ = read_pairs(path)
        assert [(p.original, p.band) for p in pairs] == [("있습니다.", None)]


def test_too_few_pairs_and_none_at_all_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="at least"):
        train(write_pairs(tmp_path / "few.jsonl", 5), tmp_path / "v1")
    (tmp_path / "bad.jsonl").write_text('{"original": "1개", "child_friendly": "2개"}\n', "utf-8")
    with pytest.raises(DataError, match="no sound one"):
        train(tmp_path / "bad.jsonl", tmp_path / "v2")
    assert not (tmp_path / "v1").exists()


def test_pairs_that_leave_nothing_to_choose_from_are_refused(tmp_path: Path) -> None:
    data = write_pairs(tmp_path / "pairs.jsonl")
    with pytest.raises(DataError, match="at least"):
        train(data, tmp_path / "v1", test=data)
    same = tmp_path / "same.jsonl"
    rows = [{"original": f"{word}가 있어요.", "child_friendly": f"{word}가 있어요."} for word in map(chr, range(0xAC00, 0xAC40))]  # fmt: skip
    same.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    with pytest.raises(DataError, match="teach a choice"):
        train(same, tmp_path / "v2")
    assert not (tmp_path / "v2").exists()


def test_a_stopped_training_leaves_nothing(tmp_path: Path) -> None:
    data = write_pairs(tmp_path / "pairs.jsonl")
    calls = iter(range(1000))
    with pytest.raises(Cancelled):
        train(data, tmp_path / "v1", cancelled=lambda: next(calls) > 4)
    assert not (tmp_path / "v1").exists()


def test_the_judgement_leaves_out_what_was_trained_on(trained: Path) -> None:
    pairs, _ = read_pairs(REPLIES / "pairs_first.jsonl")
    seen = {pair.original for pair in pairs[:120]}
    report = evaluate_version(trained, pairs, REPLIES)
    found = report.as_json()
    assert found["n"] < len(pairs)
    assert found["facts_kept"] == 1.0
    assert found["sari"]["score"] > found["sari_of_the_input"]["score"]
    assert {pair.original for pair in report.pairs} - seen
    assert f"pairs {found['n']}" in rewriting_table(found)
    page = samples_page(report, 5, seed=1)
    assert page.count("## ") == 5
    assert "Key, the rewritten side: 1 " in page
    trained_on = [pair for pair in pairs[:120] if pair not in report.pairs]
    with pytest.raises(DataError, match="trained on"):
        evaluate_version(trained, trained_on, REPLIES)


def test_the_commands_train_and_judge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIYAM_HOME", str(tmp_path / "home"))
    data, out, page = write_pairs(tmp_path / "pairs.jsonl", band="7-9"), tmp_path / "v1", tmp_path / "page.md"
    trained = CliRunner().invoke(
        app, ["train", "child-friendly", "--training_data", str(data), "--output_dir", str(out), "--quick"]
    )
    assert trained.exit_code == 0, trained.output
    asked = ["evaluate", "rewriter", "--model", str(out), "--samples", "3", "--page", str(page), "--json"]
    judged = CliRunner().invoke(app, asked)
    assert judged.exit_code == 0, judged.output
    assert json.loads(judged.stdout)["facts_kept"] == 1.0
    assert page.read_text("utf-8").count("## ") == 3
