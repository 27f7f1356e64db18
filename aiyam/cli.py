"""The ``aiyam`` command line: parse, call, print; no logic."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aiyam.errors import AiyamError, InvalidInput
from aiyam.settings import Settings

if TYPE_CHECKING:
    from aiyam.assistant import Assistant
    from aiyam.contracts import ImportReport, Progress, Trace
    from aiyam.store import Store

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="aiyam: the workbench around a Korean food-recommendation chatbot for children who hold a meal card.",
)
data_app = typer.Typer(no_args_is_help=True, help="Make, import and export shops, people and what they did.")
db_app = typer.Typer(no_args_is_help=True, help="Look into the store, search it, back it up.")
train_app = typer.Typer(no_args_is_help=True, help="Train a component into a new sealed version.")
app.add_typer(data_app, name="data")
app.add_typer(db_app, name="db")
app.add_typer(train_app, name="train")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


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


# --------------------------------------------------------------------------- run


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


@app.command()
def chat(
    once: Annotated[str | None, typer.Option("--once", help="Answer this one message and end.")] = None,
    user: Annotated[str, typer.Option(help="User id; an unknown one is a new user.")] = "guest",
    session: Annotated[str | None, typer.Option(help="Go on with this session.")] = None,
    now: Annotated[str | None, typer.Option(help="Time of the turn, e.g. 2026-03-02T18:30:00+09:00.")] = None,
    district: Annotated[str | None, typer.Option(help="Where the person is, e.g. 관악구.")] = None,
    as_json: AsJson = False,
) -> None:
    """Talk to the assistant in the terminal; ``--once … --json`` prints the whole trace."""
    from aiyam.contracts import USER_ID_PATTERN, ChatContext

    for name, value in (("--user", user), ("--session", session)):
        if value is not None and not re.fullmatch(USER_ID_PATTERN, value):
            raise InvalidInput(f"{name}: expected 1 to 64 letters, digits, '_', '.', ':' or '-', got {value!r}.")
    given = {k: v for k, v in {"now": now, "district": district}.items() if v is not None}
    context = parse(ChatContext, given) if given else None
    assistant = load_assistant()
    if once is not None:
        trace = assistant.respond(user, once, session_id=session, context=context)
        typer.echo(trace.model_dump_json(indent=2) if as_json else text_of(trace))
        return
    typer.echo("나비얌이에요. 저는 사람이 아니라 AI예요. 무엇을 먹고 싶은지 말해 주세요. (끝내려면 Ctrl-D)")
    for message in lines("> "):
        try:
            trace = assistant.respond(user, message, session_id=session, context=context)
        except InvalidInput as error:
            typer.echo(f"({error})", err=True)
            continue
        session = trace.session_id
        typer.echo(trace.model_dump_json() if as_json else text_of(trace))


@app.command()
def understand() -> None:
    """Read one utterance a line on stdin; write one Understanding a line on stdout, as JSON."""
    from aiyam.parts import load_understander

    settings = read_settings()
    with open_store(settings) as store:
        understander = load_understander(settings, store)
    for line in sys.stdin:
        said = understander.understand(line.rstrip("\r\n"))
        row = {
            "text": said.original_query,
            "intent": said.intent,
            "confidence": round(said.confidence, 4),
            "entities": [e.model_dump(mode="json") for e in said.entities],
            "semantic_query": said.semantic_query,
            "filters": said.filters.given(),
        }
        sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")
        sys.stdout.flush()


# --------------------------------------------------------------------------- data


@data_app.command("generate")
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


@data_app.command("import")
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


@data_app.command("review")
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


@data_app.command("export")
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


# --------------------------------------------------------------------------- db


@db_app.command("tables")
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


@db_app.command("search")
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
            else "  ".join(" ".join(str(value).split()) for value in row.values())
        )
    if not hits and not as_json:
        typer.echo(f"Nothing contains {text!r}.", err=True)


@db_app.command("backup")
def db_backup(file: Annotated[Path, typer.Argument(help="Where the copy goes; must not exist yet.")]) -> None:
    """Write a consistent, verified copy of the store while it is in use."""
    from aiyam.store.maintenance import backup

    with open_store(read_settings()) as store:
        backup(store, file)
    typer.echo(f"{file}: {file.stat().st_size:,} bytes")


@db_app.command("vacuum")
def db_vacuum() -> None:
    """Give unused space back to the disk."""
    from aiyam.store.maintenance import vacuum

    with open_store(read_settings()) as store:
        vacuum(store)


@db_app.command("check")
def db_check() -> None:
    """Check the store's integrity; exits with 1 when something is wrong."""
    from aiyam.store.maintenance import check

    with open_store(read_settings()) as store:
        problems = check(store)
    for problem in problems:
        typer.echo(problem, err=True)
    typer.echo("ok" if not problems else f"{len(problems)} problems")
    raise typer.Exit(1 if problems else 0)


# --------------------------------------------------------------------------- train, evaluate


def _train(component: str, **options: Any) -> None:
    from aiyam.pipelines import train_component

    settings = read_settings()
    with open_store(settings) as store, progress_bars() as report:
        version = train_component(
            settings, store, component, lambda p: report(component, p),
            who="aiyam train", why="trained from the command line", **options,
        )  # fmt: skip
    typer.echo(f"{component}/{version} is production now; a running server takes it over by itself.")


@train_app.command("nlu")
def train_nlu(
    data: Annotated[
        Path | None, typer.Option("--data", "--training_data", help="Training rows (JSON or JSONL).")
    ] = None,
    dev: Annotated[Path | None, typer.Option(help="Rows to tune on; default: a part of the training rows.")] = None,
    out: Annotated[Path | None, typer.Option("--out", "--output_dir", help="Write there and promote nothing.")] = None,
    epochs: Annotated[int, typer.Option(min=1)] = 10,
    seed: Annotated[int | None, typer.Option()] = None,
) -> None:
    """Train understanding; without options on the shipped corpus, and the new version becomes production."""
    settings = read_settings()
    if out is None:
        _train("nlu", data=data, dev=dev, epochs=epochs, **({} if seed is None else {"seed": seed}))
        return
    from aiyam.training.nlu import train_nlu as train

    with progress_bars() as report:
        train(
            data or settings.datasets_dir / "nlu", out, dev=dev, epochs=epochs,
            seed=settings.seed if seed is None else seed, progress=lambda p: report("nlu", p),
        )  # fmt: skip
    typer.echo(str(out))


@train_app.command("content")
def train_content() -> None:
    """Train the text encoder of the content funnel on the catalogue in the store."""
    _train("content")


@train_app.command("ranker")
def train_ranker(
    epochs: Annotated[int, typer.Option(min=1)] = 10,
    batch_size: Annotated[int | None, typer.Option("--batch-size", "--batch_size", min=1)] = None,
    learning_rate: Annotated[float | None, typer.Option("--learning-rate", "--learning_rate")] = None,
) -> None:
    """Train the Wide & Deep ranker on the logged impressions in the store."""
    given = {"batch_size": batch_size, "learning_rate": learning_rate}
    _train("ranker", epochs=epochs, **{k: v for k, v in given.items() if v is not None})


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


# --------------------------------------------------------------------------- shared by the commands


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


def load_assistant() -> Assistant:
    """Load the assistant of the home named by the environment."""
    from aiyam.assistant import Assistant

    return Assistant.load(read_settings())


def parse(model: type[Any], given: dict[str, Any]) -> Any:
    """Validate options against a contract; a wrong one is an InvalidInput that names it."""
    from pydantic import ValidationError

    try:
        return model(**given)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(p) for p in first["loc"])
        raise InvalidInput(f"--{name}: {first['msg']} (got {first['input']!r}).") from None


def lines(prompt: str) -> Iterator[str]:
    """Yield non-empty lines from the terminal until it ends."""
    while True:
        try:
            line = input(prompt if sys.stdin.isatty() else "")
        except (EOFError, KeyboardInterrupt):
            return
        if line.strip():
            yield line


def text_of(trace: Trace) -> str:
    """Return a trace as terminal text: the reply, then a line for each card with what is known of it."""
    from aiyam.reply.markdown import unescape

    rows = []
    for card in trace.recommendations:
        price = f"{card.price_won:,}원" if card.price_won is not None else ""
        distance = f"{card.distance_m:,} m" if card.distance_m is not None else ""
        dish = f"{card.menu or ''} {price}".strip()
        facts = (card.name, card.category, dish, distance, card.reason, card.allergy_note)
        rows.append(f"  {card.rank}. " + " · ".join(fact for fact in facts if fact))
    return "\n".join([unescape(trace.response), *rows])


def echo_report(report: ImportReport) -> None:
    """Print what an import or a generation did."""
    for name, value in report.model_dump(exclude_none=True).items():
        if value not in (0, "", 0.0):
            typer.echo(
                f"{name.replace('_', ' ')}: {value:,}"
                if isinstance(value, int)
                else f"{name.replace('_', ' ')}: {value}"
            )


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


if __name__ == "__main__":
    main()
