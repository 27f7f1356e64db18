"""The grounding check: every shop, menu, price, time, distance, rating and phone of a reply stands in the plan's rows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from aiyam.contracts import GroundingVerdict, Recommendation, ReplyPlan
from aiyam.reply.attribution import COVER, Attribution
from aiyam.reply.claims import find_claims
from aiyam.reply.known import Known, known_of
from aiyam.reply.markdown import unescape
from aiyam.reply.shop_facts import facts as shop_facts
from aiyam.reply.standing import false_claims, false_dishes
from aiyam.reply.word_claims import false_words

if TYPE_CHECKING:
    from aiyam.catalogue.arrays import Catalogue

_SHOP_LIKE = re.compile(
    r"(?<![가-힣A-Za-z0-9])((?:[가-힣A-Za-z0-9&]{1,12}\s)?[가-힣A-Za-z0-9&]{0,12}?"
    r"(?:\d호점|본점|[가-힣]{2,5}(?:점|역점)|분식|김밥|반점|식당|치킨|피자|국밥|떡볶이|버거|카페|베이커리|마라탕|돈까스|편의점))"
    r"(?=(?:은|는|이|가|을|를|에서|에는|에|으로|로|의|도|이에요|예요|입니다|[\s,.!?:(]|$))"
)
_WORD_START = re.compile(rf"(?<![가-힣A-Za-z0-9{COVER}])[가-힣A-Za-z0-9]")


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
        self._dish_heads = {dish[:2] for dish in self._dishes}
        self._max_dish = max((len(d) for d in self._dishes), default=0)
        self._max_name = max((len(n) for n in self._names), default=0)
        self._heads = {name[:3] for name in self._names}

    def check(self, text: str, plan: ReplyPlan, known: Known | None = None, *, before: str = "") -> GroundingVerdict:
        """Return what the text states and the plan does not hold. Helpline numbers and list numbers are no claims.

        Where several shops are spoken of, a fact must be of the shop it is said of (``attribution``).

        Args:
            text: a reply, or a piece of one.
            plan: what it words.
            known: ``known_of(plan)``, for a caller that checks one reply piece by piece.
            before: what was said before this piece, which tells whom it is about; not judged again.
        """
        known = known or known_of(plan)
        if plan.facts.get("fixed_text") and text.strip() == str(plan.facts["fixed_text"]).strip():
            return GroundingVerdict()
        said = unescape(before)
        read = Attribution(said + unescape(text), known)
        ungrounded = [claim.text for claim in false_claims(read) if claim.start >= len(said)]
        ungrounded += [dish for start, dish in false_dishes(read) if start >= len(said)]
        ungrounded += self._unknown_names(read.covered[len(said) :], known, plan)
        return GroundingVerdict(grounded=not ungrounded, ungrounded=tuple(dict.fromkeys(ungrounded)))

    def check_model(self, text: str, plan: ReplyPlan, known: Known, *, before: str = "") -> GroundingVerdict:
        """Check a piece that a language model wrote: as ``check``, and what it states without a figure (``word_claims``)."""
        verdict = self.check(text, plan, known, before=before)
        said = unescape(before)
        stated = false_words(Attribution(said + unescape(text), known), len(said))
        ungrounded = tuple(dict.fromkeys((*verdict.ungrounded, *stated)))
        return GroundingVerdict(grounded=not ungrounded, ungrounded=ungrounded)

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
        found = list[str]()
        after = 0
        for match in _WORD_START.finditer(covered):
            head = _tight(covered[match.start() : match.start() + 4])[:2]
            if (
                head not in self._dish_heads or match.start() < after
            ):  # no dish begins like this, or within the dish before: 자장 of "간 자장"
                continue
            dish, tight = "", ""
            for i in range(match.start(), min(match.start() + 2 * self._max_dish, len(covered))):
                if covered[i] in f"\n{COVER}" or len(tight) > self._max_dish:
                    break
                if not covered[i].isspace():
                    tight += covered[i]
                    if tight in self._dishes and _ends_a_word(covered, i + 1):
                        dish, after = tight, i + 1
            if dish and not any(dish in a for a in allowed):
                found.append(dish)
        return found


def check(text: str, plan: ReplyPlan, catalogue: Catalogue | None = None) -> GroundingVerdict:
    """Check one text against its plan; with many texts and a catalogue keep one ``Grounder``."""
    return (_PLAN_ONLY if catalogue is None else Grounder(catalogue)).check(text, plan)


def check_plan(plan: ReplyPlan, catalogue: Catalogue, now: datetime, **place: float | None) -> GroundingVerdict:
    """Compare a plan's facts with the catalogue; see ``Grounder.check_plan``."""
    return Grounder(catalogue).check_plan(plan, now, **place)


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
