"""What became of each candidate of a block of requests, and which candidates become rows, with their labels and weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiyam.catalogue.interactions import REVIEW
from aiyam.ranking.replay import CLICKED, FAVORITED, GOOD_REVIEW, ORDERED, SKIPPED, TOLD_WITHIN_S, Moment
from aiyam.ranking.statistics import Statistics

WEIGHT_OF_OUTCOME: Mapping[int, float] = {CLICKED: 1.0, FAVORITED: 1.5, ORDERED: 2.0}
HIGH_SCORED_SKIPPED = 1.5
HIGH_PLACES = 3
"""Skipped among the first three candidates is "high-scored but skipped"."""

UNSEEN, NONE = -1, -2


@dataclass(frozen=True)
class Outcomes:
    """Of b lists of k places: ``what`` (b, k) became of each, -1 not shown, -2 no candidate.

    (b,) each: ``n_lost`` choices that layer 1 did not find, ``told_ts`` the time of the newest act that ``what`` rests on.
    """

    what: NDArray[np.int8]
    n_lost: NDArray[np.int64]
    told_ts: NDArray[np.int64]


def outcomes_of(
    rows: NDArray[np.int32], moments: Sequence[Moment], stats: Statistics, labels_until: int | None = None
) -> Outcomes:
    """Read the outcomes of the candidates ``rows`` (b, k; -1 where a list has ended); acts from ``labels_until`` on count not."""
    size = [len(moment.shown) for moment in moments]
    request = np.repeat(np.arange(len(moments)), size)
    shown = np.fromiter((row for moment in moments for row in moment.shown), np.int32, len(request))
    happened = np.fromiter((what for moment in moments for what in moment.outcomes), np.int8, len(request))
    told_ts = np.fromiter((max(moment.ts, moment.told_ts) for moment in moments), np.int64, len(moments))
    ends = np.cumsum(size).tolist()
    for i, moment in enumerate(moments):
        if min(moment.outcomes, default=ORDERED) < FAVORITED:
            part = slice(ends[i] - size[i], ends[i])
            liked, last = _praised(moment, shown[part], stats, labels_until)
            if liked.any():
                happened[part] = np.where(liked, np.maximum(happened[part], FAVORITED), happened[part])
                told_ts[i] = max(told_ts[i], last)
    found = rows[request] == shown[:, None]
    listed = found.any(axis=1)
    what = np.where(rows >= 0, UNSEEN, NONE).astype(np.int8)
    what[request[listed], found[listed].argmax(axis=1)] = happened[listed]
    n_lost = np.bincount(request[~listed & (happened >= FAVORITED)], minlength=len(moments))
    return Outcomes(what, n_lost.astype(np.int64), told_ts)


def _praised(
    moment: Moment, shown: NDArray[np.int32], stats: Statistics, labels_until: int | None
) -> tuple[NDArray[np.bool_], int]:
    """Tell which of the shops shown got a good review in the days after, and when the last of these came (0 without)."""
    horizon = moment.ts + TOLD_WITHIN_S if labels_until is None else min(moment.ts + TOLD_WITHIN_S, labels_until)
    later = stats.past_of(moment.user_id, horizon)
    first = int(np.searchsorted(later.ts, moment.ts))
    good = first + np.flatnonzero((later.kind[first:] == REVIEW) & (later.value[first:] >= GOOD_REVIEW))
    good = good[(later.shop[good][:, None] == shown).any(axis=1)]
    return (shown[:, None] == later.shop[good]).any(axis=1), int(later.ts[good].max(initial=0))


def choose_rows(
    what: NDArray[np.int8], negatives: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32], NDArray[np.float32]]:
    """Pick the candidates (b, k) that become rows: (request, place, label, weight), (r,) each, by request and place.

    A choice brings itself and at most ``negatives`` others: skipped ones first, then others of the list. A request
    without a choice brings none.
    """
    positive = what >= FAVORITED
    wanted = negatives * positive.sum(axis=1)
    lot = rng.random(what.shape, dtype=np.float32)
    lot[what == UNSEEN] += 1
    lot[positive | (what == NONE)] = 2
    drawn = np.argsort(lot, axis=1, kind="stable")
    taken = np.zeros(what.shape, bool)
    np.put_along_axis(taken, drawn, np.arange(what.shape[1]) < wanted[:, None], axis=1)
    taken = (taken & (lot < 2)) | positive
    request, place = np.nonzero(taken)
    outcome = what[request, place]
    weight = np.ones(len(place), np.float32)
    for kind, value in WEIGHT_OF_OUTCOME.items():
        weight[outcome == kind] = value
    weight[(outcome == SKIPPED) & (place < HIGH_PLACES)] = HIGH_SCORED_SKIPPED
    return request, place, (outcome >= FAVORITED).astype(np.float32), weight
