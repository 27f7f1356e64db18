"""Shared fixtures: one small home with a city and trained models, made once for the whole run, and the assistant over it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import hypothesis
import pytest

from aiyam.contracts import KST
from aiyam.settings import REPO_ROOT, Settings
from aiyam.store import sqlite

# No deadlines: machines are noisy. In CI the same commit draws the same examples; elsewhere new ones are looked for.
hypothesis.settings.register_profile("here", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "here")

NOW = datetime(2026, 3, 2, 18, 30, tzinfo=KST)
"""A Monday evening just after the sample city's history ends."""


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of a home with 400 shops and every model trained, all in temporary folders. Do not change its models.

    Its lists are sorted, not drawn, so that a test sees the same shops whatever its session is called.
    """
    from aiyam.pipelines import first_run

    root = tmp_path_factory.mktemp("home")
    models = root / "models"
    models.mkdir()
    for config in (REPO_ROOT / "models").glob("*.json"):
        shutil.copy(config, models / config.name)
    settings = Settings(home=root / "aiyam", models_dir=models, api_port=0, dashboard_port=0, exploration=0.0)
    first_run(settings, lambda task, progress: None, n_shops=400, n_users=300)
    return settings


@pytest.fixture(scope="session")
def assistant(home: Settings) -> Iterator[object]:
    """The assistant over the shared home, its clock fixed at ``NOW``."""
    from aiyam.assistant import Assistant

    loaded = Assistant.load(home, clock=lambda: NOW)
    yield loaded
    loaded.close()


@pytest.fixture
def copy_home(home: Settings) -> Callable[[Path], Settings]:
    """Copy the shared home, models too, into a folder of the test's own.

    The database goes through SQLite's own backup: opening and closing its file by hand in a process that has it open
    would drop that process's locks (POSIX), and another process could then damage the file.
    """

    def copy(root: Path) -> Settings:
        own = home.model_copy(update={"home": root / "home", "models_dir": root / "models"})
        shutil.copytree(home.home, own.home, ignore=shutil.ignore_patterns("aiyam.db*"))
        shutil.copytree(home.models_dir, own.models_dir)
        sqlite.backup(home.home / "aiyam.db", own.home / "aiyam.db")
        return own

    return copy


@pytest.fixture
def now() -> datetime:
    """The fixed time of the tests."""
    return NOW


@pytest.fixture(scope="session")
def chromium() -> Path:
    """Path of a Chromium binary."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.fail("Browser tests need Chromium: `apt-get install chromium fonts-noto-cjk`, or see .ci/run.")
    return Path(found)
