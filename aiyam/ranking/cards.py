"""What a card says of one shop: the dish that fits the request, price, distance, hours; every fact from its rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiyam.catalogue.arrays import Catalogue
from aiyam.catalogue.menus import allergens_to_avoid
from aiyam.catalogue.name_search import plain
from aiyam.catalogue.opening import OpenStates
from aiyam.catalogue.query import CandidateSet, Query
from aiyam.contracts import FUNNELS, KST, Recommendation
from aiyam.korean.clock import clock_ko, moment_ko
from aiyam.ranking.ranker import RankedList, Ranker
from aiyam.ranking.reasons import Shown, reason_ko

_OPEN_STATE = {1: "open", 2: "break", 0: "closed"}
_YES_NO = {1: "yes", 0: "no"}
SOON_MIN = 60

DISTINCT = 3
"""The first cards, those the reply speaks of, give different reasons where the shops have them."""


def make_cards(
    ranker: Ranker, ranked: RankedList, candidates: CandidateSet, query: Query
) -> tuple[Recommendation, ...]:
    """Make the cards of a ranked list, in its order."""
    metres = _metres(ranker.catalogue, query, ranked.rows)
    states = ranker.catalogue.open_state(ranked.rows, query.now)
    cards = list[Recommendation]()
    for i, row in enumerate(ranked.rows):
        scores = candidates.scores[ranked.places[i]]
        flags = candidates.flags[ranked.places[i]]
        menu_row = int(ranked.menus[i])
        place_and_hours = _place_and_hours(ranker.catalogue, int(row), query, states, metres, i)
        menu, price = _dish(ranker.catalogue, menu_row)
        asked = menu is not None and bool(query.filters.menus) and _named(menu, query.filters.menus or ())
        shown = Shown(menu, asked, price, place_and_hours["distance_m"], place_and_hours["open_state"] == "open")
        cards.append(
            _card(
                ranker.catalogue,
                int(row),
                query,
                place_and_hours,
                rank=i + 1,
                score=float(ranked.scores[i]),
                menu_row=menu_row,
                funnels={name: float(scores[f]) for f, name in enumerate(FUNNELS) if flags[f]},
                propensity=float(ranked.propensity[i]),
                shown_propensity=float(ranked.shown_propensity[i]),
                reason=reason_ko(
                    ranker.catalogue,
                    query,
                    int(row),
                    shown,
                    ranked.wide[i],
                    ranked.lifts[i],
                    said=[card.reason for card in cards[:DISTINCT]] if i < DISTINCT else (),
                ),
            )
        )
    return tuple(cards)


def make_card(
    catalogue: Catalogue,
    row: int,
    *,
    query: Query,
    rank: int = 1,
    score: float = 0.0,
    menu_row: int = -1,
    funnels: dict[str, float] | None = None,
    propensity: float | None = None,
    shown_propensity: float | None = None,
    reason: str = "",
) -> Recommendation:
    """Make the card of one shop. ``menu_row`` is the menu row to show (``RankedList.menus``), -1 for none."""
    rows = np.array([row], dtype=np.int32)
    states, metres = catalogue.open_state(rows, query.now), _metres(catalogue, query, rows)
    return _card(
        catalogue,
        row,
        query,
        _place_and_hours(catalogue, row, query, states, metres, 0),
        rank=rank,
        score=score,
        menu_row=menu_row,
        funnels=funnels or {},
        propensity=propensity,
        shown_propensity=shown_propensity,
        reason=reason,
    )


def _card(
    catalogue: Catalogue,
    row: int,
    query: Query,
    place_and_hours: dict[str, Any],
    *,
    rank: int,
    score: float,
    menu_row: int,
    funnels: dict[str, float],
    propensity: float | None,
    shown_propensity: float | None,
    reason: str,
) -> Recommendation:
    menu, price = _dish(catalogue, menu_row)
    district = int(catalogue.district[row])
    lat, lon, rating = (float(a[row]) for a in (catalogue.lat, catalogue.lon, catalogue.rating))
    return Recommendation.model_validate(
        {
            "shop_id": catalogue.shop_ids[row],
            "rank": rank,
            "score": score,
            "funnels": funnels,
            "name": catalogue.names[row],
            "category": catalogue.category_name(row),
            "district": catalogue.district_names[district] if district >= 0 else "",
            "address": catalogue.addresses[row] or "",
            "reason": reason,
            "menu": menu,
            "price_won": price,
            **place_and_hours,
            "meal_card": _YES_NO.get(int(catalogue.meal_card[row]), "unknown"),
            "good_shop": bool(catalogue.good_shop[row]),
            "allergy_note": allergy_note(catalogue, row, query),
            "rating": round(rating, 1) if np.isfinite(rating) else None,
            "lat": lat if np.isfinite(lat) else None,
            "lon": lon if np.isfinite(lon) else None,
            "propensity": propensity,
            "shown_propensity": shown_propensity,
            "synthetic": catalogue.synthetic,
        }
    )


def _dish(catalogue: Catalogue, menu_row: int) -> tuple[str | None, int | None]:
    if menu_row < 0:
        return None, None
    price = int(catalogue.menu_price[menu_row])
    return catalogue.dish_names[int(catalogue.menu_name[menu_row])], price if price >= 0 else None


def _metres(catalogue: Catalogue, query: Query, rows: NDArray[np.int32]) -> NDArray[np.float32]:
    if query.lat is None or query.lon is None:
        return np.full(len(rows), np.nan, dtype=np.float32)
    return catalogue.distance_m(rows, query.lat, query.lon)


def _place_and_hours(
    catalogue: Catalogue, row: int, query: Query, states: OpenStates, metres: NDArray[np.float32], i: int
) -> dict[str, Any]:
    """What a card says of distance and hours; ``i`` is the shop's place in ``states`` and ``metres``."""
    state = _OPEN_STATE.get(int(states.state[i]), "unknown")
    opens_at = None
    if state in ("break", "closed") and int(states.minutes_to_open[i]) >= 0:
        opens_at = moment_ko(query.now.astimezone(KST), int(states.minutes_to_open[i]))
    return {
        "distance_m": round(float(metres[i])) if np.isfinite(metres[i]) else None,
        "open_state": state,
        "open_until": _open_until(catalogue, row, states, i) if state == "open" else None,
        "opens_at": opens_at,
    }


def allergy_note(catalogue: Catalogue, row: int, query: Query) -> str | None:
    """Name the allergens to ask the shop about: those avoided, where the shop does not publish its allergens."""
    avoid = allergens_to_avoid(query.filters, query.user)
    if not avoid or catalogue.allergens_published[row]:
        return None
    return f"확인 필요: {', '.join(avoid)}"


def _open_until(catalogue: Catalogue, row: int, states: OpenStates, i: int) -> str | None:
    """When the shop stops serving: its closing time, or a break that begins within the hour; None around the clock."""
    if 0 <= states.minutes_to_break[i] <= SOON_MIN:
        return clock_ko(int(catalogue.break_start_min[row]))
    closes = int(states.closes_min[i])
    return clock_ko(closes) if closes >= 0 else None


def _named(menu: str, names: tuple[str, ...]) -> bool:
    return any(plain(name) in plain(menu) for name in names if plain(name))
