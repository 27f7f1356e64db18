"""The conversation behind the screen: runs turns into patches for the page, stops them, stores feedback."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Literal

from pydantic import Field, ValidationError

from aiyam.assistant import Assistant
from aiyam.contracts import USER_ID_PATTERN, Done, FeedbackRequest, Record, Trace, Understood
from aiyam.errors import AiyamError, child_message_ko
from aiyam.store import Store
from aiyam.store.conversations import feedback_of, get_trace, list_turns
from apps.chat.answer import Answer, paragraphs
from apps.chat.demo_world import context_of, standing_at
from apps.chat.map_drawing import Point
from apps.chat.texts import Language, say

log = logging.getLogger("aiyam.chat")

PATCH_EVERY_S = 0.07
"""Pieces of a reply are gathered this long, so that a fast backend does not flood the page."""


MOST_TURNS_SHOWN = 40
"""So many turns of a conversation come back when its page is opened again."""


class Ask(Record):
    """What the page sends with a message. ``ask`` names the article the answer goes to, ``again`` the turn to answer anew."""

    ask: str = Field(pattern=USER_ID_PATTERN)
    text: str
    session: str = Field(pattern=USER_ID_PATTERN)
    user: str = Field(pattern=USER_ID_PATTERN)
    place: str = Field("", max_length=40)
    time: str = Field("now", max_length=16)
    lang: Language = "ko"
    again: str = Field("", max_length=64)


class Revisit(Record):
    """What a page sends when it opens on a conversation already begun: whose it is, and where the person stands now."""

    session: str = Field(pattern=USER_ID_PATTERN)
    user: str = Field(pattern=USER_ID_PATTERN)
    place: str = Field("", max_length=40)
    lang: Language = "ko"


class Conversation:
    """Serves all open pages; holds nothing but the stop flags of turns under way."""

    def __init__(self, assistant: Callable[[], Assistant], observe: Callable[[Trace], None] | None = None) -> None:
        self._assistant = assistant
        self._observe = observe or (lambda trace: None)
        self._stops: dict[str, threading.Event] = {}

    def run(self, payload: Any) -> Iterator[str]:
        """Run one message; yields patches (JSON), each holding the whole answer so far, so that a lost one does no harm."""
        try:
            ask = Ask.model_validate(payload)
        except ValidationError:
            log.warning("the page sent a message that breaks its contract", exc_info=True)
            return
        stop = self._stops.setdefault(ask.ask, threading.Event())
        try:
            yield from self._run(ask, stop)
        except AiyamError as error:
            log.info("turn refused: %s", error)
            yield _patch(ask, "failed", paragraphs(child_message_ko(error) if ask.lang == "ko" else str(error)))
        except Exception:
            log.exception("a turn failed")
            yield _patch(ask, "failed", paragraphs(say(ask.lang, "broken")))
        finally:
            self._stops.pop(ask.ask, None)

    def _run(self, ask: Ask, stop: threading.Event) -> Iterator[str]:
        assistant = self._assistant()
        context = context_of(ask.place, ask.time, assistant.clock)
        answer = Answer(ask.lang, standing_at(context, assistant.profile(ask.user)))
        sent_at = 0.0
        events = assistant.stream(ask.user, ask.text, session_id=ask.session, context=context, again=ask.again or None)
        for event in events:
            if stop.is_set() and not isinstance(event, Done):
                events.close()  # type: ignore[attr-defined]
                yield _patch(ask, "stopped", answer.html() if answer.text else "")
                return
            answer.take(event)
            if isinstance(event, Done):
                self._observe(event.trace)
                yield _patch(ask, "done", answer.html(), turn_id=event.trace.turn_id, text=event.trace.response)
            elif isinstance(event, Understood) or time.monotonic() - sent_at >= PATCH_EVERY_S:
                sent_at = time.monotonic()
                yield _patch(ask, "working", answer.html())

    def page_facts(self) -> dict[str, bool]:
        """What a page asks when it opens: whether answers can come yet, and whether the data is made up."""
        try:
            return {"ready": True, "synthetic": self._assistant().pipeline.catalogue.synthetic}
        except AiyamError:
            return {"ready": False, "synthetic": False}

    def revisit(self, payload: Any) -> list[dict[str, Any]]:
        """Return the newest stored turns of a person's conversation, oldest first, as the page shows them.

        Each holds the message (masked), the answer's HTML, the turn's id and the acts of feedback stored on it.
        """
        try:
            asked = Revisit.model_validate(payload)
            assistant = self._assistant()
            rows = list_turns(assistant.store, session_id=asked.session, user_id=asked.user, limit=MOST_TURNS_SHOWN)
            person = standing_at(context_of(asked.place, "now", assistant.clock), assistant.profile(asked.user))
            return [_stored(assistant.store, row.turn_id, asked.lang, person) for row in reversed(rows)]
        except (AiyamError, ValidationError) as error:
            log.warning("a conversation cannot be shown again: %s", error)
            return []

    def stop(self, ask: str) -> bool:
        """Ask a turn under way to end; whether there was one."""
        flag = self._stops.get(ask)
        if flag is not None:
            flag.set()
        return flag is not None

    def feedback(self, payload: Any) -> dict[str, Any]:
        """Store one act of feedback; ``ok`` is true only once it is stored."""
        try:
            self._assistant().feedback(FeedbackRequest.model_validate(payload))
        except (AiyamError, ValidationError) as error:
            log.warning("feedback not stored: %s", error)
            return {"ok": False}
        except Exception:
            log.exception("feedback not stored")
            return {"ok": False}
        return {"ok": True}


def _stored(store: Store, turn_id: str, language: Language, person: Point | None) -> dict[str, Any]:
    trace = get_trace(store, turn_id)
    answer = Answer(language, person)
    answer.take(Done(trace=trace))
    acts = [
        {"kind": act.feedback_type, "shop": act.shop_id, "score": act.satisfaction_score}
        for act in feedback_of(store, turn_id)
    ]
    return {"message": trace.user_input, "html": answer.html(), "turn_id": turn_id, "acts": acts}


def _patch(
    ask: Ask, state: Literal["working", "done", "stopped", "failed"], html: str, *, turn_id: str = "", text: str = ""
) -> str:
    return json.dumps(
        {"ask": ask.ask, "state": state, "html": html, "turn_id": turn_id, "text": text}, ensure_ascii=False
    )
