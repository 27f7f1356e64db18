"""Cards and reasons: every fact from its row, nothing about the card or allergens that is not known."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from ranking_town import NOON, ranker_that_follows

from aiyam.catalogue.query import Query
from aiyam.contracts import ALLERGENS
from aiyam.ranking.cards import make_card, make_cards
from aiyam.ranking.features import SLOT
from aiyam.ranking.menus import fitting_menus
from aiyam.ranking.reasons import Shown, reason_ko


def cards_of(town: Any, query: Query, feature: str = "distance", rows: list[int] | None = None) -> dict[str, Any]:
    candidates = town.candidates(rows)
    ranker = ranker_that_follows(feature, town)
    ranked = ranker.rank(query, candidates, top_k=8)
    return {card.shop_id: card for card in make_cards(ranker, ranked, candidates, query)}


def test_every_fact_of_a_card_stands_in_the_catalogue(town: Any) -> None:
    cards = cards_of(town, town.query())
    assert [card.rank for card in cards.values()] == list(range(1, 9))
    for shop_id, card in cards.items():
        row = town.catalogue.row_of[shop_id]
        menus = {(m.name, m.price_won) for m in town.catalogue.menus_of(row)}
        assert card.name == town.catalogue.names[row]
        assert card.synthetic
        assert (card.menu is None) == (row == 7)
        assert card.menu is None or (card.menu, card.price_won) in menus
        assert card.distance_m is not None


def test_a_card_shows_the_dish_that_was_asked_for(town: Any) -> None:
    cards = cards_of(town, town.query(menus=("떡볶이",)))
    assert cards["s-0"].menu == "매운 떡볶이"
    assert cards["s-3"].menu == "떡볶이"
    assert "매운 떡볶이가 있어요" in cards["s-0"].reason


def test_a_card_shows_a_dish_within_the_budget(town: Any) -> None:
    cards = cards_of(town, town.query(budget_max=7000))
    assert (cards["s-4"].menu, cards["s-4"].price_won) == ("우동", 7000)
    assert cards["s-5"].menu is None
    assert "7,000원으로 먹을 수 있어요" in cards["s-4"].reason


def test_a_sold_out_dish_is_never_shown(town: Any) -> None:
    assert cards_of(town, town.query(menus=("순대",)))["s-0"].menu == "매운 떡볶이"


def test_where_the_budget_was_given_up_the_cheapest_dish_is_shown_with_its_price(town: Any) -> None:
    candidates = replace(town.candidates([4, 5]), relaxed=("budget_max",))
    ranker = ranker_that_follows("distance", town)
    query = town.query(budget_max=3000)
    cards = make_cards(ranker, ranker.rank(query, candidates, top_k=2), candidates, query)
    assert {card.shop_id: (card.menu, card.price_won) for card in cards} == {
        "s-4": ("우동", 7000),
        "s-5": ("마라탕", 12000),
    }


def test_cheapest_of_a_taste_is_a_dish_of_that_taste(town: Any) -> None:
    cards = cards_of(town, town.query(taste=("매운",), sort="price"), rows=[0, 5])
    assert (cards["s-0"].menu, cards["s-5"].menu) == ("매운 떡볶이", "마라탕")


def test_candidates_and_cards_agree_on_the_dishes_that_fit(town: Any) -> None:
    catalogue, query = town.catalogue, town.query("u-spicy", budget_max=7000, exclude_menus=("라면",))
    rows = np.arange(len(catalogue), dtype=np.int32)
    menus = fitting_menus(catalogue, query, rows)
    peanuts = 1 << ALLERGENS.index("땅콩")
    every = catalogue.menus.rows_of_shops(rows)
    fitting = every[catalogue.menus.fits(every, query.filters, peanuts)]
    assert menus.menu[menus.fits].tolist() == fitting.tolist()
    named = {catalogue.dish_names[catalogue.menu_name[line]] for line in fitting}
    assert named == {"매운 떡볶이", "김밥", "떡볶이", "우동"}


def test_a_dish_with_a_listed_allergen_is_never_shown_and_the_unknown_is_said(town: Any) -> None:
    cards = cards_of(town, town.query("u-spicy", menus=("땅콩국수",)))
    assert cards["s-2"].menu == "김밥"
    assert cards["s-2"].allergy_note is None  # the shop publishes
    assert cards["s-0"].allergy_note == "확인 필요: 땅콩"
    assert cards_of(town, town.query())["s-0"].allergy_note is None


def test_hours_read_as_the_clock(town: Any) -> None:
    assert cards_of(town, town.query())["s-0"].open_until == "22:00"
    assert cards_of(town, town.query())["s-4"].open_until == "새벽 2시"
    late = Query(
        filters=town.query().filters, semantic_query="", user=town.query().user, now=NOON + timedelta(hours=11)
    )
    assert make_card(town.catalogue, 0, query=late).opens_at == "내일 10:00"
    early = Query(
        filters=town.query().filters, semantic_query="", user=town.query().user, now=NOON - timedelta(hours=5)
    )
    card = make_card(town.catalogue, 0, query=early)
    assert (card.open_state, card.open_until, card.opens_at) == ("closed", None, "10:00")
    assert card.distance_m is None
    unknown = make_card(town.catalogue, 7, query=early)
    assert (unknown.open_state, unknown.meal_card, unknown.menu) == ("unknown", "unknown", None)


def test_a_break_that_begins_within_the_hour_is_when_the_shop_stops(town: Any) -> None:
    starts, ends = town.catalogue.break_start_min.copy(), town.catalogue.break_end_min.copy()
    starts[0], ends[0] = 12 * 60 + 40, 14 * 60
    catalogue = replace(town.catalogue, break_start_min=starts, break_end_min=ends)
    assert make_card(catalogue, 0, query=town.query()).open_until == "12:40"
    in_break = replace(town.query(), now=NOON + timedelta(hours=1))
    assert make_card(catalogue, 0, query=in_break).opens_at == "14:00"


def test_the_card_is_not_mentioned_unless_asked(town: Any) -> None:
    for card in cards_of(town, town.query()).values():
        assert "카드" not in card.reason
    asked = cards_of(town, town.query(meal_card=True))
    assert "급식카드를 쓸 수 있어요" in asked["s-1"].reason
    assert "카드" not in asked["s-5"].reason  # the shop does not take it
    assert "카드" not in asked["s-7"].reason  # nobody knows


def test_good_shop_is_said_only_when_asked_and_true(town: Any) -> None:
    assert all("착한가게" not in c.reason for c in cards_of(town, town.query(), "good_shop").values())
    asked = cards_of(town, town.query(good_shop=True))
    assert [i for i, c in asked.items() if "착한가게예요" in c.reason] == ["s-4"]


def test_the_reason_is_what_moved_the_score(town: Any) -> None:
    assert cards_of(town, town.query(), "habit_orders")["s-0"].reason.startswith("자주 가던 곳이에요")
    assert cards_of(town, town.query(), "habit_orders")["s-4"].reason.startswith("전에 가 본 곳이에요")
    assert cards_of(town, town.query(), "distance")["s-0"].reason.startswith("가까워요 (100m)")
    assert "가까워요" not in cards_of(town, town.query(), "distance")["s-6"].reason
    assert "별점 4.6" in cards_of(town, town.query(), "rating_above_3_5")["s-0"].reason


@pytest.mark.parametrize("row", range(8))
def test_every_shop_has_some_reason_of_at_most_two_facts(town: Any, row: int) -> None:
    reason = reason_ko(
        town.catalogue, town.query("u-nobody"), row, Shown(), np.full(50, 1.0, np.float32), np.zeros(50, np.float32)
    )
    assert 0 < len(reason) < 60
    assert reason.count("·") <= 1


def test_open_is_said_only_when_open(town: Any) -> None:
    wide, moved = np.zeros(50, np.float32), np.zeros(50, np.float32)
    moved[SLOT["open_now"]] = 1.0
    assert "열려" in reason_ko(town.catalogue, town.query(), 0, Shown(is_open=True), wide, moved)
    assert "열려" not in reason_ko(town.catalogue, town.query(), 0, Shown(is_open=False), wide, moved)
