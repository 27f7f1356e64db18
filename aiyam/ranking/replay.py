"""Logged requests as they were: who asked what, where and when, what was shown and what became of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from aiyam.catalogue.interactions import ORDER, REVIEW, Interactions, history_of
from aiyam.catalogue.query import Query
from aiyam.contracts import KST, Filters, UserProfile

GOOD_REVIEW = 4.0
"""A rating from here on says that the shop was liked."""

LED_TO_S = 3600
"""An order within an hour after the person's own request came from it."""

_ORDERED = 3
_FAR = 1 << 36


@dataclass(frozen=True)
class Moment:
    """One logged request: ``shown`` are catalogue rows in the order shown, ``outcomes`` 0 skipped .. 3 ordered."""

    user_id: str
    ts: int
    lat: float | None
    lon: float | None
    district: str | None
    semantic_query: str
    filters: Filters
    shown: tuple[int, ...]
    outcomes: tuple[int, ...]


def moments_of(
    interactions: Interactions, *, since: int = 0, until: int | None = None, limit: int | None = None, seed: int = 0
) -> list[Moment]:
    """Return the logged requests with since <= time < until, oldest first; at most ``limit``, drawn by ``seed``.

    Data without a log of what was shown (an import) gives one moment an order, favourite or good review: something was
    wanted then and there, and this shop was chosen.
    """
    ts = request_times(interactions)
    picked = np.flatnonzero(ts >= since if until is None else (ts >= since) & (ts < until))
    if limit is not None and len(picked) > limit:
        picked = np.random.default_rng(seed).choice(picked, limit, replace=False)
    picked = picked[np.argsort(ts[picked], kind="stable")]
    if len(interactions.requests.ts):
        return [_moment(interactions, int(i)) for i in picked]
    return _chosen_moments(interactions, picked)


def orders_of(
    interactions: Interactions, *, since: int = 0, until: int | None = None, limit: int | None = None, seed: int = 0
) -> list[Moment]:
    """Return orders that no logged request led to, as moments: what people choose when nothing is put before them.

    They carry no position bias, and the whole neighbourhood was the choice. Arguments as ``moments_of``.
    """
    user, _, ts, outcome = _choices(interactions)
    log = interactions.requests
    asked = np.sort(log.user.astype(np.int64) * _FAR + log.ts)
    own = user.astype(np.int64) * _FAR + ts
    before = np.searchsorted(asked, own, side="right") - 1
    led = (before >= 0) & (own - asked[np.maximum(before, 0)] < LED_TO_S) if len(asked) else np.zeros(len(own), bool)
    inside = (outcome == _ORDERED) & ~led & (ts >= since) & (ts < (until if until is not None else _FAR))
    picked = np.flatnonzero(inside)
    if limit is not None and len(picked) > limit:
        picked = np.random.default_rng(seed).choice(picked, limit, replace=False)
    return _chosen_moments(interactions, picked[np.argsort(ts[picked], kind="stable")])


def _chosen_moments(interactions: Interactions, picked: NDArray[np.int64]) -> list[Moment]:
    user, shop, ts, outcome = _choices(interactions)
    return [
        Moment(
            interactions.user_ids[int(user[i])],
            int(ts[i]),
            None,
            None,
            None,
            "",
            Filters(),
            (int(shop[i]),),
            (int(outcome[i]),),
        )
        for i in picked
    ]


def request_times(interactions: Interactions) -> NDArray[np.int64]:
    """Return the times (epoch seconds) of all moments, in no order."""
    return interactions.requests.ts if len(interactions.requests.ts) else _choices(interactions)[2]


def query_of(moment: Moment, profile: UserProfile | None) -> Query:
    """Return the request layer 1 would get for this moment; someone without a profile is only an id."""
    return Query(
        filters=moment.filters,
        semantic_query=moment.semantic_query,
        user=profile or UserProfile(user_id=moment.user_id),
        now=datetime.fromtimestamp(moment.ts, KST),
        lat=moment.lat if moment.lat is not None or profile is None else profile.lat,
        lon=moment.lon if moment.lat is not None or profile is None else profile.lon,
        district=moment.district or (profile.district if profile is not None else None),
    )


def _choices(
    interactions: Interactions,
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int64], NDArray[np.int8]]:
    """Lay what was chosen end to end: (user, shop row, time, outcome)."""
    acts = history_of(interactions)
    good = (acts.kind != REVIEW) | (acts.value >= GOOD_REVIEW)
    outcome = np.where(acts.kind == ORDER, _ORDERED, 2).astype(np.int8)
    return acts.user[good], acts.shop[good], acts.ts[good], outcome[good]


def _moment(interactions: Interactions, i: int) -> Moment:
    log = interactions.requests
    low, high = int(log.imp_start[i]), int(log.imp_start[i + 1])
    lat, lon = float(log.lat[i]), float(log.lon[i])
    known = np.isfinite(lat) and np.isfinite(lon)
    order = low + np.argsort(log.imp_position[low:high], kind="stable")
    order = order[log.imp_shop_row[order] >= 0]
    return Moment(
        user_id=interactions.user_ids[int(log.user[i])],
        ts=int(log.ts[i]),
        lat=lat if known else None,
        lon=lon if known else None,
        district=log.district[i] or None,
        semantic_query=log.query[i],
        filters=_filters(log.filters[i]),
        shown=tuple(log.imp_shop_row[order].tolist()),
        outcomes=tuple(log.imp_outcome[order].tolist()),
    )


def _filters(text: str) -> Filters:
    """Read the stored filters; a request logged with keys this code no longer knows is replayed without filters."""
    try:
        return Filters(**json.loads(text or "{}"))
    except (ValueError, TypeError, ValidationError):
        return Filters()
