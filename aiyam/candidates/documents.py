"""One text a shop: name, category, district, dishes, and the everyday words its dishes answer to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from aiyam.candidates.rules import EverydayWords
from aiyam.catalogue.menus import bits_of
from aiyam.contracts import CATEGORIES, DIETS, TASTES

if TYPE_CHECKING:
    from aiyam.catalogue.arrays import Catalogue

MAX_DISHES = 30


def everyday_words(catalogue: Catalogue, everyday: EverydayWords) -> list[tuple[str, ...]]:
    """Return for each dish name every everyday word that fits it, by its name, tastes or diets."""
    of_taste = [bits_of(rule.tastes, TASTES) for rule in everyday.rules]
    of_diet = [bits_of(rule.diets, DIETS) for rule in everyday.rules]
    patterns = [
        re.compile("|".join([*map(re.escape, rule.contains), *(re.escape(end) + "$" for end in rule.endings)]) or "$^")
        for rule in everyday.rules
    ]
    found = []
    for name, taste, diet in zip(catalogue.dish_names, catalogue.dish_taste, catalogue.dish_diet, strict=True):
        plain = name.replace(" ", "")
        words: dict[str, None] = {}
        for rule, pattern, tastes, diets in zip(everyday.rules, patterns, of_taste, of_diet, strict=True):
            if int(taste) & tastes or int(diet) & diets or pattern.search(plain):
                words.update(dict.fromkeys(rule.words))
        found.append(tuple(words))
    return found


def dish_texts(catalogue: Catalogue, everyday: EverydayWords) -> list[str]:
    """Return one text for each dish name: the name and every everyday word that fits it."""
    words = everyday_words(catalogue, everyday)
    return [" ".join([name, *some]) for name, some in zip(catalogue.dish_names, words, strict=True)]


def shop_documents(catalogue: Catalogue, everyday: EverydayWords, rows: NDArray[np.integer] | None = None) -> list[str]:
    """Return one document for each shop row (all rows when None), at most 30 dishes each."""
    dishes = dish_texts(catalogue, everyday)
    of_category = {
        number: " ".join([name, *(w for rule in everyday.rules if name in rule.categories for w in rule.words)])
        for number, name in enumerate(CATEGORIES)
    }
    start, names = catalogue.menu_start, catalogue.menu_name
    documents = []
    for row in range(len(catalogue.names)) if rows is None else rows.tolist():
        low = int(start[row])
        served = names[low : min(int(start[row + 1]), low + MAX_DISHES)].tolist()
        category = of_category.get(int(catalogue.category[row]), "")
        district = catalogue.district_names[catalogue.district[row]] if catalogue.district[row] >= 0 else ""
        parts = [catalogue.names[row], category, district, catalogue.dong[row] or "", *[dishes[d] for d in served]]
        documents.append(" ".join(parts))
    return documents
