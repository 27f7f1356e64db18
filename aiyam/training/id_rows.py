"""Adam for the id tables that touches only the rows of a batch: what a step costs does not grow with the tables.

A row keeps its mean gradient and one mean square for all its columns, so that a table costs twice its memory, not thrice.
Rows that a batch does not hold stay as they are, as in lazy Adam; the bias correction counts all steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

BETAS = (0.9, 0.999)
EPSILON = 1e-8


class IdRows:
    """One id table (n, d) with the state of its optimiser.

    Args:
        weight: the table; changed in place.
        decay: added to the gradient of a touched row, times the row (L2).
    """

    def __init__(self, weight: torch.Tensor, *, learning_rate: float, decay: float) -> None:
        import torch

        self.weight = weight.detach()
        self.learning_rate, self.decay = learning_rate, decay
        self.mean = torch.zeros_like(self.weight)
        self.square = torch.zeros(len(self.weight), 1, device=self.weight.device)
        self.n_steps = 0
        self._rows: torch.Tensor | None = None
        self._part: torch.Tensor | None = None

    def look_up(self, ids: torch.Tensor) -> torch.Tensor:
        """Return the (k, d) vectors of ids (k,); their gradient is what ``touched`` gives after the backward pass."""
        import torch

        self._rows, place = torch.unique(ids, return_inverse=True)
        self._part = self.weight.index_select(0, self._rows).requires_grad_()
        return self._part.index_select(0, place)

    def touched(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the rows (u,) looked up last, each once, and their gradient (u, d)."""
        import torch

        assert self._rows is not None, "look_up comes first"
        assert self._part is not None
        grad = self._part.grad
        return self._rows, torch.zeros_like(self._part) if grad is None else grad

    def step(self, rows: torch.Tensor, grad: torch.Tensor) -> None:
        """Update the rows (u,), each named once, by their gradient (u, d)."""
        self.n_steps += 1
        part = self.weight.index_select(0, rows)
        grad = grad.add(part, alpha=self.decay)
        mean = self.mean.index_select(0, rows).lerp_(grad, 1 - BETAS[0])
        square = self.square.index_select(0, rows).lerp_(grad.square().mean(dim=1, keepdim=True), 1 - BETAS[1])
        self.mean.index_copy_(0, rows, mean)
        self.square.index_copy_(0, rows, square)
        size = (square / (1 - BETAS[1] ** self.n_steps)).sqrt_().add_(EPSILON)
        rate = self.learning_rate / (1 - BETAS[0] ** self.n_steps)
        self.weight.index_copy_(0, rows, part.addcdiv_(mean, size, value=-rate))

    def state(self) -> dict[str, torch.Tensor]:
        """Return the optimiser's tensors; the table itself is not among them."""
        import torch

        return {"mean": self.mean, "square": self.square, "n_steps": torch.tensor(self.n_steps)}

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        """Take over what ``state`` gave."""
        self.mean.copy_(state["mean"])
        self.square.copy_(state["square"])
        self.n_steps = int(state["n_steps"])
