"""What a wording backend is, and the replier around one: time limits, grounding while streaming, fallback to templates."""

from __future__ import annotations

import queue
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from copy import copy
from dataclasses import dataclass
from typing import Protocol

from aiyam.contracts import GroundingVerdict, ReplyPlan
from aiyam.llm.interface import LanguageModelError
from aiyam.reply.child_friendly import ChildFriendly
from aiyam.reply.completeness import missing
from aiyam.reply.grounding import Grounder
from aiyam.reply.known import Known, known_of
from aiyam.reply.points import MODEL_KINDS
from aiyam.reply.templates import TemplateBackend
from aiyam.reply.word_claims import not_korean

MAX_REPLY_CHARS = 1200
_MARKUP = re.compile(r"<|https?:|www\.|\]\(|!\[|`|\|", re.IGNORECASE)
_OVER_AND_OVER = re.compile(r"(\S)\1{5,}|(\S{2,12}?)(?:\s*\2){4,}")
_SENTENCE_END = re.compile(r"(?<=[.!?~])(?<!^\d\.)(?<!\n\d\.)\s+(?!\d)|\n+")


class Backend(Protocol):
    """Words a plan. ``name`` is written into the trace; ``stream`` yields text pieces, joined they are the reply."""

    @property
    def name(self) -> str:
        """How the trace calls it: "template", "transformers", "openai"."""

    def stream(self, plan: ReplyPlan, *, variety: int) -> Iterator[str]:
        """Yield the reply's text in pieces; ``variety`` tells neighbouring turns apart."""


@dataclass(frozen=True)
class Worded:
    """What became of one reply: its whole text as shown, who wrote it, why a fallback was needed, and the last check."""

    text: str
    backend: str
    fallback: str | None
    grounding: GroundingVerdict


class Replier:
    """Words plans with a backend and falls back to templates when it fails, is slow, states what is not so or leaves out.

    Only plans of ``MODEL_KINDS`` are given to a backend; the words for others are people's own.

    Args:
        template: the backend that cannot fail.
        backend: the wording model; None words with templates alone.
        grounder: the check; with a catalogue it also finds shops that are not in the plan.
        rewriter: eases words for the age band; None leaves the text as it is. Its trained half is for what a backend
            wrote: templates are written for their age band, so only its word table reads them.
        screen: returns a reason when a text must not be shown (``Screen.check_outgoing`` wrapped), else None.
        first_piece_s, total_s: how long the backend may take to its first piece and in all.
    """

    def __init__(
        self,
        template: TemplateBackend,
        *,
        backend: Backend | None = None,
        grounder: Grounder | None = None,
        rewriter: ChildFriendly | None = None,
        screen: Callable[[str, ReplyPlan], str | None] | None = None,
        first_piece_s: float = 3.0,
        total_s: float = 15.0,
    ) -> None:
        self.template = template
        self.backend = backend
        self.grounder = grounder or Grounder()
        self.rewriter = rewriter
        self.word_table = None if rewriter is None else ChildFriendly(rewriter.words)
        self.screen = screen
        self.first_piece_s = first_piece_s
        self.total_s = total_s

    def with_grounder(self, grounder: Grounder) -> Replier:
        """Return the same replier that checks its words against another catalogue; this one goes on with its own."""
        other = copy(self)
        other.grounder = grounder
        return other

    def stream(self, plan: ReplyPlan, *, variety: int = 0) -> Generator[str, None, Worded]:
        """Yield the pieces to show; the generator's return value is a ``Worded`` (``worded = yield from …``)."""
        known = known_of(plan)
        if self.backend is None or plan.kind not in MODEL_KINDS:
            return (yield from self._words_of_template(plan, known, variety, None, ""))
        shown = ""
        try:
            for sentence in self._checked(self.backend, plan, known, variety):
                shown += sentence
                yield sentence
            if left_out := missing(shown, plan):
                raise _Unusable(f"incomplete: {left_out}")
        except _Unusable as reason:
            before = f"{shown.rstrip()}\n\n" if shown.strip() else ""
            if before:
                yield "\n\n"
            return (yield from self._words_of_template(plan, known, variety, str(reason), before))
        return Worded(shown.strip(), self.backend.name, None, self.grounder.check(shown, plan, known))

    def reply(self, plan: ReplyPlan, *, variety: int = 0) -> Worded:
        """Return the finished reply at once."""
        generator = self.stream(plan, variety=variety)
        while True:
            try:
                next(generator)
            except StopIteration as stop:
                worded: Worded = stop.value
                return worded

    def _words_of_template(
        self, plan: ReplyPlan, known: Known, variety: int, fallback: str | None, before: str
    ) -> Generator[str, None, Worded]:
        text = before
        for piece in self.template.stream(plan, variety=variety):
            eased = _ease(self.word_table, piece, plan, known)
            text += eased
            yield eased
        verdict = self.grounder.check(text, plan, known)
        if fallback is not None and fallback.startswith("ungrounded"):
            verdict = verdict.model_copy(update={"replaced": True})
        return Worded(text.strip(), self.template.name, fallback, verdict)

    def _checked(self, backend: Backend, plan: ReplyPlan, known: Known, variety: int) -> Iterator[str]:
        """Yield whole sentences of the backend that are eased, grounded and fit to show; raise at the first that is not."""
        pending, shown, length = "", "", 0
        said: Counter[str] = Counter()
        for piece in self._in_time(backend, plan, variety):
            pending += piece
            length += len(piece)
            if length > MAX_REPLY_CHARS:
                raise _Unusable(f"too_long: over {MAX_REPLY_CHARS} characters")
            while match := _SENTENCE_END.search(pending):
                sentence, pending = pending[: match.end()], pending[match.end() :]
                said[sentence.strip()] += len(sentence.strip()) > 3
                if said[sentence.strip()] > 2:
                    raise _Unusable("rubbish: the backend wrote one sentence three times")
                fit = self._fit(sentence, plan, known, shown)
                shown += fit
                yield fit
        if pending.strip():
            yield self._fit(pending, plan, known, shown)
        if not length:
            raise _Unusable("empty: the backend wrote nothing")

    def _fit(self, sentence: str, plan: ReplyPlan, known: Known, before: str) -> str:
        if _MARKUP.search(sentence):
            raise _Unusable("markup: the backend wrote markup or a link")
        if _OVER_AND_OVER.search(sentence) or (len(sentence.strip()) > 5 and not any(c.isalnum() for c in sentence)):
            raise _Unusable("rubbish: the backend wrote the same over and over, or no words")
        own = sentence
        for name in sorted(known.verbatim(), key=len, reverse=True):
            own = own.replace(name, " ") if name else own
        letters = [c for c in own if c.isalpha()]
        if len(letters) > 1 and sum("가" <= c <= "힣" for c in letters) < 0.4 * len(letters):
            raise _Unusable("not_korean: the backend answered in another language")
        if not_korean(own):
            raise _Unusable("not_korean: the backend mixed in another language")
        if self.screen is not None and (why := self.screen(sentence, plan)):
            raise _Unusable(f"unsafe: {why}")
        eased = _ease(self.rewriter, sentence, plan, known)
        verdict = self.grounder.check_model(eased, plan, known, before=before)
        if not verdict.grounded:
            raise _Unusable("ungrounded: " + ", ".join(verdict.ungrounded))
        return eased

    def _in_time(self, backend: Backend, plan: ReplyPlan, variety: int) -> Iterator[str]:
        """Run the backend in a thread of its own, so that a stuck one cannot hold the turn."""
        pieces: queue.Queue[str | Exception | None] = queue.Queue()
        stopped = threading.Event()

        def work() -> None:
            try:
                for piece in backend.stream(plan, variety=variety):
                    if stopped.is_set():
                        return
                    pieces.put(piece)
                pieces.put(None)
            except Exception as error:  # whatever a model or a server raises, the child gets an answer
                pieces.put(error)

        started = time.monotonic()
        threading.Thread(target=work, name=f"words-{backend.name}", daemon=True).start()
        limit = self.first_piece_s
        try:
            while True:
                try:
                    piece = pieces.get(timeout=max(0.0, started + limit - time.monotonic()))
                except queue.Empty:
                    raise _Unusable(f"slow: nothing within {limit:g} s") from None
                if piece is None:
                    return
                if isinstance(piece, LanguageModelError):
                    raise _Unusable(f"{piece.reason}: {piece.message}") from piece
                if isinstance(piece, Exception):
                    raise _Unusable(f"error: {type(piece).__name__}: {str(piece)[:200]}") from piece
                limit = self.total_s
                yield piece
        finally:
            stopped.set()


def _ease(rewriter: ChildFriendly | None, text: str, plan: ReplyPlan, known: Known) -> str:
    if rewriter is None or plan.facts.get("fixed_text"):
        return text
    return rewriter.rewrite(text, plan, known)


class _Unusable(Exception):
    """Why a backend's words are not shown: "<kind>: <detail>"."""
