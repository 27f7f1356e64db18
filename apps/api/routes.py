"""The routes: chat, streaming chat, recommendations, feedback, reload, health and metrics."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Literal

import anyio
from fastapi import APIRouter, Body, Depends, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import HTMLResponse, RedirectResponse

from aiyam.contracts import (
    ChatRequest,
    ChatResponse,
    FeedbackRecord,
    FeedbackRequest,
    RecommendationsRequest,
    RecommendationsResponse,
    Record,
    Trace,
    Versions,
)
from apps.api import examples
from apps.api.docs_page import docs_page
from apps.api.limits import RateLimiter, admit_admin
from apps.api.serving import Serving
from apps.api.strict_json import StrictRoute
from apps.api.turn_stream import EventStreamResponse, event_stream, next_event

N_IN_RESPONSE = 3
"""Shops in the answer of ``POST /chat``; the trace and the event stream carry all that were shown."""


class Health(Record):
    """Answer of ``GET /healthz``: the process lives."""

    status: Literal["ok"] = "ok"


class Ready(Record):
    """Answer of ``GET /readyz``: turns can be answered."""

    status: Literal["ready"] = "ready"
    versions: Versions


class Reloaded(Record):
    """Answer of ``POST /admin/reload``: the versions that serve now."""

    versions: Versions


class Services:
    """What the routes need, made once by the app factory."""

    def __init__(
        self, serving: Serving, limiter: RateLimiter, n_threads: int, admin_token: str | None, home: str
    ) -> None:
        self.serving = serving
        self.rate = limiter
        self.threads = anyio.CapacityLimiter(n_threads)
        self.admin_token = admin_token
        self.home = home


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


Given = Annotated[Services, Depends(_services)]
router = APIRouter(route_class=StrictRoute)


def chat_response(trace: Trace) -> ChatResponse:
    """Project a trace onto the answer of ``POST /chat``."""
    return ChatResponse(
        response=trace.response,
        recommendations=trace.recommendations[:N_IN_RESPONSE],
        turn_id=trace.turn_id,
        session_id=trace.session_id,
        debug={
            "chatbot_analysis": {
                **trace.understanding.model_dump(mode="json"),
                "filters": trace.understanding.filters.given(),
            },
            "recommendation_metadata": {
                "n_candidates": trace.n_candidates,
                "funnel_counts": trace.funnel_counts,
                "relaxed": list(trace.relaxed),
                "safety": trace.safety.model_dump(mode="json"),
                "grounding": trace.grounding.model_dump(mode="json"),
                "backend": trace.backend,
                "fallback": trace.fallback,
                "reader": trace.reader,
                "reader_fallback": trace.reader_fallback,
                "stage_ms": trace.stage_ms.model_dump(),
                "versions": trace.versions.model_dump(),
                "synthetic": trace.synthetic,
            },
        },
    )


@router.post("/chat", tags=["chat"], summary="Answer one message", responses=examples.errors(404, 429, 503))
async def chat(body: Annotated[ChatRequest, Body(openapi_examples=examples.CHAT)], given: Given) -> ChatResponse:
    """Answer one message with a reply and the top three shops.

    The turn is stored before the answer is sent. Leave ``session_id`` out to begin a conversation and send the one in
    the answer to go on with it. A user nobody knows is treated as a new user.
    """
    assistant = given.serving.assistant()
    given.rate.check(body.user_id)
    work = partial(assistant.respond, body.user_id, body.message, session_id=body.session_id, context=body.context)
    trace = await anyio.to_thread.run_sync(work, limiter=given.threads)
    given.serving.observe(trace)
    return chat_response(trace)


@router.post(
    "/chat/stream",
    tags=["chat"],
    summary="Answer one message as server-sent events",
    response_class=EventStreamResponse,
    responses={200: examples.EVENT_STREAM, **examples.errors(404, 429, 503)},
)
async def chat_stream(body: Annotated[ChatRequest, Body(openapi_examples=examples.CHAT)], given: Given) -> Response:
    """Answer one message while it is being worked out.

    Events, in order: ``understood``, ``candidates`` and ``ranked`` (when shops are looked up), ``text`` (pieces of the
    reply), ``done`` (the full trace, stored before it is sent). An ``error`` event carries a problem body and ends the
    stream. Closing the connection stops the work; a turn stopped before ``done`` is not stored.
    """
    assistant = given.serving.assistant()
    given.rate.check(body.user_id)
    events = assistant.stream(body.user_id, body.message, session_id=body.session_id, context=body.context)
    first = await next_event(events, given.threads)
    assert first is not None, "a turn begins with Understood"
    return EventStreamResponse(event_stream(first, events, given.serving, given.threads))


@router.post(
    "/recommendations",
    tags=["recommendations"],
    summary="Rank shops for an understanding made elsewhere",
    responses=examples.errors(503),
)
async def recommendations(
    body: Annotated[RecommendationsRequest, Body(openapi_examples=examples.RECOMMENDATIONS)], given: Given
) -> RecommendationsResponse:
    """Rank shops for ``chatbot_output``. Without ``user_profile`` the stored one is used. Nothing is stored."""
    assistant = given.serving.assistant()
    return await anyio.to_thread.run_sync(assistant.recommend, body, limiter=given.threads)


@router.post(
    "/feedback", status_code=201, tags=["feedback"], summary="Store one act of feedback",
    responses=examples.errors(404, 503),
)  # fmt: skip
async def feedback(
    body: Annotated[FeedbackRequest, Body(openapi_examples=examples.FEEDBACK)], given: Given
) -> FeedbackRecord:
    """Store what the user did with, or thought of, a turn. It is on disk when the answer arrives.

    404 when the turn is unknown or another user's, or the shop was not shown in it.
    """
    assistant = given.serving.assistant()
    stored = await anyio.to_thread.run_sync(assistant.feedback, body, limiter=given.threads)
    given.serving.metrics.feedback.labels(stored.feedback_type).inc()
    return stored


@router.post(
    "/admin/reload", tags=["operation"], summary="Load what production names now", responses=examples.errors(403, 503)
)
async def reload(request: Request, given: Given) -> Reloaded:
    """Swap in the production models without dropping a request.

    Open to callers on this machine, or, once ``AIYAM_ADMIN_TOKEN`` is set, to those who send it as a bearer token.
    It also happens by itself within seconds of a promotion.
    """
    admit_admin(request, given.admin_token)
    return Reloaded(versions=await anyio.to_thread.run_sync(given.serving.reload))


@router.get("/healthz", tags=["operation"], summary="Does the process live?")
async def healthz() -> Health:
    """Always 200 while the process answers."""
    return Health()


@router.get("/readyz", tags=["operation"], summary="Can turns be answered?", responses=examples.errors(503))
async def readyz(given: Given) -> Ready:
    """200 with the versions that serve once the models are loaded, 503 before."""
    return Ready(versions=given.serving.assistant().versions)


@router.get(
    "/metrics", tags=["operation"], summary="Prometheus metrics", response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "Text exposition format"}},
)  # fmt: skip
async def metrics(given: Given) -> Response:
    """Counters and histograms in base units."""
    return Response(given.serving.metrics.page(), headers={"content-type": CONTENT_TYPE_LATEST})


@router.get("/", include_in_schema=False)
async def home(given: Given) -> Response:
    """Send a browser to the chat, or to the docs where the chat is not mounted."""
    return RedirectResponse(given.home)


@router.get("/docs", include_in_schema=False)
async def docs(request: Request) -> HTMLResponse:
    """Show the routes on one page that needs no internet."""
    schema: dict[str, Any] = request.app.openapi()
    return HTMLResponse(docs_page(schema))
