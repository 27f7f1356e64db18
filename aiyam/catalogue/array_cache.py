"""The catalogue's arrays in one file by fingerprint, so that a start does not read a million rows again."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

_FORMAT = 1
_KEPT = 3
_SEPARATOR, _NONE = "\x1e", "\x00"


def _path(folder: Path, fingerprint: str) -> Path:
    return folder / f"catalogue-{fingerprint}-f{_FORMAT}.npz"


def save_cached(folder: Path, fingerprint: str, values: dict[str, Any]) -> Path:
    """Write arrays, lists of texts (None allowed), booleans and texts; whole or not at all (a rename comes last)."""
    packed: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, np.ndarray):
            packed[f"a:{name}"] = value
        elif isinstance(value, list):
            if any(text is not None and (_SEPARATOR in text or _NONE in text) for text in value):
                return _path(folder, fingerprint)  # a text that cannot be packed: serve from the store each time
            joined = _SEPARATOR.join(_NONE if text is None else text for text in value)
            packed[f"l:{name}"] = np.frombuffer(joined.encode("utf-8", "surrogatepass"), np.uint8)
            packed[f"n:{name}"] = np.array(len(value))
        elif isinstance(value, bool):
            packed[f"b:{name}"] = np.array(value)
        else:
            packed[f"s:{name}"] = np.array(str(value))
    folder.mkdir(parents=True, exist_ok=True)
    target = _path(folder, fingerprint)
    partial = target.with_suffix(f".{os.getpid()}.partial")
    with partial.open("wb") as file:
        np.savez(file, **packed)
    os.replace(partial, target)
    _drop_old(folder)
    return target


def _drop_old(folder: Path) -> None:
    """Keep the newest few files: every import and every decision on a shop makes one more."""
    ages = []
    for path in folder.glob("catalogue-*.npz"):
        with suppress(OSError):  # another process may have dropped it
            ages.append((path.stat().st_mtime, path))
    for _, path in sorted(ages)[:-_KEPT]:
        path.unlink(missing_ok=True)


def load_cached(folder: Path, fingerprint: str) -> dict[str, Any] | None:
    """Return what ``save_cached`` kept for this fingerprint, or None when there is nothing whole."""
    target = _path(folder, fingerprint)
    values: dict[str, Any] = {}
    try:
        with target.open("rb") as file, np.load(file, allow_pickle=False) as packed:
            for key in packed.files:
                kind, name = key.split(":", 1)
                if kind == "a":
                    values[name] = packed[key]
                elif kind == "l":
                    joined = packed[key].tobytes().decode("utf-8", "surrogatepass")
                    texts = joined.split(_SEPARATOR) if int(packed[f"n:{name}"]) else []
                    values[name] = [None if text == _NONE else text for text in texts]
                elif kind == "b":
                    values[name] = bool(packed[key])
                elif kind == "s":
                    values[name] = str(packed[key])
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None
    return values
