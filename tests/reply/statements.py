"""Right and wrong sentences about two shops of a list or one shop asked about, filled in with a plan's own facts."""

from __future__ import annotations

import random
import re
import string
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiyam.contracts import ReplyPlan
from aiyam.korean.clock import DAYS_KO
from aiyam.korean.particles import fill
from aiyam.reply.amounts import distance_ko, price_ko, walk_minutes

STATEMENTS = Path(__file__).parent / "statements.tsv"
_DIGITS, _PLACES = "영일이삼사오육칠팔구", ("천", "백", "십", "")


@dataclass(frozen=True)
class Statement:
    """A sentence with fields in braces, whether it is right, and what it is about: "list" or "shop"."""

    about: str
    right: bool
    kind: str
    sentence: str

    def said_of(self, values: dict[str, str]) -> str | None:
        """Fill it in; None where a value is missing."""
        fields = {name for _, name, _, _ in string.Formatter().parse(self.sentence) if name}
        return fill(self.sentence, values) if fields <= values.keys() else None


def read_statements() -> list[Statement]:
    """Read all sentences."""
    rows = [line.split("\t") for line in STATEMENTS.read_text(encoding="utf-8").splitlines()]
    return [Statement(about, label == "right", kind, sentence) for about, label, kind, sentence in rows]


def values_of_list(
    plan: ReplyPlan, *, other_shops: Sequence[str], other_dishes: Sequence[str], seed: int
) -> dict[str, str] | None:
    """Return what a list statement is filled in with; None where two shops of the plan are not told apart by their facts."""
    if len(plan.shops) != 2:
        return None
    a, b = plan.shops
    told = [(s.menu, s.price_won, s.distance_m, s.open_until, s.rating) for s in (a, b)]
    if any(None in facts for facts in told) or any(x == y for x, y in zip(*told, strict=True)):
        return None
    if a.open_until == "23:30" or any(re.search("가 본|자주 가|많이 찾", s.reason) for s in (a, b)):
        return None
    distances = [s.distance_m or 0 for s in (a, b)]
    if min(distances) <= 150 or walk_minutes(distances[0]) == walk_minutes(distances[1]):
        return None
    if a.good_shop or any(s.open_state != "open" for s in (a, b)) or a.name in b.name or b.name in a.name:
        return None
    if a.menu in str(b.menu) or str(b.menu) in str(a.menu):
        return None
    values: dict[str, str] = {}
    for letter, shop in (("A", a), ("B", b)):
        assert shop.price_won is not None and shop.distance_m is not None  # noqa: PT018
        walk = walk_minutes(shop.distance_m)
        values |= {
            letter: shop.name, f"{letter}m": str(shop.menu), f"{letter}p": price_ko(shop.price_won),
            f"{letter}k": in_words(shop.price_won), f"{letter}d": distance_ko(shop.distance_m), f"{letter}u": str(shop.open_until),
            f"{letter}r": f"{shop.rating:.1f}", f"{letter}cat": shop.category,
        } | ({f"{letter}w": str(walk)} if walk else {})  # fmt: skip
    rng = random.Random(seed)
    prices = {a.price_won, b.price_won}
    near_price = round((a.price_won or 0) / 1000) * 1000
    by_price = sorted((a, b), key=lambda s: s.price_won or 0)
    by_distance = sorted((a, b), key=lambda s: s.distance_m or 0)
    by_rating = sorted((a, b), key=lambda s: s.rating or 0)
    values |= {"cheap": by_price[0].name, "dear": by_price[1].name, "near": by_distance[0].name, "far": by_distance[1].name, "worst": by_rating[0].name}  # fmt: skip
    if near_price not in prices:
        values["Around"] = price_ko(near_price)
    values |= _untrue(rng, prices, {a.distance_m, b.distance_m}, {a.rating, b.rating}, {a.open_until, b.open_until, a.opens_at, b.opens_at})  # fmt: skip
    names = (a.name, b.name)
    values["X"] = rng.choice([n for n in other_shops if not any(n in own or own in n for own in names)])
    menus = (str(a.menu), str(b.menu))
    values["Xm"] = rng.choice([d for d in other_dishes if not any(d in own or own in d for own in menus)])
    values["Xcat"] = {"한식": "중국집"}.get(a.category, "피자집" if a.category != "피자" else "치킨집")
    return values


def values_of_shop(
    plan: ReplyPlan, *, other_shops: Sequence[str], other_dishes: Sequence[str], seed: int
) -> dict[str, str] | None:
    """Return what a statement about the shop asked about is filled in with; None where too little is known of it."""
    shop: dict[str, Any] = plan.facts.get("shop") or {}
    priced = [m for m in shop.get("menus", ()) if m.get("price_won") and not m.get("is_sold_out")]
    pairs = [(m, n) for m in priced for n in priced if m["price_won"] != n["price_won"] and m["name"] not in n["name"] and n["name"] not in m["name"]]  # fmt: skip
    if (
        not pairs
        or shop.get("open_state") != "open"
        or not shop.get("closes")
        or shop.get("good_shop")
        or shop.get("is_24h")
    ):
        return None
    first, second = pairs[0]
    days = set(shop.get("off_days") or ())
    values = {
        "S": str(shop["name"]), "Sm": first["name"], "Sp": price_ko(first["price_won"]), "Tm": second["name"],
        "Tp": price_ko(second["price_won"]), "So": str(shop["opens"]), "Sc": str(shop["closes"]), "Scat": str(shop["category"]),
    }  # fmt: skip
    if shop.get("break"):
        values["Sb1"], values["Sb2"] = str(shop["break"]).split("~")
    if days:
        values["Soff"] = sorted(days)[0]
        values["Xday"] = next(day for day in DAYS_KO if day not in days)
    for key, name in (("Sphone", "phone"),):
        if shop.get(name):
            values[key] = str(shop[name])
    if shop.get("rating") is not None:
        values["Sr"] = f"{shop['rating']:.1f}"
    if shop.get("distance_m") is not None:
        values["Sd"] = distance_ko(shop["distance_m"])
    rng = random.Random(seed)
    prices = {m["price_won"] for m in shop["menus"]}
    clocks = {shop["opens"], shop["closes"], *str(shop.get("break")).split("~")}
    values |= _untrue(rng, prices, {shop.get("distance_m")}, {shop.get("rating")}, clocks)
    values["X"] = rng.choice([n for n in other_shops if n not in values["S"] and values["S"] not in n])
    values["Xm"] = rng.choice(
        [d for d in other_dishes if not any(d in m["name"] or m["name"] in d for m in shop["menus"])]
    )
    return values


def _untrue(
    rng: random.Random, prices: Iterable[int | None], metres: Iterable[int | None], ratings: Iterable[float | None], clocks: Iterable[str | None]
) -> dict[str, str]:  # fmt: skip
    """Draw an amount, a distance, a walk, a rating and a time that are nobody's."""
    known_clocks = " ".join(str(c) for c in clocks)
    price = rng.choice([p for p in range(1_500, 30_000, 500) if p not in prices])
    walks = {walk_minutes(m) for m in metres if m is not None}
    hour = rng.choice([h for h in range(6, 24) if f"{h:02d}:" not in known_clocks and f"{h % 12}시" not in known_clocks and f"{(h + 12) % 24:02d}:" not in known_clocks])  # fmt: skip
    far = rng.choice([m for m in range(120, 980, 10) if m not in metres])
    rating = rng.choice([r / 10 for r in range(10, 50) if all(k is None or abs(r / 10 - k) > 0.06 for k in ratings)])
    return {
        "Xp": price_ko(price), "Xk": in_words(price), "Xd": distance_ko(far), "Xu": f"{hour:02d}:00", "Xr": f"{rating:.1f}",
        "Xw": str(rng.choice([m for m in range(2, 25) if m not in walks])),
    }  # fmt: skip


def in_words(won: int) -> str:
    """Write an amount below 100 million in Hangul: 만이천, 사천오백."""
    high, low = divmod(won, 10_000)
    top, rest = _below_ten_thousand(high), _below_ten_thousand(low)
    return ("" if top == "일" else top) + "만" + rest if high else rest


def _below_ten_thousand(n: int) -> str:
    digits = zip(f"{n:04d}", _PLACES, strict=True)
    return "".join(("" if d == "1" and place else _DIGITS[int(d)]) + place for d, place in digits if d != "0")


def replies_with(plan: ReplyPlan, sentence: str) -> Iterator[str]:
    """Yield two whole replies around a sentence: it stands after true lines of every shop, and after a question at the end."""
    if plan.kind == "recommend":
        if any(shop.allergy_note for shop in plan.shops):
            sentence += " 알레르기는 가게에 물어봐 주세요."
        lines = "\n".join(
            f"{shop.rank}. {shop.name}: {shop.menu} {price_ko(shop.price_won or 0)}" for shop in plan.shops
        )
        yield f"골라 봤어요.\n{lines}\n{sentence}"
        yield f"골라 봤어요.\n\n{lines}\n\n{sentence} 마음에 드는 곳이 있어요?"
    else:
        if plan.facts.get("avoid"):
            sentence += " 알레르기는 가게에 물어봐 주세요."
        name = plan.facts["shop"]["name"]
        yield f"{name} 이야기예요. {sentence}"
        yield f"{name}, 알려 줄게요.\n{sentence}\n더 물어봐도 돼요."


def shown(sentence: str, text: str) -> bool:
    """Whether a sentence stands in a text, white space aside."""
    return re.sub(r"\s", "", sentence) in re.sub(r"\s", "", text)
