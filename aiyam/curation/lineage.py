"""Which turns made which dataset version, and which models were trained on it: followed in both directions."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from aiyam import registry
from aiyam.contracts import Manifest
from aiyam.curation.versions import list_versions, open_version, read_rows
from aiyam.errors import ModelError, NotFound
from aiyam.label_contracts import DatasetRow, DatasetVersion
from aiyam.store import Store
from aiyam.store.dataset_origins import Standing, standings


@dataclass(frozen=True)
class TrainedModel:
    """A model version that saw rows of a dataset version: itself, or (``through``) by going on from one that did.

    ``since_redacted`` tells that rows were taken out of the dataset after the model was trained.
    """

    model: str
    dataset: str
    through: str = ""
    since_redacted: bool = False


@dataclass(frozen=True)
class TurnLineage:
    """What became of a turn: the rows it made, by version, and the models that learned from them."""

    turn_id: str
    rows: tuple[Standing, ...]
    models: tuple[TrainedModel, ...]


@dataclass(frozen=True)
class ModelLineage:
    """What a model came from: the dataset version, the turns and tasks in it, and how many rows are of which source."""

    model: str
    dataset: DatasetVersion
    same_rows: bool
    turn_ids: tuple[str, ...]
    task_keys: tuple[str, ...]


def models_trained_on(home: Path, models_dir: Path, tags: Collection[str]) -> list[TrainedModel]:
    """Return the sealed models that learned from any of these dataset versions, and those that went on from one."""
    current = {version.tag: version.sha256 for version in list_versions(home)[0]}
    found: list[TrainedModel] = []
    for component in sorted(path.name for path in models_dir.iterdir() if path.is_dir()) if models_dir.is_dir() else ():
        seen: dict[str, tuple[str, ...]] = {}
        for version in registry.versions(models_dir, component):
            manifest = _manifest(models_dir, component, version)
            if manifest is None:
                continue
            own = (manifest.dataset,) if manifest.dataset in tags else ()
            model = f"{component}/{version}"
            for tag in own:
                redacted = tag in current and current[tag] != manifest.dataset_sha256
                found.append(TrainedModel(model, tag, since_redacted=redacted))
            inherited = {tag: parent for parent in manifest.parents for tag in seen.get(parent, ()) if tag not in own}
            found += [TrainedModel(model, tag, f"{component}/{parent}") for tag, parent in sorted(inherited.items())]
            seen[version] = (*own, *inherited)
    return found


def lineage_of_turn(store: Store, home: Path, models_dir: Path, turn_id: str) -> TurnLineage:
    """Return the rows a turn made in versions that are there, and the models trained on them."""
    there = {version.tag for version in list_versions(home)[0]}
    rows = tuple(one for one in standings(store, turn_ids=[turn_id]) if f"{one.name}@{one.version}" in there)
    tags = {f"{one.name}@{one.version}" for one in rows}
    return TurnLineage(turn_id, rows, tuple(models_trained_on(home, models_dir, tags)))


def lineage_of_model(home: Path, models_dir: Path, model: str) -> ModelLineage:
    """Return what a model (``nlu/v7``) was trained on.

    Raises:
        NotFound: no such model, or one that was trained on files and not on a dataset version.
        DataError: the version is damaged.
    """
    component, _, name = model.partition("/")
    manifest = registry.read_manifest(registry.version_folder(models_dir, component, name))
    if "@" not in manifest.dataset:
        raise NotFound(
            f"Expected a model trained on a dataset version, {model} was trained on {manifest.dataset or 'nothing named'}.",
            hint="Train with --dataset to keep the lineage.",
        )
    version = open_version(home, manifest.dataset)
    rows = [row for row in read_rows(home, version) if row.origin.turn_id]
    return ModelLineage(
        model,
        version,
        version.sha256 == manifest.dataset_sha256,
        tuple(sorted({row.origin.turn_id for row in rows})),
        tuple(sorted({row.origin.task_key for row in rows if row.origin.task_key})),
    )


def rows_of_turn(home: Path, tag: str, turn_id: str) -> list[DatasetRow]:
    """Return the rows a turn made in one version."""
    return [row for row in read_rows(home, open_version(home, tag)) if row.origin.turn_id == turn_id]


def _manifest(models_dir: Path, component: str, version: str) -> Manifest | None:
    try:
        return registry.read_manifest(registry.version_folder(models_dir, component, version))
    except ModelError:
        return None
