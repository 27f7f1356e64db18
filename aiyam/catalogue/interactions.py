"""What people did, as arrays for models: orders, favourites, reviews, and requests with what they showed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiyam.catalogue.arrays import Catalogue
from aiyam.store import Store, schema
from aiyam.store.columns import read_columns


@dataclass(frozen=True, eq=False)
class Events:
    """k acts in order of time: user row, catalogue row, epoch seconds, and a value (won, 1, or stars); NaN unknown."""

    user: NDArray[np.int32]
    shop_row: NDArray[np.int32]
    ts: NDArray[np.int64]
    value: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.user)


@dataclass(frozen=True, eq=False)
class Requests:
    """r requests in order of time; those of request i are impressions ``imp_start[i]:imp_start[i + 1]``, best place first.

    ``imp_position`` counts from 1; ``imp_outcome`` is 0 skipped, 1 clicked, 2 favourited, 3 ordered.
    """

    request_id: NDArray[np.int64]
    user: NDArray[np.int32]
    ts: NDArray[np.int64]
    lat: NDArray[np.float64]
    lon: NDArray[np.float64]
    district: list[str]
    query: list[str]
    filters: list[str]
    imp_start: NDArray[np.int64]
    imp_shop_row: NDArray[np.int32]
    imp_position: NDArray[np.int16]
    imp_outcome: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.user)


@dataclass(frozen=True, eq=False)
class Interactions:
    """All acts of users with a row each; acts at shops the catalogue does not have are left out and counted."""

    user_ids: list[str]
    orders: Events
    favorites: Events
    reviews: Events
    requests: Requests
    n_dropped: int = 0
    row_of_user: dict[str, int] = field(default_factory=dict, repr=False)

    @property
    def last_ts(self) -> int:
        """Time of the last act of any kind, epoch seconds; 0 without acts."""
        times = (self.orders.ts, self.favorites.ts, self.reviews.ts, self.requests.ts)
        return max((int(ts.max()) for ts in times if len(ts)), default=0)

    @classmethod
    def load(cls, store: Store, catalogue: Catalogue, *, until: int | None = None) -> Interactions:
        """Read every act before ``until`` (epoch seconds; all without it). Users are the stored people and whoever acted."""
        user_ids: list[str] = list(read_columns(store, schema.person, ["user_id"])["user_id"])
        row_of_user = {user_id: row for row, user_id in enumerate(user_ids)}
        dropped = 0
        events: dict[str, Events] = {}
        for name, table, value in (
            ("orders", schema.product_order, "amount_won"),
            ("favorites", schema.favorite, None),
            ("reviews", schema.review, "rating"),
        ):
            wanted = ["user_id", "shop_id", "created_at", *([value] if value else [])]
            columns = read_columns(store, table, wanted, order_by=["created_at", "user_id", "shop_id"])
            kept, lost = _events(columns, value, catalogue.row_of, user_ids, row_of_user, until)
            events[name] = kept
            dropped += lost
        requests, lost = _requests(store, catalogue.row_of, user_ids, row_of_user, until)
        return cls(user_ids=user_ids, **events, requests=requests, n_dropped=dropped + lost, row_of_user=row_of_user)


ORDER, FAVORITE, REVIEW = 0, 1, 2


@dataclass(frozen=True)
class History:
    """Orders, favourites and reviews end to end, (e,) each, by kind and then as stored; only known users and shops."""

    user: NDArray[np.int32]
    shop: NDArray[np.int32]
    ts: NDArray[np.int64]
    kind: NDArray[np.int8]
    value: NDArray[np.float32]


def history_of(interactions: Interactions) -> History:
    """Lay everything people did end to end."""
    parts = (interactions.orders, interactions.favorites, interactions.reviews)
    user = np.concatenate([np.asarray(part.user, np.int32) for part in parts])
    shop = np.concatenate([np.asarray(part.shop_row, np.int32) for part in parts])
    ts = np.concatenate([np.asarray(part.ts, np.int64) for part in parts])
    kind = np.repeat(np.array([ORDER, FAVORITE, REVIEW], np.int8), [len(part.user) for part in parts])
    value = np.concatenate([np.asarray(part.value, np.float32) for part in parts])
    known = (user >= 0) & (shop >= 0)
    return History(user[known], shop[known], ts[known], kind[known], value[known])


def _rows_of_users(ids: list[str], user_ids: list[str], row_of_user: dict[str, int]) -> NDArray[np.int32]:
    for user_id in ids:
        if user_id not in row_of_user:
            row_of_user[user_id] = len(user_ids)
            user_ids.append(user_id)
    return np.fromiter((row_of_user[user_id] for user_id in ids), np.int32, len(ids))


def _events(
    columns: dict[str, list[Any]], value: str | None, row_of: dict[str, int], user_ids: list[str],
    row_of_user: dict[str, int], until: int | None,
) -> tuple[Events, int]:  # fmt: skip
    n = len(columns["user_id"])
    ts = np.array(columns["created_at"], np.int64).reshape(n)
    shop = np.fromiter((row_of.get(shop_id, -1) for shop_id in columns["shop_id"]), np.int32, n)
    known = shop >= 0
    keep = known if until is None else known & (ts < until)
    user = _rows_of_users(columns["user_id"], user_ids, row_of_user)
    values = (
        np.ones(n, np.float32)
        if value is None
        else np.fromiter((np.nan if v is None else v for v in columns[value]), np.float32, n)
    )
    return Events(user[keep], shop[keep], ts[keep], values[keep]), int((~known).sum())


def _requests(
    store: Store, row_of: dict[str, int], user_ids: list[str], row_of_user: dict[str, int], until: int | None
) -> tuple[Requests, int]:
    columns = read_columns(
        store,
        schema.impression_request,
        ["request_id", "user_id", "created_at", "lat", "lon", "district", "semantic_query", "filters"],
        order_by=["created_at", "request_id"],
    )
    n = len(columns["request_id"])
    ts = np.array(columns["created_at"], np.int64).reshape(n)
    last = n if until is None else int(np.searchsorted(ts, until, side="left"))
    ids = np.array(columns["request_id"], np.int64).reshape(n)[:last]
    user = _rows_of_users(columns["user_id"][:last], user_ids, row_of_user)
    shown = {
        name: read_columns(store, schema.impression, [name])[name] for name in ("request_id", "position", "outcome")
    }
    m = len(shown["request_id"])
    shop = np.fromiter(
        (row_of.get(s, -1) for s in read_columns(store, schema.impression, ["shop_id"])["shop_id"]), np.int32, m
    )
    by_id = np.argsort(ids, kind="stable")
    wanted = np.array(shown["request_id"], np.int64).reshape(m)
    at = np.searchsorted(ids[by_id], wanted) if last else np.zeros(m, np.int64)
    found = (at < last) & (ids[by_id][np.minimum(at, last - 1)] == wanted) if last else np.zeros(m, np.bool_)
    keep = found & (shop >= 0)
    request = by_id[at[keep]]
    position = np.array(shown["position"], np.int16).reshape(m)[keep]
    order = np.lexsort((position, request))
    start = np.zeros(last + 1, np.int64)
    np.cumsum(np.bincount(request, minlength=last), out=start[1:])

    def number(name: str) -> NDArray[np.float64]:
        return np.array([np.nan if v is None else v for v in columns[name][:last]], np.float64)

    requests = Requests(
        request_id=ids, user=user, ts=ts[:last], lat=number("lat"), lon=number("lon"), district=columns["district"][:last],
        query=columns["semantic_query"][:last], filters=columns["filters"][:last], imp_start=start,
        imp_shop_row=shop[keep][order], imp_position=position[order],
        imp_outcome=np.array(shown["outcome"], np.int8).reshape(m)[keep][order],
    )  # fmt: skip
    return requests, int((found & (shop < 0)).sum())
