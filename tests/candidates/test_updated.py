"""Shops that change while they are served: what is made anew for them alone equals what is built from the start."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_city import ask

from aiyam.candidates.documents import shop_documents
from aiyam.candidates.encoder import TextEncoder
from aiyam.candidates.funnels import Funnels
from aiyam.candidates.gram_encoder import GramEncoder
from aiyam.candidates.rules import Rules
from aiyam.catalogue.arrays import Catalogue
from aiyam.catalogue.changed import with_shops_read_again
from aiyam.catalogue.city import generate_city
from aiyam.catalogue.interactions import Interactions
from aiyam.catalogue.query import Query
from aiyam.contracts import KST, UserProfile
from aiyam.ranking.statistics import Statistics
from aiyam.store import Store, schema
from aiyam.store.catalogue_writes import decide_venue, shops_changed_since, write_catalogue
from aiyam.store.columns import get_fact

NOW = datetime(2026, 3, 2, 12, 30, tzinfo=KST)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(f"sqlite:///{tmp_path / 'aiyam.db'}")
    generate_city(store, n_shops=220, n_users=40, seed=7, truth_path=tmp_path / "truth.npz")
    yield store
    store.close()


def change_some_shops(store: Store, catalogue: Catalogue) -> None:
    """Another menu and other hours for one shop, no menu for none: a new shop with a new dish, and a bare one; one blocked."""
    first, last = catalogue.shop_ids[0], catalogue.shop_ids[-1]
    shops: dict[str, list[Any]] = {
        "shop_id": [first, "0-new", "zz-new"],
        "name": [catalogue.names[0], "새별 마라탕", "이름만 있는 집"],
        "category": ["분식", "중식", "한식"],
        "brand": [None, "새별", None],
        "province": ["서울특별시", "부산광역시", ""],
        "city": ["서울특별시", "부산광역시", ""],
        "district": ["관악구", "해운대구", ""],
        "lat": [37.478, 35.163, None],
        "lon": [126.951, 129.163, None],
        "open_min": [0, 600, None],
        "close_min": [1440, 1320, None],
        "meal_card": ["yes", "yes", "unknown"],
        "venue": ["ok"] * 3,
        "source": ["test"] * 3,
    }
    menus: dict[str, list[Any]] = {
        "shop_id": [first, "0-new", "0-new", last],
        "name": ["김치볶음밥", "별빛마라탕", "꿔바로우", "별빛마라탕"],
        "price_won": [5000, 9000, 14000, None],
    }
    write_catalogue(store, [(schema.shop, shops), (schema.shop_menu, menus)], {"fingerprint": "f1"}, replace=False)
    decide_venue(store, catalogue.shop_ids[5], "blocked", who="min")


def facts_of(c: Catalogue, row: int) -> dict[str, Any]:
    """All that the catalogue says of one shop, by names instead of numbers."""
    numbers = {
        "lat", "lon", "open_min", "close_min", "break_start_min", "break_end_min", "off_days", "meal_card", "good_shop",
        "venue_ok", "delivery", "takeout", "atmosphere", "allergens_published", "mean_price", "min_meal_price", "n_menus",
        "n_orders", "n_favorites", "n_reviews", "rating", "category",
    }  # fmt: skip
    district, brand = int(c.district[row]), int(c.brand[row])
    return {
        **{name: repr(getattr(c, name)[row].item()) for name in numbers},
        "name": c.names[row],
        "dong": c.dong[row],
        "address": c.addresses[row],
        "phone": c.phones[row],
        "message": c.messages[row],
        "district": (c.district_names[district], c.district_city[district], c.district_province[district]),
        "brand": c.brand_names[brand] if brand >= 0 else None,
        "menus": c.menus_of(row),
    }


def test_a_catalogue_with_some_shops_read_again_says_what_the_whole_store_says(store: Store) -> None:
    before = Catalogue.load(store)
    since = get_fact(store, "fingerprint") or ""
    change_some_shops(store, before)
    ids = shops_changed_since(store, since)
    assert ids is not None
    now, rows = with_shops_read_again(before, store, ids)
    whole = Catalogue.load(store)
    assert rows.tolist() == [0, 5, 219, 220, 221]
    assert now.fingerprint == whole.fingerprint
    assert now.shop_ids[:220] == before.shop_ids
    assert sorted(now.shop_ids) == whole.shop_ids
    for shop_id in whole.shop_ids:
        assert facts_of(now, now.row_of[shop_id]) == facts_of(whole, whole.row_of[shop_id])
    assert len(before) == 220
    assert "0-new" not in before.row_of


def queries(store: Store, catalogue: Catalogue) -> list[Query]:
    lat, lon = 37.478, 126.951
    regular = UserProfile(user_id=next(iter(Interactions.load(store, catalogue).row_of_user)))
    return [
        ask(now=NOW, lat=lat, lon=lon),
        ask(now=NOW, lat=lat, lon=lon, user=regular),
        ask(now=NOW, text="매운 마라탕", user=regular),
        ask(now=NOW, text="새별 마라탕"),
        ask(now=NOW, menus=("별빛마라탕",)),
        ask(now=NOW, district="해운대구"),
        ask(now=NOW, budget_max=5000, home="관악구"),
        ask(now=NOW, open_now=True, meal_card=True, allergies=("땅콩",)),
        ask(now=NOW, time_of_day="late_night", taste=("매운",), home="관악구", lat=lat, lon=lon),
        ask(now=NOW, text="이름만 있는 집"),
    ]


def test_funnels_and_statistics_that_take_over_changed_shops_equal_those_built_anew(store: Store, rules: Rules) -> None:
    before = Catalogue.load(store)
    interactions = Interactions.load(store, before)
    encoder = GramEncoder.fit(shop_documents(before, rules.everyday), seed=5)
    served = Funnels.build(before, interactions, encoder=encoder, rules=rules, now_ts=interactions.last_ts + 1)
    old_answers = [served.find(query) for query in queries(store, before)]
    since = get_fact(store, "fingerprint") or ""
    change_some_shops(store, before)
    catalogue, rows = with_shops_read_again(before, store, shops_changed_since(store, since) or ())

    updated = served.updated(catalogue, rows)
    built = Funnels.build(catalogue, interactions, encoder=encoder, rules=rules, now_ts=interactions.last_ts + 1)
    for query in queries(store, before):
        ours, theirs = updated.find(query), built.find(query)
        assert np.array_equal(ours.rows, theirs.rows)
        assert np.allclose(ours.scores, theirs.scores, atol=1e-6)
        assert np.array_equal(ours.flags, theirs.flags)
        assert (ours.relaxed, ours.counts) == (theirs.relaxed, theirs.counts)
    assert catalogue.row_of["0-new"] in updated.find(ask(now=NOW, menus=("별빛마라탕",))).rows
    assert 5 not in updated.find(ask(now=NOW)).rows
    for query, answer in zip(queries(store, before), old_answers, strict=True):
        assert np.array_equal(served.find(query).rows, answer.rows)

    vectors = updated.content.vectors
    ours_, theirs_ = (
        Statistics.build(before, interactions, shop_vectors=served.content.vectors).updated(catalogue, vectors),
        Statistics.build(catalogue, interactions, shop_vectors=vectors),
    )
    for name in ("standing", "numbers", "popularity", "shop_rating", "shop_orders", "shop_vectors", "event_start"):
        assert np.array_equal(getattr(ours_, name), getattr(theirs_, name)), name


def test_an_index_for_many_shops_finds_a_changed_shop_by_its_new_words(
    city: Any, encoder: TextEncoder, rules: Rules, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from aiyam.candidates import content

    monkeypatch.setattr(content, "SCORED_EXACTLY", 50)
    served = content.Content(city.catalogue, encoder, rules)
    everywhere = np.ones(len(city.catalogue), bool)
    rows = np.array([7], np.int32)
    renamed = [*city.catalogue.names]
    renamed[7] = "크로플 전문"
    start = city.catalogue.menu_start.copy()
    gone = start[8] - start[7]
    lines = np.r_[0 : start[7], start[8] : start[-1]]
    start[8:] -= gone
    changed = replace(
        city.catalogue, names=renamed, menu_start=start,
        **{name: getattr(city.catalogue, name)[lines] for name in ("menu_name", "menu_price", "menu_best", "menu_sold_out")},
    )  # fmt: skip
    updated = served.updated(changed, rows)
    assert served.nearest(updated.vectors[7], everywhere, 1).tolist() != [7]
    assert updated.nearest(updated.vectors[7], everywhere, 1).tolist() == [7]
    assert served.nearest(served.vectors[7], everywhere, 1).tolist() == [7]
    assert updated._index.ntotal == served._index.ntotal == len(changed)


def test_the_store_lists_small_changes_and_nothing_it_cannot_vouch_for(store: Store) -> None:
    begin = get_fact(store, "fingerprint") or ""
    one = {"name": ["가"], "category": ["한식"], "source": ["t"]}
    assert shops_changed_since(store, begin) is None
    write_catalogue(store, [(schema.shop, {**one, "shop_id": ["n-1"]})], {"fingerprint": "f1"}, replace=False)
    decide_venue(store, "n-1", "blocked", who="min")
    assert shops_changed_since(store, begin) == ("n-1",)
    assert shops_changed_since(store, "another") is None
    write_catalogue(
        store, [(schema.person, {"user_id": ["u-9"], "source": ["t"]})], {"fingerprint": "f2"}, replace=False
    )
    assert shops_changed_since(store, begin) is None
    many = {"shop_id": [f"m-{i}" for i in range(1001)], "name": ["나"] * 1001, "category": ["한식"] * 1001}
    write_catalogue(store, [(schema.shop, {**many, "source": ["t"] * 1001})], {"fingerprint": "f3"}, replace=False)
    assert shops_changed_since(store, "f2") is None
    write_catalogue(store, [(schema.shop, {**one, "shop_id": ["n-2"]})], {"fingerprint": "f4"}, replace=True)
    assert shops_changed_since(store, "f3") is None


def test_an_empty_catalogue_has_no_candidates_and_takes_over_its_first_shop(
    tmp_path: Path, encoder: TextEncoder, rules: Rules
) -> None:
    store = Store.open(f"sqlite:///{tmp_path / 'empty.db'}")
    empty = Catalogue.load(store)
    interactions = Interactions.load(store, empty)
    served = Funnels.build(empty, interactions, encoder=encoder, rules=rules, now_ts=0)
    everything = ask(
        text="떡볶이", lat=37.5, lon=127.0, menus=("떡볶이",), category=("분식",), taste=("매운",), allergies=("땅콩",),
        budget_max=9000, budget_min=1000, open_now=True, time_of_day="lunch", meal_card=True, good_shop=True,
        exclude_menus=("라면",), dietary_preferences=("건강식",), atmosphere=("조용한",), district="관악구", near_me=True,
    )  # fmt: skip
    for query in (ask(), everything):
        assert len(served.find(query)) == 0
    bare = {"shop_id": ["one"], "name": ["떡볶이 하나"], "category": [""], "source": ["test"]}
    write_catalogue(store, [(schema.shop, bare)], {"fingerprint": "f1"}, replace=False)
    catalogue, rows = with_shops_read_again(empty, store, ["one"])
    updated = served.updated(catalogue, rows)
    assert updated.find(ask()).rows.tolist() == [0]
    assert len(updated.find(everything)) == 0
    store.close()
