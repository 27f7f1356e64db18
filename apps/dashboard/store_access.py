"""The dashboard's one store, opened once for all visitors."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from aiyam.contracts import KST
from aiyam.errors import AiyamError
from aiyam.settings import Settings
from aiyam.store import Store
from apps.dashboard.words import word


@st.cache_resource(show_spinner=False)
def _opened(url: str) -> Store:
    return Store.open(url)


def open_store() -> Store:
    """Return the store of the settings; shows what is wrong and stops the page when it cannot be opened."""
    try:
        return _opened(Settings().url)
    except AiyamError as error:
        st.error(f"**{word('store_failed')}**  \n{word('store_failed_next')}", icon="⛔")
        st.caption(word("error_detail"))
        st.code(str(error), language=None, wrap_lines=True)
        st.stop()


def now() -> datetime:
    """Return the present moment in Korea."""
    return datetime.now(KST)
