"""Dataset versions on disk: found by name, read row by row, checked against their hash, and locked while they change."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from aiyam.errors import Conflict, DataError, InvalidInput, NotFound
from aiyam.label_contracts import DATASET_NAMES, DatasetName, DatasetRow, DatasetVersion, RowOrigin
from aiyam.registry import MANIFEST

TRAIN, VALID, ORIGINS, LEFT_OUT, CARD = "train.jsonl", "valid.jsonl", "origins.jsonl", "left_out.jsonl", "README.md"
FOLDER = "datasets"
LATEST = "latest"
_REPLACING = ".replacing"
_TAG = re.compile(r"([a-z]+)@(v[1-9]\d*|latest)")
_VERSION = re.compile(r"v([1-9]\d*)")


def root_of(home: Path) -> Path:
    """Return the folder that holds a home's dataset versions."""
    return home / FOLDER


def folder_of(home: Path, version: DatasetVersion) -> Path:
    """Return the folder of a version."""
    return root_of(home) / version.name / version.version


def list_versions(home: Path, name: DatasetName | None = None) -> tuple[list[DatasetVersion], list[str]]:
    """Return the versions, oldest first by name, and what is wrong with those whose manifest cannot be read."""
    found: list[DatasetVersion] = []
    damaged: list[str] = []
    for one in get_args(DatasetName) if name is None else (name,):
        for number in _numbers(root_of(home) / one):
            folder = root_of(home) / one / f"v{number}"
            if (folder / MANIFEST).is_file():
                try:
                    found.append(_read_manifest(folder, one))
                except DataError as error:
                    damaged.append(f"{one}@v{number}: {error}")
    return found, damaged


def open_version(home: Path, tag: str) -> DatasetVersion:
    """Return the version that a tag names: ``nlu@v3``, or ``nlu@latest``.

    Raises:
        InvalidInput: no tag.
        NotFound: there is no such version; the message names those there are.
        DataError: its manifest is damaged.
    """
    match = _TAG.fullmatch(tag.strip())
    if match is None or match[1] not in DATASET_NAMES:
        raise InvalidInput(
            f"Expected a dataset version like nlu@v3 or nlu@latest, got {tag!r}.",
            hint=f"The datasets are {', '.join(DATASET_NAMES)}.",
        )
    name: DatasetName = match[1]
    there = [n for n in _numbers(root_of(home) / name) if (root_of(home) / name / f"v{n}" / MANIFEST).is_file()]
    number = (there[-1] if there else 0) if match[2] == LATEST else int(match[2][1:])
    if number not in there:
        known = ", ".join(f"v{n}" for n in there) or "none"
        raise NotFound(
            f"Expected a version of {name}, {tag} is not there (known: {known}).",
            hint=f"Build one: aiyam dataset build {name}.",
        )
    return _read_manifest(root_of(home) / name / f"v{number}", name)


def latest_version(home: Path, name: DatasetName) -> DatasetVersion | None:
    """Return the newest version that can be read; None before the first."""
    versions, _ = list_versions(home, name)
    return versions[-1] if versions else None


def next_number(home: Path, name: DatasetName) -> int:
    """Return the number of the next version; a folder that is no version uses its number up too."""
    return max(_numbers(root_of(home) / name), default=0) + 1


def read_rows(home: Path, version: DatasetVersion) -> Iterator[DatasetRow]:
    """Give every row of a version with its origin.

    Raises:
        DataError: a file is missing, or its rows and origins do not belong together.
    """
    folder = folder_of(home, version)
    sides = {side: _lines(folder / file) for side, file in (("train", TRAIN), ("valid", VALID))}
    for number, line in enumerate(_lines(folder / ORIGINS), 1):
        try:
            told = json.loads(line)
            row = json.loads(next(sides[told["split"]]))
            yield DatasetRow.model_validate({**told, "row": row})
        except (ValueError, KeyError, TypeError, StopIteration) as error:
            raise DataError(
                f"Expected a row of {version.tag} at {ORIGINS}:{number}, got {type(error).__name__}: the version is damaged.",
                hint="Restore it from a backup, or build a new version.",
            ) from error
    if any(next(lines, None) is not None for lines in sides.values()):
        raise DataError(
            f"Expected an origin for every row of {version.tag}, found rows without one: the version is damaged.",
            hint="Restore it from a backup, or build a new version.",
        )


def sha256_of_rows(lines: Iterable[tuple[str, str]]) -> str:
    """Return the SHA-256 of rows as (split, line of JSON), in their order."""
    digest = hashlib.sha256()
    for split, line in lines:
        digest.update(f"{split}\t{line}\n".encode("utf-8", "replace"))
    return digest.hexdigest()


def verify(home: Path, version: DatasetVersion) -> list[str]:
    """Return what is wrong with a version's files; empty when all is as its manifest says."""
    problems: list[str] = []
    counts = {"train": 0, "valid": 0}
    folder = folder_of(home, version)
    try:
        lines = [(side, line) for side, file in (("train", TRAIN), ("valid", VALID)) for line in _lines(folder / file)]
        for side, _ in lines:
            counts[side] += 1
        if sha256_of_rows(lines) != version.sha256:
            problems.append("the rows are not those the manifest was written for (SHA-256 differs)")
        if counts != {"train": version.n_train, "valid": version.n_valid}:
            problems.append(
                f"expected {version.n_train} and {version.n_valid} rows, got {counts['train']} and {counts['valid']}"
            )
        for _ in read_rows(home, version):
            pass
    except DataError as error:
        problems.append(error.message)
    return problems


@contextmanager
def changing(home: Path) -> Iterator[None]:
    """Hold the lock under which versions are built and rows taken out; the system frees that of a killed process.

    Raises:
        Conflict: another process holds it.
    """
    root = root_of(home)
    root.mkdir(parents=True, exist_ok=True)
    with (root / ".lock").open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(
                "Another build, erasure or retention run is changing the datasets.", hint="Wait until it is done."
            ) from None
        _put_back(root)
        yield


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """Give an empty folder that takes the place of a version when the block ends well; call it under ``changing``.

    A process killed between the two renames leaves the version under another name, which the next ``changing`` puts back.
    """
    new, old = (folder.parent / _REPLACING / f"{folder.name}.{what}" for what in ("new", "old"))
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    try:
        yield new
        os.rename(folder, old)
        os.rename(new, folder)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    shutil.rmtree(folder.parent / _REPLACING, ignore_errors=True)


def _put_back(root: Path) -> None:
    """Put versions back that a killed run had moved aside, and remove what it left."""
    for aside in root.glob(f"*/{_REPLACING}"):
        for old in aside.glob("*.old"):
            version = aside.parent / old.name.removesuffix(".old")
            if not version.exists():
                os.rename(old, version)
        shutil.rmtree(aside, ignore_errors=True)


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write lines, on disk when this returns."""
    with path.open("w", encoding="utf-8", newline="\n") as out:
        out.writelines(f"{line}\n" for line in lines)
        out.flush()
        os.fsync(out.fileno())


def card_of(version: DatasetVersion) -> str:
    """Return the card: a header that ``datasets.load_dataset`` reads, and what the version is made of."""
    lines = [
        "---",
        "configs:",
        "- config_name: default",
        "  data_files:",
        f"  - {{split: train, path: {TRAIN}}}",
        *([f"  - {{split: validation, path: {VALID}}}"] if version.n_valid else []),
        "---",
        f"# {version.tag}",
        "",
        "| fact | value |",
        "|---|---|",
        f"| made | {version.created_at.isoformat(timespec='seconds')} |",
        f"| from | {version.parent or 'nothing before it'} |",
        f"| rows | {version.n_train:,} to train on, {version.n_valid:,} held out by conversation |",
        f"| guide | {version.guide_version or 'none'} |",
        f"| SHA-256 of the rows | {version.sha256} |",
        *(f"| taken out | {r.n_rows:,} rows ({r.why}), before {r.sha256_before[:12]}… |" for r in version.redactions),
    ]
    for title, counts in (
        ("Rows by class", version.counts),
        ("Rows by source", version.sources),
        ("Left out", version.left_out),
    ):
        lines += ["", f"## {title}", "", "| what | n |", "|---|---|", *(f"| {k} | {n:,} |" for k, n in counts.items())]
    return "\n".join(lines) + "\n"


def json_line(value: Any) -> str:
    """Return a row as its line; half characters, which no file holds, become question marks."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace").decode("utf-8")


def origin_line(row_id: str, split: str, kind: str, origin: RowOrigin) -> str:
    """Return the line that says what a row is and where it comes from."""
    return json_line(
        {
            "row_id": row_id,
            "split": split,
            "kind": kind,
            "origin": origin.model_dump(mode="json", exclude_defaults=True),
        }
    )


def _numbers(folder: Path) -> list[int]:
    if not folder.is_dir():
        return []
    return sorted(int(match[1]) for path in folder.iterdir() if (match := _VERSION.fullmatch(path.name)))


def _lines(path: Path) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8", newline="\n") as lines:
            for line in lines:
                yield line.rstrip("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"Expected rows in {path}, got: {getattr(error, 'strerror', None) or error}.",
            hint="Restore it from a backup, or build a new version.",
        ) from error


def _read_manifest(folder: Path, name: DatasetName) -> DatasetVersion:
    try:
        found = DatasetVersion.model_validate_json((folder / MANIFEST).read_bytes())
    except (OSError, ValidationError) as error:
        raise DataError(
            f"Expected the manifest of a dataset version in {folder / MANIFEST}, got: {str(error).splitlines()[0]}.",
            hint="Restore it from a backup, or build a new version.",
        ) from error
    if (found.name, found.version) != (name, folder.name):
        raise DataError(
            f"Expected {name}@{folder.name} in {folder}, found the manifest of {found.tag}.", hint="Move it back."
        )
    return found
