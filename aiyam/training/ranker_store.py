"""The ranker's lessons from the store: history up to a day, the requests after it replayed through layer 1 as it stood."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aiyam.candidates.blocks import BlockFunnels
from aiyam.candidates.encoder import TextEncoder
from aiyam.candidates.funnels import Funnels
from aiyam.candidates.rules import load_rules
from aiyam.catalogue.arrays import Catalogue
from aiyam.catalogue.interactions import Events, Interactions
from aiyam.contracts import KST
from aiyam.errors import DataError
from aiyam.ranking.block_features import BlockFeatures
from aiyam.ranking.features import feature_table
from aiyam.ranking.ranker import Vocabulary, index_of
from aiyam.ranking.replay import Moment, moments_of, orders_of, request_times
from aiyam.ranking.statistics import KST_OFFSET_S, N_CATEGORIES, Statistics, fit_crosses
from aiyam.ranking.wide_deep import UNKNOWN, WideDeepConfig
from aiyam.registry import sha256_of
from aiyam.settings import REPO_ROOT
from aiyam.store import Store
from aiyam.store.people import list_profiles
from aiyam.training.leaks import check_leaks
from aiyam.training.lessons import Lessons
from aiyam.training.protocol import Report
from aiyam.training.ranker_base import Base
from aiyam.training.table import DAY_S, TrainingTable, build_table
from aiyam.training.wide_deep_rows import Inputs

if TYPE_CHECKING:
    from aiyam.contracts import UserProfile

DEFAULT_RULES = REPO_ROOT / "datasets" / "candidates"
HISTORY_SHARE, HOLDOUT_SHARE = 0.7, 0.1
"""Of the logged requests, by time: the first are history, the last are kept for evaluation, those between are learned from."""


@dataclass(frozen=True)
class StoreLessons:
    """Where lessons come from when a store is learned from; ``train_ranker`` explains the options."""

    store: Store
    encoder_dir: Path
    config: WideDeepConfig
    seed: int
    min_interactions: int = 3
    max_requests: int | None = 2000
    history_share: float = HISTORY_SHARE
    holdout_share: float = HOLDOUT_SHARE
    rules: Mapping[str, object] | None = None
    base: Base | None = None

    @cached_property
    def catalogue(self) -> Catalogue:
        """The shops as they are now."""
        return Catalogue.load(self.store)

    @cached_property
    def interactions(self) -> Interactions:
        """Everything that people did."""
        return Interactions.load(self.store, self.catalogue)

    def recipe(self) -> dict[str, Any]:
        """Say all that decides the lessons, as JSON types."""
        return {
            "store": digest_of(self.interactions),
            "catalogue": self.catalogue.fingerprint,
            "people": digest_of_people(profiles_at(self.store, self._cuts()[0])),
            "encoder": sha256_of(self.encoder_dir / "manifest.json"),
            "rules": load_rules(DEFAULT_RULES) if self.rules is None else dict(self.rules),
            "feature_table": list(feature_table()),
            "min_interactions": self.min_interactions,
            "max_requests": self.max_requests,
            "shares": [self.history_share, self.holdout_share],
            "base": None if self.base is None else self.base.version,
        }

    def prepare(self, report: Report) -> Lessons:
        """Rebuild layer 1 as it stood at the end of history, and replay the requests after it.

        Raises:
            DataError: too few requests, or a leak.
        """
        report(0.0, "reading the store")
        history_until, rows_until = self._cuts()
        catalogue = Catalogue.load(self.store, until=history_until)
        profiles = profiles_at(self.store, history_until)
        encoder = TextEncoder.load(self.encoder_dir)
        report(0.05, "building layer 1 as it stood")
        rules = load_rules(DEFAULT_RULES) if self.rules is None else dict(self.rules)
        funnels = Funnels.build(catalogue, self.interactions, encoder=encoder, rules=rules, now_ts=history_until - 1)
        stats = Statistics.build(
            catalogue, self.interactions, until=history_until, shop_vectors=funnels.content.vectors
        )
        crosses = fit_crosses(catalogue, stats, profiles) if self.base is None else self.base.crosses
        stats = stats.with_crosses(crosses)
        moments = self._moments(history_until, rows_until)
        table = build_table(
            BlockFunnels(funnels),
            BlockFeatures(catalogue, stats),
            moments,
            profiles,
            encoder.encode,
            negatives=self.config.negatives,
            min_interactions=self.min_interactions,
            seed=self.seed,
            labels_until=rows_until,
            report=lambda f: report(0.2 + 0.8 * f, f"replaying {len(moments):,} requests"),
        )
        train, valid = table.split()
        check_leaks(train, valid, history_until=stats.until)
        vocabulary = choose_vocabulary(catalogue, stats, train, self.config.min_events)
        if self.base is not None:
            vocabulary = self.base.with_new(vocabulary)
        return Lessons(
            inputs_of(train, vocabulary, catalogue),
            inputs_of(valid, vocabulary, catalogue),
            valid.user_ids,
            vocabulary,
            crosses,
            f"catalogue {catalogue.fingerprint}",
            {
                "history_until": history_until,
                "rows_until": rows_until,
                "min_interactions": self.min_interactions,
                "encoder": self.encoder_dir.name,
            },
        )

    def _cuts(self) -> tuple[int, int]:
        if self.base is None:
            return cut_times(self.interactions, (self.history_share, 1.0 - self.holdout_share))
        since = self.base.seen_until
        try:
            start, end = cut_times(self.interactions, (0.0, 1.0 - self.holdout_share), since=since)
        except DataError as error:
            raise DataError(
                f"Expected requests over several days after {datetime.fromtimestamp(since, KST):%Y-%m-%d}, which the base"
                f" {self.base.version} has not seen; got: {error.message}",
                hint="Collect more days, or train from scratch without --base.",
            ) from None
        return max(start, since), end

    def _moments(self, since: int, until: int) -> list[Moment]:
        """Draw logged requests and orders that came without one, oldest first."""
        told = self.interactions
        limit, share = self.max_requests, self.config.orders_share if len(told.requests.ts) else 0.0
        n_orders = None if limit is None else round(limit * share)
        orders = orders_of(told, since=since, until=until, limit=n_orders, seed=self.seed) if share > 0 else []
        n_requests = None if limit is None else limit - len(orders)
        asked = moments_of(told, since=since, until=until, limit=n_requests, seed=self.seed)
        return sorted([*asked, *orders], key=lambda m: (m.ts, m.user_id))


def cut_times(interactions: Interactions, shares: tuple[float, float], *, since: int = 0) -> tuple[int, int]:
    """Return the midnights (epoch seconds, Korea) at these shares of the logged requests from ``since`` on.

    Raises:
        DataError: no requests, or all of them within the same days.
    """
    ts = np.sort(request_times(interactions))
    ts = ts[ts >= since]
    if len(ts) == 0:
        raise DataError(
            "Expected logged requests or orders to train the ranker from, got none.",
            hint="Generate the city, or let people use the chat first.",
        )
    first, second = (int(ts[min(int(len(ts) * share), len(ts) - 1)]) for share in shares)
    start = first - (first + KST_OFFSET_S) % DAY_S
    end = second - (second + KST_OFFSET_S) % DAY_S if shares[1] < 1.0 else int(ts[-1]) + 1
    if start >= end:
        raise DataError(
            f"Expected requests over several days, got {len(ts)} that leave no day to learn from.",
            hint="Collect more days before training the ranker.",
        )
    return start, end


def digest_of(interactions: Interactions) -> str:
    """Return the SHA-256 of everything that people did."""
    found = hashlib.sha256("\n".join(interactions.user_ids).encode())
    for events in (interactions.orders, interactions.favorites, interactions.reviews):
        for field in fields(Events):
            found.update(np.ascontiguousarray(getattr(events, field.name)).tobytes())
    log = interactions.requests
    for column in (
        log.request_id,
        log.user,
        log.ts,
        log.lat,
        log.lon,
        log.imp_start,
        log.imp_shop_row,
        log.imp_position,
        log.imp_outcome,
    ):
        found.update(np.ascontiguousarray(column).tobytes())
    for texts in (log.district, log.query, log.filters):
        found.update("\n".join(map(str, texts)).encode())
    return found.hexdigest()


def profiles_at(store: Store, ts: int) -> dict[str, UserProfile]:
    """Return every stored profile with the age it had at a moment."""
    day = datetime.fromtimestamp(ts, KST).date()
    return {p.user_id: p for p in list_profiles(store, today=day, limit=10_000_000)}


def choose_vocabulary(catalogue: Catalogue, stats: Statistics, train: TrainingTable, min_events: int) -> Vocabulary:
    """Choose who gets an embedding: seen in training, with at least ``min_events`` events before or in it."""
    chosen = np.bincount(train.shop_row[train.label > 0], minlength=len(catalogue.shop_ids))
    seen = np.bincount(train.shop_row, minlength=len(catalogue.shop_ids)) > 0
    shops = np.flatnonzero(seen & (stats.shop_orders + stats.shop_reviews + chosen >= min_events))
    users = sorted(u for u in set(train.user_ids) if len(stats.past_of(u, int(train.ts[-1])).ts) >= min_events)
    branches = np.bincount(catalogue.brand[catalogue.brand >= 0], minlength=len(catalogue.brand_names))
    seen_brands = np.unique(train.brand[train.brand >= 0])
    return Vocabulary(
        users=tuple(users),
        shops=tuple(catalogue.shop_ids[i] for i in shops),
        brands=tuple(catalogue.brand_names[i] for i in seen_brands if branches[i] >= 2),
    )


def inputs_of(table: TrainingTable, vocabulary: Vocabulary, catalogue: Catalogue) -> Inputs:
    """Turn ids into embedding rows."""
    shop = index_of(vocabulary.shops, catalogue.shop_ids)
    brand: NDArray[np.int32] = np.append(index_of(vocabulary.brands, catalogue.brand_names), np.int32(UNKNOWN))
    return Inputs(
        list_start=table.list_start,
        users=index_of(vocabulary.users, list(table.user_ids)),
        query_vectors=table.query_vectors,
        shops=shop[table.shop_row],
        brands=brand[table.brand],
        categories=table.category.astype(np.int64) % N_CATEGORIES,
        numbers=table.numbers,
        wide=table.wide,
        label=table.label,
        weight=table.weight,
        shown=table.shown,
    )


def digest_of_people(profiles: Mapping[str, UserProfile]) -> str:
    """Return the SHA-256 of who the people are: age, home, diet, card."""
    lines = (profiles[user_id].model_dump_json() for user_id in sorted(profiles))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
