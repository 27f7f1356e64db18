"""What the rows say about one shop, as a dict a plan carries: hours today, breaks, days off, menus, contact, rating."""

from __future__ import annotations

import math
from datetime import datetime
from typing import TYPE_CHECKING, Any

from aiyam.catalogue.opening import DAY_MIN, closing_min
from aiyam.contracts import ATMOSPHERES, KST
from aiyam.korean.clock import DAYS_KO, clock_ko

if TYPE_CHECKING:
    from aiyam.catalogue.arrays import Catalogue

MAX_MENUS = 40
_STATES = {0: "closed", 1: "open", 2: "break"}
_YES_NO = {1: "yes", 0: "no"}


def facts(
    catalogue: Catalogue, row: int, now: datetime, *, lat: float | None = None, lon: float | None = None
) -> dict[str, Any]:
    """Collect what the catalogue knows of the shop in this row at this time; None (or "unknown") where it is silent.

    Keys: shop_id, name, category, address, district, phone, rating, n_reviews, meal_card, good_shop, delivery, takeout,
    atmosphere, venue_ok, allergens_published, open_state, opens, closes, closes_min, break ("15:00~17:00"), off_days, off_today, is_24h,
    minutes_to_close, distance_m, menus [{name, price_won, is_best, is_sold_out, allergens}], synthetic. Clock times are as
    ``clock_ko`` writes them: "21:30", "새벽 2시".

    Raises:
        IndexError: no such row.
    """
    import numpy as np

    if not 0 <= row < len(catalogue.shop_ids):
        raise IndexError(f"expected a row in 0..{len(catalogue.shop_ids) - 1}, got {row}")
    local = now.astimezone(KST)
    rows = np.array([row], dtype=np.int32)
    opening = catalogue.open_state(rows, local)
    state = _STATES.get(int(opening.state[0]), "unknown")
    minutes_to_close = int(opening.minutes_to_close[0]) if state == "open" else -1
    open_min = int(catalogue.open_min[row])
    close_min = int(closing_min(catalogue.open_min[rows], catalogue.close_min[rows])[0])
    break_start, break_end = int(catalogue.break_start_min[row]), int(catalogue.break_end_min[row])
    off_mask = int(catalogue.off_days[row])
    known = close_min >= 0
    all_day = known and close_min - open_min >= DAY_MIN
    distance = None
    if lat is not None and lon is not None:
        metres = float(catalogue.distance_m(rows, lat, lon)[0])
        distance = None if math.isnan(metres) else round(metres)
    rating = float(catalogue.rating[row])
    atmosphere_mask = int(catalogue.atmosphere[row])
    return {
        "shop_id": catalogue.shop_ids[row],
        "name": catalogue.names[row],
        "category": catalogue.category_name(row) if catalogue.category[row] >= 0 else "",
        "address": catalogue.addresses[row] or None,
        "phone": catalogue.phones[row] or None,
        "rating": None if math.isnan(rating) else round(rating, 1),
        "n_reviews": int(catalogue.n_reviews[row]),
        "meal_card": _YES_NO.get(int(catalogue.meal_card[row]), "unknown"),
        "good_shop": bool(catalogue.good_shop[row]),
        "delivery": bool(catalogue.delivery[row]),
        "takeout": bool(catalogue.takeout[row]),
        "atmosphere": [a for i, a in enumerate(ATMOSPHERES) if atmosphere_mask >> i & 1],
        "venue_ok": bool(catalogue.venue_ok[row]),
        "allergens_published": bool(catalogue.allergens_published[row]),
        "open_state": state,
        "opens": clock_ko(open_min) if known and not all_day else None,
        "closes": clock_ko(close_min) if known and not all_day else None,
        "closes_min": close_min if known and not all_day else None,
        "is_24h": all_day,
        "break": f"{clock_ko(break_start)}~{clock_ko(break_end)}"
        if break_start >= 0 and break_end > break_start
        else None,
        "off_days": [day for i, day in enumerate(DAYS_KO) if off_mask >> i & 1],
        "off_today": bool(off_mask >> local.weekday() & 1) and state != "open",
        "minutes_to_close": minutes_to_close if minutes_to_close >= 0 and not all_day else None,
        "distance_m": distance,
        "menus": [
            {
                "name": m.name,
                "price_won": m.price_won,
                "is_best": m.is_best,
                "is_sold_out": m.is_sold_out,
                "allergens": list(m.allergens),
            }
            for m in catalogue.menus_of(row)[:MAX_MENUS]
        ],
        "synthetic": bool(catalogue.synthetic),
    }
