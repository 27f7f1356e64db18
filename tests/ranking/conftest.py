"""The town of `ranking_town.py`, made once."""

from __future__ import annotations

import pytest
from ranking_town import Town, make_town


@pytest.fixture(scope="session")
def town() -> Town:
    return make_town()
