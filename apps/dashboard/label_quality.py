"""The page of label quality: who works how fast, how far people agree, and what holds where they differ."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import streamlit as st

from aiyam.contracts import Entity, Understanding
from aiyam.errors import AiyamError
from aiyam.label_contracts import LABEL_KINDS, CompareLabel, Label, LabelKind, RewriteLabel, UnderstandingLabel
from aiyam.store.database import Store
from aiyam.store.labels import Labelled, count_answered, get_labelled
from annotation.adjudication import MODEL, NONE, Choice, adjudicate, choices, disputes, take_back
from annotation.agreement import FEWEST_TASKS, Agreement, Alpha, agreement
from annotation.pace import paces
from apps.dashboard.store_access import now, open_store
from apps.dashboard.turn_view import highlighted
from apps.dashboard.words import word, word_of

MOST_OF_A_CELL = 20  # tasks of one cell that are opened; a text below a name would be shown on the page


def show() -> None:
    """Show one kind of task: progress and pace, agreement, the cells that differ, and the next task to decide."""
    store = open_store()
    st.title(word("label_quality"))
    answered = count_answered(store)
    if not answered:
        st.info(f"**{word('labels_empty_title')}**  \n{word('labels_empty_next')}", icon="🏷️")
        return
    kind = _kind(answered)
    found = agreement(store, kind)
    waiting = disputes(store, kind)
    with st.container(horizontal=True):
        st.metric(word("labels_answered"), f"{found.n_answered:,}", border=True)
        st.metric(word("labels_twice"), f"{found.n_twice:,}", border=True, help=word("labels_twice_help"))
        st.metric(word("labels_disputed"), f"{len(waiting):,}", border=True, help=word("labels_disputed_help"))
    decide_tab, agree_tab, pace_tab = st.tabs(
        [f"{word('decide')} ({len(waiting)})", word("agreement"), word("pace")], key="quality-tabs"
    )
    with decide_tab:
        _decide(store, waiting)
    with agree_tab:
        _agreement(store, found)
    with pace_tab:
        _pace(store, kind)


def _kind(answered: dict[LabelKind, int]) -> LabelKind:
    asked = st.query_params.get("kind")
    first = asked if asked in LABEL_KINDS else next(kind for kind in LABEL_KINDS if answered.get(kind))
    chosen = st.segmented_control(
        word("label_kind"), LABEL_KINDS, default=first, required=True, key="label_kind",
        format_func=lambda kind: f"{word_of(f'kind_{kind}')} {answered.get(kind, 0):,}",
    )  # fmt: skip
    kind: LabelKind = chosen or first
    st.query_params["kind"] = kind
    return kind


def _decide(store: Store, waiting: Sequence[Labelled]) -> None:
    undo = st.session_state.get("decided")
    if undo is not None:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.success(word("decided").format(what=undo[1]), icon="✅")
            if st.button(word("undo"), key="undo-decision"):
                take_back(store, undo[0])
                del st.session_state["decided"]
                st.rerun()
    if not waiting:
        st.info(word("no_dispute"), icon="🤝")
        return
    one = waiting[0]
    data = one.task.data
    if context := str(data.get("context", "")):
        st.caption(context.replace("\n", "  \n"))
    text = str(data.get("text") or data.get("answer") or "")
    with st.chat_message("user" if "text" in data else "assistant", avatar="🧒" if "text" in data else "🍚"):
        st.text(text)
    offered = choices(one)
    differing = set(offered[0].differs)
    columns = st.columns(max(1, len(offered) - 1))
    for column, choice in zip(columns, offered, strict=False):
        with column, st.container(border=True):
            st.markdown(f"**{_title(choice)}**")
            _label(choice.label, text, differing)
            _button(store, one, choice)
    _button(store, one, offered[-1])
    st.caption(f"{word('turn')} `{one.task.turn_id}` · {word('decide_keys')}")


def _title(choice: Choice) -> str:
    return (
        f"{choice.key} · {word('model_says')}" if choice.chosen == MODEL else f"{choice.key} · {word('annotator_says')}"
    )


def _button(store: Store, one: Labelled, choice: Choice) -> None:
    name = word("none_holds") if choice.chosen == NONE else word("take_this")
    if st.button(name, key=f"take-{one.task.key}-{choice.chosen}", shortcut=choice.key, width="stretch"):
        try:
            adjudicate(store, one.task.key, choice.chosen, by="dashboard", at=now())
        except AiyamError as error:
            st.error(f"{error.message}  \n{error.hint}")
            return
        st.session_state["decided"] = (one.task.key, name if choice.chosen == NONE else _title(choice))
        st.rerun()


def _label(label: Label | None, text: str, differing: set[str]) -> None:
    """Show one answer; what the answers differ in is marked."""

    def line(name: str, value: str) -> None:
        mark = "🔸 " if name in differing else ""
        st.markdown(f"{mark}{word_of(f'label_{name}')}: {escape(value) or '-'}")

    if isinstance(label, UnderstandingLabel):
        st.html(highlighted(_understood(label, text)))
        line("intent", word_of(label.intent.value) if label.intent else word("label_cannot_tell"))
        line("semantic_query", label.semantic_query)
        line("filters", ", ".join(f"{key} {_plain(value)}" for key, value in label.filters.given().items()))
    elif isinstance(label, RewriteLabel):
        line("text", label.text)
        line("wrong", ", ".join(word_of(f"wrong_{name}") for name in label.wrong))
        line("rating", "" if label.rating is None else f"{label.rating} / 5")
    elif isinstance(label, CompareLabel):
        line("verdict", word_of(f"verdict_{label.verdict}"))
    if label is not None and label.flags:
        line("flags", ", ".join(word_of(f"flag_{name}") for name in label.flags))


def _plain(value: Any) -> str:
    return "·".join(map(str, value)) if isinstance(value, list) else str(value)


def _understood(label: UnderstandingLabel, text: str) -> Understanding:
    spans = tuple(e for e in label.entities if isinstance(e, Entity) and text[e.start : e.end] == e.text)
    # The intent of a label that cannot tell is not shown from here.
    return Understanding(original_query=text, intent=label.intent or "SMALL_TALK", confidence=1.0, entities=spans)


def _agreement(store: Store, found: Agreement) -> None:
    if not found.n_twice:
        st.info(word("nothing_twice"), icon="👥")
        return
    st.caption(word("alpha_help"))
    rows = [(word_of(f"label_{name}"), one) for name, one in found.alphas.items()]
    st.dataframe(_alphas(rows), hide_index=True)
    for name, by_value in found.by_value.items():
        with st.expander(f"{word_of(f'label_{name}')}: {word('by_value')}"):
            st.dataframe(_alphas([(word_of(value), one) for value, one in by_value.items()]), hide_index=True)
    if found.spans:
        st.markdown(f"**{word('span_agreement')}**")
        st.dataframe(
            {
                word("span_kind"): [word("all") if name == "all" else word_of(name) for name in found.spans],
                "F1": [None if one.f1 is None else round(one.f1, 3) for one in found.spans.values()],
                "n": [one.either for one in found.spans.values()],
            },
            hide_index=True,
        )
    for name, pairs in found.kappas.items():
        if pairs:
            with st.expander(f"{word_of(f'label_{name}')}: {word('kappa')}"):
                st.dataframe(
                    {
                        word("annotators"): [f"{p.one} · {p.other}" for p in pairs],
                        "kappa": [None if p.value is None else round(p.value, 3) for p in pairs],
                        "n": [p.n_tasks for p in pairs],
                    },
                    hide_index=True,
                )
    _cells(store, found)


def _alphas(rows: Sequence[tuple[str, Alpha]]) -> dict[str, list[Any]]:
    def told(one: Alpha) -> str:
        if one.value is None:
            return word("nothing_varies") if one.n_tasks else word("nothing_yet")
        between = "" if one.low is None or one.high is None else f" ({one.low:.2f}-{one.high:.2f})"
        early = f" · {word('early').format(n=FEWEST_TASKS)}" if one.is_early else ""
        return f"{one.value:.2f}{between}{early}"

    return {
        word("label_field"): [name for name, _ in rows],
        "alpha": [told(one) for _, one in rows],
        "n": [one.n_tasks for _, one in rows],
    }


def _cells(store: Store, found: Agreement) -> None:
    """Show the pairs of values people met in; a differing one opens its tasks."""
    differing = [
        (name, pair, keys) for name, cells in found.cells.items() for pair, keys in cells.items() if pair[0] != pair[1]
    ]
    if not differing:
        return
    st.markdown(f"**{word('confused')}**")
    picked = st.selectbox(
        word("confused_pick"), differing, index=None, key="cell",
        format_func=lambda cell: (
            f"{word_of(f'label_{cell[0]}')}: {word_of(cell[1][0])} ↔ {word_of(cell[1][1])} ({len(cell[2])})"
        ),
    )  # fmt: skip
    if picked is None:
        return
    for key in picked[2][:MOST_OF_A_CELL]:
        one = get_labelled(store, key)
        with st.container(border=True):
            st.text(str(one.task.data.get("text") or one.task.data.get("answer") or ""))
            st.caption(f"{word('turn')} `{one.task.turn_id}`")


def _pace(store: Store, kind: LabelKind) -> None:
    people = paces(store, kind)
    st.dataframe(
        {
            word("annotator"): [p.annotator for p in people],
            word("labels_answered"): [p.n for p in people],
            word("skipped"): [p.n_cancelled for p in people],
            word("unusable"): [p.n_unusable for p in people],
            word("median_s"): [None if p.median_s is None else round(p.median_s, 1) for p in people],
            word("untouched"): [None if p.untouched_rate is None else f"{p.untouched_rate:.0%}" for p in people],
            word("too_fast"): [p.n_too_fast for p in people],
            word("gold"): [_gold(p.gold_rate, p.n_gold) for p in people],
        },
        hide_index=True,
    )
    days = sorted({day for p in people for day in p.by_day})
    if days:
        st.bar_chart(
            {"day": [f"{d:%m-%d}" for d in days for _ in people], "n": [p.by_day.get(d, 0) for d in days for p in people],
             word("annotator"): [p.annotator for _ in days for p in people]},
            x="day", y="n", color=word("annotator"), x_label=word("day"), y_label=word("labels_answered"),
        )  # fmt: skip


def _gold(rate: tuple[float, float, float] | None, n: int) -> str:
    return "-" if rate is None else f"{rate[0]:.0%} ({rate[1]:.0%}-{rate[2]:.0%}), n={n}"


if __name__ == "__main__":
    show()
