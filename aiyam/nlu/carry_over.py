"""Which constraints a message keeps, replaces, drops and takes back, given those that held before it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aiyam.catalogue.dishes import shipped_dishes
from aiyam.contracts import DialogueState, Filters, TurnContext, UserProfile
from aiyam.korean.places import shipped_places
from aiyam.nlu.lexicon import ALLERGEN_GROUPS, ALLERGENS
from aiyam.nlu.reference import point_of
from aiyam.nlu.shop_columns import ShopColumns

WHERE = ("district", "place", "near_me", "max_distance_m")
FOOD = ("menus", "category", "taste")
_HARD = ("meal_card", "allergies")
"""What must not be eaten and how it is paid outlive a topic; so do the diets below."""
_FAITH = frozenset({"할랄", "채식"})
_NO_MATTER = r"(?:은|는|이|가|도|엔|에는|대|을|를)?\s?(?:안\s?)?(?:상관\s?(?:없|안|말|x)|무관|안\s?따|신경\s?(?:안|쓰지)|중요\s?(?:하지|치)\s?않|안\s?중요|안\s?봐도)"
_FINE_TOO = r"도\s?(?:되|돼|된|괜찮|괜춘|상관|ㄱㅊ|좋|가능)"
_EVEN_A_PLACE = rf"\s?(?:데|곳|집|가게|거|것){_FINE_TOO}"
_TAKEN_BACK: tuple[tuple[tuple[str, ...], str], ...] = (
    (("budget_min", "budget_max", "price"), rf"(?:가격|금액|예산|값|돈|비용){_NO_MATTER}|비싸{_FINE_TOO}|비싼{_EVEN_A_PLACE}|얼마든|예산(?:이)?\s?없어{_FINE_TOO}|(?:예산|가격)\s?(?:제한|조건)?\s?(?:빼|없애|풀어)"),
    (("budget_min", "budget_max", "price"), rf"원\s?(?:이|을)?\s?(?:좀\s?|조금\s?)?(?:넘어|넘겨|초과해){_FINE_TOO}"),
    (("near_me", "max_distance_m", "distance"), rf"(?:거리|멀){_NO_MATTER}|멀(?:어|리\s?(?:가|있어)){_FINE_TOO}|먼{_EVEN_A_PLACE}"),
    (WHERE, rf"(?:위치|장소|지역|동네|어디든지?|어디라도){_NO_MATTER}|어디든\s?(?:괜찮|좋|돼)"),
    (FOOD, rf"(?:메뉴|음식|종류|뭐든지?){_NO_MATTER}|(?:^|\s)아무거나|뭐든\s?(?:괜찮|좋|돼)"),
    (("taste", "exclude_taste"), rf"(?:맵기|매운\s?(?:거|것|맛|정도)|맵든|맛){_NO_MATTER}|(?:매워|매운\s?(?:거|것)){_FINE_TOO}"),
    (("open_now",), rf"(?:지금|현재)\s?(?:문\s?)?(?:안\s?(?:열어|열려\s?있어|해)|닫혀\s?있어){_FINE_TOO}|(?:안\s?연|닫은|닫힌){_EVEN_A_PLACE}|영업\s?(?:시간|여부|중){_NO_MATTER}"),
    (("meal_card",), rf"카드?\s?(?:가|는)?\s?(?:안\s?(?:되어|돼|써|받아)|없어){_FINE_TOO}|카드?\s?(?:가|는)?\s?안\s?(?:되는|받는){_EVEN_A_PLACE}|카드?{_NO_MATTER}|카드?\s?(?:는|은)?\s?(?:빼고?(?!\s?안)|말고|없이|안\s?쓸|안\s?써)"),
    (("delivery",), rf"배달\s?(?:은|는)?\s?(?:말고|안\s?(?:돼|되어|해){_FINE_TOO}|빼|싫|아니어도)|배달{_NO_MATTER}"),
    (("takeout",), rf"포장\s?(?:은|는)?\s?(?:말고|안\s?(?:돼|되어|해){_FINE_TOO}|빼|싫|아니어도)|포장{_NO_MATTER}"),
    (("good_shop",), rf"가게(?:가|는)?\s?(?:아니(?:어|라|여){_FINE_TOO}|말고)|(?:착한|영향력)\s?가게{_NO_MATTER}"),
    (("atmosphere",), rf"분위기{_NO_MATTER}|시끄(?:러워|럽){_FINE_TOO}|시끄러운{_EVEN_A_PLACE}|안\s?조용해{_FINE_TOO}|(?:조용하|깨끗하|넓)지\s?않아{_FINE_TOO}"),
    (("rating",), rf"(?:별점|평점|평가|후기|리뷰){_NO_MATTER}"),
    (("time_of_day",), rf"시간(?:대)?{_NO_MATTER}"),
    (("companion",), rf"(?:몇\s?명|인원){_NO_MATTER}"),
)  # fmt: skip
"""Keys a wording takes back; ``price``, ``distance`` and ``rating`` stand for the order of that name."""
_WAIVERS = tuple((keys, re.compile(pattern)) for keys, pattern in _TAKEN_BACK)
_ALLERGY_OVER = re.compile(
    r"\s?(?:알레르기|알러지)?(?:은|는|이|가|도|류)?\s?(?:이제|인제|사실|지금은)?\s?(?:괜찮(?:아(?!\s?보)|습|대|음|다|을\s?(?:것|거)\s?같)|ㄱㅊ|먹어도\s?(?:돼|되(?!나|는지)|된|괜찮)|먹을\s?수\s?있(?:어|다|음|대|게)|잘\s?먹(?:어|음|는데)|나았|없어졌|없대|없어요?(?:\s|$)|없음|아니래|아니었|다\s?나)"
)
_MADE_OF_IT = frozenset({"치즈", "두부", "메추리알"})
"""Foods that are fine for some who cannot eat what they are made of: they take no allergy back."""
_ALL_OVER = re.compile(r"(?:알레르기|알러지)(?:는|가|이)?\s?(?:이제|사실|다)?\s?(?:없어(?!도)|없음|나았|없어졌)")
_ASKING = re.compile(r"[?？]|나요|까요|을까|을려나|는지")
_RESET = re.compile(
    r"처음부터|리셋|초기화|새로\s?시작|다\s?지우고|전부\s?지우고|조건\s?(?:은|을|들)?\s?(?:다|전부|모두)?\s?(?:빼|없애|지우|풀)|다\s?취소"
)
_BACK = re.compile(
    r"(?:아까|이전|방금\s?전|좀\s?전|전에|(?:맨\s?|제일\s?)?처음)에?\s?(?:보여|나온|나왔|추천|알려|말한|찾아|거|것|꺼|걸|그\s?거|목록|리스트)[가-힣\s]{0,8}?(?:다시|로|또|보여|줘|보자|볼래)"
    r"|(?:아까|방금|처음)에?\s?(?:보여\s?준|나온|추천해\s?준|알려\s?준)\s?(?:거|것|꺼|곳들|데들|목록)(?:들)?\s?[?!.~]*$"
)  # fmt: skip
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


def waived(text: str) -> frozenset[str]:
    """Name the keys a normalised text takes back ("가격 상관없어"); an order by its name (price, distance, rating).

    >>> sorted(waived("거리 상관없어"))
    ['distance', 'max_distance_m', 'near_me']
    """
    return frozenset(key for keys, pattern in _WAIVERS if pattern.search(text) for key in keys)


def allergies_taken_back(text: str, state: DialogueState) -> frozenset[str]:
    """Name the allergens of the dialogue a text says are fine after all; a question ("땅콩 괜찮아?") takes nothing back."""
    held = frozenset(state.filters.allergies or ())
    if not held or is_asked(text):
        return frozenset()
    found: set[str] = set()
    named = False
    for name, words in ALLERGENS.items():
        bare = rf"|(?<![가-힣]){name}" if len(name) == 1 else ""  # the lexicon reads 게 and 밀 only before "allergy"
        ends = [m.end() for m in re.finditer(words + bare, text) if m.group() not in _MADE_OF_IT]
        named = named or re.search(words + bare, text) is not None
        if any(_ALLERGY_OVER.match(text, end) for end in ends):
            found |= held & set(ALLERGEN_GROUPS.get(name, (name,)))
    return held if not named and _ALL_OVER.search(text) else frozenset(found)


def is_asked(text: str) -> bool:
    """Tell whether a message is worded as a question."""
    return _ASKING.search(text) is not None


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
    diets = tuple(d for d in state.filters.dietary_preferences or () if d in _FAITH)
    if stays_there and not _names_place(said):
        kept |= {key: getattr(state.filters, key) for key in ("district", "place", "near_me")}
    return over(Filters(**kept, dietary_preferences=diets or None), _with_diets(said, diets))


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
    if _names_place(said) or _refuses_place(text, base):
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


def without(filters: Filters, keys: frozenset[str], allergies: frozenset[str] = frozenset()) -> Filters:
    """Take constraints back; keys as ``waived`` names them."""
    update: dict[str, Any] = {key: None for key in keys if key in Filters.model_fields}
    if filters.sort in keys:
        update["sort"] = None
    if allergies:
        update["allergies"] = tuple(a for a in filters.allergies or () if a not in allergies) or None
    return filters.model_copy(update=update) if update else filters


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
    return {"menus": None, "category": None, "taste": None}


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


def _names_place(said: Filters) -> bool:
    return bool(said.district or said.place or said.near_me)


def _refuses_place(text: str, base: Filters) -> bool:
    """Tell whether the place that held is turned down: 신림동 말고 다른 동네."""
    stems = (re.sub(r"(?<=..)(?:역|동|구)$", "", name) for name in (base.place, base.district) if name)
    return any(re.search(rf"{re.escape(stem)}(?:역|동|구)?(?:은|는)?\s?(?:말고|빼고|아니고)", text) for stem in stems)


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
