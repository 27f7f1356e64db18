"""One whole turn on the screen: the message with its spans, candidates, cards, times, versions, feedback."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

import streamlit as st

from aiyam.contracts import KST, Entity, FeedbackRecord, Recommendation, StageTime, Trace, Understanding
from apps.dashboard.words import word, word_of

# Translucent, so that they read on light and dark alike.
_SPAN_COLOURS = ("#4c8bf533", "#f5a62340", "#2eb87240", "#d8489933", "#8f6be833", "#e0555540", "#22a7b840")


def show_turn(trace: Trace, feedback: Sequence[FeedbackRecord]) -> None:
    """Show everything a trace holds, and the feedback that came on it."""
    st.divider()
    st.subheader(word("turn"))
    st.code(trace.turn_id, language=None)
    st.markdown(_badges(trace))
    st.caption(f"{times_of(trace)} · {word('person')} {trace.user_id} · {word('session')} {trace.session_id}")
    with st.chat_message("user", avatar="🧒"):
        st.html(highlighted(trace.understanding))
    with st.chat_message("assistant", avatar="🍚"):
        st.text(trace.response)
    left, right = st.columns(2)
    with left:
        _understanding(trace.understanding)
        _feedback(feedback)
    with right:
        _candidates(trace)
        _times(trace)
    _cards(trace.recommendations)
    with st.expander(word("raw")):
        st.json(trace.model_dump_json(), expanded=1)


def times_of(trace: Trace) -> str:
    """Return when the turn happened and, where another time was chosen to answer for, that one too."""
    happened = f"{trace.timestamp.astimezone(KST):%Y-%m-%d %H:%M:%S}"
    if trace.chosen_time is None:
        return happened
    return f"{happened} · {word('chosen_time')} {trace.chosen_time.astimezone(KST):%Y-%m-%d %H:%M}"


def highlighted(understanding: Understanding) -> str:
    """Return the message as HTML, each tagged span coloured, with its type and normalised value under it."""
    text, pieces, at = understanding.original_query, [], 0
    kinds = list(dict.fromkeys(entity.entity for entity in understanding.entities))
    for entity in sorted(understanding.entities, key=lambda e: (e.start, -e.end)):
        if entity.start < at:  # a span inside another is named in the table below, not drawn twice
            continue
        pieces.append(escape(text[at : entity.start]))
        pieces.append(_span(entity, _SPAN_COLOURS[kinds.index(entity.entity) % len(_SPAN_COLOURS)]))
        at = entity.end
    pieces.append(escape(text[at:]))
    return f'<div style="line-height:2.9;word-break:keep-all;overflow-wrap:anywhere">{"".join(pieces)}</div>'


def _span(entity: Entity, colour: str) -> str:
    value = "" if str(entity.value) == entity.text else f" {escape(str(entity.value))}"
    return (
        f'<span style="display:inline-block;vertical-align:top;text-align:center;line-height:1.3;margin:.55em .1em 0">'
        f'<span style="background:{colour};border-radius:.3em;padding:.1em .3em">{escape(entity.text)}</span><br>'
        f'<span style="font-size:.7em;opacity:.75">{escape(word_of(entity.entity))}{value}</span></span>'
    )


def _badges(trace: Trace) -> str:
    badges = [
        f":blue-badge[{word_of(trace.understanding.intent)} {trace.understanding.confidence:.0%}]",
        f":{'gray' if trace.safety.action == 'answer' else 'red'}-badge[{word_of(trace.safety.action)}"
        f"{' · ' + ', '.join(trace.safety.kinds) if trace.safety.kinds else ''}]",
        f":{'green' if trace.grounding.grounded else 'red'}-badge["
        f"{word('grounded_yes' if trace.grounding.grounded else 'grounded_no')}]",
    ]
    if trace.fallback:
        badges.append(f":orange-badge[{word('fallback_rate')}: {plain(trace.fallback)}]")
    if trace.synthetic:
        badges.append(f":orange-badge[{word('synthetic').split(':')[0]}]")
    return " ".join(badges)


def _understanding(understanding: Understanding) -> None:
    st.markdown(f"##### {word('understanding')}")
    given = understanding.filters.given()
    rows = [
        (key, ", ".join(map(str, value)) if isinstance(value, list) else _shown(value)) for key, value in given.items()
    ]
    st.html(_table([(word("intent"), f"{understanding.intent} ({understanding.confidence:.2f})"), *rows]))
    if not rows:
        st.caption(word("no_filters"))


def _shown(value: object) -> str:
    return "✓" if value is True else str(value)


def _candidates(trace: Trace) -> None:
    st.markdown(f"##### {word('funnels')}")
    if not trace.funnel_counts:
        st.caption(word("no_candidates"))
        return
    st.html(bars({word_of(name): count for name, count in trace.funnel_counts.items()}, unit=""))
    st.caption(f"{trace.n_candidates:,} {word('n_candidates')}")
    if trace.relaxed:
        st.caption(f"{word('relaxed')}: {', '.join(trace.relaxed)}")


def _times(trace: Trace) -> None:
    st.markdown(f"##### {word('stages')}")
    stages = {name: getattr(trace.stage_ms, name) for name in StageTime.model_fields if name != "total"}
    st.html(bars({word_of(name): ms for name, ms in stages.items()}, unit=" ms"))
    st.caption(f"{word('total')} {trace.stage_ms.total:,.1f} ms")
    st.markdown(f"##### {word('versions')}")
    rows = [(name, version or "–") for name, version in trace.versions]
    rows.append((word("backend"), trace.backend))
    if trace.reader:
        read_by = word(trace.reader)
        rows.append((word("reader"), f"{read_by} ({trace.reader_fallback})" if trace.reader_fallback else read_by))
    if trace.experiment:
        rows.append((word("experiment"), f"{trace.experiment.name} / {trace.experiment.arm}"))
    st.html(_table(rows))


def _feedback(feedback: Sequence[FeedbackRecord]) -> None:
    st.markdown(f"##### {word('feedback')}")
    if not feedback:
        st.caption(word("no_feedback"))
        return
    rows = []
    for record in feedback:
        score = "" if record.satisfaction_score is None else f" ★{record.satisfaction_score}"
        what = " · ".join(part for part in (record.shop_id, record.reason, record.correction) if part)
        rows.append((f"{record.timestamp.astimezone(KST):%H:%M:%S}", f"{word_of(record.feedback_type)}{score} {what}"))
    st.html(_table(rows))


def _cards(shops: Sequence[Recommendation]) -> None:
    st.markdown(f"##### {word('cards')}")
    if not shops:
        st.caption(word("no_cards"))
        return
    for start in range(0, len(shops), 3):
        for column, shop in zip(st.columns(3), shops[start : start + 3], strict=False):
            with column.container(border=True):
                _card(shop)


def _card(shop: Recommendation) -> None:
    st.markdown(f"**{shop.rank}. {plain(shop.name)}**")
    price = f"{shop.price_won:,}원" if shop.price_won is not None else ""
    distance = f"{shop.distance_m:,} m" if shop.distance_m is not None else ""
    hours = word("open_until").format(shop.open_until) if shop.open_until else ""
    facts = (shop.category, shop.district, f"{shop.menu or ''} {price}".strip(), distance, hours)
    st.caption(plain(" · ".join(fact for fact in facts if fact)))
    if shop.reason:
        st.text(shop.reason)
    marks = [f":green-badge[{word('meal_card')}]"] if shop.meal_card == "yes" else []
    marks += [f":violet-badge[{word('good_shop')}]"] if shop.good_shop else []
    if marks:
        st.markdown(" ".join(marks))
    sources = ", ".join(f"{word_of(name)} {score:.2f}" for name, score in shop.funnels.items())
    st.caption(f"{shop.shop_id} · {word('score')} {shop.score:.3f}" + (f" · {sources}" if sources else ""))


def bars(values: Mapping[str, float], *, unit: str) -> str:
    """Return labelled horizontal bars as HTML, the longest one full width, all starting at zero."""
    longest = max([*values.values(), 1e-9])
    rows = (
        f'<div style="display:grid;grid-template-columns:6.5em 1fr 5em;gap:.6em;align-items:center;margin:.15em 0">'
        f"<span>{escape(name)}</span>"
        f'<span style="background:#4c8bf5;height:.7em;border-radius:.2em;width:{100 * value / longest:.1f}%"></span>'
        f'<span style="text-align:right;font-variant-numeric:tabular-nums">{value:,g}{unit}</span></div>'
        for name, value in values.items()
    )
    return f'<div style="font-size:.9em">{"".join(rows)}</div>'


def _table(rows: Iterable[tuple[str, str]]) -> str:
    lines = (
        f'<tr><td style="opacity:.7;padding:.15em 1em .15em 0;vertical-align:top;white-space:nowrap">{escape(name)}</td>'
        f'<td style="padding:.15em 0;overflow-wrap:anywhere">{escape(value)}</td></tr>'
        for name, value in rows
    )
    return f'<table style="font-size:.9em;border-collapse:collapse">{"".join(lines)}</table>'


def plain(text: str) -> str:
    """Escape what Markdown would take as formatting."""
    return "".join(f"\\{sign}" if sign in "\\`*_{}[]()#+-.!|<>~$:" else sign for sign in text)
