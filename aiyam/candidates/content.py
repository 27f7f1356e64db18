"""The content funnel: dense vectors of shops beside a lexical match of dishes, categories and names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aiyam.candidates.documents import shop_documents
from aiyam.candidates.encoder import TextEncoder, telling_words_of, words_of
from aiyam.candidates.rules import Rules
from aiyam.catalogue.menus import plain
from aiyam.catalogue.query import Query
from aiyam.contracts import CATEGORIES

if TYPE_CHECKING:
    from aiyam.catalogue.arrays import Catalogue

Rows = NDArray[np.int32]
Scores = NDArray[np.float32]
SCORED_EXACTLY = 9_000
"""Pools up to this size are scored shop by shop; larger ones are narrowed first."""
HALF_PRECISION_ROWS = 300_000
ENCODE_BLOCK = 50_000
MAX_TOKENS = 12


class Content:
    """Vector similarity (weight 0.6) and rule points (0.4) of each shop against the words of the request."""

    def __init__(self, catalogue: Catalogue, encoder: TextEncoder, rules: Rules) -> None:
        self._catalogue = catalogue
        self._menus = catalogue.menus
        self._rules = rules.content
        self.encoder = encoder
        n = len(catalogue.names)
        kind = np.float16 if n > HALF_PRECISION_ROWS else np.float32
        self.vectors = np.zeros((n, encoder.width), kind)
        for low in range(0, n, ENCODE_BLOCK):
            rows = np.arange(low, min(low + ENCODE_BLOCK, n))
            self.vectors[rows] = encoder.encode(shop_documents(catalogue, rules.everyday, rows))
        self._index = self._build_index()
        self._build_name_words()

    def _build_name_words(self) -> None:
        """The words of shop names, and whole names without spaces, as compressed rows by word."""
        number: dict[str, int] = {}
        words: list[int] = []
        rows: list[int] = []
        for row, name in enumerate(self._catalogue.names):
            for word in {*words_of(name), plain(name)}:
                if len(word) > 1:
                    words.append(number.setdefault(word, len(number)))
                    rows.append(row)
        order = np.lexsort((rows, words))
        self._word_number = number
        self._word_rows = np.asarray(rows, np.int32)[order]
        self._word_start = np.concatenate([[0], np.cumsum(np.bincount(words, minlength=len(number)))]).astype(np.int64)

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
        index.train(self.vectors[:: max(1, n // (40 * n_lists))].astype(np.float32))
        for low in range(0, n, ENCODE_BLOCK):
            index.add(self.vectors[low : low + ENCODE_BLOCK].astype(np.float32))
        index.nprobe = max(8, n_lists // 24)
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
        text = self.text_of(query)
        if text:
            return np.asarray(self.encoder.encode([text])[0], np.float32)
        if len(shops) == 0:
            return np.zeros(self.encoder.width, np.float32)
        middle = (weights[:, None] * self.vectors[shops]).sum(axis=0, dtype=np.float32)
        return np.asarray(middle / max(float(np.sqrt(middle @ middle)), 1e-6), np.float32)

    def similarity(self, vector: NDArray[np.float32], rows: Rows) -> Scores:
        """Return the cosine similarity of each row, exactly."""
        if not vector.any():
            return np.zeros(len(rows), np.float32)
        return np.asarray(self.vectors[rows].astype(np.float32, copy=False) @ vector, np.float32)

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

    def lexical_rows(self, query: Query) -> Rows:
        """Return the ascending rows that a dish, category or name word of the request points to."""
        found = self._rule_points(query)
        hits = [rows for kind in found["hits"].values() for rows, _ in kind]
        return np.unique(np.concatenate(hits)).astype(np.int32) if hits else np.empty(0, np.int32)

    def _rule_points(self, query: Query) -> dict[str, Any]:
        """Return the sparse lexical points as (row arrays, points) by kind; see ``score``."""
        r, f = self._rules, query.filters
        text = self.text_of(query)
        tokens = [t for t in dict.fromkeys(telling_words_of(text)) if len(t) > 1][:MAX_TOKENS]
        hits: dict[str, list[tuple[Rows, float]]] = {"menu": [], "token": [], "name": []}
        for term in dict.fromkeys((*(f.menus or ()), *tokens)):
            rows, exact = self._menus.shops_with_dish(term)
            if len(rows):
                hits["menu"].append((rows, r.menu_partial))
                hits["menu"].append((exact, r.menu_exact))
        whole = plain(text)
        for token in dict.fromkeys((*tokens, whole)):
            named = self._named(token)
            if len(named):
                hits["token"].append((named, r.token))
                if token == whole or len(token) >= 4:
                    hits["name"].append((named[[plain(self._catalogue.names[i]) in whole for i in named]], r.shop_name))
            served, _ = self._menus.shops_with_dish(token)
            if len(served):
                hits["token"].append((served, r.token))
        categories = {*(f.category or ()), *(t for t in tokens if t in CATEGORIES)}
        return {"hits": hits, "categories": [CATEGORIES.index(name) for name in categories]}

    def rule_scores(self, query: Query, rows: Rows) -> Scores:
        """Return the lexical points of each row, 0..1 of the highest possible."""
        r, n = self._rules, len(self._catalogue.names)
        found = self._rule_points(query)
        out = np.zeros(len(rows), np.float32)
        for kind, cap in (("menu", r.menu_exact), ("token", r.token_up_to), ("name", r.shop_name)):
            hits = found["hits"][kind]
            if not hits:
                continue
            points = np.zeros(n, np.float32)
            for shops, value in hits:
                if kind == "token":
                    points[shops] += value
                else:
                    points[shops] = np.maximum(points[shops], value)
            out += np.minimum(points[rows], cap)
        if found["categories"]:
            of = self._catalogue.category[rows]
            out += np.float32(r.category) * np.logical_or.reduce([of == code for code in found["categories"]])
        return out / np.float32(r.menu_exact + r.category + r.token_up_to + r.shop_name)

    def score(self, query: Query, rows: Rows, *, shops: Rows, weights: Scores) -> Scores:
        """Return float32 (len(rows),) in 0..1; ``shops`` and ``weights`` are the person's history."""
        vector = self.vector_of(query, shops, weights)
        likeness = np.clip(self.similarity(vector, rows), 0, 1)
        if not self.text_of(query):
            return likeness
        r = self._rules
        return np.float32(r.vector_weight) * likeness + np.float32(r.rule_weight) * self.rule_scores(query, rows)
