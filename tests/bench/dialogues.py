"""Scores the dialogue for ``make bench``: ``python tests/bench/dialogues.py [--model models/nlu/v1]``.

Prints one JSON line for each batch and half; ``aiyam evaluate dialogues`` tells the same figures with phenomena and failures.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from aiyam.evaluation.dialogue_report import evaluate_dialogues
from aiyam.settings import REPO_ROOT


def main() -> None:
    """Play every batch."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=REPO_ROOT / "datasets" / "dialogues" / "conversations.jsonl")
    parser.add_argument("--model", type=Path, help="folder of a sealed understanding model")
    options = parser.parse_args()
    for reading in evaluate_dialogues(options.data, model=options.model)["readings"]:
        for part in reading["parts"]:
            print(json.dumps({"understanding": reading["by"], **part}, ensure_ascii=False))


if __name__ == "__main__":
    main()
