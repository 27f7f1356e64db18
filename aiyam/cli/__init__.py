"""The ``aiyam`` command line, a file a group of commands: parse, call, print; no logic."""

from __future__ import annotations

import os
import sys

import typer

from aiyam.cli import annotate, annotate_server, data, dataset, db, evaluate, privacy, start, talk, train
from aiyam.errors import AiyamError

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="aiyam: the workbench around a Korean food-recommendation chatbot for children who hold a meal card.",
)
app.add_typer(start.app)
app.add_typer(talk.app)
app.add_typer(data.app, name="data")
app.add_typer(db.app, name="db")
annotate.app.add_typer(annotate_server.app)
app.add_typer(annotate.app, name="annotate")
app.add_typer(train.app, name="train")
app.add_typer(evaluate.app, name="evaluate")
app.add_typer(dataset.app, name="dataset")
app.add_typer(privacy.app, name="privacy")


def main() -> None:
    """Run the command line; an expected error prints what to do and exits with 2."""
    try:
        app()
    except AiyamError as error:
        typer.echo(f"aiyam: {error}", err=True)
        raise SystemExit(2) from None
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    except OSError as error:
        what = error.strerror or str(error)
        typer.echo(
            f"aiyam: {error.filename or 'The system'}: {what}. Check the path, its rights and the space left.", err=True
        )
        raise SystemExit(2) from None
