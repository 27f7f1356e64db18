"""The product's ranker on a bare interaction log: lists laid out for it, one network a fold, and how their scores are mixed."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass, field, replace

import numpy as np
from interaction_logs import Source
from log_features import features_of
from log_funnels import LogFunnels
from log_pool import Blend, Pool, candidates_of, rank_among, target_at
from log_splits import Split
from numpy.typing import NDArray

from aiyam.candidates.item_models import Ints, Log, Scores
from aiyam.ranking.wide_deep import WideDeepConfig, WideDeepScorer
from aiyam.training.ranker import VARIANTS as SHIPPED
from aiyam.training.wide_deep import fit_network
from aiyam.training.wide_deep_rows import Inputs

DEFAULT = WideDeepConfig(
    user_embedding=16, shop_embedding=16, brand_embedding=1, query_vector=0, hidden=(64, 32), dropout=0.1,
    wide_in_deep=True, batch_size=8192, epochs=30, learning_rate=2e-3, min_events=5, negatives=75,
)  # fmt: skip
PLAIN = "wide & deep, spec"
RANKERS = {"ranker": DEFAULT, "ranker without ids": replace(DEFAULT, min_events=10**9)}
GRID, N_DRAWS = 4, 200
"""Steps of each share of the mixture, and the draws of people that its choice is averaged over."""
N_KINDS = 14
"""Rows of the category table, one more for the others."""


def plain() -> WideDeepConfig:
    """Return the spec's network as the project ships it."""
    return WideDeepConfig.read(SHIPPED["spec"])


@dataclass(frozen=True)
class Lists:
    """Labelled events laid out for the ranker: items (q, k), wide (q, k, 50), numbers (q, k, 10), and the scores to mix.

    ``at`` (q,) is the target's place among the candidates, -1 where it is none; ``given`` (q, k) by name holds the orders
    that were there before: the blend's and the best single view's.
    """

    users: Ints
    items: Ints
    wide: NDArray[np.float32]
    numbers: NDArray[np.float32]
    at: Ints
    given: dict[str, Scores]

    @classmethod
    def of(
        cls, funnels: LogFunnels, split: Split, pool: Pool, blend: Blend, turns: int, single: str, *, repeats: bool
    ) -> Lists:
        """Pick the candidates of a pool and compute their features."""
        order = blend.scores(pool)
        places = candidates_of(pool, order, turns)
        wide, numbers = features_of(funnels, split.log, pool, order, places, repeats=repeats)
        items = np.take_along_axis(pool.items, places, axis=1)
        alone = pool.scores[:, :, pool.views.index(single)]
        given = {name: np.take_along_axis(each, places, axis=1) for name, each in (("blend", order), (single, alone))}
        return cls(split.log.user[pool.events], items, wide, numbers, target_at(items, pool.target), given)

    def only(self, kept: NDArray[np.bool_] | Ints) -> Lists:
        """Return some of the lists."""
        given = {name: values[kept] for name, values in self.given.items()}
        return Lists(self.users[kept], self.items[kept], self.wide[kept], self.numbers[kept], self.at[kept], given)


def gathered_lists(parts: list[Lists]) -> Lists:
    """Lay lists of the same length end to end."""
    return Lists(
        np.concatenate([p.users for p in parts]),
        np.concatenate([p.items for p in parts]),
        np.concatenate([p.wide for p in parts]),
        np.concatenate([p.numbers for p in parts]),
        np.concatenate([p.at for p in parts]),
        {name: np.concatenate([p.given[name] for p in parts]) for name in parts[0].given},
    )


@dataclass(frozen=True)
class Ranker:
    """A fitted network with the embedding rows of people (n_users,) and items (n_items,)."""

    scorer: WideDeepScorer
    ids: tuple[Ints, Ints]
    source: Source
    cpu_seconds: float

    def logits(self, lists: Lists) -> Scores:
        """Return (q, k)."""
        out = np.empty(lists.items.shape, np.float32)
        for q, items in enumerate(lists.items):
            out[q] = self.scorer.logits(
                int(self.ids[0][lists.users[q]]),
                self.ids[1][items].astype(np.int32),
                np.zeros(len(items), np.int32),
                _kinds(self.source, items),
                None,
                lists.numbers[q],
                lists.wide[q],
            )
        return out


def trained(
    lists: Lists, held: NDArray[np.bool_], source: Source, fitted: Log, config: WideDeepConfig, seed: int
) -> Ranker:
    """Fit the network on the lists (q,) not ``held``, stopping by the rest.

    Raises:
        DataError: too few targets are among the candidates.
    """
    import torch

    torch.set_num_threads(1)  # steps are small: a second thread only waits
    rng = np.random.default_rng(seed)
    ids = (
        _id_rows(np.bincount(fitted.user, minlength=fitted.n_users), config.min_events),
        _id_rows(np.bincount(fitted.item, minlength=fitted.n_items), config.min_events),
    )
    has = np.flatnonzero(lists.at >= 0)
    parts = [_inputs(lists, has[held[has] == later], source, ids, config, rng) for later in (False, True)]
    cpu = time.process_time()
    weights, _ = fit_network(
        config,
        parts[0],
        parts[1],
        sizes=(int(ids[0].max()) + 1, int(ids[1].max()) + 1, 1),
        seed=seed,
        report=lambda *_, **__: None,
    )
    return Ranker(WideDeepScorer(config, weights), ids, source, time.process_time() - cpu)


def _inputs(
    lists: Lists, kept: Ints, source: Source, ids: tuple[Ints, Ints], config: WideDeepConfig, rng: np.random.Generator
) -> Inputs:
    """Lay each list's target and some of the others end to end as the network reads them."""
    n, k = min(config.negatives, lists.items.shape[1] - 1), lists.items.shape[1]
    # Highest draws are taken: the target's is above all.
    draw = rng.random((len(kept), k), dtype=np.float32)
    draw[np.arange(len(kept)), lists.at[kept]] = 2.0
    row = np.sort(np.argpartition(-draw, n, axis=1)[:, : n + 1], axis=1).ravel() if len(kept) else np.empty(0, np.int64)
    owner = np.repeat(kept, n + 1)
    items = lists.items[owner, row]
    return Inputs(
        list_start=np.arange(len(kept) + 1, dtype=np.int64) * (n + 1),
        users=ids[0][lists.users[kept]].astype(np.int32),
        query_vectors=np.zeros((len(kept), config.query_vector), np.float32),
        shops=ids[1][items].astype(np.int32),
        brands=np.zeros(len(items), np.int32),
        categories=_kinds(source, items),
        numbers=lists.numbers[owner, row],
        wide=lists.wide[owner, row],
        label=(row == lists.at[owner]).astype(np.float32),
        weight=np.ones(len(items), np.float32),
        shown=np.zeros(len(items), np.bool_),
    )


def _id_rows(count: NDArray[np.int64], least: int) -> Ints:
    """Return the embedding row of each id: 0, the fallback, for those seen less often than ``least``."""
    row = np.zeros(len(count), np.int64)
    known = np.flatnonzero(count >= least)
    row[known] = np.arange(1, len(known) + 1)
    return row


def _kinds(source: Source, items: Ints) -> Ints:
    kind = source.category[items]
    return np.where((kind >= 0) & (kind < N_KINDS), kind, N_KINDS)


@dataclass(frozen=True)
class CrossFitted:
    """One network a fold, stopped by the fold and measured on it. ``logits`` (q, k) are of lists no network learned from."""

    rankers: list[Ranker]
    logits: Scores = field(repr=False)

    @classmethod
    def fit(
        cls, lists: Lists, fold: Ints, source: Source, fitted: Log, config: WideDeepConfig, seed: int
    ) -> CrossFitted:
        """Fit on all folds (q,) but one, in turn; people and items that ``fitted`` knows well get embeddings."""
        rankers = []
        logits = np.empty(lists.items.shape, np.float32)
        for f in range(int(fold.max()) + 1):
            ranker = trained(lists, fold == f, source, fitted, config, seed)
            logits[fold == f] = ranker.logits(lists.only(fold == f))
            rankers.append(ranker)
        return cls(rankers, logits)

    def scores(self, lists: Lists) -> Scores:
        """Return (q, k) the mean of the networks' logits."""
        return np.asarray(np.mean([ranker.logits(lists) for ranker in self.rankers], axis=0), np.float32)


def comparable(scores: Scores) -> Scores:
    """Return scores (q, k) with mean 0 and deviation 1 in each list."""
    centred = scores - scores.mean(axis=1, keepdims=True)
    return np.asarray(centred / np.maximum(centred.std(axis=1, keepdims=True), 1e-9), np.float32)


def mixed(scores: dict[str, Scores], shares: dict[str, float]) -> Scores:
    """Return (q, k) the sum of the scores in their shares."""
    parts = [np.float32(share) * comparable(scores[name]) for name, share in shares.items() if share]
    return np.asarray(np.sum(parts, axis=0), np.float32)


def chosen_mixture(scores: dict[str, Scores], at: Ints, users: Ints, single: str) -> dict[str, float]:
    """Return each score's share, by ndcg@10 and recall@50 of the targets ``at``, both relative to those of ``single``.

    The choice is made on many draws of people with replacement and averaged: where they cannot tell, it lies between.
    """
    names = list(scores)
    standard = np.stack([comparable(scores[name]) for name in names])
    shares = np.array([p for p in itertools.product(range(GRID + 1), repeat=len(names)) if sum(p) == GRID]) / GRID
    _, person = np.unique(users, return_inverse=True)
    gain = np.empty((len(shares), len(at), 2))
    for n, share in enumerate(shares.astype(np.float32)):
        ranks = rank_among(np.tensordot(share, standard, axes=1), at)
        gain[n, :, 0] = np.where(ranks < 10, 1 / np.log2(2.0 + ranks), 0.0)
        gain[n, :, 1] = ranks < 50
    by_person = np.zeros((int(person.max()) + 1, len(shares) * 2))
    np.add.at(by_person, person, gain.transpose(1, 0, 2).reshape(len(at), -1))
    alone = names.index(single)
    rng = np.random.default_rng(0)
    best = np.zeros(len(names))
    for _ in range(N_DRAWS):
        times = np.bincount(rng.integers(len(by_person), size=len(by_person)), minlength=len(by_person))
        total = (times @ by_person).reshape(len(shares), 2)
        base = total[int(np.flatnonzero(shares[:, alone] == 1)[0])]
        best += shares[int(np.argmax((total / np.maximum(base, 1.0)).sum(axis=1)))]
    return {name: round(float(share), 3) for name, share in zip(names, best / N_DRAWS, strict=True)}
