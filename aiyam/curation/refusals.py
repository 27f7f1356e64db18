"""Why a turn makes no task: counted beside what is sent, never silent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Reason = Literal["damaged", "gone", "empty", "adult", "same_answer", "failed"]
"""Its trace cannot be read; it was erased; nothing was said; no child asked; today's answer is the same; none came."""


@dataclass(frozen=True)
class Refused:
    """A turn that makes no task, and why."""

    reason: Reason
