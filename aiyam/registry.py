"""Sealed model versions on disk: checksums of every file, a manifest written last, and a refusal of anything damaged."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from aiyam.contracts import KST, Manifest
from aiyam.errors import Conflict, InvalidInput, ModelError

MANIFEST = "manifest.json"
CARD = "card.md"
_BUILDING = ".building"
"""Beside the versions: what is being built, and the numbers kept for it."""
_VERSION = re.compile(r"^v(\d+)$")
_PACKAGES = ("numpy", "torch", "scikit-learn", "python-crfsuite", "faiss-cpu")


def seal(
    folder: Path,
    *,
    component: str,
    version: str,
    created_at: datetime | None = None,
    parents: Sequence[str] = (),
    dataset: str = "",
    dataset_sha256: str = "",
    config: Mapping[str, Any] | None = None,
    feature_table: Sequence[str] = (),
    metrics: Mapping[str, Any] | None = None,
    code_revision: str | None = None,
    packages: Mapping[str, str] | None = None,
    card: str = "",
) -> Manifest:
    """Turn a folder of finished files into a model version: write ``card.md``, then the manifest, last and at once.

    Everything is on disk before the manifest appears, so a version with a manifest is whole, and a killed training
    leaves none. Every file gets the rights that new files have here (some libraries write theirs for one person alone).
    A sealed folder is never changed.

    Args:
        card: text of ``card.md`` below its heading and facts; may be empty.

    Raises:
        ModelError: no folder, or nothing in it.
        Conflict: the folder is already sealed.
    """
    if not folder.is_dir():
        raise ModelError(
            f"Expected a folder of model files at {folder}, found none.", hint="Save the model there first."
        )
    if (folder / MANIFEST).exists():
        raise _already_sealed(folder)
    if not component or not version:
        raise InvalidInput("Expected a component and a version to seal, got an empty name.")
    if not _files(folder):
        raise ModelError(
            f"Expected model files in {folder}, found an empty folder.", hint="Save the model there first."
        )
    facts: dict[str, Any] = {
        "component": component,
        "version": version,
        "created_at": created_at or datetime.now(KST),
        "parents": tuple(parents),
        "dataset": dataset,
        "dataset_sha256": dataset_sha256,
        "config": dict(config or {}),
        "feature_table": tuple(feature_table),
        "metrics": dict(metrics or {}),
        "code_revision": _code_revision() if code_revision is None else code_revision,
        "packages": dict(_installed() if packages is None else packages),
    }
    _write_at_once(folder / CARD, _card(Manifest(**facts), card))
    checksums = {}
    rights = (folder / CARD).stat().st_mode & 0o777
    for name in _files(folder):
        with (folder / name).open("rb+") as handle:
            os.fchmod(handle.fileno(), rights)
            os.fsync(handle.fileno())
        checksums[name] = sha256_of(folder / name)
    manifest = Manifest(**facts, checksums=checksums)
    _write_at_once(folder / MANIFEST, manifest.model_dump_json(indent=2) + "\n")
    return manifest


@contextmanager
def building(out: Path) -> Iterator[Path]:
    """Give an empty folder of the same name to build a version in; it becomes ``out``, whole, when the block ends well.

    Where the block does not end well nothing is left; a killed process leaves a hidden folder, which the next one building the same removes.

    Raises:
        Conflict: ``out`` holds something, was given something meanwhile, or is being built by another process.
        InvalidInput: it, or the nearest folder above it that exists, cannot be written to.
    """
    out = out.resolve()  # a link is followed now: a folder cannot be renamed over it later
    _refuse_taken(out)
    parent = out.parent
    folder = parent / _BUILDING / out.name
    with _locked(folder.with_name(f"{out.name}.lock")) as ours:
        if not ours:
            raise Conflict(f"{out} is being built by another process.", hint="Wait for it, or name another folder.")
        _refuse_taken(out)
        try:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            yield folder
            try:
                os.rename(folder, out)
            except OSError:
                _refuse_taken(out)
                raise
            _sync(parent)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def next_version(models_dir: Path, component: str) -> Iterator[Path]:
    """Give the path of the next version, its number kept for the caller while the block runs; nothing is made there.

    Two trainings at once never get the same, and one that fails or is killed uses none up.
    """
    folder = models_dir / component
    folder.mkdir(parents=True, exist_ok=True)
    number = max((int(m[1]) for p in folder.iterdir() if (m := _VERSION.match(p.name)) and _holds_any(p)), default=0)
    while True:
        number += 1
        out = folder / f"v{number}"
        with _locked(folder / _BUILDING / f"{out.name}.kept") as ours:
            if ours and not _holds_any(out):
                yield out
                return


@contextmanager
def _locked(path: Path) -> Iterator[bool]:
    """Hold a lock file while the block runs, or tell that another does; the system frees that of a killed process."""
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            handle = path.open("a")
        except FileNotFoundError:  # another has just removed the folder
            continue
        with handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            if not _is_at(handle.fileno(), path):  # its holder has just removed it
                continue
            try:
                yield True
            finally:
                path.unlink(missing_ok=True)
                with suppress(OSError):  # others are being built
                    path.parent.rmdir()
            return


def _is_at(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _refuse_taken(out: Path) -> None:
    if (out / MANIFEST).exists():
        raise _already_sealed(out)
    parent = next(path for path in out.absolute().parents if path.exists())
    for there in (parent, out):
        if there.exists() and not (there.is_dir() and os.access(there, os.R_OK | os.W_OK | os.X_OK)):
            raise InvalidInput(
                f"Expected a folder that can be written to at {out}, got {there}, which cannot.",
                hint="Name another folder, or change its rights.",
            )
    if out.is_mount():
        raise InvalidInput(f"Expected a plain folder at {out}, got a mounted one.", hint="Name a folder inside it.")
    if _holds_any(out):
        raise Conflict(
            f"Expected an empty folder or none at {out}, found {min(p.name for p in out.iterdir())} in it.",
            hint="Name a new folder, or empty this one.",
        )


def _already_sealed(folder: Path) -> Conflict:
    return Conflict(f"{folder} is already sealed.", hint="Name a new folder; sealed versions do not change.")


def _holds_any(folder: Path) -> bool:
    return folder.is_dir() and next(folder.iterdir(), None) is not None


def open_sealed(folder: Path, component: str) -> Manifest:
    """Check a model version file by file and return its manifest.

    Raises:
        ModelError: missing, unfinished, of another component, or with a file missing, truncated, altered or added;
            the message names the file.
    """
    retrain = "Train it again, or restore the folder from a backup."
    manifest = read_manifest(folder)
    if manifest.component != component:
        raise ModelError(
            f"Expected a model of component {component!r} in {folder}, found one of {manifest.component!r}.",
            hint=f"Name a folder under models/{component}/.",
        )
    for name, expected in sorted(manifest.checksums.items()):
        path = folder / name
        if not path.is_file():
            raise ModelError(f"Expected the file {path}, which {MANIFEST} lists; it is missing.", hint=retrain)
        if sha256_of(path) != expected:
            raise ModelError(
                f"Expected {path} with SHA-256 {expected[:12]}…, found other contents ({path.stat().st_size} bytes): "
                "truncated or altered.",
                hint=retrain,
            )
    added = sorted(set(_files(folder)) - set(manifest.checksums))
    if added:
        raise ModelError(
            f"Expected only the files {MANIFEST} lists in {folder}, found {added[0]} too.", hint="Move it elsewhere."
        )
    return manifest


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of a version without checking its files.

    Raises:
        ModelError: no folder, no manifest, or not one.
    """
    path = folder / MANIFEST
    if not folder.is_dir():
        raise ModelError(f"Expected a model folder at {folder}, found none.", hint="Train it: aiyam train --help.")
    if not path.is_file():
        raise ModelError(
            f"Expected {path}, which is written last; it is missing, so the version is unfinished.",
            hint="Delete the folder and train again.",
        )
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise ModelError(
            f"Expected a manifest in {path}, found something else: {error.errors()[0]['msg']}.",
            hint="Delete the folder and train again.",
        ) from error


def versions(models_dir: Path, component: str) -> list[str]:
    """Return the sealed versions of a component, oldest first (v1, v2, ... v10)."""
    folder = models_dir / component
    if not folder.is_dir():
        return []
    return sorted((path.name for path in folder.iterdir() if (path / MANIFEST).is_file()), key=_age_order)


def latest(models_dir: Path, component: str) -> str | None:
    """Return the newest sealed version, or None."""
    found = versions(models_dir, component)
    return found[-1] if found else None


def version_folder(models_dir: Path, component: str, version: str) -> Path:
    """Return where a version's files are.

    Raises:
        InvalidInput: a name that would leave the models folder.
    """
    for name in (component, version):
        if not name or name in (".", "..") or "/" in name or "\\" in name or "\0" in name:
            raise InvalidInput(f"Expected a plain name for a model component or version, got {name!r}.")
    return models_dir / component / version


def sha256_of(path: Path) -> str:
    """Return a file's SHA-256 as hexadecimal digits."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _files(folder: Path) -> list[str]:
    """Names, relative and with forward slashes, of every file but the manifest and unfinished writes."""
    names = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(name for name in names if name != MANIFEST and not name.endswith(".part"))


def _write_at_once(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.part")
    with partial.open("w", encoding="utf-8") as handle:
        handle.write(text)
        handle.flush()
        os.fsync(handle.fileno())
    os.replace(partial, path)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    directory = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _card(manifest: Manifest, text: str) -> str:
    lines = [f"# {manifest.component} {manifest.version}", "", text.strip(), ""] if text.strip() else [
        f"# {manifest.component} {manifest.version}",
        "",
    ]  # fmt: skip
    lines += [
        "| fact | value |",
        "|---|---|",
        f"| made | {manifest.created_at.isoformat(timespec='seconds')} |",
        f"| from | {', '.join(manifest.parents) or 'scratch'} |",
        f"| data | {manifest.dataset or 'not stated'} {manifest.dataset_sha256[:12]} |",
        f"| code | {manifest.code_revision or 'unknown'} |",
        *(f"| {name} | {value} |" for name, value in sorted(manifest.metrics.items())),
    ]
    return "\n".join(lines) + "\n"


def _age_order(version: str) -> tuple[int, int, str]:
    match = _VERSION.match(version)
    return (1, int(match[1]), "") if match else (0, 0, version)


def _installed() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _code_revision() -> str:
    """Commit of the checkout this code runs from, read from .git; empty outside one."""
    git = Path(__file__).resolve().parent.parent / ".git"
    try:
        head = (git / "HEAD").read_text(encoding="utf-8").strip()
        if not head.startswith("ref: "):
            return head
        name = head.removeprefix("ref: ")
        loose = git / name
        if loose.is_file():
            return loose.read_text(encoding="utf-8").strip()
        for line in (git / "packed-refs").read_text(encoding="utf-8").splitlines():
            if line.endswith(f" {name}"):
                return line.split()[0]
    except OSError:
        pass
    return ""
