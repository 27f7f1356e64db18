"""Fits the Wide & Deep network: listwise softmax or weighted cross entropy, id dropout, early stopping, calibration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from aiyam.ranking.measures import measure
from aiyam.ranking.wide_deep import UNKNOWN, WideDeepConfig, make_network

if TYPE_CHECKING:
    import torch
    from torch import nn

PATIENCE = 2
MIN_GAIN = 2e-4
"""An epoch that lowers the validation loss by less than this is no progress; after ``PATIENCE`` of them fitting ends."""

WIDE_L2 = 1e-3
SPARSE_ABOVE = 20_000
"""Id tables larger than this are updated row by row (SparseAdam): a dense step would touch every row."""


@dataclass(frozen=True)
class Inputs:
    """What the network reads: q requests, r rows. list_start (q + 1,), users (q,), query_vectors (q, 128), the rest by row."""

    list_start: NDArray[np.int64]
    users: NDArray[np.int32]
    query_vectors: NDArray[np.float32]
    shops: NDArray[np.int32]
    brands: NDArray[np.int32]
    categories: NDArray[np.int64]
    numbers: NDArray[np.float32]
    wide: NDArray[np.float32]
    label: NDArray[np.float32]
    weight: NDArray[np.float32]


class _Report(Protocol):
    def __call__(self, fraction: float, message: str = "", metrics: Mapping[str, float] | None = None) -> None: ...


def fit_network(
    config: WideDeepConfig, train: Inputs, valid: Inputs, *, sizes: tuple[int, int, int], seed: int, report: _Report
) -> tuple[dict[str, NDArray[np.float32]], list[dict[str, float]]]:
    """Train and return (weights of the best epoch by torch's names, the measures of every epoch).

    ``sizes`` are rows of the person, shop and brand tables, fallbacks included. The same seed gives the same weights on
    one thread. Listwise models are calibrated afterwards (Platt 1999, folded into the output layer), so that their
    sigmoid is a probability on lists like the table's.
    """
    import torch

    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    net = make_network(config, *sizes)
    train_rows, valid_rows = _Rows.of(train, config), _Rows.of(valid, config)
    if config.warm_start:
        _solve_wide(net, train_rows, config)
    optimisers = _optimisers(net, config, max(sizes))
    per_batch = max(1, round(config.batch_size / max(len(train.shops) / max(len(train.users), 1), 1.0)))
    history: list[dict[str, float]] = []
    best: dict[str, torch.Tensor] = {}
    mark, n_idle = float("inf"), 0
    for epoch in range(config.epochs):
        net.train()
        order = rng.permutation(len(train.users))
        losses = []
        for at in range(0, len(order), per_batch):
            batch = train_rows.take(torch.from_numpy(np.sort(order[at : at + per_batch])))
            loss = batch.loss(batch.logits(net, config.id_dropout), config.loss)
            for optimiser in optimisers:
                optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            for optimiser in optimisers:
                optimiser.step()
            losses.append(float(loss.detach()))
            if at % (per_batch * 32) == 0:
                report((epoch + at / len(order)) / config.epochs, f"epoch {epoch + 1} of {config.epochs}")
        net.eval()
        with torch.no_grad():
            logits = valid_rows.logits(net, 0.0)
            valid_loss = float(valid_rows.loss(logits, config.loss))
        scores = logits.numpy()
        ndcg = np.mean(
            [
                measure(scores[low:high], valid.label[low:high] > 0)[1]
                for low, high in zip(valid.list_start, valid.list_start[1:], strict=False)
            ]
        )
        history.append({"train_loss": float(np.mean(losses)), "valid_loss": valid_loss, "valid_ndcg@10": float(ndcg)})
        report((epoch + 1) / config.epochs, f"epoch {epoch + 1} of {config.epochs}", history[-1])
        if valid_loss <= min(h["valid_loss"] for h in history):
            best = {name: value.clone() for name, value in net.state_dict().items()}
        n_idle = 0 if valid_loss < mark - MIN_GAIN else n_idle + 1
        mark = min(mark, valid_loss) if n_idle == 0 else mark
        if n_idle >= PATIENCE:
            break
    net.load_state_dict(best)
    if config.loss == "listwise":
        _calibrate(net, valid_rows)
    return {name: value.numpy().astype(np.float32) for name, value in net.state_dict().items()}, history


@dataclass
class _Rows:
    """Some requests' rows as tensors. ``owner`` (r,) is each row's request, 0..q-1."""

    owner: torch.Tensor
    start: torch.Tensor
    users: torch.Tensor
    query_vectors: torch.Tensor
    rows: dict[str, torch.Tensor]

    @classmethod
    def of(cls, inputs: Inputs, config: WideDeepConfig) -> _Rows:
        import torch

        wide = inputs.wide.copy()
        wide[:, config.n_visible :] = 0.0
        start = torch.from_numpy(inputs.list_start.astype(np.int64))
        q = len(inputs.users)
        return cls(
            owner=torch.repeat_interleave(torch.arange(q), start.diff()),
            start=start,
            users=torch.from_numpy(inputs.users.astype(np.int64)),
            query_vectors=torch.from_numpy(inputs.query_vectors),
            rows={
                "shops": torch.from_numpy(inputs.shops.astype(np.int64)),
                "brands": torch.from_numpy(inputs.brands.astype(np.int64)),
                "categories": torch.from_numpy(inputs.categories.astype(np.int64)),
                "numbers": torch.from_numpy(inputs.numbers),
                "wide": torch.from_numpy(wide),
                "label": torch.from_numpy(inputs.label),
                "weight": torch.from_numpy(inputs.weight),
            },
        )

    def take(self, requests: torch.Tensor) -> _Rows:
        import torch

        size = self.start.diff()[requests]
        owner = torch.repeat_interleave(torch.arange(len(requests)), size)
        start = torch.cat((torch.zeros(1, dtype=torch.int64), size.cumsum(0)))
        at = self.start[requests][owner] + torch.arange(len(owner)) - start[owner]
        rows = {name: value[at] for name, value in self.rows.items()}
        return _Rows(owner, start, self.users[requests], self.query_vectors[requests], rows)

    def logits(self, net: nn.Module, id_dropout: float) -> torch.Tensor:
        """Run the network; each id becomes the fallback with probability ``id_dropout``, which trains the fallback."""
        import torch

        users, shops, brands = self.users, self.rows["shops"], self.rows["brands"]
        if id_dropout > 0.0:
            users, shops, brands = (
                torch.where(torch.rand(len(ids)) < id_dropout, UNKNOWN, ids) for ids in (users, shops, brands)
            )
        logits: torch.Tensor = net(
            users[self.owner],
            shops,
            brands,
            self.rows["categories"],
            self.query_vectors[self.owner],
            self.rows["numbers"],
            self.rows["wide"],
        )
        return logits

    def loss(self, logits: torch.Tensor, kind: str) -> torch.Tensor:
        """Return the weighted mean loss: of rows for "bce", of the choices among their list for "listwise"."""
        import torch
        from torch.nn import functional

        label, weight = self.rows["label"], self.rows["weight"]
        if kind == "bce":
            each = functional.binary_cross_entropy_with_logits(logits, label, reduction="none")
            return (each * weight).sum() / weight.sum()
        q = len(self.users)
        top = torch.full((q,), -torch.inf).scatter_reduce(0, self.owner, logits.detach(), "amax")
        shifted = logits - top[self.owner]
        total = torch.zeros(q).index_add(0, self.owner, shifted.exp())
        chosen = label * weight
        return -(chosen * (shifted - total.log()[self.owner])).sum() / chosen.sum().clamp(min=1e-6)


def _optimisers(net: nn.Module, config: WideDeepConfig, largest: int) -> list[torch.optim.Optimizer]:
    import torch

    ids = [net.user, net.shop, net.brand]
    rows = [p for table in ids for p in table.parameters()]  # type: ignore[union-attr]
    own = {id(p) for p in rows}
    rest = [p for p in net.parameters() if id(p) not in own]
    if largest <= SPARSE_ABOVE:
        groups: list[dict[str, Any]] = [{"params": rest}, {"params": rows, "weight_decay": config.weight_decay}]
        return [torch.optim.Adam(groups, lr=config.learning_rate)]
    for table in ids:
        setattr(table, "sparse", True)  # noqa: B010
    return [
        torch.optim.Adam(rest, lr=config.learning_rate),
        torch.optim.SparseAdam(rows, lr=config.learning_rate),
    ]


def _solve_wide(net: nn.Module, train: _Rows, config: WideDeepConfig) -> None:
    """Set the wide part to the optimum it reaches alone (L-BFGS on the convex loss) and quieten the deep part's start."""
    import torch

    x = train.rows["wide"]
    solution = torch.zeros(x.shape[1] + 1, requires_grad=True)
    solver = torch.optim.LBFGS([solution], max_iter=60, line_search_fn="strong_wolfe")

    def step() -> float:
        solver.zero_grad()
        loss = train.loss(x @ solution[:-1] + solution[-1], config.loss) + WIDE_L2 * (solution[:-1] ** 2).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.detach())

    solver.step(step)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        net.wide.weight.copy_(solution[None, :-1])  # type: ignore[union-attr, operator]
        net.wide.bias.copy_(solution[-1:])  # type: ignore[union-attr, operator]
        net.out.weight.narrow(1, 1, config.hidden[-1]).mul_(0.3)  # type: ignore[union-attr, operator]


def _calibrate(net: nn.Module, valid: _Rows) -> None:
    """Fit sigmoid(a x + b) on the later part by Newton steps and fold a, b into the output layer."""
    import torch

    with torch.no_grad():
        x = valid.logits(net, 0.0).double()
        y = valid.rows["label"].double()
        a, b = torch.tensor(1.0, dtype=torch.float64), torch.logit(y.mean().clamp(0.001, 0.999)) - x.mean()
        for _ in range(30):
            p = torch.sigmoid(a * x + b)
            grad = torch.stack((((p - y) * x).sum() + 1e-3 * (a - 1.0), (p - y).sum()))
            w = p * (1 - p)
            curve = torch.stack(((w * x * x).sum() + 1e-3, (w * x).sum(), (w * x).sum(), w.sum() + 1e-6)).view(2, 2)
            step = torch.linalg.solve(curve, grad)
            a, b = a - step[0].clamp(-1, 1), b - step[1].clamp(-2, 2)
        if not (torch.isfinite(a) and torch.isfinite(b) and a > 0.05):
            return
        net.out.weight.mul_(a.float())  # type: ignore[union-attr, operator]
        net.out.bias.mul_(a.float()).add_(b.float())  # type: ignore[union-attr, operator]
