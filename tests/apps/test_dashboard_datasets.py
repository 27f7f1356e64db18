"""The dashboard's page of dataset versions, run in Streamlit's own test harness over a temporary home."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sample_traces import DAY, make_feedback, make_trace
from streamlit.testing.v1 import AppTest

from aiyam.contracts import KST
from aiyam.curation.versions import list_versions
from aiyam.store import Store
from aiyam.store.conversations import record_feedback, record_turn

PAGE = Path(__file__).resolve().parents[2] / "apps" / "dashboard" / "dataset_versions.py"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("AIYAM_HOME", str(tmp_path))
    monkeypatch.setenv("AIYAM_DATABASE_URL", "")
    monkeypatch.setenv("AIYAM_DATASETS_DIR", str(tmp_path / "shipped"))
    monkeypatch.setenv("AIYAM_MODELS_DIR", str(tmp_path / "models"))
    monkeypatch.setattr("apps.dashboard.store_access.now", lambda: DAY.replace(hour=23).astimezone(KST))
    return Store.open(f"sqlite:///{tmp_path / 'aiyam.db'}")


def page(**params: str) -> AppTest:
    opened = AppTest.from_file(str(PAGE), default_timeout=60)
    for key, value in params.items():
        opened.query_params[key] = value
    return opened.run()


def ordered(store: Store, first: int, n: int) -> None:
    for k in range(first, first + n):
        trace = make_trace(f"t-{k}", session_id=f"session-{k}", asked=k, at=DAY + timedelta(minutes=k))
        record_turn(store, trace)
        record_feedback(store, make_feedback(trace, "ordered"))


def text_of(app: AppTest) -> str:
    assert not app.exception, app.exception
    return "\n".join(
        str(getattr(e, "value", ""))
        for kind in ("markdown", "caption", "info", "success", "error")
        for e in app.get(kind)
    )


def test_without_versions_the_page_says_what_to_do_next(store: Store) -> None:
    app = page()
    assert "아직 이 데이터셋의 버전이 없습니다" in text_of(app)
    assert [b.label for b in app.button] == ["v1 만들기"]
    assert "This dataset has no version yet" in text_of(page(lang="en"))


def test_a_build_that_finds_nothing_says_why(store: Store) -> None:
    app = page(dataset="ranker")
    app.button(key="build").click().run()
    assert "만들지 못했습니다" in text_of(app)
    assert "none to train on" in text_of(app)


def test_versions_are_built_listed_compared_and_traced(store: Store, tmp_path: Path) -> None:
    ordered(store, 0, 20)
    app = page(dataset="ranker")
    assert "아직 만든 버전이 없습니다" in text_of(app)
    app.button(key="build").click().run()
    assert "ranker@v1을(를) 만들었습니다." in text_of(app)
    app.button(key="build").click().run()
    assert "달라진 것이 없어" in text_of(app)
    assert list(app.dataframe[0].value["버전"]) == ["ranker@v1"]
    ordered(store, 20, 10)
    app = page(dataset="ranker")
    app.button(key="build").click().run()
    assert list(app.dataframe[0].value["버전"]) == ["ranker@v2", "ranker@v1"]
    assert "더해짐 **10**" in text_of(app)
    assert [version.tag for version in list_versions(tmp_path)[0]] == ["ranker@v1", "ranker@v2"]
    app = page(dataset="ranker", trace="t-3")
    assert "`ranker@v1`, `ranker@v2`" in text_of(app)
    assert "이 턴은 어느 버전에도 없습니다." in text_of(page(dataset="ranker", trace="t-none"))


def test_a_version_can_be_taken_as_files(store: Store) -> None:
    ordered(store, 0, 20)
    app = page(dataset="ranker")
    app.button(key="build").click().run()
    app.button(key="make_files").click().run()
    assert not app.exception
    assert app.get("download_button")


def test_a_damaged_version_is_named_and_the_others_show(store: Store, tmp_path: Path) -> None:
    ordered(store, 0, 20)
    app = page(dataset="ranker")
    app.button(key="build").click().run()
    ordered(store, 20, 5)
    app.button(key="build").click().run()
    (tmp_path / "datasets" / "ranker" / "v1" / "manifest.json").write_text("{", "utf-8")
    app = page(dataset="ranker")
    assert "읽을 수 없는 버전이 있습니다" in app.warning[0].value
    assert list(app.dataframe[0].value["버전"]) == ["ranker@v2"]
