"""Trains the child-friendly rewriter: edits learnt from pairs, chosen by a linear model, measured on pairs held out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from aiyam.contracts import AGE_BANDS, Manifest
from aiyam.errors import DataError
from aiyam.korean.places import shipped_places
from aiyam.label_contracts import DatasetVersion
from aiyam.nlu.gazetteer import Gazetteer
from aiyam.nlu.load_report import LoadReport
from aiyam.registry import seal
from aiyam.reply.child_friendly import ChildFriendly, facts_of
from aiyam.reply.easy_words import EasyWords
from aiyam.reply.edit_files import save_edits
from aiyam.reply.edit_model import EditModel
from aiyam.reply.hard_words import load_grades
from aiyam.reply.pairs import TRAINED_ON, Pair, fingerprint
from aiyam.reply.pieces import cut, fact_spans
from aiyam.reply.sari import mean_sari, sari, words
from aiyam.reply.templates import TemplateBank
from aiyam.training.edit_alignment import Aligner, Side
from aiyam.training.edit_fit import Lesson, choices_of, fit, vocabulary_of
from aiyam.training.edit_grammar import Grammar
from aiyam.training.edit_licence import Licence
from aiyam.training.edit_rows import EditCounter, phrases_of
from aiyam.training.protocol import CancelCheck, ProgressCallback, Report, run_trainer
from aiyam.training.reply_pairs import read_pairs

COMPONENT = "child"
HELD_OUT_TENTHS = 1
FEWEST_PAIRS = 20
FEWEST_ENDINGS = 2
_RIDGE = 0.5


@dataclass(frozen=True)
class Effort:
    """How long to look: rounds of alignment, steps of the fit."""

    rounds: int
    steps: int


QUICK, FULL = Effort(rounds=1, steps=40), Effort(rounds=3, steps=100)


@dataclass(frozen=True)
class Prepared:
    """Pairs to learn from and pairs to measure on, no original in both; texts of the template bank that need no change."""

    pairs: list[Pair]
    held: list[Pair]
    easy: list[Pair]
    reports: list[LoadReport]
    grades: Mapping[str, int]


@dataclass(frozen=True)
class ChildFriendlyTrainer:
    """The trainer of the rewriter; see ``train_child_friendly`` for its options."""

    data: Path
    words: Path
    seed: int
    effort: Effort = FULL
    test: Path | None = None
    version: DatasetVersion | None = None
    component: str = COMPONENT
    shares: tuple[float, float, float] = (0.1, 0.9, 0.98)

    def prepare(self, report: Report) -> Prepared:
        """Read and check the pairs, and hold out a tenth of the originals, or take the test file's pairs."""
        report(0.0, "reading pairs")
        pairs, reports = read_pairs(self.data)
        grades = load_grades(self.words / "hard_words.tsv")
        easy = easy_texts(self.words)
        if self.test is not None:
            held, test_reports = read_pairs(self.test)
            reports = [*reports, *test_reports]
            known = {pair.original for pair in held}
            rest = [pair for pair in pairs if pair.original not in known]
        else:
            by_original = {pair.original: fingerprint(f"{self.seed}{pair.original}") % 10 for pair in pairs}
            held = [pair for pair in pairs if by_original[pair.original] < HELD_OUT_TENTHS]
            rest = [pair for pair in pairs if by_original[pair.original] >= HELD_OUT_TENTHS]
        if len(rest) < FEWEST_PAIRS:
            raise DataError(
                f"Expected at least {FEWEST_PAIRS} pairs to learn from in {self.data}, got {len(rest)}.",
                hint="Write more, or train on the ones that ship; originals that are held out or in the test file teach nothing.",
            )
        return Prepared(rest, held, easy, reports, grades)

    def fit(self, prepared: Prepared, report: Report) -> EditModel:
        """Align, collect the edits that are borne out, and learn when to make which."""
        return fit_edits(
            [*prepared.pairs, *prepared.easy], prepared.grades, effort=self.effort, progress=lambda f, m: report(f, m)
        )

    def evaluate(self, prepared: Prepared, fitted: EditModel, report: Report) -> dict[str, float]:
        """Measure on the pairs held out, beside the word table alone."""
        report(0.0, "rewriting the pairs held out")
        table = EasyWords.load(self.words / "easy_words.json")
        metrics: dict[str, float] = {"n_pairs": len(prepared.pairs)}
        for name, rewriter in (("", ChildFriendly(table, fitted)), ("table_", ChildFriendly(table))):
            said = [rewriter.ease(pair.original, pair.band or "10-12").text for pair in prepared.held]
            scores = [
                sari(words(pair.original), words(text), words(pair.rewritten))
                for pair, text in zip(prepared.held, said, strict=True)
            ]
            kept = sum(facts_of(p.original) == facts_of(text) for p, text in zip(prepared.held, said, strict=True))
            metrics[f"{name}sari"] = round(mean_sari(scores).score, 4)
            metrics[f"{name}facts_kept"] = round(kept / max(len(said), 1), 4)
        return metrics | {"n_held_out": len(prepared.held)}

    def save(self, prepared: Prepared, fitted: EditModel, metrics: Mapping[str, float], out: Path) -> Manifest:
        """Write the edits, the weights and the data report, and seal the folder."""
        save_edits(fitted, out)
        numbers = sorted({fingerprint(pair.original) for pair in prepared.pairs})
        (out / TRAINED_ON).write_text(json.dumps(numbers) + "\n", "utf-8")
        told = {"files": [report.as_json() for report in prepared.reports]}
        (out / "data_report.json").write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", "utf-8")
        learnt = "\n".join(f"{p.original}\t{p.rewritten}\t{p.band}" for p in prepared.pairs)
        return seal(
            out,
            component=COMPONENT,
            version=out.name,
            dataset=self.version.tag if self.version else self.data.name,
            dataset_sha256=self.version.sha256
            if self.version
            else hashlib.sha256(learnt.encode("utf-8", "replace")).hexdigest(),
            config={"seed": self.seed, "rounds": self.effort.rounds, "steps": self.effort.steps, "ridge": _RIDGE},
            metrics=metrics,
        )


def easy_texts(folder: Path) -> list[Pair]:
    """Return what the template bank says to children, as pairs that change nothing: these words are easy already."""
    said = {
        str(example["output"]): template.ages
        for template in TemplateBank.load(folder).templates
        for example in template.examples
        if template.ages - {"adult"} and str(example.get("output", "")).strip()
    }
    bands = [band for band in AGE_BANDS if band != "adult"]
    pairs = []
    for n, (text, ages) in enumerate(sorted(said.items())):
        band = next(bands[(n + k) % len(bands)] for k in range(len(bands)) if bands[(n + k) % len(bands)] in ages)
        pairs.append(Pair(text, text, band, hand="templates"))
    return pairs


def fit_edits(
    pairs: Sequence[Pair],
    grades: Mapping[str, int],
    *,
    effort: Effort = FULL,
    progress: Callable[[float, str], None] = lambda fraction, message: None,
) -> EditModel:
    """Learn edits and their weights from pairs; nothing is drawn, so the same pairs give the same model.

    Args:
        pairs: what to learn from.
        grades: how hard words are, 0..4.
        effort: rounds of alignment and steps of the fit.
        progress: called with the share done and what is being done.

    Raises:
        DataError: no edit is borne out by two originals, so there is nothing to choose from.
    """
    progress(0.0, "cutting texts into pieces")
    sides = [(_side(pair.original), _side(pair.rewritten)) for pair in pairs]
    progress(0.1, "aligning")
    aligned = Aligner(sides).run(effort.rounds, lambda f: progress(0.1 + 0.35 * f, "aligning"))
    numbers: dict[str, int] = {}
    lessons = [
        Lesson(
            numbers.setdefault(pair.original, len(numbers)),
            pair.band or "",
            source,
            target,
            tuple(segments),
            phrases_of(source, target, segments),
        )
        for pair, (source, target), segments in zip(pairs, sides, aligned, strict=True)
    ]
    progress(0.45, "collecting edits")
    licence = Licence([(x.original, x.source, x.target, x.segments) for x in lessons], names=_names())
    grammar = Grammar(side for lesson in lessons for side in (lesson.source, lesson.target))
    counter = EditCounter(
        lambda source, words, n: licence.permits(source, words, n) and grammar.fits(source, words), grammar.bends
    )
    for lesson in lessons:
        counter.add(lesson.original, lesson.source, lesson.phrases)
    table = counter.table(grammar.verbal, fewest_endings=FEWEST_ENDINGS)
    vocabulary, neighbours = vocabulary_of(lessons, grades)
    choices = choices_of(
        lessons, counter, table, vocabulary, neighbours, lambda f: progress(0.6 + 0.2 * f, "weighing what applies")
    )
    if not choices.right:
        raise DataError(
            "Expected pairs that teach a choice of words, got none in which two originals share an edit.",
            hint="Write more pairs whose sides differ in the same words, or train on the ones that ship.",
        )
    weights = fit(choices, ridge=_RIDGE, steps=effort.steps, progress=lambda f: progress(0.8 + 0.2 * f, "fitting"))
    return EditModel(table, vocabulary, weights)


def _side(text: str) -> Side:
    return Side.of(cut(text, fact_spans(text)))


def _names() -> frozenset[str]:
    """Return what no edit may bring in: dishes, districts, stations."""
    places = shipped_places()
    named = {place.name for kind in ("district", "station") for place in places.of_kind(kind)}
    return frozenset(Gazetteer.from_shipped().dish_names) | named


def train_child_friendly(
    data: Path,
    out: Path,
    *,
    words: Path,
    seed: int,
    progress: ProgressCallback,
    cancelled: CancelCheck = lambda: False,
    effort: Effort = FULL,
    test: Path | None = None,
    version: DatasetVersion | None = None,
) -> Manifest:
    """Train the rewriter on pairs, measure it on originals it did not see, and seal it in ``out``.

    Args:
        data: a file of pairs, or a folder with ``pairs_*.jsonl``.
        out: a new version's folder, not there yet or empty.
        words: the folder with ``easy_words.json`` and ``hard_words.tsv``.
        seed: decides which originals are held out.
        progress: called with each step.
        cancelled: asked at each step; a true answer ends the training, and nothing is left of it.
        effort: rounds and steps.
        test: pairs to measure on in place of a tenth of the originals.
        version: the dataset version whose files these are; the manifest names it.

    Raises:
        DataError: the pairs or the word lists cannot be used.
        InvalidInput: ``out`` cannot be written to.
        Conflict: ``out`` holds something already.
        Cancelled: stopped on the way.
    """
    trainer = ChildFriendlyTrainer(data, words, seed, effort, test, version)
    return run_trainer(trainer, out, progress=progress, cancelled=cancelled)
