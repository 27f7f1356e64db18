"""Who comes along: people who eat and people only mentioned, how many they are, and what money leaves for each."""

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


_ONLY_MENTIONED = re.compile(
    r"(?:들)?(?:네(?!랑|하고|\s?가족|끼리)\s?(?:집|동네|반|집에)?|집(?:이|에|은)|\s?(?:회사|폰|몰래|댁|차(?:\s|로|$)|급카|급식카드|카드(?:로|$|\s)|심부름|손맛|이름))"
    r"|(?:들)?(?:이|가|께서|는|은)?\s(?:[가-힣0-9]{1,7}\s){0,3}?(?:늦|바[빠쁘]|그랬|그러(?:는|셨|시)|사\s?오[래라]|가지\s?말|건너지|먹지\s?말|말래|말랬|혼[나내냈]|물어보|찾아보|출장|야근|안\s?계|안\s?와|안와|안\s?옴|안옴|뺏|가셨|나가셨|못\s?먹게|밥해놓|밥\s?안|밥을\s?못|짤려|짤렸|알아서|온대|사\s?먹[으래라]|먹고\s?싶은\s?거\s?먹으[래라]|(?:사\s?)?먹고\s?오[래라]|오래요?(?=\s|$))"
    r"|(?:이|가|께서)\s?(?:[가-힣]{1,4}\s)?(?:[0-9,만천백오이삼사육칠팔구일]+\s?원\s?)?(?:을|만)?\s?(?:줬|주셨|주고|준대|줘서|주시고|보내)|가\s?돈\s?(?:줬|주)"
    r"|(?:이|가|께서)\s?(?:[가-힣]{1,5}\s)?(?:추천|알려|말해|가르쳐|소개|칭찬|해준|해주던|해주시던|해줬|만들어\s?준|주신|용돈|[가-힣]{2,4}다던|[가-힣]{2,4}다고\s?(?:했|한|하던)|다녀왔|갔다\s?왔)|\s?(?:들\s?)?(?:없이|없어|없는|없으|몰래)|이?랑\s?(?:갔던|먹었던|가던|다니던)"
    r"|한테\s?(?:혼|차|죽|들[었은]|뺏|맞|졸라|(?:[가-힣0-9]{1,6}\s){0,2}(?:빌[려렸린림]|쏘고|쐈|쏴서|뜯|갚|털[려렸린림]))|(?:이)?랑\s?(?:싸[워웠우]|헤어)|들은\s?안"
)
_EATS_ALONE = re.compile(r"(?:가|는|이)?\s혼자\s?(?:왔|와서|[가갈]|먹|드[시실]|들어)")
_ALONE_AFTER = re.compile(r"(?:가|는|이|는요)?\s?(?:[가-힣]{2,4}에서\s)?(?:밥\s?|점심을?\s?|저녁을?\s?)?혼자")
_HERE_OR_THERE = re.compile(
    r"\s?(?:자주|우글|많이\s?[가오와]|마주|있는\s?데|들끓|바글)|한테\s?(?:무료|공짜|밥\s?(?:을\s?)?(?:그냥\s?)?주는|안내|소개)"
)
"""Children who are met at a place, or whom a shop gives food, are no company."""
_CHILDREN = re.compile(r"아이들?|애들?|애기들?|아기들?|학생들?|손주들?")
_TEACHER = re.compile(
    r"선생(?:님)?(?:인데|입니|이에|예요|이라|이고|들|님들)|교사|담임|공부방|복지관|복지사|센터|그룹홈|어린이집|유치원|보육|인솔|원장|통장(?:인데|입니)|동네\s?(?:아이|애)들|급식\s?도우미|식단|현장\s?학습|우리\s?반(?!찬)"
)


def comes_along(text: str, start: int, end: int) -> bool:
    """Tell whether someone named at ``text[start:end]`` comes along or will eat, rather than being only mentioned.

    >>> comes_along("엄마랑 저녁", 0, 2), comes_along("엄마가 늦게 온대 저녁 먹을 데", 0, 2), comes_along("이모네 집 근처", 0, 2)
    (True, False, False)
    """
    after = text[end : end + 1]
    if after in ("랑", ",") or text.startswith(("이랑 같", "하고 ", "도 같이", "데리고", " 데리고", " 모시고"), end):
        return not text.startswith(("랑 싸", "랑 헤어"), end)
    if _CHILDREN.fullmatch(text, start, end):
        return _ALONE_AFTER.match(text, end) is None and _HERE_OR_THERE.match(text, end) is None
    return _ONLY_MENTIONED.match(text, end) is None and _EATS_ALONE.match(text, end) is None


def is_class(text: str, start: int, end: int) -> bool:
    """Tell whether children named there are the many that a teacher or a centre looks after.

    >>> is_class("센터 아이들 간식", 3, 6), is_class("우리 아이들 간식", 3, 6)
    (True, False)
    """
    return (
        text.endswith("들", start, end)
        and _CHILDREN.fullmatch(text, start, end) is not None
        and _TEACHER.search(text) is not None
    )


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
