"""The page of labelling: the inbox with its views, a recipe with its preview, and the batches sent."""

from __future__ import annotations

from datetime import date
from typing import Any

import streamlit as st

from aiyam.contracts import Intent
from aiyam.curation import views
from aiyam.errors import AiyamError
from aiyam.store import Store, turn_views
from aiyam.store.conversations import TurnRow, feedback_of, get_trace
from aiyam.store.daily import days_with_turns
from aiyam.store.turn_views import TurnConditions
from apps.dashboard.labelling_batches import show_batches
from apps.dashboard.labelling_recipe import show_recipe
from apps.dashboard.store_access import now, open_store
from apps.dashboard.turn_view import show_turn
from apps.dashboard.words import WORDS, word, word_of

ROWS_PER_PAGE = 10
INTENTS = tuple(str(name) for name in Intent)
_DATA: dict[str, bool | None] = {"all": None, "only_synthetic": True, "only_real": False}


def show() -> None:
    """Show the turns of the view in the address (``?view=``), what could be asked of them, and what was."""
    store = open_store()
    st.title(word("labelling"))
    if days_with_turns(store) is None:
        st.info(f"**{word('empty_title')}**  \n{word('empty_next')}", icon="🌱")
        show_batches(store)
        return
    st.caption(word("inbox_help"))
    view = _pick_view(store)
    try:
        conditions = _narrowed(views.conditions_of(store, view))
    except AiyamError as error:
        st.warning(f"{error.message} {error.hint}", icon="⚠️")
        return
    n_found = turn_views.count_matching(store, conditions)
    _list(store, view, conditions, n_found)
    _keep_view(store, view, conditions)
    show_recipe(store, view, conditions, n_found)
    show_batches(store)


def _pick_view(store: Store) -> str:
    counts = views.count_views(store)
    if st.session_state.get("inbox_view") not in counts:
        asked = st.query_params.get("view", "")
        if asked and asked not in counts:
            st.warning(f"{word('view_missing')}: {asked}", icon="🔎")
        first = next((name for name, n in counts.items() if n), "all")
        st.session_state["inbox_view"] = asked if asked in counts else first
    picked = st.pills(
        word("view"), list(counts), key="inbox_view", on_change=_first_page, label_visibility="collapsed",
        format_func=lambda name: f"{name_of(name)} {counts[name]:,}",
    )  # fmt: skip
    view = str(picked or "all")
    st.query_params["view"] = view
    return view


def _narrowed(conditions: TurnConditions) -> TurnConditions:
    text, intent, since, until, data = st.columns([3, 2, 2, 2, 2])
    search = text.text_input(
        word("search"), key="inbox_q", placeholder=word("search_hint"), max_chars=200, on_change=_first_page
    )
    chosen = intent.selectbox(
        word("intent"), INTENTS, index=None, format_func=word_of, placeholder=word("all"), key="inbox_intent", on_change=_first_page,
    )  # fmt: skip
    first = since.date_input(word("since"), None, key="inbox_since", on_change=_first_page)
    last = until.date_input(word("until"), None, key="inbox_until", on_change=_first_page)
    which = data.selectbox(word("data_kind"), list(_DATA), format_func=word, key="inbox_data", on_change=_first_page)
    return views.narrowed(
        conditions, search=search, intent=chosen, since=first if isinstance(first, date) else None,
        until=last if isinstance(last, date) else None, synthetic=_DATA[which],
    )  # fmt: skip


def _list(store: Store, view: str, conditions: TurnConditions, n_found: int) -> None:
    n_pages = max(1, -(-n_found // ROWS_PER_PAGE))
    page = min(st.session_state.get("inbox_page", 1), n_pages)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"**{n_found:,}** {word('found')}" + (f" · {page} / {n_pages}" if n_pages > 1 else ""), width="stretch"
        )
        if n_pages > 1:
            st.button(word("previous"), on_click=_go_to, args=(page - 1,), disabled=page == 1, key="inbox_back")
            st.button(word("next"), on_click=_go_to, args=(page + 1,), disabled=page == n_pages, key="inbox_on")
    if n_found == 0:
        st.info(word("none_found"), icon="🔎")
        return
    rows = views.turns_of(
        store, conditions, shuffled=view == "random", limit=ROWS_PER_PAGE, offset=(page - 1) * ROWS_PER_PAGE
    )
    chosen = _table(rows)
    if chosen is None:
        st.caption(f"👆 {word('pick')}")
        return
    try:
        show_turn(get_trace(store, chosen), feedback_of(store, chosen))
    except AiyamError as error:
        st.warning(f"**{word('turn_missing')}**  \n{error.message}", icon="🔎")


def _table(rows: list[TurnRow]) -> str | None:
    """Show the turns; return the one picked."""
    columns = {
        word("message"): [row.user_input for row in rows],
        word("intent"): [word_of(row.intent) for row in rows],
        word("confidence"): [row.confidence for row in rows],
        word("reply"): [row.response for row in rows],
        word("feedback"): ["" if row.best_score is None else f"★{row.best_score}" for row in rows],
        word("time"): [f"{row.created_at:%m-%d %H:%M}" for row in rows],
    }
    event: Any = st.dataframe(
        columns, hide_index=True, on_select="rerun", selection_mode="single-row", height=40 + 35 * len(rows),
        key=f"inbox-{hash(tuple(row.turn_id for row in rows))}",
        column_config={
            word("message"): st.column_config.TextColumn(width="medium"),
            word("intent"): st.column_config.TextColumn(width="small"),
            word("confidence"): st.column_config.NumberColumn(format="%.2f", width="small"),
            word("reply"): st.column_config.TextColumn(width="medium"),
            word("feedback"): st.column_config.TextColumn(width="small"),
            word("time"): st.column_config.TextColumn(width="small"),
        },
    )  # fmt: skip
    picked = event.selection.rows
    return rows[picked[0]].turn_id if picked and picked[0] < len(rows) else None


def _keep_view(store: Store, view: str, conditions: TurnConditions) -> None:
    """Offer to keep narrowed conditions under a name, and to delete a view that someone named."""
    if view not in views.BUILT_IN:
        if st.button(f"{word('delete_view')}: {view}", icon="🗑️"):
            turn_views.delete_view(store, view)
            st.rerun()
    elif conditions != views.BUILT_IN[view]:
        with st.popover(word("save_view"), icon="🔖"), st.form("save_view", border=False):
            name = st.text_input(word("view_name"), max_chars=64)
            if st.form_submit_button(word("save")):
                try:
                    views.save_view(store, name, conditions, created_by="dashboard", now=now())
                except AiyamError as error:
                    st.error(f"{error.message} {error.hint}")
                else:
                    st.rerun()


def name_of(view: str) -> str:
    """Return what a view is called in the visitor's language; a saved one keeps its name."""
    return word(f"view_{view}") if f"view_{view}" in WORDS else view


def _first_page() -> None:
    st.session_state["inbox_page"] = 1


def _go_to(page: int) -> None:
    st.session_state["inbox_page"] = page


if __name__ == "__main__":
    show()
