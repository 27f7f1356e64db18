"""Which constraints a message takes back: what no longer matters, what need not be, an allergy that is over."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from aiyam.contracts import DialogueState, Filters
from aiyam.nlu.lexicon import (
    ALLERGEN_GROUPS,
    ALLERGENS,
    ATMOSPHERES,
    COMPANIONS,
    DIETS,
    FOOD_TYPES,
    PAYMENTS,
    TASTES,
    TIMES,
)

WHERE = ("district", "place", "near_me", "max_distance_m")
FOOD = ("menus", "category", "taste")
_NO_MATTER = r"(?:이?든(?:지|가)?|이?나|은|는|이|가|도|엔|에는|대|을|를)?\s?(?:안\s?)?(?:상관\s?(?:없|안|말|x)|무관|안\s?따|신경\s?(?:안|쓰지)|중요\s?(?:하지|치)\s?않|안\s?중요|안\s?봐도)"
_FINE_TOO = r"도\s?(?:되|돼|된|됨|됩|댐|괜찮|괜찬|괜춘|상관|무방|ㄱㅊ|ㅇㅋ|ok|오케이|좋|가능)"
_EVEN_A_PLACE = rf"\s?(?:데|곳|집|가게|거|것){_FINE_TOO}"
_ELSEWHERE = r"(?:다른|딴)\s?(?:동네|지역|쪽)(?:으?로|에서?|은|는|도|\s|요|$)"
_TAKEN_BACK: tuple[tuple[tuple[str, ...], str], ...] = (
    (("budget_min", "budget_max", "price"), rf"(?:가격|금액|예산|값|돈|비용){_NO_MATTER}|비싸{_FINE_TOO}|비싼{_EVEN_A_PLACE}|얼마든|예산(?:이)?\s?없어{_FINE_TOO}|(?:예산|돈|가격|값)(?:은|을|이)?\s?(?:좀\s?|조금\s?)?(?:더|많이)\s?(?:써|내|들어|나와|올려|늘려|줘){_FINE_TOO}|(?:예산|가격)\s?(?:제한|조건)?\s?(?:빼|없애|풀어|없이)"),
    (("budget_min", "budget_max", "price"), rf"원\s?(?:이|을)?\s?(?:좀\s?|조금\s?)?(?:넘어|넘겨|초과해){_FINE_TOO}"),
    (("near_me", "max_distance_m", "distance"), rf"(?:거리|멀){_NO_MATTER}|멀(?:어|리\s?(?:가|있어)){_FINE_TOO}|먼{_EVEN_A_PLACE}"),
    (WHERE, rf"(?:위치|장소|지역|동네|어디든지?|어디라도){_NO_MATTER}|어디든\s?(?:괜찮|좋|돼)"),
    (WHERE, _ELSEWHERE),
    (FOOD, r"(?:다른|딴)\s?(?:메뉴|음식|종류|요리)(?:으?로|\s?먹|\s?찾)|(?:다른|딴)\s?(?:거|것|걸)\s?(?:찾자|찾아\s?보|찾아\s?볼|찾을래|먹자|먹을래|먹고|먹어\s?볼)"),
    (FOOD, rf"(?:메뉴|음식|종류|뭐든지?){_NO_MATTER}|(?:^|\s)아무거나|뭐든\s?(?:괜찮|좋|돼)"),
    (("taste", "exclude_taste"), rf"(?:맵기|매운\s?(?:거|것|맛|정도)|맵든|맛){_NO_MATTER}|(?:매워|매운\s?(?:거|것)){_FINE_TOO}"),
    (("open_now",), rf"(?:지금|현재)\s?(?:문\s?)?(?:안\s?(?:열어|열려\s?있어|해)|닫혀\s?있어|닫(?:았|혔)어){_FINE_TOO}|(?:안\s?연|닫은|닫힌){_EVEN_A_PLACE}|영업\s?(?:시간|여부|중){_NO_MATTER}"),
    (("meal_card",), rf"카드?\s?(?:가|는)?\s?(?:안\s?(?:되어|돼|써|받아)|없어){_FINE_TOO}|카드?\s?(?:가|는)?\s?안\s?(?:되는|받는){_EVEN_A_PLACE}|카드?{_NO_MATTER}|카드?\s?(?:는|은)?\s?(?:빼고?(?!\s?안)|말고|없이|안\s?쓸|안\s?써)"),
    (("delivery",), rf"배달\s?(?:은|는)?\s?(?:말고|안\s?(?:돼|되어|해){_FINE_TOO}|빼|싫|아니어도)|배달{_NO_MATTER}"),
    (("takeout",), rf"포장\s?(?:은|는)?\s?(?:말고|안\s?(?:돼|되어|해){_FINE_TOO}|빼|싫|아니어도)|포장{_NO_MATTER}"),
    (("good_shop",), rf"가게(?:가|는)?\s?(?:아니(?:어|라|여){_FINE_TOO}|말고)|(?:착한|영향력)\s?가게{_NO_MATTER}"),
    (("atmosphere",), rf"분위기{_NO_MATTER}|시끄(?:러워|럽){_FINE_TOO}|시끄러운{_EVEN_A_PLACE}|안\s?조용해{_FINE_TOO}|(?:조용하|깨끗하|넓)지\s?않아{_FINE_TOO}"),
    (("rating",), rf"(?:별점|평점|평가|후기|리뷰){_NO_MATTER}"),
    (("time_of_day",), rf"시간(?:대)?{_NO_MATTER}"),
    (("companion",), rf"(?:몇\s?명|인원){_NO_MATTER}"),
)  # fmt: skip
"""Keys a wording takes back; ``price``, ``distance`` and ``rating`` stand for the order of that name."""
_WAIVERS = tuple((keys, re.compile(pattern)) for keys, pattern in _TAKEN_BACK)
_NOW = r"(?:이제는?|이젠|인제|사실은?|지금은|알고\s?보니)"
_OVER = r"(?:(?:다\s?)?나았(?!나|으)|없어졌(?!나|으)|없대|없어(?!도|지|질|야|\s?보)|없음|아니래|아니었(?!나|으))"
_ALLERGY_OVER = re.compile(
    rf"\s?(?:알레르기|알러지)(?:은|는|이|가|도)?\s?{_NOW}?\s?(?:다\s?)?{_OVER}"
    rf"|(?:류)?(?:은|는|이|가|도)?\s?{_NOW}?\s?(?:괜찮(?:아(?!\s?보|지|질|도|야)|습|대|음|다(?![가고나는니던면])|을\s?(?:것|거)\s?같)|ㄱㅊ|먹어도\s?(?:돼|된(?!다?[면고])|되(?!나|는지|[면려냐니])|괜찮(?!나|은))|먹을\s?수\s?있(?:어(?!야|도)|다(?![가고나는니던면])|음|대|게)|잘\s?먹(?:어(?!야|도)|음|는데)|다\s?나았(?!나|으))"
)
_MADE_OF_IT = frozenset({"치즈", "두부", "메추리알"})
"""Foods that are fine for some who cannot eat what they are made of: they take no allergy back."""
_ALL_OVER = re.compile(rf"(?:알레르기|알러지)(?:는|가|이|도)?\s?{_NOW}?\s?(?:다\s?)?{_OVER}")
_OTHERS_BODY = re.compile(
    "|".join(f"(?:{COMPANIONS[who]})" for who in ("couple", "friends", "family", "group"))
    + r"|(?<![가-힣])(?:형|누나|언니|오빠|애|걔|쟤|얘|쌤|짝|선배|후배|막내|누가|남들?|사람)(?:들|님)?(?:은|는|이|가|도|만|한테)?(?=\s|$)|(?<!의사)(?<!의사 )선생님?|다른\s?사람"
)
"""Someone else: whose body it is that a food does no harm is then not sure."""
_OF_SOMETHING_ELSE = re.compile(
    rf"(?<![가-힣])(?!{_NOW}|(?:나|저|난|전|내|제)\s?(?:은|는)?\s|의사|병원|검사|오늘|요즘|원래|그런데는)[가-힣]+(?:은|는)(?=\s)|만약|혹시|언젠가|나중에"
)
"""Words before an allergen that speak of another thing or person, or of what is not so."""
_MAY_ASK = re.compile(r"먹어도\s?(?:돼|되|괜찮)|먹을\s?수\s?있어")
"""Words that ask as often as they tell where no question mark is typed; told of a change ("now") they tell."""
_STILL_HARMS = re.compile(
    r"좋겠|(?:적|리|줄|건)\s?없|거짓|뻥|농담|장난|척|아니(?!래|었)|아닌|아냐|[가-힣]까(?=요|\s|$)|(?<![가-힣])(?:안(?!녕)|못)|[가-힣]면(?=\s|$)|두드러기|알레르기|알러지|가려|큰일|조심|아프|아파"
)
"""Words behind "is fine" that wish it, deny it, or tell of harm after all."""
_ASKING = re.compile(r"[?？]|나요|까요|을까|을려나|는지")
_NEED_NOT = re.compile(
    rf"\s?(?:거|것|게|걸|데|곳)?(?:집|당|음식|요리|메뉴|종류|역|쪽|근처|식당|시간)?(?:이|가|은|는|로|으로|에서?|이?랑)?\s?(?:꼭\s?|굳이\s?)?"
    rf"(?:(?:이|일)?\s?아니(?:어|라|여|래){_FINE_TOO}|아녀{_FINE_TOO}|말고\s?(?:다른\s?(?:거|것|데|곳))?{_FINE_TOO}|(?:없어|없이){_FINE_TOO}"
    rf"|(?:안|못)\s?(?:되어?|돼|하|해|받아|파|팔아|쓰|써|열어|열려|있어|와){_FINE_TOO}"
    rf"|(?:안|못)\s?(?:되는|하는|받는|쓰는|파는|있는){_EVEN_A_PLACE}|(?:이\s?)?아닌{_EVEN_A_PLACE}|없는{_EVEN_A_PLACE}|(?:일|할|갈)?\s?필요(?:는|도|까진)?\s?없|하?지\s?않아{_FINE_TOO})"
)
"""What follows a word that was a condition and need not be one any more: 일식 아니어도 됨, 포장 안 되는 데도 괜찮아."""
_HARD_NEED_NOT = re.compile(
    rf"\s?(?:음식|식당|가맹점|메뉴)?(?:이|가|은|는)?\s?(?:꼭\s?|굳이\s?)?"
    rf"(?:(?:이\s?)?아니(?:어|라|여){_FINE_TOO}|아녀{_FINE_TOO}|(?:없어|없이){_FINE_TOO}|안\s?(?:되|받)는{_EVEN_A_PLACE}|(?:이\s?)?아닌{_EVEN_A_PLACE}|없는{_EVEN_A_PLACE}|(?:일\s?)?필요(?:는|도|까진)?\s?없)"
)
"""The same of what a child cannot do without, the meal card and diets of faith: only words that name it as not needed."""
_NOT_FINE = re.compile(
    r"[가-힣]{0,4}[?？]|[가-힣]{0,4}(?:나요|까요?|는지|냐고?|니)(?=[\s?]|$)|[가-힣]{0,4}\s?(?:말?한\s?)?(?:말|건|거|것|게|뜻|데)?(?:은|는|이|가)?\s?(?:아니|아냐|싫|적\s?없|안\s?[돼되된])"
)
"""What follows "is fine too" where it is asked or denied."""
FAITH = frozenset({"할랄", "채식"})
"""Diets that outlive a topic."""
_STAYS_AWAY = re.compile(
    r"(?:들)?(?:은|는|이|가|도)?\s?(?:못|안)\s?(?:가요?(?=\s|$|[.!~])|온대|온다|온댔|올\s?거|오기로|와요?(?:\s|$|[.!~])|와서|간대|간다|가기로|갈\s?거|먹는대|먹는다)"
)
_WORDS: dict[str, dict[str, str]] = {
    "category": FOOD_TYPES, "taste": TASTES, "dietary_preferences": DIETS, "atmosphere": ATMOSPHERES,
    "time_of_day": TIMES, "companion": COMPANIONS,
}  # fmt: skip
_SAID_ALONE = {
    "meal_card": re.compile("|".join(PAYMENTS.values())),
    "delivery": re.compile("배달"),
    "takeout": re.compile("포장|테이크\\s?아웃"),
    "good_shop": re.compile("착한\\s?가게|선한\\s?영향력\\s?가게|선한\\s?가게"),
    "open_now": re.compile("(?:지금|현재)(?:\\s?문)?|영업\\s?중"),
    "near_me": re.compile("근처|가까운\\s?(?:데|곳|집)|가깝"),
}
"""Words for constraints that are given or not."""
_ORDERED_BY = {
    "price": re.compile("싼\\s?(?:데|곳|집|거)|싸|저렴하"),
    "distance": re.compile("가까운\\s?(?:데|곳|집)|가깝"),
    "rating": re.compile("별점|평점"),
}


def waived(text: str) -> frozenset[str]:
    """Name the keys a normalised text takes back ("가격 상관없어"); an order by its name (price, distance, rating).

    >>> sorted(waived("거리 상관없어"))
    ['distance', 'max_distance_m', 'near_me']
    """
    return frozenset(key for keys, pattern in _WAIVERS if pattern.search(text) for key in keys)


def allergies_taken_back(text: str, state: DialogueState) -> frozenset[str]:
    """Name the allergens of the dialogue a text says are fine after all; a question ("땅콩 괜찮아?") takes nothing back."""
    return allergies_over(text, frozenset(state.filters.allergies or ()))


def allergies_over(text: str, held: frozenset[str]) -> frozenset[str]:
    """Name those of ``held`` that a text says are fine after all."""
    if not held or is_asked(text) or _OTHERS_BODY.search(text):
        return frozenset()
    found: set[str] = set()
    named = False
    for name, words in ALLERGENS.items():
        mentions = list(re.finditer(named_as(name, words), text))
        named = named or bool(mentions)
        if any(_is_over(m, _ALLERGY_OVER.match(text, m.end()), text) for m in mentions if m.group() not in _MADE_OF_IT):
            found |= held & set(ALLERGEN_GROUPS.get(name, (name,)))
    if not named and any(_is_over(m, m, text) for m in _ALL_OVER.finditer(text)):
        return held
    return frozenset(found)


def let_go(text: str, filters: Filters) -> Filters:
    """Return constraints without those a normalised text says need not be (채식 아니어도 괜찮아), or who stays away.

    >>> let_go("일식 아니어도 됨", Filters(category=("일식",), budget_max=9000)).given()
    {'budget_max': 9000}
    """
    update: dict[str, Any] = {}
    for key, words in _WORDS.items():
        held = getattr(filters, key)
        if held is None:
            continue
        values = (held,) if isinstance(held, str) else held
        stay = tuple(
            v for v in values if v not in words or not _need_not_be(re.finditer(words[v], text), text, hard=v in FAITH)
        )
        if key == "companion" and any(_STAYS_AWAY.match(text, m.end()) for m in re.finditer(words[held], text)):
            stay = ()
        if len(stay) < len(values):
            update[key] = stay or None
    if menus := filters.menus:
        update["menus"] = tuple(m for m in menus if not _need_not_be(re.finditer(re.escape(m), text), text)) or None
    for key, pattern in _SAID_ALONE.items():
        hard = key == "meal_card"
        if getattr(filters, key) is not None and _need_not_be(pattern.finditer(text), text, hard=hard):
            update[key] = None
    for key in ("place", "district"):
        if (name := getattr(filters, key)) and _need_not_be(re.finditer(place_stem(name), text), text):
            update[key] = None
    if filters.sort in _ORDERED_BY and _need_not_be(_ORDERED_BY[filters.sort].finditer(text), text):
        update["sort"] = None
    return filters.model_copy(update=update) if update else filters


def wants_elsewhere(text: str) -> bool:
    """Tell whether a message asks for another part of town without naming one."""
    return re.search(_ELSEWHERE, text) is not None


def place_stem(name: str) -> str:
    """Return a pattern of a place's name without 역, 동 or 구, which people leave out."""
    return re.escape(re.sub(r"(?<=..)(?:역|동|구)$", "", name))


def _need_not_be(mentions: Iterable[re.Match[str]], text: str, *, hard: bool = False) -> bool:
    if hard and is_asked(text):
        return False
    pattern = _HARD_NEED_NOT if hard else _NEED_NOT
    found = (pattern.match(text, mention.end()) for mention in mentions)
    return any(match is not None and _NOT_FINE.match(text, match.end()) is None for match in found)


def _is_over(mention: re.Match[str], over: re.Match[str] | None, text: str) -> bool:
    """Tell whether "no allergy any more" is said of the speaker and as a fact; in doubt it is not."""
    if over is None or (_MAY_ASK.search(over.group()) and not re.search(_NOW, text)):
        return False
    if _OF_SOMETHING_ELSE.search(text, 0, mention.start()):
        return False
    return _STILL_HARMS.search(text, over.end()) is None


def named_as(name: str, words: str) -> str:
    """Return the pattern of an allergen's words with its bare name: the lexicon reads 게 and 밀 only before "allergy"."""
    return rf"{words}|(?<![가-힣]){name}" if len(name) == 1 else words


def is_asked(text: str) -> bool:
    """Tell whether a message is worded as a question."""
    return _ASKING.search(text) is not None


def without(filters: Filters, keys: frozenset[str], allergies: frozenset[str] = frozenset()) -> Filters:
    """Take constraints back; keys as ``waived`` names them."""
    update: dict[str, Any] = {key: None for key in keys if key in Filters.model_fields}
    if filters.sort in keys:
        update["sort"] = None
    if allergies:
        update["allergies"] = tuple(a for a in filters.allergies or () if a not in allergies) or None
    return filters.model_copy(update=update) if update else filters
