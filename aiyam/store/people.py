"""People as the pipeline may know them: profiles by pseudonym."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import bindparam, func, select

from aiyam.contracts import UserProfile
from aiyam.store.database import Store
from aiyam.store.schema import person

_NO_PROFILE_FIELD = ("source",)
_ONE_PERSON = select(person).where(person.c.user_id == bindparam("user_id"))


def get_profile(store: Store, user_id: str, *, today: date) -> UserProfile | None:
    """Return one person's profile with the age they have ``today``, or None for an unknown id."""
    with store.reading() as connection:
        row = connection.execute(_ONE_PERSON, {"user_id": user_id}).mappings().first()
    return None if row is None else _profile(row, today)


def list_profiles(
    store: Store,
    *,
    today: date,
    user_ids: Sequence[str] | None = None,
    district: str | None = None,
    has_card: bool | None = None,
    is_guardian: bool | None = None,
    limit: int = 100,
    offset: int = 0,
) -> list[UserProfile]:
    """Return profiles in id order that match every condition given."""
    query = select(person).order_by(person.c.user_id).limit(limit).offset(offset)
    if user_ids is not None:
        query = query.where(person.c.user_id.in_(list(user_ids)))
    if district is not None:
        query = query.where(person.c.district == district)
    if has_card is not None:
        query = query.where(person.c.has_card == has_card)
    if is_guardian is not None:
        query = query.where(person.c.is_guardian == is_guardian)
    with store.reading() as connection:
        return [_profile(row, today) for row in connection.execute(query).mappings()]


def count_profiles(store: Store) -> int:
    """Count the people stored."""
    with store.reading() as connection:
        return int(connection.execute(select(func.count()).select_from(person)).scalar_one())


def age_on(birthday: date, today: date) -> int:
    """Return full years lived; a birthday in the future counts as 0.

    >>> age_on(date(2015, 3, 2), date(2026, 3, 1)), age_on(date(2015, 3, 2), date(2026, 3, 2))
    (10, 11)
    """
    years = today.year - birthday.year - ((today.month, today.day) < (birthday.month, birthday.day))
    return max(0, years)


def _profile(row: Any, today: date) -> UserProfile:
    values = {name: row[name] for name in person.c.keys() if name not in _NO_PROFILE_FIELD}  # noqa: SIM118
    born = date.fromisoformat(row["birthday"]) if row["birthday"] else None
    values |= {
        "birthday": born,
        "age": None if born is None else min(120, age_on(born, today)),
        "allergies": tuple(row["allergies"].split()),
        "dietary_preferences": tuple(row["dietary_preferences"].split()),
    }
    return UserProfile(**values)
