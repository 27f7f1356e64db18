"""Evaluating the whole system, or one model of the understanding."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from aiyam.cli.console import AsJson, progress_bars, read_settings

app = typer.Typer()


@app.command()
def evaluate(
    as_json: AsJson = False,
    turns: Annotated[int, typer.Option(min=10, help="Turns for latency, grounding and safety in use.")] = 200,
) -> None:
    """Evaluate the whole system on held-out data: understanding, ranking, replies, safety, latency."""
    from aiyam.evaluation.whole import evaluate_whole, table

    settings = read_settings()
    with progress_bars() as report:
        results = evaluate_whole(settings, n_turns=turns, progress=lambda p: report("evaluate", p))
    typer.echo(json.dumps(results, ensure_ascii=False, indent=2) if as_json else table(results))
