"""Which shops a child may be shown: bars, adult venues, tobacco and non-eating merchants are held back from names alone.

Merchant lists carry bars registered as ordinary restaurants, so a registered trade never clears a name; it can only add
suspicion. ``blocked`` and ``review`` are both kept from children; ``review`` waits for a person to look.
The words are data: ``datasets/catalogue/venue_words.tsv`` (level, where, pattern, reason), first match wins.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from aiyam.catalogue.odd_text import odd_text
from aiyam.contracts import CATEGORIES
from aiyam.errors import DataError
from aiyam.settings import REPO_ROOT

Venue = Literal["ok", "review", "blocked"]
SHIPPED_WORDS = REPO_ROOT / "datasets" / "catalogue" / "venue_words.tsv"

_WHERE = ("spaced", "squashed", "token_end", "industry", "name")
_NOT_WORD = re.compile(r"[^0-9a-z가-힣ㄱ-ㅎㅏ-ㅣ一-鿿]+")
_LATIN_RUN = re.compile(r"[a-z][a-z0]*")
_COMPANY = re.compile(r"주식회사|유한회사|\((?:주|유|사|재|합)\)|㈜|㈔")
_SPACED_LATIN = re.compile(r"(?<![a-z0-9])[a-z0](?:[\s._\-·*/]+[a-z0])+(?![a-z0-9])")
_BRANCH_LENGTHS = (3, 4, 5, 6, 7)
_FOOD_TRADE = re.compile(
    r"한식|중식|일식|양식|분식|음식|식당|제과|제빵|베이커리|패스트푸드|치킨|통닭|피자|카페|커피|다방|뷔페|도시락|편의점|김밥|횟집|냉면|국수|갈비|족발|까페"
)
_LEADS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
_VOWELS = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
_TAILS = "ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ"
_LOOSE_JAMO = re.compile(f"([{_LEADS}])([{_VOWELS}])([{_TAILS}](?![{_VOWELS}]))?")
_FUZZY_WORDS = (
    "이자카야", "단란주점", "유흥주점", "노래주점", "포장마차", "나이트클럽", "전자담배", "안마시술소", "가라오케", "성인용품", "실내포차",
    "룸살롱", "소주방", "와인바", "칵테일바", "막걸리", "주류백화점",
)  # fmt: skip
_ALCOHOL_ITEM = re.compile(
    r"(?<!미)소주(?!고개|차)|맥주(?!보리)|생맥|비루$|막걸리(?!빵|술빵|찐빵)|(?<!식)탁주|동동주|청하|복분자주|매실주|백세주|사케(?!동|마키|이쿠라)|하이볼|위스키|[데테]킬라|보드카|"
    r"칵테일(?!새우|과일|소시지)|와인(?!숙성|삼겹|갈비|돼지|목살|한우)|샴페인|브랜디|고량주|연태|이과두|빼갈|칭따오|칭타오|하얼빈$|도쿠리|나마비루|(?<!무알콜)(?<!무알코올)(?<!논알콜)(?<!논알코올)(?<!에이드)모히[또토](?![가-힣]*(?:에이드|[무논]알콜|[무논]알코올))|(?<!한)잔술(?!국)|양주$|전통주(?!먹|꾸미|전)|페일에일|라거$|담금주|폭탄주|소맥(?!아)|카스(?=$|병|생|\d|후레쉬)|(?<!카스)테라(?=$|병|생|\d)|참이슬|처음처럼|진로"
)
_TOBACCO = re.compile(r"담배(?!추)|^시가$|쿠바시가|시가바|시가렛|베이프")
_ALCOHOL_LATIN = frozenset(
    {
        "beer",
        "soju",
        "wine",
        "cocktail",
        "highball",
        "whisky",
        "whiskey",
        "vodka",
        "tequila",
        "sake",
        "makgeolli",
        "rum",
    }
)
_SNACKS_WITH_DRINKS = re.compile(r"안주|노가리|먹태|쥐포|마른오징어|황도|나쵸|모듬튀김안주|기본안주")


@dataclass(frozen=True)
class VenueWords:
    """Compiled word table: ``plain`` hides harmless longer words, ``rules`` are (pattern, level, reason) by where,
    in order, and ``quick`` is one pattern for all of a where."""

    plain: re.Pattern[str]
    rules: dict[str, tuple[tuple[re.Pattern[str], Venue, str], ...]]
    quick: dict[str, re.Pattern[str]]
    latin: dict[str, tuple[Venue, str]]

    @classmethod
    def load(cls, path: Path = SHIPPED_WORDS) -> VenueWords:
        """Read the table. DataError when a line is not four tab-separated fields or not a regular expression."""
        plain: list[str] = []
        rules: dict[str, list[tuple[re.Pattern[str], Venue, str]]] = {place: [] for place in _WHERE}
        latin: dict[str, tuple[Venue, str]] = {}
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines()[1:], 2):
            fields = line.split("\t")
            if (
                len(fields) != 4
                or fields[0] not in ("plain", "review", "blocked")
                or fields[1] not in (*_WHERE, "latin")
            ):
                raise DataError(f"expected level, where, pattern, reason in {path.name} line {number}, got {line!r}")
            level, where, pattern, reason = fields
            try:
                compiled = re.compile(f"(?:{pattern})$" if where == "token_end" else pattern)
            except re.error as error:
                raise DataError(f"expected a regular expression in {path.name} line {number}, got {error}") from error
            if level == "plain":
                plain.append(pattern)
            elif where == "latin":
                latin[pattern] = ("blocked" if level == "blocked" else "review", reason)
            else:
                rules[where].append((compiled, "blocked" if level == "blocked" else "review", reason))
        quick = {where: re.compile("|".join(rule[0].pattern for rule in found)) for where, found in rules.items()}
        return cls(re.compile("|".join(plain)), {where: tuple(found) for where, found in rules.items()}, quick, latin)

    def first(self, where: str, text: str) -> tuple[Venue, str, str] | None:
        """The first rule of ``where`` that matches: level, reason, the words it found."""
        if not self.quick[where].search(text):
            return None
        for pattern, level, reason in self.rules[where]:
            if found := pattern.search(text):
                return level, reason, found.group()
        return None


@lru_cache(maxsize=1)
def shipped_words() -> VenueWords:
    """The table that ships, read once."""
    return VenueWords.load()


def classify_venue(
    name: str,
    category: str | None = None,
    menu_names: Sequence[str] = (),
    industry: str = "",
    words: VenueWords | None = None,
) -> tuple[Venue, str | None]:
    """Say whether a shop may be shown to children: ``ok``, ``review`` (a person must look) or ``blocked``, and why.

    ``category`` is one of ``contracts.CATEGORIES`` where the *name* or its menus gave it; ``industry`` is the trade a list
    registered. An eating category or trade excuses words such as 마트 in "숙성회마트", never a bar word. A name that gives
    orders, holds markup or asks to be written to waits for a person too (``odd_text``).

    >>> classify_venue("호 프 광장")[0], classify_venue("호프만베이커리")[0], classify_venue("제주막국수")[0]
    ('blocked', 'ok', 'ok')
    """
    venue, why = _by_words(name, category, menu_names, industry, words or shipped_words())
    if venue == "ok" and (odd := odd_text(name)):
        return "review", f"가게 이름으로 보이지 않음 ({odd})"
    return venue, why


def is_adult_item(menu_name: str) -> bool:
    """Whether a menu item is alcohol or tobacco, which no child is ever shown.

    >>> is_adult_item("생맥주 500cc"), is_adult_item("사케동"), is_adult_item("칵테일새우볶음밥")
    (True, False, False)
    >>> is_adult_item("던힐 담배"), is_adult_item("담배추무침"), is_adult_item("대게 시가")
    (True, False, False)
    """
    text = unicodedata.normalize("NFKC", menu_name).lower()
    close = _NOT_WORD.sub("", text)
    if _ALCOHOL_ITEM.search(close) or _TOBACCO.search(close):
        return True
    return any(run in _ALCOHOL_LATIN for run in _LATIN_RUN.findall(text))


def _by_words(
    name: str, category: str | None, menu_names: Sequence[str], industry: str, words: VenueWords
) -> tuple[Venue, str | None]:
    text = _compose(unicodedata.normalize("NFKC", _COMPANY.sub(" ", name)).lower())
    text = _SPACED_LATIN.sub(lambda m: re.sub(r"[^a-z0]", "", m.group()), text)
    squashed = words.plain.sub("·", _NOT_WORD.sub("", text))
    if hit := words.first("spaced", text) or words.first("squashed", squashed):
        return hit[0], f"{hit[1]} ({hit[2]})"
    for run in _LATIN_RUN.findall(text):
        if latin := words.latin.get(run.replace("0", "o")):
            return latin[0], f"{latin[1]} ({run})"
    if fuzzy := _nearly(squashed):
        return "review", f"주점으로 보임 ({fuzzy} 오타)"
    if "바" in text or "빠" in text:
        for token in _tokens(text, words):
            if hit := words.first("token_end", token):
                return hit[0], f"{hit[1]} ({token})"
    trade = _NOT_WORD.sub("", industry.lower())
    if trade and (hit := words.first("industry", trade)):
        return hit[0], f"{hit[1]} ({industry.strip()})"
    eats = category in CATEGORIES or bool(_FOOD_TRADE.search(trade))
    if not eats and (hit := words.first("name", squashed)):
        return hit[0], f"{hit[1]} ({hit[2]})"
    return _by_menus(menu_names, category)


def _holds_tobacco(menu_name: str) -> bool:
    return bool(_TOBACCO.search(_NOT_WORD.sub("", unicodedata.normalize("NFKC", menu_name).lower())))


def _by_menus(menu_names: Sequence[str], category: str | None) -> tuple[Venue, str | None]:
    if not menu_names:
        return "ok", None
    drinks = sum(is_adult_item(item) for item in menu_names)
    beside = sum(bool(_SNACKS_WITH_DRINKS.search(item)) for item in menu_names)
    share = (drinks + beside) / len(menu_names)
    if drinks and share >= 0.7:
        return "blocked", f"메뉴 대부분이 술·안주 ({drinks + beside}/{len(menu_names)})"
    if (drinks + beside >= 2 and share >= 0.4) or (drinks and share >= 1 / 3 and len(menu_names) > 2):
        return "review", f"메뉴에 술·안주가 많음 ({drinks + beside}/{len(menu_names)})"
    if category != "편의점" and any(_holds_tobacco(item) for item in menu_names):
        return "review", "메뉴에 담배가 있음"
    return "ok", None


def _tokens(text: str, words: VenueWords) -> list[str]:
    tokens = [words.plain.sub("·", token) for token in _NOT_WORD.split(text) if token]
    return tokens + [t[:-n] for t in tokens if t.endswith("점") for n in _BRANCH_LENGTHS if len(t) > n]


def _compose(text: str) -> str:
    """Join loose compatibility jamo ("ㅎㅗㅍㅡ") into syllables."""

    def syllable(found: re.Match[str]) -> str:
        lead, vowel, tail = found.groups()
        code = (_LEADS.index(lead) * 21 + _VOWELS.index(vowel)) * 28
        return chr(0xAC00 + code + (_TAILS.index(tail) + 1 if tail else 0))

    return _LOOSE_JAMO.sub(syllable, text)


@lru_cache(maxsize=1)
def _one_syllable_off() -> re.Pattern[str]:
    return re.compile(
        "|".join(w[:i] + "[가-힣]" + w[i + 1 :] for w in _FUZZY_WORDS if len(w) >= 3 for i in range(len(w)))
    )


def _nearly(squashed: str) -> str | None:
    """The long bar word that stands in the text with one jamo changed in one syllable, if any."""
    if len(squashed) < 3:
        return None
    for found in _one_syllable_off().finditer(squashed):
        window = found.group()
        for word in _FUZZY_WORDS:
            if len(word) == len(window) and (
                differing := [(a, b) for a, b in zip(word, window, strict=True) if a != b]
            ):
                (a, b) = differing[0]
                if len(differing) == 1 and len(word) >= 4 and _jamo_apart(a, b) == 1:
                    return word
    return None


def _jamo_apart(a: str, b: str) -> int:
    x, y = ord(a) - 0xAC00, ord(b) - 0xAC00
    return (x // 588 != y // 588) + (x % 588 // 28 != y % 588 // 28) + (x % 28 != y % 28)
