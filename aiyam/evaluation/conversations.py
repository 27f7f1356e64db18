"""Short conversations written by hand, each turn with the request it should lead to: records, loader, understanding."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from aiyam.contracts import Category, Entity, EntityType, Filters, Intent, Record, Understanding
from aiyam.errors import DataError
from aiyam.nlu.markup import parse_markup, row_of

Half = Literal["development", "held-out"]
Place = tuple[int, int]
"""A shop of a conversation: which of its lists with shops (from 1), and the position in it (from 1)."""


class ScriptedShop(Record):
    """One shop on a card of a scripted list."""

    name: str
    category: Category
    price_won: int = Field(gt=0)


class Expected(Record):
    """The request a turn should lead to; None where the turn settles nothing.

    ``filters`` are all that hold for a list of shops. ``excluded`` are the shops turned down, exactly; ``leaves_out`` must
    be among them. ``asks`` means that one question is asked instead of an answer.
    """

    intent: Intent
    filters: Filters | None = None
    excluded: tuple[Place, ...] | None = None
    leaves_out: tuple[Place, ...] = ()
    shop: Place | None = None
    asks: bool = False


class ScriptedTurn(Record):
    """One message, its spans marked in place, with the filters other words carry, and the list shown in answer."""

    say: str
    intent: Intent
    filters: str = ""
    confidence: float = Field(0.95, ge=0, le=1)
    shown: tuple[ScriptedShop, ...] | None = None
    expect: Expected

    @property
    def text(self) -> str:
        """The message without its marks."""
        return parse_markup(self.say)[0]

    def understanding(self) -> Understanding:
        """Return what the message says by itself, as its writer marked it."""
        row = row_of(self.say, self.intent, self.filters)
        entities = tuple(Entity(**{**e, "entity": EntityType(e["entity"])}) for e in row["entities"])
        return Understanding(
            original_query=row["text"],
            intent=self.intent,
            confidence=self.confidence,
            entities=entities,
            semantic_query=row["semantic_query"],
            filters=Filters(**row["filters"]),
            budget_filter=row["filters"].get("budget_max"),
        )


class Conversation(Record):
    """A few turns in one session; rules are written against the development half alone, batch 2 after rules for 1 stood."""

    id: str
    half: Half
    batch: int = Field(1, ge=1)
    about: str
    turns: tuple[ScriptedTurn, ...] = Field(min_length=2, max_length=8)


def load_conversations(path: Path, *, half: Half | None = None) -> tuple[Conversation, ...]:
    """Read conversations, one JSON object a line.

    Args:
        path: such as ``datasets/dialogues/conversations.jsonl``.
        half: keep only this half.

    Raises:
        DataError: a line that is no conversation, or that refers to a shop no list of it shows; by number.
    """
    found: list[Conversation] = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        try:
            conversation = Conversation.model_validate(json.loads(line))
            _check(conversation)
        except (json.JSONDecodeError, ValidationError, DataError) as error:
            raise DataError(f"{path.name}:{number}: {error}", hint="Mend the line; datasets/dialogues/README.md.") from error  # fmt: skip
        if half is None or conversation.half == half:
            found.append(conversation)
    return tuple(found)


def _check(conversation: Conversation) -> None:
    lists: list[int] = []
    for turn in conversation.turns:
        turn.understanding()
        wanted = turn.expect
        for number, position in (*(wanted.excluded or ()), *wanted.leaves_out, *([wanted.shop] if wanted.shop else ())):
            if not (1 <= number <= len(lists) and 1 <= position <= lists[number - 1]):
                raise DataError(f"expected a shop shown before {turn.text!r}, got list {number}, position {position}.")
        if turn.shown:
            lists.append(len(turn.shown))
