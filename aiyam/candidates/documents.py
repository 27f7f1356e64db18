"""One text a shop: name, category, district, dishes, and the everyday words its dishes answer to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from aiyam.candidates.rules import EverydayWords
from aiyam.contracts import CATEGORIES, DIETS, TASTES

if TYPE_CHECKING:
    from aiyam.catalogue.arrays import Catalogue

MAX_DISHES = 30


def dish_texts(catalogue: Catalogue, everyday: EverydayWords) -> list[str]:
    """Return one text for each dish name: the name and every everyday word that fits it."""
    texts = []
    for i, name in enumerate(catalogue.dish_names):
        plain = name.replace(" ", "")
        tastes = {t for bit, t in enumerate(TASTES) if catalogue.dish_taste[i] >> bit & 1}
        diets = {t for bit, t in enumerate(DIETS) if catalogue.dish_diet[i] >> bit & 1}
        words: dict[str, None] = {}
        for rule in everyday.rules:
            if (
                any(part in plain for part in rule.contains)
                or plain.endswith(rule.endings or ("\0",))
                or tastes.intersection(rule.tastes)
                or diets.intersection(rule.diets)
            ):
                words.update(dict.fromkeys(rule.words))
        texts.append(" ".join([name, *words]))
    return texts


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
