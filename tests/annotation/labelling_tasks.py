"""Tasks of each kind for the labelling tests, with text whose offsets are easily counted wrong."""

from __future__ import annotations

from datetime import datetime
from unicodedata import normalize

from aiyam.contracts import KST, Entity, EntityType, Filters, Intent
from aiyam.label_contracts import Label, LabelKind, LabelTask, RewriteLabel, UnderstandingLabel, task_key
from aiyam.store import labels
from aiyam.store.database import Store

TRICKY = f"😋👨‍👩‍👧‍👦🇰🇷 {normalize('NFD', '한국')} 신림역에서  매운 떡볶이 만원 이하로"
"""An emoji, a family joined by zero-width joiners, a flag, decomposed Hangul and two spaces before the spans."""


def clock() -> datetime:
    """The time now, with its offset."""
    return datetime.now(KST)


def entity(text: str, kind: EntityType, words: str, value: str | int | None = None) -> Entity:
    """The span of the first place where the words stand."""
    start = text.index(words)
    return Entity(entity=kind, value=words if value is None else value, text=words, start=start, end=start + len(words))


SUGGESTED = UnderstandingLabel(
    intent=Intent.BUDGET_FOOD_INQUIRY,
    entities=(
        entity(TRICKY, EntityType.LOCATION, "신림역"),
        entity(TRICKY, EntityType.TASTE, "매운"),
        entity(TRICKY, EntityType.MENU, "떡볶이"),
        entity(TRICKY, EntityType.BUDGET, "만원", 10000),
    ),
    semantic_query="매운 떡볶이",
    filters=Filters(menus=("떡볶이",), taste=("매운",), budget_max=10000, place="신림역", meal_card=True),
)
REWRITTEN = RewriteLabel(age_band="10-12", text="할매분식은 지금 열려 있어요. 걸어서 5분! 떡볶이 4,000원이에요.")


def make(
    n: int, kind: LabelKind, data: dict[str, object], suggested: Label | None, *, n_wanted: int = 1, score: float = 0.5
) -> LabelTask:
    """The task about turn ``n``."""
    key = task_key(f"t{n}", kind)
    return LabelTask(
        key=key, kind=kind, turn_id=f"t{n}", session_id=f"s{n}", user_id=f"u{n}", batch_id=f"b-{kind}",
        screen_version="1", data={"aiyam_key": key, "turn_id": f"t{n}", **data}, prediction=suggested, score=score,
        model_version="nlu/v1", sides=("stored", "current") if kind == "compare" else None, n_wanted=n_wanted,
    )  # fmt: skip


def understanding_task(n: int, *, n_wanted: int = 1, suggested: Label | None = SUGGESTED) -> LabelTask:
    """A task over the tricky text."""
    return make(
        n, "understanding", {"text": TRICKY, "context": "아이: 안녕\n봇: 안녕! 뭐 먹고 싶어?", "model_version": "nlu/v1"},
        suggested, n_wanted=n_wanted, score=(n % 100) / 100,
    )  # fmt: skip


def rewrite_task(n: int, suggested: Label | None = REWRITTEN) -> LabelTask:
    """A task with three facts that must stay."""
    answer = "할매분식은 현재 영업 중이며 도보 5분 소요됩니다. 떡볶이는 4,000원입니다."
    facts = ["할매분식", "5분", "4,000원"]
    return make(
        n,
        "rewrite",
        {"context": "아이: 떡볶이 먹고 싶어", "answer": answer, "facts": facts, "age_band": "10-12"},
        suggested,
    )


def compare_task(n: int) -> LabelTask:
    """A task with two answers."""
    sides = {"a": "할매분식 어때요? 4,000원이에요.", "b": "신당동떡볶이가 있어요."}
    return make(n, "compare", {"context": "", "text": "떡볶이 먹을래", **sides}, None)


def add(store: Store, tasks: list[LabelTask], batch: str | None = None) -> int:
    """Put tasks of one kind into the outbox."""
    return labels.add_batch(
        store, batch or f"b-{tasks[0].kind}", tasks[0].kind, tasks, recipe={}, counts={}, created_by="me", now=clock()
    )
