"""Writing one import: all its tables and facts in a single transaction, beside or in place of the catalogue that is there."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from sqlalchemy import Table, bindparam, func, select, update

from aiyam.errors import NotFound
from aiyam.store import schema
from aiyam.store.columns import clear_catalogue_in, insert_columns_in
from aiyam.store.database import Store

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
        if facts:
            insert_columns_in(
                store, connection, schema.fact, {"key": list(facts), "value": list(facts.values())}, replace=True
            )
    return grown


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
        mark = connection.execute(select(schema.fact.c.value).where(schema.fact.c.key == "fingerprint")).scalar() or ""
        renewed = hashlib.sha256(f"{mark}/{shop_id}/{venue}".encode()).hexdigest()[: max(len(mark), 16)]
        connection.execute(update(schema.fact).where(schema.fact.c.key == "fingerprint").values(value=renewed))
