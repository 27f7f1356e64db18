"""Dishes and wares asked for by a name that only the catalogue knows: 과자, 편의점 도시락, 삼겹살 1인분."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace

from aiyam.candidates.encoder import telling_words_of
from aiyam.catalogue.arrays import Catalogue
from aiyam.catalogue.name_search import plain
from aiyam.contracts import CATEGORIES, RECOMMENDING_INTENTS, Filters, Intent
from aiyam.nlu.request import Request
from aiyam.nlu.values import semantic_query

MAX_WORDS = 3
SWEETS = frozenset({"과자", "사탕", "젤리", "껌", "초콜릿", "초코", "솜사탕", "막대사탕", "캔디", "알사탕"})
"""What children ask for though few rows list it: looked for by its name, and said where nobody sells it."""
_WISHING = re.compile(r"먹고|먹을|먹자|싶|사고|살\s?수|파는|팔아|있는|있어|되는|하는|주세요|보여|찾아")
_PORTION = re.compile(r"(?<=\S)\s*(?:\d{1,2}|[일이삼사한두세네])\s*인\s*분$")


def with_ware(text: str, request: Request, catalogue: Catalogue, everyday: Collection[str]) -> Request:
    """Return the request for the dish that the words of a message name together, where the understanding knew none.

    The last word of a Korean compound says what it is: 과자 is meant by 봉지과자, 국물 not by 국물떡볶이. ``everyday`` words
    ("밥", "간식") stand for many dishes and are left to the content funnel.
    """
    filters, chats = request.filters, request.intent is Intent.SMALL_TALK
    kinds = filters.category or ()
    open_to_words = request.intent in RECOMMENDING_INTENTS and request.opens_topic and len(kinds) != 1
    if request.question is not None or filters.menus or filters.exclude_menus or not (chats or open_to_words):
        return request
    words = [word for word in telling_words_of(text) if not _WISHING.match(word)]
    if not 0 < len(words) <= MAX_WORDS or (len(words) == 1 and words[0] in everyday):
        return request
    term = "".join(words)
    if (chats and plain(re.sub(r"\W", "", text)) != term) or (kinds and len(words) < 2):
        return request
    if len(term) < 2 or term in CATEGORIES or not (term in SWEETS or _heads_dish(term, catalogue)):
        return request
    intent = Intent.FOOD_RECOMMENDATION if chats else request.intent
    named = filters.model_copy(update={"menus": (term,), "category": None})
    return replace(
        request, intent=intent, filters=named, semantic_query=semantic_query(named, intent), opens_topic=True, words=""
    )


def without_portion(filters: Filters) -> Filters:
    """Return the filters with dishes named without a portion: 삼겹살 is sold by the portion where "1인분" is not in its name."""
    if not filters.menus or not any(_PORTION.search(name) for name in filters.menus):
        return filters
    return filters.model_copy(update={"menus": tuple(dict.fromkeys(_PORTION.sub("", name) for name in filters.menus))})


def _heads_dish(term: str, catalogue: Catalogue) -> bool:
    names = catalogue.dish_names
    return any(plain(names[dish]).endswith(term) for dish in catalogue.menus.dishes.containing(term).tolist())
