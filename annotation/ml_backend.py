"""The suggestions Label Studio asks for while people label: the production understanding behind /health, /setup, /predict."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from aiyam.contracts import Understanding
from aiyam.label_contracts import UnderstandingLabel
from aiyam.nlu.understander import Understander
from annotation.loopback import QuietHandler, serving
from annotation.results import result_of

_MAX_BODY_BYTES = 32 << 20


def suggested(understanding: Understanding) -> UnderstandingLabel:
    """Return what a model understood as the label it suggests."""
    return UnderstandingLabel(
        intent=understanding.intent,
        entities=understanding.entities,
        semantic_query=understanding.semantic_query,
        filters=understanding.filters,
    )


class Suggestions:
    """Answers of the model that ``current`` gives; it is asked again for each request, so a promotion is taken over."""

    def __init__(self, current: Callable[[], Understander]) -> None:
        self._current = current
        self._lock = threading.Lock()

    def version(self) -> str:
        """The model version as tasks carry it."""
        with self._lock:
            return self._current().version

    def predict(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Answer ``{"tasks": [{"data": {"text": ...}}]}``; a task without a text gets an empty suggestion."""
        with self._lock:  # the tagger is not made for two threads at once
            model = self._current()
            version = model.version
            results = [_suggestion(model, task, version) for task in body.get("tasks") or ()]
        return {"results": results, "model_version": version}


def _suggestion(model: Understander, task: object, version: str) -> dict[str, Any]:
    data = task.get("data") if isinstance(task, dict) else None
    text = data.get("text") if isinstance(data, dict) else None
    if not isinstance(text, str) or not text.strip():
        return {"result": [], "score": 0.0, "model_version": version}
    understanding = model.understand(text)
    return {
        "result": result_of(suggested(understanding), text),
        "score": round(understanding.confidence, 4),
        "model_version": version,
    }


@contextmanager
def backend(suggestions: Suggestions, port: int) -> Iterator[str]:
    """Serve suggestions on loopback and give the address; bodies are neither kept nor logged (they hold a token)."""

    class Routes(QuietHandler):
        def do_GET(self) -> None:
            if self.path.rstrip("/") in ("", "/health"):
                self._reply(200, {"status": "UP", "model_class": "aiyam"})
            else:
                self._reply(404, {"error": "expected GET /health or POST /setup, /predict"})

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            if length > _MAX_BODY_BYTES:
                self._reply(413, {"error": "the request is too large"})
                return
            try:
                body = json.loads(self.rfile.read(length) or b"{}")
            except ValueError:
                self._reply(400, {"error": "expected JSON"})
                return
            path = self.path.rstrip("/")
            if path == "/setup":
                self._reply(200, {"model_version": suggestions.version()})
            elif path == "/predict" and isinstance(body, dict):
                self._reply(200, suggestions.predict(body))
            elif path == "/webhook":
                self._reply(200, {})
            else:
                self._reply(404, {"error": "expected GET /health or POST /setup, /predict"})

        def _reply(self, status: int, body: dict[str, Any]) -> None:
            data = json.dumps(body, ensure_ascii=False).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    with serving(Routes, port) as url:
        yield url
