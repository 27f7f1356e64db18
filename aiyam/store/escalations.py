"""What a person must look at: the turns that were answered with a helpline, newest first, as they were stored (masked)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field
from sqlalchemy import select

from aiyam.contracts import KST, Record, SafetyVerdict, Trace
from aiyam.store.database import Store
from aiyam.store.schema import turn


class Escalation(Record):
    """One turn that was escalated: when, what was found and by whom, what was said with personal data masked."""

    turn_id: str
    session_id: str
    user_id: str = Field(description="Pseudonym.")
    at: datetime
    safety: SafetyVerdict
    said: str
    answered: str


def list_escalations(store: Store, *, since: datetime | None = None, limit: int = 100) -> list[Escalation]:
    """Return escalated turns, newest first; ``since`` is a moment with its time zone."""
    query = select(turn.c.created_at, turn.c.trace).where(turn.c.safety_action == "escalate")
    if since is not None:
        query = query.where(turn.c.created_at >= int(since.timestamp()))
    with store.reading() as connection:
        rows: list[Any] = list(connection.execute(query.order_by(turn.c.created_at.desc()).limit(limit)))
    found = []
    for row in rows:
        trace = Trace.model_validate_json(row.trace)
        found.append(
            Escalation(
                turn_id=trace.turn_id,
                session_id=trace.session_id,
                user_id=trace.user_id,
                at=datetime.fromtimestamp(row.created_at, KST),
                safety=trace.safety,
                said=trace.user_input,
                answered=trace.response,
            )
        )
    return found
