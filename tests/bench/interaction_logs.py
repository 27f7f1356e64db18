"""Reads public interaction logs into one shape: who, what, when, and what is known of the items."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from aiyam.candidates.item_models import Log
from aiyam.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

DATASETS = ("ml-latest-small", "ml-100k", "rcdata", "interactions")
MIN_EVENTS = 3
"""People with fewer events have none left to learn from once two are held out."""


@dataclass(frozen=True)
class Source:
    """A log with what is known of its n items.

    ``rating`` (e,) is nan where none was given; ``text`` (n,) names and kinds; ``category`` (n,) the first kind, -1 none;
    ``lat``/``lon`` (n,) nan where unknown. ``skipped`` counts rows left out, by reason.
    """

    name: str
    log: Log
    rating: NDArray[np.float32]
    text: list[str]
    category: NDArray[np.int64]
    lat: NDArray[np.float32]
    lon: NDArray[np.float32]
    timed: bool = True
    skipped: dict[str, int] = field(default_factory=dict)


def read(folder: Path, dataset: str) -> Source:
    """Read one data set.

    Args:
        folder: the files' folder (or the folder that holds a folder named as the data set); for ``interactions`` a CSV
            with user_id, item_id, timestamp and, where known, rating, category, lat, lon; or a folder with one.

    Raises:
        DataError: files or columns are missing, or too few people have three events.
    """
    import pandas as pd

    if dataset not in DATASETS:
        raise DataError(f"Expected a data set of {', '.join(DATASETS)}, got {dataset!r}.")
    if (folder / dataset).is_dir():
        folder = folder / dataset
    kinds = {"user_id": str, "item_id": str, "userID": str, "placeID": str, "userId": str, "movieId": str}
    items = None
    timed = True
    if dataset == "ml-latest-small":
        frame = pd.read_csv(_file(folder, "ratings.csv"), dtype=kinds)
        frame = frame.rename(columns={"userId": "user_id", "movieId": "item_id"})
        films = pd.read_csv(_file(folder, "movies.csv"), dtype=kinds).rename(columns={"movieId": "item_id"})
        genres = films["genres"].str.replace("|", " ")
        items = films.assign(text=films["title"] + " " + genres, category=genres.str.split().str[0])
    elif dataset == "ml-100k":
        frame = pd.read_csv(
            _file(folder, "u.data"), sep="\t", names=["user_id", "item_id", "rating", "timestamp"], dtype=kinds
        )
        items = _films(folder / "u.item")
    elif dataset == "rcdata":
        frame = pd.read_csv(_file(folder, "rating_final.csv"), dtype=kinds)
        frame = frame.rename(columns={"userID": "user_id", "placeID": "item_id"})
        # No times are known: an order by chance, for one by item would tell which comes last.
        frame["timestamp"], timed = np.random.default_rng(0).permutation(len(frame)), False
        frame["rating"] = frame["rating"] * 2.0 + 1.0  # 0, 1, 2 as 1, 3, 5
        places = pd.read_csv(_file(folder, "geoplaces2.csv"), dtype=kinds, encoding="latin-1")
        cuisine = pd.read_csv(_file(folder, "chefmozcuisine.csv"), dtype=kinds).groupby("placeID")["Rcuisine"].first()
        kind = places["placeID"].map(cuisine)
        items = pd.DataFrame(
            {
                "item_id": places["placeID"], "category": kind, "lat": places["latitude"], "lon": places["longitude"],
                "text": places["name"] + " " + kind.fillna("") + " " + places["price"] + " " + places["Rambience"],
            }
        )  # fmt: skip
    else:
        path = folder if folder.is_file() else next(iter(sorted(folder.glob("*.csv"))), folder / "interactions.csv")
        frame = pd.read_csv(_file(path.parent, path.name), dtype={**kinds, "category": str})
    return _source(dataset, frame, items, timed=timed)


def _films(path: Path) -> pd.DataFrame | None:
    """Read the titles and kinds of MovieLens-100k, if they are there: the last 19 columns are a flag for each kind."""
    import pandas as pd

    if not path.is_file():
        return None
    rows = [line.split("|") for line in path.read_text(encoding="latin-1").splitlines() if line.count("|") >= 23]
    flagged = [[f"kind{i}" for i, flag in enumerate(row[-19:]) if flag == "1"] for row in rows]
    return pd.DataFrame(
        {
            "item_id": [row[0] for row in rows],
            "text": [f"{row[1]} {' '.join(kinds)}" for row, kinds in zip(rows, flagged, strict=True)],
            "category": [kinds[0] if kinds else None for kinds in flagged],
        }
    )


def _file(folder: Path, name: str) -> Path:
    if not (folder / name).is_file():
        raise DataError(
            f"Expected {name} in {folder}, found none.", hint="Give the folder of the data set with --data."
        )
    return folder / name


def _source(name: str, frame: pd.DataFrame, items: pd.DataFrame | None, *, timed: bool) -> Source:
    import pandas as pd

    lacking = {"user_id", "item_id", "timestamp"} - set(frame.columns)
    if lacking:
        raise DataError(
            f"Expected the columns user_id, item_id and timestamp, {', '.join(sorted(lacking))} lack.",
            hint="rating, category, lat and lon may follow.",
        )
    skipped = Counter[str]()
    seconds = pd.to_numeric(frame["timestamp"], errors="coerce")
    if seconds.isna().mean() > 0.5:
        when = pd.to_datetime(frame["timestamp"], errors="coerce", utc=True, format="mixed")
        seconds = (when - pd.Timestamp(0, tz="UTC")).dt.total_seconds()
    rating = pd.to_numeric(frame["rating"], errors="coerce") if "rating" in frame else pd.Series(np.nan, frame.index)
    kept = np.ones(len(frame), bool)
    for reason, wrong in (
        ("no user or item", frame["user_id"].isna() | frame["item_id"].isna()),
        ("no readable time", seconds.isna()),
        ("rating outside 0.5..5", (rating < 0.5) | (rating > 5)),
    ):
        skipped[reason] = int((kept & wrong.to_numpy()).sum())
        kept &= ~wrong.to_numpy()
    frame, seconds, rating = frame[kept], seconds[kept], rating[kept]
    size = frame.groupby("user_id")["item_id"].transform("size")
    enough = (size >= MIN_EVENTS).to_numpy()
    skipped[f"of people with fewer than {MIN_EVENTS} events"] = int((~enough).sum())
    frame, seconds, rating = frame[enough], seconds[enough], rating[enough]
    if frame["user_id"].nunique() < 2:
        raise DataError(
            f"Expected at least two people with {MIN_EVENTS} events or more, got {frame['user_id'].nunique()} in"
            f" {len(frame):,} rows ({dict(skipped)}).",
            hint="A recommender compares people: bring a log of several.",
        )
    users, _ = pd.factorize(frame["user_id"], sort=True)
    # Ids in the order of their numbers where they are numbers, so that ties in time fall as they do elsewhere.
    ids = frame["item_id"].unique().tolist()
    ids.sort(key=lambda i: (0, int(i), "") if str(i).isdigit() else (1, 0, str(i)))
    numbers = frame["item_id"].map({item: i for i, item in enumerate(ids)}).to_numpy(np.int64)
    order = np.lexsort((numbers, seconds.to_numpy(np.int64), users))
    log = Log.of(users, numbers, seconds.to_numpy(np.int64), n_users=int(users.max()) + 1, n_items=len(ids))
    known = (
        items
        if items is not None
        else frame.assign(text=frame["category"].fillna(""))
        if "category" in frame
        else frame
    )
    known = known.drop_duplicates("item_id").set_index("item_id").reindex(ids)

    def column(wanted: str) -> pd.Series[object]:
        return known[wanted] if wanted in known else pd.Series(None, index=known.index, dtype=object)

    place = [pd.to_numeric(column(axis), errors="coerce").to_numpy(np.float32) for axis in ("lat", "lon")]
    return Source(
        name=name,
        log=log,
        rating=rating.to_numpy(np.float32)[order],
        text=[str(value) if isinstance(value, str) else "" for value in column("text")],
        category=pd.factorize(column("category"))[0].astype(np.int64),
        lat=place[0],
        lon=place[1],
        timed=timed,
        skipped={reason: n for reason, n in skipped.items() if n},
    )
