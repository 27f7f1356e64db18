"""The options of `aiyam train ranker`: old names are known, and what contradicts itself is refused before any work."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from aiyam.cli.train import app
from aiyam.errors import InvalidInput, NotFound
from aiyam.ranking.wide_deep import WideDeepConfig
from aiyam.training.ranker import VARIANTS

OLD_NAMES = (
    "--epochs", "--batch_size", "--learning_rate", "--model_config", "--output_dir", "--train_data", "--val_data",
    "--base_model", "--incremental_data", "--min_interactions",
)  # fmt: skip


def test_the_names_of_the_earlier_scripts_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    shown = CliRunner().invoke(app, ["ranker", "--help"]).output
    assert [name for name in OLD_NAMES if name not in shown] == []


@pytest.mark.parametrize(
    ("words", "error", "says"),
    [
        (["--variant", "plain"], InvalidInput, "default or spec"),
        (["--variant", "spec", "--config", "x.json"], InvalidInput, "without --config"),
        (["--with-baseline", "--resume"], InvalidInput, "--with-baseline"),
        (["--train_data", "a.csv", "--incremental_data", "b.csv"], InvalidInput, "got both"),
        (["--base_model", "v9"], NotFound, "'v9'"),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    words: list[str], error: type[Exception], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIYAM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AIYAM_MODELS_DIR", str(tmp_path / "models"))
    found = CliRunner().invoke(app, ["ranker", *words]).exception
    assert isinstance(found, error)
    assert says in str(found)


def test_the_plain_variant_is_the_one_of_the_specification() -> None:
    spec = WideDeepConfig.read(VARIANTS["spec"])
    assert (spec.features, spec.loss, spec.negatives, spec.batch_size) == ("spec", "bce", 2, 32)
    assert (spec.epochs, spec.learning_rate, spec.id_updates, spec.warm_start) == (10, 1e-3, "all", False)
