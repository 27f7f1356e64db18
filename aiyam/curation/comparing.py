"""The answer a turn got beside what today's pipeline answers to it, sides shuffled, for people to choose between."""

from __future__ import annotations

from dataclasses import dataclass

from aiyam.catalogue.personas import load_personas
from aiyam.contracts import KST, Recommendation, Trace, Turn, TurnContext, UserProfile, Versions
from aiyam.curation.refusals import Refused
from aiyam.errors import AiyamError
from aiyam.pipeline import Pipeline
from aiyam.reply.known import known_of
from aiyam.reply.markdown import unescape
from aiyam.safety.privacy import mask
from aiyam.store import Store
from aiyam.store.conversations import state_before
from aiyam.store.people import get_profile

_PRIVATE_USE = 0xE000
_AGE_OF_BAND = {"7-9": 9, "10-12": 12, "13-15": 15, "16-18": 18}


@dataclass(frozen=True)
class Compared:
    """Two answers as texts, and what stands behind each: "stored" or "current"."""

    a: str
    b: str
    sides: tuple[str, str]


def compared(store: Store, pipeline: Pipeline, trace: Trace, key: str) -> Compared | Refused:
    """Ask today's pipeline what a turn asked, from the dialogue state before it; ``key`` decides which side is which."""
    try:
        today = pipeline.reply(asked_again(store, trace))
    except (AiyamError, ValueError):
        return Refused("failed")
    stored, current = with_list(trace), with_list(today)
    if stored == current:
        return Refused("same_answer")
    if int(key, 16) % 2:
        return Compared(current, stored, ("current", "stored"))
    return Compared(stored, current, ("stored", "current"))


def asked_again(store: Store, trace: Trace) -> Turn:
    """Return the turn of a trace to run anew: same words, time, person and state before.

    A trace holds no coordinates, so that distances count from the person's home or the place the turn was about.
    """
    profile = get_profile(store, trace.user_id, today=trace.timestamp.astimezone(KST).date())
    user = profile or _personas().get(trace.user_id) or UserProfile(user_id=trace.user_id)
    band = trace.plan.age_band
    if user.age_band != band:
        user = user.model_copy(update={"is_guardian": band == "adult", "age": _AGE_OF_BAND.get(band, user.age)})
    where = trace.understanding.location_filter
    district = where.district if where is not None and where.district != user.district else None
    return Turn(
        turn_id=trace.turn_id,
        session_id=trace.session_id,
        user=user,
        message=trace.user_input,
        context=TurnContext(now=trace.timestamp, district=district),
        state=state_before(store, trace.turn_id, trace.session_id, trace.user_id),
    )


def shown_answer(trace: Trace) -> str:
    """Return a turn's reply as a reader saw it, masked once more; what its plan names stays."""
    return masked_but(unescape(trace.response), known_of(trace.plan).verbatim())


def with_list(trace: Trace) -> str:
    """Return the reply and, a line each, the shops on its cards."""
    lines = [f"{card.rank}. {_card(card)}" for card in trace.recommendations]
    return "\n".join([shown_answer(trace), *([""] if lines else []), *lines])


def versions_in_words(versions: Versions) -> str:
    """Return which versions answered, on one line.

    >>> versions_in_words(Versions(nlu="v1", ranker="v2"))
    'nlu=v1 ranker=v2'
    """
    return " ".join(f"{name}={version}" for name, version in versions if version)


def masked_but(text: str, kept: set[str]) -> str:
    """Mask personal data, but nothing of what is named: a shop's own phone number is no person's.

    >>> masked_but("가게는 02-123-4567, 나는 010-1234-5678", {"02-123-4567"})
    '가게는 02-123-4567, 나는 [전화번호]'
    """
    standing = sorted((one for one in kept if one and one in text), key=lambda one: (-len(one), one))
    for i, one in enumerate(standing):
        text = text.replace(one, chr(_PRIVATE_USE + i))
    text = mask(text).text
    for i, one in enumerate(standing):
        text = text.replace(chr(_PRIVATE_USE + i), one)
    return text


def _card(card: Recommendation) -> str:
    price = f"{card.price_won:,}원" if card.price_won is not None else ""
    distance = f"{card.distance_m:,} m" if card.distance_m is not None else ""
    facts = (card.name, card.category, f"{card.menu or ''} {price}".strip(), distance, card.reason)
    return " · ".join(fact for fact in facts if fact)


def _personas() -> dict[str, UserProfile]:
    return {persona.profile.user_id: persona.profile for persona in load_personas()}
