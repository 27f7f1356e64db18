"""Logged requests as they were: who asked what, where and when, what was shown and what became of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
from pydantic import ValidationError

from aiyam.catalogue.query import Query
from aiyam.contracts import KST, Filters, UserProfile

if TYPE_CHECKING:
    from aiyam.catalogue.interactions import Interactions


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
    """Return the logged requests with since <= time < until, oldest first; at most ``limit``, drawn by ``seed``."""
    log = interactions.requests
    inside = log.ts >= since if until is None else (log.ts >= since) & (log.ts < until)
    picked = np.flatnonzero(inside)
    if limit is not None and len(picked) > limit:
        picked = np.random.default_rng(seed).choice(picked, limit, replace=False)
    picked = picked[np.argsort(log.ts[picked], kind="stable")]
    return [_moment(interactions, int(i)) for i in picked]


def query_of(moment: Moment, profile: UserProfile | None) -> Query:
    """Return the request layer 1 would get for this moment; someone without a profile is only an id."""
    return Query(
        filters=moment.filters,
        semantic_query=moment.semantic_query,
        user=profile or UserProfile(user_id=moment.user_id),
        now=datetime.fromtimestamp(moment.ts, KST),
        lat=moment.lat,
        lon=moment.lon,
        district=moment.district,
    )


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
