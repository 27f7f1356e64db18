"""Fits the Wide & Deep network: epochs over batches, early stopping on the later part, checkpoints, several processes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from aiyam.errors import ModelError
from aiyam.ranking.measures import mean_ndcg
from aiyam.ranking.wide_deep import WideDeepConfig, make_network
from aiyam.training.checkpoint import Checkpoint
from aiyam.training.id_rows import IdRows
from aiyam.training.peers import Peers
from aiyam.training.wide_deep_calibration import calibrate
from aiyam.training.wide_deep_rows import ID_TABLES, Inputs, Rows, logits_of, looked_up

if TYPE_CHECKING:
    import torch
    from torch import nn

Weights = dict[str, NDArray[np.float32]]

PATIENCE = 2
MIN_GAIN = 2e-4
"""An epoch that lowers the validation loss by less than this is no progress; after ``PATIENCE`` of them fitting ends."""

WIDE_L2 = 1e-4
"""Ridge of the wide part solved alone, beside the mean loss of a choice; ten times as much costs .008 of true ndcg@10."""

TELL_EVERY_S = 0.5
VALID_ROWS = 65_536
"""So many rows of the later part go through the network at once."""


class _Report(Protocol):
    def __call__(self, fraction: float, message: str = "", metrics: Mapping[str, float] | None = None) -> None: ...


def fit_network(
    config: WideDeepConfig,
    train: Inputs,
    valid: Inputs,
    *,
    sizes: tuple[int, int, int],
    seed: int,
    report: _Report,
    start: Weights | None = None,
    checkpoint: Checkpoint | None = None,
    peers: Peers | None = None,
) -> tuple[Weights, list[dict[str, float]]]:
    """Train and return (weights of the best epoch by torch's names, the measures of every epoch).

    The same seed gives the same weights on one thread, stopped and resumed or not. Listwise models are calibrated
    afterwards, so that their sigmoid is a probability.

    Args:
        sizes: rows of the person, shop and brand tables, fallbacks included.
        start: weights to go on from, of these sizes, in place of new ones.
        checkpoint: where every epoch is kept; fitting goes on from what it holds.
        peers: this process's place among those that fit together; each takes its share of every batch.

    Raises:
        DataError: nothing can be learned from one of the parts.
        ModelError: the loss is no number any more.
    """
    train.check("earlier")
    valid.check("later")
    fit = Fit(config, train, sizes=sizes, seed=seed, start=start, peers=peers or Peers())
    rows = Rows.of(valid, config, fit.device)
    if checkpoint is not None and (kept := checkpoint.load()) is not None:
        fit.restore(*kept)
    while not fit.done:
        fit.epoch(report)
        fit.judge(rows, valid)
        report(fit.n_epochs / config.epochs, fit.words(), fit.history[-1])
        if checkpoint is not None and fit.peers.rank == 0:
            checkpoint.save(*fit.state())
    fit.net.load_state_dict(fit.best)
    if config.loss == "listwise":
        calibrate(
            fit.net, [(part, fit.logits(lists).cpu().numpy()) for part, lists in ((valid, rows), (train, fit.rows))]
        )
    return {name: value.cpu().numpy().astype(np.float32) for name, value in fit.net.state_dict().items()}, fit.history


def training_device() -> torch.device:
    """Return where networks are trained: the first GPU if there is one, else the processor."""
    import torch

    return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")


class Fit:
    """One network on its way: its weights, optimisers, the best epoch so far and the measures of every epoch."""

    def __init__(
        self,
        config: WideDeepConfig,
        train: Inputs,
        *,
        sizes: tuple[int, int, int],
        seed: int,
        start: Weights | None = None,
        peers: Peers | None = None,
    ) -> None:
        import torch

        self.config, self.seed, self.peers = config, seed, peers or Peers()
        self.device = training_device() if self.peers.size == 1 else torch.device("cpu")
        torch.manual_seed(seed)
        net = make_network(config, *sizes).to(self.device)
        self.net: Any = net
        self.rows = Rows.of(train, config, self.device)
        rows_a_list = max(len(train.label) / max(len(train.users), 1), 1.0)
        self.lists_a_batch = max(1, round(config.batch_size / rows_a_list))
        self.rows_a_list = rows_a_list
        if start is not None:
            net.load_state_dict({name: torch.from_numpy(value) for name, value in start.items()})
        elif config.warm_start:
            _solve_wide(self.net, self.rows, config)
        tables = [getattr(net, name).weight for name in ID_TABLES]
        self.peers.same_start([p.detach() for p in net.parameters()])
        groups: list[dict[str, Any]] = [
            {"params": [p for p in net.parameters() if all(p is not table for table in tables)]}
        ]
        self.ids: list[IdRows] = []
        if config.id_updates == "touched":
            for table in tables:
                table.requires_grad_(False)
            self.ids = [IdRows(t, learning_rate=config.learning_rate, decay=config.weight_decay) for t in tables]
        else:
            groups.append({"params": tables, "weight_decay": config.weight_decay})
        self.shared = [p for group in groups for p in group["params"]]
        self.adam = torch.optim.Adam(groups, lr=config.learning_rate, fused=True)
        self.n_epochs = 0
        self.history: list[dict[str, float]] = []
        self.best: dict[str, torch.Tensor] = {}
        self._mark, self._n_idle, self._train_loss, self._speed = float("inf"), 0, 0.0, 0.0

    @property
    def done(self) -> bool:
        """Whether all epochs are through, or the last ones were no progress."""
        return self.n_epochs >= self.config.epochs or self._n_idle >= PATIENCE

    def epoch(self, report: _Report) -> None:
        """Go once through the earlier part, in an order that follows from the seed and the epoch alone."""
        import torch

        n, config = len(self.rows.users), self.config
        draw = np.random.SeedSequence([self.seed, self.n_epochs])
        order = torch.from_numpy(np.random.default_rng(draw).permutation(n)).to(self.device)
        mixed = np.random.SeedSequence([self.seed, self.n_epochs, self.peers.rank])
        torch.manual_seed(int(mixed.generate_state(1, np.uint32)[0]))
        self.net.train()
        total, n_batches = torch.zeros((), device=self.device), 0
        started = told = time.monotonic()
        for at in range(0, n, self.lists_a_batch):
            mine = order[at : at + self.lists_a_batch][self.peers.rank :: self.peers.size]
            total += self.step(self.rows.take(mine.sort().values))
            n_batches += 1
            if (now := time.monotonic()) - told >= TELL_EVERY_S:
                told, done = now, min(at + self.lists_a_batch, n)
                self._train_loss = float(total) / n_batches
                self._speed = done * self.rows_a_list / (now - started)
                report((self.n_epochs + done / n) / config.epochs, self.words(done / n), self._live(done / n))
        self._train_loss = float(total) / n_batches
        self._speed = n * self.rows_a_list / max(time.monotonic() - started, 1e-9)
        self.n_epochs += 1
        if not np.isfinite(self._train_loss):
            raise ModelError(
                f"Expected a finite loss in epoch {self.n_epochs}, got {self._train_loss}.",
                hint="Train with a lower --learning_rate.",
            )

    def step(self, batch: Rows) -> torch.Tensor:
        """Learn from one batch (of all processes together) and return its mean loss."""
        kind = self.config.loss
        batch = batch.with_fallbacks(self.config.id_dropout)
        vectors = (
            tuple(
                table.look_up(ids)
                for table, ids in zip(self.ids, (batch.users, batch.ids[:, 0], batch.ids[:, 1]), strict=True)
            )
            if self.ids
            else looked_up(self.net, batch)
        )
        weight = batch.loss_weight(kind)
        self.peers.summed([weight])
        logits = logits_of(self.net, batch, self.config, vectors, dropout=self.config.dropout)
        loss = batch.summed_loss(logits, kind) / weight
        self.adam.zero_grad(set_to_none=self.peers.size == 1)
        loss.backward()  # type: ignore[no-untyped-call]
        mean = loss.detach()
        self.peers.summed([mean, *(p.grad for p in self.shared if p.grad is not None)])
        self.adam.step()
        for table in self.ids:
            table.step(*self.peers.summed_rows(*table.touched()))
        return mean

    def logits(self, rows: Rows) -> torch.Tensor:
        """Return the (r,) logits of all rows, without dropout."""
        import torch

        self.net.eval()
        lists = torch.arange(len(rows.users), device=self.device)
        n = max(1, int(VALID_ROWS * len(rows.users) / max(len(rows.values), 1)))
        with torch.no_grad():
            parts = [rows.take(lists[at : at + n]) for at in range(0, len(lists), n)]
            return torch.cat([logits_of(self.net, part, self.config, looked_up(self.net, part)) for part in parts])

    def judge(self, rows: Rows, valid: Inputs) -> None:
        """Measure the epoch on the later part, and keep its weights if it is the best so far."""
        logits = self.logits(rows)
        loss = float(rows.summed_loss(logits, self.config.loss) / rows.loss_weight(self.config.loss))
        ndcg = mean_ndcg(logits.cpu().numpy(), valid.label > 0, valid.list_start)
        self.history.append({"train_loss": self._train_loss, "valid_loss": loss, "valid_ndcg@10": ndcg})
        if loss <= min(h["valid_loss"] for h in self.history):
            self.best = {name: value.clone() for name, value in self.net.state_dict().items()}
        self._n_idle = 0 if loss < self._mark - MIN_GAIN else self._n_idle + 1
        self._mark = min(self._mark, loss) if self._n_idle == 0 else self._mark

    def words(self, done: float = 0.0) -> str:
        """Say how far it is; ``done`` is the share of the epoch under way."""
        live, epoch = self._live(done), self.n_epochs + (done > 0)
        words = f"epoch {epoch} of {self.config.epochs}, loss {self._train_loss:.4f}"
        if not done and self.history:
            words += f", later part {self.history[-1]['valid_loss']:.4f}"
        return f"{words}, {live['rows_per_second']:,.0f} rows/s, {live['eta_seconds']:.0f} s left at most"

    def _live(self, done: float) -> dict[str, float]:
        left = (self.config.epochs - self.n_epochs - done) * len(self.rows.values) / max(self._speed, 1e-9)
        return {"loss": self._train_loss, "rows_per_second": self._speed, "eta_seconds": left}

    def state(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        """Return everything that ``restore`` needs: tensors by name, and facts as JSON types."""
        tensors = {f"net.{name}": value for name, value in self.net.state_dict().items()}
        tensors |= {f"best.{name}": value for name, value in self.best.items()}
        for i, kept in self.adam.state_dict()["state"].items():
            tensors |= {f"adam.{i}.{name}": value for name, value in kept.items()}
        for name, table in zip(ID_TABLES, self.ids, strict=False):
            tensors |= {f"ids.{name}.{key}": value for key, value in table.state().items()}
        facts = {"n_epochs": self.n_epochs, "history": self.history, "n_idle": self._n_idle, "mark": self._mark}
        return tensors, facts

    def restore(self, tensors: Mapping[str, torch.Tensor], facts: Mapping[str, Any]) -> None:
        """Go on from what ``state`` gave."""

        def part(prefix: str) -> dict[str, torch.Tensor]:
            return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}

        self.net.load_state_dict(part("net."))
        self.best = {name: value.to(self.device) for name, value in part("best.").items()}
        adam: dict[int, dict[str, torch.Tensor]] = {}
        for name, value in part("adam.").items():
            i, key = name.split(".")
            adam.setdefault(int(i), {})[key] = value
        self.adam.load_state_dict({"state": adam, "param_groups": self.adam.state_dict()["param_groups"]})
        for name, table in zip(ID_TABLES, self.ids, strict=False):
            table.restore(part(f"ids.{name}."))
        self.n_epochs, self.history = int(facts["n_epochs"]), [dict(h) for h in facts["history"]]
        self._n_idle, self._mark = int(facts["n_idle"]), float(facts["mark"])


def _solve_wide(net: nn.Module, train: Rows, config: WideDeepConfig) -> None:
    """Set the wide part to the optimum it reaches alone (L-BFGS on the convex loss) and quieten the deep part's start."""
    import torch

    x = train.wide.contiguous()
    weight = train.loss_weight(config.loss)
    solution = torch.zeros(x.shape[1] + 1, requires_grad=True, device=x.device)
    solver = torch.optim.LBFGS([solution], max_iter=60, line_search_fn="strong_wolfe")

    def step() -> float:
        solver.zero_grad()
        loss = train.summed_loss(x @ solution[:-1] + solution[-1], config.loss) / weight
        loss = loss + WIDE_L2 * (solution[:-1] ** 2).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.detach())

    solver.step(step)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        net.wide.weight.copy_(solution[None, :-1])  # type: ignore[union-attr, operator]
        net.wide.bias.copy_(solution[-1:])  # type: ignore[union-attr, operator]
        net.out.weight.narrow(1, 1, config.hidden[-1]).mul_(0.3)  # type: ignore[union-attr, operator]
