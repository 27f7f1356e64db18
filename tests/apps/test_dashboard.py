"""The dashboard's pages, run in Streamlit's own test harness over a temporary store."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sample_traces import DAY, fill, make_feedback, make_trace
from streamlit.testing.v1 import AppTest

from aiyam.contracts import KST, Understanding
from aiyam.monitoring.metrics import daily_metrics
from aiyam.store import Store
from aiyam.store.columns import set_fact
from aiyam.store.conversations import record_feedback, record_turn
from apps.dashboard.turn_view import bars, highlighted
from apps.dashboard.words import WORDS

PAGES = Path(__file__).resolve().parents[2] / "apps" / "dashboard"
WAIT_S = 60


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("AIYAM_HOME", str(tmp_path))
    monkeypatch.setenv("AIYAM_DATABASE_URL", "")
    monkeypatch.setattr("apps.dashboard.store_access.now", lambda: DAY.replace(hour=23).astimezone(KST))
    return Store.open(f"sqlite:///{tmp_path / 'aiyam.db'}")


def page(name: str, **params: str) -> AppTest:
    opened = AppTest.from_file(str(PAGES / f"{name}.py"), default_timeout=WAIT_S)
    for key, value in params.items():
        opened.query_params[key] = value
    return opened.run()


def words_of(app: AppTest) -> str:
    assert not app.exception, app.exception
    return "\n".join(str(getattr(element, "value", "")) for element in app.main) + "\n".join(
        html.proto.body for html in app.get("html")
    )


def test_an_empty_store_says_what_to_do_next(store: Store) -> None:
    for name in ("overview", "conversations"):
        app = page(name)
        assert not app.exception
        assert "아직 저장된 대화가 없습니다" in app.info[0].value
        assert "aiyam demo" in app.info[0].value


def test_the_day_shows_the_metrics_of_the_store_with_n_and_interval(store: Store) -> None:
    fill(store, n_turns=40)
    app = page("overview", day=DAY.date().isoformat())
    assert not app.exception
    found = daily_metrics(store, DAY.date())
    click = found.recommendation.click_through_rate
    assert click.value is not None
    shown = {metric.label: metric.value for metric in app.metric}
    assert shown["클릭률"] == f"{click.value:.1%}"
    assert len(app.metric) == 15
    captions = [caption.value for caption in app.caption]
    assert f"{click.k}/{click.n} · ({click.low:.1%} – {click.high:.1%})" in captions
    assert any("저장된 대화 턴 **40**" in text.value for text in app.markdown)


def test_a_day_without_turns_says_so_and_leads_to_the_last_one(store: Store) -> None:
    record_turn(store, make_trace("t-1", at=DAY - timedelta(days=4)))
    record_turn(store, make_trace("t-2", at=DAY - timedelta(days=2)))
    app = page("overview", day=(DAY - timedelta(days=3)).date().isoformat())
    assert app.info[0].value == "이 날에는 대화가 없습니다."
    app.button[0].click().run()
    assert not app.exception
    assert {metric.label: metric.value for metric in app.metric}["이용자"] == "1"


def test_a_rate_without_trials_shows_no_number(store: Store) -> None:
    record_turn(store, make_trace(n_shown=0))
    app = page("overview", day=DAY.date().isoformat())
    assert {metric.label: metric.value for metric in app.metric}["클릭률"] == "–"


def test_search_and_intent_in_the_address_narrow_the_list(store: Store) -> None:
    for asked in range(6):
        record_turn(store, make_trace(f"t-{asked}", asked=asked, at=DAY + timedelta(minutes=asked)))
    app = page("conversations")
    assert "**6**" in app.markdown[0].value
    assert app.dataframe[0].value["메시지"].iloc[0] == "더 싼 데는?"
    app = page("conversations", q="착한")
    assert list(app.dataframe[0].value["메시지"]) == ["착한가게 어디 있어?"]
    app.text_input(key="q").set_value("").run()
    app.selectbox(key="intent_choice").set_value("REFINE").run()
    assert list(app.dataframe[0].value["메시지"]) == ["더 싼 데는?"]
    assert app.query_params["intent"] == "REFINE"
    assert list(page("conversations", intent="REFINE").dataframe[0].value["메시지"]) == ["더 싼 데는?"]
    app = page("conversations", q="없는말")
    assert app.info[0].value == "조건에 맞는 대화가 없습니다."
    assert not app.dataframe
    app.button[0].click().run()
    assert "**6**" in app.markdown[0].value


def test_the_last_day_of_a_period_is_included(store: Store) -> None:
    record_turn(store, make_trace("t-1", at=DAY.replace(hour=23, minute=59)))
    record_turn(store, make_trace("t-2", at=DAY + timedelta(days=1)))
    day = DAY.date().isoformat()
    assert len(page("conversations", since=day, until=day).dataframe[0].value) == 1


def test_more_turns_than_a_page_can_be_leafed_through(store: Store) -> None:
    fill(store, n_turns=60)
    app = page("conversations")
    assert len(app.dataframe[0].value) == 25
    seen = set(app.dataframe[0].value["시각"])
    for n_rows in (25, 10):
        next(button for button in app.button if button.label == "다음 ›").click().run()
        assert len(app.dataframe[0].value) == n_rows
        seen |= set(app.dataframe[0].value["시각"])
    assert app.query_params["page"] == "3"
    app.text_input(key="q").set_value("떡볶이").run()
    assert not app.exception
    assert "page" not in app.query_params
    assert len(page("conversations", page="999").dataframe[0].value) == 10
    assert len(page("conversations", page="-x").dataframe[0].value) == 25


def test_a_chosen_turn_shows_everything_its_trace_holds(store: Store) -> None:
    trace = make_trace("t-whole", asked=4, relaxed=("max_distance_m",), fallback="openai timed out",
                       reader="trained", reader_fallback="timeout")  # fmt: skip
    record_turn(store, trace)
    record_feedback(store, make_feedback(trace, "rated", score=5))
    app = page("conversations", turn="t-whole")
    assert not app.exception
    assert app.code[0].value == "t-whole"
    text = words_of(app) + " ".join(str(e.value) for kind in ("markdown", "caption", "text") for e in app.get(kind))
    for wanted in (
        "땅콩 알레르기", "봉천마라탕 어때?", "allergies", "완화한 조건: max_distance_m", "비슷한 취향", "118", "13.6 ms",
        "template-1", "별점 ★5", "openai timed out", "음식 추천 93%", "합성 데이터", "child-1",
        "학습한 모델 (timeout)",
    ):  # fmt: skip
        assert wanted in text, wanted
    for shop in trace.recommendations:
        assert any(shop.name in element.value for element in app.markdown), shop.name


def test_a_chosen_time_stands_beside_the_time_the_turn_came(store: Store) -> None:
    record_turn(store, make_trace(chosen_time=DAY.replace(hour=8, minute=5)))
    app = page("conversations", turn="t-1")
    assert not app.exception
    happened = f"{DAY.astimezone(KST):%Y-%m-%d %H:%M:%S}"
    assert any(caption.value.startswith(f"{happened} · 골라 둔 시각 20") for caption in app.caption)
    assert app.dataframe[0].value["시각"].iloc[0] == f"{DAY.astimezone(KST):%m-%d %H:%M}"


def test_an_unknown_turn_in_the_address_is_explained(store: Store) -> None:
    record_turn(store, make_trace())
    for language, said in (("ko", "저장된 턴이 없습니다"), ("en", "No turn is stored under")):
        app = page("conversations", turn="t-none", lang=language)
        assert not app.exception
        assert said in app.warning[0].value
        assert "none" in app.warning[0].value
    assert "Expected" not in page("conversations", turn="t-none").warning[0].value


def test_an_open_turn_closes_when_the_filters_leave_it_out(store: Store) -> None:
    record_turn(store, make_trace("t-food"))
    record_turn(store, make_trace("t-other", asked=1, at=DAY + timedelta(minutes=1)))
    app = page("conversations", turn="t-food")
    assert app.code[0].value == "t-food"
    asked = make_trace("t-food").user_input.split()[0]
    app.text_input(key="q").set_value(asked).run()
    assert app.code[0].value == "t-food"
    app.text_input(key="q").set_value("없는말").run()
    assert not app.exception
    assert app.info[0].value == "조건에 맞는 대화가 없습니다."
    assert not app.code


def test_markup_in_a_message_is_shown_not_run() -> None:
    text = "<script>alert(1)</script> 치킨"
    shown = highlighted(Understanding(original_query=text, intent="FOOD_RECOMMENDATION", confidence=0.5))
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown


def test_spans_are_marked_in_place_and_the_message_stays_whole() -> None:
    understanding = make_trace(asked=4).understanding
    shown = highlighted(understanding)
    plain = shown.replace("<br>", "")
    for entity in understanding.entities:
        assert f">{entity.text}</span>" in plain
    assert "있는데" in plain
    assert "먹어도 돼?" in plain


def test_bars_start_at_zero_and_the_longest_is_full() -> None:
    drawn = bars({"이해": 2.0, "순위": 4.0}, unit=" ms")
    assert "width:50.0%" in drawn
    assert "width:100.0%" in drawn
    assert "4 ms" in drawn


def test_the_frame_has_korean_by_default_english_on_request_and_marks_synthetic_data(store: Store) -> None:
    set_fact(store, "synthetic", "true")
    record_turn(store, make_trace())
    app = page("home")
    assert not app.exception
    assert app.title[0].value == "하루 지표"
    assert any("합성 데이터" in element.value for element in app.markdown)
    app = page("home", lang="en")
    assert app.title[0].value == "Day at a glance"


def test_a_store_that_cannot_be_opened_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "aiyam.db").write_text("not a database " * 100)
    monkeypatch.setenv("AIYAM_HOME", str(tmp_path))
    app = page("overview")
    assert not app.exception
    assert "저장소를 열 수 없습니다" in app.error[0].value
    assert "백업으로 되돌리세요" in app.error[0].value
    assert app.caption[0].value == "프로그램이 남긴 말"
    assert page("overview", lang="en").error[0].value.startswith("**The store cannot be opened**")


def test_every_word_has_both_languages() -> None:
    assert all(korean and english for korean, english in WORDS.values())
