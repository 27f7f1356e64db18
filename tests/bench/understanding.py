"""Trains and scores the understanding on a public corpus: ``python tests/bench/understanding.py --data DIR``.

DIR holds ``train.jsonl`` and ``dev.jsonl`` of the training contract, or the MASSIVE layout (rows with ``utt``,
``annot_utt`` and ``intent``). Prints one JSON line with scores, training time, model size and latency.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import tempfile
import time
from pathlib import Path
from typing import Any

from aiyam.evaluation.understanding import evaluate_model
from aiyam.nlu.examples import load_examples
from aiyam.nlu.gazetteer import Gazetteer
from aiyam.nlu.model import NluModel
from aiyam.training.nlu import train_nlu

_SLOT = re.compile(r"\[([a-z_]+) : ([^\]]+)\]")


def contract_row(row: dict[str, Any]) -> dict[str, Any]:
    """Turn a MASSIVE row (or a contract row, unchanged) into a contract row."""
    if "annot_utt" not in row:
        return row
    text, entities, at = "", [], 0
    marked = row["annot_utt"]
    for match in _SLOT.finditer(marked):
        text += marked[at : match.start()]
        surface = match.group(2).strip()
        entities.append(
            {"entity": match.group(1), "text": surface, "start": len(text), "end": len(text) + len(surface)}
        )
        text += surface
        at = match.end()
    return {"text": text + marked[at:], "intent": row["intent"], "entities": entities}


def convert(source: Path, target: Path, limit: int) -> Path:
    """Write the rows of a file in the training contract."""
    with source.open(encoding="utf-8") as lines, target.open("w", encoding="utf-8") as out:
        rows = lines.readlines()
        for line in random.Random(0).sample(rows, min(limit or len(rows), len(rows))):
            out.write(json.dumps(contract_row(json.loads(line)), ensure_ascii=False) + "\n")
    return target


def main() -> None:
    """Train on ``train.jsonl``, score on ``dev.jsonl``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=0, help="train on N rows drawn by chance")
    parser.add_argument("--span-rows", type=int, default=20_000, help="rows the span model reads")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        train = convert(options.data / "train.jsonl", folder / "train.jsonl", options.limit)
        dev = convert(options.data / "dev.jsonl", folder / "dev.jsonl", 0)
        started, cpu = time.perf_counter(), time.process_time()
        train_nlu(
            train, folder / "v1", seed=options.seed, epochs=options.epochs, max_span_rows=options.span_rows, progress=lambda _: None
        )  # fmt: skip
        took, cpu = time.perf_counter() - started, time.process_time() - cpu
        model = NluModel.load(folder / "v1", Gazetteer.from_shipped())
        scores = evaluate_model(model, dev)
        texts = [e.text for e in load_examples(dev)[0]][:500]
        times = []
        for text in texts:
            start = time.perf_counter()
            model.read(text)
            times.append((time.perf_counter() - start) * 1000)
        kept = {
            k: scores[k]
            for k in ("intent_accuracy", "intent_macro_f1", "span_f1", "exact_rows", "ece", "n", "intervals")
        }
        size = sum(p.stat().st_size for p in (folder / "v1").iterdir()) / 1e6
        print(json.dumps({**kept, "train_s": round(took), "train_cpu_s": round(cpu), "mb": round(size, 1), "p50_ms": round(sorted(times)[len(times) // 2], 2)}))  # fmt: skip


if __name__ == "__main__":
    main()
