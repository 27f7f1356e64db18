"""The processes that fit one network together: sums and rows shared over gloo; one process alone shares nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Peers:
    """This process's ``rank`` among ``size``. With a size above 1, torch.distributed must have been set up."""

    rank: int = 0
    size: int = 1

    def summed(self, tensors: list[torch.Tensor]) -> None:
        """Replace every tensor by its sum over all processes, in one exchange."""
        import torch

        if self.size == 1:
            return
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        torch.distributed.all_reduce(flat)
        at = 0
        for tensor in tensors:
            tensor.copy_(flat[at : at + tensor.numel()].view_as(tensor))
            at += tensor.numel()

    def same_start(self, tensors: list[torch.Tensor]) -> None:
        """Give every process the tensors of the first one."""
        import torch

        if self.size > 1:
            for tensor in tensors:
                torch.distributed.broadcast(tensor, 0)

    def summed_rows(self, rows: torch.Tensor, grad: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the rows (u,) that any process touched, each once, and the sums of their gradients (u, d)."""
        import torch

        if self.size == 1:
            return rows, grad
        sizes = [torch.zeros(1, dtype=torch.int64) for _ in range(self.size)]
        torch.distributed.all_gather(sizes, torch.tensor([len(rows)]))
        longest = max(int(size) for size in sizes)
        padded_rows, padded_grad = rows.new_zeros(longest), grad.new_zeros(longest, grad.shape[1])
        padded_rows[: len(rows)], padded_grad[: len(rows)] = rows, grad
        all_rows = [torch.zeros_like(padded_rows) for _ in sizes]
        all_grads = [torch.zeros_like(padded_grad) for _ in sizes]
        torch.distributed.all_gather(all_rows, padded_rows)
        torch.distributed.all_gather(all_grads, padded_grad)
        both = torch.cat([part[: int(n)] for part, n in zip(all_rows, sizes, strict=True)])
        grads = torch.cat([part[: int(n)] for part, n in zip(all_grads, sizes, strict=True)])
        union, place = torch.unique(both, return_inverse=True)
        return union, grads.new_zeros(len(union), grads.shape[1]).index_add_(0, place, grads)
