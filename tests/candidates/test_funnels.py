from __future__ import annotations

import numpy as np
import pytest
from small_city import NOW_TS, City, ask

from aiyam.candidates.encoder import TextEncoder
from aiyam.candidates.funnels import Funnels
from aiyam.candidates.rules import Rules, check_rules, load_rules
from aiyam.contracts import CATEGORIES, FUNNELS, UserProfile
from aiyam.errors import DataError

QUERIES = [
    ask(text="뜨끈한 국물", home="관악구", user=UserProfile(user_id="u3")),
    ask(text="치킨", category="치킨", lat=37.478, lon=126.951),
    ask(user=UserProfile(user_id="new", taste_type="healthy_eater")),
    ask(text="매운 떡볶이", menus="떡볶이", district="강남구", user=UserProfile(user_id="u7")),
]


@pytest.mark.parametrize("query", QUERIES)
def test_candidates_are_few_distinct_scored_by_every_funnel_and_best_first(funnels: Funnels, query: object) -> None:
    found = funnels.find(query)  # type: ignore[arg-type]
    k = len(found)
    assert 3 <= k <= 150
    assert len(set(found.rows.tolist())) == k
    assert found.rows.dtype == np.int32
    assert found.scores.shape == (k, 4)
    assert ((found.scores >= 0) & (found.scores <= 1)).all()
    assert (np.diff(found.merged) <= 1e-6).all()
    assert found.flags.any(axis=1).all(), "every candidate has a source"
    assert sum(found.counts.values()) == k


@pytest.mark.parametrize("query", QUERIES)
def test_no_funnel_brings_more_than_its_quota(funnels: Funnels, rules: Rules, query: object) -> None:
    found = funnels.find(query)  # type: ignore[arg-type]
    assert list(found.counts) == list(FUNNELS)
    assert all(found.counts[name] <= rules.quotas[name] for name in FUNNELS)


def test_a_full_list_stays_full_after_hard_filters(funnels: Funnels) -> None:
    assert len(funnels.find(ask())) == 150
    assert len(funnels.find(ask(), limit=20)) == 20


def test_the_same_question_has_the_same_answer(
    city: City, encoder: TextEncoder, rules: Rules, funnels: Funnels
) -> None:
    again = Funnels.build(city.catalogue, city.interactions, encoder=encoder, rules=rules, now_ts=NOW_TS)
    for query in QUERIES:
        first, second = funnels.find(query), again.find(query)
        assert first.rows.tolist() == second.rows.tolist()
        assert np.array_equal(first.scores, second.scores)


def test_shops_turned_down_never_come_back(funnels: Funnels) -> None:
    first = funnels.find(QUERIES[0])
    again = funnels.find(ask(text="뜨끈한 국물", home="관악구", exclude=tuple(first.rows[:5].tolist())))
    assert not set(first.rows[:5].tolist()) & set(again.rows.tolist())


def test_people_find_the_shops_they_go_back_to(city: City, funnels: Funnels) -> None:
    orders = city.interactions.orders
    everywhere = set(funnels.constraints.rows(ask(), funnels.constraints.asked(ask())).tolist())
    seen = 0
    for user in range(12):
        shops, weights = funnels.collaborative.history(f"u{user}")
        assert (np.diff(weights) <= 0).all()
        assert set(shops.tolist()) <= set(orders.shop_row[orders.user == user].tolist())
        found = funnels.find(ask(user=UserProfile(user_id=f"u{user}")))
        allowed = [row for row in shops[:3].tolist() if row in everywhere]
        seen += sum(row in found.rows for row in allowed) == len(allowed)
    assert seen == 12


def likeness(model, shops, weights):
    liked = model._liked(shops, weights)
    scores = np.zeros(len(model._active), np.float32)
    scores[np.searchsorted(model._active, liked.rows)] = liked.likeness
    return scores


def test_people_with_the_same_habits_share_candidates(city: City, funnels: Funnels) -> None:
    c, collaborative = city.catalogue, funnels.collaborative
    shops, weights = collaborative.history("u3")
    favourite = np.bincount(c.category[shops], weights=weights).argmax()
    model = likeness(collaborative, shops, weights)
    unseen = ~np.isin(collaborative._active, shops)
    best = collaborative._active[unseen][np.argsort(-model[unseen])[:5]]
    assert (c.category[best] == favourite).mean() >= 0.6


def test_taste_types_guide_a_newcomer(city: City, funnels: Funnels) -> None:
    rows = np.arange(len(city.catalogue), dtype=np.int32)

    def mean_of(taste: str, category: str) -> float:
        user = UserProfile(user_id="new", taste_type=taste)  # type: ignore[arg-type]
        scores = funnels.score(ask(user=user), rows)[:, 0]
        return float(scores[city.catalogue.category == CATEGORIES.index(category)].mean())

    assert mean_of("healthy_eater", "한식") > mean_of("convenience_seeker", "한식")
    assert mean_of("budget_conscious", "분식") > mean_of("gourmet", "분식")


def test_words_for_a_dish_lead_to_shops_that_serve_it(city: City, funnels: Funnels) -> None:
    c = city.catalogue
    for words, dish in (("마라탕 먹고 싶어", "마라탕"), ("떡볶이", "떡볶이"), ("시원한 물냉면", "물냉면")):
        found = funnels.find(ask(text=words, home="강남구"))
        best = found.rows[np.argsort(-found.scores[:, 1], kind="stable")[:5]]
        wanted = c.dish_names.index(dish)
        serves = [wanted in c.menu_name[c.menu_start[r] : c.menu_start[r + 1]] for r in best]
        assert all(serves), words


def test_nearer_open_shops_of_the_right_kind_score_higher_in_context(city: City, funnels: Funnels) -> None:
    lat, lon = 37.478, 126.951
    found = funnels.find(ask(lat=lat, lon=lon, near_me=True))
    metres = city.catalogue.distance_m(found.rows, lat, lon)
    near, far = metres < np.median(metres), metres >= np.median(metres)
    assert found.scores[near, 2].mean() > found.scores[far, 2].mean()


def test_a_few_perfect_ratings_do_not_beat_many_good_ones(city: City, encoder: TextEncoder, rules: Rules) -> None:
    from dataclasses import replace
    from types import SimpleNamespace

    from aiyam.candidates.popularity import _quality

    none = SimpleNamespace(user=np.empty(0, int), shop_row=np.empty(0, int), ts=np.empty(0, int), value=np.empty(0))
    rating, n_reviews = city.catalogue.rating.copy(), city.catalogue.n_reviews.copy()
    rating[1], n_reviews[1] = 5.0, 1
    rating[2], n_reviews[2] = 4.6, 80
    catalogue = replace(city.catalogue, rating=rating, n_reviews=n_reviews)
    quality = _quality(catalogue, SimpleNamespace(reviews=none), rules.popularity, NOW_TS)  # type: ignore[arg-type]
    assert quality[2] > quality[1] > quality[3]


def test_orders_in_the_future_are_not_counted(city: City, encoder: TextEncoder, rules: Rules) -> None:
    past = Funnels.build(city.catalogue, city.interactions, encoder=encoder, rules=rules, now_ts=1)
    assert len(past.collaborative.history("u3")[0]) == 0
    assert len(past.find(QUERIES[0])) == 150


def test_a_large_pool_keeps_what_its_words_point_to(
    city: City, encoder: TextEncoder, rules: Rules, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aiyam.candidates.content.SCORED_EXACTLY", 60)
    monkeypatch.setattr("aiyam.candidates.funnels.SCORED_EXACTLY", 60)
    c = city.catalogue
    funnels = Funnels.build(c, city.interactions, encoder=encoder, rules=rules, now_ts=NOW_TS)
    for words, dish in (("마라탕", "마라탕"), ("우동", "우동"), ("연어초밥", "연어초밥")):
        query = ask(text=words)
        pool, asked, _ = funnels._pool(query)
        assert len(funnels._narrow(query, pool, asked, funnels._sought(query))) < len(pool)
        found = funnels.find(query)
        best = found.rows[np.argsort(-found.scores[:, 1], kind="stable")[:5]]
        wanted = c.dish_names.index(dish)
        assert all(wanted in c.menu_name[c.menu_start[r] : c.menu_start[r + 1]] for r in best)


def test_rules_that_break_their_contract_name_the_key() -> None:
    rules = load_rules()
    rules["quotas"] = {"content": "many"}
    with pytest.raises(DataError, match="quotas"):
        check_rules(rules)


def test_the_likely_shops_are_those_the_model_scores_highest(funnels: Funnels, city: City) -> None:
    model = funnels.collaborative
    for user in list(city.interactions.row_of_user)[:10]:
        history = model.history(user)
        if len(history[0]) == 0:
            continue
        scores = likeness(model, *history)
        assert 0.99 < float(scores.max()) <= 1.0 + 1e-6
        likely = model.likely_rows(ask(user=UserProfile(user_id=user)), 12)
        assert (np.diff(likely) > 0).all()
        chosen = scores[np.searchsorted(model._active, likely)]
        others = np.delete(scores, np.searchsorted(model._active, likely))
        assert chosen.min() > 0
        assert len(likely) == min(12, int((scores > 0).sum()))
        assert chosen.min() >= others.max() - 1e-6 or len(likely) < 12


@pytest.mark.parametrize("terms", [("떡볶이",), ("라면", "우동"), ("분식",), ("분식", "라면"), ("없는음식",)])
def test_menu_rows_found_by_the_dish_are_those_found_shop_by_shop(city: City, terms: tuple[str, ...]) -> None:
    catalogue, menus = city.catalogue, city.catalogue.menus
    for shops in (np.arange(240, dtype=np.int32), np.arange(0, 240, 60, dtype=np.int32)):
        every = menus.rows_of_shops(shops)
        answers = [
            any(term in catalogue.dish_names[catalogue.menu_name[row]] for term in terms)
            or CATEGORIES[catalogue.category[menus.shop_of[row]]] in terms
            for row in every.tolist()
        ]
        found = menus.rows_answering(shops, terms)
        assert sorted(found[np.isin(menus.shop_of[found], shops)].tolist()) == every[answers].tolist()
