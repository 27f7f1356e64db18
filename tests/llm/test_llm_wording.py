"""Replies worded by small models that were really trained, in process and behind a real server, checked as in the product."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from small_servers import send, serving
from tiny_language_model import build

from aiyam.contracts import Intent, Recommendation, ReplyPlan
from aiyam.llm.folder import LocalModel
from aiyam.llm.interface import LanguageModel
from aiyam.llm.server import OpenAIServer
from aiyam.reply.language_model import Replier, Worded
from aiyam.reply.plan import make_plan
from aiyam.reply.templates import TemplateBackend
from aiyam.reply.worded_by_model import ModelBackend, messages_for
from aiyam.settings import REPO_ROOT

SHOP = Recommendation(
    shop_id="s-1", rank=1, score=0.5, name="봉천김밥", category="분식", menu="참치김밥", price_won=4000
)
PLAN = make_plan(intent=Intent.FOOD_RECOMMENDATION, recommendations=[SHOP])
THANKS = make_plan(intent=Intent.THANKS)
WORDS = "봉천김밥은 어때요? 참치김밥이 4,000원이에요."


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> LocalModel:
    """A model that words two plans by heart, the second in words that end in a question of its own."""
    lessons = [(messages_for(PLAN), WORDS), (messages_for(THANKS), "고마워요! 또 와요.\n\n\n사용자: 또 뭐")]
    folder = build(tmp_path_factory.mktemp("wording") / "tiny", lessons, n_steps=120)
    return LocalModel.load(folder, device="cpu", offline=True)


def word(model: LanguageModel, plan: ReplyPlan = PLAN, *, first_piece_s: float = 60.0, total_s: float = 60.0) -> Worded:
    template = TemplateBackend.load(REPO_ROOT / "datasets" / "replies")
    backend = ModelBackend(model, timeout_s=total_s)
    return Replier(template, backend=backend, first_piece_s=first_piece_s, total_s=total_s).reply(plan)


def test_what_a_model_wrote_of_the_rows_alone_is_shown(taught: LocalModel) -> None:
    worded = word(taught)
    assert (worded.text, worded.backend, worded.fallback) == (WORDS, "transformers", None)
    assert worded.grounding.grounded


def test_a_model_that_goes_on_talking_is_stopped(taught: LocalModel) -> None:
    worded = word(taught, THANKS)
    assert (worded.text, worded.fallback) == ("고마워요! 또 와요.", None)


def test_a_model_that_was_not_taught_the_plan_is_never_shown_raw(taught: LocalModel) -> None:
    """Other rows, the same words: what the model knows by heart is not what this plan's rows say."""
    dearer = PLAN.model_copy(update={"shops": (SHOP.model_copy(update={"price_won": 9900}),)})
    worded = word(taught, dearer)
    assert worded.fallback is not None
    assert "4,000" not in worded.text
    assert "9,900원" in worded.text


def test_a_real_server_with_another_model_leads_to_the_template(transformers_server: tuple[str, str]) -> None:
    worded = word(OpenAIServer(*transformers_server))  # it learnt to answer in JSON
    assert worded.backend == "template"
    assert worded.fallback is not None
    assert "봉천김밥" in worded.text


def events(*texts: str, end: bool = True) -> bytes:
    import json

    chunks = [{"choices": [{"delta": {"content": text}}]} for text in texts]
    lines = [f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n" for chunk in chunks]
    return "".join([*lines, "data: [DONE]\n\n" if end else ""]).encode()


def streaming(body: bytes) -> Callable[[BaseHTTPRequestHandler, dict[str, Any]], None]:
    return lambda handler, _: send(handler, 200, body)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (events("The best place is ", "Bongcheon Gimbap, enjoy it."), "not_korean"),
        (events("봉천김밥은 ", "1,000원이에요."), "ungrounded"),
        (events("봉천김밥", end=False), "broken"),
        (events("가" * 2000), "too_long"),
        (events(), "empty"),
        (events("###"), "empty"),
        (b"data: \xff\xfe{{{\n\n", "broken"),
        (b"<html>502</html>", "broken"),
    ],
)
def test_a_server_that_streams_rubbish_leads_to_the_template(body: bytes, reason: str) -> None:
    with serving(streaming(body)) as url:
        worded = word(OpenAIServer(url, "any"))
    assert worded.fallback is not None
    assert worded.fallback.split(":")[0] == reason
    assert worded.grounding.grounded
    assert "봉천김밥" in worded.text


def test_a_server_that_is_down_leads_to_the_template() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        server = OpenAIServer(f"http://127.0.0.1:{probe.getsockname()[1]}/v1", "any", n_retries=0)
        worded = word(server)
    assert worded.fallback is not None
    assert worded.fallback.startswith("unreachable")


@pytest.fixture
def slow() -> Iterator[str]:
    """A server that answers when the test is over."""
    over = Event()

    def answer(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        over.wait(30)

    with serving(answer) as url:
        yield url
        over.set()


def test_a_server_that_is_slow_does_not_hold_the_turn(slow: str) -> None:
    worded = word(OpenAIServer(slow, "any"), first_piece_s=0.2, total_s=0.4)
    assert worded.fallback is not None
    assert worded.fallback.startswith("slow")


def test_the_prompts_constant_part_is_read_once(taught: LocalModel, tmp_path: Path) -> None:
    hits = taught.prefixes.n_hits
    for plan in (PLAN, THANKS, PLAN):
        word(taught, plan)
    assert taught.prefixes.n_hits >= hits + 2
