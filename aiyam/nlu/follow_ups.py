"""Whether a message goes on from the last results or opens a topic, whatever the intent model called it."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from aiyam.contracts import DialogueState, EntityType, Filters, Intent, Understanding
from aiyam.nlu.about_person import only_tells_of_person, told_of_person
from aiyam.nlu.carry_over import ends_topic, narrows
from aiyam.nlu.directions import wishes_of
from aiyam.nlu.gazetteer import Gazetteer
from aiyam.nlu.lexicon import ATMOSPHERES, COMPANIONS
from aiyam.nlu.taken_back import is_asked

OTHERS = re.compile(
    r"이\s?중(?:에|에는|엔|에선)?\s?(?:없|맘|마음|별로)|다른\s?(?:데|곳|거|것|걸|집|가게|식당|메뉴|음식|추천)|딴\s?(?:데|곳|거|것|걸|집)|더\s?(?:보여|없|있|추천)|또(?=\s|$|\s?(?:없|있|다른|보여|추천))|다음\s?(?:거|것|꺼)|^다음|하나\s?더|별[로루]|맘에\s?안|마음에\s?안|싫|다시\s?추천|새로운"
)
"""Words that ask for shops other than those shown."""
_MAY_CONTINUE = frozenset({Intent.FOOD_RECOMMENDATION, Intent.BUDGET_FOOD_INQUIRY, Intent.LOCATION_INQUIRY})
_MORE = re.compile(r"\s?(?:또|더)\s?(?:뭐|다른|있|없|어디)")
_READS_ON = re.compile(r"\s?(?:아니(?!면)|그럼|그러면|그렇다면|음+\s|흠+\s|근데|그런데|그리고|그중|그\s중|이\s?중)")
_INSTEAD = re.compile(r"\s?(?:아니면?|아냐|ㄴㄴ|그럼|그러면|차라리|걍|그냥)(?=\s)")
_WHAT_ABOUT = re.compile(r"[가-힣]+(?:은|는|도)(?:요|\s?어때요?)?[?!.~ ]*")
MAX_INSTEAD_CHARS = 16
"""A longer message names a wish of its own, though it begins with "no" or "then"."""
_BARE_CONSTRAINT = re.compile(
    r"(?:지금\s?)?(?:배달|포장|급카|급식카드|꿈나무카드|카드|혼밥|주차)?\s?(?:도\s?)?(?:되는|가능한|하는|받는|쓸\s?수\s?있는|조용한|안\s?시끄러운|시끄럽지\s?않은|넓은|깨끗한|따뜻한|시원한|문?\s?연|열린|열려\s?있는)\s?(?:데|곳|집|가게|거|걸로|곳으로|데로)(?:만|는|로|로만|도)?\s?(?:(?:였|이었)?으?면\s?(?:좋겠|해)[가-힣]{1,2}|없어|있어|없나|있나|보여\s?줘|알려\s?줘|찾아\s?줘)?(?:요)?[?!.~ㅠㅜ ]*"
)
"""A wish without any food, said while results are on the screen: it narrows them."""
_CARD = re.compile(r"급카|카드")
_ONLY_THERE = re.compile(
    r"\s?(?:쪽|근처|주변|근방|안|역)?\s?(?:에서|으로|로|은|는|이?라면|까지)?(?:만|도)?\s?(?:다시|찾아|보여|바꿔|바꾸|넓혀|부탁)?[가-힣]{0,5}[?!.~ ]*"
)
_INQUIRES = re.compile(r"뭐|머|무엇|있(?:어|나|음|냐|니|을|는)|맛집|추천|ㅊㅊ|먹|밥|식당|음식점|갈\s?만")
_WISHES = re.compile(
    r"(?<![못안])(?<![못안]\s)먹(?!으면|을\s?(?:거야|거임|거예|거라|건데|겁))|밥|추천|ㅊㅊ|맛집|식당|뭐|머|싶|갈\s?만|배고"
)
_SELLING = re.compile(r"(?:있는|파는|하는|되는)\s?(?:데|곳|집|가게)(?:로|만|는)?[?!.~ ]*$")
_COMES_ALONG = re.compile(
    rf"(?:아|참|아참|그리고|근데)?\s?(?:내\s?|우리\s?)?(?P<who>{'|'.join(COMPANIONS.values())})(?:들)?(?:도|이?랑|하고|이|가)?"
    r"(?:\s?도)?(?:(?:\s?(?:같이|함께)|(?<=랑)|(?<=하고))\s?(?:가|간|갈|먹|온|올)|\s?(?:온대|온다|올\s?거|오기로|합류))[가-힣 ]{0,14}[!.~ ]*$"
)
_GOES_ALONE = re.compile(
    r"(?:아|그럼|그냥|걍|근데)?\s?(?:나|저|난|전|나는|저는)?\s?혼자서?\s?(?:가|갈|간|먹)(?!기)[가-힣 ]{0,8}[!.~ ]*"
)
_NOT_THESE = re.compile(
    r"(?:음+|에이|아니)?\s?(?:다|좀|전부|이것도|그것도|이건|그건|여기도|저것도)?\s?(?:별[로루]|싫|맘에\s?안\s?들|마음에\s?안\s?들)(?:야|임|다|네|인데|은데|어|어요|에요|예요|고)?[.~!ㅠㅜ ]*"
)
_IN_ORDER = re.compile(
    r"순(?:서)?(?:대로|으로|로)?(?:는|만|요)?(?=\s?(?:보|볼|다시|정렬|해|부탁|찾|알려|줘|추천)|[?!.~ ]*$)"
)
_NOTHING_ELSE = re.compile(r"\s?(?:그럼\s?|음+\s?)?(?:은|는|이나)?(?:요)?[?!.~ ]*")
_CHATTER = frozenset({Intent.SMALL_TALK, Intent.OUT_OF_SCOPE, Intent.FEEDBACK, Intent.HELP})
_MAY_BE_CHANGE = _CHATTER | {Intent.FOOD_RECOMMENDATION}
_CONSTRAINTS = frozenset(
    {
        EntityType.BUDGET, EntityType.COMPANION, EntityType.ALLERGY, EntityType.TASTE, EntityType.DIETARY_PREFERENCE,
        EntityType.ATMOSPHERE, EntityType.TIME_OF_DAY, EntityType.PAYMENT, EntityType.DISTANCE,
    }
)  # fmt: skip
"""Kinds that say how, not what: without a word of wishing they narrow what is on the screen."""
_SAID_WITHOUT_SPAN = frozenset({"open_now", "delivery", "takeout", "good_shop", "sort"})
_COMPANION = tuple((name, re.compile(words)) for name, words in COMPANIONS.items())
_JUST_A_DISH = re.compile(
    r"(?:아니다?|아냐|아님|그냥|걍|차라리|그럼|그러면|음)\s?(?P<dish>[가-힣]{2,8}?)(?:으?로(?:\s?할래|\s?할게|\s?해\s?줘)?|먹자|먹을래|는|은)?[?!.~ ]*"
)


def follows(text: str, understanding: Understanding, said: Filters, state: DialogueState) -> bool:
    """Tell whether a request for shops goes on from the last one.

    A REFINE always does. Another does when it reads on ("아니 만원으로"), only narrows ("조용한 데", "신림역 근처로"), turns
    down what was asked for ("피자 말고 족발"), or gives the food to a request that had none.
    """
    if state.intent is None and not state.shown_shop_ids:
        return False
    if ends_topic(text) and set(said.given()) - {"ordinal"}:
        return False
    intent = understanding.intent
    if intent is Intent.REFINE:
        return True
    if state.topic_over or intent not in _MAY_CONTINUE:
        return False
    return _names_food_on(text, said, state.filters) if _names_food(said) else _only_narrows(text, understanding)


def read_as_refinement(text: str, understanding: Understanding, state: DialogueState) -> Filters | None:
    """Return the constraints of a message taken for talk that changes the list on the screen; None where it does not.

    The intent model sees one message at a time: "급카 가능한 곳", "친구도 같이 간대", "그냥 우동" mean something only there.
    """
    if not state.shown_shop_ids or state.topic_over:
        return None
    intent = understanding.intent
    if intent is Intent.MEAL_CARD_INQUIRY:
        narrowing = _CARD.search(text) and _BARE_CONSTRAINT.fullmatch(text.strip())
        return Filters(meal_card=True) if narrowing else None
    if (
        (match := _COMES_ALONG.match(text.strip()))
        and intent in _MAY_BE_CHANGE | {Intent.REFINE}
        and not understanding.filters.given()
    ):
        who = next(name for name, words in _COMPANION if words.fullmatch(match["who"]))
        return Filters.model_validate({"companion": who})
    if intent in _MAY_BE_CHANGE and _GOES_ALONE.fullmatch(text.strip()):
        return Filters(companion="alone")
    if intent not in _CHATTER:
        return None
    if intent is not Intent.FEEDBACK and _IN_ORDER.search(text) and (order := wishes_of(text).get("sort")):
        return Filters(sort=order)
    if _NOT_THESE.fullmatch(text.strip()):
        return Filters()
    if _BARE_CONSTRAINT.fullmatch(text.strip()) and (bare := _bare_constraint(text)):
        return Filters.model_validate(bare)
    if (match := _JUST_A_DISH.fullmatch(text.strip())) and (dish := _dishes().dish(match["dish"])):
        return Filters(menus=(dish,))
    return None


def _bare_constraint(text: str) -> dict[str, Any]:
    """Return what a wish without any food asks for, as its own words say it."""
    found = wishes_of(text)
    moods = tuple(mood for mood, words in ATMOSPHERES.items() if re.search(words, text))
    return found | ({"atmosphere": moods} if moods else {}) | ({"meal_card": True} if _CARD.search(text) else {})


def told_of_oneself(text: str, understanding: Understanding) -> Filters | None:
    """Return what a message that wishes for nothing tells must not be eaten ("나 우유 먹으면 배 아파"); None where it tells nothing."""
    chatter = understanding.intent in _CHATTER - {Intent.FEEDBACK}
    says_nothing = understanding.intent is Intent.REFINE and not understanding.filters.given()
    if not (chatter or says_nothing or only_tells_of_person(text)) or is_asked(text):
        return None
    told = told_of_person(text, understanding)
    return told.over(Filters()) if told else None


def only_names_dish(text: str, understanding: Understanding) -> bool:
    """Tell whether a message is a dish and no question about it: 파스타?, 냉면은?"""
    dishes = [e for e in understanding.entities if e.entity is EntityType.MENU]
    if len(dishes) != 1 or len(understanding.entities) != 1:
        return False
    rest = understanding.original_query[: dishes[0].start] + understanding.original_query[dishes[0].end :]
    return _NOTHING_ELSE.fullmatch(rest) is not None


def _names_food(said: Filters) -> bool:
    return bool(said.menus or said.category)


def _names_food_on(text: str, said: Filters, base: Filters) -> bool:
    if set(said.exclude_menus or ()) & {*(base.menus or ()), *(base.category or ())}:
        return True
    if len(text) <= MAX_INSTEAD_CHARS and (_INSTEAD.match(text) or _WHAT_ABOUT.fullmatch(text.strip())):
        return True
    if said.menus and (narrows(said, base) or re.search(r"도\s?(?:같이|함께|파는|있는)", text)):
        return _SELLING.search(text) is not None
    had_no_food = not (base.menus or base.category or base.dietary_preferences or base.taste)
    return had_no_food and not (said.district or said.place or said.near_me) and bool(said.menus or said.category)


def _only_narrows(text: str, understanding: Understanding) -> bool:
    if _MORE.match(text) or _READS_ON.match(text) or _BARE_CONSTRAINT.fullmatch(text.strip()):
        return True
    kinds = {e.entity for e in understanding.entities}
    if kinds == {EntityType.LOCATION}:
        rest = understanding.original_query[max(e.end for e in understanding.entities) :]
        return not _INQUIRES.search(rest) and _ONLY_THERE.fullmatch(rest) is not None and bool(rest.strip())
    constrains = bool(kinds) or bool(set(understanding.filters.given()) & _SAID_WITHOUT_SPAN)
    return constrains and kinds <= _CONSTRAINTS and not _WISHES.search(text)


@lru_cache(maxsize=1)
def _dishes() -> Gazetteer:
    return Gazetteer.from_shipped()
