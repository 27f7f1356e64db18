"""The synthetic city that benchmarks measure on: made once for its size and seed, whole or made again, with its content encoder."""

from __future__ import annotations

import argparse
import gc
import resource
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from aiyam.catalogue.arrays import Catalogue
from aiyam.catalogue.city import generate_city
from aiyam.catalogue.facts import fingerprint_of
from aiyam.contracts import Progress
from aiyam.store import Store
from aiyam.training.content import train_content

SEED = 20260302


@dataclass(frozen=True)
class SampleCity:
    """A city in a folder of its own; what a benchmark trains on it may be kept there too."""

    folder: Path
    store: Store
    seed: int

    @property
    def truth(self) -> Path:
        """The file of the people's true preferences."""
        return self.folder / "truth.npz"

    def encoder(self) -> Path:
        """Folder of the content encoder, trained on the first call."""
        folder = self.folder / "content"
        if not (folder / "manifest.json").exists():
            train_content(Catalogue.load(self.store), folder, seed=self.seed, progress=tell)
        return folder


def add_arguments(parser: argparse.ArgumentParser, *, shops: int = 3000, users: int = 2000) -> None:
    """Give a benchmark the options --home, --shops, --users and --seed."""
    parser.add_argument("--home", type=Path, help="keeps the city and what is trained on it for the next run")
    parser.add_argument("--shops", type=int, default=shops)
    parser.add_argument("--users", type=int, default=users)
    parser.add_argument("--seed", type=int, default=SEED)


@contextmanager
def sample_city(args: argparse.Namespace) -> Iterator[SampleCity]:
    """Open the city that the arguments describe and close it at the end; without a home it is gone then."""
    with tempfile.TemporaryDirectory(prefix="aiyam-bench-") as temporary:
        folder = (args.home or Path(temporary)).resolve() / f"city_{args.shops}_{args.users}_{args.seed}"
        folder.mkdir(parents=True, exist_ok=True)
        with open_whole(folder, args.shops, args.users, args.seed) as store:
            yield SampleCity(folder, store, args.seed)


@contextmanager
def open_whole(folder: Path, shops: int, users: int, seed: int) -> Iterator[Store]:
    """Open the city's store; one whose making was broken off (its fingerprint comes last) is made again."""
    path = folder / "city.db"
    store = Store.open(f"sqlite:///{path}")
    if not fingerprint_of(store):
        store.close()
        for left in folder.glob("city.db*"):
            left.unlink()
        store = Store.open(f"sqlite:///{path}")
        generate_city(store, n_shops=shops, n_users=users, seed=seed, truth_path=folder / "truth.npz", progress=tell)
    try:
        yield store
    finally:
        store.close()


def rss_mb() -> float:
    """Resident memory of this process now, in megabytes."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


_last: list[tuple[str, int]] = [("", -1)]


def tell(progress: Progress) -> None:
    """Print a training's progress to stderr, a line for each tenth."""
    at = (progress.stage, int(progress.fraction * 10))
    if at != _last[0]:
        _last[0] = at
        metrics = {name: round(value, 4) for name, value in progress.metrics.items()}
        print(f"{progress.stage} {progress.fraction:.0%} {progress.message}", metrics or "", file=sys.stderr)
