"""Everything that only SQLite does: pragmas, BEGIN IMMEDIATE, raw bulk inserts, online backup, vacuum, integrity check."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL

from aiyam.errors import Conflict, NotFound, StoreError

DriverError = sqlite3.Error
DriverIntegrityError = sqlite3.IntegrityError

BUSY_TIMEOUT_S = 15.0
"""How long a writer of another process is waited for before "database is locked"."""

IMMEDIATE = "aiyam_begin_immediate"
"""Execution option that makes a connection's transaction take the write lock at its start.

A deferred transaction that reads first and writes later is refused at once when another writer got in between,
whatever the timeout; one that takes the lock first waits for its turn.
"""


def make_engine(url: URL) -> Engine:
    """Return an engine for a SQLite file; the file is created, and set to write-ahead logging, on first use.

    ``synchronous=FULL`` syncs the log at every commit, so an acknowledged row survives a power cut and not only a
    killed process; it costs about a millisecond a turn.

    Raises:
        StoreError: the path is no file we may use, is no database, or holds another program's tables.
    """
    path = file_of(url)
    check_file(path)
    _enable_write_ahead_log(path)
    engine = create_engine(url, pool_size=8, max_overflow=56, connect_args={"timeout": BUSY_TIMEOUT_S})

    @event.listens_for(engine, "connect")
    def _set_up(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver begins no transactions of its own
        for pragma in ("synchronous=FULL", "foreign_keys=ON", "temp_store=MEMORY", "cache_size=-32768"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        immediate = connection.get_execution_options().get(IMMEDIATE, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    return engine


def file_of(url: URL) -> Path:
    """Return the database file a URL names.

    Raises:
        StoreError: the URL names no file (an in-memory database would be lost with its connection).
    """
    if not url.database or url.database == ":memory:":
        raise StoreError(
            "Expected a SQLite URL with a file (sqlite:////data/aiyam.db), got one in memory.",
            hint="Set AIYAM_HOME or AIYAM_DATABASE_URL to a place on disk.",
        )
    return Path(url.database)


def check_file(path: Path) -> None:
    """Refuse, without changing it, a file that is not an aiyam database or an empty one.

    Raises:
        StoreError: a folder, an unreadable file, no SQLite database, or a database without our version table.
    """
    if path.is_dir():
        raise StoreError(f"Expected a database file at {path}, found a folder.", hint="Name a file inside it.")
    if not path.exists() or path.stat().st_size == 0:
        return
    try:
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=BUSY_TIMEOUT_S)
        try:
            tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise StoreError(
            f"Expected an aiyam database at {path}, but SQLite cannot read it: {error}.",
            hint="Move the file away to start anew, or put a backup (aiyam db backup) in its place.",
        ) from error
    if tables and "schema_version" not in tables:
        some = ", ".join(sorted(tables)[:3])
        raise StoreError(
            f"Expected an aiyam database at {path}, found another program's tables ({some}).",
            hint="Set AIYAM_HOME or AIYAM_DATABASE_URL to another place.",
        )


def _enable_write_ahead_log(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        deadline = time.monotonic() + BUSY_TIMEOUT_S
        while True:
            try:
                connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S)
                try:
                    connection.execute("PRAGMA journal_mode=WAL")
                finally:
                    connection.close()
                return
            except sqlite3.OperationalError as error:  # two processes creating the file at once
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(
            f"Expected to write a database at {path}, but: {error}.",
            hint="Check that the folder exists, is writable and has space, or set AIYAM_HOME elsewhere.",
        ) from error


def insert_rows(connection: Connection, statement: str, rows: Iterable[Sequence[Any]]) -> None:
    """Run one compiled INSERT (``?`` placeholders) for every row, in the connection's transaction, without SQLAlchemy."""
    raw = connection.connection.driver_connection
    assert isinstance(raw, sqlite3.Connection)
    raw.executemany(statement, rows)


def fetch_columns(connection: Connection, statement: str, n_columns: int) -> list[list[Any]]:
    """Run a SELECT without parameters and return its columns; three times faster than through Row objects."""
    raw = connection.connection.driver_connection
    assert isinstance(raw, sqlite3.Connection)
    columns: list[list[Any]] = [[] for _ in range(n_columns)]
    cursor = raw.execute(statement)
    while rows := cursor.fetchmany(500):
        for column, values in zip(columns, zip(*rows, strict=True), strict=True):
            column.extend(values)
    return columns


def backup(source: Path, target: Path) -> int:
    """Copy a database that may be in use; the copy is consistent, checked, and appears whole or not at all.

    Returns:
        Size of the copy in bytes.

    Raises:
        NotFound: no database at ``source``.
        Conflict: the target exists already.
        StoreError: the copy could not be written or does not pass SQLite's integrity check.
    """
    if not source.exists():
        raise NotFound(f"Expected a database at {source}, found none.", hint="Run aiyam data generate first.")
    if target.exists():
        raise Conflict(f"Expected a new file for the backup, {target} exists.", hint="Name another file.")
    partial = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        origin = sqlite3.connect(source, timeout=BUSY_TIMEOUT_S)
        copy = sqlite3.connect(partial)
        try:
            origin.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")  # the copy is one file, with no log beside it
            problems = _problems(copy)
        finally:
            copy.close()
            origin.close()
        if problems:
            raise StoreError(f"The copy of {source} is damaged: {problems[0]}.", hint="Run aiyam db check.")
        with partial.open("rb+") as handle:
            os.fsync(handle.fileno())
        os.replace(partial, target)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(
            f"Expected to write a backup at {target}, but: {error}.", hint="Check the folder, its rights and its space."
        ) from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
    return target.stat().st_size


def vacuum(path: Path) -> tuple[int, int]:
    """Rewrite the database without free pages. Returns its size before and after, in bytes."""
    try:
        connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
        try:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            before = path.stat().st_size
            connection.execute("VACUUM")
            connection.execute("PRAGMA optimize")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise StoreError(
            f"Expected to rewrite {path}, but: {error}.",
            hint="Stop what writes to it, or free some space, and try again.",
        ) from error
    return before, path.stat().st_size


def empty_log(path: Path) -> bool:
    """Move the write-ahead log into the file and cut it to nothing; tell whether no reader kept it from that."""
    try:
        connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S)
        try:
            busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise StoreError(f"Expected to empty the log of {path}, but: {error}.", hint="Run aiyam db vacuum.") from error
    return not busy


def check(path: Path) -> list[str]:
    """Return what SQLite's integrity and foreign key checks complain about; empty when all is well."""
    try:
        connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S)
        try:
            return _problems(connection)
        finally:
            connection.close()
    except sqlite3.Error as error:
        return [str(error)]


def _problems(connection: sqlite3.Connection) -> list[str]:
    problems = [str(row[0]) for row in connection.execute("PRAGMA integrity_check") if row[0] != "ok"]
    for table, rowid, parent, _key in connection.execute("PRAGMA foreign_key_check").fetchmany(100):
        problems.append(f"row {rowid} of {table} points to a missing row of {parent}")
    return problems
