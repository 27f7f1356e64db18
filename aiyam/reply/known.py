"""What a plan allows a reply to say: of each shop its own facts, of all together names, limits and words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiyam.contracts import Recommendation, ReplyPlan
from aiyam.reply.amounts import WALK_M_PER_MIN
from aiyam.reply.claims import find_claims


@dataclass
class OneShop:
    """One shop's facts in the forms a text states them; empty or None where the plan is silent."""

    name: str = ""
    rank: int = 0
    category: str = ""
    dishes: dict[str, set[int]] = field(default_factory=dict)  # dish: its prices
    prices: set[int] = field(default_factory=set)
    distance_m: int | None = None
    distances: set[float] = field(default_factory=set)
    walk_min: set[int] = field(default_factory=set)
    minutes: set[int] = field(default_factory=set)  # until it closes
    opening: set[int] = field(default_factory=set)
    closing: set[int] = field(default_factory=set)
    break_start: set[int] = field(default_factory=set)
    break_end: set[int] = field(default_factory=set)
    open_days: set[str] = field(default_factory=set)
    off_days: set[str] = field(default_factory=set)
    rating: float | None = None
    ratings: set[float] = field(default_factory=set)
    phones: set[str] = field(default_factory=set)
    state: str = "unknown"
    is_24h: bool = False
    meal_card: str = "unknown"
    good_shop: bool = False
    delivery: bool = False
    takeout: bool = False
    sold_out: set[str] = field(default_factory=set)
    allergens: set[str] = field(default_factory=set)
    words: set[str] = field(default_factory=set)  # where it is
    reason: str = ""

    @property
    def clocks(self) -> set[int]:
        """Every time of day that is known of it, in minutes after midnight."""
        return self.opening | self.closing | self.break_start | self.break_end


@dataclass
class Known:
    """What a plan allows a reply to say. ``shops`` come in the plan's order; the rest holds of no single shop."""

    shops: list[OneShop] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    dishes: set[str] = field(default_factory=set)
    words: set[str] = field(default_factory=set)  # addresses, choices, places: may stand as they are
    amounts: set[int] = field(default_factory=set)  # what is on the card
    limits: set[int] = field(default_factory=set)  # amounts the child named: only as a limit ("8,000원 안에서")
    reaches: set[float] = field(default_factory=set)
    days: set[str] = field(default_factory=set)
    n_shops: int = 0

    def verbatim(self) -> set[str]:
        """What may stand word for word: names, dishes, addresses, places."""
        return self.names | self.dishes | self.words


def known_of(plan: ReplyPlan) -> Known:
    """Collect what the plan allows to be said."""
    known = Known(n_shops=len(plan.shops))
    asked = plan.facts.get("shop")
    known.shops = [_of_card(shop) for shop in plan.shops if not asked or shop.shop_id != asked.get("shop_id")]
    if asked:
        known.shops.append(_of_row(asked))
        known.n_shops = max(known.n_shops, 1)
        known.words |= {str(asked["phone"])} if asked.get("phone") else set()
    for shop in plan.facts.get("compared", ()):
        known.shops.append(_of_row(shop) if shop.get("card_price_won") is None else _with_card(_of_row(shop), shop))
        known.shops[-1].rank = int(shop["number"])
        known.n_shops = max(known.n_shops, int(shop["number"]))
    filters = plan.facts.get("filters", {})
    for shop in known.shops:
        known.names.add(shop.name)
        known.dishes |= set(shop.dishes)
        known.words |= shop.words
        known.days |= shop.off_days | shop.open_days
        shop.delivery |= bool(filters.get("delivery")) and "delivery" not in plan.relaxed
        shop.takeout |= bool(filters.get("takeout")) and "takeout" not in plan.relaxed
    known.amounts = {int(amount) for amount in plan.facts.get("card", {}).values()}
    known.amounts |= {int(plan.facts["limit_won"])} if "limit_won" in plan.facts else set()
    known.limits = {int(filters[key]) for key in ("budget_min", "budget_max") if filters.get(key) is not None}
    if filters.get("max_distance_m") is not None:
        reach = float(filters["max_distance_m"])
        known.reaches = {reach, round(reach / 1000, 1) * 1000}  # a limit of 11,432 m is written 11.4km
    known.dishes |= {str(m) for m in filters.get("menus") or ()} | {str(m) for m in filters.get("exclude_menus") or ()}
    known.dishes |= {str(d) for d in plan.facts.get("dishes", ())}
    known.words |= {w for w in (filters.get("place"), filters.get("district"), *plan.choices) if w}
    known.dishes |= {str(word) for word in plan.facts.get("kept", ())}
    if plan.question is not None:
        known.words |= {w for w in (plan.question.place, plan.question.city) if w}
        known.n_shops = plan.question.n_shown or known.n_shops
    return known


def _of_card(shop: Recommendation) -> OneShop:
    known = OneShop(
        name=shop.name, rank=shop.rank, category=shop.category, state=shop.open_state, meal_card=shop.meal_card,
        good_shop=shop.good_shop, reason=shop.reason, words={w for w in (shop.address, shop.district) if w},
    )  # fmt: skip
    if shop.menu:
        known.dishes[shop.menu] = {shop.price_won} if shop.price_won is not None else set()
    if shop.price_won is not None:
        known.prices.add(shop.price_won)
    _add_distance(known, shop.distance_m)
    _add_rating(known, shop.rating)
    known.closing, _ = _times(shop.open_until)
    known.opening, known.open_days = _times(shop.opens_at)
    return known


def _of_row(facts: Mapping[str, Any]) -> OneShop:
    known = OneShop(
        name=str(facts.get("name", "")), rank=1, category=str(facts.get("category") or ""),
        state=str(facts.get("open_state", "unknown")), is_24h=bool(facts.get("is_24h")),
        meal_card=str(facts.get("meal_card", "unknown")), good_shop=bool(facts.get("good_shop")),
        delivery=bool(facts.get("delivery")), takeout=bool(facts.get("takeout")),
        off_days=set(facts.get("off_days") or ()), reason=" ".join(facts.get("atmosphere") or ()),
        words={str(w) for w in (facts.get("address"), facts.get("district")) if w},
    )  # fmt: skip
    known.opening, _ = _times(facts.get("opens"))
    known.closing, _ = _times(facts.get("closes"))
    if facts.get("break"):
        begins, _, ends = str(facts["break"]).partition("~")
        known.break_start, known.break_end = _times(begins)[0], _times(ends)[0]
    if facts.get("phone"):
        known.phones.add(re.sub(r"\D", "", str(facts["phone"])))
    _add_rating(known, facts.get("rating"))
    _add_distance(known, facts.get("distance_m"))
    if facts.get("minutes_to_close") is not None:
        known.minutes.add(int(facts["minutes_to_close"]))
    for menu in facts.get("menus", ()):
        prices = known.dishes.setdefault(str(menu["name"]), set())
        if menu.get("price_won") is not None:
            prices.add(int(menu["price_won"]))
            known.prices.add(int(menu["price_won"]))
        if menu.get("is_sold_out"):
            known.sold_out.add(str(menu["name"]))
        known.allergens |= set(menu.get("allergens", ()))
    return known


def _with_card(known: OneShop, facts: Mapping[str, Any]) -> OneShop:
    """Add the dish and price the shop's card told, which may lie beyond the menu rows a plan holds."""
    price = int(facts["card_price_won"])
    known.prices.add(price)
    if facts.get("card_menu"):
        known.dishes.setdefault(str(facts["card_menu"]), set()).add(price)
    return known


def _add_distance(known: OneShop, distance_m: int | None) -> None:
    if distance_m is None:
        return
    known.distance_m = distance_m
    known.distances = {float(distance_m)}
    if distance_m >= 1000:  # written "1.2km"
        known.distances.add(round(distance_m / 1000, 1) * 1000)
    known.walk_min = {max(1, -(-distance_m // WALK_M_PER_MIN))}


def _add_rating(known: OneShop, rating: float | None) -> None:
    if rating is not None:
        known.rating = float(rating)
        known.ratings = {float(rating), round(float(rating), 1)}


def _times(text: str | None) -> tuple[set[int], set[str]]:
    """Return the clock times and the days that a row's text names: "수요일 11:00"."""
    claims = find_claims(text or "")
    return {int(c.value) for c in claims if c.kind == "clock"}, {str(c.value) for c in claims if c.kind == "day"}
