"""Schema version 2: by which ranker and with which probabilities a turn's list was drawn."""

from __future__ import annotations

from sqlalchemy import Connection

_STATEMENTS = (
    "ALTER TABLE turn ADD COLUMN ranker VARCHAR(64)",
    "ALTER TABLE turn ADD COLUMN temperature DOUBLE PRECISION",
    "ALTER TABLE turn ADD COLUMN list_propensity DOUBLE PRECISION",
    "ALTER TABLE turn_shop ADD COLUMN shown_propensity DOUBLE PRECISION",
)


def upgrade(connection: Connection) -> None:
    """Add the columns; turns stored before stay without."""
    for statement in _STATEMENTS:
        connection.exec_driver_sql(statement)
