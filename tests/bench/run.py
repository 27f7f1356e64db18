"""Every benchmark of ``make bench``, one after the other; one JSON line each, with the command that gave it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SUITE = (
    ("city.py", ["--shops", "3000"]),
    ("city.py", ["--shops", "100000"]),
    ("import_merchants.py", ["--rows", "92000"]),
    ("turn.py", ["--shops", "3000"]),
    ("turn.py", ["--shops", "100000"]),
    ("http_load.py", ["--users", "50"]),
    ("kill_nine.py", ["--kills", "200"]),
)


def main() -> int:
    failed = 0
    for script, options in SUITE:
        command = [sys.executable, str(HERE / script), *options]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        result = done.stdout.strip().splitlines()[-1:] or ["null"]
        failed += done.returncode != 0
        row = {"command": f"tests/bench/{script} {' '.join(options)}", "exit": done.returncode}
        try:
            row["result"] = json.loads(result[0])
        except json.JSONDecodeError:
            row["result"] = result[0]
        print(json.dumps(row, ensure_ascii=False), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
