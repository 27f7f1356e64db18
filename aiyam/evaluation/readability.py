"""How easy Korean text is for an age band: length of sentences and the share of words that are hard for the band."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aiyam.contracts import AGE_BANDS, AgeBand
from aiyam.evaluation.replies import sentences
from aiyam.reply.pieces import cut, fact_spans

_WORD = re.compile(r"[가-힣]+")


@dataclass(frozen=True)
class Readability:
    """Sums over texts of one band: sentences, their characters and words, words graded above the band."""

    n_sentences: int = 0
    n_chars: int = 0
    n_words: int = 0
    n_hard: int = 0

    def as_json(self) -> dict[str, float]:
        """Return the means: characters and words of a sentence, share of hard words; and n."""
        return {
            "n_sentences": self.n_sentences,
            "chars_a_sentence": round(self.n_chars / max(self.n_sentences, 1), 1),
            "words_a_sentence": round(self.n_words / max(self.n_sentences, 1), 1),
            "hard_words": round(self.n_hard / max(self.n_words, 1), 4),
        }


def readability(texts: Sequence[str], band: AgeBand, grades: Mapping[str, int]) -> Readability:
    """Measure texts for a band.

    A word is hard when it or its stem stands in the graded list for an older band; facts (prices, times, quoted names) are
    not counted as words.

    >>> readability(["현재 영업 중입니다."], "7-9", {"현재": 1}).n_hard
    1
    """
    level = AGE_BANDS.index(band)
    n_sentences = n_chars = n_words = n_hard = 0
    for text in texts:
        for sentence in sentences(text):
            n_sentences += 1
            n_chars += len(sentence)
            pieces = cut(sentence, fact_spans(sentence))
            for i, piece in enumerate(pieces):
                if piece.is_fact or not _WORD.fullmatch(piece.text) or (i and not piece.space):
                    continue
                whole = piece.text + (pieces[i + 1].text if i + 1 < len(pieces) and not pieces[i + 1].space else "")
                n_words += 1
                n_hard += any(grades.get(form, 0) > level for form in (piece.text, whole))
    return Readability(n_sentences, n_chars, n_words, n_hard)
