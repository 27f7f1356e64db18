"""The dish lexicon: what a Korean menu name implies (category, price range, tastes, diets, allergens), found inside names."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from aiyam.contracts import ALLERGENS, CATEGORIES, DIETS, TASTES, TIMES_OF_DAY
from aiyam.errors import DataError
from aiyam.settings import REPO_ROOT

SHIPPED_DISHES = REPO_ROOT / "datasets" / "catalogue" / "dishes.jsonl"

# A dish that is not in the lexicon, or a topping before one that is, still tells an ingredient by its words.
INGREDIENT_WORDS: dict[str, tuple[str, ...]] = {
    "알류": ("계란", "달걀", "에그", "날계란", "마요", "오믈렛", "메추리알", "오므라이스"),
    "우유": ("치즈", "우유", "크림", "버터", "라떼", "요거트", "모짜", "로제", "까르보", "카르보", "밀크", "아이스크림", "요구르트", "피자"),
    "메밀": ("메밀", "모밀", "소바", "막국수", "냉면"),
    "땅콩": ("땅콩", "피넛", "팟타이"),
    "대두": ("두부", "콩", "유부", "두유", "된장", "간장", "쌈장", "짜장", "청국장"),
    "밀": (
        "국수", "라면", "우동", "빵", "튀김", "까스", "카츠", "만두", "파스타", "스파게티", "피자", "버거", "토스트",
        "샌드위치", "수제비", "짬뽕", "짜장", "라멘", "핫도그", "케이크", "쿠키", "와플", "어묵", "오뎅", "사리", "베이커리",
    ),
    "고등어": ("고등어",),
    "게": ("꽃게", "게살", "대게", "크랩", "게장", "크래미", "맛살", "킹크랩"),
    "새우": ("새우", "쉬림프", "대하", "에비", "깐쇼", "김치"),
    "돼지고기": (
        "돼지", "삼겹", "목살", "베이컨", "햄", "소시지", "소세지", "제육", "스팸", "돈까스", "돈가스", "돈카츠", "족발",
        "보쌈", "순대", "차슈", "페퍼로니", "돈코츠", "핫바", "항정", "탕수육", "감자탕",
    ),
    "복숭아": ("복숭아", "피치", "아샷추"),
    "토마토": ("토마토", "케첩", "케찹"),
    "아황산류": ("와인", "건포도", "건과일"),
    "호두": ("호두", "월넛"),
    "닭고기": ("닭", "치킨", "윙", "삼계탕", "깐풍기", "유린기"),
    "쇠고기": ("소고기", "쇠고기", "한우", "불고기", "비프", "차돌", "우삼겹", "소갈비", "갈비탕", "설렁탕", "육회", "스테이크", "육개장"),
    "오징어": ("오징어", "한치", "오삼"),
    "조개류": ("조개", "전복", "홍합", "바지락", "꼬막", "가리비", "굴국", "굴전", "굴소스", "굴짬뽕", "생굴", "봉골레", "굴밥", "굴튀김"),
    "잣": ("잣죽", "잣국수"),
}  # fmt: skip
_SEAFOOD_WORDS = ("해물", "해산물", "삼선", "씨푸드", "모둠회")
_SEAFOOD = ("게", "새우", "오징어", "조개류")
_SPICY_WORDS = ("매운", "매콤", "불닭", "얼큰", "청양", "마라", "핫", "땡초")


@dataclass(frozen=True, slots=True)
class Dish:
    """One dish as sold in Seoul; prices in won; ``allergens`` lists every likely one, so absence is no promise."""

    name: str
    category: str
    kind: str
    price_min: int
    price_max: int
    tastes: tuple[str, ...]
    diets: tuple[str, ...]
    allergens: tuple[str, ...]
    times: tuple[str, ...]
    aliases: tuple[str, ...]
    child: bool
    side: bool


@dataclass(frozen=True)
class DishLexicon:
    """All dishes and the terms (names and aliases, without spaces) they are found by."""

    dishes: tuple[Dish, ...]
    terms: dict[str, int] = field(repr=False)
    longest: int = 0
    digest: str = ""

    @classmethod
    def of(cls, dishes: Iterable[Dish]) -> DishLexicon:
        """Index dishes by name and alias; a name wins over another dish's alias."""
        kept = tuple(dishes)
        terms: dict[str, int] = {}
        for number, dish in enumerate(kept):
            for alias in dish.aliases:
                terms.setdefault(_squeezed(alias), number)
        for number, dish in enumerate(kept):
            terms[_squeezed(dish.name)] = number
        digest = hashlib.sha256(repr((kept, INGREDIENT_WORDS)).encode()).hexdigest()[:12]
        return cls(kept, terms, max((len(term) for term in terms), default=0), digest)

    def lookup(self, name: str) -> Dish | None:
        """Return the dish with the longest term inside ``name`` (of equals the last: Korean puts the head last).

        >>> shipped_dishes().lookup("할머니 손칼국수 (곱빼기)").name
        '칼국수'
        """
        text = _squeezed(name)
        if text in self.terms:
            return self.dishes[self.terms[text]]
        best: tuple[int, int, int] | None = None
        for start, end, number in self._matches(text):
            if best is None or (end - start, start) >= best[:2]:
                best = (end - start, start, number)
        return None if best is None else self.dishes[best[2]]

    def allergens_of(self, name: str) -> tuple[str, ...]:
        """Return every allergen the name makes likely: of all dishes found in it and of ingredient words.

        >>> "새우" in shipped_dishes().allergens_of("새우 치즈 돈까스")
        True
        """
        text = _squeezed(name)
        found: set[str] = set()
        end_of_last = 0
        whole = self.terms.get(text)
        if whole is not None:
            found.update(self.dishes[whole].allergens)
        for start, end, number in sorted(self._matches(text), key=lambda match: (match[0], -match[1])):
            if start >= end_of_last:
                found.update(self.dishes[number].allergens)
                end_of_last = end
        for allergen, words in INGREDIENT_WORDS.items():
            if any(word in text for word in words):
                found.add(allergen)
        if any(word in text for word in _SEAFOOD_WORDS):
            found.update(_SEAFOOD)
        return tuple(allergen for allergen in ALLERGENS if allergen in found)

    def tastes_of(self, name: str) -> tuple[str, ...]:
        """Return the tastes of the dish found in the name, with 매운 added where the name says so."""
        dish = self.lookup(name)
        found = set(dish.tastes) if dish else set()
        if any(word in name for word in _SPICY_WORDS):
            found = (found - {"순한"}) | {"매운"}
        return tuple(taste for taste in TASTES if taste in found)

    def _matches(self, text: str) -> list[tuple[int, int, int]]:
        # One-syllable terms (물, 롤) only count as the whole name: inside others they mean nothing.
        found = []
        for start in range(len(text) - 1):
            for end in range(start + 2, min(len(text), start + self.longest) + 1):
                number = self.terms.get(text[start:end])
                if number is not None:
                    found.append((start, end, number))
        return found


def _squeezed(name: str) -> str:
    return "".join(name.split())


def load_dishes(path: Path) -> DishLexicon:
    """Read a lexicon (JSON Lines, one dish a line).

    Raises:
        DataError: the file is missing, or a row breaks the shape or a vocabulary; names file and row.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise DataError(f"Expected the dish lexicon at {path}, got: {error}.", hint="Restore datasets/.") from error
    dishes = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row: dict[str, Any] = json.loads(line)
            fields: dict[str, Any] = {
                key: tuple(value) if isinstance(value, list) else value for key, value in row.items()
            }
            dish = Dish(**fields)
            _check(dish)
        except (ValueError, TypeError) as error:
            raise DataError(f"Expected a dish at {path}:{number}, got: {error}.", hint="Correct that row.") from error
        dishes.append(dish)
    return DishLexicon.of(dishes)


def _check(dish: Dish) -> None:
    for what, values, allowed in (
        ("category", (dish.category,), CATEGORIES),
        ("tastes", dish.tastes, TASTES),
        ("diets", dish.diets, DIETS),
        ("allergens", dish.allergens, ALLERGENS),
        ("times", dish.times, TIMES_OF_DAY),
    ):
        strange = [value for value in values if value not in allowed]
        if strange:
            raise ValueError(f"unknown {what} {strange[0]!r}")
    if not 0 < dish.price_min <= dish.price_max:
        raise ValueError(f"price range {dish.price_min}..{dish.price_max}")


@lru_cache(maxsize=1)
def shipped_dishes() -> DishLexicon:
    """Return the lexicon that ships with the project, read once."""
    return load_dishes(SHIPPED_DISHES)


def lookup(name: str) -> Dish | None:
    """Return the longest dish of the shipped lexicon inside a menu name, or None.

    >>> lookup("즉떡 2인분").name, lookup("하늘색 우산") is None
    ('즉석떡볶이', True)
    """
    return shipped_dishes().lookup(name)
