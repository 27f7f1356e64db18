"""The batches on the labelling page: when, of what, where their tasks are, and taking one back."""

from __future__ import annotations

import streamlit as st

from aiyam.curation.batches import undo_batch
from aiyam.errors import AiyamError
from aiyam.store import Store
from aiyam.store.labels import Batch, list_batches
from apps.dashboard.words import WORDS, word

N_SHOWN = 20
_COLOURS = {"queued": "orange", "sent": "blue", "gone": "gray", "withdrawn": "gray"}


def show_batches(store: Store) -> None:
    """List the newest batches; one with tasks that still wait or are out can be taken back."""
    st.subheader(word("batches"))
    told = st.session_state.pop("undone", None)
    if told is not None:
        (st.success if told[0] else st.error)(told[1], icon="↩️" if told[0] else "⛔")
    batches = list_batches(store, limit=N_SHOWN)
    if not batches:
        st.caption(word("no_batches"))
    for batch in batches:
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            _row(store, batch)


def _row(store: Store, batch: Batch) -> None:
    view = str(batch.recipe.get("view", ""))
    named = word(f"view_{view}") if f"view_{view}" in WORDS else view
    states = " ".join(
        f":{_COLOURS[state]}-badge[{word(f'state_{state}')} {n:,}]" for state, n in sorted(batch.n_by_state.items())
    )
    st.markdown(
        f"**{word(f'kind_{batch.kind}')}** · {named} · {batch.created_at:%m-%d %H:%M} · {batch.created_by}  \n"
        f"`{batch.batch_id}` {states}",
        width="stretch",
    )
    if batch.n_by_state.get("queued") or batch.n_by_state.get("sent"):
        st.button(word("undo"), key=f"undo-{batch.batch_id}", icon="↩️", on_click=_undo, args=(store, batch.batch_id))


def _undo(store: Store, batch_id: str) -> None:
    try:
        undone = undo_batch(store, batch_id)
    except AiyamError as error:
        st.session_state["undone"] = (False, f"{error.message} {error.hint}")
        return
    text = word("undone").format(f"{undone.n_withdrawn:,}", f"{undone.n_answered:,}")
    st.session_state["undone"] = (True, text)
