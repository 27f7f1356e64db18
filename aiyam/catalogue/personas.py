"""The fixed people of the demo: one child of each age band, one with an allergy, a guardian, someone new."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from aiyam.contracts import UserProfile
from aiyam.errors import DataError
from aiyam.settings import REPO_ROOT

SHIPPED_PERSONAS = REPO_ROOT / "datasets" / "catalogue" / "personas.json"


@dataclass(frozen=True)
class Persona:
    """A profile whose ``label`` is short Korean for a picker, and a sentence that describes the person."""

    profile: UserProfile
    description: str

    @property
    def has_history(self) -> bool:
        """Whether the city gives this person a past; someone without an age and a place is new."""
        return self.profile.age is not None or self.profile.district is not None


def load_personas(path: Path = SHIPPED_PERSONAS) -> tuple[Persona, ...]:
    """Read the personas, in picker order.

    Raises:
        DataError: the file is missing or a persona breaks the profile contract.
    """
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return tuple(
            Persona(UserProfile(**row), description) for row in rows for description in [row.pop("description")]
        )
    except (OSError, ValueError, KeyError, TypeError, ValidationError) as error:
        raise DataError(f"Expected personas at {path}, got: {error}.", hint="Restore datasets/catalogue.") from error
