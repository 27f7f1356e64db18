"""``aiyam annotate`` as a person runs it: views, preview, sample, batches, undo, and errors that say what to do."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from sample_traces import DAY, make_trace
from typer.testing import CliRunner

from aiyam.cli import app
from aiyam.errors import AiyamError
from aiyam.store import Store
from aiyam.store.conversations import record_turn


@pytest.fixture(autouse=True)
def filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIYAM_HOME", str(tmp_path))
    monkeypatch.setenv("AIYAM_DATABASE_URL", "")
    store = Store.open(f"sqlite:///{tmp_path / 'aiyam.db'}")
    for i in range(20):
        text = f"{'가나다라마바사아자차'[i % 10] * 3}{i} 먹고 싶어"
        record_turn(store, make_trace(f"t-{i}", session_id=f"s-{i}", user_input=text, at=DAY + timedelta(minutes=i)))
    store.close()


def annotate(*words: str) -> str:
    done = CliRunner().invoke(app, ["annotate", *words])
    if isinstance(done.exception, AiyamError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_preview_is_sent_as_shown_listed_and_taken_back() -> None:
    shown = json.loads(annotate("preview", "--size", "8", "--json"))
    assert shown["counts"]["tasks"] == 8
    assert len(shown["sample"]) == 5
    made = json.loads(annotate("sample", shown["preview_id"], "--by", "hana", "--json"))
    assert made["n_tasks"] == 8
    with pytest.raises(AiyamError, match="sent already"):
        annotate("sample", shown["preview_id"])
    batch = json.loads(annotate("batches", "--json"))
    assert (batch["batch_id"], batch["created_by"], batch["n_by_state"]) == (made["batch_id"], "hana", {"queued": 8})
    assert json.loads(annotate("undo", made["batch_id"], "--json"))["n_withdrawn"] == 8


def test_a_recipe_can_be_drawn_and_sent_at_once() -> None:
    assert "5 understanding tasks queued" in annotate("sample", "--size", "5", "--random", "0.2")
    assert "15 understanding tasks" in annotate("preview", "--everything")
    with pytest.raises(AiyamError, match="No task came of 0 turns"):
        annotate("sample", "--search", "없는말")


def test_views_are_counted_listed_saved_and_deleted() -> None:
    assert json.loads(annotate("views", "--json"))["all"] == 20
    assert len(annotate("views", "random", "--json", "--limit", "7").splitlines()) == 7
    annotate("views", "--search", "가가가", "--save", "ga")
    assert json.loads(annotate("views", "--json"))["ga"] == 2
    assert "2 turns match" in annotate("preview", "--view", "ga")
    annotate("views", "--delete", "ga")
    assert "ga" not in json.loads(annotate("views", "--json"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("preview", "--view", "odd"), "Expected a view, got 'odd'"), (("views", "odd"), "There are: thumbs_down"),
        (("preview", "--size", "0"), "size"), (("preview", "--random", "0.01"), "random"),
        (("preview", "--thumbs-down", "0.9"), "shares of at most 1"), (("preview", "--kind", "poem"), "kind"),
        (("preview", "--intent", "EAT"), "--intent"), (("sample", "nothing"), "Make the preview again"),
        (("undo", "b-0"), "Expected the id of a batch"), (("views", "--delete", "odd"), "saved view"),
        (("preview", "--kind", "compare"), "aiyam prepare"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said_with_what_to_do(words: tuple[str, ...], said: str) -> None:
    with pytest.raises(AiyamError) as error:
        annotate(*words)
    assert said in str(error.value)
