import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiyam.catalogue.arrays import Catalogue
from aiyam.contracts import Filters, Intent, Recommendation, ReplyPlan
from aiyam.reply.claims import find_claims, parse_amount
from aiyam.reply.grounding import Grounder, check
from aiyam.reply.plan import make_plan
from aiyam.reply.templates import TemplateBackend
from aiyam.settings import REPO_ROOT, Settings
from aiyam.store import Store

SHOP = Recommendation(
    shop_id="s-1", rank=1, score=0.5, name="봉천김밥", category="분식", district="관악구", menu="참치김밥", price_won=4000,
    distance_m=350, open_state="open", open_until="21:30", rating=4.5,
)  # fmt: skip
PLAN = make_plan(intent=Intent.BUDGET_FOOD_INQUIRY, filters=Filters(budget_max=8000), recommendations=[SHOP])


@pytest.mark.parametrize(
    "text",
    [
        "봉천김밥은 어때요? 참치김밥이 4,000원이에요.",
        "참치김밥은 4천원이고 걸어서 6분이에요.",
        "사천 원이면 먹을 수 있어요.",
        "8,000원 안에서 골랐어요.",
        "8천원 이하로 찾았어요.",
        "21:30까지 열어요. 별점은 4.5점이에요.",
        "오후 9시 30분까지 해요. 9시 반에 닫아요.",
        "한 곳을 찾았어요.",
        "350m 거리예요. 0.35km예요.",
        "1. 봉천김밥이에요.",
    ],
)
def test_true_facts_are_grounded_however_they_are_written(text: str) -> None:
    assert check(text, PLAN).ungrounded == ()


@pytest.mark.parametrize(
    "text",
    [
        "참치김밥이 3,900원이에요.",
        "참치김밥이 만원이에요.",
        "8,000원이에요.",
        "오천원이면 돼요.",
        "5천 원이에요.",
        "500m 거리예요.",
        "걸어서 3분이에요.",
        "22:00까지 열어요.",
        "밤 열 시까지 해요.",
        "오전 9시 반에 닫아요.",
        "별점 4.8점이에요.",
        "02-880-9999로 전화해요.",
        "세 곳을 찾았어요.",
        "월요일에 쉬어요.",
        "리뷰가 120개예요.",
        "김밥나라 신림점도 좋아요.",
        "2. 김밥천국 봉천점이에요.",
    ],
)
def test_a_fact_that_is_not_in_the_plan_is_found(text: str) -> None:
    assert not check(text, PLAN).grounded, text


def test_every_mutated_number_of_a_reply_is_found() -> None:
    backend = TemplateBackend.load(REPO_ROOT / "datasets" / "replies")
    shops = [
        SHOP,
        SHOP.model_copy(
            update={
                "shop_id": "s-2",
                "rank": 2,
                "name": "마라왕",
                "price_won": 9500,
                "distance_m": 1800,
                "open_until": "02:00",
            }
        ),
    ]
    plan = make_plan(intent=Intent.FOOD_RECOMMENDATION, recommendations=shops)
    mutations = 0
    for variety in range(60):
        text = "".join(backend.stream(plan, variety=variety))
        assert check(text, plan).grounded
        for match in re.finditer(r"\d[\d,.:]*\d|\d(?=분)", text):
            digits = match.group()
            changed = ("7" if digits[0] != "7" else "8") + digits[1:]
            mutated = text[: match.start()] + changed + text[match.end() :]
            assert not check(mutated, plan).grounded, mutated
            mutations += 1
    assert mutations > 150


def test_a_false_reason_of_the_ranker_is_not_worded() -> None:
    backend = TemplateBackend.load(REPO_ROOT / "datasets" / "replies")
    plan = make_plan(
        intent=Intent.FOOD_RECOMMENDATION, recommendations=[SHOP.model_copy(update={"reason": "별점 4.9 · 가까워요"})]
    )
    text = "".join(backend.stream(plan))
    assert "4.9" not in text
    assert "가깝고" in text


def test_helplines_are_no_claims() -> None:
    assert check("109나 1388에 전화해요. 위험하면 112에요.", ReplyPlan(kind="small_talk", age_band="7-9")).grounded


@given(st.integers(0, 99_999_999))
def test_an_amount_in_digits_reads_back(amount: int) -> None:
    claims = find_claims(f"값은 {amount:,}원이에요")
    assert [(c.kind, c.value) for c in claims] == [("price", amount)]


@given(st.integers(1, 99))
def test_thousands_in_korean_read_back(thousands: int) -> None:
    assert parse_amount(f"{thousands}천") == thousands * 1000


@given(st.text(max_size=80))
def test_any_text_can_be_checked(text: str) -> None:
    check(text, PLAN)


@pytest.mark.parametrize("unit", ["0", "0 ", "1,", "만", "천 ", "일십"])
def test_a_long_run_of_digits_is_read_without_runaway_backtracking(unit: str) -> None:
    assert isinstance(find_claims((unit * 1000)[:1000]), list)


def test_a_reach_in_kilometres_is_the_reach_that_was_asked() -> None:
    plan = make_plan(
        intent=Intent.REFINE, filters=Filters(max_distance_m=11432), recommendations=[SHOP], relaxed=["max_distance_m"]
    )
    assert check("11.4km 안에는 없어서 조금 더 넓게 찾아봤어요.", plan).grounded
    assert not check("11.5km 안에는 없어서 조금 더 넓게 찾아봤어요.", plan).grounded


def test_a_dish_within_another_shops_name_does_not_hide_the_name(home: Settings) -> None:
    store = Store.open(home.url)
    catalogue = Catalogue.load(store)
    store.close()
    name = next(n for n in catalogue.names if len(n.split()[0]) >= 5)
    inside = name.split()[0][2:]
    plan = make_plan(intent=Intent.FOOD_RECOMMENDATION, recommendations=[SHOP.model_copy(update={"menu": inside})])
    assert not Grounder(catalogue).check(f"{name}도 좋아요.", plan).grounded


def test_only_the_dish_that_is_sold_out_may_be_said_to_be() -> None:
    menus = [{"name": "떡볶이", "price_won": 4000}, {"name": "로제떡볶이", "price_won": 6000, "is_sold_out": True}]
    plan = make_plan(intent=Intent.MENU_INQUIRY, shop_facts={"shop_id": "s-1", "name": "봉천김밥", "menus": menus})
    assert check("로제떡볶이는 다 팔렸어요.", plan).grounded
    assert not check("봉천김밥 떡볶이는 다 팔렸어요.", plan).grounded


def test_a_shop_called_like_a_dish_does_not_take_another_shops_price() -> None:
    shops = [
        SHOP.model_copy(update={"shop_id": "s-1", "name": "소풍길분식", "menu": "꼬마김밥", "price_won": 5000}),
        SHOP.model_copy(
            update={"shop_id": "s-2", "rank": 2, "name": "꼬마김밥", "menu": "꼬마김밥", "price_won": 4000}
        ),
    ]
    plan = make_plan(intent=Intent.FOOD_RECOMMENDATION, recommendations=shops)
    assert check("1. 소풍길분식은 꼬마김밥을 5,000원에 팔아요.\n2. 꼬마김밥은 4,000원이에요.", plan).grounded
    assert not check("1. 소풍길분식은 꼬마김밥을 4,000원에 팔아요.", plan).grounded
    assert not check("2. 꼬마김밥은 5,000원이에요.", plan).grounded
