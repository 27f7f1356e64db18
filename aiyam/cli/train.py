"""Training a component into a new sealed version."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from aiyam.cli.console import open_store, progress_bars, read_settings

app = typer.Typer(no_args_is_help=True, help="Train a component into a new sealed version.")


Dataset = Annotated[
    str | None, typer.Option("--dataset", help="Version of `aiyam dataset build` to train on, like nlu@v3 or latest.")
]


def _only_dataset(dataset: str | None, **others: object) -> None:
    """Refuse files named beside a dataset version, which has its own."""
    from aiyam.errors import InvalidInput

    if dataset is not None and (given := [f"--{name}" for name, value in others.items() if value is not None]):
        raise InvalidInput(
            f"Expected --dataset alone, got {', '.join(given)} with it.",
            hint="A version holds the rows to train on and those to judge by.",
        )


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
    dataset: Dataset = None,
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
    _only_dataset(dataset, data=data, dev=dev)
    options: dict[str, Any] = {"dev": dev, "seed": settings.seed if seed is None else seed}
    if encoder is not None:
        options |= {"encoder": encoder} | ({} if epochs is None else {"epochs": epochs})
    else:
        options |= {"epochs": epochs, "base": base, "effort": QUICK if quick else FULL}
    if out is None:
        _train("nlu", data=data, dataset=dataset, **options)
        return
    from aiyam.pipelines import dataset_options, train_understanding

    options = {"data": data or settings.datasets_dir / "nlu", **options, **dataset_options(settings, "nlu", dataset)}
    with progress_bars() as report:
        train_understanding(out=out, progress=lambda p: report("nlu", p), **options)
    _say_what_was_read(out)
    typer.echo(str(out))


@app.command("child-friendly")
def train_child_friendly(
    data: Annotated[
        Path | None,
        typer.Option(
            "--data", "--training_data", "--training-data", help="Pairs (JSON or JSONL), or a folder of pairs_*.jsonl."
        ),
    ] = None,
    dataset: Dataset = None,
    test: Annotated[
        Path | None,
        typer.Option(
            "--test", "--val_data", "--val-data", help="Pairs to measure on; default: a tenth of the originals."
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "--output_dir", help="Write there and promote nothing.")] = None,
    seed: Annotated[int | None, typer.Option(min=0)] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Some seconds, as the first start does.")] = False,
) -> None:
    """Train the child-friendly rewriter; without options on the shipped pairs, and the new version becomes production."""
    from aiyam.pipelines import dataset_options, train_rewriter
    from aiyam.training.child_friendly import FULL, QUICK

    settings = read_settings()
    _only_dataset(dataset, data=data, test=test)
    options: dict[str, Any] = {"data": data, "test": test, "effort": QUICK if quick else FULL}
    options["seed"] = settings.seed if seed is None else seed
    if out is None:
        _train("child", dataset=dataset, **options)
        return
    options |= dataset_options(settings, "child", dataset)
    with progress_bars() as report:
        train_rewriter(settings, out, progress=lambda p: report("child", p), **options)
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


@app.command("safety")
def train_safety(
    data: Annotated[
        Path | None, typer.Option("--data", "--training_data", help="Folder like datasets/safety.", show_default="it")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "--output_dir", help="Write there and promote nothing.")] = None,
    seed: Annotated[int | None, typer.Option(min=0)] = None,
) -> None:
    """Train the classifier of the safety screen, which works beside its rules; the new version becomes production."""
    settings = read_settings()
    options: dict[str, Any] = {"data": data, "seed": settings.seed if seed is None else seed}
    if out is None:
        _train("safety", **options)
        return
    from aiyam.pipelines import train_screen

    with progress_bars() as report:
        train_screen(settings, out, progress=lambda p: report("safety", p), **options)
    typer.echo(str(out))


@app.command("ranker")
def train_ranker(
    epochs: Annotated[int | None, typer.Option(min=1, help="Most epochs; default 10, with --base 2.")] = None,
    batch_size: Annotated[int | None, typer.Option("--batch-size", "--batch_size", min=1, help="Rows a step.")] = None,
    learning_rate: Annotated[float | None, typer.Option("--learning-rate", "--learning_rate")] = None,
    config: Annotated[
        Path | None, typer.Option("--config", "--model_config", "--model-config", help="Configuration file.")
    ] = None,
    variant: Annotated[
        str | None, typer.Option(help="Shipped configuration: default, or spec (the plain one).")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "--output_dir", "--output-dir", help="Write there and promote nothing.")
    ] = None,
    train_data: Annotated[
        Path | None,
        typer.Option(
            "--train_data", "--train-data", "--training_data", help="Learn from a table of `aiyam data training-table`."
        ),
    ] = None,
    val_data: Annotated[
        Path | None,
        typer.Option("--val_data", "--val-data", help="Its later rows; default: the last fifth of its days."),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option("--base", "--base_model", "--base-model", help="Version, alias or folder to go on from."),
    ] = None,
    incremental_data: Annotated[
        Path | None,
        typer.Option("--incremental_data", "--incremental-data", help="New rows as a table; goes on from production."),
    ] = None,
    min_interactions: Annotated[
        int, typer.Option("--min_interactions", "--min-interactions", min=0, help="Earlier events a person must have.")
    ] = 3,
    max_requests: Annotated[
        int, typer.Option("--max_requests", "--max-requests", min=1, help="Replay at most so many requests.")
    ] = 2000,
    seed: Annotated[int | None, typer.Option(min=0)] = None,
    threads: Annotated[int, typer.Option(min=1, help="Threads of each process.")] = 1,
    processes: Annotated[int, typer.Option(min=1, help="Processes that share every batch.")] = 1,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last epoch of a stopped training.")] = False,
    with_baseline: Annotated[
        bool, typer.Option("--with-baseline", help="Train the plain Wide & Deep too, compare; the winner serves.")
    ] = False,
) -> None:
    """Train the Wide & Deep ranker on the logged impressions in the store, or on a written table."""
    from aiyam.errors import InvalidInput
    from aiyam.pipelines import train_ranker_to, train_ranker_with_baseline, version_folder
    from aiyam.training.ranker import VARIANTS

    if variant is not None and (variant not in VARIANTS or config is not None):
        raise InvalidInput(
            f"Expected --variant {' or '.join(VARIANTS)} without --config, got {variant!r}.",
            hint="Give one of the two.",
        )
    if incremental_data is not None and train_data is not None:
        raise InvalidInput("Expected --train_data or --incremental_data, got both.", hint="Leave one out.")
    if with_baseline and (out or base or incremental_data or train_data or val_data or resume or variant or config):
        raise InvalidInput(
            "Expected --with-baseline with neither a folder, a base, a table, a configuration nor --resume.",
            hint="It trains both shipped configurations from the store.",
        )
    settings = read_settings()
    options: dict[str, Any] = {
        "epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate, "min_interactions": min_interactions,
        "max_requests": max_requests, "seed": settings.seed if seed is None else seed, "n_threads": threads,
        "n_processes": processes,
    }  # fmt: skip
    with open_store(settings) as store, progress_bars() as report:
        if with_baseline:
            found = train_ranker_with_baseline(
                settings, store, report, who="aiyam train", why="trained from the command line", **options
            )
            mean, low, high = found["difference"]
            typer.echo(
                f"ranker/{found['winner']} is production now. default {found['versions']['default']} minus spec"
                f" {found['versions']['spec']}, ndcg@10 on {found['n_requests']:,} later requests:"
                f" {mean:+.3f} ({low:+.3f}..{high:+.3f}), {found['verdict']}."
            )
            return
        wanted = base or ("production" if incremental_data is not None else None)
        options |= {
            "config": VARIANTS[variant] if variant is not None else config,
            "base": None if wanted is None else version_folder(settings, store, "ranker", wanted),
            "train_data": train_data or incremental_data,
            "valid_data": val_data,
            "resume": resume,
        }
        if out is not None:
            train_ranker_to(settings, store, out, lambda p: report("ranker", p), **options)
            typer.echo(str(out))
            return
    _train("ranker", **options)


@app.command("lora")
def train_lora(
    training_data: Annotated[
        Path | None,
        typer.Option(
            "--training_data",
            "--training-data",
            "--train_data",
            "--train-data",
            "--data",
            help="Rows {instruction, input, output} as JSON Lines; output is text or an object.",
        ),
    ] = None,
    dataset: Dataset = None,
    val_data: Annotated[
        Path | None, typer.Option("--val_data", "--val-data", help="Rows to judge by; default: a tenth is held out.")
    ] = None,
    incremental_data: Annotated[
        Path | None,
        typer.Option(
            "--incremental_data", "--incremental-data", help="New rows; goes on from --adapter: 1 epoch at 5e-5."
        ),
    ] = None,
    base_model: Annotated[
        str | None,
        typer.Option(
            "--base_model", "--base-model", help="Folder or hub name; default: the adapter's, else skt/A.X-3.1-Light."
        ),
    ] = None,
    adapter: Annotated[
        str | None, typer.Option(help="Version, alias or folder to go on from; default with new rows: production.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--output_dir", "--output-dir", "--out", help="Write there and promote nothing.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Most epochs; default 3, going on 1.")] = None,
    batch_size: Annotated[
        int | None, typer.Option("--batch_size", "--batch-size", min=1, help="Rows at once in a process; default 4.")
    ] = None,
    accumulation: Annotated[int | None, typer.Option(min=1, help="Batches a step; default 1.")] = None,
    learning_rate: Annotated[
        float | None, typer.Option("--learning_rate", "--learning-rate", help="Default 1e-4, going on 5e-5.")
    ] = None,
    rank: Annotated[int | None, typer.Option(min=1, help="Rank of the adapter; default 16.")] = None,
    alpha: Annotated[int | None, typer.Option(min=1, help="Its scale; default 32.")] = None,
    dropout: Annotated[float | None, typer.Option(help="Default .1.")] = None,
    max_tokens: Annotated[
        int | None, typer.Option("--max_tokens", "--max-tokens", min=16, help="Longest row; default 2048.")
    ] = None,
    recompute: Annotated[
        bool, typer.Option("--recompute", help="Compute activations twice (gradient checkpointing): far less memory.")
    ] = False,
    four_bit: Annotated[
        bool, typer.Option("--four_bit", "--four-bit", help="Hold the base in 4 bits (CUDA, bitsandbytes).")
    ] = False,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1; default: CUDA where there is one.")] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Look for the base on this machine alone.")] = False,
    processes: Annotated[int, typer.Option(min=1, help="Processes, a GPU each, that share every step.")] = 1,
    seed: Annotated[int | None, typer.Option(min=0)] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where a stopped training was.")] = False,
) -> None:
    """Train a LoRA adapter that words replies, on a language model; the new version becomes production."""
    from aiyam.errors import InvalidInput
    from aiyam.pipelines import dataset_options, train_wording, version_folder

    _only_dataset(dataset, training_data=training_data, val_data=val_data, incremental_data=incremental_data)
    data = training_data or incremental_data
    if (data is None and dataset is None) or (training_data is not None and incremental_data is not None):
        raise InvalidInput(
            "Expected --training_data, --incremental_data or --dataset, got several or none.",
            hint="`aiyam data lora-sample --out rows.jsonl` writes rows to try it with.",
        )
    settings = read_settings()
    options: dict[str, Any] = {
        "data": data, "valid": val_data, "base": base_model, "epochs": epochs, "batch_size": batch_size,
        "accumulation": accumulation, "learning_rate": learning_rate, "rank": rank, "alpha": alpha, "dropout": dropout,
        "max_tokens": max_tokens, "recompute": recompute, "four_bit": four_bit, "device": device, "offline": offline,
        "n_processes": processes, "seed": settings.seed if seed is None else seed, "resume": resume,
    }  # fmt: skip
    options |= dataset_options(settings, "nlg", dataset)
    wanted = adapter or ("production" if incremental_data is not None else None)
    if wanted is not None:
        with open_store(settings) as store:
            options["start"] = version_folder(settings, store, "nlg", wanted)
    if out is None:
        _train("nlg", **options)
        typer.echo("It words replies once AIYAM_NLG=transformers and AIYAM_NLG_ADAPTER=production are set.")
        return
    with open_store(settings) as store, progress_bars() as report:
        train_wording(settings, store, out, lambda p: report("nlg", p), **options)
    typer.echo(str(out))
