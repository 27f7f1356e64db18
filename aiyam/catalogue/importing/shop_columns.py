"""Shops and menus as columns for the store, filled row by row: category and venue are decided here, once for every source."""

from __future__ import annotations

import hashlib
from typing import Any

from aiyam.catalogue.categories import infer_category
from aiyam.catalogue.importing.addresses import Place
from aiyam.catalogue.venues import classify_venue
from aiyam.contracts import CATEGORIES, YesNoUnknown

OTHER_CATEGORY = "기타"
MAX_NAME_CHARS = 120
UNKNOWN_TRADE = "무엇을 파는 곳인지 이름과 업종으로 알 수 없음"
NOT_EATING = "음식점이 아닌"
_SHOP = (
    "shop_id", "name", "category", "category_confidence", "province", "city", "district", "dong", "address", "lat",
    "lon", "phone", "open_min", "close_min", "break_start_min", "break_end_min", "off_days", "meal_card", "good_shop",
    "message", "venue", "venue_reason", "source",
)  # fmt: skip
_MENU = ("menu_id", "shop_id", "name", "price_won", "description", "is_best", "is_sold_out")


def stable_number(*parts: str) -> int:
    """A positive 62-bit number that the same parts always give."""
    return int.from_bytes(hashlib.sha256("\x1f".join(parts).encode()).digest()[:8]) >> 2


class ShopColumns:
    """Accumulates shops and menus, one list a column; ``index`` maps a shop id to its place."""

    def __init__(self, source: str) -> None:
        self.source = source[:64]
        self.shops: dict[str, list[Any]] = {name: [] for name in _SHOP}
        self.menus: dict[str, list[Any]] = {name: [] for name in _MENU}
        self.index: dict[str, int] = {}
        self._menu_ids: set[int] = set()

    def __len__(self) -> int:
        return len(self.index)

    @property
    def n_flagged(self) -> int:
        """Shops held back from children (review or blocked)."""
        return sum(venue != "ok" for venue in self.shops["venue"])

    def add_shop(
        self,
        shop_id: str,
        name: str,
        *,
        place: Place,
        address: str,
        industry: str = "",
        position: tuple[float, float] | None = None,
        phone: str | None = None,
        hours: tuple[int | None, int | None] = (None, None),
        pause: tuple[int | None, int | None] = (None, None),
        off_days: int = 0,
        meal_card: YesNoUnknown = "unknown",
        good_shop: bool = False,
        message: str | None = None,
    ) -> None:
        """Append one shop; its category and venue follow in ``decide``, when its menus are known. ``industry`` is kept till then."""
        self.index[shop_id] = len(self.index)
        lat, lon = position or (None, None)
        row = (
            shop_id, name, industry, 0.0, place.province, place.city, place.district, place.dong, address, lat, lon, phone,
            *hours, *pause, off_days, meal_card, good_shop, message, "ok", None, self.source,
        )  # fmt: skip
        for column, value in zip(_SHOP, row, strict=True):
            self.shops[column].append(value)

    def add_menu(
        self,
        shop_id: str,
        name: str,
        price_won: int | None,
        *,
        description: str | None = None,
        is_best: bool = False,
        is_sold_out: bool = False,
    ) -> bool:
        """Append one menu item; False when the shop already has one of this name."""
        menu_id = stable_number("menu", shop_id, name)
        if menu_id in self._menu_ids:
            return False
        self._menu_ids.add(menu_id)
        row = (menu_id, shop_id, name, price_won, description, is_best, is_sold_out)
        for column, value in zip(_MENU, row, strict=True):
            self.menus[column].append(value)
        return True

    def decide(self, drinks: dict[str, list[str]] | None = None) -> None:
        """Decide every shop's category and venue from its name, trade and menus.

        A shop that nothing speaks for is held back for a person to look at: lists carry bars as ordinary restaurants.

        ``drinks`` holds, by shop id, alcohol and tobacco items that were left out of the menus; they still count as signs.
        """
        items: dict[str, list[str]] = {}
        for shop_id, name in zip(self.menus["shop_id"], self.menus["name"], strict=True):
            items.setdefault(shop_id, []).append(name)
        for i, shop_id in enumerate(self.shops["shop_id"]):
            name, industry = self.shops["name"][i], self.shops["category"][i]
            menus = items.get(shop_id, ())
            category, confidence = infer_category(name, industry, menus[:8] if menus else ())
            if industry in CATEGORIES and (category is None or confidence < 0.75):
                category, confidence = industry, 0.9
            speaking = infer_category(name, "", menus[:8] if menus else ())[0] if industry else category
            venue, why = classify_venue(name, speaking, [*menus, *(drinks or {}).get(shop_id, ())], industry)
            if venue == "ok" and category is None:
                venue, why = "review", UNKNOWN_TRADE
            elif why and why.startswith(NOT_EATING):
                category, confidence = None, 0.0
            self.shops["category"][i] = category or OTHER_CATEGORY
            self.shops["category_confidence"][i] = confidence
            self.shops["venue"][i], self.shops["venue_reason"][i] = venue, why
