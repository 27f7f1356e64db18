"""Which dishes and shops exist: exact and typo-tolerant look-up of catalogue names inside an utterance."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

from aiyam.korean.jamo import split
from aiyam.korean.slips import MIN_CHARS, SlipIndex
from aiyam.korean.spelling import normalise
from aiyam.nlu.dish_words import ALIASES, DISHES, SLIP_WORDS
from aiyam.nlu.shop_names import SEPARATORS, ShopNames
from aiyam.settings import REPO_ROOT

if TYPE_CHECKING:
    from aiyam.catalogue.arrays import Catalogue

_WORD = re.compile(r"[가-힣a-z0-9]+")
_PARTICLES = re.compile(
    r"(?:집|이|가|은|는|을|를|도|랑|이랑|하고|나|이나|만|로|으로|요|이요|먹|말|빼|맛집|파는|같|면|과|와|류|있|되|추천|$)"
)
_AFTER_A_SLIP = re.compile(
    r"(?:집|이|가|은|는|을|를|도|랑|하고|나|만|로|으로|요|먹|말고|말구|빼|맛집|파는|같은|면|과|와|있|되|추천|땡|세트|맛|에|의|라도|임|각|콜|ㄱ|[^가-힣]|$)"
)
_SHORT_NAME_ENDS = re.compile(
    r"집|이나|나\s|랑|이랑|도\s|만\s?있|[을를이은]?\s?(?:먹|조아|아[닌니]|파는|땡|당|있는|싫|말고|좋|질|사[가먹러]|끓|드[시실])|\s?(?:종류|말고|어때|추천|맛집|없[나을어]|한\s?그릇|같은)|$"
)
_NOT_DISHES = frozenset(["점심", "저녁", "아침", "세트", "특선", "공기밥", "음료", "콜라", "사이다", "추가", "곱빼기", "오늘의메뉴", "정식", "한식", "중식", "일식", "양식", "분식", "카페", "도시락", "편의점", "고기", "치킨", "피자", "음료수", "주스", "커피", "물", "맥주", "소주", "단품", "모둠", "기본", "스페셜", "계란", "우유", "치즈", "새우", "오징어", "땅콩", "친구", "가족", "아이", "난", "밥", "무한리필", "과자", "안주", "반찬", "국물", "집밥", "편의점도시락", "고기무한리필", "무한리필고기", "물고기", "케이스", "엽떡", "배달", "포장", "혼밥", "뷔페"])  # fmt: skip
MAX_DISH_CHARS = 14
_LONGEST_SLIP = 7
_LONG_JAMO = 14
_TASTE_FIRST = "매운"
SHIPPED_DISHES = REPO_ROOT / "datasets" / "catalogue" / "dishes.jsonl"


class NameHit(NamedTuple):
    """A catalogue name found in a text: ``text[start:end]`` stands for ``value``; ``fuzzy`` when a slip was forgiven."""

    value: str
    start: int
    end: int
    fuzzy: bool = False


class Gazetteer:
    """Names of dishes and shops, ready to be found in an utterance in well under a millisecond."""

    def __init__(self, dishes: Iterable[str], aliases: dict[str, str], shops: ShopNames | None = None) -> None:
        """Index dish names (canonical spelling) and other spellings of them."""
        names: dict[str, str] = {}
        for dish in dishes:
            plain = _compact(dish)
            if 1 <= len(plain) <= MAX_DISH_CHARS and plain not in _NOT_DISHES:
                names.setdefault(plain, dish)
        for alias, dish in aliases.items():
            plain = _compact(alias)
            if plain and plain not in _NOT_DISHES:
                names.setdefault(plain, names.get(_compact(dish), dish))
        for plain in [n for n in names if n.startswith(_TASTE_FIRST) and n[len(_TASTE_FIRST) :] in names]:
            del names[plain]  # a taste and a dish, said of any dish
        self._names = names
        lengths: dict[str, set[int]] = {}
        for plain in names:
            lengths.setdefault(plain[:2], set()).add(len(plain))
        self._lengths = {start: tuple(sorted(found, reverse=True)) for start, found in lengths.items()}
        self._slips = SlipIndex(n for n in names if len(n) <= _LONGEST_SLIP)
        self._jamo: list[tuple[str, str]] | None = None
        self.shops = shops or ShopNames(())

    @classmethod
    def from_catalogue(cls, catalogue: Catalogue) -> Gazetteer:
        """Names of a loaded catalogue, on top of the shipped ones; a dish is spelt as the catalogue spells it."""
        aliases, shipped = _shipped_dishes()
        return cls([*catalogue.dish_names, *shipped], aliases, ShopNames.of(catalogue))

    @classmethod
    def from_shipped(cls, shops: Sequence[str] = ()) -> Gazetteer:
        """Names that ship with the project; needs no catalogue. ``shops`` adds shop names (training uses invented ones)."""
        aliases, shipped = _shipped_dishes()
        return cls(shipped, aliases, ShopNames(shops))

    @property
    def dish_names(self) -> list[str]:
        """Canonical dish names, sorted."""
        return sorted(set(self._names.values()))

    def is_dish(self, surface: str) -> bool:
        """Tell whether a surface form is exactly a dish name (many real shops are called after one)."""
        return surface.replace(" ", "") in self._names

    def dish(self, surface: str) -> str | None:
        """Return the catalogue's spelling of a dish as typed, forgiving one slip; None when it is not a known dish."""
        plain = _compact(surface)
        found = self._names.get(plain) or self._names.get(plain.removesuffix("집"))
        if found is None and len(plain) >= MIN_CHARS:
            near = self._slips.near(plain) or self._nearest(plain)
            found = self._names[near] if near else None
        return found

    def _nearest(self, plain: str) -> str | None:
        """Return the name within one wrong jamo, or two where it is long, however its syllables fall."""
        if self._jamo is None:
            self._jamo = [(n, split(n)) for n in self._names if len(n) >= MIN_CHARS]
        typed = split(plain)
        limit = 1 if len(typed) < _LONG_JAMO else 2
        found = process.extractOne(typed, [j for _, j in self._jamo], scorer=Levenshtein.distance, score_cutoff=limit)
        return self._jamo[found[2]][0] if found else None

    def find_dishes(self, text: str) -> list[NameHit]:
        """Find dish names in a normalised text; the longest name wins, spaces inside a name are forgiven."""
        compact, origin = _squeeze(text)
        hits: list[NameHit] = []
        names, lengths = self._names, self._lengths
        free = 0
        for i, letter in enumerate(compact):
            fitting = lengths.get(compact[i : i + 2], ()) if i >= free else ()
            if i >= free and letter in lengths and i + 1 < len(compact):
                fitting = (*fitting, 1)
            for length in fitting:
                plain = compact[i : i + length]
                name = names.get(plain)
                if name is None or len(plain) != length or not self._stands(text, origin, i, i + length, plain):
                    continue
                hits.append(NameHit(name, origin[i], origin[i + length - 1] + 1))
                free = i + length
                break
        return self._with_slips(text, hits)

    def _stands(self, text: str, origin: Sequence[int], start: int, end: int, plain: str) -> bool:
        first, last = origin[start], origin[end - 1] + 1
        word_start = first == 0 or not _WORD.match(text[first - 1]) or text.endswith(_TASTE_FIRST, 0, first)
        spaced = last - first > end - start
        if len(plain) == 1 or plain in SLIP_WORDS:
            return word_start and not spaced and _SHORT_NAME_ENDS.match(text, last) is not None
        if spaced:
            return word_start and len(plain) >= 3 and text[first:last].rfind(" ") < last - first - 2
        return word_start or len(plain) >= 3 or _PARTICLES.match(text, last) is not None

    def _with_slips(self, text: str, hits: list[NameHit]) -> list[NameHit]:
        found = list(hits)
        for match in _WORD.finditer(text):
            at, end = match.span()
            if end - at < MIN_CHARS or not self._slips.may_begin(text, at):
                continue
            inside = [h for h in hits if h.start < end and at < h.end]
            longest = max((h.end - at for h in inside), default=0)  # 꼬추짬뽕 is more than its 짬뽕
            if any(h.start <= at for h in inside):
                continue
            for length in range(min(_LONGEST_SLIP, end - at), max(MIN_CHARS, longest) - 1, -1):
                word = text[at : at + length]
                if word in _NOT_DISHES or not _AFTER_A_SLIP.match(text, at + length):
                    continue
                near = self._slips.near(word)
                if near is not None:
                    found = [h for h in found if h not in inside]
                    found.append(NameHit(self._names[near], at, at + length, fuzzy=True))
                    break
        return found if len(found) < 2 else sorted(found, key=lambda h: h.start)


@lru_cache(maxsize=1)
def _shipped_dishes() -> tuple[dict[str, str], tuple[str, ...]]:
    aliases = dict(ALIASES)
    general = frozenset(DISHES)
    names: list[str] = []
    for line in SHIPPED_DISHES.read_text("utf-8").splitlines() if SHIPPED_DISHES.exists() else ():
        dish = json.loads(line)
        names.append(dish["name"])
        for alias in dish.get("aliases", ()):  # 김밥 is not only 야채김밥: a general word stays general
            if alias in ALIASES:
                continue
            aliases[alias] = alias if alias in dish["name"] or alias in general else dish["name"]
    return aliases, (*names, *(d for d in DISHES if d not in aliases))


def _compact(name: str) -> str:
    return SEPARATORS.sub("", normalise(name).text)


def _squeeze(text: str) -> tuple[str, Sequence[int]]:
    if " " not in text:
        return text, range(len(text))
    return text.replace(" ", ""), [i for i, c in enumerate(text) if c != " "]
