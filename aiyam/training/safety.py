"""Trains the screen's classifier: linear models on hashed n-grams, their limits set on hands that they have not read."""

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
from aiyam.safety.classifier import COMPONENT, ESCALATE_KINDS, HEADS, REFUSE_KINDS, Limits, SafetyClassifier
from aiyam.safety.features import N_BUCKETS, features
from aiyam.safety.screen import Screen
from aiyam.training.protocol import CancelCheck, ProgressCallback, Report, run_trainer
from aiyam.training.safety_rows import BENIGN, OFF_TOPIC, SOME_DANGER, Row, read_rows

FALSE_ALARMS = {"escalate": 0.08, "refuse": 0.009}
"""Share of the look-alikes of an unread hand (idioms, games, quarrels over crisps) that may be acted on.
The models that set the limits have read half of the hands; the one that serves has read all and gives a third of these."""
ORDINARY_ALARMS = {"escalate": 0.04, "refuse": 0.004}
"""Share of unread ordinary talk of food that may be."""
_FOLDS, _KEPT_APART = 2, 10
"""Hands are left unread by folds; with each, one in so many ordinary rows."""
RULED_LOST = {"escalate": 0.04, "refuse": 0.08}
"""Share of the disclosures that rules find which the trained half may talk out of."""
FEWEST_OF_A_HAND = 150
"""Rows to act on and look-alikes that a hand must have written for limits to be set on it."""
_COST, _WEIGHT_OF_DANGER = 1.0, 2.0

Flags = NDArray[np.bool_]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Prepared:
    """The rows with their features, and whether rules would escalate or refuse them."""

    rows: list[Row]
    features: list[NDArray[np.int64]]
    ruled: dict[str, Flags]
    hands: tuple[str, ...]

    def of_action(self, action: str) -> Flags:
        """Say of each row whether it calls for the action."""
        kinds = (*ESCALATE_KINDS, SOME_DANGER) if action == "escalate" else REFUSE_KINDS
        return np.array([row.kind in kinds for row in self.rows])

    def known(self, action: str) -> Flags:
        """Say of each row whether it is known to call for the action or not to: off-topic rows that rules refuse are beer."""
        off_topic = np.array([row.kind == OFF_TOPIC for row in self.rows])
        return ~(off_topic & self.ruled["refuse"]) if action == "refuse" else np.ones(len(self.rows), np.bool_)


@dataclass(frozen=True)
class SafetyTrainer:
    """The trainer of the screen's classifier; see ``train_safety`` for its options."""

    safety: Path
    nlu: Path | None
    seed: int
    component: str = COMPONENT
    shares: tuple[float, float, float] = (0.45, 0.98, 0.99)

    def prepare(self, report: Report) -> Prepared:
        """Read the rows, find their features and ask the rules about each that a hand wrote for the screen."""
        report(0.0, "reading disclosures and their look-alikes")
        rows = read_rows(self.safety, self.nlu, seed=self.seed)
        screen = Screen.load(self.safety)
        found = []
        ruled = {"escalate": np.zeros(len(rows), np.bool_), "refuse": np.zeros(len(rows), np.bool_)}
        hands = tuple(hand for hand in sorted({row.hand for row in rows}) if _written_for_limits(rows, hand))
        for i, row in enumerate(rows):
            if i % 512 == 0:
                report(0.2 + 0.8 * i / len(rows), "splitting words")
            found.append(features(row.text))
            if row.hand in hands or row.kind == OFF_TOPIC:
                action = screen.by_rules(row.text).action
                if action in ruled:
                    ruled[action][i] = True
        return Prepared(rows, found, ruled, hands)

    def fit(self, prepared: Prepared, report: Report) -> SafetyClassifier:
        """Set limits on each hand unread, then fit all rows."""
        unread = self._unread_scores(prepared, lambda f: report(0.6 * f, "setting limits on unread hands"))
        limits = {action: _limits(prepared, action, *unread[action]) for action in ("escalate", "refuse")}
        report(0.6, "fitting all rows")
        weights = np.zeros((N_BUCKETS, len(HEADS)), np.float32)
        bias = np.zeros(len(HEADS), np.float32)
        everything = np.ones(len(prepared.rows), np.bool_)
        rarity = _rarity(prepared.features)
        for column, action in enumerate(("escalate", "refuse")):
            weights[:, column], bias[column] = self._fit_action(prepared, action, everything, rarity)
            report(0.75 + 0.1 * column)
        first = 2
        for kinds in (ESCALATE_KINDS, REFUSE_KINDS):
            some = np.flatnonzero([row.kind in kinds for row in prepared.rows])
            matrix = _matrix([prepared.features[i] for i in some], rarity)
            for kind in kinds:
                mine = np.array([prepared.rows[i].kind == kind for i in some])
                weights[:, first], bias[first] = _fit(matrix, mine, self.seed)
                first += 1
        return SafetyClassifier.quantised(weights, bias, rarity, limits)

    def evaluate(self, prepared: Prepared, fitted: SafetyClassifier, report: Report) -> dict[str, float]:
        """Say what limits were set; what they are worth is told by the held-out cases (`aiyam evaluate safety`)."""
        report(0.0)
        metrics: dict[str, float] = {"n": len(prepared.rows)}
        for action, limit in fitted.limits.items():
            metrics[f"n_{action}"] = int(prepared.of_action(action).sum())
            metrics[f"{action}_from"] = round(limit.alone, 4)
            metrics[f"{action}_from_beside_a_rule"] = round(limit.beside_rule, 4)
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
                "false_alarms": FALSE_ALARMS,
                "ordinary_alarms": ORDINARY_ALARMS,
            },
            metrics=metrics,
        )

    def _unread_scores(
        self, prepared: Prepared, told: Callable[[float], None]
    ) -> dict[str, tuple[NDArray[np.int64], Floats]]:
        """Return, by action, rows and their scores from models that did not read the row's hand."""
        found: dict[str, tuple[list[NDArray[np.int64]], list[Floats]]] = {"escalate": ([], []), "refuse": ([], [])}
        of_hand = np.array([row.hand for row in prepared.rows])
        ordinary = np.flatnonzero([_is_ordinary(row) for row in prepared.rows])
        for n in range(_FOLDS):
            told(n / _FOLDS)
            mine = np.isin(of_hand, prepared.hands[n::_FOLDS])
            mine[ordinary[n::_KEPT_APART]] = True
            rarity = _rarity([f for f, m in zip(prepared.features, mine, strict=True) if not m])
            rows = np.flatnonzero(mine)
            if not len(rows):
                continue
            matrix = _matrix([prepared.features[i] for i in rows], rarity)
            for action, (numbers, scores) in found.items():
                if not prepared.of_action(action)[rows].any():
                    continue
                weights, bias = self._fit_action(prepared, action, ~mine, rarity)
                numbers.append(rows)
                scores.append((matrix @ weights + bias).astype(np.float32))
        return {
            action: (np.concatenate(n), np.concatenate(s)) if n else (np.zeros(0, np.int64), np.zeros(0, np.float32))
            for action, (n, s) in found.items()
        }

    def _fit_action(self, prepared: Prepared, action: str, read: Flags, rarity: Floats) -> tuple[Floats, float]:
        rows = np.flatnonzero(read & prepared.known(action))
        matrix = _matrix([prepared.features[i] for i in rows], rarity)
        return _fit(matrix, prepared.of_action(action)[rows], self.seed)


def _written_for_limits(rows: Sequence[Row], hand: str) -> bool:
    mine = [row.kind for row in rows if row.hand == hand]
    n_benign = mine.count(BENIGN)
    n_acted = sum(kind in (*ESCALATE_KINDS, *REFUSE_KINDS) for kind in mine)
    return len(hand) == 1 and min(n_benign, n_acted) >= FEWEST_OF_A_HAND


def _is_ordinary(row: Row) -> bool:
    """Whether a row is talk of food that nobody wrote for the screen."""
    return row.kind == BENIGN and len(row.hand) > 1 and row.hand != "grammar"


def _limits(prepared: Prepared, action: str, rows: NDArray[np.int64], scores: Floats) -> Limits:
    """Set limits on scores of unread hands; without any, a chance of a half decides."""
    if not len(rows):
        return Limits(4.0, 0.0, 0.5, 0.1)
    acted = prepared.of_action(action)[rows]
    ordinary = np.array([_is_ordinary(prepared.rows[i]) for i in rows])
    benign = np.array([prepared.rows[i].kind == BENIGN for i in rows]) & ~ordinary
    slope, offset = _platt(scores[acted | benign], acted[acted | benign])
    ruled = scores[acted & prepared.ruled[action][rows]]
    limit = Limits(slope, offset, 0.0, 0.0)
    quiet = [np.quantile(scores[benign], 1 - FALSE_ALARMS[action])]
    if ordinary.any():
        quiet.append(np.quantile(scores[ordinary], 1 - ORDINARY_ALARMS[action]))
    alone = limit.chance(float(max(quiet)))
    beside = limit.chance(float(np.quantile(ruled, RULED_LOST[action]))) if len(ruled) else 0.0
    return Limits(slope, offset, alone, min(alone, beside))


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

    buckets = np.concatenate(found)
    starts = np.concatenate([[0], np.cumsum([len(f) for f in found])])
    values = rarity[buckets]
    values = values / np.repeat(np.sqrt(np.add.reduceat(values * values, starts[:-1])), np.diff(starts))
    return csr_matrix((values, buckets, starts), shape=(len(found), N_BUCKETS))


def _fit(matrix: Any, mine: Flags, seed: int) -> tuple[Floats, float]:
    """Fit a linear support vector machine (Fan et al. 2008); without rows of both sides, one that says nothing."""
    from sklearn.svm import LinearSVC

    if mine.all() or not mine.any():
        return np.zeros(N_BUCKETS, np.float32), -1.0
    machine = LinearSVC(C=_COST, tol=1e-2, class_weight={True: _WEIGHT_OF_DANGER, False: 1.0}, random_state=seed)
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
        safety: folder with ``cases.jsonl``, ``grammar.tsv`` and the screen's rules.
        out: a new version's folder, not there yet or empty.
        nlu: folder of the rows understanding is trained on; what is said there without danger is learned as such.
        seed: of the grammar's draws and the fits.
        progress: called with each step.
        cancelled: asked at each step; a true answer ends the training, and nothing is left of it.

    Raises:
        DataError: the rows cannot be used.
        Conflict: ``out`` holds something already.
        Cancelled: stopped on the way.
    """
    return run_trainer(SafetyTrainer(safety, nlu, seed), out, progress=progress, cancelled=cancelled)
