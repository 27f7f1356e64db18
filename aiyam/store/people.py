"""People as the pipeline may know them: profiles by pseudonym."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import Any

from pydantic import ValidationError
from sqlalchemy import bindparam, func, select

from aiyam.contracts import USER_ID_PATTERN, UserProfile
from aiyam.store.columns import read_columns
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


def read_people(store: Store, others: Sequence[str] = ()) -> tuple[dict[str, UserProfile], frozenset[str]]:
    """Return everyone stored, ages left open (see ``aged``), and the ids of those whose row breaks the contract.

    Among ``others`` (people who only acted) an id that no profile may have counts as such too.
    """
    columns = read_columns(store, person, [name for name in UserProfile.model_fields if name != "age"])
    profiles: dict[str, UserProfile] = {}
    unreadable = {user_id for user_id in others if not re.match(USER_ID_PATTERN, user_id)}
    for values in zip(*columns.values(), strict=True):
        row = dict(zip(columns, values, strict=True))
        lists = {name: tuple(row[name].split()) for name in ("allergies", "dietary_preferences")}
        try:
            profiles[row["user_id"]] = UserProfile(**{**row, **lists, "birthday": row["birthday"] or None})
        except ValidationError:
            unreadable.add(row["user_id"])
    return profiles, frozenset(unreadable)


def aged(profile: UserProfile, day: date) -> UserProfile:
    """Return the profile with the age it had on a day; without a birthday the age stays unknown."""
    age = None if profile.birthday is None else min(120, age_on(profile.birthday, day))
    return profile if age == profile.age else profile.model_copy(update={"age": age})


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
