"""Splits of an interaction log: what models are fitted on, what is learned and chosen on, and the test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiyam.candidates.item_models import Ints, Log
from aiyam.errors import DataError

MOST_LABELLED, LABELLED_SHARE = 6, 0.34
MOST_A_PERSON = 20
"""Targets of one person in one stretch of time."""
N_FOLDS = 4
LEAST_LABELLED, LEAST_PEOPLE, LEAST_TESTED = 40, 8, 10


@dataclass(frozen=True)
class Split:
    """Which events models are fitted on (e,), and the labelled events, each asked from everything before it."""

    log: Log
    fitted: NDArray[np.bool_]
    events: Ints

    def only(self, kept: NDArray[np.bool_]) -> Split:
        """Return the split with some of its labelled events."""
        return Split(self.log, self.fitted, self.events[kept])


@dataclass(frozen=True)
class Protocol:
    """Splits to learn and choose on, and the one to test.

    ``folds`` holds, by learning split, the fold (q,) of each labelled event: what is fitted without a fold is measured
    on it. ``chosen_on`` is the fold whose events choose how scores are mixed, None for all of them.
    """

    learning: tuple[Split, ...]
    folds: tuple[Ints, ...]
    test: Split
    chosen_on: int | None = None

    def check(self) -> None:
        """Refuse what nothing can be learned from.

        Raises:
            DataError: a fold or the test has too few labelled events, or too few people have one.
        """
        fold = np.concatenate(self.folds)
        count = np.bincount(fold, minlength=2)
        people = len(np.unique(np.concatenate([split.log.user[split.events] for split in self.learning])))
        if count.sum() < LEAST_LABELLED or (count < LEAST_TESTED).any() or people < LEAST_PEOPLE:
            raise DataError(
                f"Expected {LEAST_LABELLED} events of {LEAST_PEOPLE} people to learn from, {LEAST_TESTED} a fold, got"
                f" {count.tolist()} of {people} people.",
                hint="Bring a longer log, in which people come back.",
            )
        if len(self.test.events) < LEAST_TESTED:
            raise DataError(
                f"Expected {LEAST_TESTED} events to test on, got {len(self.test.events)}.",
                hint="Bring a longer log, in which people come back.",
            )


def leave_last_out(log: Log, *, repeats: bool) -> Protocol:
    """Return the protocol whose test is each person's last new item, or last of ``repeats``; folds are people."""
    flagged = is_repeat(log) == repeats
    places = np.flatnonzero(flagged & (log.place >= 2))
    last = np.full(log.n_users, -1)
    np.maximum.at(last, log.user[places], places)
    cut = log.only(np.arange(len(log)) <= last[log.user])
    flagged = (is_repeat(cut) == repeats) & (cut.place >= 1)
    test = cut.start[1:][np.diff(cut.start) > 0] - 1
    # How many flagged events of the same person come after each: 0 for the test itself.
    after = np.cumsum(flagged[::-1])[::-1]
    behind = after - np.append(after, 0)[cut.start[1:]][cut.user] - flagged
    n_flagged = np.bincount(cut.user[flagged], minlength=cut.n_users)[cut.user]
    most = np.clip(np.ceil(LABELLED_SHARE * (n_flagged - 1)), 1, MOST_LABELLED)
    labelled = np.flatnonzero(flagged & (behind >= 1) & (behind <= most))
    first = np.full(cut.n_users, len(cut))
    np.minimum.at(first, cut.user[labelled], labelled)
    first = np.minimum(first, cut.start[1:] - 1)
    known = np.arange(len(cut)) < first[cut.user]
    everything = np.ones(len(cut), bool)
    everything[test] = False
    fold = np.random.default_rng(0).permutation(cut.n_users) % N_FOLDS
    return Protocol((Split(cut, known, labelled),), (fold[cut.user[labelled]],), Split(cut, everything, test))


def by_time(log: Log) -> Protocol:
    """Return the protocol whose test comes after 80 % of all events; targets are new items.

    The two stretches before it, each of a sixth, are the folds: what is learned in the earlier is mixed as the later says.
    """
    new = ~is_repeat(log)

    def split(low: float, high: float) -> Split:
        since, until = np.quantile(log.ts, [low, high])
        known = log.ts < since
        has = np.bincount(log.user[known], minlength=log.n_users)[log.user] >= 3
        inside = np.flatnonzero(new & has & (log.ts >= since) & ((log.ts < until) | (high == 1.0)))
        nth = np.arange(len(inside)) - np.searchsorted(log.user[inside], log.user[inside])
        return Split(log, known, inside[nth < MOST_A_PERSON])

    earlier, later = split(0.48, 0.64), split(0.64, 0.8)
    folds = (np.zeros(len(earlier.events), np.int64), np.ones(len(later.events), np.int64))
    return Protocol((earlier, later), folds, split(0.8, 1.0), chosen_on=1)


def is_repeat(log: Log) -> NDArray[np.bool_]:
    """Return (e,) whether the same person had the item before."""
    pair = log.user * log.n_items + log.item
    _, first = np.unique(pair, return_index=True)
    again = np.ones(len(log), bool)
    again[first] = False
    return again
