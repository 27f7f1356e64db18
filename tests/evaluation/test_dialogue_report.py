"""``aiyam evaluate dialogues`` as a person runs it: figures by batch, half and phenomenon, and the failures of one half."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from aiyam.cli import app
from aiyam.errors import DataError
from aiyam.evaluation.conversations import load_conversations
from aiyam.evaluation.dialogue_report import PHENOMENA_KO
from aiyam.evaluation.dialogues import PHENOMENA
from aiyam.settings import REPO_ROOT

SHIPPED = REPO_ROOT / "datasets" / "dialogues"


def evaluate(*words: object) -> str:
    done = CliRunner().invoke(app, ["evaluate", "dialogues", *map(str, words)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def with_one_wrong_label(tmp_path: Path, half: str) -> Path:
    """Copy the shipped conversations; the first list of the first one of a half should leave out what no reading says."""
    rows = [json.loads(line) for line in (SHIPPED / "conversations.jsonl").read_text("utf-8").splitlines()][:20]
    row = next(r for r in rows if r["half"] == half)
    row["turns"][0]["expect"]["filters"] = {"menus": ["떡볶이"], "delivery": True}
    path = tmp_path / "conversations.jsonl"
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), "utf-8")
    return path


def test_every_batch_half_and_phenomenon_of_the_shipped_folder_is_counted() -> None:
    result: dict[str, Any] = json.loads(evaluate("--json"))
    (reading,) = result["readings"]
    conversations = load_conversations(SHIPPED / "conversations.jsonl")
    assert result["n_conversations"] == len(conversations) == sum(p["n"]["conversations"] for p in reading["parts"])
    assert reading["n"]["joint_goal_accuracy"] == sum(len(c.turns) for c in conversations)
    assert set(reading["phenomena"]) == set(PHENOMENA) == set(PHENOMENA_KO)
    for found in reading["phenomena"].values():
        assert found["n"] >= 5
        assert found["interval"][0] <= found["right"] <= found["interval"][1]
    assert reading["phenomena"]["opens"]["n"] == len(conversations)
    assert reading["phenomena"]["asks"]["n"] == sum(t.expect.asks for c in conversations for t in c.turns)


def test_a_wrong_turn_lowers_its_conversation_and_is_listed_with_what_came(tmp_path: Path) -> None:
    result = json.loads(evaluate("--data", with_one_wrong_label(tmp_path, "development"), "--json"))
    (reading,) = result["readings"]
    assert reading["conversations_right"] == 0.95
    (failure,) = reading["failures"]
    assert (failure["turn"], failure["half"]) == (1, "development")
    assert failure["expected"]["filters"]["delivery"] is True
    assert "delivery" not in failure["got"]["filters"]


def test_the_other_half_stays_unread_until_it_is_asked_for(tmp_path: Path) -> None:
    path = with_one_wrong_label(tmp_path, "held-out")
    assert "틀린 차례" not in evaluate("--data", path)
    assert "틀린 차례" in evaluate("--data", path, "--failures", "held-out")


def test_what_no_turn_shows_gets_no_figure(tmp_path: Path) -> None:
    rows = [json.loads(line) for line in (SHIPPED / "conversations.jsonl").read_text("utf-8").splitlines()]
    row = next(r for r in rows if not any("shop" in turn["expect"] for turn in r["turns"]))
    path = tmp_path / "one.jsonl"
    path.write_text(json.dumps(row, ensure_ascii=False) + "\n", "utf-8")
    (reading,) = json.loads(evaluate("--data", path, "--json"))["readings"]
    assert 0 < len(reading["phenomena"]) < len(PHENOMENA)
    assert all(found["n"] for found in reading["phenomena"].values())
    assert (reading["n"]["shop"], reading["shop"], reading["intervals"]["shop"]) == (0, None, None)
    assert PHENOMENA_KO["by_name"] not in evaluate("--data", path)


def test_the_conversations_are_those_of_the_data_folder_that_is_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dialogues").mkdir()
    with_one_wrong_label(tmp_path / "dialogues", "development")
    monkeypatch.setenv("AIYAM_DATASETS_DIR", str(tmp_path))
    assert json.loads(evaluate("--json"))["n_conversations"] == 20


def test_a_folder_without_conversations_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"conversations\.jsonl"):
        CliRunner().invoke(app, ["evaluate", "dialogues", "--data", str(tmp_path)], catch_exceptions=False)
    (tmp_path / "conversations.jsonl").write_text("", "utf-8")
    with pytest.raises(DataError, match="at least one conversation"):
        CliRunner().invoke(app, ["evaluate", "dialogues", "--data", str(tmp_path)], catch_exceptions=False)
