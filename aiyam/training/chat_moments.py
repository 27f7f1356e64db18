"""Turns of the chat as moments: what was shown, and what the feedback says became of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from aiyam.errors import StoreError
from aiyam.ranking.replay import CLICKED, FAVORITED, ORDERED, SKIPPED, Moment
from aiyam.store import Store, schema
from aiyam.store.columns import read_columns
from aiyam.store.conversations import get_trace

LIKED_SCORE, DISLIKED_SCORE = 4, 2
"""A thumb or a rating of a shop from here on is a choice; from there down it is none, whatever else was done."""

_OUTCOME_OF_ACT = {"clicked": CLICKED, "favorited": FAVORITED, "ordered": ORDERED}


def outcome_of(feedback_type: str, score: int | None) -> int | None:
    """Return what an act of feedback says became of a shop; None where it says nothing, -1 that it was turned down.

    >>> outcome_of("thumb", 5), outcome_of("thumb", 1), outcome_of("rated", 3), outcome_of("clicked", None)
    (2, -1, None, 1)
    """
    if feedback_type in _OUTCOME_OF_ACT:
        return _OUTCOME_OF_ACT[feedback_type]
    if score is None or DISLIKED_SCORE < score < LIKED_SCORE:
        return None
    return FAVORITED if score >= LIKED_SCORE else -1


def chat_moments(store: Store, row_of: Mapping[str, int], *, now_ts: int) -> tuple[list[Moment], dict[str, int]]:
    """Return the turns in which a shown shop was chosen, oldest first, and how many turns were left out, by reason.

    A turn stands where its person lives: what place the chat was told is part of its filters. Feedback on the whole turn
    names no shop and labels none.
    """
    acts = read_columns(
        store, schema.feedback, ["turn_id", "shop_id", "feedback_type", "satisfaction_score", "created_at"]
    )
    became: dict[tuple[str, str], int] = {}
    for turn_id, shop_id, kind, score, at in zip(*acts.values(), strict=True):
        what = outcome_of(kind, score)
        if shop_id is None or what is None or at > now_ts:
            continue
        so_far = became.get((turn_id, shop_id), SKIPPED)
        became[turn_id, shop_id] = -1 if -1 in (what, so_far) else max(what, so_far)
    chosen_in = {turn_id for (turn_id, _), what in became.items() if what >= FAVORITED}
    if not chosen_in:
        return [], {}
    shown: dict[str, list[str]] = {turn_id: [] for turn_id in chosen_in}
    rows = read_columns(store, schema.turn_shop, ["turn_id", "shop_id"], order_by=["turn_id", "position"])
    for turn_id, shop_id in zip(*rows.values(), strict=True):
        if turn_id in shown:
            shown[turn_id].append(shop_id)
    moments: list[Moment] = []
    skipped: Counter[str] = Counter()
    for turn_id in sorted(shown):
        there = [shop_id for shop_id in shown[turn_id] if shop_id in row_of]
        skipped["shop the catalogue does not have"] += len(shown[turn_id]) - len(there)
        try:
            trace = get_trace(store, turn_id)
        except StoreError:
            skipped["turn that cannot be read"] += 1
            continue
        ts = int(trace.timestamp.timestamp())
        if ts > now_ts:
            skipped["time in the future or before 1970"] += 1
            continue
        outcomes = tuple(max(became.get((turn_id, shop_id), SKIPPED), SKIPPED) for shop_id in there)
        moments.append(
            Moment(
                trace.user_id,
                ts,
                None,
                None,
                None,
                trace.state.semantic_query,
                trace.state.filters,
                tuple(row_of[shop_id] for shop_id in there),
                outcomes,
            )
        )
    moments.sort(key=lambda m: (m.ts, m.user_id))
    return moments, {reason: n for reason, n in skipped.items() if n}
