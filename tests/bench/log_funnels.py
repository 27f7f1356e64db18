"""The four funnels on a bare interaction log: every view's score of every item at the moments of labelled events."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from interaction_logs import Source
from log_places import DAY_S, NEAR_VIEWS, Kinds, Nearness, habits

from aiyam.candidates.gram_encoder import GramEncoder
from aiyam.candidates.item_models import Als, Ease, Ints, Log, Neighbours, NextItem, Scores, histories
from aiyam.errors import InvalidInput

CONTENT_DECAY = 0.95

COLLABORATIVE: dict[str, tuple[str, float]] = {
    "ease": ("ease", 1.0), "ease 0.95": ("ease", 0.95), "ease 0.8": ("ease", 0.8),
    "ease strong 0.9": ("ease strong", 0.9),
    "next 0.8": ("next", 0.8), "next ten 0.95": ("next ten", 0.95), "next ten 0.8": ("next ten", 0.8),
    "item-kNN": ("kNN", 1.0), "item-kNN 0.8": ("kNN", 0.8), "ALS": ("ALS", 1.0), "ALS 0.9": ("ALS", 0.9),
}  # fmt: skip
"""Views: a model and how fast the history fades for it, by event."""

RECENT: dict[str, float] = {"recent popularity": 90.0, "popularity this week": 7.0}
"""Half-lives in days."""
KINDS = ("taste", "what follows", "the hour")
HABITS = ("again", "again at this hour")
LARGE_SOLVED, LARGE_FROM = 4_000, 12_000
"""Of a catalogue from ``LARGE_FROM`` items the next-item ridge solves fewer together."""


@dataclass(frozen=True)
class LogFunnels:
    """Models fitted on one part of a log.

    ``popularity`` (n_items,) counts events, ``first_ts`` is the first one's time. ``seconds`` of CPU each model took.
    """

    source: Source
    fitted: Log
    models: dict[str, Ease | NextItem | Neighbours | Als]
    near: Nearness | None
    kinds: Kinds | None
    vectors: Scores | None
    popularity: Scores
    first_ts: Ints
    seconds: dict[str, float] = field(default_factory=dict)

    @classmethod
    def fit(cls, source: Source, fitted: Log, vectors: Scores | None) -> LogFunnels:
        """Fit every model on the events of ``fitted``; ``vectors`` (n_items, width) are those of ``vectors_of``."""
        seconds: dict[str, float] = {}
        models: dict[str, Ease | NextItem | Neighbours | Als] = {}
        large = len(fitted) > 20_000

        def fit(name: str, make: Callable[[], Ease | NextItem | Neighbours | Als]) -> None:
            since = time.process_time()
            models[name] = make()
            seconds[name] = round(time.process_time() - since, 2)

        x = fitted.matrix()
        most = LARGE_SOLVED if fitted.n_items >= LARGE_FROM else 6_000
        fit("ease", lambda: Ease(x, l2=300.0 if large else 30.0))
        fit("ease strong", lambda: Ease(x, l2=1000.0 if large else 100.0))
        fit("next", lambda: NextItem(fitted, l2=50.0, decay=0.8, horizons=((1, 1.0), (10, 0.9)), most=most))
        fit("kNN", lambda: Neighbours(x, k=200, shrinkage=10.0))
        fit("ALS", lambda: Als(fitted, factors=32, l2=10.0, alpha=10.0))
        popularity = np.bincount(fitted.item, minlength=fitted.n_items).astype(np.float32)
        first_ts = np.full(fitted.n_items, np.iinfo(np.int64).max // 2)
        np.minimum.at(first_ts, fitted.item, fitted.ts)
        near, kinds = Nearness.fit(source, fitted), Kinds.fit(source, fitted)
        return cls(source, fitted, models, near, kinds, vectors, popularity, first_ts, seconds)

    def views(self, *, repeats: bool) -> tuple[str, ...]:
        """Return the views that know something of this log."""
        found = [*COLLABORATIVE, "popularity", *(RECENT if self.source.timed else ("recent popularity",))]
        found += ["content"] if self.vectors is not None else []
        found += [*NEAR_VIEWS, "close by"] if self.near is not None else []
        found += [view for view in KINDS if self.source.timed or view != "the hour"] if self.kinds is not None else []
        return (*found, *(HABITS if repeats else ()))

    def scores(self, log: Log, events: Ints, *, repeats: bool) -> dict[str, Scores]:
        """Return (q, n_items) by view for the moments just before some events of ``log``."""
        out: dict[str, Scores] = {}
        past = {decay: histories(log, events, decay) for decay in {d for _, d in COLLABORATIVE.values()}}
        for view, (name, decay) in COLLABORATIVE.items():
            model = self.models[name.split()[0] if name.startswith("next") else name]
            if isinstance(model, NextItem):
                out[view] = model.scores(past[decay], horizon=int(name != "next"))
            else:
                out[view] = model.scores(past[decay])
        out["popularity"] = np.repeat(np.log1p(self.popularity)[None], len(events), axis=0)
        for view, half_life_days in RECENT.items():
            out[view] = recent_counts(self.fitted, log.ts[events], half_life_days)
        if self.vectors is not None:
            profile = histories(log, events, CONTENT_DECAY) @ self.vectors
            lengths = np.sqrt((profile**2).sum(axis=1, keepdims=True))
            out["content"] = (profile / np.maximum(lengths, 1e-6)) @ self.vectors.T
        if self.near is not None:
            out |= self.near.scores(log, events)
        if self.kinds is not None:
            out |= self.kinds.scores(log, events)
        if repeats:
            out |= habits(log, events)
        return {view: out[view] for view in self.views(repeats=repeats)}


def recent_counts(fitted: Log, moments: Ints, half_life_days: float) -> Scores:
    """Return (q, n_items) decayed counts of the events before each moment, on a log scale: one sweep in order of time."""
    order = np.argsort(fitted.ts, kind="stable")
    ts, item = fitted.ts[order], fitted.item[order]
    count = np.zeros(fitted.n_items)
    out = np.zeros((len(moments), fitted.n_items), np.float32)
    at, clock = 0, int(ts[0]) if len(ts) else 0
    for place in np.argsort(moments, kind="stable").tolist():
        moment = int(moments[place])
        end = int(np.searchsorted(ts, moment, side="left"))
        count *= 0.5 ** (max(moment - clock, 0) / DAY_S / half_life_days)
        fresh = 0.5 ** ((moment - ts[at:end]) / DAY_S / half_life_days)
        count += np.bincount(item[at:end], weights=fresh, minlength=len(count))
        out[place] = np.log1p(count)
        at, clock = max(at, end), max(moment, clock)
    return out


def vectors_of(source: Source) -> Scores | None:
    """Return unit vectors (n_items, width) of the items' texts; None where there are none."""
    try:
        return GramEncoder.fit(source.text).encode(source.text)
    except InvalidInput:
        return None
