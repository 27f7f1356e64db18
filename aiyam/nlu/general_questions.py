"""Messages told by their wording alone: questions about the card or about 착한가게 as such, and a no that asks for nothing."""

from __future__ import annotations

import re

from aiyam.contracts import RECOMMENDING_INTENTS, SHOP_QUESTION_INTENTS, EntityType, Intent, Understanding

_GOOD_SHOP = r"(?:착한\s?가게|선한\s?영[향양]력?\s?가게|선한\s?가게)"
_OF_GOOD_SHOPS = re.compile(
    rf"(?:.{{0,8}}\s)?{_GOOD_SHOP}(?:들)?(?:은|는|이|가|란|이란|에서는?|에|도|을|를)?\s?(?:도대체|대체|진짜|정말|원래|다|그냥|무슨)?\s?"
    r"(?:뭐(?:야|예요|에요|임|지|니|냐|인가|하는|래|죠)|뭔(?:데|가|지)|무엇|무슨\s?(?:뜻|말|가게|곳)|뜻이?\s?(?:뭐|무)|왜\s?착한"
    r"|(?:공짜|무료)(?:로\s?(?:줘|주|먹))?(?:야|예요|에요|임|인가|인지|이야|이에요|맞|\?|니|냐|줘|주[나는])|(?:돈|값)\s?(?:을|은)?\s?(?:안\s?[내받]|[내받])"
    r"|(?:누구나|아무나|누가|나도|저도|우리도|어른도|혼자도?)\s?(?:다\s?)?(?:가|갈|쓸|먹|이용|돼|되)|(?:가도|먹어도)\s?(?:돼|되)"
    r"|어떻게\s?(?:이용|써|쓰|가|해|하|먹|알))[가-힣 ]{0,10}[?!.~ㅠ ]*"
)
_CARD_LIMIT = re.compile(
    r"(?:한\s?끼|끼니|하루|한\s?번|한\s?달|이번\s?달|이번\s?주|일주일|오늘)(?:에|당|마다|은|는)?\s?(?:총\s?|다\s?|나\s?)?(?:얼마|몇\s?(?:원|번|끼))(?:까지|나|씩|를|정도)?\s?(?:까지\s?)?(?:돼|되|쓸|써|쓰|썼|쓴|먹을|가능)[가-힣 ]{0,8}[?!.~ ]*"
)
_DECLINES = re.compile(
    r"(?:나는?|난|저는?|전|우리|그냥|걍|오늘은?|지금은?|아니|에이|음|이제|그럼)?\s?(?:나는?|난|그냥|걍)?\s?(?:안\s?(?:갈래|갈게|갈\s?거야|가|먹을래|먹을게|먹을\s?거야|시킬래|할래)|(?:다음|나중)에\s?(?:갈게|갈래|먹을게|먹을래|할게|할래))(?:요|용)?[!.~ㅠㅜㅋ ]*"
)
_POINTS = re.compile(r"거기|여기|저기|그\s?(?:집|가게|식당|곳)|\d\s?번|번째")


def general_question(text: str, understanding: Understanding) -> Intent | None:
    """Return what a normalised text is by its wording where the model takes it for a list or a shop; None elsewhere.

    A question about 착한가게 as such is HELP, one about what the card pays is MEAL_CARD_INQUIRY, a plain no SMALL_TALK.
    """
    intent, plain = understanding.intent, text.strip()
    if intent is Intent.SAFETY or any(e.entity in _OF_ONE for e in understanding.entities) or _POINTS.search(plain):
        return None
    if _OF_GOOD_SHOPS.fullmatch(plain):
        return Intent.HELP
    if intent in _MISTAKEN and _CARD_LIMIT.fullmatch(plain):
        return Intent.MEAL_CARD_INQUIRY
    if intent in _MISTAKEN and _DECLINES.fullmatch(plain):
        return Intent.SMALL_TALK
    return None


_OF_ONE = (EntityType.SHOP_NAME, EntityType.ORDINAL, EntityType.MENU, EntityType.FOOD_TYPE)
_MISTAKEN = frozenset(
    {
        *RECOMMENDING_INTENTS,
        *SHOP_QUESTION_INTENTS,
        Intent.OUT_OF_SCOPE,
        Intent.SMALL_TALK,
        Intent.HELP,
        Intent.FEEDBACK,
    }
)
