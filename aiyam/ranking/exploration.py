"""A list that is drawn, not only sorted: small changes among good shops, each with its exact probability.

At every place the next shop is drawn with probability proportional to exp(worth / temperature), a Plackett-Luce draw
(Plackett 1975) whose worths change with what is already shown. Since they change with the *set* shown and not with its order,
summing over the sets that can have been shown before a place gives the exact probability of every shop at every place: no
simulation, and variety and brand limits are already inside. The probabilities make later estimates of other rankers from
these lists honest (inverse propensity scoring, Horvitz and Thompson 1952; for lists Swaminathan et al. 2017).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiyam.catalogue.menus import allergens_to_avoid
from aiyam.catalogue.query import Query
from aiyam.ranking.diversity import LIMITED, Variety

POOL = LIMITED
"""Only so many first shops of the sorted list are drawn among; the others follow in their order. They keep the brand limits
together, so every drawn order can."""

FLOOR = 0.5
"""A shop is drawn only with at least this share of the best remaining shop's chance (after variety)."""


@dataclass(frozen=True)
class Draw:
    """How to draw one list: the temperature, above 0, and what the draw is seeded by."""

    temperature: float
    seed: int


@dataclass(frozen=True)
class Drawn:
    """A list of k places and its probabilities.

    places (k,); propensity (k,) of this shop at this place; shown (k,) of this shop anywhere in the list; joint of the
    whole list in this order. ``temperature`` is 0 for a list that was not drawn.
    """

    places: NDArray[np.int64]
    propensity: NDArray[np.float64]
    shown: NDArray[np.float64]
    joint: float
    temperature: float = 0.0

    @classmethod
    def certain(cls, places: NDArray[np.int64]) -> Drawn:
        """Return a list that was not drawn."""
        sure = np.ones(len(places))
        return cls(places, sure, sure, 1.0)


def seed_of(*parts: str | int) -> int:
    """Return the seed of a draw, the same on every machine for the same parts.

    >>> seed_of("s-1", 2) == seed_of("s-1", 2) != seed_of("s-12", 0)
    True
    """
    text = "\0".join(str(part) for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest(), "big")


def may_explore(query: Query) -> bool:
    """Whether a request leaves room: not where an order or one dish was asked for, nor where an allergy is at stake."""
    one_dish = query.filters.menus is not None and len(query.filters.menus) == 1
    return not (query.filters.sort or one_dish or allergens_to_avoid(query.filters, query.user))


def draw_list(variety: Variety, best: NDArray[np.int64], draw: Draw, *, top_k: int) -> Drawn:
    """Draw ``top_k`` places; ``best`` is the list without exploration, at least ``POOL`` long where there are so many.

    A lower temperature keeps closer to ``best``.
    """
    pool, rest = best[:POOL], best[POOL : max(top_k, POOL)]
    levels = _levels(variety.part(pool), len(pool), min(top_k, len(pool)), draw.temperature)
    order, joint = _walk(levels, np.random.default_rng(draw.seed))
    at_place = np.array([level.mass @ level.chance for level in levels]).reshape(len(levels), len(pool))
    sure = np.ones(len(rest))
    return Drawn(
        places=np.concatenate((pool[order], rest)),
        propensity=np.concatenate((np.minimum(at_place[np.arange(len(order)), order], 1.0), sure)),
        shown=np.concatenate((np.minimum(at_place.sum(axis=0)[order], 1.0), sure)),
        joint=joint,
        temperature=draw.temperature,
    )


@dataclass(frozen=True)
class _Level:
    """One place of the list: the sets (s,) that may stand before it as sorted bit masks, each one's mass, and each shop's
    chance (s, m) after it."""

    sets: NDArray[np.int64]
    mass: NDArray[np.float64]
    chance: NDArray[np.float64]


def _levels(variety: Variety, m: int, n_places: int, temperature: float) -> list[_Level]:
    bits = np.arange(m, dtype=np.int64)
    sets: NDArray[np.int64] = np.zeros(1, np.int64)
    mass: NDArray[np.float64] = np.ones(1)
    levels = list[_Level]()
    of_brand, of_category = variety.kin(np.arange(m))
    for _ in range(n_places):
        shown = (sets[:, None] >> bits) & 1 == 1
        chance = _chances(variety.worth(shown, shown @ of_brand, shown @ of_category), temperature)
        levels.append(_Level(sets, mass, chance))
        moved = mass[:, None] * chance
        before, shop = np.nonzero(moved > 0.0)
        sets, which = np.unique(sets[before] | (np.int64(1) << shop), return_inverse=True)
        mass = np.zeros(len(sets))
        np.add.at(mass, which, moved[before, shop])
    return levels


def _chances(worth: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    gap = worth - worth.max(axis=1, keepdims=True)
    weight = np.where(gap >= np.log(FLOOR), np.exp(gap / temperature), 0.0)
    return np.asarray(weight / weight.sum(axis=1, keepdims=True), np.float64)


def _walk(levels: list[_Level], rng: np.random.Generator) -> tuple[NDArray[np.int64], float]:
    """Draw one list: the pool's places in order, and the probability of just this order."""
    drawn, now, joint = list[int](), 0, 1.0
    for level, dice in zip(levels, rng.random(len(levels)), strict=True):
        chance = level.chance[int(np.searchsorted(level.sets, now))]
        # The last of the possible ones where rounding leaves the dice above the sum.
        shop = min(int(np.searchsorted(np.cumsum(chance), dice, side="right")), int(np.flatnonzero(chance)[-1]))
        drawn.append(shop)
        now |= 1 << shop
        joint *= float(chance[shop])
    return np.array(drawn, dtype=np.int64), joint
