"""Shops, people and what they did: generate, import, review, export."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aiyam.cli.console import AsJson, open_store, progress_bars, read_settings
from aiyam.errors import InvalidInput

if TYPE_CHECKING:
    from aiyam.contracts import ImportReport

app = typer.Typer(no_args_is_help=True, help="Make, import and export shops, people and what they did.")


@app.command("generate")
def data_generate(
    shops: Annotated[int, typer.Option(min=50, max=1_000_000, help="Number of shops.")] = 3000,
    users: Annotated[int, typer.Option(min=50, max=100_000, help="Number of people.")] = 2000,
    seed: Annotated[int | None, typer.Option(help="Another seed is another city.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace the catalogue that is there.")] = False,
) -> None:
    """Generate the synthetic city; it is marked as synthetic wherever it shows."""
    from aiyam.catalogue.city import generate_city
    from aiyam.errors import Conflict
    from aiyam.store.columns import count_rows
    from aiyam.store.schema import shop

    settings = read_settings()
    with open_store(settings) as store:
        if count_rows(store, shop) and not replace:
            raise Conflict(
                "The store already holds a catalogue.", hint="Add --replace to put the synthetic city in its place."
            )
        with progress_bars() as report:
            outcome = generate_city(
                store,
                n_shops=shops,
                n_users=users,
                seed=settings.seed if seed is None else seed,
                truth_path=settings.truth_path,
                progress=lambda p: report("city", p),
            )
    echo_report(outcome)


@app.command("import")
def data_import(
    file: Annotated[Path, typer.Argument(help="A merchant list (CSV or JSON) or the service's workbook (xlsx).")],
    replace: Annotated[bool, typer.Option("--replace", help="Put it in place of the catalogue that is there.")] = False,
    rejects: Annotated[
        Path | None, typer.Option(help="Folder for the rejects file; default AIYAM_HOME/imports.")
    ] = None,
) -> None:
    """Import shops (and, from a workbook, menus, people and orders); unusable rows go to a rejects file."""
    from aiyam.catalogue.importing import import_file
    from aiyam.safety.privacy import mask

    settings = read_settings()
    with open_store(settings) as store, progress_bars() as report:
        outcome = import_file(
            store,
            file,
            replace=replace,
            rejects_dir=rejects or settings.home / "imports",
            mask=lambda text: mask(text).text,
            progress=lambda p: report("import", p),
        )
    echo_report(outcome)
    if outcome.flagged_venues:
        typer.echo(f"{outcome.flagged_venues:,} shops wait for a person's look: aiyam data review")


@app.command("review")
def data_review(
    approve: Annotated[str | None, typer.Option(help="Shop id that may be suggested.")] = None,
    block: Annotated[str | None, typer.Option(help="Shop id that must never be suggested.")] = None,
    who: Annotated[str, typer.Option(help="Who decides; stored with the decision.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    as_json: AsJson = False,
) -> None:
    """List shops that wait for a person's look (bars, doubtful venues), or decide on one."""
    from aiyam.store.catalogue_writes import decide_venue, shops_to_review

    with open_store(read_settings()) as store:
        for shop_id, venue in ((approve, "ok"), (block, "blocked")):
            if shop_id:
                if not who:
                    raise InvalidInput("A decision needs a name.", hint="Add --who NAME.")
                decide_venue(store, shop_id, venue, who=who)  # type: ignore[arg-type]
                typer.echo(f"{shop_id} is {'approved' if venue == 'ok' else 'blocked'}, decided by {who}.")
        if approve or block:
            return
        rows = shops_to_review(store, limit=limit)
    for row in rows:
        typer.echo(json.dumps(row, ensure_ascii=False) if as_json else "  ".join(row.values()))
    if not rows and not as_json:
        typer.echo("No shop waits.", err=True)


@app.command("export")
def data_export(
    out: Annotated[Path | None, typer.Option(help="Folder; default AIYAM_HOME/exports.")] = None,
    shops: Annotated[
        bool, typer.Option("--shops", help="Export shops and menus instead of turns and feedback.")
    ] = False,
) -> None:
    """Write conversations_*.jsonl and feedbacks_*.jsonl, or with --shops the catalogue."""
    settings = read_settings()
    folder = out or settings.home / "exports"
    with open_store(settings) as store:
        if shops:
            from aiyam.catalogue.exporting import export_catalogue

            written = export_catalogue(store, folder)
        else:
            from aiyam.feedback import export_records

            written = export_records(store, folder)
    for path, count in written.items():
        typer.echo(f"{path}: {count:,} rows")


def echo_report(report: ImportReport) -> None:
    """Print what an import or a generation did."""
    for name, value in report.model_dump(exclude_none=True).items():
        if value not in (0, "", 0.0):
            typer.echo(
                f"{name.replace('_', ' ')}: {value:,}"
                if isinstance(value, int)
                else f"{name.replace('_', ' ')}: {value}"
            )
