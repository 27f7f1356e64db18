"""Trains the text encoder of the content funnel on the catalogue's own documents and seals it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from aiyam.candidates.documents import dish_texts, shop_documents
from aiyam.candidates.encoder import MAX_FIT_DOCUMENTS, N_FEATURES, WIDTH, TextEncoder
from aiyam.candidates.rules import check_rules, load_rules
from aiyam.catalogue.arrays import Catalogue
from aiyam.contracts import Manifest, Progress
from aiyam.errors import InvalidInput
from aiyam.registry import building, seal

N_CHECKED = 400


def train_content(
    catalogue: Catalogue,
    out: Path,
    *,
    seed: int,
    progress: Callable[[Progress], None],
    rules: dict[str, Any] | None = None,
) -> Manifest:
    """Fit the encoder on the shops that may be shown, check it, and seal it in ``out``.

    Args:
        catalogue: the shops as arrays.
        out: a new version's folder, not there yet or empty.
        seed: decides the sample of documents and the factorisation.
        progress: called at the start of each stage.
        rules: what ``load_rules`` read; the shipped rules by default.

    Raises:
        InvalidInput: the catalogue has no shop to learn from, or ``out`` cannot be written to.
        Conflict: ``out`` holds something already.
    """
    with building(out) as folder:
        manifest = _train(catalogue, folder, seed, progress, rules)
    metrics = {k: float(v) for k, v in manifest.metrics.items()}
    progress(Progress(stage="content", fraction=1.0, message="끝났어요", metrics=metrics))
    return manifest


def _train(
    catalogue: Catalogue,
    folder: Path,
    seed: int,
    progress: Callable[[Progress], None],
    rules: dict[str, Any] | None,
) -> Manifest:
    everyday = check_rules(rules if rules is not None else load_rules()).everyday
    rows = np.flatnonzero(catalogue.venue_ok)
    if len(rows) == 0:
        raise InvalidInput(
            "Expected shops to learn from, got an empty catalogue.", hint="Import or generate data first."
        )
    progress(Progress(stage="content", fraction=0.0, message="가게 설명을 모으고 있어요"))
    if len(rows) > MAX_FIT_DOCUMENTS:
        rows = np.sort(np.random.default_rng(seed).choice(rows, MAX_FIT_DOCUMENTS, replace=False))
    documents = shop_documents(catalogue, everyday, rows)
    # Dishes alone as well, so that a rare dish keeps its everyday words apart from its shop's other dishes.
    dishes = dish_texts(catalogue, everyday)[:MAX_FIT_DOCUMENTS]
    progress(Progress(stage="content", fraction=0.3, message="말뜻을 익히고 있어요"))
    encoder = TextEncoder.fit(documents + dishes, seed=seed)
    progress(Progress(stage="content", fraction=0.8, message="확인하고 있어요"))
    metrics = _check(encoder, catalogue, documents, rows, seed)
    encoder.save(folder)
    return seal(
        folder,
        component="content",
        version=folder.name,
        dataset=f"catalogue {catalogue.fingerprint}",
        dataset_sha256=hashlib.sha256("\n".join(documents).encode()).hexdigest(),
        config={"width": WIDTH, "n_features": N_FEATURES, "seed": seed, "n_documents": len(documents) + len(dishes)},
        metrics=metrics,
    )


def _check(
    encoder: TextEncoder, catalogue: Catalogue, documents: list[str], rows: np.ndarray[Any, Any], seed: int
) -> dict[str, float]:
    """Share of sampled dishes, searched by name, whose ten nearest documents are of shops that serve them."""
    served = [set(catalogue.menu_name[catalogue.menu_start[r] : catalogue.menu_start[r + 1]].tolist()) for r in rows]
    present = sorted(set().union(*served)) if served else []
    if not present:
        return {"dish_precision_at_10": 0.0, "n": 0}
    sample = np.random.default_rng(seed).permutation(present)[:N_CHECKED]
    vectors = encoder.encode(documents)
    queries = encoder.encode([catalogue.dish_names[d] for d in sample] + [""] * 9)[: len(sample)]
    hits, possible = 0, 0
    for dish, query in zip(sample.tolist(), queries, strict=True):
        nearest = np.argsort(-(vectors @ query), kind="stable")[:10]
        hits += sum(dish in served[i] for i in nearest)
        possible += min(10, sum(dish in dishes for dishes in served))
    return {"dish_precision_at_10": round(hits / max(possible, 1), 4), "n": len(sample)}
