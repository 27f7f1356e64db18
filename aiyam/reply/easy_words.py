"""The table of hard and easy words, and where a long sentence may be cut: what eases a text without any training."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from aiyam.contracts import AGE_BANDS, AgeBand
from aiyam.errors import DataError
from aiyam.korean.particles import PAIRS, particle
from aiyam.reply.pieces import SENTENCE_GAP, Span

MAX_SENTENCE_CHARS: Mapping[AgeBand, int] = {"7-9": 40, "10-12": 55, "13-15": 75, "16-18": 95, "adult": 200}
_PARTICLE = "|".join(sorted({form for pair in PAIRS.values() for form in pair}, key=len, reverse=True))
_FIXED = "(?:에서는|에서|에는|에도|에|도|만|까지|부터|마다|의|보다|처럼|하고)"  # particles with one form
_PAIR_OF = {form: name for name, pair in PAIRS.items() for form in pair}
_SPLITS = (
    (re.compile(r"(?<=[가-힣])인데,? "), "이에요. "),
    (re.compile(r"(?<=[가-힣])이고,? "), "이에요. "),
    (re.compile(r"(?<=있)고,? "), "어요. 그리고 "),
    (re.compile(r"(?<=없)고,? "), "어요. 그리고 "),
    (re.compile(r"(?<=있)지만,? "), "어요. 그런데 "),
    (re.compile(r"(?<=없)지만,? "), "어요. 그런데 "),
    (re.compile(r"(?<=았)지만,? |(?<=었)지만,? "), "어요. 그런데 "),
    (re.compile(r"(?<=있)으니,? |(?<=있)으니까,? "), "어요. 그러니까 "),
)


@dataclass(frozen=True)
class EasyWord:
    """A hard word, its easy one, and the bands it is hard for."""

    hard: str
    easy: str
    ages: frozenset[str]


class EasyWords:
    """Replaces listed words outside protected spans and cuts long sentences at listed endings; it cannot invent."""

    version = "rules-1"

    def __init__(self, words: Iterable[EasyWord]) -> None:
        ordered = sorted(words, key=lambda w: len(w.hard), reverse=True)
        self._easy: dict[str, dict[str, str]] = {}
        self._pattern: dict[str, re.Pattern[str] | None] = {}
        for band in AGE_BANDS:
            table = {w.hard: w.easy for w in ordered if band in w.ages}
            self._easy[band] = table
            hard = "|".join(map(re.escape, table))
            self._pattern[band] = (
                re.compile(rf"(?<![가-힣])(?P<hard>{hard})(?P<josa>{_PARTICLE})?(?={_FIXED}?(?![가-힣]))")
                if table
                else None
            )

    @classmethod
    def load(cls, path: Path) -> EasyWords:
        """Read the table of ``datasets/replies/easy_words.json``: a list of {"hard", "easy", "ages"}.

        Raises:
            DataError: the file is missing or not such a list.
        """
        try:
            records = json.loads(path.read_text(encoding="utf-8"))
            words = [EasyWord(r["hard"], r["easy"], frozenset(r["ages"])) for r in records]
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise DataError(f"expected a JSON list of hard and easy words in {path}, got {error!r}") from error
        for word in words:
            if not word.hard or not word.easy or not word.ages <= set(AGE_BANDS):
                raise DataError(f"expected a hard word, an easy word and ages out of {AGE_BANDS} in {path}, got {word}")
        return cls(words)

    def concern(self, text: str, band: AgeBand) -> bool:
        """Tell whether there is anything to do."""
        hard, limit = self._pattern[band], MAX_SENTENCE_CHARS[band]
        return (hard is not None and hard.search(text) is not None) or any(
            len(sentence) > limit for sentence in SENTENCE_GAP.split(text)
        )

    def replace(self, text: str, band: AgeBand, spans: Sequence[Span]) -> str:
        """Return the text with easy words outside the spans, particles agreeing."""
        at, out = 0, []
        for start, end, _ in spans:
            out.append(self._ease(text[at:start], band))
            out.append(text[start:end])
            at = end
        out.append(self._ease(text[at:], band))
        return "".join(out)

    def _ease(self, text: str, band: str) -> str:
        pattern = self._pattern[band]
        if pattern is None or not text:
            return text
        table: Mapping[str, str] = self._easy[band]

        def replaced(match: re.Match[str]) -> str:
            easy, josa = table[match["hard"]], match["josa"]
            return easy if josa is None else easy + particle(easy, _PAIR_OF[josa])

        return pattern.sub(replaced, text)


def cut_long(sentence: str, limit: int, spans: Sequence[Span]) -> str:
    """Return a sentence over the limit cut once at a connecting ending that has a safe full form, outside the spans."""
    if len(sentence) <= limit:
        return sentence
    for pattern, full in _SPLITS:
        for match in pattern.finditer(sentence):
            middle = limit // 3 < match.start() < len(sentence) - limit // 4
            if middle and not any(s < match.end() and match.start() < e for s, e, _ in spans):
                return sentence[: match.start()] + full + sentence[match.end() :]
    return sentence
