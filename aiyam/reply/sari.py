"""SARI: how well words were kept, added and deleted against one reference (Xu et al. 2016)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

LONGEST = 4
_WORDS = re.compile(r"[가-힣A-Za-z0-9,.:]*[가-힣A-Za-z0-9]|[^\s가-힣A-Za-z0-9]")


@dataclass(frozen=True)
class Sari:
    """Keep F1, add F1 and delete precision, each the mean over n-grams of 1 to 4 words; ``score`` is the mean of the three."""

    keep: float
    add: float
    delete: float

    @property
    def score(self) -> float:
        """Return the mean of the three, 0..1."""
        return (self.keep + self.add + self.delete) / 3


def words(text: str) -> list[str]:
    """Split a text at spaces, marks apart from words.

    >>> words("값은 5,900원이에요. 어때요?")
    ['값은', '5,900원이에요', '.', '어때요', '?']
    """
    return _WORDS.findall(text)


def syllables(text: str) -> list[str]:
    """Split a text into its characters, white space left out."""
    return [character for character in text if not character.isspace()]


def sari(source: Sequence[str], output: Sequence[str], reference: Sequence[str]) -> Sari:
    """Compare one output with its source and its reference, all three cut alike.

    Where there was nothing to keep, add or delete and nothing was, that part counts 1, as the authors' script has it.

    >>> sari("a b".split(), "a c".split(), "a c".split()).score
    1.0
    """
    keeps, adds, deletes = [], [], []
    for n in range(1, LONGEST + 1):
        ours, theirs, wanted = (_grams(tokens, n) for tokens in (source, output, reference))
        kept, to_keep = ours & theirs, ours & wanted
        keeps.append(_f1(kept & to_keep, kept, to_keep))
        added, to_add = set(theirs) - set(ours), set(wanted) - set(ours)
        adds.append(_f1(Counter(added & to_add), Counter(added), Counter(to_add)))
        gone, to_go = ours - theirs, ours - wanted
        right = sum((gone & to_go).values())
        deletes.append(right / sum(gone.values()) if gone else float(not to_go))
    return Sari(sum(keeps) / LONGEST, sum(adds) / LONGEST, sum(deletes) / LONGEST)


def mean_sari(scores: Sequence[Sari]) -> Sari:
    """Return the mean of each part."""
    n = max(len(scores), 1)
    return Sari(sum(s.keep for s in scores) / n, sum(s.add for s in scores) / n, sum(s.delete for s in scores) / n)


def _grams(tokens: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1))


def _f1(right: Counter[tuple[str, ...]], said: Counter[tuple[str, ...]], wanted: Counter[tuple[str, ...]]) -> float:
    if not said and not wanted:
        return 1.0
    n = sum(right.values())
    return 2 * n / (sum(said.values()) + sum(wanted.values()))
