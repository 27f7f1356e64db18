"""What the API does with what it should never get: a problem body, a 4xx, and life goes on."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from aiyam.contracts import Problem

JSON = {"content-type": "application/json"}


def refused(answer: httpx.Response, *statuses: int) -> Problem:
    assert answer.status_code in statuses, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = Problem.model_validate_json(answer.content)
    assert body.status == answer.status_code
    assert "Traceback" not in answer.text
    assert 'File "' not in answer.text
    return body


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (b"", 400, "Expected JSON"),
        (b"{", 400, "Expected JSON"),
        (b"\xff\xfe{}", 400, "UTF-8"),
        (b"[]", 422, "expected"),
        (b"null", 422, "expected"),
        (b'{"user_id": "u"}', 422, "message: expected a value, got none"),
        (b'{"user_id": "u", "message": 5}', 422, "message: expected a valid string, got 5"),
        (b'{"user_id": ["u"], "message": "a"}', 422, "user_id: expected a valid string"),
        (b'{"user_id": "\xea\xb0\x80 b", "message": "a"}', 422, "user_id: expected text matching"),
        (b'{"user_id": "u", "message": "a", "zz": 1}', 422, "zz: expected no such key, got 1"),
        (b'{"user_id": "u", "message": ""}', 422, "empty"),
        (b'{"user_id": "u", "message": " \\n\\t "}', 422, "empty"),
        (b'{"user_id": "u", "message": "\\u0000"}', 422, "null"),
        (b'{"user_id": "u", "message": "\\ud83d"}', 422, "surrogate"),
        (b'{"user_id": "u", "message": "a", "context": {"lat": NaN}}', 400, "NaN"),
        (b'{"user_id": "u", "message": "a", "context": {"lat": -Infinity}}', 400, "Infinity"),
        (b'{"user_id": "u", "message": "a", "context": {"lat": 1e999}}', 422, "number"),
        (b'{"user_id": "u", "message": "a", "context": {"lat": 91}}', 422, "context.lat"),
        (b'{"user_id": "u", "message": "a", "context": {"now": "2026-03-02T18:30:00"}}', 422, "UTC offset"),
        (b'{"user_id": "u", "message": "a", "context": {"now": "later"}}', 422, "context.now"),
        (b'{"user_id": "u", "message": ' + b"9" * 5000 + b"}", 422, "integers"),
        (b"[" * 5000 + b"]" * 5000, 422, "deep"),
    ],
)
def test_a_broken_chat_body_is_refused_saying_why(client: httpx.Client, body: bytes, status: int, says: str) -> None:
    assert says in refused(client.post("/chat", content=body, headers=JSON), status).detail


def test_ten_thousand_characters_are_refused_with_both_numbers(client: httpx.Client) -> None:
    detail = refused(client.post("/chat", json={"user_id": "u", "message": "가" * 10_000}), 422).detail
    assert "1000" in detail
    assert "10000" in detail


@pytest.mark.parametrize("route", ["/chat", "/chat/stream", "/recommendations", "/feedback"])
def test_a_body_not_declared_as_json_is_refused(client: httpx.Client, route: str) -> None:
    refused(client.post(route, content=b"message=hi", headers={"content-type": "text/plain"}), 415)
    refused(client.post(route, content=b"{}"), 415)


def test_an_unknown_route_and_a_wrong_method_say_so(client: httpx.Client) -> None:
    assert "/docs" in refused(client.get("/nowhere"), 404).detail
    answer = client.delete("/chat")
    refused(answer, 405)
    assert answer.headers["allow"] == "POST"
    refused(client.get("/{7*7}%s"), 404)


def test_a_large_body_is_refused_before_it_is_sent(site: str) -> None:
    address = urlsplit(site)
    with socket.create_connection((address.hostname, address.port), timeout=5) as line:
        line.sendall(
            b"POST /chat HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99999999\r\n\r\n{"
        )
        assert line.recv(4096).startswith(b"HTTP/1.1 413")


def test_a_large_body_without_a_length_is_refused_while_it_comes(client: httpx.Client) -> None:
    def pieces() -> Iterator[bytes]:
        yield b'{"user_id": "u", "message": "'
        for _ in range(80):
            yield b"a" * 1000
        yield b'"}'

    refused(client.post("/chat", content=pieces(), headers=JSON), 413)


@pytest.mark.parametrize(
    "filters",
    [
        {"budget_max": 2**53},
        {"budget_max": -1},
        {"category": "외계식"},
        {"max_distance_m": 1e400},
        {"open_now": False},
        {"ordinal": 0},
        {"nonsense": 1},
    ],
)
def test_filters_that_break_the_vocabulary_are_refused(client: httpx.Client, filters: dict[str, object]) -> None:
    understanding = {"original_query": "a", "intent": "FOOD_RECOMMENDATION", "confidence": 1, "filters": filters}
    body = {"user_id": "u", "chatbot_output": understanding}
    text = str(body).replace("'", '"').replace("False", "false").replace("inf", "1e400").encode()
    refused(client.post("/recommendations", content=text, headers=JSON), 422)


@pytest.mark.parametrize(
    "filters",
    [
        {"budget_max": 2**53 - 1},
        {"budget_min": 2**53 - 1, "budget_max": 0},
        {"max_distance_m": 2**53 - 1},
        {"menus": [""], "district": "", "place": "\u202e"},
        {"ordinal": 2**53 - 1},
        {"district": "없는구", "place": "없는역"},
    ],
)
def test_extreme_but_allowed_filters_are_answered(client: httpx.Client, filters: dict[str, object]) -> None:
    understanding = {"original_query": "a", "intent": "FOOD_RECOMMENDATION", "confidence": 1, "filters": filters}
    answer = client.post("/recommendations", json={"user_id": "u", "chatbot_output": understanding})
    assert answer.status_code == 200, answer.text


def test_spans_that_do_not_stand_in_the_text_are_refused(client: httpx.Client) -> None:
    span = {"entity": "menu", "value": "피자", "text": "피자", "start": 5, "end": 7}
    understanding = {"original_query": "치킨", "intent": "FOOD_RECOMMENDATION", "confidence": 1, "entities": [span]}
    refused(client.post("/recommendations", json={"user_id": "u", "chatbot_output": understanding}), 422)


def test_after_all_that_the_server_answers(client: httpx.Client) -> None:
    assert client.post("/chat", json={"user_id": "u", "message": "안녕"}).status_code == 200
