"""The order a child sees: sorts are honoured, brands do not crowd, a new user gets an answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from ranking_town import make_town, ranker_that_follows

from aiyam.contracts import UserProfile
from aiyam.errors import ModelError
from aiyam.ranking.attribution import SOURCES
from aiyam.ranking.features import feature_table
from aiyam.ranking.ranker import Ranker, Vocabulary, check_feature_table
from aiyam.ranking.statistics import Crosses
from aiyam.ranking.wide_deep import WideDeepConfig, WideDeepScorer, make_network


def deep_ranker(town: Any, catalogue: Any = None, stats: Any = None) -> Ranker:
    """A ranker whose deep part is drawn, and knows one shop and one brand by name."""
    config, rng = WideDeepConfig(hidden=(16, 8)), np.random.default_rng(3)
    weights = {
        name: rng.normal(0.0, 0.5, tensor.shape).astype(np.float32)
        for name, tensor in make_network(config, 2, 2, 2).state_dict().items()
    }
    vocabulary = Vocabulary(("u-regular",), ("s-0",), ("김밥나라",))
    return Ranker(
        WideDeepScorer(config, weights), vocabulary, Crosses(), catalogue or town.catalogue, stats or town.stats
    )


def test_the_best_score_comes_first_and_scores_are_probabilities(town: Any) -> None:
    ranked = ranker_that_follows("habit_orders", town).rank(town.query(), town.candidates(), top_k=8)
    assert ranked.rows[:2].tolist() == [0, 4]
    assert ((ranked.scores > 0) & (ranked.scores < 1)).all()
    assert ranked.propensity.tolist() == [1.0] * 8
    assert sorted(ranked.places.tolist()) == list(range(8))


def test_lifts_name_the_source_that_moved_the_score(town: Any) -> None:
    ranked = ranker_that_follows("habit_orders", town).rank(town.query(), town.candidates(), top_k=8)
    habit = list(SOURCES).index("habit")
    assert int(ranked.lifts[0].argmax()) == habit
    assert np.count_nonzero(ranked.lifts) == np.count_nonzero(ranked.lifts[:, habit])


def test_no_branch_of_a_brand_twice_among_the_first_three(town: Any) -> None:
    candidates = town.candidates(list(range(8)), [0.1, 0.9, 0.8, 0.7, 0.3, 0.2, 0.15, 0.1])
    ranker = ranker_that_follows("score_merged", town)
    ranked = ranker.rank(town.query(), candidates, top_k=8)
    assert (town.catalogue.brand[ranked.rows[:3]] == 0).sum() == 1
    assert ranked.rows[0] == 1
    plain = ranker.rank(town.query(), candidates, top_k=3, diverse=False)
    assert plain.rows.tolist() == [1, 2, 3]


@pytest.mark.parametrize("top_k", [1, 3, 8, 150])
def test_every_shop_comes_once(town: Any, top_k: int) -> None:
    ranked = ranker_that_follows("distance", town).rank(town.query(), town.candidates(), top_k=top_k)
    assert len(ranked) == len(set(ranked.rows.tolist())) == min(top_k, 8)


def test_sort_by_price_is_the_price_on_the_card(town: Any) -> None:
    near = town.candidates([0, 1, 2, 3, 4, 5, 7])
    ranked = ranker_that_follows("distance", town).rank(town.query(sort="price"), near, top_k=8)
    prices = [town.catalogue.menu_price[m] for m in ranked.menus if m >= 0]
    assert prices == sorted(prices)
    assert ranked.rows[-1] == 7  # no menu, no price: last
    assert ranked.menus[-1] == -1


def test_sort_by_distance_and_rating(town: Any) -> None:
    ranker = ranker_that_follows("price_rank", town)
    by_distance = ranker.rank(town.query(sort="distance"), town.candidates(), top_k=8)
    assert by_distance.rows.tolist() == [7, 0, 4, 1, 2, 3, 5, 6]
    by_rating = ranker.rank(town.query(sort="rating"), town.candidates(), top_k=8)
    assert by_rating.rows[:2].tolist() == [0, 4]


def test_a_stranger_and_an_empty_list_get_an_answer(town: Any) -> None:
    ranker = ranker_that_follows("distance", town)
    query = town.query("u-nobody")
    assert query.user == UserProfile(user_id="u-nobody")
    assert len(ranker.rank(query, town.candidates(), top_k=3)) == 3
    empty = ranker.rank(query, town.candidates([]), top_k=3)
    assert len(empty) == 0
    assert empty.wide.shape == (0, 50)


def test_another_feature_table_is_refused_with_the_difference(tmp_path: Any) -> None:
    table = list(feature_table())
    check_feature_table(tuple(table), tmp_path)
    table[5] = "distanse|fit|x|y|0"
    with pytest.raises(ModelError, match=r'slot 5 expected "distance.*got .distanse'):
        check_feature_table(tuple(table), tmp_path)
    with pytest.raises(ModelError, match="60 lines"):
        check_feature_table(feature_table()[:-1], tmp_path)


def test_a_shop_without_a_finite_score_is_never_shown(town: Any) -> None:
    candidates = town.candidates()
    candidates.merged[3] = np.nan
    ranker = ranker_that_follows("score_merged", town)
    for query in (town.query(), town.query(sort="price")):
        ranked = ranker.rank(query, candidates, top_k=8)
        assert sorted(ranked.rows.tolist()) == [0, 1, 2, 4, 5, 6, 7]
        assert np.isfinite(ranked.scores).all()
        assert np.isfinite(ranked.lifts).all()
    candidates.merged[:] = np.nan
    assert len(ranker.rank(town.query(), candidates, top_k=8)) == 0


def test_the_same_request_gets_the_same_order() -> None:
    town = make_town()
    ranker = ranker_that_follows("price_rank", town)
    first, second = (ranker.rank(town.query(), town.candidates(), top_k=8) for _ in range(2))
    assert np.array_equal(first.rows, second.rows)
    assert np.array_equal(first.scores, second.scores)


def test_a_cheaper_shop_out_of_reach_is_left_out_where_enough_are_near(town: Any) -> None:
    ranker, query = ranker_that_follows("distance", town), town.query("u-nobody", sort="price")
    near = ranker.rank(query, town.candidates([4, 5, 6]), top_k=2)
    assert near.rows.tolist() == [4, 5]  # 7,000 and 12,000 won; 8,000 won lies 2.5 km away
    ranked = ranker.rank(query, town.candidates([4, 5, 6]), top_k=3)
    assert ranked.rows.tolist() == [4, 6, 5]  # too few near: one reach farther, and all of it in order


def holder(town: Any, **facts: Any) -> Any:
    """A request of a child who holds a card, and has no past."""
    user = UserProfile.model_validate({"user_id": "u-card", "has_card": True, "card_meal_limit_won": 9500, **facts})
    return replace(town.query("u-card"), user=user)


def test_shops_where_the_card_pays_for_a_meal_come_first(town: Any) -> None:
    ranker, candidates = ranker_that_follows("score_merged", town), town.candidates([5, 6, 4, 0], [0.9, 0.8, 0.3, 0.1])
    assert ranker.rank(town.query("u-nobody"), candidates, top_k=4).rows[0] == 5
    ranked = ranker.rank(holder(town), candidates, top_k=4)
    assert ranked.rows.tolist() == [6, 4, 0, 5]  # 12,000 won at a shop that refuses the card comes last
    prices = town.catalogue.menu_price[ranked.menus]
    assert (prices[:3] <= 9500).all()


@pytest.mark.parametrize(("facts", "dish"), [({}, "돈까스"), ({"card_balance_won": 7500}, "우동")])
def test_the_dish_on_the_card_can_be_paid_where_the_shop_has_one(town: Any, facts: dict[str, int], dish: str) -> None:
    catalogue = replace(town.catalogue, menu_best=town.catalogue.menu_price == 9000, row_of=town.catalogue.row_of)
    ranker = ranker_that_follows("distance", replace(town, catalogue=catalogue))
    ranked = ranker.rank(holder(town, **facts), town.candidates([4]), top_k=1)
    assert catalogue.dish_names[catalogue.menu_name[ranked.menus[0]]] == dish


def test_an_amount_that_was_said_stands_before_the_limit_of_the_card(town: Any) -> None:
    ranker, candidates = ranker_that_follows("score_merged", town), town.candidates([5, 4, 0], [0.9, 0.3, 0.1])
    query = replace(holder(town), filters=town.query(budget_max=15_000).filters)
    prices = town.catalogue.menu_price[ranker.rank(query, candidates, top_k=3).menus]
    assert prices.max() == 12_000
    assert holder(town, has_card=False).user.payable_won is None
    assert holder(town, card_balance_won=0).user.payable_won == 0


def test_a_sorted_list_leaves_out_shops_that_refuse_the_card_while_enough_take_it(town: Any) -> None:
    ranker = ranker_that_follows("distance", town)
    query = replace(holder(town), filters=town.query(sort="price").filters)
    rows = ranker.rank(query, town.candidates(), top_k=5).rows.tolist()
    assert 5 not in rows
    assert len(rows) == 5


def test_a_list_sorted_by_rating_ends_with_those_nobody_rated(town: Any) -> None:
    ranker = ranker_that_follows("price_rank", town)
    rows = ranker.rank(town.query(sort="rating"), town.candidates(), top_k=5).rows
    ratings = town.catalogue.rating[rows]
    known = ratings[~np.isnan(ratings)]
    assert known.tolist() == sorted(known.tolist(), reverse=True)
    assert not np.isnan(ratings[: len(known)]).any()


def test_without_a_place_asked_for_a_shop_far_away_comes_last(town: Any) -> None:
    lat = town.catalogue.lat.copy()
    lat[0] += 0.08  # 9 km north
    far = replace(town.catalogue, lat=lat, row_of=town.catalogue.row_of)
    ranker = ranker_that_follows("score_merged", replace(town, catalogue=far))
    candidates = town.candidates([0, 4, 6], [0.9, 0.5, 0.1])
    assert ranker.rank(town.query("u-nobody"), candidates, top_k=3).rows.tolist() == [4, 6, 0]
    there = ranker.rank(town.query("u-nobody", district="관악구"), candidates, top_k=3)
    assert there.rows.tolist() == [0, 4, 6]


def test_what_is_computed_beforehand_scores_as_what_is_computed_whole(town: Any) -> None:
    ranker, query = deep_ranker(town), town.query()
    batch = ranker.features(query, town.candidates())
    vector = np.random.default_rng(1).normal(size=128).astype(np.float32)
    user = ranker._user_row.get(query.user.user_id, 0)
    whole = ranker._scorer.logits(user, *ranker._ids(batch.rows), vector, batch.numbers, batch.wide)
    assert np.allclose(ranker.score(query, batch, vector), whole, atol=1e-5)
    assert np.allclose(ranker.score_changed(query, batch, vector), whole, atol=1e-5)
    assert whole.std() > 0.1


def test_a_ranker_over_changed_shops_scores_as_one_made_anew_and_leaves_the_served_one(town: Any) -> None:
    served, query, candidates = deep_ranker(town), town.query(), town.candidates()
    before = served.score(query, served.features(query, candidates))
    brand, price = town.catalogue.brand.copy(), town.catalogue.mean_price.copy()
    brand[0], price[4] = 0, 30_000.0
    changed = replace(town.catalogue, brand=brand, mean_price=price, row_of=town.catalogue.row_of)
    stats = town.stats.updated(changed, None)
    over, anew = served.over(changed, stats), deep_ranker(town, changed, stats)
    scores = over.score(query, over.features(query, candidates))
    assert np.allclose(scores, anew.score(query, anew.features(query, candidates)), atol=1e-6)
    assert np.abs(scores - before).max() > 1e-3
    assert np.array_equal(before, served.score(query, served.features(query, candidates)))


def test_ordering_logits_already_computed_is_ranking(town: Any) -> None:
    ranker, candidates = deep_ranker(town), town.candidates()
    for query in (town.query(), town.query(sort="price"), town.query(sort="distance")):
        batch = ranker.features(query, candidates)
        places = ranker.order(query, batch, ranker.score(query, batch), top_k=8).places
        assert places.tolist() == ranker.rank(query, candidates, top_k=8).places.tolist()
