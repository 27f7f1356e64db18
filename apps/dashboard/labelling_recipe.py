"""The recipe on the labelling page: what to draw, the preview of exactly what would leave, and the button that sends it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import streamlit as st

from aiyam.curation.batches import make_batch
from aiyam.curation.previews import Preview, make_preview
from aiyam.curation.recipes import MOST_TASKS, Recipe, make_recipe
from aiyam.errors import AiyamError
from aiyam.label_contracts import LABEL_KINDS, LabelKind, LabelTask, RewriteLabel, UnderstandingLabel
from aiyam.parts import load_rewriter
from aiyam.pipeline import Pipeline
from aiyam.reply.child_friendly import ChildFriendly
from aiyam.settings import Settings
from aiyam.store import Store, turn_views
from aiyam.store.turn_views import TurnConditions
from apps.dashboard.store_access import now
from apps.dashboard.words import word, word_of

N_SHOWN = 20
_ACCOUNTED = ("matched", "tasks", "double", "filled")


def show_recipe(store: Store, view: str, conditions: TurnConditions, n_found: int) -> None:
    """Show the form, the preview it made and, for one with tasks, the button that sends it."""
    st.subheader(word("recipe"))
    given = _form(store, view, n_found)
    if given is not None:
        st.session_state.pop("preview", None)
        try:
            recipe = make_recipe(**given, view=view, conditions=conditions)
            with st.spinner(word("previewing")):
                st.session_state["preview"] = _preview(store, recipe)
        except AiyamError as error:
            st.error(f"{error.message} {error.hint}", icon="⛔")
    _sent()
    preview = st.session_state.get("preview")
    if preview is None:
        return
    if preview.recipe.conditions != conditions:
        st.info(word("preview_stale"), icon="🔁")
        return
    _show(preview)
    if preview.tasks:
        label = word("send").format(f"{len(preview.tasks):,}", kind_name(preview.recipe.kind))
        st.button(label, type="primary", icon="📤", on_click=_send, args=(store, preview))


def kind_name(kind: LabelKind) -> str:
    """Return what a kind of labelling is called in the visitor's language."""
    return word(f"kind_{kind}")


def _form(store: Store, view: str, n_found: int) -> dict[str, Any] | None:
    """Show the form; return what a recipe is made of once it is submitted."""
    with st.form("recipe"):
        kind = st.radio(
            word("label_kind"), LABEL_KINDS, format_func=kind_name, horizontal=True,
            captions=[word(f"kind_{one}_help") for one in LABEL_KINDS],
        )  # fmt: skip
        how, number = st.columns([3, 1])
        take = how.radio(
            word("take"), ("mix", "everything"), horizontal=True,
            format_func=lambda one: word(f"take_{one}") + (f" ({n_found:,})" if one == "everything" else ""),
        )  # fmt: skip
        size = number.number_input(word("size"), 1, MOST_TASKS, min(120, max(1, n_found)))
        with st.expander(word("more_options")):
            shares = _shares()
            reasons = sorted(set(turn_views.bad_reasons(store).values()))
            chosen = st.multiselect(
                word("reasons"),
                reasons,
                format_func=lambda one: one or word("no_reason"),
                placeholder=word("reasons_hint"),
            )
            alike, double, seed = st.columns(3)
            most_alike = alike.number_input(word("most_alike"), 50, 100, 80, help=word("most_alike_help"))
            twice = double.number_input(word("double"), 0, 100, 10)
            drawn_by = seed.number_input(word("seed"), 0, value=Settings().seed, help=word("seed_help"))
            if view != "safety":
                with_safety = st.checkbox(word("with_safety"), key="with_safety")
        if view == "safety":  # most of it is left out otherwise: not to be looked for among the details
            with_safety = st.checkbox(word("with_safety"), key="with_safety")
        if not st.form_submit_button(word("preview"), icon="👀"):
            return None
    return {
        "kind": kind, "take": take, "size": size, **shares, "reasons": tuple(chosen), "most_alike": most_alike / 100,
        "double": twice / 100, "seed": drawn_by, "with_safety": with_safety,
    }  # fmt: skip


def _shares() -> dict[str, float]:
    defaults = Recipe()
    columns = st.columns(4)
    names = ("thumbs_down", "low_confidence", "balanced", "random")
    return {
        name: column.number_input(
            word(f"share_{name}"), 10 if name == "random" else 0, 100, round(100 * getattr(defaults, name)), step=5,
            help=word("share_random_help") if name == "random" else None,
        ) / 100
        for name, column in zip(names, columns, strict=True)
    }  # fmt: skip


def _preview(store: Store, recipe: Recipe) -> Preview:
    return make_preview(
        store, recipe, now=now(), rewriter=_rewriter(store) if recipe.kind == "rewrite" else None,
        pipeline=_pipeline(store) if recipe.kind == "compare" else None,
    )  # fmt: skip


@st.cache_resource(show_spinner=False, ttl=600)
def _rewriter(_store: Store) -> ChildFriendly:
    return load_rewriter(Settings(), _store)


@st.cache_resource(show_spinner=False, ttl=600)
def _pipeline(_store: Store) -> Pipeline:
    return Pipeline.load(Settings(), _store)


def _show(preview: Preview) -> None:
    counts = preview.counts
    tiles = (("matched", counts["matched"]), ("passed_over", _n_passed(counts)), ("taken", counts["tasks"]), ("for_two", counts["double"]))  # fmt: skip
    with st.container(horizontal=True):
        for name, n in tiles:
            st.metric(word(name), f"{n:,}", border=True, width=150)
    passed = [f"{word_of(name)} **{n:,}**" for name, n in counts.items() if n and _is_passed(name)]
    taken = [f"{word(name)} **{n:,}**" for name, n in counts.items() if n and name.startswith("taken_")]
    if counts["filled"]:
        taken.append(f"{word('filled')} **{counts['filled']:,}**")
    for name, parts in (("passed_over", passed), ("taken", taken)):
        if parts:
            st.markdown(f"{word(name)}: {' · '.join(parts)}")
    if not preview.tasks:
        st.info(word("preview_none"), icon="🔎")
        return
    st.markdown(f"##### {word('masked_sample')}")
    shown = preview.tasks[:N_SHOWN]
    columns = _COLUMNS[preview.recipe.kind]
    st.dataframe(
        {word(name): [of(task) for task in shown] for name, of in columns.items()},
        hide_index=True, height=min(320, 40 + 35 * len(shown)),
        column_config={word(name): st.column_config.TextColumn(width=_WIDTHS.get(name, "medium")) for name in columns},
    )  # fmt: skip
    if len(preview.tasks) > N_SHOWN:
        st.caption(word("first_of").format(N_SHOWN))


def _understood(task: LabelTask) -> str:
    label = task.prediction
    return word_of(label.intent) if isinstance(label, UnderstandingLabel) and label.intent else ""


def _rewritten(task: LabelTask) -> str:
    return task.prediction.text if isinstance(task.prediction, RewriteLabel) else ""


_COLUMNS: Mapping[LabelKind, Mapping[str, Callable[[LabelTask], Any]]] = {
    "understanding": {
        "message": lambda task: task.data["text"],
        "before_that": lambda task: task.data["context"],
        "suggestion": _understood,
        "confidence": lambda task: f"{task.score or 0:.0%}",
    },
    "rewrite": {
        "reply": lambda task: task.data["answer"],
        "suggestion": _rewritten,
        "facts": lambda task: ", ".join(task.data["facts"]),
        "age_band": lambda task: task.data["age_band"],
    },
    "compare": {
        "message": lambda task: task.data["text"],
        "A": lambda task: task.data["a"],
        "B": lambda task: task.data["b"],
    },
}


_WIDTHS: Mapping[str, Literal["small", "medium", "large"]] = {"confidence": "small", "age_band": "small"}


def _is_passed(name: str) -> bool:
    return name not in _ACCOUNTED and not name.startswith("taken_")


def _n_passed(counts: Mapping[str, int]) -> int:
    return sum(n for name, n in counts.items() if _is_passed(name))


def _send(store: Store, preview: Preview) -> None:
    st.session_state.pop("preview", None)
    try:
        made = make_batch(store, preview.preview_id, created_by="dashboard", now=now())
    except AiyamError as error:
        st.session_state["sent"] = (False, f"**{word('not_sent')}**  \n{error.message} {error.hint}")
        return
    text = word("sent").format(f"{made.n_tasks:,}", kind_name(made.kind), f"`{made.batch_id}`")
    if made.n_gone or made.n_asked_since:
        text += "  \n" + word("changed_since").format(made.n_gone, made.n_asked_since)
    st.session_state["sent"] = (True, text)


def _sent() -> None:
    told = st.session_state.pop("sent", None)
    if told is not None:
        (st.success if told[0] else st.error)(told[1], icon="📤" if told[0] else "⛔")
