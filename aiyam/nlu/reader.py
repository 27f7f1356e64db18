"""What reads an utterance before values: the one interface of every kind of model, and a reader with another behind it."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from aiyam.contracts import Intent
from aiyam.errors import AiyamError
from aiyam.nlu.gazetteer import Gazetteer
from aiyam.nlu.model import CONFIG, NluModel, Reading

KEPT_IN_HOUSE = "safety"
"""Why no language model is asked about what a child in danger writes."""
N_TOLERATED = 3
REST_S = 30.0


class Labelled(Protocol):
    """Whatever knows the intents a reader may answer with."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The intents."""


class Reader(Protocol):
    """Reads one utterance, whatever string it is; ``NluModel``, ``EncoderNluModel`` and ``LanguageModelNlu`` are ones."""

    @property
    def intents(self) -> Labelled:
        """The intents it tells apart."""

    @property
    def gazetteer(self) -> Gazetteer:
        """The names it knows."""

    def with_gazetteer(self, gazetteer: Gazetteer) -> Reader:
        """Return the same reader with other names."""

    def read(self, text: str) -> Reading:
        """Tell the intent of an utterance and tag its spans."""


def load_reader(folder: Path, gazetteer: Gazetteer) -> Reader:
    """Open a version's files with the kind of model its configuration names; without one it is the linear model.

    Raises:
        ModelError: a file is missing or damaged, or a library the kind needs is not installed.
    """
    from aiyam.nlu.encoder import KIND, EncoderNluModel

    try:
        kind = json.loads((folder / CONFIG).read_text("utf-8")).get("kind", "")
    except (OSError, ValueError, AttributeError):
        kind = ""  # NluModel says what is wrong with the folder
    return EncoderNluModel.load(folder, gazetteer) if kind == KIND else NluModel.load(folder, gazetteer)


def read_many(reader: Reader, texts: Sequence[str]) -> list[Reading]:
    """Read many utterances, at once where the reader can."""
    together = getattr(reader, "read_many", None)
    return together(texts) if together is not None else [reader.read(text) for text in texts]


class WithFallback:
    """Reads with one reader, and with another whenever that fails; counts both.

    What the second reader takes for danger is danger: the first is not asked, so it can neither talk it down nor be told
    of it.

    After ``n_tolerated`` failures in a row the first reader is left alone for ``rest_s`` seconds, so that a server that
    is down does not hold up every child's turn by its time limit.

    Args:
        first: may fail with any error of the project's tree.
        second: must not; it reads everything, so it has to be fast.
        clock: seconds that never run back.
    """

    def __init__(
        self,
        first: Reader,
        second: Reader,
        *,
        n_tolerated: int = N_TOLERATED,
        rest_s: float = REST_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.first, self.second = first, second
        self.n_tolerated, self.rest_s = n_tolerated, rest_s
        self.counts: Counter[str] = Counter()
        """Readings by what became of them: "answered", or why the second reader's counts ("safety", "timeout", "resting")."""
        self._clock = clock
        self._n_failed = 0
        self._resting_until = float("-inf")
        self._lock = threading.Lock()

    @property
    def intents(self) -> Labelled:
        """The intents of the first reader."""
        return self.first.intents

    @property
    def gazetteer(self) -> Gazetteer:
        """The names the second reader knows, which answers when nothing else does."""
        return self.second.gazetteer

    def with_gazetteer(self, gazetteer: Gazetteer) -> WithFallback:
        """Return the same two readers with other names; what became of the readings is counted together."""
        other = copy(self)
        other.first, other.second = self.first.with_gazetteer(gazetteer), self.second.with_gazetteer(gazetteer)
        return other

    def read(self, text: str) -> Reading:
        """Tell the intent of an utterance and tag its spans."""
        safe = self.second.read(text)
        if safe.intent == Intent.SAFETY:
            return self._instead(safe, KEPT_IN_HOUSE)
        with self._lock:
            resting = self._clock() < self._resting_until
        if resting:
            return self._instead(safe, "resting")
        try:
            reading = self.first.read(text)
        except AiyamError as error:
            with self._lock:
                self._n_failed += 1
                if self._n_failed >= self.n_tolerated:
                    self._n_failed, self._resting_until = 0, self._clock() + self.rest_s
            return self._instead(safe, str(getattr(error, "reason", error.code)))
        with self._lock:
            self._n_failed = 0
            self.counts["answered"] += 1
        return reading

    def read_in_house(self, text: str) -> Reading:
        """Read with the second reader alone, where danger is known before."""
        return self._instead(self.second.read(text), KEPT_IN_HOUSE)

    def _instead(self, reading: Reading, why: str) -> Reading:
        with self._lock:
            self.counts[why] += 1
        return replace(reading, fallback=why)
