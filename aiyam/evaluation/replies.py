"""Replies judged over many plans: grounded, particles agreeing, easy enough for the band, no banned words, not repeating."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiyam.contracts import AgeBand, GroundingVerdict, ReplyPlan
from aiyam.korean.particles import PAIRS, particle
from aiyam.reply.grounding import Grounder
from aiyam.reply.markdown import unescape
from aiyam.reply.plan import names_of

MAX_MEAN_SENTENCE_CHARS: dict[AgeBand, int] = {"7-9": 26, "10-12": 28, "13-15": 32, "16-18": 36, "adult": 45}
MAX_EMOJI = 2
_EMOJI = re.compile(r"[\U0001F300-\U0001FAFF\u2600-\u27BF]")
_JUDGED_PAIRS = ("은는", "이가", "을를", "과와", "으로로")


@dataclass
class ReplyReport:
    """What was found over n replies; rates are shares of them."""

    n: int = 0
    ungrounded: list[str] = field(default_factory=list)
    wrong_particles: list[str] = field(default_factory=list)
    banned: list[str] = field(default_factory=list)
    too_many_emoji: int = 0
    repeated_sentences: int = 0
    sentences: int = 0
    sentence_chars: dict[AgeBand, list[int]] = field(default_factory=dict)
    ms: list[float] = field(default_factory=list)

    def add(
        self,
        text: str,
        plan: ReplyPlan,
        grounding: GroundingVerdict,
        banned: Iterable[str] = (),
        said: set[str] | None = None,
    ) -> None:
        """Judge one reply. ``said`` are the dialogue's sentences before it, and takes up its own; None counts no repeats."""
        self.n += 1
        if not grounding.grounded:
            self.ungrounded.append(f"{grounding.ungrounded}: {text}")
        plain = unescape(text)
        self.wrong_particles += wrong_particles(plain, names_of(plan))
        self.banned += [f"{what}: {plain}" for what in banned]
        self.too_many_emoji += len(_EMOJI.findall(plain)) > MAX_EMOJI
        for sentence in sentences(plain):
            self.sentence_chars.setdefault(plan.age_band, []).append(len(sentence))
            if said is not None:
                self.sentences += 1
                self.repeated_sentences += sentence in said
                said.add(sentence)

    def as_json(self) -> dict[str, Any]:
        """The report as JSON types; times in milliseconds."""
        ordered = sorted(self.ms)
        return {
            "n": self.n,
            "grounded_rate": 1 - len(self.ungrounded) / self.n if self.n else None,
            "wrong_particles": len(self.wrong_particles),
            "banned_words": len(self.banned),
            "too_many_emoji": self.too_many_emoji,
            "repetition_rate": self.repeated_sentences / self.sentences if self.sentences else None,
            "mean_sentence_chars": {band: round(sum(n) / len(n), 1) for band, n in self.sentence_chars.items() if n},
            "p50_ms": round(ordered[len(ordered) // 2], 3) if ordered else None,
            "p95_ms": round(ordered[int(len(ordered) * 0.95)], 3) if ordered else None,
            "examples": {
                "ungrounded": self.ungrounded[:5],
                "particles": self.wrong_particles[:5],
                "banned": self.banned[:5],
            },
        }


def evaluate_replies(
    dialogues: Iterable[Sequence[ReplyPlan]],
    word: Callable[[ReplyPlan, int], str],
    *,
    grounder: Grounder | None = None,
    banned: Callable[[str, ReplyPlan], Iterable[str]] = lambda text, plan: (),
) -> ReplyReport:
    """Word every plan of every dialogue and judge the texts.

    Args:
        dialogues: plans in the order of their turns; repetition is counted inside one dialogue.
        word: gives the reply's text for a plan and the turn's number.
        grounder: the check; the plan-only one when not given.
        banned: names what must not be said in a text (``Screen.check_outgoing``'s kinds, for instance).
    """
    checker, report = grounder or Grounder(), ReplyReport()
    for plans in dialogues:
        said: set[str] = set()
        for turn, plan in enumerate(plans):
            started = time.perf_counter()
            text = word(plan, turn)
            report.ms.append((time.perf_counter() - started) * 1000)
            report.add(text, plan, checker.check(text, plan), banned(text, plan), said)
    return report


def sentences(text: str) -> list[str]:
    """Split a reply into sentences, list numbers and blank lines aside.

    >>> sentences("찾았어요!\\n\\n1. 봉천김밥이에요. 350m예요.")
    ['찾았어요!', '봉천김밥이에요.', '350m예요.']
    """
    lines = (re.sub(r"^\s*(?:\d+\.|-)\s+", "", line) for line in text.splitlines())
    return [part.strip() for line in lines for part in re.split(r"(?<=[.!?~])\s+", line) if part.strip()]


def wrong_particles(text: str, names: Iterable[str]) -> list[str]:
    """Names followed by the form of 은/는, 이/가, 을/를, 과/와 or 으로/로 that does not agree.

    >>> wrong_particles("봉천김밥는 어때요?", ["봉천김밥"])
    ['봉천김밥는']
    """
    wrong = []
    for name in names:
        for match in re.finditer(re.escape(name) + r"(은|는|이|가|을|를|과|와|으로|로)(?=[\s,.!?]|$)", text):
            pair = next(p for p in _JUDGED_PAIRS if match[1] in PAIRS[p])
            if particle(name, pair) not in (match[1], f"{PAIRS[pair][0]}({PAIRS[pair][1]})"):
                wrong.append(match.group())
    return wrong
