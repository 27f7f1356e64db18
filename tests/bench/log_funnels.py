"""The four funnels on a bare interaction log: scores of every item for every labelled event, and the features of its candidates."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from interaction_logs import Source
from numpy.typing import NDArray

from aiyam.candidates.gram_encoder import GramEncoder
from aiyam.candidates.item_models import Als, Ease, Ints, Log, Neighbours, NextItem, Scores, histories
from aiyam.errors import InvalidInput
from aiyam.ranking.features import N_NUMBERS, N_WIDE, SPEC_SLOTS

DAY_S = 86_400.0
CONTENT_DECAY, PLACE_DECAY = 0.95, 0.8
NEAR_M = 1_000.0

COLLABORATIVE: dict[str, tuple[str, float]] = {
    "ease": ("ease", 1.0), "ease 0.95": ("ease", 0.95), "ease 0.8": ("ease", 0.8),
    "ease strong 0.9": ("ease strong", 0.9),
    "next 0.8": ("next", 0.8), "next ten 0.95": ("next ten", 0.95), "next ten 0.8": ("next ten", 0.8),
    "item-kNN": ("kNN", 1.0), "item-kNN 0.8": ("kNN", 0.8), "ALS": ("ALS", 1.0), "ALS 0.9": ("ALS", 0.9),
}  # fmt: skip
"""Views: a model and how fast the history fades for it, by event."""

OTHERS = ("popularity", "recent popularity", "content", "nearness")
VIEWS = (*COLLABORATIVE, *OTHERS)
QUOTA_UNITS = 16
MAX_STEPS, MIN_GAIN = 6, 5e-4
"""Steps of choosing the blend, and the least that each must gain."""


@dataclass(frozen=True)
class LogFunnels:
    """Models fitted on one part of a log. ``seconds`` is what each took to fit."""

    source: Source
    fitted: Log
    models: dict[str, Ease | NextItem | Neighbours | Als]
    vectors: Scores
    popularity: Scores
    seconds: dict[str, float] = field(default_factory=dict)

    @classmethod
    def fit(cls, source: Source, fitted: Log, vectors: Scores) -> LogFunnels:
        """Fit every model on the events of ``fitted``."""
        import time

        seconds: dict[str, float] = {}
        models: dict[str, Ease | NextItem | Neighbours | Als] = {}

        def timed(name: str, model: Ease | NextItem | Neighbours | Als, since: float) -> None:
            models[name] = model
            seconds[name] = round(time.perf_counter() - since, 2)

        timed("ease", Ease(fitted.matrix(), l2=300.0 if len(fitted) > 20_000 else 30.0), time.perf_counter())
        since = time.perf_counter()
        timed("ease strong", Ease(fitted.matrix(), l2=1000.0 if len(fitted) > 20_000 else 100.0), since)
        since = time.perf_counter()
        timed("next", NextItem(fitted, l2=50.0, decay=0.8, horizons=((1, 1.0), (10, 0.9))), since)
        since = time.perf_counter()
        timed("kNN", Neighbours(fitted.matrix(), k=200, shrinkage=10.0), since)
        since = time.perf_counter()
        timed("ALS", Als(fitted, factors=32, l2=10.0, alpha=10.0), since)
        popularity = np.bincount(fitted.item, minlength=fitted.n_items).astype(np.float32)
        return cls(source, fitted, models, vectors, popularity, seconds)

    def scores(self, log: Log, events: Ints) -> dict[str, Scores]:
        """Return (q, n_items) by view for the moments just before some events of ``log``."""
        out: dict[str, Scores] = {}
        past = {decay: histories(log, events, decay) for decay in {d for _, d in COLLABORATIVE.values()}}
        ahead = {decay: self.models["next"].scores_by_horizon(past[decay]) for decay in (0.8, 0.95)}  # type: ignore[union-attr]
        for view, (model, decay) in COLLABORATIVE.items():
            if model.startswith("next"):
                out[view] = ahead[decay][int(model != "next")]
            else:
                out[view] = self.models[model].scores(past[decay])
        q = len(events)
        out["popularity"] = np.repeat(np.log1p(self.popularity)[None], q, axis=0)
        out["recent popularity"] = self._recent(log.ts[events])
        profile = histories(log, events, CONTENT_DECAY) @ self.vectors
        lengths = np.sqrt((profile**2).sum(axis=1, keepdims=True))
        out["content"] = (profile / np.maximum(lengths, 1e-6)) @ self.vectors.T
        out["nearness"] = self._nearness(log, events)
        return out

    def _recent(self, moments: Ints, half_life_days: float = 90.0) -> Scores:
        """Decayed counts of the events before each moment, on a log scale: one sweep in order of time."""
        order = np.argsort(self.fitted.ts, kind="stable")
        ts, item = self.fitted.ts[order], self.fitted.item[order]
        count = np.zeros(self.fitted.n_items)
        out = np.zeros((len(moments), self.fitted.n_items), np.float32)
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

    def _nearness(self, log: Log, events: Ints) -> Scores:
        """exp(-metres / 1000) to the places gone to, the latest weighing most; 0 where no position is known."""
        lat, lon = self.source.lat, self.source.lon
        out = np.zeros((len(events), log.n_items), np.float32)
        placed = np.flatnonzero(np.isfinite(lat) & np.isfinite(lon))
        if len(placed) == 0:
            return out
        for row, event in enumerate(events.tolist()):
            first = max(int(log.start[log.user[event]]), event - 12)
            seen = log.item[first:event]
            weight = PLACE_DECAY ** np.arange(len(seen))[::-1]
            near = np.isfinite(lat[seen]) & np.isfinite(lon[seen])
            for item, value in zip(seen[near].tolist(), weight[near].tolist(), strict=True):
                metres = _metres(lat[placed], lon[placed], float(lat[item]), float(lon[item]))
                out[row, placed] += np.float32(value) * np.exp(-metres / np.float32(NEAR_M))
        return out


def vectors_of(source: Source) -> Scores:
    """Return unit vectors (n_items, width) of the items' texts, zeros where there is none."""
    try:
        encoder = GramEncoder.fit(source.text)
    except InvalidInput:
        return np.zeros((source.log.n_items, 1), np.float32)
    return encoder.encode(source.text)


def _metres(lats: Scores, lons: Scores, lat: float, lon: float) -> Scores:
    north = (lats - np.float32(lat)) * np.float32(111_195.0)
    east = (lons - np.float32(lon)) * np.float32(111_195.0 * np.cos(np.radians(lat)))
    return np.asarray(np.sqrt(north * north + east * east), np.float32)


@dataclass(frozen=True)
class Blend:
    """Weights of the views that order the candidates."""

    weights: dict[str, float]

    def scores(self, standard: dict[str, Scores]) -> Scores:
        """Return (q, n_items), the weighted sum of standardised scores."""
        total: Scores = np.zeros_like(next(iter(standard.values())))
        for view, weight in self.weights.items():
            total += np.float32(weight) * standard[view]
        return total


def standardised(scores: dict[str, Scores], masked: NDArray[np.bool_]) -> dict[str, Scores]:
    """Return scores with mean 0 and deviation 1 over the items not masked, which become -inf."""
    out = {}
    free = np.maximum((~masked).sum(axis=1, keepdims=True), 1)
    for view, values in scores.items():
        kept = np.where(masked, 0, values)
        mean = kept.sum(axis=1, keepdims=True) / free
        deviation = np.sqrt(np.where(masked, 0, (values - mean) ** 2).sum(axis=1, keepdims=True) / free)
        out[view] = np.where(masked, -np.inf, (values - mean) / np.maximum(deviation, 1e-9)).astype(np.float32)
    return out


def chosen_quotas(orders: dict[str, Scores], target: NDArray[np.int64], size: int) -> dict[str, int]:
    """Choose how many sixteenths of the candidates each order picks, by the share of targets (q,) among the candidates.

    All begin with the blend; two sixteenths at a time move to the view that adds most.
    """
    size = min(size, next(iter(orders.values())).shape[1])

    def found(quotas: dict[str, int]) -> float:
        return float((candidates_of(orders, quotas, size) == target[:, None]).any(axis=1).mean())

    quotas, best = {"blend": QUOTA_UNITS}, found({"blend": QUOTA_UNITS})
    while quotas["blend"] > QUOTA_UNITS // 4:
        moved = [{**quotas, "blend": quotas["blend"] - 2, view: quotas.get(view, 0) + 2} for view in VIEWS]
        shares = [found(each) for each in moved]
        if max(shares) <= best:
            break
        best, quotas = max(shares), moved[int(np.argmax(shares))]
    return quotas


def candidates_of(orders: dict[str, Scores], quotas: dict[str, int], size: int) -> NDArray[np.int64]:
    """Return (q, size) items: the orders pick in turn, each its best item not yet taken, in proportion to their quotas."""
    queues = [_top(orders[view], size) for view in quotas]
    marks = sorted(((i + 0.5) / n, which) for which, n in enumerate(quotas.values()) for i in range(n))
    turns = [which for _, which in marks]
    out = np.empty((len(queues[0]), size), np.int64)
    for row in range(len(out)):
        taken: dict[int, None] = {}
        queued = [iter(queue[row].tolist()) for queue in queues]
        turn = 0
        while len(taken) < size:
            item = next((item for item in queued[turns[turn % len(turns)]] if item not in taken), None)
            turn += 1
            if item is not None:
                taken[item] = None
        out[row] = list(taken)
    return out


def _top(values: Scores, k: int) -> NDArray[np.int64]:
    k = min(k, values.shape[1])
    part = np.argpartition(-values, k - 1, axis=1)[:, :k]
    order = np.argsort(-np.take_along_axis(values, part, axis=1), axis=1, kind="stable")
    return np.take_along_axis(part, order, axis=1)


def features_of(
    source: Source,
    funnels: LogFunnels,
    log: Log,
    events: Ints,
    order: Scores,
    standard: dict[str, Scores],
    items: NDArray[np.int64],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return (wide (q, k, 50), numbers (q, k, 10)). The spec's slots come first, as in the product's table."""
    q, k = items.shape
    wide = np.zeros((q, k, N_WIDE), np.float32)
    numbers = np.zeros((q, k, N_NUMBERS), np.float32)

    def at(values: Scores) -> Scores:
        return np.nan_to_num(np.take_along_axis(values, items, axis=1), neginf=-8.0, posinf=8.0).clip(-8, 8)

    def rank(values: Scores) -> Scores:
        place = np.empty_like(items)
        np.put_along_axis(
            place,
            np.argsort(-np.take_along_axis(values, items, axis=1), axis=1, kind="stable"),
            np.arange(k)[None].repeat(q, 0),
            axis=1,
        )
        return (1 / np.log2(2 + place)).astype(np.float32)

    four = (order, standard["content"], standard["nearness"], standard["recent popularity"])
    for f, values in enumerate(four):
        ranks = rank(values)
        wide[:, :, 9 + f] = ranks > 1 / np.log2(2 + 50)
        wide[:, :, 13 + f] = at(values) / 4
        wide[:, :, SPEC_SLOTS + f] = ranks
    slot = SPEC_SLOTS + 4
    for view in (*COLLABORATIVE, "popularity"):
        wide[:, :, slot], wide[:, :, slot + 1] = at(standard[view]) / 4, rank(standard[view])
        slot += 2
    ts, first = log.ts[events], log.start[log.user[events]]
    n_past = events - first
    previous = log.ts[np.maximum(events - 1, 0)]
    wide[:, :, slot] = (np.log1p(np.maximum(ts - previous, 0)) / 10)[:, None]
    wide[:, :, slot + 1] = (np.log1p(n_past) / 5)[:, None]
    seen_first = np.full(log.n_items, np.iinfo(np.int64).max // 2)
    np.minimum.at(seen_first, funnels.fitted.item, funnels.fitted.ts)
    age_days = np.maximum(ts[:, None] - seen_first[items], 0) / DAY_S
    wide[:, :, slot + 2] = np.log1p(age_days) / 8
    for row, event in enumerate(events.tolist()):
        past = log.item[int(first[row]) : event]
        here = items[row]
        again = past[None, :] == here[:, None]
        times = again.sum(axis=1)
        wide[row, :, 3] = times / (times + 5.0)
        fade = np.exp2(-(ts[row] - log.ts[int(first[row]) : event]) / DAY_S / 30.0)
        wide[row, :, slot + 3] = again @ fade / (1 + again @ fade)
        kinds = source.category[past]
        wide[row, :, 2] = (kinds[None, -30:] == source.category[here][:, None]).mean(axis=1) if len(past) else 0
        near = (
            _metres(source.lat[here], source.lon[here], float(source.lat[past[-1]]), float(source.lon[past[-1]]))
            if len(past)
            else np.full(k, np.nan)
        )
        wide[row, :, 5] = np.nan_to_num(np.exp(-near / NEAR_M), nan=0.1)
        wide[row, :, slot + 4] = np.nan_to_num(np.log1p(near / 100) / 5.5, nan=0.8).clip(0, 2)
    numbers[:, :, 2] = np.minimum(n_past / 100.0, 1.0)[:, None]
    numbers[:, :, 8] = np.minimum(funnels.popularity[items] / 1000.0, 1.0)
    assert slot + 5 <= N_WIDE
    return wide, numbers


def chosen_blend(standard: dict[str, Scores], target: NDArray[np.int64]) -> Blend:
    """Choose the views that order candidates, and their weights, step by step: each step adds what helps ``_gain`` most."""
    weights: dict[str, float] = {}
    total: Scores = np.zeros_like(next(iter(standard.values())))
    best = 0.0
    for _ in range(MAX_STEPS):
        tried = [
            (float(_gain(total + np.float32(weight) * values, target).mean()), view, weight)
            for view, values in standard.items()
            for weight in ((0.25, 0.5, 1.0) if weights else (1.0,))
        ]
        gain, view, weight = max(tried)
        if gain < best + MIN_GAIN:
            break
        best, weights[view] = gain, weights.get(view, 0.0) + weight
        total = total + np.float32(weight) * standard[view]
    return Blend(weights)


def _gain(order: Scores, target: NDArray[np.int64]) -> NDArray[np.float64]:
    ranks = rank_of(order, target)
    return np.asarray(np.where(ranks < 10, 1 / np.log2(2.0 + ranks), 0) + 0.1 * (ranks < 150), np.float64)


def rank_of(order: Scores, target: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the 0-based rank of each target (q,) among all items; ties count against it."""
    mine = order[np.arange(len(target)), target]
    return np.asarray((order >= mine[:, None]).sum(axis=1) - 1, np.int64)
