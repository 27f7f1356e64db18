"""The daily metrics: satisfaction, success, clicks, diversity, speed, errors and safety, each rate with n and interval."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path

from aiyam.contracts import KST, Record
from aiyam.intervals import effective_n, mean_interval, quantile, wilson
from aiyam.store import Store
from aiyam.store.daily import DayShop, DayTurn, Period, read_day
from aiyam.store.files import written_at_once

CHOICES = frozenset({"clicked", "ordered", "favorited"})
"""Feedback that picks one of the shops shown."""
SATISFIED_FROM = 4
"""Lowest satisfaction score (1-5) that counts as satisfied."""


class Rate(Record):
    """``k`` of ``n`` with its 95 % interval; ``value`` is None when n is 0. ``n_effective`` is n discounted for persons
    who count more than once, and what the interval rests on.
    """

    value: float | None
    k: int
    n: int
    n_effective: float
    low: float
    high: float


class Mean(Record):
    """A mean of n values with its 95 % interval, None where too few."""

    value: float | None
    n: int
    low: float | None = None
    high: float | None = None


class ChatbotMetrics(Record):
    """How people took the conversations.

    ``response_satisfaction`` is the mean score 1-5 of ratings and thumbs; ``satisfied_rate`` the share of them from 4;
    ``conversation_success_rate`` the share of sessions with shops shown in which one was chosen or a score of 4 given.
    """

    response_satisfaction: Mean
    satisfied_rate: Rate
    conversation_success_rate: Rate


class RecommendationMetrics(Record):
    """How the suggestions did, over turns that showed shops.

    ``click_through_rate``: a shop was clicked, favourited or ordered; ``conversion_rate``: ordered;
    ``recommendation_diversity``: the mean chance that two different shops of one list differ in category (Simpson, 0..1).
    """

    click_through_rate: Rate
    conversion_rate: Rate
    recommendation_diversity: Mean
    avg_recommendation_score: Mean
    distinct_shops_shown: int


class SystemMetrics(Record):
    """Load and speed in milliseconds; ``error_rate`` counts turns answered with an apology, ``fallback_rate`` those
    whose reply backend failed and was replaced by the templates.
    """

    daily_active_users: int
    sessions: int
    turns: int
    avg_response_time_ms: float | None
    p50_response_time_ms: float | None
    p95_response_time_ms: float | None
    error_rate: Rate
    fallback_rate: Rate


class SafetyMetrics(Record):
    """Shares of all turns: refused, handed to a grown-up's help line, and caught stating what the data do not."""

    blocked: Rate
    escalated: Rate
    ungrounded: Rate


class DailyMetrics(Record):
    """One Korean calendar day. Feedback counts on the day of its turn, so a day's file may still grow the day after."""

    date: date
    chatbot: ChatbotMetrics
    recommendation: RecommendationMetrics
    system: SystemMetrics
    safety: SafetyMetrics
    n_feedback: int
    n_synthetic_turns: int


def daily_metrics(store: Store, day: date) -> DailyMetrics:
    """Compute the metrics of one Korean calendar day from the store."""
    return metrics_of(read_day(store, day), day)


def metrics_of(period: Period, day: date) -> DailyMetrics:
    """Compute the metrics of a period already read."""
    scores: dict[str, list[int]] = defaultdict(list)
    chosen: dict[str, set[str]] = defaultdict(set)
    for act in period.feedback:
        if act.satisfaction_score is not None:
            scores[act.turn_id].append(act.satisfaction_score)
        if act.feedback_type in CHOICES:
            chosen[act.turn_id].add(act.feedback_type)
    showing = [turn for turn in period.turns if turn.n_shown > 0]
    times = [turn.total_ms for turn in period.turns]
    return DailyMetrics(
        date=day,
        chatbot=ChatbotMetrics(
            response_satisfaction=_mean([float(score) for given in scores.values() for score in given]),
            satisfied_rate=_rate(
                (turn.user_id, score >= SATISFIED_FROM) for turn in period.turns for score in scores[turn.turn_id]
            ),
            conversation_success_rate=_success(showing, period.turns, scores, chosen),
        ),
        recommendation=RecommendationMetrics(
            click_through_rate=_rate((turn.user_id, bool(chosen[turn.turn_id])) for turn in showing),
            conversion_rate=_rate((turn.user_id, "ordered" in chosen[turn.turn_id]) for turn in showing),
            recommendation_diversity=_mean(_diversities(period.shops)),
            avg_recommendation_score=_mean([shop.score for shop in period.shops]),
            distinct_shops_shown=len({shop.shop_id for shop in period.shops}),
        ),
        system=SystemMetrics(
            daily_active_users=len({turn.user_id for turn in period.turns}),
            sessions=len({turn.session_id for turn in period.turns}),
            turns=len(period.turns),
            avg_response_time_ms=_rounded(sum(times) / len(times)) if times else None,
            p50_response_time_ms=_rounded(quantile(times, 0.5)),
            p95_response_time_ms=_rounded(quantile(times, 0.95)),
            error_rate=_rate((turn.user_id, turn.plan_kind == "error") for turn in period.turns),
            fallback_rate=_rate((turn.user_id, turn.fallback is not None) for turn in period.turns),
        ),
        safety=SafetyMetrics(
            blocked=_rate((turn.user_id, turn.safety_action == "refuse") for turn in period.turns),
            escalated=_rate((turn.user_id, turn.safety_action == "escalate") for turn in period.turns),
            ungrounded=_rate((turn.user_id, not turn.grounded) for turn in period.turns),
        ),
        n_feedback=len(period.feedback),
        n_synthetic_turns=sum(turn.synthetic for turn in period.turns),
    )


def write_daily_metrics(store: Store, day: date, out_dir: Path) -> Path:
    """Write ``daily_metrics_<date>.json``, whole or not at all, and return its path; a file of that day is replaced."""
    path = out_dir / f"daily_metrics_{day.isoformat()}.json"
    metrics = daily_metrics(store, day)
    with written_at_once(path) as handle:
        handle.write(metrics.model_dump_json(indent=2) + "\n")
    return path


def today(now: datetime) -> date:
    """Return the Korean calendar day of a moment."""
    return now.astimezone(KST).date()


def _success(
    showing: list[DayTurn], turns: tuple[DayTurn, ...], scores: dict[str, list[int]], chosen: dict[str, set[str]]
) -> Rate:
    owner = {turn.session_id: turn.user_id for turn in showing}
    won = {
        turn.session_id
        for turn in turns
        if chosen[turn.turn_id] or any(score >= SATISFIED_FROM for score in scores[turn.turn_id])
    }
    return _rate((user_id, session_id in won) for session_id, user_id in owner.items())


def _diversities(shops: tuple[DayShop, ...]) -> list[float]:
    lists: dict[str, list[str]] = defaultdict(list)
    for shop in shops:
        lists[shop.turn_id].append(shop.category)
    diversities = []
    for categories in lists.values():
        n = len(categories)
        if n >= 2:
            same = sum(count * (count - 1) for count in Counter(categories).values())
            diversities.append(1 - same / (n * (n - 1)))
    return diversities


def _rate(trials: Iterable[tuple[str, bool]]) -> Rate:
    """Pool (person, hit) trials into one rate whose interval knows who they came from."""
    groups: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for person, hit in trials:
        groups[person][0] += hit
        groups[person][1] += 1
    k = sum(hits for hits, _ in groups.values())
    n = sum(count for _, count in groups.values())
    worth = effective_n([(hits, count) for hits, count in groups.values()])
    low, high = wilson(k / n * worth if n else 0, worth)
    return Rate(
        value=round(k / n, 6) if n else None,
        k=k,
        n=n,
        n_effective=round(worth, 1),
        low=round(low, 6),
        high=round(high, 6),
    )


def _mean(values: list[float]) -> Mean:
    if not values:
        return Mean(value=None, n=0)
    interval = mean_interval(values)
    low, high = interval if interval else (None, None)
    return Mean(value=round(sum(values) / len(values), 6), n=len(values), low=_rounded(low), high=_rounded(high))


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
