"""Shops, people and what they did: generate, import, review, export."""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aiyam.cli.console import AsJson, open_store, progress_bars, read_settings
from aiyam.contracts import KST
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


@app.command("training-table")
def data_training_table(
    out: Annotated[
        Path, typer.Option(help="FILE.csv or FILE.parquet; gives FILE.train, FILE.valid, FILE.report.json.")
    ],
    min_interactions: Annotated[
        int, typer.Option("--min_interactions", "--min-interactions", min=0, help="Earlier events a person must have.")
    ] = 5,
    negatives: Annotated[int, typer.Option(min=1, max=150, help="Most rows not chosen for each one chosen.")] = 2,
    since: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First day, Korean time.")] = None,
    until: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Day after the last one.")] = None,
    max_requests: Annotated[
        int | None, typer.Option("--max_requests", "--max-requests", min=1, help="Draw so many; default: all.")
    ] = None,
    refresh_days: Annotated[
        int, typer.Option("--refresh_days", "--refresh-days", min=1, help="Days a layer 1 serves before it is rebuilt.")
    ] = 7,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; default: one a core.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of every draw.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write the ranker's training table from orders, favourites, reviews and chat feedback, with a report beside it."""
    from aiyam.parts import production_folder
    from aiyam.training.asks import TableOptions
    from aiyam.training.full_table import paths_of, write_training_table

    settings = read_settings()
    options = TableOptions(
        seed=settings.seed if seed is None else seed,
        min_interactions=min_interactions,
        negatives=negatives,
        refresh_days=refresh_days,
        since=None if since is None else int(since.replace(tzinfo=KST).timestamp()),
        until=None if until is None else int(until.replace(tzinfo=KST).timestamp()),
        max_requests=max_requests,
    )
    with open_store(settings) as store, progress_bars() as report:
        written = write_training_table(
            store,
            out,
            encoder_dir=production_folder(settings, store, "content"),
            options=options,
            now=datetime.now(KST),
            rules_dir=settings.datasets_dir / "candidates",
            n_workers=workers or len(os.sched_getaffinity(0)),
            progress=lambda p: report("table", p),
        )
    if as_json:
        typer.echo(json.dumps(written, ensure_ascii=False, indent=2))
        return
    for path, side in zip(paths_of(out), ("train", "valid"), strict=False):
        counts = written["parts"][side]
        typer.echo(f"{path}: {counts['rows']:,} rows, {counts['positives']:,} chosen")
    typer.echo(f"split at {written['split_date']}; {written['people']:,} people, {written['shops']:,} shops")
    for reason, count in written["skipped"].items():
        typer.echo(f"left out, {reason}: {count:,}")


@app.command("lora-sample")
def data_lora_sample(
    out: Annotated[Path, typer.Option(help="JSON Lines file to write.")],
    rows: Annotated[int, typer.Option(min=2, max=5000, help="How many rows.")] = 120,
) -> None:
    """Write rows to try `aiyam train lora` with: turns of this home, worded by the templates."""
    from aiyam.pipelines import reply_plans
    from aiyam.training.lora_sample import rows_of, write_rows

    settings = read_settings()
    with open_store(settings) as store:
        texts = settings.datasets_dir / "nlu" / "handwritten.jsonl"
        replier, plans = reply_plans(settings, store, texts, n_turns=3 * rows)
    typer.echo(f"{out}: {write_rows(rows_of(plans, replier, n_rows=rows), out):,} rows")


def echo_report(report: ImportReport) -> None:
    """Print what an import or a generation did."""
    for name, value in report.model_dump(exclude_none=True).items():
        if value not in (0, "", 0.0):
            typer.echo(
                f"{name.replace('_', ' ')}: {value:,}"
                if isinstance(value, int)
                else f"{name.replace('_', ' ')}: {value}"
            )
