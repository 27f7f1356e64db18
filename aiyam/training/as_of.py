"""What was known at a moment: shops' counts, history, ages and layer 1, from arrays that are read once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiyam.candidates.blocks import BlockFunnels
from aiyam.candidates.collaborative import Collaborative
from aiyam.candidates.encoder import TextEncoder
from aiyam.candidates.funnels import Funnels
from aiyam.candidates.popularity import Popularity
from aiyam.catalogue.arrays import Catalogue
from aiyam.catalogue.interactions import Events, Interactions
from aiyam.contracts import KST, UserProfile
from aiyam.ranking.block_features import BlockFeatures
from aiyam.ranking.statistics import Statistics, fit_crosses
from aiyam.store import Store
from aiyam.store.people import aged, read_people

BEST_RATING, WORST_RATING = 5.0, 1.0


@dataclass(frozen=True)
class Archive:
    """Everything the store knows, read once and cleaned; ``skipped`` counts what had to be left out, by its reason.

    ``unreadable`` are people whose stored row breaks the contract: they cannot be asked for.
    """

    catalogue: Catalogue
    interactions: Interactions
    profiles: Mapping[str, UserProfile]
    unreadable: frozenset[str]
    skipped: Mapping[str, int]
    encoder_dir: Path
    rules: Mapping[str, Any]

    @classmethod
    def read(cls, store: Store, *, encoder_dir: Path, rules: Mapping[str, Any], now_ts: int) -> Archive:
        """Read the store; what it says happened after ``now_ts`` (epoch seconds) is an error of the source."""
        catalogue = Catalogue.load(store)
        interactions, skipped = clean(Interactions.load(store, catalogue), now_ts)
        profiles, unreadable = read_people(store, interactions.user_ids)
        return cls(catalogue, interactions, profiles, unreadable, skipped, encoder_dir, rules)

    def at(self, cut: int, *, like: AsOf | None = None) -> AsOf:
        """Rebuild what was known just before a moment (epoch seconds): layer 1, aggregates, crosses, ages.

        ``like``: what was known at another moment, whose parts that no act of a person changes are used again.
        """
        known = before(self.interactions, cut)
        catalogue = _counted(self.catalogue, known)
        encoder = like.encoder if like is not None else TextEncoder.load(self.encoder_dir)
        if like is None:
            funnels = Funnels.build(catalogue, known, encoder=encoder, rules=dict(self.rules), now_ts=cut - 1)
        else:
            same = like.funnels
            collaborative = Collaborative(catalogue, known, same.rules, now_ts=cut - 1)
            popularity = Popularity(catalogue, known, same.rules, now_ts=cut - 1)
            funnels = Funnels(
                catalogue, same.rules, same.constraints, collaborative, same.content, same.contextual, popularity
            )
        stats = Statistics.build(catalogue, self.interactions, until=cut, shop_vectors=funnels.content.vectors)
        day, older = datetime.fromtimestamp(cut, KST).date(), {} if like is None else like.profiles
        profiles = {user_id: aged(older.get(user_id, profile), day) for user_id, profile in self.profiles.items()}
        stats = stats.with_crosses(fit_crosses(catalogue, stats, profiles))
        blocks = BlockFunnels(funnels, like=None if like is None else like.blocks)
        features = BlockFeatures(catalogue, stats, like=None if like is None else like.features)
        return AsOf(cut, known.last_ts, catalogue, encoder, funnels, stats, profiles, blocks, features)


@dataclass(frozen=True)
class AsOf:
    """What was known just before ``cut``; ``last_ts`` is the newest event that layer 1 has seen (0 none).

    ``blocks`` and ``features`` are layer 1 and the feature table for many requests at once.
    """

    cut: int
    last_ts: int
    catalogue: Catalogue
    encoder: TextEncoder
    funnels: Funnels
    stats: Statistics
    profiles: Mapping[str, UserProfile]
    blocks: BlockFunnels
    features: BlockFeatures


def clean(interactions: Interactions, now_ts: int) -> tuple[Interactions, dict[str, int]]:
    """Leave out acts with an impossible time or rating; returns the rest and how many were left out, by reason."""
    skipped: Counter[str] = Counter()
    if interactions.n_dropped:
        skipped["shop the catalogue does not have"] = interactions.n_dropped

    def timely(events: Events) -> Events:
        possible = (events.ts > 0) & (events.ts <= now_ts)
        skipped["time in the future or before 1970"] += int((~possible).sum())
        return _part(events, possible)

    reviews = timely(interactions.reviews)
    rated = (reviews.value >= WORST_RATING) & (reviews.value <= BEST_RATING)
    skipped["rating outside 1..5"] += int((~rated).sum())
    log = interactions.requests
    possible = (log.ts > 0) & (log.ts <= now_ts)
    skipped["time in the future or before 1970"] += int((~possible).sum())
    first, last = int(np.searchsorted(log.ts, 1)), int(np.searchsorted(log.ts, now_ts, side="right"))
    kept = replace(
        interactions,
        orders=timely(interactions.orders),
        favorites=timely(interactions.favorites),
        reviews=_part(reviews, rated),
        requests=_requests(interactions, first, last),
    )
    return kept, {reason: n for reason, n in skipped.items() if n}


def before(interactions: Interactions, until: int) -> Interactions:
    """Return what had happened before a moment (epoch seconds)."""
    return replace(
        interactions,
        orders=_part(interactions.orders, interactions.orders.ts < until),
        favorites=_part(interactions.favorites, interactions.favorites.ts < until),
        reviews=_part(interactions.reviews, interactions.reviews.ts < until),
        requests=_requests(interactions, 0, int(np.searchsorted(interactions.requests.ts, until))),
    )


def _part(events: Events, kept: NDArray[np.bool_]) -> Events:
    return Events(events.user[kept], events.shop_row[kept], events.ts[kept], events.value[kept])


def _requests(interactions: Interactions, first: int, last: int) -> Any:
    log = interactions.requests
    last = max(last, first)
    low, high = int(log.imp_start[first]), int(log.imp_start[last])
    part = slice(first, last)
    return replace(
        log,
        request_id=log.request_id[part], user=log.user[part], ts=log.ts[part], lat=log.lat[part], lon=log.lon[part],
        district=log.district[part], query=log.query[part], filters=log.filters[part],
        imp_start=log.imp_start[first : last + 1] - low, imp_shop_row=log.imp_shop_row[low:high],
        imp_position=log.imp_position[low:high], imp_outcome=log.imp_outcome[low:high],
    )  # fmt: skip


def _counted(catalogue: Catalogue, known: Interactions) -> Catalogue:
    """Return the catalogue with the orders, favourites and ratings its shops had then."""
    n = len(catalogue)

    def count(events: Events) -> NDArray[np.int32]:
        return np.bincount(events.shop_row, minlength=n).astype(np.int32)

    n_reviews = count(known.reviews)
    stars = np.bincount(known.reviews.shop_row, weights=known.reviews.value, minlength=n)
    rating = np.where(n_reviews > 0, stars / np.maximum(n_reviews, 1), np.nan).astype(np.float32)
    return replace(
        catalogue,
        n_orders=count(known.orders),
        n_favorites=count(known.favorites),
        n_reviews=n_reviews,
        rating=rating,
    )
