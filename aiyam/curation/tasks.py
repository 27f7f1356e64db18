"""A stored turn as a task of each kind: what the annotator sees, always masked, and the suggestion with its score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aiyam.contracts import Entity, Trace
from aiyam.curation.comparing import compared, shown_answer, versions_in_words
from aiyam.curation.refusals import Refused
from aiyam.errors import NotFound, StoreError
from aiyam.label_contracts import (
    SCHEMA_VERSION,
    Label,
    LabelKind,
    LabelTask,
    RewriteLabel,
    UnderstandingLabel,
    task_key,
)
from aiyam.pipeline import Pipeline
from aiyam.reply.child_friendly import ChildFriendly
from aiyam.reply.claims import find_claims
from aiyam.reply.known import known_of
from aiyam.reply.markdown import unescape
from aiyam.safety.privacy import mask
from aiyam.store import Store
from aiyam.store.conversations import get_trace, said_before

N_CONTEXT_TURNS = 3
"""Turns before the one asked about that are shown, a line for the child and one for the bot each."""

_FACT_KINDS = frozenset(("price", "distance", "clock", "minutes", "phone", "rating", "day"))


@dataclass(frozen=True)
class TaskMaker:
    """Makes tasks of one kind.

    Args:
        store: where the turns are.
        kind: what is asked.
        rewriter: suggests the easier words of a rewrite; without it the task comes without a suggestion.
        pipeline: today's, needed to compare its answer with the one given then.
    """

    store: Store
    kind: LabelKind
    rewriter: ChildFriendly | None = None
    pipeline: Pipeline | None = None

    def make(self, turn_id: str) -> LabelTask | Refused:
        """Return the task of a turn, its batch left empty, or why there is none."""
        try:
            trace = get_trace(self.store, turn_id)
        except NotFound:
            return Refused("gone")
        except StoreError:
            return Refused("damaged")
        if not trace.user_input.strip() or (self.kind != "understanding" and not trace.response.strip()):
            return Refused("empty")
        if self.kind == "understanding":
            return self._understanding(trace)
        if self.kind == "rewrite":
            return self._rewrite(trace)
        return self._compare(trace)

    def _understanding(self, trace: Trace) -> LabelTask:
        said = trace.understanding
        text = mask(trace.user_input).text
        standing = all(text[entity.start : entity.end] == entity.text for entity in said.entities)
        suggestion = UnderstandingLabel(
            intent=said.intent,
            entities=trimmed(said.entities) if standing else (),
            semantic_query=mask(said.semantic_query).text,
            filters=said.filters,
        )
        data = {"text": text, "context": self._context(trace), "model_version": trace.versions.nlu}
        return self._task(trace, data, suggestion, score=said.confidence, version=trace.versions.nlu)

    def _rewrite(self, trace: Trace) -> LabelTask | Refused:
        band = trace.plan.age_band
        if band == "adult":
            return Refused("adult")
        answer = shown_answer(trace)
        suggestion, score = None, None
        if self.rewriter is not None:
            eased = self.rewriter.ease(answer, band, known_of(trace.plan))
            suggestion = RewriteLabel(age_band=band, text=eased.text)
            score = 1 - eased.n_fallbacks / max(1, eased.n_sentences)
        data = {
            "context": self._context(trace, with_message=True), "answer": answer, "facts": facts_in(answer, trace),
            "age_band": band,
        }  # fmt: skip
        version = self.rewriter.version if self.rewriter is not None else ""
        return self._task(trace, data, suggestion, score=score, version=version)

    def _compare(self, trace: Trace) -> LabelTask | Refused:
        assert self.pipeline is not None, "a comparison needs the pipeline of today"
        key = task_key(trace.turn_id, "compare")
        found = compared(self.store, self.pipeline, trace, key)
        if isinstance(found, Refused):
            return found
        data = {"context": self._context(trace), "text": mask(trace.user_input).text, "a": found.a, "b": found.b}
        return self._task(
            trace, data, None, score=None, version=versions_in_words(self.pipeline.versions), sides=found.sides
        )

    def _task(
        self,
        trace: Trace,
        data: dict[str, Any],
        prediction: Label | None,
        *,
        score: float | None,
        version: str,
        sides: tuple[str, str] | None = None,
    ) -> LabelTask:
        key = task_key(trace.turn_id, self.kind)
        return LabelTask(
            key=key, kind=self.kind, turn_id=trace.turn_id, session_id=trace.session_id, user_id=trace.user_id, batch_id="",
            screen_version=SCHEMA_VERSION[self.kind], data={"aiyam_key": key, "turn_id": trace.turn_id, **data},
            prediction=prediction, score=score, model_version=version, sides=sides,
        )  # fmt: skip

    def _context(self, trace: Trace, *, with_message: bool = False) -> str:
        """The turns before, and where the task shows the answer alone, the message it answers."""
        said = said_before(self.store, trace.turn_id, limit=N_CONTEXT_TURNS)
        lines = [line for message, reply in said for line in (f"아이: {_line(message)}", f"봇: {_line(reply)}")]
        if with_message:
            lines = [*lines, f"아이: {_line(trace.user_input)}"][-2 * N_CONTEXT_TURNS :]
        return "\n".join(lines)


def facts_in(answer: str, trace: Trace) -> list[str]:
    """Return what must stay of an answer, in its order: the plan's names and dishes, prices, times, distances and the like.

    >>> from aiyam.contracts import ReplyPlan
    >>> trace = Trace.model_construct(plan=ReplyPlan(kind="greeting", age_band="7-9"))
    >>> facts_in("걸어서 5분, 8,000원이야!", trace)
    ['5분', '8,000원']
    """
    known = known_of(trace.plan)
    found = [(answer.index(name), name) for name in known.names | known.dishes if name and name in answer]
    taken = [(at, at + len(name)) for at, name in found]
    found += [
        (claim.start, claim.text.strip())
        for claim in find_claims(answer)
        if claim.kind in _FACT_KINDS and not any(start <= claim.start < end for start, end in taken)
    ]
    return list(dict.fromkeys(text for _, text in sorted(found)))


def trimmed(entities: tuple[Entity, ...]) -> tuple[Entity, ...]:
    """Return spans without the blanks at their ends.

    >>> trimmed((Entity(entity="menu", value="떡볶이", text=" 떡볶이 ", start=2, end=7),))[0].start
    3
    """
    kept = []
    for one in entities:
        text = one.text.strip()
        start = one.start + len(one.text) - len(one.text.lstrip())
        if text:
            kept.append(one.model_copy(update={"text": text, "start": start, "end": start + len(text)}))
    return tuple(kept)


def _line(text: str) -> str:
    return mask(" ".join(unescape(text).split())).text
