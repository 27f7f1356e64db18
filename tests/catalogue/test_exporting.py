"""Shops and menus out of the store: for spreadsheets and for programs, and nothing about people."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from aiyam.catalogue.exporting import export_catalogue
from aiyam.catalogue.importing import import_merchants
from aiyam.errors import DataError
from aiyam.store import Store
from aiyam.store.columns import insert_columns
from aiyam.store.schema import person, shop_menu


@pytest.fixture
def store(tmp_path: Path) -> Store:
    path = tmp_path / "list.csv"
    path.write_text(
        "상호명,주소,전화번호\n맛나분식,서울 관악구 신림로 1,02-123-4567\n=위험분식,서울 관악구 2,\n", encoding="utf-8"
    )
    store = Store.open(f"sqlite:///{tmp_path}/store.db")
    import_merchants(store, path)
    insert_columns(store, person, {"user_id": ["u-비밀"], "label": ["비밀이름"], "source": ["test"]})
    return store


def test_shops_and_menus_are_written_for_excel_and_as_json_lines(store: Store, tmp_path: Path) -> None:
    with store.reading() as connection:
        (shop_id,) = connection.exec_driver_sql("SELECT shop_id FROM shop WHERE name = '맛나분식'").one()
    insert_columns(store, shop_menu, {"menu_id": [1], "shop_id": [shop_id], "name": ["떡볶이"], "price_won": [4000]})
    written = export_catalogue(store, tmp_path / "out")
    assert {path.name: rows for path, rows in written.items()} == {
        "shops.csv": 2, "shops.jsonl": 2, "menus.csv": 1, "menus.jsonl": 1,
    }  # fmt: skip
    assert (tmp_path / "out" / "shops.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    with (tmp_path / "out" / "shops.csv").open(encoding="utf-8-sig", newline="") as handle:
        rows = {row["name"]: row for row in csv.DictReader(handle)}
    assert set(rows) == {"맛나분식", "'=위험분식"}
    assert rows["맛나분식"]["synthetic"] == "false"
    lines = [json.loads(line) for line in (tmp_path / "out" / "shops.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {line["name"] for line in lines} == {"맛나분식", "=위험분식"}
    menu = json.loads((tmp_path / "out" / "menus.jsonl").read_text(encoding="utf-8"))
    assert (menu["name"], menu["price_won"], menu["shop_id"]) == ("떡볶이", 4000, shop_id)


def test_an_export_says_nothing_about_people(store: Store, tmp_path: Path) -> None:
    export_catalogue(store, tmp_path / "out")
    text = "".join(path.read_text(encoding="utf-8") for path in (tmp_path / "out").iterdir())
    assert "비밀" not in text


def test_what_was_exported_can_be_imported_again(store: Store, tmp_path: Path) -> None:
    export_catalogue(store, tmp_path / "out")
    other = Store.open(f"sqlite:///{tmp_path}/other.db")
    assert import_merchants(other, tmp_path / "out" / "shops.csv").shops == 2


def test_a_folder_that_cannot_be_written_is_named(store: Store, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match="file"):
        export_catalogue(store, tmp_path / "file" / "out")
