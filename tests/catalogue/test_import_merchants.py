"""Merchant lists as they come: encodings, delimiters, headers, blemishes, and files that are no list at all."""

from __future__ import annotations

import csv
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import event

from aiyam.catalogue.importing import import_file, import_merchants
from aiyam.catalogue.importing.addresses import place_of
from aiyam.errors import DataError
from aiyam.store import Store
from aiyam.store.columns import get_fact, insert_columns, read_columns, set_fact
from aiyam.store.schema import shop, shop_menu

SEOUL = "상호명,전화번호,가맹점등록번호,주소"
ROWS = (
    '김밥천국 신림점,02-123-4567,0001,"서울특별시 관악구 신림로 12, 1층 (신림동)"',
    "또와치킨,0233334444,0002,서울 마포구 양화로 3",
    "신림 호프,02-1-1,0003,서울특별시 관악구 신림로 14",
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(f"sqlite:///{tmp_path}/store.db")
    yield opened
    opened.close()


def write(folder: Path, text: str, encoding: str = "utf-8", name: str = "list.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def shops_of(store: Store, *names: str) -> list[tuple[object, ...]]:
    columns = read_columns(store, shop, names, order_by=["name"])
    return list(zip(*columns.values(), strict=True))


def rejects_of(path: str | None) -> list[dict[str, str]]:
    assert path is not None
    with Path(path).open(encoding="utf-8-sig", newline="") as handle:
        return list(csv.DictReader(handle))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
def test_every_encoding_and_delimiter_gives_the_same_shops(
    store: Store, tmp_path: Path, encoding: str, delimiter: str
) -> None:
    cells = list(csv.reader([SEOUL, *ROWS]))
    text = "\n".join(delimiter.join(f'"{c}"' if delimiter in c else c for c in row) for row in cells)
    report = import_merchants(store, write(tmp_path, text, encoding))
    assert (report.shops, report.new_shops, report.rejected) == (3, 3, 0)
    assert shops_of(store, "name", "district", "dong", "phone", "meal_card") == [
        ("김밥천국 신림점", "관악구", "신림동", "02-123-4567", "yes"),
        ("또와치킨", "마포구", "", "02-3333-4444", "yes"),
        ("신림 호프", "관악구", "", None, "yes"),
    ]


def test_category_and_venue_are_decided_and_a_bar_is_held_back(store: Store, tmp_path: Path) -> None:
    report = import_merchants(store, write(tmp_path, "\n".join([SEOUL, *ROWS])))
    found = {name: (category, venue) for name, category, venue in shops_of(store, "name", "category", "venue")}
    assert found["김밥천국 신림점"] == ("분식", "ok")
    assert found["또와치킨"] == ("치킨", "ok")
    assert found["신림 호프"][1] == "blocked"
    assert report.flagged_venues == 1


def test_a_shop_nothing_speaks_for_waits_for_a_person(store: Store, tmp_path: Path) -> None:
    import_merchants(store, write(tmp_path, f"{SEOUL}\n봄날,02-123-4567,9,서울 관악구 신림로 1\n"))
    assert shops_of(store, "category", "category_confidence", "venue") == [("기타", 0.0, "review")]


def test_the_same_file_twice_adds_nothing_and_keeps_the_fingerprint(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path, "\n".join([SEOUL, *ROWS]))
    import_merchants(store, path)
    before = (shops_of(store, "shop_id", "name"), get_fact(store, "fingerprint"))
    again = import_merchants(store, path)
    assert (again.shops, again.new_shops) == (3, 0)
    assert (shops_of(store, "shop_id", "name"), get_fact(store, "fingerprint")) == before


def test_a_changed_list_updates_its_shops_and_changes_the_fingerprint(store: Store, tmp_path: Path) -> None:
    import_merchants(store, write(tmp_path, "\n".join([SEOUL, *ROWS])))
    before = get_fact(store, "fingerprint")
    report = import_merchants(
        store, write(tmp_path, "\n".join([SEOUL, *ROWS]).replace("양화로 3", "양화로 5"), name="b.csv")
    )
    assert report.new_shops == 0
    assert ("또와치킨", "서울 마포구 양화로 5") in shops_of(store, "name", "address")
    assert get_fact(store, "fingerprint") != before


def test_national_columns_give_positions_and_trades(store: Store, tmp_path: Path) -> None:
    text = (
        "가맹점명,가맹점유형,업종명,시도명,시군구명,소재지도로명주소,위도,경도,전화번호\n"
        "봄날,일반가맹점,중식,강원도,춘천시,강원특별자치도춘천시 공지로 450 (석사동),37.87,127.73,0332504757\n"
        "가을날,일반가맹점,한식,강원도,춘천시,공지로 451,127.73,37.87,\n"
        "겨울날,일반가맹점,한식,강원도,춘천시,공지로 452,95.1,200,\n"
        "여름날,일반가맹점,정육점,강원도,춘천시,공지로 453,0,0,\n"
    )
    report = import_merchants(store, write(tmp_path, text))
    rows = shops_of(store, "name", "category", "province", "city", "district", "dong", "lat", "lon", "venue")
    place = ("강원특별자치도", "춘천시", "춘천시")
    assert rows == [
        ("가을날", "한식", *place, "", 37.87, 127.73, "ok"),
        ("겨울날", "한식", *place, "", None, None, "ok"),
        ("봄날", "중식", *place, "석사동", 37.87, 127.73, "ok"),
        ("여름날", "기타", *place, "", None, None, "review"),
    ]
    assert report.repaired == 2
    assert [(r["row"], r["column"]) for r in rejects_of(report.rejects_file)] == [("4", "위도")]


def test_bad_rows_are_left_out_and_named_with_row_column_value_and_reason(store: Store, tmp_path: Path) -> None:
    text = "\n".join(
        [
            SEOUL,
            *ROWS,
            ",02-123-4567,0004,서울 관악구 1",
            "없음,,0005,서울",
            f"{'가' * 300},,0006,서울",
            "이름뿐인가게,,,",
            ROWS[0],
        ]
    )
    report = import_merchants(store, write(tmp_path, text), rejects_dir=tmp_path / "out")
    rows = rejects_of(report.rejects_file)
    assert report.rows_read == 8
    assert report.shops + report.rejected == report.rows_read
    dropped = [(r["row"], r["column"]) for r in rows if "행은 담음" not in r["reason"]]
    assert dropped == [("5", "상호명"), ("6", "상호명"), ("7", "상호명"), ("8", "상호명"), ("9", "상호명")]
    assert any(r["column"] == "전화번호" and r["value"] == "02-1-1" and "행은 담음" in r["reason"] for r in rows)
    assert all(r["reason"] and r["sheet"] == "list.csv" for r in rows)


def test_an_unquoted_comma_in_an_address_is_put_right(store: Store, tmp_path: Path) -> None:
    text = "상호명,주소,전화번호\n맛나분식,서울 관악구 신림로 12, 1층 (신림동),02-123-4567\n끊긴식당,서울 관악구 신림로 13\n"
    report = import_merchants(store, write(tmp_path, text))
    assert shops_of(store, "name", "address", "phone") == [
        ("끊긴식당", "서울 관악구 신림로 13", None),
        ("맛나분식", "서울 관악구 신림로 12, 1층 (신림동)", "02-123-4567"),
    ]
    assert (report.rejected, report.repaired) == (0, 2)


def test_one_number_on_two_shops_does_not_merge_them(store: Store, tmp_path: Path) -> None:
    text = f"{SEOUL}\n맛나분식,,77,서울 관악구 1\n또와분식,,77,서울 마포구 2\n"
    assert import_merchants(store, write(tmp_path, text)).shops == 2


def test_leading_zeros_of_registration_numbers_are_kept_apart(store: Store, tmp_path: Path) -> None:
    text = f"{SEOUL}\n맛나분식,,0012,서울 관악구 1\n또와분식,,12,서울 마포구 2\n"
    import_merchants(store, write(tmp_path, text))
    ids = [row[0] for row in shops_of(store, "shop_id")]
    again = import_merchants(store, write(tmp_path, text))
    assert again.new_shops == 0
    assert len(set(ids)) == 2


def test_a_json_list_gives_menus_and_drinks_are_not_stored_as_menus(store: Store, tmp_path: Path) -> None:
    items = [
        {"id": 1, "category": "일식", "name": "동명", "menu": "등심카츠", "price": 6900, "address": "서울특별시 구로구 경인로47길 6", "latitude": 37.5, "longitude": 126.8},
        {"id": 2, "category": "한식_일반", "name": "골목식당", "menu": "소주", "price": "5천원", "address": "서울 구로구 2", "latitude": None, "longitude": None},
        {"id": 3, "category": "이미용업", "name": "수정", "menu": "커트", "price": "싸게", "address": "서울 구로구 3"},
        "글자뿐",
    ]  # fmt: skip
    report = import_file(store, write(tmp_path, json.dumps(items, ensure_ascii=False), name="good.json"))
    menus = read_columns(store, shop_menu, ["name", "price_won"], order_by=["name"])
    assert menus == {"name": ["등심카츠", "커트"], "price_won": [6900, None]}
    assert shops_of(store, "name", "venue", "meal_card") == [
        ("골목식당", "blocked", "unknown"),
        ("동명", "ok", "unknown"),
        ("수정", "review", "unknown"),
    ]
    assert {r["value"] for r in rejects_of(report.rejects_file)} == {"소주", "싸게", ""}


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("empty.csv", b"", "empty file"),
        ("blank.csv", b"\n \n", "empty file"),
        ("plain.csv", "그냥 글\n또 글\n".encode(), "plain lines"),
        ("other.csv", "날짜,기온\n2026-01-01,3\n".encode(), "got the columns: 날짜, 기온"),
        ("nameless.csv", "주소,전화번호\n서울,02-1\n".encode(), "shop name"),
        ("image.csv", b"\x89PNG\r\n\x1a\n\x00\x00\xff\xfe\x81\x00", "neither"),
        ("header.csv", f"{SEOUL}\n".encode(), "none of its 0 rows"),
        ("allbad.csv", f"{SEOUL}\n,,1,서울\n,,2,서울\n".encode(), "none of its 2 rows"),
        ("broken.json", b'[{"name": ', "Expected JSON"),
        ("numbers.json", b"[1, 2, 3]", "list of objects"),
        ("book.csv", b"PK\x03\x04rest", "workbook"),
        ("book.xlsx", b"not a workbook", "workbook"),
    ],
)
def test_a_file_that_is_no_list_is_refused_with_what_was_expected_and_changes_nothing(
    store: Store, tmp_path: Path, name: str, data: bytes, says: str
) -> None:
    insert_columns(
        store, shop, {"shop_id": ["s-1"], "name": ["먼저 있던 가게"], "category": ["한식"], "source": ["test"]}
    )
    set_fact(store, "fingerprint", "before")
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(DataError, match=says) as refused:
        import_file(store, path, replace=True)
    assert "Expected" in refused.value.message
    assert refused.value.hint
    assert shops_of(store, "shop_id") == [("s-1",)]
    assert get_fact(store, "fingerprint") == "before"


def test_a_missing_file_is_refused(store: Store, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere"):
        import_file(store, tmp_path / "nowhere.csv")


def test_a_disk_that_fills_up_mid_way_leaves_the_store_as_it_was(store: Store, tmp_path: Path) -> None:
    import_merchants(store, write(tmp_path, "\n".join([SEOUL, *ROWS])))
    before = (shops_of(store, "shop_id", "name"), get_fact(store, "fingerprint"))
    many = "\n".join([SEOUL, *(f"맛나분식 {i}호점,,N{i},서울 관악구 신림로 {i}" for i in range(3000))])

    # Pages the file may not grow beyond: what SQLite reports is what a full disk gives.
    @event.listens_for(store.engine, "checkout")
    def _full(connection: sqlite3.Connection, *_: object) -> None:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count={pages + 5}")

    with pytest.raises(DataError, match=r"full.*Nothing was changed"):
        import_merchants(store, write(tmp_path, many, name="many.csv"), replace=True)
    event.remove(store.engine, "checkout", _full)
    assert (shops_of(store, "shop_id", "name"), get_fact(store, "fingerprint")) == before


def test_replacing_empties_the_catalogue_and_adding_to_a_city_marks_it_mixed(store: Store, tmp_path: Path) -> None:
    insert_columns(
        store, shop, {"shop_id": ["s-1"], "name": ["지어낸 가게"], "category": ["한식"], "source": ["synthetic"]}
    )
    set_fact(store, "synthetic", "true")
    set_fact(store, "fingerprint", "city")
    path = write(tmp_path, "\n".join([SEOUL, *ROWS]))
    import_merchants(store, path)
    assert get_fact(store, "synthetic") == "mixed"
    assert len(shops_of(store, "shop_id")) == 4
    import_merchants(store, path, replace=True)
    assert get_fact(store, "synthetic") == "false"
    assert get_fact(store, "catalogue_source") == "list.csv"
    assert len(shops_of(store, "shop_id")) == 3


def test_cells_that_look_like_formulas_are_inert_in_the_rejects_file(store: Store, tmp_path: Path) -> None:
    text = f"{SEOUL}\n맛나분식,=HYPERLINK(1),1,서울 관악구 1\n"
    report = import_merchants(store, write(tmp_path, text))
    assert rejects_of(report.rejects_file)[0]["value"].startswith("'=")


def test_the_staging_file_can_be_kept_for_a_look_by_hand(store: Store, tmp_path: Path) -> None:
    kept = tmp_path / "staging.db"
    import_merchants(store, write(tmp_path, "\n".join([SEOUL, *ROWS])), keep_staging=kept)
    from sqlite_utils import Database

    rows = list(Database(kept)["sheet_0"].rows)
    assert [row["가맹점등록번호"] for row in rows] == ["0001", "0002", "0003"]


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("서울특별시 관악구 신림로 12 (신림동)", ("서울특별시", "서울특별시", "관악구", "신림동")),
        ("서울 중구 을지로1가 12", ("서울특별시", "서울특별시", "중구", "")),
        ("강원특별자치도춘천시 신북읍 신샘밭로 712", ("강원특별자치도", "춘천시", "춘천시", "신북읍")),
        ("경기도 수원시 영통구 매영로 1 (매탄동)", ("경기도", "수원시", "영통구", "매탄동")),
        ("경기 광주시 오포읍 1", ("경기도", "광주시", "광주시", "오포읍")),
        ("광주시 북구 1", ("광주광역시", "광주광역시", "북구", "")),
        ("부산 기장군 기장읍 1", ("부산광역시", "부산광역시", "기장군", "기장읍")),
        ("충남 홍성군 홍북읍 1", ("충청남도", "홍성군", "홍성군", "홍북읍")),
        ("세종특별자치시 한누리대로 1 (나성동)", ("세종특별자치시", "세종특별자치시", "세종특별자치시", "나성동")),
        ("제주시 일도이동 12", ("", "제주시", "제주시", "일도이동")),
        ("달구벌대로 1", ("", "", "", "")),
        ("", ("", "", "", "")),
    ],
)  # fmt: skip
def test_addresses_of_the_whole_country_are_split_and_nothing_is_made_up(
    address: str, expected: tuple[str, ...]
) -> None:
    assert tuple(place_of(address)) == expected
