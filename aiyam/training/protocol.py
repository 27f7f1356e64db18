"""The shape every trainer has: prepare, fit, evaluate, save; with progress, and a stop that leaves no half model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol, TypeVar

from aiyam.contracts import Manifest, Progress
from aiyam.errors import AiyamError
from aiyam.registry import building

ProgressCallback = Callable[[Progress], None]
CancelCheck = Callable[[], bool]

Prepared = TypeVar("Prepared")
Fitted = TypeVar("Fitted")


class Cancelled(AiyamError):
    """The person who started a training stopped it; nothing was saved."""

    code = "cancelled"


class Report:
    """What a trainer tells while it works. Every call is also a point where it can be stopped.

    Args:
        progress: called with each event; ``fraction`` runs 0..1 over the whole training and never falls.
        cancelled: asked at every call; a true answer raises ``Cancelled``.
    """

    def __init__(self, progress: ProgressCallback, cancelled: CancelCheck = lambda: False) -> None:
        self._progress = progress
        self._cancelled = cancelled
        self._stage, self._low, self._high, self._last = "", 0.0, 1.0, 0.0

    def enter(self, stage: str, low: float, high: float) -> None:
        """Start a stage that fills ``low``..``high`` of the whole."""
        self._stage, self._low, self._high = stage, low, high
        self(0.0)

    def __call__(self, fraction: float, message: str = "", metrics: Mapping[str, float] | None = None) -> None:
        """Tell how much of the stage is done, 0..1.

        Raises:
            Cancelled: the training was stopped.
        """
        if self._cancelled():
            raise Cancelled(
                f"The training was stopped in stage {self._stage!r}; nothing was saved.", hint="Start it again."
            )
        whole = self._low + (self._high - self._low) * min(max(fraction, 0.0), 1.0)
        self._last = max(self._last, whole)
        self._progress(Progress(stage=self._stage, fraction=self._last, message=message, metrics=dict(metrics or {})))


class Trainer(Protocol[Prepared, Fitted]):
    """One kind of model."""

    @property
    def component(self) -> str:
        """Name of the component in the registry."""

    @property
    def shares(self) -> tuple[float, float, float]:
        """Where prepare, fit and evaluate end on the way from 0 to 1."""

    def prepare(self, report: Report) -> Prepared:
        """Read and check the data; nothing is written."""

    def fit(self, prepared: Prepared, report: Report) -> Fitted:
        """Train."""

    def evaluate(self, prepared: Prepared, fitted: Fitted, report: Report) -> dict[str, float]:
        """Measure on data that ``fit`` did not see."""

    def save(self, prepared: Prepared, fitted: Fitted, metrics: Mapping[str, float], out: Path) -> Manifest:
        """Write every file into ``out``, an empty folder named as the version, and seal it, the manifest last."""


def run_trainer(
    trainer: Trainer[Prepared, Fitted], out: Path, *, progress: ProgressCallback, cancelled: CancelCheck = lambda: False
) -> Manifest:
    """Run one training from its data to its sealed folder.

    Raises:
        Cancelled: stopped on the way; nothing is left of it.
        Conflict: ``out`` holds something already.
        InvalidInput: ``out`` cannot be written to.
        DataError: the data cannot be used.
    """
    report = Report(progress, cancelled)
    prepared_at, fitted_at, evaluated_at = trainer.shares
    with building(out) as folder:
        report.enter("prepare", 0.0, prepared_at)
        prepared = trainer.prepare(report)
        report.enter("fit", prepared_at, fitted_at)
        fitted = trainer.fit(prepared, report)
        report.enter("evaluate", fitted_at, evaluated_at)
        metrics = trainer.evaluate(prepared, fitted, report)
        report.enter("save", evaluated_at, 1.0)
        manifest = trainer.save(prepared, fitted, metrics, folder)
    report(1.0, "saved", metrics)
    return manifest
