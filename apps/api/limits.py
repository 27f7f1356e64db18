"""Who may call how often: the rate limit of one user, and the door to the admin routes."""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from ipaddress import ip_address

from fastapi import Request
from starlette.exceptions import HTTPException

from aiyam.errors import TooManyRequests

_WINDOW_S = 60.0
_MOST_USERS = 10_000


class RateLimiter:
    """At most ``per_minute`` calls of one user in any 60 seconds; 0 is off. Remembers the 10,000 latest users."""

    def __init__(self, per_minute: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.per_minute = per_minute
        self._monotonic = monotonic
        self._calls: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def check(self, user_id: str) -> None:
        """Count a call.

        Raises:
            TooManyRequests: over the limit; ``retry_after_s`` says when there is room again.
        """
        if not self.per_minute:
            return
        now = self._monotonic()
        with self._lock:
            calls = self._calls.setdefault(user_id, deque())
            self._calls.move_to_end(user_id)
            while len(self._calls) > _MOST_USERS:
                self._calls.popitem(last=False)
            while calls and calls[0] <= now - _WINDOW_S:
                calls.popleft()
            if len(calls) >= self.per_minute:
                wait_s = int(calls[0] + _WINDOW_S - now) + 1
                error = TooManyRequests(
                    f"Expected at most {self.per_minute} messages a minute, got one more.", hint=f"Wait {wait_s} s."
                )
                error.retry_after_s = wait_s  # type: ignore[attr-defined]
                raise error
            calls.append(now)


def admit_admin(request: Request, token: str | None) -> None:
    """Let an admin call pass: with the token where one is set (a proxy makes every caller look local), else from loopback.

    Raises:
        HTTPException: 403.
    """
    if token:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not secrets.compare_digest(given.encode("utf-8", "replace"), token.encode()):
            raise HTTPException(403, "Expected Authorization: Bearer with the value of AIYAM_ADMIN_TOKEN.")
        return
    try:
        local = request.client is not None and ip_address(request.client.host).is_loopback
    except ValueError:
        local = False
    if not local:
        raise HTTPException(403, "Expected a call from this machine. Set AIYAM_ADMIN_TOKEN to call from elsewhere.")
