"""LoRA adapters on a loaded base: sealed versions loaded, swapped and unloaded at run time, refused on another base."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiyam.contracts import Manifest
from aiyam.errors import ModelError
from aiyam.llm.base_print import differences, print_of
from aiyam.llm.grammar import INSTALL
from aiyam.llm.interface import JsonAnswer, Message
from aiyam.llm.loading import quietly
from aiyam.registry import open_sealed

if TYPE_CHECKING:
    from aiyam.llm.folder import LocalModel

COMPONENT = "nlg"
MAX_LOADED = 4
"""Adapters kept on the base; one more unloads the least recently used."""


class Adapters:
    """The adapters of one base. The caller holds the model's turn: weights are never swapped under an answer."""

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._print: dict[str, str] | None = None
        self._peft: Any = None
        self._names: OrderedDict[str, str] = OrderedDict()
        self._n_loaded = 0

    @property
    def loaded(self) -> tuple[str, ...]:
        """Folders of the adapters on the base, the least recently used first."""
        return tuple(self._names)

    def load(self, folder: Path) -> list[str]:
        """Put a sealed adapter on the base; return the folders of those that had to go for it.

        Raises:
            ModelError: damaged, of another component or base (the difference is named), or peft is not installed.
        """
        if str(folder) in self._names:
            self._names.move_to_end(str(folder))
            return []
        self._refuse_other_base(folder, open_sealed(folder, COMPONENT))
        try:
            from peft import PeftModel
        except ImportError as error:
            raise ModelError("Expected the peft library for an adapter, found none.", hint=INSTALL) from error
        name = f"adapter{self._n_loaded}"
        try:
            with quietly():
                if self._peft is None:
                    self._peft = PeftModel.from_pretrained(
                        self._model, str(folder), adapter_name=name, autocast_adapter_dtype=False
                    )
                else:
                    self._peft.load_adapter(str(folder), adapter_name=name, autocast_adapter_dtype=False)
        except Exception as error:
            raise ModelError(
                f"Expected a LoRA adapter in {folder}, got: {str(error).splitlines()[0][:300]}",
                hint="Train it again: aiyam train lora.",
            ) from error
        self._model.eval()
        self._n_loaded += 1
        self._names[str(folder)] = name
        gone = list(self._names)[:-MAX_LOADED]
        for other in gone:
            self.unload(Path(other))
        return gone

    def unload(self, folder: Path) -> None:
        """Take an adapter off the base; nothing where it is not on it."""
        name = self._names.pop(str(folder), None)
        if name is None:
            return
        if self._names:
            self._peft.delete_adapter(name)
        else:
            self._peft.unload()
            self._peft = None

    def activate(self, folder: Path | None) -> list[str]:
        """Let the next answer be written with this adapter, loaded where it is not, or with the base alone.

        Returns:
            Folders of the adapters that had to go.
        """
        if folder is None:
            if self._peft is not None:
                self._peft.base_model.disable_adapter_layers()
            return []
        gone = self.load(folder)
        self._peft.base_model.enable_adapter_layers()
        self._peft.set_adapter(self._names[str(folder)])
        return gone

    def _refuse_other_base(self, folder: Path, manifest: Manifest) -> None:
        recorded = manifest.config.get("base_print")
        if not isinstance(recorded, dict):
            raise ModelError(f"Expected an adapter that tells its base in {folder}, got none.", hint="Train it again.")
        if self._print is None:
            self._print = print_of(self._model, self._tokenizer)
        if other := differences(recorded, self._print):
            raise ModelError(
                f"Expected an adapter for this base, got {COMPONENT}/{manifest.version}, trained on "
                f"{manifest.config.get('base')!r}: {', '.join(other)}.",
                hint="Load the base it was trained on (AIYAM_LLM_MODEL), or name another version (AIYAM_NLG_ADAPTER).",
            )


class AdaptedModel:
    """A local base that answers with one adapter; others may share the base, with another adapter or none."""

    name = "transformers"

    def __init__(self, local: LocalModel, folder: Path) -> None:
        self.local = local
        self.folder = folder

    def complete_json(
        self, messages: Sequence[Message], schema: dict[str, Any], *, max_tokens: int = 512, timeout_s: float = 20.0
    ) -> JsonAnswer:
        """Answer with one JSON object; see ``LocalModel.complete_json``."""
        return self.local.complete_json(
            messages, schema, max_tokens=max_tokens, timeout_s=timeout_s, adapter=self.folder
        )

    def stream(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int = 512,
        timeout_s: float = 30.0,
        temperature: float = 0.0,
        stop: Sequence[str] = (),
    ) -> Generator[str, None, None]:
        """Yield the answer's text in pieces; see ``LocalModel.stream``."""
        return self.local.stream(
            messages,
            max_tokens=max_tokens,
            timeout_s=timeout_s,
            temperature=temperature,
            stop=stop,
            adapter=self.folder,
        )
