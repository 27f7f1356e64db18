"""Evaluating the whole system, one model of the understanding, the dialogue, or versions of the ranker."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from aiyam.cli.console import AsJson, open_store, progress_bars, read_settings
from aiyam.contracts import KST

app = typer.Typer(invoke_without_command=True)


@app.callback()
def evaluate(
    context: typer.Context,
    as_json: AsJson = False,
    turns: Annotated[int, typer.Option(min=10, help="Turns for latency, grounding and safety in use.")] = 200,
) -> None:
    """Evaluate the whole system on held-out data: understanding, ranking, replies, safety, latency."""
    if context.invoked_subcommand is not None:
        return
    from aiyam.evaluation.whole import evaluate_whole, table

    settings = read_settings()
    with progress_bars() as report:
        results = evaluate_whole(settings, n_turns=turns, progress=lambda p: report("evaluate", p))
    typer.echo(json.dumps(results, ensure_ascii=False, indent=2) if as_json else table(results))


@app.command("nlu")
def evaluate_nlu(
    context: typer.Context,
    model: Annotated[Path, typer.Option(help="Folder of a model of the understanding.")],
    data: Annotated[Path, typer.Option(help="Labelled rows (JSON or JSONL), as training reads them.")],
    against: Annotated[Path | None, typer.Option(help="Another model's folder: compare both on the same rows.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Score a model of the understanding on labelled rows, with intervals, tables, confusions and the worst rows."""
    as_json = as_json or bool(context.parent and context.parent.params["as_json"])
    from aiyam.evaluation.understanding import evaluate_folder
    from aiyam.evaluation.understanding_table import understanding_table

    with progress_bars() as report:
        result = evaluate_folder(model, data, against=against, seed=seed, progress=lambda p: report("nlu", p))
    typer.echo(json.dumps(result, ensure_ascii=False, indent=2) if as_json else understanding_table(result))


@app.command("rewriter")
def evaluate_rewriter_command(
    context: typer.Context,
    model: Annotated[Path | None, typer.Option(help="Folder of a trained rewriter; default: production.")] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            help="Pairs (JSON, JSONL or a folder); those trained on are left out.", show_default="the ones that ship"
        ),
    ] = None,
    table_only: Annotated[bool, typer.Option("--table-only", help="The same pairs, by the word table alone.")] = False,
    samples: Annotated[
        int, typer.Option(min=0, help="Write so many samples for a blind judgement, with their key.")
    ] = 0,
    page: Annotated[Path, typer.Option(help="Where the samples go (Markdown).")] = Path("rewriter_samples.md"),
    seed: Annotated[int, typer.Option(help="Seed of the samples.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Judge the child-friendly rewriter on held-out pairs: SARI, exact facts, how easy the words are for each age."""
    as_json = as_json or bool(context.parent and context.parent.params["as_json"])
    from aiyam.evaluation.rewriting import evaluate_version, rewriting_table, samples_page
    from aiyam.training.reply_pairs import read_pairs

    settings = read_settings()
    folder = model
    if folder is None:
        from aiyam.pipelines import version_folder

        with open_store(settings) as store:
            folder = version_folder(settings, store, "child", "production")
    words = settings.datasets_dir / "replies"
    pairs, _ = read_pairs(data or words)
    found = evaluate_version(folder, pairs, words, table_only=table_only)
    if samples:
        page.write_text(samples_page(found, samples, seed=seed), "utf-8")
        typer.echo(str(page), err=True)
    result = found.as_json()
    typer.echo(json.dumps(result, ensure_ascii=False, indent=2) if as_json else rewriting_table(result))


@app.command("dialogues")
def evaluate_dialogues_command(
    context: typer.Context,
    data: Annotated[
        Path | None,
        typer.Option(
            help="Scripted conversations: a JSONL file, or the folder that holds it.", show_default="the ones that ship"
        ),
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="Folder of a model of the understanding, beside gold readings.")
    ] = None,
    failures: Annotated[
        Literal["development", "held-out", "all"], typer.Option(help="Of which half the failures are listed.")
    ] = "development",
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Play scripted conversations: turns and conversations right, by phenomenon, with intervals and the failures."""
    as_json = as_json or bool(context.parent and context.parent.params["as_json"])
    from aiyam.evaluation.dialogue_report import dialogue_table, evaluate_dialogues

    data = data or read_settings().datasets_dir / "dialogues"
    with progress_bars() as report:
        result = evaluate_dialogues(data, model=model, listed=failures, seed=seed, progress=lambda p: report("dialogues", p))  # fmt: skip
    typer.echo(json.dumps(result, ensure_ascii=False, indent=2) if as_json else dialogue_table(result))


@app.command("sessions")
def evaluate_sessions_command(
    context: typer.Context,
    sessions: Annotated[int, typer.Option(min=1, help="How many are played.")] = 200,
    turns: Annotated[int, typer.Option(min=1, help="Messages in each.")] = 10,
    with_venues: Annotated[
        bool,
        typer.Option("--with-venues", help="In a copy of the home with bars, liked by many, and shops of odd names."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Play sessions through the whole pipeline: grounded in the rows, no adult place, nothing said twice. Exits with 1 if not safe."""
    as_json = as_json or bool(context.parent and context.parent.params["as_json"])
    from aiyam.evaluation.sessions import evaluate_sessions
    from aiyam.evaluation.whole import table

    with progress_bars() as report:
        found = evaluate_sessions(
            read_settings(),
            n_sessions=sessions,
            n_turns=turns,
            with_venues=with_venues,
            progress=lambda p: report("sessions", p),
        )
    result = found.as_json()
    typer.echo(json.dumps(result, ensure_ascii=False, indent=2) if as_json else table(result))
    if found.unsafe:
        raise typer.Exit(1)


@app.command("safety")
def evaluate_safety(
    context: typer.Context,
    data: Annotated[
        list[Path] | None,
        typer.Option(help="A file of cases; may be given several times.", show_default="the whole suite that ships"),
    ] = None,
    classifier: Annotated[
        Literal["production", "none"], typer.Option(help="The trained half of the screen, or the rules alone.")
    ] = "production",
    seed: Annotated[int, typer.Option(help="Seed of the generated cases.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Run the safety suite through the whole pipeline; ends with 1 where a target is missed."""
    as_json = as_json or bool(context.parent and context.parent.params["as_json"])
    from aiyam.evaluation.safety_run import run_suite, safety_table, suite
    from aiyam.pipeline import Pipeline
    from aiyam.safety.cases import read_cases

    settings = read_settings()
    given = [case for path in data or () for case in read_cases(path)]
    with open_store(settings) as store, progress_bars() as report:
        parts = Pipeline.load(settings, store).parts
        if classifier == "none":
            parts = replace(parts, screen=parts.screen.with_classifier(None))
        cases = given if data else suite(settings.datasets_dir / "safety", seed=seed)
        result = run_suite(Pipeline(parts), cases, progress=lambda p: report("safety", p))
    typer.echo(json.dumps(result, ensure_ascii=False, indent=2) if as_json else safety_table(result))
    if result["unmet"]:
        raise typer.Exit(1)


@app.command("ranker")
def evaluate_ranker(
    context: typer.Context,
    model: Annotated[
        list[Path] | None, typer.Option(help="Folder of a ranker, beside production; may be given several times.")
    ] = None,
    requests: Annotated[int, typer.Option(min=1, help="Most held-out requests.")] = 1000,
    test_users: Annotated[
        int | None, typer.Option("--test_users", "--test-users", min=1, help="Draw so many people; default: all.")
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="First day; default: the first that no version has seen."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draws and the bootstrap.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Compare rankers on requests none has seen: with each other, with popularity, with each funnel, by group."""
    as_json = as_json or bool(context.parent and context.parent.params["as_json"])
    from aiyam.evaluation.ranker_table import version_table
    from aiyam.evaluation.ranker_versions import compare_versions

    settings = read_settings()
    with open_store(settings) as store, progress_bars() as report:
        result = compare_versions(
            settings,
            store,
            model or (),
            since=None if since is None else int(since.replace(tzinfo=KST).timestamp()),
            max_requests=requests,
            max_users=test_users,
            seed=seed,
            progress=lambda p: report("ranker", p),
        )
    typer.echo(json.dumps(result, ensure_ascii=False, indent=2) if as_json else version_table(result))
