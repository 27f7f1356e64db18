"""Traces as the pipeline makes them, built from the contracts alone, for tests that need a filled store."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from aiyam.contracts import (
    KST,
    DialogueState,
    Entity,
    FeedbackRecord,
    Filters,
    GroundingVerdict,
    Intent,
    LocationFilter,
    Recommendation,
    ReplyPlan,
    SafetyVerdict,
    StageTime,
    Trace,
    Understanding,
    Versions,
)
from aiyam.store import Store
from aiyam.store.conversations import record_feedback, record_turn

DAY = datetime(2026, 3, 2, 12, 0, tzinfo=KST)

SHOPS = (
    ("s-0001", "신림동떡볶이", "분식", "관악구", "국물떡볶이", 5000),
    ("s-0002", "서울대입구 바삭치킨", "치킨", "관악구", "순살후라이드", 9000),
    ("s-0003", "봉천마라탕", "아시안", "관악구", "마라탕", 8500),
    ("s-0004", "낙성대 손칼국수", "한식", "관악구", "바지락칼국수", 8000),
    ("s-0005", "신촌수제버거", "패스트푸드", "서대문구", "치즈버거", 6900),
    ("s-0006", "망원 집밥식당", "한식", "마포구", "된장찌개", 7500),
)

# message, intent, spans (type, value, surface), filters, first shop
ASKED = (
    ("신림동에서 떡볶이 먹고 싶어", "FOOD_RECOMMENDATION",
     (("location", "신림동", "신림동"), ("menu", "떡볶이", "떡볶이")), {"menus": ["떡볶이"], "district": "관악구"}, 0),
    ("급식카드 되는 치킨집 추천해줘", "FOOD_RECOMMENDATION",
     (("payment", "meal_card", "급식카드"), ("food_type", "치킨", "치킨집")), {"category": "치킨", "meal_card": True}, 1),
    ("만원으로 둘이 먹을 만한 데", "BUDGET_FOOD_INQUIRY",
     (("budget", 10000, "만원"), ("companion", "friends", "둘이")), {"budget_max": 10000, "companion": "friends"}, 4),
    ("착한가게 어디 있어?", "GOOD_SHOP_INQUIRY", (), {"good_shop": True}, 5),
    ("땅콩 알레르기 있는데 마라탕 먹어도 돼?", "FOOD_RECOMMENDATION",
     (("allergy", "땅콩", "땅콩 알레르기"), ("menu", "마라탕", "마라탕")),
     {"menus": ["마라탕"], "allergies": ["땅콩"]}, 2),
    ("더 싼 데는?", "REFINE", (), {"sort": "price"}, 3),
)  # fmt: skip


def recommendation(number: int, *, rank: int = 1, score: float = 0.9) -> Recommendation:
    """Return one of the sample shops as a card."""
    shop_id, name, category, district, menu, price = SHOPS[number % len(SHOPS)]
    return Recommendation(
        shop_id=shop_id, rank=rank, score=score, funnels={"content": score, "contextual": score / 2}, name=name,
        category=category, district=district, address=f"서울 {district}", reason=f"{menu}가 맛있는 곳이야",
        menu=menu, price_won=price, distance_m=150 * rank, open_state="open", open_until="21:00", meal_card="yes",
        lat=37.48, lon=126.93, propensity=0.5, synthetic=True,
    )  # fmt: skip


def make_trace(
    turn_id: str = "t-1",
    *,
    session_id: str = "session-1",
    user_id: str = "child-1",
    at: datetime = DAY,
    asked: int = 0,
    n_shown: int = 3,
    response: str | None = None,
    **changes: object,
) -> Trace:
    """Return a whole trace for one of the sample questions; ``changes`` replace its fields."""
    text, intent, spans, filters, first = ASKED[asked % len(ASKED)]
    entities = tuple(
        Entity(
            entity=kind, value=value, text=surface, start=text.index(surface), end=text.index(surface) + len(surface)
        )
        for kind, value, surface in spans
    )
    shown = tuple(recommendation(first + k, rank=k + 1, score=round(0.9 - 0.1 * k, 3)) for k in range(n_shown))
    wanted = Filters(**filters)  # type: ignore[arg-type]
    trace = Trace(
        turn_id=turn_id, session_id=session_id, timestamp=at, user_id=user_id, user_input=text,
        understanding=Understanding(
            original_query=text, intent=Intent(intent), confidence=0.93, entities=entities, semantic_query=text,
            filters=wanted, budget_filter=wanted.budget_max,
            location_filter=LocationFilter(district=wanted.district) if wanted.district else None,
        ),
        funnel_counts={"collaborative": 40, "content": 22, "contextual": 50, "popularity": 30} if shown else {},
        n_candidates=118 if shown else 0, recommendations=shown,
        plan=ReplyPlan(kind="recommend" if shown else "small_talk", age_band="10-12", shops=shown),
        response=response if response is not None else (f"{shown[0].name} 어때?" if shown else "안녕! 뭐 먹고 싶어?"),
        stage_ms=StageTime(understand=1.9, candidates=6.2, rank=4.4, reply=0.8, total=13.6),
        versions=Versions(nlu="v1", ranker="v1", nlg="template-1", child="rules-1"),
        state=DialogueState(filters=wanted, intent=Intent(intent), shown_shop_ids=tuple(s.shop_id for s in shown), n_turns=1),
        synthetic=True,
    )  # fmt: skip
    return trace.model_copy(update=changes)


def make_feedback(
    trace: Trace, kind: str = "clicked", *, score: int | None = None, position: int = 0
) -> FeedbackRecord:
    """Return feedback on a shop of a trace, or on the turn when it showed none."""
    shop_id = trace.recommendations[position].shop_id if trace.recommendations and kind != "thumb" else None
    return FeedbackRecord(
        turn_id=trace.turn_id, user_id=trace.user_id, shop_id=shop_id, feedback_type=kind,  # type: ignore[arg-type]
        satisfaction_score=score, reason="가까워서 좋았어" if score == 5 else None, timestamp=trace.timestamp,
    )  # fmt: skip


def fill(store: Store, *, n_turns: int, day: datetime = DAY, seed: int = 7) -> list[Trace]:
    """Store a plausible day: some twenty children, several turns each, a few refusals, and feedback on about a third."""
    draw = random.Random(seed)
    traces = []
    for i in range(n_turns):
        child = draw.randrange(20)
        at = day.replace(hour=10) + timedelta(minutes=draw.randrange(600), seconds=i % 60)
        changes: dict[str, object] = {"stage_ms": StageTime(understand=1.9, candidates=6.2, rank=4.4, reply=0.8,
                                                            total=round(draw.lognormvariate(2.6, 0.4), 2))}  # fmt: skip
        if i % 17 == 3:
            changes |= {
                "user_input": "술집 알려줘",
                "understanding": Understanding(original_query="술집 알려줘", intent="OUT_OF_SCOPE", confidence=0.98),
                "safety": SafetyVerdict(action="refuse", kinds=("alcohol",)),
                "recommendations": (), "response": "술은 도와줄 수 없어. 대신 맛있는 밥집을 찾아 줄까?",
                "plan": ReplyPlan(kind="refuse", age_band="13-15"),
            }  # fmt: skip
        elif i % 23 == 5:
            changes |= {"grounding": GroundingVerdict(grounded=False, ungrounded=("12,000원",), replaced=True)}
        trace = make_trace(f"t-{seed}-{i:05d}", session_id=f"session-{seed}-{child}", user_id=f"child-{child}", at=at,
                           asked=draw.randrange(len(ASKED)), **changes)  # fmt: skip
        record_turn(store, trace)
        traces.append(trace)
        if trace.recommendations and draw.random() < 0.3:
            record_feedback(store, make_feedback(trace, draw.choice(["clicked", "clicked", "ordered", "favorited"])))
        if draw.random() < 0.25:
            record_feedback(store, make_feedback(trace, "thumb", score=draw.choice([5, 5, 5, 1])))
    return traces
