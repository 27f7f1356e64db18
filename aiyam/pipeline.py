"""One turn in, one reply out: understand, find candidates, rank, reply; streams events, knows no screen, writes no log."""

from __future__ import annotations

import time
import zlib
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiyam.candidates.encoder import telling_words_of
from aiyam.catalogue.menus import allergens_to_avoid
from aiyam.catalogue.query import CandidateSet, Query
from aiyam.comparing import Comparison, beating, compared
from aiyam.contracts import (
    RECOMMENDING_INTENTS,
    SHOP_QUESTION_INTENTS,
    CandidatesFound,
    DialogueState,
    Done,
    Event,
    Exploration,
    Filters,
    Intent,
    LocationFilter,
    Ranked,
    Recommendation,
    RecommendationsResponse,
    ReplyPlan,
    SafetyVerdict,
    ShownCard,
    StageTime,
    Standing,
    TextChunk,
    Trace,
    Turn,
    TurnContext,
    Understanding,
    Understood,
    UserProfile,
)
from aiyam.korean.places import place_named
from aiyam.nlu.carry_over import starts_over
from aiyam.nlu.dialogue import next_state, resolve
from aiyam.nlu.model import Reading
from aiyam.nlu.request import Request
from aiyam.parts import Parts, load_parts, with_changed_shops
from aiyam.ranking.cards import make_cards
from aiyam.ranking.exploration import Draw, seed_of
from aiyam.ranking.preferences import metres_of
from aiyam.reply.language_model import Worded
from aiyam.reply.plan import MAX_SHOPS, make_plan
from aiyam.reply.shop_facts import facts
from aiyam.safety.privacy import PLACEHOLDERS, Masked, mask
from aiyam.settings import Settings
from aiyam.store import Store
from aiyam.wares import with_ware, without_portion

N_SHOWN = 5
"""Shops on cards in one turn; the reply words the first three."""


FAR_M = 3000
"""Beyond this a reply says that it looked farther than the surroundings."""


_COMPARED = ("cheaper", "nearer", "shown_before")
"""What is said of a comparison; it turned nothing down."""


class Stopwatch:
    """Milliseconds by stage, each lap from the end of the one before."""

    def __init__(self) -> None:
        self._start = self._last = time.perf_counter()
        self.laps: dict[str, float] = {}

    def lap(self, stage: str) -> None:
        """Book the time since the last lap on a stage."""
        now = time.perf_counter()
        self.laps[stage] = round(self.laps.get(stage, 0.0) + (now - self._last) * 1000, 3)
        self._last = now

    def times(self) -> StageTime:
        """Return all laps and their total."""
        return StageTime(**self.laps, total=round((self._last - self._start) * 1000, 3))


_MAY_BE_ABOUT_BOT = frozenset({Intent.GREETING, Intent.THANKS, Intent.HELP, Intent.SMALL_TALK, Intent.OUT_OF_SCOPE})
"""What a question about the bot itself may be taken for; a wish or a question about a shop stands before it."""


class Pipeline:
    """The turn. Holds no conversation: what a follow-up needs comes in with the turn and goes out with the trace."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.catalogue = parts.catalogue
        self.versions = parts.versions
        rules = parts.funnels.rules.everyday.rules
        self._everyday = frozenset(word for rule in rules for word in rule.words)

    @classmethod
    def load(cls, settings: Settings, store: Store | None = None) -> Pipeline:
        """Load a home's catalogue and production models; once a process.

        Raises:
            NotReady: nothing has been generated or trained yet.
            ModelError: a production version is damaged.
        """
        if store is not None:
            return cls(load_parts(settings, store))
        store = Store.open(settings.url)
        try:
            return cls(load_parts(settings, store))
        finally:
            store.close()

    def with_changed_shops(self, store: Store, shop_ids: Sequence[str]) -> Pipeline:
        """Return a pipeline of the same models that knows these shops as the store has them now."""
        return Pipeline(with_changed_shops(self.parts, store, shop_ids))

    # ------------------------------------------------------------------ one turn

    def reply(self, turn: Turn) -> Trace:
        """Run a turn to its end."""
        for event in self.stream(turn):
            if isinstance(event, Done):
                return event.trace
        raise AssertionError("a turn ends with Done")

    def stream(self, turn: Turn) -> Iterator[Event]:
        """Yield what happens as it happens: Understood, CandidatesFound and Ranked (if shops are shown), TextChunk…, Done."""
        watch = Stopwatch()
        masked = mask(turn.message)
        reading, understanding, verdict = self._understand(masked, turn)
        request = resolve(understanding, turn.state, catalogue=self.catalogue, user=turn.user, context=turn.context)
        if verdict.action in ("escalate", "refuse"):
            request = replace(request, question=None, choices=(), offered_shop_ids=())  # danger is never asked back
        elif verdict.about and (understanding.intent in _MAY_BE_ABOUT_BOT or _unsure(request)):
            request = replace(request, intent=Intent.SMALL_TALK, question=None, choices=(), offered_shop_ids=())
        if verdict.action in ("answer", "mask") and not verdict.about:
            request = with_ware(masked.text, request, self.catalogue, self._everyday)
        where = standing_point(request.filters, turn.user, turn.context)
        comparison = compared(request, understanding, turn.state, self.catalogue, where)
        if comparison is not None:
            request = beating(request, comparison, turn.state)
        request = replace(request, words=own_words(masked.text, request, understanding.filters))
        understanding = _with_location(understanding, request, turn)
        watch.lap("understand")
        yield Understood(understanding=understanding, safety=verdict)

        found: CandidateSet | None = None
        query: Query | None = None
        cards: tuple[Recommendation, ...] = ()
        exploration: Exploration | None = None
        if verdict.action in ("answer", "mask") and request.intent in RECOMMENDING_INTENTS and not request.question:
            query = self._query(request, turn.user, turn.context)
            if comparison is None:
                found = self._find(query, turn.leave_out)
            else:
                query, found = self._beat(query, comparison)
            watch.lap("candidates")
            yield CandidatesFound(n_candidates=len(found), funnel_counts=found.counts, relaxed=found.relaxed)
            draw = self._draw(turn) if verdict.action == "answer" else None
            cards, exploration = self._rank(query, found, top_k=N_SHOWN, draw=draw)
            watch.lap("rank")
            yield Ranked(recommendations=cards)

        relaxed = self._given_up(query, found) if query is not None and found is not None and cards else ()
        plan = self._plan(turn, masked.text, request, verdict, cards, relaxed)
        worded = yield from self._word(plan, variety=_variety(turn))
        watch.lap("reply")
        yield Done(
            trace=Trace(
                turn_id=turn.turn_id,
                session_id=turn.session_id,
                timestamp=turn.at or turn.context.now,
                chosen_time=turn.context.now if turn.at else None,
                user_id=turn.user.user_id,
                user_input=masked.text,
                understanding=understanding,
                safety=verdict,
                funnel_counts=found.counts if found else {},
                n_candidates=len(found) if found else 0,
                relaxed=relaxed,
                recommendations=cards,
                exploration=exploration,
                plan=plan,
                response=worded.text,
                backend=worded.backend,
                fallback=worded.fallback,
                reader=reading.reader,
                reader_fallback=reading.fallback,
                grounding=worded.grounding,
                stage_ms=watch.times(),
                versions=self.versions,
                state=_state_after(turn.state, request, understanding, cards, where).model_copy(
                    update={"gave_up": relaxed if found else turn.state.gave_up}
                ),
                synthetic=self.catalogue.synthetic,
            )
        )

    def recommend(
        self, user: UserProfile, understanding: Understanding, context: TurnContext, *, top_k: int = 10
    ) -> RecommendationsResponse:
        """Rank shops for an understanding made elsewhere: layers 1 and 2 without words."""
        watch = Stopwatch()
        avoid = allergens_to_avoid(understanding.filters, user)
        filters = understanding.filters.model_copy(update={"allergies": avoid or None})
        request = Request(
            intent=understanding.intent, filters=filters, semantic_query=understanding.semantic_query, opens_topic=True
        )
        words = own_words(mask(understanding.original_query).text, request, understanding.filters)
        query = self._query(replace(request, words=words), user, context)
        found = self.parts.funnels.find(query)
        watch.lap("candidates")
        cards, _ = self._rank(query, found, top_k=top_k)
        watch.lap("rank")
        return RecommendationsResponse(
            user_id=user.user_id,
            original_query=understanding.original_query,
            recommendations=cards,
            explanations={c.shop_id: c.reason for c in cards},
            metadata={
                "n_candidates": len(found),
                "funnel_counts": found.counts,
                "relaxed": list(found.relaxed),
                "stage_ms": watch.times().model_dump(),
                "versions": self.versions.model_dump(),
                "synthetic": self.catalogue.synthetic,
            },
        )

    # ------------------------------------------------------------------ the stages

    def _understand(self, masked: Masked, turn: Turn) -> tuple[Reading, Understanding, SafetyVerdict]:
        verdict = self.parts.screen.check_incoming(turn.message)
        understander = self.parts.understander
        reading = understander.read(masked.text, in_house=verdict.action == "escalate")
        understanding = understander.finish(masked.text, reading, turn.state)
        taken = understanding.intent is Intent.SAFETY
        verdict = self.parts.screen.combine(verdict, taken, turn.message)
        if taken and verdict.action not in ("escalate", "refuse"):  # the screen is sure that it is a way of speaking
            intent = Intent.FOOD_RECOMMENDATION if understanding.filters.given() else Intent.SMALL_TALK
            understanding = understanding.model_copy(update={"intent": intent})
        return reading, understanding, verdict

    def _query(self, request: Request, user: UserProfile, context: TurnContext) -> Query:
        where = standing_point(request.filters, user, context)
        turned_down = [self.catalogue.row_of[s] for s in request.exclude_shop_ids if s in self.catalogue.row_of]
        return Query(
            filters=without_portion(request.filters),
            semantic_query=request.semantic_query,
            user=user,
            now=context.now,
            lat=where.lat,
            lon=where.lon,
            district=where.district,
            exclude_rows=np.array(turned_down, dtype=np.int32),
            words=request.words,
        )

    def _find(self, query: Query, leave_out: tuple[str, ...]) -> CandidateSet:
        rows = [self.catalogue.row_of[s] for s in leave_out if s in self.catalogue.row_of]
        if rows:
            others = np.union1d(query.exclude_rows, np.array(rows, dtype=np.int32)).astype(np.int32)
            found = self.parts.funnels.find(replace(query, exclude_rows=others))
            if len(found) and not found.relaxed:
                return found
        return self.parts.funnels.find(query)

    def _beat(self, query: Query, comparison: Comparison) -> tuple[Query, CandidateSet]:
        """Find what is cheaper or nearer; else what was shown before, else the list by price or distance, and say so."""
        everything = replace(query, exclude_rows=np.empty(0, np.int32))
        query = replace(query, filters=without_portion(comparison.filters))
        found = self.parts.funnels.find(query, relaxing=False)
        if not len(found):
            found = self.parts.funnels.find(replace(query, exclude_rows=everything.exclude_rows), relaxing=False)
            if len(found):
                return query, replace(found, relaxed=("shown_before",))
            query = replace(everything, filters=without_portion(comparison.without_bound))
            found = replace(self.parts.funnels.find(query), relaxed=(comparison.kind,))
        return query, found

    def _given_up(self, query: Query, found: CandidateSet) -> tuple[str, ...]:
        """Return what the reply admits: keys given up, that the surroundings had nothing, that all else was shown before."""
        metres = metres_of(self.catalogue, query, found.rows)
        relaxed = found.relaxed
        if not relaxed and far_away(metres, query.filters):
            relaxed = ("near_me",)  # nobody named a place, so the surroundings were meant
        if not relaxed or not len(query.exclude_rows) or relaxed[0] in _COMPARED:
            return relaxed
        before = self.parts.funnels.fitting(query, query.exclude_rows)
        if relaxed == ("near_me",):
            before = before[metres_of(self.catalogue, query, before) <= FAR_M]
        return ("all_shown", *relaxed) if len(before) else relaxed

    def _rank(
        self, query: Query, found: CandidateSet, *, top_k: int, draw: Draw | None = None
    ) -> tuple[tuple[Recommendation, ...], Exploration | None]:
        """Make the cards and say how their list was drawn; None without any."""
        vector = self.parts.encoder.encode([query.semantic_query])[0] if query.semantic_query else None
        ranked = self.parts.ranker.rank(query, found, query_vector=vector, top_k=top_k, draw=draw)
        if not len(ranked):
            return (), None
        drawn = Exploration(temperature=ranked.temperature, list_propensity=ranked.list_propensity)
        return make_cards(self.parts.ranker, ranked, found, query), drawn

    def _draw(self, turn: Turn) -> Draw | None:
        """Return how this turn's list is drawn: the same when it is replayed."""
        if not self.parts.exploration:
            return None
        return Draw(self.parts.exploration, seed_of(turn.user.user_id, turn.session_id, turn.state.n_turns))

    def _word(self, plan: ReplyPlan, *, variety: int) -> Generator[Event, None, Worded]:
        words = self.parts.replier.stream(plan, variety=variety)
        while True:
            try:
                piece = next(words)
            except StopIteration as stop:
                worded: Worded = stop.value
                return worded
            yield TextChunk(text=piece)

    def _plan(
        self,
        turn: Turn,
        text: str,
        request: Request,
        verdict: SafetyVerdict,
        cards: tuple[Recommendation, ...],
        relaxed: tuple[str, ...],
    ) -> ReplyPlan:
        shop = None
        about_one = request.intent in SHOP_QUESTION_INTENTS and request.comparison is None
        if about_one and request.focus_shop_id in self.catalogue.row_of:
            where = _asked_from(request, turn)
            row = self.catalogue.row_of[request.focus_shop_id]
            shop = facts(self.catalogue, row, turn.context.now, lat=where.lat, lon=where.lon)
        user = turn.user
        return make_plan(
            intent=request.intent,
            age_band=user.age_band,
            text=request.asked_text or text,
            filters=request.filters,
            recommendations=cards,
            relaxed=relaxed,
            gave_up_before=() if request.opens_topic else turn.state.gave_up,
            limit_won=user.payable_won,
            shop_facts=shop,
            card={
                "balance_won": user.card_balance_won,
                "meal_limit_won": user.card_meal_limit_won,
                "monthly_limit_won": user.card_monthly_limit_won,
            },
            avoid=allergens_to_avoid(request.filters, user),
            kept=request.kept,
            compared=self._compared(turn, request),
            compared_by=request.comparison.aspect if request.comparison else "general",
            question=request.question,
            choices=request.choices,
            safety=verdict,
            safety_text=self.parts.screen.message(verdict, age_band=user.age_band, variety=_variety(turn)),
        )

    def _compared(self, turn: Turn, request: Request) -> list[dict[str, Any]]:
        """Return the rows of the shops compared, each with its number and what its card told."""
        if request.comparison is None:
            return []
        cards = {card.shop_id: card for card in turn.state.shown_cards}
        where = turn.state.stood or standing_point(turn.state.filters, turn.user, turn.context)
        shops = []
        for number, shop_id in request.comparison.shops:
            if (row := self.catalogue.row_of.get(shop_id)) is None or not self.catalogue.venue_ok[row]:
                continue
            card = cards.get(shop_id, ShownCard(shop_id=shop_id))
            known = facts(self.catalogue, row, turn.context.now, lat=where.lat, lon=where.lon)
            distance = known["distance_m"] if card.distance_m is None else card.distance_m
            shops.append(
                known
                | {"number": number, "card_menu": card.menu, "card_price_won": card.price_won, "distance_m": distance}
            )
        return shops


def _unsure(request: Request) -> bool:
    return request.question is not None and request.question.kind == "unsure"


def standing_point(filters: Filters, user: UserProfile, context: TurnContext) -> Standing:
    """Decide where a request looks from: the place it names, else where the turn happens, else the person's home.

    A district named in the request that is not the person's own has no point: shops are found by district and no
    distance is claimed.
    """
    if filters.place and (place := place_named(filters.place)):
        return Standing(lat=place.lat, lon=place.lon, district=place.district)
    here = _here(user, context)
    if filters.district and filters.district != here.district:
        return Standing(district=filters.district)
    return here


def own_words(text: str, request: Request, said: Filters) -> str:
    """Return the words of a masked message that the content funnel should hear beside what the filters hold.

    None where a dish or kind of food is known, and where something is turned down or not tolerated (its name would draw the
    list towards it). A follow-up's own words are about the list: those of the topic that still hold stand, and a yes
    takes up those of the offer.
    """
    if request.filters.menus or request.filters.category or request.intent not in RECOMMENDING_INTENTS:
        return ""
    if request.accepts_offer or not request.opens_topic:
        return request.words
    if said.allergies or said.exclude_menus or said.exclude_taste or starts_over(text):
        return ""
    for placeholder in PLACEHOLDERS.values():
        text = text.replace(placeholder, " ")
    return " ".join(telling_words_of(text))


def far_away(metres: NDArray[np.float32], filters: Filters) -> bool:
    """Whether all shops found (k,) are beyond ``FAR_M`` though no place farther off was asked for."""
    known = metres[np.isfinite(metres)]
    return len(known) > 0 and bool(known.min() > FAR_M) and not (filters.place or filters.district)


def _asked_from(request: Request, turn: Turn) -> Standing:
    """Return where the distance to a shop is measured from: where its list was asked for, else where the turn happens."""
    state, filters = turn.state, request.filters
    if not (filters.place or filters.district):
        if request.focus_shop_id in state.shown_shop_ids and state.stood is not None:
            return state.stood
        for shown in reversed(state.earlier_lists):
            if request.focus_shop_id in shown.shop_ids:
                return standing_point(shown.filters, turn.user, turn.context)
    return standing_point(filters, turn.user, turn.context)


def _state_after(
    state: DialogueState,
    request: Request,
    understanding: Understanding,
    cards: Sequence[Recommendation],
    where: Standing,
) -> DialogueState:
    """Return the dialogue's next state: "cheaper" is measured against the cards the reply spoke of."""
    lowest = min((c.price_won for c in cards[:MAX_SHOPS] if c.price_won), default=None)
    shown = [ShownCard(shop_id=c.shop_id, menu=c.menu, price_won=c.price_won, distance_m=c.distance_m) for c in cards]
    ids = [c.shop_id for c in cards]
    after = next_state(state, request, understanding, ids, lowest_price_won=lowest, shown_cards=shown)
    return after.model_copy(update={"stood": where}) if cards else after


def _here(user: UserProfile, context: TurnContext) -> Standing:
    if context.lat is not None and context.lon is not None:
        return Standing(lat=context.lat, lon=context.lon, district=context.district)
    for name in (context.place, context.district):
        if name and (place := place_named(name)):
            return Standing(lat=place.lat, lon=place.lon, district=place.district)
    if context.district:
        return Standing(district=context.district)
    return Standing(lat=user.lat, lon=user.lon, district=user.district)


def _with_location(understanding: Understanding, request: Request, turn: Turn) -> Understanding:
    """Fill ``location_filter`` from the dialogue, the turn or the profile where the utterance names no place."""
    if understanding.location_filter is not None or request.intent not in RECOMMENDING_INTENTS:
        return understanding
    filters = request.filters
    district = filters.district or standing_point(filters, turn.user, turn.context).district
    if not (district or filters.place):
        return understanding
    location = LocationFilter(
        district=district, place=filters.place, near_me=filters.near_me, max_distance_m=filters.max_distance_m
    )
    return understanding.model_copy(update={"location_filter": location})


def _variety(turn: Turn) -> int:
    """Return a number that differs from turn to turn of one session, and is the same when a turn is replayed."""
    return zlib.crc32(turn.session_id.encode()) + turn.state.n_turns
