"""Which sentences answer a question about one shop or about the card, and the values they need."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from aiyam.contracts import ReplyPlan
from aiyam.reply.amounts import distance_ko, price_ko, walk_minutes
from aiyam.reply.markdown import inline

MAX_MENUS_SAID = 4


def answer_slots(plan: ReplyPlan) -> tuple[list[str], dict[str, Any]]:
    """Return the slots to say in order and the values to fill them, for kinds hours, menu, detail and card."""
    if plan.kind == "card":
        return _card(plan.facts)
    shop = plan.facts.get("shop", {})
    values = _values(shop) | {"thing": plan.facts.get("thing")}
    if plan.kind == "hours":
        slots = _days(shop, plan.facts.get("aspect"), plan.facts.get("day")) or _hours(shop)
        return slots, values
    if plan.kind == "menu":
        return _menu(plan, shop, values)
    return _detail(str(plan.facts.get("aspect", "general")), shop, values), values


def _values(shop: Mapping[str, Any]) -> dict[str, Any]:
    distance = shop.get("distance_m")
    rating = shop.get("rating")
    return {
        "name": inline(str(shop.get("name", "이 가게"))),
        "category": inline(shop["category"]) if shop.get("category") else None,
        "opens": shop.get("opens"),
        "closes": shop.get("closes"),
        "break": shop.get("break"),
        "off_days": ", ".join(shop.get("off_days") or ()) or None,
        "phone": inline(shop["phone"]) if shop.get("phone") else None,
        "address": inline(shop["address"], max_chars=120) if shop.get("address") else None,
        "rating": f"{rating:.1f}점" if rating is not None else None,
        "n_reviews": shop.get("n_reviews") or None,
        "distance": distance_ko(distance) if distance is not None else None,
        "walk": walk_minutes(distance) if distance is not None else None,
    }


def _days(shop: Mapping[str, Any], aspect: object, day: object) -> list[str]:
    """Return the slots for a question about the days a shop rests; none where the hours themselves are asked or unknown."""
    if aspect not in ("off_days", "day") or (not shop.get("is_24h") and shop.get("closes") is None):
        return []
    off = shop.get("off_days") or ()
    if aspect == "day" and day not in off:
        return ["not_off_then", *(["off_days"] if off else [])]
    return ["rests" if off else "no_off_days"]


def _hours(shop: Mapping[str, Any]) -> list[str]:
    if not shop.get("is_24h") and shop.get("closes") is None:
        return ["unknown", "call" if shop.get("phone") else "no_phone"]
    if shop.get("off_today"):
        return ["off_today", "hours"]
    state = shop.get("open_state", "unknown")
    slots = ["always"] if shop.get("is_24h") else [f"now_{state}" if state in ("open", "break", "closed") else "hours"]
    left = shop.get("minutes_to_close")
    if state == "open" and left is not None and left <= 30:
        slots.append("soon")
    if shop.get("break") and state != "break":
        slots.append("has_break")
    if shop.get("off_days"):
        slots.append("off_days")
    return slots


def _menu(plan: ReplyPlan, shop: Mapping[str, Any], values: dict[str, Any]) -> tuple[list[str], dict[str, Any]]:
    menus = [m for m in shop.get("menus", ()) if m.get("name")]
    if not menus:
        return ["none_known", "call" if shop.get("phone") else "no_phone"], values
    avoid = set(plan.facts.get("avoid", ()))
    asked = [str(dish) for dish in plan.facts.get("dishes", ())]
    for dish in asked:
        found = _find_dish(dish, menus)
        if found is not None:
            values |= {"menu": inline(found["name"])}
            held = [a for a in found.get("allergens", ()) if a in avoid]
            if held:
                return ["contains"], values | {"allergen": ", ".join(held)}
            if found.get("is_sold_out"):
                return ["sold_out"], values
            if found.get("price_won") is None:
                return ["no_price"], values
            return ["price"], values | {"price": price_ko(found["price_won"])}
    menus = [m for m in menus if not avoid.intersection(m.get("allergens", ()))]
    if not menus:
        return ["none_safe", "call" if shop.get("phone") else "no_phone"], values
    available = [m for m in menus if not m.get("is_sold_out")] or menus
    best = sorted(available, key=lambda m: not m.get("is_best"))[:MAX_MENUS_SAID]
    values["menus"] = ", ".join(_menu_item(m) for m in best)
    values["dish"] = inline(asked[0]) if asked else None
    return (["not_there", "list"] if asked else ["list"]), values


def _menu_item(menu: Mapping[str, Any]) -> str:
    price = menu.get("price_won")
    return inline(menu["name"]) + (f" {price_ko(price)}" if price is not None else "")


def _find_dish(dish: str, menus: list[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    wanted = re.sub(r"\s", "", dish)
    by_name = [(re.sub(r"\s", "", str(m["name"])), m) for m in menus]
    exact = [m for name, m in by_name if name == wanted]
    inside = [m for name, m in by_name if wanted in name]
    return next(iter(exact or inside), None)


def _detail(aspect: str, shop: Mapping[str, Any], values: dict[str, Any]) -> list[str]:
    known: dict[str, list[str]] = {
        "phone": ["phone"] if values["phone"] else ["no_phone"],
        "address": ["address", "distance"]
        if values["address"]
        else ["no_address", *(["call"] if values["phone"] else [])],
        "distance": ["far"] if values["distance"] else ["no_distance", *(["address"] if values["address"] else [])],
        "rating": ["rating"] if values["rating"] else ["no_rating"],
        "unknown_fact": ["unknown_fact", "call" if values["phone"] else "ask_there"],
        "card": [f"card_{shop.get('meal_card', 'unknown')}"],
        "takeout": ["takeout_yes" if shop.get("takeout") else "takeout_unknown"],
        "delivery": ["delivery_yes" if shop.get("delivery") else "delivery_unknown"],
        "allergy": ["allergy"],
        "good_shop": ["good_yes" if shop.get("good_shop") else "good_no"],
    }
    if aspect in known:
        return known[aspect]
    slots = ["what"]  # names the shop; what follows speaks of it without saying the name again
    slots += ["its_address"] if values["address"] else []
    slots += ["its_rating"] if values["rating"] else []
    return slots + (["hours"] if shop.get("closes") else [])


def _card(facts: Mapping[str, Any]) -> tuple[list[str], dict[str, Any]]:
    card = facts.get("card", {})
    aspect = str(facts.get("aspect", "general"))
    values = {
        "balance": _won(card.get("balance_won")),
        "meal_limit": _won(card.get("meal_limit_won")),
        "monthly_limit": _won(card.get("monthly_limit_won")),
        "matter": facts.get("matter"),
    }
    if aspect == "balance":
        return (["balance"] if values["balance"] else ["no_balance"]), values
    if aspect == "limit":
        said = [slot for slot in ("meal_limit", "monthly_limit") if values[slot]]
        return (said or ["no_limit"]), values
    if aspect == "spent":
        return [*(["balance"] if values["balance"] else []), "spent"], values
    if aspect in ("lost", "apply", "where", "pin", "declined", "varies"):
        return [aspect], values
    said = [slot for slot in ("balance", "meal_limit") if values[slot]]
    return [*said, "general"], values


def _won(amount: int | None) -> str | None:
    return price_ko(amount) if amount is not None else None
