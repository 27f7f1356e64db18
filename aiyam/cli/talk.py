"""Talking in the terminal: a chat, and utterances understood line by line."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from aiyam.cli.console import AsJson, open_store, parse, read_settings
from aiyam.errors import InvalidInput

if TYPE_CHECKING:
    from aiyam.assistant import Assistant
    from aiyam.contracts import Trace

app = typer.Typer()


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
    """Read one utterance a line on stdin; write one Understanding a line on stdout, as JSON.

    A language model gets every line with its personal data masked, and the answer is of that text.
    """
    from aiyam.parts import load_understander
    from aiyam.safety.privacy import mask

    settings = read_settings()
    with open_store(settings) as store:
        understander = load_understander(settings, store)
    for line in sys.stdin:
        text = line.rstrip("\r\n")
        said = understander.understand(text if settings.nlu == "trained" else mask(text).text)
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


def load_assistant() -> Assistant:
    """Load the assistant of the home named by the environment."""
    from aiyam.assistant import Assistant

    return Assistant.load(read_settings())


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
