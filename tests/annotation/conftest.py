"""Servers of Label Studio for tests: copies of one data folder, started once or as often as a test asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from real_studio import RealStudio, copy_of, template

from aiyam.store.database import Store
from annotation.server import stop


@pytest.fixture(scope="session")
def make_studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], RealStudio]]:
    """Start servers from copies of the template; they are stopped by pid at the end."""
    started: list[RealStudio] = []

    def make() -> RealStudio:
        studio = copy_of(template(), tmp_path_factory.mktemp("studio"))
        started.append(studio)
        studio.start()
        return studio

    yield make
    for one in started:
        stop(one.home)


@pytest.fixture(scope="session")
def real_studio(make_studio: Callable[[], RealStudio]) -> RealStudio:
    """One running server for the tests that leave it running."""
    return make_studio()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(f"sqlite:///{tmp_path / 'aiyam.db'}")
    yield opened
    opened.close()
