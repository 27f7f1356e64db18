"""Sealed versions: whole or refused, naming the file."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from datetime import datetime
from pathlib import Path

import pytest

from aiyam import registry
from aiyam.contracts import KST
from aiyam.errors import Conflict, InvalidInput, ModelError

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=KST)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "models" / "nlu" / "v1"
    (folder / "vocab").mkdir(parents=True)
    (folder / "weights.safetensors").write_bytes(bytes(range(256)) * 64)
    (folder / "vocab" / "words.txt").write_text("떡볶이\n치킨\n", encoding="utf-8")
    registry.seal(folder, component="nlu", version="v1", created_at=NOW, metrics={"intent_accuracy": 0.9, "n": 120},
                  parents=("v0",), dataset="nlu-seed", config={"epochs": 10}, card="의도와 값을 찾는다.")  # fmt: skip
    return folder


def test_a_sealed_folder_opens_with_every_fact(folder: Path) -> None:
    manifest = registry.open_sealed(folder, "nlu")
    assert manifest.metrics == {"intent_accuracy": 0.9, "n": 120}
    assert manifest.parents == ("v0",)
    assert manifest.config == {"epochs": 10}
    assert set(manifest.checksums) == {"weights.safetensors", "vocab/words.txt", "card.md"}
    assert "numpy" in manifest.packages
    card = (folder / "card.md").read_text(encoding="utf-8")
    assert card.startswith("# nlu v1\n")
    assert "의도와 값을 찾는다." in card
    assert "| intent_accuracy | 0.9 |" in card


@pytest.mark.parametrize("name", ["weights.safetensors", "vocab/words.txt", "card.md"])
def test_a_missing_truncated_or_altered_file_is_named(folder: Path, name: str) -> None:
    path = folder / name
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match=rf"{name}.*truncated or altered"):
        registry.open_sealed(folder, "nlu")
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(ModelError, match=name):
        registry.open_sealed(folder, "nlu")
    path.unlink()
    with pytest.raises(ModelError, match=rf"{name}.*missing"):
        registry.open_sealed(folder, "nlu")


def test_an_added_file_is_refused(folder: Path) -> None:
    (folder / "extra.bin").write_bytes(b"x")
    with pytest.raises(ModelError, match=r"extra\.bin"):
        registry.open_sealed(folder, "nlu")


def test_another_component_is_refused(folder: Path) -> None:
    with pytest.raises(ModelError, match=r"'ranker'.*'nlu'"):
        registry.open_sealed(folder, "ranker")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"component": "nlu"}', "\x00\x01"])
def test_a_damaged_manifest_is_refused(folder: Path, text: str) -> None:
    (folder / "manifest.json").write_text(text)
    with pytest.raises(ModelError, match=r"manifest\.json"):
        registry.open_sealed(folder, "nlu")


def test_a_folder_without_manifest_or_no_folder_is_refused(folder: Path) -> None:
    (folder / "manifest.json").unlink()
    with pytest.raises(ModelError, match="unfinished"):
        registry.open_sealed(folder, "nlu")
    with pytest.raises(ModelError, match="found none"):
        registry.open_sealed(folder.parent / "v7", "nlu")


def test_a_sealed_version_is_not_sealed_again_and_an_empty_one_never(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(Conflict, match="already sealed"):
        registry.seal(folder, component="nlu", version="v1")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match="empty"):
        registry.seal(tmp_path / "empty", component="nlu", version="v1")
    with pytest.raises(ModelError, match="found none"):
        registry.seal(tmp_path / "nowhere", component="nlu", version="v1")


def build(out: Path, text: str = "x") -> None:
    with registry.building(out) as folder:
        (folder / "weights.bin").write_text(text)
        registry.seal(folder, component="nlu", version=folder.name, created_at=NOW)


def test_a_seal_that_dies_before_the_manifest_leaves_nothing(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(path: Path) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(registry, "sha256_of", dies)
    with pytest.raises(KeyboardInterrupt):
        build(tmp_path / "models" / "nlu" / "v2")
    assert registry.versions(tmp_path / "models", "nlu") == ["v1"]
    assert [p.name for p in folder.parent.iterdir()] == ["v1"]


def test_a_version_appears_whole_under_its_own_name(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "er" / "v1"
    with registry.building(out) as folder:
        assert (folder.name, list(folder.iterdir()), out.exists()) == ("v1", [], False)
        (folder / "weights.bin").write_text("x")
        registry.seal(folder, component="nlu", version=folder.name, created_at=NOW)
        assert registry.versions(tmp_path / "deep", "er") == []
    assert registry.open_sealed(out, "nlu").version == "v1"
    assert [p.name for p in out.parent.iterdir()] == ["v1"]


def test_what_came_to_stand_there_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    def overtaken() -> None:
        with registry.building(tmp_path / "v1") as folder:
            (folder / "weights.bin").write_text("x")
            (tmp_path / "v1").mkdir()
            (tmp_path / "v1" / "notes.txt").write_text("mine")

    with pytest.raises(Conflict, match=r"notes\.txt"):
        overtaken()
    assert [p.name for p in tmp_path.rglob("*")] == ["v1", "notes.txt"]


def test_a_version_being_built_is_not_built_by_another(tmp_path: Path) -> None:
    with registry.building(tmp_path / "v1") as folder:
        with pytest.raises(Conflict, match="another process"):
            build(tmp_path / "v1", "other")
        (folder / "weights.bin").write_text("ours")
    assert (tmp_path / "v1" / "weights.bin").read_text() == "ours"


def test_what_a_killed_process_left_is_cleared_away_and_takes_no_number(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; from aiyam import registry\n"
        "with registry.next_version(Path(sys.argv[1]), 'nlu') as out, registry.building(out) as folder:\n"
        "    (folder / 'half.bin').write_text('x'); print(out.name, flush=True); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    build(tmp_path / "nlu" / "v1")
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False, capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (-signal.SIGKILL, "v2\n")
        assert registry.versions(tmp_path, "nlu") == ["v1"]
    with registry.next_version(tmp_path, "nlu") as out:
        build(out)
    assert sorted(p.name for p in (tmp_path / "nlu" / "v2").iterdir()) == ["card.md", "manifest.json", "weights.bin"]
    assert sorted(p.name for p in (tmp_path / "nlu").iterdir()) == ["v1", "v2"]


def test_versions_are_listed_oldest_first_and_ten_comes_after_nine(tmp_path: Path) -> None:
    assert registry.versions(tmp_path, "nlu") == []
    assert registry.latest(tmp_path, "nlu") is None
    for _ in range(11):
        with registry.next_version(tmp_path, "nlu") as out:
            build(out)
    assert registry.versions(tmp_path, "nlu") == [f"v{n}" for n in range(1, 12)]
    assert registry.latest(tmp_path, "nlu") == "v11"
    (tmp_path / "nlu" / "v12").mkdir()  # empty: nobody's
    with registry.next_version(tmp_path, "nlu") as out:
        assert out.name == "v12"
    (tmp_path / "nlu" / "v12" / "notes.txt").write_text("mine")
    with registry.next_version(tmp_path, "nlu") as out:
        assert out.name == "v13"


def test_trainings_at_once_get_different_versions(tmp_path: Path) -> None:
    got: list[str] = []
    all_have_one = threading.Barrier(12, timeout=30)

    def take() -> None:
        with registry.next_version(tmp_path, "nlu") as out:
            got.append(out.name)
            all_have_one.wait()

    threads = [threading.Thread(target=take) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == sorted(f"v{n}" for n in range(1, 13))
    assert not list((tmp_path / "nlu").iterdir())


def test_a_version_named_by_a_link_is_built_where_the_link_leads(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "v1").symlink_to(tmp_path / "there")
    with registry.building(tmp_path / "v1") as folder:
        (folder / "weights").write_text("1")
    assert (tmp_path / "there" / "weights").read_text() == "1"


def test_an_error_in_the_block_is_not_taken_for_one_of_the_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), registry.next_version(tmp_path, "nlu"):
        (tmp_path / "nothing").read_text()


@pytest.mark.parametrize("name", ["", "..", "a/b", "../../etc", "a\\b"])
def test_a_version_name_cannot_leave_the_models_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInput):
        registry.version_folder(tmp_path, "nlu", name)
