"""Ranking benchmark: trains the rankers on a synthetic city, compares them on held-out requests, times one request.

    python tests/bench/ranking.py [--home DIR] [--shops 3000] [--users 2000] [--requests 2000] [--variants spec,all]

Prints one JSON object. With --home the city and the encoder are kept there and used again.
"""

# ruff: noqa: E402

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np
from sample_city import SampleCity, add_arguments, sample_city, tell

from aiyam.candidates.encoder import TextEncoder
from aiyam.candidates.funnels import Funnels
from aiyam.candidates.rules import load_rules
from aiyam.catalogue.arrays import Catalogue
from aiyam.catalogue.interactions import Interactions
from aiyam.evaluation.ranking import evaluate_rankers
from aiyam.evaluation.truth import city_truth
from aiyam.ranking.cards import make_cards
from aiyam.ranking.features import build_features
from aiyam.ranking.ranker import Ranker
from aiyam.ranking.replay import moments_of, query_of
from aiyam.ranking.statistics import Statistics
from aiyam.ranking.wide_deep import WideDeepConfig
from aiyam.store import Store
from aiyam.training.ranker import VARIANTS as SHIPPED
from aiyam.training.ranker import train_ranker
from aiyam.training.ranker_store import DEFAULT_RULES, profiles_at

BASE = WideDeepConfig.read(SHIPPED["default"])
VARIANTS = {
    "spec": WideDeepConfig.read(SHIPPED["spec"]),
    "spec features, listwise": replace(BASE, features="spec", loss="listwise"),
    "all features, bce": replace(BASE, features="all", loss="bce"),
    "all features, bce, 2 negatives": replace(BASE, features="all", loss="bce", negatives=2),
    "wide in deep": replace(BASE, wide_in_deep=True),
    "default": BASE,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    parser.add_argument("--requests", type=int, default=2000, help="requests replayed for training")
    parser.add_argument("--test-requests", type=int, default=1000)
    parser.add_argument("--variants", default="spec,default", help=f"of {', '.join(VARIANTS)}; or all")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=JSON", help="change the default's configuration"
    )
    args = parser.parse_args()
    with sample_city(args) as city:
        print(json.dumps(bench(args, city), ensure_ascii=False, indent=1))


def bench(args: argparse.Namespace, city: SampleCity) -> dict[str, Any]:
    store, encoder_dir = city.store, city.encoder()
    wanted = list(VARIANTS) if args.variants == "all" else args.variants.split(",")
    changes = {key: json.loads(value) for key, value in (item.split("=", 1) for item in args.set)}
    folders, trained = {}, {}
    for name in wanted:
        config = WideDeepConfig.of({**VARIANTS[name].as_json(), **(changes if name == "default" else {})})
        out = city.folder / "ranker" / name.replace(" ", "_").replace(",", "")
        shutil.rmtree(out, ignore_errors=True)
        start, cpu = time.perf_counter(), time.process_time()
        manifest = train_ranker(
            store,
            out,
            encoder_dir=encoder_dir,
            seed=args.seed,
            progress=tell,
            config=config,
            max_requests=args.requests,
        )
        trained[name] = {
            "seconds": round(time.perf_counter() - start, 1),
            "cpu_seconds": round(time.process_time() - cpu, 1),
            **manifest.metrics,
        }
        folders[name] = out
    report = evaluate_rankers(
        store, folders, encoder_dir=encoder_dir, seed=args.seed, max_requests=args.test_requests,
        truth=city_truth(store, city.truth), progress=tell,
    )  # fmt: skip
    timing = speed(store, folders[wanted[-1]], encoder_dir)
    return {
        "trained": trained,
        "evaluation": report.as_json(),
        "speed": timing,
        "max_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def speed(store: Store, folder: Path, encoder_dir: Path) -> dict[str, float]:
    """Median CPU milliseconds of each step of one request, on one thread."""
    catalogue = Catalogue.load(store)
    interactions = Interactions.load(store, catalogue)
    encoder = TextEncoder.load(encoder_dir)
    end = int(interactions.requests.ts.max()) + 1
    funnels = Funnels.build(catalogue, interactions, encoder=encoder, rules=load_rules(DEFAULT_RULES), now_ts=end)
    stats = Statistics.build(catalogue, interactions, shop_vectors=funnels.content.vectors)
    start = time.perf_counter()
    ranker = Ranker.load(folder, catalogue, stats)
    load_ms = (time.perf_counter() - start) * 1000
    profiles = profiles_at(store, end)
    moments = moments_of(interactions, since=0, limit=200, seed=1)
    times: dict[str, list[float]] = {}

    def timed(step: str, run: Callable[[], Any]) -> Any:
        before = time.thread_time()
        result = run()
        times.setdefault(step, []).append((time.thread_time() - before) * 1000)
        return result

    for moment in moments:
        query = query_of(moment, profiles.get(moment.user_id))
        vector = encoder.encode([query.semantic_query])[0]
        found = timed("candidates_ms", lambda: funnels.find(query))  # noqa: B023
        if len(found.rows) < 100:
            continue
        batch = timed(
            "features_ms", lambda: build_features(catalogue, ranker.stats, query, found, query_vector=vector)  # noqa: B023
        )  # fmt: skip
        timed("score_ms", lambda: ranker.score(query, batch, vector))  # noqa: B023
        ranked = timed("rank_ms", lambda: ranker.rank(query, found, query_vector=vector, top_k=5))  # noqa: B023
        timed("cards_ms", lambda: make_cards(ranker, ranked, found, query))  # noqa: B023
    medians = {step: round(float(np.median(values)), 3) for step, values in times.items()}
    return {**medians, "load_ms": round(load_ms, 1), "n_shops": float(len(catalogue))}


if __name__ == "__main__":
    main()
