"""How far annotators agree: alpha and kappa by a library, spans by F1, and the cells in which they differ with their tasks."""

from __future__ import annotations

import itertools
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiyam.contracts import EntityType
from aiyam.label_contracts import Annotation, CompareLabel, Label, LabelKind, RewriteLabel, UnderstandingLabel
from aiyam.store.database import Store
from aiyam.store.labels import Labelled, iter_labelled

CANNOT_TELL = "cannot_tell"
FEWEST_TASKS = 30
"""Below so many tasks labelled twice a coefficient says little; it is shown, and said to be early."""
_DRAWS = 200

Read = Callable[[Label], str | int | None]
_FIELDS: dict[LabelKind, dict[str, tuple[Read, bool]]] = {
    "understanding": {
        "intent": (lambda a: _intent(a), False),
        "satisfaction": (lambda a: a.satisfaction if isinstance(a, UnderstandingLabel) else None, True),
    },
    "rewrite": {
        "rating": (lambda a: a.rating if isinstance(a, RewriteLabel) else None, True),
        "wrong": (lambda a: " ".join(sorted(a.wrong)) or "-" if isinstance(a, RewriteLabel) else None, False),
    },
    "compare": {"verdict": (lambda a: a.verdict if isinstance(a, CompareLabel) else None, False)},
}
"""Of each kind: the field, how to read it, and whether its values are steps of a scale."""


@dataclass(frozen=True)
class Alpha:
    """Krippendorff's alpha of one field over tasks that two or more people answered; None where nothing varies."""

    value: float | None
    low: float | None
    high: float | None
    n_tasks: int

    @property
    def is_early(self) -> bool:
        """Whether there are too few tasks to lean on it."""
        return self.n_tasks < FEWEST_TASKS


@dataclass(frozen=True)
class Kappa:
    """Cohen's kappa of two annotators on the tasks both answered."""

    one: str
    other: str
    value: float | None
    n_tasks: int


@dataclass
class SpanAgreement:
    """Spans two people marked alike (kind and offsets), of all that either marked."""

    both: int = 0
    either: int = 0

    @property
    def f1(self) -> float | None:
        """F1 of one person against the other, the same whoever is taken for right; None without spans."""
        return 2 * self.both / self.either if self.either else None


@dataclass(frozen=True)
class Agreement:
    """All of one kind of task. ``cells`` maps two values, the smaller first, to the tasks in which they met."""

    kind: LabelKind
    n_answered: int
    n_twice: int
    alphas: dict[str, Alpha] = field(default_factory=dict)
    by_value: dict[str, dict[str, Alpha]] = field(default_factory=dict)
    kappas: dict[str, tuple[Kappa, ...]] = field(default_factory=dict)
    spans: dict[str, SpanAgreement] = field(default_factory=dict)
    cells: dict[str, dict[tuple[str, str], tuple[str, ...]]] = field(default_factory=dict)


def agreement(store: Store, kind: LabelKind, *, seed: int = 0) -> Agreement:
    """Measure agreement on one kind of task; intervals come from drawing tasks anew (200 draws)."""
    answered = list(iter_labelled(store, kind))
    twice = [(one, labels) for one in answered if len(labels := answers(one)) > 1]
    found = Agreement(kind, len(answered), len(twice))
    for name, (read, is_scale) in _FIELDS[kind].items():
        units = {one.task.key: _values(labels, read) for one, labels in twice}
        units = {key: values for key, values in units.items() if len(values) > 1}
        found.alphas[name] = alpha(list(units.values()), is_scale=is_scale, seed=seed)
        found.kappas[name] = kappas(units.values())
        found.cells[name] = _cells(units)
        if not is_scale:
            values = sorted({str(value) for answers_ in units.values() for _, value in answers_})
            found.by_value[name] = {
                value: alpha(
                    [[(who, str(said) == value) for who, said in answers_] for answers_ in units.values()], seed=seed
                )
                for value in values
            }
    if kind == "understanding":
        found.spans.update(_spans(labels for _, labels in twice))
    return found


def answers(one: Labelled) -> list[tuple[str, Label]]:
    """Return who answered what, the last answer of each person that counts, in a fixed order."""
    latest: dict[str, Annotation] = {}
    for given in one.annotations:
        if given.label is not None and not given.cancelled:
            latest[given.annotator] = given
    return [(who, latest[who].label) for who in sorted(latest) if latest[who].label is not None]  # type: ignore[misc]


def alpha(units: Sequence[Sequence[tuple[str, Any]]], *, is_scale: bool = False, seed: int = 0) -> Alpha:
    """Return Krippendorff's alpha with a bootstrap interval over tasks.

    Args:
        units: of each task, who said what.
        is_scale: values are numbers, and a near miss is less of one.
    """
    value = _alpha(units, is_scale)
    if value is None:
        return Alpha(None, None, None, len(units))
    rng = random.Random(seed)
    drawn = [_alpha(rng.choices(units, k=len(units)), is_scale) for _ in range(_DRAWS)]
    known = sorted(d for d in drawn if d is not None)
    if len(known) < _DRAWS // 2:
        return Alpha(value, None, None, len(units))
    return Alpha(value, known[int(0.025 * len(known))], known[int(0.975 * len(known))], len(units))


def kappas(units: Iterable[Sequence[tuple[str, Any]]]) -> tuple[Kappa, ...]:
    """Return Cohen's kappa of every two annotators, those with the most common tasks first."""
    from sklearn.metrics import cohen_kappa_score

    pairs: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for said in units:
        for (one, first), (other, second) in itertools.combinations(sorted(said, key=lambda s: s[0]), 2):
            pairs[one, other].append((str(first), str(second)))
    found = []
    for (one, other), both in pairs.items():
        first, second = [a for a, _ in both], [b for _, b in both]
        # Where both said one thing throughout, chance would have them agree: kappa is not defined.
        value = float(cohen_kappa_score(first, second)) if len({*first, *second}) > 1 else None
        found.append(Kappa(one, other, value, len(both)))
    return tuple(sorted(found, key=lambda k: (-k.n_tasks, k.one, k.other)))


def span_agreement(one: UnderstandingLabel, other: UnderstandingLabel) -> dict[EntityType, SpanAgreement]:
    """Compare the spans of two answers, kind by kind."""
    found: dict[EntityType, SpanAgreement] = defaultdict(SpanAgreement)
    marked = [{(e.entity, e.start, e.end) for e in label.entities} for label in (one, other)]
    for kind, *_ in marked[0] & marked[1]:
        found[kind].both += 1
    for kind, *_ in itertools.chain(*marked):
        found[kind].either += 1
    return dict(found)


def _alpha(units: Sequence[Sequence[tuple[str, Any]]], is_scale: bool) -> float | None:
    from nltk.metrics import interval_distance
    from nltk.metrics.agreement import AnnotationTask

    rows = [(who, str(i), value) for i, said in enumerate(units) for who, value in said]
    if len({value for *_, value in rows}) < 2:
        return None
    task = AnnotationTask(rows, distance=interval_distance) if is_scale else AnnotationTask(rows)
    return float(task.alpha())


def _values(labels: Iterable[tuple[str, Label]], read: Read) -> list[tuple[str, Any]]:
    return [(who, value) for who, label in labels if (value := read(label)) is not None]


def _cells(units: dict[str, list[tuple[str, Any]]]) -> dict[tuple[str, str], tuple[str, ...]]:
    cells: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    for key, said in units.items():
        for (_, first), (_, second) in itertools.combinations(said, 2):
            low, high = sorted((str(first), str(second)))
            cells[low, high][key] = None
    return {cell: tuple(keys) for cell, keys in sorted(cells.items(), key=lambda c: (-len(c[1]), c[0]))}


def _spans(several: Iterable[Sequence[tuple[str, Label]]]) -> dict[str, SpanAgreement]:
    total: dict[str, SpanAgreement] = defaultdict(SpanAgreement)
    for labels in several:
        for (_, one), (_, other) in itertools.combinations(labels, 2):
            assert isinstance(one, UnderstandingLabel)
            assert isinstance(other, UnderstandingLabel)
            for kind, found in span_agreement(one, other).items():
                for name in (kind.value, "all"):
                    total[name].both += found.both
                    total[name].either += found.either
    return dict(total)


def _intent(label: Label) -> str | None:
    if not isinstance(label, UnderstandingLabel):
        return None
    return CANNOT_TELL if label.intent is None else label.intent.value
