"""What annotators are asked: views of what went wrong, previews, batches drawn by a recipe, taken back."""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aiyam.cli.console import AsJson, open_store, printable, read_settings
from aiyam.contracts import KST, Intent
from aiyam.errors import InvalidInput
from aiyam.label_contracts import LABEL_KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aiyam.curation.previews import Preview
    from aiyam.store import Store

app = typer.Typer(no_args_is_help=True, help="Choose what annotators are asked about.")

ViewName = Annotated[str, typer.Option("--view", help="A view; `aiyam annotate views` lists them.")]
Search = Annotated[str, typer.Option(help="Words that must all stand in the message or the reply.")]
IntentName = Annotated[str | None, typer.Option("--intent", help="Only this intent, as it was understood.")]
Since = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First day.")]
Until = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last day, included.")]
Synthetic = Annotated[bool | None, typer.Option("--synthetic/--real", help="Only turns over synthetic data, or none.")]
Kind = Annotated[str, typer.Option(help=f"What is asked: {', '.join(LABEL_KINDS)}.")]
Everything = Annotated[bool, typer.Option("--everything", help="Take every turn of the view; no mix.")]
Size = Annotated[int, typer.Option(help="How many turns.")]
ThumbsDown = Annotated[float, typer.Option(help="Share of bad ratings, their reasons in turn.")]
LowConfidence = Annotated[float, typer.Option(help="Share of the least sure.")]
Balanced = Annotated[float, typer.Option(help="Share with the intents in turn.")]
Random = Annotated[float, typer.Option("--random", help="Share drawn blindly, at least 0.1.")]
Reasons = Annotated[list[str] | None, typer.Option("--reason", help="Only bad ratings with this reason; repeatable.")]
MostAlike = Annotated[float, typer.Option(help="Two texts more alike than this count as one (0.5 to 1).")]
Double = Annotated[float, typer.Option(help="Share that two annotators label.")]
WithSafety = Annotated[bool, typer.Option("--with-safety", help="Escalated turns too.")]
Seed = Annotated[int | None, typer.Option(help="Of the draw; default: AIYAM_SEED.")]
By = Annotated[str, typer.Option("--by", help="Who does it.")]


@app.command("views")
def views_command(
    view: Annotated[str | None, typer.Argument(help="List the turns of this view instead.")] = None,
    search: Search = "",
    intent: IntentName = None,
    since: Since = None,
    until: Until = None,
    synthetic: Synthetic = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 20,
    seed: Seed = None,
    save: Annotated[str, typer.Option(help="Keep the view, narrowed as given, under this name.")] = "",
    delete: Annotated[str, typer.Option(help="Delete the saved view of this name.")] = "",
    by: By = "command line",
    as_json: AsJson = False,
) -> None:
    """List the views with their number of turns, or the turns of one; save or delete one of your own."""
    from aiyam.curation import views
    from aiyam.store.turn_views import delete_view

    settings = read_settings()
    with open_store(settings) as store:
        if delete:
            delete_view(store, delete)
            return
        conditions = views.narrowed(
            views.conditions_of(store, view or "all"), search=search, intent=_intent(intent), since=_day(since),
            until=_day(until), synthetic=synthetic,
        )  # fmt: skip
        if save:
            views.save_view(store, save, conditions, created_by=by, now=datetime.now(KST))
            return
        if view is None:
            counts = views.count_views(store)
            lines = [f"{name:<24}{n:>10,}" for name, n in counts.items()]
            typer.echo(json.dumps(counts, ensure_ascii=False) if as_json else "\n".join(lines))
            return
        drawn_by = settings.seed if seed is None else seed
        rows = views.turns_of(store, conditions, shuffled=view == "random", seed=drawn_by, limit=limit)
    for row in rows:
        shown = {
            "turn_id": row.turn_id, "at": row.created_at.isoformat(), "intent": row.intent, "confidence": row.confidence,
            "text": row.user_input, "response": row.response, "score": row.best_score,
        }  # fmt: skip
        typer.echo(
            json.dumps(shown, ensure_ascii=False)
            if as_json
            else f"{row.created_at:%Y-%m-%d %H:%M}  {row.intent}  {row.confidence:.2f}  {row.turn_id}  {printable(row.user_input)}"
        )
    if not rows and not as_json:
        typer.echo("No turn is in this view.", err=True)


@app.command("preview")
def preview_command(
    kind: Kind = "understanding",
    view: ViewName = "all",
    search: Search = "",
    intent: IntentName = None,
    since: Since = None,
    until: Until = None,
    synthetic: Synthetic = None,
    everything: Everything = False,
    size: Size = 100,
    thumbs_down: ThumbsDown = 0.3,
    low_confidence: LowConfidence = 0.3,
    balanced: Balanced = 0.2,
    random: Random = 0.2,
    reason: Reasons = None,
    most_alike: MostAlike = 0.8,
    double: Double = 0.1,
    with_safety: WithSafety = False,
    seed: Seed = None,
    show: Annotated[int, typer.Option(min=0, help="How many tasks to show.")] = 5,
    as_json: AsJson = False,
) -> None:
    """Draw tasks by a recipe and show them, masked, with what was passed over; nothing is sent."""
    given = dict(locals())
    with _drawn(given) as (_, preview):
        _print_preview(preview, show=show, as_json=as_json)


@app.command("sample")
def sample_command(
    preview_id: Annotated[str | None, typer.Argument(help="Send this preview, exactly as it was shown.")] = None,
    kind: Kind = "understanding",
    view: ViewName = "all",
    search: Search = "",
    intent: IntentName = None,
    since: Since = None,
    until: Until = None,
    synthetic: Synthetic = None,
    everything: Everything = False,
    size: Size = 100,
    thumbs_down: ThumbsDown = 0.3,
    low_confidence: LowConfidence = 0.3,
    balanced: Balanced = 0.2,
    random: Random = 0.2,
    reason: Reasons = None,
    most_alike: MostAlike = 0.8,
    double: Double = 0.1,
    with_safety: WithSafety = False,
    seed: Seed = None,
    by: By = "command line",
    as_json: AsJson = False,
) -> None:
    """Queue a preview for labelling, or draw by a recipe and queue that at once."""
    from dataclasses import asdict

    from aiyam.curation.batches import make_batch

    given = dict(locals())
    if preview_id is not None:
        with open_store(read_settings()) as store:
            made = make_batch(store, preview_id, created_by=by, now=datetime.now(KST))
    else:
        with _drawn(given) as (store, preview):
            if not preview.tasks:
                raise InvalidInput(
                    f"No task came of {preview.counts['matched']:,} turns: {_passed(preview.counts)}.",
                    hint="Widen the view, or see `aiyam annotate preview`.",
                )
            made = make_batch(store, preview.preview_id, created_by=by, now=datetime.now(KST))
    if as_json:
        typer.echo(json.dumps(asdict(made), ensure_ascii=False))
        return
    typer.echo(f"{made.batch_id}: {made.n_tasks:,} {made.kind} tasks queued; `aiyam annotate push` sends them.")
    if made.n_gone or made.n_asked_since:
        typer.echo(
            f"Since the preview {made.n_gone} turns were erased and {made.n_asked_since} asked about; they are left out."
        )


@app.command("batches")
def batches_command(
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 20,
    as_json: AsJson = False,
) -> None:
    """List the batches, newest first, with where their tasks are."""
    from dataclasses import asdict

    from aiyam.store.labels import list_batches

    with open_store(read_settings()) as store:
        found = list_batches(store, limit=limit)
    for batch in found:
        states = ", ".join(f"{n:,} {state}" for state, n in sorted(batch.n_by_state.items()))
        row = {**asdict(batch), "created_at": batch.created_at.isoformat()}
        typer.echo(
            json.dumps(row, ensure_ascii=False)
            if as_json
            else f"{batch.created_at:%Y-%m-%d %H:%M}  {batch.batch_id}  {batch.kind}  {states}  ({batch.created_by})"
        )
    if not found and not as_json:
        typer.echo("No batch was made yet.", err=True)


@app.command("undo")
def undo_command(
    batch_id: Annotated[str, typer.Argument(help="The batch; `aiyam annotate batches` lists them.")],
    as_json: AsJson = False,
) -> None:
    """Take a batch back, but for what is answered already; its turns can be asked about again."""
    from dataclasses import asdict

    from aiyam.curation.batches import undo_batch

    with open_store(read_settings()) as store:
        undone = undo_batch(store, batch_id)
    stays = f"; {undone.n_answered:,} answered ones stay" if undone.n_answered else ""
    typer.echo(json.dumps(asdict(undone)) if as_json else f"{batch_id}: {undone.n_withdrawn:,} tasks withdrawn{stays}.")


@contextmanager
def _drawn(given: dict[str, Any]) -> Iterator[tuple[Store, Preview]]:
    """Give the store and the preview of a command's options."""
    from aiyam.curation.previews import make_preview
    from aiyam.curation.recipes import make_recipe
    from aiyam.curation.views import conditions_of, narrowed
    from aiyam.parts import load_rewriter
    from aiyam.pipeline import Pipeline

    settings = read_settings()
    with open_store(settings) as store:
        conditions = narrowed(
            conditions_of(store, given["view"]), search=given["search"], intent=_intent(given["intent"]),
            since=_day(given["since"]), until=_day(given["until"]), synthetic=given["synthetic"],
        )  # fmt: skip
        same = ("kind", "size", "view", "thumbs_down", "low_confidence", "balanced", "random", "most_alike", "double", "with_safety")  # fmt: skip
        recipe = make_recipe(
            **{name: given[name] for name in same}, take="everything" if given["everything"] else "mix",
            conditions=conditions, reasons=tuple(given["reason"] or ()),
            seed=settings.seed if given["seed"] is None else given["seed"],
        )  # fmt: skip
        preview = make_preview(
            store, recipe, now=datetime.now(KST),
            rewriter=load_rewriter(settings, store) if recipe.kind == "rewrite" else None,
            pipeline=Pipeline.load(settings, store) if recipe.kind == "compare" else None,
        )  # fmt: skip
        yield store, preview


def _print_preview(preview: Preview, *, show: int, as_json: bool) -> None:
    sample = [task.data for task in preview.tasks[:show]]
    if as_json:
        row = {"preview_id": preview.preview_id, "counts": preview.counts, "sample": sample}
        typer.echo(json.dumps(row, ensure_ascii=False))
        return
    counts = preview.counts
    typer.echo(f"{counts['matched']:,} turns match; {_passed(counts) or 'none passed over'}.")
    taken = ", ".join(f"{n:,} {name.removeprefix('taken_')}" for name, n in counts.items() if name.startswith("taken_"))
    typer.echo(f"{counts['tasks']:,} {preview.recipe.kind} tasks ({taken}); {counts['double']:,} for two annotators.")
    for data in sample:
        typer.echo(f"  {printable(str(data.get('text') or data.get('answer')))}")
    if preview.tasks:
        typer.echo(f"Send exactly these: aiyam annotate sample {preview.preview_id}")


def _passed(counts: dict[str, int]) -> str:
    own = {"matched", "tasks", "double", "filled"}
    passed = {name: n for name, n in counts.items() if n and name not in own and not name.startswith("taken_")}
    return ", ".join(f"{n:,} {name.replace('_', ' ')}" for name, n in passed.items())


def _intent(name: str | None) -> str | None:
    if name is not None and name not in set(Intent):
        raise InvalidInput(f"--intent: expected one of {', '.join(Intent)}, got {name!r}.")
    return name


def _day(moment: datetime | None) -> Any:
    return None if moment is None else moment.date()
