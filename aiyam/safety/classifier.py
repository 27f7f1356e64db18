"""The trained half of the screen: how likely a message holds something to escalate or to refuse, and of which kind."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiyam.contracts import AboutBot
from aiyam.errors import ModelError
from aiyam.korean import morphemes
from aiyam.registry import open_sealed
from aiyam.safety.features import N_BUCKETS, features, weighed

COMPONENT = "safety"
WEIGHTS, CONFIG = "screen.safetensors", "screen.json"
ESCALATE_KINDS = ("self_harm", "abuse", "danger", "stranger", "hunger", "bullying", "distress")
REFUSE_KINDS = (
    "diet_dare", "alcohol", "tobacco", "adult", "drug", "sexual", "injection", "violence", "ranking_people",
)  # fmt: skip
ABOUT: dict[str, AboutBot] = {"ai_honesty": "ai", "ai_romance": "love", "ai_record": "record"}
"""Kinds of talk to the bot about itself, each with the topic of the answer."""
HEADS = ("escalate", "refuse", *ABOUT, *ESCALATE_KINDS, *REFUSE_KINDS)
"""Columns of the weights: the two that decide and talk about the bot, then the kinds, each told from the others of its
action."""
_FIRST_KIND = 2 + len(ABOUT)
_SENTENCE_END = re.compile(r"[.!?~…\n]+")
_STRETCH = 300
"""Letters read at once."""
_MANY_WORDS, _RUN = 10, 8
_ABOUT_FROM = -0.35
"""Raw score from which a message counts as one about the bot: its rows are few beside all others, so the fit is shy."""
_AS_LIKELY = 0.35
"""Kinds whose score is this close to the best are named too: two numbers to call are better than the wrong one."""


@dataclass(frozen=True)
class Limits:
    """When a head's chance speaks: from ``alone`` on by itself, from ``beside_rule`` on where a rule matched too."""

    slope: float
    offset: float
    alone: float
    beside_rule: float

    def chance(self, score: float) -> float:
        """Return the chance that a raw score stands for (Platt, 1999).

        >>> Limits(1.0, 0.0, 0.5, 0.1).chance(0.0)
        0.5
        """
        return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, self.slope * score + self.offset))))


@dataclass(frozen=True)
class Judgement:
    """What the trained half thinks of one message: the chances of both actions, the likeliest kinds of each, and whether
    it is about the bot itself."""

    escalate: float
    refuse: float
    escalate_kinds: tuple[str, ...]
    refuse_kinds: tuple[str, ...]
    about: AboutBot | None


class SafetyClassifier:
    """Weights (buckets, heads) as int8 with a scale a head, rarity (buckets,), bias (heads,); see ``HEADS``."""

    def __init__(
        self,
        weights: NDArray[np.int8],
        scale: NDArray[np.float32],
        bias: NDArray[np.float32],
        rarity: NDArray[np.float32],
        limits: Mapping[str, Limits],
        version: str = "",
    ) -> None:
        self.weights, self.scale, self.bias, self.rarity = weights, scale, bias, rarity
        self.limits = dict(limits)
        self.version = version

    @classmethod
    def quantised(
        cls,
        weights: NDArray[np.float32],
        bias: NDArray[np.float32],
        rarity: NDArray[np.float32],
        limits: Mapping[str, Limits],
    ) -> SafetyClassifier:
        """Round full weights (buckets, heads) to int8."""
        scale = (np.maximum(np.abs(weights).max(axis=0), 1e-9) / 127.0).astype(np.float32)
        small = np.rint(weights / scale).astype(np.int8)
        return cls(np.ascontiguousarray(small), scale, bias.astype(np.float32), rarity, limits)

    def scores(self, text: str) -> NDArray[np.float32]:
        """Return the raw score of every head, shape (heads,)."""
        rows = features(text)
        total = weighed(rows, self.rarity) @ self.weights.take(rows, axis=0).astype(np.float32)
        scores: NDArray[np.float32] = total * self.scale + self.bias
        return scores

    def judge(self, text: str) -> Judgement:
        """Return the chances and likeliest kinds for a raw message: those of its worst part, for each action.

        The whole and each sentence are read by themselves, so that talk of food does not hide what stands beside it.
        """
        scores = np.stack([self.scores(part) for part in parts_of(text)])
        refusing = _FIRST_KIND + len(ESCALATE_KINDS)
        escalate, refuse = scores[scores[:, 0].argmax()], scores[scores[:, 1].argmax()]
        about = scores[0, 2:_FIRST_KIND]  # of the whole: what is asked beside it is answered
        return Judgement(
            escalate=self.limits["escalate"].chance(float(escalate[0])),
            refuse=self.limits["refuse"].chance(float(refuse[1])),
            escalate_kinds=_likeliest(ESCALATE_KINDS, escalate[_FIRST_KIND:refusing]),
            refuse_kinds=_likeliest(REFUSE_KINDS, refuse[refusing:])[:1],
            about=tuple(ABOUT.values())[int(about.argmax())] if about.max() > _ABOUT_FROM else None,
        )

    def save(self, folder: Path) -> None:
        """Write the model's files; the caller seals the folder."""
        from safetensors.numpy import save_file

        save_file(
            {"weights": self.weights, "scale": self.scale, "bias": self.bias, "rarity": self.rarity.astype(np.float16)},
            folder / WEIGHTS,
        )
        config = {"heads": list(HEADS), "limits": {name: vars(limit) for name, limit in self.limits.items()}}
        (folder / CONFIG).write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> SafetyClassifier:
        """Read a sealed version.

        Raises:
            ModelError: damaged, or trained for other heads or features.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        open_sealed(folder, COMPONENT)
        try:
            tensors: dict[str, NDArray[Any]] = load_file(folder / WEIGHTS)
            config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
            limits = {name: Limits(**config["limits"][name]) for name in ("escalate", "refuse")}
            fits = (
                tuple(config["heads"]) == HEADS
                and tensors["weights"].shape == (N_BUCKETS, len(HEADS))
                and tensors["weights"].dtype == np.int8
                and tensors["rarity"].shape == (N_BUCKETS,)
                and tensors["scale"].shape == tensors["bias"].shape == (len(HEADS),)
            )
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            raise ModelError(
                f"Expected a trained screen in {folder}, got {error!r}.", hint="Run `aiyam train safety`."
            ) from error
        if not fits:
            raise ModelError(
                f"Expected heads {', '.join(HEADS)} over {N_BUCKETS} buckets in {folder}, got others.",
                hint="Run `aiyam train safety`.",
            )
        morphemes.load()  # so that no child's first message waits for it
        rarity = tensors["rarity"].astype(np.float32)
        return cls(tensors["weights"], tensors["scale"], tensors["bias"], rarity, limits, folder.name)


def parts_of(text: str) -> list[str]:
    """Return what is read by itself: the message, its sentences where it has several, and stretches of a long one.

    Children write without full stops, so a sentence of many words is read in overlapping runs of words too.

    >>> parts_of("돈까스 먹고 싶어. 나 너무 힘들어")
    ['돈까스 먹고 싶어. 나 너무 힘들어', '돈까스 먹고 싶어', '나 너무 힘들어']
    """
    sentences = [s.strip() for s in _SENTENCE_END.split(text) if any(c.isalpha() for c in s)]
    parts = [text[i : i + _STRETCH] for i in range(0, max(len(text) - _STRETCH // 2, 1), _STRETCH // 2)]
    parts += [s[i : i + _STRETCH] for s in sentences for i in range(0, len(s), _STRETCH)] if len(sentences) > 1 else []
    for part in list(parts):
        words = part.split()
        if len(words) > _MANY_WORDS:
            parts += [" ".join(words[i : i + _RUN]) for i in range(0, len(words) - _RUN // 2, _RUN // 2)]
    return list(dict.fromkeys(parts))


def _likeliest(kinds: Sequence[str], scores: NDArray[np.float32]) -> tuple[str, ...]:
    order = np.argsort(-scores, kind="stable")
    return tuple(kinds[i] for i in order if scores[order[0]] - scores[i] <= _AS_LIKELY)[:2]
