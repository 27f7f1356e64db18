"""Numbered schema changes, and what applies the missing ones, each once, in one transaction."""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import Column, Connection, Integer, MetaData, String, Table, func, insert, inspect, select

from aiyam.errors import StoreError
from aiyam.store.migrations import m0001_first, m0002_propensities, m0003_labels, m0004_turn_views

MIGRATIONS: tuple[tuple[int, str, Callable[[Connection], None]], ...] = (
    (1, "first", m0001_first.upgrade),
    (2, "propensities", m0002_propensities.upgrade),
    (3, "labels", m0003_labels.upgrade),
    (4, "turn_views", m0004_turn_views.upgrade),
)
"""Every change in order: number, name, function. A released one is never edited; a new one is added below it."""

SCHEMA_VERSION = MIGRATIONS[-1][0]

_ADVISORY_LOCK = 0x61697961

schema_version = Table(
    "schema_version",
    MetaData(),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("name", String(64), nullable=False),
    Column("applied_at", Integer, nullable=False),
)


def version_of(connection: Connection) -> int:
    """Return the schema version of a database; 0 when it is empty."""
    if not inspect(connection).has_table("schema_version"):
        return 0
    return connection.execute(select(func.max(schema_version.c.version))).scalar() or 0


def migrate(connection: Connection) -> tuple[int, ...]:
    """Apply what is missing inside the caller's write transaction: all of it or, on an error, none.

    Returns:
        Numbers of the changes applied now.

    Raises:
        StoreError: the database is newer than this code.
    """
    if connection.dialect.name == "postgresql":  # SQLite's write lock is already held
        connection.execute(select(func.pg_advisory_xact_lock(_ADVISORY_LOCK)))
    found = version_of(connection)
    if found > SCHEMA_VERSION:
        raise StoreError(
            f"The database is at schema version {found}, this code knows versions up to {SCHEMA_VERSION}.",
            hint="Update aiyam to the version that wrote it, or set AIYAM_HOME to another folder.",
        )
    schema_version.create(connection, checkfirst=True)
    applied = []
    for number, name, upgrade in MIGRATIONS:
        if number > found:
            upgrade(connection)
            now = int(time.time())
            connection.execute(insert(schema_version).values(version=number, name=name, applied_at=now))
            applied.append(number)
    return tuple(applied)
