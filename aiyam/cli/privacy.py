"""Privacy by hand: a person's erasure, and retention periods."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated

import typer

from aiyam.cli.console import AsJson, open_store, read_settings
from aiyam.contracts import KST

app = typer.Typer(no_args_is_help=True, help="Erase a person's data; keep to the retention periods.")


@app.command("erase")
def privacy_erase(
    user: Annotated[str, typer.Option("--user", help="Pseudonym of the person.")],
    yes: Annotated[bool, typer.Option("--yes", help="Erase without asking.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and change nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take a person's turns, feedback, choices, tasks and dataset rows out for good; models are listed, not changed."""
    from aiyam.curation.erasure import erase, preview_erasure

    settings = read_settings()
    with open_store(settings) as store:
        report = preview_erasure(store, settings.home, settings.models_dir, user)
        if not as_json:
            typer.echo(f"person {report.user_digest[:12]}…")
            for what, n in {**report.counts, **{f"rows of {tag}": n for tag, n in report.rows.items()}}.items():
                if n:
                    typer.echo(f"  {what:<24}{n:>9,}")
            typer.echo(f"  models trained on them: {', '.join(report.models) or 'none'}")
            if not report.anything:
                typer.echo("There is nothing to erase.")
        if report.anything and not dry_run:
            if not yes:
                what = f"{report.counts['turns']:,} turns, {report.counts['tasks']:,} tasks, {sum(report.rows.values()):,} rows"
                typer.confirm(f"Erase {what} for good? This cannot be undone", abort=True, err=True)
            report = erase(store, settings.home, settings.models_dir, user, now=datetime.now(KST))
    if as_json:
        typer.echo(report.model_dump_json())
    elif report.done:
        typer.echo("Erased. Tasks on the labelling server go with the next `aiyam annotate sync`.")


@app.command("retention")
def privacy_retention(
    turns_days: Annotated[
        int | None, typer.Option("--turns-days", min=0, help="Instead of AIYAM_KEEP_TURNS_DAYS; 0 keeps them.")
    ] = None,
    labelled_days: Annotated[
        int | None, typer.Option("--labelled-days", min=0, help="Instead of AIYAM_KEEP_LABELLED_DAYS; 0 keeps them.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and change nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take turns that are past their period out of the store and of dataset versions; made for cron."""
    from aiyam.curation.retention import keep_to_periods

    settings = read_settings()
    with open_store(settings) as store:
        report = keep_to_periods(
            store, settings.home, now=datetime.now(KST), dry_run=dry_run,
            turns_days=settings.keep_turns_days if turns_days is None else turns_days,
            labelled_days=settings.keep_labelled_days if labelled_days is None else labelled_days,
        )  # fmt: skip
    if as_json:
        typer.echo(json.dumps(report.model_dump(mode="json"), ensure_ascii=False))
        return
    rows = sum(report.rows.values())
    typer.echo(
        f"{'Past their period' if dry_run else 'Taken out'}: {report.n_turns:,} turns,"
        f" {report.n_turns_in_datasets:,} turns of datasets, {rows:,} rows."
    )
