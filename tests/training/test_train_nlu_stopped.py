"""A training of the understanding stopped, killed, out of space or in another's way: nothing half is left, nothing is lost."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from lamp_rows import lamp_rows, write

from aiyam.contracts import Progress
from aiyam.errors import Conflict, InvalidInput
from aiyam.registry import open_sealed
from aiyam.training import nlu
from aiyam.training.nlu import train_nlu


def quiet(_: Progress) -> None:
    return None


@pytest.mark.parametrize("stage", ["read", "rows", "intent", "spans", "network"])
def test_a_training_stopped_at_any_stage_leaves_no_version(tmp_path: Path, stage: str) -> None:
    data = write(tmp_path / "lamps.jsonl", lamp_rows(24))

    def stop(event: Progress) -> None:
        if event.stage == stage:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_nlu(data, tmp_path / "v1", seed=1, epochs=0, progress=stop)
    assert [p.name for p in tmp_path.iterdir()] == ["lamps.jsonl"]


def test_intents_that_cannot_be_fitted_leave_no_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*given: object, **options: object) -> None:
        raise MemoryError("no room for the matrix")

    monkeypatch.setattr(nlu, "fit_intents", full)
    data = write(tmp_path / "lamps.jsonl", lamp_rows(24))
    with pytest.raises(MemoryError, match="no room"):
        train_nlu(data, tmp_path / "v1", seed=1, epochs=0, progress=quiet)
    assert [p.name for p in tmp_path.iterdir()] == ["lamps.jsonl"]


KILLED = """
import os, signal, sys
from pathlib import Path
from aiyam.training import nlu
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests in the background ignores it
save = nlu.save_model
nlu.save_model = lambda *given: (save(*given), os.kill(os.getpid(), getattr(signal, sys.argv[3])))
nlu.train_nlu(Path(sys.argv[1]), Path(sys.argv[2]), seed=1, epochs=0, progress=lambda _: None)
"""


def killed_training(data: Path, out: Path, how: str) -> int:
    """Train in a process of its own that gets a signal when half of its files are written; return how it ended."""
    return subprocess.run(
        [sys.executable, "-c", KILLED, str(data), str(out), how], check=False, stderr=subprocess.DEVNULL
    ).returncode


def test_a_training_killed_leaves_no_version_and_another_takes_its_place(tmp_path: Path) -> None:
    data = write(tmp_path / "data" / "lamps.jsonl", lamp_rows(24))
    out = tmp_path / "models" / "v1"
    assert killed_training(data, out, "SIGKILL") == -signal.SIGKILL
    assert not out.exists()
    assert list(out.parent.rglob("weights.safetensors"))  # what it had written stands in nobody's way
    manifest = train_nlu(data, out, seed=1, epochs=0, progress=quiet)
    assert open_sealed(out, "nlu") == manifest
    assert [p.name for p in out.parent.iterdir()] == ["v1"]


def test_a_training_interrupted_from_the_keyboard_leaves_nothing(tmp_path: Path) -> None:
    data = write(tmp_path / "data" / "lamps.jsonl", lamp_rows(24))
    assert killed_training(data, tmp_path / "models" / "v1", "SIGINT") not in (0, None)
    assert not list((tmp_path / "models").iterdir())


def test_a_training_on_a_full_disk_leaves_nothing_and_the_next_one_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write(tmp_path / "data" / "lamps.jsonl", lamp_rows(24))
    out = tmp_path / "models" / "v1"

    def full(path: Path, examples: object) -> None:
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    with monkeypatch.context() as patch:
        patch.setattr("aiyam.training.nlu.write_rows", full)
        with pytest.raises(OSError, match="No space left"):
            train_nlu(data, out, seed=1, epochs=0, progress=quiet)
    assert not list(out.parent.iterdir())
    assert train_nlu(data, out, seed=1, epochs=0, progress=quiet) == open_sealed(out, "nlu")


def test_what_stands_in_the_folder_already_is_refused_before_the_training_and_left(tmp_path: Path) -> None:
    data = write(tmp_path / "lamps.jsonl", lamp_rows(24))
    (tmp_path / "v1").mkdir()
    (tmp_path / "v1" / "notes.txt").write_text("mine")
    told: list[Progress] = []
    with pytest.raises(Conflict, match=r"notes\.txt"):
        train_nlu(data, tmp_path / "v1", seed=1, progress=told.append)
    assert not told
    assert [p.name for p in (tmp_path / "v1").iterdir()] == ["notes.txt"]
    (tmp_path / "v1" / "notes.txt").unlink()
    train_nlu(data, tmp_path / "v1", seed=1, epochs=0, progress=quiet)  # an empty folder may be filled


def test_every_file_of_a_version_has_the_rights_new_files_have(tmp_path: Path) -> None:
    data = write(tmp_path / "lamps.jsonl", lamp_rows(24))
    before = os.umask(0o027)
    try:
        train_nlu(data, tmp_path / "v1", seed=1, epochs=0, progress=quiet)
    finally:
        os.umask(before)
    assert {
        p.name: oct(p.stat().st_mode & 0o777) for p in (tmp_path / "v1").iterdir() if p.stat().st_mode & 0o777 != 0o640
    } == {}
    assert (tmp_path / "v1").stat().st_mode & 0o777 == 0o750


def test_a_sealed_version_is_never_trained_over(tmp_path: Path) -> None:
    folder = tmp_path / "v1"
    data = write(tmp_path / "lamps.jsonl", lamp_rows(24))
    manifest = train_nlu(data, folder, seed=1, epochs=0, progress=quiet)
    with pytest.raises(Conflict):
        train_nlu(data, folder, seed=2, epochs=0, progress=quiet)
    assert open_sealed(folder, "nlu") == manifest


def test_of_two_trainings_at_once_the_second_is_refused_before_it_begins(tmp_path: Path) -> None:
    data = write(tmp_path / "lamps.jsonl", lamp_rows(24))
    told: list[Progress] = []

    def meanwhile(event: Progress) -> None:
        if event.stage == "intent":
            with pytest.raises(Conflict, match="another process"):
                train_nlu(data, tmp_path / "v1", seed=2, epochs=0, progress=told.append)

    manifest = train_nlu(data, tmp_path / "v1", seed=1, epochs=0, progress=meanwhile)
    assert open_sealed(tmp_path / "v1", "nlu") == manifest
    assert not told


def test_a_place_that_is_no_folder_is_refused_before_the_training(tmp_path: Path) -> None:
    data = write(tmp_path / "lamps.jsonl", lamp_rows(24))
    told: list[Progress] = []
    with pytest.raises(InvalidInput, match="written"):
        train_nlu(data, data / "v1", seed=1, progress=told.append)
    assert not told
