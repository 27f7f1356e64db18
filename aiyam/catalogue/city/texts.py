"""What people wrote: wishes typed with a request, and comments that fit the stars and the dish."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from aiyam.catalogue.dishes import Dish
from aiyam.contracts import TIMES_OF_DAY

_MEAL_WORDS = {
    "breakfast": ("아침", "아침밥"), "lunch": ("점심", "점심밥"), "snack": ("간식", "학원 가기 전"), "dinner": ("저녁", "저녁밥"),
    "late_night": ("야식", "늦은 저녁"),
}  # fmt: skip
_TASTE_WORDS = {"매운": ("매운", "매콤한"), "순한": ("안 매운", "순한"), "단": ("달달한", "단"), "짠": ("짭짤한",), "담백한": ("담백한",), "시원한": ("시원한",), "따뜻한": ("따뜻한", "뜨끈한"), "바삭한": ("바삭한",)}  # fmt: skip


class WishWriter:
    """Writes a child's wish and the filters it means."""

    def __init__(self, templates: Sequence[str]) -> None:
        self._plain = [t for t in templates if "{" not in t]
        self._by_dish = [t for t in templates if "{메뉴}" in t]
        self._by_category = [t for t in templates if "{카테고리}" in t]
        self._by_time = [t for t in templates if "{때}" in t and "{메뉴}" not in t]
        self._by_taste = [t for t in templates if "{맛}" in t and "{메뉴}" not in t and "{카테고리}" not in t]

    def write(self, kind: int, dish: Dish | None, category: str, meal: int, budget: int, draw: int) -> tuple[str, str]:
        """Return (text, filters as JSON). ``kind`` 0 nothing, 1 a category, 2 a dish; ``draw`` is a random number."""
        filters: dict[str, Any] = {}
        if kind == 2 and dish is not None:
            text = self._by_dish[draw % len(self._by_dish)]
            filters["menus"] = [dish.name]
        elif kind >= 1 and category:
            text = self._by_category[draw % len(self._by_category)]
            filters["category"] = category
        else:
            options = self._by_time if draw % 4 == 0 else self._by_taste if draw % 4 == 1 and dish else self._plain
            text = options[(draw >> 3) % len(options)]
        if "{맛}" in text:
            tastes = dish.tastes if dish and dish.tastes else ("따뜻한",)
            taste = tastes[(draw >> 5) % len(tastes)]
            words = _TASTE_WORDS[taste]
            text = text.replace("{맛}", words[(draw >> 7) % len(words)])
            filters["taste"] = [taste]
        if "{때}" in text:
            words = _MEAL_WORDS[TIMES_OF_DAY[meal]]
            text = text.replace("{때}", words[(draw >> 9) % len(words)] if "{때}으로" not in text else words[0])
            filters["time_of_day"] = TIMES_OF_DAY[meal]
        if any(word in text for word in ("근처", "가까운", "집 앞")):
            filters["near_me"] = True
        if budget > 0:
            filters["budget_max"] = budget
            amount = (
                f"{budget // 10000}만원"
                if budget % 10000 == 0
                else f"{budget // 1000}천원"
                if budget < 10000
                else f"{budget}원"
            )
            text = f"{amount}{(' 이하', '으로', ' 안에서')[(draw >> 11) % 3]} {text}"
        if "싼" in text:
            filters["sort"] = "price"
        text = text.replace("{메뉴}", dish.name if dish else "").replace("{카테고리}", category or "밥")
        return text.strip(), json.dumps(filters, ensure_ascii=False)


def write_comment(rng: np.random.Generator, words: dict[str, list[str]], stars: int, dish_name: str) -> str:
    """Return a comment for a rating of ``stars`` 1-5; one in six has two sentences."""
    options = words[str(stars)]
    picked = rng.permutation(len(options))[:2]
    text = options[int(picked[0])].replace("{메뉴}", dish_name)
    if rng.random() < 1 / 6 and len(picked) > 1:
        text = f"{text}. {options[int(picked[1])].replace('{메뉴}', dish_name)}"
    if stars >= 4:
        tails = words["tail"]
        text += tails[int(rng.integers(len(tails)))]
    return text
