"""Trains the understanding on any file of the training contract: linear and neural parts, their mix, calibrated confidence."""

from __future__ import annotations

import gzip
import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from aiyam.contracts import EntityType, Manifest, Progress
from aiyam.errors import DataError
from aiyam.nlu.decoding import tags_of_spans
from aiyam.nlu.examples import Example, load_examples
from aiyam.nlu.gazetteer import Gazetteer
from aiyam.nlu.grammar import SHOP_NAMES
from aiyam.nlu.grid import FEATURES_VERSION, Utterance
from aiyam.nlu.model import Mix, NluModel, Parts, save_model
from aiyam.nlu.near_duplicates import without_near_duplicates
from aiyam.nlu.network import Network
from aiyam.registry import open_sealed, refuse_sealed, seal
from aiyam.training.corpus import HELD_BACK, N_GENERATED, labels_of, load_corpus
from aiyam.training.nlu_linear import fit_intents, fit_tagger
from aiyam.training.nlu_mix import find_mix, scored, tune_intents
from aiyam.training.nlu_network import Row, Sizes, fit_network
from aiyam.training.rows import digest_of, hold_out, noisy_copy, spans_of, substituted


@dataclass(frozen=True)
class Effort:
    """How much a training may cost: passes of the network (0: none), of the linear tagger, generated rows, widths."""

    epochs: int = 14
    passes: int = 15
    n_generated: int = N_GENERATED
    sizes: Sizes = field(default_factory=Sizes)


FULL = Effort()
QUICK = Effort(epochs=0, passes=6, n_generated=2000)
"""For a first start: half a minute on one core."""

_HIDDEN_EVIDENCE = 0.15
"""Share of what the rules found that a training row hides, so that the models read the words too."""
_HIDDEN = {str(EntityType.SHOP_NAME): 0.5}
"""No catalogue knows every shop a child may name."""
_WRITTEN_WEIGHT = 2.0
_NOISY, _SUBSTITUTED = 0.2, 0.15
_MAX_JUDGED = 2000
REHEARSED, HELD = "rows.jsonl.gz", "held.jsonl.gz"
"""Rows a version was trained and tuned on: what training from it goes on with, and what its forgetting is measured on."""


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
) -> Manifest:
    """Train and seal a version in ``out`` (its folder name is the version).

    Args:
        data: a training file, or a folder (see ``load_corpus``).
        dev: rows that decide when to stop, how the parts are mixed and how sure answers sound; without it and without a
            ``dev.jsonl`` in the folder, a tenth of the templates and of the other rows is held out.
        epochs: most passes of the network, in place of the effort's; it stops earlier when held-out rows no longer gain.
        base: a version to go on from: its rows are rehearsed and held out beside the new ones, its network is the start,
            and what it knew is measured again afterwards. Where both say a text, the new row counts.
        effort: what the training may cost.

    Raises:
        Conflict: ``out`` is sealed already, or was by the time this was done.
        InvalidInput: ``out`` cannot be written to.
        DataError: no sound row is left.
        ModelError: ``base`` is missing, damaged, or no version that this made.
    """
    refuse_sealed(out)
    started = time.perf_counter()
    rng = random.Random(seed)
    epochs = effort.epochs if epochs is None else epochs
    passes = effort.passes if epochs else effort.passes or FULL.passes  # something has to read spans
    corpus = load_corpus(data, seed=seed, dev=dev, n_generated=effort.n_generated)
    gazetteer = Gazetteer.from_shipped(SHOP_NAMES)
    before = _base_model(base, gazetteer) if base else None
    known = set(labels_of(corpus.examples))
    tells = base is not None or any(e.intent in known for e in corpus.tuning)  # rows of other labels tell nothing
    fit, held = (corpus.examples, corpus.tuning) if corpus.tuning and tells else hold_out(corpus.examples, rng)
    known_held: list[Example] = []
    if base:
        rehearsed, known_held = (
            without_near_duplicates(_said_nowhere_in(_read_rows(base / name), [*fit, *held]), corpus.held_back)
            for name in (REHEARSED, HELD)  # a row may have become a test row since
        )
        fit = [*rehearsed, *fit]
        held = [*held, *known_held]
    progress(Progress(stage="read", fraction=0.03, message=f"{len(fit)} rows"))

    intents, tags = labels_of(fit), _tag_names(fit)
    rows = _clean_rows(fit, gazetteer, intents, tags, rng)
    judged = [e for e in held if e.intent in intents] or fit[:50]
    if len(judged) > _MAX_JUDGED:
        judged = rng.sample(judged, _MAX_JUDGED)  # a file in order of intent begins with a few of them
    read = [Utterance.of(e.text, gazetteer) for e in judged]
    progress(Progress(stage="intent", fraction=0.08, message=f"{len(rows)} rows, {len(intents)} intents"))
    copies = [_varied(e, gazetteer, rng, noisy_copy(e, rng), intents, tags) for e in fit]
    weights = [1.0 if e.group else _WRITTEN_WEIGHT for e in fit]
    linear = fit_intents(
        [r.utterance for r in (*rows, *copies)], [e.intent for e in (*fit, *fit)], intents, weights * 2, seed=seed
    )
    alone = Parts(linear, tuple(tags), None, None, Mix(tags_linear=0.0))
    mix = tune_intents(alone, read, judged)
    progress(Progress(stage="spans", fraction=0.15, metrics=scored(replace(alone, mix=mix), read, judged)))
    share = 0.6 if epochs == 0 else 0.15
    tagger = None if not passes else fit_tagger(
        [r.utterance for r in rows], [r.tags.tolist() for r in rows], tags, passes=passes, seed=seed,
        progress=lambda done: progress(Progress(stage="spans", fraction=0.15 + share * min(1.0, done / passes))),
    )  # fmt: skip
    parts = Parts(linear, tuple(tags), tagger, None, mix)
    progress(Progress(stage="network", fraction=0.15 + share, metrics=scored(parts, read, judged)))
    if epochs:
        parts = replace(parts, network=_network(
            parts, fit, rows, gazetteer, read, judged, rng,
            epochs=epochs, sizes=effort.sizes, seed=seed, progress=progress, start=before.parts.network if before else None,
        ))  # fmt: skip
    parts = replace(parts, mix=find_mix(parts, read, judged))
    metrics: dict[str, float] = {f"held_out_{k}": v for k, v in scored(parts, read, judged).items()}
    metrics |= {"n_held_out": len(judged), "n_rows": len(fit)}
    if before is not None:
        metrics |= _forgetting(before, parts, known_held, gazetteer)
    metrics["train_seconds"] = round(time.perf_counter() - started, 1)
    refuse_sealed(out)  # by another training meanwhile
    save_model(out, parts, {"seed": seed, "epochs": epochs})
    _write_rows(out / REHEARSED, fit)
    _write_rows(out / HELD, judged)
    report = {"files": [r.as_json() for r in corpus.reports]}
    (out / "data_report.json").write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n", "utf-8")
    config = {
        "seed": seed, "epochs": epochs, "passes": passes, "n_generated": sum(bool(e.group) for e in fit),
        "features_version": FEATURES_VERSION, "base": base.name if base else None, "mix": asdict(parts.mix),
    }  # fmt: skip
    manifest = seal(
        out, component="nlu", version=out.name, dataset=data.name,
        dataset_sha256=digest_of(data, leave_out=HELD_BACK), config=config, metrics=metrics,
        parents=(base.name,) if base else (),
    )  # fmt: skip
    progress(Progress(stage="done", fraction=1.0, metrics={k: float(v) for k, v in metrics.items()}))
    return manifest


def _tag_names(examples: Sequence[Example]) -> list[str]:
    kinds = sorted({kind for e in examples for kind, *_ in e.spans})
    return ["O", *(f"{mark}-{kind}" for kind in kinds for mark in "BI")]


def _row(
    text: str,
    spans: Sequence[tuple[str, int, int]],
    intent: str,
    gazetteer: Gazetteer,
    intents: Sequence[str],
    tags: Sequence[str],
    rng: random.Random,
) -> Row:
    utterance = Utterance.of(text, gazetteer)
    kept = tuple(s for s in utterance.evidence if rng.random() >= _HIDDEN.get(s.entity, _HIDDEN_EVIDENCE))
    utterance = Utterance(utterance.typed, utterance.plain, kept)
    numbers = np.array([tags.index(t) for t in tags_of_spans(spans, utterance.plain)], dtype=np.int64)
    return Row(utterance, intents.index(intent), numbers)


def _clean_rows(
    examples: Sequence[Example],
    gazetteer: Gazetteer,
    intents: Sequence[str],
    tags: Sequence[str],
    rng: random.Random,
) -> list[Row]:
    return [_row(e.text, spans_of(e), e.intent, gazetteer, intents, tags, rng) for e in examples]


def _varied(
    example: Example,
    gazetteer: Gazetteer,
    rng: random.Random,
    copy: tuple[str, list[tuple[str, int, int]]],
    intents: Sequence[str],
    tags: Sequence[str],
) -> Row:
    return _row(copy[0], copy[1], example.intent, gazetteer, intents, tags, rng)


def _network(
    parts: Parts,
    fit: Sequence[Example],
    rows: Sequence[Row],
    gazetteer: Gazetteer,
    read: Sequence[Utterance],
    judged: Sequence[Example],
    rng: random.Random,
    *,
    epochs: int,
    sizes: Sizes,
    seed: int,
    progress: Callable[[Progress], None],
    start: Network | None,
) -> Network:
    intents, tags = parts.intents.labels, parts.tags
    others: dict[str, list[str]] = {}
    for example in fit:
        for kind, first, last, _ in example.spans:
            others.setdefault(kind, []).append(example.text[first:last])
    began = time.perf_counter()

    def vary(rng: random.Random) -> list[Row]:
        varied = []
        for example in fit:
            roll = rng.random()
            if roll < _NOISY:
                varied.append(_varied(example, gazetteer, rng, noisy_copy(example, rng), intents, tags))
            elif roll < _NOISY + _SUBSTITUTED and example.spans:
                varied.append(_varied(example, gazetteer, rng, substituted(example, others, rng), intents, tags))
        return varied

    def judge(network: Network) -> float:
        only = Parts(parts.intents, tags, None, network, Mix(0.0, 1.0, 0.0, 1.0))
        found = scored(only, read, judged)
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
        rows,
        vary,
        tags,
        len(intents),
        sizes=sizes,
        epochs=epochs,
        seed=seed,
        judge=judge,
        progress=report,
        start=start,
    )


# ------------------------------------------------------------------------------------------------ going on from a version


def _base_model(base: Path, gazetteer: Gazetteer) -> NluModel:
    open_sealed(base, "nlu")
    return NluModel.load(base, gazetteer)


def _said_nowhere_in(known: Sequence[Example], new: Sequence[Example]) -> list[Example]:
    """Leave out known rows whose text the new rows hold: theirs is the label that counts, on their side of the split."""
    texts = {e.text for e in new}
    return [e for e in known if e.text not in texts]


def _forgetting(
    before: NluModel, parts: Parts, known_held: Sequence[Example], gazetteer: Gazetteer
) -> dict[str, float]:
    """Score the rows that the base was tuned on, with the base and with what came of it."""
    held = [e for e in known_held if e.intent in parts.intents.labels]
    if not held:
        return {}
    read = [Utterance.of(e.text, gazetteer) for e in held]
    old, new = scored(before.parts, read, held), scored(parts, read, held)
    return {f"known_before_{k}": v for k, v in old.items()} | {f"known_after_{k}": v for k, v in new.items()}


def _write_rows(path: Path, examples: Sequence[Example]) -> None:
    with gzip.GzipFile(path, "wb", mtime=0) as packed:
        for e in examples:
            entities = [{"entity": k, "start": s, "end": t, "value": v, "text": e.text[s:t]} for k, s, t, v in e.spans]
            row = {"text": e.text, "intent": e.intent, "entities": entities, "filters": e.filters, "template": e.group}
            packed.write((json.dumps(row, ensure_ascii=False) + "\n").encode("utf-8", "replace"))


def _read_rows(path: Path) -> list[Example]:
    import tempfile

    if not path.exists():
        raise DataError(f"Expected the rows of the base at {path}, found none.", hint="Go on from a version that aiyam train nlu made.")  # fmt: skip
    with tempfile.NamedTemporaryFile(suffix=".jsonl") as plain:
        plain.write(gzip.decompress(path.read_bytes()))
        plain.flush()
        return load_examples(Path(plain.name), conflicts="keep")[0]
