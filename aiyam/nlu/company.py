"""Money that several people share: how many eat, and what that leaves for each of them."""

from __future__ import annotations

import re

from aiyam.contracts import Companion, Filters

MAX_PEOPLE = 30
STEP_WON = 100
"""A share is rounded down to this."""
GROUP_FROM = 4
_COUNTS = {"한": 1, "둘": 2, "셋": 3, "넷": 4, "두": 2, "세": 3, "네": 4, "다섯": 5, "여섯": 6, "일곱": 7, "여덟": 8, "아홉": 9, "열": 10}  # fmt: skip
_WORDS = "|".join(_COUNTS)
_PEOPLE = re.compile(
    rf"(?<![\d가-힣])(?P<before>(?:친구|애|아이|동생|형제|가족|식구|누나|언니|형|오빠|사촌|남매|우리)(?:들)?\s?)?"
    rf"(?:(?P<count>\d{{1,2}}|{_WORDS})\s?(?:명|사람)(?!\s?당)|(?P<digits>\d{{1,2}})\s?인(?!\s?(?:당|분|용|기|세트|실))|(?P<bare>둘|셋|넷|다섯|여섯|일곱|여덟)(?=이|은|의|도|하고|합|\s(?!다|중)|$|[,.!?~]))"
    r"(?P<with>\s?(?:이?랑|하고|과|와|데리고))?"
)
_EACH = re.compile(
    r"(?:[1일]\s?인|인|(?:한|1)\s?(?:명|사람)|명|사람|각)\s?당|각자|각각|따로|(?:한|1)\s?(?:명|사람)(?:에|이(?!랑))|씩|(?<![\d가-힣])1인\s?\d"
)
_ONE_DISH = re.compile(r"[원천만]\s?(?:짜리|대(?=\s|$|[의로에])|메뉴)|(?:하나|한\s?(?:그릇|개|접시|메뉴))에")


def people_in(text: str) -> int | None:
    """Return how many eat, the speaker among them; None when no number of people is said.

    >>> people_in("친구3명이랑 고기"), people_in("둘이 합쳐"), people_in("두 개만"), people_in("네")
    (4, 2, None, None)
    """
    for match in _PEOPLE.finditer(text):
        word = match["count"] or match["digits"] or match["bare"]
        number = _COUNTS.get(word) or int(word)
        if match["with"] is not None:
            number += 1
        if 2 <= number <= MAX_PEOPLE:
            return number
    return None


def share_of(text: str, said: Filters) -> Filters:
    """Divide an amount said for several people among them; an amount said for each one, or for one dish, stays.

    >>> share_of("셋이서 이만원", Filters(budget_max=20_000)).budget_max
    6600
    """
    if said.budget_max is None and said.budget_min is None:
        return said
    people = people_in(text)
    if people is None or _EACH.search(text) or _ONE_DISH.search(text):
        return said
    each = {
        key: value // people // STEP_WON * STEP_WON
        for key in ("budget_min", "budget_max")
        if (value := getattr(said, key)) is not None
    }
    if each.get("budget_max") == 0:
        return said
    companion: Companion = said.companion or ("group" if people >= GROUP_FROM else "friends")
    if companion == "group" and people < GROUP_FROM:
        companion = "friends"
    return said.model_copy(update={**each, "companion": companion})
