"""Comparing rankers: measures on lists made by hand, verdicts, refusals, newcomers, and the command over a real home."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from aiyam.catalogue.arrays import Catalogue
from aiyam.catalogue.interactions import Interactions
from aiyam.catalogue.query import CandidateSet
from aiyam.cli import app
from aiyam.contracts import Filters, Manifest
from aiyam.errors import DataError, InvalidInput, ModelError
from aiyam.evaluation.calibration import calibrate
from aiyam.evaluation.ranker_table import version_table
from aiyam.evaluation.ranker_versions import compare_versions
from aiyam.evaluation.ranking import evaluate_rankers
from aiyam.evaluation.ranking_orders import Orders
from aiyam.evaluation.ranking_scores import TRUE_NDCG, Lists, Score
from aiyam.evaluation.truth import city_truth
from aiyam.ranking.measures import variety
from aiyam.ranking.replay import Moment, moments_of, query_of
from aiyam.registry import MANIFEST, sha256_of
from aiyam.settings import Settings
from aiyam.store import Store
from tests.ranking.ranking_town import make_catalogue

GROUPS = {"age_band": "10-12", "district": "관악구", "past": "known"}


def moment_of(user: str, shown: list[int], outcomes: list[int]) -> Moment:
    return Moment(user, 100, None, None, None, "", Filters(), tuple(shown), tuple(outcomes))


def some_lists(n: int = 40, *, noise: float = 0.0) -> Lists:
    """Lists of five shops with one chosen; "good" knows it but for the noise, "flat" knows nothing, "copy" is "flat"."""
    rng = np.random.default_rng(0)
    lists = Lists(make_catalogue(), np.arange(8), with_truth=False)
    for i in range(n):
        rows = rng.permutation(8)[:5].astype(np.int32)
        chosen = int(rng.integers(5))
        scores = np.zeros((5, 4), np.float32)
        candidates = CandidateSet(rows, scores, scores > 0, scores[:, 0])
        good = (np.arange(5) == chosen) + noise * rng.normal(size=5)
        flat = rng.normal(size=5)
        outcomes = [3 if k == chosen else 0 for k in range(5)]
        orders = Orders(
            {"good": good, "flat": flat, "copy": flat}, {"good": np.where(np.arange(5) == chosen, 0.8, 0.05)}
        )
        lists.add(moment_of(f"u{i % 20}", rows.tolist(), outcomes), candidates, orders, None, GROUPS)
    return lists


def test_a_better_order_wins_and_the_same_order_is_not_distinguishable() -> None:
    report = some_lists().report(1, rankers=("flat", "good", "copy"))
    assert report.best == "good"
    assert report.table["good"]["ndcg@10"].mean == 1.0
    found = report.details()
    assert found["verdicts"] == {"good": "better", "copy": "not distinguishable"}
    assert report.versus["good"]["ndcg@10"].low > 0
    assert report.versus["copy"]["ndcg@10"] == Score(0.0, 0.0, 0.0)
    assert some_lists().report(1, rankers=("good", "flat")).details()["verdicts"] == {"flat": "worse"}
    assert found["groups"]["past"]["known"]["n_users"] == 20
    assert report.coverage["good"] == 1.0
    assert report.newcomers is None


def test_a_paired_difference_is_surer_than_two_intervals() -> None:
    report = some_lists(200, noise=0.6).report(1, rankers=("flat", "good"))
    paired, alone = report.versus["good"]["ndcg@10"], report.table["flat"]["ndcg@10"]
    assert abs(paired.mean - (report.table["good"]["ndcg@10"].mean - alone.mean)) < 1e-9


def test_no_held_out_request_is_said() -> None:
    with pytest.raises(DataError, match="got none"):
        Lists(make_catalogue(), np.arange(8), with_truth=False).report(1, rankers=())


def test_calibration_knows_true_chances_from_boasting_ones() -> None:
    rng = np.random.default_rng(2)
    chance = rng.uniform(0.02, 0.9, 6000)
    happened = rng.random(6000) < chance
    users = [f"u{i % 300}" for i in range(6000)]
    honest = calibrate(chance, happened, users, seed=1)
    odds = np.log(chance / (1 - chance))
    boasting = calibrate(1 / (1 + np.exp(-3 * odds)), happened, users, seed=1)
    doubled = calibrate(1 / (1 + np.exp(-(odds + 1))), happened, users, seed=1)
    assert honest is not None
    assert boasting is not None
    assert doubled is not None
    slope, low, high = honest.figures["slope"]
    assert low < 1 < high
    assert honest.figures["intercept"][1] < 0 < honest.figures["intercept"][2]
    assert honest.figures["ece"][0] < 0.02 < boasting.figures["ece"][1]
    assert abs(boasting.figures["slope"][0] - slope / 3) < 0.02
    assert abs(doubled.figures["intercept"][0] + slope) < 0.05
    assert boasting.figures["log_loss"][0] > honest.figures["log_loss"][0]
    assert sum(b.n for b in honest.bins) == 6000
    assert calibrate(chance, np.zeros(6000, bool), users, seed=1) is None


def test_variety_counts_pairs_that_differ_and_rare_shops() -> None:
    category, brand = np.array([0, 0, 0, -1]), np.array([-1, 0, 0, -1])
    share = np.array([0.5, 0.25, 0.125, 0.125])
    assert variety(np.array([0, 1, 2]), category, brand, share).round(9).tolist() == [0.0, 0.666666667, 2.0]
    assert variety(np.array([0, 3]), category, brand, share).tolist() == [1.0, 1.0, 2.0]
    assert np.isnan(variety(np.array([0]), category, brand, share)).all()


def ranker_copy(home: Settings, folder: Path, **changes: object) -> Path:
    """Copy the production ranker with another manifest, sealed as if it had been trained so."""
    source = home.models_dir / "ranker" / "v1"
    shutil.copytree(source, folder)
    manifest = Manifest.model_validate_json((folder / MANIFEST).read_text("utf-8")).model_copy(update=changes)
    (folder / MANIFEST).write_text(manifest.model_dump_json(), encoding="utf-8")
    assert sha256_of(folder / "weights.safetensors") == manifest.checksums["weights.safetensors"]
    return folder


def manifest_of(home: Settings) -> Manifest:
    return Manifest.model_validate_json((home.models_dir / "ranker" / "v1" / MANIFEST).read_text("utf-8"))


@pytest.fixture
def store(home: Settings):
    opened = Store.open(home.url)
    yield opened
    opened.close()


def test_production_and_a_copy_of_it_are_not_distinguishable(home: Settings, store: Store, tmp_path: Path) -> None:
    copy = ranker_copy(home, tmp_path / "v2", version="v2")
    result = compare_versions(home, store, [copy], max_requests=150)
    assert list(result["versions"]) == ["production", "v2"]
    assert result["verdicts"] == {"v2": "not distinguishable"}
    assert result["versus"]["v2"]["ndcg@10"] == [0.0, 0.0, 0.0]
    assert result["since"] == result["versions"]["production"]["seen_until"]
    contenders = {"popularity", "recent popularity", "popularity by district", "candidate order", "true preferences"}
    assert contenders | {"funnel content", "production, as shown"} <= set(result["table"])
    for row in result["table"].values():
        assert {"auc", "log_loss", "recall@10", "novelty_bits@10", "category_diversity@10", TRUE_NDCG} <= set(row)
    assert result["table"]["true preferences"][TRUE_NDCG][0] == 1.0
    assert result["calibration"]["production"] == result["calibration"]["v2"]
    assert 0 < result["coverage"]["production"] <= 1
    sizes = [sum(g["n_requests"] for g in named.values()) for named in result["groups"].values()]
    assert sizes == [result["n_requests"]] * 3
    newcomers = result["newcomers"]["table"]
    assert newcomers["production"][TRUE_NDCG][0] > newcomers["popularity"][TRUE_NDCG][0]
    text = version_table(result)
    assert "v2: production보다 ndcg@10 +0.000 (+0.000~+0.000), 구별되지 않습니다." in text
    assert "기록이 전혀 없는 사람" in text
    assert "None" not in text
    assert "nan" not in text


def test_fewer_people_are_drawn_by_the_seed(home: Settings, store: Store) -> None:
    result = compare_versions(home, store, max_users=5, seed=1)
    assert result["n_users"] == 5
    assert compare_versions(home, store, max_users=5, seed=1) == result
    assert compare_versions(home, store, max_users=5, seed=2)["table"] != result["table"]


def test_a_newcomer_has_tastes_but_no_habits(home: Settings, store: Store) -> None:
    catalogue = Catalogue.load(store)
    interactions = Interactions.load(store, catalogue)
    truth = city_truth(store, home.truth_path)
    moment = max(moments_of(interactions), key=lambda m: m.ts)
    query = query_of(moment, None)
    stranger = replace(query, user=query.user.model_copy(update={"user_id": "nobody-knows"}))
    rows = np.arange(len(catalogue), dtype=np.int32)
    mine = interactions.orders.shop_row[
        (interactions.orders.user == interactions.row_of_user[moment.user_id]) & (interactions.orders.ts < moment.ts)
    ]
    known, new = truth(moment, query, rows), truth(moment, stranger, rows)
    never = np.setdiff1d(rows, mine)
    habit = known / new
    assert np.allclose(habit[never], habit[never][0], rtol=1e-3)  # alike but for the best shop both are measured by
    assert habit[mine].mean() > habit[never].mean()


def test_a_version_with_another_feature_table_is_refused_by_its_slot(
    home: Settings, store: Store, tmp_path: Path
) -> None:
    table = manifest_of(home).feature_table
    other = ranker_copy(home, tmp_path / "v2", feature_table=("age|other", *table[1:]))
    with pytest.raises(ModelError, match=r"at slot 0 expected 'age_group_x_category.*got 'age\|other'"):
        compare_versions(home, store, [other])


def test_a_damaged_version_is_refused(home: Settings, store: Store, tmp_path: Path) -> None:
    broken = ranker_copy(home, tmp_path / "v2")
    weights = broken / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-8])
    with pytest.raises(ModelError, match=r"weights\.safetensors"):
        compare_versions(home, store, [broken])
    with pytest.raises(ModelError):
        compare_versions(home, store, [tmp_path / "no-such-version"])


def test_a_version_that_saw_the_requests_is_refused_by_name(home: Settings, store: Store, tmp_path: Path) -> None:
    config = manifest_of(home).config
    since = int(config["rows_until"])
    late = ranker_copy(home, tmp_path / "late", config={**config, "rows_until": since + 86_400})
    with pytest.raises(DataError, match="late saw later ones, until"):
        compare_versions(home, store, [late], since=since)
    silent = ranker_copy(home, tmp_path / "silent", config={})
    with pytest.raises(ModelError, match="rows_until"):
        compare_versions(home, store, [silent])
    all_of_it = ranker_copy(home, tmp_path / "all", config={**config, "rows_until": since + 10**8})
    with pytest.raises(DataError, match="held-out requests"):
        compare_versions(home, store, [all_of_it])


def test_the_same_folder_twice_is_refused(home: Settings, store: Store) -> None:
    folder = home.models_dir / "ranker" / "v1"
    with pytest.raises(InvalidInput, match="twice"):
        compare_versions(home, store, [folder, folder])


def test_without_the_truth_nothing_true_is_claimed(home: Settings, store: Store) -> None:
    report = evaluate_rankers(
        store,
        {"production": home.models_dir / "ranker" / "v1"},
        encoder_dir=home.models_dir / "content" / "v1",
        seed=1,
        max_requests=40,
    )
    assert report.newcomers is None
    assert TRUE_NDCG not in report.table["production"]
    assert "true preferences" not in report.table


def test_the_commands_answer_in_korean_and_as_json(home: Settings, tmp_path: Path) -> None:
    environment = {"AIYAM_HOME": str(home.home), "AIYAM_MODELS_DIR": str(home.models_dir)}
    run = CliRunner()
    spoken = run.invoke(app, ["evaluate", "ranker", "--requests", "40"], env=environment)
    assert spoken.exit_code == 0, spoken.output
    assert "동네 인기순" in spoken.stdout
    data = run.invoke(app, ["evaluate", "ranker", "--test_users", "5", "--json"], env=environment)
    assert json.loads(data.stdout)["n_users"] == 5
    out = tmp_path / "table.csv"
    words = ["data", "training-table", "--out", str(out), "--max_requests", "40", "--refresh_days", "400"]
    made = run.invoke(app, [*words, "--workers", "1", "--since", "2026-01-01"], env=environment)
    assert made.exit_code == 0, made.output
    assert (tmp_path / "table.train.csv").exists()
    assert "left out, not drawn, by max_requests" in made.stdout
