"""One row of the service's workbook at a time, into the store's columns: what is kept of a shop, a person, what they did."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from aiyam.catalogue.importing import values
from aiyam.catalogue.importing.addresses import place_of
from aiyam.catalogue.importing.pseudonyms import Pseudonyms
from aiyam.catalogue.importing.rejects import Rejects
from aiyam.catalogue.importing.shop_columns import ShopColumns, stable_number
from aiyam.catalogue.odd_text import odd_text
from aiyam.catalogue.venues import is_adult_item
from aiyam.contracts import KST, YesNoUnknown

T = TypeVar("T")
_CARD_IN_USE = re.compile(r"active|정상|사용|발급|유효|enabled|^1$|^y$", re.IGNORECASE)
_CARD_NOT_IN_USE = re.compile(
    r"inactive|정지|분실|해지|만료|미사용|미발급|lost|expired|stop|block|disabled|cancel|^0$|^n$", re.IGNORECASE
)
_PERSON = (
    "user_id", "birthday", "district", "city", "province", "has_card", "card_balance_won", "card_monthly_limit_won", "source",
)  # fmt: skip


@dataclass(frozen=True)
class SheetRow:
    """One staged row with its place, so that what it drops can be traced."""

    sheet: str
    number: int
    cells: dict[str, Any]
    columns: dict[str, str]
    rejects: Rejects

    def cell(self, name: str) -> Any:
        """Return a cell as it came; None where the sheet has no such column."""
        column = self.columns.get(name)
        return None if column is None else self.cells.get(column)

    def value(self, name: str, read: Callable[[Any], T | None]) -> T | None:
        """Read a cell; one that cannot be read is noted and empty."""
        try:
            return read(self.cell(name))
        except values.BadValue as error:
            self.note(name, str(error))
            return None

    def note(self, name: str, reason: str) -> None:
        """Say of one cell why it is left empty."""
        self.rejects.drop_value(self.sheet, self.number, self.columns.get(name, name), self.cell(name), reason)

    def drop(self, name: str, reason: str, *, hide: bool = False) -> None:
        """Say why the whole row is left out; ``hide`` keeps the cell, which may name a person, out of the report."""
        shown = "" if hide else self.cell(name)
        self.rejects.drop_row(self.sheet, self.number, self.columns.get(name, name), shown, reason)


@dataclass
class WorkbookColumns:
    """Fills the store's columns from the sheets, shops before what refers to them."""

    source: str
    rejects: Rejects
    pseudonyms: Pseudonyms
    mask: Callable[[str], str] | None
    now_ts: int
    people: dict[str, dict[str, Any]] = field(default_factory=dict)
    drinks: dict[str, list[str]] = field(default_factory=dict)
    orders: dict[str, list[Any]] = field(
        default_factory=lambda: {c: [] for c in ("order_id", "user_id", "shop_id", "amount_won", "created_at")}
    )
    favorites: dict[str, list[Any]] = field(
        default_factory=lambda: {c: [] for c in ("user_id", "shop_id", "created_at")}
    )
    reviews: dict[str, list[Any]] = field(
        default_factory=lambda: {c: [] for c in ("review_id", "user_id", "shop_id", "rating", "comment", "created_at")}
    )
    _seen: set[tuple[str, ...]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.shops = ShopColumns(self.source)

    def take(self, sheet: str, row: SheetRow) -> None:
        """Map one row of one of the used sheets."""
        take = {
            "shop": self._shop, "shop_menu": self._menu, "user": self._user, "foodcard": self._card,
            "favorite": self._favorite, "product_order": self._order, "ticket": self._order, "review": self._review,
        }[sheet]  # fmt: skip
        take(row)

    def people_columns(self) -> dict[str, list[Any]]:
        """People as columns."""
        return {name: [row[name] for row in self.people.values()] for name in _PERSON}

    def _shop(self, row: SheetRow) -> None:
        shop_id = values.id_of(row.cell("id"))
        name = values.text_of(row.cell("name"))
        if shop_id is None or name is None:
            row.drop("id" if shop_id is None else "name", "가게 번호가 없음" if shop_id is None else "가게 이름이 없음")
            return
        if _shop_key(shop_id) in self.shops.index:
            row.drop("id", "같은 번호의 가게가 앞에 있음")
            return
        try:
            hours = values.hours_of(row.cell("open"), row.cell("close"))
        except values.BadValue as error:
            row.note("open", f"{error} (닫는 시각: {row.cell('close')})")
            hours = (None, None)
        card = row.value("meal_card", values.yes_no_of)
        known: YesNoUnknown = "unknown" if card is None else "yes" if card else "no"
        address = values.text_of(row.cell("address")) or ""
        self.shops.add_shop(
            _shop_key(shop_id),
            name,
            place=place_of(address),
            address=address,
            industry=values.text_of(row.cell("category")) or "",
            position=row.value("point", values.point_of),
            phone=row.value("phone", values.phone_of),
            hours=hours,
            pause=self._pause(row, hours),
            off_days=row.value("off_day", values.off_days_of) or 0,
            meal_card=known,
            good_shop=bool(row.value("good_shop", values.yes_no_of)),
            message=values.text_of(row.cell("message")),
        )

    def _pause(self, row: SheetRow, hours: tuple[int | None, int | None]) -> tuple[int | None, int | None]:
        try:
            start, end = values.hours_of(row.cell("break_start"), row.cell("break_end"))
        except values.BadValue as error:
            row.note("break_start", f"{error} (쉬는 시간 끝: {row.cell('break_end')})")
            return None, None
        if start is None or end is None or hours[0] is None or hours[1] is None:
            return None, None
        if not (hours[0] <= start < end <= hours[1]):
            row.note("break_start", "쉬는 시간이 영업시간 밖")
            return None, None
        return start, end

    def _menu(self, row: SheetRow) -> None:
        shop_id = self._known_shop(row)
        name = values.text_of(row.cell("name"))
        if shop_id is None:
            return
        if name is None:
            row.drop("name", "메뉴 이름이 없음")
            return
        if is_adult_item(name):
            self.drinks.setdefault(shop_id, []).append(name)
            row.drop("name", "술·담배는 아이에게 보이지 않으므로 메뉴에 담지 않음")
            return
        if odd := odd_text(name):
            row.drop("name", f"메뉴 이름으로 보이지 않아 담지 않음 ({odd})")
            return
        added = self.shops.add_menu(
            shop_id,
            name,
            row.value("price", values.price_of),
            description=values.text_of(row.cell("description")),
            is_best=bool(row.value("is_best", values.yes_no_of)),
            is_sold_out=bool(row.value("is_sold_out", values.yes_no_of)),
        )
        if not added:
            row.drop("name", "같은 가게에 같은 이름의 메뉴가 앞에 있음")

    def _user(self, row: SheetRow) -> None:
        user_id = values.id_of(row.cell("id"))
        if user_id is None:
            row.drop("id", "사용자 번호가 없음")
            return
        born = self._birth_month(row)
        place = place_of(values.text_of(row.cell("address")) or "")
        self.people.setdefault(self.pseudonyms.of(user_id), self._blank(self.pseudonyms.of(user_id))).update(
            birthday=born, district=place.district or None, city=place.city or None, province=place.province or None
        )

    def _birth_month(self, row: SheetRow) -> str | None:
        try:
            moment = values.epoch_of(row.cell("birthday"))
        except values.BadValue:
            moment = None
            if values.text_of(row.cell("birthday")):
                self.rejects.drop_value(
                    row.sheet, row.number, row.columns.get("birthday", ""), "(개인정보)", "생일을 읽을 수 없음"
                )
        if moment is None:
            return None
        if moment > self.now_ts or moment < self.now_ts - 120 * 366 * 86_400:
            self.rejects.drop_value(
                row.sheet, row.number, row.columns.get("birthday", ""), "(개인정보)", "생일이 있을 수 없는 날"
            )
            return None
        return datetime.fromtimestamp(moment, KST).strftime("%Y-%m-01")

    def _blank(self, pseudonym: str) -> dict[str, Any]:
        return {**dict.fromkeys(_PERSON), "user_id": pseudonym, "has_card": False, "source": self.source[:64]}

    def _card(self, row: SheetRow) -> None:
        user = self._known_user(row)
        if user is None:
            return
        status = values.text_of(row.cell("status")) or ""
        in_use = bool(_CARD_IN_USE.search(status)) and not _CARD_NOT_IN_USE.search(status)
        if status and not in_use and not _CARD_NOT_IN_USE.search(status):
            row.note("status", "카드 상태를 알 수 없어 쓰지 않는 카드로 담음")
        if in_use or not user["has_card"]:
            user["has_card"] = in_use
            user["card_balance_won"] = row.value("balance", values.price_of) if in_use else None
            user["card_monthly_limit_won"] = row.value("monthly_limit", values.price_of) if in_use else None

    def _favorite(self, row: SheetRow) -> None:
        keys = self._keys(row)
        if keys is None:
            return
        if self._again("favorite", keys[0], keys[1]):
            row.drop("shop_id", "같은 찜이 앞에 있음")
            return
        for column, value in zip(self.favorites, keys, strict=True):
            self.favorites[column].append(value)

    def _order(self, row: SheetRow) -> None:
        keys = self._keys(row, "used_at")
        if keys is None:
            return
        user_id, shop_id, moment = keys
        own_id = values.id_of(row.cell("id")) or f"{user_id}/{shop_id}/{moment}"
        if self._again(row.sheet, own_id):
            row.drop("id", "같은 번호의 주문이 앞에 있음")
            return
        amount = row.value("amount", values.price_of)
        made = (stable_number("order", row.sheet.lower(), own_id), user_id, shop_id, amount, moment)
        for column, value in zip(self.orders, made, strict=True):
            self.orders[column].append(value)

    def _review(self, row: SheetRow) -> None:
        shown = values.text_of(row.cell("rating"))
        try:
            rating = float(shown) if shown else None
        except ValueError:
            rating = None
        if rating is None or not 1 <= rating <= 5:
            row.drop("rating", "별점이 1~5가 아님")
            return
        keys = self._keys(row)
        if keys is None:
            return
        user_id, shop_id, moment = keys
        own_id = values.id_of(row.cell("id")) or f"{user_id}/{shop_id}/{moment}"
        if self._again("review", own_id):
            row.drop("id", "같은 번호의 후기가 앞에 있음")
            return
        comment = values.text_of(row.cell("comment")) if self.mask else None
        made = (
            stable_number("review", own_id), user_id, shop_id, rating,
            self.mask(comment) if self.mask and comment else None, moment,
        )  # fmt: skip
        for column, value in zip(self.reviews, made, strict=True):
            self.reviews[column].append(value)

    def _keys(self, row: SheetRow, *also: str) -> tuple[str, str, int] | None:
        """Who, where, when of an act; None (and a reject) when one is missing, unknown or in the future."""
        user = self._known_user(row)
        if user is None:
            return None
        shop_id = self._known_shop(row)
        if shop_id is None:
            return None
        for name in ("created_at", *also):
            try:
                moment = values.epoch_of(row.cell(name))
            except values.BadValue as error:
                row.drop(name, str(error))
                return None
            if moment is not None:
                if moment > self.now_ts:
                    row.drop(name, "앞으로의 날짜")
                    return None
                return str(user["user_id"]), shop_id, moment
        row.drop("created_at", "언제인지 없음")
        return None

    def _known_shop(self, row: SheetRow) -> str | None:
        shop_id = values.id_of(row.cell("shop_id"))
        if shop_id is None or _shop_key(shop_id) not in self.shops.index:
            row.drop("shop_id", "가게 번호가 없음" if shop_id is None else "shop 시트에 없는 가게 번호")
            return None
        return _shop_key(shop_id)

    def _known_user(self, row: SheetRow) -> dict[str, Any] | None:
        user_id = values.id_of(row.cell("user_id"))
        user = self.people.get(self.pseudonyms.of(user_id)) if user_id else None
        if user is None:
            row.drop("user_id", "사용자 번호가 없음" if user_id is None else "user 시트에 없는 사용자 번호", hide=True)
        return user

    def _again(self, *key: str) -> bool:
        if key in self._seen:
            return True
        self._seen.add(key)
        return False


def _shop_key(shop_id: str) -> str:
    return f"w-{shop_id}"[:64]
