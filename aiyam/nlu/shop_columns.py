"""The few columns of a catalogue that a dialogue reads, as a protocol: a whole catalogue has them, and so may less."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from numpy.typing import NDArray


class ShopColumns(Protocol):
    """n shops by row; ``category`` holds codes of ``contracts.CATEGORIES``, -1 where unknown, prices in won, NaN likewise."""

    @property
    def shop_ids(self) -> Sequence[str]:
        """Id of each row."""

    @property
    def names(self) -> Sequence[str]:
        """Name of each row."""

    @property
    def row_of(self) -> Mapping[str, int]:
        """Row of each id."""

    @property
    def brand_names(self) -> Sequence[str]:
        """Brands with several branches."""

    @property
    def category(self) -> NDArray[Any]:
        """Code of each row's category."""

    @property
    def min_meal_price(self) -> NDArray[Any]:
        """Cheapest full meal of each row."""

    @property
    def district(self) -> NDArray[Any]:
        """Code of each row's district, into the three lists below."""

    @property
    def district_names(self) -> Sequence[str]:
        """Name of each district."""

    @property
    def district_city(self) -> Sequence[str]:
        """City of each district."""

    @property
    def district_province(self) -> Sequence[str]:
        """Province of each district."""

    def distance_m(self, rows: NDArray[Any], lat: float, lon: float) -> NDArray[Any]:
        """Return metres from a point to each of the rows, NaN where unknown."""
