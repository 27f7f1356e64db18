"""Scores of the dialogue on scripted conversations: filters, shop meant, question, and all of a turn (joint goal)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiyam.contracts import (
    CATEGORIES,
    KST,
    RECOMMENDING_INTENTS,
    DialogueState,
    Intent,
    TurnContext,
    Understanding,
    UserProfile,
)
from aiyam.evaluation.conversations import Conversation, Expected, Place, ScriptedTurn
from aiyam.evaluation.understanding import facts
from aiyam.nlu.dialogue import next_state, resolve
from aiyam.nlu.request import Request

N_BOOTSTRAP = 1000
_WHO = UserProfile(user_id="script", district="관악구")
_WHEN = TurnContext(now=datetime(2026, 3, 2, 18, 30, tzinfo=KST))

Understand = Callable[[ScriptedTurn, DialogueState], Understanding]


class ScriptedShops:
    """All shops of one conversation as columns, row by row in the order shown; their distances are unknown."""

    def __init__(self, conversation: Conversation) -> None:
        """Number the shops by list and position: ``2.1`` is the first of the second list."""
        lists = [turn.shown for turn in conversation.turns if turn.shown]
        shops = [(f"{n}.{p}", shop) for n, shown in enumerate(lists, 1) for p, shop in enumerate(shown, 1)]
        self.shop_ids = [shop_id for shop_id, _ in shops]
        self.names = [shop.name for _, shop in shops]
        self.row_of = {shop_id: row for row, shop_id in enumerate(self.shop_ids)}
        self.brand_names: list[str] = []
        self.category = np.array([CATEGORIES.index(shop.category) for _, shop in shops], dtype=np.int8)
        self.min_meal_price = np.array([shop.price_won for _, shop in shops], dtype=np.float32)
        self.district = np.zeros(len(shops), dtype=np.int16)
        self.district_names = ["관악구"]
        self.district_city = ["서울특별시"]
        self.district_province = ["서울특별시"]

    def distance_m(self, rows: NDArray[Any], lat: float, lon: float) -> NDArray[Any]:
        """Return NaN for each row."""
        return np.full(len(rows), np.nan, dtype=np.float32)


@dataclass(frozen=True)
class TurnScore:
    """What one turn got right; None where the turn settles nothing of the kind."""

    conversation: str
    number: int
    turn: ScriptedTurn
    said: Understanding
    request: Request
    act: bool
    filters: bool | None
    excluded: bool | None
    shop: bool | None
    question: bool

    @property
    def joint(self) -> bool:
        """Whether everything the turn settles is right."""
        return (
            self.act and self.question and all(part is not False for part in (self.filters, self.excluded, self.shop))
        )


def as_marked(turn: ScriptedTurn, state: DialogueState) -> Understanding:
    """Understand a turn as its writer marked it, so that what is wrong is the dialogue's."""
    return turn.understanding()


def play(conversation: Conversation, understand: Understand) -> Iterator[TurnScore]:
    """Hold a conversation, each turn in the state the turns before led to, and compare its requests."""
    shops = ScriptedShops(conversation)
    state, n_lists = DialogueState(), 0
    for number, turn in enumerate(conversation.turns, 1):
        said = understand(turn, state)
        request = resolve(said, state, catalogue=shops, user=_WHO, context=_WHEN)
        yield _compare(conversation.id, number, turn, said, request)
        shown: tuple[str, ...] = ()
        n_lists += bool(turn.shown)
        answered = request.intent in RECOMMENDING_INTENTS and request.question is None
        if turn.shown and answered:
            shown = tuple(f"{n_lists}.{position}" for position in range(1, len(turn.shown) + 1))
        lowest = min((shop.price_won for shop in turn.shown or ()), default=None) if shown else None
        state = next_state(state, request, said, shown, lowest_price_won=lowest)


def _compare(conversation: str, number: int, turn: ScriptedTurn, said: Understanding, request: Request) -> TurnScore:
    wanted = turn.expect
    asks = request.question is not None
    if wanted.asks:
        return TurnScore(conversation, number, turn, said, request, True, None, None, None, asks)
    filters = None if wanted.filters is None else facts(wanted.filters.given()) == facts(request.filters.given())
    shop = None if wanted.shop is None else request.focus_shop_id == _id(wanted.shop)
    act = _act(wanted.intent) == _act(request.intent)
    return TurnScore(
        conversation, number, turn, said, request, act, filters, _excludes(wanted, request), shop, not asks
    )


def _excludes(wanted: Expected, request: Request) -> bool | None:
    got = set(request.exclude_shop_ids)
    if wanted.excluded is not None:
        return got == {_id(place) for place in wanted.excluded}
    return got >= {_id(place) for place in wanted.leaves_out} if wanted.leaves_out else None


def _id(place: Place) -> str:
    return f"{place[0]}.{place[1]}"


def _act(intent: Intent) -> str:
    return "list" if intent in RECOMMENDING_INTENTS else intent.value


def score_dialogues(conversations: Sequence[Conversation], understand: Understand, *, seed: int = 0) -> dict[str, Any]:
    """Play conversations and count.

    Returns:
        ``joint_goal_accuracy`` (turns with everything right), ``conversations_right`` (all turns right), the shares of
        turns right in ``act`` (list, each question about a shop, card, kinds of talk), ``filters``, ``excluded``,
        ``shop`` and ``question`` (asked exactly where it should be), ``n`` of each, and ``intervals``: 95 %, drawn over
        conversations, whose turns hang together.
    """
    played = [list(play(conversation, understand)) for conversation in conversations]
    parts = ("act", "filters", "excluded", "shop", "question", "joint")
    counts = np.array([[_hits(turns, part) for part in parts] for turns in played], dtype=np.float64)
    whole = np.array([all(turn.joint for turn in turns) for turns in played], dtype=np.float64)
    draws = np.random.default_rng(seed).integers(0, len(played), size=(N_BOOTSTRAP, len(played)))
    sums = counts[draws].sum(axis=1)
    total = counts.sum(axis=0)
    names = {part: "joint_goal_accuracy" if part == "joint" else part for part in parts}
    result: dict[str, Any] = {names[p]: _rate(*total[i]) for i, p in enumerate(parts)}
    result["conversations_right"] = round(float(whole.mean()), 4)
    result["n"] = {names[p]: int(total[i][1]) for i, p in enumerate(parts)} | {"conversations": len(played)}
    drawn = {names[p]: [_rate(*row[i]) for row in sums] for i, p in enumerate(parts)}
    drawn["conversations_right"] = whole[draws].mean(axis=1).tolist()
    result["intervals"] = {k: [round(float(v), 4) for v in np.percentile(rates, [2.5, 97.5])] for k, rates in drawn.items()}  # fmt: skip
    return result


def _hits(turns: Sequence[TurnScore], part: str) -> tuple[int, int]:
    judged = [getattr(turn, part) for turn in turns if getattr(turn, part) is not None]
    return sum(judged), len(judged)


def _rate(hits: float, n: float) -> float:
    return round(float(hits / n), 4) if n else 1.0
