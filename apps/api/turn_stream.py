"""A turn as server-sent events: one event a pipeline event, and the work stops when the caller goes away."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Iterator

import anyio
from starlette.responses import StreamingResponse

from aiyam.contracts import Done, Event, Problem
from aiyam.errors import AiyamError
from apps.api.problems import problem, problem_of
from apps.api.serving import Serving

log = logging.getLogger("aiyam.api")


async def next_event(events: Iterator[Event], limiter: anyio.CapacityLimiter) -> Event | None:
    """Return the next event of a turn, worked out in a thread; None at the end."""
    return await anyio.to_thread.run_sync(next, events, None, limiter=limiter)


async def event_stream(
    first: Event, events: Iterator[Event], serving: Serving, limiter: anyio.CapacityLimiter
) -> AsyncIterator[str]:
    """Yield a turn as event-stream text. ``first`` is already taken from ``events``, so early errors had a status."""
    event: Event | None = first
    done = False
    try:
        while event is not None:
            if isinstance(event, Done):
                done = True
                serving.observe(event.trace)
            yield _frame(event.kind, event.model_dump_json())
            event = await next_event(events, limiter)
    except AiyamError as error:
        done = True
        yield _error_frame(problem_of(error))
    except Exception:
        done = True
        log.exception("a streamed turn failed")
        yield _error_frame(problem(500, "Something went wrong here; please try again.", "internal"))
    finally:
        if not done:
            serving.metrics.abandoned.inc()
        close = getattr(events, "close", None)
        if close is not None:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(close)


class EventStreamResponse(StreamingResponse):
    """Server-sent events that proxies neither buffer nor cache."""

    media_type = "text/event-stream"

    def __init__(self, content: AsyncIterator[str], status_code: int = 200) -> None:
        super().__init__(content, status_code, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})


def _frame(name: str, data: str) -> str:
    return f"event: {name}\ndata: {data}\n\n"


def _error_frame(body: Problem) -> str:
    return _frame("error", json.dumps(body.model_dump(), ensure_ascii=True))
