"""Measure dataset versions: CPU seconds and memory of a build, a build without changes, a diff, a check and the status.

    PYTHONPATH=tests:tests/curation python tests/bench/dataset_build.py --rows 100000

Half of the rows are labelled turns, half are turns that people were content with; every text is different.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from labelled_world import SAID, answer
from sample_traces import DAY, make_trace

from aiyam.contracts import Intent, Understanding
from aiyam.curation.building import build_version, new_since
from aiyam.curation.dataset_diff import diff_versions
from aiyam.curation.versions import list_versions, verify
from aiyam.label_contracts import LabelTask, UnderstandingLabel, task_key
from aiyam.store import Store, schema
from aiyam.store.columns import insert_columns
from aiyam.store.labels import Cursor, add_batch, keep_annotations

T = TypeVar("T")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "shipped").mkdir()
        store = Store.open(f"sqlite:///{home / 'aiyam.db'}")
        fill(store, 0, args.rows)
        found: dict[str, Any] = {"rows": args.rows}
        given = {"datasets_dir": home / "shipped", "seed": 1}

        def build(day: int) -> Any:
            return build_version(store, home, "nlu", now=DAY + timedelta(days=day), **given)  # type: ignore[arg-type]

        first, found["build_cpu_s"] = timed(lambda: build(1))
        found["built"] = [first.version.n_train, first.version.n_valid, first.version.left_out]
        _, found["build_again_cpu_s"] = timed(lambda: build(2))
        fill(store, args.rows, args.rows // 100)
        second, found["next_build_cpu_s"] = timed(lambda: build(3))
        diff, found["diff_cpu_s"] = timed(lambda: diff_versions(home, first.version, second.version))
        found["diff"] = diff.counts()
        _, found["verify_cpu_s"] = timed(lambda: verify(home, second.version))
        _, found["status_cpu_s"] = timed(lambda: (list_versions(home), new_since(store, home, "nlu")))
        found["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(json.dumps(found, ensure_ascii=False))


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """Return what the work gives and the CPU seconds of this process that it took."""
    began = time.process_time()
    result = work()
    return result, round(time.process_time() - began, 2)


def fill(store: Store, first: int, n: int) -> None:
    """Store n turns of n / 4 conversations: every other one labelled, the others rated 5."""
    draw = random.Random(first)
    turns, tasks, rated = [], [], []
    for k in range(first, first + n):
        row = SAID[k % len(SAID)]
        text = f"{row['text']} {''.join(chr(draw.randrange(0xAC00, 0xD7A4)) for _ in range(6))}"
        understanding = Understanding(original_query=text, intent=Intent(row["intent"]), confidence=0.9)
        trace = make_trace(
            f"t-{k}", session_id=f"s-{k // 4}", user_id=f"u-{k // 40}", user_input=text, understanding=understanding
        )
        turns.append((trace, trace.model_dump_json()))
        if k % 2:
            key = task_key(trace.turn_id, "understanding")
            tasks.append(
                LabelTask(
                    key=key, kind="understanding", turn_id=trace.turn_id, session_id=trace.session_id, batch_id="b",
                    user_id=trace.user_id, screen_version="1", data={"aiyam_key": key, "turn_id": trace.turn_id, "text": text},
                )
            )  # fmt: skip
        else:
            rated.append(trace)
    at = int(DAY.timestamp())
    insert_columns(
        store,
        schema.turn,
        {
            "turn_id": [t.turn_id for t, _ in turns], "session_id": [t.session_id for t, _ in turns],
            "user_id": [t.user_id for t, _ in turns], "created_at": [at] * n,
            "user_input": [t.user_input for t, _ in turns],
            "intent": [str(t.understanding.intent) for t, _ in turns], "confidence": [0.9] * n,
            "response": [t.response for t, _ in turns], "n_shown": [3] * n, "safety_action": ["answer"] * n,
            "grounded": [True] * n, "total_ms": [1.0] * n, "trace": [text for _, text in turns],
        },
    )  # fmt: skip
    insert_columns(
        store,
        schema.feedback,
        {
            "turn_id": [t.turn_id for t in rated], "user_id": [t.user_id for t in rated],
            "feedback_type": ["thumb"] * len(rated), "satisfaction_score": [5] * len(rated), "created_at": [at] * len(rated),
        },
    )  # fmt: skip
    add_batch(store, f"b-{first}", "understanding", tasks, recipe={}, counts={}, created_by="bench", now=DAY)
    labels = [
        answer(t, UnderstandingLabel(intent=Intent(SAID[int(t.turn_id[2:]) % len(SAID)]["intent"]))) for t in tasks
    ]
    keep_annotations(store, labels, Cursor("http://ls", 1, "understanding", "1", "w", DAY))


if __name__ == "__main__":
    main()
