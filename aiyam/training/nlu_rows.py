"""Labelled rows as the models learn them: read with their evidence, some of it hidden, clean or altered."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from aiyam.contracts import EntityType
from aiyam.nlu.decoding import tags_of_spans
from aiyam.nlu.examples import Example
from aiyam.nlu.gazetteer import Gazetteer
from aiyam.nlu.grid import Utterance
from aiyam.training.nlu_network import Labels, Row
from aiyam.training.rows import Spans, noisy_copy, spans_of, substituted

_HIDDEN_EVIDENCE = 0.15
"""Share of what the rules found that a training row hides, so that the models read the words too."""
_HIDDEN = {str(EntityType.SHOP_NAME): 0.5}
"""No catalogue knows every shop a child may name."""
_NOISY, _SUBSTITUTED = 0.2, 0.15


@dataclass(frozen=True)
class RowMaker:
    """Makes rows for one gazetteer and one label set; every method draws from the ``rng`` it is given."""

    gazetteer: Gazetteer
    labels: Labels

    def clean(self, example: Example, rng: random.Random) -> Row:
        """Return the row as it was written."""
        return self._row(example.intent, example.text, spans_of(example), rng)

    def noisy(self, example: Example, rng: random.Random) -> Row:
        """Return the row as hurried thumbs would type it."""
        return self._row(example.intent, *noisy_copy(example, rng), rng)

    def altered(
        self, examples: Sequence[Example], surfaces: Mapping[str, Sequence[str]], rng: random.Random
    ) -> list[Row]:
        """Return some of the rows: a part of them typed in a hurry, a part with other rows' words in their spans.

        Args:
            surfaces: what the spans of each kind say, as ``surfaces_of`` gives it.
        """
        rows = []
        for example in examples:
            roll = rng.random()
            if roll < _NOISY:
                rows.append(self.noisy(example, rng))
            elif roll < _NOISY + _SUBSTITUTED and example.spans:
                rows.append(self._row(example.intent, *substituted(example, surfaces, rng), rng))
        return rows

    def _row(self, intent: str, text: str, spans: Spans, rng: random.Random) -> Row:
        utterance = Utterance.of(text, self.gazetteer)
        kept = tuple(s for s in utterance.evidence if rng.random() >= _HIDDEN.get(s.entity, _HIDDEN_EVIDENCE))
        utterance = Utterance(utterance.typed, utterance.plain, kept)
        tags = np.array([self._tag_numbers[t] for t in tags_of_spans(spans, utterance.plain)], dtype=np.int64)
        return Row(utterance, self._intent_numbers[intent], tags)

    @cached_property
    def _intent_numbers(self) -> dict[str, int]:
        return {intent: i for i, intent in enumerate(self.labels.intents)}

    @cached_property
    def _tag_numbers(self) -> dict[str, int]:
        return {tag: i for i, tag in enumerate(self.labels.tags)}


def surfaces_of(examples: Sequence[Example]) -> dict[str, list[str]]:
    """Return what the spans of each kind say, in the rows' order and as often as they say it."""
    found: dict[str, list[str]] = {}
    for example in examples:
        for kind, start, end, _ in example.spans:
            found.setdefault(kind, []).append(example.text[start:end])
    return found
