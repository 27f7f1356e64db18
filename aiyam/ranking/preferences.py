"""What a list prefers beside its score: dishes that can be paid, shops that take the card, and shops within reach."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aiyam.catalogue.arrays import Catalogue
from aiyam.catalogue.query import Query
from aiyam.contracts import Category
from aiyam.ranking.menus import FittingMenus, Wish

REACH_M = (2000.0, 5000.0, 12000.0)
"""Walking, a short ride, across town."""
ON_CARDS = 5
"""A list no longer than this is shown as a whole."""
ENOUGH = 3
"""So many shops in a sorted list are better than more from farther away."""
STEP_BEHIND = 8.0
"""What each step behind takes off a shop's log chance: more than any score brings back."""
UNSURE, BEHIND = 1, 2
"""Steps behind of a price that is not known, and of a shop too dear, out of reach or without the card."""

CALLED: dict[Category, tuple[str, ...]] = {"피자": ("피자",), "도시락": ("도시락",), "치킨": ("치킨", "닭")}
"""How dishes are called that are what a kind of shop is named after; other kinds are named after no dish."""

Places = NDArray[np.int64]


def limit_of(query: Query) -> int | None:
    """Return what a meal may cost on the person's card; None without a card, and where the request itself names an amount."""
    filters = query.filters
    return query.user.payable_won if filters.budget_max is None and filters.budget_min is None else None


def wish_of(catalogue: Catalogue, query: Query, menus: FittingMenus) -> Wish:
    """Return which dishes to show first: those called as the kind of food asked for is (a pizza at a pizza shop), payable."""
    filters, named = query.filters, None
    words = tuple(word for kind in filters.category or () for word in CALLED.get(kind, ()))
    if words and not filters.menus:
        called = catalogue.menus.dishes_named(words)
        named = called[catalogue.menu_name[menus.menu]]
    return Wish(named, limit_of(query))


def steps_behind(
    catalogue: Catalogue, query: Query, rows: NDArray[np.int32], menus: FittingMenus, wish: Wish
) -> NDArray[np.int64]:
    """Return (k,) how many steps each shop comes behind those the person can pay at, on the card they hold, and reach."""
    behind: NDArray[np.int64] = np.zeros(len(rows), np.int64)
    if query.user.has_card:
        behind += BEHIND * (catalogue.meal_card[rows] == 0)
    if wish.limit_won is not None:
        won = menus.price_shown(wish)
        behind += np.where(np.isnan(won), UNSURE, np.where(won > wish.limit_won, BEHIND, 0))
    if not (query.filters.place or query.filters.district):
        behind += BEHIND * (metres_of(catalogue, query, rows) > REACH_M[1])
    return behind


def metres_of(catalogue: Catalogue, query: Query, rows: NDArray[np.int32]) -> NDArray[np.float32]:
    """Return (k,) how far the shops are, nan where unknown."""
    if query.lat is None or query.lon is None:
        return np.full(len(rows), np.nan, dtype=np.float32)
    return catalogue.distance_m(rows, query.lat, query.lon)


def sorted_places(
    catalogue: Catalogue, query: Query, rows: NDArray[np.int32], menus: FittingMenus, wish: Wish,
    scores: NDArray[np.float32], *, top_k: int,
) -> Places | None:  # fmt: skip
    """Return the places to show in the order asked for, unknown values last, ties by score; None where no distance is known.

    All on cards come from one reach, the nearest that fills the list, or else the nearest that holds a few, so that nothing
    cheaper or better rated stands below; a longer list goes on with what lies beyond. Shops that refuse the card a person holds are left out while enough others remain.
    """
    beyond: NDArray[np.int64] | None = None
    metres, sort = metres_of(catalogue, query, rows), query.filters.sort
    among = np.flatnonzero(np.isfinite(scores))
    if query.user.has_card:
        among = _unless_few(among, catalogue.meal_card[rows[among]] != 0, top_k)
    if sort == "distance":
        if not np.isfinite(metres).any():
            return None
        shut = catalogue.open_state(rows, query.now).state == 0
        among = _unless_few(among, ~shut[among], top_k)
        value = metres
    else:
        within = _within_reach(metres[among], min(top_k, ON_CARDS))
        beyond = np.zeros(len(rows), np.int64)
        beyond[among] = np.maximum(np.searchsorted(REACH_M, metres[among]), within) - within
        if top_k <= ON_CARDS:
            among = among[beyond[among] == 0]
        value = menus.price_shown(wish) if sort == "price" else -_as_shown(catalogue.rating[rows])
    far = np.zeros(len(among), np.int64) if beyond is None else beyond[among]
    order = np.lexsort((-scores[among], np.nan_to_num(value[among], nan=np.inf), far))
    return np.asarray(among[order], np.int64)


def _as_shown(rating: NDArray[np.float32]) -> NDArray[np.float32]:
    """A rating as cards write it, so that what looks equal is in the order of the scores."""
    return np.round(rating, 1)


def _unless_few(among: Places, keep: NDArray[np.bool_], enough: int) -> Places:
    return among[keep] if np.count_nonzero(keep) >= enough else among


def _within_reach(metres: NDArray[np.float32], wanted: int) -> int:
    """Return which reach the shops come from; one past the last where no distance is known or too few lie in any."""
    for least, reaches in ((wanted, REACH_M[:2]), (min(wanted, ENOUGH), REACH_M)):
        for reach, reach_m in enumerate(reaches):
            if np.count_nonzero(metres <= reach_m) >= least:
                return reach
    return len(REACH_M)
