"""Drawing turns by a recipe: part by part, each turn and each text once, the same for the same seed and turns."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, zip_longest
from typing import Literal

from aiyam.curation.recipes import MOST_TASKS, Part, Recipe
from aiyam.curation.refusals import Refused
from aiyam.curation.views import in_drawn_order
from aiyam.errors import InvalidInput
from aiyam.label_contracts import LabelTask
from aiyam.nlu.near_duplicates import HeldOut
from aiyam.store import Store, labels, turn_views
from aiyam.store.turn_views import LOW_CONFIDENCE, PoolTurn

_CHUNK = 200


Make = Callable[[str], LabelTask | Refused]
"""A task of a turn, or why there is none."""


@dataclass(frozen=True)
class Pool:
    """The turns that may be drawn, how many each look over them left out, and the reasons of bad ratings by turn."""

    turns: tuple[PoolTurn, ...]
    n_matched: int
    n_asked: int
    n_safety: int
    reasons: Mapping[str, str]
    asked: frozenset[str]


@dataclass
class Drawn:
    """Tasks by part of the mix, in the order drawn, and what was passed over."""

    tasks: dict[Part, list[LabelTask]] = field(default_factory=dict)
    passed: Counter[str] = field(default_factory=Counter)
    n_filled: int = 0


def read_pool(store: Store, recipe: Recipe) -> Pool:
    """Return the turns of a recipe's conditions that may be asked about: none twice, escalated ones on request only.

    Raises:
        InvalidInput: the recipe takes everything, and that is more than one batch holds.
    """
    matched = turn_views.read_pool(store, recipe.conditions)
    asked = labels.turns_asked(store, recipe.kind)
    new = [one for one in matched if one.turn_id not in asked]
    kept = [one for one in new if recipe.with_safety or one.safety_action != "escalate"]
    if recipe.take == "everything" and len(kept) > MOST_TASKS:
        raise InvalidInput(
            f"Expected at most {MOST_TASKS:,} turns to take them all, the conditions show {len(kept):,}.",
            hint="Narrow them, or draw a mix.",
        )
    reasons = turn_views.bad_reasons(store) if recipe.take == "mix" and recipe.thumbs_down else {}
    return Pool(
        tuple(kept), len(matched), len(matched) - len(new), len(new) - len(kept), reasons, frozenset(asked)
    )  # fmt: skip


def draw(store: Store, recipe: Recipe, pool: Pool, make: Make) -> Drawn:
    """Draw tasks from a pool.

    Blind turns come first, so that they stand for all; a part that runs dry is filled up with more of them. A turn whose
    text is that of another one taken or asked before, or nearly, is passed over. After many refusals the draw ends short.
    """
    if recipe.take == "everything":
        drawn = Drawn({"everything": []})
        for turn in pool.turns:
            _keep(drawn, "everything", make(turn.turn_id))
        return drawn
    at_random = in_drawn_order((turn.turn_id for turn in pool.turns), recipe.seed)
    orders = _orders(recipe, pool, at_random)
    queue = _Draw(store, recipe, pool, make)
    for part, quota in recipe.quotas().items():
        queue.take(part, orders[part], quota)
    missing = recipe.size - sum(map(len, queue.drawn.tasks.values()))
    if missing:
        before = len(queue.drawn.tasks["random"])
        queue.take("random", at_random, before + missing)
        queue.drawn.n_filled = len(queue.drawn.tasks["random"]) - before
    return queue.drawn


class _Draw:
    """One draw under way: what was looked at, the texts taken, the refusals still allowed."""

    def __init__(self, store: Store, recipe: Recipe, pool: Pool, make: Make) -> None:
        self.store, self.make = store, make
        self.column: Literal["user_input", "response"] = "response" if recipe.kind == "rewrite" else "user_input"
        asked = turn_views.texts_of(store, sorted(pool.asked), self.column)
        self.texts = HeldOut(list(asked.values()), most_shared=recipe.most_alike)
        self.seen: set[str] = set()
        self.n_looks = 40 * recipe.size + 2000
        self.n_refusals = 4 * recipe.size + 50
        self.drawn = Drawn()

    def take(self, part: Part, order: Sequence[str], quota: int) -> None:
        """Take turns in order until the part holds ``quota`` tasks."""
        held = self.drawn.tasks.setdefault(part, [])
        for start in range(0, len(order), _CHUNK):
            if len(held) >= quota:
                return
            some = [turn_id for turn_id in order[start : start + _CHUNK] if turn_id not in self.seen]
            texts = turn_views.texts_of(self.store, some, self.column)
            for turn_id in some:
                if len(held) >= quota or self.n_looks <= 0 or self.n_refusals <= 0:
                    return
                self.seen.add(turn_id)
                self.n_looks -= 1
                text = texts.get(turn_id, "")
                if (twin := self.texts.find(text)) is not None:
                    self.drawn.passed["same_text" if twin[1] else "nearly_same"] += 1
                    continue
                if _keep(self.drawn, part, self.make(turn_id)):
                    self.texts.add(text)
                else:
                    self.n_refusals -= 1


def _keep(drawn: Drawn, part: Part, made: LabelTask | Refused) -> bool:
    if isinstance(made, Refused):
        drawn.passed[made.reason] += 1
        return False
    drawn.tasks[part].append(made)
    return True


def _orders(recipe: Recipe, pool: Pool, at_random: Sequence[str]) -> dict[Part, Sequence[str]]:
    by_id = {turn.turn_id: turn for turn in pool.turns}
    unsure = [turn_id for turn_id in at_random if by_id[turn_id].confidence < LOW_CONFIDENCE]
    by_reason: dict[str, list[str]] = defaultdict(list)
    by_intent: dict[str, list[str]] = defaultdict(list)
    for turn_id in at_random:
        by_intent[by_id[turn_id].intent].append(turn_id)
        reason = pool.reasons.get(turn_id)
        if reason is not None and (not recipe.reasons or reason in recipe.reasons):
            by_reason[reason].append(turn_id)
    return {
        "random": at_random,
        "thumbs_down": list(_in_turn(by_reason)),
        "low_confidence": sorted(unsure, key=lambda turn_id: by_id[turn_id].confidence),
        "balanced": list(_in_turn(by_intent)),
    }


def _in_turn(groups: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Give the first of every group, then the second of every group, and so on."""
    rounds = zip_longest(*(groups[name] for name in sorted(groups)))
    return (one for one in chain.from_iterable(rounds) if one is not None)
