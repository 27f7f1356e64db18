"""What a batch is drawn by: kind of task, number, the shares of the mix, and the seed; frozen and stored with the batch."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from aiyam.contracts import Record
from aiyam.errors import InvalidInput
from aiyam.label_contracts import LabelKind
from aiyam.store.turn_views import TurnConditions

MOST_TASKS = 5000
"""Tasks one batch may hold."""

LEAST_RANDOM = 0.1
"""Share of every mix that is drawn blindly, so that what the rules do not see is seen too."""

Part = Literal["random", "thumbs_down", "low_confidence", "balanced", "everything"]


class Recipe(Record):
    """How the turns of a batch are chosen among those under ``conditions``.

    ``take`` "mix" draws ``size`` turns: bad ratings (their reasons in turn), least sure first, intents in turn, and at
    random; what the shares leave over is random too. "everything" takes every turn the conditions show, duplicates too.
    """

    kind: LabelKind = "understanding"
    take: Literal["mix", "everything"] = "mix"
    size: int = Field(100, ge=1, le=MOST_TASKS)
    view: str = "all"
    conditions: TurnConditions = TurnConditions()
    thumbs_down: float = Field(0.3, ge=0, le=1)
    low_confidence: float = Field(0.3, ge=0, le=1)
    balanced: float = Field(0.2, ge=0, le=1)
    random: float = Field(0.2, ge=LEAST_RANDOM, le=1)
    reasons: tuple[str, ...] = ()
    """Of bad ratings; none named means any, and those without one."""
    most_alike: float = Field(0.8, ge=0.5, le=1)
    """Jaccard similarity of character trigrams above which two texts count as one; at 1 only the same text does."""
    double: float = Field(0.1, ge=0, le=1)
    """Share that two annotators label, blind to each other."""
    with_safety: bool = False
    """Whether turns that were escalated may be asked about."""
    seed: int = Field(0, ge=0, le=2**53)

    @model_validator(mode="after")
    def _shares_fit(self) -> Recipe:
        total = self.thumbs_down + self.low_confidence + self.balanced + self.random
        if total > 1 + 1e-9:
            raise ValueError(f"expected shares of at most 1 together, got {total:.2f}")
        return self

    def quotas(self) -> dict[Part, int]:
        """Return how many turns each part of a mix takes; random takes what rounding leaves.

        >>> Recipe(size=10, random=0.1, thumbs_down=0.35, low_confidence=0.35, balanced=0.2).quotas()
        {'random': 2, 'thumbs_down': 3, 'low_confidence': 3, 'balanced': 2}
        """
        shares: dict[Part, float] = {
            "thumbs_down": self.thumbs_down, "low_confidence": self.low_confidence, "balanced": self.balanced,
        }  # fmt: skip
        quotas: dict[Part, int] = {part: int(self.size * share + 1e-9) for part, share in shares.items()}
        return {"random": self.size - sum(quotas.values()), **quotas}


def make_recipe(**given: Any) -> Recipe:
    """Return a recipe.

    Raises:
        InvalidInput: a number out of its range, or shares over 1 together; it names which.
    """
    try:
        return Recipe.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "shares"
        got = f" (got {first['input']!r})" if first["loc"] else ""
        raise InvalidInput(
            f"{where}: {first['msg'].removeprefix('Value error, ')}{got}.", hint="Correct the recipe."
        ) from error
