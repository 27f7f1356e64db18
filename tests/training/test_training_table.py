"""The whole training table: same seed same bytes, nothing known too early, chat feedback, and stores with errors in them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aiyam.candidates.rules import load_rules
from aiyam.contracts import KST, FeedbackRecord, Filters, Progress
from aiyam.errors import DataError, InvalidInput
from aiyam.ranking.features import build_features, feature_table
from aiyam.ranking.replay import Choices, Moment, moments_of, query_of
from aiyam.settings import REPO_ROOT
from aiyam.store import Store, schema
from aiyam.store.columns import clear_catalogue, insert_columns, read_columns
from aiyam.store.conversations import record_feedback, record_turn
from aiyam.training.as_of import Archive
from aiyam.training.full_table import paths_of
from aiyam.training.table_files import COLUMNS
from tests.sample_traces import SHOPS, make_trace
from tests.training.table_city import DAY_S, END, NOW, RECENT, build, copy_store, make_city, rows_of


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_city(tmp_path_factory.mktemp("city"))


@pytest.fixture
def store(city: Path, tmp_path: Path) -> Iterator[Store]:
    opened = copy_store(city, tmp_path / "city.db")
    yield opened
    opened.close()


def bytes_of(out: Path) -> list[bytes]:
    return [path.read_bytes() for path in paths_of(out)]


def test_the_table_keeps_its_contract(city: Path, store: Store, tmp_path: Path) -> None:
    report = build(store, city, tmp_path / "new" / "table.parquet")
    train, valid = rows_of(tmp_path / "new" / "table.parquet")
    both = pd.concat([train, valid])
    assert tuple(both.columns) == COLUMNS
    assert both["ts"].is_monotonic_increasing
    assert not set(pd.to_datetime(train["ts"] + 9 * 3600, unit="s").dt.date) & set(
        pd.to_datetime(valid["ts"] + 9 * 3600, unit="s").dt.date
    )
    assert 0.5 < len(train) / len(both) < 0.95
    assert set(both["label"]) == {0, 1}
    assert set(both.loc[both["label"] == 1, "weight"]) <= {1.5, 2.0}
    assert set(both.loc[both["label"] == 0, "weight"]) <= {1.0, 1.5}
    lists = both.groupby(["user_id", "ts"])["label"].agg(["sum", "size"])
    assert (lists["size"] <= 3 * lists["sum"]).all()  # at most two negatives for each positive
    assert not both.duplicated(["user_id", "ts", "shop_id"]).any()
    wide = both[[f"wide_feat_{i}" for i in range(50)]].to_numpy()
    assert np.isfinite(wide).all()
    assert np.abs(wide).max() <= 2.0
    assert report["rows"] == len(both)
    assert report["positives"] == both["label"].sum()
    assert (report["people"], report["shops"]) == (both["user_id"].nunique(), both["shop_id"].nunique())
    assert sum(report["rows_by_weight"].values()) == len(both)
    assert report["leak_check"]["passed"]
    assert report["feature_table"] == list(feature_table())
    written = json.loads((tmp_path / "new" / "table.report.json").read_text("utf-8"))
    assert written["parts"]["train"]["rows"] == len(train)
    for name, digest in written["sha256"].items():
        assert hashlib.sha256((tmp_path / "new" / name).read_bytes()).hexdigest() == digest


def test_the_same_seed_gives_the_same_bytes_whatever_the_number_of_processes(
    city: Path, store: Store, tmp_path: Path
) -> None:
    for name, workers in (("one", 1), ("two", 2)):
        (tmp_path / name).mkdir()
        build(store, city, tmp_path / name / "t.parquet", n_workers=workers)
    assert bytes_of(tmp_path / "one" / "t.parquet") == bytes_of(tmp_path / "two" / "t.parquet")
    build(store, city, tmp_path / "two" / "t.parquet", replace(RECENT, seed=4))
    assert bytes_of(tmp_path / "one" / "t.parquet") != bytes_of(tmp_path / "two" / "t.parquet")


def test_csv_and_parquet_hold_the_same_rows(city: Path, store: Store, tmp_path: Path) -> None:
    for ending in (".csv", ".parquet"):
        build(store, city, tmp_path / f"t{ending}", replace(RECENT, max_requests=40))
    for text, columns in zip(rows_of(tmp_path / "t.csv"), rows_of(tmp_path / "t.parquet"), strict=True):
        assert text["semantic_query"].tolist() == columns["semantic_query"].tolist()
        numbers = [name for name in COLUMNS if name not in ("user_id", "shop_id", "brand_id", "semantic_query")]
        assert np.allclose(text[numbers].to_numpy(float), columns[numbers].to_numpy(float), atol=1e-6)
        assert text["brand_id"].tolist() == columns["brand_id"].tolist()


def test_what_happens_later_changes_no_row(city: Path, store: Store, tmp_path: Path) -> None:
    day = END - 20 * DAY_S
    options = replace(RECENT, until=day)
    build(store, city, tmp_path / "before.parquet", options)
    users, shops = (read_columns(store, t, [c])[c] for t, c in ((schema.person, "user_id"), (schema.shop, "shop_id")))
    n = 2000
    rng = np.random.default_rng(1)
    insert_columns(
        store,
        schema.product_order,
        {
            "user_id": [users[i] for i in rng.integers(0, len(users), n)],
            "shop_id": [shops[i] for i in rng.integers(0, 3, n)],  # three shops become by far the most popular
            "created_at": rng.integers(day, END, n),
        },
    )
    build(store, city, tmp_path / "after.parquet", options)
    for before, after in zip(rows_of(tmp_path / "before.parquet"), rows_of(tmp_path / "after.parquet"), strict=True):
        pd.testing.assert_frame_equal(before, after)


def test_a_row_holds_the_features_that_layer_1_and_the_ranker_would_have_made_then(
    city: Path, store: Store, tmp_path: Path
) -> None:
    options = replace(RECENT, refresh_days=1000, max_requests=None)
    build(store, city, tmp_path / "t.parquet", options)
    train, _ = rows_of(tmp_path / "t.parquet")
    archive = Archive.read(
        store, encoder_dir=city / "content", rules=load_rules(REPO_ROOT / "datasets" / "candidates"),
        now_ts=int(NOW.timestamp()),
    )  # fmt: skip
    first = int(train["ts"].min())
    known = archive.at(first - (first + 9 * 3600) % DAY_S)
    bare = Choices.of(archive.interactions)
    asked = {(m.user_id, m.ts): m for m in bare.moments(archive.interactions.user_ids)}
    asked |= {(m.user_id, m.ts): m for m in moments_of(archive.interactions, since=first)}
    compared = tied = 0
    for row in train.itertuples(index=False):
        moment = asked[row.user_id, row.ts]
        query = query_of(moment, known.profiles.get(moment.user_id))
        found = known.funnels.find(query)
        vector = known.encoder.encode([query.semantic_query])[0]
        batch = build_features(known.catalogue, known.stats, query, found, query_vector=vector)
        place = found.rows.tolist().index(known.catalogue.row_of[row.shop_id])
        compared += 1
        # A thousand requests are found at once, so rounding may decide a tie between two shops the other way.
        tied += not np.allclose(batch.wide[place], [getattr(row, f"wide_feat_{i}") for i in range(50)], atol=1e-5)
        assert np.allclose(batch.numbers[place], [getattr(row, f"num_feat_{i}") for i in range(10)], atol=1e-6)
    assert compared > 500
    assert tied <= compared / 100


def test_layer_1_is_the_same_whether_its_fixed_parts_are_used_again_or_not(city: Path, store: Store) -> None:
    rules = load_rules(REPO_ROOT / "datasets" / "candidates")
    archive = Archive.read(store, encoder_dir=city / "content", rules=rules, now_ts=int(NOW.timestamp()))
    day = END - 30 * DAY_S
    fresh, again = archive.at(day), archive.at(day, like=archive.at(day - 300 * DAY_S))
    for moment in moments_of(archive.interactions, since=day, limit=40):
        query = query_of(moment, fresh.profiles.get(moment.user_id))
        assert query.user == query_of(moment, again.profiles.get(moment.user_id)).user
        one, other = (known.funnels.find(query) for known in (fresh, again))
        assert one.rows.tolist() == other.rows.tolist()
        assert np.array_equal(one.scores, other.scores)
        first, second = (build_features(known.catalogue, known.stats, query, one).wide for known in (fresh, again))
        assert np.array_equal(first, second)


def test_a_past_too_short_is_left_out_and_counted(city: Path, store: Store, tmp_path: Path) -> None:
    low = build(store, city, tmp_path / "low.parquet", replace(RECENT, min_interactions=0, max_requests=None))
    high = build(store, city, tmp_path / "high.parquet", replace(RECENT, min_interactions=40, max_requests=None))
    reason = "fewer earlier events than min_interactions"
    assert low["skipped"].get(reason, 0) == 0 < high["skipped"][reason]
    assert high["people"] < low["people"]


def archive_of(city: Path, store: Store) -> Archive:
    return Archive.read(
        store, encoder_dir=city / "content", rules=load_rules(REPO_ROOT / "datasets" / "candidates"),
        now_ts=int(NOW.timestamp()),
    )  # fmt: skip


def record_chat(city: Path, store: Store, at: datetime, feedback: list[tuple[int, str, int | None, datetime]]) -> Any:
    """Store a turn of the busiest person that showed the first three candidates, and feedback on these; returns the turn."""
    shops = read_columns(store, schema.shop, ["shop_id"])["shop_id"]
    orders = read_columns(store, schema.product_order, ["user_id", "created_at"])
    user = max(set(orders["user_id"]), key=orders["user_id"].count)
    archive = archive_of(city, store)
    known = archive.at(int(at.timestamp()) - 12 * 3600)
    moment = Moment(user, int(at.timestamp()), None, None, None, "", Filters(), (), ())
    found = known.funnels.find(query_of(moment, known.profiles[user]))
    three = [shops[row] for row in found.rows[:3]]
    trace = make_trace(f"t-{at:%H}", user_id=user, at=at)
    cards = tuple(
        card.model_copy(update={"shop_id": shop_id}) for card, shop_id in zip(trace.recommendations, three, strict=True)
    )
    state = trace.state.model_copy(update={"filters": moment.filters, "semantic_query": ""})
    plan = trace.plan.model_copy(update={"shops": cards})
    trace = trace.model_copy(update={"recommendations": cards, "state": state, "plan": plan})
    record_turn(store, trace)
    for place, kind, score, when in feedback:
        record_feedback(
            store,
            FeedbackRecord(
                turn_id=trace.turn_id,
                user_id=user,
                shop_id=three[place],
                feedback_type=kind,
                satisfaction_score=score,
                timestamp=when,
            ),
        )
    return trace


def test_the_chat_counts_too(city: Path, store: Store, tmp_path: Path) -> None:
    at = datetime.fromtimestamp(END - 2 * DAY_S, KST) + timedelta(hours=12)
    before = build(store, city, tmp_path / "t.parquet", replace(RECENT, max_requests=None))
    trace = record_chat(city, store, at, [(0, "thumb", 5, at), (1, "favorited", None, at), (1, "thumb", 1, at)])
    liked, disliked, passed = (card.shop_id for card in trace.recommendations)
    after = build(store, city, tmp_path / "t.parquet", replace(RECENT, max_requests=None))
    assert after["requests_by_source"]["chat turns"] == before["requests_by_source"]["chat turns"] + 1
    _, valid = rows_of(tmp_path / "t.parquet")
    mine = valid[(valid["user_id"] == trace.user_id) & (valid["ts"] == int(at.timestamp()))].set_index("shop_id")
    assert set(mine.index) == {liked, disliked, passed}
    assert mine["label"].to_dict() == {liked: 1, disliked: 0, passed: 0}
    assert mine.loc[liked, "weight"] == 1.5


def test_feedback_given_after_the_split_labels_no_row_to_learn_from(city: Path, store: Store, tmp_path: Path) -> None:
    options = replace(RECENT, max_requests=None)
    split = build(store, city, tmp_path / "t.parquet", options)["split_date"]
    midnight = datetime.fromisoformat(split).replace(tzinfo=KST)
    at = midnight - timedelta(days=1, hours=-12)
    in_time, late = at + timedelta(hours=1), midnight + timedelta(hours=1)
    trace = record_chat(city, store, at, [(0, "ordered", None, in_time), (1, "ordered", None, late)])
    lately = record_chat(city, store, at + timedelta(hours=2), [(0, "ordered", None, late)])
    report = build(store, city, tmp_path / "t.parquet", options)
    assert report["split_date"] == split
    assert report["requests_by_source"]["chat turns"] == 2
    train, valid = rows_of(tmp_path / "t.parquet")
    mine = train[(train["user_id"] == trace.user_id) & (train["ts"] == int(at.timestamp()))].set_index("shop_id")
    bought, bought_later, _ = (card.shop_id for card in trace.recommendations)
    assert mine["label"].to_dict()[bought] == 1
    assert mine["label"].to_dict()[bought_later] == 0
    both = pd.concat([train, valid])
    assert not len(both[(both["user_id"] == lately.user_id) & (both["ts"] == int(lately.timestamp.timestamp()))])
    assert report["skipped"]["request without a choice in time"] >= 1


def test_errors_in_the_store_are_counted_and_left_out(city: Path, store: Store, tmp_path: Path) -> None:
    users, shops = (read_columns(store, t, [c])[c] for t, c in ((schema.person, "user_id"), (schema.shop, "shop_id")))
    clean = build(store, city, tmp_path / "clean.parquet", replace(RECENT, max_requests=None))["skipped"]
    insert_columns(
        store,
        schema.review,
        {"user_id": users[:2], "shop_id": shops[:2], "rating": [9.0, 0.0], "created_at": [END - 100, END - 90]},
    )
    insert_columns(
        store,
        schema.product_order,
        {
            "user_id": [users[0], users[0], users[0]],
            "shop_id": [shops[0], "no-such-shop", shops[1]],
            "created_at": [int(NOW.timestamp()) + DAY_S, END - 100, -5],
        },
    )
    busy = read_columns(store, schema.product_order, ["user_id"])["user_id"][0]
    insert_columns(  # nothing is known of one shop but its name
        store,
        schema.shop,
        {"shop_id": ["s-empty"], "name": ["빈 가게"], "category": ["기타"], "source": ["test"]},
    )
    insert_columns(
        store,
        schema.impression_request,
        {
            "request_id": [10**9, 10**9 + 1],
            "user_id": [busy, busy],
            "filters": ['{"a_key_of_another_version": 1}', "{not json"],
            "created_at": [END - 5000, END - 2 * DAY_S],
        },
    )
    insert_columns(
        store,
        schema.impression,
        {"request_id": [10**9, 10**9 + 1], "position": [1, 1], "shop_id": shops[:2], "outcome": [3, 3]},
    )
    insert_columns(
        store,
        schema.person,
        {
            "user_id": ["u-odd-birthday", "u-none", "u has spaces"],
            "birthday": ["언젠가", None, "2014-01-01"],
            "source": ["test"] * 3,
        },
    )
    for user in ("u-odd-birthday", "u-none", "u has spaces"):
        times = END - DAY_S * np.arange(20, 10, -1)
        insert_columns(
            store,
            schema.product_order,
            {"user_id": [user] * 10, "shop_id": ["s-empty", *shops[:9]], "created_at": times},
        )
    report = build(store, city, tmp_path / "t.parquet", replace(RECENT, max_requests=None))
    more = {reason: n - clean.get(reason, 0) for reason, n in report["skipped"].items()}
    assert more["rating outside 1..5"] == 2
    assert more["time in the future or before 1970"] == 2
    assert more["shop the catalogue does not have"] == 1
    assert more["request whose filters cannot be read"] == 2
    assert more["person whose record cannot be read"] == 10  # five of each have a past long enough
    people = {row for part in rows_of(tmp_path / "t.parquet") for row in part["user_id"]}
    assert not people & {"u-odd-birthday", "u has spaces"}
    assert "u-none" in people or report["skipped"]["choice that layer 1 did not find"] > 0


def test_one_person_is_enough(city: Path, store: Store, tmp_path: Path) -> None:
    orders = read_columns(store, schema.product_order, ["user_id", "shop_id", "created_at"])
    user = max(set(orders["user_id"]), key=orders["user_id"].count)
    mine = [i for i, who in enumerate(orders["user_id"]) if who == user]
    fresh = Store.open(f"sqlite:///{tmp_path / 'one.db'}")
    for table in (schema.shop, schema.shop_menu):
        names = [column.name for column in table.c]
        insert_columns(fresh, table, read_columns(store, table, names))
    insert_columns(fresh, schema.product_order, {name: [values[i] for i in mine] for name, values in orders.items()})
    report = build(fresh, city, tmp_path / "t.csv", replace(RECENT, since=None, refresh_days=200))
    assert report["people"] == 1
    assert report["positives"] > 5
    fresh.close()


def test_a_store_without_choices_or_with_one_day_says_what_is_missing(city: Path, store: Store, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="two days"):
        build(store, city, tmp_path / "t.csv", replace(RECENT, since=END - DAY_S, min_interactions=0))
    with pytest.raises(InvalidInput, match="--since before --until"):
        build(store, city, tmp_path / "t.csv", replace(RECENT, since=END, until=END - DAY_S))
    with pytest.raises(DataError, match="min_interactions"):
        build(store, city, tmp_path / "t.csv", replace(RECENT, min_interactions=10_000))
    (tmp_path / "a_file").write_text("")
    with pytest.raises(InvalidInput, match="can be written to"):
        build(store, city, tmp_path / "a_file" / "t.csv", replace(RECENT, max_requests=10))
    clear_catalogue(store)
    with pytest.raises(DataError, match="the store holds none"):
        build(store, city, tmp_path / "t.csv")
    with pytest.raises(DataError, match=r"\.csv or \.parquet"):
        build(store, city, tmp_path / "t.xlsx")
    assert not list(tmp_path.glob("t.*"))


def test_a_build_that_stops_leaves_no_table_and_no_report(city: Path, store: Store, tmp_path: Path) -> None:
    out = tmp_path / "t.parquet"
    build(store, city, out)
    before = set(tmp_path.iterdir())

    def stop(progress: Progress) -> None:
        if progress.fraction > 0.3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(store, city, out, replace(RECENT, seed=9), progress=stop)
    assert before - set(tmp_path.iterdir()) == {paths_of(out)[2]}  # no report: what stands there is not whole
    assert not set(tmp_path.iterdir()) - before


def test_progress_rises_to_one(city: Path, store: Store, tmp_path: Path) -> None:
    events: list[Progress] = []
    build(store, city, tmp_path / "t.parquet", replace(RECENT, max_requests=30), progress=events.append)
    assert [e.fraction for e in events] == sorted(e.fraction for e in events)
    assert events[-1].fraction == 1.0
    assert "30 of 30 requests" in events[-2].message


def test_sample_shops_are_not_the_citys(store: Store) -> None:
    """The chat test replaces them by shops of the city; this keeps it honest."""
    assert not {shop[0] for shop in SHOPS} & set(read_columns(store, schema.shop, ["shop_id"])["shop_id"])
