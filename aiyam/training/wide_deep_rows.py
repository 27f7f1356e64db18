"""What the Wide & Deep network learns from: lists of rows as tensors, a batch of them, its logits and its loss."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aiyam.errors import DataError
from aiyam.ranking.features import N_NUMBERS, N_WIDE
from aiyam.ranking.wide_deep import UNKNOWN, WideDeepConfig

if TYPE_CHECKING:
    import torch
    from torch import nn

ID_TABLES = ("user", "shop", "brand")
"""The embedding tables that grow with the data; each row of a batch touches one row of each."""

_LABEL, _WEIGHT = N_NUMBERS + N_WIDE, N_NUMBERS + N_WIDE + 1


@dataclass(frozen=True)
class Inputs:
    """What the network reads: q requests, r rows. list_start (q + 1,), users (q,), query_vectors (q, 128), the rest by row.

    ``shown`` (r,) tells which rows a person has seen; all false where that is not known.
    """

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
    shown: NDArray[np.bool_]

    def check(self, part: str) -> None:
        """Refuse what nothing can be learned from.

        Raises:
            DataError: no rows, one label only, or a number that is none; ``part`` is named.
        """
        if not len(self.label):
            raise DataError(f"Expected rows in the {part} part, got none.", hint="Give a longer table, or other dates.")
        n_chosen = int((self.label > 0).sum())
        if not 0 < n_chosen < len(self.label):
            raise DataError(
                f"Expected chosen and unchosen rows in the {part} part, got {n_chosen} chosen of {len(self.label)}.",
                hint="A ranker learns from the difference: write the table with negatives.",
            )
        for name in ("query_vectors", "numbers", "wide", "label", "weight"):
            wrong = ~np.isfinite(getattr(self, name))
            if wrong.any():
                raise DataError(
                    f"Expected finite numbers in the {part} part, got {int(wrong.sum())} that are not, in {name}.",
                    hint="Write the table again.",
                )

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return every array by its name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass
class Rows:
    """Lists as tensors: ``owner`` (r,) each row's list, ``ids`` (r, 3) shop, brand, category, ``values`` (r, 62).

    ``values`` holds numbers, wide features, label and weight side by side, so that a batch is drawn with one gather.
    """

    owner: torch.Tensor
    start: torch.Tensor
    users: torch.Tensor
    query_vectors: torch.Tensor
    ids: torch.Tensor
    values: torch.Tensor

    @classmethod
    def of(cls, inputs: Inputs, config: WideDeepConfig, device: torch.device) -> Rows:
        """Lay out the inputs; the wide slots that the configuration hides are 0."""
        import torch

        r = len(inputs.label)
        values = np.empty((r, _WEIGHT + 1), np.float32)
        values[:, :N_NUMBERS] = inputs.numbers
        values[:, N_NUMBERS:_LABEL] = inputs.wide
        values[:, N_NUMBERS + config.n_visible : _LABEL] = 0.0
        values[:, _LABEL], values[:, _WEIGHT] = inputs.label, inputs.weight
        ids = np.stack((inputs.shops, inputs.brands, inputs.categories), axis=1).astype(np.int64)
        start = torch.from_numpy(inputs.list_start.astype(np.int64)).to(device)
        n_lists = len(inputs.users)
        return cls(
            owner=torch.repeat_interleave(torch.arange(n_lists, device=device), start.diff()),
            start=start,
            users=torch.from_numpy(inputs.users.astype(np.int64)).to(device),
            query_vectors=torch.from_numpy(inputs.query_vectors).to(device),
            ids=torch.from_numpy(ids).to(device),
            values=torch.from_numpy(values).to(device),
        )

    @property
    def wide(self) -> torch.Tensor:
        """The (r, 50) wide features."""
        return self.values[:, N_NUMBERS:_LABEL]

    @property
    def label(self) -> torch.Tensor:
        """The (r,) labels."""
        return self.values[:, _LABEL]

    def take(self, lists: torch.Tensor) -> Rows:
        """Return some lists, in the order given."""
        import torch

        first = self.start[lists]
        size = self.start[lists + 1] - first
        owner = torch.repeat_interleave(torch.arange(len(lists), device=lists.device), size)
        start = torch.zeros(len(lists) + 1, dtype=torch.int64, device=lists.device)
        torch.cumsum(size, 0, out=start[1:])
        at = (first - start[:-1]).index_select(0, owner) + torch.arange(len(owner), device=lists.device)
        return Rows(
            owner,
            start,
            self.users[lists],
            self.query_vectors[lists],
            self.ids.index_select(0, at),
            self.values.index_select(0, at),
        )

    def with_fallbacks(self, share: float) -> Rows:
        """Return the same rows, each id replaced by the fallback with probability ``share``: that trains the fallback."""
        import torch

        if share <= 0.0:
            return self
        users = torch.where(torch.rand(len(self.users), device=self.users.device) < share, UNKNOWN, self.users)
        ids = self.ids.clone()
        ids[:, :2][torch.rand((len(ids), 2), device=ids.device) < share] = UNKNOWN
        return Rows(self.owner, self.start, users, self.query_vectors, ids, self.values)

    def loss_weight(self, kind: str) -> torch.Tensor:
        """Return what the summed loss is divided by: the weight of all rows ("bce") or of the choices ("listwise")."""
        weight = self.values[:, _WEIGHT]
        return (weight if kind == "bce" else self.label * weight).sum().clamp(min=1e-6)

    def summed_loss(self, logits: torch.Tensor, kind: str) -> torch.Tensor:
        """Return the weighted loss: of single rows ("bce"), or of the choices among their list ("listwise")."""
        import torch
        from torch.nn import functional

        label, weight = self.label, self.values[:, _WEIGHT]
        if kind == "bce":
            return functional.binary_cross_entropy_with_logits(logits, label, weight=weight, reduction="sum")
        q = len(self.users)
        fixed = logits.detach()
        top = torch.full((q,), -torch.inf, device=fixed.device).scatter_reduce(0, self.owner, fixed, "amax")
        shifted = logits - top.index_select(0, self.owner)
        total = torch.zeros(q, device=fixed.device).index_add(0, self.owner, shifted.exp())
        return -(label * weight * (shifted - total.log().index_select(0, self.owner))).sum()


def logits_of(
    net: nn.Module, rows: Rows, config: WideDeepConfig, vectors: tuple[torch.Tensor, ...], *, dropout: float = 0.0
) -> torch.Tensor:
    """Run the network on rows: the same function as its ``forward``, what a list shares computed once a list.

    Args:
        vectors: the embeddings of each list's person (q, .) and of each row's shop (r, .) and brand (r, .).
    """
    import torch
    from torch.nn import functional

    users, shops, brands = vectors
    first, *layers = [layer for layer in net.deep if isinstance(layer, torch.nn.Linear)]  # type: ignore[union-attr]
    n_user, n_ids = users.shape[1], shops.shape[1] + brands.shape[1] + config.category_embedding
    by_user, by_ids, by_query, by_values = first.weight.split(  # type: ignore[no-untyped-call]
        [n_user, n_ids, config.query_vector, config.n_deep_inputs - n_user - n_ids - config.query_vector], dim=1
    )
    shared = torch.addmm(first.bias, users, by_user.T).addmm(rows.query_vectors, by_query.T)
    own = torch.cat((shops, brands, functional.embedding(rows.ids[:, 2], net.category.weight)), dim=1)  # type: ignore[union-attr, arg-type]
    hidden = shared.index_select(0, rows.owner)
    hidden = hidden.addmm(own, by_ids.T).addmm(rows.values[:, : by_values.shape[1]], by_values.T)
    hidden = _thinned(hidden.relu(), dropout)
    for layer in layers:
        hidden = _thinned(functional.linear(hidden, layer.weight, layer.bias).relu(), dropout)
    both = torch.cat((net.wide(rows.wide), hidden), dim=1)  # type: ignore[operator]
    return net.out(both).squeeze(1)  # type: ignore[operator, no-any-return]


def looked_up(net: nn.Module, rows: Rows) -> tuple[torch.Tensor, ...]:
    """Return the embeddings that ``logits_of`` takes, straight from the network's tables."""
    ids = (rows.users, rows.ids[:, 0], rows.ids[:, 1])
    return tuple(getattr(net, name)(at) for name, at in zip(ID_TABLES, ids, strict=True))


def _thinned(x: torch.Tensor, share: float) -> torch.Tensor:
    """Drop out a share of the values, rounded to 256ths: one random number of eight bytes decides on eight of them."""
    import torch

    cut = round(share * 256)
    if cut == 0:
        return x
    n = x.numel()
    drawn = torch.empty((n + 7) // 8, dtype=torch.int64, device=x.device).random_(-(2**63), None)
    kept = drawn.view(torch.uint8)[:n].view(x.shape) >= cut
    return x * kept.to(x.dtype).mul_(256 / (256 - cut))
