"""Schema version 3: what annotators are asked and answer, which turns stand in which dataset version, erasures."""

from __future__ import annotations

from sqlalchemy import Connection

from aiyam.store.migrations.m0001_first import IDENTITY

_STATEMENTS = (
    """
    CREATE TABLE label_batch (
        batch_id VARCHAR(64) NOT NULL,
        kind VARCHAR(16) NOT NULL,
        recipe TEXT NOT NULL,
        counts TEXT NOT NULL,
        created_by VARCHAR(64) NOT NULL,
        created_at BIGINT NOT NULL,
        PRIMARY KEY (batch_id)
    )
    """,
    """
    CREATE TABLE label_task (
        task_key VARCHAR(32) NOT NULL,
        kind VARCHAR(16) NOT NULL,
        turn_id VARCHAR(64) NOT NULL,
        session_id VARCHAR(64) NOT NULL,
        user_id VARCHAR(64) NOT NULL,
        batch_id VARCHAR(64) NOT NULL,
        screen_version VARCHAR(16) NOT NULL,
        task TEXT NOT NULL,
        state VARCHAR(16) NOT NULL,
        server VARCHAR(128),
        project_id INTEGER,
        server_task_id INTEGER,
        created_at BIGINT NOT NULL,
        sent_at BIGINT,
        PRIMARY KEY (task_key),
        FOREIGN KEY(batch_id) REFERENCES label_batch (batch_id)
    )
    """,
    "CREATE INDEX ix_label_task_batch_id ON label_task (batch_id)",
    "CREATE INDEX ix_label_task_state ON label_task (kind, state)",
    "CREATE INDEX ix_label_task_turn_id ON label_task (turn_id)",
    "CREATE INDEX ix_label_task_user_id ON label_task (user_id)",
    """
    CREATE TABLE label_annotation (
        annotation_id VARCHAR(64) NOT NULL,
        task_key VARCHAR(32) NOT NULL,
        annotator VARCHAR(64) NOT NULL,
        annotation TEXT NOT NULL,
        usable BOOLEAN NOT NULL,
        deleted BOOLEAN NOT NULL,
        updated_at BIGINT NOT NULL,
        PRIMARY KEY (annotation_id),
        FOREIGN KEY(task_key) REFERENCES label_task (task_key) ON DELETE CASCADE
    )
    """,
    "CREATE INDEX ix_label_annotation_task_key ON label_annotation (task_key)",
    "CREATE INDEX ix_label_annotation_updated_at ON label_annotation (updated_at)",
    """
    CREATE TABLE label_decision (
        task_key VARCHAR(32) NOT NULL,
        decision TEXT NOT NULL,
        decided_at BIGINT NOT NULL,
        PRIMARY KEY (task_key),
        FOREIGN KEY(task_key) REFERENCES label_task (task_key) ON DELETE CASCADE
    )
    """,
    """
    CREATE TABLE label_cursor (
        server VARCHAR(128) NOT NULL,
        project_id INTEGER NOT NULL,
        kind VARCHAR(16) NOT NULL,
        screen_version VARCHAR(16) NOT NULL,
        watermark VARCHAR(40),
        pulled_at BIGINT,
        reconciled_at BIGINT,
        PRIMARY KEY (server, project_id)
    )
    """,
    """
    CREATE TABLE dataset_origin (
        name VARCHAR(16) NOT NULL,
        version VARCHAR(16) NOT NULL,
        row_id VARCHAR(32) NOT NULL,
        turn_id VARCHAR(64) NOT NULL,
        user_id VARCHAR(64) NOT NULL,
        task_key VARCHAR(32),
        PRIMARY KEY (name, version, row_id)
    )
    """,
    "CREATE INDEX ix_dataset_origin_turn_id ON dataset_origin (turn_id)",
    "CREATE INDEX ix_dataset_origin_user_id ON dataset_origin (user_id)",
    """
    CREATE TABLE erasure (
        erasure_id {identity},
        user_digest VARCHAR(64) NOT NULL,
        report TEXT NOT NULL,
        created_at BIGINT NOT NULL
    )
    """,
    "CREATE INDEX ix_erasure_user_digest ON erasure (user_digest)",
)


def upgrade(connection: Connection) -> None:
    """Create the tables, empty."""
    for statement in _STATEMENTS:
        connection.exec_driver_sql(statement.replace("{identity}", IDENTITY[connection.dialect.name]))
