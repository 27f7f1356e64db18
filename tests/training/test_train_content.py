from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "candidates"))

from dataclasses import replace

from small_city import build_city

from aiyam.candidates.encoder import TextEncoder
from aiyam.contracts import Progress
from aiyam.errors import Conflict, InvalidInput
from aiyam.registry import open_sealed
from aiyam.training.content import train_content


def test_the_content_encoder_is_sealed_and_finds_dishes_by_name(tmp_path: Path) -> None:
    events: list[Progress] = []
    manifest = train_content(build_city().catalogue, tmp_path / "v1", seed=1, progress=events.append)
    assert open_sealed(tmp_path / "v1", "content") == manifest
    assert manifest.metrics["dish_precision_at_10"] > 0.6
    assert [e.fraction for e in events] == sorted(e.fraction for e in events)
    assert events[-1].fraction == 1.0
    assert TextEncoder.load(tmp_path / "v1").encode(["마라탕"]).any()


def test_the_same_seed_trains_the_same_encoder(tmp_path: Path) -> None:
    catalogue = build_city().catalogue
    made = [train_content(catalogue, tmp_path / name, seed=4, progress=lambda _: None) for name in ("v1", "v2")]
    assert made[0].dataset_sha256 == made[1].dataset_sha256
    one, two = (TextEncoder.load(tmp_path / name).encode(["뜨끈한 국물", "떡볶이"]) for name in ("v1", "v2"))
    assert np.allclose(one, two, atol=1e-3)


def test_an_empty_catalogue_is_refused(tmp_path: Path) -> None:
    catalogue = build_city().catalogue
    closed = replace(catalogue, venue_ok=np.zeros(len(catalogue), bool))
    with pytest.raises(InvalidInput, match="shops to learn from"):
        train_content(closed, tmp_path / "v1", seed=1, progress=lambda _: None)


def test_a_training_stopped_on_the_way_leaves_nothing_and_a_folder_that_holds_something_is_left(tmp_path: Path) -> None:
    catalogue = build_city().catalogue

    def stop(event: Progress) -> None:
        if event.fraction > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_content(catalogue, tmp_path / "v1", seed=1, progress=stop)
    assert not list(tmp_path.iterdir())
    (tmp_path / "v1").mkdir()
    (tmp_path / "v1" / "notes.txt").write_text("mine")
    with pytest.raises(Conflict, match=r"notes\.txt"):
        train_content(catalogue, tmp_path / "v1", seed=1, progress=lambda _: None)
    assert [p.name for p in tmp_path.rglob("*")] == ["v1", "notes.txt"]
