"""Users of the synthetic city: children by age band, some guardians, and the fixed personas of the demo."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiyam.catalogue.city.ground import Ground, draw, scatter
from aiyam.contracts import ALLERGENS, TASTE_TYPES, UserProfile

_BANDS = ((7, 9, 0.20), (10, 12, 0.29), (13, 15, 0.26), (16, 18, 0.20), (32, 55, 0.05))
_ALLERGEN_SHARE = {"알류": 0.2, "우유": 0.18, "땅콩": 0.15, "새우": 0.12, "게": 0.08, "밀": 0.06, "호두": 0.08, "복숭아": 0.08, "메밀": 0.05, "대두": 0.04, "조개류": 0.06, "고등어": 0.04, "오징어": 0.03, "토마토": 0.03, "잣": 0.02}  # fmt: skip
TASTE_TYPE_SHARES = (0.14, 0.34, 0.17, 0.35)
_DIETS = (("건강식", 0.02), ("채식", 0.008), ("저염", 0.006), ("저당", 0.008), ("다이어트", 0.02), ("할랄", 0.004))


def make_people(rng: np.random.Generator, ground: Ground, n_users: int, today: date) -> dict[str, Any]:
    """Draw users; returns columns of the person table, shape (n_users,) each."""
    band = draw(rng, np.array([share for _, _, share in _BANDS]), n_users)
    low = np.array([b[0] for b in _BANDS])[band]
    high = np.array([b[1] for b in _BANDS])[band]
    age = low + (rng.random(n_users) * (high - low + 1)).astype(np.int64)
    born = [
        today - timedelta(days=int(a) * 365 + int(a) // 4 + int(d))
        for a, d in zip(age, rng.integers(1, 363, n_users), strict=True)
    ]
    n_dongs = np.array([len(names) for names in ground.dong_names])
    district = draw(rng, ground.population, n_users)
    dong = (rng.random(n_users) * n_dongs[district]).astype(np.int64)
    home_lat = np.array([ground.dong_lat[d][j] for d, j in zip(district, dong, strict=True)])
    home_lon = np.array([ground.dong_lon[d][j] for d, j in zip(district, dong, strict=True)])
    lat, lon = scatter(rng, home_lat, home_lon, np.full(n_users, 420.0))
    guardian = band == 4
    has_card = rng.random(n_users) < 0.85
    limit = np.where(rng.random(n_users) < 0.8, 9500, np.where(rng.random(n_users) < 0.5, 9000, 10000))
    monthly = limit * np.where(rng.random(n_users) < 0.5, 30, np.where(rng.random(n_users) < 0.5, 20, 45))
    balance = np.minimum(monthly, np.round(rng.beta(1.6, 1.8, n_users) * monthly / 100) * 100)
    balance = np.where(rng.random(n_users) < 0.04, np.round(rng.random(n_users) * 40) * 100, balance)
    taste_type = draw(rng, np.array(TASTE_TYPE_SHARES), n_users)
    return {
        "user_id": [f"u-{number:06d}" for number in range(1, n_users + 1)],
        "label": [""] * n_users,
        "birthday": [day.isoformat() for day in born],
        "district": [ground.districts[d] for d in district.tolist()],
        "city": ["서울특별시"] * n_users,
        "province": ["서울특별시"] * n_users,
        "lat": np.round(lat, 6),
        "lon": np.round(lon, 6),
        "has_card": has_card,
        "card_balance_won": np.where(has_card, balance, np.nan),
        "card_meal_limit_won": np.where(has_card, limit, np.nan),
        "card_monthly_limit_won": np.where(has_card, monthly, np.nan),
        "allergies": _allergies(rng, n_users),
        "dietary_preferences": _diets(rng, n_users),
        "taste_type": [TASTE_TYPES[t] for t in taste_type.tolist()],
        "is_guardian": guardian,
        "source": ["synthetic"] * n_users,
    }


def add_personas(people: dict[str, Any], personas: list[UserProfile], today: date) -> dict[str, Any]:
    """Put the personas before the drawn users. An age without a birthday gets one half a year before its birthday."""
    joined: dict[str, Any] = {}
    for name, values in people.items():
        first: list[Any] = []
        for persona in personas:
            value: Any
            if name == "source":
                value = "persona"
            elif name in ("allergies", "dietary_preferences"):
                value = " ".join(getattr(persona, name))
            elif name == "birthday":
                value = persona.birthday.isoformat() if persona.birthday else _birthday(persona.age, today)
            else:
                value = getattr(persona, name)
            first.append(value)
        rest = values.tolist() if isinstance(values, np.ndarray) else values
        joined[name] = [None if isinstance(v, float) and np.isnan(v) else v for v in first + rest]
    return joined


def _birthday(age: int | None, today: date) -> str | None:
    return None if age is None else (today - timedelta(days=age * 365 + age // 4 + 182)).isoformat()


def _allergies(rng: np.random.Generator, size: int) -> list[str]:
    weights = np.array([_ALLERGEN_SHARE.get(name, 0.01) for name in ALLERGENS])
    first, second = draw(rng, weights, size), draw(rng, weights, size)
    has, two = rng.random(size) < 0.08, rng.random(size) < 0.25
    texts = []
    for i in range(size):
        codes = [] if not has[i] else sorted({int(first[i]), int(second[i])} if two[i] else {int(first[i])})
        texts.append(" ".join(ALLERGENS[code] for code in codes))
    return texts


def _diets(rng: np.random.Generator, size: int) -> list[str]:
    texts = [""] * size
    for word, share in _DIETS:
        for i in np.flatnonzero(rng.random(size) < share).tolist():
            texts[i] = f"{texts[i]} {word}".strip()
    return texts


def ages_on(birthdays: list[str | None], today: date) -> NDArray[np.float64]:
    """Whole years of age on a day, NaN without a birthday."""
    ages = []
    for text in birthdays:
        if text is None:
            ages.append(np.nan)
            continue
        born = date.fromisoformat(text)
        ages.append(today.year - born.year - ((today.month, today.day) < (born.month, born.day)))
    return np.array(ages, float)
