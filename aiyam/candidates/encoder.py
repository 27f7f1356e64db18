"""A 128-wide text encoder: hashed Korean character n-grams, idf weights, truncated SVD (latent semantic analysis)."""

from __future__ import annotations

import json
import re
import unicodedata
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiyam.errors import InvalidInput, ModelError

WIDTH = 128
N_FEATURES = 32768
MAX_FIT_DOCUMENTS = 20_000
MAX_TEXT_CHARS = 2000
FILLERS = frozenset(
    [
        "거",
        "게",
        "것",
        "걸",
        "데",
        "곳",
        "집",
        "좀",
        "나",
        "난",
        "저",
        "뭐",
        "뭘",
        "이",
        "그",
        "맛집",
        "식당",
        "가게",
        "음식",
        "메뉴",
        "추천",
        "추천해줘",
        "추천해",
        "알려줘",
        "먹고",
        "먹을",
        "먹자",
        "싶어",
        "싶은데",
        "싶다",
        "파는",
        "있는",
        "있어",
        "없어",
        "맛있는",
        "괜찮은",
        "갈만한",
        "근처",
        "주변",
        "가까운",
        "여기",
        "오늘",
        "지금",
        "우리",
        "해줘",
        "배고파",
        "배고픈데",
        "어디",
        "ㅊㅊ",
        "좋은",
        "줘",
    ]
)
"""Words of a request that say nothing about the food; 거 would otherwise mean 버거."""
_WORD = re.compile(r"[0-9a-z가-힣ㄱ-ㅣ]+")


def words_of(text: str) -> list[str]:
    """Split a text into lower-case words of Hangul, Latin letters and digits (NFC).

    >>> words_of("뜨끈한 국물! BBQ")
    ['뜨끈한', '국물', 'bbq']
    """
    return _WORD.findall(unicodedata.normalize("NFC", text[:MAX_TEXT_CHARS]).lower())


def telling_words_of(text: str) -> list[str]:
    """Return the words of a text that say something about the food.

    >>> telling_words_of("속 편한 거 추천")
    ['속', '편한']
    """
    return [word for word in words_of(text) if word not in FILLERS]


def grams_of(word: str) -> set[str]:
    """Return the features of one word: itself marked, and its marked syllable n-grams of 1 to 3.

    >>> sorted(grams_of("국물"))
    ['<국', '<국물', '=국물', '국', '국물', '국물>', '물', '물>']
    """
    marked = f"<{word}>"
    grams = {marked[i : i + n] for n in (2, 3) for i in range(len(marked) - n + 1) if len(marked) > n}
    grams.update(word)
    grams.add(f"={word}")
    return {g for g in grams if not (len(g) == 3 and g[0] == "<" and g[-1] == ">")}


def _slots(word: str) -> NDArray[np.int64]:
    return np.unique([zlib.crc32(g.encode()) % N_FEATURES for g in grams_of(word)])


class TextEncoder:
    """Maps texts to unit vectors; texts that share words, or words that keep company in documents, point the same way.

    Deerwester et al. 1990 over hashed n-grams: misspelt and inflected words still share most of their n-grams. Each word
    weighs one, however long; feature rows already carry their idf.
    """

    version = 1

    def __init__(self, table: NDArray[np.float32], idf: NDArray[np.float32]) -> None:
        self._table = table
        self._idf = idf
        self._cache: dict[str, NDArray[np.float32]] = {}

    @property
    def width(self) -> int:
        """Length of a vector."""
        return int(self._table.shape[1])

    @classmethod
    def fit(cls, docs: Sequence[str], *, seed: int = 0) -> TextEncoder:
        """Learn the table from documents; above 20,000 a seeded sample of them is used.

        Raises:
            InvalidInput: no document holds a word.
        """
        from scipy import sparse
        from sklearn.utils.extmath import randomized_svd

        rng = np.random.default_rng(seed)
        if len(docs) > MAX_FIT_DOCUMENTS:
            docs = [docs[i] for i in np.sort(rng.choice(len(docs), MAX_FIT_DOCUMENTS, replace=False))]
        counts, vocabulary = _word_counts(docs)
        if not vocabulary:
            raise InvalidInput(f"expected documents with words to fit on, got {len(docs)} without any")
        slots = [_slots(word) for word in vocabulary]
        start = np.concatenate([[0], np.cumsum([len(s) for s in slots])])
        flat = np.concatenate(slots)
        word_features = sparse.csr_matrix(
            (np.ones(len(flat), np.float32), flat, start), shape=(len(vocabulary), N_FEATURES)
        )
        seen = np.asarray(((counts > 0).astype(np.float32) @ word_features > 0).sum(axis=0)).ravel()
        idf = (np.log((1 + counts.shape[0]) / (1 + seen)) + 0.1).astype(np.float32)
        word_features = word_features.multiply(idf).tocsr()
        norms = np.sqrt(np.asarray(word_features.multiply(word_features).sum(axis=1)).ravel())
        unit_words = sparse.diags(1 / norms) @ word_features
        documents = counts.sqrt() @ unit_words
        lengths = np.sqrt(np.asarray(documents.multiply(documents).sum(axis=1)).ravel())
        documents = (sparse.diags(1 / np.maximum(lengths, 1e-6)) @ documents).astype(np.float32)
        rank = min(WIDTH, min(documents.shape) - 1) or 1
        directions = randomized_svd(documents, rank, n_iter=3, random_state=seed)[2]
        table = np.zeros((N_FEATURES, WIDTH), np.float32)
        table[:, :rank] = directions.T * idf[:, None]
        table[seen == 0] = 0
        return cls(table.astype(np.float16).astype(np.float32), idf)

    def _word_vector(self, word: str) -> NDArray[np.float32]:
        """The word's unit idf vector of n-grams, projected: a word of unseen n-grams comes out short."""
        found = self._cache.get(word)
        if found is None:
            slots = _slots(word)
            idf = self._idf[slots]
            found = self._table[slots].sum(axis=0) / np.sqrt(idf @ idf)
            if len(self._cache) > 50_000:
                self._cache.clear()
            self._cache[word] = found
        return found

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return float32 (k, 128) unit rows; a text without known words is a row of zeros."""
        out = np.zeros((len(texts), self.width), np.float32)
        if len(texts) <= 8:
            for i, text in enumerate(texts):
                for word, count in Counter(telling_words_of(text)).items():
                    out[i] += np.float32(count**0.5) * self._word_vector(word)
        else:
            counts, vocabulary = _word_counts(texts)
            if vocabulary:
                out[:] = counts.sqrt() @ np.stack([self._word_vector(word) for word in vocabulary])
        lengths = np.sqrt(np.einsum("ij,ij->i", out, out))[:, None]
        return np.asarray(np.divide(out, lengths, out=np.zeros_like(out), where=lengths > 1e-6), np.float32)

    def save(self, folder: Path) -> None:
        """Write ``encoder.npz`` (float16 table) and ``encoder.json`` into an existing folder."""
        np.savez_compressed(folder / "encoder.npz", table=self._table.astype(np.float16), idf=self._idf)
        facts = {"version": self.version, "width": self.width, "n_features": len(self._table)}
        (folder / "encoder.json").write_text(json.dumps(facts), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> TextEncoder:
        """Read what ``save`` wrote.

        Raises:
            ModelError: a file is missing, damaged or of another version.
        """
        try:
            facts = json.loads((folder / "encoder.json").read_text(encoding="utf-8"))
            with np.load(folder / "encoder.npz", allow_pickle=False) as file:
                table, idf = file["table"].astype(np.float32), file["idf"]
        except Exception as error:
            raise ModelError(f"expected a text encoder in {folder}, got {error}", hint="Train it again.") from error
        expected = {"version": cls.version, "width": WIDTH, "n_features": N_FEATURES}
        if facts != expected or table.shape != (N_FEATURES, WIDTH) or idf.shape != (N_FEATURES,):
            raise ModelError(
                f"expected a text encoder {expected} in {folder}, got {facts} with a table {table.shape}",
                hint="Train it again.",
            )
        return cls(table, idf)


def _word_counts(texts: Iterable[str]) -> tuple[Any, list[str]]:
    """Count words: a sparse float32 matrix (texts, words), and the words in order of first sight."""
    from scipy import sparse

    number: dict[str, int] = {}
    columns: list[int] = []
    start = [0]
    for text in texts:
        columns.extend(number.setdefault(word, len(number)) for word in telling_words_of(text))
        start.append(len(columns))
    ones = np.ones(len(columns), np.float32)
    counts = sparse.csr_matrix(
        (ones, np.asarray(columns, np.int64), start), shape=(len(start) - 1, max(len(number), 1))
    )
    counts.sum_duplicates()
    return counts, list(number)
