"""The "transformers" backend: a causal language model from a local folder or the hub, with its chat template."""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any

from aiyam.errors import ModelError
from aiyam.llm.adapters import AdaptedModel, Adapters
from aiyam.llm.grammar import INSTALL, Grammars, HeldToGrammar
from aiyam.llm.interface import JsonAnswer, LanguageModelError, Message
from aiyam.llm.loading import quietly
from aiyam.llm.prefix import Prefixes
from aiyam.llm.stops import until_stop

DEFAULT_BASE = "skt/A.X-3.1-Light"
"""A 7B model for Korean, Apache-2.0, that answers where no other base is named."""
_ANY_TEXT = "가"


class _Tokens:
    """Takes tokens from ``generate`` as they are chosen; its first call brings the prompt, which is left out."""

    def __init__(self) -> None:
        self.written: queue.Queue[int | None] = queue.Queue()
        self._had_prompt = False

    def put(self, value: Any) -> None:
        """Take the tensor of a step."""
        if self._had_prompt:
            for token in value.flatten().tolist():
                self.written.put(token)
        self._had_prompt = True

    def end(self) -> None:
        """Do nothing: the thread that writes tells the end, of a failure too."""


class LocalModel:
    """A causal language model in this process. One answer at a time: threads take turns, and wait within their time."""

    name = "transformers"

    def __init__(self, model: Any, tokenizer: Any) -> None:
        """Wrap an ``AutoModelForCausalLM`` and its fast tokenizer.

        Raises:
            ModelError: the tokenizer has no chat template.
        """
        if not getattr(tokenizer, "chat_template", None):
            raise ModelError(
                "Expected a base with a chat template, got one without.",
                hint="Use an instruction-tuned base, or save one as chat_template.jinja beside its tokenizer.",
            )
        self.model = model.eval()
        self.tokenizer = tokenizer
        self.adapters = Adapters(self.model, tokenizer)
        self.prefixes = Prefixes()
        self._grammars: Grammars | None = None
        self._turn = threading.Lock()
        limit = getattr(model.config, "max_position_embeddings", None)
        self.max_tokens_in_all = int(limit) if limit else 1 << 20

    @classmethod
    def load(
        cls, base: str | Path, *, device: str | None = None, offline: bool = False, four_bit: bool = False
    ) -> LocalModel:
        """Load a folder or hub name; on CUDA (taken where there is one) in bfloat16, or with its layers in 4 bits.

        Raises:
            ModelError: transformers is not installed, the base cannot be had or used, or 4 bits are asked for where
                there is no CUDA or no bitsandbytes.
        """
        try:
            from transformers import AutoModelForCausalLM, AutoTokenizer
        except ImportError as error:
            raise ModelError(
                "Expected the transformers library for a local model, found none.", hint=INSTALL
            ) from error
        import torch

        where = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        dtype = torch.bfloat16 if where.type == "cuda" else torch.float32
        smaller = _in_four_bits(where) if four_bit else {}
        try:
            with quietly():
                tokenizer = AutoTokenizer.from_pretrained(str(base), local_files_only=offline)
                model: Any = AutoModelForCausalLM.from_pretrained(
                    str(base), local_files_only=offline, dtype=dtype, **smaller
                )
        except Exception as error:
            raise ModelError(
                f"Expected a Hugging Face language model at {str(base)!r}, got: {str(error).splitlines()[0][:300]}",
                hint="Give a local folder with config.json, tokenizer.json and model.safetensors, or a hub name while "
                f"online; `hf download {DEFAULT_BASE} --local-dir FOLDER` on a machine that is online fetches the default base.",
            ) from error
        return cls(model if smaller else model.to(where), tokenizer)

    def with_adapter(self, folder: Path) -> AdaptedModel:
        """Load a sealed adapter and return a model that answers with it; this one goes on answering without.

        Raises:
            ModelError: it is damaged, or trained on another base.
        """
        folder = folder.resolve()
        with self._turn:
            self._forget(self.adapters.load(folder))
        return AdaptedModel(self, folder)

    def unload_adapter(self, folder: Path) -> None:
        """Take an adapter off the base, when no answer is being written. It is loaded again if it is asked once more."""
        folder = folder.resolve()
        with self._turn:
            self.adapters.unload(folder)
            self._forget([str(folder)])

    def complete_json(
        self,
        messages: Sequence[Message],
        schema: dict[str, Any],
        *,
        max_tokens: int = 512,
        timeout_s: float = 20.0,
        adapter: Path | None = None,
    ) -> JsonAnswer:
        """Answer with one JSON object that keeps to the schema by construction.

        Raises:
            LanguageModelError: no time, an answer cut off at ``max_tokens``, or a prompt longer than the model reads.
            ModelError: a schema that decoding cannot be held to.
        """
        deadline = time.monotonic() + timeout_s
        prompt, n_constant = self._prompt(messages, max_tokens)
        if not self._turn.acquire(timeout=timeout_s):
            raise self._too_slow(timeout_s)
        try:
            if self._grammars is None:
                self._grammars = Grammars(self.tokenizer, self.model.get_output_embeddings().weight.shape[0])
            held = HeldToGrammar(self._grammars.matcher(schema))
            ids = self._generate(
                prompt,
                n_constant,
                adapter,
                max_tokens,
                lambda: time.monotonic() > deadline,
                logits_processor=[held],
                do_sample=False,
                eos_token_id=self.tokenizer.eos_token_id,  # the one end the grammar knows
                repetition_penalty=1.0,  # JSON repeats its keys
            )
        finally:
            self._turn.release()
        written = ids[0, prompt["input_ids"].shape[1] :].tolist()
        text = self.tokenizer.decode(written, skip_special_tokens=True)
        try:
            value = json.loads(text)
        except ValueError as error:
            if time.monotonic() > deadline:
                raise self._too_slow(timeout_s) from error
            raise LanguageModelError(
                f"Expected a whole answer within {max_tokens} tokens, got one cut off: …{text[-60:]!r}.",
                reason="cut_off",
                hint="Raise max_tokens.",
            ) from error
        pieces = [self.tokenizer.decode([i], skip_special_tokens=True) for i in written]
        return JsonAnswer(value, text, tuple(zip(pieces, held.log_probabilities, strict=False)))

    def stream(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int = 512,
        timeout_s: float = 30.0,
        temperature: float = 0.0,
        stop: Sequence[str] = (),
        adapter: Path | None = None,
    ) -> Generator[str, None, None]:
        """Yield the answer's text in pieces, token by token but never a part of a syllable, up to a string of ``stop``.

        Raises:
            LanguageModelError: no time, the model broke off, or, after what came, a text cut off at ``max_tokens``.
        """
        yield from until_stop(self._streamed(messages, max_tokens, timeout_s, temperature, adapter), stop)

    def _streamed(
        self, messages: Sequence[Message], max_tokens: int, timeout_s: float, temperature: float, adapter: Path | None
    ) -> Generator[str, None, None]:
        from tokenizers.decoders import DecodeStream

        deadline = time.monotonic() + timeout_s
        prompt, n_constant = self._prompt(messages, max_tokens)
        if not self._turn.acquire(timeout=timeout_s):
            raise self._too_slow(timeout_s)
        tokens = _Tokens()
        stopped = threading.Event()
        failed: list[Exception] = []
        written: list[int] = []

        def work() -> None:
            chance = {"do_sample": True, "temperature": temperature} if temperature > 0 else {"do_sample": False}
            try:
                ids = self._generate(
                    prompt,
                    n_constant,
                    adapter,
                    max_tokens,
                    lambda: stopped.is_set() or time.monotonic() > deadline,
                    streamer=tokens,
                    **chance,
                )
                written.extend(ids[0, prompt["input_ids"].shape[1] :].tolist())
            except Exception as error:  # told to whoever reads the stream
                failed.append(error)
            finally:
                self._turn.release()
                tokens.written.put(None)

        writer = threading.Thread(target=work, name="language-model", daemon=True)
        writer.start()
        whole_characters = DecodeStream(skip_special_tokens=True)
        try:
            while (token := tokens.written.get()) is not None:
                piece = whole_characters.step(self.tokenizer.backend_tokenizer, token)
                if piece:
                    yield piece
            if failed and isinstance(failed[0], LanguageModelError):
                raise failed[0]
            if failed:
                raise _broke_off(failed[0]) from failed[0]
            if time.monotonic() > deadline:
                raise self._too_slow(timeout_s)
            if len(written) >= max_tokens and written[-1] not in self._ends():
                raise LanguageModelError(
                    f"Expected a whole text within {max_tokens} tokens, got one cut off.",
                    reason="cut_off",
                    hint="Raise max_tokens.",
                )
        finally:
            stopped.set()
            writer.join()

    def _prompt(self, messages: Sequence[Message], max_tokens: int) -> tuple[Any, int]:
        """Return the prompt's tokens, and how many of them every prompt with the same messages before the last begins with."""
        try:
            prompt = self._written(messages).to(self.model.device)
            other = self._written([*messages[:-1], Message(messages[-1].role, _ANY_TEXT)])
        except Exception as error:  # a template may refuse a role, or the order of roles
            raise LanguageModelError(
                f"Expected a prompt the base's chat template can write, got: {str(error)[:200]}.",
                reason="broken",
                hint="Use a base whose template knows system messages.",
            ) from error
        n_tokens = prompt["input_ids"].shape[1] + max_tokens
        if n_tokens > self.max_tokens_in_all:
            raise LanguageModelError(
                f"Expected at most {self.max_tokens_in_all} tokens with the answer's, got {n_tokens}.",
                reason="too_long",
                hint="Shorten the prompt, or use a base that reads more.",
            )
        pairs = zip(prompt["input_ids"][0].tolist(), other["input_ids"][0].tolist(), strict=False)
        return prompt, next((i for i, (here, there) in enumerate(pairs) if here != there), 0)

    def _written(self, messages: Sequence[Message]) -> Any:
        return self.tokenizer.apply_chat_template(
            [m.as_json() for m in messages], add_generation_prompt=True, return_tensors="pt", return_dict=True
        )

    def _generate(
        self,
        prompt: Any,
        n_constant: int,
        adapter: Path | None,
        max_tokens: int,
        done: Callable[[], bool],
        **options: Any,
    ) -> Any:
        import torch
        from transformers import StoppingCriteria, StoppingCriteriaList

        class Done(StoppingCriteria):
            def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **kwargs: Any) -> torch.Tensor:
                return torch.full((input_ids.shape[0],), done(), dtype=torch.bool, device=input_ids.device)

        plain = {} if options.get("do_sample") else {"temperature": None, "top_p": None, "top_k": None}
        pad = self.tokenizer.pad_token_id
        self._forget(self.adapters.activate(adapter))
        try:
            with torch.inference_mode():
                start = self.prefixes.start_for(
                    self.model, prompt["input_ids"], n_constant, None if adapter is None else str(adapter)
                )
                return self.model.generate(
                    **{name: prompt[name] for name in ("input_ids", "attention_mask")},
                    max_new_tokens=max_tokens,
                    num_beams=1,
                    past_key_values=start,
                    pad_token_id=self.tokenizer.eos_token_id if pad is None else pad,
                    stopping_criteria=StoppingCriteriaList([Done()]),
                    **plain,
                    **options,
                )
        except RuntimeError as error:  # no memory left on the device, say
            raise _broke_off(error) from error

    def _ends(self) -> frozenset[int]:
        """Return the tokens at which ``generate`` ends a text."""
        ends = self.model.generation_config.eos_token_id
        if ends is None:
            return frozenset()
        return frozenset(ends if isinstance(ends, list) else [ends])

    def _forget(self, adapters: Sequence[str]) -> None:
        for adapter in adapters:
            self.prefixes.forget(adapter)

    def _too_slow(self, timeout_s: float) -> LanguageModelError:
        return LanguageModelError(
            f"Expected an answer within {timeout_s:g} s, got none.",
            reason="timeout",
            hint="Use a smaller model, or wait longer.",
        )


def _broke_off(error: Exception) -> LanguageModelError:
    return LanguageModelError(
        f"Expected text, the model broke off: {str(error)[:200]}.", reason="broken", hint="Look at the log."
    )


def _in_four_bits(where: Any) -> dict[str, Any]:
    """Return what loading in 4 bits (NF4; Dettmers et al., QLoRA, 2023) takes.

    Raises:
        ModelError: no CUDA device, or no bitsandbytes.
    """
    from importlib.util import find_spec

    if where.type != "cuda" or find_spec("bitsandbytes") is None:
        raise ModelError(
            f"Expected a CUDA device and the bitsandbytes library for 4 bits, got {where.type} and "
            f"{'bitsandbytes' if find_spec('bitsandbytes') else 'no bitsandbytes'}.",
            hint="pip install bitsandbytes on a machine with an NVIDIA GPU, or load without 4 bits.",
        )
    import torch
    from transformers import BitsAndBytesConfig

    config = BitsAndBytesConfig(  # type: ignore[no-untyped-call]
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )
    return {"quantization_config": config, "device_map": {"": where}}
