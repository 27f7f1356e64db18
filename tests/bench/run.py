"""Every benchmark of ``make bench``, one after the other; one JSON line each, with the command that gave it.

    python tests/bench/run.py [--keep DIR] [--only turn,http] [--corpus DIR] [--logs DIR]

The homes it prepares (3,000 and 100,000 shops) go to a temporary folder, or are kept in DIR for the next run.
The understanding is compared with its peer only where ``--corpus`` names a folder of ``train.jsonl`` and ``dev.jsonl``, and
recommending from public logs measured only where ``--logs`` names the folder of ``ml-latest-small``.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", type=Path, help="folder for the prepared homes")
    parser.add_argument(
        "--only",
        default="",
        help="comma-separated names: city, import, turn, http, ranking, request, content, table, labelling, kill,"
        " understanding, recommend",
    )
    parser.add_argument("--corpus", type=Path, help="public corpus to compare the understanding with its peer on")
    parser.add_argument("--logs", type=Path, help="public interaction logs to recommend from")
    args = parser.parse_args()
    root = args.keep or Path(tempfile.mkdtemp(prefix="aiyam-bench-"))
    only = set(filter(None, args.only.split(",")))
    try:
        results = [
            run(name, script, options, root, home)
            for name, script, options, home in suite(root, args.corpus, args.logs)
            if not only or name in only
        ]
    finally:
        if args.keep is None:
            shutil.rmtree(root, ignore_errors=True)
    return 1 if any(results) else 0


def suite(root: Path, corpus: Path | None, logs: Path | None) -> list[tuple[str, str, list[str], Path | None]]:
    """Name, script, options and the home the script finds in its environment."""
    small, large = root / "shops-3000", root / "shops-100000"
    understanding = [("understanding", "understanding.py", ["--data", str(corpus)], None)] if corpus else []
    recommend = ["--data", str(logs), "--dataset", "ml-latest-small", "--json"]
    return [
        ("city", "city.py", ["--shops", "3000"], None),
        ("city", "city.py", ["--shops", "100000"], None),
        ("import", "import_merchants.py", ["--rows", "92000"], None),
        ("turn", "turn.py", ["--shops", "3000", "--home", str(small)], None),
        ("turn", "turn.py", ["--shops", "100000", "--home", str(large)], None),
        ("http", "http_load.py", ["--users", "50"], small),
        ("http", "http_load.py", ["--users", "50"], large),
        ("ranking", "ranking.py", ["--home", str(root / "ranking"), "--variants", "spec,default"], None),
        ("request", "request.py", ["--shops", "100000", "--home", str(root / "request")], None),
        ("content", "content.py", [], None),
        ("table", "training_table.py", ["--home", str(root / "table")], None),
        ("labelling", "labelling.py", [], None),
        ("kill", "kill_nine.py", ["--kills", "200"], None),
        *understanding,
        *([("recommend", "recommend.py", recommend, None)] if logs else []),
    ]


def run(name: str, script: str, options: list[str], root: Path, home: Path | None) -> int:
    """Run one script, print what it printed (JSON, or its last line) with the command, and return its exit code."""
    environment = dict(os.environ)
    if home is not None:
        environment |= {"AIYAM_HOME": str(home / "home"), "AIYAM_MODELS_DIR": str(home / "models")}
    command = [sys.executable, str(HERE / script), *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, env=environment)
    shown = " ".join([script, *options]).replace(str(root), "HOME")
    row = {"bench": name, "command": f"tests/bench/{shown}", "exit": done.returncode}
    try:
        row["result"] = json.loads(done.stdout)
    except json.JSONDecodeError:
        row["result"] = (done.stdout.strip().splitlines() or [""])[-1]
    print(json.dumps(row, ensure_ascii=False), flush=True)
    return done.returncode


if __name__ == "__main__":
    raise SystemExit(main())
