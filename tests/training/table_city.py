"""A very small city with a text encoder, and its training table, for the tests of the table."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from aiyam.catalogue.arrays import Catalogue
from aiyam.catalogue.city import generate_city
from aiyam.contracts import KST, Progress
from aiyam.store import Store, sqlite
from aiyam.training.asks import TableOptions
from aiyam.training.content import train_content
from aiyam.training.full_table import paths_of, write_training_table

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=KST)
END = int(datetime(2026, 3, 1, tzinfo=KST).timestamp())
DAY_S = 86_400
RECENT = TableOptions(seed=3, since=END - 60 * DAY_S, refresh_days=30, max_requests=120)
"""Two months of the city in a few rebuilds of layer 1: what most tests build."""


def make_city(folder: Path) -> Path:
    """Generate the city and train its encoder; returns the folder."""
    store = Store.open(f"sqlite:///{folder / 'city.db'}")
    generate_city(store, n_shops=150, n_users=60, seed=5, truth_path=folder / "truth.npz")
    train_content(Catalogue.load(store), folder / "content", seed=5, progress=lambda p: None)
    store.close()
    return folder


def copy_store(city: Path, target: Path) -> Store:
    """Open a copy of the city that a test may change."""
    sqlite.backup(city / "city.db", target)
    return Store.open(f"sqlite:///{target}")


def build(
    store: Store,
    city: Path,
    out: Path,
    options: TableOptions = RECENT,
    *,
    n_workers: int = 1,
    progress: Callable[[Progress], None] = lambda p: None,
) -> dict[str, Any]:
    """Write the table with the city's encoder."""
    return write_training_table(
        store, out, encoder_dir=city / "content", options=options, now=NOW, n_workers=n_workers, progress=progress
    )


def rows_of(out: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read the two parts back."""
    train, valid, _ = paths_of(out)
    if out.suffix == ".csv":
        return pd.read_csv(train, keep_default_na=False), pd.read_csv(valid, keep_default_na=False)
    return pd.read_parquet(train), pd.read_parquet(valid)
