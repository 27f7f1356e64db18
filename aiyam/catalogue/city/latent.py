"""The preferences nobody sees: latent vectors and weights, and the utility they give any user, shop, time and place."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from aiyam.contracts import CATEGORIES, TASTE_TYPES, TIMES_OF_DAY

LATENT = 16
CLOSED_UTILITY = -30.0
_UNKNOWN_OPEN, _UNKNOWN_CLOSE = 600, 1260
_SHARED_PLATES = {"치킨": 0.45, "피자": 0.45, "고기": 0.75}

F32 = NDArray[np.float32]

# How well a category fits a meal time, in the order of TIMES_OF_DAY: breakfast, lunch, snack, dinner, late_night.
_MEAL_FIT: dict[str, tuple[float, float, float, float, float]] = {
    "한식": (0.5, 0.7, -0.6, 0.8, -0.2), "중식": (-1.0, 0.7, -0.3, 0.6, -0.4), "일식": (-0.8, 0.6, -0.4, 0.6, -0.4),
    "양식": (-0.8, 0.3, -0.3, 0.5, -0.6), "분식": (0.2, 0.5, 1.0, 0.2, 0.1), "치킨": (-1.5, -0.5, 0.2, 0.8, 1.2),
    "피자": (-1.2, 0.1, 0.2, 0.6, 0.5), "패스트푸드": (0.5, 0.5, 0.6, 0.3, 0.4), "고기": (-1.5, -0.1, -1.0, 0.7, 0.0),
    "아시안": (-0.8, 0.4, -0.2, 0.4, -0.4), "카페": (0.3, -0.5, 0.7, -0.6, -0.4), "베이커리": (0.7, -0.3, 0.7, -0.4, -0.5),
    "도시락": (0.1, 0.5, -0.1, 0.4, -0.1), "편의점": (0.7, 0.1, 0.6, 0.0, 0.9),
}  # fmt: skip
_CATEGORY_LIKING = {
    "한식": 0.75, "분식": 0.15, "중식": 1.0, "일식": 0.75, "치킨": 0.8, "피자": 0.8, "패스트푸드": 0.5, "편의점": -0.15, "카페": -0.3,
    "베이커리": 0.1, "고기": 0.9, "아시안": 0.6, "양식": 0.9, "도시락": 0.4,
}  # fmt: skip
_AGE_LIKING = {  # (youngest, oldest) children: added along age
    "한식": (-0.1, 0.1), "중식": (0.3, 0.0), "일식": (0.2, 0.1), "분식": (0.2, 0.1), "카페": (-0.6, 0.4), "아시안": (-0.5, 0.3),
    "고기": (-0.3, 0.3), "편의점": (0.0, 0.3), "패스트푸드": (0.2, 0.1), "베이커리": (0.2, 0.0),
}  # fmt: skip


@dataclass(frozen=True)
class Latent:
    """Ground truth of U users and S shops (in order of shop_id); float32 unless said.

    ``user_category`` (U, 15) and ``meal_fit`` (5, 15) have a last column for shops without a category.
    """

    user_vector: F32
    user_category: F32
    price_sensitivity: F32
    price_comfort: F32
    distance_decay: F32
    habit: F32
    user_has_card: NDArray[np.bool_]
    shop_vector: F32
    shop_category: NDArray[np.int8]
    shop_quality: F32
    shop_price: F32
    shop_lat: F32
    shop_lon: F32
    shop_card: NDArray[np.int8]
    shop_open: NDArray[np.int16]
    shop_close: NDArray[np.int16]
    shop_off: NDArray[np.uint8]
    shop_sane: NDArray[np.bool_]
    meal_fit: F32

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """All fields by name, for saving."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def standing(self, users: NDArray[np.integer], shops: NDArray[np.integer]) -> F32:
        """Utility without time and place, broadcast over ``users`` and ``shops`` (taste, category, price, quality, card)."""
        taste = np.einsum("...k,...k->...", self.user_vector[users], self.shop_vector[shops]) * np.float32(LATENT**-0.5)
        over = (self.shop_price[shops] - self.price_comfort[users]) / np.float32(3000.0)
        price = self.price_sensitivity[users] * (np.maximum(over, 0) + np.float32(0.10) * np.minimum(over, 0))
        card = np.where(self.shop_card[shops] == 0, 2.5, np.where(self.shop_card[shops] < 0, 0.6, 0.0))
        category = self.user_category[users, self.shop_category[shops]]
        total = taste + category - price + self.shop_quality[shops] - card * self.user_has_card[users]
        return np.asarray(total + np.where(self.shop_sane[shops], 0.0, -20.0), np.float32)

    def away(self, users: NDArray[np.integer], metres: F32) -> F32:
        """The cost of distance: linear in kilometres at first, then saturating; an unknown distance counts as 1.5 km."""
        km = np.nan_to_num(metres, nan=1500.0) / np.float32(1000.0)
        felt_km = np.minimum(km, np.float32(2.0) + np.float32(0.4) * np.maximum(km - np.float32(2.0), 0))
        return np.asarray(-self.distance_decay[users] * felt_km, np.float32)

    def timely(self, shops: NDArray[np.integer], meal: NDArray[np.integer] | int) -> F32:
        """How well the shops' categories fit a meal time (an index into TIMES_OF_DAY)."""
        fit: F32 = self.meal_fit[meal, self.shop_category[shops]]
        return fit

    def is_open(
        self, shops: NDArray[np.integer], minute: NDArray[np.integer] | int, weekday: NDArray[np.integer] | int
    ) -> NDArray[np.bool_]:
        """Whether shops are open, breaks aside; unknown hours are taken as 10:00-21:00."""
        return open_at(*self.hours(shops), minute, weekday)

    def hours(self, shops: NDArray[np.integer]) -> tuple[NDArray[np.int16], NDArray[np.int16], NDArray[np.uint8]]:
        """Opening and closing minutes (unknown ones filled in) and closing days of shops."""
        opens, closes = self.shop_open[shops], self.shop_close[shops]
        return (
            np.where(opens < 0, np.int16(_UNKNOWN_OPEN), opens),
            np.where(closes < 0, np.int16(_UNKNOWN_CLOSE), closes),
            self.shop_off[shops],
        )


def open_at(
    opens: NDArray[np.int16], closes: NDArray[np.int16], off: NDArray[np.uint8], minute: NDArray[np.integer] | int,
    weekday: NDArray[np.integer] | int,
) -> NDArray[np.bool_]:  # fmt: skip
    """Whether hours and closing days (broadcast) contain a minute of a weekday; the end may lie past midnight."""
    today, yesterday = (
        np.asarray(1 << np.asarray(weekday), np.uint8),
        np.asarray(1 << ((np.asarray(weekday) + 6) % 7), np.uint8),
    )
    now = np.asarray(minute, np.int16)
    here = (opens <= now) & (now < closes) & ((off & today) == 0)
    return np.asarray(here | ((now + np.int16(1440) < closes) & ((off & yesterday) == 0)))


def make_kind_vectors(rng: np.random.Generator, kind_category: tuple[str, ...]) -> NDArray[np.float64]:
    """Draw a latent vector for each kind of shop, near its category's."""
    base: dict[str, NDArray[np.float64]] = {name: rng.normal(0, 0.7, LATENT) for name in CATEGORIES}
    return np.stack([base[name] + rng.normal(0, 0.6, LATENT) for name in kind_category])


def effective_price(category: str, mean_won: float) -> float:
    """Price as one child feels it: plates that are shared count in part."""
    return mean_won * _SHARED_PLATES.get(category, 1.0)


def make_user_tastes(
    rng: np.random.Generator, ages: NDArray[np.float64], taste_type: list[str | None], has_card: NDArray[np.bool_],
    limit_won: NDArray[np.float64],
) -> dict[str, NDArray[np.generic]]:  # fmt: skip
    """Draw what users like: a mixture of the four taste types, age, and each one's own."""
    n = len(ages)
    centre = np.random.default_rng(4242).normal(0, 0.55, (len(TASTE_TYPES), LATENT))
    kind = np.array([TASTE_TYPES.index(t) if t in TASTE_TYPES else rng.integers(len(TASTE_TYPES)) for t in taste_type])
    grown = np.clip((np.nan_to_num(ages, nan=11.0) - 7) / 11, 0, 1.4)
    category = np.zeros((n, len(CATEGORIES) + 1))
    type_liking = {
        "healthy_eater": {
            "한식": 0.7,
            "아시안": 0.3,
            "도시락": 0.3,
            "패스트푸드": -0.6,
            "치킨": -0.4,
            "편의점": -0.4,
            "양식": 0.2,
        },
        "convenience_seeker": {"편의점": 0.7, "패스트푸드": 0.6, "분식": 0.3, "도시락": 0.3, "고기": -0.3},
        "gourmet": {"일식": 0.5, "양식": 0.5, "아시안": 0.5, "카페": 0.3, "편의점": -0.7, "고기": 0.3},
        "budget_conscious": {"분식": 0.6, "편의점": 0.4, "도시락": 0.4, "고기": -0.4, "양식": -0.3},
    }
    for c, name in enumerate(CATEGORIES):
        young, old = _AGE_LIKING.get(name, (0.0, 0.0))
        by_type = np.array([type_liking[t].get(name, 0.0) for t in TASTE_TYPES])
        category[:, c] = _CATEGORY_LIKING[name] + young + (old - young) * grown + by_type[kind] + rng.normal(0, 0.55, n)
    sensitive = np.array([0.8, 0.9, 0.5, 1.7])[kind] * rng.gamma(9, 1 / 9, n)
    comfort = np.where(has_card, np.nan_to_num(limit_won, nan=9500.0), 8000.0) * np.array([1.0, 0.95, 1.15, 0.85])[kind]
    return {
        "user_vector": (centre[kind] + rng.normal(0, 0.75, (n, LATENT))).astype(np.float32),
        "user_category": category.astype(np.float32),
        "price_sensitivity": sensitive.astype(np.float32),
        "price_comfort": (comfort * rng.uniform(0.85, 1.1, n)).astype(np.float32),
        "distance_decay": (rng.gamma(6, 0.9 / 6, n) * (1.45 - 0.45 * grown)).astype(np.float32),
        "habit": rng.gamma(5, 0.75 / 5, n).astype(np.float32),
        "user_has_card": has_card.astype(np.bool_),
    }


def meal_fit_table() -> F32:
    """The (5, 15) table of category fit by meal time; the last column is for no category."""
    table = np.zeros((len(TIMES_OF_DAY), len(CATEGORIES) + 1), np.float32)
    for c, name in enumerate(CATEGORIES):
        table[:, c] = _MEAL_FIT[name]
    return table
