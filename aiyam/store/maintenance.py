"""The everyday work on the database behind ``aiyam db``: tables, search, backup, vacuum, check."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import sqlite_utils
from sqlalchemy import func, inspect, select

from aiyam.errors import InvalidInput
from aiyam.store import sqlite
from aiyam.store.conversations import containing, list_turns
from aiyam.store.database import Store
from aiyam.store.schema import metadata, shop, shop_menu


@dataclass(frozen=True)
class Hit:
    """One thing a search found: a turn or a shop, with the text that matched."""

    kind: str
    id: str
    title: str
    text: str


def tables(store: Store) -> dict[str, int]:
    """Return every table with its number of rows, by name."""
    if store.is_sqlite:
        database = sqlite_utils.Database(store.path)
        try:
            return {name: database[name].count for name in sorted(database.table_names())}
        finally:
            database.close()
    with store.reading() as connection:
        return {
            name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for name, table in sorted(metadata.tables.items())
        }


def search(store: Store, text: str, *, limit: int = 20) -> list[Hit]:
    """Find turns (message, reply) and shops (name, address, menus) in which every word of ``text`` stands.

    Any part of a word matches, so two Korean syllables ("치킨") find "치킨집". Newest turns first, then shops by name.

    Raises:
        InvalidInput: nothing to search for.
    """
    if not text.strip():
        raise InvalidInput("Expected a word to search for, got none.")
    hits = [
        Hit("turn", row.turn_id, row.user_input, row.response) for row in list_turns(store, search=text, limit=limit)
    ]
    of_shop = containing(text, shop.c.name, shop.c.address)
    with_menu = select(shop_menu.c.shop_id).where(*containing(text, shop_menu.c.name))
    columns = (shop.c.shop_id, shop.c.name, shop.c.address)
    by_name = select(*columns).where(*of_shop).order_by(shop.c.name, shop.c.shop_id).limit(limit)
    by_menu = select(*columns).where(shop.c.shop_id.in_(with_menu)).order_by(shop.c.name, shop.c.shop_id).limit(limit)
    with store.reading() as connection:
        rows = {row.shop_id: row for query in (by_name, by_menu) for row in connection.execute(query)}
    hits += [Hit("shop", row.shop_id, row.name, row.address) for row in list(rows.values())[:limit]]
    return hits


def backup(store: Store, target: Path) -> int:
    """Copy the database, in use or not, into one checked file. Returns its size in bytes; raises as ``sqlite.backup``."""
    return sqlite.backup(store.path, target)


def vacuum(store: Store) -> tuple[int, int]:
    """Give unused space back. Returns the size in bytes before and after."""
    path = store.path
    store.close()
    return sqlite.vacuum(path)


def check(store: Store) -> list[str]:
    """Return what is wrong with the file, its references or its tables; empty when all is well."""
    problems = sqlite.check(store.path) if store.is_sqlite else []
    with store.reading() as connection:
        present = set(inspect(connection).get_table_names())
    return problems + [f"table {name} is missing" for name in sorted(set(metadata.tables) - present)]
