"""Scores the understanding's rules by themselves: ``python tests/bench/understanding_rules.py FILE…``.

The files are of the training contract, with filters. Every second row (the first, third, …) is the half that failures
may be read of (``--failures``); the other half is only counted. Prints one JSON object: for each half, filter F1 given
the labelled intent and spans, filter F1 of the rules alone given the intent, precision and recall of the evidence by
kind, accuracy of values given the labelled spans; and milliseconds per utterance.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

from aiyam.contracts import EntityType
from aiyam.evaluation.row_counts import facts
from aiyam.korean.spelling import Normalised, normalise
from aiyam.nlu.examples import Example, load_examples
from aiyam.nlu.gazetteer import Gazetteer
from aiyam.nlu.invented_shops import SHOP_NAMES
from aiyam.nlu.values import NO_FILTERS, Span, filters_of, find_evidence, is_negated, read_amount, value_of

_EXACT = {EntityType.BUDGET, EntityType.DISTANCE, EntityType.ORDINAL}


def in_plain(plain: Normalised, start: int, end: int) -> tuple[int, int] | None:
    """Return where a span of the original stands in the normalised text; None where nothing of it is left."""
    inside = [i for i in range(len(plain.text)) if plain.ends[i] > start and plain.starts[i] < end]
    return (inside[0], inside[-1] + 1) if inside else None


def valued(plain: str, kind: str, start: int, end: int, evidence: list[Span], gazetteer: Gazetteer) -> Span | None:
    """Give a labelled span the value the rules read in it, the way the understanding does."""
    for found in evidence:
        if found.entity == kind and found.start < end and found.end > start:
            if kind == EntityType.MENU and end - start > found.end - found.start:
                break
            negated = found.negated or is_negated(plain, start, end)
            return Span(kind, found.value, start, end, negated, found.low, found.high, "model")
    value = value_of(kind, plain[start:end], gazetteer)
    if value is None:
        return None
    low, high = read_amount(plain[start:end]) if kind == EntityType.BUDGET else (0, 0)
    return Span(kind, value, start, end, is_negated(plain, start, end), low, high, "model")


def same(kind: str, gold: Any, said: Any) -> bool:
    """Tell whether two values are the same, spelling and spaces aside."""
    if said is None:
        return False
    if kind in _EXACT:
        return str(gold) == str(said)
    return normalise(str(gold)).text.replace(" ", "") == normalise(str(said)).text.replace(" ", "")


class Tally:
    """Counts of one half."""

    def __init__(self) -> None:
        self.filters = {"given spans": [0, 0, 0], "rules alone": [0, 0, 0]}
        self.keys: Counter[str] = Counter()
        self.kinds: dict[str, list[int]] = {str(k): [0, 0, 0] for k in EntityType}
        self.values: dict[str, list[int]] = {str(k): [0, 0] for k in EntityType}
        self.n = 0

    def report(self) -> dict[str, Any]:
        """Return the figures."""
        hits, gold, said = (sum(c[i] for c in self.kinds.values()) for i in range(3))
        right, of = (sum(c[i] for c in self.values.values()) for i in range(2))
        return {
            "n": self.n,
            **{f"filter_f1 {name}": f1(*c) for name, c in self.filters.items()},
            "evidence": {"p": rate(hits, said), "r": rate(hits, gold), "f1": f1(hits, gold, said)},
            "values": rate(right, of),
            "evidence by kind": {k: [rate(c[0], c[2]), rate(c[0], c[1]), c[1]] for k, c in self.kinds.items()},
            "values by kind": {k: rate(*c) for k, c in self.values.items()},
            "filters wrong by key": dict(self.keys.most_common(30)),
        }


def rate(part: int, whole: int) -> float:
    """Return part of whole to four digits; 1 where there is nothing."""
    return round(part / whole, 4) if whole else 1.0


def f1(hits: int, gold: int, said: int) -> float:
    """Return the harmonic mean of precision and recall."""
    return rate(2 * hits, gold + said)


def read_row(row: Example, gazetteer: Gazetteer, tally: Tally) -> list[str]:
    """Count one row; returns what went wrong, in words."""
    plain = normalise(row.text)
    evidence = find_evidence(plain.text, gazetteer)
    wrong: list[str] = []
    tally.n += 1
    gold: dict[tuple[str, int, int], Any] = {}
    spans: list[Span] = []
    for kind, start, end, value in row.spans:
        at = in_plain(plain, start, end)
        if at is None:
            continue
        gold[kind, *at] = value
        span = valued(plain.text, kind, *at, evidence, gazetteer)
        right = span is not None and same(kind, value, span.value)
        tally.values[kind][0] += right
        tally.values[kind][1] += 1
        if not right:
            wrong.append(f"value {kind} {plain.text[at[0] : at[1]]!r}: {value!r} read {span and span.value!r}")
        if span is not None:
            spans.append(span)
    said = {(s.entity, s.start, s.end) for s in evidence}
    if row.intent not in NO_FILTERS or gold:
        for kind, start, end in said | set(gold):
            tally.kinds[kind][0] += (kind, start, end) in said and (kind, start, end) in gold
            tally.kinds[kind][1] += (kind, start, end) in gold
            tally.kinds[kind][2] += (kind, start, end) in said
        wrong += [f"missed {k} {plain.text[a:b]!r}" for k, a, b in set(gold) - said]
        wrong += [f"invented {k} {plain.text[a:b]!r}" for k, a, b in said - set(gold)]
    wanted = facts(row.filters)
    for name, chosen in (("given spans", spans), ("rules alone", evidence)):
        got = facts(filters_of(plain.text, row.intent, chosen).given())
        counts = tally.filters[name]
        counts[0] += len(wanted & got)
        counts[1] += len(wanted)
        counts[2] += len(got)
        if name == "given spans":
            for key, value in wanted - got:
                tally.keys[f"-{key}"] += 1
                wrong.append(f"FILTER missing {key}={value}")
            for key, value in got - wanted:
                tally.keys[f"+{key}"] += 1
                wrong.append(f"FILTER wrong {key}={value}")
    return wrong


def main() -> None:
    """Score both halves of the files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--failures", type=Path, help="write what went wrong on the first half here")
    options = parser.parse_args()
    gazetteer = Gazetteer.from_shipped(SHOP_NAMES)
    halves = {"read": Tally(), "counted": Tally()}
    lines: list[str] = []
    texts: list[str] = []
    for file in options.files:
        for row in load_examples(file, conflicts="keep")[0]:
            texts.append(normalise(row.text).text)
            first = row.row % 2 == 1
            wrong = read_row(row, gazetteer, halves["read" if first else "counted"])
            if wrong and first:
                lines.append(f"{row.intent}\t{row.text}\t" + " | ".join(wrong))
    if options.failures:
        options.failures.write_text("\n".join(lines) + "\n", "utf-8")
    taken = []
    for _ in range(3):
        started = time.process_time()
        for text in texts:
            find_evidence(text, gazetteer)
        taken.append((time.process_time() - started) / len(texts) * 1000)
    result = {name: tally.report() for name, tally in halves.items()}
    print(json.dumps({**result, "find_evidence ms": round(min(taken), 4)}, ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()
