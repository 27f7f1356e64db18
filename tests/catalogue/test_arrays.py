"""The catalogue as arrays: what the store holds, unknown values, distances, menus, and the cache."""

import numpy as np
import pytest

from aiyam.catalogue import facts
from aiyam.catalogue.arrays import Catalogue
from aiyam.catalogue.interactions import Interactions
from aiyam.contracts import ALLERGENS, TASTES
from aiyam.store import Store, schema
from aiyam.store.columns import insert_columns


@pytest.fixture
def store(tmp_path):
    store = Store.open(f"sqlite:///{tmp_path / 'town.db'}")
    insert_columns(
        store,
        schema.shop,
        {
            "shop_id": ["b", "a", "c"],
            "name": ["둘째 분식", "첫째 반점", "셋째 호프"],
            "category": ["분식", "중식", ""],
            "brand": [None, "용궁", None],
            "province": ["서울특별시"] * 3,
            "city": ["서울특별시"] * 3,
            "district": ["관악구", "중구", "관악구"],
            "lat": [37.4784, 37.5636, None],
            "lon": [126.9516, 126.9976, None],
            "open_min": [600, None, 1020],
            "close_min": [1260, None, 1560],
            "meal_card": ["yes", "no", "unknown"],
            "atmosphere": ["조용한 혼밥", "", ""],
            "venue": ["ok", "ok", "blocked"],
            "source": ["test"] * 3,
        },
    )
    insert_columns(
        store,
        schema.shop_menu,
        {
            "shop_id": ["a", "b", "b", "a", "b"],
            "name": ["짜장면", "매운 떡볶이", "콜라", "비밀 요리", "김밥"],
            "price_won": [7000, 4500, 2600, None, 3500],
            "is_best": [True, True, False, False, False],
        },
    )
    insert_columns(store, schema.person, {"user_id": ["u"], "source": ["test"]})
    insert_columns(
        store,
        schema.product_order,
        {
            "user_id": ["u", "v", "u"],
            "shop_id": ["a", "a", "gone"],
            "amount_won": [7000, None, 1],
            "created_at": [30, 10, 20],
        },
    )
    insert_columns(
        store,
        schema.review,
        {"user_id": ["u", "v"], "shop_id": ["a", "a"], "rating": [5.0, 2.0], "created_at": [40, 50]},
    )
    insert_columns(
        store,
        schema.impression_request,
        {
            "request_id": [5, 4],
            "user_id": ["u", "u"],
            "semantic_query": ["나중", "먼저"],
            "created_at": [60, 55],
            "lat": [None, 37.5],
        },
    )
    insert_columns(
        store,
        schema.impression,
        {
            "request_id": [5, 4, 5, 4],
            "position": [2, 1, 1, 2],
            "shop_id": ["a", "b", "b", "gone"],
            "outcome": [3, 0, 1, 0],
        },
    )
    yield store
    store.close()


def test_rows_follow_the_ids_and_unknown_values_stay_unknown(store):
    c = Catalogue.load(store)
    assert c.shop_ids == ["a", "b", "c"]
    assert [c.category_name(row) for row in range(3)] == ["중식", "분식", "기타"]
    assert c.brand.tolist() == [0, -1, -1]
    assert c.open_min.tolist() == [-1, 600, 1020]
    assert c.meal_card.tolist() == [0, 1, -1]
    assert np.isnan(c.lat[2])
    assert c.venue_ok.tolist() == [True, True, False]
    assert [c.district_names[code] for code in c.district] == ["중구", "관악구", "관악구"]
    assert c.atmosphere.tolist() == [0, 3, 0]


def test_menus_keep_their_order_prices_and_what_their_names_imply(store):
    c = Catalogue.load(store)
    jajang, secret = c.menus_of(0)
    assert (jajang.name, jajang.price_won, jajang.is_best, jajang.known) == ("짜장면", 7000, True, True)
    assert "밀" in jajang.allergens
    assert (secret.price_won, secret.known, secret.allergens) == (None, False, ())
    assert [menu.name for menu in c.menus_of(1)] == ["매운 떡볶이", "콜라", "김밥"]
    assert c.menus_of(2) == []
    spicy = c.dish_names.index("매운 떡볶이")
    assert c.dish_taste[spicy] >> TASTES.index("매운") & 1
    assert c.dish_allergens[spicy] >> ALLERGENS.index("밀") & 1


def test_a_drink_is_not_the_cheapest_meal(store):
    c = Catalogue.load(store)
    assert c.min_meal_price[1] == 3500
    assert c.mean_price[1] == pytest.approx((4500 + 2600 + 3500) / 3)
    assert np.isnan(c.mean_price[2])


def test_acts_are_counted_and_can_be_cut_at_a_time(store):
    c = Catalogue.load(store)
    assert c.n_orders.tolist() == [2, 0, 0]
    assert c.rating[0] == 3.5
    assert np.isnan(c.rating[1])
    early = Catalogue.load(store, until=45)
    assert early.rating[0] == 5.0
    assert early.n_orders.tolist() == [2, 0, 0]


def test_distance_is_the_great_circle_and_unknown_where_the_shop_has_no_point(store):
    metres = Catalogue.load(store).distance_m(np.array([0, 1, 2]), 37.4784, 126.9516)
    assert metres[0] == pytest.approx(10_310, rel=0.01)
    assert metres[1] == pytest.approx(0, abs=2)
    assert np.isnan(metres[2])


def test_interactions_come_in_order_of_time_with_strangers_and_gone_shops_told(store):
    acts = Interactions.load(store, Catalogue.load(store))
    assert acts.user_ids == ["u", "v"]
    assert acts.orders.ts.tolist() == [10, 30]
    assert acts.orders.user.tolist() == [1, 0]
    assert np.isnan(acts.orders.value[0])
    assert acts.n_dropped == 2
    assert acts.last_ts == 60
    r = acts.requests
    assert r.query == ["먼저", "나중"]
    assert r.imp_start.tolist() == [0, 1, 3]
    assert r.imp_shop_row.tolist() == [1, 1, 0]
    assert r.imp_position.tolist() == [1, 1, 2]
    assert r.imp_outcome.tolist() == [0, 1, 3]
    cut = Interactions.load(store, Catalogue.load(store), until=56)
    assert (len(cut.orders), len(cut.reviews), len(cut.requests)) == (2, 2, 1)


def test_an_empty_store_is_an_empty_catalogue(tmp_path):
    store = Store.open(f"sqlite:///{tmp_path / 'empty.db'}")
    c = Catalogue.load(store)
    assert len(c) == 0
    assert len(Interactions.load(store, c).requests) == 0
    store.close()


def test_the_cache_gives_back_the_same_arrays_and_a_torn_file_is_ignored(store, tmp_path):
    facts.stamp(store, source="test", synthetic=True, fingerprint="f1")
    first = Catalogue.load(store, cache_dir=tmp_path)
    (kept,) = tmp_path.glob("catalogue-*.npz")
    again = Catalogue.load(store, cache_dir=tmp_path)
    for name, value in vars(first).items():
        other = getattr(again, name)
        if isinstance(value, np.ndarray):
            assert np.array_equal(value, other, equal_nan=value.dtype.kind == "f"), name
            assert value.dtype == other.dtype
        else:
            assert value == other, name
    kept.write_bytes(kept.read_bytes()[:200])
    assert Catalogue.load(store, cache_dir=tmp_path).names == first.names


def test_a_new_fingerprint_does_not_read_the_old_cache(store, tmp_path):
    facts.stamp(store, source="test", synthetic=True, fingerprint="f1")
    Catalogue.load(store, cache_dir=tmp_path)
    insert_columns(store, schema.shop, {"shop_id": ["d"], "name": ["새집"], "category": ["한식"], "source": ["test"]})
    facts.stamp(store, source="test", synthetic=False, fingerprint="f2")
    assert Catalogue.load(store, cache_dir=tmp_path).shop_ids == ["a", "b", "c", "d"]
