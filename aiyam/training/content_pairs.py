"""Texts to train the content encoder on, each with how fully every shop answers it."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiyam.candidates.documents import everyday_words
from aiyam.candidates.rules import EverydayWords
from aiyam.catalogue.arrays import Catalogue
from aiyam.catalogue.dishes import lookup, shipped_dishes
from aiyam.catalogue.name_search import NameSearch, plain
from aiyam.contracts import CATEGORIES, DIETS, TASTES
from aiyam.training.content_wishes import Wish, Wishes

Row = NDArray[np.int64]
FULL_SHARE = 1 / 3
"""A shop a third of whose dishes answer, answers fully."""
MAX_NAMES = 6000
"""Menu names, shop names and logged texts of one training; more are sampled."""
MAX_CHARS = 80
"""Nobody types more to search; a longer name is cut."""
_FEWEST_OF_A_PART = 3
_BRANCH = re.compile(r"\s\S+점$")


@dataclass(frozen=True)
class Pairs:
    """Texts of ``kinds``; text i is answered by shops as row ``answer[i]`` of ``gains`` says, a sparse (answers, shops) in 0..1."""

    texts: tuple[str, ...]
    kinds: tuple[str, ...]
    answer: Row
    gains: Any


class _Gatherer:
    """Collects texts with their answers, an answer once however many texts it has."""

    def __init__(self, catalogue: Catalogue, rows: Row) -> None:
        from scipy import sparse

        self.catalogue = catalogue
        self._rows = rows
        low, high = catalogue.menu_start[rows].astype(np.int64), catalogue.menu_start[rows + 1].astype(np.int64)
        count = high - low
        dishes = np.concatenate(
            [catalogue.menu_name[a:b] for a, b in zip(low, high, strict=True)] or [np.empty(0, int)]
        )
        weight = np.repeat(1 / np.maximum(count, 1), count).astype(np.float32)
        shop = np.repeat(np.arange(len(rows)), count)
        n_dishes = len(catalogue.dish_names)
        self._share = sparse.csr_matrix((weight, (dishes, shop)), shape=(n_dishes, len(rows)))
        self.served = np.flatnonzero(np.diff(self._share.indptr))
        self._texts: list[str] = []
        self._kinds: list[str] = []
        self._answers: list[int] = []
        self._asked: list[tuple[Row | None, NDArray[np.bool_] | None]] = []
        self._number: dict[bytes, int] = {}

    def add(self, kind: str, text: str, dishes: Row | None, shops: NDArray[np.bool_] | None = None) -> None:
        """Add a text that the dishes (ascending numbers; None: any) answer, at the shops (a mask; None: all); one is given."""
        text = text[:MAX_CHARS]
        if text.strip():
            key = b"|".join((b"" if dishes is None else dishes.tobytes(), b"" if shops is None else shops.tobytes()))
            number = self._number.setdefault(key, len(self._asked))
            if number == len(self._asked):
                self._asked.append((dishes, shops))
            self._texts.append(text)
            self._kinds.append(kind)
            self._answers.append(number)

    def pairs(self) -> Pairs:
        """Return all texts that some shop answers."""
        from scipy import sparse

        n_shops = len(self._rows)
        by_dish = (_rows_of([some for some, _ in self._asked], self._share.shape[0]) @ self._share).tocsr()
        by_dish.data = np.minimum(by_dish.data / np.float32(FULL_SHARE), 1)
        at_shops = _rows_of([None if some is None else np.flatnonzero(some) for _, some in self._asked], n_shops)
        has_dishes, has_shops = (np.array([answer[i] is not None for answer in self._asked], bool) for i in (0, 1))
        gains = sparse.csr_matrix((len(self._asked), n_shops), dtype=np.float32)
        for mask, part in (
            (has_dishes & ~has_shops, by_dish),
            (has_shops & ~has_dishes, at_shops),
            (has_dishes & has_shops, by_dish.multiply(at_shops)),
        ):
            gains = gains + sparse.diags(mask.astype(np.float32)) @ part
        gains = gains.tocsr().astype(np.float32)
        gains.eliminate_zeros()
        answered = np.diff(gains.indptr) > 0
        kept = [i for i, answer in enumerate(self._answers) if answered[answer]]
        return Pairs(
            tuple(self._texts[i] for i in kept),
            tuple(self._kinds[i] for i in kept),
            np.array([self._answers[i] for i in kept], np.int64),
            gains,
        )


def make_pairs(
    catalogue: Catalogue,
    everyday: EverydayWords,
    rows: Row,
    *,
    wishes: Wishes,
    asked: Sequence[tuple[str, int]],
    seed: int,
) -> Pairs:
    """Pair texts with the shops of ``rows`` that answer them.

    A dish's name is answered by every dish that contains it; so are its aliases, and beginnings and endings that several
    dishes share (국수, 치즈). An everyday word is answered by the dishes it fits, a shop's name by all its branches.

    Args:
        catalogue: the shops as arrays.
        everyday: the bridge from everyday words to dishes.
        rows: the shops to train on.
        wishes: what people said they want.
        asked: logged (text, row of the shop that was chosen then).
        seed: decides which names are left out where there are too many.
    """
    rng = random.Random(seed)
    gatherer = _Gatherer(catalogue, rows)
    _add_dishes(gatherer, everyday, rng)
    of = catalogue.category[rows]
    for number, name in enumerate(CATEGORIES):
        for word in (name, *(w for rule in everyday.rules if name in rule.categories for w in rule.words)):
            gatherer.add("category", word, None, of == number)
    branches: dict[str, list[int]] = defaultdict(list)
    for i, row in enumerate(rows.tolist()):
        branches[_BRANCH.sub("", catalogue.names[row])].append(i)
    for name in _sampled(sorted(branches), rng):
        gatherer.add("name", name, None, _mask(len(rows), branches[name]))
    _add_wishes(gatherer, wishes, of)
    chosen: dict[str, list[int]] = defaultdict(list)
    place = {row: i for i, row in enumerate(rows.tolist())}
    for text, row in asked:
        if row in place:
            chosen[text].append(place[row])
    for text in _sampled(sorted(chosen), rng):
        gatherer.add("asked", text, None, _mask(len(rows), chosen[text]))
    return gatherer.pairs()


def _add_dishes(gatherer: _Gatherer, everyday: EverydayWords, rng: random.Random) -> None:
    names = gatherer.catalogue.dish_names
    search = NameSearch(list(names))
    bases: dict[str, list[int]] = defaultdict(list)
    parts: dict[str, set[str]] = defaultdict(set)
    known = shipped_dishes()
    aliases = {dish.name: dish.aliases for dish in known.dishes}
    for i in gatherer.served.tolist():
        dish = lookup(names[i])
        bases[dish.name if dish else plain(names[i])].append(i)
    for base in bases:
        for n in (1, 2, 3, 4):
            if len(base) > n:
                parts[base[-n:]].add(base)
                if n > 1:
                    parts[base[:n]].add(base)
    for base in _sampled(sorted(bases), rng):
        dishes = _numbers([*search.containing(base), *bases[base]])
        gatherer.add("dish", base, dishes)
        for alias in aliases.get(base, ()):
            gatherer.add("alias", alias, _numbers([*dishes, *search.containing(alias)]))
    for part in _sampled(sorted(p for p, b in parts.items() if len(b) >= _FEWEST_OF_A_PART and p not in bases), rng):
        gatherer.add("dish", part, _numbers(search.containing(part)))
    for i in _sampled(gatherer.served.tolist(), rng):
        gatherer.add("menu", names[i], _numbers([i]))
    fitting: dict[str, list[int]] = defaultdict(list)
    words = everyday_words(gatherer.catalogue, everyday)
    for i in gatherer.served.tolist():
        for word in words[i]:
            fitting[word].append(i)
    for word, some in fitting.items():
        gatherer.add("everyday", word, _numbers(some))


def _add_wishes(gatherer: _Gatherer, wishes: Wishes, category: NDArray[np.int8]) -> None:
    catalogue = gatherer.catalogue
    search = NameSearch(list(catalogue.dish_names))

    def add(kind: str, wish: Wish) -> None:
        dishes = np.ones(len(catalogue.dish_names), bool)
        if wish.menus:
            dishes &= _mask(len(dishes), np.concatenate([search.containing(name) for name in wish.menus]))
        for taste in wish.tastes:
            dishes &= (catalogue.dish_taste >> TASTES.index(taste) & 1).astype(bool)
        for diet in wish.diets:
            dishes &= (catalogue.dish_diet >> DIETS.index(diet) & 1).astype(bool)
        shops = np.isin(category, [CATEGORIES.index(name) for name in wish.categories]) if wish.categories else None
        anything = not (wish.menus or wish.tastes or wish.diets)
        gatherer.add(kind, wish.text, None if anything else np.flatnonzero(dishes), shops)

    for wish in wishes.whole:
        add("whole", wish)
    for wish in wishes.sought:
        add("sought", wish)
    for wish in wishes.marked:
        add("marked", wish)


def _rows_of(numbers: Sequence[NDArray[np.integer] | None], width: int) -> Any:
    """Return the sparse 0/1 matrix whose rows have ones at these columns; None is a row of zeros."""
    from scipy import sparse

    some = [np.empty(0, np.int64) if row is None else row for row in numbers]
    start = np.concatenate([[0], np.cumsum([len(row) for row in some])]).astype(np.int64)
    flat = np.concatenate(some) if some else np.empty(0, np.int64)
    return sparse.csr_matrix((np.ones(len(flat), np.float32), flat, start), shape=(len(some), width))


def _mask(n: int, true: Sequence[int] | NDArray[np.integer]) -> NDArray[np.bool_]:
    mask = np.zeros(n, bool)
    mask[np.asarray(true, np.int64)] = True
    return mask


def _numbers(some: Sequence[int] | NDArray[np.integer]) -> Row:
    return np.unique(np.asarray(some, np.int64))


def _sampled(items: Sequence[Any], rng: random.Random) -> Sequence[Any]:
    return items if len(items) <= MAX_NAMES else [items[i] for i in sorted(rng.sample(range(len(items)), MAX_NAMES))]
