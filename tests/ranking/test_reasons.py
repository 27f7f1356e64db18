"""Reasons: what is told really lifted the score, the deep part included; nothing shames; cards differ."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from ranking_town import Town, ranker_that_follows

from aiyam.catalogue.query import Query
from aiyam.ranking.attribution import SOURCES
from aiyam.ranking.cards import DISTINCT, make_cards
from aiyam.ranking.features import FEATURES, N_WIDE, NUMBERS, SLOT
from aiyam.ranking.ranker import Ranker, Vocabulary
from aiyam.ranking.reasons import MIN_LIFT
from aiyam.ranking.statistics import Crosses
from aiyam.ranking.wide_deep import WideDeepConfig, WideDeepScorer, make_network

SOURCE_OF = {
    "자주 가던": "habit",
    "전에 가": "habit",
    "찜해": "favorite",
    "자주 먹는": "category",
    "가까워요": "near",
    "친구들이": "popular",
    "별점": "rating",
    "지금 열려": "open",
    "관악구에": "district",
}
"""How the facts begin that nobody asked for, and what they stand on."""


def deep_ranker(town: Town, seed: int, *, wide_in_deep: bool = True) -> Ranker:
    """A ranker whose deep part is drawn by ``seed`` and large enough to turn over what the wide part says."""
    config = WideDeepConfig(hidden=(16, 8), wide_in_deep=wide_in_deep)
    rng = np.random.default_rng(seed)
    weights = {
        name: rng.normal(0.0, 0.7, tensor.shape).astype(np.float32)
        for name, tensor in make_network(config, 2, 2, 2).state_dict().items()
    }
    vocabulary = Vocabulary(("u-regular",), ("s-0",), ("김밥나라",))
    return Ranker(WideDeepScorer(config, weights), vocabulary, Crosses(), town.catalogue, town.stats)


def cards_of(ranker: Ranker, town: Town, query: Query, rows: list[int] | None = None) -> list[Any]:
    candidates = town.candidates(rows)
    return list(make_cards(ranker, ranker.rank(query, candidates, top_k=8), candidates, query))


@pytest.mark.parametrize("wide_in_deep", [True, False])
def test_without_the_feature_of_a_reason_the_card_scores_lower(town: Town, wide_in_deep: bool) -> None:
    n_checked = 0
    for seed in range(12):
        ranker, query, candidates = deep_ranker(town, seed, wide_in_deep=wide_in_deep), town.query(), town.candidates()
        batch = ranker.features(query, candidates)
        before = ranker.score(query, batch)
        for card in cards_of(ranker, town, query):
            place = town.catalogue.row_of[card.shop_id]
            facts = [SOURCE_OF[head] for f in card.reason.split(" · ") for head in SOURCE_OF if f.startswith(head)]
            for name in facts:
                wide, numbers = batch.wide.copy(), batch.numbers.copy()
                for slot in SOURCES[name].slots:
                    wide[place, SLOT[slot]] = batch.wide[:, SLOT[slot]].mean()
                for number in SOURCES[name].numbers:
                    numbers[place, NUMBERS.index(number)] = batch.numbers[:, NUMBERS.index(number)].mean()
                after = ranker.score_changed(query, replace(batch, wide=wide, numbers=numbers))
                if name in ("open", "near", "district") and " · " not in card.reason:
                    continue  # a shop that nothing lifts is described
                assert after[place] < before[place], (seed, card.reason)
                n_checked += 1
    assert n_checked > 40


def test_a_fact_that_the_deep_part_counts_against_the_shop_is_not_a_reason(town: Town) -> None:
    config = WideDeepConfig(hidden=(8, 4), wide_in_deep=True)
    weights = {n: np.zeros_like(v.numpy()) for n, v in make_network(config, 2, 2, 2).state_dict().items()}
    weights["wide.weight"][0, SLOT["distance"]] = 1.0
    weights["out.weight"][0, 0] = 1.0

    def nearest_reason() -> str:
        scorer = WideDeepScorer(config, weights)
        ranker = Ranker(scorer, Vocabulary(), Crosses(), town.catalogue, town.stats)
        return next(str(c.reason) for c in cards_of(ranker, town, town.query("u-nobody")) if c.shop_id == "s-0")

    assert "가까워요" in nearest_reason()
    first_wide = weights["deep.0.weight"].shape[1] - N_WIDE
    weights["deep.0.weight"][0, first_wide + SLOT["distance"]] = 1.0
    weights["deep.3.weight"][0, 0] = 1.0
    weights["out.weight"][0, 1] = -3.0
    assert "가까워요" not in nearest_reason()


def test_a_number_of_the_deep_part_counts_for_the_reason_it_says_the_same_as(town: Town) -> None:
    config = WideDeepConfig(hidden=(8, 4))
    weights = {n: np.zeros_like(v.numpy()) for n, v in make_network(config, 2, 2, 2).state_dict().items()}
    column = weights["deep.0.weight"].shape[1] - len(NUMBERS) + NUMBERS.index("shop_rating/5")
    weights["deep.0.weight"][0, column] = weights["deep.3.weight"][0, 0] = 1.0
    weights["out.weight"][0, 1] = 5.0
    ranker = Ranker(WideDeepScorer(config, weights), Vocabulary(), Crosses(), town.catalogue, town.stats)
    ranked = ranker.rank(town.query(), town.candidates(), top_k=8)
    rating = list(SOURCES).index("rating")
    assert (ranked.lifts[:, rating] != 0).any()
    assert not ranked.lifts[:, [i for i in range(len(SOURCES)) if i != rating]].any()
    assert "별점 4.6" in {c.shop_id: c.reason for c in cards_of(ranker, town, town.query())}["s-0"]


@pytest.mark.parametrize("feature", [f.name for f in FEATURES])
def test_no_reason_speaks_of_money_or_the_card_unasked(town: Town, feature: str) -> None:
    for user in ("u-regular", "u-spicy", "u-nobody"):
        for card in cards_of(ranker_that_follows(feature, town), town, town.query(user)):
            assert not any(word in card.reason for word in ("카드", "착한가게", "원", "싸", "저렴", "예산", "돈 "))


def test_a_newcomer_is_told_nothing_about_a_past(town: Town) -> None:
    for feature in FEATURES:
        for card in cards_of(ranker_that_follows(feature.name, town), town, town.query("u-nobody")):
            assert card.reason
            assert not any(word in card.reason for word in ("자주", "전에", "찜"))


def test_the_first_cards_give_different_reasons_where_the_shops_have_them(town: Town) -> None:
    for seed in range(10):
        for rows in (None, [0, 1, 4, 5]):
            cards = cards_of(deep_ranker(town, seed), town, town.query(open_now=True), rows)[:DISTINCT]
            assert len({card.reason for card in cards}) == DISTINCT


def test_a_shop_that_nothing_lifts_is_described_and_not_praised(town: Town) -> None:
    for seed in range(10):
        ranker = deep_ranker(town, seed)
        candidates = town.candidates()
        ranked = ranker.rank(town.query(), candidates, top_k=8)
        praise = [list(SOURCES).index(name) for name in ("habit", "favorite", "category", "popular", "rating")]
        for card, lifts in zip(make_cards(ranker, ranked, candidates, town.query()), ranked.lifts, strict=True):
            assert card.reason
            if (lifts[praise] <= MIN_LIFT).all():
                assert not any(word in card.reason for word in ("자주", "전에", "찜", "친구들", "별점"))


def test_one_candidate_alone_is_described(town: Town) -> None:
    (card,) = cards_of(deep_ranker(town, 0), town, town.query(), [4])
    assert card.reason
