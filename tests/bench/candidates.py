"""Speed, memory and recall of layer 1 on the synthetic city: one JSON object on stdout.

    python tests/bench/candidates.py --shops 3000
    python tests/bench/candidates.py --shops 100000 --users 5000 --requests 300

Recall is of what people ordered in the last tenth of the city's time, with everything learned from the time before:
``orders`` asks nothing but "something to eat" at the person's last known point, ``requests`` asks what the request asked
(an ordered shop that breaks the request's own filters, whatever its place, is left out and counted).
"""

from __future__ import annotations

import argparse
import json
import os
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from sample_city import add_arguments, rss_mb, sample_city

from aiyam.candidates.funnels import Funnels
from aiyam.candidates.rules import check_rules, load_rules
from aiyam.catalogue.arrays import Catalogue
from aiyam.catalogue.interactions import Interactions
from aiyam.catalogue.query import Query
from aiyam.contracts import FUNNELS, KST, Filters, UserProfile
from aiyam.evaluation.quotas import Wanted, choose_quotas, recall_at, wanted_of
from aiyam.settings import REPO_ROOT
from aiyam.store import Store
from aiyam.store.people import get_profile
from aiyam.training.content import ContentTrainer
from aiyam.training.protocol import Report

TEST_SHARE = 0.1


def people(store: Store, interactions: Interactions, cut: int) -> Callable[[int, int], UserProfile]:
    """Profiles by user row; a newcomer's or a stranger's is bare."""
    known: dict[int, UserProfile] = {}

    def of(user: int, ts: int) -> UserProfile:
        if user not in known:
            day = datetime.fromtimestamp(cut, KST).date()
            name = interactions.user_ids[user]
            known[user] = get_profile(store, name, today=day) or UserProfile(user_id=name)
        return known[user]

    return of


def held_out(
    interactions: Interactions,
    profile: Callable[[int, int], UserProfile],
    cut: int,
    most: int,
    rng: np.random.Generator,
) -> dict[str, list[tuple[Query, set[int]]]]:
    """Return (query, ordered rows) pairs after ``cut``: bare orders, and requests as they were asked."""
    asked: list[tuple[Query, set[int]]] = []
    requests = interactions.requests
    place: dict[int, tuple[float, float]] = {}
    for i in range(len(requests)):
        user, ts = int(requests.user[i]), int(requests.ts[i])
        has_point = not np.isnan(requests.lat[i])
        if ts < cut:
            if has_point:
                place[user] = (float(requests.lat[i]), float(requests.lon[i]))
            continue
        span = slice(requests.imp_start[i], requests.imp_start[i + 1])
        ordered = set(requests.imp_shop_row[span][requests.imp_outcome[span] == 3].tolist())
        if ordered:
            query = Query(
                filters=Filters(**json.loads(requests.filters[i])),
                semantic_query=requests.query[i],
                user=profile(user, ts),
                now=datetime.fromtimestamp(ts, KST),
                lat=float(requests.lat[i]) if has_point else None,
                lon=float(requests.lon[i]) if has_point else None,
                district=requests.district[i] or None,
            )
            asked.append((query, ordered))
    bare: list[tuple[Query, set[int]]] = []
    orders = interactions.orders
    for i in np.flatnonzero(orders.ts >= cut).tolist():
        user, ts = int(orders.user[i]), int(orders.ts[i])
        lat, lon = place.get(user, (None, None))
        now = datetime.fromtimestamp(ts, KST)
        query = Query(filters=Filters(), semantic_query="", user=profile(user, ts), now=now, lat=lat, lon=lon)
        bare.append((query, {int(orders.shop_row[i])}))

    def sample(pairs: list[tuple[Query, set[int]]]) -> list[tuple[Query, set[int]]]:
        return [pairs[i] for i in np.sort(rng.permutation(len(pairs))[:most])]

    return {"orders": sample(bare), "requests": sample(asked)}


def fitting_rows(funnels: Funnels, query: Query, rows: set[int]) -> set[int]:
    """Those of the rows that satisfy the request's own filters, wherever they lie."""
    among = np.sort(np.fromiter(rows, np.int32))
    return set(funnels.constraints.rows(query, funnels.constraints.asked(query), among=among).tolist())


def recall(funnels: Funnels, pairs: list[tuple[Query, set[int]]]) -> dict[str, Any]:
    """Mean recall of the union, of each funnel's own proposals, and of what only it proposes; and each funnel alone at 150."""
    union, own, only, alone = [], [], [], []
    n_unfitting = 0
    for query, shops in pairs:
        ordered = fitting_rows(funnels, query, shops)
        n_unfitting += len(ordered) < len(shops)
        if not ordered:
            continue
        found = funnels.find(query)
        hit = np.isin(found.rows, list(ordered))
        union.append(hit.sum() / len(ordered))
        own.append((hit[:, None] & found.flags).sum(axis=0) / len(ordered))
        single = found.flags & (found.flags.sum(axis=1) == 1)[:, None]
        only.append((hit[:, None] & single).sum(axis=0) / len(ordered))
        pool, asked, _ = funnels._pool(query)
        scores = funnels.score(query, pool, asked)
        top = np.argsort(-scores, axis=0, kind="stable")[:150]
        alone.append([len(ordered & set(pool[top[:, k]].tolist())) / len(ordered) for k in range(4)])

    def by_funnel(rows: list[Any]) -> dict[str, float]:
        means = np.mean(np.reshape(rows, (-1, len(FUNNELS))), axis=0) if rows else []
        return {funnel: round(float(mean), 4) for funnel, mean in zip(FUNNELS, means, strict=bool(rows))}

    return {
        "n": len(union),
        "n_with_an_order_that_breaks_its_own_filters": n_unfitting,
        "union_at_150": round(float(np.mean(union)), 4) if union else None,
        "at_quota": by_funnel(own),
        "only_this_funnel": by_funnel(only),
        "alone_at_150": by_funnel(alone),
    }


def quotas(funnels: Funnels, pairs: dict[str, list[tuple[Query, set[int]]]]) -> dict[str, Any]:
    """Quotas chosen on requests and bare orders of half of the people, and their recall on those of the other half."""
    halves: list[dict[str, list[Wanted]]] = []
    for half in (0, 1):
        of_half = {
            kind: [pair for pair in some if zlib.crc32(pair[0].user.user_id.encode()) % 2 == half]
            for kind, some in pairs.items()
        }
        fitting = {
            kind: [(query, fitting_rows(funnels, query, rows)) for query, rows in some]
            for kind, some in of_half.items()
        }
        halves.append({kind: wanted_of(funnels, some) for kind, some in fitting.items()})
    chosen = choose_quotas(
        [one for kind in halves[0].values() for one in kind],
        {str(funnel): quota for funnel, quota in funnels.rules.quotas.items()},
    )
    compared: dict[str, Mapping[str, int]] = {"start": chosen.start, "chosen": chosen.quotas}
    return {
        "validation": asdict(chosen),
        "test": {
            kind: {name: round(recall_at([q[f] for f in FUNNELS], wanted), 4) for name, q in compared.items()}
            for kind, wanted in halves[1].items()
        },
    }


def speed(funnels: Funnels, kinds: dict[str, list[Query]]) -> dict[str, Any]:
    """Milliseconds of ``find``, wall clock and processor time."""
    out = {}
    for name, queries in kinds.items():
        wall, cpu = [], []
        for query in queries:
            start, start_cpu = time.perf_counter(), time.process_time()
            funnels.find(query)
            wall.append(1e3 * (time.perf_counter() - start))
            cpu.append(1e3 * (time.process_time() - start_cpu))
        p50, p95 = np.percentile(wall, [50, 95])
        out[name] = {
            "n": len(wall),
            "p50_ms": round(p50, 2),
            "p95_ms": round(p95, 2),
            "cpu_p50_ms": round(float(np.median(cpu)), 2),
        }
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    parser.add_argument("--requests", type=int, default=500, help="held-out requests and orders to measure on")
    parser.add_argument("--passes", type=int, default=1, help="of the content encoder's training")
    parser.add_argument("--quotas", action="store_true", help="choose quotas on half of the people, report the others")
    parser.add_argument("--rules", type=Path, default=None, help="another folder of rule files")
    arguments = parser.parse_args()
    with sample_city(arguments) as city:
        store = city.store
        catalogue = Catalogue.load(store)
        everything = Interactions.load(store, catalogue)
        cut = int(np.quantile(everything.orders.ts, 1 - TEST_SHARE)) if len(everything.orders) else 0
        before = Interactions.load(store, catalogue, until=cut)
        rules = check_rules(load_rules(arguments.rules) if arguments.rules else load_rules())
        start = time.perf_counter()
        silent = Report(lambda _: None)
        trainer = ContentTrainer(
            catalogue, arguments.seed, passes=arguments.passes, wishes=REPO_ROOT / "datasets" / "nlu"
        )
        encoder = trainer.fit(trainer.prepare(silent), silent)
        fit_s = time.perf_counter() - start
        memory_mb, start = rss_mb(), time.perf_counter()
        funnels = Funnels.build(catalogue, before, encoder=encoder, rules=rules, now_ts=cut)
        build_s = time.perf_counter() - start
        used_mb = rss_mb() - memory_mb
        profile = people(store, everything, cut)
        pairs = held_out(everything, profile, cut, arguments.requests, np.random.default_rng(arguments.seed))
        requests = [query for query, _ in pairs["requests"]]
        nowhere = [
            Query(filters=q.filters.model_copy(update={"near_me": None, "max_distance_m": None}),
                  semantic_query=q.semantic_query, user=UserProfile(user_id=q.user.user_id), now=q.now)
            for q in requests
        ]  # fmt: skip
        result = {
            "quotas": quotas(funnels, pairs) if arguments.quotas else "not asked for",
            "shops": len(catalogue),
            "menus": len(catalogue.menu_name),
            "orders_learned_from": len(before.orders),
            "encoder_fit_s": round(fit_s, 2),
            "build_s": round(build_s, 2),
            "build_mb": round(used_mb, 1),
            "find": speed(funnels, {"as_asked": requests, "bare": [q for q, _ in pairs["orders"]], "nowhere": nowhere}),
            "recall": {name: recall(funnels, some) for name, some in pairs.items()},
        }
        print(json.dumps(result, ensure_ascii=False, indent=2))


if __name__ == "__main__":
    main()
