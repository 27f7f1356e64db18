"""Which rows an understanding is fitted on and which it is tuned on: the data's, and those of a version it goes on from."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from aiyam.contracts import Progress
from aiyam.nlu.examples import Example, chance_of
from aiyam.nlu.load_report import LoadReport
from aiyam.nlu.near_duplicates import folded
from aiyam.nlu.version_rows import HELD, REHEARSED, read_rows
from aiyam.training.corpus import Corpus, Source, labels_of, load_corpus, near_duplicate_of, thin_out
from aiyam.training.rows import hold_out

TUNED_ON = 700
"""Held-out rows that the mix and the time to stop are chosen by: as many tell two mixes apart, and what more there are
teach more as training rows."""


@dataclass(frozen=True)
class Split:
    """Rows to fit, rows held out of that (at most ``TUNED_ON``), those that the base held out before, what became of all files."""

    fit: list[Example]
    held: list[Example]
    known_held: list[Example]
    reports: list[LoadReport]


def split_rows(
    data: Path,
    dev: Path | None,
    base: Path | None,
    *,
    max_rows: int,
    n_generated: int,
    seed: int,
    rng: random.Random,
    progress: Callable[[Progress], None],
    of_version: bool = False,
) -> Split:
    """Read the data, hold rows out of it where it names none to tune on, and put a base's own rows beside them.

    Of a dataset version (``of_version``) at most ``n_generated`` rows of templates are used, and what it holds out beyond
    ``TUNED_ON`` teaches nothing: a conversation stands on one side.

    Raises:
        DataError: no sound row is left, or the base's rows cannot be read.
    """

    def told(share: float, what: str) -> None:
        progress(Progress(stage="read", fraction=0.03 * share, message=what))

    corpus = load_corpus(data, seed=seed, dev=dev, n_generated=n_generated, max_rows=max_rows, told=told)
    if of_version:
        corpus = replace(corpus, examples=_fewer_generated(corpus.examples, n_generated))
    known = set(labels_of(corpus.examples))
    tells = base is not None or any(e.intent in known for e in corpus.tuning)  # rows of other labels tell nothing
    fit, held = (corpus.examples, corpus.tuning) if corpus.tuning and tells else hold_out(corpus.examples, rng)
    held, spare = _enough_to_tune(held, set(labels_of(fit)), rng)
    fit = fit if of_version else [*fit, *spare]
    reports, known_held = corpus.reports, list[Example]()
    if base:
        rehearsed, again = _known_rows(base, [*fit, *held], corpus, max_rows)
        fit, held, known_held = [*rehearsed.examples, *fit], [*held, *again.examples], again.examples
        reports = [*reports, rehearsed.report, again.report]
    progress(Progress(stage="read", fraction=0.03, message=f"{len(fit):,} rows"))
    return Split(fit, held, known_held, reports)


def _fewer_generated(examples: list[Example], most: int) -> list[Example]:
    """Leave at most so many rows of templates, by a hash of their texts."""
    generated = sorted((e for e in examples if e.group), key=lambda e: chance_of(e.text))
    kept = {e.text for e in generated[:most]}
    return [e for e in examples if not e.group or e.text in kept]


def _enough_to_tune(held: list[Example], known: set[str], rng: random.Random) -> tuple[list[Example], list[Example]]:
    """Return the rows to tune on, of intents that are learnt, and those that are more than enough."""
    told = [e for e in held if e.intent in known]
    if len(told) <= TUNED_ON:
        return held, []
    rng.shuffle(told)  # a file in order of intent begins with a few of them
    tuned, texts = told[:TUNED_ON], {folded(e.text) for e in told[:TUNED_ON]}
    return tuned, [e for e in told[TUNED_ON:] if folded(e.text) not in texts]


def _known_rows(base: Path, new: Sequence[Example], corpus: Corpus, max_rows: int) -> tuple[Source, Source]:
    """Return the rows the base was trained on and tuned on.

    Where the new rows say a text too, theirs is the label that counts, on their side of the split; and a known row may
    have become a test row since.
    """
    said = {e.text for e in new}
    near = near_duplicate_of(corpus.held_back)

    def why(example: Example) -> tuple[str, str] | None:
        return ("said_anew", "the new data says it too") if example.text in said else near(example)

    rehearsed, held = (Source(*read_rows(base, name)) for name in (REHEARSED, HELD))
    for source in (rehearsed, held):
        source.set_aside(why)
    thin_out([rehearsed], max_rows)
    return rehearsed, held
