"""A small Label Studio in memory, behind the routes the client uses, that can be told to fail."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx

from annotation.client import LabelStudio

SECRET = "tok" + "e" * 37
Fault = Callable[[httpx.Request], "httpx.Response | str | None"]


class FakeStudio:
    """Projects and tasks in memory. ``fault`` may answer instead, or name "drop": do it, and lose the answer."""

    def __init__(self) -> None:
        self.projects: list[dict[str, Any]] = []
        self.tasks: dict[int, dict[str, Any]] = {}
        self.moment = 0
        self.fault: Fault = lambda request: None
        self.imports: list[int] = []

    def connect(self) -> LabelStudio:
        return LabelStudio("http://studio", SECRET, transport=httpx.MockTransport(self))

    def now(self) -> str:
        self.moment += 1
        return f"2026-03-02T09:{self.moment // 60:02}:{self.moment % 60:02}.000000Z"

    def __call__(self, request: httpx.Request) -> httpx.Response:
        told = self.fault(request)
        if isinstance(told, httpx.Response):
            return told
        answer = self.answer(request, json.loads(request.content) if request.content else {})
        if told == "drop":
            raise httpx.RemoteProtocolError("the answer was lost")
        return answer

    def answer(self, request: httpx.Request, body: Any) -> httpx.Response:
        path, method = request.url.path.rstrip("/"), request.method
        parts = path.split("/")[2:]
        if path == "/health":
            return httpx.Response(200, json={"status": "UP"})
        if path == "/api/version":
            return httpx.Response(200, json={"release": "1.23.2"})
        if path == "/api/current-user/whoami":
            return httpx.Response(200, json={"email": "admin@aiyam.local"})
        if parts == ["projects"] and method == "POST":
            project = {**body, "id": len(self.projects) + 1, "created_at": self.now()}
            self.projects.append(project)
            return httpx.Response(201, json=project)
        if parts == ["projects"]:
            return httpx.Response(200, json={"results": self.projects, "next": None})
        if parts == ["tasks"]:
            return self.listed(request)
        if parts[0] == "tasks" and method == "DELETE":
            return httpx.Response(204 if self.tasks.pop(int(parts[1]), None) else 404)
        if parts[0] == "tasks" and method == "PATCH":
            self.tasks[int(parts[1])].update(body)
            return httpx.Response(200, json={})
        if parts[0] == "projects" and int(parts[1]) <= len(self.projects):
            project = self.projects[int(parts[1]) - 1]
            if parts[2:] == ["import"]:
                return self.imported(project["id"], body)
            if parts[2:] == ["export"]:
                wanted = {int(one) for one in request.url.params.get_list("ids[]")}
                there = [task for task in self.of(project["id"]) if task["annotations"]]
                return httpx.Response(200, json=[task for task in there if not wanted or task["id"] in wanted])
            project.update(body)
            return httpx.Response(200, json=project | {"task_number": len(self.of(project["id"]))})
        return httpx.Response(404, json={"detail": "아이가 쓴 말"})

    def of(self, project_id: int) -> list[dict[str, Any]]:
        return [task for task in self.tasks.values() if task["project"] == project_id]

    def imported(self, project_id: int, body: list[dict[str, Any]]) -> httpx.Response:
        self.imports.append(len(body))
        ids = []
        for given in body:
            ids.append(max(self.tasks, default=0) + 1)  # as SQLite does: an id is used again after its task is deleted
            self.tasks[ids[-1]] = {
                "id": ids[-1], "project": project_id, "data": given["data"], "updated_at": self.now(), "annotations": [],
                "predictions": given.get("predictions", []),
            }  # fmt: skip
        return httpx.Response(201, json={"task_ids": ids})

    def listed(self, request: httpx.Request) -> httpx.Response:
        params = request.url.params
        there = sorted(self.of(int(params["project"])), key=lambda task: task["updated_at"])
        for item in json.loads(params["query"]).get("filters", {}).get("items", []):
            there = [task for task in there if task["updated_at"] > item["value"].replace("Z", "")]
        page, size = int(params["page"]), int(params["page_size"])
        return httpx.Response(200, json={"tasks": there[(page - 1) * size : page * size], "total": len(there)})

    def answered(self, task_id: int, result: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
        """An annotator's answer."""
        at = self.now()
        made = {
            "unique_id": str(uuid4()), "completed_by": 2, "result": result, "created_at": at, "updated_at": at,
            "lead_time": 3.0, **more,
        }  # fmt: skip
        self.tasks[task_id]["annotations"].append(made)
        self.tasks[task_id]["updated_at"] = at
        return made
