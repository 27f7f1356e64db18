"""What tells one base from another: its shape, tokenizer, chat template and a sample of its weights, as short strings."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

_SHAPE = (
    "model_type", "hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "intermediate_size",
    "vocab_size",
)  # fmt: skip
_ROWS = 64


def print_of(model: Any, tokenizer: Any) -> dict[str, str]:
    """Describe a causal language model and its tokenizer.

    The weights' part is a digest of the first embeddings and of every norm as bfloat16, which loading in another precision
    or in 4 bits leaves as they are.
    """
    shape = {name: str(getattr(model.config, name, None)) for name in _SHAPE}
    return {
        **shape,
        "tokenizer": _digest(json.dumps(sorted(tokenizer.get_vocab().items())).encode()),
        "chat_template": _digest(json.dumps(tokenizer.chat_template).encode()),
        "weights": _weights(model),
    }


def differences(recorded: Mapping[str, str], here: Mapping[str, str]) -> list[str]:
    """Name what differs between two prints.

    >>> differences({"hidden_size": "64", "weights": "ab"}, {"hidden_size": "32", "weights": "ab"})
    ['hidden_size 64 (here 32)']
    """
    return [f"{name} {recorded.get(name)} (here {here.get(name)})" for name in here if recorded.get(name) != here[name]]


def _weights(model: Any) -> str:
    import torch

    found = hashlib.sha256()
    sample = [model.get_input_embeddings().weight[:_ROWS]]
    sample += [weight for name, weight in sorted(model.named_parameters()) if weight.ndim == 1 and "lora_" not in name]
    for weight in sample:
        found.update(weight.detach().to(torch.bfloat16).cpu().view(torch.int16).numpy().tobytes())
    return found.hexdigest()[:16]


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
