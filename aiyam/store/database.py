"""The Store: one database, opened at its newest schema version, with short read and write transactions."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects import sqlite as sqlite_dialect
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError

from aiyam.errors import Conflict, StoreError
from aiyam.store import sqlite
from aiyam.store.migrations import migrate


class Store:
    """A database and its transactions; safe to share between threads, each transaction has a connection of its own."""

    def __init__(self, engine: Engine, url: URL) -> None:
        self.engine = engine
        self.url = url
        self.is_sqlite = engine.dialect.name == "sqlite"
        # Writers of this process queue here: fair and without SQLite's polling. Others are waited for by its timeout.
        self._writer = threading.Lock()

    @classmethod
    def open(cls, url: str) -> Store:
        """Open a database and bring it to this code's schema version; a missing SQLite file is created.

        Args:
            url: SQLAlchemy URL, such as ``sqlite:////data/aiyam.db`` or ``postgresql+psycopg://host/aiyam``.

        Raises:
            StoreError: unreadable, not ours, unreachable, or written by a newer version of this code.
        """
        try:
            parsed = make_url(url)
            engine = sqlite.make_engine(parsed) if parsed.get_backend_name() == "sqlite" else create_engine(parsed)
        except (ArgumentError, NoSuchModuleError, ImportError) as error:
            raise StoreError(
                f"Expected a database URL such as sqlite:////data/aiyam.db, got {url!r}: {error}.",
                hint="Check AIYAM_DATABASE_URL; PostgreSQL needs its driver installed (pip install psycopg).",
            ) from error
        store = cls(engine, parsed)
        try:
            with store.writing() as connection:
                migrate(connection)
        except BaseException:
            engine.dispose()
            raise
        return store

    @property
    def path(self) -> Path:
        """The database file.

        Raises:
            StoreError: the store is no SQLite file.
        """
        if not self.is_sqlite:
            raise StoreError(
                f"Expected a SQLite store, this one is {self.engine.dialect.name}.",
                hint="Use the database server's own tools (pg_dump, VACUUM).",
            )
        return sqlite.file_of(self.url)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection that sees one snapshot; nothing written through it is kept."""
        with self._explained(), self.engine.connect() as connection:
            yield connection
            connection.rollback()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give a connection in a transaction: committed, on disk, when the block ends; rolled back when it raises.

        Raises:
            Conflict: a row contradicts a key or reference that is already stored.
            StoreError: the database is locked, full, read-only or gone.
        """
        if not self.is_sqlite:
            with self._explained(), self.engine.begin() as connection:
                yield connection
            return
        if not self._writer.acquire(timeout=sqlite.BUSY_TIMEOUT_S):
            raise StoreError(
                f"Waited {sqlite.BUSY_TIMEOUT_S:.0f} s for another write to end.",
                hint="Keep write transactions short, and never open one inside another.",
            )
        try:
            with self._explained(), self.engine.connect() as connection:
                connection = connection.execution_options(**{sqlite.IMMEDIATE: True})
                with connection.begin():
                    yield connection
        finally:
            self._writer.release()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (IntegrityError, sqlite.DriverIntegrityError) as error:
            raise Conflict(
                f"The database refused a row: {getattr(error, 'orig', error)}.",
                hint="Check the row's keys and required columns.",
            ) from error
        except (DBAPIError, sqlite.DriverError) as error:
            raise StoreError(
                f"The database failed: {getattr(error, 'orig', error)}.",
                hint="Check that it is reachable, writable, not full and not held by another program.",
            ) from error

    def upserting(self, table: Table) -> Any:
        """Return an INSERT of the database's own kind, which takes ``on_conflict_do_update`` and ``…_do_nothing``."""
        return insert_for(self.engine.dialect.name, table)

    def close(self) -> None:
        """Close every pooled connection; the store can still be used and opens new ones."""
        self.engine.dispose()


def insert_for(dialect_name: str, table: Table) -> Any:
    """Return the INSERT construct with ON CONFLICT for a dialect; both spell the same SQL."""
    return sqlite_dialect.insert(table) if dialect_name == "sqlite" else postgresql.insert(table)
