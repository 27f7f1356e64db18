"""A request for a list of shops: the constraints that hold for it, and the shops turned down."""

from __future__ import annotations

import re
from typing import Any

from aiyam.catalogue.menus import allergens_to_avoid
from aiyam.contracts import (
    DialogueState,
    Filters,
    Intent,
    Question,
    ShownList,
    TurnContext,
    Understanding,
    UserProfile,
)
from aiyam.nlu import carry_over, questions, taken_back
from aiyam.nlu.company import share_of
from aiyam.nlu.elsewhere import places_to_choose
from aiyam.nlu.follow_ups import OTHERS, follows
from aiyam.nlu.reference import THAT_ONE_REJECTED, find_reference, lists_looked_for, number_in, shown_by_name
from aiyam.nlu.request import Request
from aiyam.nlu.shop_columns import ShopColumns
from aiyam.nlu.values import semantic_query
from aiyam.nlu.wish_words import still_wished

MAX_REJECTED = 60
"""Turned-down shops remembered in one topic."""
_REJECTING = re.compile(r"(?:거기|그거|그것|이것|그\s?(?:집|가게|식당|곳)|이거|이\s?(?:집|가게)|여기|걔|쟤|거긴|저기)\s?(?:는|은|도|만)?\s?(?:다\s?|전부\s?|모두\s?)?(?:말고|말구|빼고|빼\s?줘|싫|별[로루]|제외|아닌|가\s?봤|노노)")  # fmt: skip
_DISLIKE = re.compile(r"싫|별[로루]")


def list_of_shops(
    text: str,
    understanding: Understanding,
    state: DialogueState,
    catalogue: ShopColumns,
    user: UserProfile,
    context: TurnContext,
) -> Request:
    """Return the request for shops a normalised text leads to; it asks where when no place was ever named."""
    intent, said = understanding.intent, share_of(text, understanding.filters)
    number = said.ordinal if intent is Intent.REFINE else None
    if number is not None and 0 < len(state.shown_shop_ids) < number and not state.asks:
        n_shown = len(state.shown_shop_ids)
        return Request(
            intent, said, understanding.semantic_query, question=Question(kind="beyond_list", n_shown=n_shown),
            choices=questions.turn_down_choices(n_shown),
        )  # fmt: skip
    waived, fine = taken_back.waived(text), taken_back.allergies_taken_back(text, state)
    said = taken_back.without(said.model_copy(update={"ordinal": None}), waived - _kept(said, waived), fine)
    said = taken_back.let_go(text, said)
    on = not carry_over.starts_over(text) and follows(text, understanding, said, state)
    held_filters = taken_back.let_go(text, taken_back.without(state.filters, waived, fine))
    held = state.model_copy(update={"filters": held_filters})
    filters, cheaper_than, excluded = _constraints(text, understanding, said, held, on, catalogue, user, context)
    if avoided := allergens_to_avoid(filters, user):
        filters = filters.model_copy(update={"allergies": avoided})
    filters = _in_catalogue_terms(filters, catalogue)
    if intent is Intent.BUDGET_FOOD_INQUIRY and not (
        filters.budget_max or filters.budget_min or filters.sort or waived
    ):
        filters = filters.model_copy(update={"sort": "price"})  # little money, no amount: the cheapest first
    served = Intent.FOOD_RECOMMENDATION if intent is Intent.REFINE and not on else intent
    query = semantic_query(filters, served) or understanding.semantic_query
    words = _words(text, said, state, waived) if on else ""
    request = Request(
        served, filters, query, excluded[-MAX_REJECTED:], cheaper_than_won=cheaper_than, opens_topic=not on, words=words
    )
    elsewhere = on and taken_back.wants_elsewhere(text) and not carry_over.names_place(filters)
    if not state.asks and (elsewhere or questions.place_is_missing(text, filters, on, user, context)):
        districts = places_to_choose(catalogue)
        if len(districts) >= 2:
            what = " 지금 연 곳" if filters.open_now else ""
            choices = tuple(f"{name}에서{what} 찾아줘" for name in districts)
            return Request(
                served, filters, query, question=Question(kind="where"), choices=choices, opens_topic=not on,
                stands=True, words=words,
            )  # fmt: skip
    return request


def _words(text: str, said: Filters, state: DialogueState, waived: frozenset[str]) -> str:
    """Return the words of earlier messages that still hold in a follow-up."""
    back = carry_over.goes_back(text)
    if back is not None and not said.given():
        earlier = _list_before(back, state)
        return state.words if earlier is None else earlier.words
    return still_wished(state.words, text, said, waived)


def _kept(said: Filters, waived: frozenset[str]) -> frozenset[str]:
    """Food named beside "아무거나" is still wanted; a waiver takes back what held before."""
    foods = taken_back.FOOD[:2] if "exclude_taste" in waived else taken_back.FOOD  # 매워도 괜찮아 wishes for no taste
    return frozenset(k for k in waived if k in foods and getattr(said, k) is not None)


def _constraints(
    text: str,
    understanding: Understanding,
    said: Filters,
    state: DialogueState,
    on: bool,
    catalogue: ShopColumns,
    user: UserProfile,
    context: TurnContext,
) -> tuple[Filters, int | None, tuple[str, ...]]:
    """Return the constraints that hold, the price to beat, and the shops turned down."""
    if carry_over.starts_over(text):
        return carry_over.after_reset(said, state), None, ()
    if (earlier := _earlier_list_named(text, said, state)) is not None:
        return carry_over.as_then(earlier, state.filters), None, ()
    if not on:
        stays = not (state.topic_over or carry_over.ends_topic(text))
        return carry_over.new_topic(said, state, stays_there=stays), None, ()
    back = carry_over.goes_back(text)
    if back is not None and not said.given():
        earlier_list = _list_before(back, state)
        then = state.filters if earlier_list is None else carry_over.as_then(earlier_list.filters, state.filters)
        return then, None, ()
    if (which := carry_over.goes_back_to_place(text)) is not None and not carry_over.names_place(said):
        state = _where_it_was(which, state)
    carried = carry_over.follow_up(text, said, state, catalogue, user, context)
    turned_down = _turned_down(text, understanding, state, catalogue, user, context)
    excluded = tuple(dict.fromkeys((*state.rejected_shop_ids, *turned_down)))
    return carried.filters, carried.cheaper_than_won, excluded


def _list_before(which: str, state: DialogueState) -> ShownList | None:
    lists = state.earlier_lists
    if which == "first":
        lists = tuple(shown for shown in lists if shown.topic == state.topic)[:1]
    return lists[-1] if lists else None


def _earlier_list_named(text: str, said: Filters, state: DialogueState) -> Filters | None:
    """Return the constraints of the list a message wants again by its food alone: 아까 그 카페 다시 보여줘."""
    if not carry_over.wants_again(text) or set(said.given()) - {"menus", "category"}:
        return None
    named = lists_looked_for(text, state)
    return named[-1].filters if named else None


def _where_it_was(which: str, state: DialogueState) -> DialogueState:
    """Put the place of an earlier list back: of the one the topic began with, or of the last that was elsewhere."""

    def where(filters: Filters) -> dict[str, Any]:
        return {key: getattr(filters, key) for key in taken_back.WHERE}

    now = where(state.filters)
    others = [place for shown in state.earlier_lists if any((place := where(shown.filters)).values()) and place != now]
    if not others:
        return state
    then = others[0] if which == "first" else others[-1]
    return state.model_copy(update={"filters": state.filters.model_copy(update=then)})


def _turned_down(
    text: str,
    understanding: Understanding,
    state: DialogueState,
    catalogue: ShopColumns,
    user: UserProfile,
    context: TurnContext,
) -> tuple[str, ...]:
    singled_out = number_in(text, understanding, state) is not None or shown_by_name(text, state, catalogue) is not None
    if singled_out and THAT_ONE_REJECTED.search(text):
        found = find_reference(text, understanding, state, catalogue=catalogue, user=user, context=context)
        return (found.shop_id,) if found.shop_id else ()
    if _REJECTING.search(text) and state.focus_shop_id:
        return (state.focus_shop_id,)
    others = OTHERS.search(text)
    if others and _DISLIKE.fullmatch(others.group()) and understanding.filters.given():
        others = None  # what is disliked was named: 매운 거 싫어
    if others and taken_back.waived(text) >= frozenset(taken_back.FOOD):
        others = None  # other food is wished for, and these shops were shown for that
    wants_others = others or _REJECTING.search(text) or carry_over.wants_cheaper(text) or carry_over.wants_nearer(text)
    return state.shown_shop_ids if wants_others else ()


def _in_catalogue_terms(filters: Filters, catalogue: ShopColumns) -> Filters:
    """Read a city as the catalogue does: as its district where lists know no smaller one, as no limit where it is all."""
    if not filters.place:
        return filters
    if filters.place in catalogue.district_names:
        return filters.model_copy(update={"district": filters.place, "place": None})
    if filters.place in catalogue.district_city or filters.place in catalogue.district_province:
        return filters.model_copy(update={"place": None})
    return filters
