"""Two years of what people did: orders out of habit and requests that showed ten shops, from the latent preferences."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from aiyam.catalogue.city.ground import M_PER_DEGREE_LAT, M_PER_DEGREE_LON, Ground, draw, scatter
from aiyam.catalogue.city.latent import Latent, open_at
from aiyam.catalogue.city.truth import WISH_WORTH
from aiyam.contracts import KST, TIMES_OF_DAY

CITY_END = datetime(2026, 3, 1, tzinfo=KST)
"""Nothing happened in the city at or after this moment; a fixed date, so that the same seed gives the same bytes."""
CITY_START = datetime(2024, 3, 1, tzinfo=KST)
SHOWN = 10
SKIPPED, CLICKED, FAVORITED, ORDERED = 0, 1, 2, 3

_POOL, _POOL_SCHOOL, _POOL_HUB = 190, 90, 40
_BLOCK_USERS = 2000
_DAY_S = 86_400
_POSITION_DECAY = 0.55
_TIRED_OF_LAST = 0.9
_CLICK_BAR = 4.4
_TINY = np.float32(1e-30)

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Acts:
    """Orders (o,), and requests (r,) with what they showed (r, 10); users and shops are row numbers.

    ``wish_shop`` is the shop whose dish or category was wished for (-1 none), ``wish_kind`` 0 nothing, 1 a category,
    2 a dish; ``budget`` in won (-1 none); ``shown`` and ``outcome`` are -1 where fewer than ten were shown.
    """

    order_user: Ints
    order_shop: Ints
    order_at: Ints
    request_user: Ints
    request_at: Ints
    request_lat: Floats
    request_lon: Floats
    request_district: Ints
    wish_kind: Ints
    wish_shop: Ints
    budget: Ints
    shown: Ints
    outcome: Ints


def act(
    rng: np.random.Generator, latent: Latent, ground: Ground, home_lat: Floats, home_lon: Floats, home_district: Ints,
    events_of: Ints,
) -> Iterator[Acts]:  # fmt: skip
    """Simulate users in blocks of 2,000; ``events_of`` (U,) is how many events each user has."""
    placed = np.flatnonzero(~np.isnan(latent.shop_lat))
    xy = np.column_stack([latent.shop_lon[placed] * M_PER_DEGREE_LON, latent.shop_lat[placed] * M_PER_DEGREE_LAT])
    tree = cKDTree(xy.astype(np.float64))
    for first in range(0, len(home_lat), _BLOCK_USERS):
        block = np.arange(first, min(first + _BLOCK_USERS, len(home_lat)))
        # The most active first, so that the users who still act at step k are always a leading slice.
        order = np.argsort(-events_of[block], kind="stable")
        block = block[order][events_of[block[order]] > 0]
        if len(block):
            yield _act_block(
                rng,
                latent,
                ground,
                tree,
                placed,
                block,
                home_lat[block],
                home_lon[block],
                home_district[block],
                events_of[block],
            )


def events_per_user(rng: np.random.Generator, n_users: int) -> Ints:
    """Draw how many events each user has: log-normal, a twelfth have next to none."""
    count = np.clip(np.round(rng.lognormal(3.45, 0.85, n_users)), 1, 320).astype(np.int64)
    return np.where(rng.random(n_users) < 0.08, rng.integers(0, 4, n_users), count)


def _pools(rng: np.random.Generator, tree: cKDTree, placed: Ints, lat: Floats, lon: Floats, size: int) -> Ints:
    wanted = min(size * 3, len(placed))
    points = np.column_stack([lon * M_PER_DEGREE_LON, lat * M_PER_DEGREE_LAT])
    metres, near = tree.query(points, k=wanted)
    metres, near = metres.reshape(len(lat), -1), near.reshape(len(lat), -1)
    keys = rng.gumbel(size=metres.shape) - metres / 900.0
    best = np.argpartition(-keys, min(size, wanted) - 1, axis=1)[:, : min(size, wanted)]
    chosen: Ints = placed[np.take_along_axis(near, best, axis=1)]
    return chosen


def _times(rng: np.random.Generator, n: int, starts: Ints, user: Ints) -> tuple[Ints, Ints, Ints, Ints]:
    """Draw n event times: (epoch seconds, meal index, minute of day, weekday)."""
    begin, end = int(CITY_START.timestamp()), int(CITY_END.timestamp())
    days = (end - begin) // _DAY_S
    # The service grows: later days are likelier (density rises linearly, doubled at the end).
    share = (np.sqrt(1 + 3 * rng.random(n)) - 1).clip(0, 1 - 1e-9)
    day = starts[user] + (share * (days - starts[user])).astype(np.int64)
    weekday = (day + CITY_START.weekday()) % 7
    keep = rng.random(n) < np.where(weekday >= 5, 1.0, 0.8)
    day = np.where(keep, day, np.minimum(day + (5 - weekday).clip(0), days - 1))
    weekday = (day + CITY_START.weekday()) % 7
    weekend = weekday >= 5
    on_school_days, on_weekends = np.array([0.05, 0.12, 0.31, 0.46, 0.06]), np.array([0.05, 0.33, 0.19, 0.37, 0.06])
    meal = np.where(weekend, draw(rng, on_weekends, n), draw(rng, on_school_days, n))
    low = np.array([7 * 60, 11 * 60, 14 * 60 + 30, 17 * 60, 21 * 60])[meal]
    span = np.array([150, 170, 145, 230, 120])[meal]
    minute = low + (rng.beta(2, 2, n) * span).astype(np.int64)
    at = begin + day * _DAY_S + minute * 60 + rng.integers(0, 60, n)
    return at, meal, minute, weekday


def _act_block(
    rng: np.random.Generator, latent: Latent, ground: Ground, tree: cKDTree, placed: Ints, users: Ints, home_lat: Floats,
    home_lon: Floats, home_district: Ints, n_events: Ints,
) -> Acts:  # fmt: skip
    n = len(users)
    school_lat, school_lon = scatter(rng, home_lat, home_lon, np.full(n, 1100.0))
    hub = draw(rng, ground.anchor_weight[: ground.n_stations] ** 1.5, n)
    lat = np.stack([home_lat, school_lat, ground.anchor_lat[hub]])
    lon = np.stack([home_lon, school_lon, ground.anchor_lon[hub]])
    pool = np.concatenate(
        [_pools(rng, tree, placed, lat[i], lon[i], size) for i, size in enumerate((_POOL, _POOL_SCHOOL, _POOL_HUB))],
        axis=1,
    )
    pool.sort(axis=1)
    doubled = np.concatenate([np.zeros((n, 1), np.bool_), pool[:, 1:] == pool[:, :-1]], axis=1)
    standing = latent.standing(users[:, None], pool)
    standing[doubled] = -1e6
    metres = np.stack(
        [
            np.hypot(
                (latent.shop_lat[pool] - lat[i][:, None]) * M_PER_DEGREE_LAT,
                (latent.shop_lon[pool] - lon[i][:, None]) * M_PER_DEGREE_LON,
            ).astype(np.float32)
            for i in range(3)
        ]
    )
    away = np.stack([latent.away(users[:, None], metres[i]) for i in range(3)])
    bar = np.quantile(np.where(standing > -10, standing + away[0], -4), 0.80, axis=1)  # a user clicks what beats this

    owner = np.repeat(np.arange(n), n_events)
    starts = (rng.beta(1, 1.6, n) * 600).astype(np.int64)
    at, meal, minute, weekday = _times(rng, len(owner), starts, owner)
    order = np.lexsort((at, owner))
    at, meal, minute, weekday = at[order], meal[order], minute[order], weekday[order]
    school_day = (weekday < 5) & (meal >= 1) & (meal <= 2)
    r = rng.random(len(owner))
    place = np.where(school_day, np.where(r < 0.62, 1, 0), np.where(r < 0.80, 0, np.where(r < 0.90, 1, 2)))
    asks = rng.random(len(owner)) < 0.33
    offset = np.concatenate([[0], np.cumsum(n_events)])

    opens, closes, off = latent.hours(pool)
    fit = np.stack([latent.timely(pool, m) for m in range(len(TIMES_OF_DAY))])
    known = (0.55 * latent.shop_quality[pool]).astype(np.float32)
    counts, custom = np.zeros(pool.shape, np.int64), np.zeros(pool.shape, np.float32)
    last = np.full(n, -1)
    orders: list[tuple[Ints, Ints, Ints]] = []
    requests: list[tuple[Ints, ...]] = []
    habit = latent.habit[users]
    for step in range(int(n_events.max())):
        active = int(np.searchsorted(-n_events, -step, side="left"))
        event = offset[:active] + step
        who = np.arange(active)
        shops = pool[:active]
        when = open_at(opens[:active], closes[:active], off[:active], minute[event][:, None], weekday[event][:, None])
        utility = standing[:active] + away[place[event], who] + fit[meal[event], who]
        felt = utility + custom[:active]
        felt -= np.log(
            rng.standard_exponential(felt.shape, dtype=np.float32) + _TINY
        )  # Gumbel noise: a multinomial logit
        again = np.flatnonzero(last[:active] >= 0)
        felt[again, last[again]] -= _TIRED_OF_LAST
        felt[~when] = -1e5
        chosen = np.argmax(felt, axis=1)
        ordered = ~asks[event] & (felt[who, chosen] > -1e3)
        rows = np.flatnonzero(asks[event])
        if len(rows):
            asked, pick = _request(
                rng, latent, shops[rows], felt[rows], utility[rows], bar[rows], metres[place[event[rows]], rows], when[rows],
                chosen[rows], known[rows],
            )  # fmt: skip
            spot = place[event[rows]]
            requests.append(
                (
                    users[rows],
                    at[event[rows]],
                    lat[spot, rows],
                    lon[spot, rows],
                    home_district[rows],
                    spot,
                    hub[rows],
                    *asked,
                )
            )
            took = pick >= 0
            ordered[rows[took]] = True
            chosen[rows[took]] = pick[took]
        buyers = np.flatnonzero(ordered)
        counts[buyers, chosen[buyers]] += 1
        custom[buyers, chosen[buyers]] = habit[buyers] * np.log1p(counts[buyers, chosen[buyers]])
        last[buyers] = chosen[buyers]
        wait = np.where(asks[event[buyers]], 60 * 7, 0)
        orders.append((users[buyers], shops[buyers, chosen[buyers]], at[event[buyers]] + wait))
    return _gather(ground, orders, requests)


def _request(
    rng: np.random.Generator, latent: Latent, shops: Ints, felt: NDArray[np.float32], utility: NDArray[np.float32],
    bar: Floats, metres: NDArray[np.float32], open_now: NDArray[np.bool_], chosen: Ints,
    known: NDArray[np.float32],
) -> tuple[tuple[Ints, ...], Ints]:  # fmt: skip
    """Show ten shops to each of r askers; returns (wish kind, wish shop, budget, shown, outcome) and the pool column ordered (-1)."""
    r = len(shops)
    who = np.arange(r)
    wish_kind = draw(rng, np.array([0.30, 0.32, 0.38]), r)
    wish_shop = np.where(wish_kind > 0, shops[who, chosen], -1)
    category = latent.shop_category[shops]
    wished = (wish_kind > 0)[:, None] & (category == latent.shop_category[wish_shop][:, None])
    budget = np.where(rng.random(r) < 0.15, 1000 * rng.integers(5, 13, r), -1)
    fits = (budget < 0)[:, None] | (latent.shop_price[shops] <= budget[:, None] * 1.1)
    score = known - metres / 1100.0 + 2.6 * wished + 1.5 * fits + 0.12 * utility
    score = np.where(open_now & (utility > -10), score, np.float32(-1e6)) + np.float32(0.7) * -np.log(
        rng.standard_exponential(score.shape, dtype=np.float32) + _TINY
    )
    top = np.argpartition(-score, SHOWN - 1, axis=1)[:, :SHOWN]
    top = np.take_along_axis(top, np.argsort(-np.take_along_axis(score, top, axis=1), axis=1), axis=1)
    valid = np.take_along_axis(score, top, axis=1) > -1e5
    wants = np.take_along_axis(felt + np.float32(WISH_WORTH) * wished - 1.2 * ~fits, top, axis=1)
    # People examine fewer of the lower places (position-based model, Richardson et al. 2007), and act on what they like.
    looked = rng.random((r, SHOWN)) < np.arange(1, SHOWN + 1)[None] ** -_POSITION_DECAY
    clicked = valid & looked & (wants > bar[:, None] + _CLICK_BAR)
    outcome = np.where(valid, np.where(clicked, CLICKED, SKIPPED), -1)
    best = np.argmax(np.where(clicked, wants, -1e9), axis=1)
    buys = clicked[who, best] & (rng.random(r) < 0.62)
    likes = clicked & (rng.random((r, SHOWN)) < 0.07)
    outcome[likes] = FAVORITED
    outcome[who[buys], best[buys]] = ORDERED
    shown = np.where(valid, np.take_along_axis(shops, top, axis=1), -1)
    return (wish_kind, wish_shop, budget, shown, outcome), np.where(buys, top[who, best], -1)


def _gather(ground: Ground, orders: list[tuple[Ints, Ints, Ints]], requests: list[tuple[Ints, ...]]) -> Acts:
    order_user, order_shop, order_at = (np.concatenate(part) for part in zip(*orders, strict=True))
    if not requests:
        empty = np.zeros(0, np.int64)
        pairs = np.zeros((0, SHOWN), np.int64)
        floats = np.zeros(0)
        return Acts(
            order_user, order_shop, order_at, empty, empty, floats, floats, empty, empty, empty, empty, pairs, pairs
        )
    user, at, lat, lon, home, spot, hub, kind, shop, budget, shown, outcome = (
        np.concatenate(part) for part in zip(*requests, strict=True)
    )
    district = np.where(spot == 2, ground.anchor_district[hub], home)
    return Acts(order_user, order_shop, order_at, user, at, lat, lon, district, kind, shop, budget, shown, outcome)
