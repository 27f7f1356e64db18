"""Features of chosen candidates of many requests: the numbers that ``build_features`` gives for a whole list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from ranking_town import Town

from aiyam.catalogue.arrays import Catalogue
from aiyam.catalogue.query import CandidateSet, Lists
from aiyam.ranking.block_features import BlockFeatures, Chosen
from aiyam.ranking.features import SLOT, build_features

ASKED: list[dict[str, Any]] = [
    {},
    {"menus": ("떡볶이",), "budget_max": 4200},
    {"taste": ("매운",), "exclude_menus": ("김밥",), "companion": "alone"},
    {"category": ("분식", "한식"), "time_of_day": "dinner", "atmosphere": ("조용한",)},
    {"dietary_preferences": ("채식",), "allergies": ("땅콩",), "district": "관악구"},
    {"budget_max": 100},
]


def lists_of(found: list[CandidateSet], k: int) -> Lists:
    """Lay lists side by side."""

    def padded(column: str, missing: float) -> Any:
        return np.stack(
            [
                np.concatenate((v, np.full((k - len(v), *v.shape[1:]), missing, v.dtype)))
                for v in (getattr(one, column) for one in found)
            ]
        )

    size = np.array([len(one) for one in found])
    rows, scores, flags, merged = padded("rows", -1), padded("scores", 0), padded("flags", 0), padded("merged", 0)
    return Lists(size, rows, scores, flags, merged, [one.relaxed for one in found])


def two_of_one_name(town: Town) -> Catalogue:
    """The town's shops in two districts of one name, and one shop in none."""
    district = (np.arange(len(town.catalogue)) % 2).astype(np.int16)
    district[-1] = -1
    return replace(
        town.catalogue, district=district, district_names=["관악구"] * 2, district_city=["서울특별시", "부산광역시"],
        district_province=["서울특별시", "부산광역시"],
    )  # fmt: skip


def nowhere(town: Town) -> Catalogue:
    """The town's shops without a position."""
    unknown = np.full(len(town.catalogue), np.nan, np.float32)
    return replace(town.catalogue, lat=unknown, lon=unknown)


@pytest.mark.parametrize("located", [True, False])
@pytest.mark.parametrize("place", [lambda town: town.catalogue, two_of_one_name, nowhere])
def test_every_feature_equals_the_one_of_a_list_alone(
    town: Town, located: bool, place: Callable[[Town], Catalogue]
) -> None:
    catalogue = place(town)
    people = ["u-regular", *list(town.profiles)[:3], "nobody"]
    queries = [town.query(user, **asked) for user in people for asked in ASKED]
    queries = [replace(q, now=q.now + timedelta(hours=5 * i)) for i, q in enumerate(queries)]
    if not located:
        queries = [replace(q, lat=None, lon=None) for q in queries]
    rng = np.random.default_rng(2)
    n = len(catalogue)
    vectors = rng.normal(size=(n, 128)).astype(np.float32)
    stats = replace(town.stats, shop_vectors=vectors)
    said = rng.normal(size=(len(queries), 128)).astype(np.float32)
    said[::3] = 0
    found = []
    for i in range(len(queries)):
        size = int(rng.integers(2, n + 1))
        merged = np.sort(rng.integers(0, 5, size) / 5)[::-1]  # with ties
        one = town.candidates(rng.permutation(n)[:size].tolist(), merged.tolist())
        found.append(replace(one, relaxed=("budget_max",) if i % 4 == 1 else ()))
    lists = lists_of(found, n)
    size = lists.size
    chosen = Chosen(np.repeat(np.arange(len(queries)), size), np.concatenate([np.arange(s) for s in size]))
    features = BlockFeatures(catalogue, stats)
    for again in (features, BlockFeatures(catalogue, stats, like=features)):
        wide, numbers = again.of(queries, lists, chosen, said)
        for i, query in enumerate(queries):
            alone = build_features(catalogue, stats, query, found[i], query_vector=said[i])
            mine = chosen.request == i
            for name, slot in SLOT.items():
                assert np.allclose(wide[mine, slot], alone.wide[:, slot], atol=1e-5), (name, query)
            assert np.allclose(numbers[mine], alone.numbers, atol=1e-6)
