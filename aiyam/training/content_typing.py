"""Draws the texts of a training as people would type them: with slips, cut short, inflected, among other words."""

from __future__ import annotations

import random
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from aiyam.korean.noise import noisy
from aiyam.training.content_pairs import Pairs
from aiyam.training.content_wishes import Wishes

SHARES: Mapping[str, float] = {
    "dish": 4.0,
    "alias": 0.5,
    "menu": 1.5,
    "everyday": 2.0,
    "category": 0.5,
    "name": 1.5,
    "whole": 1.5,
    "sought": 1.0,
    "marked": 1.0,
    "asked": 1.0,
}
"""How often each kind of text is drawn."""
_TYPED = frozenset(["dish", "alias", "menu", "name"])
_SLIP_RATES = (0.15, 0.3, 0.5)
_ENDINGS = ("한", "하게", "해", "하고", "은", "게", "운", "한데", "해서")
_TAILS = ("", "", "", " 먹고 싶어", " 집", " 맛집", " 거", " 종류", " 먹자", "집", " 파는 데", " 땡겨", " 있는 데", " 음식", " 요리")  # fmt: skip


def draw_texts(pairs: Pairs, n: int, wishes: Wishes, rng: random.Random) -> tuple[list[str], NDArray[np.int64]]:
    """Draw n texts as people would type them, and the answers they belong to.

    Names get typing slips, shop names are cut short, everyday words inflected, and words that say nothing of food, as
    people put them around their wishes, stand beside: what to leave unheard has to be learnt too.
    """
    of_kind = {kind: [i for i, k in enumerate(pairs.kinds) if k == kind] for kind in SHARES}
    kinds = [kind for kind, some in of_kind.items() if some]
    beside = list(wishes.beside)
    frequency = [wishes.beside[word] ** 0.75 for word in beside]
    others = rng.choices(beside, frequency, k=n) if beside else [""] * n
    texts, drawn = [], np.empty(n, np.int64)
    for j, kind in enumerate(rng.choices(kinds, [SHARES[kind] for kind in kinds], k=n)):
        i = rng.choice(of_kind[kind])
        texts.append(_as_typed(pairs.texts[i], kind, others[j], rng))
        drawn[j] = pairs.answer[i]
    return texts, drawn


def _as_typed(text: str, kind: str, other: str, rng: random.Random) -> str:
    chance = rng.random
    if kind in _TYPED:
        if chance() < 0.55:
            text = noisy(text, rng, rate=rng.choice(_SLIP_RATES)).text
        if kind == "name" and len(text) > 3 and chance() < 0.4:
            text = text[: max(2, int(len(text) * rng.uniform(0.4, 0.9)))]
    else:
        if kind == "everyday" and len(text) > 2 and chance() < 0.15:
            text = text[:-1] + rng.choice(_ENDINGS)
        if chance() < 0.2:
            text = noisy(text, rng, rate=0.2).text
    if kind in ("whole", "sought", "asked"):
        return text
    if kind != "name" and chance() < 0.5:
        text += rng.choice(_TAILS)
    if other and chance() < (0.1 if kind == "name" else 0.4):
        text = f"{other} {text}" if chance() < 0.7 else f"{text} {other}"
    return text
