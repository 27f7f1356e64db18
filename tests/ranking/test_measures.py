"""Ranking measures against numbers worked out by hand."""

from __future__ import annotations

import numpy as np

from aiyam.ranking.measures import MEASURES, measure, user_bootstrap


def named(scores: list[float], relevant: list[int], n_relevant: int | None = None) -> dict[str, float]:
    values = measure(np.array(scores), np.array(relevant, bool), n_relevant)
    return dict(zip(MEASURES, values.tolist(), strict=True))


def test_a_perfect_order_is_one() -> None:
    got = named([3, 2, 1, 0], [1, 1, 0, 0])
    assert got["ndcg@5"] == got["ndcg@10"] == got["recall@10"] == got["auc"] == 1.0
    assert got["precision@5"] == 0.4


def test_ties_count_against_the_model() -> None:
    assert named([0, 0, 0], [1, 0, 0])["auc"] == 0.0
    assert round(named([0, 0, 0], [1, 0, 0])["ndcg@10"], 4) == 0.5


def test_what_the_list_does_not_hold_costs_recall_and_ndcg() -> None:
    got = named([2, 1], [1, 0], n_relevant=2)
    assert got["recall@10"] == 0.5
    assert round(got["ndcg@10"], 3) == round(1 / (1 + 1 / np.log2(3)), 3)


def test_auc_without_a_pair_is_unknown() -> None:
    assert np.isnan(named([1, 2], [1, 1])["auc"])


def test_the_interval_resamples_people_not_requests() -> None:
    rng = np.random.default_rng(1)
    values = np.repeat(rng.random(40), 25)[:, None]
    people = [f"u{i}" for i in np.repeat(np.arange(40), 25)]
    mean, low, high = user_bootstrap(values, people, seed=1)
    assert low[0] < mean[0] < high[0]
    assert np.isclose(mean[0], values.mean())
    assert high[0] - low[0] > 0.1  # 1,000 independent values would give about 0.04
