"""Schema version 4: indexes that views and sampling of turns read, views someone named, previews of labelling tasks."""

from __future__ import annotations

from sqlalchemy import Connection

_STATEMENTS = (
    "DROP INDEX ix_turn_created",
    """
    CREATE INDEX ix_turn_view ON turn (
        created_at, turn_id, session_id, session_turn, user_id, intent, confidence, plan_kind, safety_action, grounded,
        fallback, synthetic
    )
    """,
    "CREATE INDEX ix_feedback_score ON feedback (feedback_type, satisfaction_score, turn_id, reason)",
    """
    CREATE TABLE turn_view (
        name VARCHAR(64) NOT NULL,
        conditions TEXT NOT NULL,
        created_by VARCHAR(64) NOT NULL,
        created_at BIGINT NOT NULL,
        PRIMARY KEY (name)
    )
    """,
    """
    CREATE TABLE label_preview (
        preview_id VARCHAR(32) NOT NULL,
        kind VARCHAR(16) NOT NULL,
        recipe TEXT NOT NULL,
        counts TEXT NOT NULL,
        tasks TEXT NOT NULL,
        created_at BIGINT NOT NULL,
        PRIMARY KEY (preview_id)
    )
    """,
    "CREATE INDEX ix_label_preview_created_at ON label_preview (created_at)",
)


def upgrade(connection: Connection) -> None:
    """Swap the index over time for one that covers the views; create the two tables, empty."""
    for statement in _STATEMENTS:
        connection.exec_driver_sql(statement)
