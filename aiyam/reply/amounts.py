"""How amounts are written in a reply: won, metres, walking minutes."""

from __future__ import annotations

import math

WALK_M_PER_MIN = 67
"""A child's walking pace, about 4 km/h."""
MAX_WALK_M = 1500


def price_ko(price_won: int) -> str:
    """Write an amount in won.

    >>> price_ko(4500), price_ko(0)
    ('4,500원', '0원')
    """
    return f"{price_won:,}원"


def distance_ko(distance_m: int) -> str:
    """Write a distance: metres below a kilometre, else kilometres to one decimal.

    >>> distance_ko(350), distance_ko(1240)
    ('350m', '1.2km')
    """
    return f"{distance_m}m" if distance_m < 1000 else f"{distance_m / 1000:.1f}km"


def walk_minutes(distance_m: int) -> int | None:
    """Minutes on foot, at least 1; None where it is too far to call it a walk.

    >>> walk_minutes(350), walk_minutes(4000)
    (6, None)
    """
    return max(1, math.ceil(distance_m / WALK_M_PER_MIN)) if distance_m <= MAX_WALK_M else None
