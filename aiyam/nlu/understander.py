"""One utterance in, one Understanding out: models, rules and values put together."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from aiyam.contracts import (
    RECOMMENDING_INTENTS,
    DialogueState,
    Entity,
    EntityType,
    Filters,
    Intent,
    LocationFilter,
    Understanding,
)
from aiyam.errors import ModelError
from aiyam.korean.letter_scan import LetterScan
from aiyam.nlu.gazetteer import Gazetteer
from aiyam.nlu.llm import with_model_filters
from aiyam.nlu.model import Reading
from aiyam.nlu.reader import Reader, WithFallback, load_reader, read_many
from aiyam.nlu.topics import TOPICS
from aiyam.nlu.values import NO_FILTERS, Span, filters_of, is_negated, read_amount, semantic_query, value_of
from aiyam.registry import open_sealed

COMPONENT = "nlu"
_TRUSTED = frozenset(
    {EntityType.BUDGET, EntityType.DISTANCE, EntityType.ALLERGY, EntityType.PAYMENT, EntityType.ORDINAL}
)
"""Kinds whose rules are precise enough to add a span the tagger left out."""
_TALK = frozenset({Intent.GREETING, Intent.THANKS, Intent.HELP, Intent.SMALL_TALK, Intent.SAFETY, Intent.OUT_OF_SCOPE})
_KNOWN_KINDS = frozenset(EntityType)


class Understander:
    """Understands Korean utterances about eating; one object serves every thread that takes turns with it."""

    def __init__(self, model: Reader, version: str) -> None:
        """Wrap a model trained on the product's intents.

        Raises:
            ModelError: the model was trained on other labels (a public corpus, say).
        """
        unknown = sorted(set(model.intents.labels) - set(Intent))
        if unknown:
            raise ModelError(
                f"Expected a model of the intents {', '.join(list(Intent)[:3])}…, got one that also answers {unknown[0]!r}.",
                hint="Serve a model trained on datasets/nlu, or use NluModel for other label sets.",
            )
        self.model = model
        self.version = version

    @classmethod
    def load(cls, folder: Path, gazetteer: Gazetteer) -> Understander:
        """Open a sealed version.

        Raises:
            ModelError: the folder is missing, damaged, or holds something else.
        """
        manifest = open_sealed(folder, COMPONENT)
        model = load_reader(folder, gazetteer)
        model.read("신림역 떡볶이")  # fills the lazy place and spelling tables, so that the first child does not wait
        return cls(model, manifest.version)

    def with_gazetteer(self, gazetteer: Gazetteer) -> Understander:
        """Return the same understanding with other names of shops and dishes; this one goes on with its own."""
        return Understander(self.model.with_gazetteer(gazetteer), self.version)

    def understand(self, text: str, *, state: DialogueState | None = None, in_house: bool = False) -> Understanding:
        """Understand one utterance; any string is safe. Spans are code points of the text given.

        Args:
            text: the utterance, personal data already masked.
            state: the dialogue so far; "the last one" needs to know how many shops were shown.
            in_house: ask no language model: what a child in danger writes is sent nowhere and waits for nothing.
        """
        return self.finish(text, self.read(text, in_house=in_house), state)

    def read(self, text: str, *, in_house: bool = False) -> Reading:
        """Read one utterance, the first half of ``understand``; the reading tells which reader gave it."""
        text = encodable(text)
        if in_house and isinstance(self.model, WithFallback):
            return self.model.read_in_house(text)
        return self.model.read(text)

    def understand_many(self, texts: Sequence[str]) -> list[Understanding]:
        """Understand many utterances, each as the first of a conversation; several times faster than one by one."""
        readings = read_many(self.model, [encodable(text) for text in texts])
        return [self.finish(text, reading) for text, reading in zip(texts, readings, strict=True)]

    def finish(self, text: str, reading: Reading, state: DialogueState | None = None) -> Understanding:
        """Give a reading of ``text`` its values and rules, the second half of ``understand``."""
        text = encodable(text)
        plain = reading.text.text
        if not plain.strip():
            return Understanding(original_query=text, intent=Intent.SMALL_TALK, confidence=0.0)
        quiet = _QUIET_WISH.fullmatch(plain.strip()) is not None
        spans = list(reading.evidence) if quiet else final_spans(reading, self.model.gazetteer)
        intent, confidence = decide_intent(reading, spans, quiet=quiet)
        if intent in _TALK:
            spans = []
        elif intent in RECOMMENDING_INTENTS:
            spans = with_rules(plain, spans, reading.evidence)
        n_shown = len(state.shown_shop_ids) if state else 0
        filters = filters_of(plain, intent, spans, n_shown=n_shown)
        if intent == reading.intent and intent not in NO_FILTERS:
            filters = with_model_filters(filters, reading)
        shop = next((plain[s.start : s.end] for s in spans if s.entity == EntityType.SHOP_NAME), "")
        return Understanding(
            original_query=text,
            intent=intent,
            confidence=min(1.0, max(0.0, confidence)),
            entities=tuple(_entity(text, s, reading) for s in spans),
            semantic_query=semantic_query(filters, intent, shop_name=shop),
            filters=filters,
            budget_filter=filters.budget_max,
            location_filter=location_of(filters),
        )


def encodable(text: str) -> str:
    """Return the text with every half of a surrogate pair that stands alone replaced, so that it can be written as UTF-8."""
    return _HALVES.sub("\ufffd", text)


_HALVES = re.compile("[\ud800-\udfff]")


def final_spans(reading: Reading, gazetteer: Gazetteer) -> list[Span]:
    """Give the tagger's spans their values, and add what precise rules found outside them."""
    plain = reading.text.text
    spans: list[Span] = []
    for label, start, end in reading.spans:
        if label not in _KNOWN_KINDS:
            continue
        span = _valued(plain, label, start, end, reading.evidence, gazetteer)
        if span is not None:
            spans.append(span)
    for found in reading.evidence:
        if found.entity in _TRUSTED and all(found.end <= s.start or found.start >= s.end for s in spans):
            spans.append(found)
    return sorted(spans, key=lambda s: s.start)


_WITH = re.compile(
    r"[이가]\s?먹을|[이가]\s?.{1,12}(?:사\s?준|사준|먹고\s?싶|먹재|싶대|싶다)|[이가는]?\s?.{1,8}(?:알레르기|못\s?먹)|\s?(?:이?랑|하고|와|과|끼리|데리고|모시고|같이|함께|도\s?(?:같이|먹))"
)


def with_rules(plain: str, spans: Sequence[Span], evidence: Sequence[Span]) -> list[Span]:
    """Add what the rules found where the tagger is silent, in a request for shops; company only beside "with"."""
    added = list(spans)
    for found in evidence:
        if found.source in ("fuzzy", "shop") or any(found.end > s.start and found.start < s.end for s in added):
            continue
        if found.entity != EntityType.COMPANION or _WITH.match(plain, found.end) or found.value in ("alone", "couple"):
            added.append(found)
    return sorted(added, key=lambda s: s.start)


def _valued(
    plain: str, label: str, start: int, end: int, evidence: Sequence[Span], gazetteer: Gazetteer
) -> Span | None:
    for found in evidence:
        if found.entity == label and found.start < end and found.end > start:
            if label in _TRUSTED:
                start, end = found.start, found.end
            if label == EntityType.MENU and end - start > found.end - found.start:  # 당근김밥 is more than 김밥
                surface = plain[start:end]
                return Span(
                    label, gazetteer.dish(surface) or surface, start, end, is_negated(plain, start, end), source="model"
                )
            return Span(
                label,
                found.value,
                start,
                end,
                found.negated or is_negated(plain, start, end),
                found.low,
                found.high,
                "model",
            )
    value = value_of(label, plain[start:end], gazetteer)
    if value is None:
        return None
    low, high = read_amount(plain[start:end]) if label == EntityType.BUDGET else (0, 0)
    return Span(label, value, start, end, is_negated(plain, start, end), low, high, "model")


def decide_intent(reading: Reading, spans: Sequence[Span], *, quiet: bool = False) -> tuple[Intent, float]:
    """Apply the annotators' rules between neighbours, where the spans settle what the words leave open.

    ``quiet`` says that the utterance wishes for quiet and nothing else.
    """
    intent, confidence = Intent(reading.intent), reading.confidence
    kinds = {s.entity for s in spans}
    plain = reading.text.text.strip()
    warnings: dict[str, int] = {}
    for number, _, _, end in _WARNINGS.find(plain):
        warnings.setdefault(_WARNINGS.names[number], end)
    if "danger" in warnings:
        return Intent.SAFETY, max(confidence, 0.6)
    if quiet:
        return intent if intent in RECOMMENDING_INTENTS else Intent.REFINE, max(confidence, 0.6)
    if _BARE_REQUEST.fullmatch(plain):
        return Intent.FOOD_RECOMMENDATION, max(confidence, 0.9)
    chances = dict(reading.ranking)
    if intent != Intent.SAFETY and chances.get(Intent.SAFETY, 0.0) >= _ENOUGH_DANGER:
        return Intent.SAFETY, max(confidence, 0.6)
    if intent == Intent.OUT_OF_SCOPE and _is_food_in_latin(plain, reading.evidence):
        return Intent.FOOD_RECOMMENDATION, max(confidence, 0.6)
    off_topic = chances.get(Intent.OUT_OF_SCOPE, 0.0) >= _ENOUGH_OFF_TOPIC
    if off_topic and intent != Intent.SAFETY and not kinds & {EntityType.MENU, EntityType.FOOD_TYPE}:
        return Intent.OUT_OF_SCOPE, max(chances[Intent.OUT_OF_SCOPE], 1 - confidence)
    if intent in RECOMMENDING_INTENTS and any(
        topic in warnings and not _UNWANTED.match(plain, warnings[topic]) for topic in _NOT_FOR_CHILDREN
    ):
        return Intent.OUT_OF_SCOPE, max(confidence, 0.6)
    if intent == Intent.OPENING_HOURS_INQUIRY and not kinds & _OF_ONE_SHOP and _OPEN_PLACE.fullmatch(plain):
        return Intent.FOOD_RECOMMENDATION, max(confidence, 0.6)
    if intent == Intent.FOOD_RECOMMENDATION and EntityType.BUDGET in kinds:
        return Intent.BUDGET_FOOD_INQUIRY, max(confidence, 0.6)
    if intent == Intent.LOCATION_INQUIRY and kinds & {EntityType.MENU, EntityType.FOOD_TYPE}:
        return Intent.FOOD_RECOMMENDATION, max(confidence, 0.6)
    return intent, confidence


def _is_food_in_latin(plain: str, evidence: Sequence[Span]) -> bool:
    """Tell whether a text is English that names food: what it has of Korean are the words that were put in for it."""
    found = [s for s in evidence if s.entity in (EntityType.MENU, EntityType.FOOD_TYPE, EntityType.LOCATION)]
    rest = list(plain)
    for span in found:
        rest[span.start : span.end] = " " * (span.end - span.start)
    foods = any(s.entity != EntityType.LOCATION and not s.negated for s in found)
    return foods and _LATIN.search(plain) is not None and _HANGUL.search("".join(rest)) is None


_LATIN, _HANGUL = re.compile(r"[a-z]{2,}"), re.compile(r"[가-힣ㄱ-ㅣ]")
_OF_ONE_SHOP = frozenset({EntityType.SHOP_NAME, EntityType.ORDINAL})
_OPEN_PLACE = re.compile(
    r"(?!.*(?:거기|여기|저기|그\s?(?:집|가게|곳)))(?:.*\s)?(?:\d{1,2}시\s?(?:반|\d{1,2}분)?(?:에|부터|까지)|24시간?|새벽(?:에도?|까지)|밤늦게(?:까지)?|늦게까지|일찍|[월화수목금토일]요일에?도?|주말에?도?|아침(?:에|부터|일찍)?)\s?(?:문\s?)?(?:여는|하는|연|영업하는|열려\s?있는)\s?"
    r"(?:데|곳|집|가게|식당|[가-힣]{1,4}(?:집|점|가게|식당|카페))(?:(?:은|는|이|가|도|로|으로|만)?\s?(?:있|어디|없|알려|찾아|추천|가고)[가-힣 ]{0,8})?[?!.~ ]*"
)
"""Places wished for by when they are open: no shop is asked about."""
_ENOUGH_DANGER = 0.2
"""A chance of danger that is acted on: missing a child costs more than asking one too many (none more on the dev rows)."""
_ENOUGH_OFF_TOPIC = 0.25
"""A chance of being about something else that is acted on where no food is named."""
_DANGER = r"(?<![가-힣]서 )죽고\s?싶|죽어\s?버리고\s?싶|살기\s?싫|살고\s?싶지\s?않|그만\s?살고\s?싶|자살(?!골)|자해|손목을?\s?(?:긋|그었|그을)|뛰어내리고|사라지고\s?싶|유서"
"""Words that are danger in every sentence; they never wait for the model's opinion."""
_NOT_FOR_CHILDREN = ("alcohol", "adult")
_WARNINGS = LetterScan({"danger": {"": _DANGER}, **{topic: {"": TOPICS[topic]} for topic in _NOT_FOR_CHILDREN}})
_BARE_REQUEST = re.compile(
    r"(?:좀|빨리|그냥|아무거나|뭐라도)?\s?(?:맛집|밥|밥집|식당|음식|메뉴|먹을\s?거|맛있는\s?거)?\s?추천\s?(?:좀|점)?\s?(?:해\s?(?:줘|주세요|줄래|주라))?(?:요|용)?[~!.?ㅠㅜㅋㅎ ]*"
)
_QUIET_WISH = re.compile(
    r"(?:여기|거기|가게|식당)?(?:는|가|이|은)?\s?(?:너무|좀|많이|막|별로)?\s?(?:안\s?시끄(?:러|럽)[가-힣]*|시끄럽지\s?(?:않|안)[가-힣]*|시끄러운\s?(?:데|곳|거)[은는]?\s?(?:말고|싫어|빼고))(?:\s?(?:데|곳|집|가게|식당|거|걸로|좋겠[가-힣]*|해\s?줘|추천[가-힣]*|찾아\s?줘|알려\s?줘|없[가-힣]*|있[가-힣]*))*[~!.?ㅠㅜ ]*"
)
"""A wish for quiet and nothing else; the model has seen it too rarely to tell it from a complaint about home."""
_UNWANTED = re.compile(
    r"\s?(?:집|은|는|을|이|도)?\s?(?:말고|빼고|안\s?(?:파|팔|나|하|마시)|없[는고이]|아닌|아니고|(?:냄새|연기)(?:가|도|는)?\s?(?:안|없|싫|못)|(?:피우|마시|파)는\s?(?:사람|데|곳|집|어른)[은는이도]?\s?(?:없|말고|싫|빼고|아닌))"
)


def _entity(text: str, span: Span, reading: Reading) -> Entity:
    start, end = reading.text.span(span.start, span.end)
    return Entity(entity=EntityType(span.entity), value=span.value, text=text[start:end], start=start, end=end)


def location_of(filters: Filters) -> LocationFilter | None:
    """Project the place keys of the filters; None when the utterance names no place."""
    if not (filters.district or filters.place or filters.near_me or filters.max_distance_m is not None):
        return None
    return LocationFilter(
        district=filters.district, place=filters.place, near_me=filters.near_me, max_distance_m=filters.max_distance_m
    )
