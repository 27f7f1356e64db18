"""Trains the ranker: history up to a day, requests after it as the training table, Wide & Deep by time split, a sealed version."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from aiyam import registry
from aiyam.candidates.encoder import TextEncoder
from aiyam.candidates.funnels import Funnels
from aiyam.candidates.rules import load_rules
from aiyam.catalogue.arrays import Catalogue
from aiyam.catalogue.interactions import Interactions
from aiyam.contracts import KST, Manifest
from aiyam.errors import DataError
from aiyam.ranking.features import feature_table
from aiyam.ranking.measures import MEASURES, measure, user_bootstrap
from aiyam.ranking.ranker import COMPONENT, CONFIG, CROSSES, VOCABULARY, WEIGHTS, Vocabulary, index_of
from aiyam.ranking.replay import Moment, moments_of, orders_of, request_times
from aiyam.ranking.statistics import KST_OFFSET_S, N_CATEGORIES, Crosses, Statistics, fit_crosses
from aiyam.ranking.wide_deep import UNKNOWN, WideDeepConfig
from aiyam.settings import REPO_ROOT
from aiyam.store import Store
from aiyam.store.people import list_profiles
from aiyam.training.leaks import check_leaks
from aiyam.training.protocol import CancelCheck, ProgressCallback, Report, run_trainer
from aiyam.training.table import DAY_S, TrainingTable, build_table
from aiyam.training.wide_deep import Inputs, fit_network

if TYPE_CHECKING:
    from aiyam.contracts import UserProfile

DEFAULT_CONFIG = REPO_ROOT / "models" / "wide_deep_config.json"
DEFAULT_RULES = REPO_ROOT / "datasets" / "candidates"
HISTORY_SHARE, HOLDOUT_SHARE = 0.7, 0.1
"""Of the logged requests, by time: the first are history, the last are kept for evaluation, those between are learned from."""


@dataclass(frozen=True)
class Prepared:
    """What fitting starts from: the table cut in two, who has an embedding, and the crosses."""

    train: TrainingTable
    valid: TrainingTable
    vocabulary: Vocabulary
    crosses: Crosses
    catalogue: Catalogue
    history_until: int
    rows_until: int


@dataclass(frozen=True)
class Fitted:
    """The network's weights by torch's names, and the validation measures of each epoch."""

    weights: dict[str, NDArray[np.float32]]
    history: tuple[dict[str, float], ...]


@dataclass(frozen=True)
class RankerTrainer:
    """The Wide & Deep trainer; see ``train_ranker`` for its options."""

    store: Store
    encoder_dir: Path
    config: WideDeepConfig
    seed: int
    min_interactions: int = 3
    max_requests: int | None = 2000
    history_share: float = HISTORY_SHARE
    holdout_share: float = HOLDOUT_SHARE
    rules: Mapping[str, object] | None = None
    component: str = COMPONENT
    shares: tuple[float, float, float] = (0.5, 0.95, 0.98)

    def prepare(self, report: Report) -> Prepared:
        """Read the store, rebuild layer 1 as it stood at the end of history, and replay the requests after it."""
        report(0.0, "reading the store")
        interactions = Interactions.load(self.store, Catalogue.load(self.store))
        history_until, rows_until = cut_times(interactions, (self.history_share, 1.0 - self.holdout_share))
        catalogue = Catalogue.load(self.store, until=history_until)
        profiles = profiles_at(self.store, history_until)
        encoder = TextEncoder.load(self.encoder_dir)
        report(0.05, "building layer 1 as it stood")
        known = Interactions.load(self.store, catalogue, until=history_until)
        rules = load_rules(DEFAULT_RULES) if self.rules is None else dict(self.rules)
        funnels = Funnels.build(catalogue, known, encoder=encoder, rules=rules, now_ts=history_until - 1)
        stats = Statistics.build(catalogue, interactions, until=history_until, shop_vectors=funnels.content.vectors)
        crosses = fit_crosses(catalogue, stats, profiles)
        stats = stats.with_crosses(crosses)
        moments = self._moments(interactions, history_until, rows_until)
        table = build_table(
            catalogue,
            stats,
            moments,
            profiles,
            funnels.find,
            encoder.encode,
            negatives=self.config.negatives,
            min_interactions=self.min_interactions,
            seed=self.seed,
            report=lambda f: report(0.2 + 0.8 * f, f"replaying {len(moments):,} requests"),
        )
        train, valid = table.split()
        check_leaks(train, valid, history_until=stats.until)
        vocabulary = choose_vocabulary(catalogue, stats, train, self.config.min_events)
        return Prepared(train, valid, vocabulary, crosses, catalogue, history_until, rows_until)

    def _moments(self, interactions: Interactions, since: int, until: int) -> list[Moment]:
        """Draw logged requests and orders that came without one, oldest first."""
        limit, share = self.max_requests, self.config.orders_share if len(interactions.requests.ts) else 0.0
        n_orders = None if limit is None else round(limit * share)
        orders = orders_of(interactions, since=since, until=until, limit=n_orders, seed=self.seed) if share > 0 else []
        n_requests = None if limit is None else limit - len(orders)
        asked = moments_of(interactions, since=since, until=until, limit=n_requests, seed=self.seed)
        return sorted([*asked, *orders], key=lambda m: (m.ts, m.user_id))

    def fit(self, prepared: Prepared, report: Report) -> Fitted:
        """Train with early stopping on the later part."""
        weights, history = fit_network(
            self.config,
            inputs_of(prepared.train, prepared.vocabulary, prepared.catalogue),
            inputs_of(prepared.valid, prepared.vocabulary, prepared.catalogue),
            sizes=(
                len(prepared.vocabulary.users) + 1,
                len(prepared.vocabulary.shops) + 1,
                len(prepared.vocabulary.brands) + 1,
            ),
            seed=self.seed,
            report=report,
        )
        return Fitted(weights, tuple(history))

    def evaluate(self, prepared: Prepared, fitted: Fitted, report: Report) -> dict[str, float]:
        """Measure the served (numpy) model on the later part's lists."""
        from aiyam.ranking.wide_deep import WideDeepScorer

        scorer = WideDeepScorer(self.config, fitted.weights)
        valid = inputs_of(prepared.valid, prepared.vocabulary, prepared.catalogue)
        values = []
        for i in range(prepared.valid.n_requests):
            part = slice(int(valid.list_start[i]), int(valid.list_start[i + 1]))
            logits = scorer.logits(
                int(valid.users[i]), valid.shops[part], valid.brands[part], valid.categories[part],
                valid.query_vectors[i], valid.numbers[part], valid.wide[part],
            )  # fmt: skip
            values.append(measure(logits, valid.label[part] > 0))
        mean, low, high = user_bootstrap(np.array(values), prepared.valid.user_ids, seed=self.seed, n_rounds=200)
        metrics = {f"valid_{name}": round(float(mean[m]), 4) for m, name in enumerate(MEASURES)}
        metrics["valid_ndcg@10_low"], metrics["valid_ndcg@10_high"] = round(float(low[1]), 4), round(float(high[1]), 4)
        metrics["n_train_rows"], metrics["n_train_requests"] = (
            float(len(prepared.train)),
            float(prepared.train.n_requests),
        )
        metrics["n_valid_requests"] = float(prepared.valid.n_requests)
        metrics["epochs"] = float(len(fitted.history))
        report(1.0, "measured", metrics)
        return metrics

    def save(self, prepared: Prepared, fitted: Fitted, metrics: Mapping[str, float], out: Path) -> Manifest:
        """Write weights, crosses, vocabulary and configuration, then seal."""
        from safetensors.numpy import save_file

        crosses = prepared.crosses
        save_file(fitted.weights, out / WEIGHTS)
        tables = {
            name: getattr(crosses, name) for name in ("age_category", "time_category", "last_category", "city_district")
        }
        save_file({name: np.ascontiguousarray(table) for name, table in tables.items()}, out / CROSSES)
        names = {
            "users": prepared.vocabulary.users,
            "shops": prepared.vocabulary.shops,
            "brands": prepared.vocabulary.brands,
            "cities": crosses.cities,
            "districts": crosses.districts,
        }
        (out / VOCABULARY).write_text(json.dumps(names, ensure_ascii=False), encoding="utf-8")
        (out / CONFIG).write_text(json.dumps(self.config.as_json(), indent=2), encoding="utf-8")
        return registry.seal(
            out,
            component=COMPONENT,
            version=out.name,
            dataset=f"catalogue {prepared.catalogue.fingerprint}",
            config={
                **self.config.as_json(),
                "seed": self.seed,
                "history_until": prepared.history_until,
                "rows_until": prepared.rows_until,
                "min_interactions": self.min_interactions,
                "encoder": self.encoder_dir.name,
            },
            feature_table=feature_table(),
            metrics=dict(metrics),
        )


def train_ranker(
    store: Store,
    out: Path,
    *,
    encoder_dir: Path,
    seed: int,
    progress: ProgressCallback,
    config: WideDeepConfig | Path = DEFAULT_CONFIG,
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    loss: str | None = None,
    min_interactions: int = 3,
    max_requests: int | None = 2000,
    history_share: float = HISTORY_SHARE,
    holdout_share: float = HOLDOUT_SHARE,
    rules: Mapping[str, object] | None = None,
    n_threads: int = 1,
    cancelled: CancelCheck = lambda: False,
) -> Manifest:
    """Train a ranker from the store into ``out`` and seal it.

    Options left None come from ``config``. ``max_requests`` bounds the requests that are replayed. ``history_share`` and
    ``holdout_share`` cut the logged requests by time: the first part is history for the features and layer 1, the last is
    never read, so that evaluation can use it.

    Raises:
        DataError: too few requests, or a leak.
        ModelError: a damaged encoder or configuration.
        Cancelled: ``cancelled`` answered true.
    """
    import torch

    torch.set_num_threads(n_threads)
    given = {"epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate, "loss": loss}
    base = WideDeepConfig.read(config) if isinstance(config, Path) else config
    chosen = WideDeepConfig.of(
        {**base.as_json(), **{name: value for name, value in given.items() if value is not None}}
    )
    trainer = RankerTrainer(
        store,
        encoder_dir,
        chosen,
        seed,
        min_interactions=min_interactions,
        max_requests=max_requests,
        history_share=history_share,
        holdout_share=holdout_share,
        rules=rules,
    )
    return run_trainer(trainer, out, progress=progress, cancelled=cancelled)


def cut_times(interactions: Interactions, shares: tuple[float, float]) -> tuple[int, int]:
    """Return the midnights (epoch seconds, Korea) at these shares of the logged requests.

    Raises:
        DataError: no requests, or all of them within the same days.
    """
    ts = np.sort(request_times(interactions))
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
    brand = np.append(index_of(vocabulary.brands, catalogue.brand_names), np.int32(UNKNOWN))
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
    )
