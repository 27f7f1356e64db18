"""Every record that crosses a boundary: frozen pydantic models that forbid unknown keys, and the product's vocabularies."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from enum import StrEnum
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

KST = timezone(timedelta(hours=9), "KST")
"""Korea has one time zone and no daylight saving, so a fixed offset is exact."""

MAX_MESSAGE_CHARS = 1000
"""A longer chat message is refused with a clear error (a child's message is rarely over 60)."""


class Record(BaseModel):
    """Base of every contract: immutable, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _aware(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("expected a time with a UTC offset (2026-03-02T18:30:00+09:00), got one without")
    return value


AwareDatetime = Annotated[datetime, AfterValidator(_aware)]

# --------------------------------------------------------------------------- vocabularies


class Intent(StrEnum):
    """What the user wants; ``aiyam.nlu.labels`` tells the rule that decides between neighbours."""

    FOOD_RECOMMENDATION = "FOOD_RECOMMENDATION"
    BUDGET_FOOD_INQUIRY = "BUDGET_FOOD_INQUIRY"
    GOOD_SHOP_INQUIRY = "GOOD_SHOP_INQUIRY"
    LOCATION_INQUIRY = "LOCATION_INQUIRY"
    OPENING_HOURS_INQUIRY = "OPENING_HOURS_INQUIRY"
    MENU_INQUIRY = "MENU_INQUIRY"
    SHOP_DETAIL = "SHOP_DETAIL"
    MEAL_CARD_INQUIRY = "MEAL_CARD_INQUIRY"
    REFINE = "REFINE"
    FEEDBACK = "FEEDBACK"
    GREETING = "GREETING"
    THANKS = "THANKS"
    HELP = "HELP"
    SMALL_TALK = "SMALL_TALK"
    SAFETY = "SAFETY"
    OUT_OF_SCOPE = "OUT_OF_SCOPE"


RECOMMENDING_INTENTS = frozenset(
    {
        Intent.FOOD_RECOMMENDATION,
        Intent.BUDGET_FOOD_INQUIRY,
        Intent.GOOD_SHOP_INQUIRY,
        Intent.LOCATION_INQUIRY,
        Intent.REFINE,
    }
)
"""Intents answered with a list of shops."""

SHOP_QUESTION_INTENTS = frozenset({Intent.OPENING_HOURS_INQUIRY, Intent.MENU_INQUIRY, Intent.SHOP_DETAIL})
"""Intents answered about one shop, named or referred to."""


class EntityType(StrEnum):
    """Kinds of span the understanding tags."""

    FOOD_TYPE = "food_type"
    MENU = "menu"
    SHOP_NAME = "shop_name"
    BUDGET = "budget"
    LOCATION = "location"
    COMPANION = "companion"
    DIETARY_PREFERENCE = "dietary_preference"
    TASTE = "taste"
    ALLERGY = "allergy"
    TIME_OF_DAY = "time_of_day"
    ATMOSPHERE = "atmosphere"
    PAYMENT = "payment"
    DISTANCE = "distance"
    ORDINAL = "ordinal"


Category = Literal[
    "한식",
    "중식",
    "일식",
    "양식",
    "분식",
    "치킨",
    "피자",
    "패스트푸드",
    "고기",
    "아시안",
    "카페",
    "베이커리",
    "도시락",
    "편의점",
]
CATEGORIES: tuple[Category, ...] = get_args(Category)
Taste = Literal["매운", "순한", "단", "짠", "담백한", "시원한", "따뜻한", "바삭한"]
TASTES: tuple[Taste, ...] = get_args(Taste)
Diet = Literal["건강식", "채식", "저염", "저당", "다이어트", "할랄"]
DIETS: tuple[Diet, ...] = get_args(Diet)
Allergen = Literal[
    "알류", "우유", "메밀", "땅콩", "대두", "밀", "고등어", "게", "새우", "돼지고기", "복숭아", "토마토", "아황산류", "호두", "닭고기",
    "쇠고기", "오징어", "조개류", "잣",
]  # fmt: skip
ALLERGENS: tuple[Allergen, ...] = get_args(Allergen)
"""The labelled allergens; 조개류 covers 굴, 전복 and 홍합, which the law counts singly (22)."""
Companion = Literal["alone", "friends", "family", "couple", "group"]
COMPANIONS: tuple[Companion, ...] = get_args(Companion)
TimeOfDay = Literal["breakfast", "lunch", "snack", "dinner", "late_night"]
TIMES_OF_DAY: tuple[TimeOfDay, ...] = get_args(TimeOfDay)
Atmosphere = Literal["조용한", "혼밥", "넓은", "깨끗한", "놀이방"]
ATMOSPHERES: tuple[Atmosphere, ...] = get_args(Atmosphere)
Sort = Literal["price", "distance", "rating"]
SORTS: tuple[Sort, ...] = get_args(Sort)
AgeBand = Literal["7-9", "10-12", "13-15", "16-18", "adult"]
AGE_BANDS: tuple[AgeBand, ...] = get_args(AgeBand)
Funnel = Literal["collaborative", "content", "contextual", "popularity"]
FUNNELS: tuple[Funnel, ...] = get_args(Funnel)
"""Column order of every (n, 4) funnel array."""
TasteType = Literal["healthy_eater", "convenience_seeker", "gourmet", "budget_conscious"]
TASTE_TYPES: tuple[TasteType, ...] = get_args(TasteType)
YesNoUnknown = Literal["yes", "no", "unknown"]


def time_of_day_at(hour: int) -> TimeOfDay:
    """Name the meal time an hour of the day (0-23) belongs to.

    >>> time_of_day_at(12), time_of_day_at(23)
    ('lunch', 'late_night')
    """
    if 5 <= hour < 10:
        return "breakfast"
    if 10 <= hour < 14:
        return "lunch"
    if 14 <= hour < 17:
        return "snack"
    if 17 <= hour < 21:
        return "dinner"
    return "late_night"


# --------------------------------------------------------------------------- understanding


class Filters(Record):
    """Constraints with their direction; the one vocabulary for NLU, retrieval, annotation and exports. Won and metres, inclusive."""

    category: tuple[Category, ...] | None = None
    menus: tuple[str, ...] | None = None
    exclude_menus: tuple[str, ...] | None = None
    taste: tuple[Taste, ...] | None = None
    exclude_taste: tuple[Taste, ...] | None = None
    dietary_preferences: tuple[Diet, ...] | None = None
    allergies: tuple[Allergen, ...] | None = None
    companion: Companion | None = None
    time_of_day: TimeOfDay | None = None
    open_now: Literal[True] | None = None
    meal_card: Literal[True] | None = None
    good_shop: Literal[True] | None = None
    delivery: Literal[True] | None = None
    takeout: Literal[True] | None = None
    budget_min: int | None = Field(None, ge=0)
    budget_max: int | None = Field(None, ge=0)
    district: str | None = None
    place: str | None = None
    near_me: Literal[True] | None = None
    max_distance_m: int | None = Field(None, ge=0)
    atmosphere: tuple[Atmosphere, ...] | None = None
    sort: Sort | None = None
    ordinal: int | None = Field(None, ge=1)

    @field_validator(
        "category", "menus", "exclude_menus", "taste", "exclude_taste", "dietary_preferences", "allergies", "atmosphere",
        mode="before",
    )  # fmt: skip
    @classmethod
    def _one_value_may_stand_alone(cls, value: Any) -> Any:
        # A list becomes the tuple it stands for, so that JSON also validates strictly.
        return (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list) else value

    def given(self) -> dict[str, Any]:
        """Return only the keys that are set, as JSON types; one category stands alone, several are a list.

        >>> Filters(category=("치킨",), taste=("매운",)).given()
        {'category': '치킨', 'taste': ['매운']}
        """
        given = self.model_dump(mode="json", exclude_none=True)
        if len(given.get("category", ())) == 1:
            given["category"] = given["category"][0]
        return given


class Entity(Record):
    """One tagged span: code-point offsets, end exclusive; ``utterance[start:end] == text``."""

    entity: EntityType
    value: str | int
    text: str
    start: int = Field(ge=0)
    end: int = Field(gt=0)

    @model_validator(mode="after")
    def _span_has_its_text(self) -> Entity:
        if self.end - self.start != len(self.text):
            raise ValueError(f"expected end - start == len(text), got {self.start}..{self.end} for {self.text!r}")
        return self


class LocationFilter(Record):
    """Where to look, as resolved: from the utterance, else from the profile."""

    district: str | None = None
    place: str | None = None
    near_me: Literal[True] | None = None
    max_distance_m: int | None = None


class Understanding(Record):
    """What one utterance says (``chatbot_output`` in exported records)."""

    original_query: str
    intent: Intent
    confidence: float = Field(ge=0, le=1)
    entities: tuple[Entity, ...] = ()
    semantic_query: str = ""
    filters: Filters = Filters()
    budget_filter: int | None = None
    location_filter: LocationFilter | None = None

    @model_validator(mode="after")
    def _spans_stand_in_the_text(self) -> Understanding:
        for e in self.entities:
            if self.original_query[e.start : e.end] != e.text:
                raise ValueError(f"expected {e.text!r} at {e.start}..{e.end} of {self.original_query!r}")
        return self


# --------------------------------------------------------------------------- who, where, when


class UserProfile(Record):
    """What the pipeline may know of the person; every field but the id may be missing. The id is a pseudonym."""

    user_id: str = Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.:-]+$")
    label: str = ""
    birthday: date | None = None
    age: int | None = Field(None, ge=0, le=120)
    district: str | None = None
    city: str | None = None
    province: str | None = None
    lat: float | None = Field(None, ge=-90, le=90)
    lon: float | None = Field(None, ge=-180, le=180)
    has_card: bool = False
    card_balance_won: int | None = Field(None, ge=0)
    card_meal_limit_won: int | None = Field(None, ge=0)
    card_monthly_limit_won: int | None = Field(None, ge=0)
    allergies: tuple[Allergen, ...] = ()
    dietary_preferences: tuple[Diet, ...] = ()
    taste_type: TasteType | None = None
    is_guardian: bool = False

    @property
    def payable_won(self) -> int | None:
        """The most that one meal may cost on the card: its limit a meal or what is left on it; None where unknown."""
        known = [won for won in (self.card_meal_limit_won, self.card_balance_won) if won is not None]
        return min(known) if self.has_card and known else None

    @property
    def age_band(self) -> AgeBand:
        """Band for the reply's register; an unknown age reads as 10-12 (easy, not childish)."""
        if self.is_guardian:
            return "adult"
        if self.age is None:
            return "10-12"
        for band, top in (("7-9", 9), ("10-12", 12), ("13-15", 15), ("16-18", 18)):
            if self.age <= top:
                return band  # type: ignore[return-value]
        return "adult"


class TurnContext(Record):
    """Where and when the turn happens. ``now`` carries an offset; place fields override the profile's."""

    now: AwareDatetime
    district: str | None = None
    place: str | None = None
    lat: float | None = Field(None, ge=-90, le=90)
    lon: float | None = Field(None, ge=-180, le=180)


class Standing(Record):
    """The point distances are measured from, None where unknown, and its district."""

    lat: float | None = Field(None, ge=-90, le=90)
    lon: float | None = Field(None, ge=-180, le=180)
    district: str | None = None


class ShownList(Record):
    """A list of shops shown before the newest one, and the constraints and words it answered; topics count from 0."""

    shop_ids: tuple[str, ...]
    filters: Filters = Filters()
    words: str = ""
    topic: int = 0


class ShownCard(Record):
    """What the card of a shop told, so that a later answer repeats it: the dish, its price, how far it is."""

    shop_id: str
    menu: str | None = None
    price_won: int | None = None
    distance_m: int | None = None


class DialogueState(Record):
    """What a follow-up may refer to; carried from one trace into the next turn. Prices are those on the cards shown.

    ``shown_cards`` are those of the newest list.
    ``words`` are the child's own, masked, where they wished for what no filter holds ("뜨끈한 국물").
    ``earlier_lists`` come oldest first, ``spoken_shop_ids`` (shops asked about) newest first. ``asks`` tells that the last
    reply asked something back; where it asked which shop, ``offered_shop_ids`` are its choices, and where it offered to
    look elsewhere, ``offered_filters`` and ``offered_words`` are what a yes asks for. ``asked_intent`` and ``asked_text`` are the
    last question about a shop of the newest list, which "두 번째는?" asks again. ``gave_up`` is what the newest list gave up,
    ``stood`` where it was asked for: distances to its shops are measured from there.
    """

    filters: Filters = Filters()
    intent: Intent | None = None
    semantic_query: str = ""
    words: str = ""
    shown_shop_ids: tuple[str, ...] = ()
    gave_up: tuple[str, ...] = ()
    shown_cards: tuple[ShownCard, ...] = ()
    stood: Standing | None = None
    rejected_shop_ids: tuple[str, ...] = ()
    focus_shop_id: str | None = None
    lowest_price_won: int | None = None
    n_turns: int = 0
    topic: int = 0
    topic_over: bool = False
    earlier_lists: tuple[ShownList, ...] = ()
    spoken_shop_ids: tuple[str, ...] = ()
    asked_intent: Intent | None = None
    asked_text: str = ""
    offered_shop_ids: tuple[str, ...] = ()
    offered_filters: Filters | None = None
    offered_words: str = ""
    asks: bool = False


class Turn(Record):
    """One request to the pipeline. ``message`` is raw here; the pipeline masks personal data before anything else.

    ``at`` is the moment the message came, where another was chosen to answer for (``context.now``); None where they are one.
    ``leave_out`` names shops not to show unless nothing else is left: those of the answer that is given anew.
    """

    turn_id: str
    session_id: str
    user: UserProfile
    message: str
    context: TurnContext
    at: AwareDatetime | None = None
    state: DialogueState = DialogueState()
    leave_out: tuple[str, ...] = ()


# --------------------------------------------------------------------------- what comes out


class Recommendation(Record):
    """One shop as shown on a card; every fact is from the catalogue row it names."""

    shop_id: str
    rank: int = Field(ge=1)
    score: float
    funnels: dict[Funnel, float] = Field(default_factory=dict)
    name: str
    category: str
    district: str = ""
    address: str = ""
    reason: str = ""
    menu: str | None = None
    price_won: int | None = None
    distance_m: int | None = None
    open_state: Literal["open", "break", "closed", "unknown"] = "unknown"
    open_until: str | None = None
    opens_at: str | None = None
    meal_card: YesNoUnknown = "unknown"
    good_shop: bool = False
    allergy_note: str | None = None
    rating: float | None = None
    lat: float | None = None
    lon: float | None = None
    propensity: float | None = Field(None, ge=0, le=1)
    """Probability of this shop at this place of the list; 1 where nothing was left to chance."""
    shown_propensity: float | None = Field(None, ge=0, le=1)
    """Probability of this shop anywhere in the list."""
    synthetic: bool = False


class Exploration(Record):
    """How a list was drawn: ``list_propensity`` is the probability of just these shops in this order.

    ``temperature`` 0 is a list that was only sorted.
    """

    temperature: float = Field(0.0, ge=0)
    list_propensity: float = Field(1.0, ge=0, le=1)


AboutBot = Literal["ai", "love", "record"]
"""What a message asks of the bot itself: whether it is human, its affection, or who reads what is written."""


class SafetyVerdict(Record):
    """What the screen decided for one text. ``kinds`` are machine names ("self_harm", "alcohol", "injection", "phone").

    ``found_by`` says who took it for one to escalate or refuse; ``chance`` is the trained classifier's for that action
    (for the likelier of the two where neither was taken), None without one. ``about`` says what a message asks of the bot
    itself, for the classifier's taking.
    """

    action: Literal["answer", "escalate", "refuse", "mask"] = "answer"
    kinds: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    found_by: tuple[Literal["rules", "classifier", "understanding"], ...] = ()
    chance: float | None = Field(None, ge=0, le=1)
    about: AboutBot | None = None


class GroundingVerdict(Record):
    """Whether every fact of a reply stands in the database rows it came from."""

    grounded: bool = True
    ungrounded: tuple[str, ...] = ()
    replaced: bool = False


class StageTime(Record):
    """Milliseconds each stage of the turn took."""

    understand: float = 0.0
    candidates: float = 0.0
    rank: float = 0.0
    reply: float = 0.0
    total: float = 0.0


class Versions(Record):
    """Model version that served each component."""

    nlu: str = ""
    ranker: str = ""
    nlg: str = ""
    child: str = ""
    safety: str = ""


class Arm(Record):
    """The experiment a turn took part in."""

    name: str
    arm: str


CompareAspect = Literal["price", "distance", "rating", "closing", "open", "walk", "general"]
"""What several shops on the screen are compared by; ``walk`` asks which are near enough to walk to."""
QuestionKind = Literal[
    "unsure", "where", "which_shop", "unknown_shop", "still_unknown_shop", "beyond_list", "look_here", "not_here", "korean_only",
]  # fmt: skip
"""What is asked back: what was meant, where, which shop; that a shop, a number or a place is not known; that only Korean is."""


class Question(Record):
    """What is asked back instead of answering, or said where asking would not help; the reply finds the words.

    ``place`` is the one that has no shops, ``city`` where there are some, ``n_shown`` how long the list is that a number
    went beyond, ``shops`` the names that stand in the choices.
    """

    kind: QuestionKind
    place: str | None = None
    city: str | None = None
    n_shown: int | None = None
    shops: tuple[str, ...] = ()

    @property
    def waits(self) -> bool:
        """Whether an answer is waited for; a notice ("I do not know that shop either") waits for none."""
        return self.kind not in ("still_unknown_shop", "not_here", "korean_only")


class ReplyPlan(Record):
    """What to say, decided as data before any backend words it."""

    kind: Literal[
        "recommend", "no_result", "hours", "menu", "detail", "compare", "card", "feedback", "greeting", "thanks", "help",
        "small_talk", "safety", "refuse", "out_of_scope", "clarify", "error",
    ]  # fmt: skip
    age_band: AgeBand
    shops: tuple[Recommendation, ...] = ()
    relaxed: tuple[str, ...] = ()
    question: Question | None = None
    choices: tuple[str, ...] = ()
    facts: dict[str, Any] = Field(default_factory=dict)


class Trace(Record):
    """The whole turn: everything the chat's turn panel shows, the log stores and replay needs.

    ``timestamp`` is when it happened; ``chosen_time`` the moment it was answered for, where someone chose one.
    ``backend`` worded the reply and ``reader`` read the message (empty in turns stored before it was recorded). Each has
    its ``fallback``: why the one meant to do it did not ("timeout"; "safety" where danger kept the message in house).
    """

    turn_id: str
    session_id: str
    timestamp: AwareDatetime
    chosen_time: AwareDatetime | None = None
    user_id: str
    user_input: str
    understanding: Understanding
    safety: SafetyVerdict = SafetyVerdict()
    funnel_counts: dict[Funnel, int] = Field(default_factory=dict)
    n_candidates: int = 0
    relaxed: tuple[str, ...] = ()
    recommendations: tuple[Recommendation, ...] = ()
    exploration: Exploration | None = None
    plan: ReplyPlan
    response: str
    backend: str = "template"
    fallback: str | None = None
    reader: Literal["", "trained", "language_model"] = ""
    reader_fallback: str | None = None
    grounding: GroundingVerdict = GroundingVerdict()
    stage_ms: StageTime = StageTime()
    versions: Versions = Versions()
    experiment: Arm | None = None
    state: DialogueState = DialogueState()
    synthetic: bool = False

    @property
    def answered_for(self) -> datetime:
        """The moment whose opening hours and mealtime the answer speaks of."""
        return self.chosen_time or self.timestamp


# --------------------------------------------------------------------------- events of Pipeline.stream


class Understood(Record):
    """First event: what the message says."""

    kind: Literal["understood"] = "understood"
    understanding: Understanding
    safety: SafetyVerdict


class CandidatesFound(Record):
    """Second event, only when shops are looked up."""

    kind: Literal["candidates"] = "candidates"
    n_candidates: int
    funnel_counts: dict[Funnel, int]
    relaxed: tuple[str, ...]


class Ranked(Record):
    """Third event, only when shops are shown."""

    kind: Literal["ranked"] = "ranked"
    recommendations: tuple[Recommendation, ...]


class TextChunk(Record):
    """A piece of the reply, in order."""

    kind: Literal["text"] = "text"
    text: str


class Done(Record):
    """Last event: the full trace."""

    kind: Literal["done"] = "done"
    trace: Trace


Event = Understood | CandidatesFound | Ranked | TextChunk | Done

# --------------------------------------------------------------------------- records

FeedbackType = Literal["clicked", "ordered", "favorited", "rated", "thumb"]
FEEDBACK_TYPES: tuple[FeedbackType, ...] = get_args(FeedbackType)


class ShownShop(Record):
    """One line of ``recommendations_shown`` in a conversation record."""

    shop_id: str
    rank: int
    score: float
    funnels: dict[str, float]
    propensity: float | None = None
    shown_propensity: float | None = None


class ConversationRecord(Record):
    """One exported turn (``conversations_*.jsonl``)."""

    turn_id: str
    session_id: str
    timestamp: AwareDatetime
    chosen_time: AwareDatetime | None = None
    user_id: str
    user_input: str
    chatbot_output: Understanding
    recommendations_shown: tuple[ShownShop, ...]
    exploration: Exploration | None = None
    final_response: str
    stage_ms: StageTime
    versions: Versions
    experiment: Arm | None = None

    @classmethod
    def of(cls, trace: Trace) -> ConversationRecord:
        """Project a trace onto the exported shape."""
        shown = tuple(
            ShownShop(
                shop_id=r.shop_id,
                rank=r.rank,
                score=r.score,
                funnels=dict(r.funnels),
                propensity=r.propensity,
                shown_propensity=r.shown_propensity,
            )
            for r in trace.recommendations
        )
        return cls(
            turn_id=trace.turn_id,
            session_id=trace.session_id,
            timestamp=trace.timestamp,
            chosen_time=trace.chosen_time,
            user_id=trace.user_id,
            user_input=trace.user_input,
            chatbot_output=trace.understanding,
            recommendations_shown=shown,
            exploration=trace.exploration,
            final_response=trace.response,
            stage_ms=trace.stage_ms,
            versions=trace.versions,
            experiment=trace.experiment,
        )


class FeedbackRecord(Record):
    """One act of feedback (``feedbacks_*.jsonl``). ``thumb`` carries its direction in the score: 5 up, 1 down."""

    turn_id: str = Field(min_length=1, max_length=64)
    user_id: str = Field(min_length=1, max_length=64)
    shop_id: str | None = Field(None, max_length=64)
    feedback_type: FeedbackType
    satisfaction_score: int | None = Field(None, ge=1, le=5)
    reason: str | None = Field(None, max_length=500)
    correction: str | None = Field(None, max_length=1000)
    timestamp: AwareDatetime

    @model_validator(mode="after")
    def _score_where_it_is_needed(self) -> FeedbackRecord:
        if self.feedback_type in ("rated", "thumb") and self.satisfaction_score is None:
            raise ValueError(f"expected satisfaction_score 1..5 with feedback_type {self.feedback_type!r}, got none")
        if self.feedback_type in ("clicked", "ordered", "favorited") and self.shop_id is None:
            raise ValueError(f"expected shop_id with feedback_type {self.feedback_type!r}, got none")
        return self


# --------------------------------------------------------------------------- HTTP bodies


class ChatContext(Record):
    """Optional place and time of a chat request; the server's clock and the stored profile fill what is missing."""

    now: AwareDatetime | None = None
    district: str | None = Field(None, max_length=40)
    place: str | None = Field(None, max_length=40)
    lat: float | None = Field(None, ge=-90, le=90)
    lon: float | None = Field(None, ge=-180, le=180)


USER_ID_PATTERN = r"^[A-Za-z0-9_.:-]{1,64}$"


class ChatRequest(Record):
    """Body of ``POST /chat``."""

    user_id: str = Field(pattern=USER_ID_PATTERN)
    message: str = Field(max_length=MAX_MESSAGE_CHARS)
    session_id: str | None = Field(None, pattern=USER_ID_PATTERN)
    context: ChatContext | None = None


class ChatResponse(Record):
    """Answer of ``POST /chat``: the top three shops and what the system thought."""

    response: str
    recommendations: tuple[Recommendation, ...]
    turn_id: str
    session_id: str
    debug: dict[str, Any]


class RecommendationsRequest(Record):
    """Body of ``POST /recommendations``: ranks for an understanding the caller already has."""

    user_id: str = Field(pattern=USER_ID_PATTERN)
    user_profile: UserProfile | None = None
    chatbot_output: Understanding
    context: ChatContext | None = None
    top_k: int = Field(10, ge=1, le=150)


class RecommendationsResponse(Record):
    """Answer of ``POST /recommendations``; ``explanations`` maps shop_id to plain Korean."""

    user_id: str
    original_query: str
    recommendations: tuple[Recommendation, ...]
    explanations: dict[str, str]
    metadata: dict[str, Any]


class FeedbackRequest(Record):
    """Body of ``POST /feedback``; the server stamps the time."""

    turn_id: str = Field(min_length=1, max_length=64)
    user_id: str = Field(pattern=USER_ID_PATTERN)
    shop_id: str | None = Field(None, max_length=64)
    feedback_type: FeedbackType
    satisfaction_score: int | None = Field(None, ge=1, le=5)
    reason: str | None = Field(None, max_length=500)
    correction: str | None = Field(None, max_length=1000)


class Problem(Record):
    """Error body (RFC 9457 problem details)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str


# --------------------------------------------------------------------------- data in


class Shop(Record):
    """One shop row as importers and the synthetic city write it.

    Hours are minutes after midnight (``close_min`` past 1440 is the next day; ``open_min`` None is unknown); ``off_days``
    is a bit mask, bit 0 Monday. ``allergens_published`` says the shop states its allergens, so an unlisted one is absent.
    """

    shop_id: str
    name: str
    category: str
    category_confidence: float = 1.0
    brand: str | None = None
    province: str = ""
    city: str = ""
    district: str = ""
    dong: str = ""
    address: str = ""
    lat: float | None = None
    lon: float | None = None
    phone: str | None = None
    open_min: int | None = None
    close_min: int | None = None
    break_start_min: int | None = None
    break_end_min: int | None = None
    off_days: int = 0
    meal_card: YesNoUnknown = "unknown"
    good_shop: bool = False
    message: str | None = None
    allergens_published: bool = False
    atmosphere: tuple[Atmosphere, ...] = ()
    delivery: bool = False
    takeout: bool = False
    venue: Literal["ok", "review", "blocked"] = "ok"
    venue_reason: str | None = None
    source: str = "synthetic"


class RejectedRow(Record):
    """One row an importer could not use: where it stood and why."""

    sheet: str
    row: int
    column: str
    value: str
    reason: str


class ImportReport(Record):
    """What an import did, by count; rejects are in the named file."""

    source: str
    rows_read: int
    shops: int = 0
    menus: int = 0
    users: int = 0
    interactions: int = 0
    new_shops: int = 0
    flagged_venues: int = 0
    rejected: int = 0
    repaired: int = 0
    rejects_file: str | None = None
    seconds: float = 0.0


# --------------------------------------------------------------------------- models and progress


class Progress(Record):
    """One progress event of a long task; ``fraction`` runs 0..1."""

    stage: str
    fraction: float = Field(ge=0, le=1)
    message: str = ""
    metrics: dict[str, float] = Field(default_factory=dict)


class InstructionRow(Record):
    """One row a language model is tuned on: what it is told, what it is given, and the answer it should have written.

    Objects are written as compact JSON; ``turn_id`` names the turn a row was made from.
    """

    instruction: str = Field(min_length=1)
    input: str | dict[str, Any]
    output: str | dict[str, Any]
    turn_id: str | None = None

    @model_validator(mode="after")
    def _answers_something(self) -> InstructionRow:
        if not self.instruction.strip():
            raise ValueError("expected an instruction, got blanks")
        if not (self.output.strip() if isinstance(self.output, str) else self.output):
            raise ValueError("expected an output, got an empty one")
        return self


class Manifest(Record):
    """``manifest.json`` of a sealed model version; written last, so half a model is never a model."""

    component: str
    version: str
    created_at: AwareDatetime
    parents: tuple[str, ...] = ()
    dataset: str = ""
    dataset_sha256: str = ""
    config: dict[str, Any] = Field(default_factory=dict)
    feature_table: tuple[str, ...] = ()
    metrics: dict[str, Any] = Field(default_factory=dict)
    code_revision: str = ""
    packages: dict[str, str] = Field(default_factory=dict)
    checksums: dict[str, str] = Field(default_factory=dict)
