"""Request bodies: a size limit that refuses before reading, and JSON without the values that break what comes after."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from apps.api.problems import ProblemResponse, problem, tell

MAX_BODY_BYTES = 64 * 1024
MAX_DEPTH = 32
MAX_INTEGER = 2**53 - 1
"""Beyond it JSON readers disagree (RFC 8259), and array types overflow."""


def parse(body: bytes) -> Any:
    """Parse a JSON body.

    Raises:
        HTTPException: 400 when it is not JSON (RFC 8259: NaN and Infinity are not), 422 when it holds a null byte,
            half of a surrogate pair, an integer over 2**53, or is nested deeper than ``MAX_DEPTH``.
    """
    try:
        value = json.loads(
            body.decode("utf-8"), parse_constant=_no_constant, parse_int=_small_integer, parse_float=_finite
        )
    except UnicodeDecodeError as error:
        raise HTTPException(400, f"Expected JSON in UTF-8, got a broken byte at position {error.start}.") from None
    except json.JSONDecodeError as error:
        raise HTTPException(400, f"Expected JSON, but: {error.msg} at character {error.pos}.") from None
    except RecursionError:
        raise HTTPException(422, f"Expected JSON at most {MAX_DEPTH} levels deep, got more.") from None
    _check(value, 0)
    return value


def _no_constant(name: str) -> Any:
    raise HTTPException(400, f"Expected JSON, but {name} is not a JSON number.")


def _small_integer(digits: str) -> int:
    if len(digits) > 17 or abs(int(digits)) > MAX_INTEGER:
        raise HTTPException(422, f"Expected integers between -2^53 and 2^53, got {tell(digits)}.")
    return int(digits)


def _finite(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise HTTPException(422, f"Expected numbers a computer can hold, got {tell(digits)}.")
    return value


def _check(value: Any, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise HTTPException(422, f"Expected JSON at most {MAX_DEPTH} levels deep, got more.")
    if isinstance(value, str):
        if "\x00" in value:
            raise HTTPException(422, "Expected text without null characters, got one.")
        if any("\ud800" <= c <= "\udfff" for c in value):
            raise HTTPException(422, "Expected Unicode text, got half of a surrogate pair.")
    elif isinstance(value, dict):
        for key, item in value.items():
            _check(key, depth + 1)
            _check(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _check(item, depth + 1)


class StrictRequest(Request):
    """A request whose JSON is parsed strictly."""

    async def json(self) -> Any:
        """Return the parsed body; raises as ``parse``."""
        if not hasattr(self, "_strict_json"):
            self._strict_json = parse(await self.body())
        return self._strict_json


class StrictRoute(APIRoute):
    """A route that takes JSON only (415 otherwise), parses it strictly, and takes no value for another type's."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap the route's handler."""
        handle = super().get_route_handler()

        async def strict(request: Request) -> Response:
            if self.body_field is not None:
                media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
                if media_type != "application/json":
                    raise HTTPException(415, f"Expected Content-Type: application/json, got {tell(media_type)}.")
            request = StrictRequest(request.scope, request.receive)
            if self.body_field is not None:
                _check_types(self.body_field.field_info.annotation, await request.json(), await request.body())
            return await handle(request)

        return strict


def _check_types(model: Any, value: Any, body: bytes) -> None:
    """Refuse "3" for 3 and false for 0, which the framework's own (lax) validation would let pass."""
    try:
        model.model_validate_json(body, strict=True)
    except ValidationError as error:
        raise RequestValidationError(error.errors(), body=value) from None


class BodyLimit:
    """Refuses bodies over ``limit`` bytes: by Content-Length before reading any, else while reading."""

    def __init__(self, app: ASGIApp, limit: int, exempt: str) -> None:
        self.app, self.limit, self.exempt = app, limit, exempt

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"].startswith(self.exempt):
            await self.app(scope, receive, send)
            return
        declared = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        detail = f"Expected a body of at most {self.limit} bytes, got more."
        if declared.isdigit() and int(declared) > self.limit:
            refusal = ProblemResponse(problem(413, detail, "too_large"), {"Connection": "close"})
            await refusal(scope, receive, send)
            return
        n_read = 0

        async def receive_limited() -> Message:
            nonlocal n_read
            message = await receive()
            n_read += len(message.get("body", b""))
            if n_read > self.limit:
                raise HTTPException(413, detail, headers={"Connection": "close"})
            return message

        await self.app(scope, receive_limited, send)
