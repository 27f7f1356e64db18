"""What spans mean: normalised values, and filters with their direction, from spans and from rules over the whole text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from aiyam.contracts import CATEGORIES, RECOMMENDING_INTENTS, SHOP_QUESTION_INTENTS, EntityType, Filters, Intent
from aiyam.korean.numerals import WALKABLE_M, band, find_amounts, find_distances, find_ordinals
from aiyam.korean.places import place_named
from aiyam.nlu.company import comes_along, is_class
from aiyam.nlu.directions import budget_of, is_to_be_walked, wishes_of
from aiyam.nlu.gazetteer import Gazetteer, NameHit
from aiyam.nlu.lexicon import (
    ALLERGEN_GROUPS,
    FOOD_TYPES,
    NEGATED_AFTER,
    NEGATED_BEFORE,
    TASTES,
    find_allergens,
    find_words,
    is_part_of_a_name,
)
from aiyam.nlu.place_words import place_hits, place_like
from aiyam.nlu.unknown_shops import first_words_asked_about, names_asked_about

LAST = "last"
"""Value of an ordinal span that means the last shop shown."""


class Span(NamedTuple):
    """A span of a normalised text with its value; ``negated`` when the speaker turns it down."""

    entity: str
    value: str | int
    start: int
    end: int
    negated: bool = False
    low: int = 0
    high: int = 0
    source: str = "rule"


# Where two kinds claim the same characters the longer span wins, and among equals the earlier kind of this list.
_PRIORITY = (
    EntityType.ALLERGY, EntityType.BUDGET, EntityType.DISTANCE, EntityType.ORDINAL, EntityType.PAYMENT, EntityType.SHOP_NAME,
    EntityType.ATMOSPHERE, EntityType.DIETARY_PREFERENCE, EntityType.MENU, EntityType.FOOD_TYPE, EntityType.LOCATION, EntityType.COMPANION,
    EntityType.TIME_OF_DAY, EntityType.TASTE,
)  # fmt: skip
_RANK: dict[str, int] = {kind: i for i, kind in enumerate(_PRIORITY)}


def find_evidence(text: str, gazetteer: Gazetteer) -> list[Span]:
    """Find everything the rules and the gazetteer know in a normalised text; spans never overlap, in reading order."""
    found: list[_Found] = []

    def add(
        kind: str, value: str | int, start: int, end: int, source: str = "rule", low: int = 0, high: int = 0
    ) -> None:
        found.append((source == "fuzzy", start - end, _RANK[kind], start, len(found), (kind, value, start, end, low, high, source)))  # fmt: skip

    for a in find_amounts(text):
        low, high, end = a.low, a.high, a.end
        if (
            low == high
            and text.startswith("대로", end)
            and text[end - 1] in "원천만"
            and not text[end + 2 : end + 3].strip()
        ):
            high, end = band(low), end + 1
        add(EntityType.BUDGET, low if low == high else f"{low}-{high}", a.start, end, "rule", low, high)
    for d in find_distances(text):
        add(EntityType.DISTANCE, d.metres, d.start, d.end)
    for o in find_ordinals(text):
        add(EntityType.ORDINAL, o.number if o.number > 0 else LAST, o.start, o.end)
    dishes = gazetteer.find_dishes(text)
    for h in find_words(text):
        if h.entity == EntityType.COMPANION and not comes_along(text, h.start, h.end):
            continue
        if h.entity in _OF_FOOD and _in_a_name(text, h.start, h.end, dishes):
            continue
        value = "group" if h.value == "family" and is_class(text, h.start, h.end) else h.value
        add(h.entity, value, h.start, h.end, "brand" if h.entity == EntityType.SHOP_NAME else "rule")
    for h in find_allergens(text):
        add(h.entity, h.value, h.start, h.end)
    for n in dishes:
        add(EntityType.MENU, n.value, n.start, n.end, "fuzzy" if n.fuzzy else "dish")
    for start, end in gazetteer.shops.find(text):
        if not gazetteer.is_dish(text[start:end]):
            add(EntityType.SHOP_NAME, text[start:end], start, end, "shop")
    for place in place_hits(text):
        add(EntityType.LOCATION, place.name, place.start, place.end, place.kind)
    for start, end in place_like(text):
        add(EntityType.LOCATION, text[start:end], start, end, "like")
    for start, end in names_asked_about(text):
        if not gazetteer.is_dish(text[start:end].removesuffix("집")):
            add(EntityType.SHOP_NAME, text[start:end], start, end, "shop")
    for start, end in first_words_asked_about(text):
        if all(span[3] <= start or span[2] >= end for *_, span in found):
            add(EntityType.SHOP_NAME, text[start:end], start, end, "shop")
    if not found:
        return []
    found.sort()
    kept: list[tuple[str, str | int, int, int, int, int, str]] = []
    for *_, span in found:
        _, _, start, end, *_ = span
        if all(end <= k[2] or start >= k[3] for k in kept):
            kept.append(span)
    kept.sort(key=_start)
    named = any(k[0] == EntityType.LOCATION and k[1] != "near_me" for k in kept)
    spans = [
        Span(kind, value, start, end, is_negated(text, start, end), low, high, source)
        for kind, value, start, end, low, high, source in kept
        if not (named and value == "near_me" and _BESIDE.fullmatch(text, start, end))
    ]
    return _shared_negation(text, spans)


_OF_FOOD = frozenset({EntityType.TASTE, EntityType.DIETARY_PREFERENCE})
_FOOD_NEXT = re.compile("|".join(f"(?:{p})" for p in (*FOOD_TYPES.values(), *TASTES.values())))
_Found = tuple[bool, int, int, int, int, tuple[str, "str | int", int, int, int, int, str]]
_BESIDE = re.compile(r"근처|주변|근방|부근|동네|(?:초등|중|고등)?학교 ?(?:근처|앞|옆|주변)")
"""Beside a place that is named, these words say where around it, and name no place of their own."""


def _in_a_name(text: str, start: int, end: int, dishes: Sequence[NameHit]) -> bool:
    """Tell whether a word for food runs on into a noun that is none (달콤공방), rather than into a dish or another taste."""
    return (
        "가" <= text[end : end + 1] <= "힣"
        and is_part_of_a_name(text, start, end)
        and _FOOD_NEXT.match(text, end) is None
        and all(dish.start != end for dish in dishes)
    )


def _start(found: tuple[str, str | int, int, int, int, int, str]) -> int:
    return found[2]


def is_negated(text: str, start: int, end: int) -> bool:
    """Tell whether the words around a span turn it down (말고, 빼고, 안 매운, 못 먹어)."""
    if NEGATED_AFTER.match(text, end) is not None:
        return True
    at = start - 1
    if at >= 0 and text[at] == " ":
        at -= 1
    if (
        at >= 0
        and text[at] == "안"
        and _WITHIN.search(text, max(0, start - 8), start)
        and not _TASTE.match(text, start)
    ):
        return False
    return at >= 0 and text[at] in "안덜못노o" and NEGATED_BEFORE.search(text, max(0, start - 6), start) is not None


_WITHIN = re.compile(r"(?:분|시간|m|미터|킬로|키로|터|원|[천만]|거리|정도|쯤)\s?안\s?$")
"""A measure before 안: within, unless a taste follows (만원, 안 매운 거)."""
_TASTE = re.compile("|".join(f"(?:{p})" for p in TASTES.values()))
_JOINED = re.compile(r"\s|(?:집|류)?\s?(?:이?랑|하고|과|와|이?나|,|및|도|이?든|/)?\s?(?:같은\s?거?\s?)?")
_FOODS = frozenset({EntityType.MENU, EntityType.FOOD_TYPE})


def _shared_negation(text: str, spans: Sequence[Span]) -> list[Span]:
    out = list(spans)
    for i in range(len(out) - 2, -1, -1):
        following = out[i + 1]
        if (
            following.negated
            and (following.entity == out[i].entity or {following.entity, out[i].entity} <= _FOODS)
            and _JOINED.fullmatch(text[out[i].end : following.start])
        ):
            out[i] = out[i]._replace(negated=True)
    return out


_PLACE_LIKE = re.compile(
    r"[가-힣0-9]{2,}(?:역|동|구|시장|입구|사거리|삼거리|오거리|대학교|대학|캠퍼스|초등학교|중학교|고등학교|읍|면|로|길|시|군|리|회관|복지관|도서관|센터|병원|광장|상가|타운|단지|아파트|터미널|공원|마을|해수욕장|먹자골목|거리)$"
)


_BUILDING = re.compile(r"\d{1,4}\s?동")
"""A block of flats by its number, which is no part of a city: the one who names it lives there."""
_NEAR_LIKE = re.compile(
    r"(?:우리|내|저희|울|제|이|여기)\s?[가-힣]{0,6}|.{1,12}(?:근처|근방|앞|옆|주변|부근|뒤|맞은편|건너편|가까이)|집|학교|학원|여기|동네|near\s?(?:me|by)"
)
_COMPANY_LIKE = (
    (
        "group",
        re.compile(
            r"(?:반|부|팀|끼리|명|사람|분|넷|다섯|여섯|일곱|여덟|아홉|열|학생들|동료들|제자|원생들?|아동들?|선생님들|단원)$"
        ),
    ),
    ("alone", re.compile(r"혼자|나만|솔로|1인|홀로")),
    ("couple", re.compile(r"여자\s?친구|남자\s?친구|여친|남친|남편|아내|와이프|자기$|썸")),
    ("friends", re.compile(r"친구|짝|선배|후배|동기|이웃|베프|애인")),
    (
        "family",
        re.compile(
            r"애|아이|형|언니|누나|오빠|동생|딸|아들|아빠|엄마|할[머매아배무]|부모|사촌|친척|막내|살|손[주자녀]|조카|이모|삼촌|고모|kid|son|daughter|mom|dad"
        ),
    ),
)
"""What the words of a span that was tagged as company, but follows no rule, make of it."""


def value_of(kind: str, surface: str, gazetteer: Gazetteer) -> str | int | None:
    """Give the normalised value of a tagged surface form the evidence did not already explain; None when unreadable."""
    spans = [
        s
        for s in find_evidence(surface + (" 알레르기" if kind == EntityType.ALLERGY else ""), gazetteer)
        if s.entity == kind
    ]
    if spans and (kind != EntityType.MENU or spans[0].end - spans[0].start == len(surface)):
        return spans[0].value
    surface = surface.strip()
    if kind == EntityType.MENU:
        return gazetteer.dish(surface) or surface
    if kind == EntityType.SHOP_NAME:
        return surface
    if kind == EntityType.LOCATION:
        if _BUILDING.fullmatch(surface):
            return "near_me"
        return surface if _PLACE_LIKE.search(surface) else "near_me" if _NEAR_LIKE.fullmatch(surface) else None
    if kind == EntityType.COMPANION:
        return next((value for value, pattern in _COMPANY_LIKE if pattern.search(surface)), None)
    return None


# --------------------------------------------------------------------------- filters

_CARD_REFUSED = re.compile(
    r"\s?(?:는|은|가|이)?\s?(?:안\s?(?:되는|받는|돼도|되도)(?!\s?(?:곳|데|집|가게|거|건)?[은는]?\s?(?:빼|말고|제외))|말고|말구|없이|없어도|상관\s?없|아니어도|아니라도|필요\s?없|조건[은을도]?\s?(?:빼|없애|지우|필요\s?없)|(?:꼭|반드시|무조건)\s?(?:있어야|필요|보여|가져|들고)|안\s?(?:보여\s?[주줘]|가져가|들고\s?가|내)[도고]?)"
)
_CARD_TAKEN = re.compile(r"(?<!안 )(?<!안)(?:받는|되는|돼는)\s?(?:데|곳|집)(?:로|만|으로|는\s?없)")
_NOT_WITH = re.compile(r"(?:이?랑|하고|은|는)?\s?(?:말고|빼고|아니고)")
_TURNED_DOWN = re.compile(
    r"\s?(?:집|가게|식당|곳|데|거|것|꺼|건|걸)?\s?(?:은|는|을|를|이|가|도|만)?\s?(?:좀\s?|이제\s?|다\s?)?(?:말고|말구|빼|뺀|제외|아니|패스(?!트)|싫|별로|됐|지우|삭제)"
)
"""Turns down a time of day or one of the shops shown; not eating at a time (아침 안 먹어서) does not."""
_VISITED = re.compile(
    r"\s?(?:집|가게|식당|곳|데|거|것|꺼|건)?\s?(?:은|는|이|가|도|엔|에)?\s?(?:이미\s?|저번에\s?|어제\s?|아까\s?|다\s?)?(?:가\s?봤|가\s?본|갔[었다거]|먹어\s?봤|문\s?(?:을\s?)?닫)"
)
_SPICE_SHY = re.compile("맵찔이|맵린이|맵초보")
_LIMITS = (("price", "budget_max"), ("price", "budget_min"), ("distance", "max_distance_m"))
NO_FILTERS = frozenset(
    {
        Intent.GREETING,
        Intent.THANKS,
        Intent.HELP,
        Intent.SMALL_TALK,
        Intent.SAFETY,
        Intent.OUT_OF_SCOPE,
        Intent.FEEDBACK,
        Intent.MEAL_CARD_INQUIRY,
    }
)
_UNLIMITED = Filters()
_OF_A_SHOP = frozenset({EntityType.MENU, EntityType.ORDINAL, EntityType.BUDGET, EntityType.ALLERGY})
"""Kinds that mean something in a question about one shop; company or mood are no constraint there."""


def filters_of(text: str, intent: str, spans: Sequence[Span], *, n_shown: int = 0) -> Filters:
    """Turn the spans and the wording of a normalised text into constraints.

    Args:
        text: the normalised utterance.
        intent: decides which constraints make sense (a question about the card does not ask for shops that take it).
        spans: final spans of ``text``.
        n_shown: how many shops the last reply showed; gives "the last one" a number.
    """
    if intent in NO_FILTERS:
        return _UNLIMITED
    looking = intent in RECOMMENDING_INTENTS
    given: dict[str, Any] = {}
    for span in _shared_negation(text, [_turned_down(text, s) for s in spans]):
        if intent in SHOP_QUESTION_INTENTS and span.entity not in _OF_A_SHOP:
            continue
        _add_span(given, text, span, looking=looking, n_shown=n_shown)
    if looking:
        limited = {order for order, key in _LIMITS if key in given}
        given.update(wishes_of(text, limited=limited))
        if "max_distance_m" not in given and is_to_be_walked(text):
            given["max_distance_m"] = WALKABLE_M
        if "taste" not in given and _SPICE_SHY.search(text):
            _append(given, "exclude_taste", "매운")
    for wanted, refused in (("taste", "exclude_taste"), ("menus", "exclude_menus"), ("category", "exclude_menus")):
        if wanted in given and refused in given:
            given[wanted] = [v for v in given[wanted] if v not in given[refused]] or None
    if not given:
        return _UNLIMITED
    return Filters(**{key: tuple(v) if isinstance(v, list) else v for key, v in given.items() if v is not None})


def _turned_down(text: str, span: Span) -> Span:
    """Mark one of the shops shown as turned down when it is refused or was visited before, not when it is only compared."""
    if span.entity != EntityType.ORDINAL:
        return span
    refused = _TURNED_DOWN.match(text, span.end) or _VISITED.match(text, span.end)
    return span._replace(negated=refused is not None)


def _add_span(given: dict[str, Any], text: str, span: Span, *, looking: bool, n_shown: int) -> None:
    kind, value = span.entity, span.value
    if kind == EntityType.BUDGET:
        given.update(budget_of(text, span.start, span.end, span.low, span.high))
    elif kind == EntityType.FOOD_TYPE:
        if span.negated:
            _append(given, "exclude_menus", str(value))
        elif value in CATEGORIES:
            _append(given, "category", str(value))
    elif kind == EntityType.MENU:
        _append(given, "exclude_menus" if span.negated else "menus", str(value))
    elif kind == EntityType.TASTE:
        _append(given, "exclude_taste" if span.negated else "taste", str(value))
    elif kind == EntityType.DIETARY_PREFERENCE:
        _append(given, "dietary_preferences", str(value))
    elif kind == EntityType.ALLERGY:
        for allergen in ALLERGEN_GROUPS.get(str(value), (str(value),)):
            _append(given, "allergies", allergen)
    elif kind == EntityType.ATMOSPHERE:
        _append(given, "atmosphere", str(value))
        if value == "혼밥":
            given.setdefault("companion", "alone")
    elif kind == EntityType.COMPANION:
        if not _NOT_WITH.match(text, span.end):
            given.setdefault("companion", value)
    elif kind == EntityType.TIME_OF_DAY:
        if not _TURNED_DOWN.match(text, span.end):
            given.setdefault("time_of_day", value)
    elif kind == EntityType.PAYMENT:
        if looking and (not _CARD_REFUSED.match(text, span.end) or _CARD_TAKEN.search(text, span.end)):
            given["meal_card"] = True
    elif kind == EntityType.DISTANCE:
        given["max_distance_m"] = value
    elif kind == EntityType.ORDINAL:
        number = n_shown if value == LAST else value
        if isinstance(number, int) and number >= 1 and not span.negated:
            given["ordinal"] = number
    elif kind == EntityType.LOCATION and not _TURNED_DOWN.match(text, span.end):
        if value == "near_me":
            if "place" not in given and "district" not in given:
                given["near_me"] = True
        else:
            given.update(place_filter(str(value)))
            given.pop("near_me", None)


def place_filter(name: str) -> dict[str, Any]:
    """Return the filter a place value stands for; a whole province, or the whole of Seoul, is no constraint.

    >>> place_filter("관악구"), place_filter("월미도"), place_filter("near_me"), place_filter("서울특별시")
    ({'district': '관악구'}, {'place': '월미도'}, {'near_me': True}, {})
    """
    if name == "near_me":
        return {"near_me": True}
    if name.endswith(("특별시", "광역시", "도")) and (place := place_named(name)) and place.kind == "province":
        return {}
    return {"district" if name.endswith("구") and not name.endswith("입구") else "place": name}


def _append(given: dict[str, Any], key: str, value: str) -> None:
    values = given.setdefault(key, [])
    if value not in values:
        values.append(value)


def read_amount(surface: str) -> tuple[int, int]:
    """Return the lowest and highest won a budget span covers; (0, 0) when it names no amount."""
    amounts = find_amounts(surface)
    return (amounts[0].low, amounts[0].high) if amounts else (0, 0)


# --------------------------------------------------------------------------- semantic query

_COMPANION_KO = {"alone": "혼밥", "friends": "친구", "family": "가족", "couple": "데이트", "group": "단체"}
_TIME_KO = {"breakfast": "아침", "lunch": "점심", "snack": "간식", "dinner": "저녁", "late_night": "야식"}


def semantic_query(filters: Filters, intent: str, *, shop_name: str = "") -> str:
    """Word the request the way shops are described, for dense retrieval.

    >>> semantic_query(Filters(companion="family", dietary_preferences="건강식", time_of_day="dinner"), "FOOD_RECOMMENDATION")
    '가족 건강식 저녁 식당'
    """
    if intent in NO_FILTERS:
        return ""
    words: list[str] = [shop_name] if shop_name else []
    words += [_COMPANION_KO[filters.companion]] if filters.companion else []
    for values in (filters.dietary_preferences, filters.atmosphere, filters.taste):
        words += _distinct(values or (), words)
    words += [_TIME_KO[filters.time_of_day]] if filters.time_of_day else []
    named = [*(filters.menus or ()), *(filters.category or ())]
    words += named
    words += ["착한가게"] if filters.good_shop else []
    if intent not in SHOP_QUESTION_INTENTS and not (named and len(words) > 2):
        words.append("맛집" if named else "식당")
    return " ".join(words)


def _distinct(values: Iterable[str], known: Sequence[str]) -> list[str]:
    return [v for v in values if v not in known]
