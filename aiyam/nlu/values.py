"""What spans mean: normalised values, and filters with their direction, from spans and from rules over the whole text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from aiyam.contracts import CATEGORIES, RECOMMENDING_INTENTS, SHOP_QUESTION_INTENTS, EntityType, Filters, Intent
from aiyam.korean.numerals import find_amounts, find_distances, find_ordinals
from aiyam.nlu.gazetteer import Gazetteer
from aiyam.nlu.lexicon import ALLERGEN_GROUPS, NEGATED_AFTER, NEGATED_BEFORE, find_allergens, find_words
from aiyam.nlu.place_words import place_hits

LAST = "last"
"""Value of an ordinal span that means the last shop shown."""


@dataclass(frozen=True)
class Span:
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
_RANK = {kind: i for i, kind in enumerate(_PRIORITY)}


def find_evidence(text: str, gazetteer: Gazetteer) -> list[Span]:
    """Find everything the rules and the gazetteer know in a normalised text; spans never overlap, in reading order."""
    found: list[Span] = [
        *(Span(EntityType.BUDGET, a.low if a.low == a.high else f"{a.low}-{a.high}", a.start, a.end, low=a.low, high=a.high) for a in find_amounts(text)),
        *(Span(EntityType.DISTANCE, d.metres, d.start, d.end) for d in find_distances(text)),
        *(Span(EntityType.ORDINAL, o.number if o.number > 0 else LAST, o.start, o.end) for o in find_ordinals(text)),
        *(Span(h.entity, h.value, h.start, h.end) for h in find_words(text)),
        *(Span(h.entity, h.value, h.start, h.end) for h in find_allergens(text)),
        *(Span(EntityType.MENU, h.value, h.start, h.end, source="fuzzy" if h.fuzzy else "dish") for h in gazetteer.find_dishes(text)),
        *(Span(EntityType.SHOP_NAME, text[s:e], s, e, source="shop") for s, e in gazetteer.shops.find(text) if not gazetteer.is_dish(text[s:e])),
        *(Span(EntityType.LOCATION, place.name, place.start, place.end, source=place.kind) for place in place_hits(text)),
    ]  # fmt: skip
    found.sort(key=lambda s: (s.source == "fuzzy", s.start - s.end, _RANK.get(EntityType(s.entity), 99), s.start))
    kept: list[Span] = []
    for span in found:
        if all(span.end <= k.start or span.start >= k.end for k in kept):
            kept.append(span)
    kept.sort(key=lambda s: s.start)
    kept = [s for i, s in enumerate(kept) if not (i and _is_only_beside(text, kept[i - 1], s))]
    return _shared_negation(text, [replace(s, negated=is_negated(text, s.start, s.end)) for s in kept])


def _is_only_beside(text: str, before: Span, span: Span) -> bool:
    """Tell whether "near" only says beside what (신림역 근처): then it is no place of its own."""
    return (
        span.value == "near_me"
        and before.entity == EntityType.LOCATION
        and len(text[before.end : span.start].strip()) <= 1
    )


def is_negated(text: str, start: int, end: int) -> bool:
    """Tell whether the words around a span turn it down (말고, 빼고, 안 매운, 못 먹어)."""
    return (
        NEGATED_AFTER.match(text, end) is not None or NEGATED_BEFORE.search(text, max(0, start - 6), start) is not None
    )


_JOINED = re.compile(r"\s?(?:이?랑|하고|과|와|이?나|,|및|도)\s?")


def _shared_negation(text: str, spans: list[Span]) -> list[Span]:
    out = list(spans)
    for i in range(len(out) - 2, -1, -1):
        following = out[i + 1]
        if (
            following.negated
            and following.entity == out[i].entity
            and _JOINED.fullmatch(text[out[i].end : following.start])
        ):
            out[i] = replace(out[i], negated=True)
    return out


_PLACE_LIKE = re.compile(r"[가-힣]{2,}(?:역|동|구|시장|입구|사거리|대학교|읍|면|로|길)$")


def value_of(kind: str, surface: str, gazetteer: Gazetteer) -> str | int | None:
    """Give the normalised value of a tagged surface form the evidence did not already explain; None when unreadable."""
    spans = [
        s
        for s in find_evidence(surface + (" 알레르기" if kind == EntityType.ALLERGY else ""), gazetteer)
        if s.entity == kind
    ]
    if spans and (kind != EntityType.MENU or spans[0].end - spans[0].start == len(surface)):
        return spans[0].value
    if kind == EntityType.MENU:
        return gazetteer.dish(surface) or surface.strip()
    if kind == EntityType.SHOP_NAME or (kind == EntityType.LOCATION and _PLACE_LIKE.search(surface.strip())):
        return surface.strip()
    return None


# --------------------------------------------------------------------------- filters

_AT_MOST = re.compile(
    r"\s?(?:원)?\s?(?:이하|이내|까지|안(?:으로|에서|쪽|에)|내로|내에서|언더|밑으로|아래로?|안\s?넘|안넘|넘지|넘으면\s?안|한도)"
)
_BELOW = re.compile(r"\s?(?:미만|보다\s?(?:싼|싸|저렴|낮|적)|이?\s?안\s?되는|도\s?안\s?(?:되는|하는))")
_AT_LEAST = re.compile(r"\s?(?:이상|부터)")
_ABOVE = re.compile(r"\s?(?:이|은|을)?\s?(?:초과|넘는|넘게|넘어도|넘는데|보다\s?(?:비싼|비싸))")
_LEFT_OUT = re.compile(r"\s?(?:곳|데|집|가게|거|건|것)?[은는]?\s?(?:빼|말고|제외)")
_OPEN_NOW = re.compile(
    r"지금\s?(?:도|당장|바로|막|이\s?시간에?)?\s?(?:문\s?)?(?:연|여는|열려|열린|열었|열어|영업|하는\s?(?:데|곳|집|가게|식당|분식|[가-힣]{2,4}집)|갈\s?수\s?있|먹을\s?수\s?있|갈\s?만)|영업\s?(?:중|하는)|현재\s?(?:영업|연)|문\s?(?:연|열린|열려\s?있는|안\s?닫은)\s?(?:데|곳|집|가게|식당|거)?|(?:이\s?시간에?|지금)도?\s?(?:문\s?)?(?:연|여는|열려|열린|하는)|아직\s?(?:문\s?)?(?:연|하는|열려|열린|영업)"
)
_DELIVERY = re.compile(r"배달(?!\s?(?:말고|안\s?되|빼고|싫))|시켜\s?먹|집으로\s?시켜|시킬\s?(?:데|곳|만한|수\s?있)")
_TAKEOUT = re.compile(
    r"포장(?!\s?(?:말고|안\s?되|빼고|마차))|테이크\s?아웃|싸\s?(?:갈|가서|가지고|들고)|싸갈|들고\s?(?:갈|가서)"
)
_GOOD_SHOP = re.compile(r"착한\s?(?:가게|식당|음식점|가격\s?업소|집)|선한\s?영향력(?:\s?가게)?|선한영향")
_BY_PRICE = re.compile(
    r"(?<![가-힣])(?:더\s?|제일\s?|가장\s?|좀\s?)?(?:싼|싸고|싸게|싸면서|저렴한?|저렴하게|값싼|값이\s?싼|싼데|가격\s?(?:낮은|순|싼|착한))(?!\s?티)|가성비|싼\s?순|덜\s?비싼|비싸지\s?않|안\s?비싼|비싼\s?(?:거|데|곳)?\s?(?:은|는)?\s?(?:말고|빼고|싫)|싸구"
)
_BY_DISTANCE = re.compile(
    r"가까운|가깝고|가까이|거리순|제일\s?가까|(?:너무\s?)?(?:멀지\s?않|안\s?먼)|먼\s?(?:데|거|곳)\s?(?:는|은)?\s?(?:말고|싫|빼고)"
)
_BY_RATING = re.compile(
    r"별점|평점|평\s?(?:이\s?)?좋은|평가\s?좋은|리뷰\s?(?:좋은|많은)|후기\s?(?:좋은|많은)|인기\s?(?:많은|있는|순|좋은)|제일\s?(?:유명|인기)"
)
_CARD_REFUSED = re.compile(
    r"\s?(?:는|은|가|이)?\s?(?:안\s?(?:되는|받는)(?!\s?(?:곳|데|집|가게|거|건)?[은는]?\s?(?:빼|말고|제외))|말고|없이)"
)
_NOT_WITH = re.compile(r"(?:이?랑|하고|은|는)?\s?(?:말고|빼고|아니고)")
_REFERS_TO_SHOP = re.compile(r"거기|그\s?(?:집|가게|식당)|여기\s?(?:몇|어때|뭐|주소)")
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
        return Filters()
    looking = intent in RECOMMENDING_INTENTS
    given: dict[str, Any] = {}
    for span in spans:
        if intent in SHOP_QUESTION_INTENTS and span.entity not in _OF_A_SHOP:
            continue
        _add_span(given, text, span, looking=looking, n_shown=n_shown)
    if looking:
        for key, pattern in (
            ("open_now", _OPEN_NOW),
            ("delivery", _DELIVERY),
            ("takeout", _TAKEOUT),
            ("good_shop", _GOOD_SHOP),
        ):
            if pattern.search(text):
                given[key] = True
        for order, pattern in (("price", _BY_PRICE), ("distance", _BY_DISTANCE), ("rating", _BY_RATING)):
            if pattern.search(text):
                given["sort"] = order
                break
    if "taste" in given and "exclude_taste" in given:
        given["taste"] = [t for t in given["taste"] if t not in given["exclude_taste"]] or None
    return Filters(**{key: tuple(v) if isinstance(v, list) else v for key, v in given.items() if v is not None})


def _add_span(given: dict[str, Any], text: str, span: Span, *, looking: bool, n_shown: int) -> None:
    kind, value = span.entity, span.value
    if kind == EntityType.BUDGET:
        given.update(_budget(text, span))
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
        if not span.negated:
            given.setdefault("time_of_day", value)
    elif kind == EntityType.PAYMENT:
        if looking and not _CARD_REFUSED.match(text, span.end):
            given["meal_card"] = True
    elif kind == EntityType.DISTANCE:
        given["max_distance_m"] = value
    elif kind == EntityType.ORDINAL:
        number = n_shown if value == LAST else value
        if isinstance(number, int) and number >= 1:
            given["ordinal"] = number
    elif kind == EntityType.LOCATION and not span.negated:
        if value == "near_me":
            if "place" not in given and "district" not in given:
                given["near_me"] = True
        else:
            given.update(place_filter(str(value)))
            given.pop("near_me", None)


def place_filter(name: str) -> dict[str, Any]:
    """Return the filter a place value stands for; the whole of Seoul is no constraint.

    >>> place_filter("관악구"), place_filter("서울대입구역"), place_filter("near_me")
    ({'district': '관악구'}, {'place': '서울대입구역'}, {'near_me': True})
    """
    if name == "near_me":
        return {"near_me": True}
    if name.endswith(("특별시", "광역시", "도")) and len(name) >= 3 and not name.endswith("구"):
        return {}
    return {"district" if name.endswith("구") and not name.endswith("입구") else "place": name}


def _append(given: dict[str, Any], key: str, value: str) -> None:
    values = given.setdefault(key, [])
    if value not in values:
        values.append(value)


def _budget(text: str, span: Span) -> dict[str, int]:
    low, high = span.low, span.high
    if low != high:
        return {"budget_min": low, "budget_max": high}
    if not high:
        return {}
    if (over := _ABOVE.match(text, span.end)) and _LEFT_OUT.match(text, over.end()):
        return {"budget_max": high}
    for pattern, found in (
        (_BELOW, {"budget_max": high - 1}),
        (_AT_MOST, {"budget_max": high}),
        (_ABOVE, {"budget_min": high + 1}),
        (_AT_LEAST, {"budget_min": high}),
    ):
        if pattern.match(text, span.end):
            return found
    return {"budget_max": high}


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
