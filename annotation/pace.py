"""Who labelled how much, how fast, how often the suggestion went through untouched, and how right on gold tasks."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date

from aiyam.contracts import KST
from aiyam.intervals import quantile, wilson
from aiyam.label_contracts import Label, LabelKind, UnderstandingLabel
from aiyam.label_verdicts import read_too_fast
from aiyam.store.database import Store
from aiyam.store.labels import Labelled, iter_labelled
from annotation.agreement import span_agreement


@dataclass
class Pace:
    """One annotator's work on one kind of task. Seconds are the labelling server's lead times."""

    annotator: str
    n: int = 0
    n_cancelled: int = 0
    n_unusable: int = 0
    n_untouched: int = 0
    n_too_fast: int = 0
    seconds: list[float] = field(default_factory=list)
    by_day: dict[date, int] = field(default_factory=lambda: defaultdict(int))
    n_gold: int = 0
    n_gold_right: int = 0
    gold_spans_both: int = 0
    gold_spans_either: int = 0

    @property
    def median_s(self) -> float | None:
        """Median seconds of a task; None without any."""
        return quantile(self.seconds, 0.5)

    @property
    def untouched_rate(self) -> float | None:
        """Share of answers that are the suggestion as it came; None without answers."""
        return self.n_untouched / self.n if self.n else None

    @property
    def gold_rate(self) -> tuple[float, float, float] | None:
        """Share of gold tasks answered as they should be, with its interval; None without any."""
        if not self.n_gold:
            return None
        return (self.n_gold_right / self.n_gold, *wilson(self.n_gold_right, self.n_gold))

    @property
    def gold_span_f1(self) -> float | None:
        """F1 of this person's spans against those of gold tasks; None without spans."""
        return 2 * self.gold_spans_both / self.gold_spans_either if self.gold_spans_either else None


def paces(store: Store, kind: LabelKind) -> list[Pace]:
    """Return everybody's work on one kind of task, those who did most first."""
    people: dict[str, Pace] = {}
    for one in iter_labelled(store, kind, answered=False):
        for given in one.annotations:
            mine = people.setdefault(given.annotator, Pace(given.annotator))
            if given.cancelled:
                mine.n_cancelled += 1
                continue
            if given.label is None:
                mine.n_unusable += 1
                continue
            mine.n += 1
            mine.by_day[given.updated_at.astimezone(KST).date()] += 1
            mine.n_untouched += given.origin == "prediction"
            mine.n_too_fast += read_too_fast(one.task, given)
            if given.lead_time_s is not None:
                mine.seconds.append(given.lead_time_s)
            _check_gold(mine, one, given.label)
    return sorted(people.values(), key=lambda p: (-p.n, p.annotator))


def same_answer(one: Label, other: Label) -> bool:
    """Tell whether two answers choose the same; words written freely do not count, nor do spans.

    >>> from aiyam.contracts import Intent
    >>> a = UnderstandingLabel(intent=Intent.HELP, semantic_query="도움")
    >>> same_answer(a, a.model_copy(update={"semantic_query": ""}))
    True
    """
    if isinstance(one, UnderstandingLabel) and isinstance(other, UnderstandingLabel):
        return (one.intent, one.cannot_tell) == (other.intent, other.cannot_tell)
    if one.kind == "compare" and other.kind == "compare":
        return one.verdict == other.verdict
    if one.kind == "rewrite" and other.kind == "rewrite":
        return set(one.wrong) == set(other.wrong)
    return False


def _check_gold(mine: Pace, one: Labelled, label: Label) -> None:
    gold = one.task.gold
    if gold is None or gold.kind != label.kind:
        return
    mine.n_gold += 1
    mine.n_gold_right += same_answer(gold, label)
    if isinstance(gold, UnderstandingLabel) and isinstance(label, UnderstandingLabel):
        for found in span_agreement(gold, label).values():
            mine.gold_spans_both += found.both
            mine.gold_spans_either += found.either
