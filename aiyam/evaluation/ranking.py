"""Ranks held-out requests with the rankers and with everything they must beat; intervals over people, differences paired."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aiyam.candidates.encoder import TextEncoder
from aiyam.candidates.funnels import Funnels
from aiyam.candidates.rules import load_rules
from aiyam.catalogue.arrays import Catalogue
from aiyam.catalogue.interactions import Interactions
from aiyam.catalogue.query import Query
from aiyam.contracts import KST, Progress, UserProfile
from aiyam.errors import DataError, ModelError
from aiyam.evaluation.ranking_orders import order_all
from aiyam.evaluation.ranking_scores import TRUE_NDCG, Group, Lists, RankingReport
from aiyam.ranking.ranker import COMPONENT, Ranker
from aiyam.ranking.replay import FAVORITED, Moment, moments_of, query_of
from aiyam.ranking.statistics import Statistics
from aiyam.registry import open_sealed
from aiyam.settings import REPO_ROOT
from aiyam.store import Store
from aiyam.store.people import aged, read_people

NEWCOMER_EVENTS = 5
"""Someone with fewer events before a request is a newcomer."""

MAX_NEWCOMER_REQUESTS = 300

Truth = Callable[[Moment, Query, NDArray[np.int32]], NDArray[np.floating]]
"""Gives the true value (k,) >= 0 of the catalogue rows (k,) for a request; known for a synthetic city only.

The tastes are those of the moment's person, the habits those of the query's: a newcomer has none.
"""


@dataclass(frozen=True)
class Bench:
    """Everything a held-out request is ranked with, as it was known at the cut."""

    catalogue: Catalogue
    funnels: Funnels
    stats: Statistics
    encoder: TextEncoder
    rankers: Mapping[str, Ranker]
    profiles: Mapping[str, UserProfile]
    truth: Truth | None

    def ask(self, lists: Lists, moment: Moment, *, newcomer: bool = False) -> None:
        """Rank one request by every contender; a newcomer is the same person under an id nobody knows."""
        query = query_of(moment, self.profiles.get(moment.user_id))
        if newcomer:
            stranger = query.user.model_copy(update={"user_id": f"newcomer-{moment.user_id}"[:64]})
            query = replace(query, user=stranger)
        candidates = self.funnels.find(query)
        vector = self.encoder.encode([query.semantic_query])[0]
        value = self.truth(moment, query, candidates.rows) if self.truth is not None and len(candidates.rows) else None
        orders = order_all(self.stats, self.rankers, query, candidates, vector, value)
        n_past = len(self.stats.past_of(moment.user_id, moment.ts).ts)
        groups = {
            "age_band": query.user.age_band if query.user.age is not None or query.user.is_guardian else "unknown",
            "district": query.filters.district or query.district or "unknown",
            "past": "newcomer" if n_past < NEWCOMER_EVENTS else "known",
        }
        lists.add(moment, candidates, orders, value, groups)


def evaluate_rankers(
    store: Store,
    folders: Mapping[str, Path],
    *,
    encoder_dir: Path,
    seed: int,
    since: int | None = None,
    max_requests: int = 1000,
    max_users: int | None = None,
    rules_dir: Path = REPO_ROOT / "datasets" / "candidates",
    truth: Truth | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
) -> RankingReport:
    """Replay the requests after ``since`` (default: the first second no ranker has seen) and compare the orders.

    Layer 1 and the statistics are built from what was known at ``since``; a person's own past counts up to the request.
    The first of ``folders`` is what the others are compared with. ``max_users`` draws so many people.

    Raises:
        DataError: no request with a choice after ``since``, or a ranker was trained on some of them.
        ModelError: a damaged ranker or encoder, or a ranker with another feature table.
    """
    start = first_unseen(folders, since)
    interactions = Interactions.load(store, Catalogue.load(store))
    profiles, unreadable = read_people(store, interactions.user_ids)
    moments = _held_out(interactions, unreadable, start, max_requests, max_users, seed)
    catalogue = Catalogue.load(store, until=start)
    known = Interactions.load(store, catalogue, until=start)
    encoder = TextEncoder.load(encoder_dir)
    funnels = Funnels.build(catalogue, known, encoder=encoder, rules=load_rules(rules_dir), now_ts=start - 1)
    stats = Statistics.build(catalogue, interactions, until=start, shop_vectors=funnels.content.vectors)
    day = datetime.fromtimestamp(start, KST).date()
    bench = Bench(
        catalogue,
        funnels,
        stats,
        encoder,
        {who: Ranker.load(folder, catalogue, stats) for who, folder in folders.items()},
        {user_id: aged(profile, day) for user_id, profile in profiles.items()},
        truth,
    )
    lists = Lists(catalogue, stats.shop_orders, with_truth=truth is not None)
    for i, moment in enumerate(moments):
        if i % 50 == 0:
            progress(
                Progress(
                    stage="evaluate", fraction=0.8 * i / len(moments), message=f"{i:,} of {len(moments):,} requests"
                )
            )
        bench.ask(lists, moment)
    newcomers = None if truth is None else _newcomers(bench, moments[:MAX_NEWCOMER_REQUESTS], seed, progress)
    report = lists.report(seed, rankers=tuple(folders), newcomers=newcomers)
    progress(Progress(stage="evaluate", fraction=1.0))
    return report


def first_unseen(folders: Mapping[str, Path], since: int | None) -> int:
    """Return when the held-out requests begin (epoch seconds): ``since``, else what no ranker was trained on.

    Raises:
        DataError: a ranker was trained on requests after ``since``; it is named.
        ModelError: a damaged version, or one that does not say what it was trained on.
    """
    seen_until: dict[str, int] = {}
    for who, folder in folders.items():
        config = open_sealed(folder, COMPONENT).config
        if not isinstance(config.get("rows_until"), int):
            raise ModelError(
                f"Expected rows_until in the manifest of {folder}, got {config.get('rows_until')!r}.",
                hint="Train the ranker again: what it has seen is not known.",
            )
        seen_until[who] = config["rows_until"]
    start = max(seen_until.values(), default=0) if since is None else since
    if late := {who: until for who, until in seen_until.items() if until > start}:
        named = ", ".join(f"{who} saw later ones, until {_day(until)}" for who, until in late.items())
        raise DataError(
            f"Expected rankers trained on requests before {_day(start)} only, but {named}.",
            hint="Leave `since` out, or train with a larger holdout_share.",
        )
    return start


def _held_out(
    interactions: Interactions,
    unreadable: frozenset[str],
    start: int,
    max_requests: int,
    max_users: int | None,
    seed: int,
) -> list[Moment]:
    moments = moments_of(interactions, since=start, limit=max_requests if max_users is None else None, seed=seed)
    chosen = [m for m in moments if m.user_id not in unreadable and any(what >= FAVORITED for what in m.outcomes)]
    if max_users is not None:
        rng = np.random.default_rng(seed)
        people = sorted({m.user_id for m in chosen})
        drawn = set(rng.permutation(np.array(people, dtype=object))[:max_users].tolist())
        chosen = [m for m in chosen if m.user_id in drawn]
        picked = np.sort(rng.permutation(len(chosen))[:max_requests])
        chosen = [chosen[i] for i in picked.tolist()]
    if not chosen:
        raise DataError(
            f"Expected held-out requests with a choice after {_day(start)}, got none of {len(moments)}.",
            hint="Use an earlier `since` (rankers that saw those days are refused), or collect more days.",
        )
    return chosen


def _newcomers(
    bench: Bench, moments: Sequence[Moment], seed: int, progress: Callable[[Progress], None]
) -> Group | None:
    """Ask the same requests as people with a profile and no past, scored against what they truly like."""
    lists = Lists(bench.catalogue, bench.stats.shop_orders, with_truth=True)
    for i, moment in enumerate(moments):
        if i % 50 == 0:
            progress(Progress(stage="evaluate", fraction=0.8 + 0.2 * i / len(moments), message=f"{i:,} newcomers"))
        bench.ask(lists, moment, newcomer=True)
    return lists.group(seed, (TRUE_NDCG,))


def _day(ts: int) -> str:
    return datetime.fromtimestamp(ts, KST).date().isoformat()
