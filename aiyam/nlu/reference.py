"""Which shop a message means: by number, by name, by kind, as the one spoken of, now or a while ago."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from aiyam.catalogue.dishes import shipped_dishes
from aiyam.contracts import (
    CATEGORIES,
    DialogueState,
    EntityType,
    Filters,
    ShownList,
    TurnContext,
    Understanding,
    UserProfile,
)
from aiyam.korean.numerals import Ordinal, find_ordinals
from aiyam.korean.spelling import normalise
from aiyam.nlu.lexicon import FOOD_TYPES
from aiyam.nlu.shop_columns import ShopColumns
from aiyam.nlu.shop_names import SEPARATORS, ShopNames
from aiyam.nlu.unknown_shops import asked_intent
from aiyam.nlu.values import LAST

EARLIER = re.compile(
    r"아까|방금\s?전|좀\s?전|이전|(?:맨\s?|제일\s?)?처음에?\s?(?:보여|나온|나왔|추천|말한|알려|거|그|집|가게)|저번에"
)
FIRST = re.compile(r"처음")
_TOP = re.compile(r"(?:맨|제일|젤|가장)\s?(?:위|앞)|(?:첫|처음)\s?(?:집|가게|거|꺼|것|번)")
_MIDDLE = re.compile(r"가운데|중간")
_KIND_OF_SHOP = re.compile("|".join(f"(?P<k{i}>{FOOD_TYPES[kind]})" for i, kind in enumerate(CATEGORIES)))
_SHOP_AFTER = re.compile(r"\s?(?:집|가게|점(?!심)|네)")
_NAMES_A_SHOP = re.compile(r".*(?:집|점|카페|까페|베이커리|커피숍)$")
_BARE_NUMBER = re.compile(
    r"(?:아|음|어|그럼|그러면|그리고|저는|나는|난|전|근데|그냥|걍)?\s?(?P<what>\S.*?)\s?(?:집|거|꺼|것|가게|식당|곳)?"
    r"(?:(?P<next>[은는]요?|도요?)|이?요|으?로(?:요|\s?(?:할게|할래|갈게|갈래|가자|정할게)요?|\s?해\s?줘)?|이야|입니다)?[?!.~ㅋㅎ ]*"
)
_JUST_A_KIND = re.compile(r"(?:아|음|그)?\s?(?P<what>[가-힣]{2,5}?)(?:집|가게)?(?:이?요|이야|말이야|\s?거기)?[.!~ ]*")
_MIN_NAME_CHARS = 3
MAX_LEAD_CHARS = 12
"""Longest wording before a number that is still nothing but the number."""
THAT_ONE_REJECTED = re.compile(
    r"(?:거|것|집|가게|식당|번)?\s?(?:는|은|도)?\s?(?:말고|말구|빼고|빼\s?줘|싫|별로|제외)"
    r"|(?:거|것|꺼|걸|집|가게|식당|번째?|위|아래|마지막)\s?(?:는|은|도|을|를)?\s?(?:좀\s?)?(?:됐고|됐어|지워|없애|치워|패스|노노|관심\s?없)"
)
"""What follows a shop that is turned down by number or name."""


@dataclass(frozen=True)
class Reference:
    """The shop meant, or those it may be. ``beyond``: a number no shown shop has; ``unknown``: a name nobody knows."""

    shop_id: str | None = None
    among: tuple[str, ...] = ()
    beyond: bool = False
    unknown: bool = False


def find_reference(
    text: str,
    understanding: Understanding,
    state: DialogueState,
    *,
    catalogue: ShopColumns,
    user: UserProfile,
    context: TurnContext,
) -> Reference:
    """Find the shop a normalised text is about.

    A number counts among the choices just offered, else in the newest list, "a while ago" in the list before. A name is
    looked for in what was shown, then in the catalogue. Without either it is the shop spoken of last, or the only one
    shown; among several the reference stays open.
    """
    chosen = bool(state.offered_shop_ids) and bare_number(text, understanding, state) is not None
    earlier = EARLIER.search(text) is not None and not chosen
    number = number_in(text, understanding, state)
    if number is not None:
        shops = _counted_in(number, text, state) if earlier else numbered(state)
        if 1 <= number <= len(shops):
            return Reference(shops[number - 1])
        return Reference(among=shops, beyond=True)
    if (shown := shown_by_name(text, state, catalogue)) is not None:
        return Reference(shown)
    if name := next((e.text for e in understanding.entities if e.entity is EntityType.SHOP_NAME), None):
        shop_id = find_shop(name, state, catalogue=catalogue, user=user, context=context)
        return Reference(shop_id, state.shown_shop_ids if shop_id is None else (), unknown=shop_id is None)
    if (of_kind := _by_kind(text, state, catalogue)) is not None:
        return of_kind
    if earlier:
        return _a_while_ago(text, state)
    if state.focus_shop_id in catalogue.row_of:
        return Reference(state.focus_shop_id)
    return _one_of(state.shown_shop_ids)


def number_in(text: str, understanding: Understanding, state: DialogueState) -> int | None:
    """Return the position a message names in a list, from 1; None when it names none."""
    if understanding.filters.ordinal is not None:
        return understanding.filters.ordinal
    n_shown = len(numbered(state))
    tagged = [e.value for e in understanding.entities if e.entity is EntityType.ORDINAL]
    if LAST in tagged:
        return n_shown or None
    if len(tagged) == 1 and isinstance(tagged[0], int):
        return tagged[0]
    found = find_ordinals(text)
    if found:
        return _position(found[0], n_shown)
    if n_shown and _TOP.search(text):
        return 1
    return (n_shown + 1) // 2 if n_shown > 2 and _MIDDLE.search(text) else None


def bare_number(text: str, understanding: Understanding, state: DialogueState) -> str | None:
    """Tell whether a message is a number and nothing else: "asked" (2번은?), "chosen" (2번, 2번으로요), or None."""
    if number_in(text, understanding, state) is None:
        return None
    match = _BARE_NUMBER.fullmatch(text.strip())
    if match is None:
        return None
    what = match["what"]
    found = find_ordinals(what)
    whole = len(found) == 1 and found[0].end == len(what) and _says_nothing(what[: found[0].start], understanding)
    if not (whole or _TOP.fullmatch(what) or _TOP.fullmatch(text.strip()) or _MIDDLE.fullmatch(what)):
        return None
    return "asked" if match["next"] else "chosen"


def chosen_instead(text: str) -> str | None:
    """Return what follows a shop turned down by number where another number takes its place: 첫번째 말고 마지막 거 전번."""
    match = THAT_ONE_REJECTED.search(text)
    rest = "" if match is None else text[match.end() :]
    return rest if find_ordinals(rest) else None


def _says_nothing(before: str, understanding: Understanding) -> bool:
    """Tell whether what stands before a number only leads to it: 장난이고 세번째, 지금 나온 거 두번째는?"""
    if not before:
        return True
    if len(before) > MAX_LEAD_CHARS or EARLIER.search(before) or THAT_ONE_REJECTED.search(before):
        return False
    named = any(e.entity is not EntityType.ORDINAL for e in understanding.entities)
    return not named and not set(understanding.filters.given()) - {"ordinal"} and asked_intent(before) is None


def bare_kind(text: str, state: DialogueState, catalogue: ShopColumns) -> str | None:
    """Tell whether a message names the kind of one of the shops just offered and nothing else: "chosen" (카페요), or None."""
    match = _JUST_A_KIND.fullmatch(text.strip())
    kind = _kind_named(match["what"] + "집") if match else None
    if kind is None or not state.offered_shop_ids:
        return None
    offered = [s for s in state.offered_shop_ids if s in catalogue.row_of]
    return "chosen" if sum(catalogue.category[catalogue.row_of[s]] == kind for s in offered) == 1 else None


def numbered(state: DialogueState) -> tuple[str, ...]:
    """Return the shops a plain number counts in."""
    return state.offered_shop_ids or state.shown_shop_ids


def _position(found: Ordinal, n_shown: int) -> int | None:
    return found.number if found.number > 0 else n_shown or None


def _counted_in(number: int, text: str, state: DialogueState) -> tuple[str, ...]:
    """Return the list "number two of a while ago" counts in.

    That is one looked for with the food named (아까 백반집 중에), else one whose shop of that number was asked about, else the
    last that is long enough.
    """
    if FIRST.search(text):
        return first_list(state)
    lists = list(reversed(state.earlier_lists))
    newest = ShownList(shop_ids=state.shown_shop_ids, filters=state.filters, topic=state.topic)
    for among in (
        [s for s in lists if _looked_for(text, s.filters)],
        [newest] if _looked_for(text, state.filters) else [],
        lists,
    ):
        if fitting := [shown.shop_ids for shown in among if number <= len(shown.shop_ids)]:
            spoken = (shops for shops in fitting if shops[number - 1] in state.spoken_shop_ids)
            return next(spoken, fitting[0])
    return lists[0].shop_ids if lists else state.shown_shop_ids


def _looked_for(text: str, filters: Filters) -> bool:
    """Tell whether a text names a dish or the kind of food a list was looked for with."""
    foods = (*(re.escape(m) for m in filters.menus or ()), *(FOOD_TYPES[c] for c in filters.category or ()))
    return any(re.search(food, text) for food in foods)


def lists_looked_for(text: str, state: DialogueState) -> tuple[ShownList, ...]:
    """Return the earlier lists whose food a text names, newest last."""
    return tuple(shown for shown in state.earlier_lists if _looked_for(text, shown.filters))


def first_list(state: DialogueState) -> tuple[str, ...]:
    """Return the shops the topic began with."""
    return next((s.shop_ids for s in state.earlier_lists if s.topic == state.topic), state.shown_shop_ids)


# --------------------------------------------------------------------------- by name


def shown_by_name(text: str, state: DialogueState, catalogue: ShopColumns) -> str | None:
    """Return the shown shop whose full name stands in a text; the newest list first, the longest name of it."""
    plain = SEPARATORS.sub("", text.lower())
    for shops in (state.offered_shop_ids, state.shown_shop_ids, *(s.shop_ids for s in reversed(state.earlier_lists))):
        offered = shops is state.offered_shop_ids
        named = [(len(n), s) for s in shops if _stands_in(n := _plain_name(s, catalogue), plain, offered=offered)]
        if named:
            longest = max(length for length, _ in named)
            return next(shop_id for length, shop_id in named if length == longest)
    return None


def _plain_name(shop_id: str, catalogue: ShopColumns) -> str:
    row = catalogue.row_of.get(shop_id)
    return "" if row is None else SEPARATORS.sub("", normalise(catalogue.names[row]).text.lower())


def _stands_in(name: str, plain: str, *, offered: bool) -> bool:
    """Tell whether a name stands in a text, both without spaces.

    Only what was just offered may be called by two syllables; a shop called like a dish only so: 순대국 is first a wish.
    """
    if offered and len(name) >= 2 and plain.startswith(name):
        return True
    if len(name) < _MIN_NAME_CHARS or name not in plain:
        return False
    dish = shipped_dishes().lookup(name)
    return dish is None or dish.name != name


def find_shop(
    name: str, state: DialogueState, *, catalogue: ShopColumns, user: UserProfile, context: TurnContext
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


def _nearest(rows: Sequence[int], catalogue: ShopColumns, user: UserProfile, context: TurnContext) -> int:
    if len(rows) == 1:
        return rows[0]
    array = np.asarray(rows, dtype=np.int32)
    lat, lon = point_of(user, context)
    if lat is not None and lon is not None:
        distance = np.asarray(catalogue.distance_m(array, lat, lon), dtype=np.float64)
        if not np.isnan(distance).all():
            return int(array[int(np.nanargmin(distance))])
    district = context.district or user.district
    codes = [catalogue.district_names[catalogue.district[r]] if catalogue.district[r] >= 0 else "" for r in rows]
    return rows[codes.index(district)] if district in codes else rows[0]


def point_of(user: UserProfile, context: TurnContext) -> tuple[float | None, float | None]:
    """Return the point distances are measured from: the turn's own, else the home unless the turn names another place."""
    if context.lat is not None and context.lon is not None:
        return context.lat, context.lon
    return (None, None) if context.district or context.place else (user.lat, user.lon)


# --------------------------------------------------------------------------- by kind, and earlier


def _by_kind(text: str, state: DialogueState, catalogue: ShopColumns) -> Reference | None:
    """Read "그 중국집": the shop of that kind spoken of, else the only one shown; None when no kind of shop is named."""
    answer = _JUST_A_KIND.fullmatch(text.strip()) if state.offered_shop_ids else None
    kind = _kind_named(answer["what"] + "집" if answer else text)
    if kind is None:
        return None

    def of_kind(shops: Iterable[str]) -> tuple[str, ...]:
        return tuple(s for s in shops if s in catalogue.row_of and catalogue.category[catalogue.row_of[s]] == kind)

    if state.focus_shop_id and of_kind((state.focus_shop_id,)):
        return Reference(state.focus_shop_id)
    spoken = of_kind(state.spoken_shop_ids)
    newest = of_kind(state.shown_shop_ids)
    if len(offered := of_kind(state.offered_shop_ids)) == 1:
        return Reference(offered[0])
    if EARLIER.search(text) and spoken:
        return Reference(spoken[0])
    for shops in (newest, spoken[:1], *(of_kind(s.shop_ids) for s in reversed(state.earlier_lists))):
        if shops:
            return _one_of(shops)
    return None


def _kind_named(text: str) -> int | None:
    for match in _KIND_OF_SHOP.finditer(text):
        if match.lastgroup and (_SHOP_AFTER.match(text, match.end()) or _NAMES_A_SHOP.fullmatch(match.group())):
            return int(match.lastgroup[1:])
    return None


def _a_while_ago(text: str, state: DialogueState) -> Reference:
    if FIRST.search(text):
        shops = first_list(state)
        spoken = [s for s in state.spoken_shop_ids if s in shops]
        return Reference(spoken[0]) if spoken else _one_of(shops)
    if state.spoken_shop_ids:
        return Reference(state.spoken_shop_ids[0])
    return _one_of(state.earlier_lists[-1].shop_ids if state.earlier_lists else state.shown_shop_ids)


def _one_of(shops: tuple[str, ...]) -> Reference:
    return Reference(shops[0]) if len(shops) == 1 else Reference(among=shops)
