"""Follow-ups that compare, and what they may say: measured on the cards shown, from where the list was asked for."""

from __future__ import annotations

import pytest

from aiyam.contracts import ChatContext, DialogueState, Filters, Intent, Trace, UserProfile
from aiyam.nlu.request import Request
from aiyam.wares import with_ware, without_portion

PERSON = "persona-8-eunpyeong"


def ask(assistant, message: str, session: str | None = None, user: str = PERSON) -> Trace:
    return assistant.respond(user, message, session_id=session)


def lowest(trace: Trace, n: int = 3) -> int:
    return min(r.price_won for r in trace.recommendations[:n] if r.price_won)


@pytest.mark.parametrize("wish", ["돈까스", "치킨 먹고 싶어", "분식집 추천해줘", "김밥"])
def test_cheaper_beats_the_cards_shown_within_reach_or_says_that_nothing_does(assistant, wish: str) -> None:
    before = ask(assistant, wish)
    farthest = max(r.distance_m for r in before.recommendations[:3])
    after = ask(assistant, "더 싼 데", before.session_id)
    assert after.recommendations
    assert all(r.distance_m <= max(farthest, 2000) for r in after.recommendations)
    prices = [r.price_won for r in after.recommendations if r.price_won]
    assert prices == sorted(prices)
    if after.relaxed == ("cheaper",):
        assert lowest(after) >= lowest(before)
        assert "싼" in after.response or "저렴" in after.response or "값" in after.response
    else:
        assert max(prices) < lowest(before)


@pytest.mark.parametrize("wish", ["돈까스", "치킨 먹고 싶어", "분식집 추천해줘"])
def test_nearer_beats_the_cards_shown_or_says_that_nothing_does(assistant, wish: str) -> None:
    before = ask(assistant, wish)
    nearest = min(r.distance_m for r in before.recommendations[:3])
    after = ask(assistant, "더 가까운 데", before.session_id)
    metres = [r.distance_m for r in after.recommendations]
    assert metres
    if after.relaxed == ("nearer",):
        assert min(metres) >= nearest
    else:
        assert max(metres) < nearest
    again = ask(assistant, "더 가까운 데", before.session_id)
    assert again.relaxed in ((), ("nearer",))
    assert min(r.distance_m for r in again.recommendations) <= min(metres)


def test_what_was_compared_is_not_turned_down(assistant) -> None:
    before = ask(assistant, "분식집 추천해줘")
    ask(assistant, "더 가까운 데", before.session_id)
    after = ask(assistant, "급카 되는 데만", before.session_id)
    assert after.state.rejected_shop_ids == ()
    assert "all_shown" not in after.relaxed


def test_when_all_that_fit_were_shown_the_reply_does_not_say_that_there_were_none(assistant) -> None:
    trace = ask(assistant, "피자")
    for _ in range(40):
        trace = ask(assistant, "다른 데", trace.session_id)
        if "all_shown" in trace.relaxed:
            break
    assert trace.relaxed[:1] == ("all_shown",)
    assert any(word in trace.response for word in ("아까", "앞에서", "본 곳"))


def test_the_way_to_a_shop_is_measured_from_where_its_list_was_asked_for(assistant) -> None:
    shown = ask(assistant, "홍대입구역 근처 분식집")
    card = shown.recommendations[0]
    answer = ask(assistant, "1번 얼마나 걸려", shown.session_id)
    assert answer.plan.facts["shop"]["distance_m"] == card.distance_m
    moved = assistant.respond(
        PERSON, "1번 얼마나 걸려", session_id=shown.session_id, context=ChatContext(lat=37.48, lon=126.95)
    )
    assert moved.plan.facts["shop"]["distance_m"] == card.distance_m


@pytest.mark.parametrize("wish", ["할랄 국밥", "채식 되는 돈까스집", "저염식 국밥", "할랄 삼겹살"])
def test_a_diet_of_faith_or_health_outlives_the_dish(assistant, wish: str) -> None:
    trace = ask(assistant, wish)
    diets = trace.state.filters.dietary_preferences
    assert diets
    assert "dietary_preferences" not in trace.relaxed
    catalogue = assistant.pipeline.catalogue
    for card in trace.recommendations:
        suits = catalogue.menus.of_diet(diets)
        assert suits[catalogue.dish_names.index(card.menu)]


@pytest.mark.parametrize("wish", ["배고파", "치킨", "도시락", "피자", "급식카드 되는 고깃집"])
def test_what_is_shown_to_a_card_holder_can_be_paid_or_stands_below(assistant, wish: str) -> None:
    user = assistant.profile(PERSON)
    assert user.payable_won == 9500
    trace = ask(assistant, wish)
    near = [r for r in trace.recommendations if r.distance_m <= 5000 and r.meal_card != "no" and r.price_won]
    payable = [r.price_won <= user.payable_won for r in near]
    assert payable == sorted(payable, reverse=True)


def test_a_price_above_the_limit_is_told_only_to_a_child_who_spoke_of_the_card(assistant) -> None:
    context = assistant._context(None)
    poor = assistant.profile(PERSON).model_copy(update={"card_balance_won": 500})
    from aiyam.contracts import Turn

    for message, told in (("급식카드 되는 치킨집", True), ("치킨집", False)):
        turn = Turn(turn_id="t", session_id="s", user=poor, message=message, context=context)
        trace = assistant.pipeline.reply(turn)
        assert ("500원까지" in trace.response) is told, trace.response
        assert ("카드" in trace.response) is told
        assert trace.grounding.grounded


def test_a_dish_is_looked_for_without_its_portion() -> None:
    said = Filters(menus=("삼겹살 1인분", "떡볶이", "닭갈비 2인분"))
    assert without_portion(said).menus == ("삼겹살", "떡볶이", "닭갈비")
    assert without_portion(Filters(menus=("1인분",))).menus == ("1인분",)


@pytest.mark.parametrize(
    ("text", "filters", "menus"),
    [
        ("편의점 도시락", {"category": ("편의점", "도시락")}, ("편의점도시락",)),
        ("편의점 도시락 파는 데", {"category": ("편의점", "도시락")}, ("편의점도시락",)),
        ("사탕", {}, ("사탕",)),
        ("젤리 먹고싶다", {}, ("젤리",)),
        ("도시락", {"category": ("도시락",)}, None),
        ("뜨끈한 국물", {}, None),
        ("든든한 밥", {}, None),
        ("국물", {}, None),
    ],
)
def test_a_ware_that_the_catalogue_knows_is_looked_for_by_name(assistant, text: str, filters: dict, menus) -> None:
    catalogue = assistant.pipeline.catalogue
    request = Request(Intent.FOOD_RECOMMENDATION, Filters(**filters), opens_topic=True)
    assert with_ware(text, request, catalogue, assistant.pipeline._everyday).filters.menus == menus


def test_small_talk_stays_small_talk_unless_it_is_a_ware_alone(assistant) -> None:
    catalogue, everyday = assistant.pipeline.catalogue, assistant.pipeline._everyday
    talk = Request(Intent.SMALL_TALK)
    assert with_ware("심심해", talk, catalogue, everyday) is talk
    assert with_ware("사탕!", talk, catalogue, everyday).intent is Intent.FOOD_RECOMMENDATION


def test_nothing_sells_it_is_said(assistant) -> None:
    trace = ask(assistant, "솜사탕 추천해줘")
    assert trace.state.filters.menus == ("솜사탕",)
    assert trace.relaxed == ("menus",)
    assert "찾았어요!" not in trace.response.split("1.")[0]


def test_a_state_stored_before_the_point_was_kept_still_opens() -> None:
    assert DialogueState.model_validate({"shown_shop_ids": ["a"]}).stood is None
    assert UserProfile(user_id="u").payable_won is None
