from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from aiyam.catalogue.arrays import Catalogue
from aiyam.contracts import KST, Intent, Recommendation
from aiyam.reply.grounding import Grounder
from aiyam.reply.plan import make_plan
from aiyam.reply.shop_facts import facts
from aiyam.reply.templates import TemplateBackend
from aiyam.settings import REPO_ROOT
from aiyam.store import Store, schema
from aiyam.store.columns import insert_columns

MONDAY_NOON = datetime(2026, 3, 2, 12, 0, tzinfo=KST)


def town(folder: Path, **changed: Any) -> Catalogue:
    store = Store.open(f"sqlite:///{folder / 'town.db'}")
    shops: dict[str, list[Any]] = {
        "shop_id": ["a", "b", "c"],
        "name": ["봉천김밥", "서울칼국수", "달빛국밥"],
        "category": ["분식", "한식", "한식"],
        "district": ["관악구"] * 3,
        "address": ["서울 관악구 봉천로 12", "", ""],
        "lat": [37.4784, 37.4790, None],
        "lon": [126.9516, 126.9520, None],
        "phone": ["02-880-1234", None, "02-877-4321"],
        "open_min": [600, None, 1080],
        "close_min": [1290, None, 1560],
        "break_start_min": [900, None, None],
        "break_end_min": [1020, None, None],
        "off_days": [0, 0, 1],
        "meal_card": ["yes", "unknown", "no"],
        "source": ["test"] * 3,
    } | changed
    menus: dict[str, list[Any]] = {
        "shop_id": ["a", "a", "b"],
        "name": ["참치김밥", "라면", "칼국수"],
        "price_won": changed.pop("prices", [4000, 4500, None]),
        "is_best": [True, False, False],
    }
    shops.pop("prices", None)
    insert_columns(store, schema.shop, shops)
    insert_columns(store, schema.shop_menu, menus)
    catalogue = Catalogue.load(store)
    store.close()
    return catalogue


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    return town(tmp_path)


def said(catalogue: Catalogue, shop_id: str, intent: Intent, text: str = "", now: datetime = MONDAY_NOON) -> str:
    backend = TemplateBackend.load(REPO_ROOT / "datasets" / "replies")
    plan = make_plan(intent=intent, text=text, shop_facts=facts(catalogue, catalogue.row_of[shop_id], now))
    reply = "".join(backend.stream(plan))
    grounder = Grounder(catalogue)
    assert grounder.check(reply, plan).ungrounded == ()
    assert grounder.check_plan(plan, now).grounded
    return reply


def test_open_hours_and_the_break_are_told(catalogue: Catalogue) -> None:
    reply = said(catalogue, "a", Intent.OPENING_HOURS_INQUIRY)
    assert "21:30" in reply
    assert "15:00~17:00" in reply


def test_in_the_break_the_break_is_told(catalogue: Catalogue) -> None:
    reply = said(catalogue, "a", Intent.OPENING_HOURS_INQUIRY, now=MONDAY_NOON.replace(hour=16))
    assert "쉬" in reply
    assert "15:00~17:00" in reply


def test_a_day_off_is_told(catalogue: Catalogue) -> None:
    assert "월요일" in said(catalogue, "c", Intent.OPENING_HOURS_INQUIRY)


@pytest.mark.parametrize("intent", [Intent.OPENING_HOURS_INQUIRY, Intent.MENU_INQUIRY, Intent.SHOP_DETAIL])
def test_a_venue_held_back_from_children_is_not_told_about(tmp_path: Path, intent: Intent) -> None:
    held_back = town(tmp_path, venue=["blocked", "ok", "ok"])
    reply = said(held_back, "a", intent)
    assert not any(fact in reply for fact in ("봉천김밥", "21:30", "참치김밥", "880", "봉천로"))


def test_unknown_hours_without_a_phone_are_admitted(catalogue: Catalogue) -> None:
    reply = said(catalogue, "b", Intent.OPENING_HOURS_INQUIRY)
    assert "모르" in reply or "몰라" in reply or "적혀 있지 않" in reply
    assert ":" not in reply


def test_an_unknown_price_is_not_invented(catalogue: Catalogue) -> None:
    assert "원" not in said(catalogue, "b", Intent.MENU_INQUIRY).replace("서울칼국수", "")


def test_phone_and_address_are_told_as_stored_or_admitted_unknown(catalogue: Catalogue) -> None:
    assert "02-880-1234" in said(catalogue, "a", Intent.SHOP_DETAIL, "전화번호 알려줘")
    assert "서울 관악구 봉천로 12" in said(catalogue, "a", Intent.SHOP_DETAIL, "어디 있어?")
    assert "02-" not in said(catalogue, "b", Intent.SHOP_DETAIL, "전화번호 알려줘")


def test_a_row_that_is_not_there_is_an_error(catalogue: Catalogue) -> None:
    with pytest.raises(IndexError, match="expected a row"):
        facts(catalogue, 99, MONDAY_NOON)


@pytest.mark.parametrize("close_min", [1560, 120])
def test_a_closing_after_midnight_is_said_as_people_say_it(tmp_path: Path, close_min: int) -> None:
    late = town(tmp_path, close_min=[1290, None, close_min])
    reply = said(late, "c", Intent.OPENING_HOURS_INQUIRY, now=MONDAY_NOON.replace(day=3, hour=20))
    assert "새벽 2시" in reply


def test_the_same_opening_and_closing_time_means_around_the_clock(tmp_path: Path) -> None:
    always = town(tmp_path, open_min=[600, None, 0], close_min=[1290, None, 0], off_days=[0, 0, 0])
    assert facts(always, 2, MONDAY_NOON)["is_24h"]
    assert "00:00" not in said(always, "c", Intent.OPENING_HOURS_INQUIRY)


def card(**more: Any) -> Recommendation:
    shown: dict[str, Any] = {
        "shop_id": "a", "rank": 1, "score": 0.5, "name": "봉천김밥", "category": "분식", "menu": "참치김밥", "price_won": 4000,
        "open_state": "open", "open_until": "21:30", "meal_card": "yes",
    } | more  # fmt: skip
    return Recommendation.model_validate(shown)


@pytest.mark.parametrize(
    ("column", "change"),
    [
        ("name", {"name": ["봉천분식", "서울칼국수", "달빛국밥"]}),
        ("price_won", {"prices": [4500, 4500, None]}),
        ("open_until", {"close_min": [1200, None, 1560]}),
        ("open_state", {"open_min": [780, None, 1080]}),
        ("meal_card", {"meal_card": ["no", "unknown", "no"]}),
        ("no such shop", {"shop_id": ["z", "b", "c"]}),
    ],
)
def test_a_database_changed_under_the_plan_is_noticed(tmp_path: Path, column: str, change: dict[str, Any]) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    before.mkdir()
    after.mkdir()
    plan = make_plan(intent=Intent.FOOD_RECOMMENDATION, recommendations=[card()])
    assert Grounder(town(before)).check_plan(plan, MONDAY_NOON).grounded
    if "shop_id" in change:
        store_shop_change = change
        store = Store.open(f"sqlite:///{after / 'town.db'}")
        insert_columns(
            store,
            schema.shop,
            {
                "shop_id": store_shop_change["shop_id"],
                "name": ["봉천김밥", "나", "다"],
                "category": ["분식"] * 3,
                "source": ["t"] * 3,
            },
        )
        changed = Catalogue.load(store)
        store.close()
    else:
        changed = town(after, **change)
    verdict = Grounder(changed).check_plan(plan, MONDAY_NOON)
    assert any(column in what for what in verdict.ungrounded), verdict


def test_a_shop_of_the_catalogue_that_is_not_in_the_plan_is_found(catalogue: Catalogue) -> None:
    plan = make_plan(intent=Intent.FOOD_RECOMMENDATION, recommendations=[card()])
    grounder = Grounder(catalogue)
    assert grounder.check("봉천김밥은 어때요?", plan).grounded
    assert grounder.check("서울칼국수도 좋아요.", plan).ungrounded == ("서울칼국수",)
    assert "칼국수" in grounder.check("봉천김밥에는 칼국수가 있어요.", plan).ungrounded


def test_a_particle_after_a_name_does_not_begin_another_shops_name(tmp_path: Path) -> None:
    named = town(tmp_path, name=["봉천김밥", "은하루", "달빛국밥"])
    plan = make_plan(intent=Intent.FOOD_RECOMMENDATION, recommendations=[card()])
    grounder = Grounder(named)
    assert grounder.check("봉천김밥은 하루 종일 열어요.", plan).grounded
    assert grounder.check("은하루도 좋아요.", plan).ungrounded == ("은하루",)
