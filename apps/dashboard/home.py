"""Entry of the dashboard: ``streamlit run apps/dashboard/home.py``; language, pages, and the mark of synthetic data."""

from __future__ import annotations

import streamlit as st

from aiyam.catalogue.facts import is_synthetic
from aiyam.settings import Settings
from apps.dashboard.store_access import open_store
from apps.dashboard.words import LANGUAGES, language, word


def show() -> None:
    """Lay out what all pages share and run the chosen one."""
    st.set_page_config(page_title="aiyam", page_icon="🍚", layout="wide")
    if st.session_state.get("language") not in LANGUAGES:
        st.session_state["language"] = language()
    with st.sidebar:
        st.radio("언어 · Language", list(LANGUAGES), format_func=LANGUAGES.__getitem__, horizontal=True, key="language")
    if language() != Settings().language:
        st.query_params["lang"] = language()
    else:
        st.query_params.pop("lang", None)
    pages = [
        st.Page("overview.py", title=word("overview"), icon="📊", default=True),
        st.Page("conversations.py", title=word("conversations"), icon="💬", url_path="conversations"),
        st.Page("labelling.py", title=word("labelling"), icon="🏷️", url_path="annotation"),
        st.Page("label_quality.py", title=word("label_quality"), icon="⚖️", url_path="label-quality"),
        st.Page("dataset_versions.py", title=word("datasets"), icon="🗂️", url_path="datasets"),
    ]
    page = st.navigation(pages)
    if is_synthetic(open_store()):
        st.badge(word("synthetic"), icon="🧪", color="orange")
    page.run()


if __name__ == "__main__":
    show()
