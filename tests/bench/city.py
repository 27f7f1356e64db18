"""Time and memory of generating the city and loading it as arrays; prints one JSON object."""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def generate(folder: Path, n_shops: int, n_users: int, seed: int) -> dict[str, float]:
    """Generate into ``folder`` and measure."""
    from aiyam.catalogue.city import generate_city
    from aiyam.store import Store

    store = Store.open(f"sqlite:///{folder / 'city.db'}")
    start, cpu = time.perf_counter(), time.process_time()
    report = generate_city(store, n_shops=n_shops, n_users=n_users, seed=seed, truth_path=folder / "truth.npz")
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu
    store.close()
    size = (folder / "city.db").stat().st_size / 1e6
    counts = {"shops": report.shops, "menus": report.menus, "users": report.users, "interactions": report.interactions}
    return {"seconds": round(seconds, 2), "cpu_seconds": round(cpu_seconds, 2), **counts, "database_mb": round(size, 1)}


def load(folder: Path, cached: bool) -> dict[str, float]:
    """Load the arrays of ``folder`` and measure."""
    import psutil

    from aiyam.catalogue.arrays import Catalogue
    from aiyam.store import Store

    store = Store.open(f"sqlite:///{folder / 'city.db'}")
    before = psutil.Process().memory_info().rss
    start, cpu = time.perf_counter(), time.process_time()
    catalogue = Catalogue.load(store, cache_dir=folder / "cache" if cached else None)
    return {
        "seconds": round(time.perf_counter() - start, 2),
        "cpu_seconds": round(time.process_time() - cpu, 2),
        "rows": len(catalogue) + len(catalogue.menu_name),
        "grown_mb": round((psutil.Process().memory_info().rss - before) / 1e6, 1),
    }


def main() -> None:
    """Measure each stage in a process of its own, so that peaks do not mix."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shops", type=int, default=3000)
    parser.add_argument("--users", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--stage", choices=["generate", "load", "cached"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.stage:
        result = (
            generate(args.folder, args.shops, args.users, args.seed)
            if args.stage == "generate"
            else load(args.folder, args.stage == "cached")
        )
        result["peak_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)
        print(json.dumps(result))
        return
    with tempfile.TemporaryDirectory() as name:
        outcome: dict[str, object] = {"n_shops": args.shops, "n_users": args.users}
        for label, stage in (
            ("generate", "generate"),
            ("load", "load"),
            ("fill_cache", "cached"),
            ("load_cached", "cached"),
        ):
            command = [sys.executable, __file__, "--stage", stage, "--folder", name, "--shops", str(args.shops)]
            command += ["--users", str(args.users), "--seed", str(args.seed)]
            outcome[label] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        print(json.dumps(outcome))


if __name__ == "__main__":
    main()
