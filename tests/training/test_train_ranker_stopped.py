"""A ranker's training stopped and resumed, grown from a version, learned from files, and shared by processes."""

from __future__ import annotations

import resource
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aiyam.catalogue.arrays import Catalogue
from aiyam.catalogue.city import generate_city
from aiyam.contracts import KST, Progress
from aiyam.errors import Conflict, DataError, InvalidInput, ModelError
from aiyam.ranking.ranker import WEIGHTS, Vocabulary
from aiyam.ranking.statistics import Crosses
from aiyam.ranking.wide_deep import WideDeepConfig
from aiyam.registry import open_sealed
from aiyam.store import Store
from aiyam.training.asks import TableOptions
from aiyam.training.checkpoint import EPOCH, PREPARED, Checkpoint, held, read_arrays, write_arrays
from aiyam.training.content import train_content
from aiyam.training.fit_together import fit_together
from aiyam.training.full_table import paths_of, write_training_table
from aiyam.training.lessons import Lessons
from aiyam.training.protocol import Cancelled, Report
from aiyam.training.ranker import train_ranker
from aiyam.training.ranker_base import Base
from aiyam.training.ranker_files import read_table
from aiyam.training.wide_deep import fit_network
from aiyam.training.wide_deep_rows import Inputs

SMALL = WideDeepConfig(
    user_embedding=8, shop_embedding=8, brand_embedding=4, category_embedding=4, hidden=(32, 16), batch_size=256, epochs=4
)  # fmt: skip
N_USERS, N_SHOPS, N_BRANDS = 5, 20, 3


def inputs(q: int, seed: int, k: int = 6) -> Inputs:
    """Lists in which the chosen shop follows one wide feature."""
    rng = np.random.default_rng(seed)
    r = q * k
    wide = rng.normal(size=(r, 50)).astype(np.float32)
    label = np.zeros((q, k), np.float32)
    label[np.arange(q), wide[:, 5].reshape(q, k).argmax(1)] = 1.0
    return Inputs(
        list_start=np.arange(q + 1) * k,
        users=rng.integers(0, N_USERS, q).astype(np.int32),
        query_vectors=rng.normal(size=(q, 128)).astype(np.float32),
        shops=rng.integers(0, N_SHOPS, r).astype(np.int32),
        brands=rng.integers(0, N_BRANDS, r).astype(np.int32),
        categories=rng.integers(0, 15, r),
        numbers=rng.random((r, 10), dtype=np.float32),
        wide=wide,
        label=label.reshape(-1),
        weight=np.ones(r, np.float32),
        shown=np.ones(r, np.bool_),
    )


def lessons(q: int = 200) -> Lessons:
    names = Vocabulary(*(tuple(f"{kind}{i}" for i in range(n - 1)) for kind, n in zip("usb", (5, 20, 3), strict=True)))
    return Lessons(inputs(q, 1), inputs(60, 2), tuple(f"p{i}" for i in range(60)), names, Crosses(), "made up")


def quiet(fraction: float, message: str = "", metrics: Any = None) -> None: ...


def stopping_after(n: int) -> Callable[..., None]:
    """Return a report that stops the training when epoch ``n + 1`` has been measured."""
    ends: list[float] = []

    def report(fraction: float, message: str = "", metrics: Any = None) -> None:
        if metrics and "valid_loss" in metrics:
            ends.append(fraction)
            if len(ends) > n:
                raise Cancelled("stopped")

    return report


def fit(config: WideDeepConfig, report: Any = quiet, checkpoint: Checkpoint | None = None, **more: Any) -> Any:
    told = lessons()
    return fit_network(
        config, told.train, told.valid, sizes=told.sizes, seed=3, report=report, checkpoint=checkpoint, **more
    )


def alike(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> bool:
    return first.keys() == second.keys() and all(np.array_equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("config", [SMALL, replace(SMALL, loss="bce", id_updates="all", warm_start=False)])
def test_a_resumed_fit_gives_the_very_weights_of_an_uninterrupted_one(tmp_path: Path, config: WideDeepConfig) -> None:
    whole, history = fit(config)
    checkpoint = Checkpoint(tmp_path, config.as_json())
    with pytest.raises(Cancelled):
        fit(config, stopping_after(2), checkpoint)
    kept = checkpoint.load()
    assert kept is not None
    assert kept[1]["n_epochs"] == 2
    resumed, again = fit(config, checkpoint=checkpoint)
    assert alike(whole, resumed)
    assert again == history


def test_a_checkpoint_of_another_training_is_refused_with_what_differs(tmp_path: Path) -> None:
    fit(replace(SMALL, epochs=1), checkpoint=Checkpoint(tmp_path, SMALL.as_json()))
    other = replace(SMALL, learning_rate=0.5)
    with pytest.raises(DataError, match=r"learning_rate 0\.5 \(kept: 0\.001\)"):
        fit(other, checkpoint=Checkpoint(tmp_path, other.as_json()))
    longer = replace(SMALL, epochs=2)
    assert len(fit(longer, checkpoint=Checkpoint(tmp_path, longer.as_json()))[1]) == 2


def test_a_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path, {})
    fit(replace(SMALL, epochs=1), checkpoint=checkpoint)
    whole = (tmp_path / EPOCH).read_bytes()
    (tmp_path / EPOCH).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="whole file"):
        checkpoint.load()


def test_a_full_disk_leaves_the_last_epoch_and_nothing_half_written(tmp_path: Path) -> None:
    write_arrays(tmp_path / EPOCH, {"a": np.arange(3)}, {"n": 1})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(InvalidInput, match="room"):
            write_arrays(tmp_path / EPOCH, {"a": np.arange(100_000)}, {"n": 2})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    arrays, facts = read_arrays(tmp_path / EPOCH)
    assert facts == {"n": 1}
    assert arrays["a"].tolist() == [0, 1, 2]
    assert [path.name for path in tmp_path.iterdir()] == [EPOCH]


def test_one_checkpoint_serves_one_training_at_a_time(tmp_path: Path) -> None:
    with held(tmp_path / "ranker"), pytest.raises(Conflict, match="Another training"), held(tmp_path / "ranker"):
        pass


def test_lessons_come_back_from_their_file_as_they_were(tmp_path: Path) -> None:
    told = lessons()
    told.write(tmp_path / "lessons.safetensors", {"seed": 1})
    back, recipe = Lessons.read(tmp_path / "lessons.safetensors")
    assert recipe == {"seed": 1}
    assert back.vocabulary == told.vocabulary
    assert back.valid_users == told.valid_users
    for part in ("train", "valid"):
        ours, theirs = getattr(told, part).arrays(), getattr(back, part).arrays()
        assert all(np.array_equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize(("name", "value", "words"), [("wide", np.nan, "not, in wide"), ("label", 0.0, "0 chosen of")])
def test_what_nothing_can_be_learned_from_is_refused(name: str, value: float, words: str) -> None:
    told = lessons()
    getattr(told.valid, name)[:] = value
    with pytest.raises(DataError, match=f"later part.*{words}"):
        fit_network(SMALL, told.train, told.valid, sizes=told.sizes, seed=1, report=quiet)


@pytest.mark.parametrize("loss", ["listwise", "bce"])
def test_two_processes_learn_what_one_learns_from_the_same_batches(loss: Any) -> None:
    config = replace(SMALL, loss=loss, dropout=0.0, id_dropout=0.0, epochs=2, warm_start=False, learning_rate=1e-2)
    events: list[Progress] = []
    _, history = fit(config)
    together, shared = fit_together(config, lessons(), n_processes=2, n_threads=1, seed=3, report=Report(events.append))
    assert all(np.isfinite(value).all() for value in together.values())
    assert [h["valid_loss"] for h in shared] == pytest.approx([h["valid_loss"] for h in history], abs=1e-4)
    assert [h["train_loss"] for h in shared] == pytest.approx([h["train_loss"] for h in history], abs=1e-4)
    assert any("epoch 2 of 2" in event.message for event in events)


def test_processes_stop_when_the_training_is_stopped(tmp_path: Path) -> None:
    seen: list[Progress] = []
    report = Report(seen.append, lambda: len(seen) >= 1)
    with pytest.raises(Cancelled):
        fit_together(replace(SMALL, epochs=200), lessons(), n_processes=2, n_threads=1, seed=3, report=report)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small city, a text encoder, a ranker of its first months and a training table."""
    folder = tmp_path_factory.mktemp("home")
    store = Store.open(f"sqlite:///{folder / 'city.db'}")
    generate_city(store, n_shops=250, n_users=80, seed=5, truth_path=folder / "truth.npz", progress=lambda p: None)
    catalogue = Catalogue.load(store)
    train_content(catalogue, folder / "content", seed=5, progress=lambda p: None)
    train(store, folder, folder / "v1", history_share=0.4, holdout_share=0.4)
    until = open_sealed(folder / "v1", "ranker").config["rows_until"]
    write_training_table(
        store,
        folder / "table.csv",
        encoder_dir=folder / "content",
        options=TableOptions(seed=1, min_interactions=3, since=until - 20 * 86_400, max_requests=150),
        now=datetime.fromtimestamp(2_000_000_000, KST),
    )
    store.close()
    return folder


def train(store: Store, home: Path, out: Path, **options: Any) -> Any:
    given: dict[str, Any] = {"config": replace(SMALL, epochs=2), "max_requests": 120, **options}
    given.setdefault("progress", lambda p: None)
    return train_ranker(store, out, encoder_dir=home / "content", seed=5, **given)


@pytest.fixture
def store(home: Path) -> Any:
    opened = Store.open(f"sqlite:///{home / 'city.db'}")
    yield opened
    opened.close()


@pytest.mark.slow
def test_a_stopped_ranker_resumes_without_replaying_and_ends_the_same(home: Path, store: Store, tmp_path: Path) -> None:
    options = {"config": replace(SMALL, epochs=3), "checkpoint_dir": tmp_path / "kept"}
    train(store, home, tmp_path / "whole", **options)
    assert not (tmp_path / "kept").exists()  # success leaves nothing
    done: list[Progress] = []
    with pytest.raises(Cancelled, match="no version was saved"):
        train(
            store, home, tmp_path / "stopped", progress=done.append,
            cancelled=lambda: any("epoch 2 of 3" in p.message for p in done), **options,
        )  # fmt: skip
    assert not (tmp_path / "stopped").exists()
    assert {p.name for p in (tmp_path / "kept").iterdir()} == {PREPARED, EPOCH}
    again: list[Progress] = []
    train(store, home, tmp_path / "resumed", progress=again.append, resume=True, **options)
    assert not any("replaying" in p.message for p in again)
    assert not any("epoch 1 of 3" in p.message for p in again)
    assert (tmp_path / "resumed" / WEIGHTS).read_bytes() == (tmp_path / "whole" / WEIGHTS).read_bytes()
    assert not (tmp_path / "kept").exists()


@pytest.mark.slow
def test_incremental_training_keeps_the_names_and_measures_beside_its_base(
    home: Path, store: Store, tmp_path: Path
) -> None:
    manifest = train(store, home, tmp_path / "v2", base=home / "v1", config=None)
    assert manifest.parents == ("v1",)
    assert manifest.config["epochs"] == 2
    assert manifest.config["learning_rate"] == 5e-4
    base, grown = Base.load(home / "v1"), Base.load(tmp_path / "v2")
    assert manifest.config["history_until"] >= base.seen_until
    for kind in ("users", "shops", "brands"):
        old, new = getattr(base.vocabulary, kind), getattr(grown.vocabulary, kind)
        assert new[: len(old)] == old
    assert {"base_valid_ndcg@10", "gain_over_base_ndcg@10_low"} <= manifest.metrics.keys()


@pytest.mark.slow
def test_new_rows_start_from_the_fallback(home: Path) -> None:
    base = Base.load(home / "v1")
    n = len(base.weights["shop.weight"])
    grown = base.grown((len(base.weights["user.weight"]), n + 2, len(base.weights["brand.weight"])))
    assert np.array_equal(grown["shop.weight"][:n], base.weights["shop.weight"])
    assert np.array_equal(grown["shop.weight"][n:], np.tile(base.weights["shop.weight"][0], (2, 1)))


@pytest.mark.slow
def test_a_base_of_other_sizes_is_refused_with_the_difference(home: Path, store: Store, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"hidden \(32, 16\), got \(16, 8\)"):
        train(store, home, tmp_path / "v2", base=home / "v1", config=replace(SMALL, hidden=(16, 8)))


@pytest.mark.slow
def test_a_ranker_learns_from_a_written_table_and_from_a_base_with_one(
    home: Path, store: Store, tmp_path: Path
) -> None:
    earlier, later, _ = paths_of(home / "table.csv")
    manifest = train(store, home, tmp_path / "v2", train_data=earlier, valid_data=later)
    assert manifest.metrics["n_train_rows"] == len(earlier.read_text().splitlines()) - 1
    manifest = train(store, home, tmp_path / "v3", train_data=earlier, base=home / "v1", config=None)
    assert manifest.parents == ("v1",)


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["column", "nan", "text", "label", "features", "order"])
def test_a_table_that_cannot_be_learned_from_is_refused(home: Path, store: Store, tmp_path: Path, damage: str) -> None:
    import pandas as pd

    earlier, later, report = paths_of(home / "table.csv")
    frame = pd.read_csv(earlier, dtype={"user_id": str, "shop_id": str}, keep_default_na=False)
    words = {
        "column": "wide_feat_7",
        "nan": "wide_feat_7",
        "text": "num_feat_2",
        "label": "label",
        "features": "slot 3",
    }
    if damage == "column":
        frame = frame.drop(columns="wide_feat_7")
    elif damage == "nan":
        frame.loc[3, "wide_feat_7"] = np.nan
    elif damage == "text":
        frame["num_feat_2"] = "many"
    elif damage == "label":
        frame["label"] = 2
    elif damage == "features":
        (tmp_path / "table.report.json").write_text(report.read_text().replace("user_x_shop|", "user_x_place|", 1))
    path = tmp_path / "table.train.csv"
    frame.to_csv(path, index=False)
    with pytest.raises(DataError, match=words.get(damage, "Expected every earlier row")):
        train(store, home, tmp_path / "v2", train_data=path, valid_data=path if damage == "order" else later)
    assert not (tmp_path / "v2").exists()


def test_ids_are_text_even_where_a_file_holds_numbers(home: Path, tmp_path: Path) -> None:
    import pandas as pd

    earlier, _, _ = paths_of(home / "table.csv")
    frame = pd.read_csv(earlier, keep_default_na=False).head(6)
    frame["shop_id"] = [7, 8, 9, 10, 11, 12]
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_parquet(tmp_path / "t.parquet")
    read = [read_table(tmp_path / f"t.{ending}").shop_ids.tolist() for ending in ("csv", "parquet")]
    assert read[0] == read[1] == ["7", "8", "9", "10", "11", "12"]
