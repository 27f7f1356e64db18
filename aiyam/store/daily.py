"""What the metrics of a period are computed from: the turns of it, the shops they showed, the feedback they got."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Select, func, select

from aiyam.contracts import KST
from aiyam.store.database import Store
from aiyam.store.schema import feedback, turn, turn_shop


@dataclass(frozen=True)
class DayTurn:
    """One turn as the metrics see it."""

    turn_id: str
    session_id: str
    user_id: str
    n_shown: int
    safety_action: str
    grounded: bool
    fallback: str | None
    plan_kind: str
    total_ms: float
    synthetic: bool


@dataclass(frozen=True)
class DayShop:
    """One shop a turn showed."""

    turn_id: str
    shop_id: str
    category: str
    score: float


@dataclass(frozen=True)
class DayFeedback:
    """One act of feedback, whenever it came, on a turn of the period."""

    turn_id: str
    feedback_type: str
    satisfaction_score: int | None


@dataclass(frozen=True)
class Period:
    """All of it; shops only of turns that showed cards, in the order shown."""

    turns: tuple[DayTurn, ...]
    shops: tuple[DayShop, ...]
    feedback: tuple[DayFeedback, ...]


def day_bounds(day: date) -> tuple[datetime, datetime]:
    """Return the first moment of a Korean calendar day and the first of the next."""
    start = datetime(day.year, day.month, day.day, tzinfo=KST)
    return start, start + timedelta(days=1)


def read_day(store: Store, day: date) -> Period:
    """Return the turns of one Korean calendar day and what belongs to them, seen in one snapshot."""
    start, end = (int(moment.timestamp()) for moment in day_bounds(day))
    within = (turn.c.created_at >= start, turn.c.created_at < end)
    turns: Select[Any] = select(*(turn.c[name] for name in DayTurn.__dataclass_fields__)).where(*within)
    shops: Select[Any] = (
        select(*(turn_shop.c[name] for name in DayShop.__dataclass_fields__))
        .join(turn, turn.c.turn_id == turn_shop.c.turn_id)
        .where(*within, turn_shop.c.position <= turn.c.n_shown)
        .order_by(turn_shop.c.turn_id, turn_shop.c.position)
    )
    acts: Select[Any] = (
        select(*(feedback.c[name] for name in DayFeedback.__dataclass_fields__))
        .join(turn, turn.c.turn_id == feedback.c.turn_id)
        .where(*within)
        .order_by(feedback.c.feedback_id)
    )
    with store.reading() as connection:
        return Period(
            turns=tuple(DayTurn(*row) for row in connection.execute(turns.order_by(turn.c.turn_id))),
            shops=tuple(DayShop(*row) for row in connection.execute(shops)),
            feedback=tuple(DayFeedback(*row) for row in connection.execute(acts)),
        )


def days_with_turns(store: Store) -> tuple[date, date] | None:
    """Return the first and the last Korean calendar day with a turn, or None when there is none."""
    with store.reading() as connection:
        first, last = connection.execute(select(func.min(turn.c.created_at), func.max(turn.c.created_at))).one()
    if first is None:
        return None
    return datetime.fromtimestamp(first, KST).date(), datetime.fromtimestamp(last, KST).date()
