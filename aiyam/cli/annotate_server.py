"""Labelling with Label Studio: send what waits, read answers, keep both in step, answer with suggestions."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aiyam.cli.console import AsJson, open_store, read_settings

if TYPE_CHECKING:
    from aiyam.nlu.understander import Understander
    from aiyam.settings import Settings
    from aiyam.store import Store

app = typer.Typer(no_args_is_help=True, help="Label turns with people: send them to Label Studio and read the answers.")

_KINDS = {"understanding": "이해", "rewrite": "고쳐 쓰기", "compare": "견주기"}


@app.command("push")
def push_tasks(
    as_json: AsJson = False,
    wait_s: Annotated[float, typer.Option(min=0, help="How long to wait for a server that does not answer.")] = 60.0,
) -> None:
    """Send the tasks that wait; what is there already is not sent again."""
    from aiyam.assistant import kst_now
    from annotation.push import Patience, push
    from annotation.server import connect

    settings = read_settings()
    with open_store(settings) as store, connect(settings) as studio:
        studio.check()
        done = push(store, studio, clock=kst_now, patience=Patience(wait_s))
    if as_json:
        _print(done)
        return
    for one in done:
        typer.echo(f"{_KINDS[one.kind]}: 보냄 {one.n_sent}, 이미 있음 {one.n_there}, 지움 {one.n_deleted}")
        for key, why in one.refused.items():
            typer.echo(f"  {key}: {why}", err=True)


@app.command("pull")
def pull_answers(
    as_json: AsJson = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Read everything again and follow what was deleted there.")
    ] = False,
) -> None:
    """Read what annotators answered since the last time."""
    from aiyam.assistant import kst_now
    from annotation.pull import pull
    from annotation.server import connect

    settings = read_settings()
    with open_store(settings) as store, connect(settings) as studio:
        studio.check()
        done = pull(store, studio, clock=kst_now, everything=everything)
    if as_json:
        _print(done)
        return
    for one in done:
        typer.echo(_pulled_line(one))


def _pulled_line(one: Any) -> str:
    return (
        f"{_KINDS[one.kind]}: 새로 읽거나 바뀐 답 {one.n_changed}, 지워진 답 {one.n_deleted}, "
        f"쓸 수 없는 답 {one.n_with_problems}, 사라진 일감 {one.n_gone}"
    )


@app.command("status")
def show_status(as_json: AsJson = False) -> None:
    """Show how many tasks wait, were sent and were answered, and whether the server answers."""
    from aiyam.errors import NotReady
    from annotation.server import connect
    from annotation.status import status

    settings = read_settings()
    try:
        studio = connect(settings)
    except NotReady:
        studio = None
    with open_store(settings) as store:
        found = status(store, studio, settings.label_studio_url)
    if studio is not None:
        studio.close()
    if as_json:
        typer.echo(found.model_dump_json())
        return
    typer.echo(f"Label Studio {found.server}: {'답함' if found.reachable else '답하지 않음'}")
    for kind in found.kinds:
        typer.echo(
            f"{_KINDS[kind.kind]}: 기다림 {kind.queued}, 보냄 {kind.sent}, 답 있음 {kind.answered}, "
            f"쓸 수 없는 답 {kind.unusable}, 서버에서 사라짐 {kind.gone}, 거둬들임 {kind.withdrawn}"
        )
    if found.pulled_at is not None:
        typer.echo(f"마지막으로 읽은 때: {found.pulled_at:%Y-%m-%d %H:%M:%S}")


@app.command("sync")
def keep_in_step(
    every_s: Annotated[float, typer.Option("--every", min=1, help="Seconds between rounds when nobody calls.")] = 30.0,
    hook_port: Annotated[
        int | None,
        typer.Option("--hook-port", min=0, max=65535, help="Have the server call this port when answers change."),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="One round, then end.")] = False,
    as_json: AsJson = False,
) -> None:
    """Push and pull until Ctrl-C, a line a round."""
    from contextlib import nullcontext

    from aiyam.assistant import kst_now
    from annotation.server import connect
    from annotation.sync import receiver, sync

    settings = read_settings()
    called, stopped = threading.Event(), threading.Event()

    def end(_signal: int, _frame: object) -> None:
        stopped.set()
        called.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    listening = nullcontext("") if hook_port is None else receiver(hook_port, called)
    with open_store(settings) as store, connect(settings) as studio, listening as hook_url:
        rounds = sync(
            store, studio, clock=kst_now, every_s=every_s, called=called, stopped=stopped, hook_url=hook_url
        )  # fmt: skip
        for one in rounds:
            if as_json:
                typer.echo(json.dumps(asdict(one), ensure_ascii=False, default=str))
            elif one.error:
                typer.echo(f"{one.at:%H:%M:%S} {one.error}", err=True)
            else:
                sent = sum(p.n_sent for p in one.pushed)
                answers = sum(p.n_changed for p in one.pulled)
                typer.echo(f"{one.at:%H:%M:%S} 보냄 {sent}, 답 {answers}")
            if once:
                if one.error:
                    raise typer.Exit(2)
                return


@app.command("backend")
def serve_suggestions(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on loopback; 0 takes a free one.")] = 0,
) -> None:
    """Answer Label Studio with the production understanding while people label, until Ctrl-C."""
    from annotation.ml_backend import Suggestions, backend
    from annotation.projects import ensure_place
    from annotation.server import connect

    settings = read_settings()
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    signal.signal(signal.SIGINT, lambda *_: stopped.set())
    with open_store(settings) as store, connect(settings) as studio:
        studio.check()
        suggestions = Suggestions(_production(settings, store))
        version = suggestions.version()
        with backend(suggestions, port) as url:
            place = ensure_place(store, studio, "understanding")
            connection = studio.connect_backend(place.project_id, url)
            typer.echo(f"제안 서버: {url} ({version}), 프로젝트 {place.project_id}에 이었어요. 끝내려면 Ctrl-C")
            stopped.wait()
            studio.disconnect_backend(connection)


def _production(settings: Settings, store: Store) -> Any:
    """Give the production understanding, loaded again when another version takes its place."""
    from aiyam.catalogue.arrays import Catalogue
    from aiyam.parts import load_understander
    from aiyam.store.aliases import alias_of

    catalogue = Catalogue.load(store, cache_dir=settings.home / "cache")
    loaded: dict[str | None, Understander] = {}

    def current() -> Understander:
        version = alias_of(store, "nlu", "production")
        if version not in loaded:
            found = load_understander(settings, store, catalogue)
            loaded.clear()
            loaded[version] = found
        return loaded[version]

    return current


def _print(done: Sequence[Any]) -> None:
    typer.echo(json.dumps([asdict(one) for one in done], ensure_ascii=False))
