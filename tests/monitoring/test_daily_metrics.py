"""The daily metrics on days whose numbers are known."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sample_traces import DAY, fill, make_feedback, make_trace

from aiyam.contracts import GroundingVerdict, ReplyPlan, SafetyVerdict, StageTime
from aiyam.intervals import Z_95, effective_n, mean_interval, quantile, wilson
from aiyam.monitoring.metrics import DailyMetrics, daily_metrics, write_daily_metrics
from aiyam.store import Store
from aiyam.store.conversations import record_feedback, record_turn


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(f"sqlite:///{tmp_path / 'aiyam.db'}")
    yield opened
    opened.close()


def test_a_day_counted_by_hand(store: Store) -> None:
    traces = [
        make_trace(f"t-{i}", session_id=f"session-{i // 2}", user_id=f"child-{i // 2}",
                   at=DAY + timedelta(minutes=i), asked=i, stage_ms=StageTime(total=10.0 * (i + 1)))
        for i in range(8)
    ]  # fmt: skip
    traces[6] = traces[6].model_copy(update={
        "safety": SafetyVerdict(action="refuse"), "recommendations": (), "plan": ReplyPlan(kind="refuse", age_band="7-9"),
    })  # fmt: skip
    traces[7] = traces[7].model_copy(update={
        "safety": SafetyVerdict(action="escalate"), "recommendations": (), "fallback": "openai timed out",
        "plan": ReplyPlan(kind="error", age_band="7-9"), "grounding": GroundingVerdict(grounded=False),
    })  # fmt: skip
    for trace in traces:
        record_turn(store, trace)
    for record in (
        make_feedback(traces[0], "clicked"), make_feedback(traces[0], "ordered", position=1),
        make_feedback(traces[2], "favorited"), make_feedback(traces[4], "rated", score=2),
        make_feedback(traces[4], "thumb", score=5), make_feedback(traces[5], "thumb", score=1),
    ):  # fmt: skip
        record_feedback(store, record)
    found = daily_metrics(store, DAY.date())
    click, order = found.recommendation.click_through_rate, found.recommendation.conversion_rate
    assert (click.k, click.n) == (2, 6)
    assert (order.k, order.n) == (1, 6)
    assert (found.chatbot.conversation_success_rate.k, found.chatbot.conversation_success_rate.n) == (3, 3)
    assert found.chatbot.response_satisfaction.value == pytest.approx(8 / 3)
    assert (found.chatbot.satisfied_rate.k, found.chatbot.satisfied_rate.n) == (1, 3)
    assert (found.safety.blocked.k, found.safety.escalated.k, found.safety.ungrounded.k) == (1, 1, 1)
    assert found.safety.blocked.n == 8
    assert (found.system.error_rate.k, found.system.fallback_rate.k) == (1, 1)
    assert (found.system.turns, found.system.sessions, found.system.daily_active_users) == (8, 4, 4)
    assert found.system.avg_response_time_ms == 45
    assert found.system.p50_response_time_ms == 45
    assert found.system.p95_response_time_ms == pytest.approx(76.5)
    assert found.recommendation.avg_recommendation_score.value == pytest.approx(0.8)
    assert found.recommendation.avg_recommendation_score.n == 18
    assert found.n_feedback == 6
    assert found.n_synthetic_turns == 8


def test_lists_of_one_category_are_not_diverse_and_mixed_ones_are(store: Store) -> None:
    same = make_trace("t-1", n_shown=3)
    shops = tuple(shop.model_copy(update={"category": "분식"}) for shop in same.recommendations)
    record_turn(store, same.model_copy(update={"recommendations": shops}))
    assert daily_metrics(store, DAY.date()).recommendation.recommendation_diversity.value == 0
    record_turn(store, make_trace("t-2", n_shown=3))
    found = daily_metrics(store, DAY.date()).recommendation.recommendation_diversity
    assert (found.value, found.n) == (0.5, 2)


def test_shops_only_spoken_of_are_not_counted_as_shown(store: Store) -> None:
    trace = make_trace()
    record_turn(store, trace.model_copy(update={"recommendations": ()}))
    found = daily_metrics(store, DAY.date()).recommendation
    assert found.click_through_rate.n == 0
    assert found.avg_recommendation_score.n == 0


def test_a_day_without_turns_has_no_values_and_no_error(store: Store) -> None:
    found = daily_metrics(store, DAY.date())
    assert found.recommendation.click_through_rate.value is None
    assert (found.recommendation.click_through_rate.low, found.recommendation.click_through_rate.high) == (0, 1)
    assert found.system.p95_response_time_ms is None
    assert found.chatbot.response_satisfaction.value is None


def test_a_day_begins_and_ends_at_midnight_in_korea(store: Store) -> None:
    midnight = DAY.replace(hour=0, minute=0)
    for name, at in (
        ("t-1", midnight - timedelta(seconds=1)),
        ("t-2", midnight),
        ("t-3", midnight + timedelta(hours=23.99)),
    ):
        record_turn(store, make_trace(name, at=at))
    record_turn(store, make_trace("t-4", at=midnight + timedelta(days=1)))
    assert daily_metrics(store, DAY.date()).system.turns == 2


def test_the_file_holds_the_metrics_and_is_replaced_whole(store: Store, tmp_path: Path) -> None:
    fill(store, n_turns=20)
    path = write_daily_metrics(store, DAY.date(), tmp_path / "metrics")
    assert path.name == "daily_metrics_2026-03-02.json"
    first = DailyMetrics.model_validate_json(path.read_text(encoding="utf-8"))
    fill(store, n_turns=5, seed=8)
    write_daily_metrics(store, DAY.date(), tmp_path / "metrics")
    second = DailyMetrics.model_validate_json(path.read_text(encoding="utf-8"))
    assert (first.system.turns, second.system.turns) == (20, 25)
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    assert {"chatbot", "recommendation", "system", "safety"} <= set(json.loads(path.read_text(encoding="utf-8")))


def test_every_rate_lies_inside_its_interval_and_its_interval_inside_0_and_1(store: Store) -> None:
    fill(store, n_turns=150)
    found = daily_metrics(store, DAY.date())
    rates = [
        rate
        for part in (found.chatbot, found.recommendation, found.system, found.safety)
        for rate in part.model_dump().values()
        if isinstance(rate, dict) and "k" in rate
    ]
    assert len(rates) == 9
    for rate in rates:
        assert 0 <= rate["low"] <= rate["value"] <= rate["high"] <= 1
        assert 0 < rate["n_effective"] <= rate["n"]


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_agrees_with_published_values(k: int, n: int, low: float, high: float) -> None:
    """Newcombe, Statistics in Medicine 17 (1998), table I (score method); the first two from the closed form."""
    assert wilson(k, n) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


def test_wilson_agrees_with_statsmodels_when_it_is_there() -> None:
    proportion = pytest.importorskip("statsmodels.stats.proportion")
    for k, n in ((0, 1), (3, 7), (499, 1000), (1000, 1000)):
        assert wilson(k, n) == pytest.approx(proportion.proportion_confint(k, n, method="wilson"))


def test_intervals_of_clustered_clicks_cover_where_naive_ones_do_not() -> None:
    draw = random.Random(11)
    covered = naive = 0
    for _ in range(300):
        groups = []
        for _person in range(40):
            trials = draw.choice([1, 2, 3, 30])
            p = draw.betavariate(0.6, 2.4)  # mean 0.2, people differ a lot
            groups.append((sum(draw.random() < p for _ in range(trials)), trials))
        k, n = sum(g[0] for g in groups), sum(g[1] for g in groups)
        worth = effective_n(groups)
        low, high = wilson(k / n * worth, worth)
        covered += low <= 0.2 <= high
        low, high = wilson(k, n)
        naive += low <= 0.2 <= high
    assert covered / 300 >= 0.88
    assert naive / 300 <= 0.75


def test_independent_people_keep_nearly_all_of_their_n() -> None:
    draw = random.Random(3)
    groups = [(int(draw.random() < 0.3), 1) for _ in range(500)]
    assert effective_n(groups) > 490


def test_a_mean_of_one_value_has_no_interval() -> None:
    assert mean_interval([3.0]) is None
    assert mean_interval([1.0, 3.0]) == (pytest.approx(2 - Z_95), pytest.approx(2 + Z_95))


def test_quantiles_of_few_values() -> None:
    assert quantile([], 0.5) is None
    assert quantile([7.0], 0.95) == 7
    assert quantile([4.0, 1.0, 3.0, 2.0], 0.5) == 2.5
