"""Training throughput of the ranker: rows per CPU second of forward, backward and step, by batch size and id updates.

    python tests/bench/training_speed.py [--users 100000] [--shops 20000] [--seconds 3] [--rounds 3]

Prints one JSON object. ``spec`` has lists of three rows and plain loss, ``default`` lists of 51 rows and listwise loss;
``single`` is the spec's network on lists of one row, a person each: the hardest case, and how others are measured. With
``touched`` only the rows of a batch change in the id tables, with ``all`` plain Adam goes over whole tables. Variants take
turns, and each gives its best round.
"""

# ruff: noqa: E402

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import replace
from typing import Any

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np
import torch

from aiyam.ranking.wide_deep import WideDeepConfig
from aiyam.training.ranker import VARIANTS
from aiyam.training.wide_deep import Fit
from aiyam.training.wide_deep_rows import Inputs

N_ROWS = 120_000
N_BRANDS = 500
BATCHES = (256, 1024, 4096)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--shops", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=3.0, help="CPU seconds of a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batches", default=",".join(map(str, BATCHES)))
    args = parser.parse_args()
    torch.set_num_threads(1)
    spec, default = (WideDeepConfig.read(VARIANTS[name]) for name in ("spec", "default"))
    kinds = {"single": (spec, 1), "spec": (spec, 3), "default": (default, 51)}
    batches = [int(size) for size in args.batches.split(",")]
    fits: dict[tuple[str, str, int], Fit] = {}
    for kind, (config, k) in kinds.items():
        inputs = drawn(args.users, args.shops, k)
        for updates in ("touched", "all"):
            for size in batches:
                one = replace(config, id_updates=updates, batch_size=size, warm_start=False)
                fits[kind, updates, size] = Fit(one, inputs, sizes=(args.users + 1, args.shops + 1, N_BRANDS), seed=1)
    best: dict[tuple[str, str, int], float] = dict.fromkeys(fits, 0.0)
    for _ in range(args.rounds):
        for key, fit in fits.items():
            best[key] = max(best[key], rows_per_cpu_second(fit, args.seconds))
    out: dict[str, Any] = {"users": args.users, "shops": args.shops, "rows_per_cpu_second": {}}
    for (kind, updates, size), speed in best.items():
        out["rows_per_cpu_second"].setdefault(kind, {}).setdefault(updates, {})[size] = round(speed)
    print(json.dumps(out, indent=1))


def drawn(n_users: int, n_shops: int, k: int) -> Inputs:
    """Lists of k rows, ids drawn evenly over the tables: what reads the most different rows."""
    rng = np.random.default_rng(0)
    q = N_ROWS // k
    r = q * k
    label = np.zeros((q, k), np.float32)
    label[np.arange(q), rng.integers(0, k, q)] = 1.0 if k > 1 else rng.integers(0, 2, q)
    return Inputs(
        list_start=np.arange(q + 1) * k,
        users=rng.integers(0, n_users, q).astype(np.int32),
        query_vectors=(rng.normal(size=(q, 128)) / 11).astype(np.float32),
        shops=rng.integers(0, n_shops, r).astype(np.int32),
        brands=rng.integers(0, N_BRANDS, r).astype(np.int32),
        categories=rng.integers(0, 15, r),
        numbers=rng.random((r, 10), dtype=np.float32),
        wide=rng.random((r, 50), dtype=np.float32),
        label=label.reshape(-1),
        weight=np.ones(r, np.float32),
        shown=np.zeros(r, np.bool_),
    )


def rows_per_cpu_second(fit: Fit, seconds: float) -> float:
    """Run steps for some CPU seconds, drawing the batches included, and count their rows."""
    n_lists = len(fit.rows.users)
    order = torch.randperm(n_lists)
    fit.net.train()
    fit.step(fit.rows.take(order[: fit.lists_a_batch]))
    n_rows = at = 0
    start = time.process_time()
    while (spent := time.process_time() - start) < seconds:
        batch = fit.rows.take(order[at : at + fit.lists_a_batch].sort().values)
        fit.step(batch)
        n_rows += len(batch.values)
        at = 0 if at + 2 * fit.lists_a_batch > n_lists else at + fit.lists_a_batch
    return n_rows / spent


if __name__ == "__main__":
    main()
