import json
import re
import statistics
import time
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiyam.contracts import (
    AGE_BANDS,
    Filters,
    Intent,
    Question,
    QuestionKind,
    Recommendation,
    ReplyPlan,
    SafetyVerdict,
)
from aiyam.errors import DataError
from aiyam.evaluation.replies import evaluate_replies, sentences
from aiyam.korean.particles import fill
from aiyam.reply.child_friendly import ChildFriendly
from aiyam.reply.grounding import check
from aiyam.reply.language_model import Replier
from aiyam.reply.markdown import escape, unescape
from aiyam.reply.plan import make_plan, small_talk_topic
from aiyam.reply.templates import BANK_FILES, TemplateBackend, TemplateBank
from aiyam.safety.screen import Screen
from aiyam.settings import REPO_ROOT

REPLIES = REPO_ROOT / "datasets" / "replies"
NAMES = [
    "봉천김밥",
    "KFC 신림점",
    "GS25",
    "BBQ(봉천점)",
    "엄마손*칼국수*",
    "<b>맛집</b>",
    "1. 분식",
    "마라왕",
    "서울치킨",
    "Café 24",
    "[클릭](http://x.kr)",
]


@pytest.fixture(scope="module")
def backend() -> TemplateBackend:
    return TemplateBackend.load(REPLIES)


def shop(rank: int, name: str, **more: object) -> Recommendation:
    facts: dict[str, object] = {
        "shop_id": f"s-{rank}-{name[:4]}", "rank": rank, "score": 0.5, "name": name, "category": "분식", "district": "관악구",
        "menu": "라면", "price_won": 4500, "distance_m": 350, "open_state": "open", "open_until": "21:30", "reason": "가까워요",
    } | more  # fmt: skip
    return Recommendation.model_validate(facts)


def facts_of(name: str) -> dict[str, object]:
    return {
        "shop_id": "s-1", "name": name, "category": "분식", "address": "서울 관악구 봉천로 12", "phone": "02-880-1234", "rating": 4.5,
        "n_reviews": 3, "meal_card": "unknown", "good_shop": False, "delivery": True, "takeout": False, "atmosphere": [],
        "allergens_published": False, "open_state": "open", "opens": "10:00", "closes": "21:30", "is_24h": False,
        "break": "15:00~17:00", "off_days": ["월요일"], "off_today": False, "minutes_to_close": 200, "distance_m": 350,
        "menus": [{"name": "라면", "price_won": 4500, "is_best": True, "is_sold_out": False}], "synthetic": True,
    }  # fmt: skip


def say(backend: TemplateBackend, plan: ReplyPlan, variety: int = 0) -> str:
    return "".join(backend.stream(plan, variety=variety))


plans = st.builds(
    lambda intent, band, shops, relaxed, text, budget, name: make_plan(
        intent=intent,
        age_band=band,
        text=text,
        filters=Filters(budget_max=budget, max_distance_m=500, place="서울대입구역", menus=("마라탕",)),
        recommendations=[s.model_copy(update={"rank": i}) for i, s in enumerate(shops, 1)],
        relaxed=relaxed,
        shop_facts=facts_of(name),
        card={"balance_won": 35000, "meal_limit_won": 9000, "monthly_limit_won": None},
    ),
    st.sampled_from([i for i in Intent if i is not Intent.SAFETY]),
    st.sampled_from(AGE_BANDS),
    st.lists(
        st.builds(
            shop,
            st.just(1),
            st.sampled_from(NAMES),
            menu=st.sampled_from(["라면", "참치김밥", "황금올리브", None]),
            price_won=st.one_of(st.none(), st.integers(0, 50_000)),
            distance_m=st.one_of(st.none(), st.integers(0, 9_000)),
            open_state=st.sampled_from(["open", "closed", "break", "unknown"]),
            open_until=st.sampled_from([None, "21:30", "밤 12시", "새벽 1시 30분"]),
            opens_at=st.sampled_from([None, "11:00", "내일 10:30", "수요일 0시", "밤 12시 30분"]),
            meal_card=st.sampled_from(["yes", "no", "unknown"]),
            allergy_note=st.sampled_from([None, "확인 필요: 땅콩"]),
            reason=st.sampled_from(["가까워요", "별점 4.9", "3,333원이에요", "친구들이 많이 찾아요", ""]),
        ),
        max_size=5,
    ),
    st.sampled_from([(), ("max_distance_m",), ("budget_max",), ("menus",), ("place",), ("something_new",)]),
    st.sampled_from(
        [
            "뭐 먹지",
            "너 사람이야?",
            "거기 전화번호",
            "별로였어",
            "주소 알려줘",
            "몇 점이야",
            "배달 돼?",
            "주차 돼?",
            "배 아파",
        ]
    ),
    st.one_of(st.none(), st.integers(1, 30_000)),
    st.sampled_from(NAMES),
)


@settings(max_examples=300, deadline=None)
@given(plan=plans, variety=st.integers(0, 40))
def test_every_reply_is_grounded_and_says_something(backend: TemplateBackend, plan: ReplyPlan, variety: int) -> None:
    text = say(backend, plan, variety)
    assert text.strip()
    assert check(text, plan).ungrounded == ()
    assert "None" not in text
    assert "{" not in text


@settings(max_examples=200, deadline=None)
@given(plan=plans, variety=st.integers(0, 40))
def test_the_card_is_not_mentioned_unless_the_child_did(
    backend: TemplateBackend, plan: ReplyPlan, variety: int
) -> None:
    if not plan.facts["asked_card"]:
        assert "카드" not in say(backend, plan, variety)


def test_every_example_of_the_bank_is_what_its_template_gives() -> None:
    for file in BANK_FILES:
        for record in json.loads((REPLIES / file).read_text(encoding="utf-8")):
            assert record["examples"], record
            for example in record["examples"]:
                assert fill(record["template"], example["input"]) == example["output"]


def test_no_template_has_banned_words() -> None:
    screen = Screen.load(REPO_ROOT / "datasets" / "safety")
    for template in TemplateBank.load(REPLIES).templates:
        for example in template.examples:
            asked = (
                "카드 되는 곳"
                if template.intent in ("MEAL_CARD_INQUIRY", "SHOP_DETAIL")
                or template.slot in ("card_unknown", "card_limit")
                else ""
            )
            assert screen.check_outgoing(str(example["output"]), user_text=asked).kinds == (), example


@pytest.mark.parametrize("band", AGE_BANDS)
@pytest.mark.parametrize("menu", ["라면", None])
def test_the_first_shop_of_a_list_is_not_said_to_be_another_one(
    backend: TemplateBackend, band: str, menu: str | None
) -> None:
    listed = [shop(i, f"가게{i}", menu=menu) for i in (1, 2, 3)]
    plan = make_plan(intent=Intent.FOOD_RECOMMENDATION, age_band=band, recommendations=listed)  # type: ignore[arg-type]
    lines = [say(backend, plan, variety).split("\n") for variety in range(60)]
    first = [line for reply in lines for line in reply if line.startswith("1. ")]
    later = [line for reply in lines for line in reply if line.startswith(("2. ", "3. "))]
    also = re.compile(r"가게\d(?: 쪽)?도 |여기도")
    assert not any(also.search(line) for line in first)
    assert any(also.search(line) for line in later)


@pytest.mark.parametrize("band", AGE_BANDS)
def test_an_answer_about_a_shop_names_it_and_does_not_say_the_name_again_and_again(
    backend: TemplateBackend, band: str
) -> None:
    for text in ("거기 어때?", "거기 얼마나 걸려?", "거기 어디야?"):
        plan = make_plan(intent=Intent.SHOP_DETAIL, age_band=band, text=text, shop_facts=facts_of("봉천김밥"))  # type: ignore[arg-type]
        for variety in range(20):
            said = say(backend, plan, variety)
            assert said.count("봉천김밥") == 1 or (text == "거기 어디야?" and "봉천김밥" not in said), said


def test_what_was_given_up_is_said_in_full_once_and_then_in_short(backend: TemplateBackend) -> None:
    def opening(before: tuple[str, ...], relaxed: tuple[str, ...] = ("exclude_menus",)) -> list[str]:
        plan = make_plan(
            intent=Intent.REFINE, recommendations=[shop(1, "봉천김밥")], relaxed=relaxed, gave_up_before=before
        )
        return [say(backend, plan, variety).split("\n")[0] for variety in range(10)]

    assert all("그 음식" in said or "빼" in said for said in opening(()))
    short = opening(("exclude_menus",))
    assert not any("그 음식" in said or "빼" in said for said in short)
    assert len(set(short)) == 10
    halal = ("dietary_preferences",)
    assert opening(halal, halal) == opening((), halal)


def test_no_word_to_a_child_says_you_like_a_stranger() -> None:
    for path in (*REPLIES.glob("*.json"), REPO_ROOT / "datasets" / "safety" / "lines.json"):
        assert "당신" not in path.read_text(encoding="utf-8"), path.name


@pytest.mark.parametrize("band", AGE_BANDS)
def test_ten_turns_do_not_repeat_an_opening_or_a_closing(backend: TemplateBackend, band: str) -> None:
    said: list[str] = []
    for turn in range(10):
        names = [NAMES[(turn + i) % len(NAMES)] + str(turn) for i in range(3)]
        plan = make_plan(
            intent=Intent.FOOD_RECOMMENDATION,
            age_band=band,
            recommendations=[shop(i, n) for i, n in enumerate(names, 1)],
        )  # type: ignore[arg-type]
        lines = say(backend, plan, turn).split("\n")
        said += [lines[0], *sentences(lines[-1])]
    assert len(said) == len(set(said))


@pytest.mark.parametrize("kind", get_args(QuestionKind))
@pytest.mark.parametrize("band", AGE_BANDS)
def test_a_question_asked_back_is_worded_anew_in_each_of_ten_turns(
    backend: TemplateBackend, band: str, kind: QuestionKind
) -> None:
    question = Question(kind=kind, place="부산광역시", city="서울특별시", n_shown=3, shops=("주막국수",))
    plan = make_plan(intent=Intent.SHOP_DETAIL, age_band=band, question=question, choices=("주막국수 어디야?",))  # type: ignore[arg-type]
    said: list[str] = []
    for turn in range(10):
        text = say(backend, plan, turn)
        assert check(text, plan).ungrounded == ()
        assert "- 주막국수 어디야?" in text
        asked = text.split("\n")[0]
        said += [s for s in sentences(asked) if re.search("[가-힣]", s) and not re.search(r"\d|부산|서울", s)]
        assert ("Korean" in asked) is (kind == "korean_only")
        assert question.waits or kind == "korean_only" or "?" not in asked
    assert len(said) == len(set(said))


def test_the_relaxed_constraint_is_said(backend: TemplateBackend) -> None:
    plan = make_plan(
        intent=Intent.LOCATION_INQUIRY,
        filters=Filters(max_distance_m=500),
        recommendations=[shop(1, "봉천김밥")],
        relaxed=("max_distance_m",),
    )
    openings = [say(backend, plan, v).split("\n")[0] for v in range(20)]
    assert "500m 안에는 없어서 조금 더 넓게 찾아봤어요." in openings
    assert all("없" in o or "안 보" in o for o in openings)


def test_a_budget_is_not_claimed_when_a_shop_breaks_it(backend: TemplateBackend) -> None:
    plan = make_plan(
        intent=Intent.BUDGET_FOOD_INQUIRY,
        filters=Filters(budget_max=5000),
        recommendations=[shop(1, "봉천김밥", price_won=9000)],
    )
    assert all("5,000원" not in say(backend, plan, v) for v in range(20))


def test_unknown_card_acceptance_is_left_to_the_shop_only_when_asked(backend: TemplateBackend) -> None:
    asked = make_plan(intent=Intent.FOOD_RECOMMENDATION, text="급카 되는 데", recommendations=[shop(1, "봉천김밥")])
    for variety in range(20):
        said = say(backend, asked, variety)
        assert "카드" in said
        assert any(word in said for word in ("물어", "확인"))


def test_unknown_hours_are_admitted_and_the_phone_is_given(backend: TemplateBackend) -> None:
    facts = facts_of("봉천김밥") | {
        "opens": None,
        "closes": None,
        "open_state": "unknown",
        "break": None,
        "off_days": [],
    }
    text = say(backend, make_plan(intent=Intent.OPENING_HOURS_INQUIRY, shop_facts=facts))
    assert "02-880-1234" in text
    assert "21:30" not in text
    silent = say(backend, make_plan(intent=Intent.OPENING_HOURS_INQUIRY, shop_facts=facts | {"phone": None}))
    assert "02-" not in silent


@pytest.mark.parametrize("band", AGE_BANDS)
@pytest.mark.parametrize("intent", [Intent.SMALL_TALK, Intent.OUT_OF_SCOPE])
@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("배가 너무 아파", "119"),
        ("머리 아파", "119"),
        ("토할 것 같아", "119"),
        ("열나", "119"),
        ("나 많이 아파", "119"),
        ("학교 가기 싫어", "1388"),
        ("친구가 나 싫어해", "1388"),
        ("친구들이 나랑 안 놀아", "1388"),
    ],
)
def test_a_child_that_is_ill_or_worried_is_sent_to_an_adult_and_not_to_food(
    backend: TemplateBackend, band: str, intent: Intent, text: str, number: str
) -> None:
    plan = make_plan(intent=intent, age_band=band, text=text)  # type: ignore[arg-type]
    for variety in range(12):
        said = say(backend, plan, variety)
        assert number in said
        assert check(said, plan).ungrounded == ()
        assert not any(word in said for word in ("먹", "맛", "배고프", "음식", "식당", "식사", "!", "😊"))


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("배고파", "hungry"),
        ("열나 재밌어", "any"),
        ("이제 배 안 아파 다 나았어", "any"),
        ("오늘 시험 망했어", "sad"),
        ("커피 나왔어", "any"),
        ("친구가 매운 거 싫어해", "any"),
        ("아파트 살아", "any"),
    ],
)
def test_other_small_talk_is_not_taken_for_illness(text: str, topic: str) -> None:
    assert small_talk_topic(text) == topic


def test_a_meal_that_made_ill_is_not_thanked_for(backend: TemplateBackend) -> None:
    plan = make_plan(intent=Intent.FEEDBACK, text="밥 먹고 토했어")
    assert all("119" in say(backend, plan, v) for v in range(6))


@pytest.mark.parametrize("band", AGE_BANDS)
def test_words_for_the_heart_are_followed_by_those_for_the_body(backend: TemplateBackend, band: str) -> None:
    verdict = SafetyVerdict(action="escalate", kinds=("distress",), lines=("1388", "109"))
    for text, number in (("열이 많이 나요", True), ("너무 힘들어", False)):
        plan = make_plan(
            intent=Intent.SAFETY, age_band=band, text=text, safety=verdict, safety_text="1388과 109가 들어 줘요."
        )  # type: ignore[arg-type]
        said = say(backend, plan)
        assert said.startswith("1388과 109가 들어 줘요.")
        assert ("119" in said) is number


def test_a_dish_for_an_upset_stomach_is_still_looked_for() -> None:
    plan = make_plan(
        intent=Intent.FOOD_RECOMMENDATION, text="배 아픈데 죽 먹고 싶어", recommendations=[shop(1, "봉천죽")]
    )
    assert plan.kind == "recommend"


@pytest.mark.parametrize("text", ["두번째 전번", "폰번호 뭐야", "연락처 알려줘"])
def test_the_short_words_for_a_phone_number_are_understood(backend: TemplateBackend, text: str) -> None:
    plan = make_plan(intent=Intent.SHOP_DETAIL, text=text, shop_facts=facts_of("봉천김밥"))
    assert "02-880-1234" in say(backend, plan)


@pytest.mark.parametrize("band", AGE_BANDS)
@pytest.mark.parametrize(
    ("text", "thing"),
    [("두번째 가게 주차돼?", "주차"), ("와이파이 있어?", "와이파이"), ("화장실 있어?", "화장실"), ("예약 돼?", "예약")],
)
def test_what_no_row_tells_is_admitted_and_the_phone_is_given(
    backend: TemplateBackend, band: str, text: str, thing: str
) -> None:
    shops = {"phone": facts_of("봉천김밥"), "silent": facts_of("봉천김밥") | {"phone": None}}
    for variety in range(6):
        said = {}
        for kind, row in shops.items():
            plan = make_plan(intent=Intent.SHOP_DETAIL, age_band=band, text=text, shop_facts=row)  # type: ignore[arg-type]
            said[kind] = say(backend, plan, variety)
            assert thing in said[kind]
            assert any(word in said[kind] for word in ("몰라", "않아요", "못합니다"))
            assert "봉천로" not in said[kind]
        assert "02-880-1234" in said["phone"]
        assert "02-" not in said["silent"]
    unnamed = make_plan(intent=Intent.OUT_OF_SCOPE, age_band=band, text=text)  # type: ignore[arg-type]
    assert "가게에" in say(backend, unnamed)


@pytest.mark.parametrize(
    ("text", "has", "lacks"),
    [
        ("한도 얼마야", "9,000원", "35,000원"),
        ("한 끼에 얼마까지 돼", "9,000원", "35,000원"),
        ("얼마야", "35,000원", "9,000원"),
        ("이번 달 얼마 남았어", "35,000원", "9,000원"),
    ],
)
def test_a_limit_is_not_answered_with_the_balance(backend: TemplateBackend, text: str, has: str, lacks: str) -> None:
    plan = make_plan(
        intent=Intent.MEAL_CARD_INQUIRY,
        text=text,
        card={"balance_won": 35000, "meal_limit_won": 9000, "monthly_limit_won": None},
    )
    for variety in range(6):
        assert has in say(backend, plan, variety)
        assert lacks not in say(backend, plan, variety)


@pytest.mark.parametrize("band", AGE_BANDS)
@pytest.mark.parametrize(
    ("relaxed", "silent", "word"),
    [("budget_max", {"price_won": None}, "없"), ("time_of_day", {"open_state": "unknown", "open_until": None}, "없")],
)
def test_what_is_not_known_of_any_shop_is_not_called_missing(
    backend: TemplateBackend, band: str, relaxed: str, silent: dict[str, object], word: str
) -> None:
    def first(*shops: Recommendation) -> set[str]:
        plan = make_plan(
            intent=Intent.BUDGET_FOOD_INQUIRY,
            age_band=band,  # type: ignore[arg-type]
            filters=Filters(budget_max=5000),
            recommendations=shops,
            relaxed=(relaxed,),
        )
        return {say(backend, plan, v).split("\n")[0] for v in range(6)}

    unknown = first(shop(1, "봉천김밥", **silent), shop(2, "서울치킨", **silent))
    assert all("물어" in said or "확인" in said for said in unknown)
    assert all(word not in said for said in unknown)
    partly = first(shop(1, "봉천김밥", **silent), shop(2, "서울치킨"))
    assert partly.isdisjoint(unknown)


def test_the_asked_dish_is_priced_and_a_missing_one_is_not_invented(backend: TemplateBackend) -> None:
    there = make_plan(intent=Intent.MENU_INQUIRY, filters=Filters(menus=("라면",)), shop_facts=facts_of("봉천김밥"))
    assert "4,500원" in say(backend, there)
    missing = make_plan(intent=Intent.MENU_INQUIRY, filters=Filters(menus=("돈까스",)), shop_facts=facts_of("봉천김밥"))
    assert "돈까스는" in say(backend, missing)
    assert "4,500원" in say(backend, missing)


def test_a_safety_plan_says_the_fixed_words_and_shows_no_shop(backend: TemplateBackend) -> None:
    verdict = SafetyVerdict(action="escalate", kinds=("self_harm",), lines=("109", "1388"))
    plan = make_plan(
        intent=Intent.FOOD_RECOMMENDATION,
        recommendations=[shop(1, "봉천김밥")],
        safety=verdict,
        safety_text="109에 전화해요.",
    )
    assert plan.shops == ()
    assert say(backend, plan) == "109에 전화해요."


def test_a_shop_name_cannot_become_markup(backend: TemplateBackend) -> None:
    plan = make_plan(
        intent=Intent.FOOD_RECOMMENDATION,
        recommendations=[shop(1, "<script>alert(1)</script>"), shop(2, "[여기](http://x.kr)")],
    )
    text = say(backend, plan)
    assert "<script" not in text.replace("\\<", "")
    assert "](http" not in text.replace("\\]", "")


@given(st.text(max_size=60))
def test_escaping_loses_no_visible_character(text: str) -> None:
    once = unescape(escape(text))
    assert unescape(escape(once)) == once
    assert "\n" not in escape(text)


def test_what_would_begin_a_list_is_escaped_only_where_a_line_begins(backend: TemplateBackend) -> None:
    plan = make_plan(intent=Intent.SHOP_DETAIL, text="어때?", shop_facts=facts_of("1. 분식"))
    for variety in range(6):
        for line in say(backend, plan, variety).split("\n"):
            assert not line.startswith("1. ")
            assert "1\\." not in line[1:]
    far = make_plan(
        intent=Intent.FOOD_RECOMMENDATION,
        recommendations=[shop(1, "- 분식", distance_m=1200, reason="1.2km 떨어져 있어요")],
    )
    said = [say(backend, far, v) for v in range(12)]
    assert all("1\\.2km" not in text for text in said)
    assert any("1. \\- 분식" in text for text in said)
    choices = ReplyPlan(kind="clarify", age_band="10-12", choices=("2. 김밥",))
    assert "- 2\\. 김밥" in say(backend, choices)


def test_a_damaged_bank_is_named(tmp_path: Path) -> None:
    for name in BANK_FILES:
        (tmp_path / name).write_text((REPLIES / name).read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "talk.json").write_text('[{"intent": "GREETING"}]', encoding="utf-8")
    with pytest.raises(DataError, match=r"talk\.json, record 0"):
        TemplateBank.load(tmp_path)


def test_a_template_reply_with_easing_takes_less_than_three_milliseconds(backend: TemplateBackend) -> None:
    replier = Replier(backend, rewriter=ChildFriendly.load(REPLIES / "easy_words.json"))
    plan = make_plan(intent=Intent.FOOD_RECOMMENDATION, recommendations=[shop(i, NAMES[i]) for i in (1, 2, 3)])
    times = []
    for variety in range(60):
        started = time.process_time()
        replier.reply(plan, variety=variety)
        times.append((time.process_time() - started) * 1000)
    assert statistics.median(times) < 12  # the goal is 3 ms on a quiet core; four times that fails only on a real slip


def test_the_report_finds_what_is_wrong(backend: TemplateBackend) -> None:
    plan = make_plan(intent=Intent.FOOD_RECOMMENDATION, recommendations=[shop(1, "봉천김밥")])
    good = evaluate_replies([[plan]], lambda p, v: say(backend, p, v)).as_json()
    assert good["grounded_rate"] == 1
    assert good["wrong_particles"] == 0
    bad = evaluate_replies([[plan, plan]], lambda p, v: "봉천김밥는 9,999원이에요. 😀😀😀").as_json()
    assert bad["grounded_rate"] == 0
    assert bad["wrong_particles"] == 2
    assert bad["too_many_emoji"] == 2
    assert bad["repetition_rate"] == 0.5
