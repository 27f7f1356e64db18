"""Trains the screen's classifier: linear models on hashed n-grams, their chances told on hands that they have not read."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiyam.contracts import Manifest
from aiyam.registry import seal
from aiyam.safety.classifier import ABOUT, COMPONENT, ESCALATE_KINDS, HEADS, REFUSE_KINDS, Limits, SafetyClassifier
from aiyam.safety.features import N_BUCKETS, features, weighed
from aiyam.safety.screen import Screen
from aiyam.training.protocol import CancelCheck, ProgressCallback, Report, run_trainer
from aiyam.training.safety_rows import BENIGN, OFF_TOPIC, SOME_DANGER, Row, read_rows

ALONE = {"escalate": 0.45, "refuse": 0.75}
"""The chance, told on hands that were not read, from which the classifier acts by itself."""
BESIDE_RULE = {"escalate": 0.4, "refuse": 0.25}
"""The chance from which a rule that matched is believed."""
_UNREAD = 3
"""One hand in so many is left unread, for chances to be told on."""
FEWEST_OF_A_HAND = 100
"""Rows to act on and look-alikes that a hand must have written for chances to be told on it."""
_COST, _WEIGHT_OF_DANGER = 1.0, 2.0

Flags = NDArray[np.bool_]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Prepared:
    """The rows with their features, which off-topic ones rules refuse, and the hands to set chances on."""

    rows: list[Row]
    features: list[NDArray[np.int64]]
    refused: Flags
    hands: tuple[str, ...]

    def of_action(self, action: str) -> Flags:
        """Say of each row whether it calls for the action."""
        kinds = (*ESCALATE_KINDS, SOME_DANGER) if action == "escalate" else REFUSE_KINDS
        return np.array([row.kind in kinds for row in self.rows])

    def known(self, action: str) -> Flags:
        """Say of each row whether it is known to call for the action or not to: off-topic rows that rules refuse are beer."""
        off_topic = np.array([row.kind == OFF_TOPIC for row in self.rows])
        return ~(off_topic & self.refused) if action == "refuse" else np.ones(len(self.rows), np.bool_)


@dataclass(frozen=True)
class SafetyTrainer:
    """The trainer of the screen's classifier; see ``train_safety`` for its options."""

    safety: Path
    nlu: Path | None
    seed: int
    component: str = COMPONENT
    shares: tuple[float, float, float] = (0.45, 0.98, 0.99)

    def prepare(self, report: Report) -> Prepared:
        """Read the rows, find their features and ask the rules about those off topic."""
        report(0.0, "reading disclosures and their look-alikes")
        rows = read_rows(self.safety, self.nlu)
        screen = Screen.load(self.safety)
        found = []
        refused = np.zeros(len(rows), np.bool_)
        hands = tuple(hand for hand in sorted({row.hand for row in rows}) if _written_for_limits(rows, hand))
        for i, row in enumerate(rows):
            if i % 512 == 0:
                report(0.2 + 0.8 * i / len(rows), "splitting words")
            found.append(features(row.text))
            if row.kind == OFF_TOPIC:
                refused[i] = screen.by_rules(row.text).action == "refuse"
        return Prepared(rows, found, refused, hands)

    def fit(self, prepared: Prepared, report: Report) -> SafetyClassifier:
        """Learn what scores mean on unread hands, then fit all rows."""
        limits = self._limits(prepared, lambda f: report(0.5 * f, "scoring unread hands"))
        report(0.5, "fitting all rows")
        weights = np.zeros((N_BUCKETS, len(HEADS)), np.float32)
        bias = np.zeros(len(HEADS), np.float32)
        everything = np.ones(len(prepared.rows), np.bool_)
        rarity = _rarity(prepared.features)
        matrix = _matrix(prepared.features, rarity)
        for column, action in enumerate(("escalate", "refuse")):
            weights[:, column], bias[column] = self._fit_action(prepared, action, everything, matrix)
            report(0.6 + 0.1 * column)
        kind_of = np.array([row.kind for row in prepared.rows])
        column = 2
        for kinds, among in (
            (tuple(ABOUT), everything),
            (ESCALATE_KINDS, np.isin(kind_of, ESCALATE_KINDS)),
            (REFUSE_KINDS, np.isin(kind_of, REFUSE_KINDS)),
        ):
            for kind in kinds:
                weights[:, column], bias[column] = _fit(matrix[among], kind_of[among] == kind, self.seed)
                column += 1
        return SafetyClassifier.quantised(weights, bias, rarity, limits)

    def evaluate(self, prepared: Prepared, fitted: SafetyClassifier, report: Report) -> dict[str, float]:
        """Say how scores became chances; what they are worth is told by the held-out cases (`aiyam evaluate safety`)."""
        report(0.0)
        metrics: dict[str, float] = {"n": len(prepared.rows)}
        for action, limit in fitted.limits.items():
            metrics[f"n_{action}"] = int(prepared.of_action(action).sum())
            metrics[f"{action}_slope"], metrics[f"{action}_offset"] = round(limit.slope, 3), round(limit.offset, 3)
        return metrics

    def save(self, prepared: Prepared, fitted: SafetyClassifier, metrics: Mapping[str, float], out: Path) -> Manifest:
        """Write the classifier and seal the folder."""
        fitted.save(out)
        told = "\n".join(f"{row.kind}\t{row.text}" for row in prepared.rows)
        return seal(
            out,
            component=COMPONENT,
            version=out.name,
            dataset=str(self.safety.name),
            dataset_sha256=hashlib.sha256(told.encode("utf-8", "replace")).hexdigest(),
            config={
                "seed": self.seed,
                "n_buckets": N_BUCKETS,
                "heads": list(HEADS),
            },
            metrics=metrics,
        )

    def _limits(self, prepared: Prepared, told: Callable[[float], None]) -> dict[str, Limits]:
        """Make scores into chances, told on hands left out of a model; without such hands a score of 0 is a half."""
        unread = np.isin([row.hand for row in prepared.rows], prepared.hands[::_UNREAD])
        rows = np.flatnonzero(unread)
        if not len(rows):
            return {action: Limits(4.0, 0.0, ALONE[action], BESIDE_RULE[action]) for action in ALONE}
        rarity = _rarity([f for f, mine in zip(prepared.features, unread, strict=True) if not mine])
        matrix = _matrix(prepared.features, rarity)
        harmless = np.array([prepared.rows[i].kind in (BENIGN, *ABOUT) for i in rows])
        limits = {}
        for done, action in enumerate(ALONE):
            told(done / len(ALONE))
            weights, bias = self._fit_action(prepared, action, ~unread, matrix)
            acted = prepared.of_action(action)[rows]
            slope, offset = _platt((matrix[rows] @ weights + bias)[harmless | acted], acted[harmless | acted])
            limits[action] = Limits(slope, offset, ALONE[action], BESIDE_RULE[action])
        return limits

    def _fit_action(self, prepared: Prepared, action: str, read: Flags, matrix: Any) -> tuple[Floats, float]:
        rows = read & prepared.known(action)
        return _fit(matrix[rows], prepared.of_action(action)[rows], self.seed)


def _written_for_limits(rows: Sequence[Row], hand: str) -> bool:
    mine = [row.kind for row in rows if row.hand == hand]
    n_benign = mine.count(BENIGN)
    n_acted = sum(kind in (*ESCALATE_KINDS, *REFUSE_KINDS) for kind in mine)
    return min(n_benign, n_acted) >= FEWEST_OF_A_HAND


def _platt(scores: Floats, acted: Flags) -> tuple[float, float]:
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(C=1e3).fit(scores[:, None], acted)
    return float(fitted.coef_[0, 0]), float(fitted.intercept_[0])


def _rarity(found: Sequence[NDArray[np.int64]]) -> Floats:
    seen = np.bincount(np.concatenate(found), minlength=N_BUCKETS)
    rarity: Floats = (np.log((1 + len(found)) / (1 + seen)) + 1).astype(np.float16).astype(np.float32)
    return rarity


def _matrix(found: Sequence[NDArray[np.int64]], rarity: Floats) -> Any:
    from scipy.sparse import csr_matrix

    starts = np.concatenate([[0], np.cumsum([len(f) for f in found])])
    values = np.concatenate([weighed(f, rarity) for f in found])
    return csr_matrix((values, np.concatenate(found), starts), shape=(len(found), N_BUCKETS))


def _fit(matrix: Any, mine: Flags, seed: int) -> tuple[Floats, float]:
    """Fit a linear support vector machine (Fan et al. 2008); without rows of both sides, one that says nothing."""
    from sklearn.svm import LinearSVC

    if mine.all() or not mine.any():
        return np.zeros(N_BUCKETS, np.float32), -1.0
    machine = LinearSVC(C=_COST, tol=0.1, class_weight={True: _WEIGHT_OF_DANGER, False: 1.0}, random_state=seed)
    machine.fit(matrix, mine)
    return machine.coef_[0].astype(np.float32), float(machine.intercept_[0])


def train_safety(
    safety: Path,
    out: Path,
    *,
    nlu: Path | None,
    seed: int,
    progress: ProgressCallback,
    cancelled: CancelCheck = lambda: False,
) -> Manifest:
    """Train the classifier on the shipped cases and seal it in ``out``.

    Args:
        safety: folder with ``cases.jsonl`` and the screen's rules.
        out: a new version's folder, not there yet or empty.
        nlu: folder of the rows understanding is trained on; what is said there without danger is learned as such.
        seed: of the fits.
        progress: called with each step.
        cancelled: asked at each step; a true answer ends the training, and nothing is left of it.

    Raises:
        DataError: the rows cannot be used.
        Conflict: ``out`` holds something already.
        Cancelled: stopped on the way.
    """
    return run_trainer(SafetyTrainer(safety, nlu, seed), out, progress=progress, cancelled=cancelled)
