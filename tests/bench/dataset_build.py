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
        given = {"datasets_dir": home / "shipped", "seed": 1}

        def build(day: int) -> Any:
            return build_version(store, home, "nlu", now=DAY + timedelta(days=day), **given)  # type: ignore[arg-type]

        first = timed("build", lambda: build(1))
        tell(n_train=first.version.n_train, n_valid=first.version.n_valid, left_out=first.version.left_out)
        timed("status", lambda: (list_versions(home), new_since(store, home, "nlu")))
        fill(store, args.rows, args.rows // 100)
        second = timed("next_build", lambda: build(2))
        tell(diff=timed("diff", lambda: diff_versions(home, first.version, second.version)).counts())
        timed("verify", lambda: verify(home, second.version))


def tell(**figures: Any) -> None:
    """Print figures as a line of JSON."""
    print(json.dumps(figures, ensure_ascii=False), flush=True)


def timed(name: str, work: Callable[[], T]) -> T:
    """Return what the work gives; tell the CPU seconds of this process that it took, and its memory at most so far."""
    began = time.process_time()
    result = work()
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    tell(**{f"{name}_cpu_s": round(time.process_time() - began, 2), "peak_mb": peak_mb})
    return result


def fill(store: Store, first: int, n: int) -> None:
    """Store n turns of n / 4 conversations: every other one labelled, the others rated 5."""
    draw = random.Random(first)
    intents = [Intent(row["intent"]) for row in SAID]
    traces = {intent: _trace_of(intent) for intent in set(intents)}
    columns: dict[str, list[Any]] = {
        name: [] for name in ("turn_id", "session_id", "user_id", "user_input", "intent", "trace")
    }
    tasks: list[LabelTask] = []
    for k in range(first, first + n):
        intent = intents[k % len(SAID)]
        text = f"{SAID[k % len(SAID)]['text']} {''.join(chr(draw.randrange(0xAC00, 0xD7A4)) for _ in range(6))}"
        turn = {"turn_id": f"t-{k}", "session_id": f"s-{k // 4}", "user_id": f"u-{k // 40}", "user_input": text}
        written = traces[intent]
        for name, value in turn.items():
            written = written.replace(f'"<{name}>"', json.dumps(value, ensure_ascii=False))
        for name, value in {**turn, "intent": str(intent), "trace": written}.items():
            columns[name].append(value)
        if k % 2:
            key = task_key(turn["turn_id"], "understanding")
            shown = {"aiyam_key": key, "turn_id": turn["turn_id"], "text": text}
            tasks.append(
                LabelTask(
                    key=key, kind="understanding", turn_id=turn["turn_id"], session_id=turn["session_id"], batch_id="b",
                    user_id=turn["user_id"], screen_version="1", data=shown,
                )
            )  # fmt: skip
    at = int(DAY.timestamp())
    same = {
        "created_at": at, "confidence": 0.9, "response": "", "n_shown": 3, "safety_action": "answer", "grounded": True,
        "total_ms": 1.0,
    }  # fmt: skip
    insert_columns(store, schema.turn, {**columns, **{name: [value] * n for name, value in same.items()}})
    rated = [i for i in range(n) if (first + i) % 2 == 0]
    given = {"feedback_type": "thumb", "satisfaction_score": 5, "created_at": at}
    insert_columns(
        store,
        schema.feedback,
        {name: [columns[name][i] for i in rated] for name in ("turn_id", "user_id")}
        | {name: [value] * len(rated) for name, value in given.items()},
    )
    add_batch(store, f"b-{first}", "understanding", tasks, recipe={}, counts={}, created_by="bench", now=DAY)
    labels = [answer(one, UnderstandingLabel(intent=intents[int(one.turn_id[2:]) % len(SAID)])) for one in tasks]
    keep_annotations(store, labels, Cursor("http://ls", 1, "understanding", "1", "w", DAY))


def _trace_of(intent: Intent) -> str:
    """Return a trace as JSON, with marks for what differs from turn to turn."""
    said = Understanding(original_query="<user_input>", intent=intent, confidence=0.9)
    trace = make_trace(
        "<turn_id>", session_id="<session_id>", user_id="<user_id>", user_input="<user_input>", understanding=said
    )
    return trace.model_dump_json()


if __name__ == "__main__":
    main()
