"""The order a child sees: sorts are honoured, brands do not crowd, a new user gets an answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ranking_town import make_town, ranker_that_follows

from aiyam.contracts import UserProfile
from aiyam.errors import ModelError
from aiyam.ranking.attribution import SOURCES
from aiyam.ranking.features import feature_table
from aiyam.ranking.ranker import check_feature_table


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


def test_a_cheaper_shop_out_of_reach_comes_after_those_near(town: Any) -> None:
    ranker = ranker_that_follows("distance", town)
    ranked = ranker.rank(town.query(sort="price"), town.candidates([4, 5, 6]), top_k=3)
    assert ranked.rows.tolist() == [4, 5, 6]  # 9,000 and 12,000 won in walking distance, then 8,000 won 2.5 km away
