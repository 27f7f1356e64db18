"""Erasure and retention: what is taken out is out, of the store's file, of every version and of the tasks; the report says no name."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from labelled_world import SAID, Build, add_turn, label_turns, rewrite_turns
from sample_traces import DAY

from aiyam.curation import versions
from aiyam.curation.erasure import erase, preview_erasure
from aiyam.curation.lineage import lineage_of_turn
from aiyam.curation.retention import keep_to_periods
from aiyam.curation.versions import folder_of, list_versions, open_version, read_rows, root_of, verify
from aiyam.errors import DataError, InvalidInput
from aiyam.label_contracts import DatasetVersion
from aiyam.pipelines import train_component
from aiyam.settings import REPO_ROOT, Settings
from aiyam.store import Store, schema
from aiyam.store.columns import count_rows, insert_columns
from aiyam.store.conversations import count_turns
from aiyam.store.dataset_origins import standings
from aiyam.store.erasure import digest_of, list_erasures
from aiyam.store.labels import count_tasks, queued
from aiyam.training.nlu import QUICK

KIM, LEE = "child-kim", "child-lee"
KILLED = """
import os, signal
from datetime import datetime, UTC
from aiyam.curation import erasure
from aiyam.settings import Settings
from aiyam.store import Store

settings = Settings()
erasure.erase_person = lambda *args, **given: os.kill(os.getpid(), signal.SIGKILL)
erasure.erase(Store.open(settings.url), settings.home, settings.models_dir, "child-kim", now=datetime.now(UTC))
"""


@pytest.fixture
def two(store: Store, build: Build) -> dict[str, DatasetVersion]:
    """Two children's turns, labelled, in versions of nlu and child; one turn waits to be asked about."""
    kims = [add_turn(store, f"kim-{n}", said=n, user_id=KIM, act="ordered") for n in range(8)]
    lees = [add_turn(store, f"lee-{n}", said=20 + n, user_id=LEE, rated=5) for n in range(8)]
    label_turns(store, "k", kims[:5])
    label_turns(store, "l", lees[:5], first=20)
    rewrite_turns(store, "r", [*kims[:2], *lees[:2]])
    insert_columns(
        store,
        schema.impression_request,
        {"request_id": [1, 2], "user_id": [KIM, LEE], "created_at": [1, 1]},
    )
    insert_columns(store, schema.impression, {"request_id": [1, 2], "position": [1, 1], "shop_id": ["s", "s"]})
    return {name: build(name).version for name in ("nlu", "child", "ranker")}


def test_a_preview_names_what_goes_and_changes_nothing(
    two: dict[str, DatasetVersion], store: Store, settings: Settings
) -> None:
    found = preview_erasure(store, settings.home, settings.models_dir, KIM)
    assert found.counts["turns"] == 8
    assert found.counts["feedback"] == 8
    assert found.counts["impressions"] == 1
    assert (found.counts["tasks"], found.counts["tasks_on_server"], found.counts["annotations"]) == (7, 7, 7)
    assert found.rows == {"nlu@v1": 8, "child@v1": 2, "ranker@v1": 8}
    assert not found.done
    assert count_turns(store) == 16
    with pytest.raises(InvalidInput, match="pseudonym"):
        preview_erasure(store, settings.home, settings.models_dir, " ")


def test_an_erased_person_is_in_no_row_no_task_and_no_byte_of_the_store(
    two: dict[str, DatasetVersion], store: Store, settings: Settings, build: Build
) -> None:
    report = erase(store, settings.home, settings.models_dir, KIM, now=DAY)
    assert report.done
    assert count_turns(store, user_id=KIM) == 0
    assert count_turns(store, user_id=LEE) == 8
    assert count_rows(store, schema.impression) == count_rows(store, schema.impression_request) == 1
    assert count_tasks(store) == {
        ("understanding", "withdrawn"): 5, ("understanding", "sent"): 5,
        ("rewrite", "withdrawn"): 2, ("rewrite", "sent"): 2,
    }  # fmt: skip
    assert preview_erasure(store, settings.home, settings.models_dir, KIM).anything is False
    left = b"".join(path.read_bytes() for path in settings.home.rglob("*") if path.is_file())
    for word in (KIM, "kim-3", SAID[3]["text"]):
        assert word.encode() not in left, word
    assert SAID[23]["text"].encode() in left
    (remembered,) = list_erasures(store)
    assert remembered.user_digest == digest_of(KIM) == report.user_digest
    assert KIM not in json.dumps(remembered.report)
    for name, before in two.items():
        after = open_version(settings.home, before.tag)
        assert verify(settings.home, after) == []
        (taken,) = after.redactions
        assert (taken.why, taken.n_rows, taken.sha256_before) == ("erasure", report.rows[before.tag], before.sha256)
        assert not any(row.origin.user_id == KIM for row in read_rows(settings.home, after))
        if name != "ranker":
            assert not build(name).made, "what is left is what is there"


def test_the_models_that_learned_from_a_person_are_listed(store: Store, settings: Settings, build: Build) -> None:
    label_turns(store, "b", [add_turn(store, f"t-{n}", said=n, user_id=KIM if n % 9 == 0 else LEE) for n in range(150)])
    before = build("nlu").version
    model = train_component(settings, store, "nlu", lambda p: None, dataset="nlu@v1", effort=QUICK, seed=1)
    report = erase(store, settings.home, settings.models_dir, KIM, now=DAY)
    assert report.models == (f"nlu/{model}",)
    found = lineage_of_turn(store, settings.home, settings.models_dir, "t-1")
    assert [(one.model, one.since_redacted) for one in found.models] == [(f"nlu/{model}", True)]
    assert lineage_of_turn(store, settings.home, settings.models_dir, "t-0").rows == ()
    label_turns(store, "c", [add_turn(store, "t-new", said=160, user_id=LEE)], first=160)
    after = build("nlu").version
    assert after.version == "v2"
    assert after.left_out["erased"] == report.counts["tasks"]
    assert before.n_train - report.rows["nlu@v1"] + 1 == after.n_train


def test_an_erasure_that_was_killed_is_ended_by_the_same_call(
    two: dict[str, DatasetVersion], store: Store, settings: Settings
) -> None:
    environment = {
        **os.environ, "AIYAM_HOME": str(settings.home), "AIYAM_MODELS_DIR": str(settings.models_dir),
        "AIYAM_DATABASE_URL": "", "PYTHONPATH": str(REPO_ROOT),
    }  # fmt: skip
    done = subprocess.run([sys.executable, "-c", KILLED], env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert count_turns(store, user_id=KIM) == 8
    report = erase(store, settings.home, settings.models_dir, KIM, now=DAY)
    assert report.rows == {"nlu@v1": 8, "child@v1": 2, "ranker@v1": 8}
    assert all(len(v.redactions) == 1 and not verify(settings.home, v) for v in list_versions(settings.home)[0])
    assert standings(store, user_id=KIM) == []


def test_a_version_that_was_being_replaced_when_the_power_went_is_put_back(
    two: dict[str, DatasetVersion], settings: Settings
) -> None:
    folder = folder_of(settings.home, two["nlu"])
    aside = folder.parent / ".replacing" / "v1.old"
    aside.parent.mkdir()
    folder.rename(aside)
    assert not [v for v in list_versions(settings.home)[0] if v.name == "nlu"]
    with versions.changing(settings.home):
        pass
    assert verify(settings.home, open_version(settings.home, "nlu@v1")) == []
    assert not aside.parent.exists()


def test_rows_in_a_damaged_version_are_not_passed_over(
    two: dict[str, DatasetVersion], store: Store, settings: Settings
) -> None:
    (root_of(settings.home) / "nlu" / "v1" / "manifest.json").write_text("{}", "utf-8")
    with pytest.raises(DataError, match="manifest"):
        erase(store, settings.home, settings.models_dir, KIM, now=DAY)
    assert count_turns(store, user_id=KIM) == 8


def test_a_task_that_waits_is_never_sent_after_an_erasure(store: Store, settings: Settings) -> None:
    from labelled_world import task_of

    from aiyam.store.labels import add_batch

    task = task_of(add_turn(store, "t-1", user_id=KIM), "understanding")
    add_batch(store, "b", "understanding", [task], recipe={}, counts={}, created_by="me", now=DAY)
    erase(store, settings.home, settings.models_dir, KIM, now=DAY)
    assert queued(store, "understanding") == []
    assert count_tasks(store) == {("understanding", "withdrawn"): 1}


def test_retention_takes_out_what_is_past_its_period_and_nothing_twice(
    two: dict[str, DatasetVersion], store: Store, settings: Settings
) -> None:
    add_turn(store, "loose", said=40, at=DAY - timedelta(days=5))
    add_turn(store, "fresh", said=41, at=DAY + timedelta(days=35))
    later = DAY + timedelta(days=36)

    def run(**changes: object) -> tuple[int, int, dict[str, int]]:
        given = {"turns_days": 30, "labelled_days": 0, "now": later, **changes}
        report = keep_to_periods(store, settings.home, **given)  # type: ignore[arg-type]
        return report.n_turns, report.n_turns_in_datasets, report.rows

    assert run(dry_run=True) == run(dry_run=True) == (1, 0, {})
    assert run(turns_days=0) == (0, 0, {})
    assert run() == (1, 0, {})
    assert run() == (0, 0, {})
    assert count_turns(store) == 17
    assert run(labelled_days=30) == (0, 16, {"nlu@v1": 16, "child@v1": 4, "ranker@v1": 8})
    assert count_turns(store) == 1
    (version,) = [v for v in list_versions(settings.home)[0] if v.name == "nlu"]
    assert (version.n_train, version.redactions[0].why) == (0, "retention")
    assert run(labelled_days=30) == (0, 0, {})


def test_left_out_turns_are_forgotten_too(store: Store, settings: Settings, build: Build, tmp_path: Path) -> None:
    add_turn(store, "kim-1", said=0, user_id=KIM, rated=1)
    add_turn(store, "lee-1", said=1, user_id=LEE, rated=5)
    folder = folder_of(settings.home, build("nlu").version)
    assert "kim-1" in (folder / "left_out.jsonl").read_text("utf-8")
    erase(store, settings.home, settings.models_dir, KIM, now=DAY)
    assert "kim-1" not in (folder / "left_out.jsonl").read_text("utf-8")
