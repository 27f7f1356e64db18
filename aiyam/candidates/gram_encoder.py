"""The encoder trained here: a table of hashed syllable and jamo n-grams, one look-up a word; numpy alone reads it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiyam.candidates.encoder import (
    FILLERS,
    RETRAIN,
    WIDTH,
    TextEncoder,
    refuse_difference,
    telling_words_of,
    unit_rows,
    words_of,
    write_facts,
)
from aiyam.candidates.grams import N_FEATURES, features_of
from aiyam.errors import InvalidInput, ModelError

WEIGHTS = "encoder.safetensors"
_CACHED_WORDS = 50_000
_FEW_TEXTS = 8
_CHUNK = 1000
_N_EXTRA, _N_ROUNDS = 10, 2


class GramEncoder(TextEncoder):
    """Sums the words of a text, each the sum of its n-grams' rows over the length of their idf weights.

    A word of unseen n-grams comes out short, so unknown words say little. One table serves requests and shops.
    """

    kind = "grams"
    version = 2

    def __init__(self, table: NDArray[np.float32], idf: NDArray[np.float32]) -> None:
        self.table = table
        self.idf = idf
        self._cache: dict[str, NDArray[np.float32]] = {}
        self._latest: tuple[str, NDArray[np.float32]] | None = None

    @classmethod
    def fit(cls, docs: Sequence[str], *, seed: int = 0) -> GramEncoder:
        """Return the encoder a training starts from: latent semantic analysis (Deerwester et al. 1990) of documents.

        The factorisation is a randomised one (Halko et al. 2011) that never multiplies the documents' features out.

        Raises:
            InvalidInput: no document holds a word.
        """
        from scipy import sparse

        counts, vocabulary = word_counts(docs)
        if not vocabulary:
            raise InvalidInput(
                f"Expected documents with words to fit on, got {len(docs)} without any.",
                hint="Import shops with names.",
            )
        features = _features(vocabulary)
        seen = np.zeros(N_FEATURES, np.int64)
        for low in range(0, len(docs), _CHUNK):
            seen += np.bincount((counts[low : low + _CHUNK] @ features).indices, minlength=N_FEATURES)
        idf = (np.log((1 + len(docs)) / (1 + seen)) + 0.1).astype(np.float32)
        words = _weighted(features, idf)
        words = words.multiply(idf).tocsr()
        documents = counts.sqrt()
        lengths = np.zeros(len(docs), np.float32)
        for low in range(0, len(docs), _CHUNK):
            rows = documents[low : low + _CHUNK] @ words
            lengths[low : low + _CHUNK] = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
        documents = (sparse.diags(1 / np.maximum(lengths, 1e-6)) @ documents).tocsr().astype(np.float32)
        by_word, by_feature = documents.T.tocsr(), words.T.tocsr()
        rank = min(WIDTH + _N_EXTRA, len(docs))
        basis = np.linalg.qr(np.random.default_rng(seed).normal(size=(len(docs), rank)).astype(np.float32))[0]
        for _ in range(_N_ROUNDS):
            basis = np.linalg.qr(documents @ (words @ (by_feature @ (by_word @ basis))))[0]
        spread = by_feature @ (by_word @ basis)
        energy, turn = np.linalg.eigh((spread.T @ spread).astype(np.float64))
        kept = [i for i in np.argsort(-energy)[:WIDTH] if energy[i] > 1e-6]
        table = np.zeros((N_FEATURES, WIDTH), np.float32)
        table[:, : len(kept)] = (spread @ (turn[:, kept] / np.sqrt(energy[kept])).astype(np.float32)) * idf[:, None]
        return cls(table.astype(np.float16).astype(np.float32), idf)

    def weights_of(self, vocabulary: Sequence[str]) -> Any:
        """Return the sparse float32 (words, features) matrix whose product with the table is the words' vectors."""
        return _weighted(_features(vocabulary), self.idf)

    def _vectors_of(self, words: Sequence[str]) -> list[NDArray[np.float32]]:
        cache = self._cache
        new = [word for word in words if word not in cache]
        if new:
            if len(cache) >= _CACHED_WORDS:
                cache = self._cache = {}
            start, features = features_of(new)
            for i, word in enumerate(new):
                own = features[start[i] : start[i + 1]]
                idf = self.idf[own]
                cache[word] = self.table[own].sum(axis=0) / np.sqrt(idf @ idf)
        return [cache[word] if word in cache else self._vectors_of([word])[0] for word in words]

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return float32 (k, 128) unit rows; a text without telling words is a row of zeros."""
        latest = self._latest
        if latest is not None and len(texts) == 1 and texts[0] == latest[0]:
            return latest[1].copy()  # a turn asks for its words twice: to find shops, and to rank them
        out = np.zeros((len(texts), WIDTH), np.float32)
        if len(texts) <= _FEW_TEXTS:
            for i, text in enumerate(texts):
                times = Counter(telling_words_of(text))
                for vector, n in zip(self._vectors_of(list(times)), times.values(), strict=True):
                    out[i] += vector if n == 1 else np.float32(n**0.5) * vector
        else:
            counts, vocabulary = word_counts(texts)
            if vocabulary:
                out[:] = counts.sqrt() @ (self.weights_of(vocabulary) @ self.table)
        rows = unit_rows(out)
        if len(texts) == 1:
            self._latest = texts[0], rows.copy()  # one assignment: threads may share it
        return rows

    def save(self, folder: Path) -> None:
        """Write ``encoder.safetensors`` (table as float16, idf) and ``encoder.json`` into an existing folder."""
        from safetensors.numpy import save_file

        save_file({"table": self.table.astype(np.float16), "idf": self.idf}, folder / WEIGHTS)
        write_facts(folder, self._facts())

    @classmethod
    def _facts(cls) -> dict[str, Any]:
        return {"kind": cls.kind, "version": cls.version, "width": WIDTH, "n_features": N_FEATURES}

    @classmethod
    def open(cls, folder: Path, facts: Mapping[str, Any]) -> GramEncoder:
        """Read the weights beside ``facts``; see ``TextEncoder.load``."""
        from safetensors.numpy import load_file

        refuse_difference(folder, facts, cls._facts())
        try:
            weights = load_file(folder / WEIGHTS)
            table, idf = weights["table"].astype(np.float32), weights["idf"].astype(np.float32)
        except Exception as error:
            raise ModelError(f"Expected the table at {folder / WEIGHTS}, got: {error}.", hint=RETRAIN) from error
        if table.shape != (N_FEATURES, WIDTH) or idf.shape != (N_FEATURES,):
            raise ModelError(
                f"Expected a table {(N_FEATURES, WIDTH)} and idf {(N_FEATURES,)} at {folder / WEIGHTS}, "
                f"got {table.shape} and {idf.shape}.",
                hint=RETRAIN,
            )
        if not (np.isfinite(table).all() and np.isfinite(idf).all() and (idf > 0).all()):
            raise ModelError(f"Expected finite weights at {folder / WEIGHTS}, got others.", hint=RETRAIN)
        return cls(table, idf)


def _features(vocabulary: Sequence[str]) -> Any:
    """Return the sparse 0/1 matrix (words, features)."""
    from scipy import sparse

    start, features = features_of(vocabulary)
    ones = np.ones(len(features), np.float32)
    return sparse.csr_matrix((ones, features, start), shape=(len(vocabulary), N_FEATURES))


def _weighted(features: Any, idf: NDArray[np.float32]) -> Any:
    """Divide each word's row by the length of its features' idf."""
    lengths = np.sqrt(features @ (idf * idf))
    features.data = np.repeat(1 / lengths, np.diff(features.indptr)).astype(np.float32)
    return features


def word_counts(texts: Iterable[str]) -> tuple[Any, list[str]]:
    """Count telling words: a sparse float32 matrix (texts, words), and the words in order of first sight."""
    from scipy import sparse

    number: defaultdict[str, int] = defaultdict(count().__next__)
    columns: list[int] = []
    start = [0]
    for text in texts:
        columns.extend(map(number.__getitem__, words_of(text)))
        start.append(len(columns))
    words = list(number)
    telling = [i for i, word in enumerate(words) if word not in FILLERS]
    counts = sparse.csr_matrix(
        (np.ones(len(columns), np.float32), columns, start), shape=(len(start) - 1, len(words)), dtype=np.float32
    )
    counts.sum_duplicates()
    if len(telling) < len(words):
        counts = counts[:, telling]
    return counts, [words[i] for i in telling]
