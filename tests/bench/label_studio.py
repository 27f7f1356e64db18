"""Push (with suggestions) and pull against one raw request for the same rows, as ratios of one run, on a real Label Studio.

    PYTHONPATH=tests/annotation AIYAM_LABEL_STUDIO_CACHE=DIR python tests/bench/label_studio.py [--rows 1000] [--repeats 3]

The raw request is what the server itself allows: one import of all rows, one export of all answered tasks. Each repeat
measures both, raw first and last in turn, on projects of their own. Also: the state of 100,000 tasks, in seconds.
Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from labelling_tasks import SUGGESTED, TRICKY, add, clock, make, understanding_task
from real_studio import copy_of, template

from aiyam.label_contracts import Annotation, task_key
from aiyam.store import labels
from aiyam.store.database import Store
from aiyam.store.labels import Cursor
from annotation.client import LabelStudio
from annotation.pull import pull
from annotation.push import push
from annotation.results import result_of, server_task
from annotation.schemas import understanding
from annotation.server import stop
from annotation.status import status


def seconds(act: Callable[[], Any]) -> float:
    """How long an act takes."""
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def own_project(studio: LabelStudio, title: str) -> int:
    """Make a project with the understanding screen under another title."""
    body = {"title": title, "label_config": understanding().xml, "model_version": "aiyam"}
    return int(studio._send("POST", "/api/projects", json=body)["id"])


def push_times(studio: LabelStudio, folder: Path, n: int, repeat: int) -> tuple[float, float]:
    """Seconds of one raw import, and of a push with everything it does besides."""
    tasks = [understanding_task(i) for i in range(n)]
    bodies = [server_task(task) for task in tasks]
    raw_project = own_project(studio, f"raw {repeat}")
    store = Store.open(f"sqlite:///{folder / f'push-{repeat}.db'}")
    add(store, tasks)

    def raw() -> float:
        return seconds(lambda: studio.import_tasks(raw_project, bodies))

    def ours() -> float:
        return seconds(lambda: push(store, studio, clock=clock))

    times = (raw(), ours()) if repeat % 2 == 0 else tuple(reversed((ours(), raw())))
    (cursor,) = labels.list_cursors(store)
    store.close()
    for project in (raw_project, cursor.project_id):
        studio._ask("DELETE", f"/api/projects/{project}")
    return times[0], times[1]


def pull_times(studio: LabelStudio, folder: Path, n: int, repeat: int) -> tuple[float, float]:
    """Seconds of one raw export of answered tasks, and of a pull of them into the store."""
    tasks = [understanding_task(i) for i in range(n)]
    store = Store.open(f"sqlite:///{folder / f'pull-{repeat}.db'}")
    add(store, tasks)
    project, _ = studio.ensure_project(understanding())
    answered = [server_task(t) | {"annotations": [{"result": result_of(SUGGESTED, TRICKY)}]} for t in tasks]
    for start in range(0, n, 500):
        studio.import_tasks(project, answered[start : start + 500])
    push(store, studio, clock=clock)  # finds every task there

    def raw() -> float:
        return seconds(lambda: list(studio.export(project)))

    def ours() -> float:
        return seconds(lambda: pull(store, studio, clock=clock, kinds=("understanding",)))

    times = (raw(), ours()) if repeat % 2 == 0 else tuple(reversed((ours(), raw())))
    assert labels.count_answered(store) == {"understanding": n}
    store.close()
    studio._ask("DELETE", f"/api/projects/{project}")
    return times[0], times[1]


def status_seconds(folder: Path, n: int) -> float:
    """Seconds of the state of so many tasks, a third of them answered; without the server's own answer."""
    store = Store.open(f"sqlite:///{folder / 'status.db'}")
    add(store, [make(i, "understanding", {"text": "떡볶이", "context": ""}, None) for i in range(n)])
    answers = [
        Annotation(
            annotation_id=f"a{i}", task_key=task_key(f"t{i}", "understanding"), annotator="1", label=SUGGESTED,
            created_at=clock(), updated_at=clock(),
        )
        for i in range(0, n, 3)
    ]  # fmt: skip
    labels.keep_annotations(store, answers, Cursor("s", 1, "understanding", "1"))
    status(store, None, "s")
    times = [seconds(lambda: status(store, None, "s")) for _ in range(5)]
    store.close()
    return median(times)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--tasks", type=int, default=100_000, help="of the state that is timed")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "studio").mkdir()
        real = copy_of(template(), folder / "studio")
        try:
            real.start()
            with real.connect() as studio:
                pushes = [push_times(studio, folder, options.rows, i) for i in range(options.repeats)]
                pulls = [pull_times(studio, folder, options.rows, i) for i in range(options.repeats)]
        finally:
            stop(real.home)
        found = {
            "rows": options.rows,
            "push_raw_s": [round(raw, 2) for raw, _ in pushes],
            "push_s": [round(ours, 2) for _, ours in pushes],
            "push_ratio": round(median(ours / raw for raw, ours in pushes), 2),
            "pull_raw_s": [round(raw, 2) for raw, _ in pulls],
            "pull_s": [round(ours, 2) for _, ours in pulls],
            "pull_ratio": round(median(ours / raw for raw, ours in pulls), 2),
            "status_tasks": options.tasks,
            "status_s": round(status_seconds(folder, options.tasks), 3),
        }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
