"""What a message means in its dialogue: the request it leads to, and the state the next message is read in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from aiyam.contracts import (
    ALLERGENS,
    RECOMMENDING_INTENTS,
    SHOP_QUESTION_INTENTS,
    DialogueState,
    EntityType,
    Filters,
    Intent,
    Question,
    ShownCard,
    ShownList,
    TurnContext,
    Understanding,
    UserProfile,
)
from aiyam.korean.spelling import normalise
from aiyam.nlu import questions
from aiyam.nlu.about_person import told_of_person
from aiyam.nlu.comparing import comparison, first_by_card
from aiyam.nlu.elsewhere import home_city, place_without_shops
from aiyam.nlu.general_questions import general_question
from aiyam.nlu.reference import Reference, find_reference, find_shop, shown_by_name
from aiyam.nlu.request import Request
from aiyam.nlu.rereading import as_meant_here, asked_again, read_as
from aiyam.nlu.shop_columns import ShopColumns
from aiyam.nlu.shop_lists import list_of_shops
from aiyam.nlu.taken_back import WHERE
from aiyam.nlu.unknown_shops import named_by_rule
from aiyam.nlu.values import NO_FILTERS, semantic_query

MAX_LISTS, MAX_SPOKEN = 8, 12
"""Earlier lists and shops spoken of that stay in reach of "a while ago"."""
TALK = NO_FILTERS - {Intent.FEEDBACK}
"""What is no question about shops: an end of the topic, or something in between."""
_ENDS_TOPIC = frozenset({Intent.THANKS, Intent.GREETING})


def resolve(
    understanding: Understanding,
    state: DialogueState,
    *,
    catalogue: ShopColumns,
    user: UserProfile,
    context: TurnContext,
) -> Request:
    """Read a message in its dialogue.

    A follow-up (REFINE) keeps the last constraints and changes what it names; a new request keeps place, card, allergies
    and diets of faith; a topic that was closed leaves no place either. A question about a shop finds it by ordinal, by
    name (what is shown first, then the nearest), by kind, or as the shop spoken of. One question is asked where that
    stays open, never two in a row and never to a child in danger. What the message tells of the person is kept in any case.
    """
    text = normalise(understanding.original_query).text
    told = told_of_person(text, understanding)
    if told and understanding.intent in (*RECOMMENDING_INTENTS, *SHOP_QUESTION_INTENTS):
        understanding = understanding.model_copy(update={"filters": told.over(understanding.filters)})
    known = {*(state.filters.allergies or ()), *user.allergies}
    request = _asked(text, understanding, state, catalogue=catalogue, user=user, context=context)
    return replace(request, told=told, kept=told.words if set(told.allergies) - known else ())


def _asked(
    text: str,
    understanding: Understanding,
    state: DialogueState,
    *,
    catalogue: ShopColumns,
    user: UserProfile,
    context: TurnContext,
) -> Request:
    if understanding.intent is Intent.SAFETY:
        return Request(Intent.SAFETY, semantic_query=understanding.semantic_query)
    if understanding.intent is Intent.OUT_OF_SCOPE and questions.FOREIGN.fullmatch(understanding.original_query):
        return Request(Intent.OUT_OF_SCOPE, question=Question(kind="korean_only"), choices=questions.STARTERS_KO[:3])
    if state.offered_filters is not None and questions.YES.fullmatch(text.strip()):
        intent, filters = Intent.FOOD_RECOMMENDATION, state.offered_filters
        return Request(
            intent, filters, semantic_query(filters, intent), opens_topic=True, accepts_offer=True,
            words=state.offered_words,
        )  # fmt: skip
    if (compared := comparison(text, understanding, state)) is not None:
        focus = first_by_card(compared, state)
        known = Filters(allergies=state.filters.allergies)
        return Request(Intent.SHOP_DETAIL, known, focus_shop_id=focus, comparison=compared)
    if (general := general_question(text, understanding)) is not None:
        return Request(general, semantic_query="")
    asked = asked_again(text, understanding, state, catalogue)
    on_screen = asked is not None or shown_by_name(text, state, catalogue) is not None
    if not on_screen and (by_rule := named_by_rule(text, understanding)) is not None:
        name, intent = by_rule
        shop_id = find_shop(name, state, catalogue=catalogue, user=user, context=context)
        asking = read_as(understanding, intent)
        return _about_shop(asking, state, Reference(shop_id, unknown=shop_id is None), catalogue)
    understanding = asked or as_meant_here(text, understanding, state, catalogue)
    intent = understanding.intent
    unsure = questions.is_unsure(understanding) and not state.asks
    if intent in TALK and not unsure:
        return Request(intent, semantic_query=understanding.semantic_query)
    if intent in SHOP_QUESTION_INTENTS or intent is Intent.FEEDBACK:
        found = find_reference(text, understanding, state, catalogue=catalogue, user=user, context=context)
        asked_text = state.asked_text if asked is not None else ""
        return _about_shop(understanding, state, found, catalogue, asked_text=asked_text)
    if unsure:
        return Request(
            intent, understanding.filters, understanding.semantic_query, question=Question(kind="unsure"),
            choices=questions.unsure_choices(understanding),
        )  # fmt: skip
    away = place_without_shops(understanding.entities, catalogue)
    if away is not None:
        here = list_of_shops(text, _anywhere(understanding), state, catalogue, user, context)
        if state.asks:
            question, choices, offered = Question(kind="not_here", place=away), questions.STARTERS_KO[:3], None
        else:
            question = Question(kind="look_here", place=away, city=home_city(catalogue))
            offered = here.filters
            choices = (questions.YES_KO, *questions.STARTERS_KO[:2])
        return Request(
            intent, understanding.filters, understanding.semantic_query, question=question,
            choices=choices, offered_filters=offered, opens_topic=here.opens_topic, words=here.words,
        )  # fmt: skip
    return list_of_shops(text, understanding, state, catalogue, user, context)


def _anywhere(understanding: Understanding) -> Understanding:
    """Return a message without the place it names."""
    said = understanding.filters.model_copy(update=dict.fromkeys(WHERE))
    entities = tuple(e for e in understanding.entities if e.entity is not EntityType.LOCATION)
    return understanding.model_copy(update={"filters": said, "entities": entities})


def next_state(
    state: DialogueState,
    request: Request,
    understanding: Understanding,
    shown_shop_ids: Sequence[str],
    *,
    lowest_price_won: int | None = None,
    shown_cards: Sequence[ShownCard] = (),
) -> DialogueState:
    """Carry the dialogue into the next turn; a reply without shops leaves the last results in reach of 거기 and 두 번째.

    ``lowest_price_won`` is the lowest price on the cards shown, which "더 싼 데" is measured against, ``shown_cards`` what they told.
    """
    after = state.model_copy(
        update={
            "n_turns": state.n_turns + 1,
            "asks": request.asks,
            "offered_shop_ids": request.offered_shop_ids,
            "offered_filters": request.offered_filters,
            "offered_words": _offered_words(request, understanding),
            "topic_over": state.topic_over or request.intent in _ENDS_TOPIC,
            "filters": request.told.over(state.filters),
        }
    )
    if request.question is not None or request.intent not in RECOMMENDING_INTENTS:
        return after.model_copy(update=_spoken_of(state, request))
    shown = tuple(shown_shop_ids)
    filters = request.filters
    if request.cheaper_than_won is not None:  # the bound was meant for this reply alone; what the child said stays
        filters = filters.model_copy(update={"budget_min": state.filters.budget_min, "budget_max": state.filters.budget_max})  # fmt: skip
    return after.model_copy(
        update={
            "filters": filters,
            "intent": request.intent,
            "semantic_query": request.semantic_query,
            "words": request.words,
            "shown_shop_ids": shown or state.shown_shop_ids,
            "shown_cards": tuple(shown_cards) if shown else state.shown_cards,
            "rejected_shop_ids": request.exclude_shop_ids,
            "focus_shop_id": shown[0] if len(shown) == 1 else None,
            "lowest_price_won": lowest_price_won if shown else state.lowest_price_won,
            "topic": state.topic + (request.opens_topic and state.intent is not None),
            "topic_over": False,
            "earlier_lists": _lists_before(state) if shown else state.earlier_lists,
            "asked_intent": None,
            "asked_text": "",
        }
    )


def _offered_words(request: Request, understanding: Understanding) -> str:
    """Return the words an offer to look here keeps: those of the wish without the place that has no shops."""
    if request.offered_filters is None:
        return ""
    places = tuple(e.text for e in understanding.entities if e.entity is EntityType.LOCATION)
    return " ".join(word for word in request.words.split() if not word.startswith(places))


def _spoken_of(state: DialogueState, request: Request) -> dict[str, object]:
    """Return what a turn without a list leaves: the shop it was about, what was asked, and a request that lacks a place."""
    update: dict[str, object] = {}
    if (shop_id := request.focus_shop_id) is not None:
        others = (s for s in state.spoken_shop_ids if s != shop_id)
        update |= {"focus_shop_id": shop_id, "spoken_shop_ids": (shop_id, *others)[:MAX_SPOKEN]}
    if request.intent in SHOP_QUESTION_INTENTS and request.comparison is None:
        update |= {"asked_intent": request.intent, "asked_text": request.asked_text}
    if request.stands:
        update |= {"filters": request.filters, "intent": request.intent, "semantic_query": request.semantic_query}
        update |= {"words": request.words}
    return update


def _lists_before(state: DialogueState) -> tuple[ShownList, ...]:
    """Add the list a new one takes the place of; the oldest are forgotten, but not the one the topic began with."""
    if not state.shown_shop_ids:
        return state.earlier_lists
    newest = ShownList(shop_ids=state.shown_shop_ids, filters=state.filters, words=state.words, topic=state.topic)
    lists = (*state.earlier_lists, newest)
    if len(lists) <= MAX_LISTS:
        return lists
    first = next(shown for shown in lists if shown.topic == state.topic)
    kept = lists[-MAX_LISTS:]
    return kept if first in kept else (first, *kept[1:])


# --------------------------------------------------------------------------- one shop


def _about_shop(
    understanding: Understanding,
    state: DialogueState,
    found: Reference,
    catalogue: ShopColumns,
    *,
    asked_text: str = "",
) -> Request:
    intent = understanding.intent
    avoid = {*(state.filters.allergies or ()), *(understanding.filters.allergies or ())}
    filters = understanding.filters.model_copy(update={"allergies": tuple(a for a in ALLERGENS if a in avoid) or None})
    request = Request(
        intent, filters, understanding.semantic_query, focus_shop_id=found.shop_id,
        asked_text=asked_text or understanding.original_query,
    )  # fmt: skip
    if found.shop_id is not None or intent is Intent.FEEDBACK:
        return request
    among = found.among or state.shown_shop_ids
    asking = understanding.model_copy(update={"original_query": request.asked_text, "entities": ()})
    names = questions.names_to_choose(among, catalogue)
    choices = questions.shop_choices(names, asking)
    if found.unknown:
        unknown = Question(kind="still_unknown_shop" if state.asks else "unknown_shop", shops=names)
        return replace(request, question=unknown, choices=choices)
    if state.asks:
        return _best_guess(request, state.offered_shop_ids or among)
    which = Question(kind="which_shop", shops=names)
    if found.beyond and among:
        which = Question(kind="beyond_list", n_shown=len(among), shops=names)
    return replace(request, question=which, choices=choices, offered_shop_ids=among[: questions.MAX_CHOICES])


def _best_guess(request: Request, among: Sequence[str]) -> Request:
    """Answer what was asked back once already: about the first shop it may be, or, where none was shown, with shops."""
    if among:
        return replace(request, focus_shop_id=among[0])
    return Request(Intent.FOOD_RECOMMENDATION, semantic_query=request.semantic_query)
