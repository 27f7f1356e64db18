"""What a reply must not leave out: the shop it is about, that something was given up, a warning about allergies."""

from __future__ import annotations

import re

from aiyam.contracts import ReplyPlan
from aiyam.reply.markdown import unescape

_ABOUT_A_SHOP = ("hours", "menu", "detail")
_GAVE_UP = re.compile(
    r"없|못|않|안\s*(?:보|나|적|맞)|대신|넓|적혀|물어|몰라|모르|모릅|확인|섞여|빼고|도\s(?:파는|있)|(?:다른|조금|더)\s[^.!?]*(?:봤|골랐|찾았|넣었|늘렸|풀었)"
)
_WARNS = re.compile(r"알레르기|알러지|물어|확인|못\s*먹는")


def missing(text: str, plan: ReplyPlan) -> str | None:
    """Name what a whole reply to the plan leaves out; None when nothing.

    >>> from aiyam.contracts import Recommendation
    >>> shop = Recommendation(shop_id="s", rank=1, score=1.0, name="봉천김밥", category="분식")
    >>> missing("여기 어때요?", ReplyPlan(kind="recommend", age_band="10-12", shops=(shop,)))
    'the shop 봉천김밥'
    """
    said = _tight(unescape(text))
    names = [shop.name for shop in plan.shops] if plan.kind == "recommend" else []
    if plan.kind in _ABOUT_A_SHOP and plan.facts.get("shop"):
        names = [str(plan.facts["shop"]["name"])]
    for name in names:
        if _tight(name) not in said:
            return f"the shop {name}"
    if plan.kind == "recommend" and plan.relaxed and not _GAVE_UP.search(text):
        return f"that {plan.relaxed[0]} was given up"
    warned = plan.facts.get("avoid") if plan.kind == "menu" else any(shop.allergy_note for shop in plan.shops)
    if warned and plan.kind in ("recommend", "menu") and not _WARNS.search(text):
        return "the word about allergies"
    return None


def _tight(text: str) -> str:
    return "".join(text.split())
