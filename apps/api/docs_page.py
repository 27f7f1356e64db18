"""The API's reference as one plain HTML page made from the OpenAPI schema; it loads nothing from anywhere."""

from __future__ import annotations

import json
from html import escape
from typing import Any

_STYLE = """
:root{color-scheme:light dark}
body{font:16px/1.6 system-ui,"Noto Sans KR","Noto Sans CJK KR",sans-serif;max-width:860px;margin:0 auto;padding:24px 16px}
section{border:1px solid #8886;border-radius:12px;padding:4px 20px 16px;margin:18px 0}
h2{font-size:1.1rem;font-family:ui-monospace,monospace;overflow-wrap:anywhere}
.m{display:inline-block;min-width:3.4em;padding:1px 8px;border-radius:6px;background:#1f7a4d;color:#fff;text-align:center}
.m.get{background:#1c5fa8}
pre{overflow-x:auto;background:#8881;border-radius:8px;padding:12px;font-size:.85rem}
table{border-collapse:collapse;font-size:.92rem}td,th{text-align:left;padding:3px 12px 3px 0;vertical-align:top}
"""


def docs_page(schema: dict[str, Any]) -> str:
    """Render an OpenAPI 3.1 schema: each route with what it does, example calls and its answers."""
    info = schema["info"]
    parts = [
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{escape(info['title'])}</title>",
        "<meta name='viewport' content='width=device-width,initial-scale=1'>",
        f"<style>{_STYLE}</style></head><body><h1>{escape(info['title'])}</h1>",
        f"<p>{escape(info.get('description', ''))}</p>",
        "<p>For tools: <a href='openapi.json'>openapi.json</a>. For people: <a href='./'>the chat</a>.</p>",
    ]
    for path, methods in schema["paths"].items():
        parts.extend(_operation(path, method, operation, schema) for method, operation in methods.items())
    return "".join([*parts, "</body></html>"])


def _operation(path: str, method: str, operation: dict[str, Any], schema: dict[str, Any]) -> str:
    out = [
        f"<section><h2><span class='m {method}'>{method.upper()}</span> {escape(path)}</h2>",
        f"<p><strong>{escape(operation.get('summary', ''))}.</strong> {_prose(operation.get('description', ''))}</p>",
    ]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if body:
        for example in body.get("examples", {}).values():
            shown = json.dumps(example["value"], ensure_ascii=False, indent=2)
            out.append(f"<p>{escape(example.get('summary', ''))}</p><pre>{escape(shown)}</pre>")
        out.append(_fields(body["schema"], schema))
    rows = "".join(
        f"<tr><td>{escape(status)}</td><td>{escape(answer.get('description', ''))}</td>"
        f"<td>{escape(', '.join(answer.get('content', {})))}</td></tr>"
        for status, answer in sorted(operation.get("responses", {}).items())
    )
    out.append(f"<details><summary>Answers</summary><table>{rows}</table></details></section>")
    return "".join(out)


def _fields(ref: dict[str, Any], schema: dict[str, Any]) -> str:
    model = schema["components"]["schemas"][ref["$ref"].rsplit("/", 1)[1]]
    required = set(model.get("required", ()))
    rows = "".join(
        f"<tr><td><code>{escape(name)}</code>{' *' if name in required else ''}</td><td>{escape(_type(field))}</td>"
        f"<td>{escape(field.get('description', ''))}</td></tr>"
        for name, field in model["properties"].items()
    )
    return f"<details><summary>Fields (* required)</summary><table>{rows}</table></details>"


def _type(field: dict[str, Any]) -> str:
    if "anyOf" in field:
        return " or ".join(_type(option) for option in field["anyOf"] if option.get("type") != "null")
    if "$ref" in field:
        return str(field["$ref"]).rsplit("/", 1)[1]
    limits = [f"{words} {field[key]}" for key, words in _LIMITS.items() if key in field]
    if "enum" in field:
        return " | ".join(map(str, field["enum"]))
    return ", ".join([str(field.get("type", "any")), *limits])


_LIMITS = {"maxLength": "at most", "minimum": "from", "maximum": "to", "pattern": "matching"}


def _prose(text: str) -> str:
    pieces = escape(text).replace("\n\n", "<br><br>").split("``")
    return "".join(f"<code>{piece}</code>" if i % 2 else piece for i, piece in enumerate(pieces))
