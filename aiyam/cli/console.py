"""What every command shares: settings, the store, progress bars, options checked against a contract."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aiyam.errors import InvalidInput
from aiyam.settings import Settings

if TYPE_CHECKING:
    from aiyam.contracts import Progress
    from aiyam.store import Store

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


def read_settings() -> Settings:
    """Read the settings from the environment; a wrong one is an InvalidInput that names its variable."""
    from pydantic import ValidationError

    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        raise InvalidInput(
            f"AIYAM_{name}: {first['msg']} (got {first['input']!r}).", hint="Correct or unset it."
        ) from None


@contextmanager
def open_store(settings: Settings) -> Iterator[Store]:
    """Open the store of a home and close it at the end."""
    from aiyam.store import Store

    settings.home.mkdir(parents=True, exist_ok=True)
    store = Store.open(settings.url)
    try:
        yield store
    finally:
        store.close()


def printable(text: str) -> str:
    """One line of text in which no character steers the terminal it is shown on."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in " ".join(text.split()))


def parse(model: type[Any], given: dict[str, Any]) -> Any:
    """Validate options against a contract; a wrong one is an InvalidInput that names it."""
    from pydantic import ValidationError

    try:
        return model(**given)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(p) for p in first["loc"])
        raise InvalidInput(f"--{name}: {first['msg']} (got {first['input']!r}).") from None


@contextmanager
def progress_bars() -> Iterator[Callable[[str, Progress], None]]:
    """Show one bar a task in a terminal, and one line a finished stage elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    console = Console(stderr=True)
    tasks: dict[str, Any] = {}
    stages: dict[str, str] = {}
    with Bars(
        TextColumn("{task.description:<8}"), BarColumn(), TextColumn("{task.percentage:>3.0f}% {task.fields[stage]}"),
        TimeElapsedColumn(), console=console, disable=not console.is_terminal,
    ) as bars:  # fmt: skip

        def report(task: str, progress: Progress) -> None:
            words = f"{progress.stage} {progress.message}".strip()
            if not console.is_terminal:
                if stages.get(task) != progress.stage or progress.fraction >= 1:
                    stages[task] = progress.stage
                    typer.echo(f"{task}: {words} ({progress.fraction:.0%})", err=True)
                return
            if task not in tasks:
                tasks[task] = bars.add_task(task, total=1.0, stage=words)
            bars.update(tasks[task], completed=progress.fraction, stage=words)

        yield report
