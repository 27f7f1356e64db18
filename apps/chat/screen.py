"""The Gradio app: one custom block that is the whole conversation, and the mount beside the API."""

# No postponed annotations here: Gradio reads the handlers' types, and gradio itself is imported inside the functions.
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from aiyam.assistant import Assistant
from aiyam.catalogue.personas import load_personas
from aiyam.contracts import Trace
from aiyam.settings import Settings
from apps.chat.conversation import Conversation
from apps.chat.demo_world import place_choices
from apps.chat.shell import BUTTERFLY, shell, texts_for_script

if TYPE_CHECKING:
    import gradio as gr
    from fastapi import FastAPI

_HERE = Path(__file__).resolve().parent
MOST_TURNS_AT_ONCE = 64


def build_chat(
    assistant: Callable[[], Assistant],
    settings: Settings,
    *,
    observe: Callable[[Trace], None] | None = None,
) -> "gr.Blocks":
    """Build the chat. ``assistant`` is asked at each message, so models may load or be swapped behind the page."""
    # Before the import: Gradio reads these once, and nothing here may call out.
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    import gradio as gr

    conversation = Conversation(assistant, observe)

    def save_feedback(payload: dict[str, Any]) -> dict[str, Any]:
        return conversation.feedback(payload)

    def page_facts(_: Any) -> dict[str, bool]:
        return conversation.page_facts()

    def revisit(payload: dict[str, Any]) -> list[dict[str, Any]]:
        return conversation.revisit(payload)

    def stop_turn(ask: str) -> bool:
        return conversation.stop(ask)

    def run_turn(event: gr.EventData) -> Iterator[str]:
        yield from conversation.run(event._data)

    districts, stations = place_choices()
    page = shell(
        load_personas(settings.datasets_dir / "catalogue" / "personas.json"), districts, stations, settings.language
    )
    with gr.Blocks(title="나비얌", analytics_enabled=False, fill_width=True) as blocks:
        room = gr.HTML(
            value="",
            html_template=page,
            css_template="",
            js_on_load=(_HERE / "room.js").read_text(encoding="utf-8"),
            apply_default_css=False,
            elem_id="room",
            server_functions=[save_feedback, stop_turn, page_facts, revisit],
            texts=texts_for_script(),
        )
        room.ask(
            run_turn, outputs=room, show_progress="hidden", concurrency_limit=MOST_TURNS_AT_ONCE,
            trigger_mode="multiple", api_visibility="private",
        )  # fmt: skip
    blocks.queue(default_concurrency_limit=MOST_TURNS_AT_ONCE)
    return cast("gr.Blocks", blocks)


def mount_chat(
    app: "FastAPI",
    assistant: Callable[[], Assistant],
    settings: Settings,
    *,
    path: str,
    observe: Callable[[Trace], None] | None = None,
) -> "FastAPI":
    """Mount the chat on an app that already has its routes."""
    blocks = build_chat(assistant, settings, observe=observe)
    import gradio as gr
    from starlette.responses import Response

    def icon() -> Response:
        return Response(BUTTERFLY, media_type="image/svg+xml")

    app.add_api_route("/favicon.ico", icon, include_in_schema=False)
    mounted = gr.mount_gradio_app(
        app,
        blocks,
        path,
        theme=gr.themes.Base(font=["sans-serif"], font_mono=["monospace"]),
        css=(_HERE / "room.css").read_text(encoding="utf-8"),
        footer_links=[],
        show_error=False,
        ssr_mode=False,
        enable_monitoring=False,
        pwa=False,
        mcp_server=False,
    )
    return cast("FastAPI", mounted)
