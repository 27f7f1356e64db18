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
import shutil
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

from aiyam.catalogue.arrays import Catalogue
from aiyam.catalogue.city import generate_city
from aiyam.contracts import KST, Progress
from aiyam.store import Store
from aiyam.training.asks import TableOptions
from aiyam.training.content import train_content
from aiyam.training.full_table import write_training_table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, help="folder kept between runs; a temporary one by default")
    parser.add_argument("--shops", type=int, default=3000)
    parser.add_argument("--users", type=int, default=20_000)
    parser.add_argument("--requests", type=int, default=20_000, help="requests replayed; 0 is all of them")
    parser.add_argument("--negatives", type=int, default=2)
    parser.add_argument("--refresh-days", type=int, default=7)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--ending", default="parquet", choices=["parquet", "csv"])
    parser.add_argument("--since", help="first day (YYYY-MM-DD)")
    parser.add_argument("--seed", type=int, default=20260302)
    args = parser.parse_args()
    home = args.home or Path(tempfile.mkdtemp())
    try:
        print(json.dumps(bench(args, home), ensure_ascii=False))
    finally:
        if args.home is None:
            shutil.rmtree(home)


def bench(args: argparse.Namespace, home: Path) -> dict[str, Any]:
    home.mkdir(parents=True, exist_ok=True)
    store = Store.open(f"sqlite:///{(home / 'aiyam.db').resolve()}")
    if not (home / "truth.npz").exists():
        generate_city(store, n_shops=args.shops, n_users=args.users, seed=args.seed, truth_path=home / "truth.npz")
    if not (home / "content" / "manifest.json").exists():
        train_content(Catalogue.load(store), home / "content", seed=args.seed, progress=lambda _: None)
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
        store, home / f"table.{args.ending}", encoder_dir=home / "content", options=options, now=datetime.now(KST),
        n_workers=args.workers, progress=tell,
    )  # fmt: skip
    wall, cpu = time.perf_counter() - wall, cpu_seconds() - cpu
    store.close()
    mine, theirs = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return {
        "rows": report["rows"],
        "positives": report["positives"],
        "wall_seconds": round(wall, 1),
        "cpu_seconds": round(cpu, 1),
        "rows_per_cpu_second": round(report["rows"] / cpu),
        "rebuilt_layer_1": report["rebuilt_layer_1"],
        "max_rss_mb": {"parent": round(mine / 1024), "largest_worker": round(theirs / 1024)},
        "bytes": {path.name: path.stat().st_size for path in sorted(home.glob("table.*"))},
        "skipped": report["skipped"],
        "split_date": report["split_date"],
    }


def cpu_seconds() -> float:
    """CPU time of this process and of the workers that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


_last: list[float] = [-1.0]


def tell(progress: Progress) -> None:
    if progress.fraction - _last[0] >= 0.1:
        _last[0] = progress.fraction
        print(f"{progress.stage} {progress.fraction:.0%} {progress.message}", file=sys.stderr)


if __name__ == "__main__":
    main()
