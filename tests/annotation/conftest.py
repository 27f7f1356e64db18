"""The real Label Studio: installed once into a cache, started from a copy of a data folder that was made once."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from real_studio import RealStudio, free_port

from aiyam.settings import REPO_ROOT
from aiyam.store.database import Store
from annotation.server import VERSION, Home, install, stop


@pytest.fixture(scope="session")
def studio_template() -> Path:
    """Folder with the installation and, beside it, a data folder whose first start is done."""
    cache = Path(os.environ.get("AIYAM_LABEL_STUDIO_CACHE") or REPO_ROOT / ".aiyam" / "label-studio").resolve()
    install(Home(cache))
    template = cache / f"template-{VERSION}"
    if not (template / "done").exists():
        shutil.rmtree(template, ignore_errors=True)
        template.mkdir(parents=True)
        (template / "venv").symlink_to(cache / "venv")
        first = RealStudio(Home(template), free_port())
        try:
            first.start()
        finally:
            stop(first.home)
        (template / "done").touch()
    return template


@pytest.fixture(scope="session")
def make_studio(studio_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], RealStudio]]:
    """Start servers from copies of the template; they are stopped by pid at the end."""
    started: list[RealStudio] = []

    def make() -> RealStudio:
        folder = tmp_path_factory.mktemp("studio")
        shutil.copytree(studio_template / "data", folder / "data")
        shutil.copy(studio_template / "credentials.json", folder / "credentials.json")
        (folder / "venv").symlink_to(studio_template.parent / "venv")
        studio = RealStudio(Home(folder), free_port())
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
