"""The rows an understanding is trained on: a file, or a folder of files and templates, beside the rows held back from it."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path

from aiyam.contracts import EntityType, Intent
from aiyam.errors import DataError
from aiyam.nlu.examples import Example, chance_of, load_examples
from aiyam.nlu.grammar import TEMPLATES_FILE, generate
from aiyam.nlu.load_report import LoadReport
from aiyam.nlu.near_duplicates import HeldOut, folded

_HELD_BACK = re.compile(r"test(?:_\w+)?\.jsonl")
TUNING = "dev.jsonl"
"""The rows of a data folder that decide when to stop and how much each part counts; of more than that needs, the others
are trained on."""
N_GENERATED = 9000
MAX_ROWS = 60_000
"""Rows one training takes; of more, an even part of each intent, so that any file trains within an hour or two and 3 GB."""
_FEWEST = 200
"""An intent with no more rows keeps them all."""

Told = Callable[[float, str], None]
"""Called with the share of the reading that is done, 0..1, and what is read."""


def held_back(data: Path) -> list[Path]:
    """Return the test splits of a data folder (``test.jsonl``, ``test_….jsonl``), which no training reads but to stay clear of."""
    return [path for path in sorted(data.glob("*.jsonl")) if _HELD_BACK.fullmatch(path.name)] if data.is_dir() else []


@dataclass
class Source:
    """The rows used of one file, and what became of the others."""

    examples: list[Example]
    report: LoadReport

    def keep(self, examples: list[Example]) -> int:
        """Go on with these alone; return how many that leaves out."""
        n_gone = len(self.examples) - len(examples)
        self.examples = examples
        self.report.n_kept = len(examples)
        self.report.intents = dict(Counter(e.intent for e in examples))
        return n_gone

    def set_aside(self, why: Callable[[Example], tuple[str, str] | None]) -> None:
        """Leave out the rows for which ``why`` gives a (kind, reason), each of them reported."""
        kept = []
        for example in self.examples:
            if (found := why(example)) is None:
                kept.append(example)
            else:
                self.report.note(example.row, "set_aside", *found, text=example.text)
        self.report.n_set_aside += self.keep(kept)


@dataclass(frozen=True)
class Corpus:
    """Rows to train on, rows to tune on (none when the data names none), what became of each file, and the rows of each test file."""

    examples: list[Example]
    tuning: list[Example]
    reports: list[LoadReport]
    held_back: list[tuple[str, list[Example]]] = field(default_factory=list)


def load_corpus(
    data: Path,
    *,
    seed: int,
    dev: Path | None = None,
    n_generated: int = N_GENERATED,
    max_rows: int = MAX_ROWS,
    told: Told | None = None,
) -> Corpus:
    """Read a training file, or a folder: its ``*.jsonl`` but those held back, and its templates expanded.

    In a folder, whose labels are the product's, rows of unknown labels are rejected, and rows that are nearly those of
    the held-back files are set aside; the report of their file names each.

    Args:
        dev: rows to tune on, in place of the folder's own.
        n_generated: about how many rows the templates give.
        max_rows: the most rows to train on; more are thinned out (see ``thin_out``).
        told: called while the files are read.

    Raises:
        DataError: a file that was named cannot be read, or no sound row is left; of a folder, that which cannot be read
            is reported and left out.
    """
    told = told or (lambda share, what: None)
    if not data.is_dir():
        source = Source(*load_examples(data, told=lambda share: told(0.95 * share, data.name)))
        thin_out([source], max_rows)
        tuning, reports = _tuning(dev, {folded(e.text) for e in source.examples})
        return Corpus(source.examples, tuning, [source.report, *reports])
    sources, unread = _read_folder(data, told)
    own = data / TUNING
    tuning, reports = _tuning(dev or (own if own.exists() else None))
    tests = [(path.name, load_examples(path)[0]) for path in held_back(data)]
    templates = data / TEMPLATES_FILE
    if unread and not any(s.examples for s in sources):
        raise unread
    if templates.exists() and n_generated:
        generated = generate(templates, n_generated, seed=seed)
        n = len(generated)
        sources.append(Source(generated, LoadReport(file=templates.name, layout="templates", n_rows=n, n_kept=n)))
    near = near_duplicate_of([(dev.name if dev else TUNING, tuning), *tests])
    for i, source in enumerate(sources):
        told(0.8 + 0.2 * i / len(sources), f"{source.report.file} beside what is held back")
        source.set_aside(near)
    thin_out(sources, max_rows)
    examples = [e for source in sources for e in source.examples]
    if not examples:
        raise DataError(f"Expected training rows in {data}, found none.", hint="Point --data at a training file.")
    return Corpus(examples, tuning, [*(s.report for s in sources), *reports], tests)


def _read_folder(data: Path, told: Told) -> tuple[list[Source], DataError | None]:
    """Read the training files of a folder; return the last error too, when a file could not be read."""
    intents, entities = frozenset(map(str, Intent)), frozenset(map(str, EntityType))
    left_out = {data / TUNING, *held_back(data)}
    paths = [path for path in sorted(data.glob("*.jsonl")) if path not in left_out]
    sources: list[Source] = []
    unread: DataError | None = None
    for i, path in enumerate(paths):
        told(0.8 * i / len(paths), path.name)
        try:
            found, report = load_examples(
                path, known_intents=intents, known_entities=entities,
                told=lambda share, i=i, name=path.name: told(0.8 * (i + share) / len(paths), name),  # type: ignore[misc]
            )  # fmt: skip
        except DataError as error:  # the others may be sound
            unread = error
            found, report = [], LoadReport(file=path.name)
            report.note(0, "rejected", "file", str(error))
        sources.append(Source(found, report))
    return sources, unread


def near_duplicate_of(
    held: Sequence[tuple[str, Sequence[Example]]],
) -> Callable[[Example], tuple[str, str] | None]:
    """Return what tells of a row whether it says what a row of these (file, rows) says, or nearly: (kind, reason)."""
    rows = [(name, e.row) for name, examples in held for e in examples]
    index = HeldOut([e.text for _, examples in held for e in examples])

    def why(example: Example) -> tuple[str, str] | None:
        found = index.find(example.text)
        if found is None:
            return None
        name, row = rows[found[0]]
        if found[1]:
            return "held_back", f"says what row {row} of {name} says"
        return "near_held_back", f"says nearly what row {row} of {name} says"

    return why


def thin_out(sources: Sequence[Source], max_rows: int) -> None:
    """Leave at most about ``max_rows`` rows: of each intent the same part, but all of one that has few.

    Which texts stay depends on the texts alone, never on their order; all rows of a text stay or go, but for the
    last one's. The reports count what went.
    """
    total = sum(len(s.examples) for s in sources)
    if total <= max_rows:
        return
    texts: dict[str, Counter[str]] = defaultdict(Counter)
    for source in sources:
        for example in source.examples:
            texts[example.intent][example.text] += 1
    places: Counter[tuple[str, str]] = Counter()
    for intent, counts in texts.items():
        room = max(_FEWEST, counts.total() * max_rows // total)
        for text in sorted(counts, key=chance_of):
            places[intent, text] = min(room, counts[text])
            room -= places[intent, text]
    for source in sources:
        kept = []
        for example in source.examples:
            if places[example.intent, example.text]:
                places[example.intent, example.text] -= 1
                kept.append(example)
        source.report.n_left_out += source.keep(kept)


def _tuning(dev: Path | None, trained: Set[str] = frozenset()) -> tuple[list[Example], list[LoadReport]]:
    """Return the rows to tune on; one that says what is trained on (``folded``) tells nothing and is set aside."""
    if dev is None:
        return [], []
    source = Source(*load_examples(dev, conflicts="keep"))
    source.set_aside(lambda e: ("known", "the training file says it too") if folded(e.text) in trained else None)
    return source.examples, [source.report]


def labels_of(examples: Sequence[Example]) -> list[str]:
    """Return the intents of the rows, sorted."""
    return sorted({e.intent for e in examples})


def tags_of(examples: Sequence[Example]) -> list[str]:
    """Return the tag set of the rows: "O" first, then B- and I- of each kind of span, sorted."""
    kinds = sorted({kind for e in examples for kind, *_ in e.spans})
    return ["O", *(f"{mark}-{kind}" for kind in kinds for mark in "BI")]
