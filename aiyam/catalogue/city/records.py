"""Acts into rows: what was ordered for how much, favourites, ratings with comments, requests and what they showed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from aiyam.catalogue.city.acts import FAVORITED, Acts
from aiyam.catalogue.city.ground import Ground
from aiyam.catalogue.city.latent import Latent
from aiyam.catalogue.city.texts import WishWriter, write_comment
from aiyam.contracts import CATEGORIES, KST, TIMES_OF_DAY, Progress, time_of_day_at
from aiyam.store import Store, schema
from aiyam.store.columns import insert_columns

_REVIEW_SHARE = 0.21
_COMMENT_SHARE = 0.8
_FAVORITE_SHARE = 0.30
_DAY_S = 86_400


@dataclass(frozen=True)
class ShopMenus:
    """Menus of all shops: lines ``start[i]:start[i + 1]`` are shop i's; lexicon dish (-1 none) and price (-1 unknown)."""

    start: NDArray[np.int64]
    dish: NDArray[np.int64]
    price: NDArray[np.int64]


def write_acts(
    store: Store, rng: np.random.Generator, ground: Ground, latent: Latent, user_ids: list[str], shop_ids: list[str],
    menus: ShopMenus, acts: Iterable[Acts], progress: Callable[[Progress], None],
) -> int:  # fmt: skip
    """Store every block of acts; returns how many orders, favourites, reviews and impressions there are."""
    total, first_request = 0, 1
    users, shops = np.array(user_ids, object), np.array(shop_ids, object)
    for number, block in enumerate(acts):
        total += _write_orders(store, rng, ground, latent, users, shops, menus, block)
        shown = _write_requests(store, rng, ground, latent, users, shops, menus, block, first_request)
        total += shown
        first_request += len(block.request_at)
        progress(Progress(stage="acts", fraction=min(0.97, 0.75 + 0.05 * number), message="주문과 후기를 쌓는 중"))
    return total


def _choose_lines(
    rng: np.random.Generator, latent: Latent, menus: ShopMenus, user: NDArray[np.int64], shop: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Choose a menu line for each order: often the pair's usual, near the top, one the user can afford."""
    n_lines = np.maximum(menus.start[shop + 1] - menus.start[shop], 1)
    usual = ((user * 2654435761 + shop * 40503) % 1009) / 1009.0
    options = []
    for share in (
        np.where(rng.random(len(user)) < 0.55, usual, rng.random(len(user))),
        rng.random(len(user)),
        rng.random(len(user)),
    ):
        options.append(menus.start[shop] + np.minimum((share**2 * n_lines).astype(np.int64), n_lines - 1))
    afford = np.maximum(latent.price_comfort[user] * 1.15, 5000)
    line: NDArray[np.int64] = options[2]
    for option in options[::-1]:
        line = np.where((menus.price[option] <= afford) | (menus.price[option] < menus.price[line]), option, line)
    return line


def _write_orders(
    store: Store, rng: np.random.Generator, ground: Ground, latent: Latent, users: NDArray[np.object_],
    shops: NDArray[np.object_], menus: ShopMenus, acts: Acts,
) -> int:  # fmt: skip
    order = np.lexsort((acts.order_shop, acts.order_user, acts.order_at))
    user, shop, at = acts.order_user[order], acts.order_shop[order], acts.order_at[order]
    line = _choose_lines(rng, latent, menus, user, shop)
    dish = menus.dish[line]
    names = np.array([d.name for d in ground.lexicon.dishes] + [""], object)
    amount = menus.price[line]
    insert_columns(
        store,
        schema.product_order,
        {
            "user_id": users[user].tolist(),
            "shop_id": shops[shop].tolist(),
            "menu_name": [name or None for name in names[dish]],
            "amount_won": np.where(amount >= 0, amount, np.nan),
            "created_at": at,
        },
    )
    standing = latent.standing(user, shop)
    n_favorites = _write_favorites(store, rng, users, shops, user, shop, at, standing, acts)
    n_reviews = _write_reviews(store, rng, ground, users, shops, user, shop, at, standing, names[dish])
    return len(user) + n_favorites + n_reviews


def _write_favorites(
    store: Store, rng: np.random.Generator, users: NDArray[np.object_], shops: NDArray[np.object_], user: NDArray[np.int64],
    shop: NDArray[np.int64], at: NDArray[np.int64], standing: NDArray[np.float32], acts: Acts,
) -> int:  # fmt: skip
    pair = user * len(shops) + shop
    kinds, last, count = np.unique(pair[::-1], return_index=True, return_counts=True)
    last = len(pair) - 1 - last
    likes = rng.random(len(kinds)) < np.where(count >= 2, _FAVORITE_SHARE, 0.04) * np.where(
        standing[last] > 0.5, 1.3, 0.6
    )
    row, column = np.nonzero(acts.outcome == FAVORITED)
    more = acts.request_user[row] * len(shops) + acts.shown[row, column]
    everything = np.concatenate([kinds[likes], more])
    when = np.concatenate([at[last[likes]] + 1800, acts.request_at[row] + 60])
    distinct, first = np.unique(everything, return_index=True)
    order = np.argsort(when[first], kind="stable")
    distinct, when = distinct[order], when[first][order]
    columns = {
        "user_id": users[distinct // len(shops)].tolist(),
        "shop_id": shops[distinct % len(shops)].tolist(),
        "created_at": when,
    }
    insert_columns(store, schema.favorite, columns)
    return len(distinct)


def _write_reviews(
    store: Store, rng: np.random.Generator, ground: Ground, users: NDArray[np.object_], shops: NDArray[np.object_],
    user: NDArray[np.int64], shop: NDArray[np.int64], at: NDArray[np.int64], standing: NDArray[np.float32],
    dish_name: NDArray[np.object_],
) -> int:  # fmt: skip
    wrote = np.flatnonzero(rng.random(len(user)) < _REVIEW_SHARE)
    pair = user[wrote] * len(shops) + shop[wrote]
    wrote = wrote[np.sort(np.unique(pair, return_index=True)[1])]
    level = (standing[wrote] - standing.mean()) / max(float(standing.std()), 1e-6)
    stars = np.clip(np.round(4.15 + 0.5 * level + rng.normal(0, 0.8, len(wrote))), 1, 5)
    words = ground.words["reviews"]
    comments: list[str | None] = []
    says = rng.random(len(wrote)) < _COMMENT_SHARE
    for talks, star, name in zip(says.tolist(), stars.astype(int).tolist(), dish_name[wrote].tolist(), strict=True):
        comments.append(write_comment(rng, words, star, name or "음식") if talks else None)
    insert_columns(
        store,
        schema.review,
        {
            "user_id": users[user[wrote]].tolist(),
            "shop_id": shops[shop[wrote]].tolist(),
            "rating": stars,
            "comment": comments,
            "created_at": at[wrote] + rng.integers(1800, 2 * _DAY_S, len(wrote)),
        },
    )
    return len(wrote)


def _write_requests(
    store: Store, rng: np.random.Generator, ground: Ground, latent: Latent, users: NDArray[np.object_],
    shops: NDArray[np.object_], menus: ShopMenus, acts: Acts, first_request: int,
) -> int:  # fmt: skip
    n = len(acts.request_at)
    if n == 0:
        return 0
    order = np.lexsort((acts.request_user, acts.request_at))
    wish_shop, at = acts.wish_shop[order], acts.request_at[order]
    begin, end = menus.start[np.maximum(wish_shop, 0)], menus.start[np.maximum(wish_shop, 0) + 1]
    lines = begin + np.minimum((rng.random(n) ** 2 * (end - begin)).astype(np.int64), np.maximum(end - begin - 1, 0))
    draws = rng.integers(0, 1 << 20, n).tolist()
    writer = WishWriter(ground.words["queries"])
    dishes = ground.lexicon.dishes
    queries, filters = [], []
    rows = zip(
        acts.wish_kind[order].tolist(),
        wish_shop.tolist(),
        menus.dish[lines].tolist(),
        at.tolist(),
        acts.budget[order].tolist(),
        draws,
        strict=True,
    )
    for kind, shop, dish, when, budget, number in rows:
        hour = datetime.fromtimestamp(when, KST).hour
        code = int(latent.shop_category[shop]) if shop >= 0 else -1
        text, given = writer.write(
            kind,
            dishes[dish] if shop >= 0 and dish >= 0 else None,
            CATEGORIES[code] if code >= 0 else "",
            TIMES_OF_DAY.index(time_of_day_at(hour)),
            budget,
            number,
        )
        queries.append(text)
        filters.append(given)
    ids = np.arange(first_request, first_request + n)
    insert_columns(
        store,
        schema.impression_request,
        {
            "request_id": ids,
            "user_id": users[acts.request_user[order]].tolist(),
            "semantic_query": queries,
            "filters": filters,
            "district": [ground.districts[d] for d in acts.request_district[order].tolist()],
            "lat": np.round(acts.request_lat[order], 6),
            "lon": np.round(acts.request_lon[order], 6),
            "created_at": at,
        },
    )
    shown, outcome = acts.shown[order], acts.outcome[order]
    row, column = np.nonzero(shown >= 0)
    insert_columns(
        store,
        schema.impression,
        {
            "request_id": ids[row],
            "position": column + 1,
            "shop_id": shops[shown[row, column]].tolist(),
            "outcome": outcome[row, column],
        },
    )
    return len(row)
