"""A tuned model measured before it is sealed: its answers' form on held-out rows, and what it makes of plans."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from aiyam.contracts import InstructionRow, ReplyPlan
from aiyam.errors import ModelError
from aiyam.intervals import wilson
from aiyam.llm.interface import LanguageModel, LanguageModelError, Message
from aiyam.reply.language_model import Replier
from aiyam.reply.points import MODEL_KINDS
from aiyam.reply.worded_by_model import ModelBackend
from aiyam.training.lora_batches import as_text, messages_of

MAX_ROWS, MAX_PLANS = 40, 60
_TIME_S = 120.0
_HANGUL, _LETTER = re.compile("[가-힣]"), re.compile(r"[^\W\d_]")


@dataclass(frozen=True)
class Judge:
    """What a tuned model is judged by: plans of real turns, and the replier that words them in the product."""

    replier: Replier
    plans: tuple[ReplyPlan, ...]


def judge_form(
    model: LanguageModel, rows: Sequence[InstructionRow], *, max_tokens: int, report: Callable[[float], None]
) -> dict[str, float]:
    """Let the model answer held-out rows: an object must come as JSON with the same keys, text ended and in Korean.

    Returns:
        The share of valid answers with its interval, and how many were asked for: at most ``MAX_ROWS``.
    """
    valid = 0
    asked = rows[:MAX_ROWS]
    for i, row in enumerate(asked):
        valid += _valid(_answer(model, messages_of(row), max_tokens), row.output)
        report((i + 1) / len(asked))
    return {**_share("format_valid", valid, len(asked)), "n_format": float(len(asked))}


def judge_replies(model: LanguageModel, judge: Judge, *, report: Callable[[float], None]) -> dict[str, float]:
    """Let the model word plans: grounded (nothing stated that no row holds), safe (the screen lets it pass), shown.

    ``shown`` is the share that the product would show as the model wrote it; ``refused_<why>`` counts the others.
    """
    plans = [plan for plan in judge.plans if plan.kind in MODEL_KINDS][:MAX_PLANS]
    replier = judge.replier
    grounded = safe = shown = 0
    refused: Counter[str] = Counter()
    for i, plan in enumerate(plans):
        backend = _Kept(ModelBackend(model, timeout_s=_TIME_S))
        worded = Replier(
            replier.template,
            backend=backend,
            grounder=replier.grounder,
            rewriter=replier.rewriter,
            screen=replier.screen,
            first_piece_s=_TIME_S,
            total_s=_TIME_S,
        ).reply(plan, variety=i)
        text = backend.rest(plan, variety=i)
        grounded += bool(text) and replier.grounder.check(text, plan).grounded
        safe += bool(text) and (replier.screen is None or replier.screen(text, plan) is None)
        shown += worded.fallback is None
        if worded.fallback is not None:
            refused[worded.fallback.split(":")[0]] += 1
        report((i + 1) / len(plans))
    if not plans:
        return {"n_plans": 0.0}
    return {
        **_share("grounded", grounded, len(plans)),
        **_share("safe", safe, len(plans)),
        **_share("shown", shown, len(plans)),
        **{f"refused_{why}": float(n) for why, n in sorted(refused.items())},
        "n_plans": float(len(plans)),
    }


class _Kept:
    """A backend that keeps what was written, to be judged whole even where the product stopped it."""

    def __init__(self, backend: ModelBackend) -> None:
        self._backend = backend
        self._text = ""
        self._ended = False

    @property
    def name(self) -> str:
        return self._backend.name

    def stream(self, plan: ReplyPlan, *, variety: int) -> Iterator[str]:
        for piece in self._backend.stream(plan, variety=variety):
            self._text += piece
            yield piece
        self._ended = True

    def rest(self, plan: ReplyPlan, *, variety: int) -> str:
        """Return the whole text; where it was stopped the model writes it again, to the end."""
        if not self._ended:
            self._text = _all_of(self._backend.stream(plan, variety=variety))
        return self._text


def _valid(text: str, wanted: str | dict[str, Any]) -> bool:
    if isinstance(wanted, dict):
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            return False
        return isinstance(found, dict) and set(found) == set(wanted)
    said = text.strip()
    if not _HANGUL.search(as_text(wanted)):
        return bool(said)
    letters = _LETTER.findall(said)
    return bool(letters) and sum(bool(_HANGUL.match(c)) for c in letters) >= 0.4 * len(letters)


def _answer(model: LanguageModel, messages: Sequence[Message], max_tokens: int) -> str:
    return _all_of(model.stream(messages, max_tokens=max_tokens, timeout_s=_TIME_S))


def _all_of(pieces: Iterator[str]) -> str:
    """Return what was written, one that the token limit cut off too; "" where the model failed."""
    text = ""
    try:
        for piece in pieces:
            text += piece
    except ModelError as error:
        return text if isinstance(error, LanguageModelError) and error.reason == "cut_off" else ""
    return text


def _share(name: str, k: int, n: int) -> dict[str, float]:
    low, high = wilson(k, n)
    return {
        f"{name}_rate": round(k / n, 4) if n else 0.0,
        f"{name}_low": round(low, 4),
        f"{name}_high": round(high, 4),
    }
