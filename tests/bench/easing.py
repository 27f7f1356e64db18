"""What easing a reply of three shops costs beside wording it: none, the word table, a trained rewriter; prints one JSON object.

The words are the templates', which the product eases by the table alone; the trained figure is the model's own, as on
what a language model wrote.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from pathlib import Path

from aiyam.contracts import AGE_BANDS, Intent, Recommendation, ReplyPlan
from aiyam.reply.child_friendly import ChildFriendly
from aiyam.reply.language_model import Replier
from aiyam.reply.plan import make_plan
from aiyam.reply.templates import TemplateBackend
from aiyam.settings import REPO_ROOT

NAMES = ("봉천김밥", "KFC 신림점", "GS25", "BBQ(봉천점)", "엄마손칼국수", "마라왕", "서울치킨", "Café 24")


def some_plans(n: int, seed: int) -> list[ReplyPlan]:
    """Return plans of three shops each, ages in turn."""
    rng = random.Random(seed)
    bands = [band for band in AGE_BANDS if band != "adult"]
    plans = []
    for i in range(n):
        shops = [
            Recommendation(
                shop_id=f"s-{rank}", rank=rank, score=0.5, name=rng.choice(NAMES), category="분식", district="관악구", menu="라면",
                price_won=rng.randrange(30, 120) * 100, distance_m=rng.randrange(50, 2000), open_state="open", open_until="21:30",
                reason="가까워요",
            )
            for rank in (1, 2, 3)
        ]  # fmt: skip
        plans.append(
            make_plan(intent=Intent.FOOD_RECOMMENDATION, age_band=bands[i % len(bands)], recommendations=shops)
        )
    return plans


def measure(rewriter: ChildFriendly | None, plans: list[ReplyPlan], folder: Path) -> dict[str, float]:
    """Word every plan once, ease the words, and return CPU milliseconds a reply."""
    replier = Replier(TemplateBackend.load(folder))
    times = []
    for variety, plan in enumerate(plans):
        start = time.process_time()
        worded = replier.reply(plan, variety=variety)
        if rewriter is not None:
            rewriter.rewrite(worded.text, plan)
        times.append((time.process_time() - start) * 1000)
    return {
        "p50_ms": round(statistics.median(times), 2),
        "p95_ms": round(sorted(times)[int(0.95 * len(times))], 2),
        "p50_ms_of_the_first_40": round(statistics.median(times[:40]), 2),
    }


def main() -> None:
    """Measure the three in one process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="folder of a trained rewriter")
    parser.add_argument("--replies", type=int, default=400)
    asked = parser.parse_args()
    folder = REPO_ROOT / "datasets" / "replies"
    plans = some_plans(asked.replies, seed=1)
    table = folder / "easy_words.json"
    kinds = {"none": None, "table": ChildFriendly.load(table), "trained": ChildFriendly.load(table, asked.model)}
    told = {name: measure(rewriter, plans, folder) for name, rewriter in kinds.items()}
    print(json.dumps({"replies": asked.replies, **told}))


if __name__ == "__main__":
    main()
