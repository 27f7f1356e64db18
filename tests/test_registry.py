"""Sealed versions: whole or refused, naming the file."""

from __future__ import annotations

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


def test_a_seal_that_dies_before_the_manifest_leaves_no_version(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = tmp_path / "models"
    version = registry.new_version(models, "nlu")
    (models / "nlu" / version / "weights.bin").write_bytes(b"x")

    def dies(path: Path) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(registry, "sha256_of", dies)
    with pytest.raises(KeyboardInterrupt):
        registry.seal(models / "nlu" / version, component="nlu", version=version)
    assert registry.versions(models, "nlu") == ["v1"]


def test_versions_are_listed_oldest_first_and_ten_comes_after_nine(tmp_path: Path) -> None:
    assert registry.versions(tmp_path, "nlu") == []
    assert registry.latest(tmp_path, "nlu") is None
    for _ in range(11):
        version = registry.new_version(tmp_path, "nlu")
        (tmp_path / "nlu" / version / "w").write_text("x")
        registry.seal(tmp_path / "nlu" / version, component="nlu", version=version, created_at=NOW)
    assert registry.versions(tmp_path, "nlu") == [f"v{n}" for n in range(1, 12)]
    assert registry.latest(tmp_path, "nlu") == "v11"
    registry.new_version(tmp_path, "nlu")
    assert registry.latest(tmp_path, "nlu") == "v11"


def test_trainings_at_once_get_different_versions(tmp_path: Path) -> None:
    got: list[str] = []
    threads = [threading.Thread(target=lambda: got.append(registry.new_version(tmp_path, "nlu"))) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == sorted(f"v{n}" for n in range(1, 13))


@pytest.mark.parametrize("name", ["", "..", "a/b", "../../etc", "a\\b"])
def test_a_version_name_cannot_leave_the_models_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInput):
        registry.version_folder(tmp_path, "nlu", name)
