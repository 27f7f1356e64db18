"""Writing one import: all its tables and facts in a single transaction, beside or in place of the catalogue that is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Table, delete, func, select

from aiyam.store import schema
from aiyam.store.columns import CATALOGUE_TABLES, insert_columns_in
from aiyam.store.database import Store

KEPT_FACTS = ("pseudonym_salt",)
"""Facts that outlive the catalogue: the turns in the log carry pseudonyms made with the same salt."""


def write_catalogue(
    store: Store,
    tables: Sequence[tuple[Table, Mapping[str, Sequence[Any]]]],
    facts: Mapping[str, str],
    *,
    replace: bool,
) -> dict[str, int]:
    """Write columns table by table (parents first) and the facts; nothing of it is kept when any part fails.

    Args:
        tables: (table, columns of equal length); a row whose key exists is overwritten in the columns given.
        replace: empty the catalogue first; turns, feedback, aliases and ``KEPT_FACTS`` stay.

    Returns:
        How many rows each table grew by, by table name (after emptying, where ``replace``).

    Raises:
        StoreError, Conflict, InvalidInput: as ``insert_columns_in``; the store is as it was before.
    """
    with store.writing() as connection:
        if replace:
            for table in CATALOGUE_TABLES:
                connection.execute(delete(table))
            connection.execute(delete(schema.fact).where(schema.fact.c.key.not_in(KEPT_FACTS)))

        def count(table: Table) -> int:
            return int(connection.execute(select(func.count()).select_from(table)).scalar_one())

        grown: dict[str, int] = {}
        for table, columns in tables:
            before = count(table)
            insert_columns_in(store, connection, table, columns, replace=True)
            grown[table.name] = count(table) - before
        if facts:
            insert_columns_in(
                store, connection, schema.fact, {"key": list(facts), "value": list(facts.values())}, replace=True
            )
    return grown
