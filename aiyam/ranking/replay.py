"""Logged requests as they were: who asked what, where and when, what was shown and what became of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

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

TOLD_WITHIN_S = 14 * 86_400
"""A favourite or a good review this long after an order of the same shop, or a request that showed it, says that again."""

SKIPPED, CLICKED, FAVORITED, ORDERED = 0, 1, 2, 3
"""What became of a shop that was shown; the last two are choices."""

_FAR = 1 << 36


@dataclass(frozen=True)
class Moment:
    """One logged request: ``shown`` are catalogue rows in the order shown, ``outcomes`` 0 skipped .. 3 ordered.

    ``told_ts`` (epoch seconds) is when the newest act came that the outcomes rest on, where that is known. ``words`` are the
    person's own that were searched for beside the filters; only the chat keeps them.
    """

    user_id: str
    ts: int
    lat: float | None
    lon: float | None
    district: str | None
    semantic_query: str
    filters: Filters
    shown: tuple[int, ...]
    outcomes: tuple[int, ...]
    told_ts: int = 0
    words: str = ""


@dataclass(frozen=True, eq=False)
class Choices:
    """c choices, (c,) each: user row, catalogue row, epoch seconds, and whether it was favourited (2) or ordered (3)."""

    user: NDArray[np.int32]
    shop: NDArray[np.int32]
    ts: NDArray[np.int64]
    outcome: NDArray[np.int8]

    @classmethod
    def of(cls, interactions: Interactions) -> Choices:
        """Lay orders, favourites and good reviews end to end."""
        acts = history_of(interactions)
        good = (acts.kind != REVIEW) | (acts.value >= GOOD_REVIEW)
        outcome = np.where(acts.kind == ORDER, ORDERED, FAVORITED).astype(np.int8)
        return cls(acts.user[good], acts.shop[good], acts.ts[good], outcome[good])

    def __len__(self) -> int:
        return len(self.ts)

    def part(self, picked: NDArray[np.integer] | NDArray[np.bool_]) -> Choices:
        """Return some of them."""
        return Choices(self.user[picked], self.shop[picked], self.ts[picked], self.outcome[picked])

    def moments(self, user_ids: list[str]) -> list[Moment]:
        """Return each as a moment: something was wanted then and there, and this shop was chosen."""
        anything = Filters()
        return [
            Moment(user_ids[user], ts, None, None, None, "", anything, (shop,), (outcome,))
            for user, shop, ts, outcome in zip(
                self.user.tolist(), self.shop.tolist(), self.ts.tolist(), self.outcome.tolist(), strict=True
            )
        ]


def moments_of(
    interactions: Interactions, *, since: int = 0, until: int | None = None, limit: int | None = None, seed: int = 0
) -> list[Moment]:
    """Return the logged requests with since <= time < until, oldest first; at most ``limit``, drawn by ``seed``.

    A request whose filters this code cannot read is left out. Data without a log of what was shown (an import) gives one
    moment an order, favourite or good review.
    """
    ts = request_times(interactions)
    picked = _draw(np.flatnonzero((ts >= since) & (ts < (_FAR if until is None else until))), limit, seed)
    picked = picked[np.argsort(ts[picked], kind="stable")]
    if len(interactions.requests.ts):
        return [moment for i in picked.tolist() if (moment := request_at(interactions, i)) is not None]
    return Choices.of(interactions).part(picked).moments(interactions.user_ids)


def orders_of(
    interactions: Interactions, *, since: int = 0, until: int | None = None, limit: int | None = None, seed: int = 0
) -> list[Moment]:
    """Return orders that no logged request led to, as moments: what people choose when nothing is put before them.

    They carry no position bias, and the whole neighbourhood was the choice. Arguments as ``moments_of``.
    """
    choices = Choices.of(interactions)
    inside = (choices.outcome == ORDERED) & (choices.ts >= since) & (choices.ts < (_FAR if until is None else until))
    picked = _draw(np.flatnonzero(inside & ~led_to(interactions, choices)), limit, seed)
    return choices.part(picked[np.argsort(choices.ts[picked], kind="stable")]).moments(interactions.user_ids)


def led_to(interactions: Interactions, choices: Choices) -> NDArray[np.bool_]:
    """Tell of each choice (c,) whether the person asked for suggestions within the hour before it."""
    log = interactions.requests
    asked = np.sort(log.user.astype(np.int64) * _FAR + log.ts)
    return _follows(choices.user.astype(np.int64) * _FAR + choices.ts, asked, LED_TO_S)


def told_before(interactions: Interactions, choices: Choices) -> NDArray[np.bool_]:
    """Tell of each choice (c,) whether it only says again what an order of the shop, or a request that showed it, said."""
    log = interactions.requests
    request = np.repeat(np.arange(len(log)), np.diff(log.imp_start))
    bought = choices.part(choices.outcome == ORDERED)
    user = np.concatenate((choices.user, bought.user, log.user[request])).astype(np.int64)
    shop = np.concatenate((choices.shop, bought.shop, log.imp_shop_row)).astype(np.int64)
    _, pair = np.unique(user * (int(shop.max(initial=0)) + 1) + shop, return_inverse=True)
    at = pair.astype(np.int64) * _FAR + np.concatenate((choices.ts, bought.ts, log.ts[request]))
    told = _follows(at[: len(choices)], np.sort(at[len(choices) :]), TOLD_WITHIN_S)
    return np.asarray(told & (choices.outcome != ORDERED), np.bool_)


def _follows(own: NDArray[np.int64], others: NDArray[np.int64], within_s: int) -> NDArray[np.bool_]:
    """Tell of each key and time whether one of ``others`` (sorted) of the same key lies at most that long before it."""
    if len(others) == 0:
        return np.zeros(len(own), np.bool_)
    before = np.searchsorted(others, own, side="right") - 1
    return np.asarray((before >= 0) & (own - others[np.maximum(before, 0)] < within_s), np.bool_)


def _draw(picked: NDArray[np.int64], limit: int | None, seed: int) -> NDArray[np.int64]:
    if limit is None or len(picked) <= limit:
        return picked
    return np.random.default_rng(seed).choice(picked, limit, replace=False)


def request_times(interactions: Interactions) -> NDArray[np.int64]:
    """Return the times (epoch seconds) of all moments, in no order."""
    return interactions.requests.ts if len(interactions.requests.ts) else Choices.of(interactions).ts


def query_of(moment: Moment, profile: UserProfile | None) -> Query:
    """Return the request layer 1 would get for this moment; someone without a profile is only an id."""
    return Query(
        filters=moment.filters,
        semantic_query=moment.semantic_query,
        words=moment.words,
        user=profile or UserProfile(user_id=moment.user_id),
        now=datetime.fromtimestamp(moment.ts, KST),
        lat=moment.lat if moment.lat is not None or profile is None else profile.lat,
        lon=moment.lon if moment.lat is not None or profile is None else profile.lon,
        district=moment.district or (profile.district if profile is not None else None),
    )


def request_at(interactions: Interactions, i: int) -> Moment | None:
    """Return the i-th logged request; None where this code cannot read its filters."""
    log = interactions.requests
    filters = _filters(log.filters[i])
    if filters is None:
        return None
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
        filters=filters,
        shown=tuple(log.imp_shop_row[order].tolist()),
        outcomes=tuple(log.imp_outcome[order].tolist()),
    )


@lru_cache(maxsize=65_536)
def _filters(text: str) -> Filters | None:
    try:
        return Filters(**json.loads(text or "{}"))
    except (ValueError, TypeError, ValidationError):
        return None
