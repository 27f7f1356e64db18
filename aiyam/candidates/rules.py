"""Rule scores of the funnels, limits of the constraints and the hand-written word tables, read from data and checked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from aiyam.contracts import Allergen, Atmosphere, Category, Companion, Diet, Funnel, Record, Taste, TasteType, TimeOfDay
from aiyam.errors import DataError
from aiyam.settings import REPO_ROOT

RULES_FOLDER = REPO_ROOT / "datasets" / "candidates"
"""The rule files that ship."""


class CollaborativeRules(Record):
    """Taste-type points (out of their sum) and the interaction model's settings."""

    preference_exact: float = Field(ge=0)
    preference_partial: float = Field(ge=0)
    price_up_to: float = Field(ge=0)
    menus_up_to: float = Field(ge=0)
    menus_enough: int
    model_weight: float = Field(ge=0)
    half_life_days: float
    repeat_weight: float = Field(ge=0)
    n_neighbours: int
    shrinkage: float


class ContentRules(Record):
    """Lexical points and how they mix with vector similarity."""

    menu_exact: float = Field(ge=0)
    menu_partial: float = Field(ge=0)
    category: float = Field(ge=0)
    token: float = Field(ge=0)
    token_up_to: float = Field(ge=0)
    shop_name: float = Field(ge=0)
    vector_weight: float = Field(ge=0)
    rule_weight: float = Field(ge=0)


class ContextualRules(Record):
    """Points for place, opening and meal time."""

    district: float = Field(ge=0)
    city: float = Field(ge=0)
    province: float = Field(ge=0)
    open_now: float = Field(ge=0)
    opens_within_hour: float = Field(ge=0)
    meal_time_up_to: float = Field(ge=0)
    near_up_to: float = Field(ge=0)
    near_half_m: float
    companion: float = Field(ge=0)


class PopularityRules(Record):
    """Points of a shop's own facts, and how its history is smoothed and decayed."""

    good_shop: float = Field(ge=0)
    meal_card: float = Field(ge=0)
    menu_each: float = Field(ge=0)
    menus_up_to: float = Field(ge=0)
    price_low_won: float
    price_low: float = Field(ge=0)
    price_mid_won: float
    price_mid: float = Field(ge=0)
    long_hours_min: int
    long_hours: float = Field(ge=0)
    rule_weight: float = Field(ge=0)
    half_life_days: float
    prior_rating: float
    prior_reviews: float
    order_weight: float = Field(ge=0)
    favorite_weight: float = Field(ge=0)
    review_weight: float


class Limits(Record):
    """Distances in metres and shares that constraints and their relaxation use."""

    enough: int = Field(ge=1)
    near_me_m: float
    place_m: float
    wider_factor: float
    budget_stretch: float
    neighbour_districts: int
    catchments_m: tuple[float, ...]
    catchment_enough: int


class TastePrior(Record):
    """What one taste type prefers: categories, and the price of a meal it likes to pay."""

    exact: tuple[Category, ...]
    partial: tuple[Category, ...]
    price_won: float


class WordRule(Record):
    """Everyday ``words`` for the dishes that match by name, taste, diet or category."""

    words: tuple[str, ...]
    contains: tuple[str, ...] = ()
    endings: tuple[str, ...] = ()
    tastes: tuple[Taste, ...] = ()
    diets: tuple[Diet, ...] = ()
    categories: tuple[Category, ...] = ()


class EverydayWords(Record):
    """The bridge from everyday words to dishes."""

    about: str = ""
    rules: tuple[WordRule, ...] = ()


class Rules(Record):
    """Everything the funnels take from data."""

    about: str = ""
    quotas: dict[Funnel, int]
    merge_weights: dict[Funnel, Annotated[float, Field(ge=0)]]
    collaborative: CollaborativeRules
    content: ContentRules
    contextual: ContextualRules
    popularity: PopularityRules
    limits: Limits
    taste_types: dict[TasteType, TastePrior]
    meal_times: dict[TimeOfDay, dict[Category, float]]
    companions: dict[Companion, tuple[Atmosphere, ...]]
    everyday: EverydayWords = EverydayWords()
    category_allergens: dict[Category, tuple[Allergen, ...]] = Field(default_factory=dict)


def load_rules(folder: Path = RULES_FOLDER) -> dict[str, Any]:
    """Read the rule files of ``datasets/candidates`` into one mapping, ready for ``Funnels.build``.

    Raises:
        DataError: a file is missing or not JSON.
    """
    parts: dict[str, Any] = {}
    for name in ("rule_scores", "everyday_words"):
        path = folder / f"{name}.json"
        try:
            parts[name] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise DataError(
                f"expected candidate rules as JSON in {path}, got {error}", hint="Restore the file."
            ) from error
    return {**parts["rule_scores"], "everyday": parts["everyday_words"]}


def check_rules(rules: dict[str, Any] | Rules) -> Rules:
    """Check a rule mapping against its contract.

    Raises:
        DataError: naming every key that is missing, unknown or of the wrong type.
    """
    if isinstance(rules, Rules):
        return rules
    try:
        return Rules.model_validate(rules)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:5])
        raise DataError(
            f"expected candidate rules as the contract has them, got {wrong}", hint="Compare rule_scores.json."
        ) from error
