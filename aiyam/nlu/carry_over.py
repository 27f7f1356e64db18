"""Which constraints a message keeps, replaces and drops, given those that held before it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aiyam.catalogue.dishes import shipped_dishes
from aiyam.contracts import DialogueState, Filters, TurnContext, UserProfile
from aiyam.korean.places import shipped_places
from aiyam.nlu.reference import point_of
from aiyam.nlu.shop_columns import ShopColumns
from aiyam.nlu.taken_back import FAITH, FOOD, WHERE, place_stem, waived

_HARD = ("meal_card", "allergies")
"""What must not be eaten and how it is paid outlive a topic; so do the diets below."""
_RESET = re.compile(
    r"처음부터|리셋|초기화|새로\s?시작|다\s?지우고|전부\s?지우고|조건\s?(?:은|을|들)?\s?(?:다|전부|모두)?\s?(?:빼|없애|지우|풀)|다\s?취소"
)
_BACK = re.compile(
    r"(?:아까|이전|방금\s?전|좀\s?전|전에|(?:맨\s?|제일\s?)?처음)에?\s?(?:보여|나온|나왔|추천|알려|말한|찾아|(?:그\s?)?(?:거(?!기|긴)|것|꺼|걸|조건|필터)|목록|리스트)[가-힣\s]{0,8}?(?:다시|로|또|보여|줘|보자|볼래)"
    r"|(?:아까|방금|처음)에?\s?(?:보여\s?준|나온|추천해\s?준|알려\s?준)\s?(?:거|것|꺼|곳들|데들|목록)(?:들)?\s?[?!.~]*$"
)  # fmt: skip
_PLACE_BACK = re.compile(
    r"(?P<when>아까|원래|이전|처음|전에)에?\s?(?:그\s?)?(?:말한|말했던|있던|하던|찾던|찾은|봤던|보던)?\s?(?:동네|곳|데|지역|위치|장소|역)(?:으?로|에서)"
)
_AGAIN = re.compile(r"(?:아까|이전|방금\s?전|좀\s?전|전에|처음).{0,14}(?:다시|조건)")
_ENOUGH = re.compile(
    r"\s?(?:아|음|에이|아니)?\s?(?:그건\s?|그거\s?|이제\s?|다\s?)?(?:됐고|됐어|됐다|됐음|되었고|됐으니까|됬고|됬어|아무튼|암튼|여튼|하여튼|어쨌든|그건\s?그렇고|(?:아\s?)?몰라(?!요?$)|치우고|때려\s?치|그만\s?하고|딴\s?얘기)\s?"
)
_CHEAPER = re.compile(
    r"보다\s?(?:더\s?)?(?:싼|싸|저렴|값싼)|(?:더|좀|조금|훨씬)\s?(?:더\s?)?(?:싼|싸|저렴|값싼)|(?:너무\s?)?비싸(?!지|도)|비싼데|비쌈|부담"
)
_NEARER = re.compile(
    r"보다\s?(?:더\s?)?(?:가까|가깝)|(?:더|좀|조금|훨씬)\s?(?:더\s?)?(?:가까|가깝)|(?:너무\s?)?멀(?:어(?!도)|다|은|네|잖|리)|먼데"
)


@dataclass(frozen=True)
class CarriedOver:
    """The constraints that hold; ``cheaper_than_won`` is the price "cheaper" has to beat."""

    filters: Filters
    cheaper_than_won: int | None = None


def ends_topic(text: str) -> bool:
    """Tell whether a message closes what was talked about before it says what it wants: 됐고 치킨, 아무튼 초밥."""
    return _ENOUGH.match(text) is not None


def starts_over(text: str) -> bool:
    """Tell whether a message throws away all that was said: 처음부터 다시, 리셋."""
    return _RESET.search(text) is not None


def goes_back(text: str) -> str | None:
    """Tell which earlier list a message wants to see again: "first" of the topic, "last" before this one, or None."""
    match = _BACK.search(text)
    return None if match is None else "first" if "처음" in match.group() else "last"


def goes_back_to_place(text: str) -> str | None:
    """Tell which earlier place a message wants back: "first" of the topic, "last" before this one, or None."""
    match = _PLACE_BACK.search(text)
    return None if match is None else "first" if match["when"] == "처음" else "last"


def wants_again(text: str) -> bool:
    """Tell whether a message asks for what was looked for a while ago once more."""
    return _AGAIN.search(text) is not None


def wants_cheaper(text: str) -> bool:
    """Tell whether a message asks for less than the prices just shown."""
    return _CHEAPER.search(text) is not None and "price" not in waived(text)


def wants_nearer(text: str) -> bool:
    """Tell whether a message asks for less than the distances just shown."""
    return _NEARER.search(text) is not None and "distance" not in waived(text)


# --------------------------------------------------------------------------- the three ways to carry over


def after_reset(said: Filters, state: DialogueState) -> Filters:
    """Keep the allergies alone."""
    return over(Filters(allergies=state.filters.allergies), said)


def new_topic(said: Filters, state: DialogueState, *, stays_there: bool) -> Filters:
    """Keep what is hard, and where the child is unless the topic was closed or another place is named."""
    kept: dict[str, Any] = {key: getattr(state.filters, key) for key in _HARD}
    diets = diets_of_faith(state.filters)
    if stays_there and not names_place(said):
        kept |= {key: getattr(state.filters, key) for key in ("district", "place", "near_me")}
    return over(Filters(**kept, dietary_preferences=diets or None), _with_diets(said, diets))


def as_then(earlier: Filters, now: Filters) -> Filters:
    """Return the constraints of an earlier list with what is hard, or was refused, since; allergies as said last."""
    wanted = {*(earlier.menus or ()), *(earlier.category or ())}
    refused = (m for m in now.exclude_menus or () if m not in wanted)
    return earlier.model_copy(
        update={
            "allergies": now.allergies,
            "meal_card": now.meal_card or earlier.meal_card,
            "dietary_preferences": _both(earlier.dietary_preferences, diets_of_faith(now)),
            "exclude_menus": _both(earlier.exclude_menus, refused),
        }
    )


def diets_of_faith(filters: Filters) -> tuple[str, ...]:
    """Return the diets that outlive a topic."""
    return tuple(d for d in filters.dietary_preferences or () if d in FAITH)


def _both(first: Iterable[str] | None, second: Iterable[str]) -> tuple[str, ...] | None:
    return tuple(dict.fromkeys((*(first or ()), *second))) or None


def follow_up(
    text: str, said: Filters, state: DialogueState, catalogue: ShopColumns, user: UserProfile, context: TurnContext
) -> CarriedOver:
    """Keep what the message does not touch; replace, add and drop what it does."""
    base = state.filters
    dropped: dict[str, Any] = {}
    if said.menus or said.category:
        dropped.update(_food_replaced(text, said, base))
    unwanted = tuple(m for m in base.exclude_menus or () if m not in (*(said.menus or ()), *(said.category or ())))
    if said.exclude_menus:
        refused = said.exclude_menus
        if "menus" not in dropped:
            dropped.update(menus=tuple(m for m in base.menus or () if m not in refused) or None)
            dropped.update(category=tuple(c for c in base.category or () if c not in refused) or None)
        unwanted = tuple(dict.fromkeys((*unwanted, *refused)))
    dropped.update(exclude_menus=unwanted or None)
    if said.exclude_taste:
        tastes = dropped.get("taste", base.taste)
        dropped.update(taste=tuple(t for t in tastes or () if t not in said.exclude_taste) or None)
    if said.taste and base.exclude_taste:
        dropped.update(exclude_taste=tuple(t for t in base.exclude_taste if t not in said.taste) or None)
    if names_place(said) or _refuses_place(text, base):
        dropped.update(dict.fromkeys(WHERE))
    if base.sort == "distance":
        dropped.update(max_distance_m=None)  # "nearer than these" was meant for the last reply alone
    if said.budget_max is not None or said.budget_min is not None:
        dropped.update(budget_min=None, budget_max=None)
    replaced = base.model_copy(update=dropped)
    added = said.model_copy(update={"exclude_menus": None, "menus": _menus_added(text, said, base)})
    filters = over(replaced, added)
    shown = [catalogue.row_of[s] for s in state.shown_shop_ids if s in catalogue.row_of]
    cheaper_than: int | None = None
    if wants_cheaper(text) and said.budget_max is None:
        filters, cheaper_than = _cheaper(filters, state.lowest_price_won, shown, catalogue)
    if wants_nearer(text) and said.max_distance_m is None:
        filters = _nearer(filters, shown, catalogue, user, context)
    return CarriedOver(filters, cheaper_than)


def over(base: Filters, said: Filters) -> Filters:
    """Lay what was said over what held; allergies add up."""
    new: dict[str, Any] = {key: value for key in Filters.model_fields if (value := getattr(said, key)) is not None}
    if base.allergies and "allergies" in new:
        new["allergies"] = tuple(dict.fromkeys((*base.allergies, *new["allergies"])))
    return base.model_copy(update=new)


def narrows(said: Filters, base: Filters) -> bool:
    """Tell whether dishes are of the kind of food already asked for: 라볶이 after 분식."""
    dishes = shipped_dishes()
    kinds = {dish.category for name in said.menus or () if (dish := dishes.lookup(name)) is not None}
    return bool(kinds) and not base.menus and not said.category and kinds <= set(base.category or ())


def _food_replaced(text: str, said: Filters, base: Filters) -> dict[str, Any]:
    if said.menus and (narrows(said, base) or _also(text, said, base)):
        return {}
    return dict.fromkeys(FOOD)


def _also(text: str, said: Filters, base: Filters) -> bool:
    """Tell whether a dish is wanted beside the one before: 순대도 같이 파는 데."""
    ending = r"도(?:\s?(?:같이|함께|있는|파는|되는|하는|시킬|먹을\s?수)|요?[?!.~ ]*$)"
    return bool(base.menus) and any(re.search(re.escape(m) + ending, text) for m in said.menus or ())


def _menus_added(text: str, said: Filters, base: Filters) -> tuple[str, ...] | None:
    if said.menus and _also(text, said, base):
        return tuple(dict.fromkeys((*(base.menus or ()), *said.menus)))
    return said.menus


def _with_diets(said: Filters, diets: tuple[str, ...]) -> Filters:
    if not (diets and said.dietary_preferences):
        return said
    return said.model_copy(update={"dietary_preferences": tuple(dict.fromkeys((*diets, *said.dietary_preferences)))})


def names_place(said: Filters) -> bool:
    """Tell whether constraints say where: a district, a place, or near the child."""
    return bool(said.district or said.place or said.near_me)


def _refuses_place(text: str, base: Filters) -> bool:
    """Tell whether the place that held is turned down: 신림동 말고 다른 동네."""
    stems = (place_stem(name) for name in (base.place, base.district) if name)
    return any(re.search(rf"{stem}(?:역|동|구)?(?:은|는)?\s?(?:말고|빼고|아니고)", text) for stem in stems)


def _cheaper(
    filters: Filters, lowest_won: int | None, shown: Sequence[int], catalogue: ShopColumns
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
    filters: Filters, shown: Sequence[int], catalogue: ShopColumns, user: UserProfile, context: TurnContext
) -> Filters:
    """Ask for shops nearer than the nearest just shown, where distances are known."""
    update: dict[str, Any] = {"sort": "distance"}
    lat, lon = point_of(user, context)
    if filters.place:
        named = shipped_places().named(filters.place)
        lat, lon = (named.lat, named.lon) if named else (None, None)
    if shown and lat is not None and lon is not None:
        distance = np.asarray(catalogue.distance_m(np.asarray(shown, dtype=np.int32), lat, lon), dtype=np.float64)
        if not np.isnan(distance).all():
            update["max_distance_m"] = max(100, int(np.nanmin(distance)) - 1)
    return filters.model_copy(update=update)
