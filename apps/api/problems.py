"""Errors as problem details (RFC 9457): every 4xx and 5xx of the API is one Problem, and never a stack trace."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from aiyam.contracts import Problem
from aiyam.errors import AiyamError, http_status

log = logging.getLogger("aiyam.api")

MEDIA_TYPE = "application/problem+json"
_SHOWN_CHARS = 60
_MOST_ERRORS = 5


class ProblemResponse(Response):
    """A Problem as the body, with its status."""

    media_type = MEDIA_TYPE

    def __init__(self, problem: Problem, headers: Mapping[str, str] | None = None) -> None:
        # ASCII with escapes: what came may hold lone surrogates, which UTF-8 cannot carry.
        body = json.dumps(problem.model_dump(), ensure_ascii=True).encode("ascii")
        super().__init__(body, status_code=problem.status, headers=dict(headers or {}))


def problem(status: int, detail: str, code: str) -> Problem:
    """Make a Problem titled with the status' own phrase."""
    return Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, code=code)


def problem_of(error: AiyamError) -> Problem:
    """Make the Problem for one of our errors."""
    return problem(http_status(error), str(error), error.code)


def tell(value: object) -> str:
    """Show a value that came in, short enough for an error message and safe to encode."""
    shown = ascii(value) if isinstance(value, str) and not value.isprintable() else repr(value)
    shown = shown.encode("utf-8", "backslashreplace").decode()
    return shown if len(shown) <= _SHOWN_CHARS else shown[: _SHOWN_CHARS - 1] + "…"


def explain(errors: Sequence[Mapping[str, Any]]) -> str:
    """Say for each validation error where it is, what was expected and what came."""
    lines = []
    for error in errors[:_MOST_ERRORS]:
        where = ".".join(str(part) for part in error["loc"] if part != "body") or "body"
        kind, given, limits = error["type"], error.get("input"), error.get("ctx") or {}
        if kind == "missing":
            lines.append(f"{where}: expected a value, got none")
        elif kind == "extra_forbidden":
            lines.append(f"{where}: expected no such key, got {tell(given)}")
        elif kind == "string_too_long":
            lines.append(f"{where}: expected at most {limits['max_length']} characters, got {len(given or '')}")
        elif kind == "string_pattern_mismatch":
            lines.append(f"{where}: expected text matching {limits['pattern']}, got {tell(given)}")
        elif kind == "value_error":
            lines.append(f"{where}: {limits.get('error', error['msg'])}")
        else:
            expected = str(error["msg"]).removeprefix("Input should be ").removeprefix("Value error, ")
            lines.append(f"{where}: expected {expected}, got {tell(given)}")
    if len(errors) > _MOST_ERRORS:
        lines.append(f"and {len(errors) - _MOST_ERRORS} more")
    return "; ".join(lines)


def install(app: FastAPI) -> None:
    """Answer every error of ``app`` with a problem body."""

    @app.exception_handler(AiyamError)
    async def _ours(request: Request, error: AiyamError) -> Response:
        answer = problem_of(error)
        if answer.status >= 500:
            log.error("%s %s: %s", request.method, request.url.path, error)
        headers = {"Retry-After": str(getattr(error, "retry_after_s", 5))} if answer.status in (429, 503) else None
        return ProblemResponse(answer, headers)

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> Response:
        return ProblemResponse(problem(422, explain(error.errors()), "invalid_input"))

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        code, detail = _HTTP_WORDS.get(error.status_code, ("http", str(error.detail)))
        if error.detail == HTTPStatus(error.status_code).phrase:
            detail = detail.format(path=tell(request.url.path), method=request.method)
        else:
            detail = str(error.detail)
        return ProblemResponse(problem(error.status_code, detail, code), error.headers)

    @app.exception_handler(Exception)
    async def _unexpected(request: Request, error: Exception) -> Response:
        return ProblemResponse(
            problem(500, "Something went wrong here. It is in the server's log; please try again.", "internal")
        )


_HTTP_WORDS = {
    400: ("bad_request", "Expected a readable request."),
    403: ("forbidden", "This is not open to you."),
    404: ("not_found", "There is nothing at {path}; /docs lists what there is."),
    405: ("method_not_allowed", "{path} does not take {method}; the Allow header lists what it takes."),
    413: ("too_large", "The body is larger than allowed."),
    415: ("unsupported_media_type", "Expected Content-Type: application/json."),
    422: ("invalid_input", "A value is not what was expected."),
}
