"""The feature table: its size, its names, and that a request sees only what was before it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
from ranking_town import DAY_S, NOW, make_interactions

from aiyam.catalogue.query import CandidateSet
from aiyam.ranking.features import FEATURES, N_WIDE, NUMBERS, SLOT, SPEC_SLOTS, build_features, feature_table
from aiyam.ranking.replay import moments_of, query_of
from aiyam.ranking.statistics import Statistics, fit_crosses


def test_the_table_has_fifty_slots_each_with_a_name_of_its_own() -> None:
    assert len(FEATURES) == N_WIDE == 50 == len(SLOT)
    assert len(NUMBERS) == 10
    assert len(feature_table()) == 60
    for i, feature in enumerate(FEATURES):
        assert (feature.kind == "reserved") == (feature.name == f"reserved_{i:02d}")


def test_the_specified_features_come_first() -> None:
    spec = [f.name for f in FEATURES[:SPEC_SLOTS]]
    assert spec[:9] == [
        "age_group_x_category", "city_x_district", "time_of_day_x_category", "user_x_shop", "budget_fit", "distance",
        "dietary_match", "good_shop", "rating_above_3_5",
    ]  # fmt: skip
    assert len(spec) == 17


def column(town: Any, name: str, **query: Any) -> np.ndarray:
    return build_features(town.catalogue, town.stats, town.query(**query), town.candidates()).wide[:, SLOT[name]]


def test_every_number_is_finite_even_for_a_shop_without_menus_hours_and_orders(town: Any) -> None:
    for user in ("u-regular", "u-nobody"):
        batch = build_features(town.catalogue, town.stats, town.query(user), town.candidates())
        assert np.isfinite(batch.wide).all()
        assert np.isfinite(batch.numbers).all()
        assert (batch.numbers >= 0).all()
        assert (batch.numbers <= 1).all()
        assert (batch.wide[:, SLOT["reserved_49"]] == 0).all()


def test_no_candidates_give_empty_features(town: Any) -> None:
    batch = build_features(town.catalogue, town.stats, town.query(), town.candidates([]))
    assert batch.wide.shape == (0, 50)
    assert batch.numbers.shape == (0, 10)


def test_good_shop_weighs_three_tenths(town: Any) -> None:
    assert np.allclose(column(town, "good_shop"), [0, 0, 0, 0, 0.3, 0, 0, 0])


def test_a_rating_counts_only_above_three_and_a_half(town: Any) -> None:
    rating = column(town, "rating_above_3_5")
    assert rating[0] > 0
    assert rating[6] == 0


def test_habit_counts_what_this_person_ordered_here(town: Any) -> None:
    regular, other = column(town, "habit_orders"), column(town, "habit_orders", user="u-other")
    assert regular[0] > regular[4] > 0 == regular[6]
    assert other[0] == 0 < other[6]
    assert column(town, "user_favorite").tolist() == [0, 0, 0, 0, 1, 0, 0, 0]
    assert column(town, "user_review")[0] > 0
    assert column(town, "user_review", user="u-other")[6] < 0


def test_a_request_sees_only_what_was_before_it(town: Any) -> None:
    query = replace(town.query(), now=town.query().now - timedelta(days=6))
    then = build_features(town.catalogue, town.stats, query, town.candidates()).wide
    cut = make_interactions()
    for part in (cut.orders, cut.favorites, cut.reviews):
        kept = part.ts < NOW - 6 * DAY_S
        part.user, part.shop_row, part.ts, part.value = (
            a[kept] for a in (part.user, part.shop_row, part.ts, part.value)
        )
    known = Statistics.build(town.catalogue, cut)
    personal = [
        SLOT[n] for n in ("user_x_shop", "habit_orders", "habit_recency", "user_favorite", "user_category_share")
    ]
    without = build_features(town.catalogue, known, query, town.candidates()).wide
    assert np.array_equal(then[:, personal], without[:, personal])


def test_aggregates_stop_at_until(town: Any) -> None:
    early = Statistics.build(town.catalogue, town.interactions, until=NOW - 35 * DAY_S)
    assert early.shop_orders.tolist() == [0, 0, 0, 0, 2, 0, 0, 0]
    assert town.stats.shop_orders.tolist() == [4, 0, 0, 0, 2, 1, 3, 0]


def test_nearer_is_more_and_an_unknown_place_reads_as_missing(town: Any) -> None:
    near = column(town, "distance")
    assert near[0] > near[1] > near[3] > near[5]
    nowhere = replace(town.query(), lat=None, lon=None)
    batch = build_features(town.catalogue, town.stats, nowhere, town.candidates())
    assert (batch.wide[:, SLOT["distance"]] == np.float32(0.1)).all()


def test_budget_fit_falls_with_the_price_above_the_limit(town: Any) -> None:
    fit = column(town, "budget_fit", budget_max=6000)
    assert fit[0] == 1 > fit[4] > fit[5]


def test_asked_dish_category_and_taste_are_matched_by_what_fits(town: Any) -> None:
    assert column(town, "menu_match", menus=("떡볶이",)).tolist() == [1, 0, 0, 1, 0, 0, 0, 0]
    assert column(town, "category_match", category=("분식",)).tolist() == [1, 1, 1, 1, 0, 0, 0, 0]
    assert column(town, "taste_match", taste=("매운",)).tolist() == [1, 0, 0, 0, 0, 1, 0, 0]
    assert column(town, "menu_match", menus=("순대",)).sum() == 0  # sold out


def test_crosses_lift_what_an_age_band_orders(town: Any) -> None:
    crosses = fit_crosses(town.catalogue, town.stats, town.profiles)
    assert np.abs(crosses.age_category).max() <= 1
    snack, korean = int(town.catalogue.category[0]), int(town.catalogue.category[6])
    assert crosses.age_category[1][snack] > 0 > crosses.age_category[1][korean]
    stats = town.stats.with_crosses(crosses)
    wide = build_features(town.catalogue, stats, town.query(), town.candidates()).wide
    assert wide[0, SLOT["age_group_x_category"]] > wide[6, SLOT["age_group_x_category"]]


def test_similarity_compares_the_query_with_the_shop_vectors(town: Any) -> None:
    vectors = np.zeros((8, 128), np.float32)
    vectors[3, 0] = 1.0
    stats = replace(town.stats, shop_vectors=vectors)
    query_vector = np.eye(1, 128, dtype=np.float32)[0]
    wide = build_features(town.catalogue, stats, town.query(), town.candidates(), query_vector=query_vector).wide
    assert wide[:, SLOT["query_similarity"]].tolist() == [0, 0, 0, 1, 0, 0, 0, 0]
    assert wide[3, SLOT["query_similarity_rank"]] == 1.0


def test_funnel_flags_and_scores_pass_through(town: Any) -> None:
    scores = np.array([[0.1, 0.2, 0.3, 0.4], [0.5, 0.0, 0.7, 0.8]], np.float32)
    flags = np.array([[1, 0, 1, 0], [0, 0, 0, 1]], bool)
    candidates = CandidateSet(np.array([0, 4], np.int32), scores, flags, scores.mean(1))
    wide = build_features(town.catalogue, town.stats, town.query(), candidates).wide
    assert np.array_equal(wide[:, 13:17], scores)
    assert np.array_equal(wide[:, 9:13], flags.astype(np.float32))
    assert wide[1, SLOT["rank_content"]] == 0  # the funnel did not score it


def test_data_without_a_log_of_what_was_shown_gives_a_moment_for_each_choice(town: Any) -> None:
    interactions = make_interactions()
    interactions.requests = SimpleNamespace(ts=np.empty(0, np.int64))
    moments = moments_of(interactions, since=NOW - 10 * DAY_S)
    assert [m.ts for m in moments] == sorted(m.ts for m in moments)
    assert len(moments) == 3 + 2 + 1 + 1 + 1  # orders of three people, a favourite, one good review of two
    assert all(len(m.shown) == 1 and m.outcomes[0] >= 2 for m in moments)
    query = query_of(moments[-1], town.profiles["u-regular"])
    assert query.district == "관악구"
    assert query_of(moments[-1], None).user.user_id == moments[-1].user_id


def test_logged_requests_are_replayed_in_the_order_shown() -> None:
    interactions = make_interactions()
    interactions.requests = SimpleNamespace(
        ts=np.array([NOW + 60, NOW]),
        user=np.array([1, 0]),
        lat=np.array([37.5, np.nan]),
        lon=np.array([127.0, np.nan]),
        district=["관악구", ""],
        query=["떡볶이", ""],
        filters=['{"menus": ["떡볶이"], "budget_max": 8000}', ""],
        imp_start=np.array([0, 3, 4]),
        imp_shop_row=np.array([5, 2, -1, 7]),
        imp_position=np.array([1, 0, 2, 0]),
        imp_outcome=np.array([0, 3, 1, 0]),
    )
    plain, asked = moments_of(interactions)
    assert (plain.user_id, plain.lat, plain.district, plain.filters.given()) == ("u-regular", None, None, {})
    assert asked.filters.given() == {"menus": ["떡볶이"], "budget_max": 8000}
    assert (asked.shown, asked.outcomes) == ((2, 5), (3, 0))  # the shop that is gone is left out
    assert [m.ts for m in moments_of(interactions, since=NOW + 1)] == [NOW + 60]
    assert len(moments_of(interactions, limit=1)) == 1
    interactions.requests.filters[1] = '{"unheard_of": 1}'
    assert moments_of(interactions) == [asked]  # what was asked cannot be read any more
