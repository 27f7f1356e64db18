"""One turn in process: milliseconds by stage and memory, over a city of any size.

    python tests/bench/turn.py --shops 100000 [--home DIR]

Prepares a home in DIR (kept, so that a second run starts at once; default a temporary folder), then runs the turns of
``MESSAGES`` as many people at several hours, and prints one JSON object. Time is per turn, wall clock, one thread.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import tempfile
import time
from datetime import datetime
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import psutil

from aiyam.contracts import KST, ChatContext
from aiyam.settings import REPO_ROOT, Settings

MESSAGES = (
    "아이랑 갈만한 건강한 저녁 식당 추천해줘",
    "급식카드 되는 치킨집 추천해줘",
    "만원으로 먹을 수 있는 떡볶이",
    "지금 연 데 중에 가까운 곳",
    "더 싼 데는?",
    "두 번째 가게 몇 시까지 해?",
    "거기 말고 다른 데",
    "안 매운 국물 있는 데",
    "신림역 근처 혼밥하기 좋은 집",
    "급카 되는 마라탕집 ㅊㅊ",
    "고마워",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shops", type=int, default=100_000)
    parser.add_argument("--users", type=int, default=2_000)
    parser.add_argument("--turns", type=int, default=600)
    parser.add_argument("--home", type=Path)
    args = parser.parse_args()
    root = args.home or Path(tempfile.mkdtemp(prefix="aiyam-bench-"))
    try:
        print(json.dumps(measure(root, args.shops, args.users, args.turns), ensure_ascii=False))
    finally:
        if args.home is None:
            shutil.rmtree(root)


def measure(root: Path, n_shops: int, n_users: int, n_turns: int) -> dict[str, object]:
    """Return the figures of one home; preparing runs in a child, so that its memory does not count."""
    import subprocess
    import sys

    models = root / "models"
    models.mkdir(parents=True, exist_ok=True)
    for config in (REPO_ROOT / "models").glob("*.json"):
        shutil.copy(config, models / config.name)
    settings = Settings(home=root / "home", models_dir=models)
    environment = {**os.environ, "AIYAM_HOME": str(settings.home), "AIYAM_MODELS_DIR": str(models)}
    started = time.perf_counter()
    prepare = [sys.executable, "-m", "aiyam.cli", "prepare", "--shops", str(n_shops), "--users", str(n_users)]
    subprocess.run(prepare, env=environment, check=True)
    prepared_s = time.perf_counter() - started

    from aiyam.assistant import Assistant
    from aiyam.store.people import list_profiles

    process = psutil.Process()
    started = time.perf_counter()
    assistant = Assistant.load(settings)
    loaded_s = time.perf_counter() - started
    people = [p.user_id for p in list_profiles(assistant.store, today=datetime(2026, 3, 2).date(), limit=300)]
    rng = random.Random(7)
    stages: dict[str, list[float]] = {}
    walls: list[float] = []
    for i in range(n_turns + 20):
        if i % len(MESSAGES) == 0:
            user, session = rng.choice(people), None
            context = ChatContext(now=datetime(2026, 3, 2, rng.choice([8, 12, 15, 18, 21]), 30, tzinfo=KST))
        started = time.perf_counter()
        trace = assistant.respond(user, MESSAGES[i % len(MESSAGES)], session_id=session, context=context)
        wall = (time.perf_counter() - started) * 1000
        session = trace.session_id
        if i < 20:  # the first turns fill caches
            continue
        walls.append(wall)
        for stage, ms in trace.stage_ms.model_dump().items():
            stages.setdefault(stage, []).append(ms)
    return {
        "shops": len(assistant.pipeline.catalogue.shop_ids),
        "turns": len(walls),
        "prepare_s": round(prepared_s, 1),
        "load_s": round(loaded_s, 2),
        "pipeline_p50_ms": percentile(stages["total"], 50),
        "pipeline_p95_ms": percentile(stages["total"], 95),
        "with_store_p50_ms": percentile(walls, 50),
        "with_store_p95_ms": percentile(walls, 95),
        "stage_p50_ms": {stage: percentile(values, 50) for stage, values in stages.items()},
        "stage_p95_ms": {stage: percentile(values, 95) for stage, values in stages.items()},
        "rss_mb": round(process.memory_info().rss / 2**20),
    }


def percentile(values: list[float], q: float) -> float:
    return round(float(np.percentile(values, q)), 2)


if __name__ == "__main__":
    main()
