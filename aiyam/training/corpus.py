"""The rows an understanding is trained on: a file, or a folder of files and templates, beside the rows held back from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aiyam.contracts import EntityType, Intent
from aiyam.errors import DataError
from aiyam.nlu.examples import Example, load_examples
from aiyam.nlu.grammar import TEMPLATES_FILE, generate
from aiyam.nlu.load_report import LoadReport
from aiyam.nlu.near_duplicates import without_near_duplicates

HELD_BACK = "test.jsonl"
"""Never trained on nor tuned on: the hand-written test split of a data folder."""
TUNING = "dev.jsonl"
"""Never trained on: the rows of a data folder that decide when to stop and how much each part counts."""
N_GENERATED = 9000


@dataclass(frozen=True)
class Corpus:
    """Rows to train on, rows to tune on (none when the data names none), what became of each file, and the test rows."""

    examples: list[Example]
    tuning: list[Example]
    reports: list[LoadReport]
    held_back: list[Example] = field(default_factory=list)


def load_corpus(data: Path, *, seed: int, dev: Path | None = None, n_generated: int = N_GENERATED) -> Corpus:
    """Read a training file, or a folder: its ``*.jsonl`` but those held back, and its templates expanded.

    In a folder, whose labels are the product's, rows of unknown labels are rejected, and rows that are nearly those of
    the held-back files are left out.

    Args:
        dev: rows to tune on, in place of the folder's own.
        n_generated: about how many rows the templates give.

    Raises:
        DataError: a file that was named cannot be read, or no sound row is left; of a folder, that which cannot be read
            is reported and left out.
    """
    if not data.is_dir():
        examples, report = load_examples(data)
        tuning, reports = _tuning(dev)
        return Corpus(examples, tuning, [report, *reports])
    intents, entities = frozenset(map(str, Intent)), frozenset(map(str, EntityType))
    written: list[Example] = []
    reports = []
    unread: DataError | None = None
    for path in sorted(data.glob("*.jsonl")):
        if path.name in (HELD_BACK, TUNING):
            continue
        try:
            found, report = load_examples(path, known_intents=intents, known_entities=entities)
        except DataError as error:  # the others may be sound
            unread = error
            found, report = [], LoadReport(file=path.name)
            report.note(0, "rejected", "file", str(error))
        written += found
        reports.append(report)
    own = data / TUNING
    tuning, more = _tuning(dev or (own if own.exists() else None))
    test = load_examples(data / HELD_BACK)[0] if (data / HELD_BACK).exists() else []
    held = [*tuning, *test]
    templates = data / TEMPLATES_FILE
    generated = generate(templates, n_generated, seed=seed) if templates.exists() and n_generated else []
    examples = without_near_duplicates([*written, *generated], held) if held else [*written, *generated]
    if unread and not written:
        raise unread
    if not examples:
        raise DataError(f"Expected training rows in {data}, found none.", hint="Point --data at a training file.")
    return Corpus(examples, tuning, [*reports, *more], test)


def _tuning(dev: Path | None) -> tuple[list[Example], list[LoadReport]]:
    if dev is None:
        return [], []
    examples, report = load_examples(dev, conflicts="keep")
    return examples, [report]


def labels_of(examples: Sequence[Example]) -> list[str]:
    """Return the intents of the rows, sorted."""
    return sorted({e.intent for e in examples})
