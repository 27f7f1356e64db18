"""Training utterances that all but repeat a held-out one, found fast and left out, so that a test measures the language."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from aiyam.nlu.examples import Example

MOST_SHARED = 0.8
"""Jaccard similarity of the character trigrams above which two utterances count as one."""
_UNSAID = re.compile(r"[^가-힣ㄱ-ㅎㅏ-ㅣa-z0-9]|[ㅋㅎㅠㅜㅡ]")


def folded(text: str) -> str:
    """Return what is left of an utterance without case, spaces, punctuation, emoji and laughter; the text if nothing is.

    >>> folded("떡볶이 추천해줘!! ㅋㅋㅋ"), folded("ㅋㅋ")
    ('떡볶이추천해줘', 'ㅋㅋ')
    """
    return _UNSAID.sub("", text.casefold()) or text


def without_near_duplicates(
    train: Sequence[Example], held: Iterable[Example], *, most_shared: float = MOST_SHARED
) -> list[Example]:
    """Return the training rows that are no near-duplicates of a held-out row, in their order.

    A near-duplicate is the same once ``folded``, or shares more than ``most_shared`` of its character trigrams
    (Jaccard). Only rows sharing one of the rarest trigrams are compared (prefix filtering; Chaudhuri, Ganti and
    Kaushik, 2006), so the cost grows with the rows, not with their product.
    """
    known = _Held([folded(e.text) for e in held], most_shared)
    return [e for e in train if not known.near(folded(e.text))]


class _Held:
    """An index of held-out texts by trigram."""

    def __init__(self, texts: Sequence[str], most_shared: float) -> None:
        self._most_shared = most_shared
        self._exact = frozenset(texts)
        self._grams = [_trigrams(t) for t in dict.fromkeys(texts)]
        self._owners: dict[str, list[int]] = {}
        for row, grams in enumerate(self._grams):
            for gram in grams:
                self._owners.setdefault(gram, []).append(row)

    def near(self, text: str) -> bool:
        """Tell whether a folded text is one of the held-out ones, or nearly."""
        if text in self._exact:
            return True
        grams = _trigrams(text)
        # a pair above the bar shares more than this many trigrams, so at most the rest may lie before the first shared
        n_unshared = len(grams) - int(self._most_shared * len(grams))
        rarest = sorted(grams, key=lambda g: len(self._owners.get(g, ())))[:n_unshared]
        candidates = {row for gram in rarest for row in self._owners.get(gram, ())}
        return any(
            len(grams & self._grams[row]) > self._most_shared * len(grams | self._grams[row]) for row in candidates
        )


def _trigrams(text: str) -> frozenset[str]:
    padded = f"^{text}$"
    return frozenset(padded[i : i + 3] for i in range(len(padded) - 2)) or frozenset((padded,))
