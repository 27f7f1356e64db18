"""Versions: immutable, numbered once, whole or absent, checked by hash; compared and exported; trained on and traced."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from labelled_world import PAIRS, SAID, Build, add_turn, label_turns, put_labels, rewrite_turns, task_of, understood
from labelled_world import answer as answered
from sample_traces import DAY, recommendation
from tiny_language_model import build as build_model

from aiyam.contracts import AGE_BANDS, InstructionRow, Progress, ReplyPlan, Trace
from aiyam.curation.building import build_version, new_since
from aiyam.curation.dataset_diff import diff_versions
from aiyam.curation.dataset_export import export_version
from aiyam.curation.lineage import lineage_of_model, lineage_of_turn, models_trained_on
from aiyam.curation.versions import changing, folder_of, list_versions, open_version, read_rows, root_of, verify
from aiyam.errors import Conflict, DataError, InvalidInput, NotFound
from aiyam.pipelines import dataset_options, train_component
from aiyam.registry import read_manifest
from aiyam.settings import REPO_ROOT, Settings
from aiyam.store import Store
from aiyam.training.child_friendly import QUICK as QUICK_CHILD
from aiyam.training.lora import train_lora
from aiyam.training.lora_batches import messages_of
from aiyam.training.nlu import QUICK

KILLED = """
import os, signal, sys
from aiyam.curation.building import build_version
from aiyam.settings import Settings
from aiyam.store import Store
from pathlib import Path
from datetime import datetime, UTC

def progress(p):
    if (p.stage, p.message) == ("write", "lineage"):
        os.kill(os.getpid(), signal.SIGKILL)

settings = Settings()
build_version(Store.open(settings.url), settings.home, "nlu", datasets_dir=settings.datasets_dir, now=datetime.now(UTC),
              seed=1, progress=progress)
"""


def test_a_version_is_what_its_manifest_says_and_is_made_once(store: Store, settings: Settings, build: Build) -> None:
    label_turns(store, "b", [add_turn(store, f"t-{n}", said=n) for n in range(12)])
    first = build("nlu", guide_version="abc")
    assert first.made
    assert (first.version.tag, first.version.parent, first.version.guide_version) == ("nlu@v1", None, "abc")
    assert verify(settings.home, first.version) == []
    again = build("nlu", now=DAY + timedelta(days=1))
    assert not again.made
    assert again.version == first.version
    assert [v.tag for v in list_versions(settings.home)[0]] == ["nlu@v1"]


def test_what_came_since_is_counted_before_a_version_is_built(store: Store, settings: Settings, build: Build) -> None:
    traces = [add_turn(store, f"t-{n}", said=n) for n in range(10)]
    label_turns(store, "b1", traces[:4])
    assert new_since(store, settings.home, "nlu").n_labels == 4
    later = DAY + timedelta(days=1)
    build("nlu", now=later)
    found = new_since(store, settings.home, "nlu")
    assert (found.n_labels, found.n_turns) == (0, 0)
    label_turns(store, "b2", traces[4:7], first=4)  # made before the build, pulled after it
    add_turn(store, "t-late", said=20, at=later + timedelta(hours=1), rated=5)
    found = new_since(store, settings.home, "nlu")
    assert (found.n_labels, found.n_turns) == (3, 1)
    assert build("nlu", now=later + timedelta(days=1)).version.version == "v2"
    assert new_since(store, settings.home, "nlu").n_labels == 0


def test_a_diff_names_what_was_added_removed_and_relabelled(store: Store, settings: Settings, build: Build) -> None:
    traces = [add_turn(store, f"t-{n}", said=n, rated=5) for n in range(6)]
    first = build("nlu").version
    task = task_of(traces[0], "understanding")
    gone = task_of(traces[1], "understanding")
    put_labels(
        store,
        "b",
        [
            (task, [answered(task, understood(0, intent="HELP"))]),
            (gone, [answered(gone, understood(1, flags=("exclude",)))]),
        ],
    )
    add_turn(store, "t-9", said=9, rated=5)
    second = build("nlu").version
    found = diff_versions(settings.home, first, second)
    assert found.counts() == {"added": 1, "removed": 1, "relabelled": 1, "moved": 0, "same": 4}
    assert found.added[0].origin.turn_id == "t-9"
    assert found.removed[0].origin.turn_id == "t-1"
    assert found.relabelled[0][1].row["intent"] == "HELP"
    assert found.balance["HELP"][1] == found.balance["HELP"][0] + 1
    child = [add_turn(store, f"c-{n}", said=30 + n) for n in range(3)]
    rewrite_turns(store, "c", child)
    with pytest.raises(InvalidInput, match="one dataset"):
        diff_versions(settings.home, first, build("child").version)


def test_a_killed_build_leaves_nothing_that_is_listed_and_the_next_takes_its_number(
    store: Store, settings: Settings, build: Build
) -> None:
    label_turns(store, "b", [add_turn(store, f"t-{n}", said=n) for n in range(5)])
    environment = {
        **os.environ, "AIYAM_HOME": str(settings.home), "AIYAM_DATASETS_DIR": str(settings.datasets_dir),
        "AIYAM_DATABASE_URL": "", "PYTHONPATH": str(REPO_ROOT),
    }  # fmt: skip
    done = subprocess.run([sys.executable, "-c", KILLED], env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert list_versions(settings.home) == ([], [])
    assert lineage_of_turn(store, settings.home, settings.models_dir, "t-0").rows == ()
    built = build("nlu")
    assert (built.version.version, built.made) == ("v1", True)
    assert len(lineage_of_turn(store, settings.home, settings.models_dir, "t-0").rows) == 1


def test_two_builds_at_once_do_not_share_a_number(store: Store, settings: Settings, build: Build) -> None:
    label_turns(store, "b", [add_turn(store, f"t-{n}", said=n) for n in range(5)])
    refused: list[str] = []

    def beside(progress: Progress) -> None:
        if progress.stage == "write" and not refused:
            with pytest.raises(Conflict) as error:
                build("nlu")
            refused.append(error.value.message)

    assert build("nlu", progress=beside).version.version == "v1"
    assert "Another build" in refused[0]


def test_versions_that_are_not_there_or_damaged_are_named(store: Store, settings: Settings, build: Build) -> None:
    with pytest.raises(InvalidInput, match=r"like nlu@v3"):
        open_version(settings.home, "nlu-3")
    with pytest.raises(InvalidInput):
        open_version(settings.home, "cats@v1")
    with pytest.raises(NotFound, match="known: none"):
        open_version(settings.home, "nlu@latest")
    with pytest.raises(DataError, match="none to train on"):
        build("nlu")
    label_turns(store, "b", [add_turn(store, f"t-{n}", said=n) for n in range(5)])
    version = build("nlu").version
    folder = folder_of(settings.home, version)
    with pytest.raises(NotFound, match="known: v1"):
        open_version(settings.home, "nlu@v7")
    rows = (folder / "train.jsonl").read_text("utf-8")
    (folder / "train.jsonl").write_text(rows.replace('"intent"', '"intend"', 1), "utf-8")
    assert "SHA-256" in verify(settings.home, version)[0]
    with pytest.raises(DataError, match="as it was built"):
        dataset_options(settings, "nlu", "nlu@v1")
    (folder / "train.jsonl").write_text(rows.splitlines()[0] + "\n", "utf-8")
    with pytest.raises(DataError, match="damaged"):
        list(read_rows(settings.home, version))
    (folder / "manifest.json").write_text("{}", "utf-8")
    with pytest.raises(DataError, match="manifest"):
        open_version(settings.home, "nlu@v1")
    found, damaged = list_versions(settings.home)
    assert found == []
    assert damaged[0].startswith("nlu@v1")
    assert build("nlu").version.version == "v2", "the number of a damaged version is not used again"


@pytest.fixture
def many(store: Store, settings: Settings) -> Settings:
    """A home with enough labels of both kinds to train on."""
    label_turns(store, "n", [said_by_five(store, f"n-{n}", n) for n in range(160)])
    rewrite_turns(store, "r", [said_by_five(store, f"r-{n}", n) for n in range(120)])
    return settings


def test_a_model_trained_on_a_version_is_found_from_the_turn_and_back(
    many: Settings, store: Store, build: Build
) -> None:
    versions = {name: build(name).version for name in ("nlu", "child")}
    trained = train_component(many, store, "nlu", lambda p: None, dataset="nlu@latest", effort=QUICK, seed=1)
    manifest = read_manifest(many.models_dir / "nlu" / trained)
    assert (manifest.dataset, manifest.dataset_sha256) == ("nlu@v1", versions["nlu"].sha256)
    assert manifest.metrics["n_rows"] == versions["nlu"].n_train
    turn = next(row.origin.turn_id for row in read_rows(many.home, versions["nlu"]))
    found = lineage_of_turn(store, many.home, many.models_dir, turn)
    assert [(one.name, one.version) for one in found.rows] == [("nlu", "v1")]
    assert [one.model for one in found.models] == [f"nlu/{trained}"]
    back = lineage_of_model(many.home, many.models_dir, f"nlu/{trained}")
    assert back.same_rows
    assert turn in back.turn_ids
    assert len(back.task_keys) == versions["nlu"].n_train + versions["nlu"].n_valid
    gone_on = train_component(
        many, store, "nlu", lambda p: None, data=_few_rows(many.home / "more.jsonl"), effort=QUICK, seed=1,
        base=many.models_dir / "nlu" / trained,
    )  # fmt: skip
    models = models_trained_on(many.home, many.models_dir, ["nlu@v1"])
    assert [(one.model, one.through) for one in models] == [
        (f"nlu/{trained}", ""), (f"nlu/{gone_on}", f"nlu/{trained}"),
    ]  # fmt: skip
    with pytest.raises(NotFound, match="trained on a dataset version"):
        lineage_of_model(many.home, many.models_dir, f"nlu/{gone_on}")


def test_the_rewriter_trains_on_a_version_and_names_it(many: Settings, store: Store, build: Build) -> None:
    version = build("child").version
    own = many.model_copy(update={"datasets_dir": REPO_ROOT / "datasets"})
    trained = train_component(own, store, "child", lambda p: None, dataset="latest", effort=QUICK_CHILD, seed=1)
    manifest = read_manifest(own.models_dir / "child" / trained)
    assert (manifest.dataset, manifest.dataset_sha256) == ("child@v1", version.sha256)
    assert manifest.metrics["n_held_out"] == version.n_valid
    build("nlu")
    with pytest.raises(InvalidInput, match="of child"):
        dataset_options(own, "child", "nlu@v1")


def test_an_adapter_trains_on_a_version_and_names_it(
    store: Store, settings: Settings, build: Build, tmp_path: Path
) -> None:
    for n in range(40):
        shop = recommendation(n)
        add_turn(
            store, f"t-{n}", said=n, session_id=f"s-{n}", rated=5, recommendations=(shop,),
            plan=ReplyPlan(kind="recommend", age_band=AGE_BANDS[n % 4], shops=(shop,)), response=f"{shop.name} 어때요?",
        )  # fmt: skip
    version = build("lora").version
    rows = [InstructionRow(**row.row) for row in read_rows(settings.home, version)]
    base = build_model(tmp_path / "tiny", [(messages_of(row), str(row.output)) for row in rows])
    out = settings.models_dir / "nlg" / "v1"
    options = dataset_options(settings, "nlg", "latest")
    train_lora(
        out=out, seed=1, progress=lambda p: None, base=base, offline=True, device="cpu", epochs=1, batch_size=4, rank=4,
        max_tokens=2000, **options,
    )  # fmt: skip
    manifest = read_manifest(out)
    assert (manifest.dataset, manifest.dataset_sha256) == ("lora@v1", version.sha256)
    assert manifest.metrics["n_heldout_rows"] + manifest.metrics["n_train_rows"] == len(rows)
    (model,) = lineage_of_turn(store, settings.home, settings.models_dir, str(rows[0].turn_id)).models
    assert model.model == "nlg/v1"


def test_exports_are_what_others_read(many: Settings, store: Store, build: Build, tmp_path: Path) -> None:
    from datasets import load_dataset  # type: ignore[attr-defined]

    version = build("nlu").version
    out = tmp_path / "out"
    whole = export_version(many.home, version, out / "json", "json")
    rows = json.loads(next(iter(whole)).read_text("utf-8"))["training_data"]
    assert len(rows) == version.n_train
    assert set(rows[0]) == {"text", "intent", "entities", "semantic_query", "filters"}
    flat = export_version(many.home, version, out / "flat", "flat")
    loaded = load_dataset(
        "json", data_files=[str(path) for path in flat], split="train", cache_dir=str(tmp_path / "hf")
    )
    assert loaded.num_rows == version.n_train + version.n_valid
    assert {"text", "intent", "entities", "filters", "row_id", "source"} <= set(loaded.column_names)
    tasks = json.loads(next(iter(export_version(many.home, version, out / "ls", "label-studio"))).read_text("utf-8"))
    spans = [r["value"] for r in tasks[0]["annotations"][0]["result"] if r["type"] == "labels"]
    assert all(tasks[0]["data"]["text"][s["start"] : s["end"]] == s["text"] for s in spans)
    with pytest.raises(Conflict, match="exists"):
        export_version(many.home, version, out / "json", "json")
    with pytest.raises(InvalidInput, match="format"):
        export_version(many.home, version, out, "xml")  # type: ignore[arg-type]
    pairs = export_version(many.home, build("child").version, out, "label-studio")
    assert sum(pairs.values()) <= len(PAIRS)


def test_a_build_tells_how_far_it_is(store: Store, settings: Settings) -> None:
    label_turns(store, "b", [add_turn(store, f"t-{n}", said=n) for n in range(5)])
    told: list[Progress] = []
    build_version(
        store, settings.home, "nlu", datasets_dir=settings.datasets_dir, now=DAY, seed=1, progress=told.append
    )
    shares = [p.fraction for p in told]
    assert shares == sorted(shares)
    assert [*dict.fromkeys(p.stage for p in told)] == ["gather", "settle", "write", "done"]
    with changing(settings.home):
        assert root_of(settings.home).is_dir()


def said_by_five(store: Store, turn_id: str, n: int) -> Trace:
    """Store the n-th turn, of one of five people, in a conversation that may stand on either side."""
    return add_turn(store, turn_id, said=n, user_id=f"u-{n % 5}", session_id=f"s-{n}")


def _few_rows(path: Path) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in SAID[200:240]), "utf-8")
    return path
