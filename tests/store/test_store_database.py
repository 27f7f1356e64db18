"""Opening, migrating, transactions, threads, and what PostgreSQL would say."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sample_traces import DAY, fill, make_feedback, make_trace
from sqlalchemy import event, inspect, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql import ClauseElement

from aiyam.errors import Conflict, StoreError
from aiyam.store import (
    Store,
    aliases,
    columns,
    conversations,
    daily,
    label_previews,
    maintenance,
    people,
    schema,
    turn_views,
)
from aiyam.store.database import insert_for
from aiyam.store.migrations import MIGRATIONS, SCHEMA_VERSION, m0001_first, m0003_labels, m0004_turn_views, version_of


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(f"sqlite:///{tmp_path / 'home' / 'aiyam.db'}")
    yield opened
    opened.close()


def test_a_new_store_has_exactly_the_tables_and_columns_of_the_schema(store: Store) -> None:
    with store.reading() as connection:
        found = inspect(connection)
        assert set(found.get_table_names()) == set(schema.metadata.tables) | {"schema_version"}
        for name, table in schema.metadata.tables.items():
            columns_found = {column["name"]: column for column in found.get_columns(name)}
            assert set(columns_found) == set(table.c.keys()), name
            for column in table.c:
                assert column.primary_key or columns_found[column.name]["nullable"] == column.nullable, column
                wanted = column.type.compile(postgresql.dialect()).replace("FLOAT", "REAL")
                if not (column.primary_key and wanted == "BIGINT" and len(table.primary_key) == 1):
                    assert str(columns_found[column.name]["type"]).startswith(wanted.split("(")[0]), column
            assert found.get_pk_constraint(name)["constrained_columns"] == [c.name for c in table.primary_key]
            assert {i["name"] for i in found.get_indexes(name)} == {i.name for i in table.indexes}
            assert {f["referred_table"] for f in found.get_foreign_keys(name)} == {
                f.column.table.name for f in table.foreign_keys
            }


def test_migrations_are_numbered_from_one_without_a_gap() -> None:
    assert [number for number, _, _ in MIGRATIONS] == list(range(1, SCHEMA_VERSION + 1))


def test_a_store_from_before_propensities_gets_their_columns_and_keeps_its_turns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'old.db'}"
    with monkeypatch.context() as then:
        then.setattr("aiyam.store.migrations.MIGRATIONS", MIGRATIONS[:1])
        then.setattr("aiyam.store.migrations.SCHEMA_VERSION", 1)
        old = Store.open(url)
    added = {"ranker", "temperature", "list_propensity"}
    trace = make_trace()
    row = {c.name: "" if c.type.python_type is str else 0 for c in schema.turn.columns if c.name not in added}
    with old.writing() as connection:
        connection.execute(schema.turn.insert().values(**row | {"turn_id": "t-1", "trace": trace.model_dump_json()}))
        connection.execute(text("INSERT INTO turn_shop VALUES ('t-1', 1, 's-0001', '분식', 0.5, NULL)"))
    old.close()
    now = Store.open(url)
    assert conversations.get_trace(now, "t-1") == trace
    with now.reading() as connection:
        assert connection.execute(schema.turn.select()).one().list_propensity is None
        assert connection.execute(schema.turn_shop.select()).one().shown_propensity is None
    now.close()


def test_a_look_over_every_turn_reads_the_index_of_the_views_and_not_the_long_rows(store: Store) -> None:
    sent: list[tuple[str, Any]] = []
    event.listen(store.engine, "before_cursor_execute", lambda _c, _k, sql, values, _x, _m: sent.append((sql, values)))
    turn_views.read_pool(store, turn_views.TurnConditions(flaw="low_confidence", since=DAY.date(), synthetic=True))
    turn_views.count_flaws(store, turn_views.TurnConditions())
    with store.reading() as connection:
        for sql, values in [one for one in sent if "FROM turn" in one[0]]:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values).all()
            assert "COVERING INDEX ix_turn_view" in str(plan), plan


def test_opening_again_applies_nothing_and_keeps_the_rows(store: Store) -> None:
    conversations.record_turn(store, make_trace())
    again = Store.open(store.url.render_as_string())
    assert conversations.count_turns(again) == 1
    with again.reading() as connection:
        assert version_of(connection) == SCHEMA_VERSION
        assert connection.execute(text("SELECT count(*) FROM schema_version")).scalar() == len(MIGRATIONS)
    again.close()


def test_many_processes_worth_of_first_opens_agree_on_one_schema(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'aiyam.db'}"
    errors: list[BaseException] = []

    def open_and_close() -> None:
        try:
            Store.open(url).close()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=open_and_close) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert maintenance.check(Store.open(url)) == []


def test_a_migration_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(connection: Any) -> None:
        connection.exec_driver_sql("CREATE TABLE half_done (x INTEGER)")
        raise RuntimeError("broken on purpose")

    monkeypatch.setattr("aiyam.store.migrations.MIGRATIONS", (*MIGRATIONS, (SCHEMA_VERSION + 1, "broken", broken)))
    path = tmp_path / "aiyam.db"
    with pytest.raises(RuntimeError):
        Store.open(f"sqlite:///{path}")
    assert sqlite3.connect(path).execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)


def test_a_newer_database_is_refused_with_its_version_and_the_next_step(store: Store) -> None:
    with store.writing() as connection:
        connection.execute(text("INSERT INTO schema_version VALUES (99, 'from the future', 0)"))
    with pytest.raises(StoreError, match=r"version 99.*up to \d+.*Update aiyam"):
        Store.open(store.url.render_as_string())


def test_a_file_that_is_no_database_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    path.write_text("장보기 목록: 두부, 파\n" * 100, encoding="utf-8")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="Expected an aiyam database"):
        Store.open(f"sqlite:///{path}")
    assert path.read_bytes() == before


def test_a_truncated_database_is_refused_or_found_by_check(store: Store) -> None:
    fill(store, n_turns=60)
    maintenance.vacuum(store)
    store.close()
    path = store.path
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    try:
        problems = maintenance.check(Store.open(store.url.render_as_string()))
    except StoreError as error:
        problems = [str(error)]
    assert problems


def test_another_programs_database_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE recipes (name TEXT)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="another program's tables"):
        Store.open(f"sqlite:///{path}")
    assert path.read_bytes() == before


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "nonsense", "oracle9://x/y", ""])
def test_a_url_we_cannot_use_gets_an_error_that_says_what_to_give(url: str) -> None:
    with pytest.raises(StoreError, match=r"sqlite:////data/aiyam\.db"):
        Store.open(url)


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="found a folder"):
        Store.open(f"sqlite:///{tmp_path}")


def test_a_home_that_cannot_be_created_is_an_error_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="AIYAM_HOME"):
        Store.open(f"sqlite:///{tmp_path / 'file' / 'aiyam.db'}")


def test_a_write_that_raises_is_rolled_back(store: Store) -> None:
    def write_half() -> None:
        with store.writing() as connection:
            connection.execute(schema.fact.insert().values(key="a", value="1"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert columns.get_fact(store, "a") is None


def test_what_is_written_through_a_reading_connection_is_not_kept(store: Store) -> None:
    with store.reading() as connection:
        connection.execute(schema.fact.insert().values(key="a", value="1"))
    assert columns.get_fact(store, "a") is None


def test_a_reader_sees_one_snapshot_while_others_write(store: Store) -> None:
    columns.set_fact(store, "a", "1")
    query = schema.fact.select().where(schema.fact.c.key == "a")
    with store.reading() as connection:
        assert connection.execute(query).one().value == "1"
        columns.set_fact(store, "a", "2")
        assert connection.execute(query).one().value == "1"
    assert columns.get_fact(store, "a") == "2"


def test_a_broken_key_is_a_conflict(store: Store) -> None:
    with pytest.raises(Conflict), store.writing() as connection:
        connection.execute(schema.fact.insert(), [{"key": "a", "value": "1"}, {"key": "a", "value": "2"}])


def test_threads_that_read_then_write_lose_nothing(store: Store) -> None:
    columns.set_fact(store, "n", "0")
    errors: list[BaseException] = []

    def add() -> None:
        try:
            for _ in range(20):
                with store.writing() as connection:
                    fact = schema.fact
                    now = connection.execute(fact.select().where(fact.c.key == "n")).one().value
                    connection.execute(fact.update().where(fact.c.key == "n").values(value=str(int(now) + 1)))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert columns.get_fact(store, "n") == "160"


def test_commits_are_synced_and_logged_ahead(store: Store) -> None:
    with store.reading() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1


def use_everything(store: Store) -> None:
    """Call every function of the store that sends a statement."""
    columns.clear_catalogue(store)
    shops = {
        "shop_id": ["s-1", "s-2"],
        "name": ["떡볶이집", "칼국수"],
        "category": ["분식", "한식"],
        "source": ["t", "t"],
    }
    columns.insert_columns(store, schema.shop, shops)
    columns.insert_columns(store, schema.shop, shops, replace=True)
    columns.insert_columns(store, schema.favorite, {"user_id": ["u"], "shop_id": ["s-1"], "created_at": [1]})
    columns.insert_columns(store, schema.shop_menu, {"shop_id": ["s-1"], "name": ["국물떡볶이"], "is_best": [1]})
    columns.insert_columns(store, schema.person, {"user_id": ["u"], "source": ["t"], "birthday": ["2015-01-02"]})
    assert columns.read_columns(store, schema.shop, ["name"], order_by=["name"])["name"] == ["떡볶이집", "칼국수"]
    assert columns.read_columns(store, schema.shop_menu, ["is_best", "is_sold_out"]) == {
        "is_best": [True], "is_sold_out": [False],
    }  # fmt: skip
    assert columns.count_rows(store, schema.shop) == 2
    columns.set_fact(store, "synthetic", "yes")
    columns.set_fact(store, "synthetic", "no")
    assert columns.get_fact(store, "synthetic") == "no"
    traces = fill(store, n_turns=12)
    conversations.record_turn(store, traces[0])
    assert conversations.record_feedback(store, make_feedback(traces[0], "thumb", score=5)) > 0
    assert conversations.get_trace(store, traces[0].turn_id) == traces[0]
    assert conversations.last_state(store, traces[0].session_id, traces[0].user_id).n_turns == 1
    everything = {
        "search": "떡볶이 50%_",
        "intent": "REFINE",
        "user_id": "u",
        "session_id": "s",
        "since": DAY,
        "until": DAY,
    }
    assert conversations.list_turns(store, **everything) == []  # type: ignore[arg-type]
    assert conversations.count_turns(store, **everything) == 0  # type: ignore[arg-type]
    assert len(conversations.list_turns(store)) == 12
    assert conversations.count_feedback(store) == len(
        list(conversations.iter_feedback(store, since=DAY.replace(hour=0)))
    )
    assert conversations.feedback_of(store, traces[0].turn_id)
    assert len(list(conversations.iter_traces(store, since=DAY.replace(hour=0)))) == 12
    assert people.get_profile(store, "u", today=date(2026, 3, 2)) is not None
    assert people.list_profiles(
        store, today=date(2026, 3, 2), user_ids=["u"], district=None, has_card=False, is_guardian=False
    )
    assert people.list_profiles(store, today=date(2026, 3, 2), district="관악구") == []
    assert people.count_profiles(store) == 1
    aliases.set_alias(store, "nlu", "production", "v1", "t", "first")
    aliases.set_alias(store, "nlu", "production", "v2", "t", "better")
    assert aliases.alias_of(store, "nlu", "production") == "v2"
    assert [change.from_version for change in aliases.history(store, "nlu", "production")] == [None, "v1"]
    assert aliases.production_versions(store) == {"nlu": "v2"}
    assert len(daily.read_day(store, DAY.date()).turns) == 12
    assert daily.days_with_turns(store) == (DAY.date(), DAY.date())
    conditions = turn_views.TurnConditions(
        search="떡볶이",
        flaw="thumbs_down",
        intent="REFINE",
        since=DAY.date(),
        until=DAY.date(),
        synthetic=True,
        unasked=True,
    )
    assert turn_views.count_matching(store, conditions) == len(turn_views.read_pool(store, conditions)) == 0
    assert turn_views.list_matching(store, conditions, turn_ids=["t"]) == []
    assert turn_views.count_flaws(store, turn_views.TurnConditions())["all"] == 12
    for flaw in turn_views.FLAWS:
        turn_views.count_matching(store, turn_views.TurnConditions(flaw=flaw))
    assert set(turn_views.texts_of(store, [traces[0].turn_id, "t"])) == {traces[0].turn_id}
    assert isinstance(turn_views.bad_reasons(store), dict)
    turn_views.save_view(store, turn_views.NamedView("mine", conditions, "me", DAY))
    assert [view.conditions for view in turn_views.saved_views(store)] == [conditions]
    turn_views.delete_view(store, "mine")
    assert conversations.said_before(store, traces[0].turn_id) is not None
    label_previews.keep_preview(store, "p", "rewrite", [], recipe={}, counts={}, now=DAY)
    assert label_previews.get_preview(store, "p").tasks == ()
    assert {hit.kind for hit in maintenance.search(store, "떡볶")} >= {"shop"}
    assert maintenance.tables(store)["shop"] == 2
    assert maintenance.check(store) == []
    columns.clear_catalogue(store)


def test_every_statement_the_store_sends_compiles_for_postgresql_to_the_same_sql(store: Store) -> None:
    sent: list[ClauseElement] = []
    event.listen(store.engine, "before_execute", lambda _c, element, _m, _p, _o: sent.append(element), named=False)
    use_everything(store)
    assert len(sent) > 60
    for element in sent:
        if isinstance(element, sqlite.Insert) and element._post_values_clause is not None:
            continue  # the two dialects have a class each; the next test holds them together
        assert str(element.compile(dialect=postgresql.dialect())), element


@pytest.mark.parametrize("table", schema.metadata.sorted_tables, ids=lambda table: table.name)
def test_an_upsert_reads_the_same_for_both_databases(table: Any) -> None:
    texts = []
    for name, dialect in (("sqlite", sqlite.dialect(paramstyle="named")), ("postgresql", postgresql.dialect())):
        statement = insert_for(name, table)
        keys = [column.name for column in table.primary_key]
        rest = {column.name: statement.excluded[column.name] for column in table.c if column.name not in keys}
        done = (
            statement.on_conflict_do_update(index_elements=keys, set_=rest)
            if rest
            else statement.on_conflict_do_nothing(index_elements=keys)
        )
        compiled = str(done.compile(dialect=dialect, column_keys=table.c.keys()))
        texts.append(compiled[compiled.index("ON CONFLICT") :].split(" RETURNING")[0].replace('"', ""))
    assert texts[0] == texts[1]


def test_the_migrations_that_make_tables_are_valid_for_postgresql_too() -> None:
    statements: list[str] = []

    class Recorder:
        dialect = postgresql.dialect()

        def exec_driver_sql(self, statement: str) -> None:
            statements.append(statement)

    for made in (m0001_first, m0003_labels, m0004_turn_views):
        made.upgrade(Recorder())  # type: ignore[arg-type]
    assert sum("CREATE TABLE" in s for s in statements) == len(schema.metadata.tables)
    assert not any("{" in s or "AUTOINCREMENT" in s for s in statements)


def test_the_same_calls_work_on_a_real_postgresql() -> None:
    pytest.importorskip("psycopg")
    url = os.environ.get("AIYAM_TEST_POSTGRES_URL")
    if not url:
        pytest.skip("set AIYAM_TEST_POSTGRES_URL to an empty PostgreSQL database to run this")
    store = Store.open(url)
    try:
        use_everything(store)
    finally:
        store.close()
