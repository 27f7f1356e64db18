"""Turns by what may be wrong with them: the conditions of a view, their counts, and the light rows sampling chooses from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal, get_args

from pydantic import Field, ValidationError, model_validator
from sqlalchemy import ColumnElement, and_, case, delete, func, or_, select

from aiyam.contracts import KST, Intent, Record
from aiyam.errors import Conflict, NotFound, StoreError
from aiyam.store.conversations import TurnRow, containing, during, list_where
from aiyam.store.database import Store
from aiyam.store.schema import feedback, label_task, turn, turn_view

Flaw = Literal["thumbs_down", "low_confidence", "safety", "no_candidates", "ungrounded"]
FLAWS: tuple[Flaw, ...] = get_args(Flaw)
"""Rated badly; hardly understood; escalated or refused; no shop found; the reply replaced (ungrounded, failed or slow)."""

LOW_CONFIDENCE = 0.8
EVALUATION_PEOPLE = ("eval", "script")
"""Names under which evaluations and scripts talk: nobody is asked about these turns."""

_BAD = and_(feedback.c.feedback_type.in_(("thumb", "rated")), feedback.c.satisfaction_score <= 2)
_CHUNK = 500


class TurnConditions(Record):
    """Which turns: every condition given must hold. Days are Korean and both included."""

    flaw: Flaw | None = None
    search: str = Field("", max_length=200)
    intent: Intent | None = None
    since: date | None = None
    until: date | None = None
    synthetic: bool | None = None
    unasked: bool = False
    """Only turns no annotator was ever asked about."""

    @model_validator(mode="after")
    def _days_in_order(self) -> TurnConditions:
        if self.since and self.until and self.since > self.until:
            raise ValueError(f"expected the first day not after the last, got {self.since} and {self.until}")
        return self

    def given(self) -> dict[str, Any]:
        """Return only what narrows, as JSON types."""
        return self.model_dump(mode="json", exclude_defaults=True)


@dataclass(frozen=True)
class NamedView:
    """Conditions that someone gave a name."""

    name: str
    conditions: TurnConditions
    created_by: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class PoolTurn:
    """What sampling chooses a turn by; the long texts stay in the database."""

    turn_id: str
    intent: str
    confidence: float
    safety_action: str


def count_matching(store: Store, conditions: TurnConditions) -> int:
    """Count the turns of a view."""
    with store.reading() as connection:
        return int(connection.execute(select(func.count()).select_from(turn).where(*_where(conditions))).scalar_one())


def count_flaws(store: Store, conditions: TurnConditions) -> dict[Flaw | Literal["all"], int]:
    """Count, in one look over the turns, those with each flaw under the other conditions, and all of them."""
    sums = [func.sum(_as_number(_has(flaw))).label(flaw) for flaw in FLAWS]
    wanted = _where(conditions.model_copy(update={"flaw": None}))
    with store.reading() as connection:
        row = connection.execute(select(func.count().label("all"), *sums).select_from(turn).where(*wanted)).one()
    return {name: int(count or 0) for name, count in row._mapping.items()}


def list_matching(
    store: Store, conditions: TurnConditions, *, limit: int = 50, offset: int = 0, turn_ids: Sequence[str] | None = None
) -> list[TurnRow]:
    """Return the turns of a view, newest first; with ``turn_ids`` those of them that are named."""
    wanted = _where(conditions)
    if turn_ids is not None:
        wanted.append(turn.c.turn_id.in_(list(turn_ids)))
    return list_where(store, wanted, limit=limit, offset=offset)


def read_pool(store: Store, conditions: TurnConditions) -> list[PoolTurn]:
    """Return all turns of a view without their texts, oldest first."""
    names = PoolTurn.__slots__
    query = select(*(turn.c[name] for name in names)).where(*_where(conditions))
    with store.reading() as connection:
        rows = connection.execute(query.order_by(turn.c.created_at, turn.c.turn_id)).all()
    return [PoolTurn(*row) for row in rows]


def texts_of(
    store: Store, turn_ids: Iterable[str], column: Literal["user_input", "response"] = "user_input"
) -> dict[str, str]:
    """Return the messages, or the replies, of those of the turns that are stored."""
    found: dict[str, str] = {}
    ids = list(turn_ids)
    with store.reading() as connection:
        for start in range(0, len(ids), _CHUNK):
            query = select(turn.c.turn_id, turn.c[column]).where(turn.c.turn_id.in_(ids[start : start + _CHUNK]))
            found.update((turn_id, text) for turn_id, text in connection.execute(query))
    return found


def bad_reasons(store: Store) -> dict[str, str]:
    """Return the turns that were rated badly with the last reason given, empty where none was."""
    query = select(feedback.c.turn_id, func.max(func.coalesce(feedback.c.reason, ""))).where(_BAD)
    with store.reading() as connection:
        rows = connection.execute(query.group_by(feedback.c.turn_id)).all()
    return {row[0]: row[1] for row in rows}


def save_view(store: Store, view: NamedView) -> None:
    """Store a view under its name.

    Raises:
        Conflict: the name is taken.
    """
    with store.writing() as connection:
        if connection.execute(select(turn_view.c.name).where(turn_view.c.name == view.name)).first():
            raise Conflict(f"A view called {view.name!r} is there already.", hint="Delete it first, or choose another name.")  # fmt: skip
        connection.execute(
            turn_view.insert().values(
                name=view.name, conditions=json.dumps(view.conditions.given(), ensure_ascii=False),
                created_by=view.created_by, created_at=int(view.created_at.timestamp()),
            )
        )  # fmt: skip


def saved_views(store: Store) -> list[NamedView]:
    """Return the views people named, in the order of their names.

    Raises:
        StoreError: one does not fit this code.
    """
    with store.reading() as connection:
        rows = connection.execute(select(turn_view).order_by(turn_view.c.name)).all()
    return [
        NamedView(row.name, _conditions(row.name, row.conditions), row.created_by, datetime.fromtimestamp(row.created_at, KST))
        for row in rows
    ]  # fmt: skip


def delete_view(store: Store, name: str) -> None:
    """Take a named view out.

    Raises:
        NotFound: none has the name.
    """
    with store.writing() as connection:
        if not connection.execute(delete(turn_view).where(turn_view.c.name == name)).rowcount:
            raise NotFound(f"Expected the name of a saved view, got {name!r}.", hint="List the views to find its name.")


def _conditions(name: str, text: str) -> TurnConditions:
    try:
        return TurnConditions.model_validate_json(text)
    except ValidationError as error:
        raise StoreError(
            f"The saved view {name!r} does not fit this version: {str(error).splitlines()[0]}.", hint="Delete it."
        ) from error


def _where(conditions: TurnConditions) -> list[ColumnElement[bool]]:
    search = conditions.search.replace("\0", " ").encode("utf-8", "replace").decode("utf-8")
    wanted = [turn.c.user_id.not_in(EVALUATION_PEOPLE), *containing(search, turn.c.user_input, turn.c.response)]
    if conditions.flaw is not None:
        wanted.append(_has(conditions.flaw))
    if conditions.intent is not None:
        wanted.append(turn.c.intent == conditions.intent.value)
    wanted += during(turn.c.created_at, _midnight(conditions.since, 0), _midnight(conditions.until, 1))
    if conditions.synthetic is not None:
        wanted.append(turn.c.synthetic.is_(conditions.synthetic))
    if conditions.unasked:
        asked = select(label_task.c.turn_id).where(label_task.c.state != "withdrawn")
        wanted.append(turn.c.turn_id.not_in(asked))
    return wanted


def _has(flaw: Flaw) -> ColumnElement[bool]:
    if flaw == "thumbs_down":
        return turn.c.turn_id.in_(select(feedback.c.turn_id).where(_BAD))
    if flaw == "low_confidence":
        return and_(turn.c.confidence < LOW_CONFIDENCE, turn.c.safety_action.in_(("answer", "mask")))
    if flaw == "safety":
        return turn.c.safety_action.in_(("escalate", "refuse"))
    if flaw == "no_candidates":
        return turn.c.plan_kind == "no_result"
    return or_(turn.c.grounded.is_(False), turn.c.fallback.is_not(None))


def _as_number(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return case((condition, 1), else_=0)


def _midnight(day: date | None, later_days: int) -> datetime | None:
    if day is None:
        return None
    return datetime(day.year, day.month, day.day, tzinfo=KST) + timedelta(days=later_days)
