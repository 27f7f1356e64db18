"""What a language model is to the rest of the project, what it answers, and the ways it can fail."""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from aiyam.errors import ModelError

Role = Literal["system", "user", "assistant"]
Reason = Literal["unreachable", "timeout", "refused", "not_json", "cut_off", "too_long", "broken"]


@dataclass(frozen=True)
class Message:
    """One message of a conversation."""

    role: Role
    content: str

    def as_json(self) -> dict[str, str]:
        """Return the message as chat templates and servers take it."""
        return {"role": self.role, "content": self.content}


@dataclass(frozen=True)
class JsonAnswer:
    """A JSON object as a model wrote it.

    ``tokens`` are (piece, natural log-probability) in order, empty where the backend does not tell. Where decoding is
    held to the schema, the value keeps it; a server that cannot do that may give an object of any shape.
    """

    value: dict[str, Any]
    text: str
    tokens: tuple[tuple[str, float], ...] = ()


class LanguageModel(Protocol):
    """A model that follows messages. Both calls may come from any thread, and raise ``ModelError``s alone."""

    @property
    def name(self) -> str:
        """How a trace calls it: "transformers", "openai"."""

    def complete_json(
        self, messages: Sequence[Message], schema: dict[str, Any], *, max_tokens: int = 512, timeout_s: float = 20.0
    ) -> JsonAnswer:
        """Answer with one JSON object, decoded greedily."""

    def stream(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int = 512,
        timeout_s: float = 30.0,
        temperature: float = 0.0,
        stop: Sequence[str] = (),
    ) -> Generator[str, None, None]:
        """Yield the answer's text in pieces, none of them empty, up to the first of the strings ``stop``.

        Closing the generator stops the model.
        """


class LanguageModelError(ModelError):
    """A language model gave no usable answer; ``reason`` is what to count."""

    def __init__(self, message: str, *, reason: Reason, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


def read_object(text: str) -> dict[str, Any]:
    """Return the first JSON object of a text, whatever fences or words stand around it.

    Raises:
        LanguageModelError: there is none.

    >>> read_object('Sure: ```json\\n{"intent": "HELP"}\\n```')
    {'intent': 'HELP'}
    """
    decoder = json.JSONDecoder()
    at = text.find("{")
    while at >= 0:
        try:
            value, _ = decoder.raw_decode(text, at)
        except (json.JSONDecodeError, RecursionError):
            at = text.find("{", at + 1)
            continue
        found: dict[str, Any] = value
        return found
    raise LanguageModelError(
        f"Expected a JSON object, got: {text[:120]!r}.",
        reason="not_json",
        hint="Use a server that constrains decoding (response_format), or a larger model.",
    )
