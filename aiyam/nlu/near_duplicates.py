"""Training utterances that all but repeat a held-out one, found fast and left out, so that a test measures the language."""

from __future__ import annotations

import re
from collections.abc import Sequence

MOST_SHARED = 0.8
"""Jaccard similarity of the character trigrams above which two utterances count as one."""
_UNSAID = re.compile(r"[^가-힣ㄱ-ㅎㅏ-ㅣa-z0-9]|[ㅋㅎㅠㅜㅡ]")


def folded(text: str) -> str:
    """Return what is left of an utterance without case, spaces, punctuation, emoji and laughter; the text if nothing is.

    >>> folded("떡볶이 추천해줘!! ㅋㅋㅋ"), folded("ㅋㅋ")
    ('떡볶이추천해줘', 'ㅋㅋ')
    """
    return _UNSAID.sub("", text.casefold()) or text


class HeldOut:
    """An index of held-out texts.

    A near-duplicate of one is the same once ``folded``, or shares more than ``most_shared`` of its character trigrams
    (Jaccard). Only texts sharing one of the rarest trigrams, and of like length, are compared (prefix filtering;
    Chaudhuri, Ganti and Kaushik, 2006), so the cost grows with the rows, not with their product.
    """

    def __init__(self, texts: Sequence[str], *, most_shared: float = MOST_SHARED) -> None:
        self._most_shared = most_shared
        self._places: dict[str, int] = {}
        self._grams: list[frozenset[str]] = []
        self._firsts: list[int] = []
        self._owners: dict[str, list[int]] = {}
        self._n_texts = 0
        for text in texts:
            self.add(text)

    def add(self, text: str) -> None:
        """Hold one more text, at the next place."""
        place, self._n_texts = self._n_texts, self._n_texts + 1
        text = folded(text)
        if text in self._places:
            return
        self._places[text] = place
        self._firsts.append(place)
        self._grams.append(_trigrams(text))
        for gram in self._grams[-1]:
            self._owners.setdefault(gram, []).append(len(self._grams) - 1)

    def find(self, text: str) -> tuple[int, bool] | None:
        """Return the place of a held-out text that says the same or nearly, and whether it says the same; None of none."""
        text = folded(text)
        if (place := self._places.get(text)) is not None:
            return place, True
        if not self._grams:
            return None
        grams = _trigrams(text)
        # a pair above the bar shares more than this many trigrams, so at most the rest may lie before the first shared
        n_unshared = len(grams) - int(self._most_shared * len(grams))
        rarest = sorted(grams, key=lambda g: len(self._owners.get(g, ())))[:n_unshared]
        fewest, most = self._most_shared * len(grams), len(grams) / self._most_shared
        for row in sorted({row for gram in rarest for row in self._owners.get(gram, ())}):
            theirs = self._grams[row]
            if fewest < len(theirs) < most:
                n_shared = len(grams & theirs)
                if n_shared > self._most_shared * (len(grams) + len(theirs) - n_shared):
                    return self._firsts[row], False
        return None


def _trigrams(text: str) -> frozenset[str]:
    padded = f"^{text}$"
    return frozenset(padded[i : i + 3] for i in range(len(padded) - 2)) or frozenset((padded,))
