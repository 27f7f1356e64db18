"""How far chances can be believed: log loss, calibration error, slope and intercept, with intervals over people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

N_BINS = 10
_STEPS = 25
_EDGE = 1e-7


@dataclass(frozen=True)
class Bin:
    """Rows whose chance lies in one tenth of the rows, by chance: how many, the mean chance and what really happened."""

    n: int
    mean_chance: float
    rate: float


@dataclass(frozen=True)
class Calibration:
    """``figures``: name to (value, low, high), 95 % over people; the best slope is 1, the best intercept 0."""

    n_rows: int
    base_rate: float
    figures: dict[str, tuple[float, float, float]]
    bins: tuple[Bin, ...]


def calibrate(
    chance: NDArray[np.floating], happened: NDArray[np.bool_], users: Sequence[str], *, seed: int, n_rounds: int = 200
) -> Calibration | None:
    """Compare chances (r,) with what happened (r,) to the person of each row; None where it never or always happened.

    ``ece`` is the mean gap between chance and rate over ten bins of equally many rows (Naeini et al. 2015); slope and
    intercept are those of a logistic regression of what happened on the chance's log odds (Cox 1958).
    """
    if not 0 < happened.sum() < len(happened):
        return None
    chance = np.clip(chance.astype(np.float64), _EDGE, 1 - _EDGE)
    truth = happened.astype(np.float64)
    log_odds = np.log(chance / (1 - chance))
    loss = -(truth * np.log(chance) + (1 - truth) * np.log1p(-chance))
    order = np.argsort(chance, kind="stable")
    bin_of = np.empty(len(chance), np.int64)
    bin_of[order] = np.arange(len(chance)) * N_BINS // len(chance)

    def figures(weight: NDArray[np.floating]) -> NDArray[np.float64]:
        n = np.bincount(bin_of, weights=weight, minlength=N_BINS)
        gap = np.bincount(bin_of, weights=weight * (truth - chance), minlength=N_BINS)
        return np.array([(weight * loss).sum() / n.sum(), np.abs(gap).sum() / n.sum(), *_cox(log_odds, truth, weight)])

    value = figures(np.ones(len(chance)))
    _, person = np.unique(np.array(users, dtype=object).astype(str), return_inverse=True)
    n_people = int(person.max()) + 1
    rng = np.random.default_rng(seed)
    draws = rng.multinomial(n_people, np.full(n_people, 1.0 / n_people), size=n_rounds)
    low, high = np.nanpercentile(np.array([figures(draw[person].astype(float)) for draw in draws]), [2.5, 97.5], axis=0)
    names = ("log_loss", "ece", "slope", "intercept")
    return Calibration(
        n_rows=len(chance),
        base_rate=float(truth.mean()),
        figures={name: (float(value[i]), float(low[i]), float(high[i])) for i, name in enumerate(names)},
        bins=tuple(
            Bin(int(inside.sum()), float(chance[inside].mean()), float(truth[inside].mean()))
            for b in range(N_BINS)
            if (inside := bin_of == b).any()
        ),
    )


def _cox(
    log_odds: NDArray[np.float64], truth: NDArray[np.float64], weight: NDArray[np.floating]
) -> tuple[float, float]:
    """Fit slope and intercept by Newton's method; nan where the draw holds one outcome only."""
    if not 0 < (weight * truth).sum() < weight.sum():
        return np.nan, np.nan
    middle = float((weight * log_odds).sum() / weight.sum())
    x = np.stack((log_odds - middle, np.ones_like(log_odds)), axis=1)
    rate = float((weight * truth).sum() / weight.sum())
    beta = np.array([0.0, np.log(rate / (1 - rate))])
    cost = _cost(x @ beta, truth, weight)
    for _ in range(_STEPS):
        p = 1.0 / (1.0 + np.exp(-np.clip(x @ beta, -30, 30)))
        curve = (x * (weight * p * (1 - p))[:, None]).T @ x + 1e-6 * np.eye(2)
        step = np.linalg.solve(curve, x.T @ (weight * (truth - p)))
        while (tried := _cost(x @ (beta + step), truth, weight)) > cost and np.abs(step).max() > 1e-6:
            step = step / 2
        beta, cost = beta + step, min(tried, cost)
        if np.abs(step).max() < 1e-6:
            break
    return float(beta[0]), float(beta[1] - beta[0] * middle)


def _cost(z: NDArray[np.float64], truth: NDArray[np.float64], weight: NDArray[np.floating]) -> float:
    return float((weight * (np.logaddexp(0.0, z) - truth * z)).sum())
