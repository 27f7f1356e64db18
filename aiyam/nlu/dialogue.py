"""What a message means in its dialogue: which shop it refers to, which constraints it keeps, changes or drops."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from aiyam.catalogue.menus import allergens_to_avoid
from aiyam.contracts import (
    RECOMMENDING_INTENTS,
    SHOP_QUESTION_INTENTS,
    DialogueState,
    EntityType,
    Filters,
    Intent,
    TurnContext,
    Understanding,
    UserProfile,
)
from aiyam.korean.places import shipped_places
from aiyam.korean.spelling import normalise
from aiyam.nlu.company import share_of
from aiyam.nlu.elsewhere import home_city, place_without_shops, places_to_choose, question_about
from aiyam.nlu.shop_names import ShopNames
from aiyam.nlu.unknown_shops import named_by_rule
from aiyam.nlu.values import LAST, semantic_query

if TYPE_CHECKING:
    from aiyam.catalogue.arrays import Catalogue

UNSURE_BELOW = 0.30
"""Calibrated confidence under which the bot asks instead of guessing."""
MAX_REJECTED = 60
"""Turned-down shops remembered in one topic."""
_TALK = frozenset({Intent.GREETING, Intent.THANKS, Intent.HELP, Intent.SMALL_TALK, Intent.SAFETY, Intent.OUT_OF_SCOPE, Intent.MEAL_CARD_INQUIRY})  # fmt: skip
_KEPT_ON_NEW_TOPIC = ("district", "place", "near_me", "meal_card", "allergies")
"""Where a child is, what card they hold and what they must not eat outlive a change of dish."""
_CHEAPER = re.compile(r"(?:더|좀|조금|훨씬)\s?(?:더\s?)?(?:싼|싸|저렴|값싼)|(?:너무\s?)?비싸(?!지)|비싼데|비쌈|부담")
_NEARER = re.compile(r"(?:더|좀|조금|훨씬)\s?(?:더\s?)?(?:가까|가깝)|(?:너무\s?)?멀(?:어|다|은|네|잖|리)|먼데")
_OTHERS = re.compile(
    r"다른\s?(?:데|곳|거|것|걸|집|가게|식당|메뉴|음식|추천)|딴\s?(?:데|곳|거|것|걸|집)|더\s?(?:보여|없|있|추천)|또(?=\s|$|\s?(?:없|있|다른|보여|추천))|다음\s?(?:거|것|꺼)|^다음|하나\s?더|별로|맘에\s?안|마음에\s?안|싫|다시\s?추천|새로운"
)
_REJECTING = re.compile(r"(?:거기|그거|그\s?(?:집|가게|식당|곳)|이거|이\s?(?:집|가게)|여기|걔|쟤|거긴|저기)\s?(?:는|은)?\s?(?:말고|말구|빼고|싫|별로|제외|아닌|가\s?봤|노노)")  # fmt: skip
_NTH_REJECTED = re.compile(r"(?:거|것|집|가게|식당|번)?\s?(?:는|은)?\s?(?:말고|말구|빼고|싫|별로|제외)")
_CONTINUING = re.compile(r"\s?(?:아니(?!면)|그럼|그러면|그렇다면|음+\s|흠+\s|근데|그런데|그리고|그중|그\s중|이\s?중)")
_BARE_CONSTRAINT = re.compile(
    r"(?:지금\s?)?(?:배달|포장|급식카드|카드|혼밥|주차)?\s?(?:도\s?)?(?:되는|가능한|하는|받는|조용한|안\s?시끄러운|시끄럽지\s?않은|넓은|깨끗한|따뜻한|시원한|문?\s?연|열린|열려\s?있는)\s?(?:데|곳|집|가게|거|걸로|곳으로|데로)(?:만|는|로|로만|도)?\s?(?:없어|있어|없나|있나|보여\s?줘|알려\s?줘|찾아\s?줘)?(?:요)?[?!.~ㅠㅜ ]*"
)
"""A wish without any food, said while results are on the screen: it narrows them."""
_MAY_CONTINUE = frozenset({Intent.FOOD_RECOMMENDATION, Intent.BUDGET_FOOD_INQUIRY, Intent.LOCATION_INQUIRY})
_WHICH_SHOP_KO = "어느 가게를 말하는 거예요?"
_UNKNOWN_SHOP_KO = "그 가게는 제가 아직 몰라요. 이름을 다시 알려 줄래요?"
_UNSURE_KO = "어떤 걸 찾아 줄까요?"
_WHERE_KO = "어느 동네에서 찾을까요?"
_ANYWHERE = re.compile(r"아무\s?데|아무\s?곳|상관\s?없|어디든|어디나|다\s?(?:괜찮|좋)")
_KOREAN_ONLY = "저는 한국어만 알아들어요. (I only understand Korean. Please tap one of these.)"
_STARTERS_KO = ("밥 먹을 곳 추천해줘", "근처에 뭐 있어?", "착한가게 알려줘", "뭐 할 수 있어?")
_ABOUT_PHONE = re.compile(r"전화|전번|연락처")
_POINTING = re.compile(
    r"^(?:근데|그럼|혹시)?\s?(?:거기|거긴|여기|여긴|저기|그\s?(?:집|가게|식당|곳)|이\s?(?:집|가게))(?:는|은|도|에|엔)?\s?"
)
_FOREIGN = re.compile(r"[^가-힣ㄱ-ㆎ]*[a-zA-Z\u3040-\u30ff\u4e00-\u9fff]{2,}[^가-힣ㄱ-ㆎ]*")
MAX_TAIL_CHARS = 18
"""Longest question that is repeated behind a shop's name on a button."""
_TAILS_KO = {
    Intent.OPENING_HOURS_INQUIRY: "몇 시까지 해?",
    Intent.MENU_INQUIRY: "메뉴 알려줘",
    Intent.SHOP_DETAIL: "어디야?",
}
_CHOICE_KO = {
    Intent.FOOD_RECOMMENDATION: "밥 먹을 곳 추천해줘",
    Intent.BUDGET_FOOD_INQUIRY: "싼 밥집 알려줘",
    Intent.GOOD_SHOP_INQUIRY: "착한가게 알려줘",
    Intent.LOCATION_INQUIRY: "근처에 뭐 있어?",
    Intent.MEAL_CARD_INQUIRY: "급식카드는 어디서 써?",
    Intent.HELP: "뭐 할 수 있어?",
}


@dataclass(frozen=True)
class Request:
    """What the rest of the pipeline is asked.

    ``filters`` are merged with the dialogue and the profile's allergies; ``question`` (with 2-4 tappable ``choices``)
    is set when the bot should ask instead of answering. ``cheaper_than_won`` is set when "cheaper" put the upper bound
    into ``filters.budget_max``: the lowest price just shown, which every answer has to stay under.
    """

    intent: Intent
    filters: Filters = field(default_factory=Filters)
    semantic_query: str = ""
    exclude_shop_ids: tuple[str, ...] = ()
    focus_shop_id: str | None = None
    question: str | None = None
    choices: tuple[str, ...] = ()
    cheaper_than_won: int | None = None


def resolve(
    understanding: Understanding,
    state: DialogueState,
    *,
    catalogue: Catalogue,
    user: UserProfile,
    context: TurnContext,
) -> Request:
    """Read a message in its dialogue.

    A follow-up (REFINE) keeps the last constraints and changes what it names; a new request keeps only place, card and
    allergies. A question about a shop finds it by ordinal, by name (what is shown first, then the nearest), or as the
    shop spoken of last.
    """
    intent, said = understanding.intent, understanding.filters
    text = normalise(understanding.original_query).text
    if intent is Intent.OUT_OF_SCOPE and _FOREIGN.fullmatch(understanding.original_query):
        return Request(intent, question=_KOREAN_ONLY, choices=_STARTERS_KO[:3])
    by_rule = named_by_rule(text, understanding)
    if by_rule is not None:
        name, asked = by_rule
        shop_id = find_shop(name, state, catalogue=catalogue, user=user, context=context)
        asking = understanding.model_copy(update={"intent": asked})
        return _about_shop(asking, state, shop_id, named=True, catalogue=catalogue)
    if intent in _TALK and not _unsure(understanding):
        return Request(intent, semantic_query=understanding.semantic_query)
    named = [e for e in understanding.entities if e.entity is EntityType.SHOP_NAME]
    shop_id = _ordinal_shop(understanding, state)
    if shop_id is None and named:
        shop_id = find_shop(named[0].text, state, catalogue=catalogue, user=user, context=context)
    if intent in SHOP_QUESTION_INTENTS or intent is Intent.FEEDBACK:
        return _about_shop(understanding, state, shop_id, named=bool(named), catalogue=catalogue)
    if _unsure(understanding):
        return Request(intent, said, understanding.semantic_query, question=_UNSURE_KO, choices=_choices(understanding))
    away = place_without_shops(understanding.entities, catalogue)
    if away is not None:
        return Request(
            intent, said, understanding.semantic_query, question=question_about(away, home_city(catalogue)),
            choices=_STARTERS_KO[:3],
        )  # fmt: skip
    said = share_of(text, said)
    shown_count = len(state.shown_shop_ids)
    if intent is Intent.REFINE and said.ordinal is not None and 0 < shown_count < said.ordinal:
        question = f"보여 준 가게는 {shown_count}곳이에요. 몇 번째 가게를 말하는 거예요?"
        return Request(intent, said, understanding.semantic_query, question=question)
    had_results = state.intent is not None or bool(state.shown_shop_ids)
    follows = had_results and (intent is Intent.REFINE or _continues(text, intent, said))
    cheaper_than: int | None = None
    if follows:
        filters, cheaper_than = _follow_up(text, said, state, catalogue, user, context)
    else:
        filters = _new_topic(said, state)
    if user.allergies:
        filters = filters.model_copy(update={"allergies": allergens_to_avoid(filters, user)})
    turned_down = _turned_down(text, state, shop_id) if follows else ()
    excluded = tuple(dict.fromkeys((*state.rejected_shop_ids, *turned_down))) if follows else ()
    filters = _in_catalogue_terms(filters.model_copy(update={"ordinal": None}), catalogue)
    if intent is Intent.BUDGET_FOOD_INQUIRY and not (filters.budget_max or filters.budget_min or filters.sort):
        filters = filters.model_copy(update={"sort": "price"})  # little money, no amount: the cheapest first
    served = _served_intent(intent, follows)
    query = semantic_query(filters, served) or understanding.semantic_query
    if _place_is_missing(text, filters, follows, user, context):
        districts = places_to_choose(catalogue)
        if len(districts) >= 2:
            what = " 지금 연 곳" if filters.open_now else ""
            choices = tuple(f"{name}에서{what} 찾아줘" for name in districts)
            return Request(served, filters, query, question=_WHERE_KO, choices=choices)
    return Request(served, filters, query, excluded[-MAX_REJECTED:], cheaper_than_won=cheaper_than)


def next_state(
    state: DialogueState,
    request: Request,
    understanding: Understanding,
    shown_shop_ids: Sequence[str],
    *,
    lowest_price_won: int | None = None,
) -> DialogueState:
    """Carry the dialogue into the next turn; a reply without shops leaves the last results in reach of 거기 and 두 번째.

    ``lowest_price_won`` is the lowest price on the cards shown, which "더 싼 데" is measured against.
    """
    counted = state.n_turns + 1
    if request.question is not None or request.intent not in RECOMMENDING_INTENTS:
        focus = request.focus_shop_id or state.focus_shop_id
        return state.model_copy(update={"focus_shop_id": focus, "n_turns": counted})
    shown = tuple(shown_shop_ids)
    filters = request.filters
    if request.cheaper_than_won is not None:  # the bound was meant for this reply alone; what the child said stays
        filters = filters.model_copy(update={"budget_min": state.filters.budget_min, "budget_max": state.filters.budget_max})  # fmt: skip
    return DialogueState(
        filters=filters,
        intent=request.intent,
        semantic_query=request.semantic_query,
        shown_shop_ids=shown or state.shown_shop_ids,
        rejected_shop_ids=request.exclude_shop_ids,
        focus_shop_id=shown[0] if len(shown) == 1 else None,
        lowest_price_won=lowest_price_won if shown else state.lowest_price_won,
        n_turns=counted,
    )


def find_shop(
    name: str, state: DialogueState, *, catalogue: Catalogue, user: UserProfile, context: TurnContext
) -> str | None:
    """Return the shop a name as typed means: one just shown, else the nearest of that name; None when unknown."""
    names = ShopNames.of(catalogue)
    shown = [catalogue.row_of[s] for s in state.shown_shop_ids if s in catalogue.row_of]
    plain = normalise(name).text.replace(" ", "")
    for row in shown:
        if plain and (plain in catalogue.names[row].replace(" ", "").lower()):
            return catalogue.shop_ids[row]
    rows = names.rows(name) or names.near(name)
    if not rows:
        return None
    for row in shown:
        if row in rows:
            return catalogue.shop_ids[row]
    return catalogue.shop_ids[_nearest(rows, catalogue, user, context)]


def _nearest(rows: Sequence[int], catalogue: Catalogue, user: UserProfile, context: TurnContext) -> int:
    if len(rows) == 1:
        return rows[0]
    array = np.asarray(rows, dtype=np.int32)
    lat, lon = _point(user, context)
    if lat is not None and lon is not None:
        distance = np.asarray(catalogue.distance_m(array, lat, lon), dtype=np.float64)
        if not np.isnan(distance).all():
            return int(array[int(np.nanargmin(distance))])
    district = context.district or user.district
    codes = [catalogue.district_names[catalogue.district[r]] if catalogue.district[r] >= 0 else "" for r in rows]
    return rows[codes.index(district)] if district in codes else rows[0]


def _point(user: UserProfile, context: TurnContext) -> tuple[float | None, float | None]:
    if context.lat is not None and context.lon is not None:
        return context.lat, context.lon
    return (None, None) if context.district or context.place else (user.lat, user.lon)


# --------------------------------------------------------------------------- one shop


def _ordinal_shop(understanding: Understanding, state: DialogueState) -> str | None:
    shown = state.shown_shop_ids
    number = understanding.filters.ordinal
    if number is None and any(e.entity is EntityType.ORDINAL and e.value == LAST for e in understanding.entities):
        number = len(shown)
    return shown[number - 1] if number and 1 <= number <= len(shown) else None


def _about_shop(
    understanding: Understanding, state: DialogueState, shop_id: str | None, *, named: bool, catalogue: Catalogue
) -> Request:
    intent, query = understanding.intent, understanding.semantic_query
    if shop_id is None and not named and understanding.filters.ordinal is None:
        known = state.focus_shop_id
        if known is None and len(state.shown_shop_ids) == 1:
            known = state.shown_shop_ids[0]
        shop_id = known if known in catalogue.row_of else None
    if shop_id is not None or intent is Intent.FEEDBACK:
        return Request(intent, understanding.filters, query, focus_shop_id=shop_id)
    tail = _tail(understanding)
    shown = [catalogue.names[catalogue.row_of[s]] for s in state.shown_shop_ids if s in catalogue.row_of][:4]
    choices = tuple(f"{name} {tail}" for name in shown) if len(shown) >= 2 else _STARTERS_KO[:3]
    return Request(
        intent, understanding.filters, query, question=_UNKNOWN_SHOP_KO if named else _WHICH_SHOP_KO, choices=choices
    )


def _tail(understanding: Understanding) -> str:
    """Return the question in the child's own words, to stand behind a shop's name."""
    asked = understanding.original_query
    if _ABOUT_PHONE.search(asked):
        return "전화번호 알려줘"
    if understanding.intent is Intent.SHOP_DETAIL and (pointing := _POINTING.match(asked)):
        own = asked[pointing.end() :].strip()
        if 2 <= len(own) <= MAX_TAIL_CHARS:
            return own
    return _TAILS_KO[understanding.intent]


def _continues(text: str, intent: Intent, said: Filters) -> bool:
    """Tell whether a request reads on from the last one: "아니 만원으로" names no food of its own."""
    names_food = said.menus or said.category or said.dietary_preferences or said.taste
    reads_on = _CONTINUING.match(text) is not None or _BARE_CONSTRAINT.fullmatch(text.strip()) is not None
    return intent in _MAY_CONTINUE and not names_food and reads_on


def _unsure(understanding: Understanding) -> bool:
    return (
        understanding.confidence < UNSURE_BELOW
        and not understanding.entities
        and understanding.intent is not Intent.SAFETY
    )


def _choices(understanding: Understanding) -> tuple[str, ...]:
    first = _CHOICE_KO.get(understanding.intent)
    return tuple(dict.fromkeys(c for c in (first, *_STARTERS_KO) if c))[:4]


# --------------------------------------------------------------------------- constraints


def _new_topic(said: Filters, state: DialogueState) -> Filters:
    kept = {key: getattr(state.filters, key) for key in _KEPT_ON_NEW_TOPIC}
    if said.district or said.place or said.near_me:
        kept = {key: kept[key] for key in ("meal_card", "allergies")}
    return _over(Filters(**{k: v for k, v in kept.items() if v is not None}), said)


def _over(base: Filters, said: Filters) -> Filters:
    new: dict[str, Any] = {key: value for key in Filters.model_fields if (value := getattr(said, key)) is not None}
    if base.allergies and "allergies" in new:
        new["allergies"] = tuple(dict.fromkeys((*base.allergies, *new["allergies"])))
    return base.model_copy(update=new)


def _follow_up(
    text: str, said: Filters, state: DialogueState, catalogue: Catalogue, user: UserProfile, context: TurnContext
) -> tuple[Filters, int | None]:
    """Return the constraints of a follow-up, and the price it wants to stay under where it asks for cheaper shops."""
    base = state.filters
    dropped: dict[str, Any] = {}
    if said.menus or said.category:
        dropped.update(menus=None, category=None)
    if said.exclude_menus:
        left = tuple(m for m in base.menus or () if m not in said.exclude_menus)
        dropped.update(
            menus=left or None, exclude_menus=tuple(dict.fromkeys((*(base.exclude_menus or ()), *said.exclude_menus)))
        )
        dropped.update(category=tuple(c for c in base.category or () if c not in said.exclude_menus) or None)
    if said.exclude_taste:
        dropped.update(taste=tuple(t for t in base.taste or () if t not in said.exclude_taste) or None)
    if said.taste and base.exclude_taste:
        dropped.update(exclude_taste=tuple(t for t in base.exclude_taste if t not in said.taste) or None)
    if said.district or said.place or said.near_me:
        dropped.update(district=None, place=None, near_me=None, max_distance_m=None)
    if base.sort == "distance":
        dropped.update(max_distance_m=None)  # "nearer than these" was meant for the last reply alone
    if said.budget_max is not None or said.budget_min is not None:
        dropped.update(budget_min=None, budget_max=None)
    merged_lists = {k: v for k, v in dropped.items() if k == "exclude_menus"}
    filters = _over(base.model_copy(update=dropped), said.model_copy(update=dict.fromkeys(merged_lists)))
    shown = [catalogue.row_of[s] for s in state.shown_shop_ids if s in catalogue.row_of]
    cheaper_than: int | None = None
    if _CHEAPER.search(text) and said.budget_max is None:
        filters, cheaper_than = _cheaper(filters, state.lowest_price_won, shown, catalogue)
    if _NEARER.search(text) and said.max_distance_m is None:
        filters = _nearer(filters, shown, catalogue, user, context)
    return filters, cheaper_than


def _in_catalogue_terms(filters: Filters, catalogue: Catalogue) -> Filters:
    """Read a city as the catalogue does: as its district where lists know no smaller one, as no limit where it is all."""
    if not filters.place:
        return filters
    if filters.place in catalogue.district_names:
        return filters.model_copy(update={"district": filters.place, "place": None})
    if filters.place in catalogue.district_city or filters.place in catalogue.district_province:
        return filters.model_copy(update={"place": None})
    return filters


def _cheaper(
    filters: Filters, lowest_won: int | None, shown: Sequence[int], catalogue: Catalogue
) -> tuple[Filters, int | None]:
    """Ask for less than the lowest price just shown; where no card had one, than the shops' cheapest full meal."""
    if lowest_won is None:
        prices = [float(catalogue.min_meal_price[row]) for row in shown]
        lowest_won = int(min((p for p in prices if p > 0), default=0)) or None
    update: dict[str, Any] = {"sort": "price"}
    if lowest_won is not None:
        limit = lowest_won - 1
        update["budget_max"] = min(limit, filters.budget_max) if filters.budget_max else limit
        if filters.budget_min is not None and filters.budget_min > update["budget_max"]:
            update["budget_min"] = None
    return filters.model_copy(update=update), lowest_won


def _nearer(
    filters: Filters, shown: Sequence[int], catalogue: Catalogue, user: UserProfile, context: TurnContext
) -> Filters:
    """Ask for shops nearer than the nearest just shown, where distances are known."""
    update: dict[str, Any] = {"sort": "distance"}
    lat, lon = _point(user, context)
    if filters.place:
        named = shipped_places().named(filters.place)
        lat, lon = (named.lat, named.lon) if named else (None, None)
    if shown and lat is not None and lon is not None:
        distance = np.asarray(catalogue.distance_m(np.asarray(shown, dtype=np.int32), lat, lon), dtype=np.float64)
        if not np.isnan(distance).all():
            update["max_distance_m"] = max(100, int(np.nanmin(distance)) - 1)
    return filters.model_copy(update=update)


def _turned_down(text: str, state: DialogueState, ordinal_shop: str | None) -> tuple[str, ...]:
    if ordinal_shop is not None and _NTH_REJECTED.search(text):
        return (ordinal_shop,)
    if _REJECTING.search(text) and state.focus_shop_id:
        return (state.focus_shop_id,)
    if any(p.search(text) for p in (_REJECTING, _OTHERS, _CHEAPER, _NEARER)):
        return state.shown_shop_ids
    return ()


def _place_is_missing(text: str, filters: Filters, follows: bool, user: UserProfile, context: TurnContext) -> bool:
    """Tell whether a request needs a place and nobody ever named one; a dish is looked for anywhere."""
    known = (filters.district, filters.place, context.district, context.place, context.lat, user.district, user.lat)
    if any(value is not None for value in known) or filters.menus or filters.category or _ANYWHERE.search(text):
        return False
    if filters.near_me or filters.sort == "distance" or filters.max_distance_m is not None:
        return True
    return not follows and not set(filters.given()) - {"allergies"}


def _served_intent(intent: Intent, follows: bool) -> Intent:
    return Intent.FOOD_RECOMMENDATION if intent is Intent.REFINE and not follows else intent
