"""Public merchant lists (Seoul, the national standard, good-price shops; CSV or JSON) into the store."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from aiyam.catalogue.importing import values
from aiyam.catalogue.importing.addresses import place_of
from aiyam.catalogue.importing.finishing import commit
from aiyam.catalogue.importing.headers import is_meal_card_list, merchant_columns
from aiyam.catalogue.importing.reading import read_list
from aiyam.catalogue.importing.rejects import Rejects
from aiyam.catalogue.importing.shop_columns import MAX_NAME_CHARS, ShopColumns, stable_number
from aiyam.catalogue.importing.staging import EXTRA, ROW, SHORT, Staging
from aiyam.catalogue.odd_text import odd_text
from aiyam.catalogue.venues import is_adult_item
from aiyam.contracts import ImportReport, Progress, YesNoUnknown
from aiyam.errors import DataError
from aiyam.store import Store
from aiyam.store.schema import shop, shop_menu

T = TypeVar("T")
_HAS_LETTER = re.compile(r"[0-9A-Za-z가-힣一-鿿]")


def import_merchants(
    store: Store,
    path: Path,
    *,
    replace: bool = False,
    rejects_dir: Path | None = None,
    meal_card: YesNoUnknown | None = None,
    keep_staging: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> ImportReport:
    """Import a merchant list; the same file twice adds nothing.

    Args:
        replace: put the list in place of the catalogue that is there; else add to it.
        rejects_dir: folder of the rejects file; None is the folder of ``path``.
        meal_card: whether the list's shops accept the card; None is "yes" for a 가맹점 list, else "unknown".
        keep_staging: keep the rows as they came in this SQLite file, for a look by hand.

    Raises:
        DataError: not such a list, no usable row, or the store refused; the store is then unchanged.
    """
    began = time.perf_counter()
    path = Path(path)
    tell = progress or (lambda _: None)
    tell(Progress(stage="read", fraction=0.0, message=path.name))
    sheet = read_list(path)
    fields = merchant_columns(sheet.header, path.name)
    card: YesNoUnknown = meal_card or ("yes" if is_meal_card_list(sheet.header) else "unknown")
    rejects = Rejects()
    columns = ShopColumns(path.name)
    with Staging.opened(keep_staging) as staging:
        staged = staging.add(sheet)
        tell(Progress(stage="map", fraction=0.3, message=f"{staged.n_rows:,} rows"))
        reader = _Reader(fields, sheet.name, card, rejects, columns)
        for row in staging.rows(staged):
            reader.take(row)
    columns.decide(reader.drinks)
    where = rejects.write(rejects_dir or path.parent, path.stem)
    if not len(columns):
        raise DataError(
            f"Expected shops in {path.name}, but none of its {staged.n_rows:,} rows could be used.",
            hint=f"See {where} for the reasons." if where else "The file has a header and nothing else.",
        )
    tell(Progress(stage="write", fraction=0.8, message=f"{len(columns):,} shops"))
    tables: list[Any] = [(shop, columns.shops), (shop_menu, columns.menus)]
    grown = commit(store, path.name, [t for t in tables if next(iter(t[1].values()))], replace=replace)
    tell(Progress(stage="done", fraction=1.0))
    return ImportReport(
        source=path.name,
        rows_read=staged.n_rows,
        shops=len(columns),
        menus=len(columns.menus["menu_id"]),
        new_shops=grown.get("shop", 0),
        flagged_venues=columns.n_flagged,
        rejected=rejects.n_rows,
        repaired=rejects.n_repaired,
        rejects_file=str(where) if where else None,
        seconds=round(time.perf_counter() - began, 3),
    )


class _Reader:
    """Turns staged rows into shops; what cannot be read goes to ``rejects``."""

    def __init__(
        self, fields: dict[str, str], sheet: str, card: YesNoUnknown, rejects: Rejects, columns: ShopColumns
    ) -> None:
        self.fields = fields
        self.sheet = sheet
        self.card = card
        self.rejects = rejects
        self.columns = columns
        self.drinks: dict[str, list[str]] = {}
        self._first_row: dict[str, int] = {}
        self._words: dict[str, str] = {}

    def take(self, row: dict[str, Any]) -> None:
        """Read one row."""
        number = int(row[ROW])
        row = self._mended(row, number)
        name = values.text_of(self._cell(row, "name"))
        if name is None or not _HAS_LETTER.search(name):
            self.rejects.drop_row(self.sheet, number, self.fields["name"], self._cell(row, "name"), "가게 이름이 없음")
            return
        if len(name) > MAX_NAME_CHARS:
            self.rejects.drop_row(
                self.sheet,
                number,
                self.fields["name"],
                name,
                f"가게 이름이 {MAX_NAME_CHARS}자보다 김: 칸이 어긋난 행으로 보임",
            )
            return
        address = values.text_of(self._cell(row, "address")) or values.text_of(self._cell(row, "lot_address")) or ""
        phone = self._value(row, number, "phone", values.phone_of)
        registration = values.text_of(self._cell(row, "registration"))
        if not address and registration is None and phone is None:
            self.rejects.drop_row(
                self.sheet,
                number,
                self.fields["name"],
                name,
                "주소도 등록번호도 전화번호도 없어 어느 가게인지 알 수 없음",
            )
            return
        by_words = _id_of_words(name, address or phone or "")
        shop_id = _id_of_number(registration) if registration else by_words
        if self._words.setdefault(shop_id, by_words) != by_words:
            shop_id = by_words  # one number on two shops: a chain's head office, or a column that is no shop number
            self.rejects.repaired(self.sheet, number)
        if shop_id in self._first_row:
            first = self._first_row[shop_id]
            self.rejects.drop_row(self.sheet, number, self.fields["name"], name, f"같은 가게가 {first}행에 이미 있음")
            return
        self._first_row[shop_id] = number
        place = place_of(
            address,
            values.text_of(self._cell(row, "province")) or "",
            values.text_of(self._cell(row, "city")) or "",
        )
        industry = values.text_of(self._cell(row, "industry")) or values.text_of(self._cell(row, "kind")) or ""
        self.columns.add_shop(
            shop_id,
            name,
            place=place,
            address=address,
            industry=industry,
            position=self._position(row, number),
            phone=phone,
            hours=self._hours(row, number),
            off_days=self._value(row, number, "off_day", values.off_days_of) or 0,
            meal_card=self.card,
        )
        self._menus(row, number, shop_id)

    def _cell(self, row: dict[str, Any], field: str) -> Any:
        column = self.fields.get(field)
        return None if column is None else row.get(column)

    def _value(self, row: dict[str, Any], number: int, field: str, read: Callable[[Any], T | None]) -> T | None:
        try:
            return read(self._cell(row, field))
        except values.BadValue as error:
            self.rejects.drop_value(self.sheet, number, self.fields[field], self._cell(row, field), str(error))
            return None

    def _mended(self, row: dict[str, Any], number: int) -> dict[str, Any]:
        """Put a row right that an unquoted comma in its address has shifted; note one that ends early."""
        if row[SHORT]:
            self.rejects.repaired(self.sheet, number)
        if not row[EXTRA] or "address" not in self.fields:
            return row
        extra = row[EXTRA].split("\x1f")
        header = [column for column in row if column not in (ROW, EXTRA, SHORT)]
        cells = [row[column] for column in header] + extra
        at = header.index(self.fields["address"])
        joined = ", ".join(str(cell).strip() for cell in cells[at : at + len(extra) + 1])
        mended = {**row, **dict(zip(header, [*cells[:at], joined, *cells[at + len(extra) + 1 :]], strict=True))}
        try:
            values.phone_of(self._cell(mended, "phone"))
            values.position_of(self._cell(mended, "lat"), self._cell(mended, "lon"))
        except values.BadValue:
            self.rejects.drop_value(self.sheet, number, "", row[EXTRA].replace("\x1f", ","), "머리글보다 칸이 많음")
            return row
        self.rejects.repaired(self.sheet, number)
        return mended

    def _position(self, row: dict[str, Any], number: int) -> tuple[float, float] | None:
        lat, lon = self._cell(row, "lat"), self._cell(row, "lon")
        try:
            position = values.position_of(lat, lon)
        except values.BadValue as error:
            self.rejects.drop_value(self.sheet, number, self.fields.get("lat", ""), f"{lat},{lon}", str(error))
            return None
        if position and abs(position[0] - float(lat)) > 1:
            self.rejects.repaired(self.sheet, number)
        return position

    def _hours(self, row: dict[str, Any], number: int) -> tuple[int | None, int | None]:
        for first, last in (("hours", "hours"), ("weekday_open", "weekday_close")):
            if first not in self.fields:
                continue
            opens = self._cell(row, first)
            closes = None if first == last else self._cell(row, last)
            try:
                return values.hours_of(opens, closes)
            except values.BadValue as error:
                self.rejects.drop_value(self.sheet, number, self.fields[first], opens, str(error))
        return None, None

    def _menus(self, row: dict[str, Any], number: int, shop_id: str) -> None:
        for i in range(1, 5):
            item = values.text_of(self._cell(row, f"menu{i}"))
            if item is None:
                continue
            if is_adult_item(item):
                self.drinks.setdefault(shop_id, []).append(item)
                self.rejects.drop_value(
                    self.sheet,
                    number,
                    self.fields[f"menu{i}"],
                    item,
                    "술·담배는 아이에게 보이지 않으므로 메뉴에 담지 않음",
                )
                continue
            if odd := odd_text(item):
                why = f"메뉴 이름으로 보이지 않아 담지 않음 ({odd})"
                self.rejects.drop_value(self.sheet, number, self.fields[f"menu{i}"], item, why)
                continue
            price = self._value(row, number, f"price{i}", values.price_of)
            self.columns.add_menu(shop_id, item, price)


def _id_of_number(registration: str) -> str:
    return f"m-{stable_number('registration', registration):015x}"


def _id_of_words(name: str, address: str) -> str:
    squashed = re.sub(r"[\s,.()]", "", f"{name}\x1f{address}").lower()
    return f"m-{stable_number('merchant', squashed):015x}"
