"""Recommending from any interaction log, as the benchmark's command does it, on a small log made here."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

SCRIPT = Path(__file__).parents[1] / "bench" / "recommend.py"
COLUMNS = ("user_id", "item_id", "timestamp", "rating", "category", "lat", "lon")


def write_log(path: Path, n_users: int, *, bad_rows: bool) -> None:
    """People of two tastes walk through their items in a circle, so that what comes next can be learned; some go back."""
    rng = np.random.default_rng(5)
    rows: list[tuple[object, ...]] = []
    for a in range(n_users):
        first, at = 15 * (a % 2), int(rng.integers(15))
        for k in range(14):
            if k % 5 != 4:
                at += 1
            item = first + at % 15
            rows.append(
                (f"{a:03d}", item, 1_700_000_000 + 86_400 * k + a, 4, f"kind {item % 5}", 37.5 + item / 1e3, 127.0)
            )
    if bad_rows:
        rows += [
            ("000", 3, "someday", 4, "", "", ""),
            ("001", "", 1_700_000_000, 4, "", "", ""),
            ("002", 3, 1_700_000_000, 9, "", "", ""),
            ("stranger", 3, 1_700_000_000, 4, "", "", ""),
        ]
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([COLUMNS, *rows])


def recommend(path: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), "--data", str(path), "--dataset", "interactions", "--seeds", "1", "--json"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def test_any_log_is_recommended_from_and_its_bad_rows_are_counted(tmp_path: Path) -> None:
    write_log(tmp_path / "log.csv", 48, bad_rows=True)
    done = recommend(tmp_path / "log.csv")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["n_people"], result["n_items"]) == (48, 30)
    assert sorted(result["skipped"].values()) == [1, 1, 1, 1]
    for part in ("new", "repeat", "by_time"):
        table = result[part]["table"]
        assert {"whole system", "wide & deep, spec", "ranker", "popularity", "item-kNN", "ease"} <= set(table)
        low, high = table["whole system"]["ndcg@10"][1:]
        assert 0.0 <= low <= high <= 1.0
    learned, popular = (result["new"]["table"][name]["ndcg@10"][0] for name in ("whole system", "popularity"))
    assert learned > popular + 0.2, "what comes next is certain here, popularity knows nothing of it"


def test_a_log_of_one_person_is_refused_with_what_to_do(tmp_path: Path) -> None:
    write_log(tmp_path / "log.csv", 1, bad_rows=False)
    done = recommend(tmp_path / "log.csv")
    assert done.returncode == 2
    assert "at least two people" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_log_of_single_sessions_is_told_of_without_the_parts_it_cannot_have(tmp_path: Path) -> None:
    """Everybody comes once: after any moment there is nobody left whom anything is known of, and nobody goes back."""
    rng = np.random.default_rng(2)
    rows = [
        (f"{a:03d}", 15 * (a % 2) + item, 1_700_000_000 + 86_400 * a + 60 * k)
        for a in range(60)
        for k, item in enumerate(rng.permutation(15)[:9].tolist())
    ]
    with (tmp_path / "log.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([COLUMNS[:3], *rows])
    done = recommend(tmp_path / "log.csv")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert "repeat" not in result
    assert "by_time" not in result
    assert "people come back" in result["left_out"]["by_time"]
    table = result["new"]["table"]
    assert table["whole system"]["ndcg@10"][0] > table["popularity"]["ndcg@10"][0], "everybody has one of two tastes"
