"""Turns a listwise network's scores into chances: Platt scaling on what people were shown, folded into the output layer.

Platt 1999, "Probabilistic outputs for support vector machines".
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiyam.training.wide_deep_rows import Inputs

ENOUGH_CHOSEN = 500
"""Choices that tell slope and intercept well enough; with fewer in the later part the earlier one is heard too."""

MIN_CHOSEN = 20
"""Fewer choices among what was shown say too little; then all rows of the later part are used."""


def calibrate(net: Any, parts: list[tuple[Inputs, NDArray[np.floating]]]) -> None:
    """Fit sigmoid(a x + b) and fold a, b into the output layer; ``parts``: each part and its (r,) logits, the later one first.

    The chance that the product speaks of is that of a shop which is shown. The lists also hold shops that layer 1 found
    and nobody saw, most of them far down: telling those from a choice is easy, and fitting on them makes a model too
    sure of itself among the few at the top. So only lists with a shop shown and passed over count, and of them only
    what was shown; where the table does not tell that, all rows do.
    """
    import torch

    x, y = rows_to_trust(parts)
    slope, intercept = fitted_line(x, y)
    if not (np.isfinite(slope) and np.isfinite(intercept) and slope > 0.05):
        return
    with torch.no_grad():
        net.out.weight.mul_(slope)
        net.out.bias.mul_(slope).add_(intercept)


def rows_to_trust(
    parts: list[tuple[Inputs, NDArray[np.floating]]],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the logits and labels that calibration is fitted on."""
    logits: list[NDArray[np.floating]] = []
    labels: list[NDArray[np.float32]] = []
    for inputs, scores in parts:
        owner = np.repeat(np.arange(len(inputs.users)), np.diff(inputs.list_start))
        passed_over = np.bincount(owner, inputs.shown & (inputs.label == 0), minlength=len(inputs.users)) > 0
        seen = inputs.shown & passed_over[owner]
        logits.append(scores[seen])
        labels.append(inputs.label[seen])
        if sum(float(label.sum()) for label in labels) >= ENOUGH_CHOSEN:
            break
    if sum(float(label.sum()) for label in labels) < MIN_CHOSEN:
        logits, labels = [parts[0][1]], [parts[0][0].label]
    return np.concatenate(logits).astype(np.float64), np.concatenate(labels).astype(np.float64)


def fitted_line(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float]:
    """Return slope and intercept of the logistic regression of y (0 or 1) on x, by Newton steps that always gain.

    >>> slope, intercept = fitted_line(np.array([-2.0, -2.0, -2.0, 2.0, 2.0, 2.0]), np.array([0.0, 0.0, 1.0, 0.0, 1.0, 1.0]))
    >>> round(slope, 2), round(abs(intercept), 2)
    (0.35, 0.0)
    """
    middle = x.mean()
    design = np.stack((x - middle, np.ones_like(x)), axis=1)
    rate = np.clip(y.mean(), 1e-3, 1 - 1e-3)
    line = np.array([0.0, np.log(rate / (1 - rate))])

    def cost(line: NDArray[np.float64]) -> float:
        z = design @ line
        return float((np.logaddexp(0.0, z) - y * z).sum() + 5e-4 * line[0] ** 2)

    for _ in range(50):
        p = 1.0 / (1.0 + np.exp(-np.clip(design @ line, -30, 30)))
        curve = (design * (p * (1 - p))[:, None]).T @ design + 1e-6 * np.eye(2)
        step = np.linalg.solve(curve, design.T @ (y - p) - np.array([1e-3 * line[0], 0.0]))
        while cost(line + step) > cost(line) and np.abs(step).max() > 1e-9:
            step = step / 2
        line = line + step
        if np.abs(step).max() < 1e-9:
            break
    return float(line[0]), float(line[1] - line[0] * middle)
