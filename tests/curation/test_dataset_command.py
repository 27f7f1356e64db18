"""The commands as a person runs them: build, list, show, compare, export, trace, check, erase, keep to periods."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from labelled_world import add_turn, label_turns
from typer.testing import CliRunner, Result

from aiyam.cli import app
from aiyam.errors import AiyamError, InvalidInput
from aiyam.settings import Settings
from aiyam.store import Store


@pytest.fixture
def home(store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A home whose settings the commands read; eight labelled turns of two children."""
    for name in ("home", "models_dir", "datasets_dir"):
        monkeypatch.setenv(f"AIYAM_{name.upper()}", str(getattr(settings, name)))
    monkeypatch.setenv("AIYAM_DATABASE_URL", "")
    label_turns(store, "b", [add_turn(store, f"t-{n}", said=n, user_id=f"child-{n % 2}") for n in range(8)])
    return settings


def run(*words: str, stdin: str = "") -> Result:
    return CliRunner().invoke(app, list(words), input=stdin)


def told(*words: str) -> Any:
    done = run(*words, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_a_version_is_built_listed_shown_compared_traced_and_checked(home: Settings, store: Store) -> None:
    assert "No version has been built" in run("dataset", "list").output
    assert "8 new labels" in run("dataset", "list").output
    built = told("dataset", "build", "nlu")
    assert (built["tag"], built["made"], built["n_train"]) == ("nlu@v1", True, 8)
    assert "Nothing has changed since nlu@v1" in run("dataset", "build", "nlu").output
    label_turns(store, "c", [add_turn(store, "t-9", said=9)], first=9)
    assert told("dataset", "list")["new"]["nlu"] == {"labels": 1, "turns": 0}
    assert "nlu@v2" in run("dataset", "build", "nlu").output
    assert [one["tag"] for one in told("dataset", "list")["versions"]] == ["nlu@v1", "nlu@v2"]
    assert told("dataset", "show", "nlu@latest")["parent"] == "v1"
    assert "added 1" in run("dataset", "diff", "nlu@v1", "nlu@v2").output
    assert told("dataset", "diff", "nlu@v1", "nlu@v2")["counts"]["same"] == 8
    assert told("dataset", "lineage", "t-9")["rows"][0]["version"] == "v2"
    assert len(told("dataset", "lineage", "nlu@v2")["turns"]) == 9
    assert told("dataset", "verify") == {"versions": {"nlu@v1": [], "nlu@v2": []}, "damaged": []}
    (home.home / "datasets" / "nlu" / "v1" / "train.jsonl").write_text("{}\n", "utf-8")
    assert run("dataset", "verify").exit_code == 1


def test_a_version_is_exported_in_every_form(home: Settings, tmp_path: Path) -> None:
    told("dataset", "build", "nlu")
    for form in ("json", "jsonl", "flat", "label-studio"):
        files = told("dataset", "export", "nlu@v1", "--out", str(tmp_path / form), "--format", form)
        assert sum(files.values()) == 8
    done = run("dataset", "export", "nlu@v1", "--out", str(tmp_path / "x"), "--format", "xml")
    assert isinstance(done.exception, InvalidInput)


def test_a_dataset_and_files_of_ones_own_are_not_given_together(home: Settings, tmp_path: Path) -> None:
    told("dataset", "build", "nlu")
    for words in (["nlu", "--data"], ["child-friendly", "--test"], ["lora", "--train_data"]):
        done = run("train", words[0], "--dataset", "nlu@v1", words[1], str(tmp_path / "x.jsonl"))
        assert isinstance(done.exception, InvalidInput)
        assert "--dataset alone" in str(done.exception)
    assert isinstance(run("train", "nlu", "--dataset", "nlu@v9").exception, AiyamError)


def test_an_erasure_says_what_it_does_and_asks_first(home: Settings, store: Store) -> None:
    told("dataset", "build", "nlu")
    preview = told("privacy", "erase", "--user", "child-1", "--dry-run")
    assert (preview["counts"]["turns"], preview["rows"], preview["done"]) == (4, {"nlu@v1": 4}, False)
    refused = run("privacy", "erase", "--user", "child-1", stdin="n\n")
    assert refused.exit_code == 1
    assert "Erase 4 turns, 4 tasks, 4 rows for good?" in refused.output
    assert told("privacy", "erase", "--user", "child-1", "--yes")["done"]
    assert "nothing to erase" in run("privacy", "erase", "--user", "child-1").output


def test_retention_runs_from_cron(home: Settings) -> None:
    assert told("privacy", "retention", "--turns-days", "1", "--dry-run")["n_turns"] == 8
    assert "8 turns" in run("privacy", "retention", "--turns-days", "1").output
    assert told("privacy", "retention", "--turns-days", "1")["n_turns"] == 0
