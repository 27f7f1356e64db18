"""Starting the product: the demo, what a first start prepares, the servers."""

from __future__ import annotations

from typing import Annotated

import typer

from aiyam.cli.console import progress_bars, read_settings
from aiyam.settings import Settings

app = typer.Typer()


@app.command()
def demo(
    shops: Annotated[
        int, typer.Option(min=50, max=1_000_000, help="Shops of the sample city, if it is made now.")
    ] = 3000,
    users: Annotated[int, typer.Option(min=50, max=100_000, help="People of the sample city.")] = 2000,
) -> None:
    """Prepare what is missing, then start chat, API and dashboard on loopback and print their addresses."""
    from apps.demo import run_demo

    settings = read_settings()
    prepare(settings, shops=shops, users=users)
    raise typer.Exit(run_demo(settings))


@app.command("prepare")
def prepare_home(
    shops: Annotated[int, typer.Option(min=50, max=1_000_000)] = 3000,
    users: Annotated[int, typer.Option(min=50, max=100_000)] = 2000,
) -> None:
    """Make the sample city and the first models where they are missing, and start nothing."""
    prepare(read_settings(), shops=shops, users=users)


@app.command()
def serve(
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to bind to.")] = None,
) -> None:
    """Start the API and the chat in one process."""
    from apps.api.serve import serve as serve_api

    changes = {k: v for k, v in {"api_port": port, "host": host}.items() if v is not None}
    serve_api(read_settings().model_copy(update=changes))


def prepare(settings: Settings, *, shops: int, users: int) -> None:
    """Run ``pipelines.first_run`` under progress bars, and nothing when everything is there."""
    from aiyam.pipelines import first_run, missing

    settings.home.mkdir(parents=True, exist_ok=True)
    lacking = missing(settings)
    if not lacking:
        return
    typer.echo(f"First run: preparing {', '.join(lacking)} in {settings.home} …")
    with progress_bars() as report:
        first_run(settings, report, n_shops=shops, n_users=users)
