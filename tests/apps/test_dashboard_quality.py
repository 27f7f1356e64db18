"""The page of label quality in Streamlit's harness: empty, agreement, a dispute decided and taken back."""

from __future__ import annotations

from pathlib import Path

import pytest
from labelled_store import put, understood
from streamlit.testing.v1 import AppTest

from aiyam.contracts import EntityType, Intent
from aiyam.label_contracts import CompareLabel
from aiyam.store.database import Store
from aiyam.store.labels import get_labelled

ROOT = Path(__file__).resolve().parents[2]
FOOD, GOOD = Intent.FOOD_RECOMMENDATION, Intent.GOOD_SHOP_INQUIRY


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("AIYAM_HOME", str(tmp_path))
    monkeypatch.setenv("AIYAM_DATABASE_URL", "")
    return Store.open(f"sqlite:///{tmp_path / 'aiyam.db'}")


def page(**params: str) -> AppTest:
    opened = AppTest.from_file(str(ROOT / "apps" / "dashboard" / "label_quality.py"), default_timeout=60)
    for key, value in params.items():
        opened.query_params[key] = value
    return opened.run()


def test_without_labels_it_says_how_to_get_some(store: Store) -> None:
    app = page()
    assert not app.exception
    assert "aiyam annotate pull" in app.info[0].value


def test_a_dispute_is_decided_with_a_button_and_taken_back(store: Store) -> None:
    model = understood(FOOD, (EntityType.MENU, 3, 6))
    (key,) = put(store, [{"1": understood(FOOD), "2": understood(GOOD)}], prediction=model)
    app = page()
    assert not app.exception
    assert [m.value for m in app.metric] == ["1", "1", "1"]
    app.button(key=f"take-{key}-model").click().run()
    assert not app.exception
    decision = get_labelled(store, key).decision
    assert decision is not None
    assert decision.label == model
    assert "모델의 제안" in app.success[0].value
    app.button(key="undo-decision").click().run()
    assert get_labelled(store, key).decision is None
    app.button(key=f"take-{key}-none").click().run()
    assert get_labelled(store, key).decision is not None
    assert any("판정할 것이 없습니다" in info.value for info in app.info)


def test_every_tab_fills_for_every_kind_in_both_languages(store: Store) -> None:
    put(store, [{"1": understood(FOOD), "2": understood(GOOD)}, {"1": understood(None), "2": understood(FOOD)}] * 4)
    put(store, [{"1": CompareLabel(verdict="a"), "2": CompareLabel(verdict="both_bad")}], kind="compare")
    for kind in ("understanding", "compare"):
        for lang in ("ko", "en"):
            app = page(kind=kind, lang=lang)
            assert not app.exception, app.exception
            assert app.dataframe
    app = page(kind="understanding")
    assert "음식" in str(app.selectbox(key="cell").options)
    app.selectbox(key="cell").select_index(0).run()
    assert not app.exception
    assert "매운 떡볶이" in "\n".join(t.value for t in app.text)


def test_no_page_hides_a_package_of_its_name() -> None:
    """Streamlit puts the pages' folder first on the path, so ``annotation.py`` there would be all of ``annotation``."""
    taken = {"annotation", "apps", "aiyam", "datasets"}
    assert not taken & {page.stem for page in (ROOT / "apps" / "dashboard").glob("*.py")}
