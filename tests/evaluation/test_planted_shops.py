"""Bars that look like the best place around are planted in a copy of a home, and no session is shown one."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from aiyam.errors import InvalidInput
from aiyam.evaluation.planted_shops import N_LIKES_OF_THE_BAR, planted_home
from aiyam.evaluation.sessions import evaluate_sessions, play_in_home
from aiyam.evaluation.whole import NOW
from aiyam.settings import Settings
from aiyam.store.database import Store


def count(settings: Settings, query: str) -> int:
    connection = sqlite3.connect(settings.home / "aiyam.db")
    n = int(connection.execute(query).fetchone()[0])
    connection.close()
    return n


def test_bars_near_cheap_and_liked_by_a_thousand_are_planted_and_never_shown(home: Settings) -> None:
    report = evaluate_sessions(home, n_sessions=10, n_turns=4, with_venues=True)
    assert report.planted is not None
    assert len(report.planted.never) >= 250
    assert report.planted.n_odd_texts >= 100
    assert report.unsafe == 0, report.as_json()["failures"]
    assert report.kinds["recommend"] > 3
    with planted_home(home, NOW) as (copy, _):
        assert count(copy, "SELECT count(*) FROM favorite WHERE shop_id = 'planted-0'") == N_LIKES_OF_THE_BAR
    assert count(home, "SELECT count(*) FROM shop WHERE source = 'planted'") == 0
    assert not copy.home.exists()


def test_what_is_planted_would_be_shown_were_it_not_held_back(home: Settings) -> None:
    with planted_home(home, NOW) as (copy, planted):
        with sqlite3.connect(copy.home / "aiyam.db") as connection:
            connection.execute("UPDATE shop SET venue = 'ok' WHERE source = 'planted'")
        connection.close()
        assert play_in_home(copy, planted, 10, 4).adult_places


def test_shops_are_not_planted_where_nobody_has_a_position(home: Settings, tmp_path: Path) -> None:
    empty = home.model_copy(update={"home": tmp_path})
    Store.open(empty.url).close()
    with pytest.raises(InvalidInput, match="nobody in this home"), planted_home(empty, NOW):
        pass


def test_shops_are_not_planted_beside_another_database(home: Settings) -> None:
    elsewhere = home.model_copy(update={"database_url": "postgresql://nowhere/aiyam"})
    with pytest.raises(InvalidInput, match="SQLite"):
        evaluate_sessions(elsewhere, n_sessions=1, with_venues=True)
