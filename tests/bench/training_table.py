"""Training table benchmark: the table of a synthetic city from its store, rows a second, CPU time and memory.

    python tests/bench/training_table.py [--home DIR] [--shops 3000] [--users 20000] [--requests 20000] [--workers 2]

Prints one JSON object. With --home the city and the encoder are kept there and used again.
"""

# ruff: noqa: E402

from __future__ import annotations

import argparse
import json
import os
import resource
import time
from datetime import datetime
from typing import Any

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

from sample_city import SampleCity, add_arguments, sample_city, tell

from aiyam.contracts import KST
from aiyam.training.asks import TableOptions
from aiyam.training.full_table import write_training_table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser, users=20_000)
    parser.add_argument("--requests", type=int, default=20_000, help="requests replayed; 0 is all of them")
    parser.add_argument("--negatives", type=int, default=2)
    parser.add_argument("--refresh-days", type=int, default=7)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--ending", default="parquet", choices=["parquet", "csv"])
    parser.add_argument("--since", help="first day (YYYY-MM-DD)")
    args = parser.parse_args()
    with sample_city(args) as city:
        print(json.dumps(bench(args, city), ensure_ascii=False))


def bench(args: argparse.Namespace, city: SampleCity) -> dict[str, Any]:
    encoder_dir = city.encoder()
    since = datetime.fromisoformat(args.since).replace(tzinfo=KST) if args.since else None
    options = TableOptions(
        seed=args.seed,
        negatives=args.negatives,
        refresh_days=args.refresh_days,
        since=None if since is None else int(since.timestamp()),
        max_requests=args.requests or None,
    )
    cpu, wall = cpu_seconds(), time.perf_counter()
    report = write_training_table(
        city.store, city.folder / f"table.{args.ending}", encoder_dir=encoder_dir, options=options, now=datetime.now(KST),
        n_workers=args.workers, progress=tell,
    )  # fmt: skip
    wall, cpu = time.perf_counter() - wall, cpu_seconds() - cpu
    mine, theirs = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return {
        "rows": report["rows"],
        "positives": report["positives"],
        "wall_seconds": round(wall, 1),
        "cpu_seconds": round(cpu, 1),
        "rows_per_cpu_second": round(report["rows"] / cpu),
        "rebuilt_layer_1": report["rebuilt_layer_1"],
        "max_rss_mb": {"parent": round(mine / 1024), "largest_worker": round(theirs / 1024)},
        "bytes": {path.name: path.stat().st_size for path in sorted(city.folder.glob("table.*"))},
        "skipped": report["skipped"],
        "split_date": report["split_date"],
    }


def cpu_seconds() -> float:
    """CPU time of this process and of the workers that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


if __name__ == "__main__":
    main()
