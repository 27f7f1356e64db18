"""What the training table replays: logged requests, choices nobody was asked for, and chat turns, and who is left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from aiyam.contracts import KST
from aiyam.errors import InvalidInput
from aiyam.ranking.replay import FAVORITED, GOOD_REVIEW, TOLD_WITHIN_S, Choices, led_to, told_before
from aiyam.training.as_of import Archive
from aiyam.training.chat_moments import ChatTurn

REQUEST, CHOICE, CHAT = 0, 1, 2
SOURCES = ("logged requests", "choices nobody was asked for", "chat turns")

_FAR = 1 << 36


@dataclass(frozen=True)
class TableOptions:
    """What goes into the table. ``since`` and ``until`` are epoch seconds; ``max_requests`` are drawn by the seed.

    ``refresh_days``: how often layer 1 is rebuilt along the way, as it is in service.
    """

    seed: int
    min_interactions: int = 5
    negatives: int = 2
    refresh_days: int = 7
    since: int | None = None
    until: int | None = None
    max_requests: int | None = None


@dataclass(frozen=True, eq=False)
class Asks:
    """a moments to replay, oldest first, (a,) each: where they come from, their number there, and their time."""

    source: NDArray[np.int8]
    number: NDArray[np.int64]
    ts: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ts)

    def part(self, picked: NDArray[np.integer] | NDArray[np.bool_] | slice) -> Asks:
        """Return some of them."""
        return Asks(self.source[picked], self.number[picked], self.ts[picked])


def choose_asks(
    archive: Archive, choices: Choices, chats: Sequence[ChatTurn], options: TableOptions, skipped: Counter[str]
) -> Asks:
    """Return what is replayed, oldest first; what is left out is counted in ``skipped``, by reason.

    Raises:
        InvalidInput: dates in the wrong order.
    """
    asks = _known_enough(archive, choices, chats, _all_asks(archive, choices, chats, skipped), options, skipped)
    return _drawn(asks, options, skipped)


def _all_asks(archive: Archive, choices: Choices, chats: Sequence[ChatTurn], skipped: Counter[str]) -> Asks:
    """Every logged request with a choice, every choice without one, and every such turn of the chat, oldest first."""
    log = archive.interactions.requests
    request = np.repeat(np.arange(len(log)), np.diff(log.imp_start))
    chosen = (log.imp_outcome >= FAVORITED) | _praised(archive, log.user[request], log.imp_shop_row, log.ts[request])
    asked = np.unique(request[chosen])
    skipped["request without a choice"] += len(log) - len(asked)
    led, told = led_to(archive.interactions, choices), told_before(archive.interactions, choices)
    skipped["choice that a request or an order has told already"] += int((led | told).sum())
    bare = np.flatnonzero(~led & ~told)
    source = np.repeat(np.array([REQUEST, CHOICE, CHAT], np.int8), [len(asked), len(bare), len(chats)])
    number = np.concatenate((asked, bare, np.arange(len(chats)))).astype(np.int64)
    ts = np.concatenate((log.ts[asked], choices.ts[bare], np.array([m.ts for m in chats], np.int64)))
    return Asks(source, number, ts).part(np.lexsort((number, source, ts)))


def _praised(
    archive: Archive, user: NDArray[np.int32], shop: NDArray[np.int32], ts: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Tell of each impression whether the person gave the shop a good review in the days after it."""
    reviews, n_shops = archive.interactions.reviews, len(archive.catalogue)
    good = reviews.value >= GOOD_REVIEW
    pairs, code = np.unique(reviews.user[good].astype(np.int64) * n_shops + reviews.shop_row[good], return_inverse=True)
    if not len(pairs):
        return np.zeros(len(ts), np.bool_)
    at = np.sort(code * _FAR + reviews.ts[good])
    pair = user.astype(np.int64) * n_shops + shop
    mine = np.minimum(np.searchsorted(pairs, pair), len(pairs) - 1)
    wanted = mine * _FAR + ts
    after = at[np.minimum(np.searchsorted(at, wanted), len(at) - 1)] - wanted
    return np.asarray((pairs[mine] == pair) & (after >= 0) & (after < TOLD_WITHIN_S), np.bool_)


def _known_enough(
    archive: Archive,
    choices: Choices,
    chats: Sequence[ChatTurn],
    asks: Asks,
    options: TableOptions,
    skipped: Counter[str],
) -> Asks:
    """Leave out people with too short a past, as of each moment; no later event is counted."""
    interactions = archive.interactions
    parts = (interactions.orders, interactions.favorites, interactions.reviews)
    events = np.sort(np.concatenate([p.user.astype(np.int64) * _FAR + p.ts for p in parts]))
    user = np.full(len(asks), -1, np.int64)
    for source, of in ((REQUEST, interactions.requests.user), (CHOICE, choices.user)):
        mine = asks.source == source
        user[mine] = of[asks.number[mine]]
    from_chat = asks.source == CHAT
    user[from_chat] = [interactions.row_of_user.get(chats[i].user_id, -1) for i in asks.number[from_chat].tolist()]
    n_past = np.searchsorted(events, user * _FAR + asks.ts) - np.searchsorted(events, user * _FAR)
    enough = np.where(user >= 0, n_past, 0) >= options.min_interactions
    skipped["fewer earlier events than min_interactions"] += int((~enough).sum())
    return asks.part(enough)


def _drawn(asks: Asks, options: TableOptions, skipped: Counter[str]) -> Asks:
    """Leave out what lies outside the dates, then draw at most so many."""
    inside = np.ones(len(asks), np.bool_)
    if options.since is not None:
        inside &= asks.ts >= options.since
    if options.until is not None:
        inside &= asks.ts < options.until
    if options.since is not None and options.until is not None and options.since >= options.until:
        raise InvalidInput(
            f"Expected --since before --until, got {day_of(options.since)} and {day_of(options.until)}.",
            hint="Change one of them.",
        )
    skipped["outside the dates asked for"] += int((~inside).sum())
    asks = asks.part(inside)
    if options.max_requests is None or len(asks) <= options.max_requests:
        return asks
    skipped["not drawn, by max_requests"] += len(asks) - options.max_requests
    return asks.part(
        np.sort(np.random.default_rng(options.seed).choice(len(asks), options.max_requests, replace=False))
    )


def day_of(ts: int) -> str:
    """Return the day of a time (epoch seconds) in Korea, as YYYY-MM-DD."""
    return datetime.fromtimestamp(ts, KST).date().isoformat()
