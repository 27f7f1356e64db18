"""The grounding check: every shop, menu, price, time, distance, rating and phone of a reply stands in the plan's rows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from aiyam.contracts import GroundingVerdict, Recommendation, ReplyPlan
from aiyam.reply.amounts import WALK_M_PER_MIN
from aiyam.reply.claims import Claim, find_claims, numbers_in
from aiyam.reply.markdown import unescape
from aiyam.reply.shop_facts import facts as shop_facts

if TYPE_CHECKING:
    from aiyam.catalogue.arrays import Catalogue

HELPLINES = frozenset({"109", "112", "119", "1388", "1366", "1577-1391", "129", "117"})
_LIMIT_AFTER = re.compile(r"\s*(?:이하|이상|안|이내|까지|대|으로|로|넘|밑|아래|보다|정도|쯤)")
_LIST_NUMBER = re.compile(r"^\s*(\d{1,2})(?=[.)]\s|번)", re.MULTILINE)
_SHOP_LIKE = re.compile(
    r"(?<![가-힣A-Za-z0-9])((?:[가-힣A-Za-z0-9&]{1,12}\s)?[가-힣A-Za-z0-9&]{0,12}?"
    r"(?:\d호점|본점|[가-힣]{2,5}(?:점|역점)|분식|김밥|반점|식당|치킨|피자|국밥|떡볶이|버거|카페|베이커리|마라탕|돈까스|편의점))"
    r"(?=(?:은|는|이|가|을|를|에서|에는|에|으로|로|의|도|이에요|예요|입니다|[\s,.!?:(]|$))"
)
_COVER = "\ue000"  # no letter and no space: what follows a covered name ("…은 하루") does not begin a word
_WORD_START = re.compile(rf"(?<![가-힣A-Za-z0-9{_COVER}])[가-힣A-Za-z0-9]")
_QUOTED = re.compile(r"[\"'‘“「『<*]{1,2}([^\"'’”」』>*\n]{2,30})[\"'’”」』>*]{1,2}")


@dataclass
class Known:
    """What a plan allows a reply to say."""

    names: set[str] = field(default_factory=set)
    dishes: set[str] = field(default_factory=set)
    words: set[str] = field(default_factory=set)  # addresses, breaks, choices, the question: may stand as they are
    prices: set[int] = field(default_factory=set)
    limits: set[int] = field(default_factory=set)  # amounts the child named: only as a limit ("8,000원 안에서")
    distances: set[float] = field(default_factory=set)
    reaches: set[float] = field(default_factory=set)
    clocks: set[int] = field(default_factory=set)
    minutes: set[int] = field(default_factory=set)
    ratings: set[float] = field(default_factory=set)
    phones: set[str] = field(default_factory=set)
    days: set[str] = field(default_factory=set)
    n_shops: int = 0

    def verbatim(self) -> set[str]:
        """What may stand word for word: names, dishes, addresses, the question."""
        return self.names | self.dishes | self.words


class Grounder:
    """The check with a catalogue at hand: shops and dishes that exist but are not in the plan are found too."""

    def __init__(self, catalogue: Catalogue | None = None) -> None:
        self.catalogue = catalogue
        self._names: dict[str, str] = {}
        self._dishes: set[str] = set()
        if catalogue is not None:
            brands = {name for name in catalogue.brand_names if len(name) >= 3}
            self._names = {_tight(n): n for n in {*catalogue.names, *brands} if len(_tight(n)) >= 3}
            self._dishes = {_tight(d) for d in catalogue.dish_names if len(_tight(d)) >= 3}
        self._max_name = max((len(n) for n in self._names), default=0)
        self._heads = {name[:3] for name in self._names}

    def check(self, text: str, plan: ReplyPlan, known: Known | None = None) -> GroundingVerdict:
        """Return what the text states and the plan does not hold. Helpline numbers and list numbers are no claims.

        ``known`` is ``known_of(plan)``, for a caller that checks one reply piece by piece.
        """
        known = known or known_of(plan)
        if plan.facts.get("fixed_text") and text.strip() == str(plan.facts["fixed_text"]).strip():
            return GroundingVerdict()
        covered = _cover(unescape(text), known.verbatim())
        ungrounded = [c.text for c in _false_claims(covered, known)]
        ungrounded += self._unknown_names(covered, known, plan)
        return GroundingVerdict(grounded=not ungrounded, ungrounded=tuple(dict.fromkeys(ungrounded)))

    def check_plan(
        self, plan: ReplyPlan, now: datetime, *, lat: float | None = None, lon: float | None = None
    ) -> GroundingVerdict:
        """Compare the plan's facts with the catalogue's rows as they are now; a changed row is named.

        Args:
            plan: the plan to recheck.
            now: the turn's time (opening states depend on it).
            lat: the point distances were measured from; without it distances are not compared.
            lon: its longitude.
        """
        catalogue = self.catalogue
        if catalogue is None:
            raise ValueError("expected a Grounder made with a catalogue, got one without; pass it to Grounder(...)")
        wrong: list[str] = []
        for shop in plan.shops:
            row = catalogue.row_of.get(shop.shop_id)
            if row is None:
                wrong.append(f"{shop.shop_id}: no such shop")
                continue
            now_true = shop_facts(catalogue, row, now, lat=lat, lon=lon)
            wrong += [f"{shop.shop_id}: {what}" for what in _card_differences(shop, now_true, lat is not None)]
        asked = plan.facts.get("shop")
        if asked:
            row = catalogue.row_of.get(asked.get("shop_id", ""))
            if row is None:
                wrong.append(f"{asked.get('shop_id')}: no such shop")
            else:
                now_true = shop_facts(catalogue, row, now, lat=lat, lon=lon)
                skipped = {"distance_m"} if lat is None else set()
                wrong += [
                    f"{asked['shop_id']}: {k}" for k, v in asked.items() if k not in skipped and now_true.get(k) != v
                ]
        return GroundingVerdict(grounded=not wrong, ungrounded=tuple(wrong))

    def _unknown_names(self, covered: str, known: Known, plan: ReplyPlan) -> list[str]:
        if self._names:
            return [*self._catalogue_names(covered), *self._catalogue_dishes(covered, known, plan)]
        if plan.kind not in ("recommend", "no_result", "hours", "menu", "detail"):
            return []
        return [m[1].strip() for m in _SHOP_LIKE.finditer(covered) if _branch_like(m[1])]

    def _catalogue_names(self, covered: str) -> list[str]:
        found: list[str] = []
        for match in _WORD_START.finditer(covered):
            start = i = match.start()
            if _tight(covered[start : start + 8])[:3] not in self._heads:  # no name begins like this
                continue
            tight = ""
            while i < len(covered) and covered[i] != "\n" and len(tight) < self._max_name:
                if not covered[i].isspace():
                    tight += covered[i]
                    if tight in self._names and _ends_a_word(covered, i + 1):
                        found.append(self._names[tight])
                i += 1
        return found

    def _catalogue_dishes(self, covered: str, known: Known, plan: ReplyPlan) -> list[str]:
        """Dishes sold somewhere, stated of a plan's shop that does not list them; only where shops are spoken of."""
        if not known.names:
            return []
        allowed = {_tight(d) for d in known.dishes | known.words}
        words = re.findall(r"[가-힣A-Za-z0-9]{3,}", covered)
        found = []
        for word in words:
            for end in range(len(word), 2, -1):
                stem = word[:end]
                if stem in self._dishes:
                    if not any(stem in a for a in allowed) and _ends_a_word(word, end):
                        found.append(stem)
                    break
        return found


def _false_claims(covered: str, known: Known) -> Iterable[Claim]:
    for match in _LIST_NUMBER.finditer(covered):
        if int(match[1]) <= max(known.n_shops, 1):
            covered = covered[: match.start(1)] + " " * len(match[1]) + covered[match.end(1) :]
    for claim in find_claims(covered):
        if not _stands(claim, covered, known):
            yield claim


def check(text: str, plan: ReplyPlan, catalogue: Catalogue | None = None) -> GroundingVerdict:
    """Check one text against its plan; with many texts and a catalogue keep one ``Grounder``."""
    return (_PLAN_ONLY if catalogue is None else Grounder(catalogue)).check(text, plan)


def check_plan(plan: ReplyPlan, catalogue: Catalogue, now: datetime, **place: float | None) -> GroundingVerdict:
    """Compare a plan's facts with the catalogue; see ``Grounder.check_plan``."""
    return Grounder(catalogue).check_plan(plan, now, **place)


def known_of(plan: ReplyPlan) -> Known:
    """Collect what the plan allows to be said."""
    known = Known(n_shops=len(plan.shops))
    for shop in plan.shops:
        _add_recommendation(known, shop)
    if asked := plan.facts.get("shop"):
        _add_shop_facts(known, asked)
        known.n_shops = max(known.n_shops, 1)
    for amount in plan.facts.get("card", {}).values():
        known.prices.add(int(amount))
    filters = plan.facts.get("filters", {})
    for key in ("budget_min", "budget_max"):
        if filters.get(key) is not None:
            known.limits.add(int(filters[key]))
    if filters.get("max_distance_m") is not None:
        reach = float(filters["max_distance_m"])
        known.reaches |= {reach, round(reach / 1000, 1) * 1000}  # a limit of 11,432 m is written 11.4km
    known.dishes |= {str(m) for m in filters.get("menus") or ()} | {str(m) for m in filters.get("exclude_menus") or ()}
    known.dishes |= {str(d) for d in plan.facts.get("dishes", ())}
    known.words |= {w for w in (filters.get("place"), filters.get("district"), *plan.choices) if w}
    if plan.question is not None:
        known.words |= {w for w in (plan.question.place, plan.question.city) if w}
        known.n_shops = plan.question.n_shown or known.n_shops
    return known


def _add_recommendation(known: Known, shop: Recommendation) -> None:
    known.names.add(shop.name)
    known.words |= {w for w in (shop.address, shop.district) if w}
    if shop.menu:
        known.dishes.add(shop.menu)
    if shop.price_won is not None:
        known.prices.add(shop.price_won)
    _add_distance(known, shop.distance_m)
    if shop.rating is not None:
        known.ratings |= {shop.rating, round(shop.rating, 1)}
    for text in (shop.open_until, shop.opens_at):
        _add_clocks(known, text)


def _add_shop_facts(known: Known, facts: Mapping[str, Any]) -> None:
    known.names.add(str(facts.get("name", "")))
    known.words |= {str(w) for w in (facts.get("address"), facts.get("district")) if w}
    for key in ("opens", "closes", "break"):
        _add_clocks(known, facts.get(key))
    known.days |= set(facts.get("off_days") or ())
    if facts.get("phone"):
        known.phones.add(re.sub(r"\D", "", str(facts["phone"])))
        known.words.add(str(facts["phone"]))
    if facts.get("rating") is not None:
        known.ratings.add(float(facts["rating"]))
    _add_distance(known, facts.get("distance_m"))
    if facts.get("minutes_to_close") is not None:
        known.minutes.add(int(facts["minutes_to_close"]))
    for menu in facts.get("menus", ()):
        known.dishes.add(str(menu["name"]))
        if menu.get("price_won") is not None:
            known.prices.add(int(menu["price_won"]))


def _add_distance(known: Known, distance_m: int | None) -> None:
    if distance_m is None:
        return
    known.distances |= {float(distance_m), round(distance_m / 1000, 1) * 1000}
    known.minutes.add(max(1, -(-distance_m // WALK_M_PER_MIN)))


def _add_clocks(known: Known, text: str | None) -> None:
    for claim in find_claims(text or ""):
        if claim.kind == "clock":
            known.clocks.add(int(claim.value))
        elif claim.kind == "day":  # "수요일 11:00"
            known.days.add(str(claim.value))


def _stands(claim: Claim, text: str, known: Known) -> bool:
    value = claim.value
    limit = bool(_LIMIT_AFTER.match(text, claim.end))
    if claim.kind == "price":
        return value in known.prices or (limit and value in known.limits)
    if claim.kind == "distance":
        return any(abs(float(value) - d) < 0.5 for d in known.distances) or (
            limit and any(abs(float(value) - r) < 0.5 for r in known.reaches)
        )
    if claim.kind == "clock":
        halves = {int(value), (int(value) + 720) % 1440} if claim.uncertain_half else {int(value)}
        return bool(halves & known.clocks)
    if claim.kind == "minutes":
        return value in known.minutes
    if claim.kind == "rating":
        return any(abs(float(value) - r) < 0.05 for r in known.ratings)
    if claim.kind == "phone":
        return value in known.phones or claim.text in HELPLINES
    if claim.kind == "count":
        return value == known.n_shops
    if claim.kind == "day":
        return value in known.days
    return claim.text in HELPLINES


def _cover(text: str, spans: Iterable[str]) -> str:
    """Blank out what may be said verbatim, longest first, so that its digits are not read as claims."""
    for span in sorted((s for s in spans if s), key=len, reverse=True):
        text = text.replace(span, _COVER * len(span)) if len(span) > 1 else text
    return text


def _tight(text: str) -> str:
    return "".join(text.split())


_AFTER_NAME = re.compile(
    r"(?:은|는|이|가|을|를|과|와|에서|에는|에|으로|로|의|도|만|이랑|랑|이나|나|부터|까지|이에요|예요|입니다|이고|고|처럼|보다)?(?![가-힣A-Za-z0-9])"
)


def _ends_a_word(text: str, end: int) -> bool:
    return bool(_AFTER_NAME.match(text, end))


def _branch_like(name: str) -> bool:
    """Without a catalogue only a name with a branch ("… 신림점") is surely a shop and not a kind of food."""
    return bool(re.search(r"(?:본점|\d호점|[가-힣]{2,5}점)$", name)) and not re.search(
        r"(?:음식|편의|백화|장|별|할인|가맹|전문|문방구|서|상|관)점$", name
    )


def _card_differences(shop: Recommendation, now_true: Mapping[str, Any], compare_distance: bool) -> Iterable[str]:
    if shop.name != now_true["name"]:
        yield "name"
    if shop.menu is not None:
        prices = [m["price_won"] for m in now_true["menus"] if m["name"] == shop.menu]
        if not prices:
            yield "menu"
        elif shop.price_won is not None and shop.price_won not in prices:
            yield "price_won"
    if compare_distance and shop.distance_m is not None:
        distance = now_true["distance_m"]
        if distance is None or abs(distance - shop.distance_m) > 1:
            yield "distance_m"
    if shop.open_state != now_true["open_state"]:
        yield "open_state"
    elif shop.open_until and shop.open_state == "open" and not now_true["is_24h"]:
        stated, stored = find_claims(shop.open_until), find_claims(str(now_true["closes"]))
        times = {int(c.value) for c in stored if c.kind == "clock"} | {
            int(c.value) for c in find_claims(str(now_true["break"])) if c.kind == "clock"
        }
        if not {int(c.value) for c in stated if c.kind == "clock"} <= times:
            yield "open_until"
    if shop.meal_card != now_true["meal_card"]:
        yield "meal_card"
    if shop.good_shop != now_true["good_shop"]:
        yield "good_shop"
    if shop.rating is not None and (now_true["rating"] is None or abs(shop.rating - now_true["rating"]) > 0.06):
        yield "rating"


_PLAN_ONLY = Grounder()

__all__ = ["HELPLINES", "Grounder", "Known", "check", "check_plan", "known_of", "numbers_in"]
