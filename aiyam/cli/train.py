"""Training a component into a new sealed version."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from aiyam.cli.console import open_store, progress_bars, read_settings

app = typer.Typer(no_args_is_help=True, help="Train a component into a new sealed version.")


def _train(component: str, **options: Any) -> None:
    from aiyam.pipelines import train_component

    settings = read_settings()
    with open_store(settings) as store, progress_bars() as report:
        version = train_component(
            settings, store, component, lambda p: report(component, p),
            who="aiyam train", why="trained from the command line", **options,
        )  # fmt: skip
    _say_what_was_read(settings.models_dir / component / version)
    typer.echo(f"{component}/{version} is production now; a running server takes it over by itself.")


def _say_what_was_read(version: Path) -> None:
    """Print the short form of the data report beside a model, if it has one, and where the full one is."""
    import json

    from aiyam.nlu.load_report import summary_ko

    path = version / "data_report.json"
    if path.exists():
        typer.echo(summary_ko(json.loads(path.read_text("utf-8"))["files"]), err=True)
        typer.echo(f"전체 보고서: {path}", err=True)


@app.command("nlu")
def train_nlu(
    data: Annotated[
        Path | None, typer.Option("--data", "--training_data", help="Training rows (JSON or JSONL).")
    ] = None,
    dev: Annotated[Path | None, typer.Option(help="Rows to tune on; default: a part of the training rows.")] = None,
    out: Annotated[Path | None, typer.Option("--out", "--output_dir", help="Write there and promote nothing.")] = None,
    epochs: Annotated[int, typer.Option(min=1)] = 10,
    seed: Annotated[int | None, typer.Option()] = None,
) -> None:
    """Train understanding; without options on the shipped corpus, and the new version becomes production."""
    settings = read_settings()
    if out is None:
        _train("nlu", data=data, dev=dev, epochs=epochs, **({} if seed is None else {"seed": seed}))
        return
    from aiyam.training.nlu import train_nlu as train

    with progress_bars() as report:
        train(
            data or settings.datasets_dir / "nlu", out, dev=dev, epochs=epochs,
            seed=settings.seed if seed is None else seed, progress=lambda p: report("nlu", p),
        )  # fmt: skip
    _say_what_was_read(out)
    typer.echo(str(out))


@app.command("content")
def train_content() -> None:
    """Train the text encoder of the content funnel on the catalogue in the store."""
    _train("content")


@app.command("ranker")
def train_ranker(
    epochs: Annotated[int, typer.Option(min=1)] = 10,
    batch_size: Annotated[int | None, typer.Option("--batch-size", "--batch_size", min=1)] = None,
    learning_rate: Annotated[float | None, typer.Option("--learning-rate", "--learning_rate")] = None,
) -> None:
    """Train the Wide & Deep ranker on the logged impressions in the store."""
    given = {"batch_size": batch_size, "learning_rate": learning_rate}
    _train("ranker", epochs=epochs, **{k: v for k, v in given.items() if v is not None})
