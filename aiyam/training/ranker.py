"""Trains the ranker into a sealed version: from the store or from files, from scratch or from a version, stopped and resumed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiyam import registry
from aiyam.contracts import Manifest
from aiyam.errors import InvalidInput
from aiyam.ranking.features import feature_table
from aiyam.ranking.measures import MEASURES, measure, user_bootstrap
from aiyam.ranking.ranker import COMPONENT, CONFIG, CROSSES, VOCABULARY, WEIGHTS, Vocabulary
from aiyam.ranking.wide_deep import WideDeepConfig, WideDeepScorer
from aiyam.settings import REPO_ROOT
from aiyam.store import Store
from aiyam.training.checkpoint import PREPARED, Checkpoint, digest, run_resumable, write_arrays
from aiyam.training.fit_together import fit_together
from aiyam.training.lessons import CROSS_TABLES, Lessons
from aiyam.training.protocol import CancelCheck, ProgressCallback, Report
from aiyam.training.ranker_base import Base
from aiyam.training.ranker_files import FileLessons
from aiyam.training.ranker_store import HISTORY_SHARE, HOLDOUT_SHARE, StoreLessons
from aiyam.training.wide_deep import Weights, fit_network
from aiyam.training.wide_deep_rows import Inputs

DEFAULT_CONFIG = REPO_ROOT / "models" / "wide_deep_config.json"
VARIANTS = {"default": DEFAULT_CONFIG, "spec": REPO_ROOT / "models" / "wide_deep_spec.json"}
"""The shipped configurations: the one that serves, and the plain Wide & Deep that it is measured against."""


@dataclass(frozen=True)
class Fitted:
    """The network's weights by torch's names, and the validation measures of each epoch."""

    weights: Weights
    history: tuple[dict[str, float], ...]


@dataclass(frozen=True)
class RankerTrainer:
    """The Wide & Deep trainer; see ``train_ranker`` for its options.

    ``checkpoint`` None keeps nothing on the way.
    """

    source: StoreLessons | FileLessons
    config: WideDeepConfig
    seed: int
    base: Base | None = None
    checkpoint_dir: Path | None = None
    n_processes: int = 1
    n_threads: int = 1
    component: str = COMPONENT
    shares: tuple[float, float, float] = (0.5, 0.95, 0.98)
    _made: dict[str, Any] = field(default_factory=dict, repr=False)

    def prepare(self, report: Report) -> Lessons:
        """Make the lessons, or take those that were kept, if what they were made from is the same."""
        if self.checkpoint_dir is None:
            return self.source.prepare(report)
        recipe = {**self.source.recipe(), "seed": self.seed, **_of_rows(self.config)}
        self._made["recipe"] = recipe
        path = self.checkpoint_dir / PREPARED
        if path.exists():
            report(0.0, "reading what was prepared")
            lessons, kept = Lessons.read(path)
            if kept == digest(recipe):
                return lessons
        lessons = self.source.prepare(report)
        lessons.write(path, digest(recipe))
        return lessons

    def fit(self, prepared: Lessons, report: Report) -> Fitted:
        """Train with early stopping on the later part."""
        start = None if self.base is None else self.base.grown(prepared.sizes)
        checkpoint = None
        if self.checkpoint_dir is not None:
            recipe = {**self._made["recipe"], **self.config.as_json(), "processes": self.n_processes}
            checkpoint = Checkpoint(self.checkpoint_dir, recipe)
        if self.n_processes > 1:
            weights, history = fit_together(
                self.config, prepared, n_processes=self.n_processes, n_threads=self.n_threads, seed=self.seed,
                report=report, start=start, checkpoint=checkpoint,
            )  # fmt: skip
        else:
            weights, history = fit_network(
                self.config, prepared.train, prepared.valid, sizes=prepared.sizes, seed=self.seed,
                report=report, start=start, checkpoint=checkpoint,
            )  # fmt: skip
        return Fitted(weights, tuple(history))

    def evaluate(self, prepared: Lessons, fitted: Fitted, report: Report) -> dict[str, float]:
        """Measure the served (numpy) model on the later part's lists, beside the version it went on from."""
        valid = prepared.valid
        values = measures_of(self.config, fitted.weights, valid)
        mean, low, high = user_bootstrap(values, prepared.valid_users, seed=self.seed, n_rounds=200)
        metrics = {f"valid_{name}": round(float(mean[m]), 4) for m, name in enumerate(MEASURES)}
        metrics["valid_ndcg@10_low"], metrics["valid_ndcg@10_high"] = round(float(low[1]), 4), round(float(high[1]), 4)
        if self.base is not None:
            before = measures_of(self.base.config, self.base.grown(prepared.sizes), valid)
            metrics["base_valid_ndcg@10"] = round(float(before[:, 1].mean()), 4)
            gain = user_bootstrap((values - before)[:, 1:2], prepared.valid_users, seed=self.seed, n_rounds=200)
            for name, figure in zip(("", "_low", "_high"), gain, strict=True):
                metrics[f"gain_over_base_ndcg@10{name}"] = round(float(figure[0]), 4)
        metrics["n_train_rows"], metrics["n_train_requests"] = (
            float(len(prepared.train.label)),
            float(len(prepared.train.users)),
        )
        metrics["n_valid_requests"] = float(len(valid.users))
        metrics["epochs"] = float(len(fitted.history))
        report(1.0, "measured", metrics)
        return metrics

    def save(self, prepared: Lessons, fitted: Fitted, metrics: Mapping[str, float], out: Path) -> Manifest:
        """Write weights, crosses, vocabulary and configuration, then seal."""
        crosses = prepared.crosses
        write_arrays(out / WEIGHTS, fitted.weights, {})
        tables = {name: np.ascontiguousarray(getattr(crosses, name)) for name in CROSS_TABLES}
        write_arrays(out / CROSSES, tables, {})
        names = {
            **{kind.name: getattr(prepared.vocabulary, kind.name) for kind in fields(Vocabulary)},
            "cities": crosses.cities,
            "districts": crosses.districts,
        }
        try:
            (out / VOCABULARY).write_text(json.dumps(names, ensure_ascii=False), encoding="utf-8")
            (out / CONFIG).write_text(json.dumps(self.config.as_json(), indent=2), encoding="utf-8")
            return registry.seal(
                out,
                component=COMPONENT,
                version=out.name,
                parents=() if self.base is None else (self.base.version,),
                dataset=prepared.dataset,
                config={
                    **self.config.as_json(),
                    "seed": self.seed,
                    "processes": self.n_processes,
                    **prepared.facts,
                },
                feature_table=feature_table(),
                metrics=dict(metrics),
            )
        except OSError as error:
            raise InvalidInput(
                f"Expected room and the right to write the version into {out.parent}, but: {error.strerror or error}.",
                hint="Free some space, then go on with --resume.",
            ) from None


def train_ranker(
    store: Store,
    out: Path,
    *,
    encoder_dir: Path,
    seed: int,
    progress: ProgressCallback,
    config: WideDeepConfig | Path | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    loss: str | None = None,
    base: Path | None = None,
    train_data: Path | None = None,
    valid_data: Path | None = None,
    min_interactions: int = 3,
    max_requests: int | None = 2000,
    history_share: float = HISTORY_SHARE,
    holdout_share: float = HOLDOUT_SHARE,
    rules: Mapping[str, object] | None = None,
    n_threads: int = 1,
    n_processes: int = 1,
    checkpoint_dir: Path | None = None,
    resume: bool = False,
    cancelled: CancelCheck = lambda: False,
) -> Manifest:
    """Train a ranker into ``out`` and seal it.

    Args:
        config: None: the shipped one, or the base's with fewer epochs and a lower learning rate.
        epochs, batch_size, learning_rate, loss: in place of the configuration's.
        base: folder of a version to go on from (incremental): its weights, names and crosses; who is new starts from the
            fallback row. From the store, only requests that the base has not seen are learned from.
        train_data: learn from this written training table in place of the store's requests, and judge by ``valid_data``
            (or by the last fifth of its days).
        min_interactions: earlier events that a person must have.
        max_requests: bounds the requests that are replayed; None is all.
        history_share, holdout_share: cut the logged requests by time: the first part is history for the features and
            layer 1, the last is never read, so that evaluation can use it.
        checkpoint_dir: where every epoch is kept until the version is sealed.
        resume: go on from what a stopped training left there; without it, that is removed first.

    Raises:
        DataError: too few requests, a leak, a file that is no training table, or a checkpoint of another training.
        ModelError: a damaged encoder, base or configuration, or a base of other sizes.
        InvalidInput: options that contradict each other, or no room to write.
        Cancelled: ``cancelled`` answered true; the checkpoint stays.
    """
    import torch

    torch.set_num_threads(n_threads)
    if train_data is None and valid_data is not None:
        raise InvalidInput("Expected --train_data with --val_data, got the latter alone.", hint="Give both, or none.")
    if resume and checkpoint_dir is None:
        raise InvalidInput("Expected a folder with a checkpoint to resume from, got none.", hint="Name it.")
    given = {"epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate, "loss": loss}
    changes = {name: value for name, value in given.items() if value is not None}
    parent = None if base is None else Base.load(base)
    chosen = WideDeepConfig.read(config) if isinstance(config, Path) else config
    if parent is not None:
        chosen = parent.going_on(chosen)
    settled = WideDeepConfig.of({**(chosen or WideDeepConfig.read(DEFAULT_CONFIG)).as_json(), **changes})
    source: StoreLessons | FileLessons
    if train_data is not None:
        source = FileLessons(store, encoder_dir, settled, train_data, valid_data, parent)
    else:
        source = StoreLessons(
            store,
            encoder_dir,
            settled,
            seed,
            min_interactions,
            max_requests,
            history_share,
            holdout_share,
            rules,
            parent,
        )
    trainer = RankerTrainer(source, settled, seed, parent, checkpoint_dir, n_processes, n_threads)
    return run_resumable(
        trainer, out, checkpoint_dir=checkpoint_dir, resume=resume, progress=progress, cancelled=cancelled
    )


def measures_of(config: WideDeepConfig, weights: Weights, valid: Inputs) -> NDArray[np.float64]:
    """Return the (q, m) ``MEASURES`` of every list, scored as in service."""
    scorer, values = WideDeepScorer(config, weights), []
    for i in range(len(valid.users)):
        part = slice(int(valid.list_start[i]), int(valid.list_start[i + 1]))
        logits = scorer.logits(
            int(valid.users[i]), valid.shops[part], valid.brands[part], valid.categories[part],
            valid.query_vectors[i], valid.numbers[part], valid.wide[part],
        )  # fmt: skip
        values.append(measure(logits, valid.label[part] > 0))
    return np.array(values)


def _of_rows(config: WideDeepConfig) -> dict[str, Any]:
    """Return what of a configuration decides the rows that are learned from."""
    return {name: asdict(config)[name] for name in ("negatives", "orders_share", "min_events")}
