"""Writing one import: all its tables and facts in a single transaction, beside or in place of the catalogue that is there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from sqlalchemy import Connection, Table, bindparam, func, select, update

from aiyam.errors import NotFound
from aiyam.store import schema
from aiyam.store.columns import clear_catalogue_in, insert_columns_in
from aiyam.store.database import Store

CHANGES = "catalogue_changes"
"""The fact that lists small changes, oldest first: fingerprint before and after, and the shops that are new or other."""

MAX_CHANGED_SHOPS = 1_000
"""A larger change, or one of more than shops and menus, is not listed: whoever serves the catalogue reads it all again."""

_DECIDED_BY = "decided by "
_DECISIONS = select(schema.shop.c.shop_id.label("one"), schema.shop.c.venue, schema.shop.c.venue_reason).where(
    schema.shop.c.venue_reason.startswith(_DECIDED_BY)
)
_DECIDE = (
    update(schema.shop)
    .where(schema.shop.c.shop_id == bindparam("one"))
    .values(venue=bindparam("venue"), venue_reason=bindparam("venue_reason"))
)


def write_catalogue(
    store: Store,
    tables: Sequence[tuple[Table, Mapping[str, Sequence[Any]]]],
    facts: Mapping[str, str],
    *,
    replace: bool,
) -> dict[str, int]:
    """Write columns table by table (parents first) and the facts; nothing of it is kept when any part fails.

    What a person decided on a shop's venue outlives every import that brings the shop again.

    Args:
        tables: (table, columns of equal length); a row whose key exists is overwritten in the columns given.
        replace: empty the catalogue first; turns, feedback, aliases and ``columns.KEPT_FACTS`` stay.

    Returns:
        How many rows each table grew by, by table name (after emptying, where ``replace``).

    Raises:
        StoreError, Conflict, InvalidInput: as ``insert_columns_in``; the store is as it was before.
    """
    with store.writing() as connection:
        decisions = connection.execute(_DECISIONS).mappings().all()
        was = _fact_in(connection, "fingerprint")
        if replace:
            clear_catalogue_in(connection)

        def count(table: Table) -> int:
            return int(connection.execute(select(func.count()).select_from(table)).scalar_one())

        grown: dict[str, int] = {}
        for table, columns in tables:
            before = count(table)
            insert_columns_in(store, connection, table, columns, replace=True)
            grown[table.name] = count(table) - before
        for decision in decisions:
            connection.execute(_DECIDE, dict(decision))
        written = dict(facts)
        if "fingerprint" in facts:
            shops = None if replace else _shops_alone(tables)
            written[CHANGES] = _changes_with(connection, was, facts["fingerprint"], shops)
        if written:
            _write_facts(store, connection, written)
    return grown


def _shops_alone(tables: Sequence[tuple[Table, Mapping[str, Sequence[Any]]]]) -> set[str] | None:
    """Return the shops a write touches; None when it writes anything but shops and menus."""
    shops: set[str] = set()
    for table, columns in tables:
        ids = columns.get("shop_id", ())
        if table not in (schema.shop, schema.shop_menu) and len(next(iter(columns.values()), ())):
            return None
        shops.update(map(str, ids))
    return shops


def shops_changed_since(store: Store, fingerprint: str) -> tuple[str, ...] | None:
    """Return the ids of the shops that are new or other than under a fingerprint; None when the store cannot tell."""
    with store.reading() as connection:
        now, listed = _fact_in(connection, "fingerprint"), _fact_in(connection, CHANGES)
    changes = json.loads(listed) if listed else []
    at = next((i for i, (before, _, _) in enumerate(changes) if before == fingerprint), None)
    if at is None or changes[-1][1] != now:
        return None
    return tuple(sorted({shop_id for _, _, shops in changes[at:] for shop_id in shops}))


def _changes_with(connection: Connection, before: str, after: str, shops: set[str] | None) -> str:
    """Return the list of changes with one more, shortened to its newest; an unlisted change begins it anew."""
    listed = _fact_in(connection, CHANGES)
    changes = json.loads(listed) if listed else []
    if shops is None or not before or len(shops) > MAX_CHANGED_SHOPS:
        return "[]"
    if changes and changes[-1][1] != before:  # something unlisted came between
        changes = []
    changes.append([before, after, sorted(shops)])
    while sum(len(ids) for _, _, ids in changes) > MAX_CHANGED_SHOPS:
        changes.pop(0)
    return json.dumps(changes, ensure_ascii=False)


def _fact_in(connection: Connection, key: str) -> str:
    return connection.execute(select(schema.fact.c.value).where(schema.fact.c.key == key)).scalar() or ""


def _write_facts(store: Store, connection: Connection, facts: Mapping[str, str]) -> None:
    insert_columns_in(store, connection, schema.fact, {"key": list(facts), "value": list(facts.values())}, replace=True)


def shops_to_review(store: Store, *, limit: int = 100) -> list[dict[str, str]]:
    """Return shops that wait for a person's look: shop_id, name, category, address, venue_reason; by name."""
    columns = [schema.shop.c[name] for name in ("shop_id", "name", "category", "address", "venue_reason")]
    query = select(*columns).where(schema.shop.c.venue == "review").order_by(schema.shop.c.name, schema.shop.c.shop_id)
    with store.reading() as connection:
        return [{k: v or "" for k, v in row.items()} for row in connection.execute(query.limit(limit)).mappings()]


def decide_venue(store: Store, shop_id: str, venue: Literal["ok", "blocked"], *, who: str) -> None:
    """Store a person's decision on one shop, and that it was theirs; servers see the change by the new fingerprint.

    Raises:
        NotFound: no such shop.
    """
    with store.writing() as connection:
        found = connection.execute(select(schema.shop.c.name).where(schema.shop.c.shop_id == shop_id)).first()
        if found is None:
            raise NotFound(f"No shop {shop_id!r}.", hint="`aiyam data review` lists those that wait.")
        connection.execute(_DECIDE, {"one": shop_id, "venue": venue, "venue_reason": f"{_DECIDED_BY}{who}"})
        mark = _fact_in(connection, "fingerprint")
        if not mark:
            return  # nothing was imported by the usual ways, so nobody serves it by its fingerprint
        renewed = hashlib.sha256(f"{mark}/{shop_id}/{venue}".encode()).hexdigest()[: max(len(mark), 16)]
        changes = _changes_with(connection, mark, renewed, {shop_id})
        _write_facts(store, connection, {"fingerprint": renewed, CHANGES: changes})
