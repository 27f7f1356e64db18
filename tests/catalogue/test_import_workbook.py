"""The service's workbook, with the mess such exports carry, into the store, without what names a person."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from aiyam.catalogue.importing import import_workbook
from aiyam.contracts import KST
from aiyam.errors import DataError
from aiyam.store import Store
from aiyam.store.columns import clear_catalogue, read_columns
from aiyam.store.schema import favorite, person, product_order, review, shop, shop_menu

NOW = datetime(2026, 3, 2, 12, tzinfo=KST)
SHOP = ["id", "shopName", "category", "addressName", "addressPoint", "contact", "openHour", "closeHour", "breakStartHour",
        "breakEndHour", "offDay", "isGoodInfluenceShop", "isFoodCardShop", "message"]  # fmt: skip
SHEETS: dict[str, list[list[Any]]] = {
    "notice": [["id", "title"], [1, "공지"]],
    "shop": [
        SHOP,
        [1, "맛나분식", "분식", "서울 관악구 신림로 1 (신림동)", "POINT(126.93 37.48)", "02-123-4567", "11:00", "2100", time(15), time(16), "매주 월요일", "Y", 1, "어서 와요"],
        ["2", "밤샘국밥", "한식", "서울 마포구 양화로 2", None, None, "24시간", None, None, None, "연중무휴", 0, "N", None],
        [3.0, "달빛치킨", "치킨", "서울 강서구 3", "0,0", "전화없음", datetime(2026, 1, 1, 17), "02:00", "01:00", "16:00", "격주 화요일", None, None, None],
        [4, None, "한식", "서울", None, None, None, None, None, None, None, None, None, None],
        [1, "또 맛나분식", "분식", "서울", None, None, None, None, None, None, None, None, None, None],
        [5, "청춘포차", "한식", "서울 관악구 5", "37.4,126.9", None, "언젠가", "10:00", None, None, "?", "글쎄", True, None],
    ],
    "shop_menu": [
        ["id", "shop_id", "name", "price", "description", "is_best", "is_sold_out", "discount_value", "category"],
        [1, "1", "떡볶이", "8,000원", "매콤", True, False, 0, "분식"],
        [2, 1, "순대", 4500, None, "N", "Y", 0, None],
        [3, 2, "소주", 5000, None, None, None, None, None],
        [4, 99, "유령메뉴", 1, None, None, None, None, None],
        [5, 2, "국밥", "싸요", None, None, None, None, None],
        [6, 1, "떡볶이", 9000, None, None, None, None, None],
    ],
    "user": [
        ["id", "nickname", "birthday", "currentAddress", "phone"],
        [10, "비밀별명하나", "2013-05-17", "서울특별시 관악구 신림로 99, 비밀아파트 101동", "010-1111-2222"],
        ["11", "비밀별명둘", 41000, "서울 마포구 비밀길 5", "010-3333-4444"],
        [12, "비밀별명셋", "언젠가", None, None],
        [None, "비밀별명넷", None, None, None],
    ],
    "foodcard": [
        ["user_id", "status", "balance", "monthly_limit"],
        ["10", "ACTIVE", "52,000원", 160000],
        [11, "분실", 1000, 1000],
        [99, "ACTIVE", 1, 1],
    ],
    "userfavorite": [["userId", "shopId", "createdAt"], [10, "1", "2026-01-05 10:00:00"], ["10", 1, "2026-01-06"], [10, 77, "2026-01-06"]],
    "product_order": [
        ["id", "user_id", "shop_id", "amount", "createdAt", "used_at"],
        [1, 10, 1, "8,000", datetime(2026, 2, 1, 12, 30), None],
        [2, 10, 2, 7000, "2026.02.02 18:00", None],
        [3, 10, 2, 7000, "2027-01-01", None],
        [4, 10, 2, 7000, "어제", None],
        [5, 10, 2, 7000, None, None],
    ],
    "ticket": [["id", "user_id", "shop_id", "amount", "createdAt", "used_at"], [1, "11", "3", 5000, None, "20260203"]],
    "review": [
        ["id", "userId", "store_id", "rating", "comment", "createdAt"],
        [1, 10, 1, 5, "맛있어요 제 번호는 010-9999-8888", "2026-02-03T10:00:00Z"],
        [2, 10, 2, 7, "너무 높음", "2026-02-03"],
        [3, 11, 3, "0", None, "2026-02-03"],
        [4, 11, 3, "4.5", None, 1770000000000],
    ],
}  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(f"sqlite:///{tmp_path}/store.db")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_book(tmp_path_factory.mktemp("book") / "sample_data.xlsx", SHEETS)


def write_book(path: Path, sheets: dict[str, list[list[Any]]]) -> Path:
    workbook = Workbook()
    workbook.remove(workbook.active)
    for title, rows in sheets.items():
        sheet = workbook.create_sheet(title)
        for row in rows:
            sheet.append(row)
    workbook.save(path)
    return path


def table(store: Store, which: Any, *names: str, order: str | None = None) -> list[tuple[Any, ...]]:
    return list(zip(*read_columns(store, which, names, order_by=[order] if order else []).values(), strict=True))


def rejects_of(path: str | None) -> list[dict[str, str]]:
    assert path is not None
    with Path(path).open(encoding="utf-8-sig", newline="") as handle:
        return list(csv.DictReader(handle))


def test_shops_come_with_hours_breaks_days_marks_and_positions(store: Store, book: Path) -> None:
    import_workbook(store, book, now=NOW)
    rows = table(
        store, shop, "shop_id", "name", "category", "open_min", "close_min", "break_start_min", "break_end_min", "off_days",
        "meal_card", "good_shop", "lat", "lon", "venue",
    )  # fmt: skip
    assert rows == [
        ("w-1", "맛나분식", "분식", 660, 1260, 900, 960, 1, "yes", True, 37.48, 126.93, "ok"),
        ("w-2", "밤샘국밥", "한식", 0, 1440, None, None, 0, "no", False, None, None, "ok"),
        ("w-3", "달빛치킨", "치킨", 1020, 1560, None, None, 0, "unknown", False, None, None, "ok"),
        ("w-5", "청춘포차", "한식", None, None, None, None, 0, "yes", False, 37.4, 126.9, "blocked"),
    ]


def test_menus_are_joined_over_ids_of_either_type_and_drinks_are_left_out(store: Store, book: Path) -> None:
    import_workbook(store, book, now=NOW)
    assert table(store, shop_menu, "shop_id", "name", "price_won", "is_best", "is_sold_out", order="name") == [
        ("w-2", "국밥", None, False, False),
        ("w-1", "떡볶이", 8000, True, False),
        ("w-1", "순대", 4500, False, True),
    ]


def test_people_are_pseudonyms_with_district_birth_month_and_card(store: Store, book: Path) -> None:
    report = import_workbook(store, book, now=NOW)
    assert report.users == 3
    people = table(store, person, "user_id", "label", "birthday", "district", "lat", "has_card", "card_balance_won")
    assert {row[1:] for row in people} == {
        ("", "2013-05-01", "관악구", None, True, 52_000),
        ("", "2012-04-01", "마포구", None, False, None),
        ("", None, None, None, False, None),
    }
    assert all(row[0].startswith("u-") and len(row[0]) == 18 for row in people)


def test_no_nickname_phone_or_address_of_a_person_reaches_the_disk(store: Store, book: Path, tmp_path: Path) -> None:
    import_workbook(
        store,
        book,
        now=NOW,
        rejects_dir=tmp_path / "rejects",
        mask=lambda text: text.replace("010-9999-8888", "[전화]"),
    )
    store.close()
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for secret in ("비밀별명", "비밀아파트", "비밀길", "010-1111-2222", "010-3333-4444", "010-9999-8888", "2013-05-17"):
        assert secret.encode() not in written, secret
    assert "맛있어요 제 번호는 [전화]".encode() in written


def test_comments_are_not_stored_without_a_mask(store: Store, book: Path) -> None:
    import_workbook(store, book, now=NOW)
    assert {row[0] for row in table(store, review, "comment")} == {None}


def test_orders_tickets_favourites_and_reviews_come_with_their_times(store: Store, book: Path) -> None:
    report = import_workbook(store, book, now=NOW)
    orders = table(store, product_order, "shop_id", "amount_won", "created_at", order="created_at")
    at = [int(datetime(2026, 2, *when, tzinfo=KST).timestamp()) for when in ((1, 12, 30), (2, 18), (3,))]
    assert orders == [("w-1", 8000, at[0]), ("w-2", 7000, at[1]), ("w-3", 5000, at[2])]
    assert len(table(store, favorite, "shop_id")) == 1
    assert sorted(table(store, review, "shop_id", "rating")) == [("w-1", 5.0), ("w-3", 4.5)]
    assert report.interactions == 6


def test_every_row_left_out_is_named_with_its_sheet_and_reason(store: Store, book: Path, tmp_path: Path) -> None:
    report = import_workbook(store, book, now=NOW, rejects_dir=tmp_path)
    rows = rejects_of(report.rejects_file)
    dropped = {(r["sheet"], r["row"]): r["reason"] for r in rows if "행은 담음" not in r["reason"]}
    assert set(dropped) == {
        ("shop", "5"), ("shop", "6"), ("shop_menu", "4"), ("shop_menu", "5"), ("shop_menu", "7"), ("user", "5"),
        ("foodcard", "4"), ("userfavorite", "3"), ("userfavorite", "4"), ("product_order", "4"), ("product_order", "5"),
        ("product_order", "6"), ("review", "3"), ("review", "4"),
    }  # fmt: skip
    assert dropped["product_order", "4"] == "앞으로의 날짜"
    assert dropped["review", "3"] == "별점이 1~5가 아님"
    assert report.rejected == len(dropped)
    kept = {(r["sheet"], r["row"], r["column"]) for r in rows if "행은 담음" in r["reason"]}
    assert ("shop", "4", "contact") in kept
    assert ("shop", "4", "offDay") in kept
    assert ("shop", "4", "breakStartHour") in kept
    assert ("shop_menu", "6", "price") in kept
    assert report.rows_read == sum(len(v) - 1 for k, v in SHEETS.items() if k != "notice")


def test_the_same_workbook_twice_adds_nothing_and_pseudonyms_outlive_a_replacement(store: Store, book: Path) -> None:
    import_workbook(store, book, now=NOW)
    tables = (shop, shop_menu, person, product_order, favorite, review)
    before = [table(store, t, *t.primary_key.columns.keys()) for t in tables]
    assert import_workbook(store, book, now=NOW).new_shops == 0
    assert [table(store, t, *t.primary_key.columns.keys()) for t in tables] == before
    import_workbook(store, book, now=NOW, replace=True)
    assert [table(store, t, *t.primary_key.columns.keys()) for t in tables] == before


def test_another_store_gives_the_same_person_another_pseudonym(store: Store, book: Path, tmp_path: Path) -> None:
    import_workbook(store, book, now=NOW)
    other = Store.open(f"sqlite:///{tmp_path}/other.db")
    import_workbook(other, book, now=NOW)
    assert not set(table(store, person, "user_id")) & set(table(other, person, "user_id"))
    other.close()


def test_a_workbook_without_a_shop_sheet_or_its_columns_is_refused(store: Store, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"sheet named shop.*got: 가게목록"):
        import_workbook(store, write_book(tmp_path / "a.xlsx", {"가게목록": [["id"], [1]]}))
    with pytest.raises(DataError, match=r"columns id, name in sheet 'shop'.*got: 번호"):
        import_workbook(store, write_book(tmp_path / "b.xlsx", {"shop": [["번호", "상호"], [1, "가"]]}))
    with pytest.raises(DataError, match="none of its rows"):
        import_workbook(store, write_book(tmp_path / "c.xlsx", {"shop": [SHOP, [None] * 13 + ["말만 있음"]]}))
    with pytest.raises(DataError, match="no sheet with a header"):
        import_workbook(store, write_book(tmp_path / "d.xlsx", {"shop": []}))


def test_a_truncated_workbook_is_refused_and_changes_nothing(store: Store, book: Path, tmp_path: Path) -> None:
    import_workbook(store, book, now=NOW)
    before = table(store, shop, "shop_id", "name")
    whole = book.read_bytes()
    for cut in (10, len(whole) // 2, len(whole) - 30):
        path = tmp_path / f"cut{cut}.xlsx"
        path.write_bytes(whole[:cut])
        with pytest.raises(DataError, match=r"Expected a workbook|Expected readable cells"):
            import_workbook(store, path, replace=True, now=NOW)
    assert table(store, shop, "shop_id", "name") == before


def test_shops_without_menus_hours_or_position_are_kept(store: Store, tmp_path: Path) -> None:
    book = write_book(
        tmp_path / "bare.xlsx", {"shop": [["id", "shopName", "openHour"], [1, "맛나분식", timedelta(hours=9)]]}
    )
    report = import_workbook(store, book, now=NOW)
    assert (report.shops, report.menus, report.users, report.rejected) == (1, 0, 0, 0)
    assert table(store, shop, "name", "open_min", "lat", "meal_card") == [("맛나분식", None, None, "unknown")]


def test_clearing_the_catalogue_leaves_no_people_behind(store: Store, book: Path) -> None:
    import_workbook(store, book, now=NOW)
    clear_catalogue(store)
    assert table(store, person, "user_id") == []
