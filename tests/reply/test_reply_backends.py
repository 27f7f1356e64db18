import socket
import threading
import urllib.request
from collections.abc import Iterator

import pytest

from aiyam.contracts import Intent, Recommendation, ReplyPlan
from aiyam.reply.child_friendly import ChildFriendly
from aiyam.reply.language_model import Replier
from aiyam.reply.plan import make_plan
from aiyam.reply.templates import TemplateBackend
from aiyam.safety.screen import Screen
from aiyam.settings import REPO_ROOT

SHOP = Recommendation(
    shop_id="s-1", rank=1, score=0.5, name="봉천김밥", category="분식", menu="참치김밥", price_won=4000, distance_m=350,
    open_state="open", open_until="21:30",
)  # fmt: skip
PLAN = make_plan(intent=Intent.FOOD_RECOMMENDATION, age_band="7-9", recommendations=[SHOP])


@pytest.fixture(scope="module")
def template() -> TemplateBackend:
    return TemplateBackend.load(REPO_ROOT / "datasets" / "replies")


class Server:
    """A backend that asks an HTTP server; here one that is down."""

    name = "http"

    def __init__(self, url: str) -> None:
        self.url = url

    def stream(self, plan: ReplyPlan, *, variety: int) -> Iterator[str]:
        with urllib.request.urlopen(self.url, timeout=2) as answer:
            yield answer.read().decode()


class Writer:
    """A backend that writes the pieces it was made with."""

    name = "writer"

    def __init__(self, *pieces: str) -> None:
        self.pieces = pieces

    def stream(self, plan: ReplyPlan, *, variety: int) -> Iterator[str]:
        yield from self.pieces


class Stuck:
    """A backend that waits for something that does not come in time."""

    name = "stuck"

    def __init__(self) -> None:
        self.release = threading.Event()

    def stream(self, plan: ReplyPlan, *, variety: int) -> Iterator[str]:
        self.release.wait(10)
        yield "봉천김밥이에요."


def test_a_server_that_is_down_leads_to_the_template_and_the_reason(template: TemplateBackend) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    worded = Replier(template, backend=Server(f"http://127.0.0.1:{port}/")).reply(PLAN)
    assert worded.backend == "template"
    assert worded.fallback is not None
    assert worded.fallback.startswith("error: URLError")
    assert "봉천김밥" in worded.text


def test_a_stuck_backend_does_not_hold_the_turn(template: TemplateBackend) -> None:
    stuck = Stuck()
    worded = Replier(template, backend=stuck, first_piece_s=0.05).reply(PLAN)
    stuck.release.set()
    assert worded.fallback is not None
    assert worded.fallback.startswith("slow")
    assert worded.grounding.grounded


@pytest.mark.parametrize(
    ("pieces", "reason"),
    [
        (("봉천김밥이 3,000원", "이에요."), "ungrounded: 3,000원"),
        (("",), "empty"),
        (("The best shop near you is Bongcheon Gimbap, enjoy.",), "not_korean"),
        (("Sure! ", "봉천김밥은 어때요?"), "not_korean"),
        (("おすすめです。",), "not_korean"),
        (("." * 300,), "rubbish"),
        (("?!.,;:-",), "rubbish"),
        (("맛있어요 " * 9,), "rubbish"),
        (("또 가요! " * 4,), "rubbish"),
        (("<b>봉천김밥</b>이에요.",), "markup"),
        (("돈이 없어도 괜찮아요.",), "unsafe: shaming"),
        (("가" * 1300,), "too_long"),
    ],
)
def test_unusable_words_are_replaced_and_never_shown(
    template: TemplateBackend, pieces: tuple[str, ...], reason: str
) -> None:
    screen = Screen.load(REPO_ROOT / "datasets" / "safety")

    def judge(text: str, plan: ReplyPlan) -> str | None:
        return ", ".join(screen.check_outgoing(text).kinds) or None

    replier = Replier(template, backend=Writer(*pieces), screen=judge)
    worded = replier.reply(PLAN)
    assert worded.fallback is not None
    assert worded.fallback.startswith(reason)
    assert pieces[0] == "" or "".join(pieces) not in worded.text
    assert worded.grounding.grounded
    assert worded.grounding.replaced == reason.startswith("ungrounded")


def test_a_child_that_is_ill_hears_the_written_words_whatever_the_backend(template: TemplateBackend) -> None:
    plan = make_plan(intent=Intent.SMALL_TALK, text="배가 너무 아파")
    worded = Replier(template, backend=Writer("떡볶이를 먹으면 나아요!")).reply(plan)
    assert "119" in worded.text
    assert worded.backend == "template"


def test_good_words_are_streamed_sentence_by_sentence(template: TemplateBackend) -> None:
    backend = Writer("봉천", "김밥은 어때요? 참치김밥이 4,0", "00원이에요. 맛있게 먹어요!")
    replier = Replier(template, backend=backend)
    assert list(replier.stream(PLAN)) == ["봉천김밥은 어때요? ", "참치김밥이 4,000원이에요. ", "맛있게 먹어요!"]
    assert replier.reply(PLAN).fallback is None


def test_what_was_shown_before_a_failure_stays_in_the_text(template: TemplateBackend) -> None:
    replier = Replier(template, backend=Writer("좋아요! ", "값은 9,999원이에요."))
    pieces = []
    stream = replier.stream(PLAN)
    while True:
        try:
            pieces.append(next(stream))
        except StopIteration as stop:
            worded = stop.value
            break
    assert "".join(pieces).split() == worded.text.split()
    assert worded.text.startswith("좋아요!")
    assert "9,999" not in worded.text


@pytest.fixture(scope="module")
def rewriter() -> ChildFriendly:
    return ChildFriendly.load(REPO_ROOT / "datasets" / "replies" / "easy_words.json")


def test_hard_words_become_easy_ones_with_agreeing_particles(rewriter: ChildFriendly) -> None:
    assert (
        rewriter.rewrite("영업시간은 21:30까지예요. 휴무일이 있어요.", PLAN)
        == "여는 시간은 21:30까지예요. 쉬는 날이 있어요."
    )
    assert rewriter.rewrite("잔액을 봐요.", PLAN) == "남은 돈을 봐요."


def test_a_guardian_reads_the_words_as_they_are(rewriter: ChildFriendly) -> None:
    text = "영업시간은 21:30까지입니다."
    assert rewriter.rewrite(text, PLAN.model_copy(update={"age_band": "adult"})) == text


def test_names_that_hold_hard_words_are_not_touched(rewriter: ChildFriendly) -> None:
    plan = make_plan(
        intent=Intent.FOOD_RECOMMENDATION,
        age_band="7-9",
        recommendations=[SHOP.model_copy(update={"name": "현재 매장", "menu": "별미 국수"})],
    )
    text = "현재 매장은 어때요? 별미 국수가 4,000원이에요. 현재 열려 있어요."
    assert rewriter.rewrite(text, plan) == "현재 매장은 어때요? 별미 국수가 4,000원이에요. 지금 열려 있어요."


def test_a_word_inside_another_word_is_not_touched(rewriter: ChildFriendly) -> None:
    assert rewriter.rewrite("대기업 옆이에요. 무료함을 달래요.", PLAN) == "대기업 옆이에요. 무료함을 달래요."


def test_a_long_sentence_is_split_without_losing_a_fact(rewriter: ChildFriendly) -> None:
    text = "봉천김밥은 여기서 아주 가까운 곳에 있고 참치김밥이 4,000원이라서 부담 없이 먹을 수 있는 곳이에요."
    eased = rewriter.rewrite(text, PLAN)
    assert "있어요. 그리고 " in eased
    assert "4,000원" in eased


def test_no_reply_loses_a_fact_when_eased(template: TemplateBackend, rewriter: ChildFriendly) -> None:
    for variety in range(30):
        text = "".join(template.stream(PLAN, variety=variety))
        eased = rewriter.rewrite(text, PLAN)
        for fact in ("봉천김밥", "참치김밥", "4,000원", "350m", "21:30"):
            assert eased.count(fact) == text.count(fact)
