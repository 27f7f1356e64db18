"""Rows as tokens, and batches without padding: rows stand one after another, and none sees another."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiyam.contracts import InstructionRow
from aiyam.errors import ModelError
from aiyam.llm.interface import Message

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Encoded:
    """One row's tokens: the prompt's ``n_prompt``, then the answer's with the token that ends it."""

    ids: tuple[int, ...]
    n_prompt: int

    @property
    def n_answer(self) -> int:
        """Tokens that are learned."""
        return len(self.ids) - self.n_prompt


@dataclass(frozen=True)
class Packed:
    """b rows in one sequence of l tokens.

    ``ids`` and ``positions`` (1, l); positions begin anew with each row. ``mask`` (1, 1, l, l) is added to attention scores:
    0 where a token may look (its own row, up to itself), the lowest number elsewhere. ``kept`` (a,) are the places whose
    next token, ``targets`` (a,), belongs to an answer.
    """

    ids: torch.Tensor
    positions: torch.Tensor
    mask: torch.Tensor
    kept: torch.Tensor
    targets: torch.Tensor


def messages_of(row: InstructionRow) -> list[Message]:
    """Return the conversation a row asks with: as the product asks, the instruction is the system's."""
    given = as_text(row.input)
    if not given.strip():
        return [Message("user", row.instruction)]
    return [Message("system", row.instruction), Message("user", given)]


def as_text(value: str | dict[str, Any]) -> str:
    """Return text as it is and an object as compact JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def encode(row: InstructionRow, tokenizer: Any, ends: frozenset[int]) -> Encoded:
    """Write a row with the base's chat template.

    Args:
        ends: tokens that end an answer (``ends_of``).

    Raises:
        ModelError: the template cannot write such a conversation.
    """
    asked = [m.as_json() for m in messages_of(row)]
    answer = as_text(row.output)
    try:
        prompt = tokenizer.apply_chat_template(asked, tokenize=False, add_generation_prompt=True)
        whole = tokenizer.apply_chat_template([*asked, {"role": "assistant", "content": answer}], tokenize=False)
    except Exception as error:  # a template may refuse a role, or the order of roles
        raise ModelError(
            f"Expected a base whose chat template writes system, user and assistant, got: {str(error)[:200]}.",
            hint="Use another base, or save a template that does as chat_template.jinja beside its tokenizer.",
        ) from error
    written = whole[len(prompt) :] if whole.startswith(prompt) else answer
    prompt_ids = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    ids = tokenizer(written, add_special_tokens=False)["input_ids"]
    end = next((i for i, token in enumerate(ids) if token in ends), None)
    ids = [*ids, tokenizer.eos_token_id] if end is None else ids[: end + 1]
    return Encoded((*prompt_ids, *ids), len(prompt_ids))


def ends_of(model: Any, tokenizer: Any) -> frozenset[int]:
    """Return the tokens at which the model's answers end."""
    named = model.generation_config.eos_token_id
    several = named if isinstance(named, list) else [named]
    return frozenset(int(token) for token in (*several, tokenizer.eos_token_id) if token is not None)


def pack(rows: Sequence[Encoded], device: torch.device, dtype: torch.dtype) -> Packed:
    """Put rows one after another."""
    import torch

    ids = [token for row in rows for token in row.ids]
    positions = [i for row in rows for i in range(len(row.ids))]
    owner = torch.tensor([n for n, row in enumerate(rows) for _ in row.ids], device=device)
    starts = [0]
    for row in rows:
        starts.append(starts[-1] + len(row.ids))
    kept = [
        start + i for start, row in zip(starts, rows, strict=False) for i in range(row.n_prompt - 1, len(row.ids) - 1)
    ]
    seen = (owner[:, None] == owner[None, :]).tril()
    mask = torch.zeros(seen.shape, dtype=dtype, device=device).masked_fill_(~seen, torch.finfo(dtype).min)
    where = torch.tensor(kept, device=device)
    tokens = torch.tensor(ids, device=device)
    return Packed(
        tokens[None], torch.tensor(positions, device=device)[None], mask[None, None], where, tokens[where + 1]
    )


def steps_of(n_rows: int, *, rows_a_step: int, seed: int, epoch: int) -> list[list[int]]:
    """Return the rows of each step of an epoch, in an order of its own."""
    order = list(range(n_rows))
    random.Random(f"{seed}/{epoch}").shuffle(order)
    return [order[i : i + rows_a_step] for i in range(0, n_rows, rows_a_step)]
