"""Layer 2 in service: a sealed Wide & Deep model that orders the candidates of one request, without torch."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aiyam import registry
from aiyam.catalogue.arrays import Catalogue
from aiyam.catalogue.query import CandidateSet, Query
from aiyam.errors import ModelError
from aiyam.ranking.attribution import SOURCES, lifts
from aiyam.ranking.diversity import Variety, diversify
from aiyam.ranking.exploration import POOL, Draw, Drawn, draw_list, may_explore
from aiyam.ranking.features import N_WIDE, FeatureBatch, build_features, feature_table
from aiyam.ranking.menus import NO_WISH
from aiyam.ranking.preferences import STEP_BEHIND, sorted_places, steps_behind, wish_of
from aiyam.ranking.statistics import Crosses, Statistics
from aiyam.ranking.wide_deep import N_USER_NUMBERS, UNKNOWN, WideDeepConfig, WideDeepScorer, sigmoid

COMPONENT = "ranker"
_SHOPS_AT_ONCE = 50_000

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

    rows (k,), scores (k,) probabilities, wide (k, 50), lifts (k, sources): what each source of reasons moved the score
    beyond the list's average (see attribution.py); places (k,) in the candidate set; menus (k,) menu row to show, -1 none.
    propensity (k,) is the probability of this shop at this place, shown_propensity (k,) of its being in the list at all,
    list_propensity of just this list; all 1 where ``temperature`` is 0.
    """

    rows: NDArray[np.int32]
    scores: NDArray[np.float32]
    wide: NDArray[np.float32]
    lifts: NDArray[np.float32]
    places: NDArray[np.int64]
    menus: NDArray[np.int64]
    propensity: NDArray[np.float64]
    shown_propensity: NDArray[np.float64]
    list_propensity: float = 1.0
    temperature: float = 0.0

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
        like: Ranker | None = None,
    ) -> None:
        """``like``: the same model over another catalogue, whose work on the shops they share is used on."""
        self.version = version
        self.catalogue = catalogue
        self.stats = stats.with_crosses(crosses)
        self._scorer = scorer
        self._vocabulary = vocabulary
        self._user_row = {user_id: i + 1 for i, user_id in enumerate(vocabulary.users)}
        self._shop = index_of(vocabulary.shops, catalogue.shop_ids)
        self._brand = np.append(index_of(vocabulary.brands, catalogue.brand_names), np.int32(UNKNOWN))
        self._shop_part = self._part_of_every_shop(like)

    def over(self, catalogue: Catalogue, stats: Statistics) -> Ranker:
        """Return the same model over another catalogue and its history; this one goes on serving."""
        return Ranker(
            self._scorer, self._vocabulary, self.stats.crosses, catalogue, stats, version=self.version, like=self
        )

    def _part_of_every_shop(self, like: Ranker | None) -> NDArray[np.float32]:
        """Return (n, first layer) what each shop brings to the deep part whoever asks: most of a request's multiplications."""
        part = np.empty((len(self.catalogue), self._scorer.config.hidden[0]), np.float32)
        same = np.empty(0, np.bool_) if like is None else self._alike(like)
        if like is not None:
            part[: len(same)] = like._shop_part[: len(same)]
        new = np.concatenate((np.flatnonzero(~same), np.arange(len(same), len(part))))
        for low in range(0, len(new), _SHOPS_AT_ONCE):
            rows = new[low : low + _SHOPS_AT_ONCE]
            part[rows] = self._scorer.shop_part(*self._ids(rows), self.stats.numbers[rows])
        return part

    def _alike(self, other: Ranker) -> NDArray[np.bool_]:
        """Return of the rows that both catalogues have which hold the same to the model, whichever shop it is."""
        rows = np.arange(min(len(self.catalogue), len(other.catalogue)))
        same = (self.stats.numbers[rows] == other.stats.numbers[rows]).all(axis=1)
        for mine, others in zip(self._ids(rows), other._ids(rows), strict=True):
            same &= mine == others
        return np.asarray(same, np.bool_)

    def _ids(self, rows: NDArray[np.integer]) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int8]]:
        """Return the embedding rows of shops, of their brands and of their categories (-1, the last, for none)."""
        catalogue = self.catalogue
        return self._shop[rows], self._brand[catalogue.brand[rows]], catalogue.category[rows]

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
        """Return (k,) logits for the features of one request's candidates."""
        if len(batch.rows) == 0:
            return np.empty(0, np.float32)
        user = self._user_row.get(query.user.user_id, UNKNOWN)
        of_person = batch.numbers[0, :N_USER_NUMBERS]
        return self._scorer.logits_of(self._shop_part[batch.rows], user, query_vector, of_person, batch.wide)

    def score_changed(
        self, query: Query, batch: FeatureBatch, query_vector: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """Return (k,) logits as ``score`` does, where numbers of the shops may be others than the catalogue's."""
        user = self._user_row.get(query.user.user_id, UNKNOWN)
        of_shop = batch.numbers[:, N_USER_NUMBERS:] - self.stats.numbers[batch.rows]
        part = self._scorer.with_other_numbers(self._shop_part[batch.rows], of_shop)
        return self._scorer.logits_of(part, user, query_vector, batch.numbers[0, :N_USER_NUMBERS], batch.wide)

    def rank(
        self,
        query: Query,
        candidates: CandidateSet,
        *,
        query_vector: NDArray[np.float32] | None = None,
        top_k: int = 10,
        diverse: bool = True,
        draw: Draw | None = None,
    ) -> RankedList:
        """Order the candidates. ``query.filters.sort`` decides where it is given; otherwise the score and variety do, after
        what the person can pay and reach (preferences.py).

        ``draw`` lets chance in where the request leaves room for it (``may_explore``). A candidate without a finite score
        is left out.
        """
        batch = self.features(query, candidates, query_vector)
        logits = self.score(query, batch, query_vector)
        known = np.flatnonzero(np.isfinite(logits))
        if len(known) == 0:
            return _empty_list()
        drawn = self.order(query, batch, logits, top_k=top_k, diverse=diverse, draw=draw)
        return RankedList(
            rows=batch.rows[drawn.places],
            scores=sigmoid(logits[drawn.places]),
            wide=batch.wide[drawn.places],
            lifts=lifts(
                batch,
                drawn.places,
                known,
                logits,
                self._scorer.wide_weight,
                lambda changed: self.score_changed(query, changed, query_vector),
                deep_reads_wide=self._scorer.config.wide_in_deep,
            ),
            places=drawn.places,
            menus=batch.menus.chosen(
                drawn.places,
                cheapest=query.filters.sort == "price",
                wish=wish_of(self.catalogue, query, batch.menus),
            ),
            propensity=drawn.propensity,
            shown_propensity=drawn.shown,
            list_propensity=drawn.joint,
            temperature=drawn.temperature,
        )

    def order(
        self,
        query: Query,
        batch: FeatureBatch,
        logits: NDArray[np.float32],
        *,
        top_k: int = 10,
        diverse: bool = True,
        draw: Draw | None = None,
    ) -> Drawn:
        """Choose the places to show for features and logits (k,) already computed; the other arguments as ``rank``."""
        finite, filters = np.isfinite(logits), query.filters
        menus = batch.menus
        wish = wish_of(self.catalogue, query, menus) if diverse or filters.sort else NO_WISH
        if filters.sort:
            order = sorted_places(self.catalogue, query, batch.rows, menus, wish, logits, top_k=top_k)
            if order is not None:
                return Drawn.certain(order[:top_k])
        known = np.flatnonzero(finite)
        if not diverse:
            return Drawn.certain(known[np.argsort(-logits[known], kind="stable")][:top_k])
        log_chance = -np.logaddexp(0.0, -logits[known].astype(np.float64))
        log_chance -= STEP_BEHIND * steps_behind(self.catalogue, query, batch.rows, menus, wish)[known]
        rows = batch.rows[known]
        brands, categories = self.catalogue.brand[rows], self.catalogue.category[rows]
        variety = Variety(log_chance, brands, categories, vary=not filters.category and not filters.menus)
        if draw is None or not may_explore(query):
            drawn = Drawn.certain(diversify(variety, top_k=top_k))
        else:
            drawn = draw_list(variety, diversify(variety, top_k=max(top_k, POOL)), draw, top_k=top_k)
        return replace(drawn, places=known[drawn.places])


def _empty_list() -> RankedList:
    nothing, no_places = np.empty(0, np.float32), np.empty(0, np.int64)
    return RankedList(
        rows=np.empty(0, np.int32),
        scores=nothing,
        wide=np.empty((0, N_WIDE), np.float32),
        lifts=np.empty((0, len(SOURCES)), np.float32),
        places=no_places,
        menus=no_places,
        propensity=np.empty(0),
        shown_propensity=np.empty(0),
    )


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
