"""The page of conversations: search, filters kept in the address, the list, and the chosen turn in full."""

from __future__ import annotations

from datetime import date
from typing import Any

import streamlit as st

from aiyam.contracts import Intent
from aiyam.errors import AiyamError, NotFound
from aiyam.store.conversations import TurnRow, count_turns, feedback_of, get_trace, list_turns
from aiyam.store.daily import day_bounds, days_with_turns
from apps.dashboard.store_access import open_store
from apps.dashboard.turn_view import plain, show_turn
from apps.dashboard.words import word, word_of

ROWS_PER_PAGE = 25
INTENTS = tuple(str(name) for name in Intent)


def show() -> None:
    """Show the turns the filters in the address match, and the turn it names (``?turn=``)."""
    store = open_store()
    st.title(word("conversations"))
    if days_with_turns(store) is None:
        st.info(f"**{word('empty_title')}**  \n{word('empty_next')}", icon="🌱")
        return
    wanted = _filters()
    n_found = count_turns(store, **wanted)
    n_pages = max(1, -(-n_found // ROWS_PER_PAGE))
    page = _page(n_found, n_pages)
    if n_found == 0:
        st.info(word("none_found"), icon="🔎")
    else:
        rows = list_turns(store, **wanted, limit=ROWS_PER_PAGE, offset=(page - 1) * ROWS_PER_PAGE)
        _table(rows)
    turn_id = st.query_params.get("turn")
    if turn_id:
        try:
            trace = get_trace(store, turn_id)
        except NotFound:
            st.warning(f"**{word('turn_missing')}**  \n{word('turn_missing_why').format(plain(turn_id))}", icon="🔎")
            return
        except AiyamError as error:
            st.error(f"**{word('turn_unreadable')}**  \n{word('error_detail')}: `{error.message}`", icon="⛔")
            return
        if not count_turns(store, **wanted, turn_id=turn_id):
            return  # the filters leave it out: an open turn would belong to no row of the list
        show_turn(trace, feedback_of(store, turn_id))


def _filters() -> dict[str, Any]:
    text, intent, since, until = st.columns([3, 2, 2, 2])
    search = text.text_input(
        word("search"),
        key="q",
        placeholder=word("search_hint"),
        bind="query-params",
        max_chars=200,
        on_change=_first_page,
    )
    if "intent_choice" not in st.session_state:  # not bound: the address would hold the label of one language
        asked = st.query_params.get("intent")
        st.session_state["intent_choice"] = asked if asked in INTENTS else None
    chosen = intent.selectbox(
        word("intent"), INTENTS, index=None, format_func=word_of, placeholder=word("all"), key="intent_choice", on_change=_first_page,
    )  # fmt: skip
    _keep("intent", chosen)
    first = since.date_input(word("since"), None, key="since", bind="query-params", on_change=_first_page)
    last = until.date_input(word("until"), None, key="until", bind="query-params", on_change=_first_page)
    wanted: dict[str, Any] = {"search": search or "", "intent": chosen}
    if isinstance(first, date):
        wanted["since"] = day_bounds(first)[0]
    if isinstance(last, date):
        wanted["until"] = day_bounds(last)[1]
    return wanted


def _page(n_found: int, n_pages: int) -> int:
    """Show how much was found and the buttons that leaf through it; return the page in the address, from 1."""
    asked = st.query_params.get("page", "1")
    page = min(max(int(asked), 1), n_pages) if asked.isdecimal() else 1
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"**{n_found:,}** {word('found')}" + (f" · {page} / {n_pages}" if n_pages > 1 else ""), width="stretch"
        )
        if n_pages > 1:
            st.button(word("previous"), on_click=_keep, args=("page", str(page - 1)), disabled=page == 1)
            st.button(word("next"), on_click=_keep, args=("page", str(page + 1)), disabled=page == n_pages)
        st.button(word("clear"), on_click=_clear)
    return page


def _keep(name: str, value: str | None) -> None:
    if value:
        st.query_params[name] = value
    else:
        st.query_params.pop(name, None)


def _first_page() -> None:
    st.query_params.pop("page", None)


def _clear() -> None:
    st.session_state["q"] = ""
    for key in ("intent_choice", "since", "until"):
        st.session_state[key] = None
    _first_page()


def _table(rows: list[TurnRow]) -> None:
    columns = {
        word("time"): [f"{row.created_at:%m-%d %H:%M}" for row in rows],
        word("message"): [row.user_input for row in rows],
        word("intent"): [word_of(row.intent) for row in rows],
        word("reply"): [row.response for row in rows],
        word("shown"): [row.n_shown for row in rows],
        word("feedback"): [_feedback(row) for row in rows],
        "ms": [round(row.total_ms, 1) for row in rows],
    }
    # A new page is a new table, so that a selection does not stay on the row of another turn.
    event: Any = st.dataframe(
        columns, hide_index=True, on_select="rerun", selection_mode="single-row", height=min(320, 40 + 35 * len(rows)),
        key=f"turns-{hash(tuple(row.turn_id for row in rows))}",
        column_config={
            word("time"): st.column_config.TextColumn(width="small"),
            word("message"): st.column_config.TextColumn(width="medium"),
            word("intent"): st.column_config.TextColumn(width="small"),
            word("reply"): st.column_config.TextColumn(width="medium"),
            word("shown"): st.column_config.NumberColumn(width="small"),
            word("feedback"): st.column_config.TextColumn(width="small"),
            "ms": st.column_config.NumberColumn(format="%.1f", width="small"),
        },
    )  # fmt: skip
    picked = event.selection.rows
    if picked and picked[0] < len(rows):
        st.query_params["turn"] = rows[picked[0]].turn_id
    elif "turn" not in st.query_params:
        st.caption(f"👆 {word('pick')}")


def _feedback(row: TurnRow) -> str:
    if row.n_feedback == 0:
        return ""
    return f"{row.n_feedback}" if row.best_score is None else f"{row.n_feedback} · ★{row.best_score}"


if __name__ == "__main__":
    show()
