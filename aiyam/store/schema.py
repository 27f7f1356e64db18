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
    # Holds all that views and sampling choose by: a look over every turn reads this and not the long rows.
    Index(
        "ix_turn_view", "created_at", "turn_id", "session_id", "session_turn", "user_id", "intent", "confidence", "plan_kind",
        "safety_action", "grounded", "fallback", "synthetic",
    ),
)  # fmt: skip

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
    Index("ix_feedback_score", "feedback_type", "satisfaction_score", "turn_id", "reason"),
)

turn_view = Table(  # conditions on turns that someone gave a name
    "turn_view",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("conditions", Text, nullable=False),  # JSON of turn_views.TurnConditions
    Column("created_by", String(64), nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

label_preview = Table(  # tasks as they were shown before anyone sent them: what is sent is what was seen
    "label_preview",
    metadata,
    Column("preview_id", String(32), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("recipe", Text, nullable=False),
    Column("counts", Text, nullable=False),
    Column("tasks", Text, nullable=False),  # JSON list of label_contracts.LabelTask
    Column("created_at", BigInteger, nullable=False, index=True),
)

label_batch = Table(
    "label_batch",
    metadata,
    Column("batch_id", String(64), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("recipe", Text, nullable=False),  # JSON, with its seed
    Column("counts", Text, nullable=False, default="{}"),  # JSON: matched, duplicates skipped, taken by recipe part
    Column("created_by", String(64), nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

label_task = Table(  # a question to annotators: also the outbox of what the labelling server has not got yet
    "label_task",
    metadata,
    Column("task_key", String(32), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("turn_id", String(64), nullable=False, index=True),
    Column("session_id", String(64), nullable=False),
    Column("user_id", String(64), nullable=False, index=True),
    Column("batch_id", String(64), ForeignKey("label_batch.batch_id"), nullable=False, index=True),
    Column("screen_version", String(16), nullable=False),
    Column("task", Text, nullable=False),  # JSON of label_contracts.LabelTask
    Column("state", String(16), nullable=False, default="queued"),  # queued, sent, gone (deleted there), withdrawn
    Column("server", String(128)),  # address and data folder's mark of the server that has it
    Column("project_id", Integer),
    Column("server_task_id", Integer),
    Column("created_at", BigInteger, nullable=False),
    Column("sent_at", BigInteger),
    Index("ix_label_task_state", "kind", "state"),
)

label_annotation = Table(
    "label_annotation",
    metadata,
    Column("annotation_id", String(64), primary_key=True),
    Column("task_key", String(32), ForeignKey("label_task.task_key", ondelete="CASCADE"), nullable=False, index=True),
    Column("annotator", String(64), nullable=False),
    Column("annotation", Text, nullable=False),  # JSON of label_contracts.Annotation
    Column("usable", Boolean, nullable=False),  # neither skipped nor with problems
    Column("deleted", Boolean, nullable=False, default=False),
    Column("updated_at", BigInteger, nullable=False, index=True),
)

label_decision = Table(
    "label_decision",
    metadata,
    Column("task_key", String(32), ForeignKey("label_task.task_key", ondelete="CASCADE"), primary_key=True),
    Column("decision", Text, nullable=False),  # JSON of label_contracts.Decision
    Column("decided_at", BigInteger, nullable=False),
)

label_cursor = Table(  # how far one project of one server has been read
    "label_cursor",
    metadata,
    Column("server", String(128), primary_key=True),
    Column("project_id", Integer, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("screen_version", String(16), nullable=False),
    Column("watermark", String(40)),  # the server's own words for a moment
    Column("pulled_at", BigInteger),
    Column("reconciled_at", BigInteger),
)

dataset_origin = Table(  # which turns stand in which version; the rows themselves are files
    "dataset_origin",
    metadata,
    Column("name", String(16), primary_key=True),
    Column("version", String(16), primary_key=True),
    Column("row_id", String(32), primary_key=True),
    Column("turn_id", String(64), nullable=False, index=True),
    Column("user_id", String(64), nullable=False, index=True),
    Column("task_key", String(32)),
)

erasure = Table(  # that someone's data was taken out, without who it was
    "erasure",
    metadata,
    Column("erasure_id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("user_digest", String(64), nullable=False, index=True),
    Column("report", Text, nullable=False),  # JSON of counts, tasks to delete on the server, models trained on the rows
    Column("created_at", BigInteger, nullable=False),
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
