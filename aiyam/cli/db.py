"""The store by hand: tables, search, backup, vacuum, check."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from aiyam.cli.console import AsJson, open_store, printable, read_settings
from aiyam.contracts import KST

app = typer.Typer(no_args_is_help=True, help="Look into the store, search it, back it up.")


@app.command("tables")
def db_tables(as_json: AsJson = False) -> None:
    """List the tables with their number of rows."""
    from aiyam.store.maintenance import tables

    with open_store(read_settings()) as store:
        rows = tables(store)
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False))
    else:
        for name, count in rows.items():
            typer.echo(f"{name:<24}{count:>12,}")


@app.command("escalations")
def db_escalations(
    since: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First day; default: all.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 100,
    as_json: AsJson = False,
) -> None:
    """List the turns answered with a helpline, newest first, for a person to look at; personal data is masked."""
    from aiyam.store.escalations import list_escalations

    with open_store(read_settings()) as store:
        found = list_escalations(store, since=None if since is None else since.replace(tzinfo=KST), limit=limit)
    for one in found:
        typer.echo(
            one.model_dump_json()
            if as_json
            else f"{one.at:%Y-%m-%d %H:%M}  {', '.join(one.safety.kinds)}  {one.turn_id}  {printable(one.said)}"
        )
    if not found and not as_json:
        typer.echo("Nothing was escalated.", err=True)


@app.command("search")
def db_search(
    text: Annotated[str, typer.Argument(help="Words to look for.")],
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 20,
    as_json: AsJson = False,
) -> None:
    """Find turns and shops that contain the words."""
    from aiyam.store.maintenance import search

    with open_store(read_settings()) as store:
        hits = search(store, text, limit=limit)
    for hit in hits:
        row = hit if isinstance(hit, dict) else vars(hit)
        typer.echo(
            json.dumps(row, ensure_ascii=False, default=str)
            if as_json
            else "  ".join(printable(str(value)) for value in row.values())
        )
    if not hits and not as_json:
        typer.echo(f"Nothing contains {text!r}.", err=True)


@app.command("backup")
def db_backup(file: Annotated[Path, typer.Argument(help="Where the copy goes; must not exist yet.")]) -> None:
    """Write a consistent, verified copy of the store while it is in use."""
    from aiyam.store.maintenance import backup

    with open_store(read_settings()) as store:
        backup(store, file)
    typer.echo(f"{file}: {file.stat().st_size:,} bytes")


@app.command("vacuum")
def db_vacuum() -> None:
    """Give unused space back to the disk."""
    from aiyam.store.maintenance import vacuum

    with open_store(read_settings()) as store:
        vacuum(store)


@app.command("check")
def db_check() -> None:
    """Check the store's integrity; exits with 1 when something is wrong."""
    from aiyam.store.maintenance import check

    with open_store(read_settings()) as store:
        problems = check(store)
    for problem in problems:
        typer.echo(problem, err=True)
    typer.echo("ok" if not problems else f"{len(problems)} problems")
    raise typer.Exit(1 if problems else 0)
