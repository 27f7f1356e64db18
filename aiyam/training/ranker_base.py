"""The version that an incremental training goes on from: its weights and names, and how the tables grow for new ones."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

from aiyam.errors import ModelError
from aiyam.ranking.ranker import COMPONENT, CONFIG, CROSSES, VOCABULARY, WEIGHTS, Vocabulary, check_feature_table
from aiyam.ranking.statistics import Crosses
from aiyam.ranking.wide_deep import UNKNOWN, WideDeepConfig
from aiyam.registry import open_sealed
from aiyam.training.wide_deep import Weights

SIZES = (
    "wide_features", "user_embedding", "shop_embedding", "brand_embedding", "category_embedding", "query_vector", "numbers",
    "hidden", "features", "wide_in_deep",
)  # fmt: skip
"""What has to be alike for weights to carry over."""

EPOCHS, LEARNING_RATE = 2, 5e-4


@dataclass(frozen=True)
class Base:
    """A sealed version, read. ``seen_until`` (epoch seconds): it knows requests before that."""

    version: str
    config: WideDeepConfig
    weights: Weights
    vocabulary: Vocabulary
    crosses: Crosses
    seen_until: int

    @classmethod
    def load(cls, folder: Path) -> Base:
        """Read a version.

        Raises:
            ModelError: damaged, of another component, or with another feature table; the difference is named.
        """
        from safetensors.numpy import load_file

        manifest = open_sealed(folder, COMPONENT)
        check_feature_table(manifest.feature_table, folder)
        try:
            names = json.loads((folder / VOCABULARY).read_text(encoding="utf-8"))
            vocabulary = Vocabulary(*(tuple(names[f.name]) for f in fields(Vocabulary)))
            crosses = Crosses(
                **load_file(folder / CROSSES), cities=tuple(names["cities"]), districts=tuple(names["districts"])
            )
            weights = load_file(folder / WEIGHTS)
            seen_until = int(manifest.config["rows_until"])
        except (KeyError, TypeError, ValueError, OSError) as error:
            raise ModelError(
                f"Expected a whole ranker in {folder}, got: {error}.", hint="Name another version as the base."
            ) from None
        config = WideDeepConfig.read(folder / CONFIG)
        return cls(manifest.version, config, weights, vocabulary, crosses, seen_until)

    def going_on(self, config: WideDeepConfig | None) -> WideDeepConfig:
        """Return the configuration to go on with: gentler and shorter than the base's, or the one given.

        Raises:
            ModelError: the one given has other sizes; the differences are named.
        """
        if config is None:
            return replace(self.config, epochs=EPOCHS, learning_rate=LEARNING_RATE, warm_start=False)
        other = {name: getattr(config, name) for name in SIZES if getattr(config, name) != getattr(self.config, name)}
        if other:
            told = ", ".join(f"{name} {getattr(self.config, name)}, got {value}" for name, value in other.items())
            raise ModelError(
                f"Expected the sizes of the base {self.version}: {told}.",
                hint="Leave --model_config out, or train without --base.",
            )
        return replace(config, warm_start=False)

    def with_new(self, vocabulary: Vocabulary) -> Vocabulary:
        """Return the base's names, in their order, and after them those that only ``vocabulary`` has."""
        mine = self.vocabulary
        return Vocabulary(
            users=_joined(mine.users, vocabulary.users),
            shops=_joined(mine.shops, vocabulary.shops),
            brands=_joined(mine.brands, vocabulary.brands),
        )

    def grown(self, sizes: tuple[int, int, int]) -> Weights:
        """Return the weights with id tables of these sizes; a new row starts as the fallback."""
        weights = dict(self.weights)
        for name, n_rows in zip(("user.weight", "shop.weight", "brand.weight"), sizes, strict=True):
            table = weights[name]
            fallback = np.repeat(table[UNKNOWN : UNKNOWN + 1], n_rows - len(table), axis=0)
            weights[name] = np.concatenate((table, fallback))
        return weights


def _joined(known: tuple[str, ...], others: Iterable[str]) -> tuple[str, ...]:
    have = set(known)
    return (*known, *(name for name in others if name not in have))
