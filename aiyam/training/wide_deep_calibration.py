"""Turns a listwise network's scores into chances: Platt scaling on what people were shown, folded into the output layer.

Platt 1999, "Probabilistic outputs for support vector machines".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch

    from aiyam.training.wide_deep_rows import Inputs

MIN_CHOSEN = 20
"""Fewer choices among what was shown say too little; then all rows are used."""


def calibrate(net: Any, logits: torch.Tensor, label: torch.Tensor, valid: Inputs) -> None:
    """Fit sigmoid(a x + b) on the later part by Newton steps and fold a, b into the output layer.

    The chance that the product speaks of is that of a shop which is shown. The lists also hold shops that layer 1 found
    and nobody saw, most of them far down: telling those from a choice is easy, and fitting on them makes a model too
    sure of itself among the few at the top. So only lists with a shop shown and passed over count, and of them only
    what was shown; where the table does not tell that, all rows do.
    """
    import torch

    chosen = torch.from_numpy(rows_to_trust(valid)).to(logits.device)
    with torch.no_grad():
        x, y = logits[chosen].double(), label[chosen].double()
        a = torch.tensor(1.0, dtype=torch.float64, device=x.device)
        b = torch.logit(y.mean().clamp(0.001, 0.999)) - x.mean()
        for _ in range(30):
            p = torch.sigmoid(a * x + b)
            grad = torch.stack((((p - y) * x).sum() + 1e-3 * (a - 1.0), (p - y).sum()))
            w = p * (1 - p)
            curve = torch.stack(((w * x * x).sum() + 1e-3, (w * x).sum(), (w * x).sum(), w.sum() + 1e-6)).view(2, 2)
            step = torch.linalg.solve(curve, grad)
            a, b = a - step[0].clamp(-1, 1), b - step[1].clamp(-2, 2)
        if not (torch.isfinite(a) and torch.isfinite(b) and a > 0.05):
            return
        net.out.weight.mul_(a.float())
        net.out.bias.mul_(a.float()).add_(b.float())


def rows_to_trust(valid: Inputs) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return the (r,) rows that calibration is fitted on."""
    owner = np.repeat(np.arange(len(valid.users)), np.diff(valid.list_start))
    passed_over = np.bincount(owner, weights=valid.shown & (valid.label == 0), minlength=len(valid.users)) > 0
    shown = valid.shown & passed_over[owner]
    if int((valid.label[shown] > 0).sum()) < MIN_CHOSEN:
        return np.ones(len(valid.label), np.bool_)
    return shown
