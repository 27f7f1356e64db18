"""Real HTTP servers on loopback: one that serves a local model with constrained JSON, and ones that misbehave."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from aiyam.llm.folder import LocalModel
from aiyam.llm.interface import LanguageModel, LanguageModelError, Message

Answer = Callable[[BaseHTTPRequestHandler, dict[str, Any]], None]


@contextmanager
def serving(answer: Answer) -> Iterator[str]:
    """Serve ``answer`` on a free port; yields the base URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            with suppress(BrokenPipeError, ConnectionResetError):
                answer(self, body)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()


def send(handler: BaseHTTPRequestHandler, status: int, body: Any, **headers: str) -> None:
    """Write one whole response; ``body`` is JSON, or bytes as they are."""
    data = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("content-length", str(len(data)))
    handler.end_headers()
    handler.wfile.write(data)


def completion(text: str, *, tokens: Any = None, finish: str = "stop") -> dict[str, Any]:
    """A chat completion as servers word it."""
    choice: dict[str, Any] = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text}}
    if tokens is not None:
        choice["logprobs"] = {"content": [{"token": piece, "logprob": p} for piece, p in tokens]}
    return {"id": "1", "object": "chat.completion", "choices": [choice]}


def constrained(local: LocalModel) -> Answer:
    """Answer with the local model, held to the schema that ``response_format`` gives."""

    def answer(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        messages = [Message(m["role"], m["content"]) for m in body["messages"]]
        schema = body["response_format"]["json_schema"]["schema"]
        found = local.complete_json(messages, schema, max_tokens=body["max_tokens"], timeout_s=60)
        send(handler, 200, completion(found.text, tokens=found.tokens if body.get("logprobs") else None))

    return answer


def text_of(model: LanguageModel, messages: Sequence[Message], max_tokens: int) -> str:
    """What a model writes within so many tokens, the beginning of a longer text too."""
    text = ""
    try:
        for piece in model.stream(messages, max_tokens=max_tokens, timeout_s=60):
            text += piece
    except LanguageModelError as error:
        if error.reason != "cut_off":
            raise
    return text
