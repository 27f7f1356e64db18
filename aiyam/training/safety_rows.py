"""The rows the screen is trained on: shipped cases and ordinary utterances."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aiyam.contracts import Intent
from aiyam.errors import DataError
from aiyam.nlu.examples import load_examples
from aiyam.safety.cases import read_cases
from aiyam.safety.classifier import ABOUT, ESCALATE_KINDS, REFUSE_KINDS

BENIGN, SOME_DANGER, OFF_TOPIC = "benign", "danger_of_some_kind", "off_topic"
"""Kinds of rows beside those of the screen: nothing to see; something to escalate, nobody said of which kind; something
that is not about food here, be it homework (nothing to see) or beer (to refuse)."""
_KIND_OF = {Intent.SAFETY: SOME_DANGER, Intent.OUT_OF_SCOPE: OFF_TOPIC}
_LEARNED = (*ESCALATE_KINDS, *REFUSE_KINDS, *ABOUT)
_NOT_LEARNED_FROM = ("test", "dev")


@dataclass(frozen=True)
class Row:
    """One text, its kind, and the hand that wrote it: the part of a case's id before the first dash, or a file."""

    text: str
    kind: str
    hand: str


def read_rows(safety: Path, nlu: Path | None) -> list[Row]:
    """Return every row in a fixed order; held-out and test files are left out.

    Args:
        safety: folder with ``cases.jsonl``.
        nlu: folder of the rows understanding is trained on, mostly ordinary talk of food.

    Raises:
        DataError: a file is missing or malformed, or holds no disclosure.
    """
    rows = [
        Row(case.text, case.kind if case.kind in _LEARNED else BENIGN, case.id.split("-")[0])
        for case in read_cases(safety / "cases.jsonl")
    ]
    for path in sorted(nlu.glob("*.jsonl")) if nlu is not None else ():
        if path.stem.startswith(_NOT_LEARNED_FROM):
            continue
        examples, _ = load_examples(path)
        rows += [Row(e.text, _KIND_OF.get(Intent(e.intent), BENIGN), path.stem) for e in examples]
    if not any(row.kind in ESCALATE_KINDS for row in rows):
        raise DataError(f"expected disclosures among the cases in {safety}, got none")
    return rows
