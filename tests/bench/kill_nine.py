"""Kills a writer with SIGKILL at random moments and counts acknowledged turns and feedback that are not in the store.

Run: ``python tests/bench/kill_nine.py --kills 200``. Prints one JSON object: kills, acknowledged, lost.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from datetime import datetime
from pathlib import Path

N_THREADS = 4


def write_forever(url: str, run: int) -> None:
    """Record turns and feedback from several threads; print each id once the store has acknowledged it."""
    from aiyam.contracts import KST, FeedbackRecord, Recommendation, ReplyPlan, Trace, Understanding
    from aiyam.store import Store
    from aiyam.store.conversations import record_feedback, record_turn

    store = Store.open(url)

    def work(worker: int) -> None:
        for i in range(1_000_000):
            turn_id, user_id = f"t-{run}-{worker}-{i}", f"child-{run}-{worker}"
            shops = tuple(
                Recommendation(shop_id=f"s-{k}", rank=k + 1, score=0.9, name="신림동떡볶이", category="분식")
                for k in range(3)
            )
            text = "신림동 떡볶이 먹고 싶어"
            now = datetime.now(KST)
            trace = Trace(
                turn_id=turn_id, session_id=user_id, timestamp=now, user_id=user_id, user_input=text,
                understanding=Understanding(original_query=text, intent="FOOD_RECOMMENDATION", confidence=0.9),
                recommendations=shops, plan=ReplyPlan(kind="recommend", age_band="10-12", shops=shops), response="어때?",
            )  # fmt: skip
            record_turn(store, trace)
            os.write(1, f"turn {turn_id}\n".encode())  # one system call: whole lines, nothing buffered in the process
            if i % 2 == 0:
                number = record_feedback(
                    store,
                    FeedbackRecord(
                        turn_id=turn_id, user_id=user_id, shop_id="s-1", feedback_type="clicked", timestamp=now
                    ),
                )
                os.write(1, f"feedback {number} {turn_id}\n".encode())

    for worker in range(N_THREADS):
        threading.Thread(target=work, args=(worker,)).start()


def kill_once(url: str, run: int, delay_s: float) -> list[str]:
    """Start a writer, kill it ``delay_s`` after its first acknowledgement, and return every line it printed."""
    writer = subprocess.Popen(
        [sys.executable, __file__, "--write", url, "--run", str(run)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert writer.stdout is not None
    assert writer.stderr is not None
    received = bytearray()
    deadline = time.monotonic() + 60
    kill_at: float | None = None
    while True:
        now = time.monotonic()
        if kill_at is not None and now >= kill_at:
            break
        if now > deadline:
            writer.kill()
            raise SystemExit(f"The writer acknowledged nothing in 60 s: {writer.stderr.read().decode()}")
        wait_s = 0.05 if kill_at is None else max(0.0, kill_at - now)
        if select.select([writer.stdout], [], [], wait_s)[0]:
            chunk = os.read(writer.stdout.fileno(), 65536)
            if not chunk:
                raise SystemExit(f"The writer ended by itself: {writer.stderr.read().decode()}")
            received += chunk
            kill_at = kill_at or time.monotonic() + delay_s
    os.kill(writer.pid, signal.SIGKILL)
    received += writer.stdout.read()
    writer.wait()
    writer.stdout.close()
    writer.stderr.close()
    lines = received.decode().split("\n")
    return lines[:-1]  # what follows the last newline was never fully acknowledged


def missing(url: str, acknowledged: list[str]) -> list[str]:
    """Reopen the store as a restarted service does and return the acknowledged lines whose row is not there."""
    from aiyam.store import Store
    from aiyam.store.columns import read_columns
    from aiyam.store.conversations import get_trace
    from aiyam.store.schema import feedback, turn

    store = Store.open(url)
    try:
        turns = set(read_columns(store, turn, ["turn_id"])["turn_id"])
        rows = read_columns(store, feedback, ["feedback_id", "turn_id"])
        given = set(zip(rows["feedback_id"], rows["turn_id"], strict=True))
        lost = []
        for line in acknowledged:
            kind, *ids = line.split(" ")
            if not (ids[0] in turns if kind == "turn" else (int(ids[0]), ids[1]) in given):
                lost.append(line)
        for line in [line for line in acknowledged if line.startswith("turn ") and line not in lost][-3:]:
            get_trace(store, line.split(" ")[1])  # and the last ones are whole, not only present
        return lost
    finally:
        store.close()


def run(kills: int, *, folder: Path, seed: int, longest_s: float) -> dict[str, object]:
    """Kill ``kills`` writers over one database and count. Returns kills, acknowledged, lost, and the final check."""
    from aiyam.store import Store
    from aiyam.store.maintenance import check

    url = f"sqlite:///{folder / 'aiyam.db'}"
    draw = random.Random(seed)
    n_acknowledged = 0
    lost: list[str] = []
    everything: list[str] = []
    for number in range(kills):
        lines = kill_once(url, number, draw.uniform(0.0, longest_s))
        lost += missing(url, lines)
        n_acknowledged += len(lines)
        everything += lines
    lost += [line for line in missing(url, everything) if line not in lost]
    store = Store.open(url)
    problems = check(store)
    store.close()
    return {"kills": kills, "acknowledged": n_acknowledged, "lost": len(lost), "problems": problems}


def main() -> None:
    """Parse, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=20260302)
    parser.add_argument("--longest-s", type=float, default=0.6, help="longest time from first acknowledgement to kill")
    parser.add_argument("--write", help=argparse.SUPPRESS)
    parser.add_argument("--run", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.write:
        with contextlib.suppress(BrokenPipeError):
            write_forever(options.write, options.run)
        return
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        result = run(options.kills, folder=Path(folder), seed=options.seed, longest_s=options.longest_s)
    result["seconds"] = round(time.monotonic() - started, 1)
    print(json.dumps(result))
    sys.exit(1 if result["lost"] or result["problems"] else 0)


if __name__ == "__main__":
    main()
