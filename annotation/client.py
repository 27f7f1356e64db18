"""Label Studio's REST interface, the little of it that is used; errors never carry a token, a cookie or a task's text."""

from __future__ import annotations

from types import TracebackType
from typing import Any

import httpx

from aiyam.errors import AiyamError, Conflict, NotReady
from annotation.schemas import Screen

_TIMEOUT = httpx.Timeout(30.0, connect=5.0)


class LabelStudio:
    """A logged-in connection. Reads are tried again once; writes never, since a lost answer may have been a done write."""

    def __init__(self, url: str, token: str, *, transport: httpx.BaseTransport | None = None) -> None:
        self._http = httpx.Client(
            base_url=url, headers={"Authorization": f"Token {token}"}, timeout=_TIMEOUT, transport=transport
        )

    def __enter__(self) -> LabelStudio:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def is_healthy(self) -> bool:
        """Whether the server answers and is up."""
        try:
            return self._http.get("/health", timeout=3.0).status_code == 200
        except httpx.HTTPError:
            return False

    def whoami(self) -> str:
        """The e-mail address the token belongs to."""
        return str(self._get("/api/current-user/whoami").get("email", ""))

    def projects(self) -> dict[str, int]:
        """Project ids by title."""
        found: dict[str, int] = {}
        page = 1
        while True:
            answer = self._get("/api/projects", page=page, page_size=100)
            found.update({str(project["title"]): int(project["id"]) for project in answer["results"]})
            if not answer.get("next"):
                return found
            page += 1

    def ensure_project(self, screen: Screen) -> tuple[int, bool]:
        """Return the id of the project with this very screen, and whether it was made now.

        Raises:
            Conflict: several projects cannot be told apart, or the server refused the screen.
            NotReady: the server does not answer.
        """
        existing = self.projects().get(screen.project_title)
        if existing is not None:
            return existing, False
        body = {
            "title": screen.project_title,
            "description": f"aiyam {screen.name} {screen.version}",
            "label_config": screen.xml,
            "expert_instruction": screen.guide,
            "show_instruction": True,
            "sampling": "Uncertainty sampling",
            "maximum_annotations": 2,
            "show_collab_predictions": True,
        }
        return int(self._send("POST", "/api/projects", json=body)["id"]), True

    def _get(self, path: str, **params: int) -> dict[str, Any]:
        try:
            return self._send("GET", path, params=params)
        except NotReady:
            return self._send("GET", path, params=params)

    def _send(self, method: str, path: str, **given: Any) -> dict[str, Any]:
        try:
            response = self._http.request(method, path, **given)
        except httpx.HTTPError as error:
            raise NotReady(
                f"Expected Label Studio to answer {method} {path}, got {type(error).__name__}.",
                hint="Start it with: make label-studio.",
            ) from None
        if response.status_code in (401, 403):
            raise Conflict(
                f"Expected Label Studio to accept the stored token, got HTTP {response.status_code}.",
                hint="The token file belongs to another data folder; stop the server and start it with make label-studio.",
            )
        if response.status_code >= 500:
            raise NotReady(f"Expected Label Studio to answer {method} {path}, got HTTP {response.status_code}.")
        try:
            answer = response.json()
        except ValueError:
            answer = None
        if response.status_code >= 400 or not isinstance(answer, dict):
            raise AiyamError(
                f"Expected JSON from Label Studio for {method} {path}, got HTTP {response.status_code}.",
                hint="Check that the address is Label Studio's and that its version is the pinned one.",
            )
        return answer
