"""What a plan says as data for a language model: its facts, ready to be copied, and short points to be made in order."""

from __future__ import annotations

import re
from typing import Any

from aiyam.contracts import Recommendation, ReplyPlan
from aiyam.reply.amounts import distance_ko, price_ko, walk_minutes
from aiyam.reply.answers import answer_slots
from aiyam.reply.markdown import unescape
from aiyam.reply.templates import given_up

MODEL_KINDS = frozenset({"recommend", "no_result", "hours", "menu", "detail", "greeting", "thanks", "feedback"})
"""Plans a language model may word: all that is said stands in rows, or is a greeting. What asks back, cares, refuses or
explains the card is said in words that people wrote."""

_RELAXED = {
    "max_distance_m": "거리", "near_me": "바로 근처", "budget_max": "예산", "budget_min": "값", "district": "동네", "place": "장소",
    "category": "음식 종류", "menus": "메뉴", "taste": "맛", "dietary_preferences": "식단", "time_of_day": "시간",
    "good_shop": "착한가게", "delivery": "배달", "takeout": "포장", "companion": "같이 가는 사람", "atmosphere": "분위기",
    "exclude_taste": "빼 달라던 맛", "exclude_menus": "빼 달라던 메뉴",
}  # fmt: skip
_POINTS = {
    "unknown": "여는 시간을 모른다", "call": "전화로 물어보라고 한다", "no_phone": "가게에 물어보라고 한다",
    "off_today": "오늘은 쉬는 날이다", "hours": "여는 시간과 닫는 시간", "always": "하루 종일 연다",
    "now_open": "지금 열려 있고 닫는 시간", "now_break": "지금은 쉬는 시간", "now_closed": "지금은 닫혀 있고 여는 시간",
    "soon": "곧 닫는다", "rests": "쉬는 요일", "no_off_days": "쉬는 날이 따로 적혀 있지 않다", "not_off_then": "물어본 날에 쉰다고 적혀 있지 않다", "has_break": "중간에 쉬는 시간", "off_days": "쉬는 요일",
    "none_known": "메뉴를 아직 모른다", "contains": "그 메뉴에 그 알레르기 재료가 들어 있으니 먹지 말라고 한다",
    "sold_out": "그 메뉴는 다 팔렸다", "no_price": "그 메뉴는 있지만 값은 모른다", "price": "그 메뉴와 값",
    "none_safe": "피해야 할 재료가 없는 메뉴를 찾지 못했다", "not_there": "물어본 메뉴는 없다", "list": "메뉴와 값",
    "phone": "전화번호", "address": "주소", "distance": "거리", "no_address": "주소를 모른다", "no_distance": "거리를 모른다",
    "rating": "평점", "no_rating": "평점이 아직 없다", "unknown_fact": "물어본 것은 모른다", "ask_there": "가게에 물어보라고 한다",
    "card_yes": "급식카드를 받는다", "card_no": "급식카드를 받지 않는다", "card_unknown": "급식카드를 받는지 아직 모른다",
    "takeout_yes": "포장이 된다", "takeout_unknown": "포장되는지 모른다", "delivery_yes": "배달이 된다",
    "delivery_unknown": "배달되는지 모른다", "allergy": "알레르기는 가게에 먼저 물어보라고 한다", "good_yes": "착한가게다",
    "good_no": "착한가게 표시가 없다", "what": "어떤 가게인지",
}  # fmt: skip
_VALUES = {
    "name": "가게", "category": "종류", "opens": "여는 시간", "closes": "닫는 시간", "break": "중간 쉬는 시간",
    "off_days": "쉬는 요일", "phone": "전화", "address": "주소", "rating": "평점", "distance": "거리", "menu": "메뉴",
    "price": "값", "menus": "메뉴들", "dish": "물어본 메뉴", "allergen": "알레르기", "thing": "물어본 것",
}  # fmt: skip
_COMPARED = {
    "cheaper": "걸어갈 만한 곳에 더 싼 데는 없어서 대신 싼 순서로 보여 준다고 먼저 말한다",
    "nearer": "더 가까운 데는 없어서 대신 가까운 순서로 보여 준다고 먼저 말한다",
    "shown_before": "아까 보여 준 곳 가운데 있다고 먼저 말한다",
    "all_shown": "아까 보여 준 곳 말고는 없어서 더 넓혀 찾았다고 먼저 말한다",
}
_CARD = re.compile(r"카드|급카")
_STATES = {"break": "지금은 쉬는 시간", "closed": "지금은 닫혀 있음", "unknown": "여는 시간 모름"}


def data_of(plan: ReplyPlan) -> dict[str, Any]:
    """Return what the plan holds and what is to be said of it, as JSON types.

    Amounts are written as a reply writes them, so that copying them keeps them true.

    Raises:
        ValueError: a plan of a kind that is not in ``MODEL_KINDS``.
    """
    if plan.kind not in MODEL_KINDS:
        raise ValueError(f"expected a plan of one of {sorted(MODEL_KINDS)}, got {plan.kind!r}")
    facts: dict[str, Any] = {"할 말": _points(plan)}
    if plan.shops and plan.kind == "recommend":
        facts["가게들"] = [_shop(shop, plan) for shop in plan.shops]
    if plan.kind in ("hours", "menu", "detail"):
        _, values = answer_slots(plan)
        facts["가게"] = {_VALUES[key]: _plain(value) for key, value in values.items() if key in _VALUES and value}
    return facts


def _points(plan: ReplyPlan) -> list[str]:
    points = []
    if plan.facts.get("masked"):
        points.append("전화번호나 주소 같은 것은 적지 않아도 되고 가려 두었다고 한다")
    if plan.facts.get("kept"):
        points.append(f"{', '.join(plan.facts['kept'])}: 못 먹는 재료로 기억해 둔다고 한다")
    if plan.kind == "recommend":
        points += _recommend_points(plan)
    elif plan.kind == "no_result":
        points += ["딱 맞는 곳을 못 찾았다", "조건을 바꿔 다시 찾아보자고 한다"]
    elif plan.kind in ("hours", "menu", "detail"):
        slots, _ = answer_slots(plan)
        points += [_POINTS[slot] for slot in slots if slot in _POINTS]
        if plan.kind == "menu" and plan.facts.get("avoid"):
            points.append(_POINTS["allergy"])
    elif plan.kind == "feedback":
        tone = plan.facts.get("topic")
        points.append({"good": "맛있었다니 기쁘다", "bad": "아쉬웠겠다고 한다"}.get(str(tone), "알려 줘서 고맙다"))
    elif plan.kind == "thanks":
        points.append("도움이 돼서 기쁘다")
    else:
        points += ["인사한다", "무엇을 먹고 싶은지 묻는다"]
    return points


def _recommend_points(plan: ReplyPlan) -> list[str]:
    points = [_opening_point(given_up(plan) if plan.relaxed else "")]
    points.append("가게마다 이름, 메뉴와 값, 이유 하나를 말한다")
    if any(shop.allergy_note for shop in plan.shops):
        points.append(_POINTS["allergy"])
    if plan.facts.get("asked_card") and any(shop.meal_card == "unknown" for shop in plan.shops):
        points.append("급식카드가 되는지는 가게에 확인하라고 한다")
    if plan.facts.get("thing"):
        points.append(f"{plan.facts['thing']} 이야기는 적혀 있지 않으니 가게에 물어보라고 한다")
    if plan.facts.get("later"):
        points.append("말한 때에 여는지는 가려내지 못했으니 여는 시간을 확인하라고 한다")
    if "limit_won" in plan.facts:
        points.append(f"카드로는 이번에 {price_ko(plan.facts['limit_won'])}까지 낼 수 있다고 한다")
    points.append("마음에 드는 곳이 있는지 묻는다")
    return points


def _opening_point(relaxed: str) -> str:
    if not relaxed:
        return "골라 봤다고 짧게 말한다"
    if relaxed in _COMPARED:
        return _COMPARED[relaxed]
    if relaxed in ("price_unknown", "hours_unknown"):
        what = "값" if relaxed == "price_unknown" else "여는 시간"
        return f"이 가게들은 {what}이 적혀 있지 않으니 가기 전에 물어보라고 먼저 말한다"
    return f"'{_RELAXED.get(relaxed, '말한 조건')}'에 맞는 곳이 없어서 넓혀 찾았다고 먼저 말한다"


def _shop(shop: Recommendation, plan: ReplyPlan) -> dict[str, Any]:
    walk = walk_minutes(shop.distance_m) if shop.distance_m is not None else None
    reasons = [part for part in shop.reason.split(" · ") if plan.facts.get("asked_card") or not _CARD.search(part)]
    card = {"yes": "됨", "no": "안 됨", "unknown": "모름"}[shop.meal_card] if plan.facts.get("asked_card") else None
    known = {
        "번호": shop.rank,
        "이름": shop.name,
        "종류": shop.category,
        "메뉴": shop.menu if shop.price_won is not None else None,
        "값": price_ko(shop.price_won) if shop.menu and shop.price_won is not None else None,
        "거리": distance_ko(shop.distance_m) if shop.distance_m is not None else None,
        "걸어서": f"{walk}분" if walk is not None else None,
        "영업": _STATES.get(shop.open_state, f"{shop.open_until}까지" if shop.open_until else None),
        "여는 때": shop.opens_at if shop.open_state != "open" else None,
        "평점": f"{shop.rating:.1f}점" if shop.rating is not None else None,
        "이유": " · ".join(reasons) or None,
        "착한가게": True if shop.good_shop else None,
        "급식카드": card,
    }
    return {key: value for key, value in known.items() if value not in (None, "")}


def _plain(value: Any) -> Any:
    return unescape(value) if isinstance(value, str) else value
