"""Dataset versions by hand: build, list, show, compare, export, trace, check."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aiyam.cli.console import AsJson, open_store, progress_bars, read_settings

if TYPE_CHECKING:
    from aiyam.label_contracts import DatasetVersion

app = typer.Typer(no_args_is_help=True, help="Build, compare, export and trace versions of the training data.")
Tag = Annotated[str, typer.Argument(help="A version, like nlu@v3 or nlu@latest.")]
Name = Annotated[str, typer.Argument(help="nlu, lora, child or ranker.")]


@app.command("build")
def dataset_build(
    name: Name,
    without_shipped: Annotated[
        bool, typer.Option("--without-shipped", help="Labels and turns alone, without the corpus that ships.")
    ] = False,
    seed: Annotated[int | None, typer.Option(min=0, help="Of rows that shipped templates give.")] = None,
    as_json: AsJson = False,
) -> None:
    """Build the next version from labels, turns and what ships; without changes none is made."""
    from datetime import datetime

    from aiyam.contracts import KST
    from aiyam.curation.building import build_version, guide_version

    settings = read_settings()
    with open_store(settings) as store, progress_bars() as report:
        built = build_version(
            store, settings.home, _name(name), datasets_dir=settings.datasets_dir, now=datetime.now(KST),
            seed=settings.seed if seed is None else seed, guide_version=guide_version(), shipped=not without_shipped,
            progress=lambda p: report(name, p),
        )  # fmt: skip
    if as_json:
        typer.echo(json.dumps({"made": built.made, **_plain(built.version)}, ensure_ascii=False))
        return
    if not built.made:
        typer.echo(f"Nothing has changed since {built.version.tag}; no version was made.")
        return
    _show(built.version)


@app.command("list")
def dataset_list(
    name: Annotated[str | None, typer.Argument(help="nlu, lora, child or ranker; default: all.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the versions, and what has come since the newest of each."""
    from aiyam.curation.building import new_since
    from aiyam.curation.versions import list_versions
    from aiyam.label_contracts import DATASET_NAMES

    settings = read_settings()
    wanted = None if name is None else _name(name)
    versions, damaged = list_versions(settings.home, wanted)
    with open_store(settings) as store:
        new = {one: new_since(store, settings.home, one) for one in DATASET_NAMES if wanted in (None, one)}
    if as_json:
        told = {one: {"labels": found.n_labels, "turns": found.n_turns} for one, found in new.items()}
        found = {"versions": [_plain(version) for version in versions], "new": told, "damaged": damaged}
        typer.echo(json.dumps(found, ensure_ascii=False))
        return
    for version in versions:
        mark = "  redacted" if version.redactions else ""
        typer.echo(
            f"{version.tag:<12}{version.created_at:%Y-%m-%d %H:%M}{version.n_train:>10,}{version.n_valid:>9,}"
            f"  {version.sha256[:12]}{mark}"
        )
    for one, since in new.items():
        tag = since.version.tag if since.version else "nothing built yet"
        if since.n_labels or since.n_turns:
            typer.echo(
                f"{one}: {since.n_labels:,} new labels and {since.n_turns:,} turns ({tag}): build {one}", err=True
            )
    for problem in damaged:
        typer.echo(problem, err=True)
    if not versions and not damaged:
        typer.echo("No version has been built: aiyam dataset build nlu.", err=True)


@app.command("show")
def dataset_show(tag: Tag, as_json: AsJson = False) -> None:
    """Show what a version is made of."""
    from aiyam.curation.versions import open_version

    version = open_version(read_settings().home, tag)
    if as_json:
        typer.echo(json.dumps(_plain(version), ensure_ascii=False))
    else:
        _show(version)


@app.command("diff")
def dataset_diff(
    before: Tag,
    after: Tag,
    rows: Annotated[int, typer.Option(min=0, help="Rows of each change to print.")] = 5,
    as_json: AsJson = False,
) -> None:
    """Compare two versions: rows added, removed, relabelled or moved, and the balance of classes."""
    from aiyam.curation.dataset_diff import diff_versions
    from aiyam.curation.versions import open_version

    home = read_settings().home
    found = diff_versions(home, open_version(home, before), open_version(home, after))
    changes: dict[str, list[Any]] = {
        "added": [one.row for one in found.added[:rows]],
        "removed": [one.row for one in found.removed[:rows]],
        "relabelled": [{"before": a.row, "after": b.row} for a, b in found.relabelled[:rows]],
    }
    if as_json:
        told = {"before": found.before, "after": found.after, "counts": found.counts(), "balance": found.balance}
        typer.echo(json.dumps({**told, "rows": changes}, ensure_ascii=False))
        return
    typer.echo(f"{found.before} → {found.after}: " + ", ".join(f"{what} {n:,}" for what, n in found.counts().items()))
    for name, (was, now) in found.balance.items():
        if was != now:
            typer.echo(f"  {name:<24}{was:>9,} → {now:>9,}  ({now - was:+,})")
    for what, some in changes.items():
        for row in some:
            typer.echo(f"  {what}: {json.dumps(row, ensure_ascii=False)}")


@app.command("export")
def dataset_export(
    tag: Tag,
    out: Annotated[Path, typer.Option("--out", "--output_dir", help="Folder for the files.")],
    form: Annotated[
        str, typer.Option("--format", help="json, jsonl, flat (datasets.load_dataset), label-studio.")
    ] = "jsonl",
    as_json: AsJson = False,
) -> None:
    """Write a version as files for others, one for each split."""
    from aiyam.curation.dataset_export import export_version
    from aiyam.curation.versions import open_version

    home = read_settings().home
    written = export_version(home, open_version(home, tag), out, form)  # type: ignore[arg-type]
    if as_json:
        typer.echo(json.dumps({str(path): n for path, n in written.items()}, ensure_ascii=False))
        return
    for path, n in written.items():
        typer.echo(f"{path}: {n:,} rows")


@app.command("lineage")
def dataset_lineage(
    target: Annotated[str, typer.Argument(help="A turn id, a version (nlu@v3) or a model (nlu/v7).")],
    as_json: AsJson = False,
) -> None:
    """Trace a turn to versions and models, or a version or model to its turns."""
    from dataclasses import asdict

    from aiyam.curation.lineage import lineage_of_model, lineage_of_turn, models_trained_on
    from aiyam.curation.versions import open_version
    from aiyam.store.dataset_origins import turns_of_version

    settings = read_settings()
    with open_store(settings) as store:
        if "/" in target:
            model = lineage_of_model(settings.home, settings.models_dir, target)
            turns: list[str] = list(model.turn_ids)
            found: dict[str, Any] = {
                "model": model.model, "dataset": model.dataset.tag, "same_rows": model.same_rows, "turns": turns,
                "tasks": list(model.task_keys),
            }  # fmt: skip
        elif "@" in target:
            version = open_version(settings.home, target)
            turns = sorted(turns_of_version(store, version.name, version.version))
            models = models_trained_on(settings.home, settings.models_dir, [version.tag])
            found = {"dataset": version.tag, "turns": turns, "models": [asdict(one) for one in models]}
        else:
            turn = lineage_of_turn(store, settings.home, settings.models_dir, target)
            found = {
                "turn": target,
                "rows": [asdict(one) for one in turn.rows],
                "models": [asdict(m) for m in turn.models],
            }
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False))
        return
    for key, value in found.items():
        if isinstance(value, list):
            typer.echo(f"{key}: {len(value):,}")
            for one in value[:20]:
                typer.echo("  " + (one if isinstance(one, str) else _line(one)))
        else:
            typer.echo(f"{key}: {value}")


@app.command("verify")
def dataset_verify(
    tag: Annotated[str | None, typer.Argument(help="A version; default: all.")] = None, as_json: AsJson = False
) -> None:
    """Check the files of versions against their manifests; exits with 1 when something is wrong."""
    from aiyam.curation.versions import list_versions, open_version, verify

    home = read_settings().home
    versions, damaged = ([open_version(home, tag)], []) if tag is not None else list_versions(home)
    found = {version.tag: verify(home, version) for version in versions}
    wrong = any(found.values()) or bool(damaged)
    if as_json:
        typer.echo(json.dumps({"versions": found, "damaged": damaged}, ensure_ascii=False))
    else:
        for name, problems in found.items():
            typer.echo(f"{name}: {'; '.join(problems) or 'ok'}")
        for problem in damaged:
            typer.echo(problem, err=True)
    raise typer.Exit(1 if wrong else 0)


def _name(name: str) -> Any:
    from aiyam.errors import InvalidInput
    from aiyam.label_contracts import DATASET_NAMES

    if name not in DATASET_NAMES:
        raise InvalidInput(f"Expected one of {', '.join(DATASET_NAMES)}, got {name!r}.")
    return name


def _plain(version: DatasetVersion) -> dict[str, Any]:
    return {"tag": version.tag, **version.model_dump(mode="json")}


def _show(version: DatasetVersion) -> None:
    from aiyam.curation.versions import card_of

    typer.echo(card_of(version).split("---\n", 2)[2].rstrip())


def _line(one: dict[str, Any]) -> str:
    return "  ".join(f"{key} {value}" for key, value in one.items() if value)
