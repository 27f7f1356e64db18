"""What a message tells of the person who eats, allergies and diets of faith, whatever else the message is taken for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from aiyam.contracts import RECOMMENDING_INTENTS, Filters, Intent, Understanding
from aiyam.nlu.lexicon import ALLERGEN_GROUPS, ALLERGENS, find_allergens
from aiyam.nlu.taken_back import allergies_over, is_asked, named_as

_HARMS = re.compile(
    r"(?:을|를|은|는|이|가|만|도|류)?\s?(?:들어간\s?(?:거|것|음식)?[은는을를도]?\s?)?(?:알레르기|알러지|못\s?먹(?!었)|안\s?(?:돼|되|맞)|먹으면\s?(?:안|큰일|배|두드러기|가려|토|몸|목|입|숨|아프|아파|탈|죽))"
)
"""What follows a food that harms who eats it."""
_SURE = re.compile(r"알레르기|두드러기|불내증|못\s?(?:먹|드)(?!었)")
"""Words that tell of harm in a question too: "새우 알레르기 있는데 먹어도 돼?"."""
_SAID_TO_BE_ONE = re.compile(r"알레르기|알러지|불내증")
_LIVES_BY = (
    ("채식", re.compile(r"(?:채식|비건)(?:주의자?)?\s?(?:해|하는|하거든|이야|야|임|이라|인데|예요|이에요|입니다)")),
    ("할랄", re.compile(r"(?:무슬림|이슬람)\s?(?:교|신자)?\s?(?:이야|야|임|이라|인데|예요|이에요|입니다|이거든)")),
)
_NAMED = "|".join(f"(?:{named_as(name, words)})" for name, words in ALLERGENS.items())
_ONLY_TOLD = re.compile(
    r"(?:(?:안녕(?:하세요)?|저기요?|참|아|근데|그런데|그리고|고마워요?|나는?|난|저는?|전|제가|내가|우리|저희|애|아이|딸|아들|손[자녀주]|동생|막내|조카|학생)(?:은|는|이|가|도)?[,.!~]?\s?){0,5}"
    rf"(?:{_NAMED})(?:\s?(?:이?랑|하고|과|와|이?나|,)?\s?(?:{_NAMED}))*"
    r"(?:류)?(?:을|를|은|는|이|가|만|도|에)?\s?(?:들어간\s?(?:거|것|음식)[은는을를도]?\s?)?(?:절대\s?|전혀\s?|진짜\s?|아예\s?|심한\s?|잘\s?)*"
    r"(?:알레르기|못\s?(?:먹|드)(?!었)|먹으면|안\s?(?:돼|되|맞)|두드러기)"
    r"(?:이|가|는|도)?\s?(?:좀\s?|진짜\s?|조금\s?|심하게\s?|아주\s?|꼭\s?)?(?:있|심|나|안\s?[돼되]|큰일|배|두드러기|가려|토|몸|목|입|숨|아[프파픈]|탈|죽|이?야|이?에요|예요|요|임|음|어|여|고|는|다|라|입니다|래|대)?"
    r"[가-힣]{0,4}(?:\s(?:나|와|아[파픈]|올라|가려|막[혀히]|생[겨기]|해|조심|심|[돼되])[가-힣]{0,3}){0,2}[.!~ㅠㅜ ]*"
)
_WISH = re.compile(r"추천|찾아|알려|파는|먹을|먹고|뭐|맛집|식당|메뉴|없는|말고|어때|얼마|어디")


@dataclass(frozen=True)
class Told:
    """What a message tells of a person: ``allergies`` and ``diets`` as filters hold them, ``words`` as it names the foods."""

    allergies: tuple[str, ...] = ()
    diets: tuple[str, ...] = ()
    words: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.allergies or self.diets)

    def over(self, filters: Filters) -> Filters:
        """Lay what was told over constraints; nothing that held is lost."""
        update: dict[str, Any] = {}
        if self.allergies:
            update["allergies"] = tuple(dict.fromkeys((*(filters.allergies or ()), *self.allergies)))
        if self.diets:
            update["dietary_preferences"] = tuple(dict.fromkeys((*(filters.dietary_preferences or ()), *self.diets)))
        return filters.model_copy(update=update) if update else filters


def told_of_person(text: str, understanding: Understanding) -> Told:
    """Return the allergies and diets of faith a normalised text tells.

    A request for shops keeps what was understood. Of other messages a question tells an allergy only where it speaks of one
    ("거기 치즈 들어간 거 있어?" may be a wish), and one that is said to be over is none. Of a message in danger only what it
    calls an allergy counts: "우유 먹으면 배를 때려요" is none.
    """
    if understanding.intent is Intent.SAFETY and not _SAID_TO_BE_ONE.search(text):
        return Told()
    listed = understanding.intent in RECOMMENDING_INTENTS
    told: dict[str, None] = dict.fromkeys(understanding.filters.allergies or ()) if listed else {}
    words: dict[str, None] = {}
    if not is_asked(text) or _SURE.search(text):
        for name, start, end in _harmful(text, sure=not listed):
            told.update(dict.fromkeys(ALLERGEN_GROUPS.get(name, (name,))))
            words[text[start:end]] = None
    over = allergies_over(text, frozenset(told))
    allergies = tuple(a for a in told if a not in over)
    diets = () if is_asked(text) else tuple(diet for diet, pattern in _LIVES_BY if pattern.search(text))
    return Told(allergies, diets, tuple(words or (() if is_asked(text) else allergies)) if allergies else ())


def only_tells_of_person(text: str) -> bool:
    """Tell whether a normalised text says what must not be eaten and nothing else.

    >>> only_tells_of_person("나 새우 알레르기 있어"), only_tells_of_person("새우 알레르기 있는데 볶음밥 파는 데")
    (True, False)
    """
    return _ONLY_TOLD.fullmatch(text.strip()) is not None and not is_asked(text) and _WISH.search(text) is None


def _harmful(text: str, *, sure: bool) -> list[tuple[str, int, int]]:
    """Return the allergens a text says do harm, as (name, start, end), in reading order, none inside another's name."""
    found = [
        (hit.value, hit.start, hit.end)
        for hit in find_allergens(text)
        if not sure or _SURE.search(text) or "먹" in text
    ]
    for name, pattern in ALLERGENS.items():
        found += [
            (name, m.start(), m.end())
            for m in re.finditer(named_as(name, pattern), text)
            if _HARMS.match(text, m.end())
        ]
    kept: list[tuple[str, int, int]] = []
    for hit in sorted(set(found), key=lambda hit: (hit[1] - hit[2], hit[1])):  # 콩 is no word of its own in 땅콩
        if all(hit[2] <= other[1] or hit[1] >= other[2] for other in kept):
            kept.append(hit)
    return sorted(kept, key=lambda hit: hit[1])
