"""A shop's category from what a merchant list gives: its name, the trade it registered, and menus where there are any.

Words with weights (``datasets/catalogue/category_words.tsv``: category, weight, where, pattern) vote; a longer word hides
the shorter ones inside it (닭갈비 is not 갈비), and a word at the end of a name counts more, since Korean names end in what
the place is. Confidence is the winner's share of all votes and one fixed doubt.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from aiyam.contracts import CATEGORIES
from aiyam.errors import DataError
from aiyam.settings import REPO_ROOT

SHIPPED_WORDS = REPO_ROOT / "datasets" / "catalogue" / "category_words.tsv"
MIN_VOTES = 1.0
DOUBT = 1.0
LAST_WORD_BONUS = 1.25
MENU_SHARE = 0.9

_NOT_WORD = re.compile(r"[^0-9a-z가-힣]+")
_IN_BRACKETS = re.compile(r"\((?:주|유|사|합|재)\)|주식회사|유한회사|㈜")
_BRANCH = re.compile(r"(?<=[가-힣a-z0-9]{2})\s+[가-힣0-9]{1,12}점$|\([^)]*점\)$")
_PLACE_TAIL = re.compile(
    r"(?:홈플러스|롯데마트|이마트(?!24)|하나로마트|뉴코아|스타필드|백화점|휴게소|대학교|병원)[가-힣0-9]*$"
)


_REGEX_SIGNS = frozenset("[](){}?$^|*+.\\")
_NOTHING = "-"


@dataclass(frozen=True)
class CategoryWords:
    """Compiled votes: plain words by first letter (longest first), the few regular expressions, and the trades.

    A word of category ``-`` votes for nothing and only hides what stands inside it (수련관 is no Chinese ○○관).
    """

    by_letter: dict[str, tuple[tuple[str, str, float], ...]]
    patterns: re.Pattern[str]
    pattern_votes: tuple[tuple[str, float], ...]
    industry: tuple[tuple[re.Pattern[str], str, float], ...]

    @classmethod
    def load(cls, path: Path = SHIPPED_WORDS) -> CategoryWords:
        """Read the table. DataError when a line is not category, weight, where, pattern."""
        plain: dict[str, list[tuple[str, str, float]]] = {}
        patterns: list[tuple[str, str, float]] = []
        industry: list[tuple[re.Pattern[str], str, float]] = []
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines()[1:], 2):
            fields = line.split("\t")
            try:
                category, weight, where, pattern = fields[0], float(fields[1]), fields[2], fields[3]
                compiled = re.compile(pattern)
            except (IndexError, ValueError, re.error) as error:
                raise DataError(
                    f"expected category, weight, where, pattern in {path.name} line {number}, got {line!r} ({error})"
                ) from error
            if category not in (*CATEGORIES, _NOTHING) or where not in ("name", "industry"):
                raise DataError(
                    f"expected a known category and name|industry in {path.name} line {number}, got {line!r}"
                )
            if where == "industry":
                industry.append((compiled, category, weight))
            elif _REGEX_SIGNS & set(pattern):
                patterns.append((pattern, category, weight))
            else:
                word = _NOT_WORD.sub("", pattern)
                plain.setdefault(word[0], []).append((word, category, weight))
        return cls(
            {letter: tuple(sorted(words, key=lambda w: -len(w[0]))) for letter, words in plain.items()},
            re.compile("|".join(f"({pattern})" for pattern, _, _ in patterns)),
            tuple((category, weight) for _, category, weight in patterns),
            tuple(industry),
        )

    def read(self, text: str) -> Iterator[tuple[int, str, float]]:
        """Yield (end, category, weight) of the words in ``text`` (letters and digits only), left to right, longest first."""
        start = 0
        while start < len(text):
            end, category, weight = start + 1, _NOTHING, 0.0
            for word, its_category, its_weight in self.by_letter.get(text[start], ()):
                if text.startswith(word, start):
                    end, category, weight = start + len(word), its_category, its_weight
                    break
            found = self.patterns.match(text, start)
            if found and found.end() >= end and found.end() > start:
                end = found.end()
                category, weight = self.pattern_votes[(found.lastindex or 1) - 1]
            if category != _NOTHING:
                yield end, category, weight
            start = end


@lru_cache(maxsize=1)
def shipped_words() -> CategoryWords:
    """The table that ships, read once."""
    return CategoryWords.load()


def infer_category(
    name: str, industry: str = "", menus: Sequence[str] = (), words: CategoryWords | None = None
) -> tuple[str | None, float]:
    """Guess one of ``contracts.CATEGORIES`` and how sure (0..1); ``(None, 0.0)`` when nothing speaks.

    >>> infer_category("또봉이통닭후평점")[0], infer_category("돌다리야채곱창")[0], infer_category("살롱드노마드")[1] < 0.7
    ('치킨', '고기', True)
    """
    words = words or shipped_words()
    votes: dict[str, float] = {}
    trade = industry.strip().lower()
    if trade:
        for pattern, category, weight in words.industry:
            if pattern.search(trade):
                votes[category] = max(votes.get(category, 0.0), weight)
    _vote(votes, _shop_words(name), words, 1.0)
    for item in menus:
        _vote(
            votes, _NOT_WORD.sub("", unicodedata.normalize("NFKC", item).lower()), words, MENU_SHARE / len(menus) ** 0.5
        )
    if not votes:
        return None, 0.0
    best = max(votes, key=lambda category: votes[category])
    if votes[best] < MIN_VOTES:
        return None, 0.0
    return best, round(votes[best] / (sum(votes.values()) + DOUBT), 3)


def _vote(votes: dict[str, float], text: str, words: CategoryWords, share: float) -> None:
    for end, category, weight in words.read(text):
        bonus = LAST_WORD_BONUS if end == len(text) else 1.0
        votes[category] = votes.get(category, 0.0) + weight * share * bonus


def _shop_words(name: str) -> str:
    text = _IN_BRACKETS.sub(" ", unicodedata.normalize("NFKC", name)).strip().lower()
    text = _BRANCH.sub("", text).strip()
    text = _PLACE_TAIL.sub("", text) or text
    return _NOT_WORD.sub("", text)
