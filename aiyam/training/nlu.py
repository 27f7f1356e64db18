"""Trains the understanding on any file of the training contract: linear and neural parts, their mix, calibrated confidence."""

from __future__ import annotations

import itertools
import json
import random
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from aiyam.contracts import Manifest, Progress
from aiyam.label_contracts import DatasetVersion
from aiyam.nlu.examples import Example
from aiyam.nlu.gazetteer import Gazetteer
from aiyam.nlu.grammar import SHOP_NAMES
from aiyam.nlu.grid import FEATURES_VERSION
from aiyam.nlu.model import Mix, NluModel, Parts, save_model
from aiyam.nlu.network import Network
from aiyam.nlu.version_rows import HELD, REHEARSED, write_rows
from aiyam.registry import building, open_sealed, seal
from aiyam.training.corpus import (
    MAX_ROWS,
    N_GENERATED,
    held_back,
    labels_of,
    tags_of,
)
from aiyam.training.nlu_linear import fit_intents, fit_tagger
from aiyam.training.nlu_mix import Judged, find_mix
from aiyam.training.nlu_network import Labels, Row, Sizes, fit_network
from aiyam.training.nlu_rows import RowMaker, surfaces_of
from aiyam.training.nlu_split import Split, split_rows
from aiyam.training.rows import digest_of

_TOLD_EVERY = 2000


@dataclass(frozen=True)
class Effort:
    """How much a training may cost: passes of the network (0: none), of the linear tagger, generated rows, the share of rows
    of which the intents also see a noisy copy, widths; rows.

    What a training takes is bounded whatever the data: ``max_rows`` of the data are used (the base's rows: as many again
    at the most), of which the network goes through ``rows_a_pass`` in a pass, others in each.
    """

    epochs: int = 14
    passes: int = 15
    n_generated: int = N_GENERATED
    noisy: float = 1.0
    sizes: Sizes | None = None
    max_rows: int = MAX_ROWS
    rows_a_pass: int = 30_000


FULL = Effort()
QUICK = Effort(epochs=0, passes=4, n_generated=800, noisy=0.25)
"""For a first start: some forty seconds."""

_WRITTEN_WEIGHT = 2.0


def train_nlu(
    data: Path,
    out: Path,
    *,
    dev: Path | None = None,
    seed: int,
    epochs: int | None = None,
    progress: Callable[[Progress], None],
    base: Path | None = None,
    effort: Effort = FULL,
    version: DatasetVersion | None = None,
) -> Manifest:
    """Train and seal a version in ``out`` (its folder name is the version).

    Args:
        data: a training file, or a folder (see ``load_corpus``).
        dev: rows that decide when to stop, how the parts are mixed and how sure answers sound; without it and without a
            ``dev.jsonl`` in the folder, a tenth of the templates and of the other rows is held out. Where there are more
            than ``TUNED_ON`` of them, the others are trained on.
        epochs: most passes of the network, in place of the effort's; it stops earlier when held-out rows no longer gain.
        base: a version to go on from: its rows are rehearsed and held out beside the new ones, its network is the start,
            and what it knew is measured again afterwards. Where both say a text, the new row counts.
        effort: what the training may cost.
        version: the dataset version whose files ``data`` and ``dev`` are: the manifest names it, of its generated rows as
            many are used as the effort asks for, and no row it holds out is trained on.

    Raises:
        Conflict: ``out`` holds something already, or another process is building it.
        InvalidInput: ``out`` cannot be written to.
        DataError: no sound row is left.
        ModelError: ``base`` is missing, damaged, or no version that this made.
    """
    started = time.perf_counter()
    rng = random.Random(seed)
    epochs = effort.epochs if epochs is None else epochs
    passes = effort.passes if epochs else effort.passes or FULL.passes  # something has to read spans
    gazetteer = Gazetteer.from_shipped(SHOP_NAMES)
    with building(out) as folder:
        before = _base_model(base, gazetteer) if base else None
        split = split_rows(
            data,
            dev,
            base,
            max_rows=effort.max_rows,
            n_generated=effort.n_generated,
            seed=seed,
            rng=rng,
            progress=progress,
            of_version=version is not None,
        )
        parts, judged = _fit(
            split, gazetteer, before, effort, rng, epochs=epochs, passes=passes, seed=seed, progress=progress
        )
        metrics: dict[str, float] = {f"held_out_{k}": v for k, v in judged.score(parts).items()}
        metrics |= {"n_held_out": len(judged.examples), "n_rows": len(split.fit)}
        if before is not None:
            metrics |= _forgetting(before, parts, split.known_held, gazetteer)
        metrics["train_seconds"] = round(time.perf_counter() - started, 1)
        save_model(folder, parts, {"seed": seed, "epochs": epochs})
        write_rows(folder / REHEARSED, split.fit)
        write_rows(folder / HELD, judged.examples)
        report = {"files": [r.as_json() for r in split.reports], "rows_a_pass": min(effort.rows_a_pass, len(split.fit))}
        (folder / "data_report.json").write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n", "utf-8")
        config = {
            "seed": seed, "epochs": epochs, "passes": passes, "n_generated": sum(bool(e.group) for e in split.fit),
            "max_rows": effort.max_rows, "rows_a_pass": effort.rows_a_pass, "features_version": FEATURES_VERSION,
            "base": base.name if base else None, "mix": asdict(parts.mix),
        }  # fmt: skip
        manifest = seal(
            folder, component="nlu", version=folder.name, dataset=version.tag if version else data.name,
            dataset_sha256=version.sha256 if version else digest_of(data, leave_out=held_back(data)),
            config=config, metrics=metrics,
            parents=(base.name,) if base else (),
        )  # fmt: skip
    progress(Progress(stage="done", fraction=1.0, metrics={k: float(v) for k, v in metrics.items()}))
    return manifest


# ------------------------------------------------------------------------------------------------ parts


def _fit(
    split: Split,
    gazetteer: Gazetteer,
    before: NluModel | None,
    effort: Effort,
    rng: random.Random,
    *,
    epochs: int,
    passes: int,
    seed: int,
    progress: Callable[[Progress], None],
) -> tuple[Parts, Judged]:
    from sklearn.exceptions import ConvergenceWarning

    fit, intents = split.fit, labels_of(split.fit)
    maker = RowMaker(gazetteer, Labels(tuple(intents), tuple(tags_of(fit))))
    tags = maker.labels.tags
    rows = [maker.clean(e, rng) for e in _counted(fit, 0.03, 0.055, progress)]
    judged = Judged.of([e for e in split.held if e.intent in intents] or fit[:50], gazetteer)
    copied = [e for e in fit if effort.noisy == 1 or rng.random() < effort.noisy]
    copies = [maker.noisy(e, rng) for e in _counted(copied, 0.055, 0.08, progress)]
    progress(Progress(stage="intent", fraction=0.08, message=f"{len(rows):,} rows, {len(intents)} intents"))
    weights = [1.0 if e.group else _WRITTEN_WEIGHT for e in (*fit, *copied)]
    share = 0.6 if epochs == 0 else 0.15
    telling = _telling(fit, rows)

    def told(done: int) -> None:
        if linear.done():
            linear.result()  # raises what went wrong there
        progress(Progress(stage="spans", fraction=0.15 + share * min(1.0, done / passes)))

    # The machine is fitted without the interpreter's lock, on a second core; whoever stops the training waits for it.
    # Its warnings are silenced here, for filters belong to the process: whether it was enough the held-out figure says.
    with warnings.catch_warnings(), ThreadPoolExecutor(1) as beside:
        warnings.simplefilter("ignore", ConvergenceWarning)
        linear = beside.submit(
            fit_intents, [r.utterance for r in (*rows, *copies)], [e.intent for e in (*fit, *copied)], intents, weights, seed=seed
        )  # fmt: skip
        tagger = None if not passes else fit_tagger(
            [r.utterance for r in telling], [r.tags.tolist() for r in telling], tags, passes=passes, seed=seed, progress=told
        )  # fmt: skip
    parts = Parts(linear.result(), tags, tagger, None, Mix(tags_linear=1.0 if tagger else 0.0))
    progress(Progress(stage="network", fraction=0.15 + share, metrics=judged.score(parts)))
    if epochs:
        start = _start_of(before)
        parts = replace(parts, network=_network(
            parts, fit, rows, maker, judged, effort, epochs=epochs, seed=seed, progress=progress, start=start
        ))  # fmt: skip
    mix = find_mix(parts, judged, judged.hurried(gazetteer, rng) if parts.network else judged)
    return replace(parts, mix=mix, tagger=parts.tagger if mix.tags_linear else None), judged


def _telling(fit: Sequence[Example], rows: Sequence[Row]) -> list[Row]:
    """Return the rows that a tagger learns from: of intents that never hold a span, one in four teaches enough silence."""
    holding = {e.intent for e in fit if e.spans}
    silent = itertools.count()
    return [r for e, r in zip(fit, rows, strict=True) if e.intent in holding or next(silent) % 4 == 0]


def _counted(
    examples: Sequence[Example], low: float, high: float, progress: Callable[[Progress], None]
) -> Iterator[Example]:
    """Yield the rows and tell now and then how many are made."""
    for i, example in enumerate(examples):
        if i % _TOLD_EVERY == 0:
            done = low + (high - low) * i / len(examples)
            progress(Progress(stage="rows", fraction=done, message=f"{i:,} of {len(examples):,}"))
        yield example


def _network(
    parts: Parts,
    fit: Sequence[Example],
    rows: Sequence[Row],
    maker: RowMaker,
    judged: Judged,
    effort: Effort,
    *,
    epochs: int,
    seed: int,
    progress: Callable[[Progress], None],
    start: tuple[Network, Labels] | None,
) -> Network:
    surfaces = surfaces_of(fit)
    began = time.perf_counter()

    def vary(rng: random.Random) -> list[Row]:
        some = fit if len(fit) <= effort.rows_a_pass else rng.sample(fit, effort.rows_a_pass)
        return maker.altered(some, surfaces, rng)

    def judge(network: Network) -> float:
        found = judged.score(Parts(parts.intents, parts.tags, None, network, Mix(0.0, 1.0, 0.0, 1.0)))
        return found["intent_accuracy"] + found.get("span_f1", 0.0)

    def report(done: int, loss: float, score: float) -> None:
        spent = time.perf_counter() - began
        eta = spent / done * (epochs - done)
        progress(
            Progress(
                stage="network", fraction=0.3 + 0.65 * done / epochs, message=f"pass {done} of {epochs}, at most {eta:.0f} s more",
                metrics={"loss": round(loss, 4), "held_out_score": round(score, 4)},
            )
        )  # fmt: skip

    return fit_network(
        rows, vary, maker.labels, sizes=effort.sizes, epochs=epochs, seed=seed, judge=judge, progress=report,
        start=start, rows_a_pass=effort.rows_a_pass,
    )  # fmt: skip


# ------------------------------------------------------------------------------------------------ going on from a version


def _base_model(base: Path, gazetteer: Gazetteer) -> NluModel:
    open_sealed(base, "nlu")
    return NluModel.load(base, gazetteer)


def _start_of(before: NluModel | None) -> tuple[Network, Labels] | None:
    if before is None or before.parts.network is None:
        return None
    return before.parts.network, Labels(before.intents.labels, before.parts.tags)


def _forgetting(
    before: NluModel, parts: Parts, known_held: Sequence[Example], gazetteer: Gazetteer
) -> dict[str, float]:
    """Score the rows that the base was tuned on, with the base and with what came of it."""
    held = [e for e in known_held if e.intent in parts.intents.labels]
    if not held:
        return {}
    judged = Judged.of(held, gazetteer)
    old, new = judged.score(before.parts), judged.score(parts)
    return {f"known_before_{k}": v for k, v in old.items()} | {f"known_after_{k}": v for k, v in new.items()}
