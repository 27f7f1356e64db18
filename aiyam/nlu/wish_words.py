"""The words of earlier messages that wish for what no filter holds, and which of them a follow-up leaves standing."""

from __future__ import annotations

import re

from aiyam.contracts import Filters
from aiyam.nlu.lexicon import ALLERGENS, TASTES

_REFUSED = r"\s?(?:거|것|음식)?(?:은|는|이|가|도|을|를)?\s?(?:말고|빼고|싫(?!(?:어하)?지\s?않)|별[로루]|제외|못\s?먹|안\s?(?:먹|땡))"


def still_wished(words: str, text: str, said: Filters, waived: frozenset[str]) -> str:
    """Return those of ``words`` that a follow-up, a normalised text with the filters it names, leaves standing.

    A dish or kind of food takes the place of all of them, and so does food that does not matter any more; a taste takes
    the place of another, and what is refused or not tolerated goes.

    >>> still_wished("뜨끈한 국물", "더 가까운 데", Filters(), frozenset())
    '뜨끈한 국물'
    >>> still_wished("뜨끈한 국물", "매운 걸로", Filters(taste=("매운",)), frozenset())
    '국물'
    >>> still_wished("고기", "물고기 싫어", Filters(), frozenset())
    '고기'
    >>> still_wished("뜨끈한 국물", "그냥 치킨", Filters(menus=("치킨",)), frozenset())
    ''
    """
    if said.menus or said.category or waived & {"menus", "category"}:
        return ""
    tastes = TASTES if said.taste else (said.exclude_taste or ())
    gone = [TASTES[taste] for taste in tastes] + [ALLERGENS.get(a, re.escape(a)) for a in said.allergies or ()]
    gone += [re.escape(menu) for menu in said.exclude_menus or ()]
    return " ".join(
        word
        for word in words.split()
        if not any(re.search(pattern, word) for pattern in gone)
        and not re.search(rf"(?<![가-힣]){re.escape(word)}{_REFUSED}", text)
    )
