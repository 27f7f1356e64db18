"""Scores of the dialogue on scripted conversations: filters, shop meant, question, all of a turn, and by phenomenon."""

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
    EntityType,
    Intent,
    TurnContext,
    Understanding,
    UserProfile,
)
from aiyam.evaluation.conversations import Conversation, Expected, Place, ScriptedTurn
from aiyam.evaluation.understanding import facts
from aiyam.nlu.dialogue import TALK, next_state, resolve
from aiyam.nlu.request import Request

N_BOOTSTRAP = 1000
_WHO = UserProfile(user_id="script", district="관악구")
_WHEN = TurnContext(now=datetime(2026, 3, 2, 18, 30, tzinfo=KST))

Understand = Callable[[ScriptedTurn, DialogueState], Understanding]


def _marks(turn: ScriptedTurn, kind: EntityType) -> bool:
    return any(e.entity is kind for e in turn.understanding().entities)


def _lists(turn: ScriptedTurn) -> bool:
    return turn.expect.intent in RECOMMENDING_INTENTS and not turn.expect.asks


PHENOMENA: dict[str, Callable[[Sequence[ScriptedTurn], int], bool]] = {
    "opens": lambda turns, i: i == 0,
    "changes": lambda turns, i: i > 0 and _lists(turns[i]) and turns[i].intent is Intent.REFINE,
    "new_wish": lambda turns, i: i > 0 and _lists(turns[i]) and turns[i].intent is not Intent.REFINE,
    "turned_down": lambda turns, i: bool(turns[i].expect.excluded or turns[i].expect.leaves_out),
    "allergy": lambda turns, i: bool((filters := turns[i].expect.filters) and filters.allergies),
    "by_number": lambda turns, i: _marks(turns[i], EntityType.ORDINAL),
    "by_name": lambda turns, i: i > 0 and _marks(turns[i], EntityType.SHOP_NAME),
    "spoken_of": lambda turns, i: (
        turns[i].expect.shop is not None
        and not any(_marks(turns[i], kind) for kind in (EntityType.ORDINAL, EntityType.SHOP_NAME))
    ),
    "asks": lambda turns, i: turns[i].expect.asks,
    "answers": lambda turns, i: i > 0 and turns[i - 1].expect.asks,
    "talk": lambda turns, i: turns[i].expect.intent in TALK,
    "after_talk": lambda turns, i: i > 0 and turns[i - 1].expect.intent in TALK and turns[i].expect.intent not in TALK,
}
"""What a turn shows, told from how it is labelled; a turn may show several: number of a shop, the question asked, ..."""


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


def score_played(played: Sequence[Sequence[TurnScore]], *, seed: int = 0) -> dict[str, Any]:
    """Count what conversations that were played, turn by turn, got right.

    Returns:
        ``joint_goal_accuracy`` (turns with everything right), ``conversations_right`` (all turns right), the shares of
        turns right in ``act`` (list, each question about a shop, card, kinds of talk), ``filters``, ``excluded``,
        ``shop`` and ``question`` (asked exactly where it should be), ``n`` of each, and ``intervals``: 95 %, drawn over
        conversations, whose turns hang together. A share and its interval are None where no turn settles it.
    """
    parts = ("act", "filters", "excluded", "shop", "question", "joint")
    names = {part: "joint_goal_accuracy" if part == "joint" else part for part in parts}
    counts = {names[part]: [_hits(turns, part) for turns in played] for part in parts}
    counts["conversations_right"] = [(int(all(turn.joint for turn in turns)), 1) for turns in played]
    drawn = _draws(len(played), seed)
    result: dict[str, Any] = {name: _rate(*np.sum(pairs, axis=0)) for name, pairs in counts.items()}
    result["n"] = {name: int(np.sum(pairs, axis=0)[1]) for name, pairs in counts.items() if name in names.values()}
    result["n"]["conversations"] = len(played)
    result["intervals"] = {name: _interval(pairs, drawn) for name, pairs in counts.items()}
    return result


def score_phenomena(
    conversations: Sequence[Conversation], played: Sequence[Sequence[TurnScore]], *, seed: int = 0
) -> dict[str, dict[str, Any]]:
    """Count the turns right for each phenomenon that any turn shows: ``n`` turns, ``right`` share, 95 % ``interval``."""
    drawn = _draws(len(played), seed)
    found: dict[str, dict[str, Any]] = {}
    for name, shows in PHENOMENA.items():
        pairs = []
        for conversation, turns in zip(conversations, played, strict=True):
            judged = [turn.joint for i, turn in enumerate(turns) if shows(conversation.turns, i)]
            pairs.append((sum(judged), len(judged)))
        right, n = np.sum(pairs, axis=0)
        if n:
            found[name] = {"n": int(n), "right": _rate(right, n), "interval": _interval(pairs, drawn)}
    return found


def _draws(n: int, seed: int) -> NDArray[np.int64]:
    return np.random.default_rng(seed).integers(0, n, size=(N_BOOTSTRAP, n))


def _interval(pairs: Sequence[tuple[int, int]], drawn: NDArray[np.int64]) -> list[float] | None:
    """Return the middle 95 % of the shares drawn; a draw in which nothing was to be right has none."""
    rates = [
        rate for row in np.asarray(pairs, dtype=np.float64)[drawn].sum(axis=1) if (rate := _rate(*row)) is not None
    ]
    return [round(float(v), 4) for v in np.percentile(rates, [2.5, 97.5])] if rates else None


def _hits(turns: Sequence[TurnScore], part: str) -> tuple[int, int]:
    judged = [getattr(turn, part) for turn in turns if getattr(turn, part) is not None]
    return sum(judged), len(judged)


def _rate(hits: float, n: float) -> float | None:
    return round(float(hits / n), 4) if n else None
