"""What variety and exploration cost: strength against ndcg@10, true ndcg@10 and how many foods and brands stand in front.

    python tests/bench/diversity.py [--home DIR] [--shops 3000] [--users 2000] [--requests 2000] [--test-requests 1500]

Prints one JSON object. Differences are paired over held-out requests without a sort, with 95 % intervals over people.
With --home the city, the encoder and the ranker are kept there (tests/bench/ranking.py keeps its own in the same places).
"""

# ruff: noqa: E402

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np
from numpy.typing import NDArray
from sample_city import SampleCity, add_arguments, sample_city, tell

from aiyam.candidates.encoder import TextEncoder
from aiyam.candidates.funnels import Funnels
from aiyam.candidates.rules import load_rules
from aiyam.catalogue.arrays import Catalogue
from aiyam.catalogue.interactions import Interactions
from aiyam.evaluation.ranking import first_unseen
from aiyam.evaluation.ranking_scores import graded_ndcg
from aiyam.evaluation.truth import city_truth
from aiyam.ranking.diversity import Taste, Variety, diversify
from aiyam.ranking.exploration import POOL, Draw, Drawn, draw_list, may_explore
from aiyam.ranking.measures import measure, user_bootstrap
from aiyam.ranking.ranker import Ranker
from aiyam.ranking.replay import FAVORITED, moments_of, query_of
from aiyam.ranking.statistics import Statistics
from aiyam.training.ranker import train_ranker
from aiyam.training.ranker_store import DEFAULT_RULES, profiles_at

COSTS = (0.0, 0.1, 0.2, 0.4, 0.8, 1.6)
NO_LIMIT = Taste(category_cost=0.0, brand_top_3=10, brand_top_10=10)
TASTES: dict[str, Taste] = {
    "score alone": NO_LIMIT,
    **{f"brands {a}/{b}": Taste(0.0, a, b) for a, b in ((2, 3), (1, 3), (1, 2))},
    **{f"brands 1/2, foods {cost} in first {n}": Taste(cost, varied=n) for n in (3, 5, 10) for cost in COSTS[1:]},
}
TEMPERATURES = (0.05, 0.1, 0.15, 0.2, 0.3, 1.0)
N_SHOWN = 5
MEASURED = ("ndcg@10", "true_ndcg@10", "true_ndcg@5")
TOPS = (3, 5, 10)


@dataclass(frozen=True)
class Request:
    """One held-out request and its k candidates: log chances, what was chosen, what it is truly worth."""

    user: str
    log_chance: NDArray[np.float64]
    chosen: NDArray[np.bool_]
    n_chosen: int
    worth: NDArray[np.floating]
    brands: NDArray[np.integer]
    categories: NDArray[np.integer]
    vary: bool
    explorable: bool

    def variety(self, taste: Taste) -> Variety:
        return Variety(self.log_chance, self.brands, self.categories, vary=self.vary, taste=taste)

    def measures(self, order: NDArray[np.int64]) -> list[float]:
        scores = np.full(len(self.worth), -1e9)
        scores[order] = -np.arange(len(order))
        ndcg = measure(scores, self.chosen, self.n_chosen)[1]
        return [float(ndcg), graded_ndcg(scores, self.worth), graded_ndcg(scores, self.worth, k=5)]

    def spread(self, order: NDArray[np.int64]) -> list[float]:
        """Distinct foods, distinct brands and branches of the commonest brand in the first 3, 5 and 10."""
        brands = np.where(self.brands >= 0, self.brands, self.brands.max(initial=0) + 1 + np.arange(len(self.brands)))
        foods = [float(len(np.unique(self.categories[order[:n]]))) for n in TOPS]
        names = [float(len(np.unique(brands[order[:n]]))) for n in TOPS]
        return [*foods, *names, *(float(np.unique(brands[order[:n]], return_counts=True)[1].max()) for n in TOPS)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    parser.add_argument("--requests", type=int, default=2000, help="requests replayed for training")
    parser.add_argument("--test-requests", type=int, default=1500)
    args = parser.parse_args()
    with sample_city(args) as city:
        requests = read_requests(args, city)
    print(json.dumps({"n_requests": len(requests), **frontier(requests, args.seed)}, ensure_ascii=False, indent=1))


def read_requests(args: argparse.Namespace, city: SampleCity) -> list[Request]:
    """Train what the city's folder lacks and score the held-out requests that end in a choice and ask for no order."""
    store, encoder_dir, folder = city.store, city.encoder(), city.folder / "ranker" / "default"
    if not (folder / "manifest.json").exists():
        train_ranker(store, folder, encoder_dir=encoder_dir, seed=args.seed, progress=tell, max_requests=args.requests)
    start = first_unseen({"default": folder}, None)
    interactions = Interactions.load(store, Catalogue.load(store))
    catalogue = Catalogue.load(store, until=start)
    known, encoder = Interactions.load(store, catalogue, until=start), TextEncoder.load(encoder_dir)
    funnels = Funnels.build(catalogue, known, encoder=encoder, rules=load_rules(DEFAULT_RULES), now_ts=start - 1)
    stats = Statistics.build(catalogue, interactions, until=start, shop_vectors=funnels.content.vectors)
    ranker, profiles = Ranker.load(folder, catalogue, stats), profiles_at(store, start)
    truth = city_truth(store, city.truth)
    out = list[Request]()
    for moment in moments_of(interactions, since=start):
        chosen = {row for row, what in zip(moment.shown, moment.outcomes, strict=True) if what >= FAVORITED}
        query = query_of(moment, profiles.get(moment.user_id))
        if not chosen or query.filters.sort or len(out) >= args.test_requests:
            continue
        found, vector = funnels.find(query), encoder.encode([query.semantic_query])[0]
        if not len(found):
            continue
        logits = ranker.score(query, ranker.features(query, found, vector), vector).astype(np.float64)
        out.append(
            Request(
                user=moment.user_id,
                log_chance=-np.logaddexp(0.0, -logits),
                chosen=np.isin(found.rows, list(chosen)),
                n_chosen=len(chosen),
                worth=truth(moment, query, found.rows),
                brands=catalogue.brand[found.rows],
                categories=catalogue.category[found.rows],
                vary=not query.filters.category and not query.filters.menus,
                explorable=may_explore(query),
            )
        )
    return out


def frontier(requests: list[Request], seed: int) -> dict[str, Any]:
    """Measure every taste, and every temperature at the default taste."""
    users = [request.user for request in requests]
    free = np.array([request.vary for request in requests])

    def measured(order_of: Callable[[int, Request], NDArray[np.int64]]) -> tuple[NDArray[np.float64], dict[str, Any]]:
        orders = [order_of(i, request) for i, request in enumerate(requests)]
        values = np.array([r.measures(order) for r, order in zip(requests, orders, strict=True)])
        spread = np.array([r.spread(order) for r, order in zip(requests, orders, strict=True)])
        foods, brands, branches = np.split(spread, 3, axis=1)
        return values, {
            "foods_top_3_5_10_nothing_asked": plain(foods[free].mean(0)),
            "brands_top_3_5_10": plain(brands.mean(0)),
            "branches_of_the_commonest_brand_top_3_5_10": plain(branches.mean(0)),
        }

    def against(values: NDArray[np.float64], base: NDArray[np.float64]) -> dict[str, Any]:
        found = np.stack(user_bootstrap(values - base, users, seed=seed))
        return {
            name: {"mean": round(float(values[:, i].mean()), 4), "difference": plain(found[:, i], 4)}
            for i, name in enumerate(MEASURED)
        }

    tables: dict[str, Any] = {"n_nothing_asked": int(free.sum()), "variety": {}, "exploration": {}}
    base: NDArray[np.float64] | None = None
    for name, taste in TASTES.items():
        values, spread = measured(lambda _, request, taste=taste: diversify(request.variety(taste), top_k=10))  # type: ignore[misc]
        base = values if base is None else base
        tables["variety"][name] = {**against(values, base), **spread}
    usual, _ = measured(lambda _, request: diversify(request.variety(Taste()), top_k=10))
    for temperature in TEMPERATURES:
        lists = [draw(i, request, temperature) for i, request in enumerate(requests)]
        values, _ = measured(lambda i, request: lists[i][0])  # noqa: B023
        tables["exploration"][str(temperature)] = {
            **against(values, usual),
            "lists_changed": round(float(np.mean([not np.array_equal(a, b) for a, b, _ in lists])), 3),
            "median_list_propensity": round(float(np.median([joint for _, _, joint in lists])), 3),
        }
    return tables


def draw(seed: int, request: Request, temperature: float) -> tuple[NDArray[np.int64], NDArray[np.int64], float]:
    """Return the first ten places with the first five drawn, the same undrawn, and the drawn list's probability."""
    variety = request.variety(Taste())
    best = diversify(variety, top_k=max(POOL, 10))
    drawn = Drawn.certain(best[:N_SHOWN])
    if request.explorable:
        drawn = draw_list(variety, best, Draw(temperature, seed), top_k=N_SHOWN)
    rest = best[~np.isin(best, drawn.places)]
    return np.concatenate((drawn.places, rest))[:10], best[:10], drawn.joint


def plain(values: NDArray[np.floating], digits: int = 2) -> list[float]:
    return [round(float(value), digits) for value in values]


if __name__ == "__main__":
    main()
