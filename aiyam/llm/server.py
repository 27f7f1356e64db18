"""The "openai" backend: any OpenAI-compatible chat server, with time limits, retries, and ways down where it can less."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal

import httpx

from aiyam.llm.interface import JsonAnswer, LanguageModelError, Message, Reason, read_object
from aiyam.llm.stops import until_stop

MAX_ANSWER_BYTES = 1_000_000
_RETRIED = frozenset({408, 409, 429, 500, 502, 503, 504})
_CANNOT = frozenset({400, 415, 422, 501})
"""Answers with which servers refuse an option they don't know."""
_LESS: dict[str, Literal["json_object", "text"]] = {"json_schema": "json_object", "json_object": "text"}


@dataclass(frozen=True)
class _Abilities:
    """What a server was found to take; it only ever shrinks."""

    format: Literal["json_schema", "json_object", "text"] = "json_schema"
    logprobs: bool = True


class _Refused(Exception):
    """The server answered with an error status: (status, body)."""

    def __init__(self, status: int, body: str, retry_after_s: float | None) -> None:
        super().__init__(status, body)
        self.status, self.body, self.retry_after_s = status, body, retry_after_s


class OpenAIServer:
    """A model behind ``POST <base_url>/chat/completions`` (vLLM, llama.cpp, transformers serve, a hosted one).

    Constrained JSON is asked for with ``response_format`` ``json_schema``; a server that refuses it is asked for
    ``json_object``, then for plain text, with the schema in the prompt; one that takes the schema and does not heed it
    is told it in the prompt. What a server was found unable to do is not tried again.

    Args:
        base_url: with its version, like http://127.0.0.1:8000/v1.
        model: the name the server knows the model by.
        api_key: sent as a bearer token when given; never part of a message.
        n_retries: how often a failed connection or a busy server is asked again, within the call's time.
        backoff_s: pause before the first retry; it doubles, with jitter. ``Retry-After`` is obeyed where it fits.
        pause: how to wait; tests pass their own.
    """

    name = "openai"

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        api_key: str = "",
        n_retries: int = 2,
        backoff_s: float = 0.3,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.model = model
        self.n_retries = n_retries
        self.backoff_s = backoff_s
        self._pause = pause
        self._client = httpx.Client(headers={"Authorization": f"Bearer {api_key}"} if api_key else {})
        self._abilities = _Abilities()
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def complete_json(
        self, messages: Sequence[Message], schema: dict[str, Any], *, max_tokens: int = 512, timeout_s: float = 20.0
    ) -> JsonAnswer:
        """Answer with one JSON object.

        Raises:
            LanguageModelError: no server, no time, no JSON, or an answer cut off at ``max_tokens``.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            abilities = self._abilities
            body = self._body(messages, max_tokens, 0.0) | _options(abilities, schema)
            if abilities.format != "json_schema":
                body["messages"] = _with_schema(messages, schema)
            try:
                answer = self._ask(body, deadline, timeout_s)
            except _Refused as refused:
                less = _less(abilities, refused.body) if refused.status in _CANNOT else None
                if less is None:
                    raise self._error_of(refused) from refused
                with self._lock:
                    self._abilities = less
                continue
            try:
                found = self._json_answer(answer)
            except LanguageModelError as error:
                if error.reason != "not_json" or abilities.format != "json_schema":
                    raise
            else:
                if abilities.format != "json_schema" or set(schema.get("required", ())) <= set(found.value):
                    return found
            with self._lock:  # it took the schema and did not heed it, as some servers do: say it in the prompt too
                self._abilities = replace(abilities, format="text")

    def stream(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int = 512,
        timeout_s: float = 30.0,
        temperature: float = 0.0,
        stop: Sequence[str] = (),
    ) -> Generator[str, None, None]:
        """Yield the answer's text in pieces, up to the first of the strings ``stop``; the connection is closed there.

        Raises:
            LanguageModelError: no server, no time (in all), a stream that is none, or, after what came, a text cut off at
                ``max_tokens``.
        """
        yield from until_stop(self._streamed(messages, max_tokens, timeout_s, temperature), stop)

    def _streamed(
        self, messages: Sequence[Message], max_tokens: int, timeout_s: float, temperature: float
    ) -> Generator[str, None, None]:
        deadline = time.monotonic() + timeout_s
        body = self._body(messages, max_tokens, temperature) | {"stream": True}
        try:
            with self._open(body, deadline, timeout_s) as response:
                finish = ""
                for line in _lines(response, deadline, timeout_s):
                    if not line.startswith("data:"):
                        continue
                    data = line.removeprefix("data:").strip()
                    if data == "[DONE]":
                        finish = finish or "stop"
                        break
                    piece, last = self._piece(data)
                    finish = finish or last
                    if piece:
                        yield piece
                if finish == "length":
                    raise self._cut_off()
                if not finish:
                    raise self._failure("broken", f"Expected {self.base_url} to say where its text ends, it broke off.")
        except _Refused as refused:
            raise self._error_of(refused) from refused

    def _body(self, messages: Sequence[Message], max_tokens: int, temperature: float) -> dict[str, Any]:
        return {
            "model": self.model,
            "messages": [m.as_json() for m in messages],
            "max_tokens": max_tokens,
            "temperature": temperature,
        }

    def _ask(self, body: dict[str, Any], deadline: float, timeout_s: float) -> Any:
        with self._open(body, deadline, timeout_s) as response:
            data = b"".join(_chunks(response, deadline, timeout_s))
        try:
            return json.loads(data)
        except (ValueError, RecursionError) as error:
            raise self._failure("broken", f"Expected JSON from {self.base_url}, got: {data[:120]!r}.") from error

    @contextmanager
    def _open(self, body: dict[str, Any], deadline: float, timeout_s: float) -> Iterator[httpx.Response]:
        """Send a request and hand over its open answer; what may pass is tried again until time or tries run out."""
        for attempt in range(self.n_retries + 1):
            last = attempt == self.n_retries
            try:
                request = self._client.build_request(
                    "POST", f"{self.base_url}/chat/completions", json=body, timeout=_left(deadline, timeout_s)
                )
                response = self._client.send(request, stream=True)
            except httpx.TimeoutException as error:
                raise _too_slow(timeout_s) from error
            except (httpx.TransportError, httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
                if last or not self._wait(attempt, None, deadline):
                    raise self._failure(
                        "unreachable", f"Expected a server at {self.base_url}, got: {error}."
                    ) from error
                continue
            try:
                if response.is_success:
                    yield response
                    return
                refused = _refusal(response, deadline, timeout_s)
            finally:
                response.close()
            if refused.status not in _RETRIED or last or not self._wait(attempt, refused.retry_after_s, deadline):
                raise refused

    def _wait(self, attempt: int, retry_after_s: float | None, deadline: float) -> bool:
        """Pause before another try; False when the time left is too short for one."""
        pause = self.backoff_s * 2**attempt * random.uniform(0.5, 1.0) if retry_after_s is None else retry_after_s
        if time.monotonic() + pause >= deadline:
            return False
        self._pause(pause)
        return True

    def _json_answer(self, answer: Any) -> JsonAnswer:
        try:
            choice = answer["choices"][0]
            text = choice["message"]["content"] or ""
            told = (choice.get("logprobs") or {}).get("content") or ()
            tokens = tuple((str(t["token"]), float(t["logprob"])) for t in told)
            if not isinstance(text, str):
                raise TypeError("content is no text")
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
            raise self._failure("broken", f"Expected a chat completion, got: {str(answer)[:120]!r}.") from error
        if choice.get("finish_reason") == "length":
            raise self._cut_off()
        return JsonAnswer(read_object(text), text, tokens)

    def _piece(self, data: str) -> tuple[str, str]:
        """Return the text of one event, and why the text ends with it: "" where it goes on."""
        try:
            event = json.loads(data)
            if "error" in event:
                raise self._failure("broken", f"Expected text from {self.base_url}, got: {str(event['error'])[:200]}.")
            choice = (event.get("choices") or [{}])[0]
            return str((choice.get("delta") or {}).get("content") or ""), str(choice.get("finish_reason") or "")
        except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
            raise self._failure("broken", f"Expected an event of a stream, got: {data[:120]!r}.") from error

    def _cut_off(self) -> LanguageModelError:
        return LanguageModelError(
            f"Expected a whole answer from {self.model}, got one cut off at the token limit.",
            reason="cut_off",
            hint="Raise max_tokens.",
        )

    def _error_of(self, refused: _Refused) -> LanguageModelError:
        hint = {
            401: "Give the server's key.",
            403: "Give a key that may use the model.",
            404: f"Check the address and the model's name ({self.model}).",
            429: "Ask less often, or raise the server's limits.",
        }.get(refused.status, "Look at the server's log.")
        return self._failure(
            "refused",
            f"Expected an answer from {self.base_url}, got HTTP {refused.status}: {refused.body[:200]}.",
            hint,
        )

    def _failure(
        self, reason: Reason, message: str, hint: str = "Start the server, or check its address."
    ) -> LanguageModelError:
        return LanguageModelError(message, reason=reason, hint=hint)


def _options(abilities: _Abilities, schema: dict[str, Any]) -> dict[str, Any]:
    options: dict[str, Any] = {"logprobs": True} if abilities.logprobs else {}
    if abilities.format == "json_schema":
        named = {"name": "answer", "strict": True, "schema": schema}
        options["response_format"] = {"type": "json_schema", "json_schema": named}
    elif abilities.format == "json_object":
        options["response_format"] = {"type": "json_object"}
    return options


def _less(abilities: _Abilities, complaint: str) -> _Abilities | None:
    """Return what to ask for after a refusal, None when nothing is left to give up."""
    complaint = complaint.lower()
    about_format = any(word in complaint for word in ("response_format", "json_schema", "schema", "grammar", "guided"))
    if abilities.logprobs and ("logprob" in complaint or not about_format):
        return replace(abilities, logprobs=False)
    if abilities.format in _LESS:
        return replace(abilities, format=_LESS[abilities.format])
    return None


def _with_schema(messages: Sequence[Message], schema: dict[str, Any]) -> list[dict[str, str]]:
    """Write the schema into the system message: not every chat template takes a second one."""
    told = "Answer with one JSON object alone. It keeps to this JSON schema:\n" + json.dumps(schema, ensure_ascii=False)
    first, *rest = messages
    if first.role == "system":
        return [Message("system", f"{first.content}\n\n{told}").as_json(), *(m.as_json() for m in rest)]
    return [Message("system", told).as_json(), *(m.as_json() for m in messages)]


def _left(deadline: float, timeout_s: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise _too_slow(timeout_s)
    return left


def _too_slow(timeout_s: float) -> LanguageModelError:
    return LanguageModelError(
        f"Expected an answer within {timeout_s:g} s, got none.",
        reason="timeout",
        hint="Use a faster model, or wait longer.",
    )


def _chunks(response: httpx.Response, deadline: float, timeout_s: float) -> Iterator[bytes]:
    """Yield an answer's bytes; a server that trickles is held to the whole call's time."""
    n_bytes = 0
    try:
        for chunk in response.iter_bytes():
            _left(deadline, timeout_s)
            n_bytes += len(chunk)
            if n_bytes > MAX_ANSWER_BYTES:
                raise LanguageModelError(
                    f"Expected at most {MAX_ANSWER_BYTES:,} bytes, got more.", reason="broken", hint="Lower max_tokens."
                )
            yield chunk
    except httpx.TimeoutException as error:
        raise _too_slow(timeout_s) from error
    except httpx.RequestError as error:  # broken off, or compressed in a way that it is not
        raise LanguageModelError(
            f"Expected a whole answer, the connection broke: {error}.",
            reason="unreachable",
            hint="Look at the server's log.",
        ) from error


def _lines(response: httpx.Response, deadline: float, timeout_s: float) -> Iterator[str]:
    pending = b""
    for chunk in _chunks(response, deadline, timeout_s):
        *whole, pending = (pending + chunk).split(b"\n")
        yield from (line.decode("utf-8", "replace").strip() for line in whole)
    if pending:
        yield pending.decode("utf-8", "replace").strip()


def _refusal(response: httpx.Response, deadline: float, timeout_s: float) -> _Refused:
    body = b"".join(_chunks(response, deadline, timeout_s)).decode("utf-8", "replace")
    told = response.headers.get("retry-after", "")
    return _Refused(response.status_code, body, float(told) if told.isdigit() else None)
