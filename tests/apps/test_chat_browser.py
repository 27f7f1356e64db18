"""The chat in a real Chromium, at desktop and phone width: ask, read, press, and find it in the store."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from aiyam.assistant import Assistant
from aiyam.catalogue.personas import load_personas
from aiyam.settings import Settings
from aiyam.store.conversations import feedback_of, get_trace, list_turns
from apps.api.app import create_app

pytestmark = pytest.mark.browser

SIZES = {"desktop": (1280, 860), "phone": (360, 740)}
QUESTION = "급식카드 되는 치킨집 추천해줘"


@pytest.fixture(scope="module")
def browser(chromium: Path) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=str(chromium), args=["--no-sandbox"])
        yield started
        started.close()


def open_chat(
    browser: Browser, address: str, size: str = "desktop", scheme: Literal["light", "dark"] = "light"
) -> Page:
    width, height = SIZES[size]
    page = browser.new_page(viewport={"width": width, "height": height}, locale="ko-KR", color_scheme=scheme)
    page.set_default_timeout(15_000)
    page.goto(f"{address}/")
    page.wait_for_selector(".ny[data-ready]")
    return page


@pytest.fixture(params=list(SIZES))
def page(request: pytest.FixtureRequest, browser: Browser, site: str, tmp_path: Path) -> Iterator[Page]:
    opened = open_chat(browser, site, request.param)
    yield opened
    opened.screenshot(path=str(tmp_path / f"{request.node.name}.png"))
    opened.close()


@pytest.fixture
def desktop(browser: Browser, site: str) -> Iterator[Page]:
    opened = open_chat(browser, site)
    yield opened
    opened.close()


def ask(page: Page, text: str) -> Any:
    """Type and send; return the article of the finished turn."""
    before = page.locator(".ny-turn").count()
    page.locator("#ny-message").fill(text)
    page.keyboard.press("Enter")
    return finished(page, before)


def finished(page: Page, index: int) -> Any:
    turn = page.locator(".ny-turn").nth(index)
    expect(turn).to_have_attribute("data-state", "done", timeout=20_000)
    return turn


def turn_of(turn: Any) -> str:
    return str(turn.get_attribute("data-turn"))


def n_turns(assistant: Assistant, turn: Any) -> int:
    session = get_trace(assistant.store, turn.get_attribute("data-turn")).session_id
    return sum(row.session_id == session for row in list_turns(assistant.store, limit=500))


def test_a_child_asks_gets_cards_and_a_favourite_is_in_the_store(page: Page, assistant: Assistant) -> None:
    expect(page.get_by_text("저는 사람이 아니라 AI예요")).to_be_visible()
    turn = ask(page, QUESTION)
    trace = get_trace(assistant.store, turn.get_attribute("data-turn"))
    assert re.search("[가-힣]", trace.response)
    assert trace.recommendations
    words = "".join(turn.locator(".ny-text").all_text_contents())
    assert words.split() == re.sub(r"\s*\n\s*", "", trace.response).split()
    expect(turn.locator(".ny-card h3").first).to_have_text(trace.recommendations[0].name)
    expect(turn.locator("svg.ny-map")).to_be_visible()
    turn.locator("[data-act=favorited]").first.click()
    expect(turn.locator(".ny-card .ny-receipt").first).to_contain_text("저장했어요")
    stored = feedback_of(assistant.store, trace.turn_id)
    assert [(record.feedback_type, record.shop_id) for record in stored] == [
        ("favorited", trace.recommendations[0].shop_id)
    ]
    expect(turn.locator("[data-act=favorited]").first).to_be_disabled()


def test_nothing_scrolls_sideways_and_targets_are_big_enough(page: Page) -> None:
    ask(page, QUESTION)
    page.locator(".ny-more, .ny-panel").evaluate_all("all => all.forEach(one => { one.open = true; })")
    wide, seen = page.evaluate(
        "() => { const m = document.querySelector('.ny-main'); return [m.scrollWidth, m.clientWidth]; }"
    )
    assert wide <= seen
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    table = page.locator(".ny-scroll").evaluate("one => [one.scrollWidth, one.clientWidth]")
    assert table[0] <= table[1]
    small = page.locator(".ny-act, .ny-chip, .ny-send, .ny-thumb").evaluate_all(
        "all => all.filter(one => one.offsetParent && one.offsetHeight < 44).map(one => one.outerHTML)"
    )
    assert small == []


def test_five_turns_make_one_conversation(page: Page, assistant: Assistant) -> None:
    said = ["안녕!", QUESTION, "더 싼 데는?", "두 번째 가게 몇 시까지 해?", "고마워!"]
    turns = [ask(page, text) for text in said]
    traces = [get_trace(assistant.store, turn.get_attribute("data-turn")) for turn in turns]
    assert len({trace.session_id for trace in traces}) == 1
    assert [trace.user_input for trace in traces] == said
    assert [trace.understanding.intent.value for trace in traces[2:4]] == ["REFINE", "OPENING_HOURS_INQUIRY"]
    assert traces[2].state.n_turns == 3


def test_nothing_is_asked_of_the_internet(browser: Browser, site: str) -> None:
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{site}/")
    page.wait_for_selector(".ny[data-ready]")
    ask(page, QUESTION)
    page.close()
    assert [url for url in asked if not url.startswith((site, "data:", "blob:"))] == []


# --------------------------------------------------------------------------- Hangul


def compose(page: Page, *steps: str) -> Any:
    """Compose like an input method: each step replaces the syllable being composed."""
    page.locator("#ny-message").click()
    line = page.context.new_cdp_session(page)
    for step in steps:
        line.send("Input.imeSetComposition", {"text": step, "selectionStart": len(step), "selectionEnd": len(step)})
    return line


def press_composing_enter(line: Any) -> None:
    for kind in ("rawKeyDown", "keyUp"):
        line.send(
            "Input.dispatchKeyEvent", {"type": kind, "key": "Process", "code": "Enter", "windowsVirtualKeyCode": 229}
        )


def test_enter_in_the_middle_of_a_syllable_sends_nothing_until_it_is_whole(desktop: Page) -> None:
    line = compose(desktop, "치ㅋ", "치키", "치킨")
    press_composing_enter(line)
    desktop.wait_for_timeout(150)
    assert desktop.locator(".ny-turn").count() == 0
    line.send("Input.insertText", {"text": "치킨"})
    turn = finished(desktop, 0)
    assert turn.get_attribute("data-message") == "치킨"
    assert desktop.locator("#ny-message").input_value() == ""


def test_one_enter_sends_once_though_the_input_method_reports_it_twice(desktop: Page, assistant: Assistant) -> None:
    line = compose(desktop, "떠", "떡", "떡볶", "떡볶이")
    press_composing_enter(line)
    line.send("Input.insertText", {"text": "떡볶이"})
    desktop.keyboard.press("Enter")
    turn = finished(desktop, 0)
    desktop.wait_for_timeout(300)
    assert desktop.locator(".ny-turn").count() == 1
    assert turn.get_attribute("data-message") == "떡볶이"
    assert desktop.locator("#ny-message").input_value() == ""
    assert n_turns(assistant, turn) == 1


def test_enter_after_a_composition_that_safari_has_already_ended_sends_once(desktop: Page) -> None:
    desktop.locator("#ny-message").fill("김밥")
    desktop.locator("#ny-message").evaluate(
        """box => {
          box.dispatchEvent(new CompositionEvent("compositionstart", {data: ""}));
          box.dispatchEvent(new CompositionEvent("compositionend", {data: "밥"}));
          box.dispatchEvent(new KeyboardEvent("keydown", {key: "Enter", code: "Enter", keyCode: 229, cancelable: true}));
        }"""
    )
    assert finished(desktop, 0).get_attribute("data-message") == "김밥"
    assert desktop.locator(".ny-turn").count() == 1


def test_enter_that_picks_a_japanese_candidate_sends_nothing(desktop: Page) -> None:
    line = compose(desktop, "らーめん")
    press_composing_enter(line)
    line.send("Input.insertText", {"text": "ラーメン"})
    desktop.wait_for_timeout(200)
    assert desktop.locator(".ny-turn").count() == 0
    assert desktop.locator("#ny-message").input_value() == "ラーメン"


def test_shift_enter_starts_a_new_line(desktop: Page) -> None:
    box = desktop.locator("#ny-message")
    box.fill("치킨")
    desktop.keyboard.press("Shift+Enter")
    desktop.keyboard.type("many")
    assert box.input_value() == "치킨\nmany"
    assert desktop.locator(".ny-turn").count() == 0


# --------------------------------------------------------------------------- the rest of the screen


def test_a_very_long_message_is_refused_kindly_and_stays_in_the_box(desktop: Page) -> None:
    text = "가" * 1001
    desktop.locator("#ny-message").fill(text)
    desktop.keyboard.press("Enter")
    expect(desktop.locator(".ny-notice")).to_contain_text("1000자까지")
    assert desktop.locator("#ny-message").input_value() == text
    assert desktop.locator(".ny-turn").count() == 0


def test_blank_messages_are_not_sent(desktop: Page) -> None:
    desktop.locator("#ny-message").fill("  \n ")
    desktop.keyboard.press("Enter")
    desktop.wait_for_timeout(100)
    assert desktop.locator(".ny-turn").count() == 0


def test_markup_in_a_message_is_shown_as_text(desktop: Page) -> None:
    turn = ask(desktop, "<img src=x onerror='window.hacked=1'> 치킨")
    expect(turn.locator(".ny-mine")).to_contain_text("<img src=x")
    assert turn.locator("img").count() == 0
    assert desktop.evaluate("window.hacked") is None


def test_an_example_is_one_tap_and_a_finished_answer_is_announced_once(desktop: Page) -> None:
    live = desktop.locator(".ny-live")
    desktop.evaluate(
        "() => { window.said = []; new MutationObserver(() => { const t = document.querySelector('.ny-live').textContent;"
        " if (t) window.said.push(t); }).observe(document.querySelector('.ny-live'), {childList: true}); }"
    )
    desktop.get_by_role("button", name="만원으로 먹을 수 있는 떡볶이").click()
    finished(desktop, 0)
    expect(live).to_contain_text("나비얌이 답했어요")
    assert len(desktop.evaluate("window.said")) == 1
    assert desktop.locator(".ny-feed [aria-live], .ny-feed [role=log]").count() == 0


def test_thumbs_lock_and_stars_carry_a_reason(desktop: Page, assistant: Assistant) -> None:
    turn = ask(desktop, QUESTION)
    turn_id = turn.get_attribute("data-turn")
    turn.get_by_role("button", name="좋아요").click()
    expect(turn.locator(".ny-feedback .ny-receipt")).to_contain_text("저장했어요")
    expect(turn.get_by_role("button", name="별로예요")).to_be_disabled()
    turn.get_by_role("button", name="별 2개").click()
    expect(turn.locator(".ny-feedback .ny-receipt")).to_contain_text("별 2개는 아직 저장하지 않았어요")
    assert len(feedback_of(assistant.store, turn_id)) == 1
    turn.locator(".ny-reason select").select_option("너무 멀어요")
    turn.locator("[data-rate]").click()
    expect(turn.locator("[data-rate].ny-done")).to_be_visible()
    expect(turn.locator(".ny-feedback .ny-receipt")).to_have_text("✓ 저장했어요")
    stored = [(r.feedback_type, r.satisfaction_score, r.reason) for r in feedback_of(assistant.store, turn_id)]
    assert stored == [("thumb", 5, None), ("rated", 2, "너무 멀어요")]


def test_answer_again_keeps_the_rejected_answer_as_its_own_turn(desktop: Page, assistant: Assistant) -> None:
    first = ask(desktop, QUESTION)
    first.locator("[data-again]").click()
    second = finished(desktop, 1)
    ids = [turn.get_attribute("data-turn") for turn in (first, second)]
    assert ids[0] != ids[1]
    assert [get_trace(assistant.store, turn_id).user_input for turn_id in ids] == [QUESTION] * 2
    expect(first).to_contain_text("다른 답을 부탁했어요")


def test_the_turn_panel_shows_the_trace_and_its_id(desktop: Page, assistant: Assistant) -> None:
    turn = ask(desktop, QUESTION)
    trace = get_trace(assistant.store, turn.get_attribute("data-turn"))
    turn.locator(".ny-panel > summary").click()
    panel = turn.locator(".ny-panel")
    for shown in (trace.turn_id, trace.understanding.intent.value, trace.versions.nlu, trace.recommendations[0].name):
        expect(panel).to_contain_text(shown)


def test_another_person_starts_another_conversation(desktop: Page, assistant: Assistant) -> None:
    other = load_personas()[-1].profile.user_id
    first = get_trace(assistant.store, ask(desktop, "안녕").get_attribute("data-turn"))
    desktop.locator("[data-persona]").select_option(other)
    assert desktop.locator(".ny-turn").count() == 0
    second = get_trace(assistant.store, ask(desktop, "안녕").get_attribute("data-turn"))
    assert (second.user_id, second.session_id) != (first.user_id, first.session_id)
    assert second.user_id == other
    desktop.locator("[data-persona]").select_option(first.user_id)
    expect(desktop.locator(".ny-turn")).to_have_attribute("data-turn", first.turn_id)


def test_a_reload_keeps_the_conversation_the_person_and_what_was_pressed(page: Page, assistant: Assistant) -> None:
    page.locator("[data-persona]").evaluate(
        "(one) => { one.selectedIndex = 2; one.dispatchEvent(new Event('change')); }"
    )
    first = ask(page, QUESTION)
    first.locator("[data-act=favorited]").first.click()
    expect(first.locator("[data-act=favorited].ny-done")).to_be_visible()
    first.get_by_role("button", name="별 4개").click()
    first.locator("[data-rate]").click()
    expect(first.locator("[data-rate].ny-done")).to_be_visible()
    words, session = (
        first.locator(".ny-text").all_text_contents(),
        get_trace(assistant.store, turn_of(first)).session_id,
    )
    page.reload()
    again = finished(page, 0)
    assert again.locator(".ny-text").all_text_contents() == words
    assert again.get_attribute("data-message") == QUESTION
    assert page.locator("[data-persona]").evaluate("one => one.selectedIndex") == 2
    expect(again.locator("[data-act=favorited].ny-done")).to_be_disabled()
    expect(again.locator("[data-rate].ny-done")).to_be_disabled()
    assert again.locator(".ny-star.ny-lit").count() == 4
    follow_up = ask(page, "더 싼 데는?")
    assert get_trace(assistant.store, turn_of(follow_up)).session_id == session
    page.get_by_role("button", name="새 대화").click()
    page.reload()
    page.wait_for_selector(".ny[data-ready]")
    expect(page.locator(".ny-turn")).to_have_count(0)


def test_on_a_phone_the_settings_fold_when_a_message_is_sent(browser: Browser, site: str) -> None:
    phone = open_chat(browser, site, "phone")
    phone.locator(".ny-settings > summary").click()
    expect(phone.locator("[data-time]")).to_be_visible()
    ask(phone, "안녕")
    expect(phone.locator("[data-time]")).to_be_hidden()
    phone.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_word_stands_out_from_its_ground_in_light_and_dark(
    browser: Browser, site: str, scheme: Literal["light", "dark"]
) -> None:
    page = open_chat(browser, site, scheme=scheme)
    turn = ask(page, QUESTION)
    turn.get_by_role("button", name="별 4개").click()
    page.locator(".ny-more, .ny-panel").evaluate_all("all => all.forEach(one => { one.open = true; })")
    faint = page.evaluate(_FAINT_WORDS)
    assert faint == []
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", ground)[:3])) < 150) is (scheme == "dark")
    page.close()


_FAINT_WORDS = """() => {
  const parts = (colour) => (colour.match(/[\\d.]+/g) || []).map(Number);
  const light = (colour) => parts(colour).slice(0, 3).map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (one) => {
    for (let at = one; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (parts(colour)[3] !== 0) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const faint = [];
  for (const one of document.querySelectorAll(".ny *:not(svg *)")) {
    const words = [...one.childNodes].filter((n) => n.nodeType === 3).map((n) => n.textContent.trim()).join("");
    if (!words || one.disabled || !one.offsetParent || one.closest(".ny-hidden, option, .ny-star")) continue;
    const [a, b] = [light(getComputedStyle(one).color), light(ground(one))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) faint.push(`${one.className} ${words.slice(0, 20)} ${ratio.toFixed(2)}`);
  }
  return faint;
}"""


def test_the_language_switch_changes_the_screen_and_keeps_what_was_typed(desktop: Page) -> None:
    desktop.locator("#ny-message").fill("치킨")
    desktop.get_by_role("button", name="English").click()
    expect(desktop.get_by_text("I am an AI, not a person")).to_be_visible()
    assert desktop.locator("html").get_attribute("lang") == "en"
    assert desktop.locator("#ny-message").input_value() == "치킨"
    desktop.keyboard.press("Tab")
    desktop.locator("#ny-message").press("Enter")
    expect(finished(desktop, 0).locator(".ny-card").first).to_contain_text("Meal card")


def test_when_the_server_dies_the_message_comes_back_to_the_box(
    browser: Browser, assistant: Assistant, home: Settings, serve_app: Callable[[Any], Any]
) -> None:
    with serve_app(create_app(assistant, home)) as address:
        page = open_chat(browser, address)
    page.locator("#ny-message").fill("떡볶이")
    page.keyboard.press("Enter")
    expect(page.locator(".ny-turn")).to_have_attribute("data-state", "failed", timeout=15_000)
    expect(page.locator(".ny-turn")).to_contain_text("연결이 끊겼어요")
    assert page.get_by_text("Connection to the server").filter(visible=True).count() == 0
    assert page.locator("#ny-message").input_value() == "떡볶이"
    page.close()
