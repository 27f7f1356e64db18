"""Which model version an alias (production, candidate) names, changed in one transaction, with who, when and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select

from aiyam.contracts import KST
from aiyam.errors import InvalidInput
from aiyam.store.database import Store
from aiyam.store.schema import model_alias, model_alias_event

PRODUCTION = "production"
"""The alias that names what serves."""


@dataclass(frozen=True)
class AliasChange:
    """One change of an alias; ``from_version`` is None for the first."""

    component: str
    alias: str
    from_version: str | None
    to_version: str
    who: str
    why: str
    changed_at: datetime


def set_alias(
    store: Store, component: str, alias: str, version: str, who: str, why: str, *, now: datetime | None = None
) -> str | None:
    """Point an alias at a version and write the change into its history, both or neither.

    Returns:
        The version it pointed at before, or None. Setting what is already set changes nothing and adds no history.
    """
    for name, value, longest in (("component", component, 32), ("alias", alias, 32), ("version", version, 64)):
        if not value or len(value) > longest:
            raise InvalidInput(f"Expected a {name} of 1 to {longest} characters, got {value!r}.")
    if not who:
        raise InvalidInput("Expected the name of who changes the alias, got none.")
    changed_at = int((now or datetime.now(KST)).timestamp())
    statement = store.upserting(model_alias).values(
        component=component, alias=alias, version=version, changed_at=changed_at
    )
    statement = statement.on_conflict_do_update(
        index_elements=["component", "alias"],
        set_={"version": statement.excluded.version, "changed_at": statement.excluded.changed_at},
    )
    this = (model_alias.c.component == component, model_alias.c.alias == alias)
    with store.writing() as connection:
        before: str | None = connection.execute(select(model_alias.c.version).where(*this).with_for_update()).scalar()
        if before != version:
            connection.execute(statement)
            connection.execute(
                insert(model_alias_event).values(
                    component=component, alias=alias, from_version=before, to_version=version,
                    who=who[:64], why=why, changed_at=changed_at,
                )
            )  # fmt: skip
    return before


def alias_of(store: Store, component: str, alias: str) -> str | None:
    """Return the version an alias names, or None when it was never set."""
    query = select(model_alias.c.version).where(model_alias.c.component == component, model_alias.c.alias == alias)
    with store.reading() as connection:
        version: str | None = connection.execute(query).scalar()
    return version


def history(store: Store, component: str | None = None, alias: str | None = None) -> list[AliasChange]:
    """Return the changes, oldest first, of one component and alias or of all."""
    query = select(model_alias_event).order_by(model_alias_event.c.event_id)
    if component is not None:
        query = query.where(model_alias_event.c.component == component)
    if alias is not None:
        query = query.where(model_alias_event.c.alias == alias)
    with store.reading() as connection:
        rows = connection.execute(query).mappings().all()
    return [
        AliasChange(
            **{name: row[name] for name in AliasChange.__dataclass_fields__ if name != "changed_at"},
            changed_at=datetime.fromtimestamp(row["changed_at"], KST),
        )
        for row in rows
    ]


def production_versions(store: Store) -> dict[str, str]:
    """Return the version each component's ``production`` alias names; a component without one is left out."""
    query = select(model_alias.c.component, model_alias.c.version).where(model_alias.c.alias == PRODUCTION)
    with store.reading() as connection:
        return {row.component: row.version for row in connection.execute(query)}
