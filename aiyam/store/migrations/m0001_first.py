"""Schema version 1: the tables as the first version had them. Frozen: a change goes into a new migration."""

from __future__ import annotations

from sqlalchemy import Connection

_STATEMENTS = (
    """
    CREATE TABLE fact (
        key VARCHAR(64) NOT NULL PRIMARY KEY,
        value TEXT NOT NULL
    )
    """,
    """
    CREATE TABLE favorite (
        user_id VARCHAR(64) NOT NULL,
        shop_id VARCHAR(64) NOT NULL,
        created_at BIGINT NOT NULL,
        PRIMARY KEY (user_id, shop_id)
    )
    """,
    """
    CREATE TABLE impression (
        request_id BIGINT NOT NULL,
        position INTEGER NOT NULL,
        shop_id VARCHAR(64) NOT NULL,
        outcome INTEGER NOT NULL,
        PRIMARY KEY (request_id, position)
    )
    """,
    """
    CREATE TABLE impression_request (
        request_id {identity},
        user_id VARCHAR(64) NOT NULL,
        semantic_query TEXT NOT NULL,
        filters TEXT NOT NULL,
        district VARCHAR(32) NOT NULL,
        lat DOUBLE PRECISION,
        lon DOUBLE PRECISION,
        created_at BIGINT NOT NULL
    )
    """,
    "CREATE INDEX ix_impression_request_created_at ON impression_request (created_at)",
    "CREATE INDEX ix_impression_request_user_id ON impression_request (user_id)",
    """
    CREATE TABLE model_alias (
        component VARCHAR(32) NOT NULL,
        alias VARCHAR(32) NOT NULL,
        version VARCHAR(64) NOT NULL,
        changed_at BIGINT NOT NULL,
        PRIMARY KEY (component, alias)
    )
    """,
    """
    CREATE TABLE model_alias_event (
        event_id {identity},
        component VARCHAR(32) NOT NULL,
        alias VARCHAR(32) NOT NULL,
        from_version VARCHAR(64),
        to_version VARCHAR(64) NOT NULL,
        who VARCHAR(64) NOT NULL,
        why TEXT NOT NULL,
        changed_at BIGINT NOT NULL
    )
    """,
    """
    CREATE TABLE person (
        user_id VARCHAR(64) NOT NULL PRIMARY KEY,
        label TEXT NOT NULL,
        birthday VARCHAR(10),
        district VARCHAR(32),
        city VARCHAR(32),
        province VARCHAR(32),
        lat DOUBLE PRECISION,
        lon DOUBLE PRECISION,
        has_card BOOLEAN NOT NULL,
        card_balance_won INTEGER,
        card_meal_limit_won INTEGER,
        card_monthly_limit_won INTEGER,
        allergies TEXT NOT NULL,
        dietary_preferences TEXT NOT NULL,
        taste_type VARCHAR(24),
        is_guardian BOOLEAN NOT NULL,
        source VARCHAR(64) NOT NULL
    )
    """,
    """
    CREATE TABLE product_order (
        order_id {identity},
        user_id VARCHAR(64) NOT NULL,
        shop_id VARCHAR(64) NOT NULL,
        menu_name TEXT,
        amount_won INTEGER,
        created_at BIGINT NOT NULL
    )
    """,
    "CREATE INDEX ix_product_order_shop_id ON product_order (shop_id)",
    "CREATE INDEX ix_product_order_user_id ON product_order (user_id)",
    """
    CREATE TABLE review (
        review_id {identity},
        user_id VARCHAR(64) NOT NULL,
        shop_id VARCHAR(64) NOT NULL,
        rating DOUBLE PRECISION NOT NULL,
        comment TEXT,
        created_at BIGINT NOT NULL
    )
    """,
    "CREATE INDEX ix_review_shop_id ON review (shop_id)",
    "CREATE INDEX ix_review_user_id ON review (user_id)",
    """
    CREATE TABLE shop (
        shop_id VARCHAR(64) NOT NULL PRIMARY KEY,
        name TEXT NOT NULL,
        category VARCHAR(16) NOT NULL,
        category_confidence DOUBLE PRECISION NOT NULL,
        brand TEXT,
        province VARCHAR(32) NOT NULL,
        city VARCHAR(32) NOT NULL,
        district VARCHAR(32) NOT NULL,
        dong VARCHAR(32) NOT NULL,
        address TEXT NOT NULL,
        lat DOUBLE PRECISION,
        lon DOUBLE PRECISION,
        phone VARCHAR(32),
        open_min INTEGER,
        close_min INTEGER,
        break_start_min INTEGER,
        break_end_min INTEGER,
        off_days INTEGER NOT NULL,
        meal_card VARCHAR(8) NOT NULL,
        good_shop BOOLEAN NOT NULL,
        message TEXT,
        allergens_published BOOLEAN NOT NULL,
        atmosphere VARCHAR(64) NOT NULL,
        delivery BOOLEAN NOT NULL,
        takeout BOOLEAN NOT NULL,
        venue VARCHAR(8) NOT NULL,
        venue_reason TEXT,
        source VARCHAR(64) NOT NULL
    )
    """,
    """
    CREATE TABLE turn (
        turn_id VARCHAR(64) NOT NULL PRIMARY KEY,
        session_id VARCHAR(64) NOT NULL,
        user_id VARCHAR(64) NOT NULL,
        created_at BIGINT NOT NULL,
        user_input TEXT NOT NULL,
        intent VARCHAR(32) NOT NULL,
        confidence DOUBLE PRECISION NOT NULL,
        response TEXT NOT NULL,
        n_shown INTEGER NOT NULL,
        safety_action VARCHAR(16) NOT NULL,
        grounded BOOLEAN NOT NULL,
        fallback TEXT,
        total_ms DOUBLE PRECISION NOT NULL,
        session_turn INTEGER NOT NULL,
        plan_kind VARCHAR(16) NOT NULL,
        backend VARCHAR(32) NOT NULL,
        synthetic BOOLEAN NOT NULL,
        trace TEXT NOT NULL
    )
    """,
    "CREATE INDEX ix_turn_created ON turn (created_at)",
    "CREATE INDEX ix_turn_session ON turn (session_id, session_turn)",
    "CREATE INDEX ix_turn_user ON turn (user_id, created_at)",
    """
    CREATE TABLE feedback (
        feedback_id {identity},
        turn_id VARCHAR(64) NOT NULL REFERENCES turn (turn_id),
        user_id VARCHAR(64) NOT NULL,
        shop_id VARCHAR(64),
        feedback_type VARCHAR(16) NOT NULL,
        satisfaction_score INTEGER,
        reason TEXT,
        correction TEXT,
        created_at BIGINT NOT NULL
    )
    """,
    "CREATE INDEX ix_feedback_created_at ON feedback (created_at)",
    "CREATE INDEX ix_feedback_turn_id ON feedback (turn_id)",
    """
    CREATE TABLE shop_menu (
        menu_id {identity},
        shop_id VARCHAR(64) NOT NULL REFERENCES shop (shop_id) ON DELETE CASCADE,
        name TEXT NOT NULL,
        price_won INTEGER,
        description TEXT,
        is_best BOOLEAN NOT NULL,
        is_sold_out BOOLEAN NOT NULL
    )
    """,
    "CREATE INDEX ix_shop_menu_shop_id ON shop_menu (shop_id)",
    """
    CREATE TABLE turn_shop (
        turn_id VARCHAR(64) NOT NULL REFERENCES turn (turn_id) ON DELETE CASCADE,
        position INTEGER NOT NULL,
        shop_id VARCHAR(64) NOT NULL,
        category VARCHAR(16) NOT NULL,
        score DOUBLE PRECISION NOT NULL,
        propensity DOUBLE PRECISION,
        PRIMARY KEY (turn_id, position)
    )
    """,
    "CREATE INDEX ix_turn_shop_shop_id ON turn_shop (shop_id)",
)

IDENTITY = {"sqlite": "INTEGER PRIMARY KEY", "postgresql": "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY"}


def upgrade(connection: Connection) -> None:
    """Create every table and index of version 1."""
    for statement in _STATEMENTS:
        connection.exec_driver_sql(statement.replace("{identity}", IDENTITY[connection.dialect.name]))
