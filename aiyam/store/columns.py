"""Whole columns in and out: bulk inserts in one transaction, columns read as lists, and the facts table."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    BigInteger,
    Boolean,
    Connection,
    Float,
    Integer,
    Table,
    delete,
    func,
    select,
)
from sqlalchemy.sql.schema import ScalarElementColumnDefault

from aiyam.errors import InvalidInput
from aiyam.store import schema, sqlite
from aiyam.store.database import Store

_CHUNK_ROWS = 2000

CATALOGUE_TABLES = (
    schema.shop_menu,
    schema.product_order,
    schema.favorite,
    schema.review,
    schema.impression,
    schema.impression_request,
    schema.person,
    schema.shop,
)
"""What an import or the synthetic city fills, children before parents. Turns, feedback and aliases are not in it."""


KEPT_FACTS = ("pseudonym_salt",)
"""Facts that outlive the catalogue: the turns in the log carry pseudonyms made with the same salt."""


def insert_columns(
    store: Store, table: Table, columns: Mapping[str, Sequence[Any] | NDArray[Any]], *, replace: bool = False
) -> int:
    """Insert many rows given as columns of equal length, in one transaction.

    Args:
        columns: name to n values; None and NaN become NULL, a column left out gets its default. Booleans and whole
            numbers may come as any number type.
        replace: a row whose primary key exists already is overwritten (only in the columns given) instead of refused.

    Returns:
        n, the number of rows given.

    Raises:
        InvalidInput: an unknown column, unequal lengths, or a value that does not fit its column.
        Conflict: a key that exists already (without ``replace``), a missing required value or parent row.

    Example: ``insert_columns(store, schema.shop, {"shop_id": ["s-1"], "name": ["분식집"], ...})``
    """
    with store.writing() as connection:
        return insert_columns_in(store, connection, table, columns, replace=replace)


def insert_columns_in(
    store: Store,
    connection: Connection,
    table: Table,
    columns: Mapping[str, Sequence[Any] | NDArray[Any]],
    *,
    replace: bool = False,
) -> int:
    """Do what ``insert_columns`` does inside a transaction of the caller, so that several tables commit together."""
    unknown = [name for name in columns if name not in table.c]
    if unknown:
        raise InvalidInput(
            f"Expected columns of {table.name}, got {', '.join(sorted(unknown))}.",
            hint=f"It has: {', '.join(table.c.keys())}.",
        )
    lengths = {len(values) for values in columns.values()}
    if len(lengths) != 1:
        raise InvalidInput(f"Expected columns of one length for {table.name}, got lengths {sorted(lengths)}.")
    n_rows = lengths.pop()
    if n_rows == 0:
        return 0
    given: dict[str, Iterable[Any]] = {name: _bound(table, name, values) for name, values in columns.items()}
    for column in table.c:
        if column.name not in given and isinstance(column.default, ScalarElementColumnDefault):
            given[column.name] = repeat(column.default.arg, n_rows)
    statement = store.upserting(table)
    if replace:
        keys = [column.name for column in table.primary_key]
        written = {name: statement.excluded[name] for name in columns if name not in keys}
        statement = (
            statement.on_conflict_do_update(index_elements=keys, set_=written)
            if written
            else statement.on_conflict_do_nothing(index_elements=keys)
        )
    if store.is_sqlite:
        compiled = statement.compile(dialect=store.engine.dialect, column_keys=list(given))
        order = compiled.positiontup
        assert order is not None
        sqlite.insert_rows(connection, str(compiled), zip(*(given[name] for name in order), strict=True))
        return n_rows
    names = list(given)
    rows = zip(*given.values(), strict=True)
    for chunk in _chunks(rows):
        connection.execute(statement, [dict(zip(names, row, strict=True)) for row in chunk])
    return n_rows


def read_columns(
    store: Store,
    table: Table,
    names: Sequence[str],
    *,
    order_by: Sequence[str] = (),
    shops: Sequence[str] | None = None,
) -> dict[str, list[Any]]:
    """Read columns as lists (NULL is None), in primary key order unless ``order_by`` says otherwise.

    ``shops`` are the only shop ids whose rows are wanted, some thousands at most; all rows without it.

    Raises:
        InvalidInput: a name that is no column of the table.
    """
    unknown = [name for name in (*names, *order_by) if name not in table.c]
    if unknown:
        raise InvalidInput(f"Expected columns of {table.name}, got {', '.join(unknown)}.")
    order = [table.c[name] for name in order_by] or list(table.primary_key)
    query = select(*(table.c[name] for name in names)).order_by(*order)
    if shops is not None:
        query = query.where(table.c.shop_id.in_(shops))
    with store.reading() as connection:
        if store.is_sqlite and shops is None:
            text = str(query.compile(dialect=store.engine.dialect))
            columns = dict(zip(names, sqlite.fetch_columns(connection, text, len(names)), strict=True))
            for name in names:
                if isinstance(table.c[name].type, Boolean):
                    columns[name] = [None if value is None else value == 1 for value in columns[name]]
            return columns
        rows = connection.execute(query).all()
    if not rows:
        return {name: [] for name in names}
    return {name: list(values) for name, values in zip(names, zip(*rows, strict=True), strict=True)}


def count_rows(store: Store, table: Table) -> int:
    """Return the number of rows of a table."""
    with store.reading() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def clear_catalogue(store: Store) -> None:
    """Delete shops, menus, people, what they did, and the facts; turns, feedback, aliases and ``KEPT_FACTS`` stay."""
    with store.writing() as connection:
        clear_catalogue_in(connection)


def clear_catalogue_in(connection: Connection) -> None:
    """Do what ``clear_catalogue`` does inside a transaction of the caller."""
    for table in CATALOGUE_TABLES:
        connection.execute(delete(table))
    connection.execute(delete(schema.fact).where(schema.fact.c.key.not_in(KEPT_FACTS)))


def set_fact(store: Store, key: str, value: str) -> None:
    """Store one fact about the data (source, synthetic mark, fingerprint), replacing the old value."""
    statement = store.upserting(schema.fact).values(key=key, value=value)
    with store.writing() as connection:
        connection.execute(
            statement.on_conflict_do_update(index_elements=["key"], set_={"value": statement.excluded.value})
        )


def get_fact(store: Store, key: str) -> str | None:
    """Return one fact, or None."""
    with store.reading() as connection:
        value: str | None = connection.execute(select(schema.fact.c.value).where(schema.fact.c.key == key)).scalar()
    return value


def _chunks(rows: Iterator[Sequence[Any]]) -> Iterator[list[Sequence[Any]]]:
    while chunk := list(islice(rows, _CHUNK_ROWS)):
        yield chunk


def _bound(table: Table, name: str, values: Sequence[Any] | NDArray[Any]) -> list[Any]:
    """Turn a column's values into the plain Python values the driver binds; numpy scalars would be stored as bytes."""
    kind = table.c[name].type
    try:
        if isinstance(kind, Boolean):
            return _converted(values, bool, kinds="b")
        if isinstance(kind, Integer | BigInteger):
            return _converted(values, _whole, kinds="iu")
        if isinstance(kind, Float):
            return _converted(values, float, kinds="iuf")
        return _converted(values, _text, kinds="U")
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidInput(
            f"Expected {str(kind).lower()} values for {table.name}.{name}: {error}.", hint="Use None where unknown."
        ) from error


def _converted(values: Sequence[Any] | NDArray[Any], to: Any, *, kinds: str) -> list[Any]:
    if isinstance(values, np.ndarray):
        plain: list[Any] = values.tolist()
        if values.dtype.kind in kinds and values.dtype.kind != "f":
            return plain
    else:
        plain = list(values)
    return [None if value is None or (isinstance(value, float) and math.isnan(value)) else to(value) for value in plain]


def _whole(value: Any) -> int:
    whole = int(value)
    if whole != value:
        raise ValueError(f"expected a whole number, got {value!r}")
    return whole


def _text(value: Any) -> str:
    if type(value) is str:
        return value
    if isinstance(value, str):
        return str(value)
    raise TypeError(f"expected text, got {type(value).__name__} {value!r}")
