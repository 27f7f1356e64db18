"""The template backend: words a plan from the bank in datasets/replies, varied, in the age band's register."""

from __future__ import annotations

import json
import re
import string
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from aiyam.contracts import AGE_BANDS, Question, Recommendation, ReplyPlan
from aiyam.errors import DataError
from aiyam.korean.particles import PAIRS, fill, with_particle
from aiyam.reply.amounts import distance_ko, price_ko, walk_minutes
from aiyam.reply.answers import answer_slots
from aiyam.reply.comparison import compared
from aiyam.reply.markdown import escape, guard_line_start, inline
from aiyam.reply.plan import CARING_TOPICS, MAX_SHOPS

BANK_FILES = ("recommend.json", "relaxed.json", "shop_answers.json", "card.json", "talk.json")

_INTENT_OF_KIND = {
    "recommend": "FOOD_RECOMMENDATION",
    "no_result": "FOOD_RECOMMENDATION",
    "hours": "OPENING_HOURS_INQUIRY",
    "menu": "MENU_INQUIRY",
    "detail": "SHOP_DETAIL",
    "compare": "SHOP_DETAIL",
    "card": "MEAL_CARD_INQUIRY",
    "feedback": "FEEDBACK",
    "greeting": "GREETING",
    "thanks": "THANKS",
    "help": "HELP",
    "small_talk": "SMALL_TALK",
    "out_of_scope": "OUT_OF_SCOPE",
    "clarify": "CLARIFY",
    "error": "ERROR",
    "safety": "SAFETY",
    "refuse": "OUT_OF_SCOPE",
}
_ALREADY_SAID = re.compile(r"^\d[\d,]*원(?:이에요|으로 먹을 수 있어요)$|에 있어요$|^착한가게예요$")
_NEAR = "가까워요"
_CARD = re.compile(r"카드|급카")
_MENU = re.compile(r"(?=\{menu\b)")
_AND = (
    ("있어요", "있고"), ("없어요", "없고"), ("이에요", "이고"), ("예요", "고"), ("가까워요", "가깝고"), ("찾아요", "찾고"),
    ("돼요", "되고"), ("편해요", "편하고"), ("넓어요", "넓고"), ("많아요", "많고"), ("좋아요", "좋고"),
)  # fmt: skip
_ASIDE = re.compile(r"(?<=요) \(\d+m\)$")
_FORMAL = (
    ("이에요", "입니다"), ("예요", "입니다"), ("있어요", "있습니다"), ("없어요", "없습니다"), ("돼요", "됩니다"), ("편해요", "편합니다"),
    ("찾아요", "찾습니다"), ("가까워요", "가깝습니다"), ("좋아요", "좋습니다"), ("골랐어요", "골랐습니다"), ("많아요", "많습니다"), ("해요", "합니다"),
)  # fmt: skip


@dataclass(frozen=True)
class Template:
    """One line of the bank: where it applies, its text, and the fields it needs."""

    intent: str
    recommendation_count: int | None
    slot: str
    ages: frozenset[str]
    template: str
    examples: tuple[Mapping[str, Any], ...] = ()

    @cached_property
    def needs(self) -> frozenset[str]:
        """Names of the fields that must be known for this template to be used."""
        return frozenset(name for _, name, _, _ in string.Formatter().parse(self.template) if name)

    @cached_property
    def salt(self) -> int:
        """A stable number of the text, so that slots do not march in step."""
        return zlib.crc32(self.template.encode())


class TemplateBank:
    """All templates, by intent and slot."""

    def __init__(self, templates: tuple[Template, ...]) -> None:
        self.templates = templates
        self._by_place: dict[tuple[str, str, str], list[Template]] = {}
        for template in templates:
            for age in template.ages:
                self._by_place.setdefault((template.intent, template.slot, age), []).append(template)

    @classmethod
    def load(cls, folder: Path) -> TemplateBank:
        """Read the bank's files from ``datasets/replies``.

        Raises:
            DataError: a file is missing, is not a list of template records, or names an unknown age band or particle.
        """
        return cls(tuple(template for name in BANK_FILES for template in _read(folder / name)))

    def find(self, intent: str, slot: str, age: str) -> list[Template]:
        """Templates of a place in the reply, in file order."""
        return self._by_place.get((intent, slot, age), [])

    def pick(
        self,
        intent: str,
        slot: str,
        age: str,
        values: Mapping[str, Any],
        *,
        variety: int,
        count: int | None = None,
        more: str | None = None,
    ) -> str | None:
        """Fill the template whose turn it is; None when none fits the known values.

        Consecutive varieties walk through the list, so that as many turns as the list is long do not repeat; ``more``
        names a slot whose templates follow those of ``slot`` in it. A value ``why`` ("가깝고") is said before the dish;
        when a shop opens again is said wherever it is known.
        """
        fitting = [
            t
            for t in (*self.find(intent, slot, age), *(self.find(intent, more, age) if more else ()))
            if (t.recommendation_count is None or t.recommendation_count == count)
            and all(values.get(name) is not None for name in t.needs)
        ]
        if values.get("opens"):
            fitting = [t for t in fitting if "opens" in t.needs] or fitting
        if not fitting:
            return None
        start = zlib.crc32(f"{intent}/{slot}".encode()) % len(fitting)
        text = fitting[(start + variety) % len(fitting)].template
        return fill(_MENU.sub("{why} ", text, count=1) if values.get("why") else text, values)


class TemplateBackend:
    """Words any plan from the bank; never fails on a valid plan and invents nothing."""

    name = "template"
    version = "templates-1"

    def __init__(self, bank: TemplateBank) -> None:
        self.bank = bank

    @classmethod
    def load(cls, folder: Path) -> TemplateBackend:
        """Read the bank from ``datasets/replies``; see ``TemplateBank.load``."""
        return cls(TemplateBank.load(folder))

    def stream(self, plan: ReplyPlan, *, variety: int = 0) -> Iterator[str]:
        """Yield the reply in pieces (sentences and line breaks); joined they are the reply.

        Args:
            plan: what to say.
            variety: the turn's number in its session (plus any constant): neighbours get other words.
        """
        if plan.facts.get("fixed_text"):
            yield str(plan.facts["fixed_text"])
            if plan.facts.get("topic") == "ill":
                yield " " + (self._say(plan, "SAFETY", "ill", {}, variety) or "")
            return
        first = True
        for block in self._blocks(plan, variety):
            if not block:
                continue
            yield block if first else f"\n\n{block}" if not block.startswith("\n") else block
            first = False
        if first:
            yield self._say(plan, "ERROR", "body", {}, variety) or "다시 한번 말해 주세요."

    def _blocks(self, plan: ReplyPlan, variety: int) -> Iterator[str]:
        intent = _INTENT_OF_KIND[plan.kind]
        values = _request_values(plan)
        if plan.facts.get("masked"):
            yield _sentences(self._say(plan, "ANY", "masked", values, variety))
        if plan.facts.get("kept"):
            yield _sentences(self._say(plan, "ANY", "kept", {"kept": ", ".join(plan.facts["kept"])}, variety))
        if plan.kind == "recommend":
            yield from self._recommend(plan, values, variety)
        elif plan.kind == "no_result":
            yield _sentences(
                self._say(plan, intent, "none", values, variety, count=0),
                self._say(plan, intent, "none_hint", values, variety, count=0),
            )
        elif plan.kind in ("hours", "menu", "detail", "card"):
            slots, known = answer_slots(plan)
            said = [self._say(plan, intent, slot, values | known, variety) for slot in slots]
            if plan.kind == "menu" and plan.facts.get("avoid"):
                said.append(self._say(plan, _INTENT_OF_KIND["recommend"], "allergy", values, variety))
            yield _sentences(*said)
        elif plan.kind == "compare":
            yield from self._compare(plan, variety)
        elif plan.kind == "clarify":
            yield from self._clarify(plan, values, variety)
        else:
            topic = str(plan.facts.get("topic", ""))
            body = self._say(plan, intent, topic, values, variety) if topic else None
            yield _sentences(
                body or self._say(plan, intent, "body", values, variety),
                None if topic in CARING_TOPICS else self._say(plan, intent, "next", values, variety),
            )

    def _recommend(self, plan: ReplyPlan, values: Mapping[str, Any], variety: int) -> Iterator[str]:
        own, count = str(plan.facts.get("intent", "")), len(plan.shops)
        general = _INTENT_OF_KIND["recommend"]
        opening = (
            self._say(plan, own, "opening", values, variety, count) if own != general and variety % 2 == 0 else None
        )
        relaxed = self._say(plan, "RELAXED", given_up(plan), values, variety) if plan.relaxed else None
        if plan.relaxed and relaxed is None:
            relaxed = self._say(plan, "RELAXED", "any", values, variety)
        # An honest "there was none, so I widened it" replaces the opening: "I found it" before it would be untrue.
        yield _sentences(relaxed or opening or self._say(plan, general, "opening", values, variety, count))
        for i, shop in enumerate(plan.shops):
            line = self._shop_line(plan, shop, variety * MAX_SHOPS + i, first=i == 0)
            yield f"\n\n{line}" if i == 0 else f"\n{line}"
        yield _sentences(
            self._say(plan, general, "card_unknown", values, variety) if _asks_card(plan) else None,
            self._say(plan, general, "card_limit", values, variety) if "limit_won" in plan.facts else None,
            self._say(plan, general, "allergy", values, variety) if any(s.allergy_note for s in plan.shops) else None,
            self._say(plan, general, "thing_unknown", {"thing": plan.facts.get("thing")}, variety),
            self._say(plan, general, "later_hours", values, variety) if plan.facts.get("later") else None,
            self._say(plan, general, "closing", values, variety, count),
        )

    def _shop_line(self, plan: ReplyPlan, shop: Recommendation, variety: int, *, first: bool) -> str:
        """Name, dish and price, one reason; that it is not open now is said, the rest stands on the card.

        Only what comes after the ``first`` may be "another one, too" ("…도").
        """
        values = shop_values(shop)
        intent = _INTENT_OF_KIND["recommend"]
        reason = told_reason(shop, plan)
        why = as_clause(reason) if reason and values["menu"] else None
        name = self._say(
            plan, intent, "shop", values | {"why": why}, variety, more=None if first else "shop_next"
        ) or self._say(plan, intent, "shop_plain", values, variety, more=None if first else "shop_plain_next")
        shut = (
            None if shop.open_state == "open" else self._say(plan, intent, f"state_{shop.open_state}", values, variety)
        )
        if reason is None or (reason == _NEAR and why is None):  # how near differs from shop to shop
            reason = self._say(plan, intent, "where", values, variety)
        elif why is None:
            reason = as_sentence(reason, formal=plan.age_band == "adult")
        else:
            reason = None
        return f"{shop.rank}. " + _sentences(name, shut, reason)

    def _compare(self, plan: ReplyPlan, variety: int) -> Iterator[str]:
        """Say which shop comes first by what was asked, then a line of what is known of each."""
        intent = _INTENT_OF_KIND["compare"]
        slot, values, lines = compared(plan)
        yield _sentences(self._say(plan, intent, slot, values, variety))
        for i, line in enumerate(lines):
            text = line.text or self._say(plan, intent, line.slot or "", {"closes": line.closes}, variety)
            yield ("\n\n" if i == 0 else "\n") + f"- {line.number}번 {line.name}: {text}"
        if plan.facts.get("avoid") and plan.facts.get("aspect") in ("price", "general"):
            yield _sentences(self._say(plan, _INTENT_OF_KIND["recommend"], "allergy", {}, variety))

    def _clarify(self, plan: ReplyPlan, values: Mapping[str, Any], variety: int) -> Iterator[str]:
        asked = plan.question or Question(kind="unsure")
        known = dict(values) | {
            "place": inline(asked.place) if asked.place else None,
            "city": inline(asked.city) if asked.city else None,
            "n_shown": asked.n_shown,
        }
        slot = "beyond_one" if asked.kind == "beyond_list" and asked.n_shown == 1 else asked.kind
        yield _sentences(self._say(plan, "CLARIFY", slot, known, variety))
        if plan.choices:
            yield "\n".join(f"- {escape(choice)}" for choice in plan.choices)

    def _say(
        self,
        plan: ReplyPlan,
        intent: str,
        slot: str,
        values: Mapping[str, Any],
        variety: int,
        count: int | None = None,
        more: str | None = None,
    ) -> str | None:
        return self.bank.pick(intent, slot, plan.age_band, values, variety=variety, count=count, more=more)


def shop_values(shop: Recommendation) -> dict[str, Any]:
    """Fields a shop's templates may use; None where the row is silent."""
    walk = walk_minutes(shop.distance_m) if shop.distance_m is not None else None
    return {
        "name": inline(shop.name),
        "category": inline(shop.category) or None,
        "menu": inline(shop.menu) if shop.menu and shop.price_won is not None else None,
        "price": price_ko(shop.price_won) if shop.price_won is not None else None,
        "distance": distance_ko(shop.distance_m) if shop.distance_m is not None else None,
        "walk": walk,
        "district": inline(shop.district) or None,
        "until": inline(shop.open_until) if shop.open_until else None,
        "opens": inline(shop.opens_at) if shop.opens_at else None,
    }


def told_reason(shop: Recommendation, plan: ReplyPlan) -> str | None:
    """The ranker's first reason that adds to the line; None when there is none or it is not grounded."""
    from aiyam.reply.grounding import check  # the check sits beside, not below: only reasons need it here

    for fact in shop.reason.split(" · "):
        reason = inline(fact.strip(), max_chars=120).rstrip(".")
        if not reason or _ALREADY_SAID.search(reason) or (shop.menu and reason.startswith(inline(shop.menu))):
            continue
        if _CARD.search(reason) and not plan.facts.get("asked_card"):
            continue
        if not check(reason, plan.model_copy(update={"shops": (shop,)})).grounded:
            continue
        return _ASIDE.sub("", reason)  # "가까워요 (365m)" is a sentence: the distance stands on the card
    return None


def as_clause(reason: str) -> str | None:
    """A reason as the first half of a sentence; None for one that has an ending not known here, or a number to itself.

    So three near shops are not called near three times in the same words: each is near, and sells something.

    >>> as_clause("전에 가 본 곳이에요"), as_clause("가까워요"), as_clause("별점 4.5")
    ('전에 가 본 곳이고', '가깝고', None)
    """
    if re.search(r"\d", reason):
        return None
    return next((reason[: -len(end)] + joined for end, joined in _AND if reason.endswith(end)), None)


def as_sentence(reason: str, *, formal: bool = False) -> str:
    """A reason as a sentence of its own.

    >>> as_sentence("별점 4.5"), as_sentence("가까워요", formal=True)
    ('별점 4.5예요.', '가깝습니다.')
    """
    said = reason if re.search(r"[요다죠네!?~]$", reason) else with_particle(reason, "이에요/예요")
    if formal:
        said = _formal(said)
    return said if said[-1] in "!?~" else said + "."


def _formal(sentence: str) -> str:
    """해요체 to 합쇼체 for the endings that reasons have; another ending stays."""
    for polite, formal in _FORMAL:
        if sentence.endswith(polite):
            return sentence[: -len(polite)] + formal
    return sentence


def _request_values(plan: ReplyPlan) -> dict[str, Any]:
    filters = plan.facts.get("filters", {})
    category = filters.get("category")
    menus = filters.get("menus") or []
    budget, reach = filters.get("budget_max"), filters.get("max_distance_m")
    place, district = filters.get("place"), filters.get("district")
    if (
        plan.shops
        and "budget_max" not in plan.relaxed
        and any(s.price_won is None or s.price_won > (budget or 0) for s in plan.shops)
    ):
        budget = None  # "inside your budget" is said only where every shop shown keeps it
    if plan.shops and "district" not in plan.relaxed and any(s.district != district for s in plan.shops):
        district = None
    return {
        "count": len(plan.shops) or None,
        "budget": price_ko(budget) if budget else None,
        "reach": distance_ko(reach) if reach else None,
        "place": inline(place) if place else None,
        "district": inline(district) if district else None,
        "asked_category": category if isinstance(category, str) else None,
        "asked_menu": inline(menus[0]) if menus else None,
        "asked_taste": filters["taste"][0] if filters.get("taste") else None,
        "near_me": filters.get("near_me"),
        "good_shop": filters.get("good_shop"),
        "limit": price_ko(plan.facts["limit_won"]) if "limit_won" in plan.facts else None,
    }


def _asks_card(plan: ReplyPlan) -> bool:
    return bool(plan.facts.get("asked_card")) and any(s.meal_card == "unknown" for s in plan.shops)


def given_up(plan: ReplyPlan) -> str:
    """The slot that tells what was given up, in short where the turn before told it.

    "There is none" is not said of a price or an hour that no row tells.
    """
    unknown = plan.facts.get("unknown", ())
    if plan.relaxed[0] in ("budget_max", "budget_min") and "price" in unknown:
        return "price_unknown"
    if plan.relaxed[0] in ("time_of_day", "open_now") and "hours" in unknown:
        return "hours_unknown"
    return "still" if plan.facts.get("still") else plan.relaxed[0]


def _sentences(*parts: str | None) -> str:
    return guard_line_start(" ".join(part for part in parts if part))


def _read(path: Path) -> Iterator[Template]:
    try:
        records = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"expected a JSON list of templates in {path}, got {error}", hint="Restore the file from the release."
        ) from error
    if not isinstance(records, list):
        raise DataError(f"expected a JSON list of templates in {path}, got {type(records).__name__}")
    for n, record in enumerate(records):
        try:
            template = Template(
                intent=record["intent"],
                recommendation_count=record["recommendation_count"],
                slot=record["slot"],
                ages=frozenset(record["ages"]),
                template=record["template"],
                examples=tuple(record["examples"]),
            )
            _check(template)
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"{path}, record {n}: {error!r}",
                hint="A record has intent, recommendation_count, slot, ages, template, examples.",
            ) from error
        yield template


def _check(template: Template) -> None:
    if not template.ages or not template.ages <= set(AGE_BANDS):
        raise ValueError(f"expected ages out of {AGE_BANDS}, got {sorted(template.ages)}")
    for _, name, spec, _ in string.Formatter().parse(template.template):
        if name is not None and (not name.isidentifier() or (spec and spec not in PAIRS)):
            raise ValueError(f"expected {{field}} or {{field:particles}}, got {{{name}:{spec}}}")
