"""The neural part of the understanding as torch trains it; ``aiyam.nlu.network`` runs the same in numpy."""

from __future__ import annotations

import torch
from torch import nn

from aiyam.nlu.contexts import N_JAMO, N_PLACES
from aiyam.nlu.network import N_DENSE
from aiyam.nlu.recurrence import N_GATES


class Module(nn.Module):
    """Scores of the intents and of the tags of every syllable, from the features of a batch."""

    def __init__(
        self,
        n_tags: int,
        n_intents: int,
        *,
        context: int,
        jamo: int,
        place: int,
        hidden: int,
        window: int,
        dropout: float,
        feature_dropout: float,
    ) -> None:
        super().__init__()
        self.feature_dropout = feature_dropout
        self.embedding = nn.EmbeddingBag(N_DENSE + 1, context, mode="sum", padding_idx=N_DENSE, sparse=True)
        nn.init.normal_(self.embedding.weight, std=0.1)
        self.jamo = nn.ModuleList(nn.Embedding(n, jamo) for n in N_JAMO)
        self.places = nn.ModuleList(nn.Embedding(n, place) for n in N_PLACES)
        width = context + 3 * jamo + 3 * place
        self.both_ways = BothWays(width, hidden, window)
        self.drop = nn.Dropout(dropout)
        self.attention = nn.Linear(2 * hidden, 1, bias=False)
        self.intent = nn.Linear(4 * hidden + context, n_intents)
        self.tag = nn.Linear(2 * hidden + width, n_tags)
        self.moves = nn.Parameter(torch.zeros(n_tags, n_tags))

    def forward(
        self, dense: torch.Tensor, jamo: torch.Tensor, places: torch.Tensor, real: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return intent scores (b, intents) and tag scores (b, t, tags).

        Args:
            dense: (b, t, features) embedding rows, ``N_DENSE`` for none.
            jamo: (b, t, 3).
            places: (b, t, 3).
            real: (b, t) where a character stands.
        """
        count, longest, width = dense.shape
        if self.training:
            dense = dense.masked_fill(torch.rand(dense.shape) < self.feature_dropout, N_DENSE)
        summed = self.embedding(dense.reshape(count * longest, width)).reshape(count, longest, -1)
        if self.training:
            summed = summed / (1 - self.feature_dropout)
        small = [table(jamo[..., k]) for k, table in enumerate(self.jamo)]
        small += [table(places[..., k]) for k, table in enumerate(self.places)]
        inputs = self.drop(torch.cat([summed, *small], -1))
        states = self.both_ways(inputs, real)
        weight = self.attention(states).squeeze(-1).masked_fill(~real, -1e9).softmax(-1)
        states = self.drop(states)
        inside = real.unsqueeze(-1)
        pooled = torch.cat(
            [
                (weight.unsqueeze(-1) * states).sum(1),
                states.masked_fill(~inside, -1e9).amax(1),
                (self.drop(summed) * inside).sum(1) / inside.sum(1).sqrt(),
            ],
            -1,
        )
        return self.intent(pooled), self.tag(torch.cat([states, inputs], -1))

    def loss(
        self,
        dense: torch.Tensor,
        jamo: torch.Tensor,
        places: torch.Tensor,
        real: torch.Tensor,
        tags: torch.Tensor,
        intents: torch.Tensor,
        *,
        intent_weight: float,
    ) -> torch.Tensor:
        """Return what a batch costs: the cross entropy of its intents, weighed, and that of its tags as a chain."""
        intent_scores, tag_scores = self(dense, jamo, places, real)
        loss = intent_weight * nn.functional.cross_entropy(intent_scores, intents)
        if len(self.moves) > 1:
            loss = loss + path_loss(tag_scores, self.moves, tags, real).mean()
        return loss


class BothWays(nn.Module):
    """The recurrence of ``aiyam.nlu.recurrence``."""

    def __init__(self, width: int, hidden: int, window: int) -> None:
        super().__init__()
        self.hidden, self.window = hidden, window
        self.gates = nn.Linear(window * width, N_GATES * 2 * hidden)
        nn.init.zeros_(self.gates.bias)
        self.through = nn.Linear(width, 2 * hidden)

    def forward(self, inputs: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
        """Return the states of every place, shape (b, t, 2h); where no character stands they are 0."""
        inside = real.unsqueeze(-1)
        new, kept, let_out = self.gates(self._around(inputs * inside)).chunk(N_GATES, dim=-1)
        kept = torch.sigmoid(kept).masked_fill(~inside, 1.0)
        given = (1 - kept) * torch.tanh(new)
        ahead = _running(kept[..., : self.hidden], given[..., : self.hidden])
        astern = _running(kept[..., self.hidden :].flip(1), given[..., self.hidden :].flip(1)).flip(1)
        let_out = torch.sigmoid(let_out)
        states = let_out * torch.tanh(torch.cat([ahead, astern], -1)) + (1 - let_out) * self.through(inputs)
        out: torch.Tensor = states * inside
        return out

    def _around(self, inputs: torch.Tensor) -> torch.Tensor:
        half, longest = self.window // 2, inputs.shape[1]
        padded = nn.functional.pad(inputs, (0, 0, half, half))
        return torch.cat([padded[:, i : i + longest] for i in range(self.window)], -1)


def _running(kept: torch.Tensor, given: torch.Tensor) -> torch.Tensor:
    states = [given[:, 0]]
    for share, more in zip(kept.unbind(1)[1:], given.unbind(1)[1:], strict=True):
        states.append(share * states[-1] + more)
    return torch.stack(states, 1)


def path_loss(scores: torch.Tensor, moves: torch.Tensor, tags: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    """Negative log-likelihood of the tags under a linear chain (Lafferty et al. 2001), shape (b,)."""
    inside = real.to(scores.dtype)
    gold = (scores.gather(2, tags.unsqueeze(-1)).squeeze(-1) * inside).sum(1)
    gold = gold + (moves[tags[:, :-1], tags[:, 1:]] * inside[:, 1:]).sum(1)
    total, raised = scores[:, 0], moves.exp()
    for t in range(1, scores.shape[1]):
        peak = total.amax(1, keepdim=True)
        following = ((total - peak).exp() @ raised).clamp_min(1e-30).log() + peak + scores[:, t]
        total = torch.where(real[:, t : t + 1], following, total)
    return total.logsumexp(1) - gold
