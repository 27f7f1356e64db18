"""Views and previews of labelling over many stored turns; prints one line of JSON in CPU milliseconds.

    python tests/bench/labelling.py [--turns 100000] [--home DIR]

The turns are made from the shipped utterances, each with a number of its own in half of them, so that some repeat.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import shutil
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from aiyam.contracts import KST, Recommendation, ReplyPlan, Trace, Understanding
from aiyam.curation.batches import make_batch
from aiyam.curation.previews import make_preview
from aiyam.curation.recipes import make_recipe
from aiyam.curation.views import BUILT_IN, count_views, turns_of
from aiyam.settings import REPO_ROOT
from aiyam.store import Store, labels
from aiyam.store.schema import feedback, turn
from aiyam.store.turn_views import TurnConditions

START = datetime(2026, 1, 5, 8, 0, tzinfo=KST)
REASONS = (None, "가격이 안 맞아요", "너무 멀어요", "먹고 싶은 게 아니에요", "정보가 틀렸어요")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=100_000)
    parser.add_argument("--home", type=Path, help="folder of the store, kept for the next run")
    args = parser.parse_args()
    home = args.home or Path(tempfile.mkdtemp(prefix="aiyam-bench-"))
    try:
        print(json.dumps(measure(home, args.turns), ensure_ascii=False))
    finally:
        if args.home is None:
            shutil.rmtree(home, ignore_errors=True)


def measure(home: Path, n_turns: int) -> dict[str, Any]:
    new = not (home / "aiyam.db").exists()
    store = Store.open(f"sqlite:///{home / 'aiyam.db'}")
    if new:
        fill(store, n_turns)
    now = START + timedelta(days=200)
    times: dict[str, Any] = {"turns": n_turns, "megabytes": round((home / "aiyam.db").stat().st_size / 1e6)}
    times["count_views_ms"] = cpu_ms(lambda: count_views(store))
    times["status_ms"] = cpu_ms(lambda: (labels.count_tasks(store), labels.count_answered(store), labels.list_batches(store)))  # fmt: skip
    times["page_ms"] = cpu_ms(lambda: turns_of(store, BUILT_IN["thumbs_down"], limit=25))
    times["search_page_ms"] = cpu_ms(lambda: turns_of(store, TurnConditions(search="떡볶이"), limit=25))
    times["random_page_ms"] = cpu_ms(lambda: turns_of(store, TurnConditions(), shuffled=True, limit=25))
    for size in (120, 1000):
        recipe = make_recipe(size=size, seed=7)
        times[f"preview_{size}_ms"] = cpu_ms(lambda recipe=recipe: make_preview(store, recipe, now=now))  # type: ignore[misc]
    preview = make_preview(store, make_recipe(size=1000, seed=int(time.time())), now=now)
    times["counts"] = preview.counts
    start = time.process_time()
    make_batch(store, preview.preview_id, created_by="bench", now=now)
    times["send_1000_ms"] = round((time.process_time() - start) * 1000, 1)
    times["peak_megabytes"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    store.close()
    return times


def cpu_ms(call: Callable[[], Any]) -> float:
    """Median CPU milliseconds of five calls."""
    taken = []
    for _ in range(5):
        start = time.process_time()
        call()
        taken.append((time.process_time() - start) * 1000)
    return round(sorted(taken)[2], 1)


def whole_trace() -> Trace:
    """A turn with cards, as long as those of the chat."""
    cards = tuple(
        Recommendation(
            shop_id=f"s-{rank}", rank=rank, score=0.9, name=f"신림동떡볶이 {rank}호점", category="분식", district="관악구",
            address="서울 관악구", reason="국물떡볶이가 맛있는 곳이야", menu="국물떡볶이", price_won=5000, distance_m=150 * rank,
            funnels={"content": 0.9, "contextual": 0.4},
        )
        for rank in (1, 2, 3)
    )  # fmt: skip
    return Trace(
        turn_id="t", session_id="s", timestamp=START, user_id="u", user_input="안녕", recommendations=cards,
        understanding=Understanding(original_query="안녕", intent="GREETING", confidence=1.0),
        plan=ReplyPlan(kind="recommend", age_band="10-12", shops=cards), response="신림동떡볶이 1호점 어때?",
    )  # fmt: skip


def fill(store: Store, n_turns: int) -> None:
    """Store turns of some twenty a session, a few thousand in a transaction."""
    draw = random.Random(7)
    files = sorted((REPO_ROOT / "datasets" / "nlu").glob("*.jsonl"))
    rows = [json.loads(line) for path in files for line in path.read_text(encoding="utf-8").splitlines()]
    template = whole_trace().model_dump(mode="json")
    for first in range(0, n_turns, 5000):
        turns, ratings = [], []
        for i in range(first, min(first + 5000, n_turns)):
            row = draw.choice(rows)
            text = row["text"] if draw.random() < 0.5 else f"{row['text']} {draw.randrange(10_000)}"
            confidence = round(draw.betavariate(6, 1), 4)
            said = Understanding(original_query=text, intent=row["intent"], confidence=confidence)
            escalated = row["intent"] == "SAFETY"
            at = START + timedelta(seconds=90 * i)
            trace = {**template, "turn_id": f"t-{i:07d}", "session_id": f"s-{i // 20}", "user_id": f"u-{i // 60}",
                     "timestamp": at.isoformat(), "user_input": text, "understanding": said.model_dump(mode="json")}  # fmt: skip
            turns.append({
                "turn_id": trace["turn_id"], "session_id": trace["session_id"], "user_id": trace["user_id"],
                "created_at": int(at.timestamp()), "user_input": text, "intent": row["intent"],
                "confidence": confidence, "response": template["response"], "n_shown": 3,
                "safety_action": "escalate" if escalated else "answer", "grounded": draw.random() > 0.01,
                "fallback": "timeout" if draw.random() < 0.01 else None, "total_ms": 13.6, "session_turn": i % 20 + 1,
                "plan_kind": "no_result" if draw.random() < 0.03 else "recommend", "backend": "template",
                "synthetic": True, "trace": json.dumps(trace, ensure_ascii=False),
            })  # fmt: skip
            if draw.random() < 0.15:
                ratings.append({
                    "turn_id": trace["turn_id"], "user_id": trace["user_id"], "feedback_type": "thumb",
                    "satisfaction_score": draw.choice([5, 5, 5, 1]), "reason": draw.choice(REASONS),
                    "created_at": int(at.timestamp()),
                })  # fmt: skip
        with store.writing() as connection:
            connection.execute(insert(turn), turns)
            connection.execute(insert(feedback), ratings)


if __name__ == "__main__":
    main()
