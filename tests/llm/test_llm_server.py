"""The server backend against real servers: transformers' own, one that constrains, and ones that fail in every way."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import nullcontext
from http.server import BaseHTTPRequestHandler
from threading import Event
from typing import Any

import pytest
from small_servers import completion, constrained, send, serving
from tiny_language_model import labelled

from aiyam.llm.folder import LocalModel
from aiyam.llm.interface import LanguageModelError, Message
from aiyam.llm.server import OpenAIServer
from aiyam.nlu.instructions import answer_of, answer_schema, messages_for

ASK = [Message("system", "짧게 답해."), Message("user", "안녕")]
SMALL = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"], "additionalProperties": False}


def test_a_server_that_constrains_answers_like_the_model_it_holds(local: LocalModel) -> None:
    row = labelled()[1]
    with serving(constrained(local)) as url:
        answer = OpenAIServer(url, "tiny").complete_json(
            messages_for(row.text, shots=()), answer_schema(), timeout_s=60
        )
    here = local.complete_json(messages_for(row.text, shots=()), answer_schema(), timeout_s=60)
    assert answer == here
    assert answer.text == answer_of(row)


def test_the_server_of_transformers_answers_and_streams(transformers_server: tuple[str, str]) -> None:
    server = OpenAIServer(*transformers_server)
    messages = messages_for(labelled()[0].text, shots=())
    assert server.complete_json(messages, answer_schema(), timeout_s=60).text == answer_of(labelled()[0])
    pieces = list(server.stream(messages, timeout_s=60))
    assert len(pieces) > 3
    assert "".join(pieces) == answer_of(labelled()[0])
    server.close()


def test_a_server_that_does_not_heed_the_schema_is_told_it_in_the_prompt(transformers_server: tuple[str, str]) -> None:
    server = OpenAIServer(*transformers_server)
    with pytest.raises(LanguageModelError) as raised:  # the small model knows no other JSON than it learnt
        server.complete_json(ASK, SMALL, max_tokens=60, timeout_s=60)
    assert raised.value.reason in ("not_json", "cut_off")


def test_a_model_the_server_does_not_have_is_named(transformers_server: tuple[str, str]) -> None:
    with pytest.raises(LanguageModelError) as raised:
        OpenAIServer(transformers_server[0], "no/such-model", n_retries=0).complete_json(ASK, SMALL, timeout_s=60)
    assert raised.value.reason == "refused"


def asked(bodies: list[dict[str, Any]], refuse: Callable[[dict[str, Any]], str | None]) -> Any:
    """A server that refuses what ``refuse`` names and otherwise answers, keeping what it was asked."""

    def answer(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        bodies.append(body)
        complaint = refuse(body)
        if complaint:
            send(handler, 400, {"error": {"message": complaint}})
        else:
            send(handler, 200, completion('{"ok": true}'))

    return answer


def test_a_server_without_json_schema_is_asked_for_a_json_object_and_remembered() -> None:
    bodies: list[dict[str, Any]] = []

    def refuse(body: dict[str, Any]) -> str | None:
        kind = body.get("response_format", {}).get("type")
        return "response_format 'json_schema' is not supported" if kind == "json_schema" else None

    with serving(asked(bodies, refuse)) as url:
        server = OpenAIServer(url, "small")
        assert server.complete_json(ASK, SMALL).value == {"ok": True}
        assert server.complete_json(ASK, SMALL).value == {"ok": True}
    assert [b["response_format"]["type"] for b in bodies] == ["json_schema", "json_object", "json_object"]
    assert '"ok"' in bodies[1]["messages"][0]["content"]
    assert bodies[1]["messages"][0]["role"] == "system"
    assert len(bodies[1]["messages"]) == 2
    assert all(b["logprobs"] for b in bodies)


def test_a_server_that_refuses_every_option_is_asked_plainly() -> None:
    bodies: list[dict[str, Any]] = []
    with serving(
        asked(bodies, lambda body: "unknown field" if {"logprobs", "response_format"} & set(body) else None)
    ) as url:
        assert OpenAIServer(url, "small").complete_json(ASK, SMALL).value == {"ok": True}
    assert [sorted({"logprobs", "response_format"} & set(b)) for b in bodies] == [
        ["logprobs", "response_format"], ["response_format"], ["response_format"], [],
    ]  # fmt: skip


def test_a_busy_server_is_asked_again_after_the_pause_it_names() -> None:
    n_asked, pauses = [], []

    def answer(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        n_asked.append(body)
        if len(n_asked) < 3:
            send(handler, 503 if len(n_asked) == 1 else 429, {"error": "busy"}, retry_after="2")
        else:
            send(handler, 200, completion('{"ok": false}'))

    with serving(answer) as url:
        assert OpenAIServer(url, "small", pause=pauses.append).complete_json(ASK, SMALL).value == {"ok": False}
    assert pauses == [2.0, 2.0]


def test_a_pause_longer_than_the_time_left_is_not_taken() -> None:
    def busy(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        send(handler, 429, {"error": "busy"}, retry_after="3600")

    with serving(busy) as url, pytest.raises(LanguageModelError, match="429") as raised:
        OpenAIServer(url, "small").complete_json(ASK, SMALL, timeout_s=5)
    assert raised.value.reason == "refused"


def test_a_server_that_is_down_is_tried_again_and_named() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}/v1"
    pauses: list[float] = []
    with pytest.raises(LanguageModelError, match="Expected a server at") as raised:
        OpenAIServer(url, "small", n_retries=2, pause=pauses.append).complete_json(ASK, SMALL)
    assert raised.value.reason == "unreachable"
    assert len(pauses) == 2


def test_a_slow_server_is_left_at_the_time_limit() -> None:
    released = Event()

    def answer(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        released.wait(30)

    with serving(answer) as url:
        with pytest.raises(LanguageModelError) as raised:
            OpenAIServer(url, "small").complete_json(ASK, SMALL, timeout_s=0.2)
        released.set()
    assert raised.value.reason == "timeout"


def test_a_server_that_trickles_is_held_to_the_whole_time() -> None:
    stopped = Event()

    def answer(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        handler.send_response(200)
        handler.send_header("content-length", "100000")
        handler.end_headers()
        while not stopped.wait(0.02):
            handler.wfile.write(b" ")

    with serving(answer) as url:
        with pytest.raises(LanguageModelError) as raised:
            OpenAIServer(url, "small").complete_json(ASK, SMALL, timeout_s=0.3)
        stopped.set()
    assert raised.value.reason == "timeout"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<html>gateway</html>", "broken"),
        (b"[]", "broken"),
        (b'{"choices": []}', "broken"),
        (b'{"choices": [{"message": {"content": null}}]}', "not_json"),
        (b'{"choices": [{"message": {"content": "sure!"}}]}', "not_json"),
        (b'{"choices": [{"message": {"content": [{"type": "text", "text": "{}"}]}}]}', "broken"),
        (b'{"choices": [{"message": {"content": "{\\"ok\\": tr"}, "finish_reason": "length"}]}', "cut_off"),
        (b"\xff\xfe\x00", "broken"),
        (b"[" * 100_000, "broken"),
        (b" " * 1_100_000, "broken"),
    ],
)
def test_rubbish_is_an_error_that_says_what_came(body: bytes, reason: str) -> None:
    with serving(lambda handler, _: send(handler, 200, body)) as url, pytest.raises(LanguageModelError) as raised:
        OpenAIServer(url, "small").complete_json(ASK, SMALL)
    assert raised.value.reason == reason


def test_the_key_is_sent_and_never_told() -> None:
    seen: list[str] = []

    def answer(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        seen.append(handler.headers["authorization"])
        send(handler, 401, {"error": "bad key"})

    with serving(answer) as url, pytest.raises(LanguageModelError) as raised:
        OpenAIServer(url, "small", api_key="k-123").complete_json(ASK, SMALL)
    assert seen == ["Bearer k-123"]
    assert "k-123" not in str(raised.value)
    assert "key" in raised.value.hint


@pytest.mark.parametrize(
    ("events", "text", "reason"),
    [
        (
            b'data: {"choices":[{"delta":{"content":"\xec\x95\x88"}}]}\n\ndata: {"choices":[]}\n\ndata: [DONE]\n\n',
            "안",
            None,
        ),
        (b': ping\r\n\r\ndata: {"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}\r\n\r\n', "a", None),
        (
            b'data: {"choices":[{"delta":{"content":"a"},"finish_reason":"length"}]}\n\ndata: [DONE]\n\n',
            "a",
            "cut_off",
        ),
        (b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n', "a", "broken"),
        (b'data: {"choices":[{"delta":{"content":"a"}}]}\n\ndata: {"error":"out of memory"}\n\n', "a", "broken"),
        (b"data: not json\n\n", "", "broken"),
        (b"", "", "broken"),
    ],
)
def test_a_stream_gives_its_pieces_and_then_its_error(events: bytes, text: str, reason: str | None) -> None:
    pieces: list[str] = []
    expected = pytest.raises(LanguageModelError) if reason else nullcontext()
    with serving(lambda handler, _: send(handler, 200, events)) as url, expected as raised:
        for piece in OpenAIServer(url, "small").stream(ASK):
            pieces.append(piece)
    assert "".join(pieces) == text
    assert raised is None or raised.value.reason == reason
