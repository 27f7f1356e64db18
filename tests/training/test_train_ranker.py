"""The training table and the fit: labels, weights, time split, leak checks, files, and that it learns."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aiyam.catalogue.arrays import Catalogue
from aiyam.catalogue.city import generate_city
from aiyam.catalogue.interactions import Interactions
from aiyam.contracts import Progress
from aiyam.errors import DataError, ModelError
from aiyam.evaluation.ranking import evaluate_rankers
from aiyam.ranking.features import feature_table
from aiyam.ranking.measures import measure
from aiyam.ranking.ranker import Ranker
from aiyam.ranking.statistics import Statistics
from aiyam.ranking.wide_deep import WideDeepConfig, WideDeepScorer
from aiyam.registry import open_sealed
from aiyam.store import Store
from aiyam.training.content import train_content
from aiyam.training.leaks import LeakCheck, check_leaks
from aiyam.training.outcomes import choose_rows
from aiyam.training.protocol import Cancelled, Report, run_trainer
from aiyam.training.ranker import train_ranker
from aiyam.training.table import DAY_S, TrainingTable
from aiyam.training.table_files import COLUMNS, write_table
from aiyam.training.wide_deep import fit_network
from aiyam.training.wide_deep_rows import Inputs

SMALL = WideDeepConfig(
    user_embedding=8,
    shop_embedding=8,
    brand_embedding=4,
    category_embedding=4,
    hidden=(32, 16),
    batch_size=256,
    epochs=4,
)
SIZES = (5, 20, 3)


def table_of(n_days: int = 10, per_day: int = 3, k: int = 4) -> TrainingTable:
    q = n_days * per_day
    rng = np.random.default_rng(1)
    label = np.tile(np.array([1, 0, 0, 0], np.float32)[:k], q)
    ts = np.repeat(np.arange(n_days), per_day) * DAY_S + np.tile(np.arange(per_day), n_days) * 3600
    return TrainingTable(
        list_start=np.arange(q + 1) * k,
        user_ids=tuple(f"u{i}" for i in range(q)),
        ts=ts,
        told_ts=ts,
        semantic_queries=tuple(f"질문, {i}" for i in range(q)),
        query_vectors=rng.normal(size=(q, 128)).astype(np.float32),
        shop_row=np.arange(q * k, dtype=np.int32),
        label=label,
        weight=np.ones(q * k, np.float32),
        category=np.zeros(q * k, np.int8),
        brand=np.where(np.arange(q * k) % 2, 0, -1).astype(np.int32),
        wide=rng.random((q * k, 50), dtype=np.float32),
        numbers=rng.random((q * k, 10), dtype=np.float32),
        shown=np.ones(q * k, np.bool_),
    )


def inputs(q: int, seed: int, k: int = 12) -> Inputs:
    """Lists in which the chosen shop follows one wide feature and one embedding (odd shops are liked)."""
    rng = np.random.default_rng(seed)
    r = q * k
    shops = rng.integers(1, SIZES[1], r).astype(np.int32)
    wide = np.zeros((r, 50), np.float32)
    wide[:, 5] = rng.normal(size=r)
    value = (2.0 * wide[:, 5] + 3.0 * (shops % 2) + rng.gumbel(size=r)).reshape(q, k)
    label = np.zeros((q, k), np.float32)
    label[np.arange(q), value.argmax(1)] = 1.0
    numbers = np.full((r, 10), 0.5, np.float32)
    return Inputs(
        list_start=np.arange(q + 1) * k,
        users=rng.integers(0, SIZES[0], q).astype(np.int32),
        query_vectors=np.zeros((q, 128), np.float32),
        shops=shops,
        brands=np.zeros(r, np.int32),
        categories=np.zeros(r, np.int64),
        numbers=numbers,
        wide=wide,
        label=label.reshape(-1),
        weight=np.ones(r, np.float32),
        shown=np.zeros(r, np.bool_),
    )


def ndcg_of(
    config: WideDeepConfig, weights: dict[str, np.ndarray], data: Inputs, *, shops: np.ndarray | None = None
) -> float:
    scorer, values = WideDeepScorer(config, weights), []
    for i, (low, high) in enumerate(zip(data.list_start, data.list_start[1:], strict=False)):
        rows = slice(int(low), int(high))
        ids = (data.shops if shops is None else shops)[rows]
        logits = scorer.logits(
            int(data.users[i]), ids, data.brands[rows], data.categories[rows], None, data.numbers[rows], data.wide[rows]
        )
        values.append(measure(logits, data.label[rows] > 0)[1])
    return float(np.mean(values))


def quiet(fraction: float, message: str = "", metrics: Any = None) -> None: ...


@pytest.mark.parametrize("loss", ["listwise", "bce"])
def test_the_network_learns_features_and_embeddings(loss: Any) -> None:
    config = replace(SMALL, loss=loss, epochs=7, learning_rate=1e-2)
    train, valid = inputs(400, 1), inputs(150, 2)
    weights, history = fit_network(config, train, valid, sizes=SIZES, seed=3, report=quiet)
    assert min(h["valid_loss"] for h in history) < history[0]["valid_loss"]
    by_feature = np.mean(
        [measure(valid.wide[i * 12 : i * 12 + 12, 5], valid.label[i * 12 : i * 12 + 12] > 0)[1] for i in range(150)]
    )
    assert ndcg_of(config, weights, valid) > by_feature + 0.05
    unknown = ndcg_of(config, weights, valid, shops=np.zeros_like(valid.shops))
    assert unknown > by_feature - 0.05  # the fallback embedding does no harm


def test_chances_are_fitted_on_what_was_shown_where_that_is_known() -> None:
    train, valid = inputs(600, 1), inputs(150, 2)
    for part in (train, valid):  # the choice and the four rows after it in the list's order of value
        order = np.argsort(-part.wide[:, 5].reshape(-1, 12), axis=1) + 12 * np.arange(len(part.users))[:, None]
        part.shown[order[:, :5].reshape(-1)] = True
        part.shown[part.label > 0] = True
    weights, _ = fit_network(
        replace(SMALL, epochs=6, learning_rate=5e-3), train, valid, sizes=SIZES, seed=3, report=quiet
    )
    scorer = WideDeepScorer(SMALL, weights)
    logits = scorer.logits(0, valid.shops, valid.brands, valid.categories, None, valid.numbers, valid.wide)
    chance = 1 / (1 + np.exp(-logits[valid.shown]))
    assert abs(chance.mean() - valid.label[valid.shown].mean()) < 0.04


def test_a_listwise_model_is_calibrated_on_lists_like_the_table() -> None:
    config = replace(SMALL, epochs=6, learning_rate=5e-3)
    valid = inputs(150, 2)
    weights, _ = fit_network(config, inputs(600, 1), valid, sizes=SIZES, seed=3, report=quiet)
    scorer = WideDeepScorer(config, weights)
    logits = scorer.logits(0, valid.shops, valid.brands, valid.categories, None, valid.numbers, valid.wide)
    chance = 1 / (1 + np.exp(-logits))
    assert abs(chance.mean() - valid.label.mean()) < 0.03


def test_the_same_seed_gives_the_same_weights() -> None:
    first, second = (
        fit_network(replace(SMALL, epochs=1), inputs(60, 1), inputs(20, 2), sizes=SIZES, seed=3, report=quiet)[0]
        for _ in range(2)
    )
    assert all(np.array_equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("id_updates", ["touched", "all"])
def test_id_tables_learn_by_touched_rows_or_as_a_whole(id_updates: Any) -> None:
    config = replace(SMALL, epochs=6, learning_rate=1e-2, warm_start=False, id_updates=id_updates)
    valid = inputs(100, 2)
    weights, history = fit_network(config, inputs(300, 1), valid, sizes=SIZES, seed=3, report=quiet)
    assert history[-1]["train_loss"] < history[0]["train_loss"]
    assert np.isfinite(weights["shop.weight"]).all()


def test_spec_features_leave_the_other_slots_untouched() -> None:
    config = replace(SMALL, features="spec", epochs=1)
    data = inputs(60, 1)
    data.wide[:, 40] = data.label  # would give the answer away
    weights, _ = fit_network(config, data, inputs(20, 2), sizes=SIZES, seed=3, report=quiet)
    assert WideDeepScorer(config, weights).wide_weight[40] == 0.0


def test_a_choice_brings_at_most_two_negatives_skipped_ones_first() -> None:
    rng = np.random.default_rng(0)
    what = np.array([[-1, 0, 3, -1, -1, 0, 0, -1], [0, 2, -1, -1, 1, -2, -2, -2]], np.int8)
    request, place, label, weight = choose_rows(what, 2, rng)
    assert request.tolist() == [0, 0, 0, 1, 1, 1]
    assert label[:3].sum() == 1
    assert set(what[0, place[:3]]) == {0, 3}
    assert place[3:].tolist() == [0, 1, 4]
    assert label[3:].tolist() == [0, 1, 0]  # a click alone is no choice
    assert weight[3:].tolist() == [1.5, 1.5, 1.0]  # high-scored but skipped, favourited, clicked


def test_where_too_few_were_skipped_others_of_the_list_are_drawn_and_none_from_behind_its_end() -> None:
    what = np.full((400, 8), -2, np.int8)
    what[:, :6] = [0, 3, -1, -1, -1, 3]
    request, place, label, _ = choose_rows(what, 2, np.random.default_rng(1))
    assert np.bincount(request).tolist() == [6] * 400  # four negatives wanted: the skipped one and the three unseen
    request, place, label, _ = choose_rows(what[:, [0, 1, 2, 3, 4, 6]], 2, np.random.default_rng(1))
    assert np.bincount(request).tolist() == [3] * 400
    drawn = np.bincount(place[label == 0], minlength=6)
    assert drawn[0] == 400
    assert (drawn[2:5] > 90).all()
    assert drawn[5] == 0


def test_a_request_without_a_choice_brings_no_rows() -> None:
    assert len(choose_rows(np.array([[0, 0, -1]], np.int8), 2, np.random.default_rng(0))[0]) == 0


def test_the_split_is_by_time_at_midnight() -> None:
    table = table_of()
    train, valid = table.split(0.8)
    assert train.n_requests + valid.n_requests == table.n_requests
    assert len(train) + len(valid) == len(table)
    assert train.ts.max() < valid.ts.min()
    assert 0.7 <= train.n_requests / table.n_requests <= 0.9
    assert np.array_equal(valid.wide, table.wide[len(train) :])
    check_leaks(train, valid, history_until=int(table.ts.min()))


def test_one_day_cannot_be_split() -> None:
    with pytest.raises(DataError, match="two days"):
        table_of(n_days=1, per_day=2).split()


@pytest.mark.parametrize("level", ["history", "day", "user", "shop"])
def test_a_leak_is_refused_by_its_level(level: str) -> None:
    train, valid = table_of().split()
    until = int(train.ts.min())
    if level == "history":
        until = int(train.ts.min()) + 1
    elif level == "day":
        ts = train.ts.copy()
        ts[-1] = valid.ts[0]
        train = replace(train, ts=ts)
    elif level == "user":
        late = train.ts.copy()
        late[-1] = valid.ts.max() + DAY_S
        train = replace(train, ts=late, user_ids=(*train.user_ids[:-1], valid.user_ids[0]))
    else:
        late = train.ts.copy()
        late[-1] = valid.ts.max() + DAY_S
        rows = train.shop_row.copy()
        rows[-1] = valid.shop_row[0]
        train = replace(train, ts=late, shop_row=rows)
    with pytest.raises(DataError, match=f"level of {level}"):
        check_leaks(train, valid, history_until=until)


def test_a_label_by_an_act_after_the_split_is_refused() -> None:
    train, valid = table_of().split()
    check, split = LeakCheck(), int(valid.ts.min())
    check.add("train", train, history_until=0, labels_until=split)
    told_ts = train.told_ts.copy()
    told_ts[0] = split
    with pytest.raises(DataError, match="level of label"):
        check.add("train", replace(train, told_ts=told_ts), history_until=0, labels_until=split)
    check.add("valid", valid, history_until=0)
    check.finish()


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_the_table_is_written_with_its_columns(tmp_path: Path, ending: str) -> None:
    import pandas as pd

    table, path = table_of(n_days=2), tmp_path / "new" / f"table.{ending}"
    write_table(table, [f"s-{i}" for i in range(len(table))], ["김밥나라"], path)
    frame = pd.read_csv(path, keep_default_na=False) if ending == "csv" else pd.read_parquet(path)
    assert tuple(frame.columns) == COLUMNS
    assert len(COLUMNS) == 68
    assert frame["semantic_query"][5] == "질문, 1"
    assert frame["brand_id"].tolist()[:2] == ["", "김밥나라"]
    assert np.allclose(frame["wide_feat_49"], table.wide[:, 49], atol=1e-6)
    assert frame["ts"].tolist() == np.repeat(table.ts, 4).tolist()


def test_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"\.csv or \.parquet"):
        write_table(table_of(2), [], [], tmp_path / "table.xlsx")


class Counting:
    """A trainer that only counts its steps."""

    component = "counting"
    shares = (0.2, 0.8, 0.9)

    def __init__(self) -> None:
        self.saved = False

    def prepare(self, report: Report) -> int:
        return 1

    def fit(self, prepared: int, report: Report) -> int:
        report(0.5, "half")
        return prepared + 1

    def evaluate(self, prepared: int, fitted: int, report: Report) -> dict[str, float]:
        return {"n": float(fitted)}

    def save(self, prepared: int, fitted: int, metrics: Any, out: Path) -> Any:
        self.saved = True
        return metrics


def test_progress_rises_to_one_and_names_its_stages(tmp_path: Path) -> None:
    events: list[Progress] = []
    assert run_trainer(Counting(), tmp_path, progress=events.append) == {"n": 2.0}
    assert [e.fraction for e in events] == sorted(e.fraction for e in events)
    assert events[-1].fraction == 1.0
    assert list(dict.fromkeys(e.stage for e in events)) == ["prepare", "fit", "evaluate", "save"]
    assert any(e.fraction == 0.5 and e.message == "half" for e in events)


def test_a_stopped_training_saves_nothing(tmp_path: Path) -> None:
    trainer, events = Counting(), list[Progress]()
    with pytest.raises(Cancelled, match="'fit'"):
        run_trainer(trainer, tmp_path / "v1", progress=events.append, cancelled=lambda: len(events) >= 2)
    assert not trainer.saved
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small city with a text encoder and two rankers trained on its first months."""
    folder = tmp_path_factory.mktemp("home")
    store = Store.open(f"sqlite:///{folder / 'city.db'}")
    generate_city(store, n_shops=250, n_users=80, seed=5, truth_path=folder / "truth.npz", progress=lambda p: None)
    train_content(Catalogue.load(store), folder / "content", seed=5, progress=lambda p: None)
    for name, config in (("default", SMALL), ("spec", replace(SMALL, features="spec", loss="bce", negatives=2))):
        train_ranker(
            store,
            folder / name,
            encoder_dir=folder / "content",
            seed=5,
            progress=lambda p: None,
            config=replace(config, epochs=2),
            max_requests=160,
        )
    store.close()
    return folder


@pytest.mark.slow
def test_a_ranker_is_trained_from_the_store_and_serves_without_torch(home: Path) -> None:
    manifest = open_sealed(home / "default", "ranker")
    assert manifest.feature_table == feature_table()
    assert manifest.config["history_until"] < manifest.config["rows_until"]
    assert manifest.metrics["n_train_rows"] > 100
    script = """
import sys
from pathlib import Path
from aiyam.catalogue.arrays import Catalogue
from aiyam.catalogue.interactions import Interactions
from aiyam.ranking.ranker import Ranker
from aiyam.ranking.statistics import Statistics
from aiyam.store import Store
home = Path(sys.argv[1])
store = Store.open(f"sqlite:///{home / 'city.db'}")
catalogue = Catalogue.load(store)
Ranker.load(home / "default", catalogue, Statistics.build(catalogue, Interactions.load(store, catalogue)))
print("torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script, str(home)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.slow
def test_the_evaluation_reads_only_what_no_ranker_has_seen(home: Path) -> None:
    store = Store.open(f"sqlite:///{home / 'city.db'}")
    folders = {name: home / name for name in ("default", "spec")}
    report = evaluate_rankers(store, folders, encoder_dir=home / "content", seed=1, max_requests=60)
    assert {"popularity", "candidate order", "funnel content", "default", "spec, as shown"} <= set(report.table)
    for row in report.table.values():
        for score in row.values():
            assert np.isnan(score.mean) or score.low <= score.mean <= score.high
    assert 0 < report.candidate_recall <= 1
    with pytest.raises(DataError, match="saw later ones"):
        evaluate_rankers(store, folders, encoder_dir=home / "content", seed=1, since=1)
    store.close()


@pytest.mark.slow
def test_a_truncated_ranker_is_refused(home: Path, tmp_path: Path) -> None:
    broken = tmp_path / "ranker"
    shutil.copytree(home / "default", broken)
    weights = broken / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    store = Store.open(f"sqlite:///{home / 'city.db'}")
    catalogue = Catalogue.load(store)
    stats = Statistics.build(catalogue, Interactions.load(store, catalogue))
    store.close()
    with pytest.raises(ModelError, match="weights"):
        Ranker.load(broken, catalogue, stats)
