"""A small understanding model, trained once for the tests of this folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aiyam.nlu.gazetteer import Gazetteer
from aiyam.nlu.grammar import SHOP_NAMES
from aiyam.nlu.understander import Understander
from aiyam.settings import REPO_ROOT
from aiyam.training.nlu import train_nlu


@pytest.fixture(scope="session")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sealed version trained on every second hand-written row."""
    folder = tmp_path_factory.mktemp("nlu")
    lines = (REPO_ROOT / "datasets" / "nlu" / "handwritten.jsonl").read_text("utf-8").splitlines()
    data = folder / "rows.jsonl"
    data.write_text("\n".join(lines[::2]) + "\n", "utf-8")
    assert all(json.loads(line) for line in lines)
    train_nlu(data, folder / "v1", seed=3, epochs=6, progress=lambda _: None)
    return folder / "v1"


@pytest.fixture(scope="session")
def understander(small_model: Path) -> Understander:
    return Understander.load(small_model, Gazetteer.from_shipped(SHOP_NAMES))
