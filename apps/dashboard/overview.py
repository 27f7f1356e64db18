"""The page of one day: how much is stored, and every metric of the day with its n and interval."""

from __future__ import annotations

from datetime import date

import streamlit as st

from aiyam.monitoring.metrics import DailyMetrics, Mean, Rate, daily_metrics, today
from aiyam.store import Store
from aiyam.store.conversations import count_feedback, count_turns
from aiyam.store.daily import days_with_turns
from apps.dashboard.store_access import now, open_store
from apps.dashboard.words import word


def show() -> None:
    """Show the day in the address (``?day=2026-03-02``), else today."""
    store = open_store()
    st.title(word("overview"))
    period = days_with_turns(store)
    if period is None:
        st.info(f"**{word('empty_title')}**  \n{word('empty_next')}", icon="🌱")
        return
    first, last = period
    _stored(store, first, last)
    day = _pick_day(first, max(last, today(now())))
    metrics = daily_metrics(store, day)
    if metrics.system.turns == 0:
        st.info(word("empty_day"), icon="🌙")
        if last != day:
            st.button(f"{word('last_day')} ({last.isoformat()})", on_click=_go_to, args=(last,))
        return
    if 0 < metrics.n_synthetic_turns < metrics.system.turns:
        st.badge(f"{word('mixed')} ({metrics.n_synthetic_turns:,} / {metrics.system.turns:,})", color="orange")
    _show_metrics(metrics)


def _stored(store: Store, first: date, last: date) -> None:
    facts = (
        (word("total_turns"), f"{count_turns(store):,}"),
        (word("total_feedback"), f"{count_feedback(store):,}"),
        (word("kept_from"), first.isoformat() if first == last else f"{first.isoformat()} – {last.isoformat()}"),
    )
    st.markdown(" · ".join(f"{name} **{value}**" for name, value in facts))


def _pick_day(first: date, last: date) -> date:
    newest = min(max(today(now()), first), last)
    if st.session_state.get("day") is None:
        try:
            asked = date.fromisoformat(st.query_params.get("day", ""))
        except ValueError:
            asked = newest
        st.session_state["day"] = min(max(asked, first), last)
    picked = st.date_input(word("day"), min_value=first, max_value=last, key="day", width=200)
    day = picked if isinstance(picked, date) else newest
    st.query_params["day"] = day.isoformat()
    return day


def _go_to(day: date) -> None:
    st.session_state["day"] = day


def _show_metrics(metrics: DailyMetrics) -> None:
    chatbot, recommendation, system, safety = metrics.chatbot, metrics.recommendation, metrics.system, metrics.safety
    _group(
        "chatbot",
        {
            "response_satisfaction": chatbot.response_satisfaction,
            "satisfied_rate": chatbot.satisfied_rate,
            "conversation_success_rate": chatbot.conversation_success_rate,
        },
    )
    _group(
        "recommendation",
        {
            "click_through_rate": recommendation.click_through_rate,
            "conversion_rate": recommendation.conversion_rate,
            "recommendation_diversity": recommendation.recommendation_diversity,
            "avg_recommendation_score": recommendation.avg_recommendation_score,
        },
    )
    st.subheader(word("system"))
    columns = st.columns(4)
    _tile(columns[0], "daily_active_users", f"{system.daily_active_users:,}", f"{word('turns')} {system.turns:,}")
    mean_ms = f"{word('mean_time')} {system.avg_response_time_ms:,.1f} ms"
    median_tail = f"{system.p50_response_time_ms:,.1f} ms", f"{system.p95_response_time_ms:,.1f} ms"
    _tile(columns[1], "p50_response_time_ms", median_tail[0], mean_ms)
    _tile(columns[2], "p95_response_time_ms", median_tail[1], f"n {system.turns:,}")
    _tile(columns[3], "error_rate", *_worded(system.error_rate))
    _group(
        "safety",
        {
            "blocked": safety.blocked,
            "escalated": safety.escalated,
            "ungrounded": safety.ungrounded,
            "fallback_rate": system.fallback_rate,
        },
    )
    st.caption(word("interval_note"))


def _group(title: str, values: dict[str, Rate | Mean]) -> None:
    st.subheader(word(title))
    for column, (name, value) in zip(st.columns(len(values)), values.items(), strict=True):
        _tile(column, name, *_worded(value))


def _tile(column: st.delta_generator.DeltaGenerator, name: str, value: str, below: str) -> None:
    explained = word(f"{name}_help") if name.endswith("ms") is False else None
    with column.container(border=True):
        st.metric(word(name), value, help=explained)
        st.caption(below)


def _worded(value: Rate | Mean) -> tuple[str, str]:
    """Return the value and, below it, its n and interval, as text."""
    if value.value is None or value.n == 0:
        return "–", f"{word('no_value')} · n 0"
    if isinstance(value, Rate):
        return f"{value.value:.1%}", f"{value.k:,}/{value.n:,} · ({value.low:.1%} – {value.high:.1%})"
    interval = "" if value.low is None or value.high is None else f" · ({value.low:.2f} – {value.high:.2f})"
    return f"{value.value:.2f}", f"n {value.n:,}{interval}"


if __name__ == "__main__":
    show()
