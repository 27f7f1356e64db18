"""The contenders: every order of one request's candidates that a ranker must beat, and the rankers themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiyam.catalogue.query import CandidateSet, Query
from aiyam.contracts import FUNNELS
from aiyam.ranking.ranker import Ranker
from aiyam.ranking.statistics import STANDING, Statistics
from aiyam.ranking.wide_deep import sigmoid

TRUE_PREFERENCES = "true preferences"
AS_SHOWN = ", as shown"
"""Ends the name of a ranker's order after sorting and variety: what a person sees."""

_IN_DISTRICT = STANDING.index("popularity_in_district")


@dataclass(frozen=True)
class Orders:
    """Scores of the candidates by each contender, (k,) each, and the rankers' chances that a shop is chosen."""

    scores: Mapping[str, NDArray[np.floating]]
    chances: Mapping[str, NDArray[np.floating]]


def order_all(
    stats: Statistics,
    rankers: Mapping[str, Ranker],
    query: Query,
    candidates: CandidateSet,
    vector: NDArray[np.float32],
    value: NDArray[np.floating] | None = None,
) -> Orders:
    """Score the candidates by every contender; ``value`` (k,) are the true gains where they are known."""
    rows = candidates.rows
    scores: dict[str, NDArray[np.floating]] = {
        "popularity": stats.shop_orders[rows].astype(np.float64),
        "recent popularity": stats.popularity[rows],
        "popularity by district": stats.standing[rows, _IN_DISTRICT],
        "candidate order": candidates.merged,
        **{f"funnel {name}": candidates.scores[:, f] for f, name in enumerate(FUNNELS)},
    }
    chances: dict[str, NDArray[np.floating]] = {}
    for who, ranker in rankers.items():
        batch = ranker.features(query, candidates, vector)
        logits = scores[who] = ranker.score(query, batch, vector)
        chances[who] = sigmoid(logits)
        shown = ranker.order(query, batch, logits, top_k=len(rows)).places
        place = np.full(len(rows), -np.inf, dtype=np.float32)
        place[shown] = -np.arange(len(shown), dtype=np.float32)
        scores[who + AS_SHOWN] = place
    if value is not None:
        scores[TRUE_PREFERENCES] = value
    return Orders(scores, chances)
