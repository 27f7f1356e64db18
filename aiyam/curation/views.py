"""The inbox: turns by what may be wrong with them, under a built-in name or one that somebody gave."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from aiyam.errors import InvalidInput, NotFound
from aiyam.store import Store, turn_views
from aiyam.store.conversations import TurnRow
from aiyam.store.turn_views import NamedView, TurnConditions

BUILT_IN: dict[str, TurnConditions] = {
    "thumbs_down": TurnConditions(flaw="thumbs_down", unasked=True),
    "low_confidence": TurnConditions(flaw="low_confidence"),
    "safety": TurnConditions(flaw="safety"),
    "no_candidates": TurnConditions(flaw="no_candidates"),
    "ungrounded": TurnConditions(flaw="ungrounded"),
    "random": TurnConditions(),
    "all": TurnConditions(),
}
"""View to its conditions: new bad ratings come first, since these are what someone told us."""

_MOST_NAME_CHARS = 64


def conditions_of(store: Store, view: str) -> TurnConditions:
    """Return the conditions of a view.

    Raises:
        NotFound: neither a built-in view nor a saved one has this name.
    """
    if view in BUILT_IN:
        return BUILT_IN[view]
    saved = {one.name: one for one in turn_views.saved_views(store)}
    if view not in saved:
        raise NotFound(f"Expected a view, got {view!r}.", hint=f"There are: {', '.join([*BUILT_IN, *saved])}.")
    return saved[view].conditions


def narrowed(conditions: TurnConditions, **more: Any) -> TurnConditions:
    """Return conditions with more of them; where both say something of one thing, the words of a search add up and the rest is replaced.

    Raises:
        InvalidInput: one is no condition, or the days are in the wrong order.
    """
    given = {name: value for name, value in more.items() if value not in (None, "")}
    if given.get("search") and conditions.search:
        given["search"] = f"{conditions.search} {given['search']}"
    try:
        return TurnConditions.model_validate({**conditions.model_dump(), **given})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "days"
        raise InvalidInput(f"{where}: {first['msg'].removeprefix('Value error, ')}.", hint="Correct it.") from error


def count_views(store: Store) -> dict[str, int]:
    """Count the turns of every view, built-in ones first."""
    flaws = turn_views.count_flaws(store, TurnConditions())
    counts: dict[str, int] = {}
    for name, conditions in BUILT_IN.items():
        alone = conditions.flaw is None or conditions == TurnConditions(flaw=conditions.flaw)
        counts[name] = flaws[conditions.flaw or "all"] if alone else turn_views.count_matching(store, conditions)
    for view in turn_views.saved_views(store):
        counts[view.name] = turn_views.count_matching(store, view.conditions)
    return counts


def turns_of(
    store: Store, conditions: TurnConditions, *, shuffled: bool = False, seed: int = 0, limit: int = 50, offset: int = 0
) -> list[TurnRow]:
    """Return a page of the turns under conditions, newest first, or in an order drawn by the seed."""
    if not shuffled:
        return turn_views.list_matching(store, conditions, limit=limit, offset=offset)
    ids = in_drawn_order((one.turn_id for one in turn_views.read_pool(store, conditions)), seed)[offset:][:limit]
    rows = {row.turn_id: row for row in turn_views.list_matching(store, TurnConditions(), limit=limit, turn_ids=ids)}
    return [rows[turn_id] for turn_id in ids if turn_id in rows]


def save_view(store: Store, name: str, conditions: TurnConditions, *, created_by: str, now: datetime) -> NamedView:
    """Keep conditions under a name.

    Raises:
        InvalidInput: the name is empty, too long or a built-in one's, or nothing narrows.
        Conflict: the name is taken.
    """
    name = " ".join(name.split())
    if not 1 <= len(name) <= _MOST_NAME_CHARS or not name.isprintable():
        raise InvalidInput(
            f"Expected a name of 1 to {_MOST_NAME_CHARS} characters, got {name!r}.", hint="Name the view."
        )
    if name in BUILT_IN:
        raise InvalidInput(f"{name!r} is a built-in view.", hint="Choose another name.")
    if not conditions.given():
        raise InvalidInput("Expected a condition to keep, got none.", hint="Narrow the turns first.")
    view = NamedView(name, conditions, created_by, now)
    turn_views.save_view(store, view)
    return view


def in_drawn_order(ids: Iterable[str], seed: int) -> list[str]:
    """Return ids in an order that the seed draws, the same whatever else is in the list.

    >>> drawn = in_drawn_order("abcdef", 7)
    >>> drawn == in_drawn_order("fedcba", 7) != in_drawn_order("abcdef", 8)
    True
    >>> in_drawn_order("abc", 7) == [one for one in drawn if one in "abc"]
    True
    """
    start = hashlib.blake2b(f"{seed}|".encode(), digest_size=8)

    def key(one: str) -> bytes:
        digest = start.copy()
        digest.update(one.encode())
        return digest.digest()

    return sorted(ids, key=key)
