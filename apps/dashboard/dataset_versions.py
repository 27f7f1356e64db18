"""The page of dataset versions: what came since, a build with its progress, versions, differences, lineage, export."""

from __future__ import annotations

import io
import tempfile
import zipfile
from pathlib import Path

import streamlit as st

from aiyam.contracts import Progress
from aiyam.curation.building import build_version, guide_version, new_since
from aiyam.curation.dataset_diff import DatasetDiff, diff_versions
from aiyam.curation.dataset_export import EXPORT_FORMATS, ExportFormat, export_version
from aiyam.curation.lineage import lineage_of_turn, models_trained_on
from aiyam.curation.versions import list_versions, open_version
from aiyam.errors import AiyamError
from aiyam.label_contracts import DATASET_NAMES, DatasetName, DatasetRow, DatasetVersion
from aiyam.settings import Settings
from aiyam.store import Store
from apps.dashboard.store_access import now, open_store
from apps.dashboard.words import word, word_of

ROWS_SHOWN = 50


def show() -> None:
    """Show the dataset in the address (``?dataset=nlu``): its versions, and what can be done with them."""
    store, settings = open_store(), Settings()
    st.title(word("datasets"))
    name = _pick_name()
    st.caption(word(f"dataset_{name}_help"))
    _new(store, settings, name)
    versions, damaged = list_versions(settings.home, name)
    for problem in damaged:
        st.warning(f"**{word('dataset_damaged')}**  \n{problem}", icon="⚠️")
    if versions:
        _versions(versions)
        left, right = st.columns(2)
        with left:
            _one(settings, versions)
        with right:
            _difference(settings, versions)
    else:
        st.info(f"**{word('no_dataset_title')}**  \n{word('no_dataset_next')}", icon="🌱")
    _lineage(store, settings)


def _pick_name() -> DatasetName:
    if st.session_state.get("dataset") not in DATASET_NAMES:
        asked = st.query_params.get("dataset")
        st.session_state["dataset"] = asked if asked in DATASET_NAMES else DATASET_NAMES[0]
    chosen = st.segmented_control(
        word("dataset"), DATASET_NAMES, format_func=lambda one: word(f"dataset_{one}"), key="dataset", required=True,
        label_visibility="collapsed",
    )  # fmt: skip
    name: DatasetName = chosen or DATASET_NAMES[0]
    st.query_params["dataset"] = name
    return name


def _new(store: Store, settings: Settings, name: DatasetName) -> None:
    """Say what came since the newest version, with the button that builds the next; and what the last build came to."""
    found = new_since(store, settings.home, name)
    number = 1 if found.version is None else int(found.version.version[1:]) + 1
    since = word("since_nothing") if found.version is None else word("since_version").format(found.version.version)
    with st.container(border=True):
        st.markdown(
            f"**{since}** · {word('new_labels')} **{found.n_labels:,}** · {word('new_turns')} **{found.n_turns:,}**"
        )
        if st.button(word("build_version").format(f"v{number}"), type="primary", key="build"):
            _build(store, settings, name)
        if told := st.session_state.pop("built", None):
            kind, text = told
            {"ok": st.success, "same": st.info, "error": st.error}[kind](text)


def _build(store: Store, settings: Settings, name: DatasetName) -> None:
    bar = st.progress(0.0, word("building"))

    def report(progress: Progress) -> None:
        bar.progress(min(1.0, progress.fraction), f"{word('stage_' + progress.stage)} · {progress.message}")

    try:
        built = build_version(
            store, settings.home, name, datasets_dir=settings.datasets_dir, now=now(), seed=settings.seed,
            guide_version=guide_version(), progress=report,
        )  # fmt: skip
    except AiyamError as error:
        st.session_state["built"] = ("error", f"**{word('not_built')}**  \n{error.message}  \n{error.hint}")
    else:
        key = "version_built" if built.made else "nothing_new"
        st.session_state["built"] = ("ok" if built.made else "same", word(key).format(built.version.tag))
    st.rerun()


def _versions(versions: list[DatasetVersion]) -> None:
    newest = list(reversed(versions))
    st.dataframe(
        {
            word("version"): [one.tag for one in newest],
            word("made_at"): [f"{one.created_at:%Y-%m-%d %H:%M}" for one in newest],
            word("n_train"): [one.n_train for one in newest],
            word("n_valid"): [one.n_valid for one in newest],
            word("from_labels"): [one.sources.get("label", 0) for one in newest],
            word("from_turns"): [one.sources.get("turn", 0) for one in newest],
            word("taken_out"): [sum(taken.n_rows for taken in one.redactions) for one in newest],
            "SHA-256": [one.sha256[:12] for one in newest],
        },
        hide_index=True,
        height=min(320, 40 + 35 * len(newest)),
    )


def _one(settings: Settings, versions: list[DatasetVersion]) -> None:
    """Show the classes of a version, what it left out and the models trained on it; offer it as files."""
    st.subheader(word("contents"))
    tags = [one.tag for one in reversed(versions)]
    tag = st.selectbox(word("version"), tags, key=f"shown-{tags[0]}")
    version = next(one for one in versions if one.tag == tag)
    models = sorted({one.model for one in models_trained_on(settings.home, settings.models_dir, [tag])})
    st.markdown(f"{word('models_of_it')}: {', '.join(f'`{one}`' for one in models) or word('none_yet')}")
    _counts(word("class"), version.counts)
    with st.expander(f"{word('left_out')} · {sum(version.left_out.values()):,}"):
        _counts(word("reason"), {word_of(f"out_{name}"): n for name, n in version.left_out.items()})
    form: ExportFormat = st.selectbox(
        word("format"), [f for f in EXPORT_FORMATS if f != "label-studio" or version.name in ("nlu", "child")],
        format_func=lambda one: word(f"format_{one}"), key="form",
    )  # fmt: skip
    if st.button(word("make_files"), key="make_files"):
        try:
            packed = _packed(settings.home, version, form)
        except AiyamError as error:
            st.error(f"{error.message}  \n{error.hint}", icon="⛔")
        else:
            st.download_button(
                word("download"), packed, f"{version.name}_{version.version}_{form}.zip", "application/zip"
            )


def _packed(home: Path, version: DatasetVersion, form: ExportFormat) -> bytes:
    """Return the exported files in one archive."""
    packed = io.BytesIO()
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in export_version(home, version, Path(folder), form):
            archive.write(path, path.name)
    return packed.getvalue()


def _counts(title: str, counts: dict[str, int]) -> None:
    st.dataframe(
        {title: [word_of(name) for name in counts], word("rows"): list(counts.values())},
        hide_index=True,
        height=min(280, 40 + 35 * max(1, len(counts))),
        column_config={
            word("rows"): st.column_config.ProgressColumn(
                format="localized", min_value=0, max_value=max([1, *counts.values()])
            )
        },
    )


def _difference(settings: Settings, versions: list[DatasetVersion]) -> None:
    st.subheader(word("difference"))
    if len(versions) < 2:
        st.caption(word("one_version"))
        return
    tags = [one.tag for one in reversed(versions)]
    by_tag = {one.tag: one for one in versions}
    first, second = st.columns(2)
    before = first.selectbox(word("before"), tags, index=1, key=f"before-{tags[0]}")
    after = second.selectbox(word("after"), tags, index=0, key=f"after-{tags[0]}")
    try:
        found = _compared(str(settings.home), before, by_tag[before].sha256, after, by_tag[after].sha256)
    except AiyamError as error:
        st.error(f"{error.message}  \n{error.hint}", icon="⛔")
        return
    st.markdown(" · ".join(f"{word('diff_' + what)} **{n:,}**" for what, n in found.counts().items()))
    moved = {name: pair for name, pair in found.balance.items() if pair[0] != pair[1]}
    if moved:
        st.dataframe(
            {
                word("class"): [word_of(name) for name in moved],
                before: [was for was, _ in moved.values()],
                after: [now_ for _, now_ in moved.values()],
                "±": [f"{now_ - was:+,}" for was, now_ in moved.values()],
            },
            hide_index=True,
            height=min(280, 40 + 35 * len(moved)),
        )
    rows = [(word("diff_added"), one, "") for one in found.added[:ROWS_SHOWN]]
    rows += [(word("diff_removed"), one, "") for one in found.removed[:ROWS_SHOWN]]
    rows += [(word("diff_relabelled"), new, _said(old)) for old, new in found.relabelled[:ROWS_SHOWN]]
    if rows:
        with st.expander(f"{word('changed_rows')} · {len(rows):,}"):
            st.dataframe(
                {
                    word("change"): [what for what, _, _ in rows],
                    word("message"): [_text(one) for _, one, _ in rows],
                    word("class"): [word_of(one.kind) for _, one, _ in rows],
                    word("before"): [was for _, _, was in rows],
                    word("turn"): [one.origin.turn_id or one.origin.file for _, one, _ in rows],
                },
                hide_index=True,
            )


@st.cache_resource(show_spinner=False, max_entries=2, ttl=600)
def _compared(home: str, before: str, sha_before: str, after: str, sha_after: str) -> DatasetDiff:
    """Compare once for all reruns of the page; the hashes tell a version from what an erasure left of it."""
    return diff_versions(Path(home), open_version(Path(home), before), open_version(Path(home), after))


def _text(one: DatasetRow) -> str:
    return str(one.row.get("text") or one.row.get("original") or one.row.get("output") or one.row.get("turn_id") or "")


def _said(one: DatasetRow) -> str:
    return (
        word_of(one.kind) if "intent" in one.row else str(one.row.get("child_friendly") or one.row.get("output") or "")
    )


def _lineage(store: Store, settings: Settings) -> None:
    """Trace the turn in the address (``?trace=``) to versions and models."""
    st.subheader(word("lineage"))
    turn_id = st.text_input(
        word("turn_id"), key="trace", bind="query-params", max_chars=64, placeholder=word("turn_id_hint")
    )
    if not turn_id:
        return
    found = lineage_of_turn(store, settings.home, settings.models_dir, turn_id.strip())
    if not found.rows:
        st.info(word("no_lineage"), icon="🔎")
        return
    st.markdown(f"{word('in_versions')}: " + ", ".join(f"`{one.name}@{one.version}`" for one in found.rows))
    models = [f"`{one.model}`" + (f" ({word('through')} {one.through})" if one.through else "") for one in found.models]
    st.markdown(f"{word('models_of_it')}: {', '.join(models) or word('none_yet')}")


if __name__ == "__main__":
    show()
