"""Layer 2 in service: a sealed Wide & Deep model that orders the candidates of one request, without torch."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aiyam import registry
from aiyam.catalogue.arrays import Catalogue
from aiyam.catalogue.query import CandidateSet, Query
from aiyam.errors import ModelError
from aiyam.ranking.diversity import diversify
from aiyam.ranking.features import FeatureBatch, build_features, feature_table
from aiyam.ranking.statistics import N_CATEGORIES, Crosses, Statistics
from aiyam.ranking.wide_deep import UNKNOWN, WideDeepConfig, WideDeepScorer, sigmoid

COMPONENT = "ranker"
REACH_M = np.array([2000.0, 5000.0, 12000.0], dtype=np.float32)
"""Walking, a short ride, across town: what a list sorted by price or rating shows first."""

WEIGHTS, CROSSES, VOCABULARY, CONFIG = "weights.safetensors", "crosses.safetensors", "vocabulary.json", "config.json"


@dataclass(frozen=True)
class Vocabulary:
    """Who has an embedding of their own; row 0 of each table is the fallback, row i + 1 belongs to the i-th name."""

    users: tuple[str, ...] = ()
    shops: tuple[str, ...] = ()
    brands: tuple[str, ...] = ()


@dataclass(frozen=True)
class RankedList:
    """The best shops in the order to show: k of them.

    rows (k,), scores (k,) probabilities, wide (k, 50), contributions (k, 50): what each feature moved the score beyond
    the list's average; places (k,) in the candidate set; menus (k,) menu row to show, -1 none; propensity (k,).
    """

    rows: NDArray[np.int32]
    scores: NDArray[np.float32]
    wide: NDArray[np.float32]
    contributions: NDArray[np.float32]
    places: NDArray[np.int64]
    menus: NDArray[np.int64]
    propensity: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.rows)


class Ranker:
    """Scores candidates with the spec's Wide & Deep. Holds no mutable state: safe from several threads."""

    def __init__(
        self,
        scorer: WideDeepScorer,
        vocabulary: Vocabulary,
        crosses: Crosses,
        catalogue: Catalogue,
        stats: Statistics,
        *,
        version: str = "",
    ) -> None:
        self.version = version
        self.catalogue = catalogue
        self.stats = stats.with_crosses(crosses)
        self._scorer = scorer
        self._user_row = {user_id: i + 1 for i, user_id in enumerate(vocabulary.users)}
        self._shop = index_of(vocabulary.shops, catalogue.shop_ids)
        self._brand = np.append(index_of(vocabulary.brands, catalogue.brand_names), np.int32(UNKNOWN))

    @classmethod
    def load(cls, folder: Path, catalogue: Catalogue, stats: Statistics) -> Ranker:
        """Load a sealed version.

        Raises:
            ModelError: the folder is damaged, or its feature table is another one; the difference is named.
        """
        from safetensors.numpy import load_file

        manifest = registry.open_sealed(folder, COMPONENT)
        check_feature_table(manifest.feature_table, folder)
        try:
            names = json.loads((folder / VOCABULARY).read_text(encoding="utf-8"))
            vocabulary = Vocabulary(*(tuple(names[kind]) for kind in ("users", "shops", "brands")))
            tables = load_file(folder / CROSSES)
            crosses = Crosses(**tables, cities=tuple(names["cities"]), districts=tuple(names["districts"]))
            weights = load_file(folder / WEIGHTS)
        except (KeyError, TypeError, ValueError, OSError) as error:
            raise ModelError(
                f"Expected a whole ranker in {folder}, got: {error}.", hint="Train the ranker again."
            ) from None
        scorer = WideDeepScorer(WideDeepConfig.read(folder / CONFIG), weights)
        for kind, count in (("user", vocabulary.users), ("shop", vocabulary.shops), ("brand", vocabulary.brands)):
            if len(weights[f"{kind}.weight"]) != len(count) + 1:
                raise ModelError(
                    f"Expected {len(count) + 1} {kind} embeddings in {folder}, got {len(weights[f'{kind}.weight'])}.",
                    hint="Train the ranker again.",
                )
        return cls(scorer, vocabulary, crosses, catalogue, stats, version=manifest.version)

    def features(
        self, query: Query, candidates: CandidateSet, query_vector: NDArray[np.float32] | None = None
    ) -> FeatureBatch:
        """Compute the features of one request's candidates with this model's fitted crosses."""
        return build_features(self.catalogue, self.stats, query, candidates, query_vector=query_vector)

    def score(
        self, query: Query, batch: FeatureBatch, query_vector: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """Return (k,) logits for features already computed."""
        return self._scorer.logits(
            self._user_row.get(query.user.user_id, UNKNOWN),
            self._shop[batch.rows],
            self._brand[self.catalogue.brand[batch.rows]],
            self.catalogue.category[batch.rows].astype(np.int64) % N_CATEGORIES,
            query_vector,
            batch.numbers,
            batch.wide,
        )

    def rank(
        self,
        query: Query,
        candidates: CandidateSet,
        *,
        query_vector: NDArray[np.float32] | None = None,
        top_k: int = 10,
        diverse: bool = True,
    ) -> RankedList:
        """Order the candidates. ``query.filters.sort`` decides where it is given; otherwise the score and variety do."""
        batch = self.features(query, candidates, query_vector)
        if len(batch.rows) == 0:
            empty = np.empty(0, dtype=np.float32)
            return RankedList(
                batch.rows, empty, batch.wide, batch.wide, np.empty(0, np.int64), np.empty(0, np.int64), empty
            )
        scores = sigmoid(self.score(query, batch, query_vector))
        places = self._order(query, batch, scores, top_k, diverse)
        wide = batch.wide[places]
        menus = batch.menus.chosen(places, cheapest=query.filters.sort == "price")
        return RankedList(
            rows=batch.rows[places],
            scores=scores[places],
            wide=wide,
            contributions=(wide - batch.wide.mean(axis=0)) * self._scorer.wide_weight,
            places=places,
            menus=menus,
            propensity=np.ones(len(places), dtype=np.float32),
        )

    def _order(
        self, query: Query, batch: FeatureBatch, scores: NDArray[np.float32], top_k: int, diverse: bool
    ) -> NDArray[np.int64]:
        filters, rows = query.filters, batch.rows
        if filters.sort and (order := self._sorted(query, batch, scores)) is not None:
            return order[:top_k]
        if not diverse:
            return np.argsort(-scores, kind="stable")[:top_k]
        vary = not filters.category and not filters.menus
        return diversify(scores, self.catalogue.brand[rows], self.catalogue.category[rows], top_k=top_k, vary=vary)

    def _sorted(self, query: Query, batch: FeatureBatch, scores: NDArray[np.float32]) -> NDArray[np.int64] | None:
        """Order by what the request asks for; None by distance where no distance is known."""
        sort, rows = query.filters.sort, batch.rows
        metres: NDArray[np.float32] = np.full(len(rows), np.nan, dtype=np.float32)
        if query.lat is not None and query.lon is not None:
            metres = self.catalogue.distance_m(rows, query.lat, query.lon)
        if sort == "distance":
            shut = self.catalogue.open_state(rows, query.now).state == 0
            return _by(metres, scores, shut.astype(np.intp)) if np.isfinite(metres).any() else None
        # The cheapest or best rated shop within reach comes before one across the city.
        reach = np.searchsorted(REACH_M, metres)
        value = batch.menus.lowest_price() if sort == "price" else -self.catalogue.rating[rows]
        return _by(value, scores, reach)


def index_of(names: tuple[str, ...], wanted: list[str]) -> NDArray[np.int32]:
    """Return for each wanted name its embedding row, ``UNKNOWN`` where it has none."""
    row = {name: i + 1 for i, name in enumerate(names)}
    return np.fromiter((row.get(name, UNKNOWN) for name in wanted), dtype=np.int32, count=len(wanted))


def check_feature_table(table: tuple[str, ...], folder: Path) -> None:
    """Compare a model's feature table with the code's.

    Raises:
        ModelError: they differ; the first difference is named.
    """
    ours = feature_table()
    if table == ours:
        return
    slot, expected, got = next(
        ((i, a, b) for i, (a, b) in enumerate(zip(ours, table, strict=False)) if a != b),
        (min(len(ours), len(table)), f"{len(ours)} lines", f"{len(table)} lines"),
    )
    raise ModelError(
        f"The ranker in {folder} was trained with another feature table: at slot {slot} expected {expected!r}, got {got!r}.",
        hint="Train the ranker again with this version of the code.",
    )


def _by(
    value: NDArray[np.floating], scores: NDArray[np.float32], group: NDArray[np.intp] | None = None
) -> NDArray[np.int64]:
    """Order by group (reach, or open before shut), then value upwards, unknown last, ties by score."""
    keys = [-scores, np.nan_to_num(value, nan=np.inf)]
    order: NDArray[np.int64] = np.lexsort(keys if group is None else [*keys, group])
    return order
