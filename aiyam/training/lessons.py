"""What the ranker learns from, ready for the network: two parts in time, who has an embedding, the crosses; kept as one file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from aiyam.errors import DataError
from aiyam.ranking.ranker import Vocabulary
from aiyam.ranking.statistics import Crosses
from aiyam.training.checkpoint import read_arrays, write_arrays
from aiyam.training.wide_deep_rows import Inputs

CROSS_TABLES = ("age_category", "time_category", "last_category", "city_district")


@dataclass(frozen=True)
class Lessons:
    """The earlier and the later part; ``valid_users`` are the people of the later part's requests, by id.

    ``dataset`` and ``facts`` (JSON types) go into the manifest: what the rows come from, and their times.
    """

    train: Inputs
    valid: Inputs
    valid_users: tuple[str, ...]
    vocabulary: Vocabulary
    crosses: Crosses
    dataset: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Rows of the person, shop and brand tables, fallbacks included."""
        names = self.vocabulary
        return len(names.users) + 1, len(names.shops) + 1, len(names.brands) + 1

    def write(self, path: Path, recipe: Any) -> None:
        """Write one file that ``read`` gives back; ``recipe`` (JSON types) says how the lessons were made.

        Raises:
            InvalidInput: the disk is full or the folder cannot be written to.
        """
        arrays = {f"train.{name}": array for name, array in self.train.arrays().items()}
        arrays |= {f"valid.{name}": array for name, array in self.valid.arrays().items()}
        arrays |= {f"crosses.{name}": getattr(self.crosses, name) for name in CROSS_TABLES}
        names = {
            "vocabulary": [list(getattr(self.vocabulary, f.name)) for f in fields(Vocabulary)],
            "cities": list(self.crosses.cities),
            "districts": list(self.crosses.districts),
            "valid_users": list(self.valid_users),
        }
        facts = {"recipe": recipe, "dataset": self.dataset, "facts": dict(self.facts), **names}
        write_arrays(path, {name: np.ascontiguousarray(array) for name, array in arrays.items()}, facts)

    @classmethod
    def read(cls, path: Path) -> tuple[Lessons, Any]:
        """Return the lessons of a file, and their recipe.

        Raises:
            DataError: no such file, or a damaged one.
        """
        arrays, facts = read_arrays(path)

        def part(prefix: str) -> dict[str, Any]:
            return {name.removeprefix(prefix): a for name, a in arrays.items() if name.startswith(prefix)}

        try:
            crosses = Crosses(**part("crosses."), cities=tuple(facts["cities"]), districts=tuple(facts["districts"]))
            lessons = cls(
                Inputs(**part("train.")),
                Inputs(**part("valid.")),
                tuple(facts["valid_users"]),
                Vocabulary(*(tuple(names) for names in facts["vocabulary"])),
                crosses,
                facts["dataset"],
                facts["facts"],
            )
        except (KeyError, TypeError) as error:
            raise DataError(
                f"Expected the prepared rows of a ranker in {path}, got others: {error}.",
                hint="Train without --resume.",
            ) from None
        return lessons, facts.get("recipe")
