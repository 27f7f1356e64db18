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
        Path | None, typer.Option("--data", "--training_data", help="Training rows (JSON or JSONL), or a folder.")
    ] = None,
    dev: Annotated[
        Path | None,
        typer.Option(help="Rows to tune on (700 of them; more are trained on); default: a part of the training rows."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "--output_dir", help="Write there and promote nothing.")] = None,
    epochs: Annotated[
        int | None, typer.Option(min=0, help="Most passes of the network; 0 trains the linear parts alone.")
    ] = None,
    seed: Annotated[int | None, typer.Option()] = None,
    base: Annotated[
        Path | None, typer.Option(help="Version folder to go on from: its rows are rehearsed, its forgetting measured.")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Under a minute: the linear parts alone, as the first start does.")
    ] = False,
    encoder: Annotated[
        str | None, typer.Option(help="Fine-tune this Hugging Face encoder (folder or hub name) instead.")
    ] = None,
) -> None:
    """Train understanding; without options on the shipped corpus, and the new version becomes production."""
    from aiyam.errors import InvalidInput
    from aiyam.training.nlu import FULL, QUICK

    settings = read_settings()
    if encoder is not None and (base is not None or quick):
        raise InvalidInput("Expected --encoder alone, got --base or --quick with it.", hint="Leave those two out.")
    options: dict[str, Any] = {"dev": dev, "seed": settings.seed if seed is None else seed}
    if encoder is not None:
        options |= {"encoder": encoder} | ({} if epochs is None else {"epochs": epochs})
    else:
        options |= {"epochs": epochs, "base": base, "effort": QUICK if quick else FULL}
    if out is None:
        _train("nlu", data=data, **options)
        return
    from aiyam.pipelines import train_understanding

    with progress_bars() as report:
        train_understanding(data or settings.datasets_dir / "nlu", out, progress=lambda p: report("nlu", p), **options)
    _say_what_was_read(out)
    typer.echo(str(out))


@app.command("content")
def train_content(
    out: Annotated[Path | None, typer.Option("--out", "--output_dir", help="Write there and promote nothing.")] = None,
    epochs: Annotated[
        int | None, typer.Option(min=0, help="Passes of new texts (default 1); 0 keeps the factorisation alone.")
    ] = None,
    seed: Annotated[int | None, typer.Option()] = None,
    encoder: Annotated[
        str | None, typer.Option(help="Use this sentence-transformers model (folder or hub name) instead.")
    ] = None,
    cut: Annotated[
        bool, typer.Option("--cut", help="With --encoder: take the first 128 numbers, for a model trained for it.")
    ] = False,
) -> None:
    """Train the text encoder of the content funnel on the catalogue in the store; the new version becomes production."""
    from aiyam.errors import InvalidInput

    if encoder is not None and epochs is not None:
        raise InvalidInput("Expected --encoder or --epochs, got both.", hint="A pretrained model is not trained here.")
    if cut and encoder is None:
        raise InvalidInput("Expected --encoder with --cut, got --cut alone.", hint="Name a model, or leave it out.")
    settings = read_settings()
    options: dict[str, Any] = {"seed": settings.seed if seed is None else seed, "encoder": encoder, "cut": cut}
    if epochs is not None:
        options["passes"] = epochs
    if out is None:
        _train("content", **options)
        return
    from aiyam.pipelines import train_content_encoder

    with open_store(settings) as store, progress_bars() as report:
        train_content_encoder(settings, store, out, progress=lambda p: report("content", p), **options)
    typer.echo(str(out))


@app.command("ranker")
def train_ranker(
    epochs: Annotated[int, typer.Option(min=1)] = 10,
    batch_size: Annotated[int | None, typer.Option("--batch-size", "--batch_size", min=1)] = None,
    learning_rate: Annotated[float | None, typer.Option("--learning-rate", "--learning_rate")] = None,
) -> None:
    """Train the Wide & Deep ranker on the logged impressions in the store."""
    given = {"batch_size": batch_size, "learning_rate": learning_rate}
    _train("ranker", epochs=epochs, **{k: v for k, v in given.items() if v is not None})
