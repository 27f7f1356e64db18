"""The tables: shops, menus, people, what they did, the turns, the feedback, and who is production."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, ForeignKey, Index, Integer, MetaData, String, Text
from sqlalchemy import Table as Table

metadata = MetaData()

# Epoch seconds (UTC) in BigInteger columns ending in _at: one meaning in SQLite and PostgreSQL, and array-friendly.

shop = Table(
    "shop",
    metadata,
    Column("shop_id", String(64), primary_key=True),
    Column("name", Text, nullable=False),
    Column("category", String(16), nullable=False),
    Column("category_confidence", Float, nullable=False, default=1.0),
    Column("brand", Text),
    Column("province", String(32), nullable=False, default=""),
    Column("city", String(32), nullable=False, default=""),
    Column("district", String(32), nullable=False, default=""),
    Column("dong", String(32), nullable=False, default=""),
    Column("address", Text, nullable=False, default=""),
    Column("lat", Float),
    Column("lon", Float),
    Column("phone", String(32)),
    Column("open_min", Integer),
    Column("close_min", Integer),
    Column("break_start_min", Integer),
    Column("break_end_min", Integer),
    Column("off_days", Integer, nullable=False, default=0),
    Column("meal_card", String(8), nullable=False, default="unknown"),
    Column("good_shop", Boolean, nullable=False, default=False),
    Column("message", Text),
    Column("allergens_published", Boolean, nullable=False, default=False),
    Column("atmosphere", String(64), nullable=False, default=""),  # space-separated ATMOSPHERES
    Column("delivery", Boolean, nullable=False, default=False),
    Column("takeout", Boolean, nullable=False, default=False),
    Column("venue", String(8), nullable=False, default="ok"),
    Column("venue_reason", Text),
    Column("source", String(64), nullable=False),
)

shop_menu = Table(
    "shop_menu",
    metadata,
    Column("menu_id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("shop_id", String(64), ForeignKey("shop.shop_id", ondelete="CASCADE"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("price_won", Integer),
    Column("description", Text),
    Column("is_best", Boolean, nullable=False, default=False),
    Column("is_sold_out", Boolean, nullable=False, default=False),
)

person = Table(
    "person",
    metadata,
    Column("user_id", String(64), primary_key=True),
    Column("label", Text, nullable=False, default=""),
    Column("birthday", String(10)),
    Column("district", String(32)),
    Column("city", String(32)),
    Column("province", String(32)),
    Column("lat", Float),
    Column("lon", Float),
    Column("has_card", Boolean, nullable=False, default=False),
    Column("card_balance_won", Integer),
    Column("card_meal_limit_won", Integer),
    Column("card_monthly_limit_won", Integer),
    Column("allergies", Text, nullable=False, default=""),  # space-separated ALLERGENS
    Column("dietary_preferences", Text, nullable=False, default=""),  # space-separated DIETS
    Column("taste_type", String(24)),
    Column("is_guardian", Boolean, nullable=False, default=False),
    Column("source", String(64), nullable=False),
)

product_order = Table(
    "product_order",
    metadata,
    Column("order_id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("user_id", String(64), nullable=False, index=True),
    Column("shop_id", String(64), nullable=False, index=True),
    Column("menu_name", Text),
    Column("amount_won", Integer),
    Column("created_at", BigInteger, nullable=False),
)

favorite = Table(
    "favorite",
    metadata,
    Column("user_id", String(64), primary_key=True),
    Column("shop_id", String(64), primary_key=True),
    Column("created_at", BigInteger, nullable=False),
)

review = Table(
    "review",
    metadata,
    Column("review_id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("user_id", String(64), nullable=False, index=True),
    Column("shop_id", String(64), nullable=False, index=True),
    Column("rating", Float, nullable=False),
    Column("comment", Text),
    Column("created_at", BigInteger, nullable=False),
)

# A request for suggestions and what it showed, in order; outcome 0 skipped, 1 clicked, 2 favourited, 3 ordered.
impression_request = Table(
    "impression_request",
    metadata,
    Column("request_id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("user_id", String(64), nullable=False, index=True),
    Column("semantic_query", Text, nullable=False, default=""),
    Column("filters", Text, nullable=False, default="{}"),  # JSON of contracts.Filters.given()
    Column("district", String(32), nullable=False, default=""),
    Column("lat", Float),
    Column("lon", Float),
    Column("created_at", BigInteger, nullable=False, index=True),
)

impression = Table(
    "impression",
    metadata,
    Column("request_id", BigInteger, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("shop_id", String(64), nullable=False),
    Column("outcome", Integer, nullable=False, default=0),
)

turn = Table(
    "turn",
    metadata,
    Column("turn_id", String(64), primary_key=True),
    Column("session_id", String(64), nullable=False),
    Column("user_id", String(64), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("user_input", Text, nullable=False),
    Column("intent", String(32), nullable=False),
    Column("confidence", Float, nullable=False),
    Column("response", Text, nullable=False),
    Column("n_shown", Integer, nullable=False),
    Column("safety_action", String(16), nullable=False),
    Column("grounded", Boolean, nullable=False),
    Column("fallback", Text),
    Column("total_ms", Float, nullable=False),
    Column(
        "session_turn", Integer, nullable=False, default=0
    ),  # 1, 2, ... in the order the session's turns were stored
    Column("plan_kind", String(16), nullable=False, default=""),
    Column("backend", String(32), nullable=False, default=""),
    Column("synthetic", Boolean, nullable=False, default=False),
    Column("ranker", String(64)),  # version that ordered the shops, and how the list was drawn; null without shops
    Column("temperature", Float),  # and where the turn is older than these columns
    Column("list_propensity", Float),
    Column("trace", Text, nullable=False),  # JSON of contracts.Trace
    Index("ix_turn_session", "session_id", "session_turn"),
    Index("ix_turn_user", "user_id", "created_at"),
    Index("ix_turn_created", "created_at"),
)

turn_shop = Table(  # the shops a turn showed, in order: what feedback may name and what clicks are counted against
    "turn_shop",
    metadata,
    Column("turn_id", String(64), ForeignKey("turn.turn_id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("shop_id", String(64), nullable=False, index=True),
    Column("category", String(16), nullable=False, default=""),
    Column("score", Float, nullable=False),
    Column("propensity", Float),  # of this shop at this position; null where it is not known
    Column("shown_propensity", Float),  # of this shop at any position
)

feedback = Table(
    "feedback",
    metadata,
    Column("feedback_id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("turn_id", String(64), ForeignKey("turn.turn_id"), nullable=False, index=True),
    Column("user_id", String(64), nullable=False),
    Column("shop_id", String(64)),
    Column("feedback_type", String(16), nullable=False),
    Column("satisfaction_score", Integer),
    Column("reason", Text),
    Column("correction", Text),
    Column("created_at", BigInteger, nullable=False, index=True),
)

model_alias = Table(
    "model_alias",
    metadata,
    Column("component", String(32), primary_key=True),
    Column("alias", String(32), primary_key=True),
    Column("version", String(64), nullable=False),
    Column("changed_at", BigInteger, nullable=False),
)

model_alias_event = Table(
    "model_alias_event",
    metadata,
    Column("event_id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("component", String(32), nullable=False),
    Column("alias", String(32), nullable=False),
    Column("from_version", String(64)),
    Column("to_version", String(64), nullable=False),
    Column("who", String(64), nullable=False),
    Column("why", Text, nullable=False, default=""),
    Column("changed_at", BigInteger, nullable=False),
)

fact = Table(  # one row a key: catalogue source, "synthetic" mark, fingerprint, last import
    "fact",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)
