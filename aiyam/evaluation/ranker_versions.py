"""Versions of the ranker side by side on a home's held-out requests: which are compared, and with what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from aiyam.contracts import KST, Progress
from aiyam.errors import InvalidInput, NotReady
from aiyam.evaluation.ranking import evaluate_rankers, first_unseen
from aiyam.evaluation.truth import city_truth
from aiyam.parts import production_folder
from aiyam.ranking.ranker import COMPONENT
from aiyam.registry import open_sealed
from aiyam.settings import Settings
from aiyam.store import Store


def compare_versions(
    settings: Settings,
    store: Store,
    models: Sequence[Path] = (),
    *,
    since: int | None = None,
    max_requests: int = 1000,
    max_users: int | None = None,
    seed: int = 0,
    progress: Callable[[Progress], None] = lambda _: None,
) -> dict[str, Any]:
    """Evaluate production and the versions given on requests that none of them has seen.

    Returns:
        ``details`` of the report, and ``versions`` (name to folder, version, what it has seen), ``reference`` (the first),
        ``since`` and ``notes``.

    Raises:
        InvalidInput: the same folder twice.
        NotReady: no content encoder, or neither a production ranker nor a folder.
        DataError, ModelError: as ``evaluate_rankers``.
    """
    folders = _named(settings, store, models)
    start = first_unseen(folders, since)
    encoder_dir = production_folder(settings, store, "content")
    versions, notes = {}, []
    for who, folder in folders.items():
        manifest = open_sealed(folder, COMPONENT)
        encoder = str(manifest.config.get("encoder", ""))
        if encoder and encoder != encoder_dir.name:
            notes.append(f"{who} was trained with content encoder {encoder}, and is read here with {encoder_dir.name}.")
        versions[who] = {
            "folder": str(folder),
            "version": manifest.version,
            "seen_until": _day(int(manifest.config["rows_until"])),
        }
    truth = city_truth(store, settings.truth_path) if settings.truth_path.exists() else None
    report = evaluate_rankers(
        store, folders, encoder_dir=encoder_dir, seed=seed, since=start, max_requests=max_requests, max_users=max_users,
        rules_dir=settings.datasets_dir / "candidates", truth=truth, progress=progress,
    )  # fmt: skip
    return {
        "versions": versions,
        "reference": next(iter(folders)),
        "since": _day(start),
        "notes": notes,
        **report.details(),
    }


def _named(settings: Settings, store: Store, models: Sequence[Path]) -> dict[str, Path]:
    """Name the folders by their version where that tells them apart; production comes first."""
    folders: dict[str, Path] = {}
    try:
        folders["production"] = production_folder(settings, store, COMPONENT)
    except NotReady:
        if not models:
            raise
    short = [model.name for model in models]
    for model in models:
        name = model.name if short.count(model.name) == 1 and model.name != "production" else str(model)
        if name in folders:
            raise InvalidInput(f"Expected each --model once, got {model} twice.", hint="Name it once.")
        folders[name] = model
    return folders


def _day(ts: int) -> str:
    return datetime.fromtimestamp(ts, KST).date().isoformat()
