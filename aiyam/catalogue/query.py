"""What layer 1 is asked and what it answers: the request as data, and the merged candidates as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from aiyam.contracts import Filters, Funnel, UserProfile


def _no_rows() -> NDArray[np.int32]:
    return np.empty(0, dtype=np.int32)


@dataclass(frozen=True)
class Query:
    """One request for shops.

    ``filters`` are already merged with the dialogue and the profile's allergies; ``lat``/``lon`` is the point distances
    are measured from (the named place, else the person's), None when unknown; ``exclude_rows`` are shops turned down.
    ``words`` are the person's own, masked, where they say of food what no filter holds ("뜨끈한 국물").
    """

    filters: Filters
    semantic_query: str
    user: UserProfile
    now: datetime
    lat: float | None = None
    lon: float | None = None
    district: str | None = None
    exclude_rows: NDArray[np.int32] = field(default_factory=_no_rows)
    words: str = ""


@dataclass(frozen=True)
class CandidateSet:
    """Merged candidates, best first. Score and flag columns follow ``contracts.FUNNELS``; scores are scaled to 0..1.

    Shapes: rows (k,), scores (k, 4), flags (k, 4), merged (k,). ``relaxed`` names the filter keys given up, in order.
    """

    rows: NDArray[np.int32]
    scores: NDArray[np.float32]
    flags: NDArray[np.bool_]
    merged: NDArray[np.float32]
    relaxed: tuple[str, ...] = ()
    counts: dict[Funnel, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class Lists:
    """The candidates of b requests, best first, k at most: size (b,), rows (b, k; -1 where a list has ended).

    scores and flags (b, k, 4) and merged (b, k) are those of ``CandidateSet``, as is ``relaxed``.
    """

    size: NDArray[np.int64]
    rows: NDArray[np.int32]
    scores: NDArray[np.float32]
    flags: NDArray[np.bool_]
    merged: NDArray[np.float32]
    relaxed: Sequence[tuple[str, ...]]

    def __len__(self) -> int:
        return len(self.size)

    def one(self, i: int) -> CandidateSet:
        """Return the i-th list alone, without its counts."""
        part = slice(int(self.size[i]))
        return CandidateSet(
            self.rows[i, part], self.scores[i, part], self.flags[i, part], self.merged[i, part], self.relaxed[i]
        )
