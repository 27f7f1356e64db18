"""Ranks held-out requests with the ranker and with everything it must beat; intervals over people, differences paired."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aiyam.candidates.encoder import TextEncoder
from aiyam.candidates.funnels import Funnels
from aiyam.candidates.rules import load_rules
from aiyam.catalogue.arrays import Catalogue
from aiyam.catalogue.interactions import Interactions
from aiyam.catalogue.query import CandidateSet, Query
from aiyam.contracts import FUNNELS, KST, Progress
from aiyam.errors import DataError
from aiyam.ranking.measures import MEASURES, measure, user_bootstrap
from aiyam.ranking.ranker import COMPONENT, Ranker
from aiyam.ranking.replay import Moment, moments_of, query_of
from aiyam.ranking.statistics import Statistics
from aiyam.registry import open_sealed
from aiyam.settings import REPO_ROOT
from aiyam.store import Store
from aiyam.store.people import list_profiles

CHOSEN = 2
"""An impression counts as relevant from this outcome on: 2 favourited, 3 ordered."""

TRUE_NDCG = "true_ndcg@10"

Truth = Callable[[Moment, Query, NDArray[np.int32]], NDArray[np.floating]]
"""Gives the true value (k,) >= 0 of the catalogue rows (k,) for a request; known for a synthetic city only."""


@dataclass(frozen=True)
class Score:
    """Mean of one measure with its 95 % interval over people."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class RankingReport:
    """``table[contender][measure]``; ``best`` leads by ndcg@10 among what could serve (the truth is no contender).

    ``lead[contender]`` is the paired difference in ndcg@10 of ``best`` over it. ``candidate_recall`` is the share of chosen
    shops among the candidates: no order can reach more.
    """

    table: Mapping[str, Mapping[str, Score]]
    best: str
    lead: Mapping[str, Score]
    candidate_recall: float
    n_requests: int
    n_users: int
    n_candidates: float

    def as_json(self) -> dict[str, object]:
        """Return the report as JSON types, numbers rounded to four digits."""

        def plain(score: Score) -> list[float]:
            return [round(x, 4) for x in (score.mean, score.low, score.high)]

        return {
            "best": self.best,
            "candidate_recall": round(self.candidate_recall, 4),
            "n_requests": self.n_requests,
            "n_users": self.n_users,
            "n_candidates": round(self.n_candidates, 1),
            "table": {who: {name: plain(score) for name, score in row.items()} for who, row in self.table.items()},
            "lead_ndcg@10": {who: plain(score) for who, score in self.lead.items()},
        }


def evaluate_rankers(
    store: Store,
    folders: Mapping[str, Path],
    *,
    encoder_dir: Path,
    seed: int,
    since: int | None = None,
    max_requests: int = 1000,
    rules_dir: Path = REPO_ROOT / "datasets" / "candidates",
    truth: Truth | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
) -> RankingReport:
    """Replay the requests after ``since`` (default: the first second no ranker has seen) and compare the orders.

    Layer 1 and the statistics are built from what was known at ``since``; a person's own past counts up to the request.

    Raises:
        DataError: no request with a choice after ``since``, or a ranker was trained on some of them.
        ModelError: a damaged ranker or encoder.
    """
    seen_until = {who: int(open_sealed(folder, COMPONENT).config["rows_until"]) for who, folder in folders.items()}
    start = max(seen_until.values()) if since is None and seen_until else (since or 0)
    if late := [who for who, until in seen_until.items() if until > start]:
        raise DataError(
            f"Expected rankers trained on requests before {start} only, but {', '.join(late)} saw later ones.",
            hint="Leave `since` out, or train with a larger holdout_share.",
        )
    interactions = Interactions.load(store, Catalogue.load(store))
    catalogue = Catalogue.load(store, until=start)
    known = Interactions.load(store, catalogue, until=start)
    encoder = TextEncoder.load(encoder_dir)
    funnels = Funnels.build(catalogue, known, encoder=encoder, rules=load_rules(rules_dir), now_ts=start - 1)
    stats = Statistics.build(catalogue, interactions, until=start, shop_vectors=funnels.content.vectors)
    rankers = {who: Ranker.load(folder, catalogue, stats) for who, folder in folders.items()}
    profiles = {
        p.user_id: p for p in list_profiles(store, today=datetime.fromtimestamp(start, KST).date(), limit=10_000_000)
    }
    moments = [
        m
        for m in moments_of(interactions, since=start, limit=max_requests, seed=seed)
        if any(what >= CHOSEN for what in m.outcomes)
    ]
    lists = _Lists(truth is not None)
    for i, moment in enumerate(moments):
        if i % 50 == 0:
            progress(
                Progress(stage="evaluate", fraction=i / len(moments), message=f"{i:,} of {len(moments):,} requests")
            )
        query = query_of(moment, profiles.get(moment.user_id))
        candidates = funnels.find(query)
        vector = encoder.encode([query.semantic_query])[0]
        value = truth(moment, query, candidates.rows) if truth is not None and len(candidates.rows) else None
        lists.add(moment, candidates, _orders(stats, rankers, query, candidates, vector, value), value)
    progress(Progress(stage="evaluate", fraction=1.0))
    return lists.report(seed)


def _orders(
    stats: Statistics,
    rankers: Mapping[str, Ranker],
    query: Query,
    candidates: CandidateSet,
    vector: NDArray[np.float32],
    value: NDArray[np.floating] | None,
) -> dict[str, NDArray[np.floating]]:
    """Score the candidates by every contender; (k,) each."""
    orders: dict[str, NDArray[np.floating]] = {
        "popularity": stats.popularity[candidates.rows],
        "candidate order": candidates.merged,
        **{f"funnel {name}": candidates.scores[:, f] for f, name in enumerate(FUNNELS)},
    }
    for who, ranker in rankers.items():
        batch = ranker.features(query, candidates, vector)
        orders[who] = ranker.score(query, batch, vector)
        shown = ranker.rank(query, candidates, query_vector=vector, top_k=len(candidates.rows)).places
        diverse = np.empty(len(shown), dtype=np.float32)
        diverse[shown] = -np.arange(len(shown), dtype=np.float32)
        orders[f"{who}, as shown"] = diverse
    if value is not None:
        orders["true preferences"] = value
    return orders


class _Lists:
    """Collects the measures of every request and contender."""

    def __init__(self, with_truth: bool) -> None:
        self.names = (*MEASURES, TRUE_NDCG) if with_truth else MEASURES
        self.values: dict[str, list[NDArray[np.float64]]] = {}
        self.users: list[str] = []
        self.found = self.chosen = self.size = 0

    def add(
        self,
        moment: Moment,
        candidates: CandidateSet,
        orders: Mapping[str, NDArray[np.floating]],
        value: NDArray[np.floating] | None,
    ) -> None:
        wanted = {row for row, what in zip(moment.shown, moment.outcomes, strict=True) if what >= CHOSEN}
        relevant = np.isin(candidates.rows, list(wanted))
        self.users.append(moment.user_id)
        self.found += int(relevant.sum())
        self.chosen += len(wanted)
        self.size += len(candidates.rows)
        for who, scores in orders.items():
            got = measure(scores, relevant, len(wanted))
            if len(self.names) > len(MEASURES):
                got = np.append(got, np.nan if value is None else graded_ndcg(scores, value))
            self.values.setdefault(who, []).append(got)

    def report(self, seed: int) -> RankingReport:
        """Average, with one resampling of people for all contenders, so that differences are paired."""
        if not self.users:
            raise DataError(
                "Expected held-out requests with a choice, got none.",
                hint="Use an earlier `since`, or collect more days.",
            )
        tables = {who: np.array(values) for who, values in self.values.items()}
        rows = {who: _scores(table, self.users, self.names, seed) for who, table in tables.items()}
        able = [who for who in rows if who != "true preferences"]
        best = max(able, key=lambda who: rows[who]["ndcg@10"].mean)
        at = self.names.index("ndcg@10")
        lead = {
            who: _scores((tables[best] - tables[who])[:, at : at + 1], self.users, ("ndcg@10",), seed)["ndcg@10"]
            for who in rows
            if who != best
        }
        return RankingReport(
            table=rows,
            best=best,
            lead=lead,
            candidate_recall=self.found / max(self.chosen, 1),
            n_requests=len(self.users),
            n_users=len(set(self.users)),
            n_candidates=self.size / len(self.users),
        )


def _scores(values: NDArray[np.float64], users: Sequence[str], names: Sequence[str], seed: int) -> dict[str, Score]:
    mean, low, high = user_bootstrap(values, users, seed=seed)
    return {name: Score(float(mean[i]), float(low[i]), float(high[i])) for i, name in enumerate(names)}


def graded_ndcg(scores: NDArray[np.floating], value: NDArray[np.floating], *, k: int = 10) -> float:
    """Return ndcg@k with ``value`` (n,) >= 0 as gain; ties in the scores count against the model.

    >>> graded_ndcg(np.array([2.0, 1.0]), np.array([1.0, 0.0]))
    1.0
    """
    discount = 1.0 / np.log2(np.arange(2, k + 2))
    order = np.lexsort((value, -scores))[:k]
    ideal = np.sort(value)[::-1][:k]
    best = float((ideal * discount[: len(ideal)]).sum())
    return float((value[order] * discount[: len(order)]).sum()) / best if best > 0 else float("nan")
