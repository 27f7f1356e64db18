"""Turns of the chat as moments: what was shown, and what the feedback up to a time says became of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from aiyam.contracts import Filters
from aiyam.errors import StoreError
from aiyam.ranking.feedback_outcomes import TURNED_DOWN, outcome_of
from aiyam.ranking.replay import FAVORITED, SKIPPED, Moment
from aiyam.store import Store, schema
from aiyam.store.columns import read_columns
from aiyam.store.conversations import get_trace


@dataclass(frozen=True)
class ChatTurn:
    """A turn of the chat in which a shown shop was chosen; ``acts`` are a place in ``shown``, what became of it, and when."""

    user_id: str
    ts: int
    semantic_query: str
    filters: Filters
    shown: tuple[int, ...]
    acts: tuple[tuple[int, int, int], ...]
    words: str = ""

    def moment(self, until: int | None = None) -> Moment:
        """Return the turn as it was known before ``until`` (epoch seconds; now without): later feedback labels nothing.

        It stands where the person lives: what place the chat was told is part of its filters.
        """
        outcomes = [SKIPPED] * len(self.shown)
        told_ts = 0
        for place, what, at in self.acts:
            if until is None or at < until:
                outcomes[place] = TURNED_DOWN if TURNED_DOWN in (what, outcomes[place]) else max(what, outcomes[place])
                told_ts = max(told_ts, at)
        known = tuple(max(what, SKIPPED) for what in outcomes)
        return Moment(
            self.user_id, self.ts, None, None, None, self.semantic_query, self.filters, self.shown, known, told_ts,
            self.words,
        )  # fmt: skip


def chat_turns(store: Store, row_of: Mapping[str, int], *, now_ts: int) -> tuple[list[ChatTurn], dict[str, int]]:
    """Return the turns in which a shown shop was chosen, oldest first, and how many turns were left out, by reason.

    Feedback on the whole turn names no shop and labels none.
    """
    columns = read_columns(
        store, schema.feedback, ["turn_id", "shop_id", "feedback_type", "satisfaction_score", "created_at"]
    )
    acts: dict[str, list[tuple[str, int, int]]] = {}
    for turn_id, shop_id, kind, score, at in zip(*columns.values(), strict=True):
        what = outcome_of(kind, score)
        if shop_id is not None and what is not None and at <= now_ts:
            acts.setdefault(turn_id, []).append((shop_id, what, int(at)))
    shown: dict[str, list[str]] = {turn_id: [] for turn_id in acts}
    rows = read_columns(store, schema.turn_shop, ["turn_id", "shop_id"], order_by=["turn_id", "position"])
    for turn_id, shop_id in zip(*rows.values(), strict=True):
        if turn_id in shown:
            shown[turn_id].append(shop_id)
    turns: list[ChatTurn] = []
    skipped: Counter[str] = Counter()
    for turn_id in sorted(shown):
        there = [shop_id for shop_id in shown[turn_id] if shop_id in row_of]
        of_shown = [(there.index(shop_id), what, at) for shop_id, what, at in acts[turn_id] if shop_id in there]
        if not any(what >= FAVORITED for _, what, _ in acts[turn_id]):
            continue
        skipped["shop the catalogue does not have"] += len(shown[turn_id]) - len(there)
        try:
            trace = get_trace(store, turn_id)
        except StoreError:
            skipped["turn that cannot be read"] += 1
            continue
        ts = int(trace.answered_for.timestamp())
        if ts > now_ts:
            skipped["time in the future or before 1970"] += 1
            continue
        state = trace.state
        listed = tuple(row_of[shop_id] for shop_id in there)
        turn = ChatTurn(trace.user_id, ts, state.semantic_query, state.filters, listed, tuple(of_shown), state.words)
        if max(turn.moment().outcomes, default=SKIPPED) >= FAVORITED:
            turns.append(turn)
    turns.sort(key=lambda turn: (turn.ts, turn.user_id))
    return turns, {reason: n for reason, n in skipped.items() if n}
