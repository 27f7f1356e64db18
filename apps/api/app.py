"""The app factory: API, metrics, limits and, unless left out, the chat, all over one assistant."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from aiyam.contracts import Problem
from aiyam.settings import Settings
from apps.api import problems
from apps.api.limits import RateLimiter
from apps.api.metrics import Metrics, MetricsMiddleware
from apps.api.routes import Services, router
from apps.api.serving import AssistantSource, Serving
from apps.api.strict_json import MAX_BODY_BYTES, BodyLimit

CHAT_PATH = "/ui"
N_TURN_THREADS = 4
"""Turns worked on at once, first come first served. Measured with 50 users: 8 gave no more turns a second, and the
slowest waited five times as long (they meet at the store's lock, which keeps no queue)."""
WATCH_EVERY_S = 2.0
_VERSION = "0.1.0"
_DESCRIPTION = (
    "나비얌: restaurant suggestions for children and teenagers who hold a meal card. Every error is a problem body "
    "(RFC 9457, application/problem+json). Times carry a UTC offset; money is in won, distance in metres."
)


def create_app(
    source: AssistantSource,
    settings: Settings,
    *,
    with_chat: bool = True,
    admin_token: str | None = None,
    watch_every_s: float = WATCH_EVERY_S,
) -> FastAPI:
    """Build the app over an assistant, or over a function that loads one (in the background, after start-up).

    The chat stands at ``/ui`` and ``/`` leads to it. ``admin_token`` guards ``/admin``; without it only loopback may
    call. Production aliases are looked at every ``watch_every_s`` seconds.
    """
    metrics = Metrics()
    serving = Serving(source, metrics)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(serving.watch, watch_every_s)
            yield
            tasks.cancel_scope.cancel()

    app = FastAPI(
        title="aiyam", version=_VERSION, description=_DESCRIPTION, lifespan=lifespan, docs_url=None, redoc_url=None
    )
    app.state.services = Services(
        serving,
        RateLimiter(settings.requests_per_minute),
        N_TURN_THREADS,
        admin_token,
        f"{CHAT_PATH.lstrip('/')}/" if with_chat else "docs",
    )
    app.include_router(router)
    problems.install(app)
    app.add_middleware(BodyLimit, limit=MAX_BODY_BYTES, exempt=CHAT_PATH)
    app.add_middleware(MetricsMiddleware, metrics=metrics, chat_path=CHAT_PATH)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    if with_chat:
        from apps.chat.screen import mount_chat

        app = mount_chat(app, serving.assistant, settings, path=CHAT_PATH, observe=serving.observe)
    return app


def _openapi(app: FastAPI) -> dict[str, Any]:
    """Return the schema, with Problem among its components (the error answers refer to it)."""
    if app.openapi_schema is None:
        schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=router.routes)
        schema["components"]["schemas"]["Problem"] = Problem.model_json_schema()
        app.openapi_schema = schema
    return app.openapi_schema
