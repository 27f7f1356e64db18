"""Prometheus metrics of one app: requests, turns by stage, feedback, reloads. No label ever carries a person's id."""

from __future__ import annotations

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aiyam.contracts import Trace

_TURN_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_STAGES = ("understand", "candidates", "rank", "reply", "total")


class Metrics:
    """All metrics, in a registry of their own so that two apps in one process do not meet."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.requests = Counter(
            "aiyam_http_requests_total", "HTTP requests answered.", ["method", "route", "status"], registry=registry
        )
        self.request_seconds = Histogram(
            "aiyam_http_request_duration_seconds", "Time to the end of the answer.", ["route"],
            buckets=_TURN_BUCKETS_S, registry=registry,
        )  # fmt: skip
        self.in_progress = Gauge("aiyam_http_requests_in_progress", "HTTP requests being answered.", registry=registry)
        self.turns = Counter(
            "aiyam_turns_total", "Turns stored.", ["intent", "safety_action", "backend"], registry=registry
        )
        self.stage_seconds = Histogram(
            "aiyam_turn_stage_seconds",
            "Time a stage of the turn took.",
            ["stage"],
            buckets=_TURN_BUCKETS_S,
            registry=registry,
        )
        self.fallbacks = Counter("aiyam_reply_fallbacks_total", "Replies the template had to give.", registry=registry)
        self.ungrounded = Counter("aiyam_replies_ungrounded_total", "Replies that failed grounding.", registry=registry)
        self.abandoned = Counter(
            "aiyam_turns_abandoned_total", "Turns whose caller went away or pressed stop.", registry=registry
        )
        self.feedback = Counter(
            "aiyam_feedback_total", "Feedback records stored.", ["feedback_type"], registry=registry
        )
        self.reloads = Counter("aiyam_model_reloads_total", "Reloads of the models.", ["outcome"], registry=registry)
        self.ready = Gauge("aiyam_ready", "1 when turns can be answered.", registry=registry)

    def observe_turn(self, trace: Trace) -> None:
        """Count one finished turn and its stage times."""
        self.turns.labels(trace.understanding.intent.value, trace.safety.action, trace.backend).inc()
        for stage in _STAGES:
            self.stage_seconds.labels(stage).observe(getattr(trace.stage_ms, stage) / 1000)
        if trace.fallback:
            self.fallbacks.inc()
        if not trace.grounding.grounded or trace.grounding.replaced:
            self.ungrounded.inc()

    def page(self) -> bytes:
        """Return the text exposition format."""
        return generate_latest(self.registry)


class MetricsMiddleware:
    """Counts each HTTP request under its route template (never the raw path, which callers choose)."""

    def __init__(self, app: ASGIApp, metrics: Metrics, chat_path: str) -> None:
        self.app, self.metrics, self.chat_path = app, metrics, chat_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request and count it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status, started, path = 500, time.perf_counter(), scope["path"]

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        self.metrics.in_progress.inc()
        try:
            await self.app(scope, receive, send_and_note)
        finally:
            self.metrics.in_progress.dec()
            if path == self.chat_path or path.startswith(self.chat_path + "/"):
                route = self.chat_path
            else:
                route = getattr(scope.get("route"), "path", "unmatched")
            method = scope["method"] if scope["method"] in _METHODS else "OTHER"
            self.metrics.requests.labels(method, route, str(status)).inc()
            # The chat holds long event streams open; their length says nothing about speed.
            if route != self.chat_path:
                self.metrics.request_seconds.labels(route).observe(time.perf_counter() - started)


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
