"""Label Studio's REST interface, the little of it that is used; errors never carry a token, a cookie or a task's text."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import httpx

from aiyam.errors import AiyamError, Conflict, NotFound, NotReady
from annotation.schemas import Screen

SUGGESTED_BY = "aiyam"
"""The server's name of whoever makes our suggestions; it shows those of one name only. A task's data tell the model."""
_TIMEOUT = httpx.Timeout(60.0, connect=5.0)
_WRITE_TIMEOUT = httpx.Timeout(300.0, connect=5.0)
"""A write given up may still be done: it is waited for longer."""
_PAGE = 1000
_IDS_IN_ONE_URL = 400
"""Of an export of some tasks: an address of under 6 kB."""


class Unanswered(NotReady):
    """The server did not answer, or said that it failed: what was asked of it may or may not have been done."""


@dataclass(frozen=True)
class Project:
    """A project of the server; ``created_at`` tells two data folders behind one address apart."""

    project_id: int
    title: str
    created_at: str
    label_config: str
    n_tasks: int


@dataclass(frozen=True)
class ThereTask:
    """A task on the server: its id there, our key ("" for one somebody else put there), when it last changed."""

    task_id: int
    key: str
    updated_at: str


class LabelStudio:
    """A logged-in connection. Reads are tried again once; writes never, since a lost answer may have been a done write."""

    def __init__(self, url: str, token: str, *, transport: httpx.BaseTransport | None = None) -> None:
        self.url = url.rstrip("/")
        self._http = httpx.Client(
            base_url=self.url, headers={"Authorization": f"Token {token}"}, timeout=_TIMEOUT, transport=transport
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

    def is_healthy(self, timeout_s: float = 3.0) -> bool:
        """Whether the server answers and is up."""
        try:
            return self._http.get("/health", timeout=timeout_s).status_code == 200
        except httpx.HTTPError:
            return False

    def check(self) -> str:
        """Return the address of the account the token belongs to, after making sure that this is Label Studio.

        Raises:
            Unanswered: nothing answers.
            Conflict: another product answers, or the token is not accepted.
        """
        try:
            version = self._read("/api/version")
        except (NotFound, Conflict, _NotJson):
            version = None
        if not isinstance(version, dict) or "release" not in version:
            raise Conflict(
                f"Expected Label Studio at {self.url}, but another product answers there.",
                hint="Set AIYAM_LABEL_STUDIO_URL to its address, or start it with: make label-studio.",
            )
        return self.whoami()

    def whoami(self) -> str:
        """The e-mail address the token belongs to."""
        return str(self._get("/api/current-user/whoami").get("email", ""))

    def projects(self) -> dict[str, int]:
        """Project ids by title; the lower one where two bear it."""
        found: dict[str, int] = {}
        page = 1
        while True:
            answer = self._get("/api/projects", page=page, page_size=100)
            for project in answer["results"]:
                found[str(project["title"])] = min(int(project["id"]), found.get(str(project["title"]), 2**62))
            if not answer.get("next"):
                return found
            page += 1

    def project(self, project_id: int) -> Project:
        """Return a project.

        Raises:
            NotFound: there is none with this id.
        """
        found = self._get(f"/api/projects/{project_id}")
        return Project(
            int(found["id"]), str(found["title"]), str(found["created_at"]), str(found["label_config"]),
            int(found.get("task_number") or 0),
        )  # fmt: skip

    def ensure_project(self, screen: Screen) -> tuple[int, bool]:
        """Return the id of the project with this very screen, and whether it was made now; its guide is kept up to date.

        Raises:
            Unanswered: the server does not answer.
        """
        existing = self.projects().get(screen.project_title)
        if existing is not None:
            # The server cleans the guide's HTML: its mark in the description tells whether it is this one.
            if self._get(f"/api/projects/{existing}").get("description") != screen.description:
                guide = {"expert_instruction": screen.guide, "description": screen.description}
                self._send("PATCH", f"/api/projects/{existing}", json=guide)
            return existing, False
        body = {
            "title": screen.project_title,
            "description": screen.description,
            "label_config": screen.xml,
            "expert_instruction": screen.guide,
            "show_instruction": True,
            "sampling": "Uncertainty sampling",
            "maximum_annotations": 1,
            "show_collab_predictions": True,
            "model_version": SUGGESTED_BY,
        }
        return int(self._send("POST", "/api/projects", json=body)["id"]), True

    def import_tasks(self, project_id: int, tasks: Sequence[Mapping[str, Any]]) -> list[int]:
        """Import tasks with their predictions, all or none; return the server's ids in the same order.

        Raises:
            Unanswered: whether they were imported is not known.
            AiyamError: the server refused them; none was imported.
        """
        answer = self._send(
            "POST", f"/api/projects/{project_id}/import", params={"return_task_ids": "true"}, json=list(tasks)
        )
        ids = [int(one) for one in answer.get("task_ids") or ()]
        if len(ids) != len(tasks):
            raise Unanswered(
                f"Expected {len(tasks)} ids of imported tasks, got {len(ids)}.",
                hint="Run aiyam annotate push again; it looks at what is there first.",
            )
        return ids

    def ask_of(self, task_id: int, n_annotators: int) -> None:
        """Have a task served to so many annotators."""
        self._send("PATCH", f"/api/tasks/{task_id}", json={"overlap": n_annotators})

    def list_tasks(self, project_id: int, *, changed_after: str | None = None) -> list[ThereTask]:
        """Return the tasks of a project, those changed longest ago first; only those changed after a moment, if given.

        Tasks come and go while pages are read: one that moved to a later page is seen there, so each is given once.
        """
        query: dict[str, Any] = {"ordering": ["tasks:updated_at"]}
        if changed_after is not None:
            query["filters"] = {
                "conjunction": "and",
                "items": [
                    {
                        "filter": "filter:tasks:updated_at", "operator": "greater", "type": "Datetime",
                        "value": changed_after,
                    }
                ],
            }  # fmt: skip
        found: dict[int, ThereTask] = {}
        page = 1
        while True:
            answer = self._get(
                "/api/tasks", project=project_id, page=page, page_size=_PAGE, include="id,data,updated_at",
                fields="task_only", query=json.dumps(query),
            )  # fmt: skip
            for task in answer["tasks"]:
                key = str((task.get("data") or {}).get("aiyam_key") or "")
                found[int(task["id"])] = ThereTask(int(task["id"]), key, str(task["updated_at"]))
            if page * _PAGE >= int(answer["total"]):
                return sorted(found.values(), key=lambda one: one.updated_at)
            page += 1

    def export(self, project_id: int, task_ids: Iterable[int] | None = None) -> Iterator[list[dict[str, Any]]]:
        """Give the tasks that have annotations, with them: all at once, or some, a few hundred in one piece."""
        if task_ids is None:
            yield self._exported(project_id, ())
            return
        ids = list(task_ids)
        for start in range(0, len(ids), _IDS_IN_ONE_URL):
            yield self._exported(project_id, ids[start : start + _IDS_IN_ONE_URL])

    def _exported(self, project_id: int, ids: Sequence[int]) -> list[dict[str, Any]]:
        answer = self._read(
            f"/api/projects/{project_id}/export", exportType="JSON", download_all_tasks="false", **{"ids[]": list(ids)}
        )
        if not isinstance(answer, list):
            raise _NotJson(f"/api/projects/{project_id}/export")
        return answer

    def delete_task(self, task_id: int) -> None:
        """Delete a task with its answers; one that is gone already is no error."""
        try:
            self._ask("DELETE", f"/api/tasks/{task_id}")
        except NotFound:
            return

    def ensure_webhook(self, project_id: int, url: str) -> bool:
        """Have the server call an address when annotations change; tell whether it was made now. No text is sent there."""
        there = self._read("/api/webhooks/", project=project_id)
        if isinstance(there, list) and any(hook.get("url") == url for hook in there):
            return False
        actions = ["ANNOTATION_CREATED", "ANNOTATION_UPDATED", "ANNOTATIONS_DELETED", "TASKS_DELETED"]
        body = {
            "project": project_id, "url": url, "send_payload": False, "send_for_all_actions": False, "actions": actions,
            "is_active": True,
        }  # fmt: skip
        self._send("POST", "/api/webhooks/", json=body)
        return True

    def connect_backend(self, project_id: int, url: str) -> int:
        """Have the server ask an address for suggestions while people label; return the connection's id."""
        there = self._read("/api/ml", project=project_id)
        for one in there if isinstance(there, list) else []:
            if one.get("title") == SUGGESTED_BY:
                if one.get("url") == url:
                    return int(one["id"])
                self.disconnect_backend(int(one["id"]))
        body = {"project": project_id, "url": url, "title": SUGGESTED_BY, "is_interactive": False}
        return int(self._send("POST", "/api/ml", json=body)["id"])

    def disconnect_backend(self, backend_id: int) -> None:
        """Have the server show imported suggestions again."""
        try:
            self._ask("DELETE", f"/api/ml/{backend_id}")
        except NotFound:
            return

    def _get(self, path: str, **params: Any) -> dict[str, Any]:
        answer = self._read(path, **params)
        if not isinstance(answer, dict):
            raise _NotJson(path)
        return answer

    def _read(self, path: str, **params: Any) -> Any:
        try:
            return self._ask("GET", path, params=params)
        except Unanswered:
            return self._ask("GET", path, params=params)

    def _send(self, method: str, path: str, **given: Any) -> dict[str, Any]:
        answer = self._ask(method, path, **given)
        if not isinstance(answer, dict):
            raise _NotJson(path)
        return answer

    def _ask(self, method: str, path: str, **given: Any) -> Any:
        try:
            timeout = _TIMEOUT if method == "GET" else _WRITE_TIMEOUT
            response = self._http.request(method, path, timeout=timeout, **given)
        except httpx.HTTPError as error:
            raise Unanswered(
                f"Expected Label Studio to answer {method} {path} at {self.url}, got {type(error).__name__}.",
                hint="Start it with: make label-studio.",
            ) from None
        status = response.status_code
        if status in (401, 403):
            raise Conflict(
                f"Expected Label Studio to accept the stored token, got HTTP {status}.",
                hint="The token belongs to another data folder: set AIYAM_LABEL_STUDIO_TOKEN, or stop the server and start it with make label-studio.",
            )
        if status >= 500 or status == 429:
            raise Unanswered(
                f"Expected Label Studio to answer {method} {path}, got HTTP {status}.", hint="Try again in a while."
            )
        if status == 404:
            raise NotFound(
                f"Label Studio has no {path} (HTTP 404).",
                hint="It was deleted there, or the address is not Label Studio's.",
            )
        if status >= 400:
            raise AiyamError(
                f"Label Studio refused {method} {path} with HTTP {status}.",
                hint="Check that its version is the pinned one and that nobody changed the project by hand.",
            )
        if status == 204:
            return None
        try:
            return response.json()
        except ValueError:
            raise _NotJson(path, status) from None


class _NotJson(AiyamError):
    def __init__(self, path: str, status: int = 200) -> None:
        super().__init__(
            f"Expected JSON from Label Studio for {path}, got something else with HTTP {status}.",
            hint="Check that the address is Label Studio's and that its version is the pinned one.",
        )
