"""What a follow-up refers to, keeps, replaces and drops."""

from __future__ import annotations

import pytest
from few_shops import CATALOGUE, CONTEXT, SHOWN, USER, ask, said

from aiyam.contracts import DialogueState, EntityType, Filters, Intent, Question, Understanding, UserProfile
from aiyam.nlu.dialogue import next_state, resolve
from aiyam.nlu.reference import find_shop


def test_cheaper_means_below_the_cheapest_shop_just_shown() -> None:
    request = ask(said("더 싼 데는?", Intent.REFINE, Filters(sort="price")))
    assert request.filters.budget_max == 3999
    assert request.filters.menus == ("떡볶이",)
    assert request.filters.sort == "price"


def test_nearer_means_nearer_than_the_nearest_just_shown() -> None:
    request = ask(said("더 가까운 데", Intent.REFINE, Filters(sort="distance")))
    assert request.filters.max_distance_m == 299


@pytest.mark.parametrize("text", ["거기 말고", "다른 데", "더 보여줘", "별로야 다른거", "딴데"])
def test_turning_down_the_results_excludes_what_was_shown(text: str) -> None:
    request = ask(said(text, Intent.REFINE))
    assert set(request.exclude_shop_ids) == {"s0", "s1", "s3"}
    assert request.filters == SHOWN.filters


def test_turning_down_the_shop_spoken_of_excludes_only_it() -> None:
    state = SHOWN.model_copy(update={"focus_shop_id": "s1"})
    assert ask(said("거기 말고", Intent.REFINE), state).exclude_shop_ids == ("s1",)


def test_turning_down_one_by_number_excludes_only_it() -> None:
    request = ask(said("두 번째 거 말고", Intent.REFINE, Filters(ordinal=2), ("두 번째", EntityType.ORDINAL, 2)))
    assert request.exclude_shop_ids == ("s1",)
    assert request.filters.ordinal is None


def test_what_was_turned_down_stays_out_while_the_topic_lasts() -> None:
    first = ask(said("다른 데", Intent.REFINE))
    state = next_state(SHOWN, first, said("다른 데", Intent.REFINE), ["s2", "s4"])
    second = ask(said("다른 데", Intent.REFINE), state)
    assert set(second.exclude_shop_ids) == {"s0", "s1", "s3", "s2", "s4"}


def test_narrowing_to_the_card_keeps_the_dish_and_excludes_nothing() -> None:
    request = ask(said("급카 되는 데만", Intent.REFINE, Filters(meal_card=True)))
    assert request.filters.menus == ("떡볶이",)
    assert request.exclude_shop_ids == ()


def test_not_spicy_drops_spicy() -> None:
    request = ask(said("안 매운 걸로 다시", Intent.REFINE, Filters(exclude_taste=("매운",))))
    assert request.filters.taste is None
    assert request.filters.exclude_taste == ("매운",)


def test_a_new_dish_drops_the_old_one_but_keeps_place_and_card() -> None:
    request = ask(said("치킨 먹고 싶어", Intent.FOOD_RECOMMENDATION, Filters(category=("치킨",))))
    assert request.filters == Filters(category=("치킨",), meal_card=True, district="관악구")


def test_a_new_place_replaces_the_old_one() -> None:
    request = ask(said("강남역 쪽은?", Intent.REFINE, Filters(place="강남역")))
    assert (request.filters.district, request.filters.place) == (None, "강남역")


def test_an_ordinal_finds_the_shop_meant() -> None:
    request = ask(
        said(
            "두 번째 가게 몇 시까지 해?",
            Intent.OPENING_HOURS_INQUIRY,
            Filters(ordinal=2),
            ("두 번째", EntityType.ORDINAL, 2),
        )
    )
    assert request.focus_shop_id == "s1"
    state = next_state(SHOWN, request, said("몇 시", Intent.OPENING_HOURS_INQUIRY), [])
    assert state.shown_shop_ids == SHOWN.shown_shop_ids
    assert ask(said("거기 뭐 팔아?", Intent.MENU_INQUIRY), state).focus_shop_id == "s1"


def test_the_last_one_is_the_last_shown() -> None:
    request = ask(said("마지막 집 어때", Intent.SHOP_DETAIL, None, ("마지막", EntityType.ORDINAL, "last")))
    assert request.focus_shop_id == "s3"


def test_an_unclear_there_asks_with_the_shops_to_tap() -> None:
    request = ask(said("거기 전화번호", Intent.SHOP_DETAIL))
    assert request.focus_shop_id is None
    assert request.question
    assert all(c.endswith("전화번호 알려줘") for c in request.choices)
    assert all(c.startswith(n) for c, n in zip(request.choices, ["신림할매분식", "엄마손김밥", "용문각"], strict=True))


def test_a_name_prefers_the_shop_just_shown_then_the_nearest() -> None:
    far = SHOWN.model_copy(update={"shown_shop_ids": ("s2",)})
    kwargs = {"catalogue": CATALOGUE, "user": USER, "context": CONTEXT}
    assert find_shop("엄마손김밥", far, **kwargs) == "s2"
    assert find_shop("엄마손김밥", DialogueState(), **kwargs) == "s1"
    assert find_shop("신림할메분식", DialogueState(), **kwargs) == "s0"
    assert find_shop("세상에없는가게", DialogueState(), **kwargs) is None


def test_allergies_of_the_profile_always_hold() -> None:
    user = USER.model_copy(update={"allergies": ("땅콩",)})
    request = ask(
        said("새우 못먹어 추천", Intent.FOOD_RECOMMENDATION, Filters(allergies=("새우",))), DialogueState(), user
    )
    assert set(request.filters.allergies or ()) == {"땅콩", "새우"}


def test_the_card_is_no_constraint_unless_it_was_said() -> None:
    user = USER.model_copy(update={"has_card": True, "card_meal_limit_won": 9000})
    request = ask(said("떡볶이 추천", Intent.FOOD_RECOMMENDATION, Filters(menus=("떡볶이",))), DialogueState(), user)
    assert request.filters == Filters(menus=("떡볶이",))


def test_an_unsure_reading_asks_instead_of_guessing() -> None:
    unsure = Understanding(original_query="흠냐", intent=Intent.HELP, confidence=0.1)
    request = ask(unsure, DialogueState())
    assert request.question
    assert 2 <= len(request.choices) <= 4


def test_danger_is_never_turned_into_a_question() -> None:
    low = Understanding(original_query="그만 살래", intent=Intent.SAFETY, confidence=0.05)
    request = ask(low, DialogueState())
    assert request.question is None
    assert request.intent is Intent.SAFETY


def test_refining_nothing_is_a_first_request() -> None:
    assert (
        ask(said("더 싼 데는?", Intent.REFINE, Filters(sort="price")), DialogueState()).intent
        is Intent.FOOD_RECOMMENDATION
    )


def test_but_with_ten_thousand_won_reads_on_from_the_dish() -> None:
    request = ask(said("아니 만원으로", Intent.BUDGET_FOOD_INQUIRY, Filters(budget_max=10_000)))
    assert request.filters.menus == ("떡볶이",)
    assert request.filters.budget_max == 10_000


def test_a_place_without_shops_is_said_and_not_answered_from_another_city() -> None:
    request = ask(said("부산 맛집", Intent.LOCATION_INQUIRY, Filters(), ("부산", EntityType.LOCATION, "부산광역시")))
    assert request.question is not None
    assert (request.question.place, request.question.city) == ("부산광역시", "서울특별시")
    after = next_state(SHOWN, request, said("부산 맛집", Intent.LOCATION_INQUIRY), [])
    assert after.filters == SHOWN.filters


def test_a_station_of_another_city_is_said_to_be_unknown_in_seoul() -> None:
    spans = ("망포역", EntityType.LOCATION, "망포역")
    request = ask(said("망포역 근처 김밥", Intent.FOOD_RECOMMENDATION, Filters(menus=("김밥",), place="망포역"), spans))
    assert request.question is not None
    assert (request.question.kind, request.question.place) == ("look_here", "망포역")
    assert request.offered_filters is not None
    assert (request.offered_filters.menus, request.offered_filters.place) == (("김밥",), None)
    after = next_state(SHOWN, request, said("망포역 근처 김밥", Intent.FOOD_RECOMMENDATION), [])
    here = ask(said(request.choices[0], Intent.SMALL_TALK), after)
    assert (here.intent, here.filters.menus, here.question) == (Intent.FOOD_RECOMMENDATION, ("김밥",), None)


def test_a_place_within_the_city_is_searched_even_where_no_shop_stands() -> None:
    spans = ("홍대", EntityType.LOCATION, "홍대입구역")
    request = ask(said("홍대 돈까스", Intent.FOOD_RECOMMENDATION, Filters(place="홍대입구역"), spans))
    assert request.question is None
    assert request.filters.place == "홍대입구역"


def test_the_city_of_all_shops_is_no_place_to_search_near() -> None:
    request = ask(said("서울 맛집", Intent.LOCATION_INQUIRY, Filters(place="서울특별시")))
    assert request.filters.place is None


def test_a_wish_without_food_narrows_what_is_on_the_screen() -> None:
    request = ask(said("배달되는 데", Intent.FOOD_RECOMMENDATION, Filters(delivery=True)))
    assert request.filters.menus == ("떡볶이",)
    assert request.filters.delivery is True


def test_another_district_ends_the_wish_for_a_short_walk() -> None:
    near = SHOWN.model_copy(update={"filters": Filters(district="관악구", max_distance_m=400)})
    request = ask(said("강남구로", Intent.REFINE, Filters(district="강남구")), near)
    assert request.filters.max_distance_m is None


def test_a_number_beyond_the_list_is_asked_back() -> None:
    request = ask(said("열 번째는?", Intent.REFINE, Filters(ordinal=10)))
    assert request.question is not None
    assert (request.question.kind, request.question.n_shown) == ("beyond_list", 3)


def test_little_money_without_an_amount_puts_the_cheapest_first() -> None:
    assert ask(said("돈이 하나도 없어", Intent.BUDGET_FOOD_INQUIRY)).filters.sort == "price"


def test_english_is_answered_with_what_can_be_tapped() -> None:
    request = ask(said("I am hungry", Intent.OUT_OF_SCOPE))
    assert request.question is not None
    assert request.question.kind == "korean_only"
    assert request.choices


def test_cheaper_says_the_price_it_wants_to_beat_and_the_bound_ends_with_the_reply() -> None:
    before = SHOWN.model_copy(
        update={"filters": Filters(category=("피자",), budget_max=20_000), "lowest_price_won": 17_500}
    )
    asking = said("더 싼 데", Intent.REFINE, Filters(sort="price"))
    request = ask(asking, before)
    assert (request.filters.budget_max, request.cheaper_than_won) == (17_499, 17_500)
    after = next_state(before, request, asking, [], lowest_price_won=None)
    assert (after.filters.budget_max, after.filters.category) == (20_000, ("피자",))
    assert ask(asking, after).cheaper_than_won == 17_500
    elsewhere = ask(said("강동구 말고 강남구", Intent.REFINE, Filters(district="강남구")), after)
    assert (elsewhere.filters.district, elsewhere.filters.category) == ("강남구", ("피자",))
    assert (elsewhere.filters.budget_max, elsewhere.cheaper_than_won) == (20_000, None)


def test_a_limit_the_child_says_is_no_bound_of_ours() -> None:
    request = ask(said("만원 이하로 더 싼 데", Intent.REFINE, Filters(budget_max=10_000, sort="price")))
    assert (request.filters.budget_max, request.cheaper_than_won) == (10_000, None)


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("없는가게이름식당 몇시까지해", Intent.OPENING_HOURS_INQUIRY),
        ("스타벅스 강남점 몇시까지", Intent.OPENING_HOURS_INQUIRY),
        ("맥도날드 어디야", Intent.OUT_OF_SCOPE),
        ("스벅", Intent.SMALL_TALK),
        ("맥날 어디있어", Intent.OUT_OF_SCOPE),
        ("맥도날드 가고싶어", Intent.OUT_OF_SCOPE),
        ("행복가득분식은 전화번호 뭐야", Intent.SHOP_DETAIL),
    ],
)
def test_a_shop_nobody_knows_is_asked_back_and_never_taken_for_the_one_spoken_of(text: str, intent: Intent) -> None:
    request = ask(said(text, intent), SHOWN.model_copy(update={"focus_shop_id": "s1"}))
    assert request.focus_shop_id is None
    assert request.question is not None
    assert request.question.kind == "unknown_shop"
    assert len(request.choices) == 3


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("거기 몇시까지 해", Intent.OPENING_HOURS_INQUIRY),
        ("그 식당 어디야", Intent.SHOP_DETAIL),
        ("그분식 어디야", Intent.SHOP_DETAIL),
        ("고구마피자 얼마야", Intent.MENU_INQUIRY),
        ("양념치킨 있어?", Intent.SHOP_DETAIL),
        ("궁금한점 있는데 몇시까지 해", Intent.OPENING_HOURS_INQUIRY),
        ("몇시까지 하는 음식점이야", Intent.OPENING_HOURS_INQUIRY),
        ("전화번호 알려줘", Intent.SHOP_DETAIL),
    ],
)
def test_there_a_dish_or_a_kind_of_shop_still_mean_the_one_spoken_of(text: str, intent: Intent) -> None:
    assert ask(said(text, intent), SHOWN.model_copy(update={"focus_shop_id": "s1"})).focus_shop_id == "s1"


def test_a_shown_shop_named_without_a_tag_is_found() -> None:
    state = SHOWN.model_copy(update={"focus_shop_id": "s1"})
    assert ask(said("신림할매분식 몇시까지", Intent.OPENING_HOURS_INQUIRY), state).focus_shop_id == "s0"


def test_small_talk_about_a_brand_stays_small_talk() -> None:
    assert ask(said("어제 맥도날드 갔다왔다", Intent.SMALL_TALK)).question is None


def test_money_for_several_is_shared_among_them() -> None:
    request = ask(
        said("친구3명이랑 고기 3만원", Intent.BUDGET_FOOD_INQUIRY, Filters(category=("고기",), budget_max=30_000)),
        DialogueState(),
    )
    assert (request.filters.budget_max, request.filters.companion) == (7500, "group")


NOWHERE = UserProfile(user_id="n")


def test_hunger_without_any_place_is_asked_where_with_districts_to_tap() -> None:
    request = ask(said("배고파", Intent.FOOD_RECOMMENDATION), DialogueState(), NOWHERE)
    assert request.question == Question(kind="where")
    assert request.choices == ("관악구에서 찾아줘", "강남구에서 찾아줘")
    near = Filters(open_now=True, sort="distance")
    request = ask(said("지금 연 데 중에 가까운 곳", Intent.REFINE, near), DialogueState(), NOWHERE)
    assert request.choices[0] == "관악구에서 지금 연 곳 찾아줘"


@pytest.mark.parametrize(
    ("text", "filters", "user"),
    [
        ("배고파", Filters(), USER),
        ("가까운 떡볶이집", Filters(menus=("떡볶이",), sort="distance"), NOWHERE),
        ("만원으로 뭐 먹지", Filters(budget_max=10_000), NOWHERE),
        ("아무데나 추천해줘", Filters(), NOWHERE),
        ("강남구에서 찾아줘", Filters(district="강남구"), NOWHERE),
    ],
)
def test_a_request_with_a_place_a_dish_or_money_is_answered(text: str, filters: Filters, user: UserProfile) -> None:
    assert ask(said(text, Intent.FOOD_RECOMMENDATION, filters), DialogueState(), user).question is None


def test_a_place_of_the_turn_or_of_the_dialogue_is_place_enough() -> None:
    here = CONTEXT.model_copy(update={"district": "강남구"})
    hungry = said("배고파", Intent.FOOD_RECOMMENDATION)
    request = resolve(hungry, DialogueState(), catalogue=CATALOGUE, user=NOWHERE, context=here)
    assert request.question is None
    assert ask(hungry, SHOWN, NOWHERE).question is None
