"""How well the content funnel finds what held-out queries ask for, in shops it was not trained on: JSON on stdout.

    python tests/bench/content.py --shops 3000

``datasets/candidates/heldout_queries.tsv`` holds the queries and what answers each: dishes, categories or shop names. A
third of the synthetic city's shops, by hash of their id, are kept from training, and only those are ranked. A shop answers
when one of its dishes does (or its category, or its name): precision@10 counts such shops (out of ten, or as many as there
are). For ndcg@10 a shop is worth the share of its dishes that answer, a third being enough for all of it, so that a house
known for the dish stands before one that has it too. Intervals: bootstrap over queries; ties count against the order.
"""

from __future__ import annotations

import argparse
import json
import os
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from numpy.typing import NDArray
from sample_city import add_arguments, sample_city

from aiyam.candidates.content import Content, Sought
from aiyam.candidates.documents import shop_documents
from aiyam.candidates.encoder import TextEncoder, telling_words_of
from aiyam.candidates.rules import Rules, check_rules, load_rules
from aiyam.catalogue.arrays import Catalogue
from aiyam.catalogue.name_search import plain
from aiyam.catalogue.query import Query
from aiyam.contracts import CATEGORIES, KST, Filters, UserProfile
from aiyam.settings import REPO_ROOT
from aiyam.training.content import ContentTrainer
from aiyam.training.protocol import Report

HELDOUT = REPO_ROOT / "datasets" / "candidates" / "heldout_queries.tsv"
NOW = datetime(2026, 3, 4, 12, 30, tzinfo=KST)
ENOUGH_SHARE = 1 / 3
N_ROUNDS = 1000
SILENT = Report(lambda _: None)

Score = Callable[[str], NDArray[np.float32]]


@dataclass(frozen=True)
class HeldOutQuery:
    """What a child types, and what answers it: parts of dish names, parts that do not count, categories, names."""

    kind: str
    text: str
    dishes: tuple[str, ...]
    no_dishes: tuple[str, ...]
    categories: tuple[str, ...]
    names: tuple[str, ...]


def read_queries(path: Path) -> list[HeldOutQuery]:
    """Read the held-out queries; ``@group`` stands for the parts of that group line."""
    groups: dict[str, list[str]] = {}
    queries = []
    for line in path.read_text("utf-8").splitlines():
        if line.startswith("#") or not line.strip():
            continue
        kind, text, dishes, categories, names, *_ = [*line.split("\t"), "", "", ""]
        if kind == "group":
            groups[text] = dishes.split()
            continue
        parts = [p for part in dishes.split() for p in (groups[part[1:]] if part[0] == "@" else [part])]
        queries.append(
            HeldOutQuery(
                kind,
                text,
                tuple(p for p in parts if p[0] != "-"),
                tuple(p[1:] for p in parts if p[0] == "-"),
                tuple(categories.split()),
                tuple(names.split()),
            )
        )
    return queries


class Answers:
    """Which of some shops answer a query, and how fully (0..1)."""

    def __init__(self, catalogue: Catalogue, rows: NDArray[np.int64]) -> None:
        self._catalogue = catalogue
        self._rows = rows
        self._dishes = [plain(name) for name in catalogue.dish_names]
        self._names = [plain(catalogue.names[row]) for row in rows]

    def gain(self, query: HeldOutQuery) -> NDArray[np.float64]:
        """Return the worth of each shop as an answer, 0 where it is none."""
        c = self._catalogue
        named = np.array([any(plain(p) in n for p in query.names) for n in self._names], np.float64)
        of_category = np.isin(c.category[self._rows], [CATEGORIES.index(name) for name in query.categories])
        fits = np.array(
            [
                any(plain(p) in d for p in query.dishes) and not any(p in d for p in query.no_dishes)
                for d in self._dishes
            ]
        )
        served = np.concatenate([[0], np.cumsum(fits[c.menu_name])])
        start, end = c.menu_start[self._rows], c.menu_start[self._rows + 1]
        share = (served[end] - served[start]) / np.maximum(end - start, 1)
        gain = np.maximum(np.maximum(named, of_category), np.minimum(share / ENOUGH_SHARE, 1.0))
        return np.asarray(gain, np.float64)


def measure(scores: NDArray[np.float32], gain: NDArray[np.float64]) -> tuple[float, float]:
    """Return (precision@10, ndcg@10) of one order."""
    order = np.lexsort((gain, -scores))[:10]
    possible = min(10, int((gain > 0).sum()))
    discount = 1 / np.log2(np.arange(2, 12))
    best = np.sort(gain)[::-1][:10]
    return float((gain[order] > 0).sum() / possible), float(
        (gain[order] * discount[: len(order)]).sum() / (best * discount[: len(best)]).sum()
    )


def bm25(documents: list[str], k1: float = 1.2, b: float = 0.75) -> Score:
    """Return the scorer of Robertson's BM25 over the words of the documents."""
    index: dict[str, dict[int, int]] = {}
    lengths = np.zeros(len(documents))
    for row, document in enumerate(documents):
        words = telling_words_of(document)
        lengths[row] = len(words)
        for word in words:
            found = index.setdefault(word, {})
            found[row] = found.get(row, 0) + 1
    norm = k1 * (1 - b + b * lengths / max(lengths.mean(), 1.0))

    def score(text: str) -> NDArray[np.float32]:
        out = np.zeros(len(documents), np.float32)
        for word in set(telling_words_of(text)):
            found = index.get(word, {})
            if found:
                rows, counts = np.fromiter(found, int), np.fromiter(found.values(), float)
                idf = np.log(1 + (len(documents) - len(rows) + 0.5) / (len(rows) + 0.5))
                out[rows] += idf * counts * (k1 + 1) / (counts + norm[rows])
        return out

    return score


def scorers(
    name: str, encoder: TextEncoder, catalogue: Catalogue, rules: Rules, rows: NDArray[np.int64]
) -> dict[str, Score]:
    """Return the dense scorer of an encoder and the hybrid as the funnel serves it."""
    content = Content(catalogue, encoder, rules)
    among = rows.astype(np.int32)
    nobody, nothing = np.empty(0, np.int32), np.empty(0, np.float32)

    def query(text: str) -> Query:
        return Query(filters=Filters(), semantic_query=text, user=UserProfile(user_id="new"), now=NOW)

    def sought(text: str) -> Sought:
        return content.sought(query(text), nobody, nothing)

    def dense(text: str) -> NDArray[np.float32]:
        return np.asarray(content.vectors[among] @ sought(text).vector, np.float32)

    def hybrid(text: str) -> NDArray[np.float32]:
        return content.score(sought(text), among)

    def lexical(text: str) -> NDArray[np.float32]:
        return content.rule_scores(sought(text), among)

    return {"rules": lexical, f"dense {name}": dense, f"hybrid {name}": hybrid}


def table(
    systems: dict[str, list[Score]], queries: list[HeldOutQuery], answers: Answers, trained_on: set[str], seed: int
) -> dict[str, Any]:
    """Measure each system (the mean of its trainings): ``[mean, low, high]`` of both measures, by kind of query.

    ``even`` are the queries whose hash is even: choices between trainings were made by them; ``odd`` are the others.
    ``new`` are those that are no training text themselves.
    """
    gains = [answers.gain(query) for query in queries]
    kept = [(query, gain) for query, gain in zip(queries, gains, strict=True) if gain.any()]
    values = {
        name: np.mean([[measure(score(query.text), gain) for query, gain in kept] for score in scores], axis=0)
        for name, scores in systems.items()
    }
    even = np.array([zlib.crc32(query.text.encode()) % 2 == 0 for query, _ in kept])
    groups = {kind: np.array([q.kind == kind for q, _ in kept]) for kind in dict.fromkeys(q.kind for q, _ in kept)}
    new = np.array([plain(query.text) not in trained_on for query, _ in kept])
    groups |= {"even": even, "odd": ~even, "new": new, "all": np.ones(len(kept), bool)}
    rng = np.random.default_rng(seed)
    result: dict[str, Any] = {"n_unanswerable": len(queries) - len(kept)}
    for group, mask in groups.items():
        of = np.flatnonzero(mask)
        if len(of) == 0:
            continue
        draws = rng.integers(len(of), size=(N_ROUNDS, len(of)))
        chance = [float((kept[i][1] > 0).mean()) for i in of]
        result[group] = {"n": len(of), "share_of_shops_that_answer": round(float(np.mean(chance)), 3)}
        for name, of_system in values.items():
            low, high = np.percentile(of_system[of][draws].mean(axis=1), [2.5, 97.5], axis=0)
            middle = of_system[of].mean(axis=0)
            result[group][name] = {
                measure_name: [round(float(x[column]), 3) for x in (middle, low, high)]
                for column, measure_name in enumerate(("precision@10", "ndcg@10"))
            }
            start = values.get(name.split(" passes ")[0].split(" pretrained")[0] + " passes 0")
            if start is not None and start is not of_system:
                gain = (of_system - start)[of, 1]
                low, high = np.percentile(gain[draws].mean(axis=1), [2.5, 97.5])
                result[group][name]["ndcg@10 over passes 0"] = [round(float(x), 3) for x in (gain.mean(), low, high)]
    return result


def held_out(catalogue: Catalogue) -> NDArray[np.bool_]:
    """Return bool[n]: the third of the shops that is kept from training."""
    return np.array([zlib.crc32(shop.encode()) % 3 == 0 for shop in catalogue.shop_ids])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    parser.add_argument(
        "--seeds", type=int, default=1, help="trainings of each kind; a query counts its mean over them"
    )
    parser.add_argument(
        "--passes", type=int, nargs="*", default=[0, 1], help="trainings to compare; 0 is the start alone"
    )
    parser.add_argument(
        "--encoder", default=None, help="a sentence-transformers model to compare, by folder or hub name"
    )
    arguments = parser.parse_args()
    with sample_city(arguments) as city:
        catalogue = Catalogue.load(city.store)
        rules = check_rules(load_rules())
        unseen = held_out(catalogue)
        rows = np.flatnonzero(unseen & catalogue.venue_ok)
        seen = replace(catalogue, venue_ok=catalogue.venue_ok & ~unseen)
        queries, answers = read_queries(HELDOUT), Answers(catalogue, rows)
        systems: dict[str, list[Score]] = {"bm25": [bm25(shop_documents(catalogue, rules.everyday, rows))]}
        cpu: dict[str, list[float]] = {}
        trained_on: set[str] = set()
        made = [(f"passes {n}", {"passes": n}) for n in arguments.passes]
        made += [("pretrained", {"encoder": arguments.encoder})] if arguments.encoder else []
        for name, options in made:
            for seed in range(arguments.seed, arguments.seed + arguments.seeds):
                trainer = ContentTrainer(seen, seed, wishes=REPO_ROOT / "datasets" / "nlu", **options)
                start = time.process_time()
                prepared = trainer.prepare(SILENT)
                encoder = trainer.fit(prepared, SILENT)
                cpu.setdefault(name, []).append(round(time.process_time() - start, 2))
                trained_on |= {plain(text) for text in prepared.pairs.texts}
                for system, score in scorers(name, encoder, catalogue, rules, rows).items():
                    systems.setdefault(system, []).append(score)
        systems["rules"] = systems["rules"][:1]
        result = table(systems, queries, answers, trained_on, arguments.seed)
        result = {"shops_ranked": len(rows), "training_cpu_s": cpu, **result}
        print(json.dumps(result, ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()
