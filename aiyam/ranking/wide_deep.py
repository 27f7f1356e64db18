"""Wide & Deep: its configuration, the torch network for training, and the numpy scorer that serves without torch.

Cheng et al. 2016, "Wide & Deep Learning for Recommender Systems" (arXiv:1606.07792).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from aiyam.errors import ModelError
from aiyam.ranking.features import N_NUMBERS, N_WIDE, SPEC_SLOTS
from aiyam.ranking.statistics import N_CATEGORIES

if TYPE_CHECKING:
    from torch import nn

UNKNOWN = 0
"""Row of the fallback embedding for a person, shop or brand that has none of its own."""

N_USER_NUMBERS = 4

_CHOICES = {"features": ("all", "spec"), "loss": ("listwise", "bce"), "id_updates": ("touched", "all")}


@dataclass(frozen=True)
class WideDeepConfig:
    """Sizes and training options; the file is ``models/wide_deep_config.json``.

    ``features`` "spec" hides the slots after the baseline's; ``loss`` "listwise" is a softmax over each request's list,
    "bce" the weighted cross entropy of single rows. ``negatives`` is how many unchosen candidates a positive brings,
    ``orders_share`` how much of what is learned from are orders without a request, and ``warm_start`` solves the wide
    part alone first (it is convex), so that the deep part only learns what it cannot say. With ``wide_in_deep`` the deep part
    reads the wide slots too, so that it can learn when to trust which. ``id_updates`` "touched" changes only the rows of the
    id tables that a batch holds, "all" is plain Adam, whose every step goes over whole tables.
    """

    wide_features: int = N_WIDE
    user_embedding: int = 64
    shop_embedding: int = 64
    brand_embedding: int = 16
    category_embedding: int = 16
    query_vector: int = 128
    numbers: int = N_NUMBERS
    hidden: tuple[int, ...] = (128, 64, 32)
    dropout: float = 0.3
    features: Literal["all", "spec"] = "all"
    wide_in_deep: bool = False
    loss: Literal["listwise", "bce"] = "listwise"
    negatives: int = 50
    orders_share: float = 0.5
    warm_start: bool = True
    min_events: int = 5
    id_dropout: float = 0.2
    id_updates: Literal["touched", "all"] = "touched"
    weight_decay: float = 1e-3
    batch_size: int = 512
    epochs: int = 10
    learning_rate: float = 1e-3

    @classmethod
    def read(cls, path: Path) -> WideDeepConfig:
        """Read the JSON file.

        Raises:
            ModelError: not a JSON object, an unknown key, or sizes the feature table does not have.
        """
        try:
            given = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ModelError(
                f"Expected a JSON object in {path}, got: {error}.", hint="Restore the shipped file."
            ) from None
        return cls.of(given, where=str(path))

    @classmethod
    def of(cls, given: Any, *, where: str = "the configuration") -> WideDeepConfig:
        """Check a JSON object; raises as ``read``."""
        known = {f.name for f in fields(cls)}
        if not isinstance(given, dict) or set(given) - known:
            wrong = sorted(set(given) - known) if isinstance(given, dict) else type(given).__name__
            raise ModelError(
                f"Expected only the keys {sorted(known)} in {where}, got {wrong}.", hint="Remove the others."
            )
        config = cls(**{**given, "hidden": tuple(given.get("hidden", cls.hidden))})
        if (config.wide_features, config.numbers) != (N_WIDE, N_NUMBERS):
            raise ModelError(
                f"Expected {N_WIDE} wide features and {N_NUMBERS} numbers in {where}, got {config.wide_features} and"
                f" {config.numbers}.",
                hint="These two follow the feature table; change ranking/features.py first.",
            )
        for name, allowed in _CHOICES.items():
            if getattr(config, name) not in allowed:
                raise ModelError(
                    f"Expected {name} to be one of {', '.join(allowed)} in {where}, got {getattr(config, name)!r}.",
                    hint="Correct it.",
                )
        numbers = {name: getattr(config, name) for name in ("batch_size", "epochs", "negatives", "learning_rate")}
        if not config.hidden or not all(
            isinstance(n, int | float) and n > 0 for n in (*config.hidden, *numbers.values())
        ):
            raise ModelError(
                f"Expected positive sizes and numbers in {where}, got hidden {config.hidden}, {numbers}.",
                hint="Correct them.",
            )
        return config

    def as_json(self) -> dict[str, Any]:
        """Return the configuration as JSON types."""
        return {**asdict(self), "hidden": list(self.hidden)}

    @property
    def n_deep_inputs(self) -> int:
        """Width of what the deep part reads."""
        ids = self.user_embedding + self.shop_embedding + self.brand_embedding + self.category_embedding
        return ids + self.query_vector + self.numbers + self.wide_in_deep * self.wide_features

    @property
    def n_visible(self) -> int:
        """How many wide slots the model sees."""
        return SPEC_SLOTS if self.features == "spec" else N_WIDE


def make_network(config: WideDeepConfig, n_users: int, n_shops: int, n_brands: int) -> nn.Module:
    """Build the torch network; row 0 of each id table is the fallback.

    Its ``forward(users, shops, brands, categories, query_vectors, numbers, wide)`` takes (r,) ids and (r, size) floats and
    returns (r,) logits; the probability is their sigmoid.
    """
    import torch
    from torch import nn

    class WideDeep(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.user = nn.Embedding(n_users, config.user_embedding)
            self.shop = nn.Embedding(n_shops, config.shop_embedding)
            self.brand = nn.Embedding(n_brands, config.brand_embedding)
            self.category = nn.Embedding(N_CATEGORIES, config.category_embedding)
            for table in (self.user, self.shop, self.brand, self.category):
                nn.init.normal_(table.weight, std=0.02)
            sizes = (config.n_deep_inputs, *config.hidden)
            layers: list[nn.Module] = []
            for before, after in pairwise(sizes):
                layers += [nn.Linear(before, after), nn.ReLU(), nn.Dropout(config.dropout)]
            self.deep = nn.Sequential(*layers)
            self.wide = nn.Linear(config.wide_features, 1)
            self.out = nn.Linear(1 + config.hidden[-1], 1)
            with torch.no_grad():
                self.out.weight[0, 0] = 1.0

        def forward(
            self,
            users: torch.Tensor,
            shops: torch.Tensor,
            brands: torch.Tensor,
            categories: torch.Tensor,
            query_vectors: torch.Tensor,
            numbers: torch.Tensor,
            wide: torch.Tensor,
        ) -> torch.Tensor:
            ids = (self.user(users), self.shop(shops), self.brand(brands), self.category(categories))
            seen = (*ids, query_vectors, numbers, *((wide,) if config.wide_in_deep else ()))
            deep = self.deep(torch.cat(seen, dim=1))
            return self.out(torch.cat((self.wide(wide), deep), dim=1)).squeeze(1)  # type: ignore[no-any-return]

    return WideDeep()


class WideDeepScorer:
    """The trained network in numpy. The first layer is a sum of parts: what does not change is computed once, by
    ``shop_part`` for whoever scores the same shops again and again.

    Args:
        weights: the network's state by torch's names.
    Raises:
        ModelError: a weight is missing, has another shape, or is not finite.
    """

    def __init__(self, config: WideDeepConfig, weights: dict[str, NDArray[np.float32]]) -> None:
        self.config = config
        _check(config, weights)
        first = np.ascontiguousarray(weights["deep.0.weight"].T)
        bounds = np.cumsum(
            [config.user_embedding, config.shop_embedding, config.brand_embedding, config.category_embedding,
             config.query_vector, N_USER_NUMBERS, config.numbers - N_USER_NUMBERS]
        )  # fmt: skip
        user, shop, brand, category, query, user_numbers, shop_numbers, wide = np.split(first, bounds)
        self._user = weights["user.weight"] @ user + weights["deep.0.bias"]
        self._shop_ids, self._shop = weights["shop.weight"], np.ascontiguousarray(shop)
        self._brand = weights["brand.weight"] @ brand
        self._category = weights["category.weight"] @ category
        self._query, self._user_numbers = query, user_numbers
        self._shop_numbers = np.ascontiguousarray(shop_numbers)
        self._deep_wide = np.ascontiguousarray(wide) if config.wide_in_deep else None
        if self._deep_wide is not None:
            self._deep_wide[config.n_visible :] = 0.0
        self._layers = [
            (np.ascontiguousarray(weights[f"deep.{3 * i}.weight"].T), weights[f"deep.{3 * i}.bias"])
            for i in range(1, len(config.hidden))
        ]
        out = weights["out.weight"][0]
        self.wide_weight = (weights["wide.weight"][0] * out[0]).astype(np.float32)
        """(50,) what one unit of each wide feature adds to the logit."""
        self.wide_weight[config.n_visible :] = 0.0
        self._out = out[1:]
        self._bias = np.float32(weights["out.bias"][0] + weights["wide.bias"][0] * out[0])

    @property
    def n_users(self) -> int:
        """Rows of the person table, the fallback included."""
        return len(self._user)

    def shop_part(
        self,
        shops: NDArray[np.integer],
        brands: NDArray[np.integer],
        categories: NDArray[np.integer],
        numbers: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """Return (k, 128) what k shops bring to the first layer by themselves: ids (k,), numbers (k, 6) the shops'."""
        part = self._shop_ids[shops] @ self._shop
        part += self._brand[brands]
        part += self._category[categories]
        part += numbers @ self._shop_numbers
        return np.asarray(part, np.float32)

    def with_other_numbers(self, part: NDArray[np.float32], difference: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the ``shop_part`` (k, 128) of k shops whose numbers differ by (k, 6)."""
        return np.asarray(part + difference @ self._shop_numbers, np.float32)

    def logits(
        self,
        user: int,
        shops: NDArray[np.integer],
        brands: NDArray[np.integer],
        categories: NDArray[np.integer],
        query_vector: NDArray[np.float32] | None,
        numbers: NDArray[np.float32],
        wide: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """Score k candidates of one person and query: ids (k,), query_vector (128,), numbers (k, 10), wide (k, 50)."""
        if len(shops) == 0:
            return np.empty(0, np.float32)
        part = self.shop_part(shops, brands, categories, numbers[:, N_USER_NUMBERS:])
        return self.logits_of(part, user, query_vector, numbers[0, :N_USER_NUMBERS], wide)

    def logits_of(
        self,
        hidden: NDArray[np.float32],
        user: int,
        query_vector: NDArray[np.float32] | None,
        user_numbers: NDArray[np.float32],
        wide: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """Score k candidates by their ``shop_part``, ``hidden`` (k, 128), which is written over."""
        common = self._user[user] + user_numbers @ self._user_numbers
        if query_vector is not None:
            common += query_vector @ self._query
        hidden += common
        if self._deep_wide is not None:
            hidden += wide @ self._deep_wide
        np.maximum(hidden, 0.0, out=hidden)
        for weight, bias in self._layers:
            hidden = hidden @ weight
            hidden += bias
            np.maximum(hidden, 0.0, out=hidden)
        logits = hidden @ self._out
        logits += wide @ self.wide_weight
        logits += self._bias
        return np.asarray(logits, np.float32)


def sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the probabilities of logits, safe at any size."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * logits)), np.float32)


def _check(config: WideDeepConfig, weights: dict[str, NDArray[np.float32]]) -> None:
    sizes = (config.n_deep_inputs, *config.hidden)
    expected: dict[str, tuple[int | None, ...]] = {
        "user.weight": (None, config.user_embedding),
        "shop.weight": (None, config.shop_embedding),
        "brand.weight": (None, config.brand_embedding),
        "category.weight": (N_CATEGORIES, config.category_embedding),
        "wide.weight": (1, config.wide_features),
        "wide.bias": (1,),
        "out.weight": (1, 1 + config.hidden[-1]),
        "out.bias": (1,),
    }
    for i, (before, after) in enumerate(pairwise(sizes)):
        expected[f"deep.{3 * i}.weight"] = (after, before)
        expected[f"deep.{3 * i}.bias"] = (after,)
    for name, shape in expected.items():
        got = weights[name].shape if name in weights else None
        fits = (
            got is not None and len(got) == len(shape) and all(b in (None, a) for a, b in zip(got, shape, strict=True))
        )
        if not fits:
            raise ModelError(f"Expected weight {name} of shape {shape}, got {got}.", hint="Train the ranker again.")
        if not np.isfinite(weights[name]).all():
            raise ModelError(
                f"Expected finite numbers in weight {name}, got nan or infinity.", hint="Train the ranker again."
            )
