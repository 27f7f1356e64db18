"""The city's ground truth in a file of its own: the true utility of any user, shop, time and place, for evaluation only."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiyam.catalogue.arrays import great_circle_m
from aiyam.catalogue.city.latent import CLOSED_UTILITY, Latent
from aiyam.contracts import KST, TIMES_OF_DAY, time_of_day_at
from aiyam.errors import DataError, NotFound


@dataclass(frozen=True)
class Truth:
    """Latent preferences with the ids they belong to; shop rows are those of ``Catalogue.load`` (order of shop_id)."""

    latent: Latent
    user_ids: list[str]
    fingerprint: str
    row_of_user: dict[str, int]

    @classmethod
    def load(cls, path: Path, *, fingerprint: str | None = None) -> Truth:
        """Read a truth file.

        Raises:
            DataError: the file is missing, damaged, or belongs to a catalogue with another ``fingerprint``.
        """
        try:
            with np.load(path, allow_pickle=False) as kept:
                latent = Latent(**{f.name: kept[f.name] for f in fields(Latent)})
                user_ids, mark = kept["user_ids"].tolist(), str(kept["fingerprint"])
        except Exception as error:
            raise DataError(
                f"Expected the city's truth at {path}, got: {error}.", hint="Generate the city again."
            ) from error
        if fingerprint is not None and fingerprint != mark:
            raise DataError(
                f"Expected the truth of catalogue {fingerprint}, {path} belongs to {mark}.",
                hint="Generate the city again.",
            )
        return cls(latent, user_ids, mark, {user_id: row for row, user_id in enumerate(user_ids)})

    def utility(
        self, user_ids: Sequence[str], rows: NDArray[np.integer], now: datetime, lat: float, lon: float,
        *, past_orders: NDArray[np.integer] | None = None, wish_category: int | None = None,
    ) -> NDArray[np.float32]:  # fmt: skip
        """True utility of shops ``rows`` (k,) for each of u users at one time and place: shape (u, k).

        Args:
            past_orders: (u, k) orders so far; adds the users' habit.
            wish_category: index into CATEGORIES the user asked for; those shops gain what a wish is worth.

        Raises:
            NotFound: a user without truth.
        """
        unknown = [user_id for user_id in user_ids if user_id not in self.row_of_user]
        if unknown:
            raise NotFound(f"Expected users of the city, got {unknown[0]!r}.", hint="See Truth.user_ids.")
        users = np.array([self.row_of_user[user_id] for user_id in user_ids])[:, None]
        shops = np.asarray(rows)[None, :]
        local = now.astimezone(KST)
        metres = great_circle_m(self.latent.shop_lat[rows], self.latent.shop_lon[rows], lat, lon)[None, :]
        meal = TIMES_OF_DAY.index(time_of_day_at(local.hour))
        total = self.latent.standing(users, shops) + self.latent.away(users, metres) + self.latent.timely(shops, meal)
        if past_orders is not None:
            total = total + self.latent.habit[users] * np.log1p(past_orders)
        if wish_category is not None:
            total = total + WISH_WORTH * (self.latent.shop_category[shops] == wish_category)
        is_open = self.latent.is_open(shops, local.hour * 60 + local.minute, local.weekday())
        return np.where(is_open, total, total + CLOSED_UTILITY).astype(np.float32)


WISH_WORTH = 1.8
"""Utility a shop gains when its category is the one wished for."""


def save_truth(path: Path, latent: Latent, user_ids: list[str], fingerprint: str) -> None:
    """Write the truth file; whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    with partial.open("wb") as file:
        arrays: dict[str, Any] = {
            **latent.arrays(),
            "user_ids": np.array(user_ids),
            "fingerprint": np.array(fingerprint),
        }
        np.savez(file, **arrays)
    os.replace(partial, path)
