"""The leak checks of every training table: history, label, day, person and shop, while it is built or of two finished parts."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import numpy as np

from aiyam.contracts import KST
from aiyam.errors import DataError
from aiyam.ranking.statistics import KST_OFFSET_S
from aiyam.training.table import DAY_S, TrainingTable

Side = Literal["train", "valid"]


class LeakCheck:
    """Sees every part of a table once and tells whether the later rows, or anything after a row, was known too early."""

    def __init__(self) -> None:
        self._days: dict[Side, set[int]] = {"train": set(), "valid": set()}
        self._last_train: dict[tuple[str, object], int] = {}
        self._first_valid: dict[tuple[str, object], int] = {}

    def add(self, side: Side, table: TrainingTable, *, history_until: int, labels_until: int | None = None) -> None:
        """Take note of rows whose layer 1 and statistics know the events before ``history_until`` (epoch seconds).

        Raises:
            DataError: that history reaches past the first row, or a label rests on an act from ``labels_until`` on.
        """
        if not table.n_requests:
            return
        if history_until > int(table.ts.min()):
            raise _leak("history", f"events up to {history_until}", f"the first row is of {int(table.ts.min())}")
        if labels_until is not None and int(table.told_ts.max()) >= labels_until:
            raise _leak(
                "label", f"labels by what people did before {labels_until}", f"an act of {int(table.told_ts.max())}"
            )
        self._days[side].update(((table.ts + KST_OFFSET_S) // DAY_S).tolist())
        row_ts = np.repeat(table.ts, np.diff(table.list_start))
        for level, keys, times in (
            ("user", table.user_ids, table.ts.tolist()),
            ("shop", table.shop_row.tolist(), row_ts.tolist()),
        ):
            for key, ts in zip(keys, times, strict=True):
                at: tuple[str, object] = (level, key)
                if side == "train":
                    self._last_train[at] = max(ts, self._last_train.get(at, ts))
                else:
                    self._first_valid[at] = min(ts, self._first_valid.get(at, ts))

    def finish(self) -> dict[str, int]:
        """Return how many days, people and shops stand on both sides of the time (people and shops may, days may not).

        Raises:
            DataError: a day lies on both sides, or a person or a shop has a training row at or after one of its
                validation rows.
        """
        if both := self._days["train"] & self._days["valid"]:
            day = datetime.fromtimestamp(min(both) * DAY_S, KST).date()
            raise _leak("day", "days on one side only", f"{day} is on both")
        n_both = {"day": 0, "user": 0, "shop": 0}
        for (level, key), ts in self._last_train.items():
            first = self._first_valid.get((level, key))
            if first is not None and ts >= first:
                raise _leak(level, "training rows before validation rows", f"{level} {key} has a training row at {ts}")
            n_both[level] += first is not None
        return n_both


def check_leaks(train: TrainingTable, valid: TrainingTable, *, history_until: int) -> None:
    """Check two finished parts that were made with one history.

    Raises:
        DataError: as ``LeakCheck``; the message names the level.
    """
    check = LeakCheck()
    check.add("train", train, history_until=history_until)
    check.add("valid", valid, history_until=history_until)
    check.finish()


def _leak(level: str, expected: str, got: str) -> DataError:
    return DataError(
        f"Leak at the level of {level}: expected {expected}, got: {got}.", hint="Split by time, at midnight."
    )
