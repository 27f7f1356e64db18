"""What a comparison of shown shops says: which is first by what was asked, and a line of what is known of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from aiyam.contracts import ReplyPlan
from aiyam.korean.numerals import WALKABLE_M
from aiyam.reply.amounts import distance_ko, price_ko, walk_minutes
from aiyam.reply.markdown import inline

Shop = Mapping[str, Any]


class Line(NamedTuple):
    """What is said of one shop: words of our own, or the slot of the bank that has them."""

    number: int
    name: str
    text: str | None
    slot: str | None
    closes: str | None = None


class Compared(NamedTuple):
    """The slot of the verdict, its values, and a line a shop."""

    slot: str
    values: Mapping[str, Any]
    lines: tuple[Line, ...]


def compared(plan: ReplyPlan) -> Compared:
    """Compare ``plan.facts["compared"]`` by ``plan.facts["aspect"]``; what no row tells is said not to be known."""
    shops: Sequence[Shop] = plan.facts["compared"]
    aspect = str(plan.facts["aspect"])
    lines = tuple(_line(shop, aspect) for shop in shops)
    more = "더" if len(shops) == 2 else "제일"
    if aspect == "general":
        return Compared("cmp_general", {}, lines)
    if aspect in ("open", "walk"):
        fitting = [shop for shop in shops if _fits(shop, aspect)]
        if not any(_is_known(shop, aspect) for shop in shops):
            return Compared("cmp_none", {}, lines)
        which = "all" if len(fitting) == len(shops) else "some" if fitting else "none"
        return Compared(f"cmp_{aspect}_{which}", {"best": _names(fitting) or None}, lines)
    known = [(value, shop) for shop in shops if (value := _value(shop, aspect)) is not None]
    if not known:
        return Compared("cmp_none", {}, lines)
    first = min(value for value, _ in known)
    best = [shop for value, shop in known if value == first]
    if len(best) > 1 and len(best) == len(shops):
        return Compared("cmp_same", {"best": _names(best)}, lines)
    return Compared(f"cmp_{aspect}", {"best": _names(best), "more": more}, lines)


def _value(shop: Shop, aspect: str) -> float | None:
    """Return what shops are put in order by, lowest first; None where it is not known."""
    if aspect == "price":
        return shop.get("card_price_won")
    if aspect == "distance":
        return shop.get("distance_m")
    if aspect == "rating":
        return None if shop.get("rating") is None else -float(shop["rating"])
    if shop.get("off_today"):
        return None
    if shop.get("is_24h"):
        return -float("inf")
    return None if shop.get("closes_min") is None else -float(shop["closes_min"])


def _fits(shop: Shop, aspect: str) -> bool:
    if aspect == "open":
        return bool(shop.get("open_state") == "open")
    return shop.get("distance_m") is not None and shop["distance_m"] <= WALKABLE_M


def _is_known(shop: Shop, aspect: str) -> bool:
    return shop.get("open_state", "unknown") != "unknown" if aspect == "open" else shop.get("distance_m") is not None


def _names(shops: Sequence[Shop]) -> str:
    return ", ".join(inline(str(shop["name"])) for shop in shops)


def _line(shop: Shop, aspect: str) -> Line:
    number, name = int(shop["number"]), inline(str(shop["name"]))
    closes = shop.get("closes")
    if aspect in ("open", "closing"):
        state = "off_today" if shop.get("off_today") else str(shop.get("open_state", "unknown"))
        if state == "open":
            state = "always" if shop.get("is_24h") else "open" if closes else "unknown"
        elif aspect == "closing" and state == "closed" and closes:
            return Line(number, name, f"{closes}까지", None)
        return Line(number, name, None, f"cmp_is_{state}", closes)
    said = [part for part in (_part(shop, key) for key in _SAID[aspect]) if part]
    return Line(number, name, ", ".join(said), None) if said else Line(number, name, None, "cmp_is_unknown")


_SAID: dict[str, tuple[str, ...]] = {
    "price": ("price",), "distance": ("distance",), "walk": ("distance",), "rating": ("rating",),
    "general": ("price", "distance", "rating"),
}  # fmt: skip


def _part(shop: Shop, key: str) -> str | None:
    if key == "price" and shop.get("card_price_won") is not None:
        dish = inline(str(shop["card_menu"])) if shop.get("card_menu") else None
        return " ".join(part for part in (dish, price_ko(shop["card_price_won"])) if part)
    if key == "distance" and shop.get("distance_m") is not None:
        walk = walk_minutes(shop["distance_m"])
        return distance_ko(shop["distance_m"]) + (f" (걸어서 {walk}분)" if walk is not None else "")
    if key == "rating" and shop.get("rating") is not None:
        return f"별점 {shop['rating']:.1f}점"
    return None
