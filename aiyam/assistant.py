"""One conversation turn with its memory: who is asking, what was said before, and a trace stored before it is acknowledged."""

from __future__ import annotations

import threading
import unicodedata
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from aiyam.catalogue.facts import fingerprint_of
from aiyam.catalogue.personas import load_personas
from aiyam.contracts import (
    KST,
    MAX_MESSAGE_CHARS,
    ChatContext,
    DialogueState,
    Done,
    Event,
    FeedbackRecord,
    FeedbackRequest,
    RecommendationsRequest,
    RecommendationsResponse,
    Trace,
    Turn,
    TurnContext,
    UserProfile,
    Versions,
)
from aiyam.errors import InvalidInput
from aiyam.feedback import record_feedback
from aiyam.pipeline import Pipeline
from aiyam.settings import Settings
from aiyam.store import Store
from aiyam.store.aliases import production_versions
from aiyam.store.catalogue_writes import shops_changed_since
from aiyam.store.conversations import get_trace, last_state, record_turn, state_before
from aiyam.store.people import get_profile


def kst_now() -> datetime:
    """Return the present moment in Korea."""
    return datetime.now(KST)


def clean_message(message: str) -> str:
    """Return a chat message without control characters and lone surrogates, trimmed.

    Raises:
        InvalidInput: nothing readable is left, or the message is longer than ``MAX_MESSAGE_CHARS``.
    """
    if len(message) > MAX_MESSAGE_CHARS:
        raise InvalidInput(
            f"Expected a message of at most {MAX_MESSAGE_CHARS} characters, got {len(message)}.",
            hint="Send a shorter message.",
        )
    kept = "".join(c if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs") else " " for c in message).strip()
    if not kept:
        raise InvalidInput(
            "Expected a message with some text, got an empty one.", hint="Write what you would like to eat."
        )
    return kept


@dataclass(frozen=True)
class Loaded:
    """A pipeline and what it was loaded from: the production versions and the catalogue's fingerprint."""

    pipeline: Pipeline
    source: dict[str, str]


class Assistant:
    """The one door to the pipeline for chat, API and command line.

    ``clock`` gives the time of a turn whose context names none. Safe to call from several threads.
    """

    def __init__(self, pipeline: Pipeline, store: Store, clock: Callable[[], datetime] = kst_now) -> None:
        self.store = store
        self.clock = clock
        self.settings: Settings | None = None
        self._loaded = Loaded(pipeline, _source(store))
        self._reloading = threading.Lock()
        # The demo's people are known in every home; the sample city stores them, an imported list does not.
        self._personas = {p.profile.user_id: p.profile for p in load_personas()}

    @classmethod
    def load(cls, settings: Settings, clock: Callable[[], datetime] = kst_now) -> Assistant:
        """Open the store and load the production models named in it.

        Raises:
            NotReady: nothing has been generated or trained yet; the message names the command.
        """
        store = Store.open(settings.url)
        assistant = cls(Pipeline.load(settings, store), store, clock)
        assistant.settings = settings
        return assistant

    @property
    def pipeline(self) -> Pipeline:
        """The pipeline that serves new turns."""
        return self._loaded.pipeline

    @property
    def versions(self) -> Versions:
        """Model version of each component now serving."""
        return self.pipeline.versions

    def stream(
        self,
        user_id: str,
        message: str,
        *,
        session_id: str | None = None,
        context: ChatContext | None = None,
        again: str | None = None,
    ) -> Iterator[Event]:
        """Run one turn. The trace is committed to the store before ``Done`` is yielded.

        ``again`` names a turn of this session to answer anew: the dialogue is taken as it stood before that turn, and
        other shops are shown where there are any; the first answer stays stored as a turn of its own.

        Raises:
            InvalidInput: the message is empty or too long.
            NotFound: the session or the turn to answer anew belongs to another user.
        """
        text = clean_message(message)
        session = session_id or f"s-{uuid.uuid4().hex[:16]}"
        state = last_state(self.store, session, user_id) if session_id else DialogueState()
        leave_out: tuple[str, ...] = ()
        if again is not None:
            before = state_before(self.store, again, session, user_id)
            state = before.model_copy(update={"n_turns": state.n_turns})
            leave_out = tuple(r.shop_id for r in get_trace(self.store, again).recommendations)
        turn_context = self._context(context)
        turn = Turn(
            turn_id=f"t-{uuid.uuid4().hex}",
            session_id=session,
            user=self._profile(user_id, turn_context.now),
            message=text,
            context=turn_context,
            at=self.clock() if context and context.now else None,
            state=state,
            leave_out=leave_out,
        )
        for event in self.pipeline.stream(turn):
            if isinstance(event, Done):
                record_turn(self.store, event.trace)
            yield event

    def respond(
        self, user_id: str, message: str, *, session_id: str | None = None, context: ChatContext | None = None
    ) -> Trace:
        """Run one turn to its end and return the stored trace; raises as ``stream``."""
        for event in self.stream(user_id, message, session_id=session_id, context=context):
            if isinstance(event, Done):
                return event.trace
        raise AssertionError("a turn ends with Done")

    def recommend(self, request: RecommendationsRequest) -> RecommendationsResponse:
        """Rank shops for an understanding the caller already has; nothing is stored."""
        context = self._context(request.context)
        user = request.user_profile or self._profile(request.user_id, context.now)
        return self.pipeline.recommend(user, request.chatbot_output, context, top_k=request.top_k)

    def feedback(self, request: FeedbackRequest) -> FeedbackRecord:
        """Store one act of feedback and return it as stored.

        Raises:
            NotFound: no such turn for this user, or the shop was not shown in it.
            InvalidInput: the kind of feedback needs a score or a shop.
        """
        return record_feedback(self.store, request, now=self.clock())

    def profile(self, user_id: str) -> UserProfile:
        """Return the stored profile, or a new user's."""
        return self._profile(user_id, self.clock())

    def changed(self) -> bool:
        """Whether production names other versions, or the catalogue is another, than what serves."""
        return _source(self.store) != self._loaded.source

    def reload(self) -> Versions:
        """Load what production names now and swap it in; turns under way end on the old pipeline.

        Where only a few shops are new or other, they alone are read again.

        Raises:
            ModelError: a version is damaged; the old pipeline goes on serving.
        """
        if self.settings is None:
            return self.versions
        with self._reloading:
            source, served = _source(self.store), self._loaded
            shops = self._changed_shops(source, served.source)
            if shops is not None:
                pipeline = served.pipeline.with_changed_shops(self.store, shops)
            else:
                pipeline = Pipeline.load(self.settings, self.store)
            self._loaded = Loaded(pipeline, source)
        return self.versions

    def _changed_shops(self, source: dict[str, str], served: dict[str, str]) -> tuple[str, ...] | None:
        """Return the shops that are new or other, where the store lists them and nothing else differs; else None."""
        if source == served or {**source, "catalogue": ""} != {**served, "catalogue": ""}:
            return None
        return shops_changed_since(self.store, served["catalogue"])

    def close(self) -> None:
        """Close the store."""
        self.store.close()

    def _profile(self, user_id: str, now: datetime) -> UserProfile:
        known = get_profile(self.store, user_id, today=now.astimezone(KST).date())
        return known or self._personas.get(user_id) or UserProfile(user_id=user_id)

    def _context(self, context: ChatContext | None) -> TurnContext:
        given = context.model_dump(exclude_none=True) if context else {}
        given.setdefault("now", self.clock())
        return TurnContext(**given)


def _source(store: Store) -> dict[str, str]:
    return {**production_versions(store), "catalogue": fingerprint_of(store)}
