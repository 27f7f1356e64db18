"""One request through layers 1 and 2, in process: milliseconds by step, build time and memory, over a city of any size.

    python tests/bench/request.py --shops 100000 [--home DIR]

Requests are logged ones of the city (``asked``), the same people and moments without a word (``bare``), and the same words
from someone nobody knows at no place (``nowhere``). The ranker's weights are drawn, not trained: its sizes make the time,
not its taste. Prints one JSON object; with --home the city and the encoder are kept there for the next run.
"""

# ruff: noqa: E402

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np
from sample_city import SampleCity, add_arguments, rss_mb, sample_city

from aiyam.candidates.documents import dish_texts, shop_documents
from aiyam.candidates.encoder import TextEncoder
from aiyam.candidates.funnels import Funnels
from aiyam.candidates.gram_encoder import GramEncoder
from aiyam.candidates.rules import Rules, check_rules, load_rules
from aiyam.catalogue.arrays import Catalogue
from aiyam.catalogue.interactions import Interactions
from aiyam.catalogue.query import Query
from aiyam.contracts import Filters, UserProfile
from aiyam.parts import limit_threads
from aiyam.ranking.cards import make_cards
from aiyam.ranking.ranker import Ranker, Vocabulary
from aiyam.ranking.replay import moments_of, query_of
from aiyam.ranking.statistics import Statistics, fit_crosses
from aiyam.ranking.wide_deep import WideDeepConfig, WideDeepScorer, make_network
from aiyam.training.ranker import DEFAULT_CONFIG
from aiyam.training.ranker_store import profiles_at

N_SHOWN = 5
N_WARM_UP = 20


def encoder_of(home: Path, catalogue: Catalogue, rules: Rules, seed: int) -> TextEncoder:
    folder = home / "encoder"
    if not (folder / "encoder.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        rows = np.flatnonzero(catalogue.venue_ok)[:20_000]
        words = shop_documents(catalogue, rules.everyday, rows) + dish_texts(catalogue, rules.everyday)
        GramEncoder.fit(words, seed=seed).save(folder)
    return TextEncoder.load(folder)


def untrained_ranker(catalogue: Catalogue, stats: Statistics, profiles: dict[str, UserProfile]) -> Ranker:
    """A ranker that knows every shop by name, the largest there can be."""
    config = WideDeepConfig.read(DEFAULT_CONFIG)
    names = Vocabulary((), tuple(catalogue.shop_ids), tuple(catalogue.brand_names))
    network = make_network(config, 1, len(names.shops) + 1, len(names.brands) + 1)
    scorer = WideDeepScorer(config, {key: value.numpy() for key, value in network.state_dict().items()})
    return Ranker(scorer, names, fit_crosses(catalogue, stats, profiles), catalogue, stats)


def queries_of(
    interactions: Interactions, profiles: dict[str, UserProfile], n: int, seed: int
) -> dict[str, list[Query]]:
    asked = [query_of(m, profiles.get(m.user_id)) for m in moments_of(interactions, limit=n, seed=seed)]
    return {
        "asked": asked,
        "bare": [replace(query, filters=Filters(), semantic_query="") for query in asked],
        "nowhere": [
            replace(
                query,
                filters=query.filters.model_copy(update={"near_me": None, "max_distance_m": None}),
                user=UserProfile(user_id="stranger"),
                lat=None,
                lon=None,
                district=None,
            )
            for query in asked
        ],
    }


class Clock:
    """Wall and processor milliseconds by step."""

    def __init__(self) -> None:
        self.wall: dict[str, list[float]] = {}
        self.cpu: dict[str, list[float]] = {}

    def time(self, step: str, run: Callable[[], Any]) -> Any:
        start_cpu, start = time.thread_time(), time.perf_counter()
        result = run()
        wall, cpu = time.perf_counter() - start, time.thread_time() - start_cpu
        self.cpu.setdefault(step, []).append(1e3 * cpu)
        self.wall.setdefault(step, []).append(1e3 * wall)
        return result

    def report(self) -> dict[str, dict[str, float]]:
        return {
            step: {
                "p50_ms": percentile(self.wall[step], 50),
                "p95_ms": percentile(self.wall[step], 95),
                "cpu_p50_ms": percentile(self.cpu[step], 50),
                "cpu_p95_ms": percentile(self.cpu[step], 95),
            }
            for step in self.wall
        }


def percentile(values: list[float], q: float) -> float:
    return round(float(np.percentile(values, q)), 3)


def serve(clock: Clock, funnels: Funnels, ranker: Ranker, query: Query) -> int:
    """Answer one request as the pipeline does, then time its steps again: ``find_and_rank`` meets no cache of its own."""
    words = query.semantic_query

    def whole() -> Any:
        found = funnels.find(query)
        vector = funnels.content.encoder.encode([words])[0] if words else None
        return found, vector, ranker.rank(query, found, query_vector=vector, top_k=N_SHOWN)

    found, vector, ranked = clock.time("find_and_rank", whole)
    clock.time("find", lambda: funnels.find(query))
    batch = clock.time("features", lambda: ranker.features(query, found, vector))
    if len(found):
        clock.time("score", lambda: ranker.score(query, batch, vector))
    clock.time("rank", lambda: ranker.rank(query, found, query_vector=vector, top_k=N_SHOWN))
    clock.time("cards", lambda: make_cards(ranker, ranked, found, query))
    return len(found)


def measure(city: SampleCity, n: int) -> dict[str, Any]:
    limit_threads(1)
    home, store, seed = city.folder, city.store, city.seed
    rules = check_rules(load_rules())
    encoder_of(home, Catalogue.load(store, cache_dir=home / "cache"), rules, seed)
    make_network(WideDeepConfig.read(DEFAULT_CONFIG), 1, 1, 1)  # torch is imported before memory is counted
    before_mb, start = rss_mb(), time.perf_counter()
    catalogue = Catalogue.load(store, cache_dir=home / "cache")
    interactions = Interactions.load(store, catalogue)
    encoder = TextEncoder.load(home / "encoder")
    loaded_s, loaded_mb = time.perf_counter() - start, rss_mb()
    start = time.perf_counter()
    funnels = Funnels.build(catalogue, interactions, encoder=encoder, rules=rules, now_ts=interactions.last_ts + 1)
    built_s = time.perf_counter() - start
    stats = Statistics.build(catalogue, interactions, shop_vectors=funnels.content.vectors)
    built_mb = rss_mb()
    profiles = profiles_at(store, interactions.last_ts + 1)
    ranker = untrained_ranker(catalogue, stats, profiles)
    ready_mb = rss_mb()
    times, sizes = {}, {}
    for kind, queries in queries_of(interactions, profiles, n + N_WARM_UP, seed).items():
        for query in queries[:N_WARM_UP]:  # the first fill caches
            serve(Clock(), funnels, ranker, query)
        clock = Clock()
        sizes[kind] = percentile([float(serve(clock, funnels, ranker, query)) for query in queries[N_WARM_UP:]], 50)
        times[kind] = clock.report()
    return {
        "shops": len(catalogue),
        "menus": len(catalogue.menu_name),
        "load_s": round(loaded_s, 2),
        "funnels_build_s": round(built_s, 2),
        "load_mb": round(loaded_mb - before_mb),
        "funnels_and_statistics_mb": round(built_mb - loaded_mb),
        "ranker_mb": round(ready_mb - built_mb),
        "interpreter_mb": round(before_mb),
        "after_requests_mb": round(rss_mb() - before_mb),
        "candidates_p50": sizes,
        "ms": times,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser, shops=100_000, users=5_000)
    parser.add_argument("--requests", type=int, default=300)
    args = parser.parse_args()
    with sample_city(args) as city:
        print(json.dumps(measure(city, args.requests), indent=1))


if __name__ == "__main__":
    main()
