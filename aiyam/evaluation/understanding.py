"""Models of the understanding read on labelled rows and scored: with the product's rules where they are the product's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from aiyam.contracts import EntityType, Intent, Progress, Understanding
from aiyam.errors import ModelError
from aiyam.evaluation.row_counts import Answer, calibration_error, count_rows, facts, measure
from aiyam.evaluation.understanding_comparison import compare
from aiyam.evaluation.understanding_scores import rounded, score
from aiyam.nlu.examples import Example, load_examples
from aiyam.nlu.gazetteer import Gazetteer
from aiyam.nlu.model import Reading
from aiyam.nlu.reader import Reader, load_reader, read_many
from aiyam.nlu.understander import Understander, encodable
from aiyam.nlu.version_rows import known_texts
from aiyam.registry import MANIFEST, read_manifest

__all__ = [
    "Answer",
    "calibration_error",
    "evaluate_folder",
    "evaluate_model",
    "evaluate_understanding",
    "facts",
    "score",
]

_READ_AT_ONCE = 256
"""Rows between two reports of progress, and as many as a trained model reads together."""


def evaluate_understanding(understander: Understander, data: Path, *, seed: int = 0) -> dict[str, Any]:
    """Score a product model on a file of the training contract; see ``score`` for the keys."""
    examples, _ = load_examples(data, conflicts="keep")
    said = understander.understand_many([e.text for e in examples])
    return score(examples, [answer_of(one) for one in said], seed=seed)


def evaluate_model(model: Reader, data: Path, *, seed: int = 0) -> dict[str, Any]:
    """Score a model of any label set (intent and spans only)."""
    examples, _ = load_examples(data, conflicts="keep")
    readings = read_many(model, [e.text for e in examples])
    return score(examples, [raw_answer(reading) for reading in readings], seed=seed)


def evaluate_folder(
    folder: Path,
    data: Path,
    *,
    against: Path | None = None,
    seed: int = 0,
    progress: Callable[[Progress], None] = lambda _: None,
) -> dict[str, Any]:
    """Score the model in a folder on a file of the training contract, and compare it with another on the same rows.

    A model of the product's own intents answers through the ``Understander``, rules and values included, so that
    filters count; any other answers by itself. Two models that are compared answer the same way.

    Returns:
        the keys of ``score``, and ``model`` and ``data`` (what was scored on what), ``through`` (``understander`` or
        ``model``), ``model_alone`` (the figures without rules), ``unknown_labels`` (labels of the data that the model
        cannot answer, with their rows), ``n_known`` (rows that the model was trained or tuned on), with ``against`` also
        ``comparison`` (see ``compare``).

    Raises:
        DataError: the file holds no sound row.
        ModelError: a folder holds no readable model.
    """
    examples, report = load_examples(data, conflicts="keep")
    folders = [folder] if against is None else [folder, against]
    models = [load_reader(f, Gazetteer.from_shipped()) for f in folders]
    reason = _why_model_alone(models, examples)
    texts = [encodable(e.text) for e in examples]
    n_readings = len(texts) * len(models)
    readings: list[list[Reading]] = []
    for model in models:
        readings.append([])
        for start in range(0, len(texts), _READ_AT_ONCE):
            read = sum(map(len, readings))
            progress(Progress(stage="read", fraction=0.9 * read / n_readings, message=f"{read:,}/{n_readings:,}"))
            readings[-1] += read_many(model, texts[start : start + _READ_AT_ONCE])
    alone = [[raw_answer(reading) for reading in of_model] for of_model in readings]
    final = alone
    if not reason:
        ruled = [Understander(model, _version(f)) for model, f in zip(models, folders, strict=True)]
        final = [
            [answer_of(understander.finish(text, reading)) for text, reading in zip(texts, of_model, strict=True)]
            for understander, of_model in zip(ruled, readings, strict=True)
        ]
    progress(Progress(stage="score", fraction=0.9))
    result = score(examples, final[0], seed=seed, no_filters=reason)
    result |= {
        "model": {"folder": str(folder), "version": _version(folder)},
        "through": "model" if reason else "understander",
        "model_alone": rounded(measure(count_rows(examples, alone[0], with_filters=False))),
        "unknown_labels": _unknown(models[0], examples),
        "n_known": _n_known(folder, examples),
        "data": {**report.as_json(), "file": str(data)},
    }
    if against is not None:
        other = {"folder": str(against), "version": _version(against), "n_known": _n_known(against, examples)}
        result["comparison"] = {"against": other, **compare(examples, final[0], final[1], seed=seed)}
    progress(Progress(stage="done", fraction=1.0))
    return result


def answer_of(said: Understanding) -> Answer:
    """Return an understanding as an answer that can be scored."""
    spans = frozenset((str(e.entity), e.start, e.end) for e in said.entities)
    return Answer(said.intent, said.confidence, spans, said.filters.given())


def raw_answer(reading: Reading) -> Answer:
    """Return the tagger's own spans and the best intent of a reading, without values and rules."""
    spans = frozenset((label, *reading.text.span(start, end)) for label, start, end in reading.spans)
    return Answer(reading.intent, reading.confidence, spans, None)


def _why_model_alone(models: Sequence[Reader], examples: Sequence[Example]) -> str:
    """Say why the product's rules have no place here; empty when they have."""
    foreign = sorted({label for m in models for label in m.intents.labels} - set(Intent))
    if foreign:
        return f"모델의 의도가 제품의 의도와 달라서 (예: {foreign[0]})"
    kinds = sorted({label for e in examples for label, *_ in e.spans} - set(EntityType))
    return f"자료의 개체가 제품의 개체와 달라서 (예: {kinds[0]})" if kinds else ""


def _unknown(model: Reader, examples: Sequence[Example]) -> dict[str, int]:
    known = set(model.intents.labels)
    return dict(sorted(Counter(e.intent for e in examples if e.intent not in known).items()))


def _n_known(folder: Path, examples: Sequence[Example]) -> int:
    """Count the rows whose text the version keeps among those it was made with; 0 where it keeps none."""
    known = known_texts(folder)
    return sum(e.text in known for e in examples)


def _version(folder: Path) -> str:
    if not (folder / MANIFEST).exists():
        return folder.name
    try:
        return read_manifest(folder).version
    except ModelError:  # the weights opened, so the figures stand; the name is all that is lost
        return folder.name
