"""What the tests of curation share: a store and the home it lies in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from labelled_world import Build
from sample_traces import DAY

from aiyam.curation.building import Built, build_version
from aiyam.label_contracts import DatasetName
from aiyam.settings import Settings
from aiyam.store import Store


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of an empty home, without what ships."""
    (tmp_path / "datasets").mkdir()
    return Settings(home=tmp_path / "home", models_dir=tmp_path / "models", datasets_dir=tmp_path / "datasets")


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    """The home's store."""
    settings.home.mkdir()
    opened = Store.open(settings.url)
    yield opened
    opened.close()


@pytest.fixture
def build(store: Store, settings: Settings) -> Build:
    """Builds a version of the home's data at a fixed time."""

    def built(name: DatasetName, **changes: Any) -> Built:
        given = {"datasets_dir": settings.datasets_dir, "now": DAY, "seed": 1, **changes}
        return build_version(store, settings.home, name, **given)

    return built
