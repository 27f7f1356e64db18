"""The understanding filled in by a language model: constrained JSON, of which only what the utterance bears out is kept."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal

from pydantic import ValidationError

from aiyam.contracts import EntityType, Filters, Intent
from aiyam.korean.spelling import MAX_CHARS, normalise
from aiyam.llm.interface import JsonAnswer, LanguageModel, LanguageModelError
from aiyam.nlu.borne_out import Claimed
from aiyam.nlu.examples import Example
from aiyam.nlu.gazetteer import Gazetteer
from aiyam.nlu.instructions import SHOTS, answer_schema, messages_for
from aiyam.nlu.model import Reading
from aiyam.nlu.values import find_evidence

UNTOLD_CONFIDENCE = 0.7
"""Confidence of an intent whose tokens' probabilities the backend does not tell."""
MAX_TOKENS = 400


@dataclass(frozen=True)
class FilledReading(Reading):
    """A reading with the constraints the model named that could be verified; ``dropped`` lists what could not."""

    reader: ClassVar[Literal["trained", "language_model"]] = "language_model"
    filters: Filters = field(default_factory=Filters)
    dropped: tuple[str, ...] = ()


@dataclass(frozen=True)
class ProductIntents:
    """The product's intents: all a language model may answer with."""

    labels: tuple[str, ...] = tuple(intent.value for intent in Intent)


class LanguageModelNlu:
    """Reads utterances with a language model, behind the interface of the trained ones.

    Entities must occur in the utterance (as typed, else as normalised) and get their offsets from it; every filter must
    be borne out by it (``Claimed.bears_out``). Spans then go through the same value rules as a trained model's.

    Args:
        model: the backend.
        gazetteer: names for the evidence.
        shots: worked rows for the prompt; fewer make it shorter.
        timeout_s: for one utterance in all.
    """

    def __init__(
        self,
        model: LanguageModel,
        gazetteer: Gazetteer,
        *,
        shots: Sequence[Example] = SHOTS,
        max_tokens: int = MAX_TOKENS,
        timeout_s: float = 5.0,
    ) -> None:
        self.model = model
        self.gazetteer = gazetteer
        self.intents = ProductIntents()
        self.shots = tuple(shots)
        self.max_tokens = max_tokens
        self.timeout_s = timeout_s
        self._schema = answer_schema()

    def with_gazetteer(self, gazetteer: Gazetteer) -> LanguageModelNlu:
        """Return the same reader with other names; this one goes on with its own."""
        other = copy(self)
        other.gazetteer = gazetteer
        return other

    def read(self, text: str) -> FilledReading:
        """Tell the intent of an utterance, its spans and the constraints it names.

        Raises:
            LanguageModelError: the backend gave no usable answer in time, or one without an intent of the product.
        """
        typed = _sound(text)
        if not normalise(typed).text.strip():
            return self.reading_of(typed, JsonAnswer({"intent": Intent.SMALL_TALK.value}, "", ()), confidence=0.0)
        answer = self.model.complete_json(
            messages_for(typed, self.shots), self._schema, max_tokens=self.max_tokens, timeout_s=self.timeout_s
        )
        return self.reading_of(typed, answer)

    def reading_of(self, text: str, answer: JsonAnswer, *, confidence: float | None = None) -> FilledReading:
        """Return what of a model's answer the utterance bears out.

        Raises:
            LanguageModelError: the answer has no intent of the product.
        """
        typed = _sound(text)
        plain = normalise(typed)
        evidence = tuple(find_evidence(plain.text, self.gazetteer))
        intent = answer.value.get("intent")
        if intent not in self.intents.labels:
            raise LanguageModelError(
                f"Expected one of the product's intents, got {str(intent)[:60]!r}.",
                reason="not_json",
                hint="Use a server that constrains decoding (response_format), or a larger model.",
            )
        dropped: list[str] = []
        said = Claimed(typed, plain, evidence, intent, self.gazetteer)
        spans = tuple(_verified_spans(_items(answer.value, "entities"), said, dropped))
        filters = _verified_filters(_items(answer.value, "filters"), replace(said, spans=spans), dropped)
        sure = confidence_of(answer, intent) if confidence is None else confidence
        return FilledReading(plain, evidence, intent, sure, ((intent, sure),), spans, filters, tuple(dropped))


def with_model_filters(filters: Filters, reading: Reading) -> Filters:
    """Add the constraints a language model named to those of the rules; where both speak, the rules do.

    Amounts and places are the rules' alone once they found any: "만원 이하" must not also become a lowest price.
    """
    if not isinstance(reading, FilledReading):
        return filters
    given = filters.given()
    said = reading.filters.given()
    taken = set(given)
    for group in (("budget_min", "budget_max"), ("district", "place", "near_me"), ("taste", "exclude_taste"), ("menus", "exclude_menus")):  # fmt: skip
        if taken & set(group):
            taken |= set(group)
    return Filters(**given, **{key: value for key, value in said.items() if key not in taken})


def confidence_of(answer: JsonAnswer, intent: str) -> float:
    """Return the probability of the tokens that spell the intent; ``UNTOLD_CONFIDENCE`` where they are not told.

    >>> pieces = (('{"intent":"', 0.0), ("HE", -0.1), ("LP", -0.1), ('"}', 0.0))
    >>> round(confidence_of(JsonAnswer({"intent": "HELP"}, '{"intent":"HELP"}', pieces), "HELP"), 3)
    0.819
    """
    start = answer.text.find(f'"{intent}"') + 1
    end = start + len(intent)
    at, total, spelt = 0, 0.0, ""
    for piece, log_probability in answer.tokens:
        if at >= end:
            break
        if at + len(piece) > start:
            total += log_probability
        at += len(piece)
        spelt += piece
    if not start or at < end or spelt[:end] != answer.text[:end]:
        return UNTOLD_CONFIDENCE
    return math.exp(min(0.0, total))  # some servers' log-probabilities lie above 0


def _sound(text: str) -> str:
    """Cut a text where reading ends, and replace lone surrogates, which no JSON can carry."""
    return "".join("\ufffd" if 0xD800 <= ord(c) <= 0xDFFF else c for c in text[:MAX_CHARS])


def _items(value: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """Return the objects of a list, however little a backend that is not held to the schema kept to it."""
    found = value.get(key)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _verified_spans(items: Sequence[dict[str, Any]], said: Claimed, dropped: list[str]) -> list[tuple[str, int, int]]:
    """Find each entity in the utterance; what is not there, or overlaps one found before, is dropped."""
    spans: list[tuple[str, int, int]] = []
    for item in items:
        kind, surface = item.get("entity"), item.get("text")
        if (
            not isinstance(kind, str)
            or kind not in set(EntityType)
            or not isinstance(surface, str)
            or not surface.strip()
        ):
            dropped.append(f"entity {str(kind)[:20]}: {str(surface)[:40]}")
            continue
        free = (
            found
            for found in said.places_of(surface.strip())
            if all(found[1] <= start or found[0] >= end for _, start, end in spans)
        )
        where = next(free, None)
        if where is None or (kind == EntityType.ALLERGY and not said.is_an_allergy(*where)):
            dropped.append(f"entity {kind}: {surface[:40]}")
        else:
            spans.append((kind, *where))
    return sorted(spans, key=lambda span: span[1])


def _verified_filters(items: Sequence[dict[str, Any]], said: Claimed, dropped: list[str]) -> Filters:
    """Keep the facts that are of the vocabulary and borne out by the utterance."""
    given: dict[str, Any] = {}
    for item in items:
        key, value = str(item.get("key")), item.get("value")
        several = _takes_several(key)
        if (key in given and not several) or not said.bears_out(key, value):
            dropped.append(f"filter {key[:20]}: {str(value)[:40]}")
            continue
        known = given.get(key, [])
        if several and value in known:
            continue
        trial = {**given, key: [*known, value] if several else value}
        try:
            Filters.model_validate_json(json.dumps(trial), strict=True)
        except ValidationError:
            dropped.append(f"filter {key[:20]}: {str(value)[:40]}")
            continue
        given = trial
    return Filters.model_validate_json(json.dumps(given))


def _takes_several(key: str) -> bool:
    field = Filters.model_fields.get(key)
    return field is not None and "tuple" in str(field.annotation)
