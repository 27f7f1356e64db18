"""Trains the understanding and its peer on one corpus and scores both on the same rows, in one run.

    python tests/bench/understanding.py --data DIR [--test FILE] [--markdown]
    python tests/bench/understanding.py --product models/nlu/VERSION

DIR holds ``train.jsonl`` and ``dev.jsonl`` of the training contract (or of MASSIVE's). The peer is a linear support
vector machine with a conditional random field over words, its settings fixed. Both are trained on ``train.jsonl`` and
scored on three texts of the same rows: as given; natural, particles re-attached to the word before them; noisy, with
the slips and dropped spaces of hurried thumbs.

Ours also reads rows to tune on (when to stop, how its parts are mixed, how sure it sounds), so those rows cannot be
scored. With ``--test`` the whole of ``dev.jsonl`` tunes and FILE is scored. Without, ``dev.jsonl`` is split in two by a
hash of the text, so that copies stay together: one half tunes, the other is scored. ``--cross-fit`` trains ours a second
time with the halves changed over, so that every row is scored by a model that never read it; intervals are then narrower.

The noisy text comes from the noise model whose copies ours is trained with; ``--noisy-copies`` gives the peer such a copy
of every row too, so that only the models differ.

The JSON line holds, for each model and text, intent accuracy, span F1 (exact, and trailing particles and spaces aside)
and the share of rows with both right, with 95 % bootstrap intervals; the paired differences, both models drawn the same
rows; and what each model costs.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from understanding_costs import KINDS, answers, in_own_process, n_cores, pooled_per_s, size_mb, speed, train
from understanding_variants import TEXTS, halves, read_rows, varied, write_rows

from aiyam.evaluation.row_counts import Answer, bootstrap, count_rows, interval, measure
from aiyam.nlu.examples import Example

SHIPPED = Path(__file__).resolve().parents[2] / "datasets" / "nlu"
MEASURES = {
    "intent_accuracy": "intent",
    "span_f1": "span F1",
    "span_f1_lenient": "span F1, particles aside",
    "exact_rows": "both right",
}
COSTS = {
    "train_s": "training, s", "train_cpu_s": "training, CPU s", "train_peak_mb": "training, peak MB", "size_mb": "model, MB",
    "load_s": "load, s", "one_ms_p50": "one utterance, ms p50", "one_ms_p95": "one utterance, ms p95",
    "one_cpu_ms": "one utterance, CPU ms", "batch_per_s": "in batches, utterances/s, one thread",
    "batch_per_cpu_s": "in batches, utterances a CPU second",
    "pool_per_s": "in batches, a process for each core", "read_peak_mb": "reading, peak MB",
}  # fmt: skip
_NOISE_SEED = 20
_MOST_TIMED = 2000


def main() -> None:
    """Run what the options name and print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of train.jsonl and dev.jsonl")
    parser.add_argument("--test", type=Path, help="rows to score, in place of half of dev.jsonl")
    parser.add_argument("--cross-fit", action="store_true", help="score every row of dev.jsonl; ours is trained twice")
    parser.add_argument("--train-on", choices=TEXTS[:2], default="given", help="text both are trained and tuned on")
    parser.add_argument("--noisy-copies", action="store_true", help="train the peer on a noisy copy of every row too")
    parser.add_argument("--models", default=",".join(KINDS), help="peer, ours, or both")
    parser.add_argument("--limit", type=int, default=0, help="train on N rows drawn by chance")
    parser.add_argument("--epochs", type=int, help="most passes of our network; 0: linear parts only")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="new folder to keep the trained models in")
    parser.add_argument("--product", type=Path, help="version trained on datasets/nlu, to time the whole understanding")
    parser.add_argument("--markdown", action="store_true", help="print a table before the JSON line")
    options = parser.parse_args()
    if not (options.data or options.product):
        parser.error("name a corpus with --data, or a version with --product")
    result: dict[str, Any] = {"n_cores": n_cores()}
    with tempfile.TemporaryDirectory() as scratch:
        if options.data:
            result |= compare(options, options.keep or Path(scratch))
    if options.product:
        rows = [row for file in sorted(SHIPPED.glob("*.jsonl")) for row in read_rows(file)]
        texts = _drawn([row.text for row in rows], _MOST_TIMED)
        result["product"] = {"n_timed": len(texts), **_timed("product", options.product, texts)}
    if options.markdown:
        print(table(result))
    print(json.dumps(result, ensure_ascii=False))


def compare(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Train and score the models named, and compare them where there are two."""
    kinds = [kind for kind in KINDS if kind in options.models.split(",")]
    rows = read_rows(options.data / "train.jsonl")
    if options.limit:
        rows = random.Random(options.seed).sample(rows, min(options.limit, len(rows)))
    dev = read_rows(options.data / "dev.jsonl")
    first, second = halves(dev)
    folds = [(dev, read_rows(options.test))] if options.test else [(first, second), (second, first)]
    folds = folds if options.cross_fit else folds[:1]
    folder.mkdir(parents=True, exist_ok=True)
    train_file = write_rows(folder / "train.jsonl", varied(rows, options.train_on, seed=_NOISE_SEED))
    copies = varied(rows, "noisy", seed=options.seed) if options.noisy_copies else []
    peer_file = write_rows(folder / "peer.jsonl", [*varied(rows, options.train_on, seed=_NOISE_SEED), *copies])
    gold = {t: [row for _, scored in folds for row in varied(scored, t, seed=_NOISE_SEED)] for t in TEXTS}
    result: dict[str, Any] = {
        "n_train": len(rows), "n_tuning": len(folds[0][0]), "n_scored": len(gold["given"]), "n_folds": len(folds),
        "train_on": options.train_on, "peer_noisy_copies": options.noisy_copies, "epochs": options.epochs, "seed": options.seed, "models": {}, "costs": {},
    }  # fmt: skip
    said: dict[str, dict[str, list[Answer]]] = {kind: {t: [] for t in TEXTS} for kind in kinds}
    for number, (tuning, scored) in enumerate(folds):
        tune_file = write_rows(folder / f"tune{number}.jsonl", varied(tuning, options.train_on, seed=_NOISE_SEED))
        texts = [[row.text for row in varied(scored, t, seed=_NOISE_SEED)] for t in TEXTS]
        for kind in kinds:
            version = folder / (kind if kind == "peer" else f"{kind}{number}")
            if kind == "ours" or number == 0:  # the peer reads no rows to tune on: one training serves every fold
                data = peer_file if kind == "peer" else train_file
                cost = in_own_process(train, kind, data, tune_file, version, options.seed, options.epochs)
                result["costs"].setdefault(kind, {**cost, "size_mb": size_mb(kind, version)})
            for text, found in zip(TEXTS, in_own_process(answers, kind, version, texts), strict=True):
                said[kind][text] += found
    timed = _drawn([row.text for row in gold["given"]], _MOST_TIMED)
    for kind in kinds:
        result["costs"][kind] |= _timed(kind, folder / (kind if kind == "peer" else f"{kind}0"), timed)
    result["n_timed"] = len(timed)
    scores = {text: score(gold[text], {kind: said[kind][text] for kind in kinds}) for text in TEXTS}
    result["models"] = {kind: {text: scores[text][kind] for text in TEXTS} for kind in kinds}
    if len(kinds) == len(KINDS):
        result["ours_minus_peer"] = {text: scores[text]["difference"] for text in TEXTS}
    return result


def score(gold: Sequence[Example], said: dict[str, list[Answer]]) -> dict[str, Any]:
    """Return each model's figures as [figure, low, high], and with two models the paired differences (second less first)."""
    counts = [count_rows(gold, found, with_filters=False) for found in said.values()]
    points, draws = [measure(c) for c in counts], bootstrap(counts, seed=0)
    found = {
        kind: {name: [round(point[name], 4), *interval(drawn[name])] for name in MEASURES}
        for kind, point, drawn in zip(said, points, draws, strict=True)
    }
    if len(counts) == 2:
        found["difference"] = {
            name: [round(points[1][name] - points[0][name], 4), *interval(draws[1][name] - draws[0][name])]
            for name in MEASURES
        }
    return found


def table(result: dict[str, Any]) -> str:
    """Write the figures as a Markdown table."""
    lines: list[str] = []
    if "models" in result:
        kinds, paired = list(result["models"]), result.get("ours_minus_peer")
        names = {"peer": "LinearSVC + word CRF", "ours": "aiyam"}
        heads = [names[kind] for kind in kinds] + (["difference (95 %)"] if paired else [])
        lines += [f"| | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
        for text in TEXTS:
            for measure_name, shown in MEASURES.items():
                cells = [_percent(result["models"][kind][text][measure_name]) for kind in kinds]
                cells += [_percent(paired[text][measure_name], sign="+")] if paired else []
                lines.append(f"| {text}: {shown} | {' | '.join(cells)} |")
        for cost, shown in COSTS.items():
            cells = [f"{result['costs'][kind][cost]:,}" for kind in kinds] + ([""] if paired else [])
            lines.append(f"| {shown} | {' | '.join(cells)} |")
    if "product" in result:
        lines += ["", "| whole understanding | |", "|---|---|"] if lines else ["| whole understanding | |", "|---|---|"]
        lines += [f"| {shown} | {result['product'][cost]:,} |" for cost, shown in COSTS.items() if cost in result["product"]]  # fmt: skip
    return "\n".join(lines)


def _percent(figure: Sequence[float], *, sign: str = "") -> str:
    point, low, high = (100 * value for value in figure)
    return f"{point:{sign}.1f} ({low:{sign}.1f} to {high:{sign}.1f})"


def _timed(kind: str, folder: Path, texts: Sequence[str]) -> dict[str, float]:
    alone: dict[str, float] = in_own_process(speed, kind, folder, texts)
    return alone | {"pool_per_s": pooled_per_s(kind, folder, texts, n_cores())}


def _drawn(texts: Sequence[str], most: int) -> list[str]:
    return random.Random(0).sample(texts, min(most, len(texts)))


if __name__ == "__main__":
    main()
