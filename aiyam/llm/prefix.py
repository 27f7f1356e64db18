"""The constant part of prompts read once: its keys and values are kept and go in front of the next prompt's."""

from __future__ import annotations

import copy
from collections import OrderedDict
from typing import Any

MIN_TOKENS = 16
"""A shorter beginning is read again: keeping it saves nothing."""


class Prefixes:
    """Kept keys and values by (adapter, token ids); the least used goes first. The caller holds the model's turn.

    Args:
        n_kept: how many to keep; one of a model with h values a token and layer, l layers and t tokens takes
            2 · l · h · t numbers.
    """

    def __init__(self, n_kept: int = 4) -> None:
        self.n_kept = n_kept
        self.n_hits = 0
        self._kept: OrderedDict[tuple[str | None, tuple[int, ...]], Any] = OrderedDict()

    def __len__(self) -> int:
        """Return how many are kept."""
        return len(self._kept)

    def start_for(self, model: Any, ids: Any, n_constant: int, adapter: str | None) -> Any:
        """Return a cache that holds the first ``n_constant`` of the prompt's ``ids`` (1, t), for ``generate``; None for none.

        Only caches that grow by copying are kept (attention over everything before): another kind would be changed by the
        answer that starts from it.
        """
        if not self.n_kept or n_constant < MIN_TOKENS or n_constant >= ids.shape[1]:
            return None
        key = (adapter, tuple(ids[0, :n_constant].tolist()))
        if key in self._kept:
            self.n_hits += 1
            self._kept.move_to_end(key)
            return _copy(self._kept[key])
        cache = model(input_ids=ids[:, :n_constant], use_cache=True, logits_to_keep=1).past_key_values
        if not _grows_by_copying(cache):
            self.n_kept = 0
            return None
        self._kept[key] = cache
        if len(self._kept) > self.n_kept:
            self._kept.popitem(last=False)
        return _copy(cache)

    def forget(self, adapter: str | None) -> None:
        """Drop what was read with an adapter."""
        for key in [key for key in self._kept if key[0] == adapter]:
            del self._kept[key]


def _grows_by_copying(cache: Any) -> bool:
    from transformers.cache_utils import DynamicLayer

    layers = getattr(cache, "layers", ())
    return bool(layers) and all(type(layer) is DynamicLayer for layer in layers)


def _copy(cache: Any) -> Any:
    """A cache of its own over the same tensors: adding to it makes new ones."""
    own = copy.copy(cache)
    own.layers = [copy.copy(layer) for layer in cache.layers]
    return own
