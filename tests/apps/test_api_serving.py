"""How the API serves: loading, reloading, limits, and stopping when the caller goes away."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from aiyam.assistant import Assistant
from aiyam.contracts import Done, Event, TextChunk
from aiyam.errors import ModelError, TooManyRequests
from aiyam.settings import Settings
from aiyam.store.aliases import set_alias
from aiyam.store.catalogue_writes import decide_venue
from aiyam.store.conversations import count_turns
from apps.api.app import create_app
from apps.api.limits import RateLimiter

Serve = Callable[[Any], AbstractContextManager[str]]
Until = Callable[..., None]


class Endless(Assistant):
    """A real assistant whose reply never ends; ``stopped`` is set when its work is stopped."""

    stopped: threading.Event

    def stream(self, *args: Any, **more: Any) -> Iterator[Event]:
        try:
            for event in super().stream(*args, **more):
                if isinstance(event, TextChunk | Done):
                    break
                yield event
            while True:
                yield TextChunk(text="가")
        finally:
            self.stopped.set()


def test_a_server_is_not_ready_until_its_models_are_loaded(assistant: Assistant, home: Settings, until: Until) -> None:
    go = threading.Event()

    def load() -> Assistant:
        go.wait(20)
        return assistant

    with TestClient(create_app(load, home, with_chat=False)) as client:
        assert client.get("/healthz").status_code == 200
        answer = client.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["code"] == "not_ready"
        assert client.post("/chat", json={"user_id": "u", "message": "안녕"}).status_code == 503
        go.set()
        until(lambda: client.get("/readyz").status_code == 200, "the models")
        assert client.post("/chat", json={"user_id": "u", "message": "안녕"}).status_code == 200


def test_a_server_whose_models_are_damaged_says_so_and_lives(home: Settings, until: Until) -> None:
    def load() -> Assistant:
        raise ModelError("Expected a checksum of 1, got 2.", hint="Train it again.")

    with TestClient(create_app(load, home, with_chat=False)) as client:
        until(lambda: "checksum" in client.get("/readyz").json()["detail"], "the reason")
        assert client.get("/readyz").status_code == 503
        assert client.get("/healthz").status_code == 200


def test_closing_the_stream_stops_the_work_and_stores_no_turn(
    assistant: Assistant, home: Settings, serve_app: Serve, until: Until
) -> None:
    endless = Endless(assistant.pipeline, assistant.store, assistant.clock)
    endless.stopped = threading.Event()
    with serve_app(create_app(endless, home, with_chat=False)) as address:
        body = {"user_id": "leaver", "message": "떡볶이 먹고 싶어"}
        with httpx.stream("POST", f"{address}/chat/stream", json=body, timeout=20) as answer:
            for line in answer.iter_lines():
                if line == "event: text":
                    break
        until(endless.stopped.is_set, "the work to stop")
        assert "aiyam_turns_abandoned_total 1.0" in httpx.get(f"{address}/metrics").text
    assert count_turns(assistant.store, user_id="leaver") == 0


def test_one_user_over_the_limit_waits_and_others_do_not(assistant: Assistant, home: Settings) -> None:
    limited = home.model_copy(update={"requests_per_minute": 2})
    with TestClient(create_app(assistant, limited, with_chat=False)) as client:
        asked = [client.post("/chat", json={"user_id": "quick", "message": "안녕"}) for _ in range(3)]
        assert [answer.status_code for answer in asked] == [200, 200, 429]
        assert 1 <= int(asked[-1].headers["retry-after"]) <= 61
        assert client.post("/chat", json={"user_id": "calm", "message": "안녕"}).status_code == 200


def test_the_limit_counts_the_last_sixty_seconds_only() -> None:
    time_s = 0.0
    limiter = RateLimiter(1, lambda: time_s)
    limiter.check("u")
    with pytest.raises(TooManyRequests):
        limiter.check("u")
    time_s = 60.1
    limiter.check("u")


def test_reload_is_open_to_this_machine_or_to_the_token(assistant: Assistant, home: Settings) -> None:
    here, elsewhere = ("127.0.0.1", 5000), ("203.0.113.9", 5000)
    open_app = create_app(assistant, home, with_chat=False)
    guarded = create_app(assistant, home, with_chat=False, admin_token="s3cret")
    with TestClient(open_app, client=elsewhere) as client:
        assert client.post("/admin/reload").status_code == 403
    with TestClient(open_app, client=here) as client:
        assert client.post("/admin/reload").status_code == 200
    with TestClient(guarded, client=here) as client:
        assert client.post("/admin/reload").status_code == 403
        assert client.post("/admin/reload", headers={"Authorization": "Bearer no"}).status_code == 403
        assert client.post("/admin/reload", headers={"Authorization": "Bearer s3cret"}).status_code == 200


def test_a_promotion_is_followed_without_dropping_a_request(
    assistant: Assistant, copy_home: Callable[[Path], Settings], tmp_path: Path, until: Until
) -> None:
    own = copy_home(tmp_path)
    loaded = Assistant.load(own, clock=assistant.clock)
    served = loaded.versions.nlu
    newer = copy_as_new_version(own.models_dir / "nlu", served)
    statuses: list[int] = []
    try:
        with TestClient(create_app(loaded, own, with_chat=False, watch_every_s=0.05)) as client:
            set_alias(loaded.store, "nlu", "production", newer, "test", "follows a promotion")

            def swapped() -> bool:
                statuses.append(client.post("/chat", json={"user_id": "u", "message": "치킨"}).status_code)
                return bool(client.get("/readyz").json()["versions"]["nlu"] == newer)

            until(swapped, "the new version to serve", within_s=60)
            set_alias(loaded.store, "nlu", "production", "v99", "test", "a version that is not there")
            until(lambda: 'outcome="failed"} 1.0' in client.get("/metrics").text, "the failed reload")
            assert client.post("/chat", json={"user_id": "u", "message": "치킨"}).status_code == 200
            assert client.get("/readyz").json()["versions"]["nlu"] == newer
    finally:
        loaded.close()
    assert set(statuses) == {200}


def test_a_shop_that_a_person_blocks_is_gone_from_the_next_list_and_nothing_else_is_loaded_again(
    assistant: Assistant, copy_home: Callable[[Path], Settings], tmp_path: Path, until: Until
) -> None:
    own = copy_home(tmp_path)
    loaded = Assistant.load(own, clock=assistant.clock)
    body = {"user_id": "u", "message": "치킨 먹고 싶어"}
    try:
        with TestClient(create_app(loaded, own, with_chat=False, watch_every_s=0.05)) as client:
            shown = [shop["shop_id"] for shop in client.post("/chat", json=body).json()["recommendations"]]
            served = loaded.pipeline
            decide_venue(loaded.store, shown[0], "blocked", who="min")
            until(lambda: loaded.pipeline is not served, "the changed shop", within_s=60)
            now = [shop["shop_id"] for shop in client.post("/chat", json=body).json()["recommendations"]]
            assert shown[0] not in now
            assert set(shown[1:]) <= set(now)
            assert loaded.pipeline.parts.understander is served.parts.understander
            assert loaded.pipeline.parts.encoder is served.parts.encoder
            assert loaded.pipeline.parts.screen is served.parts.screen
            assert loaded.pipeline.parts.ranker._scorer is served.parts.ranker._scorer
            assert not loaded.changed()
    finally:
        loaded.close()


def copy_as_new_version(component: Path, version: str) -> str:
    """Copy a sealed version under the next name."""
    newer = f"v{int(version.removeprefix('v')) + 1}"
    shutil.copytree(component / version, component / newer)
    manifest = component / newer / "manifest.json"
    manifest.write_text(manifest.read_text(encoding="utf-8").replace(f'"{version}"', f'"{newer}"'), encoding="utf-8")
    return newer
