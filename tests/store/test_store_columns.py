"""Bulk columns, people, aliases and maintenance."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from sample_traces import fill

from aiyam.errors import Conflict, InvalidInput, StoreError
from aiyam.store import Store, schema
from aiyam.store.aliases import alias_of, history, production_versions, set_alias
from aiyam.store.columns import clear_catalogue, count_rows, get_fact, insert_columns, read_columns, set_fact
from aiyam.store.conversations import count_turns
from aiyam.store.maintenance import backup, check, search, tables, vacuum
from aiyam.store.people import get_profile, list_profiles


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(f"sqlite:///{tmp_path / 'aiyam.db'}")
    yield opened
    opened.close()


def add_shops(store: Store, *names: str, **more: object) -> None:
    n = len(names)
    columns = {
        "shop_id": [f"s-{i}" for i in range(n)],
        "name": list(names),
        "category": ["분식"] * n,
        "source": ["t"] * n,
    }
    insert_columns(store, schema.shop, columns | more)  # type: ignore[arg-type]


def test_arrays_and_lists_come_back_as_plain_values_with_none_for_missing(store: Store) -> None:
    add_shops(
        store, "가", "나", "다",
        lat=np.array([37.5, np.nan, 37.6], dtype=np.float32), open_min=np.array([600, np.nan, 660.0]),
        good_shop=np.array([1, 0, 1]), delivery=[np.bool_(True), False, 1], phone=[None, "02-123-4567", float("nan")],
        close_min=[np.int64(1260), None, 1500],
    )  # fmt: skip
    found = read_columns(
        store, schema.shop, ["lat", "open_min", "good_shop", "delivery", "phone", "close_min", "off_days"]
    )
    assert found["lat"] == [37.5, None, pytest.approx(37.6, abs=1e-5)]
    assert found["open_min"] == [600, None, 660]
    assert found["good_shop"] == [True, False, True]
    assert found["delivery"] == [True, False, True]
    assert found["phone"] == [None, "02-123-4567", None]
    assert found["close_min"] == [1260, None, 1500]
    assert found["off_days"] == [0, 0, 0]
    assert all(type(v) in (int, float, bool, str, type(None)) for values in found.values() for v in values)


def test_columns_left_out_get_the_defaults_of_the_schema(store: Store) -> None:
    add_shops(store, "가")
    found = read_columns(
        store, schema.shop, ["meal_card", "venue", "category_confidence", "good_shop", "address", "lat"]
    )
    assert found == {
        "meal_card": ["unknown"], "venue": ["ok"], "category_confidence": [1.0], "good_shop": [False],
        "address": [""], "lat": [None],
    }  # fmt: skip


def test_nothing_is_kept_when_one_row_of_many_is_refused(store: Store) -> None:
    with pytest.raises(Conflict):
        insert_columns(
            store,
            schema.shop,
            {"shop_id": ["a", "b", "a"], "name": ["가"] * 3, "category": ["분식"] * 3, "source": ["t"] * 3},
        )
    assert count_rows(store, schema.shop) == 0


def test_replace_overwrites_the_columns_given_and_keeps_menus_and_the_rest(store: Store) -> None:
    add_shops(store, "가", phone=["02"])
    insert_columns(store, schema.shop_menu, {"shop_id": ["s-0"], "name": ["김밥"], "price_won": [3000]})
    with pytest.raises(Conflict):
        add_shops(store, "새 이름")
    columns = {"shop_id": ["s-0"], "name": ["새 이름"], "category": ["한식"], "source": ["t"]}
    assert insert_columns(store, schema.shop, columns, replace=True) == 1
    assert read_columns(store, schema.shop, ["name", "category", "phone"]) == {
        "name": ["새 이름"], "category": ["한식"], "phone": ["02"],
    }  # fmt: skip
    assert count_rows(store, schema.shop_menu) == 1


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"shop_id": ["a"], "nmae": ["b"]}, "nmae"),
        ({"shop_id": ["a", "b"], "name": ["c"]}, "one length"),
        ({"shop_id": ["a"], "name": [5]}, "shop.name"),
        ({"shop_id": ["a"], "open_min": [10.5]}, "whole number"),
        ({"shop_id": ["a"], "lat": ["north"]}, "shop.lat"),
    ],
)
def test_columns_that_do_not_fit_are_named(store: Store, columns: dict[str, list[object]], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        insert_columns(store, schema.shop, columns)


def test_a_menu_of_no_shop_is_refused(store: Store) -> None:
    with pytest.raises(Conflict):
        insert_columns(store, schema.shop_menu, {"shop_id": ["s-none"], "name": ["김밥"]})


def test_no_rows_is_no_error(store: Store) -> None:
    assert insert_columns(store, schema.shop, {"shop_id": [], "name": np.array([], dtype=str)}) == 0
    assert read_columns(store, schema.shop, ["shop_id", "lat"]) == {"shop_id": [], "lat": []}
    with pytest.raises(InvalidInput):
        read_columns(store, schema.shop, ["nope"])


def test_clearing_the_catalogue_keeps_the_conversations(store: Store) -> None:
    add_shops(store, "가")
    set_fact(store, "synthetic", "yes")
    fill(store, n_turns=5)
    clear_catalogue(store)
    assert (count_rows(store, schema.shop), get_fact(store, "synthetic"), count_turns(store)) == (0, None, 5)


def test_a_profile_has_the_age_of_the_day_and_lists_as_tuples(store: Store) -> None:
    insert_columns(
        store, schema.person,
        {
            "user_id": ["child-1", "child-2"], "birthday": ["2015-03-02", None], "allergies": ["땅콩 새우", ""],
            "dietary_preferences": ["", "채식"], "district": ["관악구", None], "has_card": [True, False],
            "card_balance_won": [23500, None], "source": ["t", "t"],
        },
    )  # fmt: skip
    before = get_profile(store, "child-1", today=date(2026, 3, 1))
    after = get_profile(store, "child-1", today=date(2026, 3, 2))
    assert before is not None
    assert after is not None
    assert (before.age, after.age, after.age_band) == (10, 11, "10-12")
    assert after.allergies == ("땅콩", "새우")
    assert after.card_balance_won == 23500
    assert get_profile(store, "nobody", today=date(2026, 3, 2)) is None
    assert [p.user_id for p in list_profiles(store, today=date(2026, 3, 2), has_card=True)] == ["child-1"]


def test_an_alias_moves_with_its_history_and_can_go_back(store: Store) -> None:
    assert alias_of(store, "nlu", "production") is None
    assert set_alias(store, "nlu", "production", "v1", "min", "first") is None
    assert set_alias(store, "nlu", "production", "v2", "min", "better") == "v1"
    assert set_alias(store, "nlu", "production", "v2", "min", "again") == "v2"
    assert set_alias(store, "nlu", "production", "v1", "jun", "rolled back: slower") == "v2"
    set_alias(store, "ranker", "candidate", "v9", "jun", "")
    assert alias_of(store, "nlu", "production") == "v1"
    assert production_versions(store) == {"nlu": "v1"}
    changes = history(store, "nlu")
    assert [(c.from_version, c.to_version) for c in changes] == [(None, "v1"), ("v1", "v2"), ("v2", "v1")]
    assert (changes[-1].who, changes[-1].why) == ("jun", "rolled back: slower")
    assert len(history(store)) == 4
    with pytest.raises(InvalidInput):
        set_alias(store, "nlu", "production", "v3", "", "")


def test_search_finds_shops_by_two_syllables_of_name_address_or_menu(store: Store) -> None:
    add_shops(store, "바삭치킨집", "손칼국수", "집밥식당", address=["서울 관악구", "서울 마포구", "서울 관악구"])
    insert_columns(store, schema.shop_menu, {"shop_id": ["s-2"], "name": ["닭갈비치킨롤"]})
    assert [hit.title for hit in search(store, "치킨")] == ["바삭치킨집", "집밥식당"]
    assert [hit.id for hit in search(store, "마포")] == ["s-1"]
    assert [hit.kind for hit in search(store, "관악 집밥")] == ["shop"]
    with pytest.raises(InvalidInput):
        search(store, "  ")


def test_tables_are_counted(store: Store) -> None:
    fill(store, n_turns=4)
    found = tables(store)
    assert found["turn"] == 4
    assert set(schema.metadata.tables) <= set(found)


def test_a_backup_taken_while_others_write_is_whole_and_opens(store: Store, tmp_path: Path) -> None:
    fill(store, n_turns=20)
    with store.writing() as connection:
        connection.execute(schema.fact.insert().values(key="open", value="not committed yet"))
        size = backup(store, tmp_path / "copies" / "monday.db")
    assert size > 0
    copy = Store.open(f"sqlite:///{tmp_path / 'copies' / 'monday.db'}")
    assert count_turns(copy) == 20
    assert get_fact(copy, "open") is None
    assert check(copy) == []
    copy.close()
    with pytest.raises(Conflict, match="exists"):
        backup(store, tmp_path / "copies" / "monday.db")
    assert not list((tmp_path / "copies").glob("*.part"))


def test_a_backup_where_nothing_can_be_written_says_so(store: Store, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="Check the folder"):
        backup(store, tmp_path / "file" / "copy.db")


def test_vacuum_gives_space_back_and_the_store_goes_on(store: Store) -> None:
    add_shops(store, *[f"가게 {'긴 이름' * 50} {i}" for i in range(2000)])
    clear_catalogue(store)
    before, after = vacuum(store)
    assert after < before / 2
    add_shops(store, "다시")
    assert check(store) == []


def test_check_names_what_is_broken(store: Store) -> None:
    store.close()
    raw = sqlite3.connect(store.path)
    raw.execute("INSERT INTO shop_menu (shop_id, name, is_best, is_sold_out) VALUES ('s-none', '김밥', 0, 0)")
    raw.execute("DROP TABLE review")
    raw.commit()
    raw.close()
    problems = check(store)
    assert any("shop_menu" in p and "shop" in p for p in problems)
    assert any("review is missing" in p for p in problems)
