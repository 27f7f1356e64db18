"""An annotator in a real browser: logs in, reads the guide, labels one task of each kind with the keyboard."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from labelling_tasks import SUGGESTED, TRICKY, add, clock, compare_task, entity, rewrite_task, understanding_task
from playwright.sync_api import Page, sync_playwright
from real_studio import RealStudio

from aiyam.contracts import EntityType, Intent
from aiyam.label_contracts import CompareLabel, RewriteLabel
from aiyam.store import labels
from aiyam.store.database import Store
from annotation.pull import pull
from annotation.push import push

EDITED = "할매분식은 지금 열려 있어! 걸어서 5분이야. 떡볶이는 4,000원."
pytestmark = [pytest.mark.browser, pytest.mark.label_studio]


@pytest.fixture
def page(chromium: Path) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(chromium))
        made = browser.new_page(viewport={"width": 1400, "height": 1000}, locale="ko-KR")
        made.set_default_timeout(60_000)
        yield made
        browser.close()


def open_task(page: Page, studio: RealStudio, project_id: int, shot: Path) -> None:
    """Open the labelling stream, look at the guide, close it."""
    page.goto(f"{studio.url}/projects/{project_id}/data?labeling=1")
    page.get_by_text("모두에게").first.wait_for()
    page.screenshot(path=shot.with_name(f"{shot.stem}-guide.png"))
    page.keyboard.press("Escape")
    page.get_by_text("모두에게").first.wait_for(state="hidden")


def middle_of(page: Page, word: str) -> tuple[float, float]:
    """Where a word of the utterance stands on the screen."""
    box = page.evaluate(
        """word => {
            const walker = document.createTreeWalker(document.body, 4);
            for (let node = walker.nextNode(); node; node = walker.nextNode()) {
                const at = node.data.indexOf(word);
                if (at < 0) continue;
                const range = document.createRange();
                range.setStart(node, at);
                range.setEnd(node, at + word.length);
                const box = range.getBoundingClientRect();
                return [box.x + box.width / 2, box.y + box.height / 2];
            }
        }""",
        word,
    )
    return box[0], box[1]


def submit(page: Page, shot: Path) -> None:
    page.screenshot(path=shot, full_page=True)
    with page.expect_response(lambda answer: "/annotations" in answer.url and answer.request.method == "POST") as sent:
        page.keyboard.press("Control+Enter")
    assert sent.value.status == 201


def test_an_annotator_labels_one_task_of_each_kind_with_the_keyboard(
    make_studio: Callable[[], RealStudio], store: Store, page: Page, tmp_path: Path
) -> None:
    real = make_studio()
    for task in (understanding_task(0), rewrite_task(0), compare_task(0)):
        add(store, [task])
    with real.connect() as studio:
        push(store, studio, clock=clock)
        projects = {cursor.kind: cursor.project_id for cursor in labels.list_cursors(store)}
    real.annotator("minji").close()

    page.goto(f"{real.url}/user/login/")
    page.fill("input[name=email]", "minji@aiyam.local")
    page.fill("input[name=password]", "minji-password-1")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{real.url}/")

    shot = tmp_path / "understanding.png"
    open_task(page, real, projects["understanding"], shot)
    page.screenshot(path=tmp_path / "understanding-before.png")
    page.keyboard.press("Digit0")
    page.mouse.dblclick(*middle_of(page, "이하로"))
    page.keyboard.press("Shift+Digit1")
    page.keyboard.press("Control+Shift+Digit9")
    submit(page, shot)

    shot = tmp_path / "rewrite.png"
    open_task(page, real, projects["rewrite"], shot)
    page.get_by_test_id("htx-textbox-edit-button").click()
    page.locator("textarea:visible").first.fill(EDITED)
    page.locator(".lsf-textarea__region button").first.click()  # Enter is a new line there
    page.get_by_text(EDITED).first.wait_for()
    page.keyboard.press("Digit9")
    page.keyboard.press("Digit4")
    submit(page, shot)

    shot = tmp_path / "compare.png"
    open_task(page, real, projects["compare"], shot)
    page.keyboard.press("Digit3")
    submit(page, shot)

    with real.connect() as studio:
        pull(store, studio, clock=clock)
    understood, rewritten, compared = (
        labels.get_labelled(store, task.key).annotations[0]
        for task in (understanding_task(0), rewrite_task(0), compare_task(0))
    )
    extra = entity(TRICKY, EntityType.DIETARY_PREFERENCE, "이하로")
    assert understood.label == SUGGESTED.model_copy(
        update={
            "intent": Intent.FOOD_RECOMMENDATION,
            "flags": ("exclude",),
            "entities": (*SUGGESTED.entities, extra),
        }
    )
    assert rewritten.label == RewriteLabel(age_band="10-12", text=EDITED, wrong=("hard_words",), rating=4)
    assert compared.label == CompareLabel(verdict="both_good")
    assert [one.origin for one in (understood, rewritten, compared)] == ["changed", "changed", "manual"]
    assert all(one.lead_time_s for one in (understood, rewritten, compared))
