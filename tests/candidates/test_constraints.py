from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from small_city import DISHES, NOW, City, ask

from aiyam.candidates.constraints import mask
from aiyam.candidates.funnels import Funnels
from aiyam.candidates.relaxation import NEVER, ORDER
from aiyam.candidates.rules import Rules
from aiyam.catalogue.arrays import Catalogue
from aiyam.catalogue.query import Query
from aiyam.contracts import ALLERGENS, ATMOSPHERES, CATEGORIES, DIETS, TASTES, Filters, UserProfile

DISH_NAMES = [d[0] for d in DISHES]
QUICK = (Phase.explicit, Phase.reuse, Phase.generate)  # a failing query is short enough without shrinking
SEOUL_POINTS = [(37.478, 126.951), (37.512, 126.939), (37.517, 127.047)]


def has(mask_value: int, value: str, vocabulary: tuple[str, ...]) -> bool:
    return bool(mask_value >> vocabulary.index(value) & 1)


def breaks(c: Catalogue, row: int, query: Query, relaxed: tuple[str, ...]) -> str | None:
    """Check one shop the slow and plain way, menu line by menu line; return what it breaks."""
    f = query.filters
    if not c.venue_ok[row]:
        return "venue"
    if row in query.exclude_rows:
        return "exclude_rows"
    if f.meal_card and c.meal_card[row] != 1:
        return "meal_card"
    if f.open_now and c.open_state(np.asarray([row]), query.now).state[0] != 1:
        return "open_now"
    facts = {"good_shop": c.good_shop, "delivery": c.delivery, "takeout": c.takeout}
    for key, column in facts.items():
        if getattr(f, key) and key not in relaxed and not column[row]:
            return key
    category = CATEGORIES[c.category[row]]
    if f.category and not {"category", "menus"} & set(relaxed) and category not in f.category:
        return "category"
    if (
        f.atmosphere
        and "atmosphere" not in relaxed
        and not all(has(int(c.atmosphere[row]), a, ATMOSPHERES) for a in f.atmosphere)
    ):
        return "atmosphere"
    if f.district and "district" not in relaxed and c.district_names[c.district[row]] != f.district:
        return "district"
    if query.lat is not None and query.lon is not None:
        metres = float(c.distance_m(np.asarray([row]), query.lat, query.lon)[0])
        if (
            f.max_distance_m is not None
            and "max_distance_m" not in relaxed
            and not metres <= f.max_distance_m * 1.01 + 2
        ):
            return "max_distance_m"
        if f.near_me and "near_me" not in relaxed and not metres <= 1515:
            return "near_me"
    lines = range(c.menu_start[row], c.menu_start[row + 1])
    for term in f.exclude_menus or ():
        if term == category or term in c.names[row]:
            return "exclude_menus"
        if "exclude_menus" not in relaxed and any(term in c.dish_names[c.menu_name[i]] for i in lines):
            return "exclude_menus"
    allergies = {*(f.allergies or ()), *query.user.allergies}
    if len(lines) == 0:
        if f.budget_max is not None and "budget_max" not in relaxed:
            return "budget_max"
        if f.taste and "taste" not in relaxed:
            return "taste"
        return "allergies" if category == "치킨" and "닭고기" in allergies else None

    def one_meal_has_all(i: int) -> bool:
        dish, price = c.menu_name[i], int(c.menu_price[i])
        name, tastes = c.dish_names[dish], int(c.dish_taste[dish])
        if c.menu_sold_out[i] or 0 <= price < c.min_meal_price[row]:
            return False
        if any(has(int(c.dish_allergens[dish]), a, ALLERGENS) for a in allergies):
            return False
        if f.menus and "menus" not in relaxed and not any(t in name for t in f.menus) and category not in f.menus:
            return False
        if any(term in name for term in f.exclude_menus or ()):
            return False
        top = None if f.budget_max is None else f.budget_max * (1.2 if "budget_max" in relaxed else 1)
        unpriced = bool(np.isnan(c.min_meal_price[row])) and "budget_max" in relaxed
        if top is not None and not unpriced and not (0 < price <= top and price >= c.min_meal_price[row]):
            return False
        if f.budget_min is not None and "budget_min" not in relaxed and not unpriced and price < f.budget_min:
            return False
        if f.taste and "taste" not in relaxed and not all(has(tastes, t, TASTES) for t in f.taste):
            return False
        if f.exclude_taste and "exclude_taste" not in relaxed and any(has(tastes, t, TASTES) for t in f.exclude_taste):
            return False
        diets = f.dietary_preferences if "dietary_preferences" not in relaxed else None
        return not diets or all(has(int(c.dish_diet[dish]), d, DIETS) for d in diets)

    return None if any(one_meal_has_all(i) for i in lines) else "no one meal has all that was asked"


def some(values: tuple[str, ...] | list[str], most: int = 2) -> st.SearchStrategy[tuple[str, ...] | None]:
    return st.none() | st.lists(st.sampled_from(list(values)), min_size=1, max_size=most, unique=True).map(tuple)


yes = st.sampled_from([None, None, True])
any_filters = st.builds(
    Filters,
    category=some(CATEGORIES),
    menus=some(["떡볶이", "치킨", "마라탕", "김밥", "돈까스", "없는요리"], 1),
    exclude_menus=some(["치킨", "라면", "짜장면"], 1),
    taste=some(TASTES, 1),
    exclude_taste=some(TASTES, 1),
    dietary_preferences=some(DIETS, 1),
    allergies=some(ALLERGENS),
    time_of_day=st.sampled_from([None, None, "breakfast", "lunch", "dinner", "late_night"]),
    open_now=yes,
    meal_card=yes,
    good_shop=yes,
    delivery=yes,
    takeout=yes,
    budget_min=st.none() | st.integers(0, 12_000),
    budget_max=st.none() | st.integers(0, 20_000),
    district=st.sampled_from([None, None, "관악구", "강남구", "춘천시", "없는구"]),
    near_me=yes,
    max_distance_m=st.none() | st.integers(0, 3000),
    atmosphere=some(ATMOSPHERES, 1),
)
any_query = st.builds(
    lambda filters, point, home, hours, mine, excluded: Query(
        filters=filters,
        semantic_query=" ".join((*(filters.menus or ()), *(filters.taste or ()))),
        user=UserProfile(user_id="u3", allergies=mine),
        now=NOW + timedelta(hours=hours),
        lat=point[0] if point else None,
        lon=point[1] if point else None,
        district=home,
        exclude_rows=np.asarray(excluded, np.int32),
    ),
    any_filters,
    st.none() | st.sampled_from(SEOUL_POINTS),
    st.sampled_from([None, "관악구", "동작구", "춘천시", "제주시"]),
    st.integers(0, 200),
    st.lists(st.sampled_from(ALLERGENS), max_size=1).map(tuple),
    st.lists(st.integers(0, 239), max_size=5),
)


@settings(max_examples=80, deadline=None, phases=QUICK, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=any_query)
def test_no_candidate_breaks_a_constraint_that_was_not_given_up(city: City, funnels: Funnels, query: Query) -> None:
    found = funnels.find(query)
    assert not set(found.relaxed) & NEVER
    assert set(found.relaxed) <= set(ORDER)
    broken = {row: why for row in found.rows.tolist() if (why := breaks(city.catalogue, row, query, found.relaxed))}
    assert broken == {}


@settings(max_examples=25, deadline=None, phases=QUICK, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=any_query)
def test_every_shop_that_fits_is_in_the_mask(city: City, rules: Rules, funnels: Funnels, query: Query) -> None:
    plain = query.filters.model_copy(
        update=dict.fromkeys(("district", "near_me", "max_distance_m", "time_of_day", "menus"))
    )
    query = Query(**{**query.__dict__, "filters": plain})
    allowed = mask(city.catalogue, query, rules)
    wrong: dict[int, str | None] = {}
    for row in range(len(city.catalogue)):
        broken = breaks(city.catalogue, row, query, ())
        bare = city.catalogue.n_menus[row] == 0
        if bare and (plain.budget_min is not None or plain.dietary_preferences):
            broken = "nothing proves it"
        if bool(allowed[row]) != (broken is None):
            wrong[row] = broken
    assert wrong == {}


def test_a_budget_needs_one_meal_at_that_price(city: City, funnels: Funnels) -> None:
    found = funnels.find(ask(budget_max=6000, menus="마라탕"))
    c = city.catalogue
    dish = c.dish_names.index("마라탕")
    if "budget_max" not in found.relaxed and "menus" not in found.relaxed:
        for row in found.rows:
            span = slice(c.menu_start[row], c.menu_start[row + 1])
            assert (c.menu_price[span][c.menu_name[span] == dish] <= 6000).any()
    assert found.relaxed, "no 마라탕 costs 6,000 won here, so something had to be given up"


def test_relaxing_gives_up_only_what_helps(funnels: Funnels) -> None:
    free = funnels.find(ask(district="관악구", meal_card=True))
    assert free.relaxed == ()
    tight = funnels.find(
        ask(district="관악구", meal_card=True, budget_max=4500, atmosphere=("놀이방", "조용한", "넓은", "깨끗한"))
    )
    assert len(tight) >= 3
    assert tight.relaxed == ("atmosphere",)


def test_a_district_without_any_shop_is_given_up_by_name(funnels: Funnels) -> None:
    assert "district" in funnels.find(ask(district="없는구")).relaxed
    assert funnels.find(ask(home="없는구")).relaxed == ("district",)
    assert funnels.find(ask(home="관악구")).relaxed == ()


def test_a_place_nobody_can_find_is_given_up_by_name(funnels: Funnels) -> None:
    assert funnels.find(ask(place="까치공원", home="관악구")).relaxed[:1] == ("place",)
    assert funnels.find(ask(place="서울대입구역", home="관악구")).relaxed == ()


def test_shops_without_positions_are_found_by_their_district(city: City, funnels: Funnels) -> None:
    c = city.catalogue
    for query in (ask(district="춘천시"), ask(home="춘천시"), ask(user=UserProfile(user_id="x", district="춘천시"))):
        found = funnels.find(query)
        assert len(found) >= 15
        assert {c.district_names[c.district[row]] for row in found.rows} == {"춘천시"}
        assert found.relaxed == ()


def test_a_shop_without_menus_is_found_by_the_dish_in_its_name(city: City, funnels: Funnels) -> None:
    found = funnels.find(ask(menus="식당", district="춘천시"))
    assert found.relaxed == ()
    assert all(city.catalogue.n_menus[row] == 0 for row in found.rows)


@pytest.mark.parametrize("allergy", ["닭고기", "밀", "땅콩"])
def test_the_persons_own_allergy_counts_without_being_asked_for(city: City, funnels: Funnels, allergy: str) -> None:
    query = ask(user=UserProfile(user_id="x", allergies=(allergy,)), category="치킨")
    for row in funnels.find(query).rows.tolist():
        assert breaks(city.catalogue, row, query, ("category",)) is None


def test_a_place_with_a_known_point_means_twelve_hundred_metres(city: City, funnels: Funnels) -> None:
    lat, lon = SEOUL_POINTS[0]
    found = funnels.find(ask(place="서울대입구역", lat=lat, lon=lon))
    assert found.relaxed == ()
    assert (city.catalogue.distance_m(found.rows, lat, lon) <= 1215).all()


def test_a_place_that_is_a_dong_needs_no_point(city: City, funnels: Funnels) -> None:
    found = funnels.find(ask(place="관악2동"))
    assert found.relaxed == ()
    assert {city.catalogue.dong[row] for row in found.rows} == {"관악2동"}


def test_a_meal_time_leaves_out_shops_that_are_closed_then(city: City, funnels: Funnels) -> None:
    c = city.catalogue
    found = funnels.find(ask(time_of_day="breakfast", district="강남구"))
    known = c.open_min[found.rows] >= 0
    assert "time_of_day" in found.relaxed or (c.open_min[found.rows][known] <= 570).all()


def test_the_next_breakfast_after_noon_is_tomorrows(city: City, funnels: Funnels) -> None:
    c = city.catalogue
    rows = np.arange(len(c), dtype=np.int32)
    wednesday_noon = ask(time_of_day="breakfast")
    open_then = funnels.constraints.open_at_meal(rows, "breakfast", wednesday_noon)
    rests_thursday = (c.off_days >> 3) & 1 == 1
    assert rests_thursday.any()
    assert not open_then[rests_thursday].any()


def test_nothing_at_all_is_an_empty_answer_not_an_error(city: City, funnels: Funnels) -> None:
    everything = tuple(range(len(city.catalogue)))
    found = funnels.find(ask(exclude=everything, budget_max=100))
    assert len(found) == 0
    assert found.scores.shape == (0, 4)


def test_the_time_of_asking_may_carry_any_offset(funnels: Funnels) -> None:
    utc = datetime.fromisoformat("2026-03-04T03:30:00+00:00")
    here, there = (
        funnels.find(ask(open_now=True, home="관악구")),
        funnels.find(ask(open_now=True, home="관악구", now=utc)),
    )
    assert here.rows.tolist() == there.rows.tolist()
