"""Which turns became training data by what people did: satisfied or a shown shop chosen, safe, nothing personal in it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from aiyam.ranking.feedback_outcomes import outcome_of
from aiyam.ranking.replay import FAVORITED
from aiyam.store import Store, schema
from aiyam.store.columns import read_columns

SATISFIED, DISSATISFIED = 4.0, 2.0
"""Mean satisfaction (1-5) of a turn from which on it qualifies, and down from which a choice contradicts it."""
_REASON_OF_ACTION = {"mask": "personal_data", "refuse": "safety", "escalate": "safety"}


@dataclass(frozen=True)
class TurnFacts:
    """What a turn's row says of it; ``at`` in epoch seconds."""

    session_id: str
    user_id: str
    at: int


@dataclass(frozen=True)
class Qualified:
    """The turns, those that qualify, the others with feedback and why they do not, and those without feedback."""

    turns: dict[str, TurnFacts]
    fit: frozenset[str]
    unfit: dict[str, str]
    unheard: frozenset[str]


def qualified_turns(store: Store) -> Qualified:
    """Judge every stored turn by its feedback and its safety verdict."""
    columns = read_columns(
        store, schema.turn, ["turn_id", "session_id", "user_id", "created_at", "safety_action"], order_by=["turn_id"]
    )
    turns: dict[str, TurnFacts] = {}
    actions: dict[str, str] = {}
    for turn_id, session_id, user_id, at, action in zip(*columns.values(), strict=True):
        turns[turn_id] = TurnFacts(session_id, user_id, int(at))
        actions[turn_id] = action
    scores: dict[str, list[int]] = defaultdict(list)
    chosen: set[str] = set()
    told: set[str] = set()
    acts = read_columns(store, schema.feedback, ["turn_id", "shop_id", "feedback_type", "satisfaction_score"])
    for turn_id, shop_id, kind, score in zip(*acts.values(), strict=True):
        told.add(turn_id)
        if score is not None:
            scores[turn_id].append(score)
        if shop_id is not None and (outcome_of(kind, score) or 0) >= FAVORITED:
            chosen.add(turn_id)
    unfit = {
        turn_id: why
        for turn_id in told & turns.keys()
        if (why := _why_unfit(scores.get(turn_id, []), turn_id in chosen, actions[turn_id]))
    }
    fit = frozenset((told & turns.keys()) - unfit.keys())
    return Qualified(turns, fit, unfit, frozenset(turns.keys() - told))


def _why_unfit(scores: list[int], chosen: bool, action: str) -> str:
    mean = sum(scores) / len(scores) if scores else None
    if mean is not None and mean <= DISSATISFIED and chosen:
        return "contradiction"
    if not chosen and (mean is None or mean < SATISFIED):
        return "not_chosen" if mean is None else "low_satisfaction"
    return _REASON_OF_ACTION.get(action, "")
