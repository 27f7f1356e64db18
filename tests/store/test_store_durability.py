"""What was acknowledged survives kill -9; the long version is tests/bench/kill_nine.py."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

KILL_NINE = Path(__file__).resolve().parent.parent / "bench" / "kill_nine.py"


def test_five_kills_under_load_lose_no_acknowledged_turn_or_feedback() -> None:
    ended = subprocess.run(
        [sys.executable, str(KILL_NINE), "--kills", "5", "--longest-s", "0.3"],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    result = json.loads(ended.stdout or "{}")
    assert ended.returncode == 0, ended.stderr
    assert (result["kills"], result["lost"], result["problems"]) == (5, 0, [])
    assert result["acknowledged"] > 5
