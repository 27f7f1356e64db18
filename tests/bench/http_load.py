"""Load on POST /chat: concurrent users on loopback for a bounded time; prints one line of JSON.

    python tests/bench/http_load.py [--users 50] [--seconds 20] [--url http://127.0.0.1:8000]

Without ``--url`` it starts ``aiyam serve`` for the current home on a free port and stops it afterwards.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

MESSAGES = (
    "아이랑 갈만한 건강한 저녁 식당 추천해줘",
    "급식카드 되는 치킨집 추천해줘",
    "만원으로 먹을 수 있는 떡볶이",
    "지금 연 데 중에 가까운 곳",
    "더 싼 데는?",
    "두 번째 가게 몇 시까지 해?",
    "거기 말고",
    "고마워!",
)
READY_TIMEOUT_S = 120


async def one_user(
    client: httpx.AsyncClient, number: int, until: float, times_s: list[float], failures: Counter[str]
) -> None:
    """Talk without a pause, in conversations of up to eight turns, until the time is over."""
    choose = random.Random(number)
    session: str | None = None
    while time.perf_counter() < until:
        message = choose.choice(MESSAGES)
        body: dict[str, object] = {"user_id": f"load-{number}", "message": message}
        if session and choose.random() > 0.15:
            body["session_id"] = session
        started = time.perf_counter()
        try:
            answer = await client.post("/chat", json=body)
        except httpx.HTTPError as error:
            failures[type(error).__name__] += 1
            continue
        times_s.append(time.perf_counter() - started)
        if answer.status_code == 200:
            session = answer.json()["session_id"]
        else:
            failures[str(answer.status_code)] += 1


async def load(url: str, users: int, seconds: float) -> dict[str, object]:
    """Run all users at once and return counts and latencies."""
    times_s: list[float] = []
    failures: Counter[str] = Counter()
    limits = httpx.Limits(max_connections=users)
    async with httpx.AsyncClient(base_url=url, timeout=30, limits=limits) as client:
        for message in MESSAGES[:3]:
            (await client.post("/chat", json={"user_id": "load-warm", "message": message})).raise_for_status()
        started = time.perf_counter()
        until = started + seconds
        await asyncio.gather(*(one_user(client, number, until, times_s, failures) for number in range(users)))
        wall_s = time.perf_counter() - started
    ordered = sorted(times_s) or [float("nan")]
    return {
        "users": users,
        "seconds": round(wall_s, 1),
        "requests": len(times_s),
        "errors": sum(failures.values()),
        "error_kinds": dict(failures),
        "requests_per_s": round(len(times_s) / wall_s, 1),
        "p50_ms": round(1000 * ordered[len(ordered) // 2], 1),
        "p95_ms": round(1000 * ordered[int(len(ordered) * 0.95)], 1),
        "max_ms": round(1000 * ordered[-1], 1),
    }


@contextmanager
def served() -> Iterator[str]:
    """Start the server of the current home on a free port; yield its address once it is ready."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "aiyam.cli", "serve", "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + READY_TIMEOUT_S
        while True:
            if process.poll() is not None:
                raise SystemExit(f"The server ended with exit code {process.returncode}; run `aiyam prepare` first?")
            if time.monotonic() > deadline:
                raise SystemExit(f"The server was not ready within {READY_TIMEOUT_S} s.")
            try:
                if httpx.get(f"{url}/readyz", timeout=2).status_code == 200:
                    break
            except httpx.HTTPError:
                pass
            time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=20)


def main() -> int:
    """Run the load; the exit code is 1 when any request failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--url", help="a server that runs already")
    given = parser.parse_args()
    if given.url:
        result = asyncio.run(load(given.url, given.users, given.seconds))
    else:
        with served() as url:
            result = asyncio.run(load(url, given.users, given.seconds))
    print(json.dumps(result))
    return 1 if result["errors"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
