"""What is given up, and in which order, when too few shops satisfy everything; allergies, faith, card and opening never are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiyam.candidates.constraints import LOCATION_KEYS, Asked, Constraints
from aiyam.candidates.rules import Limits
from aiyam.catalogue.query import Query
from aiyam.contracts import CATEGORIES, Diet

Rows = NDArray[np.int32]
NEVER = frozenset({"allergies", "meal_card", "open_now"})
"""Filter keys that are never given up, like the venue rule and shops turned down."""
KEPT_DIETS: tuple[Diet, ...] = ("할랄", "채식", "저염", "저당")
"""Diets of faith and health: never given up either. Where one is asked for, the dish goes before anything else."""
ORDER = (
    "atmosphere",
    "taste",
    "dietary_preferences",
    "max_distance_m",
    "near_me",
    "place",
    "district",
    "time_of_day",
    "takeout",
    "delivery",
    "good_shop",
    "exclude_menus",
    "menus",
    "category",
    "exclude_taste",
    "budget_min",
    "budget_max",
)
"""Keys in the order they are given up. Place widens by steps: radius, district, neighbours; the city and anywhere come
after everything but the budget. The diets given up are those that are a wish, not of faith or health."""


@dataclass(frozen=True)
class Step:
    """One thing to give up: the filter keys it breaks and what then is asked."""

    keys: tuple[str, ...]
    loosen: Callable[[Asked], Asked]


def _without(**changes: Any) -> Callable[[Asked], Asked]:
    return lambda asked: replace(asked, filters=asked.filters.model_copy(update=changes))


def _wider(level: int) -> Callable[[Asked], Asked]:
    return lambda asked: replace(asked, wider=max(asked.wider, level))


def _dish_categories(query: Query, constraints: Constraints) -> tuple[str, ...]:
    """Categories of the dishes asked for by name, so that an unknown 마라샹궈 still leads to its kind of shop."""
    found: dict[str, None] = {}
    for term in query.filters.menus or ():
        numbers = constraints.menus.categories_of(term)
        found.update(dict.fromkeys(CATEGORIES[i] for i in numbers))
    return tuple(found)


def steps_of(query: Query, constraints: Constraints, limits: Limits) -> list[Step]:
    """Return the steps that apply to a query, first to give up first."""
    given = {key for key in ORDER if getattr(query.filters, key) is not None}
    kept = tuple(diet for diet in query.filters.dietary_preferences or () if diet in KEPT_DIETS)
    place = tuple(key for key in LOCATION_KEYS if key in given)
    radii = tuple(key for key in place if key != "district")
    steps: list[Step] = []
    if kept and "menus" in given:
        given.remove("menus")
        steps.append(Step(("menus",), _without(menus=None, category=query.filters.category)))
    for key in ORDER:
        if key not in given:
            continue
        if key == "dietary_preferences":
            if kept != query.filters.dietary_preferences:
                steps.append(Step((key,), _without(dietary_preferences=kept or None)))
        elif key == "exclude_menus":
            steps.append(Step((key,), lambda asked: replace(asked, serves_others=True)))
        elif key == "menus":
            changes: dict[str, Any] = {"menus": None}
            if query.filters.category is None:
                changes["category"] = _dish_categories(query, constraints) or None
                if changes["category"]:
                    steps.append(Step((key,), _without(**changes)))
            steps.append(Step((key,), _without(menus=None, category=query.filters.category)))
        elif key == "budget_max":
            stretched = int((query.filters.budget_max or 0) * (1 + limits.budget_stretch))
            steps.extend([Step(place, _wider(3)), Step(place, _wider(4))] if place else [])
            steps.append(Step((key,), _without(budget_max=stretched)))
            steps.append(Step((key,), lambda asked: replace(asked, price_unknown=True)))
        elif key in radii:
            if key == radii[-1]:
                steps.append(Step(radii, lambda asked: replace(asked, radius_factor=limits.wider_factor)))
                if query.filters.district is None:
                    steps.append(Step(radii, _wider(1)))
                    steps.append(Step(radii, _wider(2)))
        elif key == "district":
            steps.append(Step(radii or place, _wider(1)) if radii else Step(place, _wider(2)))
            if radii:
                steps.append(Step(place, _wider(2)))
        else:
            steps.append(Step((key,), _without(**{key: None})))
    if place and "budget_max" not in given:
        steps.extend([Step(place, _wider(3)), Step(place, _wider(4))])
    return steps


def relax(query: Query, asked: Asked, constraints: Constraints, limits: Limits) -> tuple[Rows, Asked, tuple[str, ...]]:
    """Give up one thing after another until enough shops are left; then take back what did not help.

    Returns:
        The ascending rows, what was asked in the end, and the keys given up, in order.
    """
    taken: list[Step] = []
    place = asked.filters.place
    unfound = ("place",) if place is not None and not constraints.knows_place(place) else ()  # shops at home instead
    rows = constraints.rows(query, asked)
    if len(rows) >= limits.enough:
        return rows, asked, unfound
    best, best_taken = rows, list(taken)
    for step in steps_of(query, constraints, limits):
        taken.append(step)
        rows = constraints.rows(query, _apply(asked, taken))
        if len(rows) > len(best):
            best, best_taken = rows, list(taken)
        if len(rows) >= limits.enough:
            break
    need = min(limits.enough, len(best))
    kept = best_taken
    for step in best_taken[:-1]:
        fewer = [other for other in kept if other is not step]
        rows = constraints.rows(query, _apply(asked, fewer))
        if len(rows) >= need:
            kept, best = fewer, rows
    keys = tuple(dict.fromkeys((*unfound, *(key for step in kept for key in step.keys))))
    return best, _apply(asked, kept), keys


def _apply(asked: Asked, steps: list[Step]) -> Asked:
    for step in steps:
        asked = step.loosen(asked)
    return asked
