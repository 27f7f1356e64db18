"""A training's place to stop and go on: what was prepared and the last epoch, each in one file, whole or not at all."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aiyam.contracts import Manifest
from aiyam.errors import Conflict, DataError, InvalidInput
from aiyam.training.protocol import CancelCheck, Cancelled, Fitted, Prepared, ProgressCallback, Trainer, run_trainer

if TYPE_CHECKING:
    import torch

PREPARED, EPOCH = "prepared.safetensors", "epoch.safetensors"
_FACTS = "facts"


class Checkpoint:
    """A folder for one training.

    Args:
        recipe: all that decides the weights, as JSON types; a checkpoint of another recipe is refused, but for what is
            named in ``free`` (more epochs may follow).
    """

    def __init__(self, folder: Path, recipe: Mapping[str, Any], *, free: tuple[str, ...] = ("epochs",)) -> None:
        self.folder = folder
        self.recipe: dict[str, Any] = json.loads(json.dumps(recipe))
        self._free = free

    def save(self, tensors: Mapping[str, torch.Tensor], facts: Mapping[str, Any]) -> None:
        """Put an epoch in the place of the last one.

        Raises:
            InvalidInput: the disk is full or the folder cannot be written to; the last epoch stays.
        """
        arrays = {name: np.ascontiguousarray(value.detach().cpu().numpy()) for name, value in tensors.items()}
        write_arrays(self.folder / EPOCH, arrays, {"recipe": self.recipe, **facts})

    def load(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]] | None:
        """Return the last epoch's tensors and facts; None where there is none.

        Raises:
            DataError: it is of another recipe, or damaged.
        """
        import torch

        if not (self.folder / EPOCH).exists():
            return None
        arrays, facts = read_arrays(self.folder / EPOCH)
        self._refuse_other(facts.get("recipe"))
        return {name: torch.from_numpy(array) for name, array in arrays.items()}, facts

    def clear(self) -> None:
        """Remove everything that was kept."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _refuse_other(self, kept: Any) -> None:
        kept = kept if isinstance(kept, dict) else {}
        changed = sorted(
            name for name in {*kept, *self.recipe} - set(self._free) if kept.get(name) != self.recipe.get(name)
        )
        if changed:
            told = ", ".join(
                f"{name} {_short(self.recipe.get(name))} (kept: {_short(kept.get(name))})" for name in changed
            )
            raise DataError(
                f"Expected a checkpoint of this training in {self.folder}, got another one: {told}.",
                hint="Give the options it was started with, or train without --resume.",
            )


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep the folder to one training at a time.

    Raises:
        Conflict: another one uses it.
        InvalidInput: it cannot be written to.
    """
    lock = folder.with_name(f"{folder.name}.lock")
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        handle = lock.open("a")
    except OSError as error:
        raise _refused(lock, error) from None
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(
                f"Another training keeps its checkpoint in {folder}.", hint="Wait for it, or stop it."
            ) from None
        yield


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]) -> None:
    """Write arrays and facts (JSON types) as one safetensors file, whole or not at all.

    Raises:
        InvalidInput: the disk is full or the folder cannot be written to.
    """
    from safetensors.numpy import save

    data = save(dict(arrays), {_FACTS: json.dumps(facts, ensure_ascii=False)})
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as handle:
            handle.write(data)
            handle.flush()
            os.fsync(handle.fileno())
        os.replace(partial, path)
    except OSError as error:
        raise _refused(path, error) from None
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def read_arrays(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Return what ``write_arrays`` wrote.

    Raises:
        DataError: no such file, or a damaged one.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "np") as file:
            facts = json.loads((file.metadata() or {})[_FACTS])
            return {name: file.get_tensor(name) for name in file.keys()}, facts  # noqa: SIM118
    except (OSError, KeyError, ValueError, SafetensorError) as error:
        raise DataError(f"Expected a whole file at {path}, got: {error}.", hint="Train without --resume.") from None


def digest(value: Any) -> str:
    """Return the SHA-256 of JSON types.

    >>> digest({"b": 1, "a": 2}) == digest({"a": 2, "b": 1})
    True
    """
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _refused(path: Path, error: OSError) -> InvalidInput:
    return InvalidInput(
        f"Expected room and the right to write {path}, but: {error.strerror or error}.",
        hint="Free some space or change the rights, then go on with --resume.",
    )


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else f"{text[:37]}..."


def run_resumable(
    trainer: Trainer[Prepared, Fitted],
    out: Path,
    *,
    checkpoint_dir: Path | None,
    resume: bool,
    progress: ProgressCallback,
    cancelled: CancelCheck,
) -> Manifest:
    """Run a training that keeps its place in ``checkpoint_dir``, alone there; without one it is as ``run_trainer`` does.

    Without ``resume`` what was kept is dropped first; a finished training leaves nothing there.

    Raises:
        Cancelled: stopped on the way; the checkpoint stays.
        Conflict: another training is at work in the folder.
    """
    if checkpoint_dir is None:
        return run_trainer(trainer, out, progress=progress, cancelled=cancelled)
    with held(checkpoint_dir):
        kept = Checkpoint(checkpoint_dir, {})
        if not resume:
            kept.clear()
        try:
            manifest = run_trainer(trainer, out, progress=progress, cancelled=cancelled)
        except Cancelled as stopped:
            raise Cancelled(
                stopped.message.replace("nothing was saved", "no version was saved"), hint="Go on with --resume."
            ) from None
        kept.clear()
        return manifest
