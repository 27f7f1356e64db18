"""What people say they want to eat, read from the rows understanding is trained on: whole wishes, and the words marked in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from aiyam.candidates.encoder import telling_words_of
from aiyam.catalogue.interactions import Requests
from aiyam.contracts import CATEGORIES, DIETS, TASTES, Filters
from aiyam.errors import DataError
from aiyam.nlu.examples import Example, load_examples
from aiyam.nlu.values import semantic_query
from aiyam.training.corpus import TUNING, held_back

_WISHING = frozenset(
    ["FOOD_RECOMMENDATION", "BUDGET_FOOD_INQUIRY", "GOOD_SHOP_INQUIRY", "LOCATION_INQUIRY", "MENU_INQUIRY", "REFINE"]
)
_TELLING = frozenset(["menu", "food_type", "taste", "dietary_preference", "allergy", "shop_name"])


EARLIER_SHARE = 0.7
"""Share of the logged requests, the oldest first, that may be learnt from."""


@dataclass(frozen=True)
class Wish:
    """Words, and what of the catalogue answers them: a dish of one of the names that has all tastes and diets, in a category."""

    text: str
    menus: tuple[str, ...] = ()
    tastes: tuple[str, ...] = ()
    diets: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wishes:
    """Whole utterances, what the pipeline searches with for them, their marked words, and how often words stand beside those."""

    whole: tuple[Wish, ...] = ()
    sought: tuple[Wish, ...] = ()
    marked: tuple[Wish, ...] = ()
    beside: Counter[str] = field(default_factory=Counter)


def read_wishes(data: Path) -> Wishes:
    """Read the training rows of a folder, none of its tuning and test rows; a folder that is not there holds none."""
    left_out = {data / TUNING, *held_back(data)}
    examples: list[Example] = []
    for path in sorted(data.glob("*.jsonl")):
        if path in left_out:
            continue
        try:
            examples += load_examples(path)[0]
        except DataError:  # a file of the annotators that is of another kind; understanding reports it
            continue
    return wishes_of(examples)


def choices_of(requests: Requests) -> list[tuple[str, int]]:
    """Return (text, catalogue row) of each shop that was chosen from what a request showed.

    The latest part is left out: rankers are measured on it, and must not meet vectors that know its choices.
    """
    chosen = []
    for i in range(round(EARLIER_SHARE * len(requests))):
        span = slice(requests.imp_start[i], requests.imp_start[i + 1])
        rows = requests.imp_shop_row[span][requests.imp_outcome[span] > 0]
        chosen += [(requests.query[i], int(row)) for row in rows if requests.query[i].strip()]
    return chosen


def wishes_of(examples: Iterable[Example]) -> Wishes:
    """Pick the wishes out of labelled utterances; what turns food down is none."""
    whole: dict[Wish, None] = {}
    sought: dict[Wish, None] = {}
    marked: dict[Wish, None] = {}
    beside: Counter[str] = Counter()
    for example in examples:
        if example.intent not in _WISHING or any(key.startswith("exclude") for key in example.filters):
            continue
        plain = example.text
        for kind, start, end, value in sorted(example.spans, key=lambda span: -span[1]):
            if kind not in _TELLING:
                continue
            plain = f"{plain[:start]} {plain[end:]}"
            wish = _of_mark(example.text[start:end], kind, value)
            if wish is not None:
                marked[wish] = None
        beside.update(telling_words_of(plain))
        wish = _of_filters(example)
        if wish is not None:
            whole[wish] = None
            with suppress(ValidationError):  # a filter of another vocabulary
                text = semantic_query(Filters.model_validate(example.filters), example.intent)
                sought[replace(wish, text=text)] = None
    return Wishes(tuple(whole), tuple(sought), tuple(marked), beside)


def _of_filters(example: Example) -> Wish | None:
    f = example.filters
    menus, tastes = _known(f.get("menus")), _known(f.get("taste"), TASTES)
    diets, categories = _known(f.get("dietary_preferences"), DIETS), _known(f.get("category"), CATEGORIES)
    return Wish(example.text, menus, tastes, diets, categories) if menus or tastes or diets or categories else None


def _of_mark(text: str, kind: str, value: Any) -> Wish | None:
    """Return what marked words mean, where they are not the dish's or category's own name."""
    if value == text:
        return None
    if kind == "menu":
        return Wish(text, menus=_known(value)) if _known(value) else None
    if kind == "taste":
        return Wish(text, tastes=_known(value, TASTES)) if _known(value, TASTES) else None
    if kind == "dietary_preference":
        return Wish(text, diets=_known(value, DIETS)) if _known(value, DIETS) else None
    if kind == "food_type":
        return Wish(text, categories=_known(value, CATEGORIES)) if _known(value, CATEGORIES) else None
    return None


def _known(value: Any, vocabulary: tuple[str, ...] | None = None) -> tuple[str, ...]:
    values = [value] if isinstance(value, str) else value if isinstance(value, (list, tuple)) else []
    return tuple(v for v in values if isinstance(v, str) and v and (vocabulary is None or v in vocabulary))
