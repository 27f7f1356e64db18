"""Decoding held to a JSON schema: after every token, only those that can still become a valid answer stay possible."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from aiyam.errors import ModelError

if TYPE_CHECKING:
    import torch

INSTALL = "Install the extra: pip install 'aiyam[llm]'."


class Grammars:
    """Matchers of one tokenizer; compiled schemas are kept, since compiling takes far longer than starting anew."""

    def __init__(self, tokenizer: Any, n_vocab: int) -> None:
        """Read the vocabulary of a fast Hugging Face tokenizer; ``n_vocab`` is the width of the model's scores.

        Raises:
            ModelError: llguidance is not installed, or the tokenizer is not one it can read.
        """
        try:
            from llguidance.hf import from_tokenizer
        except ImportError as error:
            raise ModelError(
                "Expected the llguidance library for constrained JSON, found none.", hint=INSTALL
            ) from error
        try:
            self._vocabulary = from_tokenizer(tokenizer, n_vocab=max(n_vocab, len(tokenizer)))
        except Exception as error:
            raise ModelError(
                f"Expected a fast tokenizer whose vocabulary can be read, got: {str(error)[:200]}.",
                hint="Use a base that ships tokenizer.json.",
            ) from error
        self._compiled: dict[str, Any] = {}

    def matcher(self, schema: dict[str, Any]) -> Any:
        """Return a matcher at the start of an answer.

        Raises:
            ModelError: the schema uses what the library cannot hold decoding to.
        """
        from llguidance import LLMatcher

        key = json.dumps(schema, ensure_ascii=False)
        if key not in self._compiled:
            grammar = LLMatcher.grammar_from_json_schema(key, overrides={"whitespace_flexible": False})
            matcher = LLMatcher(self._vocabulary, grammar)
            if matcher.is_error():
                raise ModelError(
                    f"Expected a schema that decoding can be held to, got: {matcher.get_error()[:200]}",
                    hint="Use plain JSON Schema: objects, arrays, enums, strings, numbers.",
                )
            self._compiled[key] = matcher
        return self._compiled[key].deep_copy()


class HeldToGrammar:
    """A logits processor for one greedy answer; ``log_probabilities`` are those of the tokens chosen, as masked."""

    def __init__(self, matcher: Any) -> None:
        self._matcher = matcher
        self._n_prompt: int | None = None
        self.log_probabilities: list[float] = []

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Return the scores (1, vocabulary) with every impossible token at minus infinity."""
        import numpy as np
        import torch
        from llguidance.numpy import allocate_token_bitmask, fill_next_token_bitmask

        if self._n_prompt is None:
            self._n_prompt = input_ids.shape[1]
        elif not self._matcher.consume_token(int(input_ids[0, -1])):
            raise ModelError(f"Expected a token the grammar allows, got another: {self._matcher.get_error()[:200]}")
        bits = allocate_token_bitmask(1, scores.shape[1])
        fill_next_token_bitmask(self._matcher, bits)
        allowed = np.unpackbits(bits.view(np.uint8)[0], bitorder="little")[: scores.shape[1]].astype(bool)
        held = scores.masked_fill(~torch.from_numpy(allowed).to(scores.device), float("-inf"))
        self.log_probabilities.append(float(torch.log_softmax(held[0].float(), dim=0).max()))
        return held
