"""The content funnel: dense vectors of shops beside a lexical match of dishes, categories and names."""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aiyam.candidates.documents import shop_documents
from aiyam.candidates.encoder import TextEncoder, telling_words_of, words_of
from aiyam.candidates.row_sets import is_in
from aiyam.candidates.rules import Rules
from aiyam.catalogue.name_search import plain
from aiyam.catalogue.query import Query
from aiyam.contracts import CATEGORIES

if TYPE_CHECKING:
    from aiyam.catalogue.arrays import Catalogue

Rows = NDArray[np.int32]
Scores = NDArray[np.float32]
SCORED_EXACTLY = 9_000
"""Pools up to this size are scored shop by shop; larger ones are narrowed first."""
ENCODE_BLOCK = 50_000
MAX_TOKENS = 12


@dataclass(frozen=True)
class Sought:
    """What a request says, read once: its unit vector (128,), its words without spaces, and the shops they point to.

    ``menus`` are ascending shop rows and the points of serving such a dish, ``words`` the rows of each word of a name or a
    dish, ``names`` those whose whole name may have been said; ``categories`` are numbers.
    """

    vector: NDArray[np.float32]
    whole: str
    menus: tuple[tuple[Rows, float], ...]
    words: tuple[Rows, ...]
    names: tuple[Rows, ...]
    categories: tuple[int, ...]

    def rows(self) -> list[Rows]:
        """Return the rows that a dish or a word of a name points to, dish by dish and word by word."""
        return [*(rows for rows, _ in self.menus), *self.words]


class Content:
    """Vector similarity (weight 0.6) and rule points (0.4) of each shop against the words of the request."""

    def __init__(self, catalogue: Catalogue, encoder: TextEncoder, rules: Rules) -> None:
        self._catalogue = catalogue
        self._menus = catalogue.menus
        self._rules = rules.content
        self.encoder = encoder
        self._everyday = rules.everyday
        n = len(catalogue.names)
        self.vectors: Scores = np.zeros((n, encoder.width), np.float32)
        for low in range(0, n, ENCODE_BLOCK):
            rows = np.arange(low, min(low + ENCODE_BLOCK, n), dtype=np.int32)
            self.vectors[rows] = self._encoded(rows)
        self._index = self._build_index()
        self._word_number: dict[str, int] = {}
        self._number_words(*self._words_of(range(n)))

    def updated(self, catalogue: Catalogue, rows: Rows) -> Content:
        """Return this funnel over a catalogue of which only ``rows`` are new or other; this one goes on serving."""
        new = copy(self)
        new._catalogue, new._menus = catalogue, catalogue.menus
        more = np.zeros((len(catalogue) - len(self.vectors), self.encoder.width), np.float32)
        new.vectors = np.concatenate([self.vectors, more])
        new.vectors[rows] = new._encoded(rows)
        new._index = new._index_with(rows)
        number = np.repeat(np.arange(len(self._word_start) - 1), np.diff(self._word_start))
        kept = ~np.isin(self._word_rows, rows)
        new._word_number = dict(self._word_number)
        words, owners = new._words_of(rows.tolist())
        new._number_words(np.concatenate([number[kept], words]), np.concatenate([self._word_rows[kept], owners]))
        return new

    def _encoded(self, rows: Rows) -> Scores:
        return self.encoder.encode(shop_documents(self._catalogue, self._everyday, rows))

    def _words_of(self, shops: Iterable[int]) -> tuple[NDArray[np.int64], Rows]:
        """Return the numbers of the words of shop names, and of whole names without spaces, with the rows they name."""
        number, names = self._word_number, self._catalogue.names
        words: list[int] = []
        rows: list[int] = []
        for row in shops:
            for word in {*words_of(names[row]), plain(names[row])}:
                if len(word) > 1:
                    words.append(number.setdefault(word, len(number)))
                    rows.append(row)
        return np.asarray(words, np.int64), np.asarray(rows, np.int32)

    def _number_words(self, words: NDArray[np.int64], rows: Rows) -> None:
        """Keep rows by word, compressed and ascending."""
        self._word_rows = rows[np.lexsort((rows, words))]
        counts = np.bincount(words, minlength=len(self._word_number))
        self._word_start = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)

    def _named(self, word: str) -> Rows:
        number = self._word_number.get(word)
        if number is None:
            return np.empty(0, np.int32)
        return np.asarray(self._word_rows[self._word_start[number] : self._word_start[number + 1]], np.int32)

    def _build_index(self) -> Any:
        """An inverted file for large pools only, where its recall holds (a small pool is scored exactly instead)."""
        import faiss

        n, width = self.vectors.shape
        if n <= SCORED_EXACTLY:
            return None
        n_lists = int(min(4 * n**0.5, 4096))
        coarse = faiss.IndexFlatIP(width)
        index = faiss.IndexIVFScalarQuantizer(
            coarse, width, n_lists, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
        )
        index.cp.niter = 6
        index.cp.min_points_per_centroid = 1
        index.cp.max_points_per_centroid = 40
        index.train(self.vectors[:: max(1, n // (40 * n_lists))])
        for low in range(0, n, ENCODE_BLOCK):
            index.add(self.vectors[low : low + ENCODE_BLOCK])
        index.nprobe = max(8, n_lists // 24)
        return index

    def _index_with(self, rows: Rows) -> Any:
        """A copy of the index with the vectors of ``rows`` put in or exchanged."""
        import faiss

        if self._index is None:
            return self._build_index()
        index: Any = faiss.clone_index(self._index)
        ids = rows.astype(np.int64)
        index.remove_ids(ids)
        index.add_with_ids(self.vectors[rows], ids)
        return index

    @staticmethod
    def text_of(query: Query) -> str:
        """The words to search with: the semantic query, else what the filters name."""
        if query.semantic_query.strip():
            return query.semantic_query
        f = query.filters
        return " ".join((*(f.menus or ()), *(f.category or ()), *(f.taste or ()), *(f.dietary_preferences or ())))

    def vector_of(self, query: Query, shops: Rows, weights: Scores) -> NDArray[np.float32]:
        """Return the unit vector (128,) of a request; without words, the middle of the shops the person went to."""
        text = f"{self.text_of(query)} {query.words}".strip()
        if text:
            return np.asarray(self.encoder.encode([text])[0], np.float32)
        if len(shops) == 0:
            return np.zeros(self.encoder.width, np.float32)
        middle = weights @ self.vectors.take(shops, axis=0)
        return np.asarray(middle / max(float(np.sqrt(middle @ middle)), 1e-6), np.float32)

    def nearest(self, vector: NDArray[np.float32], among: NDArray[np.bool_], k: int) -> Rows:
        """Return about the k nearest rows of a large pool, ascending; ``among`` is its mask over all shops."""
        if self._index is None or not vector.any():
            return np.empty(0, np.int32)
        import faiss  # its SWIG classes are more than its stubs know

        lib: Any = faiss
        selector = lib.IDSelectorBitmap(np.packbits(among, bitorder="little"))
        parameters = lib.SearchParametersIVF(sel=selector, nprobe=self._index.nprobe)
        ids = self._index.search(vector[None], k, params=parameters)[1][0]
        return np.sort(ids[ids >= 0]).astype(np.int32)

    def sought(self, query: Query, shops: Rows, weights: Scores) -> Sought:
        """Read a request once; ``shops`` and ``weights`` are the person's history."""
        r, f = self._rules, query.filters
        text = self.text_of(query)
        tokens = [t for t in dict.fromkeys(telling_words_of(text)) if len(t) > 1][:MAX_TOKENS]
        menus: list[tuple[Rows, float]] = []
        for term in dict.fromkeys((*(f.menus or ()), *tokens)):
            rows, exact = self._menus.shops_with_dish(term)
            menus += [(rows, r.menu_partial), (exact, r.menu_exact)]
        whole = plain(text)
        words: list[Rows] = []
        names: list[Rows] = []
        for token in dict.fromkeys((*tokens, whole)):
            named = self._named(token)
            words += [named, self._menus.shops_with_dish(token)[0]]
            if token == whole or len(token) >= 4:
                names.append(named)
        categories = {*(f.category or ()), *(t for t in tokens if t in CATEGORIES)}
        return Sought(
            vector=self.vector_of(query, shops, weights),
            whole=whole,
            menus=tuple((rows, points) for rows, points in menus if len(rows)),
            words=tuple(rows for rows in words if len(rows)),
            names=tuple(rows for rows in names if len(rows)),
            categories=tuple(CATEGORIES.index(name) for name in categories),
        )

    def rule_scores(self, sought: Sought, rows: NDArray[np.integer]) -> Scores:
        """Return the lexical points of each of the ascending rows, 0..1 of the highest possible."""
        r = self._rules
        out = np.zeros(len(rows), np.float32)
        for shops, value in sought.menus:
            np.maximum(out, np.float32(value) * is_in(rows, shops), out=out)
        if sought.words:
            n_words = np.add.reduce([is_in(rows, shops) for shops in sought.words], axis=0, dtype=np.float32)
            out += np.minimum(np.float32(r.token) * n_words, np.float32(r.token_up_to))
        if sought.names:
            named = np.flatnonzero(np.logical_or.reduce([is_in(rows, shops) for shops in sought.names]))
            names = self._catalogue.names
            out[[i for i in named.tolist() if plain(names[rows[i]]) in sought.whole]] += np.float32(r.shop_name)
        if sought.categories:
            out += np.float32(r.category) * np.isin(self._catalogue.category[rows], sought.categories)
        return out / np.float32(r.menu_exact + r.category + r.token_up_to + r.shop_name)

    def score(self, sought: Sought, rows: NDArray[np.integer]) -> Scores:
        """Return float32 (len(rows),) in 0..1 for ascending rows."""
        if sought.vector.any():
            likeness = np.minimum(
                np.maximum(self.vectors.take(rows, axis=0) @ sought.vector, np.float32(0)), np.float32(1)
            )
        else:
            likeness = np.zeros(len(rows), np.float32)
        if not sought.whole:
            return np.asarray(likeness, np.float32)
        r = self._rules
        rules = np.float32(r.rule_weight) * self.rule_scores(sought, rows)
        return np.asarray(np.float32(r.vector_weight) * likeness + rules, np.float32)
