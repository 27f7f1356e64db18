"""Turns and feedback: recorded so that what is acknowledged is on disk, found again by text, person, time or id."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy import ColumnElement, Connection, bindparam, func, insert, or_, select, tuple_

from aiyam.contracts import KST, DialogueState, FeedbackRecord, Intent, Trace
from aiyam.errors import Conflict, InvalidInput, NotFound, StoreError
from aiyam.store.database import Store
from aiyam.store.schema import feedback, turn, turn_shop

_BATCH = 500
# Built once: SQLAlchemy finds the compiled text of a statement by the object it has seen before.
_OWNER_OF_TURN = select(turn.c.user_id).where(turn.c.turn_id == bindparam("turn_id"))
_LAST_OF_SESSION = (
    select(turn.c.user_id, turn.c.session_turn)
    .where(turn.c.session_id == bindparam("session_id"))
    .order_by(turn.c.session_turn.desc())
    .limit(1)
)
_STATE_OF_SESSION = _LAST_OF_SESSION.add_columns(turn.c.turn_id, turn.c.trace)
_SHOP_OF_TURN = select(turn_shop.c.shop_id).where(
    turn_shop.c.turn_id == bindparam("turn_id"), turn_shop.c.shop_id == bindparam("shop_id")
)
_TRACE_OF_TURN = select(turn.c.trace).where(turn.c.turn_id == bindparam("turn_id"))
_AT = select(turn.c.session_id, turn.c.session_turn).where(turn.c.turn_id == bindparam("turn_id")).subquery()
_SAID_BEFORE = (
    select(turn.c.user_input, turn.c.response)
    .join(_AT, turn.c.session_id == _AT.c.session_id)
    .where(turn.c.session_turn < _AT.c.session_turn)
    .order_by(turn.c.session_turn.desc())
    .limit(bindparam("n"))
)
_INSERT_TURN, _INSERT_SHOWN, _INSERT_FEEDBACK = insert(turn), insert(turn_shop), insert(feedback)


@dataclass(frozen=True)
class TurnRow:
    """One line of a list of turns; ``created_at`` in Korean time, ``best_score`` the highest satisfaction given (1-5)."""

    turn_id: str
    session_id: str
    user_id: str
    created_at: datetime
    user_input: str
    intent: str
    confidence: float
    response: str
    n_shown: int
    safety_action: str
    grounded: bool
    fallback: str | None
    total_ms: float
    plan_kind: str
    synthetic: bool
    n_feedback: int
    best_score: int | None


def record_turn(store: Store, trace: Trace) -> None:
    """Store a finished turn; it is committed and on disk when this returns. The same turn again changes nothing.

    Raises:
        Conflict: the turn id, or its session, already belongs to someone else.
        StoreError: the database could not take it; nothing was stored.
    """
    row = {
        "turn_id": trace.turn_id,
        "session_id": trace.session_id,
        "user_id": trace.user_id,
        "created_at": _epoch(trace.timestamp),
        "user_input": _storable(trace.user_input),
        "intent": trace.understanding.intent.value,
        "confidence": trace.understanding.confidence,
        "response": _storable(trace.response),
        "n_shown": len(trace.recommendations),
        "safety_action": trace.safety.action,
        "grounded": trace.grounding.grounded,
        "fallback": trace.fallback[:200] if trace.fallback else None,
        "total_ms": trace.stage_ms.total,
        "plan_kind": trace.plan.kind,
        "backend": trace.backend[:32],
        "synthetic": trace.synthetic,
        "ranker": (trace.versions.ranker or None) if trace.recommendations else None,
        "temperature": trace.exploration.temperature if trace.exploration else None,
        "list_propensity": trace.exploration.list_propensity if trace.exploration else None,
        "trace": _trace_json(trace),
    }
    shown = [
        {
            "turn_id": trace.turn_id,
            "position": position,
            "shop_id": shop.shop_id,
            "category": shop.category,
            "score": shop.score,
            "propensity": shop.propensity,
            "shown_propensity": shop.shown_propensity,
        }
        for position, shop in enumerate(_shown(trace), start=1)
    ]
    with store.writing() as connection:
        owner = connection.execute(_OWNER_OF_TURN, {"turn_id": trace.turn_id}).scalar()
        if owner is not None:
            if owner != trace.user_id:
                raise Conflict(f"Turn {trace.turn_id} is already stored for another person.", hint="Use a new turn id.")
            return
        owner, n_turns = _session(connection, trace.session_id)
        if owner is not None and owner != trace.user_id:
            raise Conflict(f"Session {trace.session_id} belongs to another person.", hint="Start a new session.")
        connection.execute(_INSERT_TURN, row | {"session_turn": n_turns + 1})
        if shown:
            connection.execute(_INSERT_SHOWN, shown)


def record_feedback(store: Store, record: FeedbackRecord) -> int:
    """Store one act of feedback and return its number; it is committed when this returns.

    Raises:
        NotFound: no such turn of this person, or the named shop was not shown in it.
    """
    with store.writing() as connection:
        owner = connection.execute(_OWNER_OF_TURN, {"turn_id": record.turn_id}).scalar()
        if owner is None or owner != record.user_id:  # one answer for both, so that ids cannot be probed
            raise NotFound(
                f"Expected a turn of user {record.user_id}, found none with id {record.turn_id!r}.",
                hint="Send the turn_id that came with the reply.",
            )
        if record.shop_id is not None:
            shown = {"turn_id": record.turn_id, "shop_id": record.shop_id}
            if connection.execute(_SHOP_OF_TURN, shown).first() is None:
                raise NotFound(
                    f"Shop {record.shop_id!r} was not shown in turn {record.turn_id}.",
                    hint="Name one of the shops that came with the reply.",
                )
        values = record.model_dump(exclude={"timestamp"}) | {"created_at": _epoch(record.timestamp)}
        for name in ("reason", "correction"):
            values[name] = None if values[name] is None else _storable(values[name])
        key = connection.execute(_INSERT_FEEDBACK, values).inserted_primary_key
        assert key is not None
        return int(key[0])


def get_trace(store: Store, turn_id: str) -> Trace:
    """Return one whole turn.

    Raises:
        NotFound: no turn has this id.
        StoreError: the stored trace does not fit this code's contract.
    """
    with store.reading() as connection:
        text = connection.execute(_TRACE_OF_TURN, {"turn_id": turn_id}).scalar()
    if text is None:
        raise NotFound(
            f"Expected a stored turn, found none with id {turn_id!r}.", hint="List the turns to find its id."
        )
    return _trace(turn_id, text)


def get_traces(store: Store, turn_ids: Sequence[str]) -> Iterator[tuple[str, Trace | None]]:
    """Give these turns, in order of id, a few hundred in memory at a time; None for one that cannot be read.

    An id that no turn has is passed over.
    """
    wanted = sorted(turn_ids)
    for start in range(0, len(wanted), _BATCH):
        some = select(turn.c.turn_id, turn.c.trace).where(turn.c.turn_id.in_(wanted[start : start + _BATCH]))
        with store.reading() as connection:
            rows = connection.execute(some.order_by(turn.c.turn_id)).all()
        for row in rows:
            try:
                yield row.turn_id, _trace(row.turn_id, row.trace)
            except StoreError:
                yield row.turn_id, None


def last_state(store: Store, session_id: str, user_id: str) -> DialogueState:
    """Return the dialogue state the session's last turn left; the empty state for a new session.

    Raises:
        NotFound: the session is another person's.
    """
    with store.reading() as connection:
        row = connection.execute(_STATE_OF_SESSION, {"session_id": session_id}).first()
    if row is None:
        return DialogueState()
    if row.user_id != user_id:
        raise NotFound(f"Expected a session of user {user_id}, {session_id!r} is not one.", hint="Start a new session.")
    return _state(row.turn_id, row.trace)


def state_before(store: Store, turn_id: str, session_id: str, user_id: str) -> DialogueState:
    """Return the dialogue state a turn started from: what the turn before it in the session left.

    Raises:
        NotFound: no such turn of this person in this session.
    """
    mine = (turn.c.session_id == session_id) & (turn.c.user_id == user_id)
    number = select(turn.c.session_turn).where(mine & (turn.c.turn_id == turn_id))
    with store.reading() as connection:
        at = connection.execute(number).scalar()
        if at is None:
            raise NotFound(
                f"Expected a turn of session {session_id!r}, {turn_id!r} is not one.", hint="Ask again without it."
            )
        earlier = select(turn.c.turn_id, turn.c.trace).where(mine & (turn.c.session_turn < at))
        row = connection.execute(earlier.order_by(turn.c.session_turn.desc()).limit(1)).first()
    return DialogueState() if row is None else _state(row.turn_id, row.trace)


def said_before(store: Store, turn_id: str, *, limit: int = 3) -> list[tuple[str, str]]:
    """Return the messages and replies of the turns before one in its session, oldest of the last ``limit`` first."""
    with store.reading() as connection:
        rows = connection.execute(_SAID_BEFORE, {"turn_id": turn_id, "n": limit}).all()
    return [(row.user_input, row.response) for row in rows][::-1]


def _state(turn_id: str, trace: str) -> DialogueState:
    try:
        return DialogueState.model_validate(json.loads(trace)["state"])
    except (KeyError, ValueError) as error:
        raise _unreadable(turn_id, error) from error


def list_turns(
    store: Store,
    *,
    search: str = "",
    intent: Intent | str | None = None,
    user_id: str | None = None,
    session_id: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = 50,
    offset: int = 0,
) -> list[TurnRow]:
    """Return turns, newest first, that match every condition given.

    Args:
        search: words that must all stand in the message or the reply; two Korean syllables are enough.
        since: earliest time (inclusive); ``until`` the latest (exclusive).
        limit: 1 to 1,000.
    """
    if not 1 <= limit <= 1000 or offset < 0:
        raise InvalidInput(f"Expected limit 1..1000 and offset >= 0, got {limit} and {offset}.")
    wanted = _matching(search=search, intent=intent, user_id=user_id, session_id=session_id, since=since, until=until)
    return list_where(store, wanted, limit=limit, offset=offset)


def list_where(
    store: Store, wanted: Sequence[ColumnElement[bool]], *, limit: int | None = None, offset: int = 0
) -> list[TurnRow]:
    """Return turns, newest first, under conditions that the store's own modules make."""
    n_feedback = select(func.count()).where(feedback.c.turn_id == turn.c.turn_id).scalar_subquery()
    best = select(func.max(feedback.c.satisfaction_score)).where(feedback.c.turn_id == turn.c.turn_id).scalar_subquery()
    names = [name for name in TurnRow.__dataclass_fields__ if name not in ("n_feedback", "best_score")]
    query = (
        select(*(turn.c[name] for name in names), n_feedback.label("n_feedback"), best.label("best_score"))
        .where(*wanted)
        .order_by(turn.c.created_at.desc(), turn.c.session_turn.desc(), turn.c.turn_id.desc())
        .limit(limit)
        .offset(offset)
    )
    with store.reading() as connection:
        rows = connection.execute(query).mappings().all()
    return [TurnRow(**{**row, "created_at": datetime.fromtimestamp(row["created_at"], KST)}) for row in rows]


def count_turns(
    store: Store,
    *,
    search: str = "",
    intent: Intent | str | None = None,
    user_id: str | None = None,
    session_id: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    turn_id: str | None = None,
) -> int:
    """Count what ``list_turns`` would list; with ``turn_id``, whether it would list that turn."""
    wanted = _matching(search=search, intent=intent, user_id=user_id, session_id=session_id, since=since, until=until)
    if turn_id is not None:
        wanted.append(turn.c.turn_id == turn_id)
    with store.reading() as connection:
        return int(connection.execute(select(func.count()).select_from(turn).where(*wanted)).scalar_one())


def count_feedback(store: Store) -> int:
    """Count all stored acts of feedback."""
    with store.reading() as connection:
        return int(connection.execute(select(func.count()).select_from(feedback)).scalar_one())


def feedback_of(store: Store, turn_id: str) -> list[FeedbackRecord]:
    """Return the feedback on one turn, in the order it came."""
    query = select(feedback).where(feedback.c.turn_id == turn_id).order_by(feedback.c.feedback_id)
    with store.reading() as connection:
        return [_feedback(row) for row in connection.execute(query).mappings()]


def iter_traces(store: Store, *, since: datetime | None = None, until: datetime | None = None) -> Iterator[Trace]:
    """Give every turn of a period (``until`` exclusive), oldest first, a few hundred in memory at a time."""
    wanted = _matching(since=since, until=until)
    after: tuple[int, str] | None = None
    while True:
        query = select(turn.c.created_at, turn.c.turn_id, turn.c.trace).where(*wanted)
        if after is not None:
            query = query.where(tuple_(turn.c.created_at, turn.c.turn_id) > after)
        with store.reading() as connection:
            rows = connection.execute(query.order_by(turn.c.created_at, turn.c.turn_id).limit(_BATCH)).all()
        for row in rows:
            yield _trace(row.turn_id, row.trace)
        if len(rows) < _BATCH:
            return
        after = (rows[-1].created_at, rows[-1].turn_id)


def iter_feedback(
    store: Store, *, since: datetime | None = None, until: datetime | None = None
) -> Iterator[FeedbackRecord]:
    """Give every act of feedback of a period (``until`` exclusive), in the order it was stored."""
    last = 0
    while True:
        query = select(feedback).where(feedback.c.feedback_id > last, *during(feedback.c.created_at, since, until))
        with store.reading() as connection:
            rows = connection.execute(query.order_by(feedback.c.feedback_id).limit(_BATCH)).mappings().all()
        for row in rows:
            yield _feedback(row)
        if len(rows) < _BATCH:
            return
        last = rows[-1]["feedback_id"]


def containing(search: str, *columns: ColumnElement[Any]) -> list[ColumnElement[bool]]:
    """Return conditions under which every word of ``search`` stands, as typed, in one of the columns.

    A substring match, because a Korean noun rarely stands alone ("치킨집에서"), and because two syllables must do.
    """
    conditions: list[ColumnElement[bool]] = []
    for word in search.split():
        forms = {unicodedata.normalize("NFC", word), unicodedata.normalize("NFD", word), word}
        conditions.append(or_(*(c.icontains(form, autoescape=True) for c in columns for form in sorted(forms))))
    return conditions


def _matching(
    *,
    search: str = "",
    intent: Intent | str | None = None,
    user_id: str | None = None,
    session_id: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[ColumnElement[bool]]:
    wanted = [*containing(_storable(search), turn.c.user_input, turn.c.response)]
    wanted += during(turn.c.created_at, since, until)
    for column, value in ((turn.c.intent, intent), (turn.c.user_id, user_id), (turn.c.session_id, session_id)):
        if value is not None:
            wanted.append(column == str(value))
    return wanted


def during(column: ColumnElement[Any], since: datetime | None, until: datetime | None) -> list[ColumnElement[bool]]:
    """Return conditions under which a column of epoch seconds lies in a period, ``until`` exclusive."""
    conditions: list[ColumnElement[bool]] = []
    if since is not None:
        conditions.append(column >= _epoch(since))
    if until is not None:
        conditions.append(column < _epoch(until))
    return conditions


def _session(connection: Connection, session_id: str) -> tuple[str | None, int]:
    """Owner and last turn number of a session; (None, 0) when it is new."""
    row = connection.execute(_LAST_OF_SESSION, {"session_id": session_id}).first()
    return (row.user_id, row.session_turn) if row is not None else (None, 0)


def _shown(trace: Trace) -> list[Any]:
    """The shops a person could see: the cards, then those the reply spoke of, each once."""
    by_id = {shop.shop_id: shop for shop in (*reversed(trace.plan.shops), *reversed(trace.recommendations))}
    order = dict.fromkeys(shop.shop_id for shop in (*trace.recommendations, *trace.plan.shops))
    return [by_id[shop_id] for shop_id in order]


def _trace_json(trace: Trace) -> str:
    try:
        return trace.model_dump_json()
    except ValueError:  # a lone surrogate has no UTF-8: keep the turn with a question mark in its place
        return _storable(json.dumps(trace.model_dump(), default=str, ensure_ascii=False))


def _trace(turn_id: str, text: str) -> Trace:
    try:
        return Trace.model_validate_json(text)
    except ValidationError as error:
        raise _unreadable(turn_id, error) from error


def _unreadable(turn_id: str, error: Exception) -> StoreError:
    return StoreError(
        f"The stored trace of turn {turn_id} does not fit this version's contract: {str(error).splitlines()[0]}.",
        hint="Update aiyam, or run aiyam db check to see whether the database is damaged.",
    )


def _feedback(row: Any) -> FeedbackRecord:
    values = {name: row[name] for name in FeedbackRecord.model_fields if name != "timestamp"}
    return FeedbackRecord(**values, timestamp=datetime.fromtimestamp(row["created_at"], KST))


def _epoch(moment: datetime) -> int:
    if moment.tzinfo is None:
        raise InvalidInput(f"Expected a time with a UTC offset, got {moment.isoformat()}.")
    return int(moment.astimezone(UTC).timestamp())


def _storable(text: str) -> str:
    """Replace what no database text column takes: NUL (PostgreSQL) and lone surrogates (UTF-8)."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode("utf-8")
