"""Hand-written sentences of a language model, put into whole replies: none that is wrong is shown, none that is right refused."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from statements import Statement, read_statements, replies_with, shown, values_of_list, values_of_shop

from aiyam.catalogue.arrays import Catalogue
from aiyam.contracts import Intent, Recommendation, ReplyPlan
from aiyam.parts import unfit
from aiyam.reply.grounding import Grounder
from aiyam.reply.language_model import Replier
from aiyam.reply.plan import make_plan
from aiyam.reply.templates import TemplateBackend
from aiyam.safety.screen import Screen
from aiyam.settings import REPO_ROOT, Settings
from aiyam.store import Store

A, B = (
    Recommendation(
        shop_id="s-1", rank=1, score=0.5, name="하늬참분식", category="분식", district="관악구", address="서울 관악구 봉천로 1",
        menu="참치김밥", price_won=4300, distance_m=350, open_state="open", open_until="21:30", rating=4.5, reason="가까워요",
    ),
    Recommendation(
        shop_id="s-2", rank=2, score=0.4, name="도란도란국시", category="한식", district="관악구", address="서울 관악구 봉천로 9",
        menu="바지락칼국수", price_won=9500, distance_m=820, open_state="open", open_until="20:00", rating=3.9,
    ),
)  # fmt: skip
LIST = make_plan(intent=Intent.FOOD_RECOMMENDATION, recommendations=[A, B])
FACTS = {
    "shop_id": "s-1", "name": "하늬참분식", "category": "분식", "address": "서울 관악구 봉천로 1", "district": "관악구",
    "phone": "02-880-1234", "rating": 4.5, "n_reviews": 3, "meal_card": "unknown", "good_shop": False, "delivery": False,
    "takeout": False, "atmosphere": [], "open_state": "open", "opens": "10:00", "closes": "21:30", "is_24h": False,
    "break": "15:00~17:00", "off_days": ["월요일"], "off_today": False, "minutes_to_close": 90, "distance_m": 350,
    "menus": [{"name": "참치김밥", "price_won": 4300}, {"name": "바지락칼국수", "price_won": 9500}],
}  # fmt: skip
SHOP = make_plan(intent=Intent.SHOP_DETAIL, shop_facts=FACTS)
STATEMENTS = read_statements()


class Writer:
    """A backend that writes what it is told to."""

    name = "writer"
    text = ""

    def stream(self, plan: ReplyPlan, *, variety: int) -> Iterator[str]:
        yield from (self.text[i : i + 5] for i in range(0, len(self.text), 5))


@pytest.fixture(scope="module")
def catalogue(home: Settings) -> Catalogue:
    store = Store.open(home.url)
    loaded = Catalogue.load(store)
    store.close()
    return loaded


@pytest.fixture(scope="module")
def replier(catalogue: Catalogue) -> Replier:
    screen = Screen.load(REPO_ROOT / "datasets" / "safety")
    return Replier(
        TemplateBackend.load(REPO_ROOT / "datasets" / "replies"),
        backend=Writer(),
        grounder=Grounder(catalogue),
        screen=lambda text, plan: unfit(screen, text, plan),
    )


@pytest.fixture(scope="module")
def values(catalogue: Catalogue) -> dict[str, dict[str, str]]:
    others = [n for n, ok in zip(catalogue.names, catalogue.venue_ok, strict=True) if ok and len(n) >= 4]
    dishes = [d for d in catalogue.dish_names if 3 <= len(d) <= 10]
    of_list = values_of_list(LIST, other_shops=others, other_dishes=dishes, seed=1)
    of_shop = values_of_shop(SHOP, other_shops=others, other_dishes=dishes, seed=1)
    assert of_list is not None
    assert of_shop is not None
    return {"list": of_list, "shop": of_shop}


def test_there_are_enough_statements() -> None:
    assert sum(not s.right for s in STATEMENTS) >= 150
    assert sum(s.right for s in STATEMENTS) >= 100


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda s: f"{s.kind}: {s.sentence}")
def test_what_is_wrong_is_never_shown_and_what_is_right_never_refused(
    statement: Statement, replier: Replier, values: dict[str, dict[str, str]]
) -> None:
    plan = LIST if statement.about == "list" else SHOP
    said = statement.said_of(values[statement.about])
    assert said is not None
    for text in replies_with(plan, said):
        assert isinstance(replier.backend, Writer)
        replier.backend.text = text
        worded = replier.reply(plan)
        if statement.right:
            assert worded.fallback is None, said
        else:
            assert not shown(said, worded.text), said
            assert worded.backend == "template"
