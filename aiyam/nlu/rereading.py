"""What a message is in its dialogue where it cannot be told by itself: the question it repeats, what it takes back."""

from __future__ import annotations

import re

from aiyam.contracts import RECOMMENDING_INTENTS, SHOP_QUESTION_INTENTS, DialogueState, Filters, Intent, Understanding
from aiyam.nlu import carry_over, taken_back
from aiyam.nlu.about_person import only_tells_of_person
from aiyam.nlu.comparing import asks_to_walk
from aiyam.nlu.follow_ups import only_names_dish, read_as_refinement, told_of_oneself
from aiyam.nlu.reference import (
    THAT_ONE_REJECTED,
    bare_kind,
    bare_number,
    chosen_instead,
    number_in,
    shown_by_name,
)
from aiyam.nlu.shop_columns import ShopColumns
from aiyam.nlu.unknown_shops import asked_intent

RULE_CONFIDENCE = 0.6
"""Confidence of an intent that a rule of the dialogue gave."""
_CHATTER = frozenset({Intent.SMALL_TALK, Intent.OUT_OF_SCOPE, Intent.HELP})
_OF_ONE_SHOP = re.compile(
    r"메뉴|사이드|음료|세트|얼마|가격|몇\s?시|주차|화장실|전화|전번|연락처|주소|위치|자리|예약|브레이크|영업|번호\s?(?:좀|알려|뭐)|^어디(?:야|임|여|예요|에요|있어|에\s?있)"
)
"""Words that ask about the shop spoken of, even where the message by itself reads as chatter."""

MAX_ASKED_CHARS = 20
"""A longer message is chatter though one of these words stands in it."""
_DOES_IT = re.compile(
    r"(?:그럼\s?)?(?:배달|포장|급카|급식카드|카드|예약|주차)(?:도|은|는|이|가)?\s?(?:되|돼|가능|받|할\s?수\s?있)(?:나|나요|어|어요|니|냐|요|해|해요|한가요|아|아요|는지)?\s?[?]+"
)
_ASKS_OF_IT = re.compile(
    rf"(?:근데|그럼|혹시)?\s?(?:아까\s?)?(?:거기|거긴|그곳|그\s?(?:집|가게|식당))(?:은|는|의|도|에)?\s(?:{_OF_ONE_SHOP.pattern})"
)
"""Words that ask about the shop spoken of and point at it."""
_ANY_OF_THEM = re.compile(
    r"(?:음|어|그냥|걍)?\s?(?:아무\s?(?:거|데|곳|집)나|아무나|다|전부|셋\s?다|둘\s?다|상관\s?없어|몰라)(?:요|도)?(?:\s?(?:(?:알려|골라|말해|해)\s?(?:줘|주세요|주시오|줄래)|괜찮아|좋아)요?)?[!.~ㅋㅎ ]*"
)
"""An answer to "which shop?" that leaves the choice to us."""
_THAT_SHOP = re.compile(
    r"(?:근데\s?|그럼\s?)?(?:아까|방금|좀\s?전)(?:에|에\s?(?:말한|본|보여\s?준))?\s?(?:그\s?)?(?:[가-힣]{0,5}(?:집|가게|식당)|거기|그거)(?:은|는|요|이요)?[?!.~ ]*"
)
"""A shop named as the one of a while ago, with nothing asked: what it is like is told."""


def read_as(understanding: Understanding, intent: Intent, filters: Filters | None = None) -> Understanding:
    """Return the message as a rule of the dialogue reads it, which is sure of it."""
    update = {"intent": intent, "confidence": max(understanding.confidence, RULE_CONFIDENCE)}
    return understanding.model_copy(update=update if filters is None else update | {"filters": filters})


def asked_again(
    text: str, understanding: Understanding, state: DialogueState, catalogue: ShopColumns
) -> Understanding | None:
    """Read an answer to "which shop?", or "두 번째는?" after a question: the same is asked of another shop; None otherwise.

    A number by itself asks about that shop, whatever the intent model makes of it.
    """
    if THAT_ONE_REJECTED.search(text):
        return None
    number = bare_number(text, understanding, state) or bare_kind(text, state, catalogue)
    named = bool(state.offered_shop_ids) and shown_by_name(text, state, catalogue) in state.offered_shop_ids
    if (
        state.asked_intent is not None
        and state.asks
        and state.offered_shop_ids
        and _ANY_OF_THEM.fullmatch(text.strip())
    ):
        return read_as(understanding, state.asked_intent)
    if state.asked_intent is not None and not asked_intent(text):
        again = number == "asked" or (bool(number or named) and (state.asks or bool(state.offered_shop_ids)))
        if again:
            return read_as(understanding, state.asked_intent)
    if named and understanding.intent not in SHOP_QUESTION_INTENTS:
        return read_as(understanding, asked_intent(text) or Intent.SHOP_DETAIL)
    return None


def as_meant_here(
    text: str, understanding: Understanding, state: DialogueState, catalogue: ShopColumns
) -> Understanding:
    """Correct what one message by itself cannot tell: which question it repeats, what it takes back, what it changes."""
    intent = understanding.intent
    if _takes_back(text, understanding, state):
        return read_as(understanding, Intent.REFINE)
    if intent not in RECOMMENDING_INTENTS and only_tells_of_person(text):
        return read_as(understanding, Intent.REFINE, told_of_oneself(text, understanding))
    if state.focus_shop_id is not None and asks_to_walk(text):
        return read_as(understanding, Intent.SHOP_DETAIL)
    if intent is Intent.MENU_INQUIRY and state.focus_shop_id is None and only_names_dish(text, understanding):
        return read_as(understanding, Intent.REFINE)
    if intent in SHOP_QUESTION_INTENTS:
        return understanding
    if _THAT_SHOP.fullmatch(text.strip()) and state.shown_shop_ids and intent is not Intent.REFINE:
        return read_as(understanding, Intent.SHOP_DETAIL)
    listed = intent in RECOMMENDING_INTENTS
    instead = chosen_instead(text)
    if instead is not None and listed and state.shown_shop_ids and (asked := asked_intent(instead)):
        return read_as(understanding, asked)
    if state.shown_shop_ids and (listed or intent in _CHATTER) and not THAT_ONE_REJECTED.search(text):
        numbered = number_in(text, understanding, state) is not None
        if numbered and (bare_number(text, understanding, state) or asked_intent(text)):
            return read_as(understanding, asked_intent(text) or Intent.SHOP_DETAIL)
    about_focus = state.focus_shop_id is not None and (
        _DOES_IT.fullmatch(text.strip())
        or (intent in _CHATTER and len(text) <= MAX_ASKED_CHARS and _OF_ONE_SHOP.search(text))
        or (intent is Intent.REFINE and not understanding.filters.given() and _ASKS_OF_IT.match(text))
    )
    if about_focus:
        return read_as(understanding, asked_intent(text) or Intent.SHOP_DETAIL)
    changed = told_of_oneself(text, understanding) or read_as_refinement(text, understanding, state)
    if changed is not None:
        return read_as(understanding, Intent.REFINE, changed)
    return _without_shop_as_dish(text, understanding, state, catalogue) if listed else understanding


def _takes_back(text: str, understanding: Understanding, state: DialogueState) -> bool:
    """Tell whether a message only takes back what held; one that names food is a wish of its own."""
    said = taken_back.let_go(text, understanding.filters)
    intent = understanding.intent
    if intent in (Intent.THANKS, Intent.GREETING) or said.menus or said.category:
        return False
    if (intent in SHOP_QUESTION_INTENTS or intent is Intent.MEAL_CARD_INQUIRY) and taken_back.is_asked(text):
        return False
    if state.intent is not None and (carry_over.starts_over(text) or carry_over.goes_back(text)):
        return True
    held = set(state.filters.given()) | {state.filters.sort}
    if taken_back.waived(text) & held or taken_back.allergies_taken_back(text, state):
        return True
    return taken_back.let_go(text, state.filters) != state.filters


def _without_shop_as_dish(
    text: str, understanding: Understanding, state: DialogueState, catalogue: ShopColumns
) -> Understanding:
    """Drop a dish that is the name of a shop on the screen (달빛떡볶이 말고)."""
    shop_id = shown_by_name(text, state, catalogue)
    if shop_id is None:
        return understanding
    name = catalogue.names[catalogue.row_of[shop_id]].replace(" ", "")

    def others(dishes: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return tuple(d for d in dishes or () if d.replace(" ", "") not in name) or None

    said = understanding.filters
    update = {"menus": others(said.menus), "exclude_menus": others(said.exclude_menus)}
    return understanding.model_copy(update={"filters": said.model_copy(update=update)})
