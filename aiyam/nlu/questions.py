"""The one short question asked when unsure: when it is asked, and choices that are whole messages and work when they are tapped."""

from __future__ import annotations

import re
from collections.abc import Sequence

from aiyam.contracts import (
    SHOP_QUESTION_INTENTS,
    Filters,
    Intent,
    TurnContext,
    Understanding,
    UserProfile,
)
from aiyam.korean.numerals import find_ordinals
from aiyam.nlu.shop_columns import ShopColumns

UNSURE_BELOW = 0.30
"""Calibrated confidence under which the bot asks instead of guessing."""
MAX_CHOICES = 4
MAX_TAIL_CHARS = 18
"""Longest question that is repeated behind a shop's name on a button."""
STARTERS_KO = ("밥 먹을 곳 추천해줘", "근처에 뭐 있어?", "착한가게 알려줘", "뭐 할 수 있어?")
_ANYWHERE = re.compile(r"아무\s?데|아무\s?곳|상관\s?없|어디든|어디나|다\s?(?:괜찮|좋)")
_ABOUT_PHONE = re.compile(r"전화|전번|연락처")
_POINTING = re.compile(
    r"^(?:근데|그럼|혹시)?\s?(?:아까|방금)?\s?(?:거기|거긴|여기|여긴|저기|그거|그\s?[가-힣]{0,4}(?:집|가게|식당|곳)|이\s?(?:집|가게))(?:는|은|도|에|엔)?\s?"
)
YES_KO = "응 찾아줘"
YES = re.compile(
    r"(?:응+|ㅇㅇ+|어+|네+|넵|넹|예|그래|그러자|좋아|ㅇㅋ|오키|오케이|ok|ㄱㄱ+|고고)(?:\s?(?:찾아|해|부탁해|그렇게\s?해)\s?(?:줘|주세요)?)?(?:요)?[~!. ]*"
)
FOREIGN = re.compile(r"[^가-힣ㄱ-ㆎ]*[a-zA-Z\u3040-\u30ff\u4e00-\u9fff]{2,}[^가-힣ㄱ-ㆎ]*")
_KEYBOARD_NOISE = re.compile(
    r"(?=.*(?:[ㅏㅑㅓㅕㅗㅛㅣㅐㅔㅒㅖ]|ㅂㅈㄷ|ㅈㄷㄱ|ㅁㄴㅇ|ㄴㅇㄹ|ㅇㄹㅎ|ㅋㅌㅊ|ㅌㅊㅍ))[ㄱ-ㅎㅏ-ㅣ]{4,}"
)
"""Keys hit in a row, or vowels alone that nobody laughs or cries with (ㅠㅜㅡ are left out)."""
_TAILS_KO = {
    Intent.OPENING_HOURS_INQUIRY: "몇 시까지 해?",
    Intent.MENU_INQUIRY: "메뉴 알려줘",
    Intent.SHOP_DETAIL: "어디야?",
}
_CHOICE_KO = {
    Intent.FOOD_RECOMMENDATION: "밥 먹을 곳 추천해줘",
    Intent.BUDGET_FOOD_INQUIRY: "싼 밥집 알려줘",
    Intent.GOOD_SHOP_INQUIRY: "착한가게 알려줘",
    Intent.LOCATION_INQUIRY: "근처에 뭐 있어?",
    Intent.MEAL_CARD_INQUIRY: "급식카드는 어디서 써?",
    Intent.HELP: "뭐 할 수 있어?",
}


def is_unsure(understanding: Understanding) -> bool:
    """Tell whether a message is better asked about than guessed at; danger never is."""
    if understanding.intent is Intent.SAFETY or understanding.entities:
        return False
    noise = _KEYBOARD_NOISE.fullmatch(understanding.original_query.replace(" ", ""))
    return understanding.confidence < UNSURE_BELOW or noise is not None


def unsure_choices(understanding: Understanding) -> tuple[str, ...]:
    """Offer what the message most likely wanted, then the ways to begin."""
    first = _CHOICE_KO.get(understanding.intent)
    return tuple(dict.fromkeys(c for c in (first, *STARTERS_KO) if c))[:MAX_CHOICES]


def shop_choices(names: Sequence[str], understanding: Understanding) -> tuple[str, ...]:
    """Offer shops to ask the same of; ways to begin where there are none. Namesakes are told by number."""
    if not names:
        return STARTERS_KO[:3]
    tail = _tail(understanding)
    return tuple(f"{n}번 {tail}" if names.count(name) > 1 else f"{name} {tail}" for n, name in enumerate(names, 1))


def names_to_choose(shops: Sequence[str], catalogue: ShopColumns) -> tuple[str, ...]:
    """Return the names of the shops that a question offers; none where there are fewer than two to choose among."""
    known = [s for s in shops if s in catalogue.row_of][:MAX_CHOICES]
    return tuple(catalogue.names[catalogue.row_of[s]] for s in known) if len(known) > 1 else ()


def turn_down_choices(n_shown: int) -> tuple[str, ...]:
    """Offer to turn down each shop shown by its number, or all of them."""
    return (*(f"{n}번 말고 다른 데" for n in range(1, min(n_shown, MAX_CHOICES - 1) + 1)), "다른 데 보여줘")


def _tail(understanding: Understanding) -> str:
    """Return the question in the child's own words, to stand behind a shop's name."""
    asked = understanding.original_query
    if _ABOUT_PHONE.search(asked):
        return "전화번호 알려줘"
    if understanding.intent is Intent.SHOP_DETAIL and not find_ordinals(asked):
        pointing = _POINTING.match(asked)
        own = asked[pointing.end() if pointing else 0 :].strip()
        if 2 <= len(own) <= MAX_TAIL_CHARS:
            return own
    return _TAILS_KO[understanding.intent if understanding.intent in SHOP_QUESTION_INTENTS else Intent.SHOP_DETAIL]


def place_is_missing(text: str, filters: Filters, follows: bool, user: UserProfile, context: TurnContext) -> bool:
    """Tell whether a request needs a place and nobody ever named one; a dish is looked for anywhere."""
    known = (filters.district, filters.place, context.district, context.place, context.lat, user.district, user.lat)
    if any(value is not None for value in known) or filters.menus or filters.category or _ANYWHERE.search(text):
        return False
    if filters.near_me or filters.sort == "distance" or filters.max_distance_m is not None:
        return True
    return not follows and not set(filters.given()) - {"allergies"}
