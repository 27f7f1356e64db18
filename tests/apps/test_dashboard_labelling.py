"""The labelling page, run in Streamlit's own test harness over a temporary store."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sample_traces import DAY, fill, make_trace
from streamlit.testing.v1 import AppTest

from aiyam.contracts import KST
from aiyam.store import Store, labels
from aiyam.store.conversations import record_turn

PAGE = Path(__file__).resolve().parents[2] / "apps" / "dashboard" / "labelling.py"
WAIT_S = 60


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("AIYAM_HOME", str(tmp_path))
    monkeypatch.setenv("AIYAM_DATABASE_URL", "")
    monkeypatch.setattr("apps.dashboard.store_access.now", lambda: DAY.replace(hour=23).astimezone(KST))
    return Store.open(f"sqlite:///{tmp_path / 'aiyam.db'}")


def page(**params: str) -> AppTest:
    opened = AppTest.from_file(str(PAGE), default_timeout=WAIT_S)
    for key, value in params.items():
        opened.query_params[key] = value
    return opened.run()


def button(app: AppTest, words: str) -> object:
    return next(one for one in app.button if words in one.label)


def press(app: AppTest, words: str) -> AppTest:
    button(app, words).click().run()  # type: ignore[attr-defined]
    assert not app.exception, app.exception
    return app


def varied(store: Store, n: int) -> None:
    for i in range(n):
        text = f"{'가나다라마바사아자차카타파하'[i % 14] * 3}{i} 먹고 싶어"
        record_turn(store, make_trace(f"t-{i}", session_id=f"s-{i}", user_input=text, at=DAY + timedelta(minutes=i)))


def test_an_empty_store_says_what_to_do_next(store: Store) -> None:
    app = page()
    assert not app.exception
    assert "아직 저장된 대화가 없습니다" in app.info[0].value


def test_views_and_conditions_narrow_the_inbox(store: Store) -> None:
    fill(store, n_turns=40)
    app = page(view="all")
    assert not app.exception
    assert "**40**" in "".join(one.value for one in app.markdown)
    assert len(app.dataframe[0].value) == 10
    press(app, "다음")
    assert "2 / 4" in "".join(one.value for one in app.markdown)
    app.text_input(key="inbox_q").set_value("술집").run()
    assert set(app.dataframe[0].value["메시지"]) == {"술집 알려줘"}
    app.text_input(key="inbox_q").set_value("없는말").run()
    assert any(one.value == "조건에 맞는 대화가 없습니다." for one in app.info)
    assert "safety" in page(view="safety").query_params["view"]


def test_a_view_nobody_knows_is_said_and_another_shown(store: Store) -> None:
    fill(store, n_turns=5)
    app = page(view="odd")
    assert not app.exception
    assert "odd" in app.warning[0].value


def test_a_preview_is_sent_by_a_button_that_says_so_and_taken_back(store: Store) -> None:
    varied(store, 30)
    app = page(view="all")
    app.number_input[0].set_value(12)
    press(app, "미리보기")
    shown = {one.label: one.value for one in app.metric}
    assert (shown["조건에 맞음"], shown["뽑음"], shown["두 사람이 봄"]) == ("30", "12", "1")
    assert labels.list_batches(store) == []
    press(app, "12개를 이해 라벨링에 보내기")
    (batch,) = labels.list_batches(store)
    assert batch.n_by_state == {"queued": 12}
    assert batch.batch_id in app.success[0].value
    press(app, "되돌리기")
    assert "12개를 되돌렸습니다" in app.success[0].value
    assert labels.count_tasks(store) == {("understanding", "withdrawn"): 12}
    assert not [one for one in app.button if "되돌리기" in one.label]


def test_a_preview_of_other_conditions_cannot_be_sent(store: Store) -> None:
    varied(store, 20)
    app = page(view="all")
    press(app, "미리보기")
    app.text_input(key="inbox_q").set_value("가가가").run()
    assert not [one for one in app.button if "보내기" in one.label]
    assert any("다시 미리보기" in one.value for one in app.info)


def test_shares_over_one_are_refused_by_name(store: Store) -> None:
    varied(store, 5)
    app = page(view="all")
    next(one for one in app.number_input if "👎" in one.label).set_value(90)
    press(app, "미리보기")
    assert "shares of at most 1" in app.error[0].value
    assert not [one for one in app.button if "보내기" in one.label]


def test_the_easy_words_preview_shows_the_facts_to_keep(store: Store) -> None:
    record_turn(store, make_trace(response="신림동떡볶이에서 5,000원에 팔아요."))
    app = page(view="all")
    app.radio[0].set_value("rewrite")
    press(app, "미리보기")
    assert list(app.dataframe[1].value["지킬 사실"]) == ["신림동떡볶이, 5,000원"]
    press(app, "1개를 쉬운 말 라벨링에 보내기")
    assert labels.count_tasks(store) == {("rewrite", "queued"): 1}
