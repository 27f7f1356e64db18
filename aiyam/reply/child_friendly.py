"""Eases a text for an age band: hard words for easy ones, long sentences split; names, prices, times, places stay as they are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from aiyam.contracts import AGE_BANDS, ReplyPlan
from aiyam.errors import DataError
from aiyam.korean.particles import PAIRS, particle
from aiyam.reply.claims import find_claims
from aiyam.reply.grounding import Known, known_of
from aiyam.reply.markdown import escape, inline

MAX_SENTENCE_CHARS = {"7-9": 40, "10-12": 55, "13-15": 75, "16-18": 95, "adult": 200}
_PARTICLE = "|".join(sorted({form for pair in PAIRS.values() for form in pair}, key=len, reverse=True))
_FIXED = "(?:에서는|에서|에는|에도|에|도|만|까지|부터|마다|의|보다|처럼|하고)"  # particles with one form
_PAIR_OF = {form: name for name, pair in PAIRS.items() for form in pair}
_SENTENCE = re.compile(r"((?<=[.!?~])\s+|\n+)")
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


class ChildFriendly:
    """The first rewriter: table and rules. It cannot invent, since it only replaces listed words outside protected spans."""

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
    def load(cls, path: Path) -> ChildFriendly:
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

    def rewrite(self, text: str, plan: ReplyPlan, known: Known | None = None) -> str:
        """Return the text in the band's words. Facts are copied: every name, price, time and place of the plan stays.

        A text that would come out with other facts (never seen, but checked) is returned unchanged. ``known`` is
        ``known_of(plan)``, for a caller that eases one reply piece by piece.
        """
        hard, limit = self._pattern[plan.age_band], MAX_SENTENCE_CHARS[plan.age_band]
        if (hard is None or not hard.search(text)) and all(len(s) <= limit for s in _SENTENCE.split(text)):
            return text
        known = known or known_of(plan)
        at, out = 0, []
        for start, end in _protected(text, known):
            out.append(self._ease(text[at:start], plan.age_band))
            out.append(text[start:end])
            at = end
        out.append(self._ease(text[at:], plan.age_band))
        eased = _split_long("".join(out), limit, known)
        return eased if eased == text or _facts(eased) == _facts(text) else text

    def _ease(self, text: str, band: str) -> str:
        pattern = self._pattern[band]
        if pattern is None or not text:
            return text
        table: Mapping[str, str] = self._easy[band]

        def replace(match: re.Match[str]) -> str:
            easy, josa = table[match["hard"]], match["josa"]
            return easy if josa is None else easy + particle(easy, _PAIR_OF[josa])

        return pattern.sub(replace, text)


def _protected(text: str, known: Known) -> list[tuple[int, int]]:
    """Spans of the text that no rule may change, in order and apart."""
    spans = [(c.start, c.end) for c in find_claims(text)]
    for phrase in known.verbatim() | known.days:
        for form in {phrase, escape(phrase, max_chars=200), inline(phrase, max_chars=200)}:
            if form and form in text:
                spans += [(m.start(), m.end()) for m in re.finditer(re.escape(form), text)]
    spans += [(m.start(), m.end()) for m in re.finditer(r"\"[^\"\n]*\"", text)]
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _split_long(text: str, limit: int, known: Known) -> str:
    """Cut sentences over the band's length at a connecting ending that has a safe full form."""
    out = []
    for sentence in _SENTENCE.split(text):
        if len(sentence) > limit:
            for pattern, full in _SPLITS:
                for match in pattern.finditer(sentence):
                    middle = limit // 3 < match.start() < len(sentence) - limit // 4
                    if middle and not any(
                        s < match.end() and match.start() < e for s, e in _protected(sentence, known)
                    ):
                        sentence = sentence[: match.start()] + full + sentence[match.end() :]
                        break
                if "." in sentence[:-1]:
                    break
        out.append(sentence)
    return "".join(out)


def _facts(text: str) -> list[tuple[str, float | str]]:
    return [(c.kind, c.value) for c in find_claims(text)]
